//! The crate upki and ours ask the same cache about the same certificates.

#![cfg(all(unix, not(target_vendor = "apple")))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pki_types::{CertificateDer, UnixTime};
use tempfile::TempDir;
use trustbridge::{CrliteAnswer, ErrorKind, Peer, Verifier};
use trustbridge_cases::NOW;
use trustbridge_cases::crlite::{Covers, SCTS, filter, index, scts};
use trustbridge_cases::make::{Node, ca, server};
use upki::Config;
use upki::revocation::{RevocationCheckInput, RevocationStatus, Store};

const LOG: [u8; 32] = [0xbb; 32];
/// When the data was made, in milliseconds: an hour before the verification.
const MADE: u64 = (NOW - 3_600) * 1_000;
const GOOD: u8 = 9;
const REVOKED: u8 = 7;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Says {
    Revoked,
    NotRevoked,
    Unknown,
    /// Only ours: upki says what the data says, whatever its age.
    Stale,
    Error,
}

struct World {
    store: Vec<u8>,
    issuing: Node,
    issuer: [u8; 32],
}

impl World {
    fn new() -> Self {
        let root = ca("root").self_signed();
        let issuing = ca("issuing").issued_by(&root);
        let leaf = server().issued_by(&issuing);
        let chain = [&leaf, &issuing].map(|node| CertificateDer::from(&*node.der));
        let issuer = RevocationCheckInput::from_certificates(&chain).unwrap().issuer_spki_hash.0;
        Self { store: pem(&root.der), issuing, issuer }
    }

    fn leaf(&self, serial: u8, seen: &[([u8; 32], u64)]) -> Node {
        let leaf = server().serial(serial.into());
        let leaf = match seen {
            [] => leaf,
            seen => leaf.extension(SCTS, false, scts(seen)),
        };
        leaf.issued_by(&self.issuing)
    }

    /// What both say, ours first.
    fn ask(&self, home: &Path, leaf: &Node, time: u64) -> (Says, Says) {
        let chain = [leaf, &self.issuing].map(|node| CertificateDer::from(&*node.der));
        (self.ours(home, &chain, time), theirs(home, &chain))
    }

    fn ours(&self, home: &Path, chain: &[CertificateDer<'_>], time: u64) -> Says {
        let store = home.join("store.pem");
        fs::write(&store, &self.store).unwrap();
        let builder = Verifier::builder_with_env(|name| match name {
            "HOME" => Some(home.into()),
            "SSL_CERT_FILE" => Some(store.clone().into()),
            _ => None::<OsString>,
        });
        let time = UnixTime::since_unix_epoch(Duration::from_secs(time));
        match builder.build().unwrap().verify(&Peer::new(chain, None).time(time)) {
            Err(error) if error.kind() == ErrorKind::Revoked => Says::Revoked,
            Err(error) => panic!("{error}"),
            Ok(verified) => match verified.revocation.crlite.unwrap() {
                CrliteAnswer::NotRevoked { .. } => Says::NotRevoked,
                CrliteAnswer::NotCovered | CrliteAnswer::NoTimestamps => Says::Unknown,
                CrliteAnswer::Stale { .. } => Says::Stale,
                _ => Says::Error,
            },
        }
    }
}

/// By the configuration that ours finds, too.
fn theirs(home: &Path, chain: &[CertificateDer<'_>]) -> Says {
    let config = Config::from_file(&home.join(".config/upki/config.toml")).unwrap();
    let input = RevocationCheckInput::from_certificates(chain).unwrap();
    match Store::from_config(&config).check(&input) {
        Ok(RevocationStatus::CertainlyRevoked) => Says::Revoked,
        Ok(RevocationStatus::NotRevoked) => Says::NotRevoked,
        Ok(RevocationStatus::NotCoveredByRevocationData) => Says::Unknown,
        Err(_) => Says::Error,
    }
}

/// The home of a user whose configuration names this cache.
struct Home(TempDir);

impl Home {
    fn new(filters: &[(String, Vec<u8>, Vec<Covers>)]) -> Self {
        let home = Self(TempDir::new().unwrap());
        fs::create_dir_all(home.cache()).unwrap();
        fs::create_dir_all(home.path().join(".config/upki")).unwrap();
        let cache = home.path().join("cache");
        let config = format!(
            "cache-dir = \"{}\"\n[revocation]\nfetch-url = \"https://localhost/\"\n",
            cache.display()
        );
        fs::write(home.path().join(".config/upki/config.toml"), config).unwrap();
        for (name, filter, _) in filters {
            fs::write(home.cache().join(name), filter).unwrap();
        }
        let names = filters.iter().map(|(name, _, covers)| (&**name, &**covers));
        fs::write(home.cache().join("index.bin"), index(&names.collect::<Vec<_>>())).unwrap();
        home
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn cache(&self) -> PathBuf {
        self.path().join("cache/revocation")
    }
}

fn pem(der: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n").into_bytes()
}

/// xorshift64
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn one(world: &World) -> Vec<(String, Vec<u8>, Vec<Covers>)> {
    let covers = vec![(LOG, 0, MADE)];
    vec![("one.filter".to_owned(), filter(world.issuer, &[REVOKED], &covers), covers)]
}

#[test]
fn both_say_the_same() {
    let world = World::new();
    let home = Home::new(&one(&world));
    for (serial, seen, expected) in [
        (REVOKED, &[(LOG, MADE)][..], Says::Revoked),
        (GOOD, &[(LOG, MADE)], Says::NotRevoked),
        (GOOD, &[(LOG, 0)], Says::NotRevoked),
        (REVOKED, &[(LOG, MADE + 1)], Says::Unknown),
        (REVOKED, &[([1; 32], MADE)], Says::Unknown),
        (REVOKED, &[(LOG, MADE + 1), (LOG, 5)], Says::Revoked),
        (REVOKED, &[], Says::Unknown),
    ] {
        let (ours, theirs) = world.ask(home.path(), &world.leaf(serial, seen), NOW);
        assert_eq!((&ours, &theirs), (&expected, &expected), "{serial} {seen:?}");
    }
}

#[test]
fn stale_data() {
    let world = World::new();
    let home = Home::new(&one(&world));
    let last = MADE / 1_000 + 10 * 86_400;
    let ask = |serial, time| world.ask(home.path(), &world.leaf(serial, &[(LOG, MADE)]), time);
    assert_eq!(ask(GOOD, last), (Says::NotRevoked, Says::NotRevoked));
    assert_eq!(ask(GOOD, last + 1), (Says::Stale, Says::NotRevoked));
    assert_eq!(ask(REVOKED, last + 1), (Says::Revoked, Says::Revoked));
}

#[test]
fn neither_reads_damaged_data() {
    let world = World::new();
    let leaf = world.leaf(REVOKED, &[(LOG, MADE)]);
    let whole = index(&[("one.filter", &[(LOG, 0, MADE)])]);
    let mut damages = vec![("one.filter", vec![]), ("one.filter", b"\x04\0\0".to_vec())];
    damages.extend((0..whole.len()).map(|length| ("index.bin", whole[..length].to_vec())));
    for (name, bytes) in damages {
        let home = Home::new(&one(&world));
        fs::write(home.cache().join(name), &bytes).unwrap();
        let found = world.ask(home.path(), &leaf, NOW);
        assert_eq!(found, (Says::Error, Says::Error), "{name} of {} bytes", bytes.len());
    }
    let home = Home::new(&one(&world));
    fs::remove_file(home.cache().join("one.filter")).unwrap();
    assert_eq!(world.ask(home.path(), &leaf, NOW), (Says::Error, Says::Error));
}

/// Caches with up to four filters of two issuers, which cover some of four logs at some times.
#[test]
fn random_caches() {
    let world = World::new();
    let mut random = Random(0x7570_6b69_6372_6c69);
    let mut counts = BTreeMap::new();
    for round in 0..40 {
        let mut filters = Vec::new();
        for number in 0..=random.below(4) {
            let mut logs: Vec<Covers> = Vec::new();
            for log in 0..4 {
                let first = random.below(100);
                let covers = ([log; 32], first, first + random.below(100));
                logs.extend((random.below(2) == 0).then_some(covers));
            }
            let revoked: Vec<_> = (0..8).filter(|_| random.below(4) == 0).collect();
            let issuer = if random.below(4) == 0 { [1; 32] } else { world.issuer };
            filters.push((format!("{number}.filter"), filter(issuer, &revoked, &logs), logs));
        }
        // So that it is not too old.
        filters.push(("new.filter".to_owned(), filter([2; 32], &[1], &[]), vec![(LOG, 0, MADE)]));
        let home = Home::new(&filters);
        for _ in 0..20 {
            let seen = (0..random.below(4)).map(|_| {
                let log = u8::try_from(random.below(5)).unwrap();
                ([log; 32], random.below(200))
            });
            let seen: Vec<_> = seen.collect();
            let serial = u8::try_from(random.below(8)).unwrap() + 1;
            let (ours, theirs) = world.ask(home.path(), &world.leaf(serial, &seen), NOW);
            assert_eq!(ours, theirs, "round {round}: {serial} {seen:?}");
            *counts.entry(ours).or_insert(0) += 1;
        }
    }
    println!("{counts:?}");
    for says in [Says::Revoked, Says::NotRevoked, Says::Unknown] {
        assert!(counts[&says] > 40, "{counts:?}");
    }
}
