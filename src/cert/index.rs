//! Certificates found by subject, however many there are.
//!
//! Tests: `tests/verifier.rs` (thousands of known intermediates).

use pki_types::CertificateDer;

use super::{name_hash, subject_of};

/// Certificates in the order given. Cheap to search, not to change.
#[derive(Clone, Debug, Default)]
pub(crate) struct CertIndex {
    certs: Vec<CertificateDer<'static>>,
    /// Hash of the subject and place in `certs`, sorted.
    by_subject: Vec<(u64, usize)>,
}

impl CertIndex {
    pub(crate) fn new(certs: Vec<CertificateDer<'static>>) -> Self {
        let hash = |der| subject_of(der).map(name_hash);
        let mut by_subject: Vec<_> = certs
            .iter()
            .enumerate()
            .filter_map(|(place, cert)| Some((hash(cert)?, place)))
            .collect();
        by_subject.sort_unstable();
        Self { certs, by_subject }
    }

    /// Those whose subject may be a Name, by its hash: all of them, and few others.
    pub(crate) fn with_name_hash(
        &self,
        wanted: u64,
    ) -> impl Iterator<Item = &CertificateDer<'static>> {
        let start = self.by_subject.partition_point(|(hash, _)| *hash < wanted);
        self.by_subject
            .iter()
            .skip(start)
            .take_while(move |(hash, _)| *hash == wanted)
            .filter_map(|(_, place)| self.certs.get(*place))
    }
}

impl std::ops::Deref for CertIndex {
    type Target = [CertificateDer<'static>];

    fn deref(&self) -> &Self::Target {
        &self.certs
    }
}
