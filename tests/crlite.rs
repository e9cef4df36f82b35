//! CRLite filters on the disk, made with Mozilla's builder, in a cache as upki leaves it.

#![cfg(all(unix, not(target_vendor = "apple"), feature = "crlite", feature = "aws-lc-rs"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, missing_docs)]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki_types::{CertificateDer, UnixTime};
use tempfile::TempDir;
use trustbridge::{
    CrliteAnswer, ErrorKind, Peer, Revocation, RevocationCheck, RevocationSource,
    UnknownRevocation, Verified, Verifier, VerifierBuilder, VerifyError,
};
use trustbridge_cases::NOW;
use trustbridge_cases::crlite::{Covers, SCTS, filter, index, scts};
use trustbridge_cases::make::{DAY, Node, ca, server};

const LOG: [u8; 32] = [0xbb; 32];
/// When the data was made, in milliseconds: an hour before the verification.
const MADE: u64 = (NOW - 3_600) * 1_000;
const GOOD: u8 = 9;
const REVOKED: u8 = 7;

/// A public CA, its store, and the directory of a user with a cache.
struct World {
    root: Node,
    issuing: Node,
    home: TempDir,
}

impl World {
    fn new() -> Self {
        let root = ca("root").self_signed();
        let issuing = ca("issuing").issued_by(&root);
        let world = Self { root, issuing, home: TempDir::new().unwrap() };
        fs::write(world.path("store.pem"), pem(&world.root)).unwrap();
        fs::create_dir_all(world.cache()).unwrap();
        world
    }

    /// With one filter, which covers everything up to when it was made.
    fn with_filter() -> Self {
        let world = Self::new();
        world.write(&[("one.filter", &world.filter(&[REVOKED]), &[(LOG, 0, MADE)])]);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn cache(&self) -> PathBuf {
        self.path(".cache/upki/revocation")
    }

    /// Filters, and an index of them as upki writes it.
    fn write(&self, filters: &[(&str, &[u8], &[Covers])]) {
        for (name, filter, _) in filters {
            fs::write(self.cache().join(name), filter).unwrap();
        }
        let entries = filters.iter().map(|(name, _, covers)| (*name, *covers));
        fs::write(self.cache().join("index.bin"), index(&entries.collect::<Vec<_>>())).unwrap();
    }

    /// A filter about this CA.
    fn filter(&self, revoked: &[u8]) -> Vec<u8> {
        filter(spki_hash(&self.issuing), revoked, &[(LOG, 0, MADE)])
    }

    fn leaf(&self, serial: u8, sct: Option<([u8; 32], u64)>) -> Node {
        let leaf = server().serial(serial.into());
        match sct {
            Some((log, time)) => leaf.extension(SCTS, false, scts(&[(log, time)])),
            None => leaf,
        }
        .issued_by(&self.issuing)
    }

    fn builder(&self) -> VerifierBuilder {
        self.builder_at(self.home.path())
    }

    /// With the cache of another home.
    fn builder_at(&self, home: &Path) -> VerifierBuilder {
        let store = self.path("store.pem");
        Verifier::builder_with_env(|name| match name {
            "HOME" => Some(home.into()),
            "SSL_CERT_FILE" => Some(store.clone().into()),
            _ => None::<OsString>,
        })
    }

    fn ask(&self, builder: VerifierBuilder, leaf: &Node) -> Result<Verified, VerifyError> {
        self.ask_at(&builder.build().unwrap(), leaf, NOW)
    }

    fn ask_at(&self, verifier: &Verifier, leaf: &Node, time: u64) -> Result<Verified, VerifyError> {
        let chain = [leaf, &self.issuing].map(|node| CertificateDer::from(&*node.der));
        let time = UnixTime::since_unix_epoch(Duration::from_secs(time));
        verifier.verify(&Peer::new(&chain, None).time(time))
    }

    /// What is said where every answer is accepted, and where one is required.
    fn unknown(&self, leaf: &Node) -> (Option<CrliteAnswer>, String) {
        let verified = self.ask(self.builder(), leaf).unwrap();
        assert_eq!(verified.revocation.answered_by, None);
        let error = self.ask(self.builder().revocation(required()), leaf).unwrap_err();
        assert_eq!((error.kind(), error.depth()), (ErrorKind::RevocationUnknown, Some(0)));
        (verified.revocation.crlite, error.to_string())
    }
}

fn required() -> Revocation {
    Revocation::default().check(RevocationCheck::Leaf).unknown(UnknownRevocation::Reject)
}

fn pem(node: &Node) -> String {
    let body = STANDARD.encode(&node.der);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

fn spki_hash(node: &Node) -> [u8; 32] {
    let key = rcgen::KeyPair::try_from(node.key_der()).unwrap();
    digest(&SHA256, &rcgen::PublicKeyData::subject_public_key_info(&key))
        .as_ref()
        .try_into()
        .unwrap()
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_revoked_certificate_is_refused_from_the_cache_alone() {
    let world = World::with_filter();
    let leaf = world.leaf(REVOKED, Some((LOG, MADE)));
    for revocation in [Revocation::default(), required()] {
        let error = world.ask(world.builder().revocation(revocation), &leaf).unwrap_err();
        assert_eq!((error.kind(), error.depth()), (ErrorKind::Revoked, Some(0)));
        assert_eq!(error.openssl_code(), 23);
        let text = error.to_string();
        let data = format!("the CRLite data in '{}', of 20", world.cache().display());
        assert!(text.contains(&data) && text.contains(" lists it"), "{text}");
    }
    let off = world.builder().distribution_revocation(false);
    assert_eq!(world.ask(off, &leaf).unwrap().revocation.crlite, None);
}

#[test]
fn a_good_certificate_has_an_answer() {
    let world = World::with_filter();
    let leaf = world.leaf(GOOD, Some((LOG, MADE)));
    let until = UnixTime::since_unix_epoch(Duration::from_secs(MADE / 1_000 + 10 * 86_400));
    for revocation in [Revocation::default(), required()] {
        let requested = revocation.check;
        let verified = world.ask(world.builder().revocation(revocation), &leaf).unwrap();
        let outcome = verified.revocation;
        assert_eq!((outcome.requested, outcome.checked), (requested, requested));
        assert_eq!(outcome.answered_by, Some(RevocationSource::Crlite));
        assert_eq!(outcome.until, Some(until));
        assert!(
            matches!(outcome.crlite, Some(CrliteAnswer::NotRevoked { until: u, .. }) if u == until)
        );
        assert!(verified.to_string().contains("\nCRLite: not revoked; this holds until "));
    }
}

#[test]
fn what_no_filter_covers_is_unknown() {
    let world = World::with_filter();
    for (serial, sct) in
        [(GOOD, (LOG, MADE + 1)), (REVOKED, (LOG, MADE + 1)), (REVOKED, ([1; 32], 5))]
    {
        let (answer, text) = world.unknown(&world.leaf(serial, Some(sct)));
        assert_eq!(answer, Some(CrliteAnswer::NotCovered));
        assert!(text.contains("does not cover this certificate"), "{text}");
    }
    // Another CA's filter.
    world.write(&[(
        "other.filter",
        &filter([1; 32], &[REVOKED], &[(LOG, 0, MADE)]),
        &[(LOG, 0, MADE)],
    )]);
    std::thread::sleep(Duration::from_millis(1_100));
    let (answer, _) = world.unknown(&world.leaf(REVOKED, Some((LOG, MADE))));
    assert_eq!(answer, Some(CrliteAnswer::NotCovered));
}

#[test]
fn a_certificate_without_timestamps_is_unknown() {
    let world = World::with_filter();
    let (answer, text) = world.unknown(&world.leaf(REVOKED, None));
    assert_eq!(answer, Some(CrliteAnswer::NoTimestamps));
    assert!(text.contains("has no signed certificate timestamps"), "{text}");
}

/// Where upki was never set up nothing changes; where it was, no data is named.
#[test]
fn no_data_is_unknown() {
    let world = World::new();
    let leaf = world.leaf(REVOKED, Some((LOG, MADE)));
    let (answer, text) = world.unknown(&leaf);
    assert_eq!(answer, Some(CrliteAnswer::Unusable));
    let said = format!("there is no CRLite data in '{}'", world.cache().display());
    assert!(text.contains(&said), "{text}");
    if Path::new("/var/cache/upki").exists() || Path::new("/etc/upki").exists() {
        return; // this machine has its own
    }
    let world = World::new();
    fs::remove_dir_all(world.path(".cache")).unwrap();
    let (answer, text) = world.unknown(&world.leaf(REVOKED, Some((LOG, MADE))));
    assert_eq!(answer, None);
    assert!(text.contains("no CRL covers this certificate"), "{text}");
}

/// Ten days after it was made, and one second later. What was revoked stays revoked.
#[test]
fn stale_data_is_unknown() {
    let world = World::with_filter();
    let (good, revoked) = (world.leaf(GOOD, Some((LOG, 5))), world.leaf(REVOKED, Some((LOG, 5))));
    let verifier = world.builder().build().unwrap();
    let required = world.builder().revocation(required()).build().unwrap();
    let last = MADE / 1_000 + 10 * 86_400;
    assert!(world.ask_at(&required, &good, last).is_ok());
    let verified = world.ask_at(&verifier, &good, last + 1).unwrap();
    let stale = verified.revocation;
    assert!(matches!(stale.crlite, Some(CrliteAnswer::Stale { days: 10, .. })), "{stale:?}");
    assert_eq!((stale.answered_by, stale.until), (None, None));
    assert!(verified.to_string().ends_with("CRLite: unknown, the data is 10 days old"));
    let error = world.ask_at(&required, &good, last + 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RevocationUnknown);
    assert!(error.to_string().contains("is out of date: it is 10 days old, of "), "{error}");
    let error = world.ask_at(&verifier, &revoked, last + 86_400).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Revoked);
    let without_clock =
        world.builder().revocation(required_allowing()).danger_ignore_validity(true);
    let verified = world.ask_at(&without_clock.build().unwrap(), &good, last + 1).unwrap();
    assert_eq!(verified.revocation.answered_by, Some(RevocationSource::Crlite));
}

/// Of the second of the verification, and one second later. What is revoked is revoked all the same.
#[test]
fn data_of_the_future_is_unusable_and_named() {
    let world = World::with_filter();
    let (good, revoked) = (world.leaf(GOOD, Some((LOG, 5))), world.leaf(REVOKED, Some((LOG, 5))));
    let verifier = world.builder().build().unwrap();
    let required = world.builder().revocation(required()).build().unwrap();
    let made = MADE / 1_000;
    assert!(world.ask_at(&required, &good, made).is_ok());
    let outcome = world.ask_at(&verifier, &good, made - 1).unwrap().revocation;
    assert_eq!(outcome.crlite, Some(CrliteAnswer::Unusable));
    assert_eq!((outcome.answered_by, outcome.until), (None, None));
    let error = world.ask_at(&required, &good, made - 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RevocationUnknown);
    assert!(error.to_string().contains("UTC, which is in the future"), "{error}");
    let error = world.ask_at(&verifier, &revoked, made - 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Revoked);
    let without_clock =
        world.builder().revocation(required_allowing()).danger_ignore_validity(true);
    let verified = world.ask_at(&without_clock.build().unwrap(), &good, made - 1).unwrap();
    assert_eq!(verified.revocation.answered_by, Some(RevocationSource::Crlite));
    // The last time that an index can hold.
    world.write(&[("all.filter", &world.filter(&[]), &[(LOG, 0, u64::MAX)])]);
    eventually("the index was not read again", || {
        let error = world.ask_at(&required, &good, NOW).err();
        error.is_some_and(|error| error.to_string().contains("which is in the future"))
    });
}

fn required_allowing() -> Revocation {
    Revocation::default().check(RevocationCheck::Leaf)
}

#[test]
fn damaged_data_is_unknown_and_named() {
    let leaf = |world: &World| world.leaf(REVOKED, Some((LOG, MADE)));
    let damaged = |change: &dyn Fn(&World), said: &str| {
        let world = World::with_filter();
        change(&world);
        let (answer, text) = world.unknown(&leaf(&world));
        assert_eq!(answer, Some(CrliteAnswer::Unusable));
        assert!(text.contains(said), "{said}: {text}");
    };
    let file = |world: &World, name: &str, bytes: &[u8]| {
        fs::write(world.cache().join(name), bytes).unwrap();
    };
    damaged(&|world| file(world, "index.bin", b""), "is damaged: index.bin: it is cut off");
    damaged(&|world| file(world, "index.bin", b"upkiidx0..."), "it is not an index of version 1");
    damaged(&|world| file(world, "one.filter", b""), "one.filter: failed to deserialize");
    damaged(
        &|world| file(world, "one.filter", &[3, 0, 0]),
        "one.filter: unsupported clubcard version (3)",
    );
    damaged(&|world| fs::remove_file(world.cache().join("one.filter")).unwrap(), "one.filter: ");
    let is_a_directory = |world: &World| {
        fs::remove_file(world.cache().join("index.bin")).unwrap();
        fs::create_dir(world.cache().join("index.bin")).unwrap();
    };
    damaged(&is_a_directory, "cannot be read: index.bin: is a directory");
    let large = |world: &World| {
        let file = fs::File::create(world.cache().join("index.bin")).unwrap();
        file.set_len((4 << 20) + 1).unwrap();
    };
    damaged(&large, "index.bin: is larger than 4194304 bytes");
}

/// Whatever a filter holds, asking it does not panic: the library relies on what it was built with.
#[test]
fn a_filter_with_any_damage_does_not_panic() {
    let world = World::with_filter();
    let whole = world.filter(&[REVOKED]);
    let leaf = world.leaf(REVOKED, Some((LOG, MADE)));
    let verifier = world.builder().build().unwrap();
    drop(world.ask_at(&verifier, &leaf, NOW));
    for at in 2..whole.len().min(140) {
        let mut bytes = whole.clone();
        bytes[at] = 0xff;
        let home = TempDir::new().unwrap();
        let cache = home.path().join(".cache/upki/revocation");
        fs::create_dir_all(&cache).unwrap();
        fs::write(cache.join("one.filter"), &bytes).unwrap();
        fs::write(cache.join("index.bin"), index(&[("one.filter", &[(LOG, 0, MADE)])])).unwrap();
        drop(world.ask(world.builder_at(home.path()), &leaf));
    }
}

/// A filter that is damaged or missing is remembered as such. It is read again once it has changed.
#[test]
fn an_unusable_filter_is_not_read_at_each_check() {
    let says = |world: &World, leaf: &Node| {
        world.ask(world.builder(), leaf).map(|verified| verified.revocation.crlite)
    };
    let worlds = [Some("damaged"), None].map(|contents| {
        let world = World::with_filter();
        match contents {
            Some(contents) => fs::write(world.cache().join("one.filter"), contents).unwrap(),
            None => fs::remove_file(world.cache().join("one.filter")).unwrap(),
        }
        world
    });
    // What was just written is not relied on.
    std::thread::sleep(Duration::from_millis(3_100));
    for world in worlds {
        let leaf = world.leaf(GOOD, Some((LOG, 5)));
        let began = Instant::now();
        assert_eq!(says(&world, &leaf), Ok(Some(CrliteAnswer::Unusable)));
        fs::write(world.cache().join("one.filter"), world.filter(&[])).unwrap();
        let again = says(&world, &leaf);
        if began.elapsed() < Duration::from_millis(900) {
            assert_eq!(again, Ok(Some(CrliteAnswer::Unusable)), "it was read again");
        }
        eventually("the change was not seen", || {
            matches!(says(&world, &leaf), Ok(Some(CrliteAnswer::NotRevoked { .. })))
        });
    }
}

/// Every filter that covers the certificate is asked, and one that cannot be read may have said no.
#[test]
fn every_covering_filter_is_asked() {
    let world = World::new();
    let covers: &[_] = &[(LOG, 0, MADE)];
    let other = filter([1; 32], &[], covers);
    let (clean, lists) = (world.filter(&[]), world.filter(&[GOOD]));
    world.write(&[("a", &other, covers), ("b", &clean, covers), ("c", &lists, covers)]);
    let leaf = world.leaf(GOOD, Some((LOG, 5)));
    assert_eq!(world.ask(world.builder(), &leaf).unwrap_err().kind(), ErrorKind::Revoked);
    fs::write(world.cache().join("c"), "damaged").unwrap();
    eventually("the damage was not seen", || {
        let verified = world.ask(world.builder(), &leaf);
        verified.is_ok_and(|verified| verified.revocation.crlite == Some(CrliteAnswer::Unusable))
    });
}

#[test]
fn only_below_anchors_of_the_store() {
    let world = World::with_filter();
    let leaf = world.leaf(REVOKED, Some((LOG, MADE)));
    let own = CertificateDer::from(world.root.der.clone());
    let builder = world.builder().system_roots(false).extra_roots([own.clone()]);
    assert_eq!(world.ask(builder, &leaf).unwrap().revocation.crlite, None);
    // One that the store has as well is the store's.
    let builder = world.builder().extra_roots([own]);
    assert_eq!(world.ask(builder, &leaf).unwrap_err().kind(), ErrorKind::Revoked);
}

#[test]
fn others_are_heard_first_and_a_revocation_is_final() {
    let world = World::with_filter();
    let revoked = world.leaf(REVOKED, Some((LOG, MADE)));
    let good = world.leaf(GOOD, Some((LOG, MADE)));
    let crl = |serials: &[u64]| world.issuing.crl(serials, -DAY, DAY).into();
    let error = world.ask(world.builder().revocation(required().crls([crl(&[])])), &revoked);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Revoked, "by the filter");
    let verified =
        world.ask(world.builder().revocation(required().crls([crl(&[])])), &good).unwrap();
    assert_eq!(verified.revocation.answered_by, Some(RevocationSource::Crl));
    let due = UnixTime::since_unix_epoch(Duration::from_secs(NOW + 86_400));
    assert_eq!(verified.revocation.until, Some(due));
    let listed = world.ask(world.builder().revocation(required().crls([crl(&[9])])), &good);
    assert!(listed.unwrap_err().to_string().contains("the CRL of"));
}

/// Nor does what the server stapled instead.
#[test]
fn a_filter_does_not_take_the_place_of_a_staple_that_is_owed() {
    let world = World::with_filter();
    let feature = vec![0x30, 3, 2, 1, 5]; // status_request (RFC 7633)
    let leaf = server()
        .serial(GOOD.into())
        .extension(SCTS, false, scts(&[(LOG, MADE)]))
        .extension(&[1, 3, 6, 1, 5, 5, 7, 1, 24], false, feature)
        .issued_by(&world.issuing);
    let chain = [&leaf, &world.issuing].map(|node| CertificateDer::from(&*node.der));
    let verifier = world.builder().revocation(required()).build().unwrap();
    let time = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
    for staple in [&b""[..], b"x"] {
        let peer = Peer::new(&chain, None).time(time).ocsp_response(staple);
        let error = verifier.verify(&peer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RevocationUnknown, "{error}");
    }
    assert!(world.ask(world.builder(), &leaf).is_ok(), "where none is required");
}

/// A new index and new filters are seen by running verifiers, also where only a filter changed.
#[test]
fn replaced_data_is_seen() {
    let world = World::with_filter();
    let leaf = world.leaf(GOOD, Some((LOG, MADE)));
    let verifier = world.builder().build().unwrap();
    assert!(world.ask_at(&verifier, &leaf, NOW).is_ok());
    let new = world.cache().join("new");
    fs::write(&new, world.filter(&[GOOD])).unwrap();
    fs::rename(&new, world.cache().join("one.filter")).unwrap();
    eventually("the filter was not read again", || world.ask_at(&verifier, &leaf, NOW).is_err());
    // upki writes the new filter, the index, and removes the old filter.
    fs::write(world.cache().join("two.filter"), world.filter(&[])).unwrap();
    fs::write(&new, index(&[("two.filter", &[(LOG, 0, MADE)])])).unwrap();
    fs::rename(&new, world.cache().join("index.bin")).unwrap();
    fs::remove_file(world.cache().join("one.filter")).unwrap();
    eventually("the index was not read again", || world.ask_at(&verifier, &leaf, NOW).is_ok());
}

/// An index that was replaced between reading it and reading its filter is read again at once.
#[test]
fn an_index_that_was_replaced_meanwhile_is_read_again() {
    let world = World::with_filter();
    let unseen = world.leaf(GOOD, Some(([1; 32], 1)));
    let verifier = world.builder().revocation(required()).build().unwrap();
    assert!(world.ask_at(&verifier, &unseen, NOW).is_err(), "the index is read, the filter is not");
    fs::remove_file(world.cache().join("one.filter")).unwrap();
    world.write(&[("two.filter", &world.filter(&[REVOKED]), &[(LOG, 0, MADE)])]);
    let leaf = world.leaf(REVOKED, Some((LOG, MADE)));
    assert_eq!(world.ask_at(&verifier, &leaf, NOW).unwrap_err().kind(), ErrorKind::Revoked);
}

#[test]
fn the_configuration_names_the_cache() {
    let world = World::with_filter();
    let leaf = world.leaf(REVOKED, Some((LOG, MADE)));
    fs::create_dir_all(world.path(".config/upki")).unwrap();
    let config = |text: String| fs::write(world.path(".config/upki/config.toml"), text).unwrap();
    config(format!("cache-dir = \"{}\"\n", world.path("elsewhere").display()));
    let (answer, text) = world.unknown(&leaf);
    assert_eq!(answer, Some(CrliteAnswer::Unusable));
    assert!(text.contains("elsewhere/revocation"), "{text}");
    fs::rename(world.path(".cache/upki"), world.path("elsewhere")).unwrap();
    eventually("the cache was not found", || world.ask(world.builder(), &leaf).is_err());
    config("cache-dir = 5".to_owned());
    eventually("the configuration was not read again", || {
        let error = world.ask(world.builder().revocation(required()), &leaf).unwrap_err();
        error.to_string().contains("config.toml' cannot be used: its `cache-dir` cannot be read")
    });
}

/// For the report of a run by hand: `cargo test … -- --nocapture`.
#[test]
fn a_check_costs_microseconds() {
    let world = World::with_filter();
    let leaf = world.leaf(GOOD, Some((LOG, MADE)));
    let time = |builder: VerifierBuilder| {
        let verifier = builder.build().unwrap();
        world.ask_at(&verifier, &leaf, NOW).unwrap();
        let mut fastest = Duration::MAX;
        for _ in 0..5 {
            let start = Instant::now();
            (0..200).for_each(|_| drop(world.ask_at(&verifier, &leaf, NOW).unwrap()));
            fastest = fastest.min(start.elapsed() / 200);
        }
        fastest
    };
    let with = time(world.builder());
    let without = time(world.builder().distribution_revocation(false));
    let cost = with.saturating_sub(without);
    println!("CRLite costs {cost:?} of {with:?} (in a build without optimization)");
    assert!(cost < Duration::from_millis(1), "{cost:?}");
}
