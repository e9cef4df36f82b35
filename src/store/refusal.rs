//! Why a certificate of the store is not trusted, and OpenSSL's trust settings.
//!
//! Tests: `load/tests.rs` (trust settings, against the `openssl` command), `tests/store.rs`, and
//! the table in `tests/cases`.

use std::fmt;

use pki_types::UnixTime;

use super::source::Source;
use crate::cert::der::{self, Reader};
use crate::cert::time::Timestamp;
use crate::cert::{self, EKU_ANY};
use crate::kind::ErrorKind;
use crate::policy::Purpose;

/// Why a store entry cannot be a trust anchor, or was not used as one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Its validity period is over.
    #[non_exhaustive]
    Expired {
        /// The end of the period.
        not_after: UnixTime,
    },
    /// Its validity period has not begun.
    #[non_exhaustive]
    NotYetValid {
        /// The beginning of the period; 1970 if it is earlier.
        not_before: UnixTime,
    },
    /// It has no basicConstraints extension that says CA (RFC 5280 section 4.2.1.9). It can
    /// still be trusted as the end entity itself.
    NotACa,
    /// Its key usage lacks keyCertSign (RFC 5280 section 4.2.1.3).
    NoCertSign,
    /// Its extended key usage does not include the purpose (RFC 5280 section 4.2.1.12).
    WrongPurpose,
    /// It has a critical extension that is not understood; the text is its object identifier.
    UnknownCriticalExtension(String),
    /// Its public key is too short.
    WeakKey,
    /// Its public key is of a kind, or on a curve, that is not supported; the text names it.
    UnsupportedKey(String),
    /// The store's trust settings reject the purpose.
    Rejected,
    /// The store's trust settings list other purposes only.
    NotTrustedForPurpose,
    /// The distribution distrusts it for this purpose, in a file beside its bundle.
    #[non_exhaustive]
    DistrustedBy {
        /// The file.
        source: Source,
    },
    /// The distribution distrusts it for end entities that were issued after a date, and this one
    /// was.
    #[non_exhaustive]
    DistrustedAfter {
        /// The date.
        date: UnixTime,
        /// The file that says so.
        source: Source,
    },
    /// It cannot be read; the text names the field.
    Malformed(String),
    /// It has the issuer's name but another key: the signature was not made with it.
    DifferentKey,
}

impl Refusal {
    /// The error of a chain that this entry issued; `None` if the refusal says that it did not.
    pub(crate) fn kind(&self) -> Option<ErrorKind> {
        Some(match self {
            Self::Expired { .. } => ErrorKind::Expired,
            Self::NotYetValid { .. } => ErrorKind::NotYetValid,
            Self::NotACa => ErrorKind::NotACa,
            Self::NoCertSign => ErrorKind::KeyUsage,
            Self::WrongPurpose => ErrorKind::WrongPurpose,
            Self::UnknownCriticalExtension(_) => ErrorKind::UnknownCriticalExtension,
            Self::WeakKey => ErrorKind::WeakKey,
            Self::UnsupportedKey(_) => ErrorKind::UnsupportedAlgorithm,
            Self::Rejected
            | Self::NotTrustedForPurpose
            | Self::DistrustedBy { .. }
            | Self::DistrustedAfter { .. } => ErrorKind::Distrusted,
            Self::Malformed(_) => ErrorKind::BadEncoding,
            Self::DifferentKey => return None,
        })
    }

    pub(crate) fn validity_limit(&self) -> Option<UnixTime> {
        match self {
            Self::Expired { not_after: limit } | Self::NotYetValid { not_before: limit } => {
                Some(*limit)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { not_after } => {
                write!(f, "expired on {}", Timestamp::from(*not_after))
            }
            Self::NotYetValid { not_before } => {
                write!(f, "not valid before {}", Timestamp::from(*not_before))
            }
            Self::NotACa => f.write_str("not a CA certificate"),
            Self::NoCertSign => f.write_str("its key usage does not allow signing certificates"),
            Self::WrongPurpose => {
                f.write_str("its extended key usage does not include this purpose")
            }
            Self::UnknownCriticalExtension(oid) => {
                write!(f, "has an unknown critical extension ({oid})")
            }
            Self::WeakKey => f.write_str("its public key is too short"),
            Self::UnsupportedKey(key) => write!(f, "it has {key}, which is not supported"),
            Self::Rejected => f.write_str("the store rejects it for this purpose"),
            Self::NotTrustedForPurpose => {
                f.write_str("the store trusts it for other purposes only")
            }
            Self::DistrustedBy { source } => write!(f, "distrusted for this purpose by {source}"),
            Self::DistrustedAfter { date, source } => write!(
                f,
                "the end entity was issued after {}, when this root stopped being trusted for new \
                 certificates; from {source}",
                Timestamp::from(*date)
            ),
            Self::Malformed(what) => write!(f, "malformed {what}"),
            Self::DifferentKey => f.write_str("has the right name but a different key"),
        }
    }
}

/// The trust settings of an OpenSSL `TRUSTED CERTIFICATE` block: purposes that the store
/// trusts the certificate for, and purposes that it rejects it for, as in
/// [openssl-x509(1)](https://docs.openssl.org/3.0/man1/openssl-x509/#trust-settings).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TrustSettings {
    /// Object identifiers of trusted purposes, dotted; `None` if the list is absent, which
    /// means all that are not rejected.
    pub trusted: Option<Vec<String>>,
    /// Object identifiers of rejected purposes, dotted.
    pub rejected: Vec<String>,
}

impl TrustSettings {
    /// Reads the `CertAux` that follows the certificate in a `TRUSTED CERTIFICATE` block.
    pub(crate) fn parse(aux: &[u8]) -> Result<Self, der::Malformed> {
        const WHAT: &str = "trust settings";
        let list = |contents| cert::oids(contents).map(der::dotted).collect::<Vec<_>>();
        let mut outer = Reader::new(aux);
        let mut fields = Reader::new(outer.expect(der::SEQUENCE, WHAT)?);
        outer.end(WHAT)?;
        let trusted = fields.optional(der::SEQUENCE, WHAT)?.map(list);
        let rejected = fields.optional(der::context(0), WHAT)?.map(list).unwrap_or_default();
        // An alias, a key identifier and other algorithms may follow; they say nothing of trust.
        Ok(Self { trusted, rejected })
    }

    /// Whether a certificate with these settings is trusted for the purpose.
    pub fn allows(&self, purpose: Purpose) -> bool {
        purpose.usages().iter().any(|usage| self.refusal(*usage).is_none())
    }

    /// As OpenSSL's `X509_check_trust` for the TLS purposes: rejection wins, a list of trusted
    /// purposes excludes all others, `anyExtendedKeyUsage` stands for every purpose.
    pub(super) fn refusal(&self, purpose: Purpose) -> Option<Refusal> {
        if lists(&self.rejected, purpose) {
            Some(Refusal::Rejected)
        } else if self.trusted.as_ref().is_some_and(|trusted| !lists(trusted, purpose)) {
            Some(Refusal::NotTrustedForPurpose)
        } else {
            None
        }
    }

    /// Whether the purpose is trusted explicitly.
    pub(super) fn names(&self, purpose: Purpose) -> bool {
        self.refusal(purpose).is_none() && self.trusted.is_some()
    }
}

fn lists(list: &[String], purpose: Purpose) -> bool {
    let (wanted, any) = (der::dotted(purpose.oid()), der::dotted(EKU_ANY));
    list.iter().any(|oid| *oid == wanted || *oid == any)
}
