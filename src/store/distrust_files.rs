//! Reads the files in which distributions take trust away.
//!
//! Nothing is read where no such file exists: that costs a `stat` for each place. A file that has
//! not changed since the reading before is not read again.
//!
//! Tests: `distrust/tests.rs`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::contents::{Contents, Fault};
use super::distrust::DistrustList;
use super::file::{MAX_BYTES, io_reason, is_missing, read_file};
use super::locations::DistrustPlaces;
use super::p11kit::{self, Policy, Statement};
use super::source::{DistrustSource, Problem, Source};
use super::stamp::Stamp;
use super::watch::{Watch, is_changing};

/// What each file said when it was read.
pub(super) type Known = HashMap<Arc<Path>, (Stamp, Arc<Policy>)>;

/// Reads the files of all places.
pub(super) struct Reader<'a> {
    pub(super) watch: &'a mut Watch,
    pub(super) problems: &'a mut Vec<Problem>,
    pub(super) previous: Option<&'a Known>,
    pub(super) now: i64,
    known: Known,
    list: DistrustList,
    sources: Vec<DistrustSource>,
    buffer: Vec<u8>,
    bytes: u64,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) list: DistrustList,
    pub(super) sources: Vec<DistrustSource>,
    pub(super) known: Known,
}

/// What a file in some directory is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Trust policy: whatever it says.
    Policy,
    /// Every certificate in it is distrusted.
    Blocklist,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        watch: &'a mut Watch,
        problems: &'a mut Vec<Problem>,
        previous: Option<&'a Known>,
        now: i64,
    ) -> Self {
        Self {
            watch,
            problems,
            previous,
            now,
            known: Known::new(),
            list: DistrustList::default(),
            sources: Vec::new(),
            buffer: Vec::new(),
            bytes: 0,
        }
    }

    pub(super) fn read(mut self, places: &DistrustPlaces) -> Reading {
        for source in &places.trust_sources {
            // The subdirectories of p11-kit, the last under its older name.
            if self.directory(source, Role::Policy) {
                self.directory(&source.join("anchors"), Role::Policy);
                self.directory(&source.join("blocklist"), Role::Blocklist);
                self.directory(&source.join("blacklist"), Role::Blocklist);
            }
        }
        for directory in &places.untrusted {
            self.directory(directory, Role::Blocklist);
        }
        Reading { list: self.list, sources: self.sources, known: self.known }
    }

    /// Reads the files of a directory. `false` if there is none.
    fn directory(&mut self, path: &Path, role: Role) -> bool {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => {
                self.watch.add(path, None, self.now);
                if !is_missing(&error) {
                    self.problem(path, None, io_reason(path, &error));
                }
                return false;
            }
        };
        self.watch.add(path, Some(Stamp::of(&metadata)), self.now);
        if !metadata.is_dir() {
            return false;
        }
        let files = fs::read_dir(path).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()
        });
        match files {
            Ok(mut files) => {
                files.sort_unstable();
                for file in files {
                    self.file(&file, role);
                }
            }
            Err(error) => self.problem(path, None, io_reason(path, &error)),
        }
        true
    }

    fn file(&mut self, path: &Path, role: Role) {
        if fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
            return;
        }
        let path: Arc<Path> = path.into();
        let before = self.previous.and_then(|known| known.get(&path));
        let stamp = Stamp::at(&path);
        if let Some((known, policy)) =
            before.filter(|(known, _)| stamp == Some(*known) && !known.is_fresh(self.now))
        {
            self.watch.add(&path, stamp, self.now);
            return self.take(&path, *known, policy.clone());
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let read = read_file(&path, MAX_BYTES.saturating_sub(self.bytes), &mut buffer);
        self.bytes = self.bytes.saturating_add(u64::try_from(buffer.len()).unwrap_or(u64::MAX));
        match read {
            Ok(stamp) => {
                self.watch.add(&path, Some(stamp), self.now);
                let policy = policy(&path, &buffer, role);
                match policy.faults.first().cloned() {
                    Some(Fault { line, reason }) if self.keep(&path, before) => {
                        let reason = format!("{reason}; keeping what was read earlier");
                        self.problem(&path, line, reason);
                    }
                    _ => self.take(&path, stamp, Arc::new(policy)),
                }
            }
            Err((error, stamp)) => {
                self.watch.add(&path, stamp, self.now);
                self.keep(&path, before);
                self.problem(&path, None, error.reason);
            }
        }
        self.buffer = buffer;
    }

    /// Takes what a file said before, while somebody is in the middle of replacing it: for a moment
    /// nothing in it must not mean that everything is trusted.
    fn keep(&mut self, path: &Arc<Path>, before: Option<&(Stamp, Arc<Policy>)>) -> bool {
        let before = before.filter(|(_, policy)| !policy.statements.is_empty());
        let Some((known, policy)) = before.filter(|_| is_changing(path, self.now)) else {
            return false;
        };
        self.watch.may_change = true;
        self.take(path, *known, policy.clone());
        true
    }

    /// Takes what a file says.
    fn take(&mut self, path: &Arc<Path>, stamp: Stamp, policy: Arc<Policy>) {
        for Fault { line, reason } in &policy.faults {
            self.problem(path, *line, reason.clone());
        }
        for statement in &policy.statements {
            self.list.add(statement, path);
        }
        if !policy.statements.is_empty() {
            self.sources.push(DistrustSource {
                source: Source::File(path.clone()),
                statements: policy.statements.len(),
            });
        }
        self.known.insert(path.clone(), (stamp, policy));
    }

    fn problem(&mut self, path: &Path, line: Option<usize>, reason: String) {
        self.problems.push(Problem { path: path.to_owned(), line, reason });
    }
}

/// What a file says.
fn policy(path: &Path, text: &[u8], role: Role) -> Policy {
    let blocklist = role == Role::Blocklist;
    if p11kit::is_p11kit(text) {
        return p11kit::parse(text, blocklist);
    }
    let mut contents = Contents::of_pem(text, Some(path));
    if blocklist && contents.certificates.is_empty() {
        let der = Contents::of_der(text);
        if der.faults.is_empty() && !text.is_empty() {
            contents = der;
        }
    }
    let statements = contents.certificates.into_iter().filter_map(|(certificate, trust)| {
        let says = blocklist || trust.as_ref().is_some_and(|trust| !trust.rejected.is_empty());
        says.then_some(Statement::Certificate {
            certificate,
            distrusted: blocklist,
            server_distrust_after: None,
            trust,
        })
    });
    // What else is in a directory of policies takes no trust away, damaged or not.
    let faults = if blocklist { contents.faults } else { Vec::new() };
    Policy { statements: statements.collect(), faults }
}
