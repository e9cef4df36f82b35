//! The numbers of verdicts and mistakes.

use trustbridge::ErrorKind;

/// What came out. Numbers are never given to something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    /// The chain is trusted, or the function did what it should.
    TrustbridgeTrusted = 0,
    /// The peer sent no certificate.
    TrustbridgeNoCertificate = 1,
    /// A certificate is not valid DER, or one of its extensions is malformed.
    TrustbridgeBadEncoding = 2,
    /// The chain is too long or too complex.
    TrustbridgeChainTooComplex = 3,
    /// A certificate's validity period is over.
    TrustbridgeExpired = 4,
    /// A certificate's validity period has not begun.
    TrustbridgeNotYetValid = 5,
    /// The end entity is not valid for the peer's DNS name or IP address.
    TrustbridgeNameMismatch = 6,
    /// The issuer of the last certificate found is neither in the chain nor a trust anchor.
    TrustbridgeUnknownIssuer = 7,
    /// The end entity is self-signed and not trusted.
    TrustbridgeSelfSignedLeaf = 8,
    /// The chain ends in a self-signed root that is not trusted.
    TrustbridgeUntrustedRoot = 9,
    /// There is no trust anchor at all.
    TrustbridgeNoTrustAnchors = 10,
    /// The end entity is none of the pinned certificates.
    TrustbridgePinMismatch = 11,
    /// A certificate's signature was not made with its issuer's key.
    TrustbridgeBadSignature = 12,
    /// A signature or key algorithm is unknown, outdated or not compiled in.
    TrustbridgeUnsupportedAlgorithm = 13,
    /// A public key is too short.
    TrustbridgeWeakKey = 14,
    /// A certificate issued another one but is not a CA.
    TrustbridgeNotACa = 15,
    /// A CA certificate is used as an end entity. Only Apple's verifier reports this.
    TrustbridgeCaAsEndEntity = 16,
    /// A CA's key usage does not allow it to sign certificates.
    TrustbridgeKeyUsage = 17,
    /// There are more intermediates than a CA's path length allows.
    TrustbridgePathLengthExceeded = 18,
    /// A certificate may not be used for the purpose.
    TrustbridgeWrongPurpose = 19,
    /// A name lies outside a CA's name constraints.
    TrustbridgeNameConstraints = 20,
    /// An extension that must be understood is not.
    TrustbridgeUnknownCriticalExtension = 21,
    /// The store says that the certificate, its issuer or its key must not be trusted.
    TrustbridgeDistrusted = 22,
    /// A certificate has been revoked.
    TrustbridgeRevoked = 23,
    /// Whether a certificate is revoked is not known, and the options require it.
    TrustbridgeRevocationUnknown = 24,
    /// The CRL that covers a certificate is out of date, and the options require a fresh one.
    TrustbridgeRevocationOutdated = 25,
    /// A CRL is malformed, of an unsupported form, or not signed by the certificate's issuer.
    TrustbridgeBadRevocationData = 26,
    /// A certificate breaks a rule of the operating system's policy or of the strict profile.
    TrustbridgeNotStandardsCompliant = 27,
    /// The verdict could not be reached.
    TrustbridgeCannotCheck = 28,
    /// Not trusted, for a reason that has no number here: see the kind and the report.
    TrustbridgeOtherFault = 99,
    /// A mistake of the caller: a NULL where something is needed, options of an unknown size or value,
    /// a certificate or CRL in them that is malformed, a name that is none.
    TrustbridgeInvalidArgument = -1,
    /// A mistake of ours.
    TrustbridgeInternalError = -2,
}

impl From<ErrorKind> for Status {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NoCertificate => Self::TrustbridgeNoCertificate,
            ErrorKind::BadEncoding => Self::TrustbridgeBadEncoding,
            ErrorKind::ChainTooComplex => Self::TrustbridgeChainTooComplex,
            ErrorKind::Expired => Self::TrustbridgeExpired,
            ErrorKind::NotYetValid => Self::TrustbridgeNotYetValid,
            ErrorKind::NameMismatch => Self::TrustbridgeNameMismatch,
            ErrorKind::UnknownIssuer => Self::TrustbridgeUnknownIssuer,
            ErrorKind::SelfSignedLeaf => Self::TrustbridgeSelfSignedLeaf,
            ErrorKind::UntrustedRoot => Self::TrustbridgeUntrustedRoot,
            ErrorKind::NoTrustAnchors => Self::TrustbridgeNoTrustAnchors,
            ErrorKind::PinMismatch => Self::TrustbridgePinMismatch,
            ErrorKind::BadSignature => Self::TrustbridgeBadSignature,
            ErrorKind::UnsupportedAlgorithm => Self::TrustbridgeUnsupportedAlgorithm,
            ErrorKind::WeakKey => Self::TrustbridgeWeakKey,
            ErrorKind::NotACa => Self::TrustbridgeNotACa,
            ErrorKind::CaAsEndEntity => Self::TrustbridgeCaAsEndEntity,
            ErrorKind::KeyUsage => Self::TrustbridgeKeyUsage,
            ErrorKind::PathLengthExceeded => Self::TrustbridgePathLengthExceeded,
            ErrorKind::WrongPurpose => Self::TrustbridgeWrongPurpose,
            ErrorKind::NameConstraints => Self::TrustbridgeNameConstraints,
            ErrorKind::UnknownCriticalExtension => Self::TrustbridgeUnknownCriticalExtension,
            ErrorKind::Distrusted => Self::TrustbridgeDistrusted,
            ErrorKind::Revoked => Self::TrustbridgeRevoked,
            ErrorKind::RevocationUnknown => Self::TrustbridgeRevocationUnknown,
            ErrorKind::RevocationOutdated => Self::TrustbridgeRevocationOutdated,
            ErrorKind::BadRevocationData => Self::TrustbridgeBadRevocationData,
            ErrorKind::NotStandardsCompliant => Self::TrustbridgeNotStandardsCompliant,
            ErrorKind::CannotCheck => Self::TrustbridgeCannotCheck,
            // A new kind is not trusted either.
            _ => Self::TrustbridgeOtherFault,
        }
    }
}
