//! Verdicts: what was accepted and why, what was rejected and why, for OpenSSL and for Python.

use std::sync::Arc;

use pki_types::CertificateDer;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use trustbridge::{
    CertificateSummary, CrliteAnswer, RevocationCheck, RevocationSource, VerifyError,
};

// Values of OpenSSL 3's public headers.
pub(crate) const X509_V_OK: i32 = 0;
pub(crate) const X509_V_ERR_UNSPECIFIED: i32 = 1;
pub(crate) const X509_V_ERR_OUT_OF_MEM: i32 = 17;

/// Why a connection was refused, for OpenSSL and for the exception.
#[derive(Clone, Debug)]
pub(crate) struct Rejected {
    /// `X509_V_ERR_*`.
    pub(crate) code: i32,
    pub(crate) depth: Option<usize>,
    pub(crate) kind: String,
    /// One line.
    pub(crate) line: String,
    /// Several lines.
    pub(crate) report: String,
    /// The issuer whose certificate is missing, and where it is advertised.
    pub(crate) missing_issuer: Option<Box<(String, Option<String>)>>,
}

impl Rejected {
    pub(crate) fn new(code: i32, depth: Option<usize>, kind: &str, line: String) -> Self {
        let (kind, report) = (kind.to_owned(), line.clone());
        Self { code, depth, kind, report, line, missing_issuer: None }
    }

    /// With what took the place of the system's trust anchors, if anything did.
    pub(crate) fn searched(mut self, places: &[String]) -> Self {
        if !places.is_empty() {
            self.report.push_str("\n\nIn place of the system's trust anchors:");
        }
        for place in places {
            self.report.push_str("\n  - ");
            self.report.push_str(place);
        }
        self
    }

    /// Something beside the certificates stands in the way of a verdict.
    pub(crate) fn cannot_check(line: String) -> Self {
        Self::new(X509_V_ERR_UNSPECIFIED, None, "CannotCheck", line)
    }

    /// OpenSSL's structures do not have what they must.
    pub(crate) fn unreadable() -> Self {
        let line = "the connection's certificates or settings cannot be read".to_owned();
        Self::new(X509_V_ERR_UNSPECIFIED, None, "CannotCheck", line)
    }

    /// The verdict could not be reached or handed over.
    pub(crate) fn internal(code: i32) -> Self {
        Self::new(code, None, "CannotCheck", "certificate could not be checked".to_owned())
    }

    /// A certificate is too weak for the security level of the connection.
    pub(crate) fn security_level(code: i32, depth: usize, level: i32, what: &str) -> Self {
        let line = format!(
            "the {what} of the certificate at depth {depth} is below security level {level}"
        );
        Self::new(code, Some(depth), "WeakKey", line)
    }
}

impl From<VerifyError> for Rejected {
    fn from(error: VerifyError) -> Self {
        Self {
            code: error.openssl_code(),
            depth: error.depth(),
            kind: format!("{:?}", error.kind()),
            line: error.to_string(),
            report: error.report(),
            missing_issuer: error
                .missing_issuer()
                .map(|issuer| (issuer.subject.to_owned(), issuer.url.map(str::to_owned)).into()),
        }
    }
}

/// OpenSSL 3's words for an `X509_V_ERR_*` number that the core or this crate gives: OpenSSL
/// itself cannot be asked in every mode.
fn error_text(code: i32) -> &'static str {
    match code {
        3 => "unable to get certificate CRL",
        7 => "certificate signature failure",
        8 => "CRL signature failure",
        9 => "certificate is not yet valid",
        10 => "certificate has expired",
        11 => "CRL is not yet valid",
        12 => "CRL has expired",
        17 => "out of memory",
        18 => "self-signed certificate",
        19 => "self-signed certificate in certificate chain",
        20 => "unable to get local issuer certificate",
        21 => "unable to verify the first certificate",
        22 => "certificate chain too long",
        23 => "certificate revoked",
        25 => "path length constraint exceeded",
        26 => "unsuitable certificate purpose",
        27 => "certificate not trusted",
        28 => "certificate rejected",
        32 => "key usage does not include certificate signing",
        34 => "unhandled critical extension",
        35 => "key usage does not include CRL signing",
        36 => "unhandled critical CRL extension",
        41 => "invalid or inconsistent certificate extension",
        47 => "permitted subtree violation",
        48 => "excluded subtree violation",
        49 => "name constraints minimum and maximum not supported",
        50 => "application verification failure",
        51 => "unsupported name constraint type",
        52 => "unsupported or invalid name constraint syntax",
        53 => "unsupported or invalid name syntax",
        54 => "CRL path validation error",
        62 => "hostname mismatch",
        64 => "IP address mismatch",
        66 => "EE certificate key too weak",
        67 => "CA certificate key too weak",
        68 => "CA signature digest algorithm too weak",
        76 => "Cannot find certificate signature algorithm",
        77 => "subject signature algorithm and issuer public key algorithm mismatch",
        78 => "cert info signature and signature algorithm mismatch",
        79 => "invalid CA certificate",
        80 => "Path length invalid for non-CA cert",
        81 => "Path length given without key usage keyCertSign",
        82 => "Key usage keyCertSign invalid for non-CA cert",
        83 => "Issuer name empty",
        84 => "Subject name empty",
        85 => "Missing Authority Key Identifier",
        86 => "Missing Subject Key Identifier",
        87 => "Empty Subject Alternative Name extension",
        88 => "Subject empty and Subject Alt Name extension not critical",
        89 => "Basic Constraints of CA cert not marked critical",
        90 => "Authority Key Identifier marked critical",
        91 => "Subject Key Identifier marked critical",
        92 => "CA cert does not include key usage extension",
        93 => "Using cert extension requires at least X509v3",
        94 => "Certificate public key has explicit ECC parameters",
        _ => "unspecified certificate verification error",
    }
}

/// A chain that is trusted.
#[pyclass(frozen, module = "trustbridge")]
pub(crate) struct Verified {
    verified: Arc<trustbridge::Verified>,
}

#[pymethods]
impl Verified {
    /// The path that was built: DER, end entity first, trust anchor last.
    #[getter]
    fn chain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.verified.chain.iter().map(|der| PyBytes::new(py, der)))
    }

    /// The certificates of `chain`, read.
    #[getter]
    fn certificates(&self) -> Vec<Certificate> {
        self.verified.chain.iter().map(Certificate::read).collect()
    }

    /// The trust anchor in DER.
    #[getter]
    fn anchor<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.verified.anchor.certificate)
    }

    /// The subject of the trust anchor.
    #[getter]
    fn anchor_subject(&self) -> String {
        Certificate::read(&self.verified.anchor.certificate).subject()
    }

    /// Where the trust anchor came from: a file, or "the extra roots" and the like.
    #[getter]
    fn source(&self) -> String {
        self.verified.anchor.source.to_string()
    }

    /// For which certificates the revocation status was really checked: "off" (none), "leaf" or
    /// "chain".
    #[getter]
    fn revocation(&self) -> &'static str {
        check_word(self.verified.revocation.checked)
    }

    /// For which certificates a revocation check was requested: "off" (none), "leaf" or "chain".
    #[getter]
    fn revocation_requested(&self) -> &'static str {
        check_word(self.verified.revocation.requested)
    }

    /// What was accepted only because of `danger_allow_weak_keys`, one text each.
    #[getter]
    fn weaknesses(&self) -> Vec<String> {
        self.verified.weaknesses.iter().map(ToString::to_string).collect()
    }

    /// Who says that the end entity is not revoked: "crl", "ocsp-response" or "crlite"; None if
    /// nobody does.
    #[getter]
    fn revocation_answered_by(&self) -> Option<&'static str> {
        self.verified.revocation.answered_by.map(|source| match source {
            RevocationSource::Crl => "crl",
            RevocationSource::OcspResponse => "ocsp-response",
            RevocationSource::Crlite => "crlite",
            _ => "another source",
        })
    }

    /// Until when that answer holds, in seconds since 1970; None if it does not say so.
    #[getter]
    fn revocation_until(&self) -> Option<u64> {
        self.verified.revocation.until.map(|until| until.as_secs())
    }

    /// What the CRLite filters of the distribution say about the end entity: "not-revoked",
    /// "not-covered", "no-timestamps", "stale" or "unusable"; None if they were not asked.
    #[getter]
    fn crlite(&self) -> Option<&'static str> {
        self.verified.revocation.crlite.map(|answer| match answer {
            CrliteAnswer::NotRevoked { .. } => "not-revoked",
            CrliteAnswer::NotCovered => "not-covered",
            CrliteAnswer::NoTimestamps => "no-timestamps",
            CrliteAnswer::Stale { .. } => "stale",
            _ => "unusable",
        })
    }

    /// The path for humans, on several lines.
    fn __str__(&self) -> String {
        self.verified.to_string()
    }

    fn __repr__(&self) -> String {
        format!(
            "<trustbridge.Verified: {} certificates, anchor from {}>",
            self.verified.chain.len(),
            self.verified.anchor.source
        )
    }
}

/// A certificate of a verified chain.
#[pyclass(frozen, module = "trustbridge")]
pub(crate) struct Certificate {
    der: CertificateDer<'static>,
    /// `None` if it cannot be read, which a verified one always can.
    summary: Option<CertificateSummary>,
}

impl Certificate {
    fn read(der: &CertificateDer<'static>) -> Self {
        Self { der: der.clone(), summary: CertificateSummary::read(der) }
    }

    fn name(&self, name: impl FnOnce(&CertificateSummary) -> &String) -> String {
        self.summary.as_ref().map_or_else(|| "(malformed)".to_owned(), |read| name(read).clone())
    }
}

#[pymethods]
impl Certificate {
    #[getter]
    fn der<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.der)
    }

    /// The subject for humans; control characters are escaped.
    #[getter]
    fn subject(&self) -> String {
        self.name(|read| &read.subject)
    }

    /// The issuer for humans; control characters are escaped.
    #[getter]
    fn issuer(&self) -> String {
        self.name(|read| &read.issuer)
    }

    /// The first second of its validity, in seconds since 1970 UTC; negative before.
    #[getter]
    fn not_before(&self) -> i64 {
        self.summary.as_ref().map_or(0, |read| read.not_before)
    }

    /// The last second of its validity, in seconds since 1970 UTC; negative before.
    #[getter]
    fn not_after(&self) -> i64 {
        self.summary.as_ref().map_or(0, |read| read.not_after)
    }

    fn __repr__(&self) -> String {
        format!("<trustbridge.Certificate: {}>", self.subject())
    }
}

pub(crate) fn check_word(check: RevocationCheck) -> &'static str {
    match check {
        RevocationCheck::Off => "off",
        RevocationCheck::Leaf => "leaf",
        _ => "chain",
    }
}

/// Why a chain is not trusted.
#[pyclass(frozen, module = "trustbridge._native")]
pub(crate) struct Failure {
    rejected: Arc<Rejected>,
}

impl From<Rejected> for Failure {
    fn from(rejected: Rejected) -> Self {
        Self { rejected: Arc::new(rejected) }
    }
}

#[pymethods]
impl Failure {
    /// A verdict that could not be reached, for the reason given.
    #[new]
    fn new(line: String) -> Self {
        Self::from(Rejected::cannot_check(line))
    }

    /// The number of OpenSSL's `X509_V_ERR_*`.
    #[getter]
    fn verify_code(&self) -> i32 {
        self.rejected.code
    }

    /// OpenSSL's words for `verify_code`.
    #[getter]
    fn verify_message(&self) -> &'static str {
        error_text(self.rejected.code)
    }

    /// Which certificate is at fault, counted from the end entity (0); None if none is.
    #[getter]
    fn depth(&self) -> Option<usize> {
        self.rejected.depth
    }

    /// What is wrong, in one word such as "UnknownIssuer" or "Expired".
    #[getter]
    fn kind(&self) -> &str {
        &self.rejected.kind
    }

    /// What is wrong, in one line.
    #[getter]
    fn line(&self) -> &str {
        &self.rejected.line
    }

    /// The issuer whose certificate is missing, and the URL where it is advertised, if any; None if
    /// none is missing.
    #[getter]
    fn missing_issuer(&self) -> Option<(String, Option<String>)> {
        self.rejected.missing_issuer.as_deref().cloned()
    }

    /// The full report, in several lines.
    #[getter]
    fn report(&self) -> &str {
        &self.rejected.report
    }
}

/// What a verification ended with. Cheap to clone.
#[derive(Clone)]
pub(crate) enum Verdict {
    Accepted(Arc<trustbridge::Verified>),
    Rejected(Arc<Rejected>),
}

impl From<Result<trustbridge::Verified, Rejected>> for Verdict {
    fn from(verdict: Result<trustbridge::Verified, Rejected>) -> Self {
        match verdict {
            Ok(verified) => Self::Accepted(Arc::new(verified)),
            Err(rejected) => Self::Rejected(Arc::new(rejected)),
        }
    }
}

impl Verdict {
    pub(crate) fn verified(self) -> Option<Verified> {
        match self {
            Self::Accepted(verified) => Some(Verified { verified }),
            Self::Rejected(_) => None,
        }
    }

    pub(crate) fn failure(self) -> Option<Failure> {
        match self {
            Self::Accepted(_) => None,
            Self::Rejected(rejected) => Some(Failure { rejected }),
        }
    }
}

impl<'py> IntoPyObject<'py> for Verdict {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        Ok(match self {
            Self::Accepted(verified) => Bound::new(py, Verified { verified })?.into_any(),
            Self::Rejected(rejected) => Bound::new(py, Failure { rejected })?.into_any(),
        })
    }
}
