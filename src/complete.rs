//! A fault's way back to its user: the one place where an error is made of it.
//!
//! Tests: `tests/verifier.rs`.

use pki_types::{CertificateDer, ServerName};

use crate::cert::{self, Cert, Summary, der};
use crate::error::{Parts, VerifyError};
use crate::fault::Failure;
use crate::kind::ErrorKind;
use crate::peer::Peer;
use crate::policy::Purpose;
use crate::report;

/// What was found, what was required, and the certificate at fault, as one error.
pub(crate) fn complete(failure: Failure, peer: &Peer<'_>, purpose: Purpose) -> VerifyError {
    let Failure { fault, os, path, evidence } = failure;
    let path = if path.is_empty() { summaries(peer.chain) } else { path };
    let at_fault = fault.depth.and_then(|depth| path.get(depth));
    let subject = at_fault.map(|cert| cert.subject.clone());
    let issuer = at_fault.map(|cert| cert.issuer.clone());
    let purposes = match fault.kind {
        ErrorKind::WrongPurpose => purposes(peer.chain, subject.as_deref()),
        _ => Vec::new(),
    };
    let mut parts = Parts {
        subject,
        issuer,
        name: peer.name.as_ref().map(ServerName::to_owned),
        purpose,
        time: Some(peer.time),
        purposes,
        os: os.map(report::os_code),
        path,
        searched: evidence.places,
        near_misses: evidence.near_misses,
        intermediates: evidence.intermediates,
        ..Parts::from(fault)
    };
    parts.hints = report::hints(&parts);
    parts.into()
}

/// The extended key usages of the certificate with this subject, or of the end entity.
fn purposes(chain: &[CertificateDer<'_>], subject: Option<&str>) -> Vec<String> {
    chain
        .iter()
        .filter_map(|der| Cert::parse(der).ok())
        .find(|cert| subject.is_none_or(|subject| cert::name_text(cert.subject) == subject))
        .and_then(|cert| cert.extensions.extended_key_usage)
        .map(|list| cert::oids(list).map(der::dotted).collect())
        .unwrap_or_default()
}

/// What a report shows where no path was built: the chain by its names, from the end entity up,
/// as far as it can be read.
fn summaries(chain: &[CertificateDer<'_>]) -> Vec<Summary> {
    const ENOUGH: usize = 10;
    const MOST_READ: usize = 100;
    let certs: Vec<_> =
        chain.iter().take(MOST_READ).filter_map(|der| Cert::parse(der).ok()).collect();
    let mut path: Vec<&Cert<'_>> = Vec::new();
    let mut next = certs.first();
    while let Some(cert) = next.filter(|_| path.len() < ENOUGH) {
        path.push(cert);
        next = certs.iter().find(|issuer| {
            issuer.subject == cert.issuer && !path.iter().any(|seen| seen.der == issuer.der)
        });
    }
    path.into_iter().map(Cert::summary).collect()
}
