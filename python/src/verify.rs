//! Verification without a connection, and the classes for verdicts.

use std::time::Duration;

use pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use trustbridge::{Peer, Purpose, Revocation, RevocationCheck, UnknownRevocation};

use crate::environment;
use crate::judge::{Rejected, error_text};
use crate::openssl::Library;

/// A chain that is trusted.
#[pyclass(frozen, module = "trustbridge")]
pub(crate) struct Verified {
    verified: trustbridge::Verified,
}

#[pymethods]
impl Verified {
    /// The path that was built: DER, end entity first, trust anchor last.
    #[getter]
    fn chain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.verified.chain.iter().map(|der| PyBytes::new(py, der)))
    }

    /// The trust anchor in DER.
    #[getter]
    fn anchor<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.verified.anchor.certificate)
    }

    /// Where the trust anchor came from: a file, or "the extra roots" and the like.
    #[getter]
    fn source(&self) -> String {
        self.verified.anchor.source.to_string()
    }

    /// For which certificates the revocation status was really found out: "off" (none),
    /// "leaf" or "chain".
    #[getter]
    fn revocation(&self) -> &'static str {
        check_word(self.verified.revocation.checked)
    }

    /// The path for people, on several lines.
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

pub(crate) fn check_word(check: RevocationCheck) -> &'static str {
    match check {
        RevocationCheck::Off => "off",
        RevocationCheck::Leaf => "leaf",
        RevocationCheck::Chain => "chain",
    }
}

/// Why a chain is not trusted.
#[pyclass(frozen, module = "trustbridge._native")]
pub(crate) struct Failure {
    rejected: Rejected,
}

impl From<Rejected> for Failure {
    fn from(rejected: Rejected) -> Self {
        Self { rejected }
    }
}

#[pymethods]
impl Failure {
    /// A verdict that could not be reached, for the reason given.
    #[new]
    fn new(line: String) -> Self {
        Self { rejected: Rejected::cannot_check(line) }
    }

    /// The number of OpenSSL's `X509_V_ERR_*`.
    #[getter]
    fn verify_code(&self) -> i32 {
        self.rejected.code
    }

    /// OpenSSL's words for `verify_code`.
    #[getter]
    fn verify_message(&self) -> String {
        let code = self.rejected.code;
        Library::get()
            .map_or_else(|| error_text(code).to_owned(), |library| library.error_text(code))
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

    /// The whole story, in several lines.
    #[getter]
    fn report(&self) -> &str {
        &self.rejected.report
    }
}

/// What [`verify`] returns.
#[derive(IntoPyObject)]
pub(crate) enum Verdict {
    Trusted(Verified),
    Refused(Failure),
}

impl From<Result<trustbridge::Verified, Rejected>> for Verdict {
    fn from(verdict: Result<trustbridge::Verified, Rejected>) -> Self {
        match verdict {
            Ok(verified) => Self::Trusted(Verified { verified }),
            Err(rejected) => Self::Refused(Failure::from(rejected)),
        }
    }
}

/// Verifies a chain; the checked front of it is `trustbridge.verify`.
///
/// Raises ValueError if an argument cannot be used.
#[pyfunction]
#[pyo3(signature = (
    chain_der, name, *, purpose, time, extra_roots, fallback_roots, system_trust, intermediates,
    pinned, crls, revocation, unknown_revocation, strict, common_name, searched
))]
#[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools)]
pub(crate) fn verify(
    py: Python<'_>,
    chain_der: Vec<Vec<u8>>,
    name: Option<&str>,
    purpose: &str,
    time: Option<f64>,
    extra_roots: Vec<Vec<u8>>,
    fallback_roots: Vec<Vec<u8>>,
    system_trust: bool,
    intermediates: Vec<Vec<u8>>,
    pinned: Vec<Vec<u8>>,
    crls: Vec<Vec<u8>>,
    revocation: &str,
    unknown_revocation: &str,
    strict: bool,
    common_name: bool,
    searched: Vec<String>,
) -> PyResult<Verdict> {
    let wrong = |text: String| PyValueError::new_err(text);
    if chain_der.is_empty() {
        return Err(wrong("chain_der: no certificate".to_owned()));
    }
    let name = name
        .map(|name| {
            ServerName::try_from(name)
                .map_err(|_| wrong(format!("name: {name:?} is neither a DNS name nor an address")))
        })
        .transpose()?;
    let purpose = match purpose {
        "server" => Purpose::ServerAuth,
        "client" => Purpose::ClientAuth,
        other => return Err(wrong(format!("purpose: {other:?}, not 'server' or 'client'"))),
    };
    let check = match revocation {
        "off" => RevocationCheck::Off,
        "leaf" => RevocationCheck::Leaf,
        "chain" => RevocationCheck::Chain,
        other => return Err(wrong(format!("revocation: {other:?}, not 'off', 'leaf' or 'chain'"))),
    };
    let unknown = match unknown_revocation {
        "allow" => UnknownRevocation::Allow,
        "reject" => UnknownRevocation::Reject,
        other => {
            return Err(wrong(format!("unknown_revocation: {other:?}, not 'allow' or 'reject'")));
        }
    };
    let time = match time {
        None => UnixTime::now(),
        Some(seconds) => Duration::try_from_secs_f64(seconds)
            .map(UnixTime::since_unix_epoch)
            .map_err(|error| wrong(format!("time: {error}")))?,
    };
    let certs = |ders: Vec<Vec<u8>>| ders.into_iter().map(CertificateDer::from);
    let crls = crls.into_iter().map(CertificateRevocationListDer::from).collect();
    let mut builder = environment::builder(py)?
        .system_roots(system_trust)
        .extra_roots(certs(extra_roots))
        .fallback_roots(certs(fallback_roots))
        .intermediates(certs(intermediates))
        .purpose(purpose)
        .revocation(Revocation { check, unknown, network: false, crls })
        .strict(strict)
        .danger_match_common_name(common_name);
    for pin in certs(pinned) {
        builder = builder.pinned_leaf(pin);
    }
    let verifier = builder.build().map_err(|error| wrong(error.to_string()))?;
    let chain: Vec<_> = certs(chain_der).collect();
    let verdict =
        py.detach(|| verifier.verify(&Peer { chain: &chain, name, time, ocsp_response: &[] }));
    Ok(verdict.map_err(|error| Rejected::from(error).searched(&searched)).into())
}
