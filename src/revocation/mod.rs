//! Whether the certificates of a verified path are revoked, by the CRLs at hand (RFC 5280 section
//! 6.3) and by the OCSP response that the peer stapled (RFC 6960).
//!
//! Tests: `tests/revocation.rs`, `tests/ocsp.rs`, `tests/crlite.rs`, and `tests/differential` with sets of CRLs.
//!
//! Every CRL of a certificate's issuer is heard. One that lists the certificate refuses it, whatever
//! the others say. That it is good takes a CRL that is current, covers it, and was signed with its
//! issuer's key; and no CRL of that issuer may have been left out because it could not be used.

#[cfg(all(feature = "crlite", not(any(windows, target_vendor = "apple"))))]
pub(crate) mod crlite;
#[cfg(not(all(feature = "crlite", not(any(windows, target_vendor = "apple")))))]
#[path = "no_crlite.rs"]
pub(crate) mod crlite;
mod crls;
mod digest;
mod extension;
mod memo;
mod ocsp;
mod query;
mod scope;
mod signatures;
#[cfg(test)]
mod tests;

use pki_types::UnixTime;

use self::crlite::{Answer, Crlite, Says};
pub use self::crls::Crl;
use self::extension::extension;
use self::ocsp::Answer as OcspAnswer;
use self::query::{Good, Query, Status};
pub(crate) use self::signatures::{BadSignature, Provider, Signatures};
use crate::cert::Cert;
use crate::cert::der;
use crate::fault::{Cause, CrliteFault, Fault, OcspFault};
use crate::kind::ErrorKind;
use crate::policy::{
    CrliteAnswer, Revocation, RevocationCheck, RevocationOutcome, RevocationSource,
    UnknownRevocation,
};

/// What is known about revocation.
pub(crate) struct Known<'a> {
    pub(crate) crls: &'a [Crl],
    /// The OCSP response that the peer stapled; empty if there is none.
    pub(crate) staple: &'a [u8],
    /// Whether the peer is a server: no other staples.
    pub(crate) may_staple: bool,
    /// CRLs are as good as when they were issued.
    pub(crate) ignore_validity: bool,
    /// The filters on the disk; `None` where they have no say.
    pub(crate) crlite: Option<&'a Crlite>,
}

/// Checks a path, end entity first and trust anchor last, whose signatures were verified. A single
/// certificate is one that is trusted itself.
pub(crate) fn check(
    path: &[&Cert<'_>],
    known: &Known<'_>,
    policy: &Revocation,
    time: UnixTime,
    signatures: &mut dyn Signatures,
) -> Result<RevocationOutcome, Fault> {
    let requested = policy.check;
    let mut outcome = RevocationOutcome::new(requested, RevocationCheck::Off);
    if requested == RevocationCheck::Off {
        return unasked(path, known, time, outcome, signatures);
    }
    let last = path.len().saturating_sub(1);
    let mut unknown = None;
    for (depth, cert) in path.iter().enumerate() {
        let is_anchor = depth == last && depth > 0;
        // A trust anchor is no part of the path (RFC 5280 section 6.1). OpenSSL asks a self-signed
        // one's own CRLs, and so do we; any other has no issuer here whose CRL could be verified.
        let wanted = depth == 0
            || requested == RevocationCheck::Chain && (!is_anchor || cert.is_self_issued());
        if !wanted {
            continue;
        }
        let query = query(cert, path, depth, known, time);
        let status = match depth {
            0 => {
                let owes_staple = policy.unknown == UnknownRevocation::Reject
                    && known.may_staple
                    && requires_staple(cert);
                let status = query.status_of_end_entity(known, owes_staple, signatures);
                with_crlite(status, path, known, time, owes_staple, &mut outcome)
            }
            _ => query.status(known.crls, signatures),
        };
        match status {
            Status::Good(good) if depth == 0 => {
                outcome.checked = RevocationCheck::Leaf;
                outcome = good.told(outcome);
            }
            Status::Good(_) => {}
            Status::Unknown(fault) => {
                unknown.get_or_insert((depth, fault));
            }
            Status::Revoked(fault) => return Err(fault.at(depth)),
        }
    }
    let Some((depth, fault)) = unknown else {
        return Ok(RevocationOutcome { checked: requested, ..outcome });
    };
    let bound_met = fault.kind == ErrorKind::ChainTooComplex;
    if policy.unknown == UnknownRevocation::Reject || bound_met {
        return Err(fault.at(depth));
    }
    // Nobody promised to check a trust anchor.
    if depth == last && depth > 0 {
        outcome.checked = requested;
    }
    Ok(outcome)
}

/// What has its say where nobody requested a check: a stapled response that revokes, and the filters
/// on the disk.
fn unasked(
    path: &[&Cert<'_>],
    known: &Known<'_>,
    time: UnixTime,
    mut outcome: RevocationOutcome,
    signatures: &mut dyn Signatures,
) -> Result<RevocationOutcome, Fault> {
    let status = stapled_revocation(path, known, time, signatures)
        .map_or_else(|| Status::Unknown(Fault::new(ErrorKind::RevocationUnknown)), Status::Revoked);
    match with_crlite(status, path, known, time, false, &mut outcome) {
        Status::Revoked(fault) => Err(fault.at(0)),
        Status::Good(good) => Ok(good.told(outcome)),
        Status::Unknown(_) => Ok(outcome),
    }
}

/// The revocation that the peer staples. A response that says anything else is not verified.
fn stapled_revocation(
    path: &[&Cert<'_>],
    known: &Known<'_>,
    time: UnixTime,
    signatures: &mut dyn Signatures,
) -> Option<Fault> {
    if known.staple.is_empty() {
        return None;
    }
    let query = query(path.first()?, path, 0, known, time);
    if !ocsp::claims_revoked(known.staple, &query) {
        return None;
    }
    match query.stapled(known, signatures) {
        OcspAnswer::Revoked(since) => Some(ocsp_fault(OcspFault::Revoked { since })),
        OcspAnswer::Good { .. } | OcspAnswer::Nothing(_) => None,
    }
}

/// The status of the end entity, once the filters on the disk are asked too. They are the last: they
/// take nobody's place where the server owes a response, whatever it stapled instead (RFC 7633
/// section 4.2.3), and a bound that was met stays met.
fn with_crlite(
    status: Status,
    path: &[&Cert<'_>],
    known: &Known<'_>,
    time: UnixTime,
    owes_staple: bool,
    outcome: &mut RevocationOutcome,
) -> Status {
    let (Some(crlite), &[cert, issuer, ..]) = (known.crlite, path) else { return status };
    let answer = crlite.check(cert, issuer, time.into(), known.ignore_validity);
    let Some(Answer { place, says }) = answer else { return status };
    outcome.crlite = Some(match &says {
        Says::NotRevoked { until } => CrliteAnswer::NotRevoked { until: until.to_unix() },
        Says::Unknown(CrliteFault::NotCovered) => CrliteAnswer::NotCovered,
        Says::Unknown(CrliteFault::NoTimestamps) => CrliteAnswer::NoTimestamps,
        Says::Unknown(CrliteFault::Stale { days, .. }) => {
            CrliteAnswer::Stale { days: u32::try_from(*days).unwrap_or(u32::MAX) }
        }
        Says::Revoked { .. } | Says::Unknown(_) => CrliteAnswer::Unusable,
    });
    let fault = |kind, why| Fault::new(kind).because(Cause::Crlite { place, why });
    match (status, says) {
        (Status::Revoked(fault), _) => Status::Revoked(fault),
        (_, Says::Revoked { made }) => {
            Status::Revoked(fault(ErrorKind::Revoked, CrliteFault::Revoked { made }))
        }
        (Status::Unknown(fault), Says::NotRevoked { until })
            if !owes_staple && fault.kind != ErrorKind::ChainTooComplex =>
        {
            let (by, until) = (RevocationSource::Crlite, Some(until));
            Status::Good(Good { by, until })
        }
        // Nobody else was asked.
        (Status::Unknown(known), Says::Unknown(why)) if known.cause == Cause::NoCrl => {
            Status::Unknown(fault(ErrorKind::RevocationUnknown, why))
        }
        (status, _) => status,
    }
}

/// The question about the certificate of a path at this depth.
fn query<'p, 'a>(
    cert: &'p Cert<'a>,
    path: &[&'p Cert<'a>],
    depth: usize,
    known: &Known<'_>,
    time: UnixTime,
) -> Query<'p, 'a> {
    Query {
        cert,
        signers: signers(path, depth),
        time: time.into(),
        ignore_validity: known.ignore_validity,
    }
}

/// The certificates whose key may sign CRLs about the certificate at this depth: its issuer, and
/// those further up that have the same name (an issuer that has renewed its key, for which OpenSSL
/// has CRL_SCORE_SAME_PATH).
fn signers<'p, 'a>(path: &[&'p Cert<'a>], depth: usize) -> Vec<&'p Cert<'a>> {
    let Some(cert) = path.get(depth) else { return Vec::new() };
    let above = path.get(depth + 1..).unwrap_or_default();
    match above.split_first() {
        Some((issuer, further)) => {
            let same = further.iter().filter(|other| cert.has_issuer_name_of(other));
            std::iter::once(issuer).chain(same).copied().collect()
        }
        None if cert.is_self_issued() => vec![cert],
        None => Vec::new(),
    }
}

impl Query<'_, '_> {
    /// The end entity's status, by the peer's stapled response too.
    fn status_of_end_entity(
        &self,
        known: &Known<'_>,
        owes_staple: bool,
        signatures: &mut dyn Signatures,
    ) -> Status {
        let by_crls = self.status(known.crls, signatures);
        if matches!(by_crls, Status::Revoked(_)) {
            return by_crls;
        }
        if known.staple.is_empty() {
            return match owes_staple {
                true => Status::Unknown(ocsp_fault(OcspFault::NotStapled)),
                false => by_crls,
            };
        }
        match self.stapled(known, signatures) {
            OcspAnswer::Revoked(since) => Status::Revoked(ocsp_fault(OcspFault::Revoked { since })),
            OcspAnswer::Good { until } => {
                Status::Good(Good { by: RevocationSource::OcspResponse, until: Some(until) })
            }
            OcspAnswer::Nothing(OcspFault::TooManySignatures) => {
                Status::Unknown(ocsp_fault(OcspFault::TooManySignatures))
            }
            OcspAnswer::Nothing(_) if !owes_staple && matches!(by_crls, Status::Good(_)) => by_crls,
            OcspAnswer::Nothing(why) => Status::Unknown(ocsp_fault(why)),
        }
    }

    /// What the peer's stapled response says.
    fn stapled(&self, known: &Known<'_>, signatures: &mut dyn Signatures) -> OcspAnswer {
        // A responder's own certificate can be on a CRL of the issuer.
        let mut is_revoked = |responder: &Cert<'_>, signatures: &mut dyn Signatures| {
            let signers = self.signers.clone();
            let query = Query { cert: responder, signers, ..*self };
            matches!(query.status(known.crls, signatures), Status::Revoked(_))
        };
        ocsp::read(known.staple, self, &mut is_revoked, signatures)
    }
}

/// Whether the certificate says that its server staples a response: status_request among the TLS
/// features (RFC 7633).
fn requires_staple(cert: &Cert<'_>) -> bool {
    const TLS_FEATURE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 24];
    const STATUS_REQUEST: &[u8] = &[5];
    match extension(cert, TLS_FEATURE).and_then(|value| match value {
        Some(value) => der::sequence(value, "TLS feature").map(Some),
        None => Ok(None),
    }) {
        Ok(None) => false,
        Ok(Some(features)) => der::elements(features)
            .any(|feature| feature.tag == der::INTEGER && feature.value == STATUS_REQUEST),
        // What cannot be read may require it.
        Err(_) => true,
    }
}

/// What a stapled response says, with the number that OpenSSL has for it.
fn ocsp_fault(why: OcspFault) -> Fault {
    let (kind, openssl) = match &why {
        OcspFault::Revoked { .. } => (ErrorKind::Revoked, 23),
        OcspFault::TooManySignatures => (ErrorKind::ChainTooComplex, 22),
        // X509_V_ERR_OCSP_VERIFY_NEEDED
        OcspFault::NotStapled => (ErrorKind::RevocationUnknown, 73),
        // X509_V_ERR_OCSP_CERT_UNKNOWN
        OcspFault::OtherCertificate | OcspFault::UnknownToResponder => {
            (ErrorKind::RevocationUnknown, 75)
        }
        // X509_V_ERR_OCSP_VERIFY_FAILED
        _ => (ErrorKind::RevocationUnknown, 74),
    };
    Fault::new(kind).because(Cause::Ocsp(why)).code(openssl)
}
