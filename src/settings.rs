//! Everything a caller can set, parsed.
//!
//! Tests: `tests/verifier.rs`.

use std::ops::Deref;
use std::sync::Arc;

use pki_types::{CertificateDer, SignatureVerificationAlgorithm};

use crate::algorithms;
use crate::cert::CertIndex;
use crate::fault::CrlProblem;
use crate::policy::{Purpose, Revocation};
use crate::refused::{BadSetting, Unreadable};
use crate::revocation::Crl;
use crate::revocation::crlite::Crlite;
use crate::store::{AnchorSet, Handle, IntermediatesDir};

/// The settings, and the algorithms next to them: the rustls adapter replaces those and shares
/// the rest.
pub(crate) struct Config {
    pub(crate) algorithms: Arc<[&'static dyn SignatureVerificationAlgorithm]>,
    /// The one usage that this try is for: the first, or the other, of those requested.
    pub(crate) purpose: Purpose,
    /// Whether this try accepts weak keys: only one that comes after a try that does not.
    pub(crate) weak_keys: bool,
    pub(crate) settings: Arc<Settings>,
}

impl Config {
    pub(crate) fn new(
        algorithms: Arc<[&'static dyn SignatureVerificationAlgorithm]>,
        settings: Arc<Settings>,
    ) -> Self {
        let purpose = settings.requested.usages().first().copied().unwrap_or_default();
        Self { algorithms, purpose, weak_keys: false, settings }
    }

    fn copy(&self) -> Self {
        Self {
            algorithms: Arc::clone(&self.algorithms),
            settings: Arc::clone(&self.settings),
            ..*self
        }
    }

    /// The same for the other usage, if two were requested.
    pub(crate) fn for_other_usage(&self) -> Option<Self> {
        let purpose = self.requested.usages().get(1).copied()?;
        Some(Self { purpose, ..self.copy() })
    }

    /// The same with weak keys, if they are allowed.
    pub(crate) fn with_weak_keys(&self) -> Option<Self> {
        self.allow_weak_keys.then(|| Self { weak_keys: true, ..self.copy() })
    }

    /// The algorithms of weak signatures that are accepted beside the others.
    pub(crate) fn weak_algorithms(&self) -> &'static [&'static dyn SignatureVerificationAlgorithm] {
        if self.weak_keys { algorithms::weak() } else { &[] }
    }
}

impl Deref for Config {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

/// Everything a caller can set, parsed.
pub(crate) struct Settings {
    /// The system store, where the caller wants it.
    pub(crate) system: Option<Arc<Handle>>,
    /// Whether the caller said so, one way or the other.
    #[cfg(any(feature = "rustls-0_23", feature = "rustls-0_24"))]
    pub(crate) system_chosen: bool,
    pub(crate) extra: AnchorSet,
    pub(crate) fallback: AnchorSet,
    pub(crate) pinned: Vec<CertificateDer<'static>>,
    pub(crate) intermediates: CertIndex,
    pub(crate) intermediates_dirs: Vec<Arc<IntermediatesDir>>,
    pub(crate) requested: Purpose,
    /// Without its CRLs, which are in `crls`.
    pub(crate) revocation: Revocation,
    /// Those of [`Revocation::crls`] first.
    pub(crate) crls: Vec<Crl>,
    /// CRLite filters on the disk, where they are to be asked.
    pub(crate) crlite: Option<Arc<Crlite>>,
    pub(crate) common_name: bool,
    pub(crate) strict: bool,
    pub(crate) ignore_validity: bool,
    pub(crate) remember_signatures: bool,
    pub(crate) allow_weak_keys: bool,
}

impl Settings {
    /// The first of so many CRLs that cannot be read.
    pub(crate) fn unreadable_crl(&self, of: usize) -> Option<BadSetting> {
        self.crls.iter().take(of).enumerate().find_map(|(index, crl)| match crl.problem()? {
            CrlProblem::Malformed(field) => {
                Some(BadSetting::Crl { index, why: Unreadable::Malformed(field) })
            }
            _ => None,
        })
    }
}
