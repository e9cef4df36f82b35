//! Why a verification failed, in words that help, and why a verifier could not be built.

use std::fmt;

use pki_types::{ServerName, UnixTime};

use crate::cert::Summary;
use crate::cert::time::Timestamp;
pub(crate) use crate::kind::ErrorKind;
use crate::policy::Purpose;
use crate::store::{Refusal, Source};
pub(crate) use crate::text::escape;

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
