//! A signature algorithm that counts.

use std::cell::Cell;

use pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};

thread_local! {
    static VERIFIED: Cell<usize> = const { Cell::new(0) };
}

/// How many signatures were verified in this thread.
pub(crate) fn verified() -> usize {
    VERIFIED.get()
}

/// ECDSA with P-256 and SHA-256, counted.
#[derive(Debug)]
pub(crate) struct Counted;

impl SignatureVerificationAlgorithm for Counted {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        webpki::aws_lc_rs::ECDSA_P256_SHA256.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        webpki::aws_lc_rs::ECDSA_P256_SHA256.signature_alg_id()
    }

    fn verify_signature(
        &self,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        VERIFIED.set(VERIFIED.get() + 1);
        webpki::aws_lc_rs::ECDSA_P256_SHA256.verify_signature(key, message, signature)
    }
}
