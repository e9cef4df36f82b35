//! One reading of the store, as data.
//!
//! Tests: `load/tests.rs`, `tests/store.rs`, and `roots_alone` in `tests/rustls.rs`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use pki_types::UnixTime;

use super::anchor::{AnchorSet, StoreEntry};
use super::source::{DistrustSource, Place, Problem};
use crate::policy::Purpose;

/// One reading of the system store: its certificates with their sources, the places searched,
/// and the problems met. It never changes; a later snapshot may differ.
#[derive(Debug, Default)]
pub struct SystemStore {
    pub(crate) anchors: AnchorSet,
    pub(crate) places: Vec<Place>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) distrust: Vec<DistrustSource>,
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

    /// Those that can be trust anchors for the purpose at the time, in PEM: for libraries that take
    /// only roots. Empty if there are none; some programs take an empty file for "the defaults".
    ///
    /// Prefer a [`Verifier`](crate::Verifier) wherever a library takes one. With roots alone the
    /// library verifies by its own rules, and this is lost: what the store distrusts, the purposes of
    /// each certificate, certificates that are trusted as end entities, the vetting at the time of
    /// each connection, later changes of the store, and the report. On Windows and Apple systems the
    /// verdict is no longer the operating system's.
    pub fn to_pem(&self, purpose: Purpose, time: UnixTime) -> String {
        self.usable(purpose, time).map(|entry| pem(entry.certificate())).collect()
    }

    /// Every place searched.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The files in which the distribution takes trust away from certificates, and the number of
    /// statements in each. [`StoreEntry::refusal`] and [`StoreEntry::distrust_after`] heed them.
    pub fn distrust_sources(&self) -> &[DistrustSource] {
        &self.distrust
    }

    /// Everything that went wrong.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

/// RFC 7468 section 2: lines of 64 characters.
fn pem(der: &[u8]) -> String {
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for (index, character) in BASE64_STANDARD.encode(der).chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text + "\n-----END CERTIFICATE-----\n"
}
