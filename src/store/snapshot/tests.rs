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
    let defaults = Defaults::default();
    Handle::new(
        Environment { file, directories: None, ..Environment::default() },
        defaults,
        interval,
    )
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
    let defaults = Defaults {
        bundles: vec![path.clone(), bundle.clone()],
        directories: Vec::new(),
        ..Defaults::default()
    };
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
    let defaults = Defaults::default();
    let handle = Handle::new(
        Environment { directories, ..Environment::default() },
        defaults,
        Duration::ZERO,
    );
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
    // One certificate removed is a change; the last one may be the first of all to be replaced.
    fs::remove_file(hashed(0)).unwrap();
    assert_eq!(names(&handle.store()), ["CN=two"]);
    fs::remove_file(hashed(1)).unwrap();
    let kept = handle.store();
    assert_eq!(names(&kept), ["CN=two"]);
    let problem = kept.problems().last().unwrap();
    assert_eq!(problem.reason, "no longer contains a certificate; keeping those read earlier");
    handle.wait(4);
    assert!(names(&handle.store()).is_empty());
}

#[test]
fn a_file_in_the_middle_of_a_change_is_kept_for_seconds() {
    let (_directory, path, one, two) = setup();
    let both = one.clone() + &two;
    for (what, broken, reason, left) in [
        ("emptied", Some(""), "is empty", &[][..]),
        ("garbage", Some("garbage"), "contains no PEM block with a certificate", &[]),
        (
            "cut",
            Some(&both[..both.len() - 100]),
            "the block has no END line (truncated?)",
            &["CN=one"],
        ),
        ("removed", None, "No such file or directory (os error 2)", &[]),
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
            assert_eq!(problem.reason, format!("{reason}; keeping those read earlier"), "{what}");
        }
        handle.wait(4);
        for _ in 0..2 {
            let taken = handle.store();
            assert_eq!(names(&taken), left, "{what}");
            assert_eq!(taken.problems()[0].reason, reason, "{what}");
            handle.settle();
        }
        fs::write(&path, &two).unwrap();
        let repaired = handle.store();
        assert_eq!(names(&repaired), ["CN=two"], "{what}");
        assert_eq!(repaired.problems(), [], "{what}");
    }
}

#[test]
fn a_file_that_is_written_all_the_time_is_not_kept_for_ever() {
    let (_directory, path, one, _) = setup();
    fs::write(&path, &one).unwrap();
    let handle = handle(&path, Duration::ZERO);
    assert_eq!(names(&handle.store()), ["CN=one"]);
    fs::write(&path, "").unwrap();
    assert_eq!(names(&handle.store()), ["CN=one"]);
    let mut guard = handle.current.lock().unwrap();
    let mut current = Arc::into_inner(guard.take().unwrap()).unwrap();
    current.kept_since = Instant::now().checked_sub(KEPT_AT_MOST);
    *guard = Some(Arc::new(current));
    drop(guard);
    assert!(handle.store().entries().is_empty());
}

#[test]
fn a_damaged_file_does_not_keep_what_others_lose() {
    let (directory, path, one, two) = setup();
    let hashed = |number: u32| directory.path().join(format!("01234567.{number}"));
    fs::write(hashed(0), &one).unwrap();
    fs::write(hashed(1), &two).unwrap();
    fs::write(&path, &one).unwrap();
    let environment = Environment {
        file: Some((path.clone(), "SSL_CERT_FILE")),
        directories: Some((vec![directory.path().to_owned()], "SSL_CERT_DIR")),
        ..Environment::default()
    };
    let defaults = Defaults::default();
    let handle = Handle::new(environment, defaults, Duration::ZERO);
    assert_eq!(names(&handle.store()), ["CN=one", "CN=two"]);
    // One file is cut; what it gave is kept, although the entry stood under another file.
    fs::write(hashed(0), &one[..200]).unwrap();
    fs::remove_file(hashed(1)).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, &two).unwrap();
    assert_eq!(names(&handle.store()), ["CN=two", "CN=one"]);
    fs::write(&path, "").unwrap();
    assert_eq!(names(&handle.store()), ["CN=two", "CN=one"]);
    handle.wait(4);
    assert!(names(&handle.store()).is_empty());
}

#[test]
fn a_link_whose_target_is_removed_is_a_removal() {
    let (directory, path, one, two) = setup();
    let hashed = |number: u32| directory.path().join(format!("01234567.{number}"));
    fs::write(&path, &one).unwrap();
    std::os::unix::fs::symlink(&path, hashed(0)).unwrap();
    fs::write(hashed(1), &two).unwrap();
    let directories = Some((vec![directory.path().to_owned()], "SSL_CERT_DIR"));
    let defaults = Defaults::default();
    let handle = Handle::new(
        Environment { directories, ..Environment::default() },
        defaults,
        Duration::ZERO,
    );
    assert_eq!(names(&handle.store()), ["CN=one", "CN=two"]);
    fs::remove_file(&path).unwrap();
    let store = handle.store();
    assert_eq!(names(&store), ["CN=two"], "at once");
    assert_eq!(store.problems()[0].reason, "is a link to something that does not exist");
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
    pub(super) fn now(&self) -> i64 {
        now() + self.ahead.load(Ordering::Relaxed)
    }

    /// As if so many seconds had passed since the files were written.
    pub(in crate::store) fn wait(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Forgets that the files were written a moment ago.
    fn settle(&self) {
        let mut guard = self.current.lock().unwrap();
        let old = guard.take().unwrap();
        let mut new = Arc::into_inner(old).unwrap();
        new.reading.watch.settle();
        *guard = Some(Arc::new(new));
    }
}
