use std::fs::File;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::time::{Duration, SystemTime};

use pki_types::UnixTime;
use tempfile::TempDir;

use super::*;
use crate::policy::Purpose;
use crate::store::anchor::AnchorSet;
use crate::store::file::{MAX_FILE_BYTES, read_file, read_whole};
use crate::store::refusal::TrustSettings;
use crate::store::stamp::now;
use crate::store::testing::{certificate, issue, pem};
use crate::store::window;

/// What a store of this one file gives.
fn of_file(path: &Path) -> Reading {
    let file = Some((path.to_owned(), "SSL_CERT_FILE"));
    read(
        &Environment { file, directories: None, ..Environment::default() },
        &nothing_by_default(),
        None,
        now(),
    )
}

fn of_directory(path: &Path) -> Reading {
    let directories = Some((vec![path.to_owned()], "SSL_CERT_DIR"));
    read(&Environment { directories, ..Environment::default() }, &nothing_by_default(), None, now())
}

fn nothing_by_default() -> Defaults {
    Defaults::default()
}

fn reasons(reading: &Reading) -> Vec<&str> {
    reading.store.problems.iter().map(|problem| &*problem.reason).collect()
}

fn write(directory: &TempDir, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

const NOTHING: &str = "SSL_CERT_FILE points here, but no certificate was found";

#[test]
fn a_bundle() {
    let directory = TempDir::new().unwrap();
    let (one, two) = (certificate("one"), certificate("two"));
    let text = [pem("CERTIFICATE", &one), pem("CERTIFICATE", &two), pem("CERTIFICATE", &one)];
    let path = write(&directory, "ca.pem", text.concat());
    let store = of_file(&path).store;
    let found: Vec<_> = store.entries().iter().map(|entry| entry.certificate().to_vec()).collect();
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
        (write(&directory, "text", "hello\n"), "contains no PEM block with a certificate"),
        (
            write(&directory, "key", pem("PRIVATE KEY", b"x")),
            "contains a private key, but no certificate",
        ),
        (
            write(&directory, "half", &text[..text.len() / 2]),
            "the block has no END line (truncated?)",
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
    let reading = of_file(&write(&directory, "utf16", utf16));
    assert!(reasons(&reading)[0].starts_with("is text in UTF-16"), "{reading:?}");
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
    let truncated = reading.files.values().any(|known| known.truncated);
    assert!(!truncated, "nobody is in the middle of writing it");
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
                "2 files are not named by subject hash and are ignored, as in OpenSSL; run \
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
            ..Environment::default()
        };
        let defaults = Defaults {
            bundles: vec![missing.clone(), bundle.clone()],
            directories: vec![missing.clone(), default_directory.clone()],
            ..Defaults::default()
        };
        let store = read(&environment, &defaults, None, now()).store;
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
    let reading = read(
        &Environment { directories, ..Environment::default() },
        &nothing_by_default(),
        None,
        now(),
    );
    assert_eq!(reasons(&reading), ["is set but names no directory"]);
}

#[test]
fn places_that_repeat_each_other_are_counted_each() {
    let root = TempDir::new().unwrap();
    let text = pem("CERTIFICATE", &certificate("same"));
    let file = write(&root, "00000000.0", text.clone() + &text);
    let environment = Environment {
        file: Some((file, "SSL_CERT_FILE")),
        directories: Some((vec![root.path().to_owned()], "SSL_CERT_DIR")),
        ..Environment::default()
    };
    let reading = read(&environment, &nothing_by_default(), None, now());
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
        let whole = read_whole(&File::open(&path).unwrap(), stamp, &mut buffer).unwrap();
        let through = window::read(&File::open(&path).unwrap(), stamp, &mut buffer).unwrap();
        assert_eq!(through.is_some(), whole, "through a window");
        whole
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
    let stamp = |secs| Stamp { identity: (0, 0), size: 0, modified: (secs, 0), changed: (0, 0) };
    for (age, fresh) in [(0, true), (2, true), (3, false), (-2, true), (-3, false)] {
        assert_eq!(stamp(1_000_000 - age).is_fresh(1_000_000), fresh, "{age}");
    }
}

/// No work that grows with the square: this would not end within minutes.
#[test]
fn entries_that_look_alike_cost_no_more() {
    const COUNT: u32 = 40_000;
    let source = Source::ExtraRoots;
    let cert = certificate("alike");
    // The serial number differs, the end does not.
    let serial = cert.windows(2).position(|two| two == [2, 0x14]).unwrap() + 4;
    let alike = (0..COUNT).map(|number| {
        let mut other = cert.clone();
        other[serial..serial + 4].copy_from_slice(&number.to_be_bytes());
        StoreEntry::new(other.into(), source.clone(), None)
    });
    assert_eq!(AnchorSet::new(alike).entries().len(), 40_000);
    // The same certificate, with other settings each time, and all of them rejected.
    let settled = (0..COUNT).map(|number| {
        let rejected = vec![format!("1.2.{number}"), "1.3.6.1.5.5.7.3.1".to_owned()];
        let trust = TrustSettings { trusted: None, rejected };
        StoreEntry::new(cert.clone().into(), source.clone(), Some(trust))
    });
    let set = AnchorSet::new(settled);
    assert_eq!(set.entries().len(), 40_000);
    let rejected = |entry: &StoreEntry| entry.trust().unwrap().rejected.len();
    assert!(set.entries().iter().all(|entry| rejected(entry) == 2));
    let text = "a:".to_owned() + &(0..30_000).map(|n| format!("/{n}:")).collect::<String>();
    let environment =
        Environment::from_variables(|name| (name == "SSL_CERT_DIR").then(|| text.clone().into()));
    assert_eq!(environment.directories.unwrap().0.len(), 30_001);
}
