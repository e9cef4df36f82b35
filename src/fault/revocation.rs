//! What is said about revocation, or why nothing is.
//!
//! Tests: `src/report/tests.rs`, `tests/revocation.rs`, `tests/ocsp.rs`, `tests/crlite.rs`.

use crate::cert::time::Timestamp;

/// What a CRL says about a certificate, or why it says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CrlFault {
    /// The certificate is revoked.
    Lists,
    /// It can never be used.
    Unusable(CrlProblem),
    /// The issuer's key usage leaves out cRLSign.
    NotACrlSigner,
    /// It names its issuer's key, and the signature is not that key's.
    WrongSignature,
    /// Dotted object identifier.
    SignatureAlgorithm(String),
    /// A CA of the same name signed it.
    OtherKey,
    /// Its issuer's key signed it, but it names another.
    NamesOtherKey,
    NotYetValid,
    /// It is about other certificates.
    Scope,
    Outdated {
        due: Timestamp,
    },
    /// It covers only some of the reasons for a revocation.
    SomeReasons,
}

/// What a stapled OCSP response says about a certificate, or why it says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OcspFault {
    Revoked {
        since: Timestamp,
    },
    /// The certificate requires a response (RFC 7633), and there is none.
    NotStapled,
    /// The field that cannot be read.
    Malformed(&'static str),
    /// The responder's own error: tryLater and the like.
    Unsuccessful(u32),
    /// It has no answer about the certificate.
    OtherCertificate,
    /// The responder does not know the certificate.
    UnknownToResponder,
    NotYetValid,
    Outdated {
        due: Timestamp,
    },
    /// Neither the issuer nor a responder that it authorised signed it.
    UnauthorisedSigner,
    WrongSignature,
    /// Dotted object identifier.
    SignatureAlgorithm(String),
    /// Dotted object identifier.
    CriticalExtension(String),
    /// The bound is met.
    TooManySignatures,
}

/// Why CRLite says nothing about a certificate, or that it is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CrliteFault {
    /// By data of this time.
    Revoked {
        made: Timestamp,
    },
    /// There is no index.
    NoData,
    /// What is wrong with the configuration.
    Configuration(String),
    UnreadableIndex(String),
    DamagedIndex(&'static str),
    Filter {
        name: String,
        reason: String,
        missing: bool,
    },
    /// The field of the certificate.
    Malformed(&'static str),
    /// The certificate has no signed certificate timestamps.
    NoTimestamps,
    /// There is no library for SHA-256.
    NoDigest,
    /// No filter covers the certificate or its issuer.
    NotCovered,
    Stale {
        made: Timestamp,
        days: i64,
    },
    /// The data claims to be newer than the time of the verification.
    Future {
        made: Timestamp,
    },
}

/// Why a CRL can never be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CrlProblem {
    /// It is not a CRL in DER; the text names the field.
    Malformed(&'static str),
    /// It is a delta CRL (RFC 5280 section 5.2.4).
    Delta,
    /// It is an indirect CRL (RFC 5280 section 5.2.5).
    Indirect,
    /// It has a critical extension that is unknown, given by its object identifier (RFC 5280
    /// sections 5.2 and 5.3).
    UnknownCriticalExtension(String),
    /// Its issuing distribution point contradicts itself (RFC 5280 section 5.2.5).
    ContradictoryScope,
}
