//! Where certificates come from, and what went wrong there.
//!
//! Tests: `load/tests.rs`, and the reports in `tests/store.rs`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// [`extra_roots_from`](crate::VerifierBuilder::extra_roots_from), by the name given there.
    Named(Arc<str>),
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
                f.write_str(&crate::text::escape(&path.to_string_lossy()))
            }
            Self::System(name) => f.write_str(name),
            Self::Named(name) => f.write_str(&crate::text::escape(name)),
            Self::ExtraRoots => f.write_str("the extra roots"),
            Self::FallbackRoots => f.write_str("the fallback roots"),
            Self::PinnedLeaf => f.write_str("the pinned certificates"),
        }
    }
}

/// A place that was searched for the system store, whether or not anything was there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The file, directory or system store.
    pub source: Source,
    /// Why it was searched: an environment variable's name, or `default`.
    pub reason: &'static str,
    /// How many distinct certificates were found there.
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
    /// What is wrong, for humans.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::text::escape(&self.path.to_string_lossy()))?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// A file that takes trust away from certificates of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DistrustSource {
    /// The file.
    pub source: Source,
    /// How many certificates, serial numbers and keys it speaks of.
    pub statements: usize,
}

/// A directory that was searched for intermediates, because no path was found without it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchedIntermediates {
    /// The directory.
    pub path: PathBuf,
    /// How many certificates it has.
    pub certificates: usize,
    /// What could not be read.
    pub problems: Vec<Problem>,
}
