//! What is remembered about a CRL.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
};

use super::{BadSignature, Crl, Provider, Signatures};

/// Answers as it is told, and counts.
struct Fake {
    provider: Provider,
    answer: Result<(), BadSignature>,
    asked: usize,
}

impl Fake {
    fn new(answer: Result<(), BadSignature>) -> Self {
        Self { provider: Arc::new([]), answer, asked: 0 }
    }
}

impl Signatures for Fake {
    fn provider(&self) -> &Provider {
        &self.provider
    }

    fn verify(&mut self, _: &[u8], _: &[u8], _: &[u8], _: &[u8]) -> Result<(), BadSignature> {
        panic!("a CRL is the caller's, not the peer's")
    }

    fn verify_known(&mut self, _: &[u8], _: &[u8], _: &[u8], _: &[u8]) -> Result<(), BadSignature> {
        self.asked += 1;
        self.answer
    }
}

fn crl() -> Crl {
    let mut ca = CertificateParams::new([]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::CrlSign];
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2027, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let issuer = Issuer::new(ca, KeyPair::generate().unwrap());
    Crl::new(list.signed_by(&issuer).unwrap().der().to_vec())
}

#[test]
fn a_signature_is_verified_once_for_each_key_and_provider() {
    let crl = crl();
    let contents = crl.contents().unwrap();
    let mut one = Fake::new(Ok(()));
    // A list of its own for each verifier: what is in it decides.
    let mut same = Fake::new(Err(BadSignature::Wrong));
    let mut other = Fake::new(Err(BadSignature::Unsupported));
    other.provider = crate::algorithms::default();
    for _ in 0..3 {
        assert_eq!(crl.verify(contents, b"key", &mut one), Ok(()));
        assert_eq!(crl.clone().verify(contents, b"key", &mut one), Ok(()));
        assert_eq!(crl.verify(contents, b"key", &mut other), Err(BadSignature::Unsupported));
        assert_eq!(crl.verify(contents, b"key", &mut same), Ok(()));
        assert_eq!((one.asked, other.asked, same.asked), (1, 1, 0));
    }
    one.answer = Err(BadSignature::Wrong);
    assert_eq!(crl.verify(contents, b"other key", &mut one), Err(BadSignature::Wrong));
    assert_eq!(crl.verify(contents, b"key", &mut one), Ok(()));
    assert_eq!(one.asked, 2);
}

#[test]
fn what_is_remembered_has_a_bound() {
    let crl = crl();
    let contents = crl.contents().unwrap();
    let mut signatures = Fake::new(Ok(()));
    let mut verify = |key: u32| {
        let before = signatures.asked;
        crl.verify(contents, &key.to_be_bytes(), &mut signatures).unwrap();
        signatures.asked > before
    };
    for key in 0..1_000 {
        assert!(verify(key));
    }
    assert_eq!((0..1_000).rev().filter(|key| !verify(*key)).count(), 16);
}

/// Whoever finds what is remembered taken, as after a fork, verifies again.
#[test]
fn nobody_waits_for_what_is_remembered() {
    let crl = crl();
    let contents = crl.contents().unwrap();
    let mut signatures = Fake::new(Ok(()));
    let taken = crl.take_memo();
    for asked in 1..4 {
        assert_eq!(crl.verify(contents, b"key", &mut signatures), Ok(()));
        assert_eq!(signatures.asked, asked);
    }
    drop(taken);
}
