//! What is wrong, as data.
//!
//! A [`Fault`] is made where it is found. The engine adds what it knows, in a [`Failure`];
//! [`Verifier::verify`](crate::Verifier::verify) adds what was asked and makes the
//! [`VerifyError`](crate::VerifyError) of it. The `report` module puts all of it into words.
//!
//! Tests: `tests/verifier.rs`, `tests/cases.rs`.

// Some facts are found by one operating system only.
#![cfg_attr(not(any(windows, target_vendor = "apple")), allow(dead_code))]

mod revocation;

use std::path::PathBuf;

pub use self::revocation::CrlProblem;
pub(crate) use self::revocation::{CrlFault, CrliteFault, OcspFault};
use crate::cert::time::Timestamp;
use crate::cert::{self, Cert, Summary};
use crate::kind::ErrorKind;
use crate::store::{Problem, Refusal, SearchedIntermediates, Source, StoreEntry};

/// What is wrong, and with which certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    /// Counted from the end entity.
    pub(crate) depth: Option<usize>,
    pub(crate) cause: Cause,
    /// The `X509_V_ERR_*` number, where it is not that of the kind.
    pub(crate) openssl: Option<i32>,
}

impl Fault {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self { kind, depth: None, cause: Cause::Kind, openssl: None }
    }

    pub(crate) fn at(self, depth: usize) -> Self {
        Self { depth: Some(depth), ..self }
    }

    pub(crate) fn because(self, cause: Cause) -> Self {
        Self { cause, ..self }
    }

    pub(crate) fn code(self, openssl: i32) -> Self {
        Self { openssl: Some(openssl), ..self }
    }

    /// A store entry issued the chain, but cannot be a trust anchor. `None` if the refusal says
    /// that it did not issue it.
    pub(crate) fn refused_anchor(entry: &StoreEntry, refusal: Refusal) -> Option<Self> {
        let kind = refusal.kind()?;
        let (subject, source) = (entry.subject(), entry.source().clone());
        Some(Self::new(kind).because(Cause::AnchorRefused { subject, source, refusal }))
    }

    /// The budget of one verification is spent.
    pub(crate) fn too_much_work() -> Self {
        Self::new(ErrorKind::ChainTooComplex).because(Cause::TooMuchWork)
    }

    /// The store rejects the certificate, whoever issued it.
    pub(crate) fn distrusted(entry: &StoreEntry) -> Self {
        let (subject, source) = (entry.subject(), entry.source().clone());
        Self::new(ErrorKind::Distrusted).because(Cause::Rejected { subject, source })
    }

    /// A file of the distribution distrusts exactly this certificate.
    pub(crate) fn blocked(cert: &Cert<'_>, source: &Source) -> Self {
        let subject = cert::name_text(cert.subject);
        let source = source.clone();
        Self::new(ErrorKind::Distrusted).because(Cause::Rejected { subject, source })
    }
}

/// The facts behind a fault. Where no other subject is named, they are about the certificate at
/// the fault's depth. Text from certificates is escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The kind says it all.
    Kind,

    // The bounds of a verification.
    TooManyCertificates {
        sent: usize,
        limit: usize,
    },
    TooManyBytes {
        sent: usize,
        limit: usize,
    },
    TooManyLinks {
        limit: usize,
    },
    /// Signatures, steps and names, by what they cost.
    TooMuchWork,
    /// The verifier has no signature algorithms.
    NoAlgorithms,

    // One certificate.
    /// The field that cannot be read.
    Malformed(&'static str),
    /// What a library says about a certificate or a CRL.
    Library(String),
    /// What a library says about the names of the end entity.
    UnreadableNames(String),
    /// Version 1 or 2.
    OldVersion,
    NotYetValid {
        not_before: Timestamp,
    },
    Expired {
        not_after: Timestamp,
    },
    /// Dotted object identifier.
    CriticalExtension {
        oid: String,
    },
    RsaKey {
        bits: usize,
    },
    /// A key of a kind, or on a curve, that is not accepted: the words after "it has".
    KeyAlgorithm {
        key: String,
    },
    /// Its name with its object identifier.
    SignatureAlgorithm {
        name: String,
    },
    /// The purpose of the end entity.
    Purpose,
    Strict(StrictRule),
    /// The names the end entity is valid for; the common name where there are none.
    Names {
        presented: Vec<String>,
        common_name: Option<String>,
    },
    /// Apple's requirements that the end entity breaks.
    AppleRules(Vec<AppleRule>),

    // The path.
    /// The issuer that is missing, and where its certificate is advertised.
    MissingIssuer {
        issuer: String,
        advertised_at: Option<String>,
        /// Whether the certificate came alone, which says that the peer forgot the rest.
        alone: bool,
    },
    /// The store rejects a subject and its key.
    Rejected {
        subject: String,
        source: Source,
    },
    AnchorRefused {
        subject: String,
        source: Source,
        refusal: Refusal,
    },
    /// A name of the certificate breaks the constraints of a CA, given by its depth.
    NameConstraints {
        violation: Violation,
        by: usize,
    },
    /// No CRL covers the certificate.
    NoCrl,
    /// What a CRL says or why it says nothing; its issuer and thisUpdate, where they can be read.
    Crl {
        issuer: Option<String>,
        issued: Option<Timestamp>,
        why: CrlFault,
    },

    /// What the stapled OCSP response says, or why it says nothing.
    Ocsp(OcspFault),
    /// What CRLite says, or why it says nothing; the directory or file.
    Crlite {
        place: PathBuf,
        why: CrliteFault,
    },

    // The operating system.
    /// `CERT_TRUST_*` bits that no version of Windows known here has.
    UnknownTrustBits(u32),
    /// The chain of the answer is not the one of the question.
    ForeignChain,
    /// A verdict and its opposite in one answer.
    TrustedWithError,
    RejectedWithoutError,
    /// The chain that the system trusts is not the peer's, or none of its certificates is one of
    /// the trust anchors.
    TrustedWithoutAnchor,
    /// A function of the system that failed before anything was decided.
    Call(String),
}

/// How a name breaks a CA's name constraints (RFC 5280 section 4.2.1.10). The form of the name is
/// given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// No permitted subtree of the form holds it.
    NotPermitted(&'static str),
    /// An excluded subtree holds it.
    Excluded(&'static str),
    /// The subtree has a minimum or a maximum, which RFC 5280 does not use.
    Bounds(&'static str),
    /// Names of this form cannot be compared.
    UnsupportedForm(&'static str),
    /// The name or the subtree is no such name.
    Malformed(&'static str),
    /// There are more names and constraints than are compared.
    TooMany,
}

impl Violation {
    /// The `X509_V_ERR_*` number of OpenSSL 3.
    pub(crate) fn openssl_code(self) -> i32 {
        match self {
            Self::NotPermitted(_) => 47,
            Self::Excluded(_) => 48,
            Self::Bounds(_) => 49,
            Self::UnsupportedForm(_) => 51,
            Self::Malformed(_) => 53,
            Self::TooMany => 1,
        }
    }
}

/// A rule of OpenSSL's `X509_V_FLAG_X509_STRICT`; the number is its `X509_V_ERR_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StrictRule {
    AlgorithmsDiffer = 78,
    CaWithoutBasicConstraints = 79,
    PathLengthWithoutCa = 80,
    PathLengthWithoutCertSign = 81,
    CertSignWithoutCa = 82,
    EmptyIssuer = 83,
    EmptySubject = 84,
    NoAuthorityKeyId = 85,
    NoSubjectKeyId = 86,
    EmptyAltName = 87,
    AltNameNotCritical = 88,
    BasicConstraintsNotCritical = 89,
    AuthorityKeyIdCritical = 90,
    SubjectKeyIdCritical = 91,
    CaWithoutKeyUsage = 92,
    ExtensionsInOldVersion = 93,
}

/// A requirement that Apple publishes for TLS certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AppleRule {
    /// Valid for more days than are allowed in certificates of these CAs since this time.
    Lifetime {
        days: i64,
        limit: i64,
        whose: AppleCas,
        since: Timestamp,
    },
    RsaKey {
        bits: usize,
    },
    /// Signed with this hash.
    Hash(&'static str),
    NoAltName,
    PurposeNotListed,
}

/// Whose end entities a limit of Apple's holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AppleCas {
    Any,
    /// Those that come with the system.
    Preinstalled,
    /// Those that the CA/Browser Forum's rules bind.
    Public,
}

/// What an engine returns where it rejects a chain: the fault, and what it saw on its way there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) fault: Fault,
    pub(crate) os: Option<OsCode>,
    /// The path that came closest, end entity first; empty where none was built.
    pub(crate) path: Vec<Summary>,
    pub(crate) evidence: Evidence,
}

impl Failure {
    pub(crate) fn kind(&self) -> ErrorKind {
        self.fault.kind
    }
}

/// Boxed, as a `Result` is as large as its larger half.
impl From<Fault> for Box<Failure> {
    fn from(fault: Fault) -> Self {
        Self::new(Failure { fault, os: None, path: Vec::new(), evidence: Evidence::default() })
    }
}

/// Where trust anchors were searched, and which came close.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    pub(crate) places: Vec<Searched>,
    pub(crate) near_misses: Vec<NearMiss>,
    pub(crate) intermediates: Vec<SearchedIntermediates>,
}

/// What is wrong with a place that was searched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlaceProblem {
    /// Met while the system store was read.
    Store(Problem),
    /// A store of the operating system that has no certificate or cannot be opened.
    Empty,
}

/// The operating system's own code and text for a failed verification.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OsCode {
    /// `HRESULT` or `CERT_TRUST_*` bits on Windows, `OSStatus` on Apple systems.
    pub code: i64,
    /// The system's text for the code; never empty.
    pub text: String,
}

impl OsCode {
    #[cfg_attr(unix, allow(dead_code))] // Unix has no verifier of its own that could give a code.
    pub(crate) fn new(code: i64, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// One place that was searched for trust anchors.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Searched {
    /// The place.
    pub source: Source,
    /// How many of its certificates can be trust anchors for the purpose at the time. `None`
    /// where the operating system does not say.
    pub usable: Option<usize>,
    /// How many of its certificates were refused as trust anchors.
    pub refused: usize,
    /// What went wrong while it was read.
    pub problems: Vec<PlaceProblem>,
}

/// A store entry that has the right name but was not used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NearMiss {
    /// The subject of the entry.
    pub subject: String,
    /// Where the entry came from.
    pub source: Source,
    /// Why it was not used.
    pub reason: Refusal,
}

impl NearMiss {
    pub(crate) fn new(entry: &StoreEntry, reason: Refusal) -> Self {
        Self { subject: entry.subject(), source: entry.source().clone(), reason }
    }
}
