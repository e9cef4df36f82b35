//! The table of cases against bare `webpki`, a second opinion: what it refuses with the same trust
//! anchors is trusted here only for the reasons listed, or as an end entity that is itself trusted.

#![cfg(unix)]
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use pki_types::{CertificateDer, ServerName, UnixTime};
use trustbridge_cases::{Expect, Purpose};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

const NAMES: &str = "names compare as RFC 5280 section 7.1 says";
const ENCODINGS: &str = "old encodings are read, as OpenSSL does";
const UNDERSTOOD: &str = "critical extensions that OpenSSL understands are understood";

/// Cases that `webpki` refuses, and why OpenSSL and this crate do not.
const MORE_LENIENT: &[(&str, &str)] = &[
    ("ca-as-end-entity", "a CA certificate can be the server's own"),
    ("issued-ca-as-server", "a CA certificate can be the server's own"),
    ("issuer-in-another-string-type", NAMES),
    ("issuer-in-two-octets-a-character", NAMES),
    ("issuer-in-other-case", NAMES),
    ("issuer-with-more-white-space", NAMES),
    ("subject-permitted", NAMES),
    ("true-as-01", ENCODINGS),
    ("valid-since-1960", ENCODINGS),
    ("minimum-of-zero-written-out", ENCODINGS),
    ("critical-policies", UNDERSTOOD),
    ("critical-policy-constraints", UNDERSTOOD),
    ("critical-inhibit-any-policy", UNDERSTOOD),
    ("critical-ocsp-no-check", UNDERSTOOD),
    (
        "path-length-and-self-issued",
        "self-issued certificates do not count (RFC 5280 section 6.1.4)",
    ),
    ("twenty-five-intermediates", "the work is bounded, not the number of intermediates"),
];

#[test]
fn never_more_lenient_than_webpki() {
    let (mut compared, mut listed, mut unlisted) = (0, Vec::new(), Vec::new());
    for case in trustbridge_cases::all() {
        let Expect::Trusted(length) = case.expect else { continue };
        if length == 1 || case.common_name || case.weak_keys {
            continue;
        }
        compared += 1;
        let certs = |ders: &[Vec<u8>]| -> Vec<CertificateDer<'static>> {
            ders.iter().cloned().map(CertificateDer::from).collect()
        };
        let (chain, roots, known) =
            (certs(&case.chain), certs(&case.roots), certs(&case.intermediates));
        let anchors: Vec<_> =
            roots.iter().filter_map(|root| anchor_from_trusted_cert(root).ok()).collect();
        // A certificate that cannot be read stops webpki's search; ours passes over it.
        let readable = |cert: &&CertificateDer<'_>| EndEntityCert::try_from(*cert).is_ok();
        let sent: Vec<_> = chain.iter().skip(1).chain(&known).filter(readable).cloned().collect();
        let time = UnixTime::since_unix_epoch(Duration::from_secs(case.time));
        let ask = |usage| {
            let leaf = EndEntityCert::try_from(chain.first().unwrap())?;
            leaf.verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &anchors,
                &sent,
                time,
                usage,
                None,
                None,
            )?;
            match case.peer {
                Some(peer) => {
                    leaf.verify_is_valid_for_subject_name(&ServerName::try_from(peer).unwrap())
                }
                None => Ok(()),
            }
        };
        let verdict = match case.purpose {
            Purpose::Server => ask(KeyUsage::server_auth()),
            Purpose::Client => match ask(KeyUsage::client_auth()) {
                Err(_) if case.or_server => ask(KeyUsage::server_auth()),
                verdict => verdict,
            },
        };
        match MORE_LENIENT.iter().find(|(name, _)| *name == case.name) {
            Some((name, reason)) => {
                assert!(verdict.is_err(), "{name}: webpki accepts it too, not so: {reason}");
                listed.push(*name);
            }
            None => {
                unlisted.extend(verdict.err().map(|error| format!("{}: {error:?}", case.name)));
            }
        }
    }
    assert!(unlisted.is_empty(), "{}", unlisted.join("\n"));
    assert!(compared > 40, "only {compared} cases were compared");
    assert_eq!(listed.len(), MORE_LENIENT.len(), "{listed:?}");
}
