//! What the caller's trust settings reject, where the system builds the path and knows nothing of
//! them: as on Unix it is rejected wherever it is in a path, under whatever certificate.
//!
//! Tests: `platform/apple/rules/tests.rs`, `tests/windows_root.rs`.

use pki_types::CertificateDer;

use crate::cert::Cert;
use crate::fault::{Failure, Fault};
use crate::settings::Config;
use crate::store::{Refusal, distrusting};

/// The end entity, before anything is asked: a rejection has the last word.
pub(super) fn check_leaf(config: &Config, leaf: &Cert<'_>) -> Result<(), Box<Failure>> {
    match distrusting(&[&config.extra], leaf.der, config.purpose) {
        Some(entry) => Err(Fault::distrusted(entry).at(0).into()),
        None => Ok(()),
    }
}

/// A chain that the system trusts, end entity first. `system_anchor` says that it ends in one of
/// the system's own trust anchors: settings that only leave the purpose out do not overrule the
/// system, as they overrule no other entry of a store.
pub(super) fn check_chain(
    config: &Config,
    chain: &[CertificateDer<'_>],
    system_anchor: bool,
) -> Result<(), Box<Failure>> {
    let last = chain.len().saturating_sub(1);
    for (depth, der) in chain.iter().enumerate() {
        let Some(entry) = distrusting(&[&config.extra], der, config.purpose) else { continue };
        let rejected = entry.distrust(config.purpose) == Some(Refusal::Rejected);
        if rejected || !system_anchor || depth != last {
            let path = chain.iter().map_while(|der| Cert::parse(der).ok());
            let mut failure: Box<Failure> = Fault::distrusted(entry).at(depth).into();
            failure.path = path.map(|cert| cert.summary()).collect();
            return Err(failure);
        }
    }
    Ok(())
}
