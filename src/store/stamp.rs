//! The identity and state of a file.
//!
//! Tests: `load/tests.rs`.

use std::fs::{self, Metadata};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A file that changed this short a time before it was read may change again without a sign:
/// some file systems keep whole or even seconds only.
const SETTLES: Duration = Duration::from_secs(2);

/// The identity and state of a regular file: a file with the same stamp has the same contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    pub(super) identity: (u64, u64),
    pub(super) size: u64,
    pub(super) modified: (i64, i64),
    /// Sees what `modified` does not: permissions, and a file put there with its old times.
    pub(super) changed: (i64, i64),
}

impl Stamp {
    /// The stamp of the file that is there now; links are followed. `None` if there is none, or
    /// if it is not a regular file, so that reading it twice may give different contents.
    pub fn at(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        metadata.is_file().then(|| Self::of(&metadata))
    }

    /// The length of the file in bytes.
    #[cfg(all(feature = "crlite", not(any(windows, target_vendor = "apple"))))]
    pub(crate) fn size(self) -> u64 {
        self.size
    }

    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            identity: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Without a number of the file, the time when it was created must do.
    #[cfg(not(unix))]
    pub(super) fn of(metadata: &Metadata) -> Self {
        let time = |time: std::io::Result<SystemTime>| {
            let since = time.ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            Some((i64::try_from(since.as_secs()).ok()?, i64::from(since.subsec_nanos())))
        };
        Self {
            identity: (0, 0),
            size: metadata.len(),
            modified: time(metadata.modified()).unwrap_or_default(),
            changed: time(metadata.created()).unwrap_or_default(),
        }
    }

    /// Whether the file was changed so recently that another change could give it the same stamp:
    /// within two seconds, as some file systems keep whole or even seconds only.
    pub fn may_repeat(&self) -> bool {
        self.is_fresh(now())
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
