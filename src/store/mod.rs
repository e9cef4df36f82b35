//! The Unix system store: where it is, how it is read, which of its certificates can be trust
//! anchors, and the snapshot of it that a process shares. On Windows and Apple systems, where
//! the store is no data of ours, the list of its roots.

mod anchor;
pub mod pem;

#[cfg(not(any(windows, target_vendor = "apple")))]
mod file;
#[cfg(not(any(windows, target_vendor = "apple")))]
mod load;
#[cfg(not(any(windows, target_vendor = "apple")))]
mod locations;
#[cfg(any(windows, target_vendor = "apple"))]
mod native;
mod refusal;
#[cfg(not(any(windows, target_vendor = "apple")))]
mod snapshot;
mod source;
#[cfg(test)]
mod testing;
#[cfg(not(any(windows, target_vendor = "apple")))]
mod watch;

use std::sync::Arc;

use pki_types::UnixTime;

use crate::policy::Purpose;

pub(crate) use anchor::AnchorSet;
pub use anchor::StoreEntry;
#[cfg(any(windows, target_vendor = "apple"))]
pub(crate) use native::Handle;
#[cfg(windows)]
pub(crate) use native::STORE;
pub use refusal::{Refusal, TrustSettings};
#[cfg(not(any(windows, target_vendor = "apple")))]
pub(crate) use snapshot::Handle;
pub use source::{Place, Problem, Source};

/// One reading of the system store: its certificates with their sources, the places searched,
/// and the problems met. It never changes; a later snapshot may differ.
#[derive(Debug, Default)]
pub struct SystemStore {
    pub(crate) anchors: AnchorSet,
    pub(crate) places: Vec<Place>,
    pub(crate) problems: Vec<Problem>,
}

impl SystemStore {
    /// The current snapshot of this process, read now if nobody has read it yet.
    ///
    /// Infallible: what could not be read is in [`problems`](Self::problems).
    ///
    /// On Unix `SSL_CERT_FILE` (or else `NIX_SSL_CERT_FILE`) replaces the bundle of the
    /// distribution and `SSL_CERT_DIR`, a list separated by colons, its directory; an empty value
    /// counts as unset. A directory counts by default only where there is no bundle. Files are
    /// looked at for changes at most once a second. If a change cannot be read, the snapshot
    /// before stays, and says so among its problems.
    ///
    /// A file of more than 256 MiB and what goes beyond 1 GiB or 250,000 certificates is not read.
    pub fn snapshot() -> Arc<Self> {
        Handle::for_process().store()
    }

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
