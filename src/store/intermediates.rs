//! Intermediates in a directory: untrusted, read when a path is missing, found by subject.
//!
//! On Windows, macOS and in Firefox a server that forgets its intermediate works all the same; here
//! nothing is fetched. What a directory has is added to what the peer sent, and the verifier decides
//! as if the peer had sent it: nothing in such a directory is ever a trust anchor.
//!
//! Tests: below and `tests/intermediates.rs`.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant};

use pki_types::CertificateDer;

use super::contents::{Contents, Fault};
use super::file::{io_reason, read_file};
use super::source::{Problem, SearchedIntermediates};
use super::stamp::{Stamp, now};
use crate::cert::{Cert, CertIndex};

/// The environment variable for programs that cannot be changed.
pub(crate) const VARIABLE: &str = "TRUSTBRIDGE_INTERMEDIATES_DIR";

/// Most files read of one directory, and most bytes of one file and of all.
const MAX_FILES: usize = 1_000;
const MAX_FILE_BYTES: u64 = 1 << 20;
const MAX_BYTES: u64 = 16 << 20;
/// Most certificates that are added to one chain.
const MAX_ADDED: usize = 32;
/// Most problems that are named.
const MAX_PROBLEMS: usize = 20;
/// How often the files are checked for changes.
const INTERVAL: Duration = Duration::from_secs(1);

/// A directory, read when first needed and again when it has changed.
#[derive(Debug)]
pub(crate) struct IntermediatesDir {
    path: PathBuf,
    /// With the time of the last check for changes. Only ever held to copy and to replace it; the child
    /// of a fork may find it held for good.
    current: Mutex<Option<(Arc<Reading>, Instant)>>,
}

#[derive(Debug)]
struct Reading {
    certs: CertIndex,
    problems: Vec<Problem>,
    /// The directory and its files, as they were; `None` for what could not be read.
    stamps: Vec<(PathBuf, Option<Stamp>)>,
    /// Whether something changed so recently that another change could not be seen.
    may_change: bool,
}

impl IntermediatesDir {
    /// Reads nothing yet. A later change of the working directory does not change the place.
    pub(crate) fn new(path: &Path) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self { path, current: Mutex::new(None) }
    }

    /// The newest reading: the files are checked once a second at most, however many paths are missing.
    fn reading(&self) -> Arc<Reading> {
        let known = match self.current.try_lock() {
            Ok(guard) => guard.clone(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().clone(),
            Err(TryLockError::WouldBlock) => None,
        };
        let reading = match known {
            Some((known, checked)) if checked.elapsed() < INTERVAL => return known,
            Some((known, _)) if !known.is_outdated() => known,
            _ => Arc::new(Reading::of(&self.path)),
        };
        if let Ok(mut guard) = self.current.try_lock() {
            *guard = Some((Arc::clone(&reading), Instant::now()));
        }
        reading
    }
}

impl Reading {
    fn of(directory: &Path) -> Self {
        let mut reader = Reader {
            now: now(),
            budget: MAX_BYTES,
            problems: Vec::new(),
            certs: Vec::new(),
            stamps: Vec::new(),
            may_change: false,
        };
        reader.directory(directory);
        let Reader { problems, certs, stamps, may_change, .. } = reader;
        let certs = CertIndex::new(certs);
        Self { certs, problems, stamps, may_change }
    }

    fn is_outdated(&self) -> bool {
        self.may_change || self.stamps.iter().any(|(path, known)| stamp(path) != *known)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata))
}

/// Reads one directory.
struct Reader {
    now: i64,
    budget: u64,
    problems: Vec<Problem>,
    certs: Vec<CertificateDer<'static>>,
    stamps: Vec<(PathBuf, Option<Stamp>)>,
    may_change: bool,
}

impl Reader {
    fn directory(&mut self, path: &Path) {
        self.watch(path);
        let files = fs::read_dir(path).and_then(|entries| {
            let paths = entries.map(|entry| entry.map(|entry| entry.path()));
            // One more than are read, to see that there are more.
            paths.take(MAX_FILES + 1).collect::<Result<Vec<_>, _>>()
        });
        let mut files = match files {
            Ok(files) => files,
            Err(error) => return self.problem(path, None, io_reason(path, &error)),
        };
        files.sort_unstable();
        if files.len() > MAX_FILES {
            let reason = format!("has more than {MAX_FILES} files; the others are ignored");
            self.problem(path, None, reason);
        }
        for file in files.iter().take(MAX_FILES) {
            let hidden = file.file_name().is_some_and(|name| {
                name.as_encoded_bytes().first() == Some(&b'.') // an editor's or a package manager's
            });
            if !hidden && !file.is_dir() {
                self.file(file);
            }
        }
    }

    fn file(&mut self, path: &Path) {
        self.watch(path);
        let mut text = Vec::new();
        let limit = self.budget.min(MAX_FILE_BYTES);
        let length = fs::metadata(path).map_or(0, |metadata| metadata.len());
        if length > limit {
            let limit = if self.budget < MAX_FILE_BYTES { MAX_BYTES } else { MAX_FILE_BYTES };
            let what = if limit == MAX_BYTES { "the directory" } else { "it" };
            let reason = format!("is not read: {what} is larger than {} MiB", limit >> 20);
            return self.problem(path, None, reason);
        }
        if let Err((error, _)) = read_file(path, limit, &mut text) {
            return self.problem(path, None, error.reason);
        }
        self.budget = self.budget.saturating_sub(length);
        // What CAs publish is DER (RFC 5280 section 4.2.2.1); what people keep is PEM.
        let der = Contents::of_der(&text);
        let contents = match der.faults.is_empty() && !text.is_empty() {
            true => der,
            false => Contents::of_pem(&text, Some(path)),
        };
        let contents = contents.readable();
        self.certs.extend(contents.certificates.into_iter().map(|(certificate, _)| certificate));
        for Fault { line, reason } in contents.faults {
            self.problem(path, line, reason);
        }
    }

    fn watch(&mut self, path: &Path) {
        let stamp = stamp(path);
        self.may_change |= stamp.is_some_and(|stamp| stamp.is_fresh(self.now));
        self.stamps.push((path.to_owned(), stamp));
    }

    fn problem(&mut self, path: &Path, line: Option<usize>, reason: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem { path: path.to_owned(), line, reason });
        }
    }
}

/// What the directories have for one chain.
pub(crate) struct Found {
    pub(crate) certs: Vec<CertificateDer<'static>>,
    pub(crate) searched: Vec<SearchedIntermediates>,
}

/// The certificates that may have issued one of these, and so on upwards; none that the chain has.
pub(crate) fn find(dirs: &[Arc<IntermediatesDir>], chain: &[CertificateDer<'_>]) -> Found {
    let readings: Vec<_> = dirs.iter().map(|dir| (&dir.path, dir.reading())).collect();
    let mut seen: HashSet<&[u8]> = chain.iter().map(AsRef::as_ref).collect();
    let mut queue: Vec<&[u8]> = chain.iter().map(AsRef::as_ref).collect();
    let mut certs = Vec::new();
    while let Some(der) = queue.pop() {
        let Ok(cert) = Cert::parse(der) else { continue };
        for (_, reading) in &readings {
            for issuer in reading.certs.with_name_hash(cert.issuer_hash) {
                if certs.len() < MAX_ADDED && seen.insert(issuer) {
                    queue.push(issuer);
                    certs.push(issuer.clone());
                }
            }
        }
    }
    let searched = readings.iter().map(|(path, reading)| SearchedIntermediates {
        path: path.to_path_buf(),
        certificates: reading.certs.len(),
        problems: reading.problems.clone(),
    });
    Found { certs, searched: searched.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Also a directory that is not there: peers without a path must not cost a `stat` each.
    #[test]
    fn changes_are_looked_for_once_a_second() {
        let dir = IntermediatesDir::new(Path::new("/nowhere/trustbridge"));
        let first = dir.reading();
        let long_ago = Instant::now().checked_sub(INTERVAL * 2).unwrap();
        *dir.current.lock().unwrap() = Some((Arc::clone(&first), long_ago));
        assert!(Arc::ptr_eq(&first, &dir.reading()), "nothing has changed");
        let (_, checked) = dir.current.lock().unwrap().clone().unwrap();
        assert!(checked > long_ago, "the check is remembered");
    }
}
