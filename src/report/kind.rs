//! Each kind of fault in a few words.
//!
//! Tests: `tests/verifier.rs`.

use std::fmt;

use crate::kind::ErrorKind;

impl ErrorKind {
    /// A few words for humans, without a full stop.
    pub fn summary(self) -> &'static str {
        match self {
            Self::NoCertificate => "no certificate was sent",
            Self::BadEncoding => "malformed certificate",
            Self::ChainTooComplex => "certificate chain too long or too complex",
            Self::Expired => "certificate has expired",
            Self::NotYetValid => "certificate is not yet valid",
            Self::NameMismatch => "certificate is not valid for this name",
            Self::UnknownIssuer => "issuer is not known",
            Self::SelfSignedLeaf => "self-signed certificate is not trusted",
            Self::UntrustedRoot => "root certificate is not trusted",
            Self::NoTrustAnchors => "no usable trust anchor was found",
            Self::PinMismatch => "certificate is not the pinned one",
            Self::BadSignature => "certificate signature is wrong",
            Self::UnsupportedAlgorithm => "unsupported algorithm",
            Self::WeakKey => "public key is too short",
            Self::NotACa => "issuer is not a CA",
            Self::CaAsEndEntity => "CA certificate used as an end entity",
            Self::KeyUsage => "issuer may not sign certificates",
            Self::PathLengthExceeded => "too many intermediates for a CA's path length",
            Self::WrongPurpose => "certificate may not be used for this purpose",
            Self::NameConstraints => "name outside a CA's name constraints",
            Self::UnknownCriticalExtension => "unknown critical extension",
            Self::Distrusted => "certificate is explicitly distrusted",
            Self::Revoked => "certificate has been revoked",
            Self::RevocationUnknown => "revocation status is unknown",
            Self::RevocationOutdated => "revocation list is out of date",
            Self::BadRevocationData => "revocation list is not usable",
            Self::NotStandardsCompliant => "certificate breaks a required rule",
            Self::CannotCheck => "certificate could not be checked",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.summary())
    }
}
