//! The table of cases against bare `webpki`: what it refuses with the same trust anchors is never
//! trusted here, but for end entities that are trusted whole.

#![cfg(unix)]
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use pki_types::{CertificateDer, ServerName, UnixTime};
use trustbridge_cases::{Expect, Purpose};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

#[test]
fn never_more_lenient_than_webpki() {
    let mut compared = 0;
    for case in trustbridge_cases::all() {
        let Expect::Trusted(length) = case.expect else { continue };
        if length == 1 || case.common_name {
            continue;
        }
        compared += 1;
        let certs = |ders: &[Vec<u8>]| -> Vec<CertificateDer<'static>> {
            ders.iter().cloned().map(CertificateDer::from).collect()
        };
        let (chain, roots, known) =
            (certs(&case.chain), certs(&case.roots), certs(&case.intermediates));
        let anchors: Vec<_> =
            roots.iter().map(|root| anchor_from_trusted_cert(root).unwrap()).collect();
        // A certificate that cannot be read stops webpki's search; ours passes over it.
        let readable = |cert: &&CertificateDer<'_>| EndEntityCert::try_from(*cert).is_ok();
        let sent: Vec<_> = chain.iter().skip(1).chain(&known).filter(readable).cloned().collect();
        let leaf = EndEntityCert::try_from(chain.first().unwrap()).unwrap();
        let usage = match case.purpose {
            Purpose::Server => KeyUsage::server_auth(),
            Purpose::Client => KeyUsage::client_auth(),
        };
        let time = UnixTime::since_unix_epoch(Duration::from_secs(case.time));
        let verdict = leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &sent,
            time,
            usage,
            None,
            None,
        );
        assert!(verdict.is_ok(), "{}: {:?}", case.name, verdict.err());
        if let Some(peer) = case.peer {
            let name = ServerName::try_from(peer).unwrap();
            leaf.verify_is_valid_for_subject_name(&name).unwrap();
        }
    }
    assert!(compared > 40, "only {compared} cases were compared");
}
