//! Signatures of CRLs that were verified.
//!
//! Tests: `tests.rs` beside it.

use std::sync::RwLock;

use super::signatures::{BadSignature, Provider};
use crate::algorithms::same_algorithms;

/// Which keys the CRL's signature was verified with. Nobody ever waits for it, so that a fork at
/// any moment does no harm: whoever finds it taken verifies again.
#[derive(Default)]
pub(super) struct Memo {
    known: RwLock<Vec<Known>>,
}

struct Known {
    spki: Box<[u8]>,
    /// The algorithms that judged it: another provider may know others.
    provider: Provider,
    verdict: Result<(), BadSignature>,
}

impl Memo {
    /// An issuer has one key, or a few of one name.
    const MOST: usize = 16;

    pub(super) fn get(&self, spki: &[u8], provider: &Provider) -> Option<Result<(), BadSignature>> {
        let known = self.known.try_read().ok()?;
        known
            .iter()
            .find(|known| same_algorithms(&known.provider, provider) && *known.spki == *spki)
            .map(|known| known.verdict)
    }

    #[cfg(test)]
    pub(super) fn take(&self) -> impl Drop + use<'_> {
        self.known.write().unwrap()
    }

    pub(super) fn put(&self, spki: &[u8], provider: Provider, verdict: Result<(), BadSignature>) {
        let Ok(mut known) = self.known.try_write() else { return };
        if known.len() >= Self::MOST {
            // First what belongs to verifiers that are gone.
            known.retain(|known| Provider::strong_count(&known.provider) > 1);
        }
        if known.len() >= Self::MOST {
            known.remove(0);
        }
        known.push(Known { spki: spki.into(), provider, verdict });
    }
}
