//! Verification without a connection.

use std::time::Duration;

use pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use trustbridge::{Peer, Purpose, Revocation, RevocationCheck, UnknownRevocation};

use crate::environment;
use crate::verdict::{Rejected, Verdict};

/// Verifies a chain; the checked front of it is `trustbridge.verify`.
///
/// Raises ValueError if an argument cannot be used.
#[pyfunction]
#[pyo3(signature = (
    chain_der, name, *, purpose, time, extra_roots, named_roots, fallback_roots, system_trust,
    distribution_distrust, distribution_revocation, intermediates, pinned, crls, revocation,
    unknown_revocation, ocsp_response, strict, common_name, danger_allow_weak_keys, searched
))]
#[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools)]
pub(crate) fn verify(
    py: Python<'_>,
    chain_der: Vec<Vec<u8>>,
    name: Option<&str>,
    purpose: &str,
    time: Option<f64>,
    extra_roots: Vec<Vec<u8>>,
    named_roots: Vec<(String, Vec<Vec<u8>>)>,
    fallback_roots: Vec<Vec<u8>>,
    system_trust: bool,
    distribution_distrust: bool,
    distribution_revocation: bool,
    intermediates: Vec<Vec<u8>>,
    pinned: Vec<Vec<u8>>,
    crls: Vec<Vec<u8>>,
    revocation: &str,
    unknown_revocation: &str,
    ocsp_response: Vec<u8>,
    strict: bool,
    common_name: bool,
    danger_allow_weak_keys: bool,
    searched: Vec<String>,
) -> PyResult<Verdict> {
    if chain_der.is_empty() {
        return Err(wrong("chain_der: no certificate".to_owned()));
    }
    let name = name.map(parse_name).transpose()?;
    let time = time.map_or_else(|| Ok(UnixTime::now()), parse_time)?;
    let certs = |ders: Vec<Vec<u8>>| ders.into_iter().map(CertificateDer::from);
    let revocation = Revocation::default()
        .check(parse_check(revocation)?)
        .unknown(parse_unknown(unknown_revocation)?)
        .crls(crls.into_iter().map(CertificateRevocationListDer::from));
    let mut builder = environment::builder(py)?
        .system_roots(system_trust)
        .distribution_distrust(distribution_distrust)
        .distribution_revocation(distribution_revocation)
        .extra_roots(certs(extra_roots))
        .fallback_roots(certs(fallback_roots))
        .intermediates(certs(intermediates))
        .purpose(parse_purpose(purpose)?)
        .revocation(revocation)
        .strict(strict)
        .danger_match_common_name(common_name)
        .danger_allow_weak_keys(danger_allow_weak_keys);
    for (name, roots) in named_roots {
        builder = builder.extra_roots_from(name, certs(roots).map(|root| (root, None)));
    }
    for pin in certs(pinned) {
        builder = builder.pinned_leaf(pin);
    }
    let verifier = builder.build().map_err(|error| wrong(error.to_string()))?;
    let chain: Vec<_> = certs(chain_der).collect();
    let peer = Peer::new(&chain, name).time(time).ocsp_response(&ocsp_response);
    let verdict = py.detach(|| verifier.verify(&peer));
    Ok(verdict.map_err(|error| Rejected::from(error).searched(&searched)).into())
}

fn wrong(text: String) -> PyErr {
    PyValueError::new_err(text)
}

fn parse_name(name: &str) -> PyResult<ServerName<'_>> {
    ServerName::try_from(name).map_err(|_| {
        wrong(format!("name: '{}' is neither a DNS name nor an address", escape(name)))
    })
}

fn parse_purpose(purpose: &str) -> PyResult<Purpose> {
    match purpose {
        "server" => Ok(Purpose::ServerAuth),
        "client" => Ok(Purpose::ClientAuth),
        "client_or_server" => Ok(Purpose::ClientOrServerAuth),
        other => Err(wrong(format!(
            "purpose: '{}', not 'server', 'client' or 'client_or_server'",
            escape(other)
        ))),
    }
}

fn parse_check(revocation: &str) -> PyResult<RevocationCheck> {
    match revocation {
        "off" => Ok(RevocationCheck::Off),
        "leaf" => Ok(RevocationCheck::Leaf),
        "chain" => Ok(RevocationCheck::Chain),
        other => {
            Err(wrong(format!("revocation: '{}', not 'off', 'leaf' or 'chain'", escape(other))))
        }
    }
}

fn parse_unknown(unknown: &str) -> PyResult<UnknownRevocation> {
    match unknown {
        "allow" => Ok(UnknownRevocation::Allow),
        "reject" => Ok(UnknownRevocation::Reject),
        other => {
            Err(wrong(format!("unknown_revocation: '{}', not 'allow' or 'reject'", escape(other))))
        }
    }
}

/// In seconds since 1970.
fn parse_time(seconds: f64) -> PyResult<UnixTime> {
    Duration::try_from_secs_f64(seconds)
        .map(UnixTime::since_unix_epoch)
        .map_err(|error| wrong(format!("time: {error}")))
}

/// Without control characters, for messages.
fn escape(text: &str) -> std::str::EscapeDebug<'_> {
    text.escape_debug()
}
