//! CRLs of every age, key, scope and shape. tests/differential compares sets of them with OpenSSL.

#![cfg(all(unix, not(target_vendor = "apple")))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    missing_docs
)]

#[allow(dead_code)] // tests/differential draws sets of CRLs with it
mod crl_sets;

use std::time::Duration;

use pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use trustbridge::{
    BuildError, Crl, CrlProblem, ErrorKind, Peer, Revocation, RevocationCheck, UnknownRevocation,
    Verified, Verifier, VerifyError,
};

use trustbridge_cases::NOW;
use trustbridge_cases::crl::{self, CrlSpec, Signer, der, extension};
use trustbridge_cases::make::DAY;

use crl_sets::{Pki, Shape};

fn verify(
    chain: &[Vec<u8>],
    root: &[u8],
    crls: &[Crl],
    check: RevocationCheck,
    unknown: UnknownRevocation,
) -> Result<Verified, VerifyError> {
    let chain: Vec<_> = chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let time = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
    let peer = Peer::new(&chain, None).time(time);
    let revocation = Revocation::default().check(check).unknown(unknown);
    Verifier::builder()
        .system_roots(false)
        .extra_roots([CertificateDer::from(root.to_vec())])
        .revocation(revocation)
        .crls(crls.iter().cloned())
        .build()
        .unwrap()
        .verify(&peer)
}

const USUAL: Shape = Shape { crl_sign: Some(true), renewed_key: false };

/// The verdict on the first certificate under these CRLs.
fn verdict(
    pki: &Pki,
    crls: &[&CrlSpec],
    unknown: UnknownRevocation,
) -> Result<Verified, VerifyError> {
    let crls: Vec<_> = crls.iter().map(|crl| read(&pki.sign(crl))).collect();
    let chain = [pki.leaves[0].der.clone(), pki.intermediate.clone()];
    verify(&chain, &pki.root, &crls, RevocationCheck::Leaf, unknown)
}

fn read(der: &[u8]) -> Crl {
    Crl::new(CertificateRevocationListDer::from(der.to_vec()))
}

/// The kind, OpenSSL's number and the text of a refusal.
fn refused(verdict: Result<Verified, VerifyError>) -> (ErrorKind, i32, String) {
    let error = verdict.unwrap_err();
    assert_eq!(error.depth(), Some(0), "{error}");
    (error.kind(), error.openssl_code(), error.to_string())
}

#[test]
fn a_newer_crl_that_revokes_is_never_hidden() {
    use UnknownRevocation::{Allow, Reject};
    let pki = Pki::new(USUAL, 1);
    let serial = &pki.leaves[0].serial;
    let old = CrlSpec::new(pki.name.clone()).dates(-2 * DAY, Some(5 * DAY));
    let new = CrlSpec::new(pki.name.clone()).dates(-3_600, Some(5 * DAY)).revokes(serial, None);
    for unknown in [Allow, Reject] {
        for order in [[&old, &new], [&new, &old]] {
            assert_eq!(refused(verdict(&pki, &order, unknown)).0, ErrorKind::Revoked);
        }
        assert!(verdict(&pki, &[&old], unknown).is_ok());
    }
    // Two current CRLs that say otherwise: the careful one counts.
    let older = new.clone().dates(-3 * DAY, Some(DAY));
    assert_eq!(refused(verdict(&pki, &[&older, &old], Reject)).0, ErrorKind::Revoked);
    // An outdated one is overruled by a newer one, never by an older one.
    let outdated = new.clone().dates(-3 * DAY, Some(-DAY));
    assert!(verdict(&pki, &[&outdated, &old], Reject).is_ok());
    let outdated = new.dates(-DAY, Some(-3_600));
    assert_eq!(refused(verdict(&pki, &[&outdated, &old], Reject)).0, ErrorKind::Revoked);
}

#[test]
fn a_good_crl_is_not_made_useless_by_another() {
    use UnknownRevocation::Reject;
    let pki = Pki::new(USUAL, 1);
    let good = CrlSpec::new(pki.name.clone());
    let outdated = good.clone().dates(-9 * DAY, Some(-DAY));
    let foreign = good.clone().dates(-60, Some(DAY)).signer(Signer::Stranger);
    let future = good.clone().dates(DAY, Some(9 * DAY));
    for other in [&outdated, &foreign, &future] {
        for order in [[&good, other], [other, &good]] {
            let verified = verdict(&pki, &order, Reject).unwrap();
            assert_eq!(verified.revocation.checked, RevocationCheck::Leaf);
        }
    }
    assert_eq!(refused(verdict(&pki, &[&outdated], Reject)).1, 12);
    assert_eq!(refused(verdict(&pki, &[&future], Reject)).1, 11);
    let (kind, code, text) = refused(verdict(&pki, &[&foreign], Reject));
    assert_eq!((kind, code), (ErrorKind::BadRevocationData, 8));
    assert!(text.contains("CRL of 'CN=Issuer' issued 2027-01-15 07:59:00 UTC"), "{text}");
    assert!(text.contains("was signed with another key"), "{text}");
}

#[test]
fn a_crl_counts_from_its_first_second_until_before_the_next_is_due() {
    use UnknownRevocation::Reject;
    let pki = Pki::new(USUAL, 1);
    let dated = |updated, due| CrlSpec::new(pki.name.clone()).dates(updated, Some(due));
    assert!(verdict(&pki, &[&dated(0, 1)], Reject).is_ok());
    assert_eq!(refused(verdict(&pki, &[&dated(1, DAY)], Reject)).1, 11);
    assert_eq!(refused(verdict(&pki, &[&dated(-DAY, 0)], Reject)).1, 12);
}

#[test]
fn a_crl_that_names_another_key_of_its_issuer_proves_nothing() {
    use UnknownRevocation::Reject;
    let pki = Pki::new(USUAL, 1);
    let good = CrlSpec::new(pki.name.clone());
    let naming =
        |key: &[u8]| good.clone().extension(&[0x55, 0x1d, 35], false, &der(0x30, &der(0x80, key)));
    assert!(verdict(&pki, &[&naming(crl_sets::ISSUER_KEY_ID)], Reject).is_ok());
    let (kind, code, text) = refused(verdict(&pki, &[&naming(b"another key")], Reject));
    assert_eq!((kind, code), (ErrorKind::RevocationUnknown, 3), "{text}");
}

#[test]
fn a_crl_that_cannot_be_used_is_named_and_spoils_the_others() {
    use UnknownRevocation::{Allow, Reject};
    let pki = Pki::new(USUAL, 1);
    let good = CrlSpec::new(pki.name.clone());
    let flag = |number: u8| der(0x80 | number, &[0xff]);
    let entry = (vec![5], None, extension(&[0x2a, 3, 4], true, &[5, 0]));
    let mut critical_entry = good.clone();
    critical_entry.entries.push(entry);
    let number = der(2, &[1]);
    for (crl, code, text) in [
        (
            good.clone().extension(&[0x55, 0x1d, 27], true, &number),
            3,
            "delta CRLs are not supported",
        ),
        (good.clone().scope(&flag(4)), 3, "indirect CRLs are not supported"),
        (good.clone().scope(&[flag(1), flag(2)].concat()), 3, "contradicts itself"),
        (
            good.clone().extension(&[0x2a, 3, 4], true, &[5, 0]),
            36,
            "unknown critical extension 1.2.3.4",
        ),
        (good.clone().extension(&[0x55, 0x1d, 20], true, &number), 36, "extension 2.5.29.20"),
        (critical_entry, 36, "unknown critical extension 1.2.3.4"),
        (
            good.clone()
                .extension(
                    &[0x55, 0x1d, 35],
                    false,
                    &der(0x30, &der(0x80, crl_sets::ISSUER_KEY_ID)),
                )
                .signer(Signer::Damaged),
            8,
            "its signature is wrong",
        ),
    ] {
        for order in [vec![&crl], vec![&crl, &good], vec![&good, &crl]] {
            let (kind, found, message) = refused(verdict(&pki, &order, Reject));
            assert_eq!((kind, found), (ErrorKind::BadRevocationData, code), "{message}");
            assert!(message.contains(text), "{message}");
            // Unknown is allowed, and nobody claims that it was checked.
            let verified = verdict(&pki, &order, Allow).unwrap();
            assert_eq!(verified.revocation.checked, RevocationCheck::Off);
        }
    }
}

#[test]
fn a_crl_that_cannot_be_read_is_an_error_or_named() {
    let pki = Pki::new(USUAL, 1);
    let good = pki.sign(&CrlSpec::new(pki.name.clone()));
    let mut cut = good.clone();
    cut.truncate(good.len() - 9);
    let mut long_date = CrlSpec::new(pki.name.clone());
    long_date.entries.push((Vec::new(), None, Vec::new()));
    let chain = [pki.leaves[0].der.clone(), pki.intermediate.clone()];
    for (bad, what) in [(cut, "CRL"), (pki.sign(&long_date), "entry of revokedCertificates")] {
        assert_eq!(read(&bad).problem(), Some(CrlProblem::Malformed(what)));
        let revocation = Revocation::default().crls([bad.clone().into()]);
        let error = Verifier::builder().revocation(revocation).build().unwrap_err();
        assert!(matches!(error, BuildError::BadCrl { index: 0, .. }), "{error}");
        assert_eq!(error.to_string(), format!("CRL 0: malformed {what}"));
        let crls = [read(&good), read(&bad)];
        let verdict =
            verify(&chain, &pki.root, &crls, RevocationCheck::Leaf, UnknownRevocation::Reject);
        let (kind, _, text) = refused(verdict);
        assert_eq!(kind, ErrorKind::BadRevocationData);
        assert!(text.contains(&format!("cannot be used: malformed {what}")), "{text}");
    }
    // Another issuer's does no harm.
    let mut other = CrlSpec::new(pki.root_name.clone());
    other.entries.push((Vec::new(), None, Vec::new()));
    let crls = [read(&good), read(&pki.sign(&other))];
    verify(&chain, &pki.root, &crls, RevocationCheck::Leaf, UnknownRevocation::Reject).unwrap();
}

#[test]
fn every_shape_that_openssl_reads() {
    let pki = Pki::new(USUAL, 1);
    let serial = &pki.leaves[0].serial;
    let new = || CrlSpec::new(pki.name.clone());
    let mut version_1 = new();
    version_1.version = None;
    for crl in [
        version_1,
        new().dates(-DAY, None),
        new().extension(&[0x55, 0x1d, 20], false, &der(2, &[0x22; 24])),
        new().scope(&der(0x81, &[0xff])),
        new().scope(&der(0x81, &[1])),
        new().scope(&[]),
        new().extension(&[0x2a, 3, 4], false, &[5, 0]),
    ] {
        verdict(&pki, &[&crl], UnknownRevocation::Reject).unwrap();
        // RFC 5280 section 5.3.1: a hold is a revocation, and `removeFromCRL` the end of one.
        for reason in [None, Some(0), Some(1), Some(6), Some(10)] {
            let revoked =
                verdict(&pki, &[&crl.clone().revokes(serial, reason)], UnknownRevocation::Allow);
            assert_eq!(refused(revoked).0, ErrorKind::Revoked, "{reason:?}");
        }
        let removed = crl.revokes(serial, Some(8));
        verdict(&pki, &[&removed], UnknownRevocation::Reject).unwrap();
    }
}

#[test]
fn a_crl_that_does_not_cover_the_certificate_proves_nothing() {
    use UnknownRevocation::Reject;
    let pki = Pki::new(USUAL, 1);
    let new = || CrlSpec::new(pki.name.clone());
    for crl in [
        new().scope(&der(0x82, &[0xff])),
        new().scope(&der(0x85, &[0xff])),
        new().scope(&der(0x83, &[1, 0x60])),
        new().scope(&crl::uri("http://a/")),
    ] {
        let (kind, code, text) = refused(verdict(&pki, &[&crl], Reject));
        assert_eq!((kind, code), (ErrorKind::RevocationUnknown, 44), "{text}");
        let listed = crl.clone().revokes(&pki.leaves[0].serial, None);
        assert_eq!(refused(verdict(&pki, &[&listed], Reject)).0, ErrorKind::Revoked);
        verdict(&pki, &[&crl, &new()], Reject).unwrap();
    }
}

#[test]
fn an_issuer_must_be_allowed_to_sign_crls() {
    let pki = Pki::new(Shape { crl_sign: Some(false), ..USUAL }, 1);
    let (kind, code, text) =
        refused(verdict(&pki, &[&CrlSpec::new(pki.name.clone())], UnknownRevocation::Reject));
    assert_eq!((kind, code), (ErrorKind::BadRevocationData, 35), "{text}");
}

#[test]
fn many_entries_are_found_and_only_they() {
    let pki = Pki::new(USUAL, 3);
    let mut crl = CrlSpec::new(pki.name.clone());
    for number in 0..20_000_u32 {
        crl = crl.revokes(
            &[&[0x10], &number.wrapping_mul(0x9e37_79b9).to_be_bytes()[..]].concat(),
            None,
        );
    }
    let crl = crl.revokes(&pki.leaves[1].serial, Some(1));
    let crls = [read(&pki.sign(&crl))];
    for (index, expected) in [None, Some(ErrorKind::Revoked), None].into_iter().enumerate() {
        let chain = [pki.leaves[index].der.clone(), pki.intermediate.clone()];
        let verdict =
            verify(&chain, &pki.root, &crls, RevocationCheck::Leaf, UnknownRevocation::Reject);
        assert_eq!(verdict.err().map(|error| error.kind()), expected);
    }
}
