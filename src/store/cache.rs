//! The snapshot that a process shares: read once, looked after at most once a second, swapped
//! as a whole.
//!
//! There is no background thread, and nothing is read while a lock is held, so that the child
//! of a `fork()` in a program with threads can go on: locks and claims that the threads of the
//! parent held at that moment are never given back in the child.

use std::ffi::OsString;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError, TryLockResult};
use std::time::{Duration, Instant};

use super::load::{self, Reading, Watch};
use super::locations::{Defaults, Environment};
use super::{Problem, SystemStore};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);
/// At most this part of the time goes into looking at the files.
const SHARE: u32 = 100;
/// Handles kept for environments that no verifier uses at the moment.
const MAX_HANDLES: usize = 16;

/// The store for one setting of the environment, shared by the process.
#[derive(Debug)]
pub(crate) struct Handle {
    environment: Environment,
    defaults: Defaults,
    interval: Duration,
    /// Not an `RwLock`: where readers come and go all the time, a writer that must not wait for
    /// good would find it held for ever.
    current: Mutex<Option<Arc<Current>>>,
    /// What times count from.
    epoch: Instant,
    /// When the files are looked at again, in nanoseconds.
    due: AtomicU64,
    /// The process whose thread is reading; 0 if none is.
    reader: AtomicU32,
}

#[derive(Debug)]
struct Current {
    /// What verifiers use.
    store: Arc<SystemStore>,
    /// The last good reading: `store` without what was said about failed ones.
    good: Arc<SystemStore>,
    /// The files that were damaged in the last good reading.
    damaged: Vec<std::path::PathBuf>,
    /// Of the last reading, good or not.
    watch: Watch,
}

/// The handles of this process, the last used last.
static HANDLES: Mutex<Vec<Arc<Handle>>> = Mutex::new(Vec::new());

impl Handle {
    /// The handle for the environment variables as they are now. Reads no file.
    pub(crate) fn for_process() -> Arc<Self> {
        Self::for_environment(Environment::capture())
    }

    /// The same for the values that a caller has.
    pub(crate) fn for_variables(variable: impl Fn(&str) -> Option<OsString>) -> Arc<Self> {
        Self::for_environment(Environment::from_variables(variable))
    }

    fn for_environment(environment: Environment) -> Arc<Self> {
        let Some(mut handles) = patiently(|| HANDLES.try_lock()) else {
            return Arc::new(Self::new(environment, Defaults::of_distributions(), INTERVAL));
        };
        let known = handles.iter().position(|handle| handle.environment == environment);
        let handle = match known {
            Some(index) => handles.remove(index),
            None => {
                if handles.len() >= MAX_HANDLES {
                    handles.remove(0);
                }
                Arc::new(Self::new(environment, Defaults::of_distributions(), INTERVAL))
            }
        };
        handles.push(handle.clone());
        handle
    }

    pub(super) fn new(environment: Environment, defaults: Defaults, interval: Duration) -> Self {
        Self {
            environment,
            defaults,
            interval,
            current: Mutex::new(None),
            epoch: Instant::now(),
            due: AtomicU64::new(0),
            reader: AtomicU32::new(0),
        }
    }

    /// The newest good snapshot. Infallible; reads the store if nobody has, and again if its
    /// files have changed. While one thread reads, the others go on with the snapshot before.
    pub(crate) fn store(&self) -> Arc<SystemStore> {
        loop {
            let Some(current) = patiently(|| self.current.try_lock()).map(|guard| guard.clone())
            else {
                return Arc::new(self.read(true).store);
            };
            let claim = match &current {
                Some(current) if !self.is_due() => return current.store.clone(),
                _ => Claim::take(&self.reader),
            };
            match (claim, current) {
                (Some(_claim), current) => return self.renew(current),
                (None, Some(current)) => return current.store.clone(),
                // The first reading, on another thread: it takes a millisecond.
                (None, None) => std::thread::sleep(Duration::from_micros(50)),
            }
        }
    }

    /// Called with the claim held, so by one thread at a time.
    fn renew(&self, seen: Option<Arc<Current>>) -> Arc<SystemStore> {
        let started = Instant::now();
        // Another thread may have been faster between the look and the claim.
        let current = match seen {
            Some(current) => Some(current),
            None => patiently(|| self.current.try_lock()).and_then(|guard| guard.clone()),
        };
        let next = match &current {
            Some(current) if !self.is_due() || !current.watch.has_changed() => None,
            Some(current) => Some(current.after(self.read(false))),
            None => Some(Current::first(self.read(true))),
        };
        let store = match (next, &current) {
            (Some(next), _) => {
                let store = next.store.clone();
                let next = Some(Arc::new(next));
                if let Some(mut guard) = patiently(|| self.current.try_lock()) {
                    *guard = next;
                }
                store
            }
            (None, Some(current)) => current.store.clone(),
            (None, None) => Arc::default(),
        };
        let pause = self.interval.max(started.elapsed() * SHARE).min(self.interval * 3600);
        let due = (self.epoch.elapsed() + pause).as_nanos();
        self.due.store(u64::try_from(due).unwrap_or(u64::MAX), Ordering::Release);
        store
    }

    fn is_due(&self) -> bool {
        self.epoch.elapsed().as_nanos() >= u128::from(self.due.load(Ordering::Acquire))
    }

    fn read(&self, patience: bool) -> Reading {
        load::read(&self.environment, &self.defaults, patience)
    }
}

impl Current {
    fn first(reading: Reading) -> Self {
        let store = Arc::new(reading.store);
        Self { good: store.clone(), store, damaged: reading.damaged, watch: reading.watch }
    }

    /// What follows: the new reading, or this one with the reason why the new one does not count.
    fn after(&self, reading: Reading) -> Self {
        let failures = self.failures(&reading);
        if failures.is_empty() {
            return Self::first(reading);
        }
        let mut problems = self.good.problems.clone();
        problems.extend(failures);
        let store = Arc::new(SystemStore {
            anchors: self.good.anchors.clone(),
            places: self.good.places.clone(),
            problems,
        });
        Self { store, good: self.good.clone(), damaged: self.damaged.clone(), watch: reading.watch }
    }

    /// Why a new reading is not to be believed: files are damaged that were not, or nothing is
    /// where certificates were.
    fn failures(&self, reading: &Reading) -> Vec<Problem> {
        const KEPT: &str = "the certificates read from it before still count";
        let new = &reading.store;
        let failure = |path: &std::path::Path| {
            let found = new.problems.iter().find(|problem| problem.path == path);
            Problem {
                path: path.to_owned(),
                line: found.and_then(|problem| problem.line),
                reason: match found {
                    Some(problem) => format!("{}; {KEPT}", problem.reason),
                    None => format!("gives no certificate any more; {KEPT}"),
                },
            }
        };
        let damaged = reading.damaged.iter().filter(|path| !self.damaged.contains(path));
        let mut failures: Vec<_> = damaged.map(|path| failure(path)).collect();
        // By variable: of several default places only one counts, and it may be another now.
        for place in self.good.places.iter().filter(|place| place.entries > 0) {
            let of_same = |store: &SystemStore| -> usize {
                let places = store.places.iter();
                places.filter(|other| other.reason == place.reason).map(|place| place.entries).sum()
            };
            if of_same(new) == 0 {
                let path = place.source.path().unwrap_or(std::path::Path::new(""));
                if !failures.iter().any(|failure| failure.path == path) {
                    failures.push(failure(path));
                }
            }
        }
        failures
    }
}

/// The right to read, for one thread of this process; given back when dropped.
struct Claim<'a>(&'a AtomicU32);

impl<'a> Claim<'a> {
    fn take(reader: &'a AtomicU32) -> Option<Self> {
        let process = std::process::id();
        let owner = reader.load(Ordering::Relaxed);
        if owner == process {
            return None;
        }
        // Nobody, or a thread of the process that this one was forked from.
        reader
            .compare_exchange(owner, process, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
            .then(|| Self(reader))
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

/// Takes a lock that is never held for longer than it takes to copy a pointer. `None` if it is
/// not to be had all the same: a thread held it while the process was forked.
fn patiently<G>(mut lock: impl FnMut() -> TryLockResult<G>) -> Option<G> {
    const YIELDS: u32 = 100;
    const SLEEPS: u32 = 1_000;
    for attempt in 0..YIELDS + SLEEPS {
        match lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => {
                return Some(PoisonError::into_inner(poisoned));
            }
            Err(TryLockError::WouldBlock) if attempt < YIELDS => std::thread::yield_now(),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_micros(50)),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::{Path, PathBuf};
    use std::sync::atomic::AtomicBool;
    use std::time::SystemTime;

    use tempfile::TempDir;

    use super::*;
    use crate::store::testing::{certificate, pem};

    const NEVER: Duration = Duration::from_secs(1_000_000);

    fn handle(file: &Path, interval: Duration) -> Handle {
        let file = Some((file.to_owned(), "SSL_CERT_FILE"));
        let defaults = Defaults { bundles: Vec::new(), directories: Vec::new() };
        Handle::new(Environment { file, directories: None }, defaults, interval)
    }

    /// A file that looks as if nobody had touched it for years.
    fn write_old(path: &Path, text: &str, year: u64) {
        fs::write(path, text).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(year * 31_556_952);
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    fn names(store: &SystemStore) -> Vec<String> {
        store.entries().iter().map(|entry| entry.subject()).collect()
    }

    fn setup() -> (TempDir, PathBuf, String, String) {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("ca.pem");
        let (one, two) = (certificate("one"), certificate("two"));
        (directory, path, pem("CERTIFICATE", &one), pem("CERTIFICATE", &two))
    }

    #[test]
    fn read_once_until_something_changes() {
        let (_directory, path, one, two) = setup();
        write_old(&path, &one, 30);
        let handle = handle(&path, Duration::ZERO);
        let first = handle.store();
        assert_eq!(names(&first), ["CN=one"]);
        // The change time of the file is now, so that it may be read again for two seconds.
        handle.settle();
        let first = handle.store();
        assert!(Arc::ptr_eq(&first, &handle.store()), "not read again");
        write_old(&path, &two, 31);
        assert_eq!(names(&handle.store()), ["CN=two"]);
        assert_eq!(names(&first), ["CN=one"], "a snapshot never changes");
    }

    #[test]
    fn looked_at_once_in_an_interval() {
        let (_directory, path, one, two) = setup();
        fs::write(&path, one).unwrap();
        let handle = handle(&path, NEVER);
        let first = handle.store();
        fs::write(&path, two).unwrap();
        assert!(Arc::ptr_eq(&first, &handle.store()));
        handle.due.store(0, Ordering::Release);
        assert_eq!(names(&handle.store()), ["CN=two"]);
    }

    #[test]
    fn a_place_that_appears() {
        let (directory, path, one, two) = setup();
        let bundle = directory.path().join("bundle.pem");
        let defaults =
            Defaults { bundles: vec![path.clone(), bundle.clone()], directories: Vec::new() };
        let handle = Handle::new(Environment::default(), defaults, Duration::ZERO);
        assert!(handle.store().entries().is_empty());
        assert_eq!(handle.store().places().len(), 2, "all that was tried");
        fs::write(&bundle, one).unwrap();
        assert_eq!(names(&handle.store()), ["CN=one"]);
        handle.settle();
        fs::write(&path, two).unwrap();
        assert_eq!(names(&handle.store()), ["CN=two"], "the first bundle counts");
        assert_eq!(handle.store().problems(), []);
    }

    #[test]
    fn a_directory_that_changes() {
        let (directory, path, one, two) = setup();
        let hashed = |number: u32| directory.path().join(format!("01234567.{number}"));
        fs::write(hashed(0), &one).unwrap();
        let directories = Some((vec![directory.path().to_owned()], "SSL_CERT_DIR"));
        let defaults = Defaults { bundles: Vec::new(), directories: Vec::new() };
        let handle = Handle::new(Environment { file: None, directories }, defaults, Duration::ZERO);
        // On some file systems time goes in steps of many milliseconds.
        File::open(directory.path()).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(names(&handle.store()), ["CN=one"]);
        handle.settle();
        fs::write(hashed(1), &two).unwrap();
        assert_eq!(names(&handle.store()), ["CN=one", "CN=two"]);
        handle.settle();
        // The directory stays the same; what its link points to does not.
        write_old(&path, &one, 30);
        fs::remove_file(hashed(1)).unwrap();
        std::os::unix::fs::symlink(&path, hashed(1)).unwrap();
        handle.store();
        handle.settle();
        write_old(&path, &two, 31);
        assert_eq!(names(&handle.store()), ["CN=one", "CN=two"]);
        // One certificate removed is a change, the last one removed a failure.
        fs::remove_file(hashed(0)).unwrap();
        assert_eq!(names(&handle.store()), ["CN=two"]);
        fs::remove_file(hashed(1)).unwrap();
        assert_eq!(names(&handle.store()), ["CN=two"]);
        assert_eq!(handle.store().problems().len(), 1);
    }

    #[test]
    fn a_failed_refresh_keeps_the_last_good_snapshot() {
        let (_directory, path, one, two) = setup();
        let both = one.clone() + &two;
        for (what, broken, reason) in [
            ("emptied", Some(""), "is empty"),
            ("garbage", Some("garbage"), "has no PEM block with a certificate"),
            ("cut in half", Some(&both[..both.len() - 100]), "the block has no end: cut in half?"),
            ("removed", None, "No such file or directory (os error 2)"),
        ] {
            fs::write(&path, &both).unwrap();
            let handle = handle(&path, Duration::ZERO);
            let good = handle.store();
            assert_eq!(good.problems(), [], "{what}");
            match broken {
                Some(text) => fs::write(&path, text).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            for _ in 0..2 {
                let kept = handle.store();
                assert_eq!(names(&kept), ["CN=one", "CN=two"], "{what}");
                assert_eq!(kept.places(), good.places(), "{what}");
                let [problem] = kept.problems() else { panic!("{what}: {kept:?}") };
                assert_eq!(problem.path, path, "{what}");
                assert_eq!(
                    problem.reason,
                    format!("{reason}; the certificates read from it before still count"),
                    "{what}"
                );
                handle.settle();
            }
            fs::write(&path, &two).unwrap();
            let repaired = handle.store();
            assert_eq!(names(&repaired), ["CN=two"], "{what}");
            assert_eq!(repaired.problems(), [], "{what}");
        }
    }

    #[test]
    fn damage_that_was_there_before_does_not_stop_refreshes() {
        let (_directory, path, one, two) = setup();
        let half = "-----BEGIN CERTIFICATE-----\nMII\n";
        fs::write(&path, one.clone() + half).unwrap();
        let handle = handle(&path, Duration::ZERO);
        assert_eq!(names(&handle.store()), ["CN=one"]);
        fs::write(&path, one + &two + half).unwrap();
        assert_eq!(names(&handle.store()), ["CN=one", "CN=two"]);
        assert_eq!(handle.store().problems().len(), 1);
    }

    #[test]
    fn threads_never_see_an_empty_or_broken_store() {
        let (_directory, path, one, two) = setup();
        let both = one.clone() + &two;
        fs::write(&path, &both).unwrap();
        let handle = handle(&path, Duration::ZERO);
        handle.store(); // or the first reading may find nothing, and have nothing to keep
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let store = handle.store();
                        assert!(!store.entries().is_empty());
                        assert!(store.entries().len() <= 2);
                        std::thread::yield_now();
                    }
                });
            }
            // In place, without any care: truncated first, in several writes.
            for round in 0..20 {
                let text = if round % 2 == 0 { &one } else { &both };
                let mut file = File::create(&path).unwrap();
                for piece in text.as_bytes().chunks(300) {
                    std::io::Write::write_all(&mut file, piece).unwrap();
                    std::thread::yield_now();
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        let last = handle.store();
        assert_eq!(names(&last), ["CN=one", "CN=two"]);
        assert_eq!(last.problems(), []);
    }

    #[test]
    fn threads_share_the_first_reading() {
        let (_directory, path, one, _) = setup();
        fs::write(&path, one).unwrap();
        let handle = handle(&path, NEVER);
        let stores: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..32).map(|_| scope.spawn(|| handle.store())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(stores.iter().all(|store| Arc::ptr_eq(store, &stores[0])));
        assert_eq!(names(&stores[0]), ["CN=one"]);
    }

    #[test]
    fn a_claim_of_the_parent_process_does_not_last() {
        let (_directory, path, one, two) = setup();
        fs::write(&path, one).unwrap();
        let handle = handle(&path, Duration::ZERO);
        // As in a child that was forked while a thread of the parent was reading.
        let parent = std::os::unix::process::parent_id();
        handle.reader.store(parent, Ordering::Relaxed);
        assert_eq!(names(&handle.store()), ["CN=one"]);
        handle.reader.store(parent, Ordering::Relaxed);
        fs::write(&path, two).unwrap();
        assert_eq!(names(&handle.store()), ["CN=two"]);
        // A thread of this process has the claim: the others go on with what there is.
        let claim = Claim::take(&handle.reader).unwrap();
        assert!(Claim::take(&handle.reader).is_none());
        fs::remove_file(&path).unwrap();
        assert_eq!(handle.store().problems(), []);
        drop(claim);
        assert_eq!(handle.store().problems().len(), 1);
    }

    #[test]
    fn a_lock_that_is_never_given_back_stops_nobody() {
        let (_directory, path, one, _) = setup();
        fs::write(&path, one).unwrap();
        let handle = handle(&path, Duration::ZERO);
        let lost = handle.current.lock().unwrap();
        assert_eq!(names(&handle.store()), ["CN=one"]);
        drop(lost);
    }

    #[test]
    fn one_handle_for_one_environment() {
        assert!(Arc::ptr_eq(&Handle::for_process(), &Handle::for_process()));
        assert!(HANDLES.lock().unwrap().len() <= MAX_HANDLES);
    }

    impl Handle {
        /// Forgets that the files were written a moment ago.
        fn settle(&self) {
            let mut guard = self.current.lock().unwrap();
            let old = guard.take().unwrap();
            let mut new = Arc::into_inner(old).unwrap();
            new.watch.settle();
            *guard = Some(Arc::new(new));
        }
    }
}
