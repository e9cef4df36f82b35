//! The signature algorithms of a verifier that is given none.
//!
//! Tests: `tests/cases.rs` (the rows about signatures), `tests/rustls.rs`.

use std::sync::{Arc, LazyLock};

use pki_types::SignatureVerificationAlgorithm;

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
