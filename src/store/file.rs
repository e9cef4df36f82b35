//! Reads a file safely: it is regular, of bounded size, and stays the same while it is read.
//!
//! Tests: `load/tests.rs`.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Most bytes read of one file. The bundles of distributions have a quarter of a megabyte.
pub(super) const MAX_FILE_BYTES: u64 = 256 << 20;
/// Most bytes read in all.
pub(super) const MAX_BYTES: u64 = 1 << 30;
/// A file that changed this short a time before it was read may change again without a sign:
/// some file systems keep whole or even seconds only.
const SETTLES: Duration = Duration::from_secs(2);

/// Reads a regular file that stays the same while it is read. The stamp comes with an error too,
/// where there is one.
///
/// Opening a FIFO would wait for its writer, so its type is checked before opening and, in case
/// the file was replaced in between, after it. Anyone who wins the race between the two can write to
/// the store and needs no FIFO.
pub(super) fn read_file(
    path: &Path,
    budget: u64,
    buffer: &mut Vec<u8>,
) -> Result<Stamp, (Unreadable, Option<Stamp>)> {
    buffer.clear();
    let missing = |error: &io::Error| Unreadable::passing(io_reason(path, error));
    let metadata = fs::metadata(path).map_err(|error| (missing(&error), None))?;
    let stamp = Some(Stamp::of(&metadata));
    readable(&metadata, budget).map_err(|error| (error, stamp))?;

    let file = File::open(path).map_err(|error| (missing(&error), stamp))?;
    let metadata = file.metadata().map_err(|error| (missing(&error), stamp))?;
    readable(&metadata, budget).map_err(|error| (error, stamp))?;
    let stamp = Stamp::of(&metadata);
    match read_whole(&file, stamp, buffer) {
        Ok(true) => Ok(stamp),
        Ok(false) => Err((Unreadable::passing("changed while it was read"), Some(stamp))),
        Err(error) => Err((missing(&error), Some(stamp))),
    }
}

/// Reads all of a file. `false` if it is not, or does not stay, what the stamp says.
pub(super) fn read_whole(mut file: &File, stamp: Stamp, buffer: &mut Vec<u8>) -> io::Result<bool> {
    // One byte more than it should have, to see that it ends there.
    let limit = stamp.size.saturating_add(1);
    buffer.reserve_exact(usize::try_from(limit).unwrap_or(0));
    file.by_ref().take(limit).read_to_end(buffer)?;
    let is_whole = u64::try_from(buffer.len()).is_ok_and(|length| length == stamp.size);
    Ok(is_whole && Stamp::of(&file.metadata()?) == stamp)
}

fn readable(metadata: &Metadata, budget: u64) -> Result<(), Unreadable> {
    if metadata.is_dir() {
        Err(Unreadable::lasting("is a directory, not a file"))
    } else if !metadata.is_file() {
        Err(Unreadable::lasting("is not a regular file and is not read"))
    } else if metadata.len() > MAX_FILE_BYTES {
        let limit = MAX_FILE_BYTES >> 20;
        Err(Unreadable::lasting(format!("is larger than {limit} MiB and is not read")))
    } else if metadata.len() > budget {
        let limit = MAX_BYTES >> 20;
        Err(Unreadable::lasting(format!("is not read: the store is larger than {limit} MiB")))
    } else {
        Ok(())
    }
}

pub(super) const DANGLING: &str = "is a link to something that does not exist";

pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

pub(super) fn io_reason(path: &Path, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_ok() {
        return DANGLING.to_owned();
    }
    error.to_string()
}

/// Why a file was not read.
pub(super) struct Unreadable {
    pub(super) reason: String,
    /// It may be there again in a moment.
    pub(super) passing: bool,
}

impl Unreadable {
    fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), passing: false }
    }

    fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), passing: true }
    }
}

/// The identity and state of a file, to see whether it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) identity: (u64, u64),
    pub(super) size: u64,
    pub(super) modified: (i64, i64),
    /// Sees what `modified` does not: permissions, and a file put there with its old times.
    pub(super) changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            identity: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether the last change is so recent, or so little in the future, that another one could
    /// have the same time.
    pub(super) fn is_fresh(&self, now: i64) -> bool {
        let window = i64::try_from(SETTLES.as_secs()).unwrap_or(0);
        [self.modified, self.changed]
            .iter()
            .any(|(secs, _)| now.abs_diff(*secs) <= window.unsigned_abs())
    }
}

pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
