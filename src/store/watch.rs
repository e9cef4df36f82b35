//! Detects that the files of a reading have changed since.
//!
//! Tests: `changes_are_seen` in `load/tests.rs`, and `snapshot/tests.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use super::file::Stamp;

/// Everything whose change means that the store has to be read again.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Links are followed; `None` where nothing is.
    files: Vec<(PathBuf, Option<Stamp>)>,
    fresh: bool,
}

impl Watch {
    /// Whether a new reading could be different. Costs one `stat` for each file.
    pub(super) fn has_changed(&self) -> bool {
        self.fresh
            || self.files.iter().any(|(path, known)| {
                fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata)) != *known
            })
    }

    /// As if the files had been read long after they were written.
    #[cfg(test)]
    pub(super) fn settle(&mut self) {
        self.fresh = false;
    }

    pub(super) fn add(&mut self, path: &Path, stamp: Option<Stamp>, now: i64) {
        self.fresh |= stamp.is_some_and(|stamp| stamp.is_fresh(now));
        self.files.push((path.to_owned(), stamp));
    }
}
