//! What a certificate says about itself, for humans. Tests: `tests/summary.rs`.

use crate::cert::Cert;

/// The subject, the issuer and the validity of a certificate, for output.
///
/// Nothing is checked: a summary says what the certificate claims, also if nobody trusts it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateSummary {
    /// The subject's distinguished name. Control characters are escaped, and what is longer than
    /// 1,024 characters is cut.
    pub subject: String,
    /// The issuer's distinguished name. Control characters are escaped.
    pub issuer: String,
    /// The first second of the validity period, since 1970-01-01 00:00 UTC; negative before.
    pub not_before: i64,
    /// The last second of the validity period, since 1970-01-01 00:00 UTC; negative before.
    pub not_after: i64,
}

impl CertificateSummary {
    /// Reads a certificate in DER. `None` if it cannot be read.
    pub fn read(certificate: &[u8]) -> Option<Self> {
        let summary = Cert::parse(certificate).ok()?.summary();
        Some(Self {
            subject: summary.subject,
            issuer: summary.issuer,
            not_before: summary.not_before.0,
            not_after: summary.not_after.0,
        })
    }
}
