//! Everything the Apple backend decides: what the system is asked, how often, and what its
//! answers mean. No call into the system is made here, so all of it is tested on every system.
//!
//! The system is asked first with its own trust anchors. Only if it finds no path to one of them
//! is it asked again, with the caller's trust anchors and no others. An end entity that the
//! caller gave as an extra root is trusted whole, unless the system knows better.

#![warn(dead_code)]

use pki_types::{CertificateDer, UnixTime};

use crate::checks;
use crate::der::{self, Reader};
use crate::error::{BuildError, ErrorKind, NearMiss, OsCode, Searched, VerifyError, escape};
use crate::policy::{Purpose, Revocation, RevocationCheck, RevocationOutcome, UnknownRevocation};
use crate::store::{Refusal, Source, StoreEntry};
use crate::time::Timestamp;
use crate::verifier::{Anchor, Config, Peer, Verified};
use crate::x509::{self, Cert, Key};

/// The roots that come with the system and those that its user or administrator added.
const TRUST_STORE: &str = "Apple's trust store";

/// Most characters kept of the system's text: it repeats names from the peer's certificates.
const MAX_TEXT: usize = 400;

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
    let Revocation { check, unknown, crls, .. } = &config.revocation;
    let unsupported =
        |setting, reason: &str| Err(BuildError::Unsupported { setting, reason: reason.to_owned() });
    if !crls.is_empty() {
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

/// The kind of each `OSStatus` that an evaluation can end in. The first part is what the checks
/// of Apple's policies give (`SecPolicyChecks.list` in the published sources of Security), the
/// second what else its
/// [result codes](https://developer.apple.com/documentation/security/security-framework-result-codes)
/// say about certificates and revocation. All others say that nothing was decided.
const KINDS: &[(i64, ErrorKind)] = &[
    (ERR_SEC_CREATE_CHAIN_FAILED, ErrorKind::UnknownIssuer),
    (ERR_SEC_NOT_TRUSTED, ErrorKind::UnknownIssuer),
    (-67602, ErrorKind::NameMismatch), // errSecHostNameMismatch
    // The check of validity periods gives this one before they begin, too.
    (-67818, ErrorKind::Expired),           // errSecCertificateExpired
    (-67819, ErrorKind::NotYetValid),       // errSecCertificateNotValidYet
    (-67820, ErrorKind::Revoked),           // errSecCertificateRevoked
    (-67635, ErrorKind::RevocationUnknown), // errSecIncompleteCertRevocationCheck
    (-67654, ErrorKind::Distrusted),        // errSecTrustSettingDeny
    (-67899, ErrorKind::Distrusted),        // errSecCertificatePolicyNotAllowed
    (-67612, ErrorKind::Distrusted),        // errSecInvalidRoot: Apple pins its own hosts
    (-67811, ErrorKind::Distrusted),        // errSecPublicKeyInconsistent: likewise
    (-9880, ErrorKind::Distrusted),         // errSSLATSCertificateTrustViolation: likewise
    (-67735, ErrorKind::WeakKey),           // errSecUnsupportedKeySize
    (-67815, ErrorKind::UnsupportedAlgorithm), // errSecInvalidDigestAlgorithm
    (-67608, ErrorKind::WrongPurpose),      // errSecInvalidKeyUsageForPolicy
    (-67609, ErrorKind::WrongPurpose),      // errSecInvalidExtendedKeyUsage
    (-67902, ErrorKind::CaAsEndEntity),     // errSecCertificateIsCA
    (-67604, ErrorKind::NotACa),            // errSecNoBasicConstraints
    (-67605, ErrorKind::NotACa),            // errSecNoBasicConstraintsCA
    (-67611, ErrorKind::PathLengthExceeded), // errSecPathLengthConstraintExceeded
    (-67689, ErrorKind::NameConstraints),   // errSecInvalidName
    (-67900, ErrorKind::NameConstraints),   // errSecCertificateNameNotAllowed
    (-67603, ErrorKind::UnknownCriticalExtension), // errSecUnknownCriticalExtensionFlag
    (-67618, ErrorKind::BadEncoding),       // errSecUnknownCertExtension: unparseable
    (-67903, ErrorKind::BadEncoding),       // errSecCertificateDuplicateExtension
    (-67901, ErrorKind::NotStandardsCompliant), // errSecCertificateValidityPeriodTooLong
    (-67825, ErrorKind::NotStandardsCompliant), // errSecVerifyActionFailed: transparency
    (-67655, ErrorKind::NotStandardsCompliant), // errSecInvalidSubjectName
    (-67610, ErrorKind::NotStandardsCompliant), // errSecInvalidIDLinkage
    (-67690, ErrorKind::NotStandardsCompliant), // errSecInvalidCertificateRef
    (-67835, ErrorKind::NotStandardsCompliant), // errSecInvalidPolicyIdentifiers
    (-67880, ErrorKind::NotStandardsCompliant), // errSecMissingRequiredExtension
    // Not from a policy's check.
    (-25257, ErrorKind::BadEncoding), // errSecUnknownFormat
    (-26275, ErrorKind::BadEncoding), // errSecDecode
    (-67853, ErrorKind::BadEncoding), // errSecInvalidEncoding
    (-67836, ErrorKind::BadEncoding), // errSecInvalidTimeString
    (-67854, ErrorKind::BadEncoding), // errSecInvalidValidityPeriod
    (-67606, ErrorKind::NotStandardsCompliant), // errSecInvalidAuthorityKeyID
    (-67607, ErrorKind::NotStandardsCompliant), // errSecInvalidSubjectKeyID
    (-67881, ErrorKind::NotStandardsCompliant), // errSecExtendedKeyUsageNotCritical
    (-67629, ErrorKind::WrongPurpose), // errSecSSLBadExtendedKeyUsage
    (-67688, ErrorKind::BadSignature), // errSecInvalidSignature
    (-67686, ErrorKind::BadSignature), // errSecVerificationFailure
    (-67808, ErrorKind::BadSignature), // errSecVerifyFailed
    (-67747, ErrorKind::UnsupportedAlgorithm), // errSecInvalidAlgorithm
    (-67730, ErrorKind::UnsupportedAlgorithm), // errSecAlgorithmMismatch
    (-67734, ErrorKind::UnsupportedAlgorithm), // errSecUnsupportedKeyFormat
    (-67826, ErrorKind::NotACa),      // errSecInvalidCertAuthority
    (-67821, ErrorKind::Revoked),     // errSecCertificateSuspended
    (-67613, ErrorKind::RevocationOutdated), // errSecCRLExpired
    (-67614, ErrorKind::RevocationUnknown), // errSecCRLNotValidYet
    (-67615, ErrorKind::RevocationUnknown), // errSecCRLNotFound
    (-67616, ErrorKind::RevocationUnknown), // errSecCRLServerDown
    (-67617, ErrorKind::RevocationUnknown), // errSecCRLBadURI
    (-67619, ErrorKind::BadRevocationData), // errSecUnknownCRLExtension
    (-67620, ErrorKind::BadRevocationData), // errSecCRLNotTrusted
    (-67621, ErrorKind::BadRevocationData), // errSecCRLPolicyFailed
    (-67622, ErrorKind::BadRevocationData), // errSecIDPFailure
    (-67827, ErrorKind::BadRevocationData), // errSecInvalidCRLAuthority
    (-67828, ErrorKind::BadRevocationData), // errSecInvalidCRLEncoding
    (-67830, ErrorKind::BadRevocationData), // errSecInvalidCRL
    (-67630, ErrorKind::BadRevocationData), // errSecOCSPBadResponse
    (-67631, ErrorKind::RevocationUnknown), // errSecOCSPBadRequest
    (-67632, ErrorKind::RevocationUnknown), // errSecOCSPUnavailable
    (-67633, ErrorKind::RevocationUnknown), // errSecOCSPStatusUnrecognized
    (-67636, ErrorKind::RevocationUnknown), // errSecNetworkFailure
    (-67637, ErrorKind::BadRevocationData), // errSecOCSPNotTrustedToAnchor
    (-67639, ErrorKind::BadRevocationData), // errSecOCSPSignatureError
    (-67640, ErrorKind::BadRevocationData), // errSecOCSPNoSigner
    (-67641, ErrorKind::RevocationUnknown), // errSecOCSPResponderMalformedReq
    (-67642, ErrorKind::RevocationUnknown), // errSecOCSPResponderInternalError
    (-67643, ErrorKind::RevocationUnknown), // errSecOCSPResponderTryLater
    (-67644, ErrorKind::RevocationUnknown), // errSecOCSPResponderSignatureRequired
    (-67645, ErrorKind::RevocationUnknown), // errSecOCSPResponderUnauthorized
    (-67646, ErrorKind::BadRevocationData), // errSecOCSPResponseNonceMismatch
];

/// An issuer is neither in the chain nor known to the system.
const ERR_SEC_CREATE_CHAIN_FAILED: i64 = -25318;
/// The chain ends in a certificate that is no trust anchor. Apple gives the same code for a
/// certificate it has put on a list of its own; asked a second time it does so again.
const ERR_SEC_NOT_TRUSTED: i64 = -67843;

fn kind_of(code: i64) -> ErrorKind {
    KINDS.iter().find(|(known, _)| *known == code).map_or(ErrorKind::CannotCheck, |(_, kind)| *kind)
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

/// Apple's text on one line, with what it says of each certificate, and nothing in it that could
/// disturb a terminal.
fn os_text(text: &str, details: Option<&str>) -> String {
    let details = details.filter(|details| !details.trim().is_empty() && *details != text);
    let whole = match details {
        Some(details) => format!("{text} ({})", details.trim_end_matches(';')),
        None => text.to_owned(),
    };
    let whole: String = whole.replace('"', "'").chars().take(MAX_TEXT).collect();
    escape(whole.trim())
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
            .detail(format!("\"{}\"", x509::name_text(last.issuer))),
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

/// A limit on the lifetime of end entities.
struct Lifetime {
    /// For certificates whose validity begins at this time or later.
    issued: Timestamp,
    days: i64,
    /// Whose end entities it holds for.
    whose: &'static str,
    source: &'static str,
}

/// From the limit that holds for most to the one that holds for fewest.
const LIFETIMES: &[Lifetime] = &[
    Lifetime {
        issued: Timestamp(1_561_939_200), // 2019-07-01
        days: 825,
        whose: "any root",
        source: "support.apple.com/103769",
    },
    Lifetime {
        issued: Timestamp(1_598_918_400), // 2020-09-01
        days: 398,
        whose: "the roots that come with the system",
        source: "support.apple.com/102028",
    },
    // What the CA/Browser Forum's ballot SC-081v3 asks of CAs, from the last step to the first.
    // Apple has not published that its systems enforce it.
    Lifetime {
        issued: Timestamp(1_868_227_200), // 2029-03-15
        days: 47,
        whose: "public CAs",
        source: "CA/Browser Forum Baseline Requirements 6.3.2",
    },
    Lifetime {
        issued: Timestamp(1_805_068_800), // 2027-03-15
        days: 100,
        whose: "public CAs",
        source: "CA/Browser Forum Baseline Requirements 6.3.2",
    },
    Lifetime {
        issued: Timestamp(1_773_532_800), // 2026-03-15
        days: 200,
        whose: "public CAs",
        source: "CA/Browser Forum Baseline Requirements 6.3.2",
    },
];

/// Which of Apple's published requirements for TLS certificates the end entity does not meet
/// ([103769](https://support.apple.com/103769), [102028](https://support.apple.com/102028)).
/// Only asked after the system refused it: it explains a verdict and never gives one.
fn broken_rules(leaf: &Cert<'_>, purpose: Purpose) -> Vec<String> {
    /// A day of 86,400 seconds, as 102028 counts.
    const DAY: i64 = 86_400;
    const MORE_RULES_FROM: Timestamp = Timestamp(1_561_939_200); // 2019-07-01
    const PAGE: &str = "support.apple.com/103769";

    let mut broken = Vec::new();
    let seconds = leaf.not_after.0.saturating_sub(leaf.not_before.0);
    let lifetime = LIFETIMES
        .iter()
        .find(|limit| leaf.not_before >= limit.issued && seconds > limit.days * DAY)
        .filter(|_| purpose == Purpose::ServerAuth);
    if let Some(Lifetime { issued, days, whose, source }) = lifetime {
        let issued = issued.to_string();
        let (date, _) = issued.split_once(' ').unwrap_or((&issued, ""));
        broken.push(format!(
            "it is valid for {} days, at most {days} are allowed under {whose} since {date} ({source})",
            seconds.saturating_add(DAY - 1) / DAY
        ));
    }
    if let Key::Rsa(bits) = leaf.key() {
        if bits < 2048 {
            broken
                .push(format!("its RSA key has {bits} bits, at least 2048 are required ({PAGE})"));
        }
    }
    if let Some(hash) = weak_hash(leaf) {
        broken.push(format!("it is signed with {hash}, SHA-2 is required ({PAGE})"));
    }
    if purpose == Purpose::ServerAuth {
        if leaf.presented_names().is_empty() {
            broken.push(format!("it has no subject alternative name ({PAGE})"));
        }
        let listed =
            leaf.extensions.extended_key_usage.is_some() && leaf.extended_key_usage_allows(purpose);
        if leaf.not_before >= MORE_RULES_FROM && !listed {
            broken.push(format!("its extended key usage does not list serverAuth ({PAGE})"));
        }
    }
    broken
}

/// The hash of a signature, if it is not of the SHA-2 family.
fn weak_hash(cert: &Cert<'_>) -> Option<&'static str> {
    const MD5_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4];
    const SHA1_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5];
    const SHA1_DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3];
    const SHA1_ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1];
    match Reader::new(cert.signature_algorithm).expect(der::OID, "algorithm").ok()? {
        MD5_RSA => Some("MD5"),
        SHA1_RSA | SHA1_DSA | SHA1_ECDSA => Some("SHA-1"),
        _ => None,
    }
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
