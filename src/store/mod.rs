//! The Unix system store: where it is, how it is read, which of its certificates can be trust
//! anchors, and the snapshot of it that a process shares. On Windows and Apple systems, where
//! the store is no data of ours, the list of its roots.

mod anchor;
pub mod pem;

#[cfg(not(any(windows, target_vendor = "apple")))]
mod cache;
#[cfg(not(any(windows, target_vendor = "apple")))]
mod load;
#[cfg(not(any(windows, target_vendor = "apple")))]
mod locations;
#[cfg(any(windows, target_vendor = "apple"))]
mod native;
#[cfg(test)]
mod testing;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pki_types::UnixTime;

use crate::policy::Purpose;

pub(crate) use anchor::{AnchorSet, Vetted};
pub use anchor::{Refusal, StoreEntry, TrustSettings};
#[cfg(not(any(windows, target_vendor = "apple")))]
pub(crate) use cache::Handle;
#[cfg(any(windows, target_vendor = "apple"))]
pub(crate) use native::Handle;
#[cfg(windows)]
pub(crate) use native::STORE;

/// Where a certificate came from, or a place that was searched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// A file of the system store: a bundle, or one certificate of a directory.
    File(Arc<Path>),
    /// A directory of the system store.
    Directory(Arc<Path>),
    /// A store of the operating system, by its name.
    System(Arc<str>),
    /// [`extra_roots`](crate::VerifierBuilder::extra_roots).
    ExtraRoots,
    /// [`fallback_roots`](crate::VerifierBuilder::fallback_roots).
    FallbackRoots,
    /// [`pinned_leaf`](crate::VerifierBuilder::pinned_leaf).
    PinnedLeaf,
}

impl Source {
    /// The file or directory, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::Directory(path) => Some(path),
            _ => None,
        }
    }

    /// Whether a file is this place or lies in it.
    pub(crate) fn holds(&self, file: &Path) -> bool {
        match self {
            Self::File(path) => **path == *file,
            Self::Directory(path) => file.starts_with(path),
            _ => false,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::Directory(path) => {
                f.write_str(&crate::error::escape(&path.to_string_lossy()))
            }
            Self::System(name) => f.write_str(name),
            Self::ExtraRoots => f.write_str("the extra roots"),
            Self::FallbackRoots => f.write_str("the fallback roots"),
            Self::PinnedLeaf => f.write_str("the pinned certificates"),
        }
    }
}

/// A place where the system store was looked for, whether or not anything was there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The file, directory or system store.
    pub source: Source,
    /// Why it was looked at: an environment variable's name, or `default`.
    pub reason: &'static str,
    /// How many distinct certificates it gave.
    pub entries: usize,
}

/// Something that went wrong while the store was read. The rest of the store is still used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The file or directory.
    pub path: PathBuf,
    /// The line in the file, from 1, where there is one to blame.
    pub line: Option<usize>,
    /// What is wrong, for people.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::error::escape(&self.path.to_string_lossy()))?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

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
