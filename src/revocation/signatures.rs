//! What revocation needs of whoever verifies signatures.
//!
//! Tests: `tests.rs` beside it.

use std::sync::Arc;

use pki_types::SignatureVerificationAlgorithm;

/// The algorithms of a verifier.
pub(crate) type Provider = Arc<[&'static dyn SignatureVerificationAlgorithm]>;

/// Verifies signatures, within the bounds of one verification.
pub(crate) trait Signatures {
    /// What one list of algorithms knows another may not.
    fn provider(&self) -> &Provider;

    /// A signature of the peer's choice, within a bound. `spki` and `algorithm` are the contents of
    /// a SubjectPublicKeyInfo and of an AlgorithmIdentifier.
    fn verify(
        &mut self,
        spki: &[u8],
        algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature>;

    /// A signature that the caller gave, outside any bound: it is verified once and remembered.
    fn verify_known(
        &mut self,
        spki: &[u8],
        algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature>;
}

/// Why a signature is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadSignature {
    /// It was not made with this key.
    Wrong,
    /// Its algorithm, or the key's, is not supported.
    Unsupported,
    /// No more signatures are verified.
    TooMany,
}
