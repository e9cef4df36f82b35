//! The verifier of systems whose trust store is plain data: [`Search`] decides.
//!
//! Tests: `tests/cases.rs`, `tests/verifier.rs`, `tests/store.rs`.

use super::{Platform, evidence};
use crate::cert::Cert;
use crate::fault::{Cause, Evidence, Failure, Fault, PlaceProblem, Searched};
use crate::kind::ErrorKind;
use crate::path::search::Search;
use crate::peer::{Peer, Verified};
use crate::refused::BadSetting;
use crate::settings::Config;
use crate::store::{Source, SystemStore};

/// All that is prepared once is in the settings.
#[derive(Debug, Default)]
pub(crate) struct Engine;

impl Platform for Engine {
    fn new(config: &Config) -> Result<Self, BadSetting> {
        if config.revocation.network {
            return Err(BadSetting::NetworkRevocation);
        }
        Ok(Self)
    }

    fn verify(
        &self,
        config: &Config,
        leaf: &Cert<'_>,
        peer: &Peer<'_>,
    ) -> Result<Verified, Box<Failure>> {
        if config.algorithms.is_empty() {
            return Err(Fault::new(ErrorKind::CannotCheck).because(Cause::NoAlgorithms).into());
        }
        let system = config.system.as_ref().map(|handle| handle.store());
        let mut search = Search::new(config, leaf, peer, system.as_deref());
        search.run().map_err(|mut failure| {
            let places = system.as_deref().map(places).unwrap_or_default();
            let searched = evidence::searched(places, search.entries(), config.purpose, peer.time);
            let near_misses = match evidence::near_misses_matter(&failure) {
                true => search.near_misses(),
                false => Vec::new(),
            };
            failure.evidence = Evidence { places: searched, near_misses, ..Evidence::default() };
            failure
        })
    }
}

/// Where the system store was searched, with the problems met there.
fn places(store: &SystemStore) -> Vec<Searched> {
    let place = |source: &Source| evidence::place(source.clone(), Some(0));
    let mut out: Vec<_> = store.places.iter().map(|searched| place(&searched.source)).collect();
    for problem in &store.problems {
        let index = match out.iter().position(|searched| searched.source.holds(&problem.path)) {
            Some(index) => index,
            None => {
                out.push(place(&Source::File(problem.path.as_path().into())));
                out.len() - 1
            }
        };
        if let Some(searched) = out.get_mut(index) {
            searched.problems.push(PlaceProblem::Store(problem.clone()));
        }
    }
    out
}
