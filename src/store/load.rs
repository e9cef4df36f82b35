//! Reads the places of the store into one snapshot.
//!
//! Partial failure is data: what can be read is used, what cannot is a [`Problem`]. Only regular
//! files are read, directories are not entered, and everything has a limit.
//!
//! Tests: `load/tests.rs` beside it; `tests/store.rs` through the variables of a process.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pki_types::CertificateDer;

use super::anchor::{AnchorSetBuilder, StoreEntry};
use super::file::{DANGLING, MAX_BYTES, Stamp, Unreadable, io_reason, is_missing, now, read_file};
use super::locations::{DEFAULT, Defaults, Environment, is_bundle};
use super::pem::{self, Fault, Item};
use super::refusal::TrustSettings;
use super::source::{Place, Problem, Source};
use super::system::SystemStore;
use super::watch::Watch;
use crate::x509;

/// Most certificates kept.
pub(super) const MAX_CERTIFICATES: usize = 250_000;
/// Most names looked at in one directory.
const MAX_NAMES: usize = 1_000_000;
/// How often, in all, a file is read again because it seems to be in the middle of a change.
const PATIENCE: u32 = 5;

/// One reading of the store.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) store: SystemStore,
    pub(super) watch: Watch,
    /// The files that seem to be damaged, or could not be read: a sign that somebody is in the
    /// middle of changing them.
    pub(super) damaged: Vec<PathBuf>,
}

/// Reads the store. With `patience`, a file that seems to be in the middle of a change is read
/// again a few times, which can take some milliseconds.
pub(super) fn read(environment: &Environment, defaults: &Defaults, patience: bool) -> Reading {
    let mut loader = Loader {
        anchors: AnchorSetBuilder::default(),
        places: Vec::new(),
        problems: Vec::new(),
        damaged: Vec::new(),
        watch: Watch::default(),
        now: now(),
        bytes: 0,
        buffer: Vec::new(),
        read: HashSet::new(),
        tries: if patience { PATIENCE } else { 0 },
    };
    loader.all(environment, defaults);
    Reading {
        store: SystemStore {
            anchors: loader.anchors.build(),
            places: loader.places,
            problems: loader.problems,
        },
        watch: loader.watch,
        damaged: loader.damaged,
    }
}

struct Loader {
    anchors: AnchorSetBuilder,
    places: Vec<Place>,
    problems: Vec<Problem>,
    damaged: Vec<PathBuf>,
    watch: Watch,
    now: i64,
    bytes: u64,
    /// Reused for every file.
    buffer: Vec<u8>,
    /// Identities of the files read.
    read: HashSet<(u64, u64)>,
    tries: u32,
}

/// What a file holds.
#[derive(Default)]
struct Contents {
    certificates: Vec<(CertificateDer<'static>, Option<TrustSettings>)>,
    problems: Vec<(Option<usize>, String)>,
    /// It ends in the middle of something.
    cut: bool,
}

impl Loader {
    fn all(&mut self, environment: &Environment, defaults: &Defaults) {
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
            None if !bundle => self.default_directories(&defaults.directories),
            None => {}
        }
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
        self.file(&source, &mut count);
        self.places.push(Place { source: Source::File(source), reason, entries: count.distinct });
        count.distinct
    }

    /// Reads a directory of hashed names as a place.
    fn directory(&mut self, path: &Path, reason: &'static str) -> usize {
        let mut count = Count::new(&self.anchors);
        match self.names(path) {
            Ok((hashed, others)) => {
                for name in hashed {
                    self.file(&path.join(name).into(), &mut count);
                }
                self.not_hashed(path, &others);
            }
            Err(error) => {
                self.damaged.push(path.to_owned());
                self.problem(path, None, io_reason(path, &error));
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
            if is_hashed(&name) {
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
                crate::error::escape(&directory.to_string_lossy())
            );
            self.problem(directory, None, reason);
        }
    }

    /// Reads one file into the snapshot.
    fn file(&mut self, path: &Arc<Path>, count: &mut Count) {
        let contents = match self.contents(path) {
            Ok(contents) => contents,
            Err(error) => {
                if error.passing {
                    self.damaged.push(path.to_path_buf());
                }
                return self.problem(path, None, error.reason);
            }
        };
        if contents.cut {
            self.damaged.push(path.to_path_buf());
        }
        for (line, reason) in contents.problems {
            self.problem(path, line, reason);
        }
        for (certificate, trust) in contents.certificates {
            if self.anchors.len() == MAX_CERTIFICATES {
                let reason = format!(
                    "the store has more than {MAX_CERTIFICATES} certificates; the others are ignored"
                );
                return self.problem(path, None, reason);
            }
            let entry = StoreEntry::new(certificate, Source::File(path.clone()), trust);
            count.add(self.anchors.insert(entry));
        }
    }

    /// Reads and decodes a file, more than once if it seems to be in the middle of a change.
    fn contents(&mut self, path: &Path) -> Result<Contents, Unreadable> {
        loop {
            let mut buffer = std::mem::take(&mut self.buffer);
            let read = read_file(path, MAX_BYTES.saturating_sub(self.bytes), &mut buffer);
            let (outcome, stamp) = match read {
                Ok(stamp) => (Ok(contents(path, &buffer)), Some(stamp)),
                Err((error, stamp)) => (Err(error), stamp),
            };
            let length = buffer.len();
            self.buffer = buffer;

            let in_doubt = match &outcome {
                Ok(contents) => contents.cut,
                Err(error) => error.passing,
            };
            let fresh = stamp.is_some_and(|stamp| stamp.is_fresh(self.now));
            if in_doubt && fresh && self.tries > 0 {
                std::thread::sleep(Duration::from_millis(1 << (PATIENCE - self.tries)));
                self.tries -= 1;
                continue;
            }
            self.watch.add(path, stamp, self.now);
            self.read.extend(stamp.map(|stamp| stamp.identity));
            self.bytes = self.bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            return outcome;
        }
    }

    fn problem(&mut self, path: &Path, line: Option<usize>, reason: impl Into<String>) {
        self.problems.push(Problem { path: path.to_owned(), line, reason: reason.into() });
    }
}

/// Counts the distinct certificates of one place, although places may repeat each other's.
struct Count {
    /// How many certificates there were before.
    before: usize,
    repeated: HashSet<usize>,
    distinct: usize,
}

impl Count {
    fn new(anchors: &AnchorSetBuilder) -> Self {
        Self { before: anchors.len(), repeated: HashSet::new(), distinct: 0 }
    }

    /// Takes what [`AnchorSetBuilder::insert`] answers.
    fn add(&mut self, inserted: Result<(), usize>) {
        let is_first = match inserted {
            Ok(()) => true,
            Err(known) => known < self.before && self.repeated.insert(known),
        };
        self.distinct += usize::from(is_first);
    }
}

/// Whether OpenSSL would look the name up: eight hexadecimal digits of the subject's hash and a
/// number, as in `5ed36f99.0`. Names of CRLs have an `r` before the number.
fn is_hashed(name: &str) -> bool {
    let Some((hash, number)) = name.split_once('.') else { return false };
    hash.len() == 8
        && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `openssl rehash` would look at the name.
fn looks_like_certificate(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| {
        ["pem", "crt", "cer"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    })
}

fn contents(path: &Path, text: &[u8]) -> Contents {
    let mut out = Contents::default();
    for block in pem::blocks(text) {
        match block.map(|block| block.item) {
            Ok(Item::Certificate { certificate, trust }) => {
                out.certificates.push((certificate, trust));
            }
            Ok(Item::Crl(_)) => {}
            Err(error) => {
                out.cut |= error.fault == Fault::CutShort;
                out.problems.push((Some(error.line), error.fault.to_string()));
            }
        }
    }
    if out.certificates.is_empty() && out.problems.is_empty() {
        out.cut = text.is_empty();
        out.problems.push((None, nothing(path, text)));
    }
    out
}

/// Why a file has no certificate.
fn nothing(path: &Path, text: &[u8]) -> String {
    let is_der = || x509::subject_of(text).is_some();
    if text.is_empty() {
        "is empty".to_owned()
    } else if text.first() == Some(&crate::der::SEQUENCE) && is_der() {
        format!(
            "is a certificate in DER, which is ignored, as in OpenSSL; convert it with \
             `openssl x509 -inform DER -in {} -out FILE.pem`",
            crate::error::escape(&path.to_string_lossy())
        )
    } else {
        "has no PEM block with a certificate".to_owned()
    }
}

#[cfg(test)]
mod tests;
