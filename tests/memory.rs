//! A signature is verified once in a process, and nothing else is remembered of a verification.
//!
//! Each test has certificates of its own. One runs at a time: what one thread writes, another does not
//! find at that moment, and a flood takes the place of what others have written.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    missing_docs
)]

#[path = "support/counted.rs"]
mod counted;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName,
    SignatureVerificationAlgorithm, UnixTime,
};
use trustbridge::{
    Crl, ErrorKind, Peer, Purpose, Revocation, RevocationCheck, Verified, Verifier,
    VerifierBuilder, VerifyError,
};
use trustbridge_cases::NOW;
use trustbridge_cases::make::{DAY, Node, ca, client, server};

use counted::{Counted, verified};

/// The same as `Counted` for another provider. Both are without a size, and so at the same address.
#[derive(Debug)]
struct Refuses;

impl SignatureVerificationAlgorithm for Refuses {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        Counted.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        Counted.signature_alg_id()
    }

    fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
        Err(InvalidSignature)
    }
}

static COUNTED: &[&dyn SignatureVerificationAlgorithm] = &[&Counted];

/// The others wait.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn der(node: &Node) -> CertificateDer<'static> {
    CertificateDer::from(node.der.clone())
}

fn only(root: &Node) -> VerifierBuilder {
    Verifier::builder()
        .system_roots(false)
        .extra_roots([der(root)])
        .signature_algorithms(COUNTED.to_vec())
}

/// The verdict, and how many signatures it took.
fn counted(
    verifier: &Verifier,
    chain: &[CertificateDer<'_>],
    name: &'static str,
    time: i64,
) -> (usize, Result<Verified, VerifyError>) {
    let time = UnixTime::since_unix_epoch(Duration::from_secs(NOW.wrapping_add_signed(time)));
    let before = verified();
    let name = ServerName::try_from(name).unwrap();
    let verdict = verifier.verify(&Peer::new(chain, Some(name)).time(time));
    (verified() - before, verdict)
}

fn verify(verifier: &Verifier, chain: &[CertificateDer<'_>]) -> (usize, Option<ErrorKind>) {
    let (count, verdict) = counted(verifier, chain, "example.com", 0);
    (count, verdict.err().map(|error| error.kind()))
}

#[test]
fn once_in_a_process_whatever_the_verifier() {
    let _alone = alone();
    let root = ca("root").self_signed();
    let issuing = ca("issuing").issued_by(&root);
    let leaf = server().issued_by(&issuing);
    let chain = [der(&leaf), der(&issuing)];
    let forgetful = only(&root).remember_signatures(false).build().unwrap();
    assert_eq!(verify(&forgetful, &chain), (2, None));
    assert_eq!(verify(&forgetful, &chain), (2, None));
    let verifier = only(&root).build().unwrap();
    assert_eq!(verify(&verifier, &chain), (2, None), "it had filled the memory");
    assert_eq!(verify(&verifier, &chain), (0, None));
    assert_eq!(verify(&only(&root).build().unwrap(), &chain), (0, None));
    assert_eq!(verify(&forgetful, &chain), (2, None));
    // Another end entity of the same issuer.
    let other = server().issued_by(&issuing);
    assert_eq!(verify(&verifier, &[der(&other), der(&issuing)]), (1, None));
    // A child of a fork, a thread: all the same memory.
    let count = thread::scope(|scope| scope.spawn(|| verify(&verifier, &chain)).join().unwrap());
    assert_eq!(count, (0, None));
}

#[test]
fn everything_else_is_checked_every_time() {
    let _alone = alone();
    let root = ca("root").self_signed();
    let issuing = ca("issuing").issued_by(&root);
    let leaf = server().serial(7).issued_by(&issuing);
    let chain = [der(&leaf), der(&issuing)];
    let verifier = only(&root).build().unwrap();
    assert_eq!(verify(&verifier, &chain), (2, None));

    let kind = |name, time| {
        let (count, verdict) = counted(&verifier, &chain, name, time);
        assert_eq!(count, 0);
        verdict.unwrap_err().kind()
    };
    assert_eq!(kind("example.com", 1_000 * DAY), ErrorKind::Expired);
    assert_eq!(kind("example.com", -1_000 * DAY), ErrorKind::NotYetValid);
    assert_eq!(kind("example.org", 0), ErrorKind::NameMismatch);

    let stranger = ca("root").self_signed();
    let refused = |builder: VerifierBuilder| verify(&builder.build().unwrap(), &chain).1.unwrap();
    assert_eq!(refused(only(&stranger)), ErrorKind::UnknownIssuer);
    assert_eq!(refused(only(&root).purpose(Purpose::ClientAuth)), ErrorKind::WrongPurpose);
    let crls = |revoked: &[u64]| {
        let crl = Crl::new(issuing.crl(revoked, -DAY, DAY));
        only(&root).revocation(Revocation::default().check(RevocationCheck::Leaf)).crls([crl])
    };
    assert_eq!(verify(&crls(&[]).build().unwrap(), &chain).1, None);
    assert_eq!(refused(crls(&[7])), ErrorKind::Revoked);
}

#[test]
fn what_is_not_the_very_same_is_verified() {
    let _alone = alone();
    let root = ca("root").no_authority_key_id().self_signed();
    let issuing = ca("issuing").no_authority_key_id().issued_by(&root);
    let leaf = server().no_authority_key_id().issued_by(&issuing);
    let verifier = only(&root).build().unwrap();
    assert_eq!(verify(&verifier, &[der(&leaf), der(&issuing)]), (2, None));
    let bad = (1, Some(ErrorKind::BadSignature));

    // A known message with a forged signature.
    let mut forged = leaf.der.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(verify(&verifier, &[forged.into(), der(&issuing)]), bad);
    // Bad ones are not remembered either.
    let mut forged = leaf.der.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(verify(&verifier, &[forged.into(), der(&issuing)]), bad);
    // A known signature over another message.
    let mut forged = leaf.der.clone();
    let name = forged.windows(11).position(|part| part == b"example.com").unwrap();
    forged[name] = b'E';
    assert_eq!(verify(&verifier, &[forged.into(), der(&issuing)]), bad);
    // A known message and signature, of an issuer with the same name and another key.
    let usurper = ca("issuing").no_authority_key_id().issued_by(&root);
    let (count, kind) = verify(&verifier, &[der(&leaf), der(&usurper)]);
    assert_eq!((count, kind), (2, Some(ErrorKind::BadSignature)));
    // All of it known, by another provider's algorithm.
    let refuses: Vec<&'static dyn SignatureVerificationAlgorithm> = vec![&Refuses];
    let other = only(&root).signature_algorithms(refuses).build().unwrap();
    let verdict = verify(&other, &[der(&leaf), der(&issuing)]);
    assert_eq!(verdict, (0, Some(ErrorKind::BadSignature)));
}

#[test]
fn only_what_a_trusted_key_signed_is_remembered() {
    let _alone = alone();
    let root = ca("root").self_signed();
    let expired = ca("root").valid(-300 * DAY, -DAY).self_signed_as(&root);
    let leaf = server().issued_by(&root);
    let chain = [der(&leaf)];
    // To say what is wrong with the root, the signature is verified.
    let verifier = only(&expired).build().unwrap();
    assert_eq!(verify(&verifier, &chain), (1, Some(ErrorKind::Expired)));
    assert_eq!(verify(&verifier, &chain), (1, Some(ErrorKind::Expired)));
    assert_eq!(verify(&only(&root).build().unwrap(), &chain), (1, None));
    assert_eq!(verify(&verifier, &chain), (0, Some(ErrorKind::Expired)));
}

#[test]
fn a_flood_of_valid_certificates_slows_nothing() {
    let _alone = alone();
    let root = ca("root").self_signed();
    let verifier = only(&root).build().unwrap();
    let flood: Vec<_> = (0..600).map(|_| [der(&server().issued_by(&root))]).collect();
    for _ in 0..2 {
        for chain in &flood {
            let (count, kind) = verify(&verifier, chain);
            assert!(count <= 1 && kind.is_none());
        }
    }
    // What comes after it is remembered at once.
    let leaf = [der(&server().issued_by(&root))];
    assert_eq!(verify(&verifier, &leaf), (1, None));
    assert_eq!(verify(&verifier, &leaf), (0, None));
}

#[test]
fn many_threads_at_once() {
    let _alone = alone();
    let root = ca("root").self_signed();
    let verifier = only(&root).build().unwrap();
    let chains: Vec<_> = (0..8).map(|_| [der(&server().issued_by(&root))]).collect();
    let mut forged = chains[0][0].to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let forged = [CertificateDer::from(forged)];
    thread::scope(|scope| {
        for number in 0..64 {
            let (verifier, chains, forged) = (&verifier, &chains, &forged);
            scope.spawn(move || {
                for round in 0..20 {
                    let chain = &chains[(number + round) % chains.len()];
                    assert_eq!(verify(verifier, chain).1, None);
                    assert_eq!(verify(verifier, forged).1, Some(ErrorKind::BadSignature));
                }
            });
        }
    });
    assert!(chains.iter().all(|chain| verify(&verifier, chain) == (0, None)));
}

/// Both sides of rustls, with the algorithms of whichever provider, share it.
#[cfg(feature = "rustls-0_23")]
#[test]
fn rustls_with_any_provider() {
    let _alone = alone();
    use rustls::client::danger::ServerCertVerifier;
    use rustls::crypto::WebPkiSupportedAlgorithms;
    use rustls::server::danger::ClientCertVerifier;
    use trustbridge::rustls_0_23::{ClientChainVerifier, ServerChainVerifier};

    type Algorithms = &'static [&'static dyn SignatureVerificationAlgorithm];
    static MAPPING: &[(rustls::SignatureScheme, Algorithms)] =
        &[(rustls::SignatureScheme::ECDSA_NISTP256_SHA256, COUNTED)];

    let provider = rustls::crypto::CryptoProvider {
        signature_verification_algorithms: WebPkiSupportedAlgorithms {
            all: COUNTED,
            mapping: MAPPING,
        },
        ..rustls::crypto::aws_lc_rs::default_provider()
    };
    let root = ca("root").self_signed();
    let (leaf, visitor) = (server().issued_by(&root), client().issued_by(&root));
    let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
    let name = ServerName::try_from("example.com").unwrap();
    let mut counts = Vec::new();
    for _ in 0..3 {
        // A configuration for each connection.
        let before = verified();
        let verifier = only(&root).build().unwrap();
        let verifier = ServerChainVerifier::with_provider(verifier, &provider).unwrap();
        verifier.verify_server_cert(&der(&leaf), &[], &name, &[], now).unwrap();
        let verifier = only(&root).purpose(Purpose::ClientAuth).build().unwrap();
        let verifier = ClientChainVerifier::with_provider(verifier, &provider).unwrap();
        verifier.verify_client_cert(&der(&visitor), &[], now).unwrap();
        counts.push(verified() - before);
    }
    assert_eq!(counts, [2, 0, 0]);
}
