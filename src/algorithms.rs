//! The signature algorithms of a verifier that is given none.
//!
//! Tests: `tests/cases.rs` (the rows about signatures), `tests/rustls.rs`.

use std::sync::{Arc, LazyLock};

use pki_types::SignatureVerificationAlgorithm;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
use pki_types::{AlgorithmIdentifier, InvalidSignature, alg_id};

/// One list for all verifiers.
pub(crate) fn default() -> Arc<[&'static dyn SignatureVerificationAlgorithm]> {
    static SHARED: LazyLock<Arc<[&dyn SignatureVerificationAlgorithm]>> =
        LazyLock::new(|| list().into());
    Arc::clone(&SHARED)
}

/// Whether two are one and the same implementation: what they say of themselves, their addresses and
/// their code. An address alone would not do: types without a size share one. Neither is ever given
/// to another, as the references live as long as the process.
pub(crate) fn same_algorithm(
    one: &'static dyn SignatureVerificationAlgorithm,
    other: &'static dyn SignatureVerificationAlgorithm,
) -> bool {
    std::ptr::eq(one, other)
        && one.signature_alg_id() == other.signature_alg_id()
        && one.public_key_alg_id() == other.public_key_alg_id()
}

/// Whether two lists are of the same implementations in the same order. An adapter makes a list for
/// each configuration.
pub(crate) fn same_algorithms(
    one: &[&'static dyn SignatureVerificationAlgorithm],
    other: &[&'static dyn SignatureVerificationAlgorithm],
) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| same_algorithm(*one, *other))
}

fn list() -> &'static [&'static dyn SignatureVerificationAlgorithm] {
    #[cfg(feature = "aws-lc-rs")]
    {
        AWS_LC_RS
    }
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    {
        RING
    }
    #[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
    {
        &[]
    }
}

/// RSA from 1024 bits, also with SHA-1, for those who allow weak keys. Neither library has ECDSA with
/// SHA-1, nor PSS or SHA-384 with short keys.
pub(crate) fn weak() -> &'static [&'static dyn SignatureVerificationAlgorithm] {
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    {
        static WEAK: &[&dyn SignatureVerificationAlgorithm] =
            &[&RSA_SHA1, &RSA_SHA256, &RSA_SHA512];
        WEAK
    }
    #[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
    {
        &[]
    }
}

#[cfg(feature = "aws-lc-rs")]
use aws_lc_rs::signature as library;
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
use ring::signature as library;

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub(crate) static RSA_SHA1: WeakRsa = WeakRsa {
    parameters: &library::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
    // sha1WithRSAEncryption with NULL (RFC 3279 section 2.2.1)
    signature: AlgorithmIdentifier::from_slice(&[
        6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5, 5, 0,
    ]),
};
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub(crate) static RSA_SHA256: WeakRsa = WeakRsa {
    parameters: &library::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    signature: alg_id::RSA_PKCS1_SHA256,
};
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub(crate) static RSA_SHA512: WeakRsa = WeakRsa {
    parameters: &library::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    signature: alg_id::RSA_PKCS1_SHA512,
};

/// RSA with keys that webpki's own algorithms do not take.
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
#[derive(Debug)]
pub(crate) struct WeakRsa {
    parameters: &'static library::RsaParameters,
    signature: AlgorithmIdentifier,
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
impl SignatureVerificationAlgorithm for WeakRsa {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }

    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        library::UnparsedPublicKey::new(self.parameters, public_key)
            .verify(message, signature)
            .map_err(|_| InvalidSignature)
    }
}

#[cfg(feature = "aws-lc-rs")]
static AWS_LC_RS: &[&dyn SignatureVerificationAlgorithm] = &[
    webpki::aws_lc_rs::ECDSA_P256_SHA256,
    webpki::aws_lc_rs::ECDSA_P256_SHA384,
    webpki::aws_lc_rs::ECDSA_P256_SHA512,
    webpki::aws_lc_rs::ECDSA_P384_SHA256,
    webpki::aws_lc_rs::ECDSA_P384_SHA384,
    webpki::aws_lc_rs::ECDSA_P384_SHA512,
    webpki::aws_lc_rs::ECDSA_P521_SHA256,
    webpki::aws_lc_rs::ECDSA_P521_SHA384,
    webpki::aws_lc_rs::ECDSA_P521_SHA512,
    webpki::aws_lc_rs::ED25519,
    webpki::aws_lc_rs::ML_DSA_44,
    webpki::aws_lc_rs::ML_DSA_65,
    webpki::aws_lc_rs::ML_DSA_87,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA384,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA512,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
static RING: &[&dyn SignatureVerificationAlgorithm] = &[
    webpki::ring::ECDSA_P256_SHA256,
    webpki::ring::ECDSA_P256_SHA384,
    webpki::ring::ECDSA_P384_SHA256,
    webpki::ring::ECDSA_P384_SHA384,
    webpki::ring::ED25519,
    webpki::ring::RSA_PKCS1_2048_8192_SHA256,
    webpki::ring::RSA_PKCS1_2048_8192_SHA384,
    webpki::ring::RSA_PKCS1_2048_8192_SHA512,
    webpki::ring::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    webpki::ring::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    webpki::ring::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    webpki::ring::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    webpki::ring::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];
