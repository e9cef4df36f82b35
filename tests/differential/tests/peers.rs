//! The verification tests of OpenSSL and of GnuTLS. `make test-peers` fetches their sources and
//! names the folder in `TRUSTBRIDGE_PEERS`; without it there is nothing to run.

#![cfg(target_os = "linux")]
#![allow(missing_docs)]

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use openssl::x509::X509;
use pki_types::{CertificateDer, UnixTime};
use trustbridge::{Peer, Purpose, Verifier, VerifyError};
use trustbridge_differential::peers::{self, Case, Suite};

/// Chains that end otherwise: the description, the number among those of the same description, and
/// the reason.
type Listed = &'static [(&'static str, usize, &'static str)];

const EVERY_PATH: &str = "another path is trusted, and every path is tried";
const ALGORITHM: &str = "an algorithm that aws-lc-rs does not have, or not for such a key";
const PARTIAL: &str = "what is in the store is an anchor, as with X509_V_FLAG_PARTIAL_CHAIN";
const WEAK: &str = "a key or a hash that is too weak is no setting";
const STRONGER: &str = "security levels above the own are no setting";
const TLS_FEATURES: &str = "whether a CA has the TLS features of what it issues is not checked";
const CRITICAL: &str = "ignoring critical extensions is no setting";

const OPENSSL: Listed = &[
    ("fail trusted-first path with server mistrust", 0, EVERY_PATH),
    ("fail trusted-first path with client trust", 0, EVERY_PATH),
    ("fail non-CA trust-store intermediate", 1, PARTIAL),
    ("fail client purpose intermediate trusted", 0, EVERY_PATH),
    ("fail client mistrust and client purpose", 0, EVERY_PATH),
    ("accept cert generated with EC and SHA3-224", 0, ALGORITHM),
    ("accept cert generated with EC and SHA3-256", 0, ALGORITHM),
    ("accept cert generated with EC and SHA3-384", 0, ALGORITHM),
    ("accept cert generated with EC and SHA3-512", 0, ALGORITHM),
    ("Name constraints URI with userinfo", 0, "as OpenSSL 3.0, which takes the user for a host"),
    (
        "Name constraints bad othername name constraint",
        0,
        "the recipe expects a failure by its code",
    ),
    ("CA with PSS signature using SHA256", 0, ALGORITHM),
    ("PSS signature using SHA256 and auth level 2", 0, ALGORITHM),
    ("CA PSS signature", 0, ALGORITHM),
    ("Public Key Algorithm rsa instead of rsaEncryption", 0, ALGORITHM),
    ("fail trusted Ed25519-signed self-issued X25519 cert", 0, PARTIAL),
];

const GNUTLS: Listed = &[
    ("amazon.com ok", 0, WEAK),
    ("verisign.com v1 ok", 0, WEAK),
    ("hbci v1 ok", 0, WEAK),
    ("rsa-md5 ok", 0, WEAK),
    ("rsa-md5 ok - allow broken", 0, WEAK),
    ("v1root fail", 0, "that a root of version 1 is no anchor is no setting"),
    ("v1ca (sha1) ok - allow broken", 0, WEAK),
    ("v1ca (sha1) ok - allow sha1", 0, WEAK),
    ("v1ca2 ok", 0, WEAK),
    ("cacertrsamd5 ok", 0, WEAK),
    ("cacertrsamd5 short-cut ok", 0, WEAK),
    ("ecc cert not ok (due to profile)", 0, STRONGER),
    ("ecc cert not ok (due to profile)", 1, STRONGER),
    ("not-modified", 0, WEAK),
    ("tls features - intermediate no ext", 0, TLS_FEATURES),
    ("tls features - end no ext", 0, TLS_FEATURES),
    ("tls features - intermediate is subset", 0, TLS_FEATURES),
    ("tls features - intermediate has unrelated vals", 0, TLS_FEATURES),
    ("unknown crit extension on root - success", 0, CRITICAL),
    ("unknown crit extension on intermediate - success", 0, CRITICAL),
    ("unknown crit extension on endcert - success", 0, CRITICAL),
    ("rsa pss: chain with sha256 - ok", 0, ALGORITHM),
    ("rsa pss: chain with sha384 - ok", 0, ALGORITHM),
    ("rsa pss: chain with sha512 - ok", 0, ALGORITHM),
    ("rsa pss: chain with increasing salt size - ok", 0, ALGORITHM),
    ("rsa pss: chain with alternating signatures - ok", 0, ALGORITHM),
    ("rsa pss: chain with changing hashes - ok", 0, ALGORITHM),
    ("gost 34.10-01 - ok", 0, ALGORITHM),
    ("gost 34.10-12-256 - ok", 0, ALGORITHM),
    ("gost 34.10-12-512 - ok", 0, ALGORITHM),
    ("ed448 - ok", 0, "a CA without digitalSignature is no server; no purpose is asked for there"),
];

fn source(prefix: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("TRUSTBRIDGE_PEERS")?;
    let mut entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.find(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        path.is_dir() && name.starts_with(prefix)
    })
}

/// The core's verdict; the store is a file, as OpenSSL's.
fn verify(case: &Case, file: &Path) -> Result<(), VerifyError> {
    std::fs::write(file, case.store.join("\n")).unwrap();
    let verifier = Verifier::builder_with_env(|name| match name {
        "SSL_CERT_FILE" => Some(file.as_os_str().to_owned()),
        "SSL_CERT_DIR" => Some("/nonexistent".into()),
        _ => None,
    })
    .purpose(if case.client { Purpose::ClientAuth } else { Purpose::ServerAuth })
    // The commands of both compare it where there is no other name, also with constraints.
    .danger_match_common_name(true)
    .strict(case.strict)
    .danger_ignore_validity(case.ignore_validity)
    .build()
    .unwrap();
    let chain: Vec<_> = case
        .chain
        .iter()
        .map(|pem| match X509::from_pem(pem.as_bytes()) {
            Ok(cert) => CertificateDer::from(cert.to_der().unwrap()),
            // What OpenSSL cannot read either.
            Err(_) => CertificateDer::from(Vec::new()),
        })
        .collect();
    let time = match case.time {
        Some(time) => Duration::from_secs(time),
        None => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap(),
    };
    let time = UnixTime::since_unix_epoch(time);
    verifier.verify(&Peer::new(&chain, None).time(time)).map(drop)
}

fn compare(suite: &Suite, listed: Listed) {
    let dir = tempfile::tempdir().unwrap();
    let (mut same, mut wrong) = (0, Vec::new());
    let mut used = 0;
    for (at, case) in suite.cases.iter().enumerate() {
        let before = suite.cases[..at].iter().filter(|other| other.name == case.name).count();
        // A file of its own: the store is read once for each.
        let verdict = verify(case, &dir.path().join(format!("{at}.pem")));
        let entry = listed.iter().find(|(name, place, _)| *name == case.name && *place == before);
        match (verdict.is_ok() == case.accepted, entry) {
            (true, None) => same += 1,
            (false, Some((name, _, reason))) => {
                used += 1;
                println!("listed: {name}: {reason}");
            }
            (true, Some(_)) => wrong.push(format!("ends as expected now: {:?}", case.name)),
            (false, None) => {
                let expected = if case.accepted { "accepted" } else { "refused" };
                let verdict = verdict.map_err(|error| error.to_string());
                wrong.push(format!("({:?}, {before}, {expected}): {verdict:?}", case.name));
            }
        }
    }
    println!(
        "{same} of {} end as expected, {used} listed, {} do not apply",
        suite.cases.len(),
        suite.inapplicable
    );
    assert!(wrong.is_empty(), "{} otherwise:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(used, listed.len(), "a listed chain is not there");
}

#[test]
fn openssl_test_verify() {
    let Some(source) = source("openssl-") else { return };
    let suite = peers::openssl(&source);
    assert!(suite.cases.len() > 120, "{} cases found", suite.cases.len());
    compare(&suite, OPENSSL);
}

#[test]
fn gnutls_test_chains() {
    let Some(source) = source("gnutls-") else { return };
    let suite = peers::gnutls(&source);
    assert!(suite.cases.len() > 80, "{} cases found", suite.cases.len());
    compare(&suite, GNUTLS);
}
