//! Reads the places of the store into one snapshot.
//!
//! Partial failure is data: what can be read counts, what cannot is a [`Problem`]. Only regular
//! files are read, directories are not entered, and everything has a limit.

use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use pki_types::CertificateDer;

use super::anchor::{AnchorSetBuilder, StoreEntry, TrustSettings};
use super::locations::{DEFAULT, Defaults, Environment, is_bundle};
use super::pem::{self, Fault, Item};
use super::{Place, Problem, Source, SystemStore};
use crate::x509;

/// Most bytes read of one file. The bundles of distributions have a quarter of a megabyte.
pub(super) const MAX_FILE_BYTES: u64 = 256 << 20;
/// Most bytes read in all.
pub(super) const MAX_BYTES: u64 = 1 << 30;
/// Most certificates kept.
pub(super) const MAX_CERTIFICATES: usize = 250_000;
/// Most names looked at in one directory.
const MAX_NAMES: usize = 1_000_000;
/// A file that changed this short a time before it was read may change again without a sign:
/// some file systems keep whole or even seconds only.
const SETTLES: Duration = Duration::from_secs(2);
/// How often, in all, a file is read again because it seems to be in the middle of a change.
const PATIENCE: u32 = 5;

/// The identity and state of a file, to see whether it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    identity: (u64, u64),
    size: u64,
    modified: (i64, i64),
    /// Sees what `modified` does not: permissions, and a file put there with its old times.
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            identity: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether the last change is so recent, or so little in the future, that another one could
    /// have the same time.
    fn is_fresh(&self, now: i64) -> bool {
        let window = i64::try_from(SETTLES.as_secs()).unwrap_or(0);
        [self.modified, self.changed]
            .iter()
            .any(|(secs, _)| now.abs_diff(*secs) <= window.unsigned_abs())
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

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

    fn add(&mut self, path: &Path, stamp: Option<Stamp>, now: i64) {
        self.fresh |= stamp.is_some_and(|stamp| stamp.is_fresh(now));
        self.files.push((path.to_owned(), stamp));
    }
}

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

/// Why a file was not read.
struct Unreadable {
    reason: String,
    /// It may be there again in a moment.
    passing: bool,
}

impl Unreadable {
    fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), passing: false }
    }

    fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), passing: true }
    }
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
                    self.problem(Path::new(variable), None, "is set, but names no directory");
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
            let reason = format!("{variable} is set to it, but it gives no certificate");
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
                let reason = format!("has more than {MAX_NAMES} names; the others do not count");
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
            let (files, are, do_not) =
                if count == 1 { ("file", "is", "does not") } else { ("files", "are", "do not") };
            let reason = format!(
                "{count} {files} {are} not named by subject hash and {do_not} count, as in OpenSSL; \
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
                    "the store has more than {MAX_CERTIFICATES} certificates; the others do not count"
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

const DANGLING: &str = "is a link to something that does not exist";

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn io_reason(path: &Path, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_ok() {
        return DANGLING.to_owned();
    }
    error.to_string()
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

/// Reads a regular file that stays the same while it is read. The stamp comes with an error too,
/// where there is one.
///
/// Opening a FIFO would wait for its writer, so the kind is looked at before and, lest the file
/// was replaced in between, after opening. Whoever wins the race between the two can write to
/// the store and needs no FIFO.
fn read_file(
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
fn read_whole(mut file: &File, stamp: Stamp, buffer: &mut Vec<u8>) -> io::Result<bool> {
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
            "is a certificate in DER, which does not count, as in OpenSSL; convert it with \
             `openssl x509 -inform DER -in {} -out FILE.pem`",
            crate::error::escape(&path.to_string_lossy())
        )
    } else {
        "has no PEM block with a certificate".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::Command;

    use pki_types::UnixTime;
    use tempfile::TempDir;

    use super::*;
    use crate::policy::Purpose;
    use crate::store::testing::{certificate, issue, pem};

    /// What a store of this one file gives.
    fn of_file(path: &Path) -> Reading {
        let file = Some((path.to_owned(), "SSL_CERT_FILE"));
        read(&Environment { file, directories: None }, &nothing_by_default(), true)
    }

    fn of_directory(path: &Path) -> Reading {
        let directories = Some((vec![path.to_owned()], "SSL_CERT_DIR"));
        read(&Environment { file: None, directories }, &nothing_by_default(), true)
    }

    fn nothing_by_default() -> Defaults {
        Defaults { bundles: Vec::new(), directories: Vec::new() }
    }

    fn reasons(reading: &Reading) -> Vec<&str> {
        reading.store.problems.iter().map(|problem| &*problem.reason).collect()
    }

    fn write(directory: &TempDir, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    const NOTHING: &str = "SSL_CERT_FILE is set to it, but it gives no certificate";

    #[test]
    fn a_bundle() {
        let directory = TempDir::new().unwrap();
        let (one, two) = (certificate("one"), certificate("two"));
        let text = [pem("CERTIFICATE", &one), pem("CERTIFICATE", &two), pem("CERTIFICATE", &one)];
        let path = write(&directory, "ca.pem", text.concat());
        let store = of_file(&path).store;
        let found: Vec<_> =
            store.entries().iter().map(|entry| entry.certificate().to_vec()).collect();
        assert_eq!(found, [one, two], "in order, without the repetition");
        let source = Source::File(path.as_path().into());
        assert_eq!(store.entries()[0].source(), &source);
        assert_eq!(store.places(), [Place { source, reason: "SSL_CERT_FILE", entries: 2 }]);
        assert_eq!(store.problems(), []);
        assert_eq!(store.usable(Purpose::ServerAuth, UnixTime::now()).count(), 2);
    }

    #[test]
    fn files_that_give_nothing_say_why() {
        let directory = TempDir::new().unwrap();
        let cert = certificate("odd");
        let text = pem("CERTIFICATE", &cert);
        let der = write(&directory, "der.crt", &cert);
        let link = directory.path().join("link");
        symlink("nowhere", &link).unwrap();
        // Root may read everything, but nobody can read below a file.
        let below_file = write(&directory, "file", "").join("ca.pem");
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (path, reason) in [
            (directory.path().join("missing"), "No such file or directory (os error 2)"),
            (link, DANGLING),
            (below_file, "Not a directory (os error 20)"),
            (directory.path().to_owned(), "is a directory, not a file"),
            ("/dev/zero".into(), "is not a regular file and is not read"),
            ("/dev/null".into(), "is not a regular file and is not read"),
            (write(&directory, "empty", ""), "is empty"),
            (write(&directory, "text", "hello\n"), "has no PEM block with a certificate"),
            (write(&directory, "utf16", utf16), "has no PEM block with a certificate"),
            (
                write(&directory, "key", pem("PRIVATE KEY", b"x")),
                "has no PEM block with a certificate",
            ),
            (
                write(&directory, "half", &text[..text.len() / 2]),
                "the block has no end: cut in half?",
            ),
        ] {
            let reading = of_file(&path);
            assert_eq!(reasons(&reading), [reason, NOTHING], "{path:?}");
            assert!(reading.store.entries().is_empty(), "{path:?}");
            assert!(reading.store.problems().iter().all(|problem| problem.path == path));
            assert_eq!(reading.store.places()[0].entries, 0);
        }
        let reading = of_file(&der);
        assert!(reasons(&reading)[0].starts_with("is a certificate in DER"), "{reading:?}");
    }

    #[test]
    fn a_file_without_permission() {
        let directory = TempDir::new().unwrap();
        let path = write(&directory, "ca.pem", pem("CERTIFICATE", &certificate("secret")));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        let reading = of_file(&path);
        // Permissions do not stop root.
        if File::open(&path).is_ok() {
            assert_eq!(reasons(&reading), [] as [&str; 0]);
        } else {
            assert_eq!(reasons(&reading), ["Permission denied (os error 13)", NOTHING]);
        }
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(!is_missing(&denied), "a bundle without permission is not passed over");
    }

    #[test]
    fn a_fifo_does_not_block() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("fifo");
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let reading = of_file(&path);
        assert_eq!(reasons(&reading), ["is not a regular file and is not read", NOTHING]);
        symlink(&path, directory.path().join("00000000.0")).unwrap();
        let reading = of_directory(directory.path());
        assert_eq!(reasons(&reading)[0], "is not a regular file and is not read");
    }

    #[test]
    fn problems_have_lines() {
        let directory = TempDir::new().unwrap();
        let cert = pem("CERTIFICATE", &certificate("lines"));
        let lines = cert.lines().count();
        let text = cert.clone() + &pem("CERTIFICATE", b"no") + &cert;
        let reading = of_file(&write(&directory, "ca.pem", text));
        assert_eq!(reading.store.entries().len(), 1);
        let problem = &reading.store.problems()[0];
        assert_eq!((problem.line, &*problem.reason), (Some(lines + 1), "malformed certificate"));
        assert_eq!(reading.damaged, [] as [PathBuf; 0], "nobody is in the middle of writing it");
    }

    #[test]
    fn too_large_files_are_not_read() {
        let directory = TempDir::new().unwrap();
        let path = write(&directory, "sparse", "");
        File::options().write(true).open(&path).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
        assert_eq!(reasons(&of_file(&path)), ["is larger than 256 MiB and is not read", NOTHING]);
        let mut buffer = Vec::new();
        let small = write(&directory, "small", "12345");
        let (error, _) = read_file(&small, 4, &mut buffer).unwrap_err();
        assert_eq!(error.reason, "is not read: the store is larger than 1024 MiB");
        assert!(read_file(&small, 5, &mut buffer).is_ok());
    }

    #[test]
    fn a_hundred_thousand_certificates() {
        const NAME: &str = "number 000000";
        let directory = TempDir::new().unwrap();
        let mut cert = certificate(NAME);
        let mut places: Vec<_> = (0..cert.len() - NAME.len())
            .filter(|&at| cert[at..].starts_with(NAME.as_bytes()))
            .collect();
        assert_eq!(places.len(), 2, "issuer and subject");
        places.push(cert.len() - NAME.len());
        let mut text = String::new();
        for number in 0..100_000 {
            let name = format!("number {number:06}");
            for &at in &places {
                cert[at..at + NAME.len()].copy_from_slice(name.as_bytes());
            }
            text += &pem("CERTIFICATE", &cert);
        }
        let path = write(&directory, "ca.pem", text);
        let store = of_file(&path).store;
        assert_eq!(store.entries().len(), 100_000);
        assert_eq!(store.problems(), []);
        let last = &store.entries()[99_999];
        assert_eq!(last.subject(), "CN=number 099999");
        let found: Vec<_> = store.anchors.with_subject(last.raw_subject()).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].certificate(), last.certificate());
    }

    #[test]
    fn a_directory_counts_hashed_names_only() {
        let directory = TempDir::new().unwrap();
        let cert = |name: &str| pem("CERTIFICATE", &certificate(name));
        write(&directory, "one.pem", cert("one"));
        symlink("one.pem", directory.path().join("0123abcd.0")).unwrap();
        write(&directory, "0123abcd.1", cert("two"));
        for unused in ["0123abcd.r0", "0123abcd.", "0123ABCD.0", "0123abc.0", "0123abcd.0~", "x"] {
            write(&directory, unused, cert(unused));
        }
        write(&directory, "stray.pem", cert("stray"));
        write(&directory, "stray.CRT", cert("other stray"));
        fs::create_dir(directory.path().join("subdirectory.pem")).unwrap();
        symlink(".", directory.path().join("89abcdef.0")).unwrap();
        symlink("nowhere", directory.path().join("89abcdef.1")).unwrap();
        let reading = of_directory(directory.path());
        let names: Vec<_> = reading.store.entries().iter().map(StoreEntry::subject).collect();
        assert_eq!(names, ["CN=one", "CN=two"]);
        let path = directory.path().display();
        assert_eq!(
            reasons(&reading),
            [
                "is a directory, not a file",
                DANGLING,
                &*format!(
                    "2 files are not named by subject hash and do not count, as in OpenSSL; run \
                     `openssl rehash {path}`"
                ),
            ]
        );
        assert_eq!(reading.store.places()[0].entries, 2);
    }

    #[test]
    fn openssl_rehash_makes_it_count() {
        let directory = TempDir::new().unwrap();
        write(&directory, "one.pem", pem("CERTIFICATE", &certificate("one")));
        let reading = of_directory(directory.path());
        assert_eq!(reading.store.entries().len(), 0);
        assert_eq!(reading.store.problems().len(), 2, "{reading:?}");
        // The command the problem names. It is there on every machine that has such directories.
        assert!(
            Command::new("openssl").arg("rehash").arg(directory.path()).status().unwrap().success()
        );
        let reading = of_directory(directory.path());
        assert_eq!(reading.store.entries().len(), 1);
        assert_eq!(reading.store.problems(), []);
    }

    #[test]
    fn each_half_is_replaced_on_its_own() {
        let root = TempDir::new().unwrap();
        let cert = |name: &str| pem("CERTIFICATE", &certificate(name));
        let directory = |name: &str| {
            let path = root.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("00000000.0"), cert(name)).unwrap();
            path
        };
        let (set_directory, default_directory) = (directory("set dir"), directory("default dir"));
        let set_file = write(&root, "set.pem", cert("set file"));
        let bundle = write(&root, "default.pem", cert("default file"));
        let missing = root.path().join("missing");
        let names = |file: Option<&PathBuf>, dir: Option<&PathBuf>, bundle: &PathBuf| {
            let environment = Environment {
                file: file.map(|path| (path.clone(), "SSL_CERT_FILE")),
                directories: dir.map(|path| (vec![path.clone()], "SSL_CERT_DIR")),
            };
            let defaults = Defaults {
                bundles: vec![missing.clone(), bundle.clone()],
                directories: vec![missing.clone(), default_directory.clone()],
            };
            let store = read(&environment, &defaults, false).store;
            let names = store.entries().iter().map(|entry| entry.subject().split_off(3));
            (names.collect::<Vec<_>>().join(", "), store.places().len(), store.problems().len())
        };
        let (file, dir) = (Some(&set_file), Some(&set_directory));
        let text = str::to_owned;
        assert_eq!(names(None, None, &bundle), (text("default file"), 1, 0));
        assert_eq!(names(file, None, &bundle), (text("set file"), 1, 0));
        assert_eq!(names(None, dir, &bundle), (text("default file, set dir"), 2, 0));
        assert_eq!(names(file, dir, &bundle), (text("set file, set dir"), 2, 0));
        assert_eq!(names(None, None, &missing), (text("default dir"), 4, 0));
        assert_eq!(names(None, dir, &missing), (text("set dir"), 3, 0));
        // What is set is never replaced by a default, even where nothing is there.
        let nowhere = Some(&missing);
        assert_eq!(names(nowhere, None, &bundle), (text(""), 1, 2));
        assert_eq!(names(None, nowhere, &bundle), (text("default file"), 2, 2));
        assert_eq!(names(nowhere, nowhere, &bundle), (text(""), 2, 4));
        // An emptied bundle is an answer; one that links to nothing is none.
        let empty = write(&root, "empty.pem", "");
        assert_eq!(names(None, None, &empty), (text(""), 1, 1));
        let dangling = root.path().join("dangling.pem");
        symlink("nowhere", &dangling).unwrap();
        assert_eq!(names(None, None, &dangling), (text("default dir"), 4, 1));
    }

    #[test]
    fn a_list_without_directories_is_a_problem() {
        let directories = Some((vec![], "SSL_CERT_DIR"));
        let reading = read(&Environment { file: None, directories }, &nothing_by_default(), false);
        assert_eq!(reasons(&reading), ["is set, but names no directory"]);
    }

    #[test]
    fn places_that_repeat_each_other_are_counted_each() {
        let root = TempDir::new().unwrap();
        let text = pem("CERTIFICATE", &certificate("same"));
        let file = write(&root, "00000000.0", text.clone() + &text);
        let environment = Environment {
            file: Some((file, "SSL_CERT_FILE")),
            directories: Some((vec![root.path().to_owned()], "SSL_CERT_DIR")),
        };
        let reading = read(&environment, &nothing_by_default(), false);
        assert_eq!(reading.store.entries().len(), 1);
        let counts: Vec<_> = reading.store.places().iter().map(|place| place.entries).collect();
        assert_eq!(counts, [1, 1]);
        assert_eq!(reading.store.problems(), []);
    }

    #[test]
    fn trust_settings_mean_what_openssl_says_they_mean() {
        // The second opinion is the `openssl` command, which every Debian machine has.
        let directory = TempDir::new().unwrap();
        let (ca, leaf) = issue("trusted", "server.test");
        let ca = write(&directory, "ca.pem", pem("CERTIFICATE", &ca));
        let leaf = write(&directory, "leaf.pem", pem("CERTIFICATE", &leaf));
        let store = directory.path().join("store.pem");
        for settings in [
            &[][..],
            &["-addtrust", "serverAuth"],
            &["-addtrust", "clientAuth"],
            &["-addtrust", "emailProtection"],
            &["-addtrust", "anyExtendedKeyUsage"],
            &["-addtrust", "serverAuth", "-addtrust", "clientAuth"],
            &["-addreject", "serverAuth"],
            &["-addreject", "clientAuth"],
            &["-addreject", "emailProtection"],
            &["-addreject", "anyExtendedKeyUsage"],
            &["-addtrust", "serverAuth", "-addreject", "serverAuth"],
            &["-addtrust", "clientAuth", "-addreject", "serverAuth"],
            &["-addtrust", "anyExtendedKeyUsage", "-addreject", "clientAuth"],
            &["-setalias", "a name"],
            &["-setalias", "a name", "-addreject", "serverAuth"],
        ] {
            let mut made = Command::new("openssl");
            made.args(["x509", "-trustout", "-in"]).arg(&ca).arg("-out").arg(&store).args(settings);
            assert!(made.output().unwrap().status.success());
            assert!(fs::read_to_string(&store).unwrap().contains("BEGIN TRUSTED CERTIFICATE"));
            let reading = of_file(&store);
            assert_eq!(reasons(&reading), [] as [&str; 0]);
            for (purpose, name) in
                [(Purpose::ServerAuth, "sslserver"), (Purpose::ClientAuth, "sslclient")]
            {
                let mut verify = Command::new("openssl");
                verify.args(["verify", "-no-CApath", "-no-CAstore", "-purpose", name, "-CAfile"]);
                let theirs = verify.arg(&store).arg(&leaf).output().unwrap().status.success();
                let ours = reading.store.usable(purpose, UnixTime::now()).count() == 1;
                assert_eq!(ours, theirs, "{settings:?} for {name}");
            }
        }
    }

    #[test]
    fn changes_are_seen() {
        let directory = TempDir::new().unwrap();
        let text = pem("CERTIFICATE", &certificate("same"));
        let path = write(&directory, "ca.pem", &text);
        let settle = || {
            // As if read long after the last change.
            let mut watch = of_file(&path).watch;
            watch.settle();
            watch
        };
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let watch = settle();
        assert!(!watch.has_changed());
        fs::write(&path, text.clone() + "\n").unwrap();
        assert!(watch.has_changed(), "size");

        let watch = settle();
        File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        assert!(watch.has_changed(), "time");

        let watch = settle();
        let other = write(&directory, "other", text.clone() + "\n");
        File::options().write(true).open(&other).unwrap().set_modified(old).unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(watch.has_changed(), "identity");

        let watch = settle();
        fs::remove_file(&path).unwrap();
        assert!(watch.has_changed(), "gone");

        let watch = settle();
        assert!(!watch.has_changed());
        fs::write(&path, &text).unwrap();
        assert!(watch.has_changed(), "there again");
    }

    #[test]
    fn a_file_that_changes_while_it_is_read() {
        let directory = TempDir::new().unwrap();
        let path = write(&directory, "ca.pem", "12345");
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let before = Stamp::of(&file.metadata().unwrap());
        let whole = |stamp| {
            let mut buffer = Vec::new();
            read_whole(&File::open(&path).unwrap(), stamp, &mut buffer).unwrap()
        };
        assert!(whole(before));
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(!whole(before), "same length, other time");
        let before = Stamp::of(&file.metadata().unwrap());
        assert!(!whole(Stamp { size: 4, ..before }), "longer than it was");
        assert!(!whole(Stamp { size: 6, ..before }), "shorter than it was");
    }

    #[test]
    fn a_file_just_written_is_not_believed_to_stay() {
        let stamp =
            |secs| Stamp { identity: (0, 0), size: 0, modified: (secs, 0), changed: (0, 0) };
        for (age, fresh) in [(0, true), (2, true), (3, false), (-2, true), (-3, false)] {
            assert_eq!(stamp(1_000_000 - age).is_fresh(1_000_000), fresh, "{age}");
        }
    }
}
