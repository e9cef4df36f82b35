//! Reads the places of the store into one snapshot.
//!
//! Partial failure is data: what can be read is used, what cannot is a [`Problem`]. Only regular
//! files are read, directories are not entered, and everything has a limit.
//!
//! Tests: `load/tests.rs` beside it; `tests/store.rs` through the variables of a process.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::anchor::{AnchorSetBuilder, StoreEntry};
use super::contents::{Contents, Fault};
use super::count::Count;
use super::distrust_files;
use super::file::{Cause, DANGLING, MAX_BYTES, Unreadable, io_reason, is_missing};
use super::locations::{DEFAULT, Defaults, DistrustPlaces, Environment, is_bundle};
use super::names::{is_hashed_name, looks_like_certificate};
use super::source::{Place, Problem, Source};
use super::stamp::Stamp;
use super::system::SystemStore;
use super::watch::{Watch, is_changing};
use super::window::read_pem;

/// Most certificates kept.
pub(super) const MAX_CERTIFICATES: usize = 250_000;
/// Most names read in one directory.
const MAX_NAMES: usize = 1_000_000;
/// How often, in all, a file is read again because it seems to be in the middle of a change.
const PATIENCE: u32 = 5;

/// One reading of the store.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) store: Arc<SystemStore>,
    pub(super) watch: Watch,
    /// What each file gave.
    files: HashMap<Arc<Path>, Known>,
    /// What each file said against certificates.
    policies: distrust_files::Known,
    /// Whether certificates were kept that are not in the files now.
    pub(super) kept: bool,
}

/// What one file gave.
#[derive(Debug, Default)]
struct Known {
    /// Places among the entries of the store.
    entries: Vec<usize>,
    /// It ended in the middle of something.
    truncated: bool,
}

/// Reads the store at a time, in seconds since 1970. What a file gave in the previous reading is
/// kept while somebody seems to be in the middle of changing the file.
///
/// The first reading has nothing to keep. It reads such a file again a few times, which can take
/// some milliseconds.
pub(super) fn read(
    environment: &Environment,
    defaults: &Defaults,
    previous: Option<&Reading>,
    now: i64,
) -> Reading {
    let mut loader = Loader {
        anchors: AnchorSetBuilder::default(),
        places: Vec::new(),
        problems: Vec::new(),
        previous,
        files: HashMap::new(),
        kept: false,
        watch: Watch::default(),
        now,
        bytes: 0,
        buffer: Vec::new(),
        read: HashSet::new(),
        tries: if previous.is_none() { PATIENCE } else { 0 },
    };
    loader.all(environment, defaults);
    let distrust = if environment.heeds_distrust() {
        loader.distrust(&defaults.distrust)
    } else {
        distrust_files::Reading::default()
    };
    loader.anchors.heed(distrust.list);
    Reading {
        store: Arc::new(SystemStore {
            anchors: loader.anchors.build(),
            places: loader.places,
            problems: loader.problems,
            distrust: distrust.sources,
        }),
        watch: loader.watch,
        files: loader.files,
        policies: distrust.known,
        kept: loader.kept,
    }
}

struct Loader<'a> {
    anchors: AnchorSetBuilder,
    places: Vec<Place>,
    problems: Vec<Problem>,
    previous: Option<&'a Reading>,
    files: HashMap<Arc<Path>, Known>,
    kept: bool,
    watch: Watch,
    now: i64,
    bytes: u64,
    /// Reused for every file.
    buffer: Vec<u8>,
    /// Identities of the files read.
    read: HashSet<(u64, u64)>,
    tries: u32,
}

impl<'a> Loader<'a> {
    fn all(&mut self, environment: &Environment, defaults: &Defaults) {
        for variable in &environment.ignored {
            let reason = "is ignored, because this program runs with raised privileges (AT_SECURE)";
            self.problem(Path::new(variable), None, reason);
        }
        let bundle = match &environment.file {
            Some((path, variable)) => {
                self.named(path, variable, Self::bundle);
                true
            }
            None => self.default_bundle(&defaults.bundles),
        };
        match &environment.directories {
            Some((paths, variable)) => {
                for path in paths {
                    self.named(path, variable, Self::directory);
                }
                if paths.is_empty() {
                    self.problem(Path::new(variable), None, "is set but names no directory");
                }
            }
            None if !bundle => self.default_directories(&defaults.directories()),
            None => {}
        }
    }

    fn distrust(&mut self, places: &DistrustPlaces) -> distrust_files::Reading {
        let previous = self.previous.map(|previous| &previous.policies);
        let (watch, problems) = (&mut self.watch, &mut self.problems);
        distrust_files::Reader::new(watch, problems, previous, self.now).read(places)
    }

    /// A place that an environment variable names. It is never replaced by a default.
    fn named(
        &mut self,
        path: &Path,
        variable: &'static str,
        read: fn(&mut Self, &Path, &'static str) -> usize,
    ) {
        if read(self, path, variable) == 0 {
            let reason = format!("{variable} points here, but no certificate was found");
            self.problem(path, None, reason);
        }
    }

    /// The first bundle that exists counts, whatever it holds: an administrator may have emptied
    /// it. Nothing that was tried before is listed as searched then.
    fn default_bundle(&mut self, bundles: &[PathBuf]) -> bool {
        for path in bundles {
            match fs::metadata(path) {
                Err(error) if is_missing(&error) => {
                    self.watch.add(path, None, self.now);
                    if self.may_keep(path) {
                        self.bundle(path, DEFAULT);
                        return true;
                    }
                    if fs::symlink_metadata(path).is_ok() {
                        self.problem(path, None, DANGLING);
                    }
                }
                _ => {
                    self.bundle(path, DEFAULT);
                    return true;
                }
            }
        }
        self.places.extend(bundles.iter().map(|path| Place {
            source: Source::File(path.as_path().into()),
            reason: DEFAULT,
            entries: 0,
        }));
        false
    }

    fn default_directories(&mut self, directories: &[PathBuf]) {
        for path in directories {
            if !path.is_dir() {
                self.watch.add(path, None, self.now);
                let source = Source::Directory(path.as_path().into());
                self.places.push(Place { source, reason: DEFAULT, entries: 0 });
            } else if self.directory(path, DEFAULT) > 0 {
                return;
            }
        }
    }

    /// Reads one file as a place. Returns how many distinct certificates it gave.
    fn bundle(&mut self, path: &Path, reason: &'static str) -> usize {
        let source: Arc<Path> = path.into();
        let mut count = Count::new(&self.anchors);
        self.file(&source, &mut count, Cause::Changed);
        self.places.push(Place { source: Source::File(source), reason, entries: count.distinct });
        count.distinct
    }

    /// Reads a directory of hashed names as a place.
    fn directory(&mut self, path: &Path, reason: &'static str) -> usize {
        let mut count = Count::new(&self.anchors);
        match self.names(path) {
            Ok((hashed, others)) => {
                for name in hashed {
                    // A name that is gone, or whose target is, was removed: nobody writes a
                    // certificate anew while its link stays.
                    self.file(&path.join(name).into(), &mut count, Cause::Lasting);
                }
                self.not_hashed(path, &others);
                if count.distinct == 0 {
                    self.keep_directory(path, "no longer contains a certificate", &mut count);
                }
            }
            Err(error) => {
                let reason = io_reason(path, &error);
                if !self.keep_directory(path, &reason, &mut count) {
                    self.problem(path, None, reason);
                }
            }
        }
        let source = Source::Directory(path.into());
        self.places.push(Place { source, reason, entries: count.distinct });
        count.distinct
    }

    /// The names in a directory: those that OpenSSL would look up, sorted, and those that look
    /// like certificates but are never looked up.
    fn names(&mut self, path: &Path) -> io::Result<(Vec<String>, Vec<String>)> {
        let stamp = fs::metadata(path).map(|metadata| Stamp::of(&metadata));
        self.watch.add(path, stamp.ok(), self.now);
        let (mut hashed, mut others) = (Vec::new(), Vec::new());
        for (index, entry) in fs::read_dir(path)?.enumerate() {
            if index == MAX_NAMES {
                let reason = format!("has more than {MAX_NAMES} names; the others are ignored");
                self.problem(path, None, reason);
                break;
            }
            // A name that is not UTF-8 is not a hashed one.
            let Ok(name) = entry?.file_name().into_string() else { continue };
            if is_hashed_name(&name) {
                hashed.push(name);
            } else if looks_like_certificate(&name) {
                others.push(name);
            }
        }
        hashed.sort_unstable();
        Ok((hashed, others))
    }

    /// One problem for all files that somebody may have put there in vain.
    fn not_hashed(&mut self, directory: &Path, names: &[String]) {
        let count = names
            .iter()
            .map(|name| directory.join(name))
            .filter(|path| !is_bundle(path))
            .filter_map(|path| fs::metadata(path).ok())
            .filter(|metadata| {
                metadata.is_file() && !self.read.contains(&Stamp::of(metadata).identity)
            })
            .count();
        if count > 0 {
            let (files, are, again) =
                if count == 1 { ("file", "is", "is") } else { ("files", "are", "are") };
            let reason = format!(
                "{count} {files} {are} not named by subject hash and {again} ignored, as in OpenSSL; \
                 run `openssl rehash {}`",
                crate::text::escape(&directory.to_string_lossy())
            );
            self.problem(directory, None, reason);
        }
    }

    /// Reads one file into the snapshot. `missing` is what it means that the file is not there.
    fn file(&mut self, path: &Arc<Path>, count: &mut Count, missing: Cause) {
        let outcome = self.contents(path);
        let (cause, line, reason) = match &outcome {
            Err(Unreadable { cause: Cause::Missing, reason }) => (missing, None, reason.clone()),
            Err(Unreadable { cause, reason }) => (*cause, None, reason.clone()),
            Ok(contents) => {
                let was_truncated = self.known(path).is_some_and(|known| known.truncated);
                let in_doubt =
                    contents.certificates.is_empty() || (contents.truncated && !was_truncated);
                let cause = if in_doubt { Cause::Changed } else { Cause::Lasting };
                let fault = contents.faults.first().cloned();
                let Fault { line, reason } = fault.unwrap_or_else(|| Fault::new(None, ""));
                (cause, line, reason)
            }
        };
        self.watch.may_change |= cause == Cause::Passing;
        let may_keep = match cause {
            Cause::Passing => true,
            Cause::Changed | Cause::Missing => self.may_keep(path),
            Cause::Lasting => false,
        };
        if may_keep && self.keep(path, count) > 0 {
            return self.problem(path, line, format!("{reason}; {KEPT}"));
        }
        match outcome {
            Ok(contents) => self.take(path, contents, count),
            Err(error) => self.problem(path, None, error.reason),
        }
    }

    /// Adds what a file contains to the snapshot.
    fn take(&mut self, path: &Arc<Path>, contents: Contents, count: &mut Count) {
        for Fault { line, reason } in contents.faults {
            self.problem(path, line, reason);
        }
        let more = contents.certificates.len();
        let mut known = Known { entries: Vec::with_capacity(more), truncated: contents.truncated };
        if more > 1 {
            self.anchors.reserve(more.min(MAX_CERTIFICATES - self.anchors.len()));
        }
        for (certificate, trust) in contents.certificates {
            let entry = StoreEntry::new(certificate, Source::File(path.clone()), trust);
            if !self.insert(entry, &mut known, count) {
                let reason = format!(
                    "the store has more than {MAX_CERTIFICATES} certificates; the others are ignored"
                );
                self.problem(path, None, reason);
                break;
            }
        }
        self.files.insert(path.clone(), known);
    }

    /// `false` if the store is full.
    fn insert(&mut self, entry: StoreEntry, known: &mut Known, count: &mut Count) -> bool {
        let index = self.anchors.len();
        if index == MAX_CERTIFICATES {
            return false;
        }
        let inserted = self.anchors.insert(entry);
        known.entries.push(inserted.err().unwrap_or(index));
        count.add(inserted);
        true
    }

    /// What a file gave in the previous reading.
    fn known(&self, path: &Path) -> Option<&'a Known> {
        self.previous?.files.get(path)
    }

    /// Whether there are certificates to keep of a file, and somebody is changing it.
    fn may_keep(&self, path: &Path) -> bool {
        self.known(path).is_some_and(|known| !known.entries.is_empty())
            && is_changing(path, self.now)
    }

    /// Adds what a file gave in the previous reading. Returns how many certificates that are.
    fn keep(&mut self, path: &Arc<Path>, count: &mut Count) -> usize {
        let Some((previous, old)) = self.previous.zip(self.known(path)) else { return 0 };
        let mut known = Known { entries: Vec::new(), truncated: old.truncated };
        for entry in
            old.entries.iter().filter_map(|index| previous.store.anchors.entries().get(*index))
        {
            let copy = StoreEntry::new(
                entry.certificate().clone(),
                Source::File(path.clone()),
                entry.trust().cloned(),
            );
            self.insert(copy, &mut known, count);
        }
        let kept = known.entries.len();
        self.files.insert(path.clone(), known);
        self.kept |= kept > 0;
        self.watch.may_change |= kept > 0;
        kept
    }

    /// Keeps what the files of a directory gave in the previous reading, while somebody changes
    /// the directory.
    fn keep_directory(&mut self, path: &Path, reason: &str, count: &mut Count) -> bool {
        let Some(previous) = self.previous.filter(|_| is_changing(path, self.now)) else {
            return false;
        };
        let mut files: Vec<_> =
            previous.files.keys().filter(|file| file.parent() == Some(path)).collect();
        files.sort_unstable();
        let kept: usize = files.into_iter().map(|file| self.keep(file, count)).sum();
        if kept > 0 {
            self.problem(path, None, format!("{reason}; {KEPT}"));
        }
        kept > 0
    }

    /// Reads and decodes a file, more than once if it seems to be in the middle of a change.
    fn contents(&mut self, path: &Path) -> Result<Contents, Unreadable> {
        loop {
            let mut buffer = std::mem::take(&mut self.buffer);
            let budget = MAX_BYTES.saturating_sub(self.bytes);
            let (outcome, stamp, length) = read_pem(path, budget, &mut buffer);
            self.buffer = buffer;

            let in_doubt = match &outcome {
                Ok(contents) => contents.truncated,
                Err(error) => error.cause != Cause::Lasting,
            };
            let fresh = stamp.is_some_and(|stamp| stamp.is_fresh(self.now));
            if in_doubt && fresh && self.tries > 0 {
                std::thread::sleep(Duration::from_millis(1 << (PATIENCE - self.tries)));
                self.tries -= 1;
                continue;
            }
            self.watch.add(path, stamp, self.now);
            self.read.extend(stamp.map(|stamp| stamp.identity));
            self.bytes = self.bytes.saturating_add(length);
            return outcome;
        }
    }

    fn problem(&mut self, path: &Path, line: Option<usize>, reason: impl Into<String>) {
        self.problems.push(Problem { path: path.to_owned(), line, reason: reason.into() });
    }
}

const KEPT: &str = "keeping those read earlier";

#[cfg(test)]
mod tests;
