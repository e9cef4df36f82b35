//! Everything the Apple backend decides: what the system is asked, how often, and what its
//! answers mean. No call into the system is made here, so all of it is tested on every system.
//!
//! The system is asked first with its own trust anchors. Only if it finds no path to one of them
//! is it asked again, with the caller's trust anchors and no others. An end entity that the
//! caller gave as an extra root is trusted whole, unless the system knows better.

#![warn(dead_code)]

use pki_types::{CertificateDer, UnixTime};

use super::codes::{kind_of, os_text};
use super::profile::broken_rules;
use crate::cert::{self, Cert};
use crate::checks;
use crate::error::{BuildError, NearMiss, OsCode, Searched, VerifyError};
use crate::kind::ErrorKind;
use crate::peer::{Anchor, Peer, Verified};
use crate::policy::{Purpose, Revocation, RevocationCheck, RevocationOutcome, UnknownRevocation};
use crate::settings::Config;
use crate::store::{Refusal, Source, StoreEntry};

/// The roots that come with the system and those that its user or administrator added.
const TRUST_STORE: &str = "Apple's trust store";

/// What the system is asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question<'a> {
    /// `SecPolicyCreateSSL`: whether the peer is a server.
    pub(super) server: bool,
    /// `SecPolicyCreateSSL`: the peer's name; not compared if absent.
    pub(super) hostname: Option<String>,
    /// `SecTrustSetVerifyDate`: seconds since 2001-01-01 00:00 UTC.
    pub(super) date: f64,
    /// `SecPolicyCreateRevocation`: its flags; no such policy if absent.
    pub(super) revocation: Option<usize>,
    /// `SecTrustSetNetworkFetchAllowed`.
    pub(super) network: bool,
    /// `SecTrustSetOCSPResponse`; empty if there is none.
    pub(super) ocsp_response: &'a [u8],
    /// `SecTrustSetAnchorCertificatesOnly`: places in [`roots`]. The system's own trust anchors,
    /// and no others, if absent.
    pub(super) only: Option<Vec<usize>>,
}

/// What the system said.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The result of `SecTrustEvaluateWithError`.
    pub(super) trusted: bool,
    /// The error that came with it.
    pub(super) error: Option<OsError>,
    /// The chain that was built, end entity first; empty if the system gave none.
    pub(super) chain: Vec<CertificateDer<'static>>,
}

/// A `CFError`.
#[derive(Clone, Debug)]
pub(super) struct OsError {
    /// Whether its domain is `NSOSStatusErrorDomain`, so that the code is an `OSStatus`.
    pub(super) is_status: bool,
    pub(super) code: i64,
    /// What is wrong, as Apple's own dialogs say it.
    pub(super) text: String,
    /// What is wrong with each certificate, if the system says.
    pub(super) details: Option<String>,
}

/// Settings that `SecTrust` has no counterpart for.
pub(super) fn check_settings(config: &Config) -> Result<(), BuildError> {
    let Revocation { check, unknown, .. } = &config.revocation;
    let unsupported =
        |setting, reason: &str| Err(BuildError::Unsupported { setting, reason: reason.to_owned() });
    if !config.crls.is_empty() {
        return unsupported(
            "Revocation::crls",
            "Apple's verifier does not take CRLs from its caller; it fetches and keeps its own",
        );
    }
    if (*check, *unknown) == (RevocationCheck::Chain, UnknownRevocation::Reject) {
        return unsupported(
            "Revocation::unknown",
            "Apple's verifier can require an answer for the end entity only, and asks about \
             every certificate even so: use RevocationCheck::Leaf",
        );
    }
    if config.strict {
        return unsupported("strict", "Apple's verifier has its own profile and no other");
    }
    if config.common_name {
        return unsupported("danger_match_common_name", "Apple's verifier never compares it");
    }
    Ok(())
}

/// The caller's trust anchors. The system's store always has some, so that `fallback_roots`
/// count only where the system's are not wanted at all.
pub(super) fn roots(config: &Config) -> impl Iterator<Item = &StoreEntry> {
    let fallback = config.fallback.entries().iter().filter(|_| config.system.is_none());
    config.extra.entries().iter().chain(fallback)
}

/// Flags of
/// [`SecPolicyCreateRevocation`](https://developer.apple.com/documentation/security/revocation-policy-constants).
/// The certificates to check cannot be chosen: it is always all of them.
fn revocation_flags(revocation: &Revocation) -> Option<usize> {
    const OCSP_METHOD: usize = 1 << 0;
    const CRL_METHOD: usize = 1 << 1;
    const REQUIRE_POSITIVE_RESPONSE: usize = 1 << 3;
    const NETWORK_ACCESS_DISABLED: usize = 1 << 4;
    if revocation.check == RevocationCheck::Off {
        return None;
    }
    let required = match revocation.unknown {
        UnknownRevocation::Allow => 0,
        UnknownRevocation::Reject => REQUIRE_POSITIVE_RESPONSE,
    };
    let cached = if revocation.network { 0 } else { NETWORK_ACCESS_DISABLED };
    Some(OCSP_METHOD | CRL_METHOD | required | cached)
}

/// What a trusted chain proves about revocation: `SecTrust` insists on an answer for the end
/// entity, but passes over a CA that names no OCSP responder.
fn revocation_outcome(revocation: &Revocation) -> RevocationOutcome {
    let checked = match revocation.unknown {
        UnknownRevocation::Allow => RevocationCheck::Off,
        UnknownRevocation::Reject => revocation.check.min(RevocationCheck::Leaf),
    };
    RevocationOutcome { requested: revocation.check, checked }
}

/// A `CFAbsoluteTime`: seconds since 2001-01-01 00:00 UTC.
fn absolute_time(time: UnixTime) -> f64 {
    const EPOCH: f64 = 978_307_200.0;
    std::time::Duration::from_secs(time.as_secs()).as_secs_f64() - EPOCH
}

fn question<'a>(config: &Config, peer: &Peer<'a>, only: Option<Vec<usize>>) -> Question<'a> {
    Question {
        server: config.purpose == Purpose::ServerAuth,
        hostname: peer.name.as_ref().map(|name| name.to_str().into_owned()),
        date: absolute_time(peer.time),
        revocation: revocation_flags(&config.revocation),
        network: config.revocation.network,
        ocsp_response: peer.ocsp_response,
        only,
    }
}

/// The verdict on a chain whose first certificate is `leaf`.
pub(super) fn verify(
    config: &Config,
    leaf: &Cert<'_>,
    peer: &Peer<'_>,
    mut ask: impl FnMut(&Question<'_>) -> Result<Answer, VerifyError>,
) -> Result<Verified, VerifyError> {
    let tries = [
        config.system.as_ref().map(|_| None),
        // A certificate does not vouch for itself: the end entity is no anchor of its own path.
        Some(usable(config, leaf, peer.time)).filter(|only| !only.is_empty()).map(Some),
    ];
    let mut failure: Option<VerifyError> = None;
    for only in tries.into_iter().flatten() {
        let question = question(config, peer, only);
        let verdict =
            ask(&question).and_then(|answer| judge(config, leaf, peer, &question, answer));
        let error = match verdict {
            Ok(verified) => return Ok(verified),
            Err(error) => error,
        };
        let missing_path = error.kind().is_missing_path();
        // Of two missing paths the first is told: it is about the system's own anchors.
        if failure.is_none() || !missing_path {
            failure = Some(error);
        }
        if !missing_path {
            break;
        }
    }

    if failure.as_ref().is_none_or(|error| yields_to_whole_leaf(error.kind())) {
        let same = |entry: &&StoreEntry| entry.certificate().as_ref() == leaf.der;
        if let Some(entry) = roots(config).find(same) {
            return whole_leaf(config, leaf, peer, entry);
        }
    }
    let mut error = failure.unwrap_or_else(|| {
        let mut error = VerifyError::new(ErrorKind::NoTrustAnchors).at(0);
        error.inner_mut().chain = vec![leaf.summary()];
        error
    });
    let missing_path = error.kind().is_missing_path();
    let inner = error.inner_mut();
    inner.searched = searched(config, peer.time);
    if missing_path {
        inner.near_misses = near_misses(config, leaf, peer);
    }
    Err(error)
}

/// Places in [`roots`] of those that can issue for the purpose at the time. `SecTrust` takes an
/// anchor as it is given, so they are vetted as on every system.
fn usable(config: &Config, leaf: &Cert<'_>, time: UnixTime) -> Vec<usize> {
    roots(config)
        .enumerate()
        .filter(|(_, entry)| entry.certificate().as_ref() != leaf.der)
        .filter(|(_, entry)| entry.refusal(config.purpose, time).is_none())
        .map(|(place, _)| place)
        .collect()
}

/// The system's answer as a verdict. Whatever is missing or does not fit together is a failure.
fn judge(
    config: &Config,
    leaf: &Cert<'_>,
    peer: &Peer<'_>,
    question: &Question<'_>,
    answer: Answer,
) -> Result<Verified, VerifyError> {
    let Answer { trusted, error, chain } = answer;
    let unclear = |what: &str| Err(VerifyError::new(ErrorKind::CannotCheck).detail(what));
    let begins_right = chain.first().is_some_and(|first| first.as_ref() == leaf.der);
    let chain = if begins_right { chain } else { Vec::new() };
    match (trusted, error) {
        (true, None) => accepted(config, leaf, peer, question, chain),
        (false, Some(error)) => Err(refused(config, leaf, peer, &chain, error)),
        (true, Some(_)) => unclear("the system says both that the chain is trusted and why not"),
        (false, None) => unclear("the system says that the chain is not trusted, but not why"),
    }
}

fn accepted(
    config: &Config,
    leaf: &Cert<'_>,
    peer: &Peer<'_>,
    question: &Question<'_>,
    mut chain: Vec<CertificateDer<'static>>,
) -> Result<Verified, VerifyError> {
    let anchor = match &question.only {
        None => chain.last().map(|last| Anchor {
            certificate: last.clone(),
            source: Source::System(TRUST_STORE.into()),
        }),
        Some(only) => {
            let given: Vec<_> = roots(config)
                .enumerate()
                .filter(|(place, _)| only.contains(place))
                .map(|(_, entry)| entry)
                .collect();
            let found = chain.iter().enumerate().find_map(|(depth, cert)| {
                given.iter().find(|entry| entry.certificate() == cert).map(|entry| (depth, entry))
            });
            found.map(|(depth, entry)| {
                chain.truncate(depth + 1);
                Anchor { certificate: entry.certificate().clone(), source: entry.source().clone() }
            })
        }
    };
    let Some(anchor) = anchor else {
        return Err(VerifyError::new(ErrorKind::CannotCheck)
            .detail("the chain that the system trusts is not the peer's, or has no trust anchor"));
    };
    // Older systems compare the common name too, and a user can let a wrong name pass.
    checks::name(leaf, config, peer, true)?;
    Ok(Verified { chain, anchor, revocation: revocation_outcome(&config.revocation) })
}

/// The end entity itself is one of the caller's trust anchors.
fn whole_leaf(
    config: &Config,
    leaf: &Cert<'_>,
    peer: &Peer<'_>,
    entry: &StoreEntry,
) -> Result<Verified, VerifyError> {
    checks::end_entity(leaf, config, peer.time)?;
    checks::name(leaf, config, peer, false)?;
    Ok(Verified {
        chain: vec![leaf.to_der()],
        anchor: Anchor { certificate: entry.certificate().clone(), source: entry.source().clone() },
        revocation: checks::unknown_revocation(config)?,
    })
}

/// Whether the system only says that the path or its own profile does not fit, which does not
/// matter for an end entity trusted whole. What it says about revocation, distrust and time is
/// final.
fn yields_to_whole_leaf(kind: ErrorKind) -> bool {
    kind.is_missing_path()
        || matches!(
            kind,
            ErrorKind::CaAsEndEntity
                | ErrorKind::NotStandardsCompliant
                | ErrorKind::UnsupportedAlgorithm
                | ErrorKind::WrongPurpose
        )
}

/// An `OSStatus` of a call that prepares the evaluation: nothing was decided.
pub(super) fn cannot_check(call: &str, code: i64, text: Option<String>) -> VerifyError {
    VerifyError::new(ErrorKind::CannotCheck)
        .detail(format!("{call} failed"))
        .os(OsCode::new(code, os_text(&text.unwrap_or_default(), None)))
}

/// The error for a chain that the system refused, explained as far as the certificates explain it.
fn refused(
    config: &Config,
    leaf: &Cert<'_>,
    peer: &Peer<'_>,
    chain: &[CertificateDer<'_>],
    error: OsError,
) -> VerifyError {
    let os = OsCode::new(error.code, os_text(&error.text, error.details.as_deref()));
    let kind = if error.is_status { kind_of(error.code) } else { ErrorKind::CannotCheck };
    let issuers = chain.iter().skip(1).map_while(|der| Cert::parse(der).ok());
    let path: Vec<_> = std::iter::once(leaf.clone()).chain(issuers).collect();
    let explained = match kind {
        ErrorKind::UnknownIssuer => missing_path(&path),
        ErrorKind::NameMismatch => checks::name(leaf, config, peer, true)
            .err()
            .filter(|error| error.kind() == ErrorKind::NameMismatch)
            .unwrap_or_else(|| VerifyError::new(kind).at(0)),
        ErrorKind::Expired | ErrorKind::NotYetValid => fault(&path, config, peer.time, |found| {
            matches!(found, ErrorKind::Expired | ErrorKind::NotYetValid)
        })
        .unwrap_or_else(|| VerifyError::new(kind)),
        ErrorKind::CaAsEndEntity => VerifyError::new(kind).at(0),
        ErrorKind::WeakKey
        | ErrorKind::UnsupportedAlgorithm
        | ErrorKind::WrongPurpose
        | ErrorKind::UnknownCriticalExtension
        | ErrorKind::NotACa
        | ErrorKind::PathLengthExceeded
        | ErrorKind::NotStandardsCompliant => {
            fault(&path, config, peer.time, |found| found == kind)
                .or_else(|| {
                    let broken = broken_rules(leaf, config.purpose);
                    let explains = !broken.is_empty();
                    explains.then(|| VerifyError::new(kind).at(0).detail(broken.join("; ")))
                })
                .unwrap_or_else(|| VerifyError::new(kind))
        }
        _ => VerifyError::new(kind),
    };
    let mut explained = explained.os(os);
    let inner = explained.inner_mut();
    inner.chain = path.iter().map(Cert::summary).collect();
    if kind == ErrorKind::NotStandardsCompliant && inner.depth == Some(0) {
        inner.hints.push(
            "Have the certificate reissued within the rules of Apple's systems, or accept exactly \
             this one with `pinned_leaf`."
                .to_owned(),
        );
    }
    explained
}

/// Whose issuer is missing: the system builds as much of a path as it can.
fn missing_path(path: &[Cert<'_>]) -> VerifyError {
    let depth = path.len().saturating_sub(1);
    let Some(last) = path.last() else { return VerifyError::new(ErrorKind::UnknownIssuer) };
    match (last.is_self_issued(), depth) {
        (true, 0) => VerifyError::new(ErrorKind::SelfSignedLeaf).at(0),
        (true, _) => VerifyError::new(ErrorKind::UntrustedRoot).at(depth),
        (false, _) => VerifyError::new(ErrorKind::UnknownIssuer)
            .at(depth)
            .detail(format!("\"{}\"", cert::name_text(last.issuer))),
    }
}

/// The first certificate, from the end entity up, in which the core finds such a fault too.
fn fault(
    path: &[Cert<'_>],
    config: &Config,
    time: UnixTime,
    such: impl Fn(ErrorKind) -> bool,
) -> Option<VerifyError> {
    path.iter().enumerate().find_map(|(depth, cert)| {
        let found = if depth == 0 {
            checks::end_entity(cert, config, time)
        } else {
            let between = path.get(1..depth).unwrap_or_default();
            let below = between.iter().filter(|cert| !cert.is_self_issued()).count();
            checks::issuer(cert, depth, below, config, time)
        };
        found.err().filter(|error| such(error.kind()))
    })
}

/// Every place that was searched.
fn searched(config: &Config, time: UnixTime) -> Vec<Searched> {
    let system = config.system.is_some().then(|| Searched {
        source: Source::System(TRUST_STORE.into()),
        usable: None,
        refused: 0,
        problems: Vec::new(),
    });
    let mut out: Vec<_> = system.into_iter().collect();
    for entry in roots(config) {
        let source = entry.source();
        let place = match out.iter().position(|searched| searched.source == *source) {
            Some(place) => place,
            None => {
                out.push(Searched {
                    source: source.clone(),
                    usable: Some(0),
                    refused: 0,
                    problems: Vec::new(),
                });
                out.len() - 1
            }
        };
        let Some(searched) = out.get_mut(place) else { continue };
        match entry.refusal(config.purpose, time) {
            None => searched.usable = searched.usable.map(|usable| usable + 1),
            Some(_) => searched.refused += 1,
        }
    }
    out
}

/// The caller's trust anchors that have the name of an issuer and were not used.
fn near_misses(config: &Config, leaf: &Cert<'_>, peer: &Peer<'_>) -> Vec<NearMiss> {
    let sent = peer.chain.iter().skip(1).chain(&config.intermediates);
    let certs: Vec<_> =
        std::iter::once(leaf.clone()).chain(sent.filter_map(|der| Cert::parse(der).ok())).collect();
    roots(config)
        .filter(|entry| entry.certificate().as_ref() != leaf.der)
        .filter_map(|entry| {
            let issued: Vec<_> =
                certs.iter().filter(|cert| cert.issuer == entry.raw_subject()).collect();
            let anchor = Cert::parse(entry.certificate()).ok()?;
            let reason = match entry.refusal(config.purpose, peer.time) {
                _ if issued.is_empty() => return None,
                Some(refusal) => refusal,
                None if issued.iter().all(|cert| cert.names_another_key_than(&anchor)) => {
                    Refusal::DifferentKey
                }
                None => return None,
            };
            Some(NearMiss { subject: entry.subject(), source: entry.source().clone(), reason })
        })
        .collect()
}

#[cfg(test)]
mod tests;
