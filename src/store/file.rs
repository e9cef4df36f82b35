//! Reads a file safely: it is regular, of bounded size, and stays the same while it is read.
//!
//! Tests: `load/tests.rs`.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use super::stamp::Stamp;

/// Most bytes read of one file. The bundles of distributions have a quarter of a megabyte.
pub(super) const MAX_FILE_BYTES: u64 = 256 << 20;
/// Most bytes read in all.
pub(super) const MAX_BYTES: u64 = 1 << 30;
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
    let (file, stamp) = open(path, budget)?;
    match read_whole(&file, stamp, buffer) {
        Ok(true) => Ok(stamp),
        Ok(false) => Err((changed(), Some(stamp))),
        Err(error) => Err((Unreadable::of(path, &error), Some(stamp))),
    }
}

/// Opens a regular file of bounded size.
pub(super) fn open(path: &Path, budget: u64) -> Result<(File, Stamp), (Unreadable, Option<Stamp>)> {
    let missing = |error: &io::Error| Unreadable::of(path, error);
    let metadata = fs::metadata(path).map_err(|error| (missing(&error), None))?;
    let stamp = Some(Stamp::of(&metadata));
    readable(&metadata, budget).map_err(|error| (error, stamp))?;

    let file = File::open(path).map_err(|error| (missing(&error), stamp))?;
    let metadata = file.metadata().map_err(|error| (missing(&error), stamp))?;
    readable(&metadata, budget).map_err(|error| (error, stamp))?;
    Ok((file, Stamp::of(&metadata)))
}

/// The fault of a file that is not, or does not stay, what its stamp says.
pub(super) fn changed() -> Unreadable {
    Unreadable::new(Cause::Changed, "changed while it was read")
}

#[cfg(all(feature = "crlite", not(any(windows, target_vendor = "apple"))))]
/// Why a file that is no part of the store was not read.
pub(crate) struct ReadError {
    pub(crate) reason: String,
    pub(crate) missing: bool,
}

#[cfg(all(feature = "crlite", not(any(windows, target_vendor = "apple"))))]
/// Reads a file that is no part of the store, of at most so many bytes.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<(Vec<u8>, Stamp), ReadError> {
    let error = |reason, missing| ReadError { reason, missing };
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() > limit) {
        return Err(error(format!("is larger than {limit} bytes and is not read"), false));
    }
    let mut buffer = Vec::new();
    match read_file(path, limit, &mut buffer) {
        Ok(stamp) => Ok((buffer, stamp)),
        Err((unreadable, _)) => Err(error(unreadable.reason, unreadable.cause == Cause::Missing)),
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
    pub(super) cause: Cause,
}

/// What an unreadable file says about the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It is not there.
    Missing,
    /// Somebody changes it, or has made it unreadable.
    Changed,
    /// It says nothing about the file: the process has too many files open, for example.
    Passing,
    /// It is of a type or size that is never read.
    Lasting,
}

impl Unreadable {
    fn new(cause: Cause, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), cause }
    }

    fn lasting(reason: impl Into<String>) -> Self {
        Self::new(Cause::Lasting, reason)
    }

    pub(super) fn of(path: &Path, error: &io::Error) -> Self {
        let cause = match error.kind() {
            _ if is_missing(error) => Cause::Missing,
            io::ErrorKind::PermissionDenied | io::ErrorKind::StaleNetworkFileHandle => {
                Cause::Changed
            }
            _ => Cause::Passing,
        };
        Self::new(cause, io_reason(path, error))
    }
}
