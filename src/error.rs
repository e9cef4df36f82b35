//! The errors that a caller gets: a failed verification, and settings that no verifier can be built
//! from. Their words are in the `report` module.
//!
//! Tests: `tests/verifier.rs`, `tests/cases.rs`.

use pki_types::{ServerName, UnixTime};

use crate::cert::Summary;
use crate::fault::{Cause, Fault, NearMiss, OsCode, Searched};
use crate::kind::ErrorKind;
use crate::policy::Purpose;
use crate::store::SearchedIntermediates;

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
    pub(crate) intermediates: Vec<SearchedIntermediates>,
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
            intermediates: Vec::new(),
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
    #[cfg(all(test, feature = "rustls-0_23"))]
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

    /// The issuer whose certificate is missing: neither the peer sent it, nor is it among the
    /// intermediates or trust anchors. Filled for [`ErrorKind::UnknownIssuer`] and
    /// [`ErrorKind::NoTrustAnchors`], unless the path ends with a self-issued certificate. Always `None`
    /// on Windows and Apple systems, whose verifiers do not say so.
    pub fn missing_issuer(&self) -> Option<MissingIssuer<'_>> {
        match &self.parts.fault.cause {
            Cause::MissingIssuer { issuer, advertised_at, .. } => {
                Some(MissingIssuer { subject: issuer, url: advertised_at.as_deref() })
            }
            _ => None,
        }
    }

    /// The directories that were searched for intermediates
    /// ([`intermediates_dir`](crate::VerifierBuilder::intermediates_dir)), with what could not be
    /// read of them. Empty where no path was missing.
    pub fn searched_intermediates(&self) -> &[SearchedIntermediates] {
        &self.parts.intermediates
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

/// An issuer whose certificate is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MissingIssuer<'a> {
    /// Its name, in the style of RFC 4514.
    pub subject: &'a str,
    /// Where its certificate is advertised: the first CA Issuers URL of the certificate that it
    /// issued (RFC 5280 section 4.2.2.1). Chosen by the peer, and never fetched by this crate.
    pub url: Option<&'a str>,
}

/// Why [`VerifierBuilder::build`](crate::VerifierBuilder::build) refused its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// A certificate given by the caller cannot be read.
    #[non_exhaustive]
    BadCertificate {
        /// The builder method it was given to, such as `extra_roots`.
        given_to: &'static str,
        /// Its place in everything given to that method, from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A CRL given by the caller cannot be read.
    #[non_exhaustive]
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
    #[non_exhaustive]
    Unsupported {
        /// The builder method.
        setting: &'static str,
        /// Why not.
        reason: String,
    },
}

impl std::error::Error for BuildError {}
