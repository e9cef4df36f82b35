//! The Unix system store: where it is, how it is read, which of its certificates can be trust
//! anchors, and the snapshot of it that a process shares. On Windows and Apple systems, where
//! the store is not data of ours, the list of its roots.
//!
//! Tests: `tests/store.rs`, and what each module names.

mod anchor;
mod base64_lines;
mod contents;
#[cfg(not(any(windows, target_vendor = "apple")))]
mod count;
mod distrust;
#[cfg(not(any(windows, target_vendor = "apple")))]
mod distrust_files;
mod file;
pub mod files;
mod format;
mod intermediates;
mod names;
mod p11kit;
mod pem;
mod stamp;

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
mod system;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(not(any(windows, target_vendor = "apple")))]
mod watch;
#[cfg(not(any(windows, target_vendor = "apple")))]
mod window;

use std::sync::Arc;

pub use anchor::StoreEntry;
pub(crate) use anchor::{AnchorSet, blocked_by, distrusting};
#[cfg(all(feature = "crlite", not(any(windows, target_vendor = "apple"))))]
pub(crate) use file::{ReadError, read_bounded};
pub(crate) use intermediates::{
    Found, IntermediatesDir, VARIABLE as INTERMEDIATES_VARIABLE, find as find_intermediates,
};
#[cfg(any(windows, target_vendor = "apple"))]
pub(crate) use native::Handle;
#[cfg(windows)]
pub(crate) use native::STORE;
pub use refusal::{Refusal, TrustSettings};
#[cfg(not(any(windows, target_vendor = "apple")))]
pub(crate) use snapshot::Handle;
pub use source::{DistrustSource, Place, Problem, SearchedIntermediates, Source};
#[cfg(all(feature = "crlite", not(any(windows, target_vendor = "apple"))))]
pub(crate) use stamp::Stamp;
pub use system::SystemStore;

impl SystemStore {
    /// The current snapshot of this process, read now if nobody has read it yet.
    ///
    /// Infallible: what could not be read is in [`problems`](Self::problems).
    ///
    /// On Unix `SSL_CERT_FILE` (or else `NIX_SSL_CERT_FILE`) replaces the bundle of the
    /// distribution and `SSL_CERT_DIR`, a list separated by colons, its directory; an empty value
    /// is ignored. A program with raised privileges (set-user-ID, capabilities of its file)
    /// ignores them. A directory is used by default only where there is no bundle. Files
    /// are checked for changes at most once a second. What a file gave before
    /// is kept for some seconds while the file is being changed, with a problem that says so; then
    /// what is there is taken, even if it is nothing.
    ///
    /// A file larger than 256 MiB, and anything beyond 1 GiB or 250,000 certificates is not read.
    pub fn snapshot() -> Arc<Self> {
        Handle::for_process().store()
    }
}
