//! What is wrong with a chain: the kind of fault, its number and its rank.
//!
//! Tests: `tests/cases.rs` (a row for each kind), `tests/rustls.rs` (the table of alerts).

/// What is wrong with a chain: the same variant for the same fault on every operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The peer sent no certificate.
    NoCertificate,
    /// A certificate is not valid DER, or one of its extensions is malformed.
    BadEncoding,
    /// The chain has more certificates or bytes than are read, or more paths than are tried.
    ChainTooComplex,
    /// A certificate's validity period is over.
    Expired,
    /// A certificate's validity period has not begun.
    NotYetValid,
    /// The end entity is not valid for the peer's DNS name or IP address.
    NameMismatch,
    /// The issuer of the last certificate found is neither in the chain nor a trust anchor.
    UnknownIssuer,
    /// The end entity is self-signed and not trusted.
    SelfSignedLeaf,
    /// The chain ends in a self-signed root that is not trusted.
    UntrustedRoot,
    /// There is no trust anchor at all: the store is empty, missing or unreadable.
    NoTrustAnchors,
    /// The end entity is none of the pinned certificates.
    PinMismatch,
    /// A certificate's signature was not made with its issuer's key.
    BadSignature,
    /// A signature or key algorithm is unknown, outdated or not compiled in.
    UnsupportedAlgorithm,
    /// A public key is too short.
    WeakKey,
    /// A certificate issued another one but is not a CA (RFC 5280 section 4.2.1.9).
    NotACa,
    /// A CA certificate is used as an end entity. Only Apple's verifier reports this; on Unix a CA
    /// certificate may be an end entity.
    CaAsEndEntity,
    /// A CA's key usage does not allow it to sign certificates (RFC 5280 section 4.2.1.3).
    KeyUsage,
    /// There are more intermediates than a CA's path length allows (RFC 5280 section 4.2.1.9).
    PathLengthExceeded,
    /// A certificate may not be used for the purpose (RFC 5280 section 4.2.1.12).
    WrongPurpose,
    /// A name is outside a CA's name constraints (RFC 5280 section 4.2.1.10).
    NameConstraints,
    /// An extension that must be understood is not (RFC 5280 section 4.2).
    UnknownCriticalExtension,
    /// The store says that the certificate, its issuer or its key must not be trusted.
    Distrusted,
    /// A certificate has been revoked.
    Revoked,
    /// Whether a certificate is revoked is not known, and the policy requires it.
    RevocationUnknown,
    /// The CRL that covers a certificate is out of date, and the policy requires a fresh one.
    RevocationOutdated,
    /// A CRL is malformed, of an unsupported form, or not signed by the certificate's issuer.
    BadRevocationData,
    /// A certificate breaks a rule of the operating system's policy or of the strict profile.
    NotStandardsCompliant,
    /// The verdict could not be reached. Treated as a failure.
    CannotCheck,
}

impl ErrorKind {
    /// The `X509_V_ERR_*` number of OpenSSL 3 that comes closest, as in
    /// [X509_STORE_CTX_get_error(3)](https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/).
    ///
    /// [`VerifyError::openssl_code`](crate::VerifyError::openssl_code) may be more precise.
    pub fn openssl_code(self) -> i32 {
        match self {
            Self::NoCertificate | Self::BadEncoding | Self::CannotCheck => 1,
            Self::ChainTooComplex => 22,
            Self::Expired => 10,
            Self::NotYetValid => 9,
            Self::NameMismatch => 62,
            Self::UnknownIssuer | Self::NoTrustAnchors => 20,
            Self::SelfSignedLeaf => 18,
            Self::UntrustedRoot => 19,
            Self::PinMismatch => 27,
            Self::BadSignature => 7,
            Self::UnsupportedAlgorithm => 76,
            Self::WeakKey => 66,
            Self::NotACa | Self::KeyUsage => 79,
            Self::CaAsEndEntity | Self::WrongPurpose => 26,
            Self::PathLengthExceeded => 25,
            Self::NameConstraints => 47,
            Self::UnknownCriticalExtension => 34,
            Self::Distrusted => 28,
            Self::Revoked => 23,
            Self::RevocationUnknown => 3,
            Self::RevocationOutdated => 12,
            Self::BadRevocationData => 8,
            Self::NotStandardsCompliant => 50,
        }
    }

    /// Of several failed attempts, the error of the highest rank is shown: the attempt that came
    /// closest to a trusted path says most about what to do.
    pub(crate) fn rank(self) -> u8 {
        match self {
            Self::Revoked | Self::Distrusted => 9,
            Self::RevocationUnknown | Self::RevocationOutdated | Self::BadRevocationData => 8,
            Self::NameConstraints | Self::PathLengthExceeded => 7,
            Self::Expired | Self::NotYetValid => 6,
            Self::WrongPurpose | Self::CaAsEndEntity | Self::WeakKey => 5,
            Self::NotACa
            | Self::KeyUsage
            | Self::UnknownCriticalExtension
            | Self::NotStandardsCompliant
            | Self::UnsupportedAlgorithm => 4,
            Self::BadSignature => 3,
            Self::BadEncoding => 2,
            Self::ChainTooComplex => 1,
            _ => 0,
        }
    }

    /// Whether the fault is that no path to a trust anchor exists.
    pub(crate) fn is_missing_path(self) -> bool {
        matches!(
            self,
            Self::UnknownIssuer | Self::SelfSignedLeaf | Self::UntrustedRoot | Self::NoTrustAnchors
        )
    }
}
