//! The verifier of systems whose trust store is plain data.

use pki_types::UnixTime;

use super::Platform;
use crate::cert::Cert;
use crate::error::{BuildError, Searched, VerifyError};
use crate::kind::ErrorKind;
use crate::path::Search;
use crate::peer::{Peer, Verified};
use crate::settings::Config;
use crate::store::{AnchorSet, Source, SystemStore};

/// Everything that can be prepared is in the settings.
#[derive(Debug, Default)]
pub(crate) struct Engine;

impl Platform for Engine {
    fn new(config: &Config) -> Result<Self, BuildError> {
        if config.revocation.network {
            return Err(BuildError::NetworkRevocationUnsupported);
        }
        Ok(Self)
    }

    fn verify(
        &self,
        config: &Config,
        leaf: &Cert<'_>,
        peer: &Peer<'_>,
    ) -> Result<Verified, VerifyError> {
        if config.algorithms.is_empty() {
            return Err(VerifyError::new(ErrorKind::CannotCheck).detail(
                "no signature algorithms: turn on the feature aws-lc-rs or ring, or give them to \
                 signature_algorithms",
            ));
        }
        let system = config.system.as_ref().map(|handle| handle.store());
        let mut search = Search::new(config, leaf, peer, system.as_deref());
        search.run().map_err(|mut error| {
            let inner = error.inner_mut();
            inner.searched = searched(config, &search.sets, system.as_deref(), peer.time);
            // What the store has under the right name matters only where a path is missing.
            let anchor_at_fault = inner.depth.is_some_and(|depth| depth > 0);
            if inner.kind.is_missing_path()
                || anchor_at_fault
                || inner.kind == ErrorKind::BadSignature
            {
                inner.near_misses = std::mem::take(&mut search.near_misses);
            }
            error
        })
    }
}

/// Every place that was searched, with what it gave.
fn searched(
    config: &Config,
    sets: &[&AnchorSet],
    system: Option<&SystemStore>,
    time: UnixTime,
) -> Vec<Searched> {
    let place = |source: &Source| Searched {
        source: source.clone(),
        usable: Some(0),
        refused: 0,
        problems: Vec::new(),
    };
    let mut out: Vec<Searched> = Vec::new();
    if let Some(store) = system {
        out.extend(store.places.iter().map(|searched| place(&searched.source)));
        for problem in &store.problems {
            match out.iter_mut().find(|searched| searched.source.holds(&problem.path)) {
                Some(searched) => searched.problems.push(problem.to_string()),
                None => out.push(Searched {
                    problems: vec![problem.to_string()],
                    ..place(&Source::File(problem.path.as_path().into()))
                }),
            }
        }
    }
    for entry in sets.iter().flat_map(|set| set.entries()) {
        let found = out.iter().position(|searched| match (&searched.source, entry.source()) {
            (searched, Source::File(path)) => searched.holds(path),
            (searched, source) => searched == source,
        });
        let index = found.unwrap_or(out.len());
        if found.is_none() {
            out.push(place(entry.source()));
        }
        let Some(searched) = out.get_mut(index) else { continue };
        match entry.refusal(config.purpose, time) {
            None => searched.usable = searched.usable.map(|usable| usable + 1),
            Some(_) => searched.refused += 1,
        }
    }
    out
}
