//! Detects that the files of a reading have changed since.
//!
//! Tests: `changes_are_seen` in `load/tests.rs`, and `snapshot/tests.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use super::stamp::Stamp;

/// Everything whose change means that the store has to be read again.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Links are followed; `None` where nothing is.
    files: Vec<(PathBuf, Option<Stamp>)>,
    /// Without a change of any stamp.
    pub(super) may_change: bool,
}

impl Watch {
    /// Whether a new reading could be different. Costs one `stat` for each file.
    pub(super) fn has_changed(&self) -> bool {
        self.may_change
            || self.files.iter().any(|(path, known)| {
                fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata)) != *known
            })
    }

    /// As if the files had been read long after they were written.
    #[cfg(test)]
    pub(super) fn settle(&mut self) {
        self.may_change = false;
    }

    pub(super) fn add(&mut self, path: &Path, stamp: Option<Stamp>, now: i64) {
        self.may_change |= stamp.is_some_and(|stamp| stamp.is_fresh(now));
        self.files.push((path.to_owned(), stamp));
    }
}

/// Whether a file, or the place where it was, changed a moment ago: then somebody may be in the
/// middle of replacing it. Where the clock of the file system is another, nothing is changing.
pub(super) fn is_changing(path: &Path, now: i64) -> bool {
    const MAX_LINKS: usize = 8;
    let changed = |path: &Path| {
        let stamp = fs::symlink_metadata(path).ok().map(|metadata| Stamp::of(&metadata));
        (stamp.is_some(), stamp.is_some_and(|stamp| stamp.is_fresh(now)))
    };
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let (exists, fresh) = changed(&path);
        let parent = path.parent().unwrap_or(Path::new("/"));
        if fresh || (!exists && changed(parent).1) {
            return true;
        }
        let Ok(target) = fs::read_link(&path) else { return false };
        path = parent.join(target);
    }
    false
}
