//! A failed verification, and settings that no verifier can be built from, as data.
//!
//! A [`Fault`] is made where it is found and never changed. The engine adds what it knows, in a
//! [`Failure`]; [`Verifier::verify`](crate::Verifier::verify) adds what was asked, and makes the
//! [`VerifyError`] that the caller gets. The `report` module puts all of it into words.
//!
//! Tests: `tests/verifier.rs`, `tests/cases.rs`.

use pki_types::{ServerName, UnixTime};

use crate::cert::Summary;
use crate::cert::time::Timestamp;
use crate::kind::ErrorKind;
use crate::policy::Purpose;
use crate::store::{Problem, Refusal, Source, StoreEntry};

/// A failed verification: what is wrong, where, what was searched and what to do.
///
/// `Display` is one line. [`report`](Self::report) is the full report, on several lines. Text
/// from certificates is escaped: it has no control characters and no line breaks.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyError {
    parts: Box<Parts>,
}

/// What a [`VerifyError`] consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) fault: Fault,
    /// The subject and the issuer of the certificate at fault.
    pub(crate) subject: Option<String>,
    pub(crate) issuer: Option<String>,
    /// What was asked: the peer's name, the purpose, and the time.
    pub(crate) name: Option<ServerName<'static>>,
    pub(crate) purpose: Purpose,
    pub(crate) time: Option<UnixTime>,
    /// The extended key usages of the certificate at fault, where they are what is wrong.
    pub(crate) purposes: Vec<String>,
    pub(crate) os: Option<OsCode>,
    /// The path that came closest, end entity first.
    pub(crate) path: Vec<Summary>,
    pub(crate) searched: Vec<Searched>,
    pub(crate) near_misses: Vec<NearMiss>,
    pub(crate) hints: Vec<String>,
}

impl From<Fault> for Parts {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            subject: None,
            issuer: None,
            name: None,
            purpose: Purpose::default(),
            time: None,
            purposes: Vec::new(),
            os: None,
            path: Vec::new(),
            searched: Vec::new(),
            near_misses: Vec::new(),
            hints: Vec::new(),
        }
    }
}

impl From<Parts> for VerifyError {
    fn from(parts: Parts) -> Self {
        Self { parts: Box::new(parts) }
    }
}

impl VerifyError {
    /// An error that knows its kind and nothing else.
    #[cfg_attr(not(feature = "rustls"), allow(dead_code))] // The adapter's table has kinds alone.
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Parts::from(Fault::new(kind)).into()
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// What is wrong.
    pub fn kind(&self) -> ErrorKind {
        self.parts.fault.kind
    }

    /// Which certificate is at fault, counted from the end entity (0) along the path that came
    /// closest. For a missing issuer, the certificate whose issuer is missing.
    pub fn depth(&self) -> Option<usize> {
        self.parts.fault.depth
    }

    /// The subject of the certificate at fault, in the style of RFC 4514.
    pub fn subject(&self) -> Option<&str> {
        self.parts.subject.as_deref()
    }

    /// The issuer of the certificate at fault, in the style of RFC 4514.
    pub fn issuer(&self) -> Option<&str> {
        self.parts.issuer.as_deref()
    }

    /// The peer's name, if one was required.
    pub fn name(&self) -> Option<&ServerName<'static>> {
        self.parts.name.as_ref()
    }

    /// The names the end entity is valid for; filled for [`ErrorKind::NameMismatch`].
    pub fn presented_names(&self) -> &[String] {
        match &self.parts.fault.cause {
            Cause::Names { presented, .. } => presented,
            _ => &[],
        }
    }

    /// The extended key usages of the certificate at fault as dotted object identifiers; filled
    /// for [`ErrorKind::WrongPurpose`]. Empty if it has none: then its key usage is at fault.
    pub fn presented_purposes(&self) -> &[String] {
        &self.parts.purposes
    }

    /// The purpose the chain was verified for.
    pub fn purpose(&self) -> Purpose {
        self.parts.purpose
    }

    /// The time the chain was verified at.
    pub fn time(&self) -> Option<UnixTime> {
        self.parts.time
    }

    /// The end of validity that has passed, or the beginning that is yet to come.
    pub fn validity_limit(&self) -> Option<UnixTime> {
        match &self.parts.fault.cause {
            Cause::NotYetValid { not_before: limit } | Cause::Expired { not_after: limit } => {
                Some(limit.to_unix())
            }
            Cause::AnchorRefused { refusal, .. } => refusal.validity_limit(),
            _ => None,
        }
    }

    /// The operating system's own code and text, where its verifier gave the verdict.
    pub fn os_code(&self) -> Option<&OsCode> {
        self.parts.os.as_ref()
    }

    /// Every place that was searched for trust anchors.
    pub fn searched(&self) -> &[Searched] {
        &self.parts.searched
    }

    /// Trust anchors with the right name that were not used, and why.
    pub fn near_misses(&self) -> &[NearMiss] {
        &self.parts.near_misses
    }

    /// What to do about it, most likely first.
    pub fn hints(&self) -> &[String] {
        &self.parts.hints
    }

    /// The `X509_V_ERR_*` number of OpenSSL 3 for this failure.
    pub fn openssl_code(&self) -> i32 {
        const IP_ADDRESS_MISMATCH: i32 = 64;
        const CA_KEY_TOO_SMALL: i32 = 67;
        let Parts { fault, name, .. } = &*self.parts;
        match (fault.openssl, fault.kind, name) {
            (Some(code), _, _) => code,
            (None, ErrorKind::NameMismatch, Some(ServerName::IpAddress(_))) => IP_ADDRESS_MISMATCH,
            (None, ErrorKind::WeakKey, _) if fault.depth.is_some_and(|depth| depth > 0) => {
                CA_KEY_TOO_SMALL
            }
            (None, kind, _) => kind.openssl_code(),
        }
    }
}

impl std::error::Error for VerifyError {}

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

    /// The store rejects the certificate, whoever issued it.
    pub(crate) fn distrusted(entry: &StoreEntry) -> Self {
        let (subject, source) = (entry.subject(), entry.source().clone());
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
    TooManySteps {
        limit: usize,
    },
    /// Of signatures, by what they cost.
    TooManySignatures,
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
    /// A key of a kind, or on a curve, that is not accepted.
    KeyAlgorithm,
    /// Dotted object identifier.
    SignatureAlgorithm {
        oid: String,
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
    pub(crate) places: Vec<PlaceSearched>,
    pub(crate) near_misses: Vec<NearMiss>,
}

/// A [`Searched`] whose problems are not in words yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlaceSearched {
    pub(crate) source: Source,
    pub(crate) usable: Option<usize>,
    pub(crate) refused: usize,
    pub(crate) problems: Vec<PlaceProblem>,
}

/// What is wrong with a place that was searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PlaceProblem {
    /// Met while the Unix store was read.
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
    pub problems: Vec<String>,
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

/// Why [`VerifierBuilder::build`](crate::VerifierBuilder::build) refused its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// A certificate given by the caller cannot be read.
    BadCertificate {
        /// The builder method it was given to, such as `extra_roots`.
        given_to: &'static str,
        /// Its place in everything given to that method, from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A CRL given by the caller cannot be read.
    BadCrl {
        /// Its place in [`Revocation::crls`](crate::Revocation::crls), from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// `Revocation::network` was set where nothing can be fetched: on Unix the verifier never
    /// opens a connection. Give it the CRLs instead.
    NetworkRevocationUnsupported,
    /// The setting does not exist on this operating system.
    Unsupported {
        /// The builder method.
        setting: &'static str,
        /// Why not.
        reason: String,
    },
}

impl std::error::Error for BuildError {}

/// A setting that no verifier can be built with. In words, it is a [`BuildError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BadSetting {
    Certificate { given_to: &'static str, index: usize, why: Unreadable },
    Crl { index: usize, why: Unreadable },
    NetworkRevocation,
    Unsupported { setting: &'static str, why: Unsupported },
}

/// Why a certificate or a CRL that the caller gave cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// The field.
    Malformed(&'static str),
    /// What a library says.
    Library(String),
    /// What the operating system says.
    Os(OsCode),
    /// The operating system does not say why.
    OsSilent,
}

/// Why an operating system's verifier does not have a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unsupported {
    NotOnWindows,
    /// No certificate store can be opened in memory.
    NoMemoryStore(OsCode),
    AppleTakesNoCrls,
    AppleRequiresNoChain,
    AppleHasOneProfile,
    AppleComparesNoCommonName,
}
