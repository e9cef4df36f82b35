//! Algorithms that are not supported are named, and ML-DSA is supported by the default algorithms of
//! aws-lc-rs.

// Elsewhere the operating system verifies signatures.
#![cfg(not(any(windows, target_vendor = "apple")))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use pki_types::{CertificateDer, ServerName, UnixTime};
use trustbridge::{ErrorKind, Peer, Verified, Verifier, VerifyError};
use trustbridge_cases::NOW;
use trustbridge_cases::crl::{der, sequence};
use trustbridge_cases::make::{ca, server};
use trustbridge_cases::ml_dsa::relabel;

fn verify(root: &[u8], chain: &[&[u8]]) -> Result<Verified, VerifyError> {
    let owned = |der: &[u8]| CertificateDer::from(der.to_vec());
    let verifier =
        Verifier::builder().system_roots(false).extra_roots([owned(root)]).build().unwrap();
    let chain: Vec<_> = chain.iter().map(|der| owned(der)).collect();
    let name = ServerName::try_from("example.com").unwrap();
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(NOW));
    verifier.verify(&Peer::new(&chain, Some(name)).time(now))
}

/// Contents of the object identifier with this last part of NIST's signature algorithms.
fn nist(last: u8) -> Vec<u8> {
    vec![0x60, 0x86, 0x48, 1, 101, 3, 4, 3, last]
}

const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const ED448: &[u8] = &[0x2b, 101, 113];

fn identifier(oid: &[u8]) -> Vec<u8> {
    sequence(&[der(6, oid)])
}

fn spki(algorithm: Vec<u8>, length: usize) -> Vec<u8> {
    sequence(&[algorithm, der(3, &vec![0; length + 1])])
}

fn curve(oid: &[u8]) -> Vec<u8> {
    spki(sequence(&[der(6, EC), der(6, oid)]), 65)
}

fn refused(root: &[u8], leaf: &[u8], name: &str) {
    let error = verify(root, &[leaf]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedAlgorithm, "{name}: {error}");
    assert!(error.to_string().contains(name), "{name}: {error}");
}

#[test]
fn a_signature_algorithm_is_named() {
    let root = ca("root").self_signed();
    let leaf = server().issued_by(&root);
    for (oid, name) in [
        (vec![0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1], "ECDSA with SHA-1 (1.2.840.10045.4.1)"),
        (vec![0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 1], "ECDSA with SHA-224"),
        (nist(10), "ECDSA with SHA3-256 (2.16.840.1.101.3.4.3.10)"),
    ] {
        refused(&root.der, &relabel(&leaf.der, &identifier(&oid), None), name);
    }
    // A key that makes such signatures, and is known.
    let anchor = relabel(&root.der, &identifier(ED448), Some(&spki(identifier(ED448), 57)));
    refused(&anchor, &relabel(&leaf.der, &identifier(ED448), None), "Ed448 (1.3.101.113)");
}

/// RSASSA-PSS with these hashes, of the message and of the mask, and this salt.
fn pss(over: &[u8], mask: &[u8], salt: u8) -> Vec<u8> {
    let hash = |oid: &[u8]| sequence(&[der(6, oid), der(5, &[])]);
    let mgf1 = sequence(&[der(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8]), hash(mask)]);
    let fields = [der(0xa0, &hash(over)), der(0xa1, &mgf1), der(0xa2, &der(2, &[salt]))];
    sequence(&[der(6, RSASSA_PSS), sequence(&fields)])
}

const RSASSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
const SHA1: &[u8] = &[0x2b, 14, 3, 2, 26];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 101, 3, 4, 2, 1];
const SHA3_256: &[u8] = &[0x60, 0x86, 0x48, 1, 101, 3, 4, 2, 8];

#[test]
fn the_parameters_of_pss_are_named() {
    let root = ca("root").algorithm(&rcgen::PKCS_RSA_SHA256).self_signed();
    let leaf = server().issued_by(&root);
    let oid = "RSASSA-PSS (1.2.840.113549.1.1.10) with";
    for (algorithm, parameters) in [
        (pss(SHA256, SHA256, 20), "SHA-256 and a salt of 20 octets"),
        (pss(SHA256, SHA1, 32), "SHA-256, MGF1 with SHA-1 and a salt of 32 octets"),
        (pss(SHA3_256, SHA3_256, 32), "SHA3-256 and a salt of 32 octets"),
        (sequence(&[der(6, RSASSA_PSS), sequence(&[])]), "SHA-1 and a salt of 20 octets"),
        (sequence(&[der(6, RSASSA_PSS), der(5, &[])]), "malformed parameters"),
    ] {
        refused(&root.der, &relabel(&leaf.der, &algorithm, None), &format!("{oid} {parameters}"));
    }
    // Good parameters, and a key that webpki's algorithms do not take.
    let good = pss(SHA256, SHA256, 32);
    let wrong = verify(&root.der, &[&relabel(&leaf.der, &good, None)]).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::BadSignature);
    let key =
        sequence(&[identifier(RSASSA_PSS), der(3, &[&[0], &rsa_key(&root.der)[..]].concat())]);
    let anchor = relabel(&root.der, &good, Some(&key));
    let leaf = relabel(&leaf.der, &good, None);
    refused(&anchor, &leaf, "a salt of 32 octets, by a key that is for RSASSA-PSS alone");
}

/// The RSAPublicKey of 2048 bits in a certificate.
fn rsa_key(cert: &[u8]) -> Vec<u8> {
    let start = cert.windows(5).position(|part| part == [3, 0x82, 1, 0x0f, 0]).unwrap() + 5;
    cert[start..start + 0x10e].to_vec()
}

#[test]
fn a_merkle_tree_certificate_is_named() {
    // 1.3.6.1.4.1.44363.47.0
    let oid = [0x2b, 6, 1, 4, 1, 0x82, 0xda, 0x4b, 47, 0];
    let root = ca("root").self_signed();
    let leaf = relabel(&server().issued_by(&root).der, &identifier(&oid), None);
    refused(&root.der, &leaf, "Merkle tree certificate (1.3.6.1.4.1.44363.47.0)");
}

#[test]
fn a_key_is_named() {
    let root = ca("root").self_signed();
    let leaf = server().issued_by(&root);
    let ecdsa = identifier(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]);
    for (key, name) in [
        (spki(identifier(&nist(20)), 32), "a key of the kind SLH-DSA-SHA2-128s"),
        (spki(identifier(&nist(31)), 64), "a key of the kind SLH-DSA-SHAKE-256f"),
        (spki(identifier(&nist(17)), 1000), "a malformed key of the kind ML-DSA-44"),
        (spki(identifier(&[0x2a, 3]), 64), "a key of the kind 1.2.3"),
        (curve(&[0x2b, 0x81, 4, 0, 33]), "a key on the curve P-224 (1.3.132.0.33)"),
        (curve(&[0x2b, 0x81, 4, 0, 10]), "a key on the curve secp256k1"),
        (curve(&[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 7]), "a key on the curve brainpoolP256r1"),
        (spki(sequence(&[der(6, EC), sequence(&[])]), 65), "a key on a curve that is not named"),
    ] {
        refused(&root.der, &relabel(&leaf.der, &ecdsa, Some(&key)), name);
    }
}

#[test]
fn the_key_of_a_trust_anchor_is_named() {
    let root = ca("root").self_signed();
    let leaf = server().issued_by(&root);
    let slh_dsa = identifier(&nist(24));
    let anchor = relabel(&root.der, &slh_dsa, Some(&spki(slh_dsa.clone(), 64)));
    let leaf = relabel(&leaf.der, &slh_dsa, None);
    refused(&anchor, &leaf, "a key of the kind SLH-DSA-SHA2-256s");
}
