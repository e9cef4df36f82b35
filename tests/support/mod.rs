//! A row of the table of cases as the core takes it.

use std::time::Duration;

use pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use trustbridge::{
    Purpose, Revocation, RevocationCheck, UnknownRevocation, Verifier, VerifierBuilder,
};
use trustbridge_cases::{Case, Check};

pub(crate) fn certificates(ders: &[Vec<u8>]) -> Vec<CertificateDer<'static>> {
    ders.iter().cloned().map(CertificateDer::from).collect()
}

pub(crate) fn time(case: &Case) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(case.time))
}

/// The settings of the row; only its own roots are trusted.
pub(crate) fn builder(case: &Case) -> VerifierBuilder {
    let builder = Verifier::builder()
        .system_roots(false)
        .extra_roots(certificates(&case.roots))
        .intermediates(certificates(&case.intermediates))
        .purpose(match case.purpose {
            trustbridge_cases::Purpose::Server => Purpose::ServerAuth,
            trustbridge_cases::Purpose::Client if case.or_server => Purpose::ClientOrServerAuth,
            trustbridge_cases::Purpose::Client => Purpose::ClientAuth,
        })
        .revocation(
            Revocation::default()
                .check(match case.check {
                    Check::Off => RevocationCheck::Off,
                    Check::Leaf => RevocationCheck::Leaf,
                    Check::Chain => RevocationCheck::Chain,
                })
                .unknown(if case.reject_unknown {
                    UnknownRevocation::Reject
                } else {
                    UnknownRevocation::Allow
                })
                .crls(case.crls.iter().cloned().map(CertificateRevocationListDer::from)),
        )
        .danger_match_common_name(case.common_name)
        .strict(case.strict)
        .danger_allow_weak_keys(case.weak_keys);
    certificates(&case.pinned).into_iter().fold(builder, VerifierBuilder::pinned_leaf)
}
