//! One reading of the store, as data.
//!
//! Tests: `load/tests.rs`, `tests/store.rs`.

use pki_types::UnixTime;

use super::anchor::{AnchorSet, StoreEntry};
use super::source::{Place, Problem};
use crate::policy::Purpose;

/// One reading of the system store: its certificates with their sources, the places searched,
/// and the problems met. It never changes; a later snapshot may differ.
#[derive(Debug, Default)]
pub struct SystemStore {
    pub(crate) anchors: AnchorSet,
    pub(crate) places: Vec<Place>,
    pub(crate) problems: Vec<Problem>,
}

impl SystemStore {
    /// Every certificate found, in the order of reading, without repetitions. Not all can be
    /// trust anchors: see [`StoreEntry::refusal`].
    pub fn entries(&self) -> &[StoreEntry] {
        self.anchors.entries()
    }

    /// Those that can be trust anchors for the purpose at the time.
    pub fn usable(&self, purpose: Purpose, time: UnixTime) -> impl Iterator<Item = &StoreEntry> {
        self.entries().iter().filter(move |entry| entry.refusal(purpose, time).is_none())
    }

    /// Every place searched.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Everything that went wrong.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}
