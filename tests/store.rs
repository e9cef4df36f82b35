//! The system store as programs see it: through the environment variables of a process.
//!
//! The variables are set for child processes only, since setting them here would be a race with
//! the other tests: this program runs its own test `child` again, which prints what it sees.

#![cfg(all(unix, not(target_vendor = "apple")))]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pki_types::pem::PemObject;
use pki_types::{CertificateDer, ServerName};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use trustbridge::{Peer, SystemStore, Verifier};

const CHILD: &str = "TRUSTBRIDGE_TEST_CHILD";
const HOST: &str = "server.test";

struct Pki {
    root: String,
    leaf: Vec<u8>,
}

fn pki(name: &str) -> Pki {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let root = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let leaf = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    Pki { root, leaf: leaf.der().to_vec() }
}

/// Runs `child` with these variables and no others that name certificates.
fn run(mode: &str, variables: &[(&str, &Path)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture", "--test-threads=1"]).env(CHILD, mode);
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR", "NIX_SSL_CERT_FILE"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let lines = text.lines().filter_map(|line| line.split_once("CHILD ").map(|(_, rest)| rest));
    lines.map(|line| line.to_owned() + "\n").collect()
}

/// Not a test of its own: what the children run. In the parent there is nothing to do.
#[test]
fn child() {
    let Ok(mode) = std::env::var(CHILD) else { return };
    if mode == "store" {
        let store = SystemStore::snapshot();
        for entry in store.entries() {
            println!("\nCHILD entry {}", entry.subject());
        }
        for place in store.places() {
            println!("\nCHILD place {} {} {}", place.source, place.reason, place.entries);
        }
        for problem in store.problems() {
            println!("\nCHILD problem {problem}");
        }
        if std::env::var_os("TRUSTBRIDGE_INTERMEDIATES_DIR").is_some() {
            let stranger = [CertificateDer::from(pki("stranger").leaf)];
            let error = Verifier::system().verify(&Peer::new(&stranger, None)).unwrap_err();
            let searched = error.searched_intermediates().iter();
            let paths: Vec<_> = searched.map(|searched| &searched.path).collect();
            println!("\nCHILD intermediates: {paths:?}");
        }
        assert!(std::sync::Arc::ptr_eq(&store, &SystemStore::snapshot()));
        return;
    }
    if mode == "given" {
        // The variables of the process name nothing that is there.
        let given = std::env::var_os("GIVEN").unwrap();
        let builder =
            Verifier::builder_with_env(|name| (name == "SSL_CERT_FILE").then(|| given.clone()));
        for entry in builder.system_store().entries() {
            println!("\nCHILD entry {}", entry.subject());
        }
        let none = Verifier::builder_with_env(|_| None).system_store();
        assert!(none.places().iter().all(|place| place.reason == "default"), "{none:?}");
        assert!(SystemStore::snapshot().entries().is_empty());
        return;
    }
    let chain = [CertificateDer::from(STANDARD.decode(mode).unwrap())];
    let peer = Peer::new(&chain, Some(ServerName::try_from(HOST).unwrap()));
    let own = std::env::var_os("OWN_ROOT");
    let own = own.map(|file| CertificateDer::from_pem_file(file).unwrap());
    match Verifier::builder().extra_roots(own).build().unwrap().verify(&peer) {
        Ok(verified) => println!("\nCHILD trusted by {}", verified.anchor.source),
        Err(error) => {
            println!("\nCHILD {:?}", error.kind());
            for line in error.report().lines() {
                println!("\nCHILD {line}");
            }
        }
    }
}

#[test]
fn a_caller_can_give_the_variables() {
    let directory = TempDir::new().unwrap();
    let path = |name| directory.path().join(name);
    fs::write(path("file.pem"), pki("in the file").root).unwrap();
    let variables: &[(&str, &Path)] = &[
        ("GIVEN", &path("file.pem")),
        ("SSL_CERT_FILE", &path("missing")),
        ("SSL_CERT_DIR", &path("missing")),
    ];
    assert_eq!(run("given", variables), "entry CN=in the file\n");
}

#[test]
fn the_environment_names_the_store() {
    let directory = TempDir::new().unwrap();
    let path = |name| directory.path().join(name);
    let (file, hashed, empty) = (path("file.pem"), path("hashed"), path("empty"));
    fs::write(&file, pki("in the file").root).unwrap();
    fs::create_dir(&hashed).unwrap();
    fs::create_dir(&empty).unwrap();
    fs::write(hashed.join("01234567.0"), pki("in the directory").root).unwrap();

    let seen = run("store", &[("SSL_CERT_FILE", &file)]);
    let place = format!("place {} SSL_CERT_FILE 1\n", file.display());
    assert_eq!(seen, format!("entry CN=in the file\n{place}"));

    let seen = run("store", &[("SSL_CERT_FILE", &file), ("SSL_CERT_DIR", &hashed)]);
    assert_eq!(
        seen,
        format!(
            "entry CN=in the file\nentry CN=in the directory\n{place}place {} SSL_CERT_DIR 1\n",
            hashed.display()
        )
    );

    let list = format!("{}:{}", empty.display(), hashed.display());
    let missing = path("missing");
    let seen = run("store", &[("SSL_CERT_FILE", &missing), ("SSL_CERT_DIR", Path::new(&list))]);
    assert_eq!(
        seen,
        format!(
            "entry CN=in the directory\n\
             place {missing} SSL_CERT_FILE 0\nplace {empty} SSL_CERT_DIR 0\nplace {hashed} SSL_CERT_DIR 1\n\
             problem {missing}: No such file or directory (os error 2)\n\
             problem {missing}: SSL_CERT_FILE points here, but no certificate was found\n\
             problem {empty}: SSL_CERT_DIR points here, but no certificate was found\n",
            missing = missing.display(),
            empty = empty.display(),
            hashed = hashed.display()
        )
    );

    let nix = run("store", &[("NIX_SSL_CERT_FILE", &file), ("SSL_CERT_FILE", Path::new(""))]);
    assert_eq!(
        nix,
        format!("entry CN=in the file\nplace {} NIX_SSL_CERT_FILE 1\n", file.display())
    );
}

/// Root can make a set-user-ID program, anybody else one of another group.
#[test]
fn a_program_with_raised_privileges_ignores_the_variables() {
    // Not in the directory for temporary files, which often ignores the bits.
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let file = directory.path().join("file.pem");
    fs::write(&file, pki("mine").root).unwrap();
    let program = directory.path().join("raised");
    // By another process: a child that another test forks meanwhile would hold this one's handle, and
    // what is open for writing cannot be run.
    let own = std::env::current_exe().unwrap();
    assert!(Command::new("cp").arg(own).arg(&program).status().unwrap().success());
    let run = || {
        let mut command = Command::new(&program);
        command.args(["--exact", "child", "--nocapture", "--test-threads=1"]);
        command.env(CHILD, "store").env("SSL_CERT_FILE", &file);
        command.env("TRUSTBRIDGE_INTERMEDIATES_DIR", directory.path());
        let output = command.output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let seen = run();
    assert!(seen.contains("entry CN=mine"), "{seen}");
    assert!(seen.contains(&format!("intermediates: [{:?}]", directory.path())), "{seen}");

    const NOBODY: u32 = 65534;
    let groups = Command::new("id").arg("-G").output().unwrap().stdout;
    let groups = String::from_utf8(groups).unwrap();
    let own = fs::metadata(&program).unwrap().gid();
    let other = groups.split_whitespace().map(|group| group.parse().unwrap());
    let other = other.into_iter().find(|group: &u32| *group != own);
    let raised = if chown(&program, Some(NOBODY), None).is_ok() {
        0o4755
    } else if other.is_some_and(|group| chown(&program, None, Some(group)).is_ok()) {
        0o2755
    } else {
        return; // nobody can be here that has neither: the unit test of the rule has to do
    };
    fs::set_permissions(&program, fs::Permissions::from_mode(raised)).unwrap();
    let seen = run();
    assert!(!seen.contains("CN=mine"), "{seen}");
    assert!(seen.contains("SSL_CERT_FILE: is ignored, because this program runs"), "{seen}");
    assert!(seen.contains("intermediates: []"), "{seen}");
    assert!(seen.contains("TRUSTBRIDGE_INTERMEDIATES_DIR: is ignored"), "{seen}");
}

#[test]
fn verdicts_come_from_the_store() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    let (ours, other) = (pki("ours"), pki("other"));
    let (file, stranger, missing) = (path("ours.pem"), path("other.pem"), path("missing.pem"));
    fs::write(&file, &ours.root).unwrap();
    fs::write(&stranger, &other.root).unwrap();
    let leaf = STANDARD.encode(&ours.leaf);

    let verdict = run(&leaf, &[("SSL_CERT_FILE", &file)]);
    assert_eq!(verdict, format!("trusted by {}\n", file.display()));

    let verdict = run(&leaf, &[("SSL_CERT_FILE", &stranger)]);
    assert!(verdict.starts_with("UnknownIssuer\n"), "{verdict}");
    assert!(
        verdict.contains(&format!("{}: 1 usable trust anchor", stranger.display())),
        "{verdict}"
    );

    // Nothing there is no trust, no panic, and names the place and the variable.
    let verdict = run(&leaf, &[("SSL_CERT_FILE", &missing)]);
    assert!(verdict.starts_with("NoTrustAnchors\n"), "{verdict}");
    assert!(
        verdict.contains("SSL_CERT_FILE points here, but no certificate was found"),
        "{verdict}"
    );
    assert!(verdict.contains("No such file or directory"), "{verdict}");
}

#[test]
fn trusted_certificate_blocks_keep_their_settings() {
    let directory = TempDir::new().unwrap();
    let pki = pki("with settings");
    let plain = directory.path().join("plain.pem");
    fs::write(&plain, &pki.root).unwrap();
    let missing = directory.path().join("missing");
    let leaf = STANDARD.encode(&pki.leaf);
    for (setting, expected) in [
        (["-addtrust", "serverAuth"], "trusted by"),
        (["-addtrust", "clientAuth"], "Distrusted"),
        (["-addreject", "serverAuth"], "Distrusted"),
        (["-addreject", "clientAuth"], "trusted by"),
    ] {
        // Every Debian machine has the `openssl` command.
        let store = directory.path().join("store.pem");
        let mut command = Command::new("openssl");
        command.args(["x509", "-trustout", "-in"]).arg(&plain).arg("-out").arg(&store);
        assert!(command.args(setting).status().unwrap().success());
        let verdict = run(&leaf, &[("SSL_CERT_FILE", &store)]);
        assert!(verdict.starts_with(expected), "{setting:?}: {verdict}");
        // A rejection holds for a copy without settings too, wherever that is and in any order.
        if expected == "Distrusted" && setting[0] == "-addreject" {
            let rejected = fs::read_to_string(&store).unwrap();
            for both in [format!("{}{rejected}", pki.root), format!("{rejected}{}", pki.root)] {
                fs::write(&store, both).unwrap();
                let verdict = run(&leaf, &[("SSL_CERT_FILE", &store)]);
                assert!(verdict.starts_with(expected), "{verdict}");
                assert!(verdict.contains(": 0 usable trust anchors, 2 rejected"), "{verdict}");
            }
            // And for one that the program itself trusts.
            fs::write(&store, rejected).unwrap();
            let own = ("OWN_ROOT", &*plain);
            let verdict = run(&leaf, &[("SSL_CERT_FILE", &store), own]);
            assert!(verdict.starts_with(expected), "{verdict}");
            let line = format!("{}: the store rejects it for this purpose", store.display());
            assert!(verdict.contains(&line), "{verdict}");
            assert!(run(&leaf, &[("SSL_CERT_FILE", &missing), own]).starts_with("trusted by"));
        }
    }
}
