//! `danger_ignore_validity`: validity periods alone are ignored.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, missing_docs)]

use std::time::Duration;

use pki_types::{CertificateDer, ServerName, UnixTime};
use trustbridge::{
    Crl, ErrorKind, Peer, Revocation, RevocationCheck, UnknownRevocation, Verified, Verifier,
    VerifyError,
};
use trustbridge_cases::NOW;
use trustbridge_cases::make::{DAY, Node, ca, server};

fn der(node: &Node) -> CertificateDer<'static> {
    CertificateDer::from(node.der.clone())
}

fn verify(root: &Node, chain: &[&Node], name: &str, ignore: bool) -> Result<Verified, VerifyError> {
    let verifier = Verifier::builder()
        .system_roots(false)
        .extra_roots([der(root)])
        .danger_ignore_validity(ignore)
        .build()
        .unwrap();
    let chain: Vec<_> = chain.iter().map(|node| der(node)).collect();
    let name = Some(ServerName::try_from(name.to_owned()).unwrap());
    let time = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
    verifier.verify(&Peer::new(&chain, name).time(time))
}

#[test]
fn no_certificate_of_the_path_needs_to_be_valid_now() {
    let past = (-20 * DAY, -10 * DAY);
    let future = (10 * DAY, 20 * DAY);
    let now = (-DAY, DAY);
    for (of_root, of_ca, of_leaf) in
        [(past, now, now), (now, future, now), (now, now, past), (future, past, future)]
    {
        let root = ca("root").valid(of_root.0, of_root.1).self_signed();
        let issuer = ca("issuer").valid(of_ca.0, of_ca.1).issued_by(&root);
        let leaf = server().valid(of_leaf.0, of_leaf.1).issued_by(&issuer);
        let chain = [&leaf, &issuer];
        assert_eq!(verify(&root, &chain, "example.com", true).unwrap().chain.len(), 3);
        verify(&root, &chain, "example.com", false).unwrap_err();
    }
}

#[test]
fn a_trusted_end_entity_needs_not_be_valid_now() {
    let leaf = server().valid(-20 * DAY, -10 * DAY).self_signed();
    verify(&leaf, &[&leaf], "example.com", true).unwrap();
    verify(&leaf, &[&leaf], "example.com", false).unwrap_err();
}

#[test]
fn crls_need_not_be_current() {
    let root = ca("root").self_signed();
    let leaf = server().serial(7).issued_by(&root);
    let verify = |crl: Vec<u8>, ignore| {
        Verifier::builder()
            .system_roots(false)
            .extra_roots([der(&root)])
            .revocation(
                Revocation::default()
                    .check(RevocationCheck::Leaf)
                    .unknown(UnknownRevocation::Reject),
            )
            .crls([Crl::new(crl)])
            .danger_ignore_validity(ignore)
            .build()
            .unwrap()
            .verify(
                &Peer::new(&[der(&leaf)], None)
                    .time(UnixTime::since_unix_epoch(Duration::from_secs(NOW))),
            )
            .map_err(|error| error.kind())
    };
    for (updated, due) in [(-20 * DAY, -10 * DAY), (10 * DAY, 20 * DAY)] {
        assert!(verify(root.crl(&[8], updated, due), true).is_ok());
        assert!(verify(root.crl(&[8], updated, due), false).is_err());
        let revoked = verify(root.crl(&[7], updated, due), true);
        assert_eq!(revoked.unwrap_err(), ErrorKind::Revoked);
    }
}

#[test]
fn every_other_rule_holds() {
    let root = ca("root").valid(-20 * DAY, -10 * DAY).self_signed();
    let leaf = server().valid(-20 * DAY, -10 * DAY).issued_by(&root);
    let kind =
        |root: &Node, chain: &[&Node], name| verify(root, chain, name, true).unwrap_err().kind();
    assert_eq!(kind(&root, &[&leaf], "example.org"), ErrorKind::NameMismatch);
    assert_eq!(kind(&ca("other").self_signed(), &[&leaf], "example.com"), ErrorKind::UnknownIssuer);
    let low = ca("low").path_length(0).valid(-20 * DAY, -10 * DAY).self_signed();
    let middle = ca("middle").issued_by(&low);
    let leaf = server().valid(-20 * DAY, -10 * DAY).issued_by(&middle);
    assert_eq!(kind(&low, &[&leaf, &middle], "example.com"), ErrorKind::PathLengthExceeded);
    let bad = server().valid(-20 * DAY, -10 * DAY).unknown_extension(true).issued_by(&root);
    assert_eq!(kind(&root, &[&bad], "example.com"), ErrorKind::UnknownCriticalExtension);
}
