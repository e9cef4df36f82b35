//! Why a verification failed, in words that help, and why a verifier could not be built.

use std::fmt;

use pki_types::{ServerName, UnixTime};

use crate::policy::Purpose;
use crate::store::{Refusal, Source};
use crate::time::Timestamp;

/// What is wrong with a chain: the same variant for the same fault on every operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The peer sent no certificate.
    NoCertificate,
    /// A certificate is not valid DER, or one of its extensions is malformed.
    BadEncoding,
    /// The chain has more certificates or bytes than are looked at, or more paths than are tried.
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
    /// A CA certificate is used as an end entity and is not itself in the store.
    CaAsEndEntity,
    /// A CA's key usage does not allow it to sign certificates (RFC 5280 section 4.2.1.3).
    KeyUsage,
    /// There are more intermediates than a CA's path length allows (RFC 5280 section 4.2.1.9).
    PathLengthExceeded,
    /// A certificate may not be used for the purpose (RFC 5280 section 4.2.1.12).
    WrongPurpose,
    /// A name lies outside a CA's name constraints (RFC 5280 section 4.2.1.10).
    NameConstraints,
    /// An extension that must be understood is not (RFC 5280 section 4.2).
    UnknownCriticalExtension,
    /// The store says that the certificate, its issuer or its key must not be trusted.
    Distrusted,
    /// A certificate has been revoked.
    Revoked,
    /// Whether a certificate is revoked could not be found out, and the policy requires it.
    RevocationUnknown,
    /// The CRL that speaks about a certificate is out of date, and the policy requires a fresh one.
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
    /// [`VerifyError::openssl_code`] may be more precise.
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

    /// A few words for people, without a full stop.
    pub fn summary(self) -> &'static str {
        match self {
            Self::NoCertificate => "no certificate was sent",
            Self::BadEncoding => "malformed certificate",
            Self::ChainTooComplex => "certificate chain too large or too tangled",
            Self::Expired => "certificate has expired",
            Self::NotYetValid => "certificate is not yet valid",
            Self::NameMismatch => "certificate is for another name",
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

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.summary())
    }
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
        let text = text.into();
        Self {
            code,
            text: if text.trim().is_empty() { format!("unknown code {code:#x}") } else { text },
        }
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

impl fmt::Display for Searched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        match self.usable {
            Some(1) => f.write_str(": 1 usable trust anchor")?,
            Some(n) => write!(f, ": {n} usable trust anchors")?,
            None => {}
        }
        if self.refused > 0 {
            write!(f, ", {} refused", self.refused)?;
        }
        for problem in &self.problems {
            write!(f, "; {problem}")?;
        }
        Ok(())
    }
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

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" in {}: {}", self.subject, self.source, self.reason)
    }
}

/// What the report says of one certificate that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

/// A failed verification: what is wrong, where, what was searched and what to do.
///
/// `Display` is one line. [`report`](Self::report) is the whole story, on several lines. Text
/// from certificates is escaped: it has no control characters and no line breaks.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyError {
    inner: Box<Inner>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inner {
    pub(crate) kind: ErrorKind,
    pub(crate) depth: Option<usize>,
    pub(crate) subject: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) name: Option<ServerName<'static>>,
    pub(crate) purpose: Purpose,
    pub(crate) time: Option<UnixTime>,
    pub(crate) limit: Option<UnixTime>,
    pub(crate) detail: Option<String>,
    pub(crate) presented: Vec<String>,
    pub(crate) purposes: Vec<String>,
    pub(crate) openssl: Option<i32>,
    pub(crate) os: Option<OsCode>,
    pub(crate) searched: Vec<Searched>,
    pub(crate) near_misses: Vec<NearMiss>,
    pub(crate) hints: Vec<String>,
    pub(crate) chain: Vec<Summary>,
}

impl VerifyError {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                depth: None,
                subject: None,
                issuer: None,
                name: None,
                purpose: Purpose::default(),
                time: None,
                limit: None,
                detail: None,
                presented: Vec::new(),
                purposes: Vec::new(),
                openssl: None,
                os: None,
                searched: Vec::new(),
                near_misses: Vec::new(),
                hints: Vec::new(),
                chain: Vec::new(),
            }),
        }
    }

    pub(crate) fn at(mut self, depth: usize) -> Self {
        self.inner.depth = Some(depth);
        self
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.inner.detail = Some(detail.into());
        self
    }

    pub(crate) fn code(mut self, openssl: i32) -> Self {
        self.inner.openssl = Some(openssl);
        self
    }

    #[cfg_attr(unix, allow(dead_code))] // Unix has no verifier of its own that could give a code.
    pub(crate) fn os(mut self, os: OsCode) -> Self {
        self.inner.os = Some(os);
        self
    }

    pub(crate) fn inner_mut(&mut self) -> &mut Inner {
        &mut self.inner
    }

    /// What is wrong.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Which certificate is at fault, counted from the end entity (0) along the path that came
    /// closest. For a missing issuer, the certificate whose issuer is missing.
    pub fn depth(&self) -> Option<usize> {
        self.inner.depth
    }

    /// The subject of the certificate at fault, in the style of RFC 4514.
    pub fn subject(&self) -> Option<&str> {
        self.inner.subject.as_deref()
    }

    /// The issuer of the certificate at fault, in the style of RFC 4514.
    pub fn issuer(&self) -> Option<&str> {
        self.inner.issuer.as_deref()
    }

    /// The peer's name, as far as one was asked for.
    pub fn name(&self) -> Option<&ServerName<'static>> {
        self.inner.name.as_ref()
    }

    /// The names the end entity is valid for; filled for [`ErrorKind::NameMismatch`].
    pub fn presented_names(&self) -> &[String] {
        &self.inner.presented
    }

    /// The extended key usages of the certificate at fault as dotted object identifiers; filled
    /// for [`ErrorKind::WrongPurpose`]. Empty if it has none: then its key usage is at fault.
    pub fn presented_purposes(&self) -> &[String] {
        &self.inner.purposes
    }

    /// The purpose the chain was verified for.
    pub fn purpose(&self) -> Purpose {
        self.inner.purpose
    }

    /// The time the chain was verified at.
    pub fn time(&self) -> Option<UnixTime> {
        self.inner.time
    }

    /// The end of validity that has passed, or the beginning that is yet to come.
    pub fn validity_limit(&self) -> Option<UnixTime> {
        self.inner.limit
    }

    /// The operating system's own code and text, where its verifier gave the verdict.
    pub fn os_code(&self) -> Option<&OsCode> {
        self.inner.os.as_ref()
    }

    /// Every place that was searched for trust anchors.
    pub fn searched(&self) -> &[Searched] {
        &self.inner.searched
    }

    /// Trust anchors with the right name that were not used, and why.
    pub fn near_misses(&self) -> &[NearMiss] {
        &self.inner.near_misses
    }

    /// What to do about it, most likely first.
    pub fn hints(&self) -> &[String] {
        &self.inner.hints
    }

    /// The `X509_V_ERR_*` number of OpenSSL 3 for this failure.
    pub fn openssl_code(&self) -> i32 {
        match (self.inner.openssl, self.inner.kind, &self.inner.name) {
            (Some(code), _, _) => code,
            (None, ErrorKind::NameMismatch, Some(ServerName::IpAddress(_))) => 64,
            (None, ErrorKind::WeakKey, _) if self.inner.depth.is_some_and(|depth| depth > 0) => 67,
            (None, kind, _) => kind.openssl_code(),
        }
    }

    /// The whole story on several lines: what was checked, what is wrong and at which depth,
    /// which stores were searched with how many usable trust anchors each, near misses with
    /// their reasons, and what to do. No trailing line break.
    pub fn report(&self) -> String {
        let inner = &*self.inner;
        let mut lines = vec![self.to_string(), String::new()];

        let peer = inner.name.as_ref().map_or_else(
            || "no name".to_owned(),
            |name| format!("the name \"{}\"", escape(&name.to_str())),
        );
        let when =
            inner.time.map_or_else(String::new, |time| format!(" at {}", Timestamp::from(time)));
        lines.push(format!("Checked for {peer} and {}{when}:", inner.purpose.name()));
        for (depth, cert) in inner.chain.iter().enumerate() {
            let mark = if inner.depth == Some(depth) { ">" } else { " " };
            lines.push(format!("{mark} {depth}: {}", cert.subject));
            lines.push(format!("     issued by {}", cert.issuer));
            lines.push(format!("     valid {} to {}", cert.not_before, cert.not_after));
        }
        if inner.chain.is_empty() {
            lines.push("  (no readable certificate)".to_owned());
        }

        if !inner.searched.is_empty() {
            lines.push(String::new());
            lines.push("Searched for trust anchors:".to_owned());
            lines.extend(inner.searched.iter().map(|searched| format!("  - {searched}")));
        }
        if !inner.near_misses.is_empty() {
            lines.push(String::new());
            lines.push("Found, but not used:".to_owned());
            lines.extend(inner.near_misses.iter().map(|miss| format!("  - {miss}")));
        }
        if let Some(os) = &inner.os {
            lines.push(String::new());
            lines.push(format!("The operating system said: {} ({:#x})", os.text, os.code));
        }
        if !inner.hints.is_empty() {
            lines.push(String::new());
            lines.push("What to do:".to_owned());
            lines.extend(inner.hints.iter().map(|hint| format!("  - {hint}")));
        }
        lines.join("\n")
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.inner;
        match &inner.name {
            Some(name) => write!(f, "{}: ", escape(&name.to_str()))?,
            None if inner.purpose == Purpose::ClientAuth => f.write_str("client certificate: ")?,
            None => {}
        }
        f.write_str(inner.kind.summary())?;
        if let Some(detail) = &inner.detail {
            write!(f, ": {detail}")?;
        } else if let Some(subject) = &inner.subject {
            write!(f, ": \"{subject}\"")?;
        }
        if let Some(miss) = inner.near_misses.first() {
            write!(f, "; found {miss}")?;
        }
        if inner.kind.is_missing_path() && !inner.searched.is_empty() {
            f.write_str("; searched ")?;
            for (i, searched) in inner.searched.iter().enumerate() {
                if i > 0 {
                    f.write_str(", ")?;
                }
                write!(f, "{}", searched.source)?;
                if let Some(usable) = searched.usable {
                    write!(f, " ({usable} usable)")?;
                }
                if let Some(problem) = searched.problems.first() {
                    write!(f, " [{problem}]")?;
                }
            }
        }
        if let Some(os) = &inner.os {
            write!(f, " ({}, {:#x})", os.text, os.code)?;
        }
        Ok(())
    }
}

/// Like `Display`, with the kind in front: error chains are often printed with `{:?}`.
impl fmt::Debug for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyError({:?}: {self})", self.inner.kind)
    }
}

impl std::error::Error for VerifyError {}

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

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadCertificate { given_to, index, reason } => {
                write!(f, "certificate {index} given to {given_to}: {reason}")
            }
            Self::BadCrl { index, reason } => write!(f, "CRL {index}: {reason}"),
            Self::NetworkRevocationUnsupported => f.write_str(
                "revocation over the network is not available on this operating system; \
                 give the CRLs to Revocation::crls",
            ),
            Self::Unsupported { setting, reason } => write!(f, "{setting}: {reason}"),
        }
    }
}

impl std::error::Error for BuildError {}

/// Makes text from outside fit for one line of a terminal: control characters, line breaks and
/// characters that reorder text are written as `\u{…}`.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let unsafe_char = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '"');
        if unsafe_char {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}
