//! Everything the Apple backend decides: what the system is asked, how often, and what its
//! answers mean. No call into the system is made here, so all of it is tested on every system.
//!
//! The system is asked first with its own trust anchors. Only if it finds no path to one of them
//! is it asked again, with the caller's trust anchors and no others. An end entity that the
//! caller gave as an extra root is trusted whole, unless the system knows better. What the caller's
//! trust settings reject is rejected in any path.
//!
//! Tests: `rules/tests.rs`.

#![warn(dead_code)]

use pki_types::{CertificateDer, UnixTime};

use super::codes::{kind_of, os_text};
use super::profile::broken_rules;
use crate::cert::Cert;
use crate::checks;
use crate::fault::{Cause, Evidence, Failure, Fault, OsCode};
use crate::kind::ErrorKind;
use crate::peer::{Anchor, Peer, Verified};
use crate::platform::{distrust, evidence};
use crate::policy::{Purpose, Revocation, RevocationCheck, RevocationOutcome, UnknownRevocation};
use crate::refused::{BadSetting, Unsupported};
use crate::settings::Config;
use crate::store::{Source, StoreEntry};

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
pub(super) fn check_settings(config: &Config) -> Result<(), BadSetting> {
    let Revocation { check, unknown, .. } = &config.revocation;
    let (setting, why) = if !config.crls.is_empty() {
        ("Revocation::crls", Unsupported::AppleTakesNoCrls)
    } else if (*check, *unknown) == (RevocationCheck::Chain, UnknownRevocation::Reject) {
        ("Revocation::unknown", Unsupported::AppleRequiresNoChain)
    } else if config.strict {
        ("strict", Unsupported::AppleHasOneProfile)
    } else if config.ignore_validity {
        ("danger_ignore_validity", Unsupported::AppleHasOneProfile)
    } else if config.allow_weak_keys {
        ("danger_allow_weak_keys", Unsupported::AppleHasOneProfile)
    } else if config.common_name {
        ("danger_match_common_name", Unsupported::AppleComparesNoCommonName)
    } else {
        return Ok(());
    };
    Err(BadSetting::Unsupported { setting, why })
}

/// The caller's trust anchors. The system's store always has some, so that `fallback_roots`
/// are trusted only where the system's are not wanted at all.
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
    RevocationOutcome::new(revocation.check, checked)
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
    mut ask: impl FnMut(&Question<'_>) -> Result<Answer, Box<Failure>>,
) -> Result<Verified, Box<Failure>> {
    distrust::check_leaf(config, leaf)?;
    let tries = [
        config.system.as_ref().map(|_| None),
        // A certificate does not vouch for itself: the end entity is no anchor of its own path.
        Some(usable(config, leaf, peer.time)).filter(|only| !only.is_empty()).map(Some),
    ];
    let mut failure: Option<Box<Failure>> = None;
    for only in tries.into_iter().flatten() {
        let question = question(config, peer, only);
        let verdict =
            ask(&question).and_then(|answer| answered(config, leaf, peer, &question, answer));
        let error = match verdict {
            Ok(verified) => return Ok(verified),
            Err(error) => error,
        };
        let missing_path = error.kind().is_missing_path();
        // Of two missing paths the first is reported: it is about the system's own anchors.
        if failure.is_none() || !missing_path {
            failure = Some(error);
        }
        if !missing_path {
            break;
        }
    }

    if failure.as_ref().is_none_or(|failure| yields_to_trusted_end_entity(failure.kind())) {
        let whole = |entry: &&StoreEntry| entry.is_trusted_end_entity(leaf.der, config.purpose);
        if let Some(entry) = roots(config).find(whole) {
            return checks::trusted_end_entity(leaf, config, peer, Anchor::from(entry), false)
                .map_err(Into::into);
        }
    }
    let mut failure = failure.unwrap_or_else(|| {
        let mut failure: Box<Failure> = Fault::new(ErrorKind::NoTrustAnchors).at(0).into();
        failure.path = vec![leaf.summary()];
        failure
    });
    failure.evidence = seen(config, leaf, peer, &failure);
    Err(failure)
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
fn answered(
    config: &Config,
    leaf: &Cert<'_>,
    peer: &Peer<'_>,
    question: &Question<'_>,
    answer: Answer,
) -> Result<Verified, Box<Failure>> {
    let Answer { trusted, error, chain } = answer;
    let unclear = |cause| Err(Fault::new(ErrorKind::CannotCheck).because(cause).into());
    let begins_right = chain.first().is_some_and(|first| first.as_ref() == leaf.der);
    let chain = if begins_right { chain } else { Vec::new() };
    match (trusted, error) {
        (true, None) => accepted(config, leaf, peer, question, chain),
        (false, Some(error)) => Err(refused(config, leaf, peer, &chain, error)),
        (true, Some(_)) => unclear(Cause::TrustedWithError),
        (false, None) => unclear(Cause::RejectedWithoutError),
    }
}

fn accepted(
    config: &Config,
    leaf: &Cert<'_>,
    peer: &Peer<'_>,
    question: &Question<'_>,
    mut chain: Vec<CertificateDer<'static>>,
) -> Result<Verified, Box<Failure>> {
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
                Anchor::from(*entry)
            })
        }
    };
    let Some(anchor) = anchor else {
        let cause = Cause::TrustedWithoutAnchor;
        return Err(Fault::new(ErrorKind::CannotCheck).because(cause).into());
    };
    distrust::check_chain(config, &chain, question.only.is_none())?;
    // Older systems compare the common name too, and a user can let a wrong name pass.
    checks::name(leaf, config, peer)?;
    let revocation = revocation_outcome(&config.revocation);
    Ok(Verified { chain, anchor, revocation, weaknesses: Vec::new() })
}

/// Whether the system only says that the path or its own profile does not fit, which does not
/// matter for an end entity trusted whole. What it says about revocation, distrust and time is
/// final.
fn yields_to_trusted_end_entity(kind: ErrorKind) -> bool {
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
pub(super) fn cannot_check(call: &str, code: i64, text: Option<String>) -> Box<Failure> {
    let fault = Fault::new(ErrorKind::CannotCheck).because(Cause::Call(call.to_owned()));
    let mut failure: Box<Failure> = fault.into();
    failure.os = Some(OsCode::new(code, os_text(&text.unwrap_or_default(), None)));
    failure
}

/// The failure of a chain that the system refused, explained as far as the certificates explain it.
fn refused(
    config: &Config,
    leaf: &Cert<'_>,
    peer: &Peer<'_>,
    chain: &[CertificateDer<'_>],
    error: OsError,
) -> Box<Failure> {
    let kind = if error.is_status { kind_of(error.code) } else { ErrorKind::CannotCheck };
    let issuers = chain.iter().skip(1).map_while(|der| Cert::parse(der).ok());
    let path: Vec<_> = std::iter::once(leaf.clone()).chain(issuers).collect();
    let explained = match kind {
        // The system builds as much of a path as it can.
        ErrorKind::UnknownIssuer => {
            path.last().map(|last| checks::missing_path(last, path.len() - 1))
        }
        ErrorKind::NameMismatch => Some(checks::misnamed(leaf)),
        ErrorKind::Expired | ErrorKind::NotYetValid => fault(&path, config, peer.time, |found| {
            matches!(found, ErrorKind::Expired | ErrorKind::NotYetValid)
        }),
        ErrorKind::CaAsEndEntity => Some(Fault::new(kind).at(0)),
        ErrorKind::WeakKey
        | ErrorKind::UnsupportedAlgorithm
        | ErrorKind::WrongPurpose
        | ErrorKind::UnknownCriticalExtension
        | ErrorKind::NotACa
        | ErrorKind::PathLengthExceeded
        | ErrorKind::NotStandardsCompliant => {
            fault(&path, config, peer.time, |found| found == kind).or_else(|| {
                let broken = broken_rules(leaf, config.purpose);
                let explains = !broken.is_empty();
                explains.then(|| Fault::new(kind).at(0).because(Cause::AppleRules(broken)))
            })
        }
        _ => None,
    };
    let mut failure: Box<Failure> = explained.unwrap_or_else(|| Fault::new(kind)).into();
    failure.os = Some(OsCode::new(error.code, os_text(&error.text, error.details.as_deref())));
    failure.path = path.iter().map(Cert::summary).collect();
    failure
}

/// The first certificate, from the end entity up, in which the core finds such a fault too.
fn fault(
    path: &[Cert<'_>],
    config: &Config,
    time: UnixTime,
    such: impl Fn(ErrorKind) -> bool,
) -> Option<Fault> {
    path.iter().enumerate().find_map(|(depth, cert)| {
        let found = if depth == 0 {
            checks::end_entity(cert, config, time)
        } else {
            let between = path.get(1..depth).unwrap_or_default();
            let below = between.iter().filter(|cert| !cert.is_self_issued()).count();
            checks::issuer(cert, depth, below, config, time)
        };
        found.err().filter(|fault| such(fault.kind))
    })
}

/// What was searched, and the caller's trust anchors that have the name of an issuer and were not
/// used.
fn seen(config: &Config, leaf: &Cert<'_>, peer: &Peer<'_>, failure: &Failure) -> Evidence {
    let (purpose, time) = (config.purpose, peer.time);
    let system = config.system.iter().map(|_| Source::System(TRUST_STORE.into()));
    let system = system.map(|source| evidence::place(source, None)).collect();
    let near_misses = if evidence::near_misses_matter(failure) {
        let sent = peer.chain.iter().skip(1).chain(config.intermediates.iter());
        let sent = sent.filter_map(|der| Cert::parse(der).ok());
        let certs: Vec<_> = std::iter::once(leaf.clone()).chain(sent).collect();
        let others = roots(config).filter(|entry| entry.certificate().as_ref() != leaf.der);
        evidence::near_misses(others, &certs, purpose, time)
    } else {
        Vec::new()
    };
    Evidence {
        places: evidence::searched(system, roots(config), purpose, time),
        near_misses,
        ..Evidence::default()
    }
}

#[cfg(test)]
mod tests;
