//! The system is played by a closure: what it is asked and what follows from its answers.

use std::cell::RefCell;

use pki_types::{CertificateRevocationListDer, ServerName};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use super::super::codes::{ERR_SEC_CREATE_CHAIN_FAILED, ERR_SEC_NOT_TRUSTED, KINDS, MAX_TEXT};
use super::*;
use crate::builder::VerifierBuilder;
use crate::cert::der;
use crate::cert::time::Timestamp;
use crate::complete::complete;
use crate::error::{Parts, VerifyError};
use crate::fault::AppleRule;
use crate::store::testing::malformed;
use crate::store::{Refusal, TrustSettings};
use crate::verifier::Verifier;

/// 2027-01-15 08:00:00 UTC.
const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

const NOT_TRUSTED: i64 = ERR_SEC_NOT_TRUSTED;
const EXPIRED: i64 = -67818;
const REVOKED: i64 = -67820;
const DENIED: i64 = -67654;
const WRONG_NAME: i64 = -67602;
const TOO_LONG: i64 = -67901;

struct Made {
    params: CertificateParams,
    key: KeyPair,
    der: CertificateDer<'static>,
}

fn params(name: &str, from: i64, to: i64) -> CertificateParams {
    let at = |seconds: i64| {
        rcgen::date_time_ymd(1970, 1, 1)
            + std::time::Duration::from_secs(seconds.try_into().unwrap())
    };
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (at(from), at(to));
    params
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = params(name, NOW - 365 * DAY, NOW + 365 * DAY);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn server_params(from: i64, to: i64) -> CertificateParams {
    let mut params = params("server", from, to);
    params.subject_alt_names = vec![
        SanType::DnsName("example.com".try_into().unwrap()),
        SanType::IpAddress("192.0.2.1".parse().unwrap()),
    ];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn self_signed(params: CertificateParams) -> Made {
    let key = KeyPair::generate().unwrap();
    let der = params.self_signed(&key).unwrap().der().clone();
    Made { params, key, der }
}

fn issued(params: CertificateParams, issuer: &Made) -> Made {
    let key = KeyPair::generate().unwrap();
    let by = Issuer::from_params(&issuer.params, &issuer.key);
    let der = params.signed_by(&key, &by).unwrap().der().clone();
    Made { params, key, der }
}

fn ca(name: &str) -> Made {
    self_signed(ca_params(name))
}

fn server(issuer: &Made) -> Made {
    issued(server_params(NOW - 30 * DAY, NOW + 60 * DAY), issuer)
}

fn ders(made: &[&Made]) -> Vec<CertificateDer<'static>> {
    made.iter().map(|made| made.der.clone()).collect()
}

fn with_extra(extra: &[&Made]) -> VerifierBuilder {
    Verifier::builder().extra_roots(ders(extra))
}

fn config(extra: &[&Made]) -> Config {
    with_extra(extra).into_config()
}

fn only_extra(extra: &[&Made]) -> Config {
    with_extra(extra).system_roots(false).into_config()
}

fn trusts(chain: &[&Made]) -> Answer {
    Answer {
        trusted: true,
        error: None,
        chain: chain.iter().map(|made| made.der.clone()).collect(),
    }
}

fn refuses(code: i64, chain: &[&Made]) -> Answer {
    Answer {
        trusted: false,
        error: Some(OsError { is_status: true, code, text: format!("no: {code}"), details: None }),
        ..trusts(chain)
    }
}

/// The verdict, and the anchors of each question: `None` for the system's.
type Outcome = (Result<Verified, VerifyError>, Vec<Option<Vec<usize>>>);

/// Verifies what `chain` sends for `example.com`, with these answers of the system, in order.
fn run(config: &Config, chain: &[&Made], answers: Vec<Answer>) -> Outcome {
    run_as(config, chain, Some("example.com"), answers)
}

fn run_as(config: &Config, sent: &[&Made], name: Option<&str>, answers: Vec<Answer>) -> Outcome {
    let chain: Vec<_> = sent.iter().map(|made| made.der.clone()).collect();
    let peer = Peer {
        chain: &chain,
        name: name.map(|name| ServerName::try_from(name.to_owned()).unwrap()),
        time: unix(NOW),
        ocsp_response: &[],
    };
    let leaf = Cert::parse(&chain[0]).unwrap();
    let asked = RefCell::new(Vec::new());
    let mut answers = answers.into_iter();
    let verdict = verify(config, &leaf, &peer, |question| {
        asked.borrow_mut().push(question.only.clone());
        Ok(answers.next().expect("the system is asked once more than expected"))
    });
    assert!(answers.next().is_none(), "the system is asked less often than expected");
    let verdict = verdict.map_err(|failure| complete(*failure, &peer, config.purpose));
    (verdict, asked.into_inner())
}

fn unix(seconds: i64) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds.try_into().unwrap()))
}

fn kind(outcome: &Outcome) -> ErrorKind {
    outcome.0.as_ref().expect_err("must be refused").kind()
}

// --- the table of codes

#[test]
fn every_code_has_one_kind() {
    for (place, (code, _)) in KINDS.iter().enumerate() {
        assert!(KINDS[..place].iter().all(|(other, _)| other != code), "{code} is there twice");
        assert!(*code < 0, "{code} is no error");
    }
    for (code, kind) in [
        (-67843, ErrorKind::UnknownIssuer),
        (-25318, ErrorKind::UnknownIssuer),
        (-67818, ErrorKind::Expired),
        (-67819, ErrorKind::NotYetValid),
        (-67602, ErrorKind::NameMismatch),
        (-67820, ErrorKind::Revoked),
        (-67635, ErrorKind::RevocationUnknown),
        (-67654, ErrorKind::Distrusted),
        (-67901, ErrorKind::NotStandardsCompliant),
        (-67609, ErrorKind::WrongPurpose),
        (-67735, ErrorKind::WeakKey),
        (-67815, ErrorKind::UnsupportedAlgorithm),
        (-67611, ErrorKind::PathLengthExceeded),
        (-67605, ErrorKind::NotACa),
        (-67603, ErrorKind::UnknownCriticalExtension),
    ] {
        assert_eq!(kind_of(code), kind, "{code}");
    }
}

#[test]
fn only_two_codes_say_that_a_path_is_missing() {
    let missing: Vec<_> =
        KINDS.iter().filter(|(_, kind)| kind.is_missing_path()).map(|(code, _)| *code).collect();
    assert_eq!(missing, [ERR_SEC_CREATE_CHAIN_FAILED, ERR_SEC_NOT_TRUSTED]);
}

#[test]
fn an_unknown_code_decides_nothing() {
    // Bad parameter, out of memory, no entitlement, not available, internal, success.
    for code in [-50, -108, -34018, -25291, -67671, -1, 0, 1, i64::MIN] {
        assert_eq!(kind_of(code), ErrorKind::CannotCheck, "{code}");
    }
}

#[test]
fn the_system_s_code_and_text_are_kept() {
    let root = ca("root");
    let leaf = server(&root);
    for (code, _) in KINDS {
        let (verdict, _) = run(&config(&[]), &[&leaf], vec![refuses(*code, &[&leaf])]);
        let error = verdict.unwrap_err();
        let os = error.os_code().unwrap();
        assert_eq!((os.code, &*os.text), (*code, &*format!("no: {code}")));
        assert!(error.to_string().contains(&os.text));
        assert_eq!(error.searched().len(), 1);
    }
}

#[test]
fn a_code_outside_of_osstatus_means_nothing() {
    let (root, other) = (ca("root"), ca("other"));
    let leaf = server(&root);
    let mut answer = refuses(NOT_TRUSTED, &[&leaf]);
    answer.error.as_mut().unwrap().is_status = false;
    let outcome = run(&config(&[&root, &other]), &[&leaf], vec![answer]);
    assert_eq!(kind(&outcome), ErrorKind::CannotCheck);
}

// --- settings and the question

#[test]
fn settings_without_a_counterpart_are_refused() {
    let refused = |config: &Config| match check_settings(config) {
        Err(BadSetting::Unsupported { setting, .. }) => Some(setting),
        Err(other) => panic!("{other:?}"),
        Ok(()) => None,
    };
    let with = |revocation| Verifier::builder().revocation(revocation).into_config();
    let checks = |check, unknown| with(Revocation { check, unknown, ..Revocation::default() });
    use RevocationCheck::{Chain, Leaf, Off};
    use UnknownRevocation::{Allow, Reject};

    assert_eq!(refused(&config(&[])), None);
    for (check, unknown) in [(Off, Reject), (Leaf, Allow), (Leaf, Reject), (Chain, Allow)] {
        assert_eq!(refused(&checks(check, unknown)), None, "{check:?} {unknown:?}");
    }
    assert_eq!(refused(&checks(Chain, Reject)), Some("Revocation::unknown"));
    assert_eq!(refused(&with(Revocation { network: true, ..Revocation::default() })), None);
    let crls = vec![CertificateRevocationListDer::from(vec![0x30, 0])];
    let crls = with(Revocation { crls, ..Revocation::default() });
    assert_eq!(refused(&crls), Some("Revocation::crls"));
    assert_eq!(refused(&Verifier::builder().strict(true).into_config()), Some("strict"));
    let common_name = Verifier::builder().danger_match_common_name(true).into_config();
    assert_eq!(refused(&common_name), Some("danger_match_common_name"));
}

#[test]
fn revocation_flags_follow_the_policy() {
    let flags = |check, unknown, network| {
        revocation_flags(&Revocation { check, unknown, network, crls: Vec::new() })
    };
    let any = 1 | 2; // kSecRevocationUseAnyAvailableMethod
    for check in [RevocationCheck::Leaf, RevocationCheck::Chain] {
        assert_eq!(flags(check, UnknownRevocation::Allow, true), Some(any));
        assert_eq!(flags(check, UnknownRevocation::Reject, true), Some(any | 8));
        assert_eq!(flags(check, UnknownRevocation::Allow, false), Some(any | 16));
        assert_eq!(flags(check, UnknownRevocation::Reject, false), Some(any | 8 | 16));
    }
    for unknown in [UnknownRevocation::Allow, UnknownRevocation::Reject] {
        assert_eq!(flags(RevocationCheck::Off, unknown, true), None);
        assert_eq!(flags(RevocationCheck::Off, unknown, false), None);
    }
}

#[test]
fn no_more_is_claimed_about_revocation_than_was_proved() {
    let checked = |check, unknown| {
        let revocation = Revocation { check, unknown, ..Revocation::default() };
        let outcome = revocation_outcome(&revocation);
        assert_eq!(outcome.requested, check);
        outcome.checked
    };
    use RevocationCheck::{Chain, Leaf, Off};
    for check in [Off, Leaf, Chain] {
        assert_eq!(checked(check, UnknownRevocation::Allow), Off);
    }
    assert_eq!(checked(Off, UnknownRevocation::Reject), Off);
    assert_eq!(checked(Leaf, UnknownRevocation::Reject), Leaf);
    assert_eq!(checked(Chain, UnknownRevocation::Reject), Leaf);
}

#[test]
fn the_question_says_everything() {
    let ask = |config: &Config, name: Option<&'static str>| {
        let peer = Peer {
            chain: &[],
            name: name.map(|name| ServerName::try_from(name).unwrap()),
            time: unix(978_307_200 + 90),
            ocsp_response: &[1, 2],
        };
        question(config, &peer, None)
    };
    let base = ask(&config(&[]), Some("example.com"));
    assert_eq!(
        base,
        Question {
            server: true,
            hostname: Some("example.com".to_owned()),
            date: 90.0,
            revocation: None,
            network: false,
            ocsp_response: &[1, 2],
            only: None,
        }
    );
    let hostname = |name| ask(&config(&[]), name).hostname;
    assert_eq!(hostname(None), None);
    assert_eq!(hostname(Some("example.com.")), Some("example.com".to_owned()));
    assert_eq!(hostname(Some("192.0.2.1")), Some("192.0.2.1".to_owned()));
    assert_eq!(hostname(Some("2001:db8::1")), Some("2001:db8::1".to_owned()));

    let client = Verifier::builder().purpose(Purpose::ClientAuth).into_config();
    assert!(!ask(&client, None).server);
    let revocation =
        Revocation { check: RevocationCheck::Leaf, network: true, ..Revocation::default() };
    let online = ask(&Verifier::builder().revocation(revocation).into_config(), None);
    assert!(online.network);
    assert_eq!(online.revocation, Some(3));
    assert_eq!(absolute_time(unix(0)), -978_307_200.0);
}

// --- one try, two tries

#[test]
fn a_chain_that_the_system_trusts_is_asked_about_once() {
    let (root, unused) = (ca("root"), ca("unused"));
    let leaf = server(&root);
    let (verdict, asked) = run(&config(&[&unused]), &[&leaf], vec![trusts(&[&leaf, &root])]);
    let verified = verdict.unwrap();
    assert_eq!(asked, [None]);
    assert_eq!(verified.chain, [leaf.der.clone(), root.der.clone()]);
    assert_eq!(verified.anchor.certificate, root.der);
    assert_eq!(verified.anchor.source, Source::System(TRUST_STORE.into()));
    assert_eq!(verified.revocation.checked, RevocationCheck::Off);
}

#[test]
fn a_leaf_that_the_system_trusts_whole_is_its_own_anchor() {
    let leaf = self_signed(server_params(NOW - DAY, NOW + DAY));
    let (verdict, _) = run(&config(&[]), &[&leaf], vec![trusts(&[&leaf])]);
    assert_eq!(verdict.unwrap().anchor.certificate, leaf.der);
}

#[test]
fn extra_roots_count_where_the_system_finds_no_path() {
    let (root, other) = (ca("root"), ca("other"));
    let leaf = server(&root);
    for code in [ERR_SEC_NOT_TRUSTED, ERR_SEC_CREATE_CHAIN_FAILED] {
        let answers = vec![refuses(code, &[&leaf]), trusts(&[&leaf, &root])];
        let (verdict, asked) = run(&config(&[&other, &root]), &[&leaf], answers);
        let verified = verdict.unwrap();
        assert_eq!(asked, [None, Some(vec![0, 1])]);
        assert_eq!(verified.anchor.source, Source::ExtraRoots);
        assert_eq!(verified.anchor.certificate, root.der);
    }
}

#[test]
fn extra_roots_overrule_no_other_verdict() {
    let root = ca("root");
    let leaf = server(&root);
    let config = config(&[&root]);
    let others = KINDS.iter().filter(|(_, kind)| !kind.is_missing_path()).map(|(code, _)| *code);
    for code in others.chain([-50, -4960, 0]) {
        // A second question would make the closure panic.
        let (verdict, asked) = run(&config, &[&leaf], vec![refuses(code, &[&leaf, &root])]);
        assert_eq!(verdict.unwrap_err().kind(), kind_of(code), "{code}");
        assert_eq!(asked, [None]);
    }
}

#[test]
fn without_extra_roots_there_is_no_second_question() {
    let root = ca("root");
    let leaf = server(&root);
    let (verdict, asked) = run(&config(&[]), &[&leaf], vec![refuses(NOT_TRUSTED, &[&leaf])]);
    assert!(verdict.is_err());
    assert_eq!(asked, [None]);
}

#[test]
fn only_these_roots_means_only_these() {
    let root = ca("root");
    let leaf = server(&root);
    let (verdict, asked) = run(&only_extra(&[&root]), &[&leaf], vec![trusts(&[&leaf, &root])]);
    assert!(verdict.is_ok());
    assert_eq!(asked, [Some(vec![0])]);
}

#[test]
fn no_roots_at_all_trust_nothing() {
    let root = ca("root");
    let leaf = server(&root);
    let (verdict, asked) = run(&only_extra(&[]), &[&leaf, &root], vec![]);
    let error = verdict.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoTrustAnchors);
    assert_eq!(asked, []);
    assert!(error.searched().is_empty());
}

#[test]
fn fallback_roots_count_only_without_the_system_s() {
    let (root, extra) = (ca("root"), ca("extra"));
    let leaf = server(&root);
    let builder = || with_extra(&[&extra]).fallback_roots([root.der.clone()]);
    let answers = vec![refuses(NOT_TRUSTED, &[&leaf]), refuses(NOT_TRUSTED, &[&leaf])];
    let (verdict, asked) = run(&builder().into_config(), &[&leaf], answers);
    assert!(verdict.is_err());
    assert_eq!(asked, [None, Some(vec![0])]);

    let answers = vec![trusts(&[&leaf, &root])];
    let (verdict, asked) = run(&builder().system_roots(false).into_config(), &[&leaf], answers);
    assert_eq!(verdict.unwrap().anchor.source, Source::FallbackRoots);
    assert_eq!(asked, [Some(vec![0, 1])]);
}

#[test]
fn an_extra_root_that_cannot_issue_is_no_anchor() {
    let not_a_ca = self_signed(params("not a CA", NOW - DAY, NOW + DAY));
    let mut expired = ca_params("expired");
    expired.not_after = rcgen::date_time_ymd(2026, 12, 1);
    let expired = self_signed(expired);
    let root = ca("root");
    let leaf = issued(server_params(NOW - DAY, NOW + DAY), &expired);
    let config = config(&[&not_a_ca, &expired, &root]);
    let answers = vec![refuses(NOT_TRUSTED, &[&leaf]), refuses(NOT_TRUSTED, &[&leaf])];
    let (verdict, asked) = run(&config, &[&leaf], answers);
    assert_eq!(asked, [None, Some(vec![2])]);
    let error = verdict.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownIssuer);
    let [miss] = error.near_misses() else { panic!("{:?}", error.near_misses()) };
    assert_eq!(miss.subject, "CN=expired");
    assert!(matches!(miss.reason, Refusal::Expired { .. }));
    let extra = error.searched().iter().find(|place| place.source == Source::ExtraRoots).unwrap();
    assert_eq!((extra.usable, extra.refused), (Some(1), 2));
}

#[test]
fn an_extra_root_with_another_key_is_a_near_miss() {
    let with_key_id = |name| {
        let mut params = ca_params(name);
        params.use_authority_key_identifier_extension = true;
        self_signed(params)
    };
    let (root, renewed) = (with_key_id("root"), with_key_id("root"));
    let mut params = server_params(NOW - DAY, NOW + DAY);
    params.use_authority_key_identifier_extension = true;
    let leaf = issued(params, &root);
    let answers = vec![refuses(NOT_TRUSTED, &[&leaf]), refuses(NOT_TRUSTED, &[&leaf])];
    let (verdict, _) = run(&config(&[&renewed]), &[&leaf], answers);
    let error = verdict.unwrap_err();
    assert_eq!(error.near_misses().len(), 1);
    assert_eq!(error.near_misses()[0].reason, Refusal::DifferentKey);
}

#[test]
fn of_two_failures_the_more_telling_is_shown() {
    let root = ca("root");
    let leaf = server(&root);
    let config = config(&[&root]);
    let tries = |second| {
        let answers = vec![refuses(NOT_TRUSTED, &[&leaf]), refuses(second, &[&leaf, &root])];
        run(&config, &[&leaf], answers).0.unwrap_err()
    };
    assert_eq!(tries(REVOKED).kind(), ErrorKind::Revoked);
    assert_eq!(tries(TOO_LONG).kind(), ErrorKind::NotStandardsCompliant);
    assert_eq!(tries(-50).kind(), ErrorKind::CannotCheck);
    let both = tries(ERR_SEC_CREATE_CHAIN_FAILED);
    assert_eq!(both.os_code().unwrap().code, NOT_TRUSTED);
    assert_eq!(both.searched().len(), 2);
}

// --- trusted whole

#[test]
fn a_leaf_among_the_extra_roots_is_trusted_whole() {
    let leaf = self_signed(server_params(NOW - DAY, NOW + DAY));
    let (verdict, asked) = run(&config(&[&leaf]), &[&leaf], vec![refuses(NOT_TRUSTED, &[&leaf])]);
    let verified = verdict.unwrap();
    assert_eq!(verified.chain, std::slice::from_ref(&leaf.der));
    assert_eq!(verified.anchor.source, Source::ExtraRoots);
    assert_eq!(asked, [None], "it is no anchor of its own path");

    let (verdict, asked) = run(&only_extra(&[&leaf]), &[&leaf], vec![]);
    assert!(verdict.is_ok());
    assert_eq!(asked, []);
}

#[test]
fn a_leaf_trusted_whole_need_not_follow_the_system_s_profile() {
    let mut params = server_params(NOW - DAY, NOW + 3650 * DAY);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
    let leaf = self_signed(params);
    for code in [TOO_LONG, -67902, -67609, -67815, NOT_TRUSTED] {
        let (verdict, asked) = run(&config(&[&leaf]), &[&leaf], vec![refuses(code, &[&leaf])]);
        assert!(verdict.is_ok(), "{code}");
        assert_eq!(asked, [None], "a CA is no anchor of its own path either");
    }
}

#[test]
fn what_the_system_knows_about_a_leaf_trusted_whole_is_final() {
    let leaf = self_signed(server_params(NOW - DAY, NOW + DAY));
    for code in [REVOKED, DENIED, EXPIRED, WRONG_NAME, -67635, -67735, -50, 0] {
        let outcome = run(&config(&[&leaf]), &[&leaf], vec![refuses(code, &[&leaf])]);
        assert_eq!(kind(&outcome), kind_of(code), "{code}");
    }
}

#[test]
fn a_leaf_trusted_whole_must_be_in_time_named_and_for_the_purpose() {
    let whole = |made: &Made, name, config: Config| {
        run_as(&config, &[made], name, vec![refuses(NOT_TRUSTED, &[made])])
    };
    let expired = self_signed(server_params(NOW - 9 * DAY, NOW - DAY));
    let outcome = whole(&expired, Some("example.com"), config(&[&expired]));
    assert_eq!(kind(&outcome), ErrorKind::Expired);

    let leaf = self_signed(server_params(NOW - DAY, NOW + DAY));
    let outcome = whole(&leaf, Some("example.org"), config(&[&leaf]));
    assert_eq!(kind(&outcome), ErrorKind::NameMismatch);
    assert!(whole(&leaf, None, config(&[&leaf])).0.is_ok());

    let client = with_extra(&[&leaf]).purpose(Purpose::ClientAuth).into_config();
    assert_eq!(kind(&whole(&leaf, None, client)), ErrorKind::WrongPurpose);

    let revocation = Revocation {
        check: RevocationCheck::Leaf,
        unknown: UnknownRevocation::Reject,
        ..Revocation::default()
    };
    let required = with_extra(&[&leaf]).revocation(revocation).into_config();
    assert_eq!(kind(&whole(&leaf, None, required)), ErrorKind::RevocationUnknown);
}

#[test]
fn a_leaf_whose_settings_reject_it_is_not_trusted() {
    let leaf = self_signed(server_params(NOW - DAY, NOW + DAY));
    let (server, client) = ("1.3.6.1.5.5.7.3.1".to_owned(), "1.3.6.1.5.5.7.3.2".to_owned());
    for (trusted, rejected, accepted) in [
        (None, vec![client.clone()], true),
        (None, vec![server.clone()], false),
        (Some(vec![server]), vec![], true),
        (Some(vec![client]), vec![], false),
    ] {
        let settings = TrustSettings { trusted, rejected };
        let extra = [(leaf.der.clone(), Some(settings.clone()))];
        let config = Verifier::builder().extra_roots_with_trust(extra).into_config();
        // A rejection has the last word: the system is not even asked.
        for answer in [refuses(NOT_TRUSTED, &[&leaf]), trusts(&[&leaf])] {
            let answers = if accepted { vec![answer] } else { vec![] };
            let found = run(&config, &[&leaf], answers).0.map(|_| ());
            let expected = if accepted { Ok(()) } else { Err(ErrorKind::Distrusted) };
            assert_eq!(found.map_err(|error| error.kind()), expected, "{settings:?}");
        }
    }
}

#[test]
fn what_the_settings_reject_is_rejected_in_any_path() {
    let root = ca("root");
    let issuing = issued(ca_params("issuing"), &root);
    let leaf = server(&issuing);
    let chain = [&leaf, &issuing, &root];
    let (server, client) = ("1.3.6.1.5.5.7.3.1".to_owned(), "1.3.6.1.5.5.7.3.2".to_owned());
    let rejects = TrustSettings { trusted: None, rejected: vec![server] };
    let other_purpose = TrustSettings { trusted: Some(vec![client]), rejected: vec![] };
    for (cert, settings, depth) in [
        (&issuing, &rejects, Some(1)),
        (&issuing, &other_purpose, Some(1)),
        (&root, &rejects, Some(2)),
        // The system's own anchor is trusted for more than these settings say.
        (&root, &other_purpose, None),
    ] {
        let extra = [(cert.der.clone(), Some(settings.clone()))];
        let config = Verifier::builder().extra_roots_with_trust(extra).into_config();
        let (verdict, asked) = run(&config, &chain[..2], vec![trusts(&chain)]);
        let found = verdict.err().map(|error| (error.kind(), error.depth()));
        assert_eq!(found, depth.map(|at| (ErrorKind::Distrusted, Some(at))), "{settings:?}");
        assert_eq!(asked, [None]);
    }
}

#[test]
fn a_certificate_that_only_the_system_can_read_is_rejected_too() {
    let root = ca("root");
    let issuing = issued(ca_params("issuing"), &root);
    let leaf = server(&issuing);
    let server = "1.3.6.1.5.5.7.3.1".to_owned();
    let rejects = TrustSettings { trusted: None, rejected: vec![server] };
    let extra = [(issuing.der.clone(), Some(rejects))];
    let config = Verifier::builder().extra_roots_with_trust(extra).into_config();
    let mut answer = trusts(&[&leaf, &issuing, &root]);
    answer.chain[1] = malformed(&issuing.der).into();
    let (verdict, _) = run(&config, &[&leaf, &issuing], vec![answer]);
    let error = verdict.unwrap_err();
    assert_eq!((error.kind(), error.depth()), (ErrorKind::Distrusted, Some(1)));
}

#[test]
fn another_certificate_of_the_same_key_is_not_the_leaf() {
    let given = self_signed(server_params(NOW - DAY, NOW + DAY));
    let params = server_params(NOW - DAY, NOW + 2 * DAY);
    let der = params.self_signed(&given.key).unwrap().der().clone();
    let sent = Made { params, key: KeyPair::generate().unwrap(), der };
    let outcome = run(&config(&[&given]), &[&sent], vec![refuses(NOT_TRUSTED, &[&sent])]);
    assert_eq!(kind(&outcome), ErrorKind::SelfSignedLeaf);
}

// --- fail closed

#[test]
fn an_answer_that_does_not_fit_together_is_a_failure() {
    let (root, other) = (ca("root"), ca("other"));
    let (leaf, another) = (server(&root), server(&root));
    let error = refuses(NOT_TRUSTED, &[]).error;
    let trusted = trusts(&[&leaf, &root]);
    for (what, answer) in [
        ("trusted, with an error", Answer { error: error.clone(), ..trusted.clone() }),
        ("not trusted, without an error", Answer { trusted: false, ..trusted.clone() }),
        ("trusted, without a chain", Answer { chain: Vec::new(), ..trusted.clone() }),
        ("trusted, with another's chain", trusts(&[&another, &root])),
    ] {
        // With a whole leaf and a root at hand that would make good for a missing path.
        let config = config(&[&root, &leaf]);
        let outcome = run(&config, &[&leaf], vec![answer]);
        assert_eq!(kind(&outcome), ErrorKind::CannotCheck, "{what}");
        assert!(outcome.0.unwrap_err().to_string().contains("system"), "{what}");
    }
    let not_a_ca = self_signed(params("not a CA", NOW - DAY, NOW + DAY));
    for chain in [&[&leaf, &other][..], &[&leaf], &[&leaf, &leaf], &[&leaf, &not_a_ca]] {
        let outcome = run(&only_extra(&[&root, &not_a_ca]), &[&leaf], vec![trusts(chain)]);
        assert_eq!(kind(&outcome), ErrorKind::CannotCheck, "an anchor that was not given");
    }
}

#[test]
fn a_call_that_fails_is_a_failure() {
    let root = ca("root");
    let leaf = server(&root);
    let chain = [leaf.der.clone()];
    let peer = Peer::new(&chain, None);
    let parsed = Cert::parse(&leaf.der).unwrap();
    let mut asked = 0;
    let verdict = verify(&config(&[&root, &leaf]), &parsed, &peer, |_| {
        asked += 1;
        Err(cannot_check("SecTrustSetVerifyDate", -50, Some("a parameter".to_owned())))
    });
    let error = complete(*verdict.unwrap_err(), &peer, Purpose::ServerAuth);
    assert_eq!((error.kind(), asked), (ErrorKind::CannotCheck, 1));
    assert!(error.to_string().contains("SecTrustSetVerifyDate failed"));
    assert_eq!(error.os_code().unwrap().code, -50);
    let silent = complete(*cannot_check("X", 0, None), &peer, Purpose::ServerAuth);
    assert!(!silent.os_code().unwrap().text.is_empty());
}

#[test]
fn the_name_must_fit_even_if_the_system_says_so() {
    let root = ca("root");
    let leaf = server(&root);
    let named = |name| run_as(&config(&[]), &[&leaf], name, vec![trusts(&[&leaf, &root])]);
    assert_eq!(kind(&named(Some("example.org"))), ErrorKind::NameMismatch);
    assert_eq!(kind(&named(Some("192.0.2.2"))), ErrorKind::NameMismatch);
    for name in [None, Some("example.com"), Some("192.0.2.1")] {
        assert!(named(name).0.is_ok());
    }
    let mut params = params("example.com", NOW - DAY, NOW + DAY);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let unnamed = issued(params, &root);
    let outcome = run(&config(&[]), &[&unnamed], vec![trusts(&[&unnamed, &root])]);
    assert_eq!(kind(&outcome), ErrorKind::NameMismatch, "a common name does not count");
}

#[test]
fn the_chain_ends_at_the_anchor_that_was_given() {
    let root = ca("root");
    let intermediate = issued(ca_params("intermediate"), &root);
    let leaf = server(&intermediate);
    let answer = trusts(&[&leaf, &intermediate, &root]);
    let (verdict, _) = run(&only_extra(&[&intermediate]), &[&leaf], vec![answer]);
    let verified = verdict.unwrap();
    assert_eq!(verified.chain.len(), 2);
    assert_eq!(verified.anchor.certificate, intermediate.der);
}

// --- explanations

#[test]
fn a_missing_path_says_whose_issuer_is_missing() {
    let root = ca("root");
    let intermediate = issued(ca_params("intermediate"), &root);
    let leaf = server(&intermediate);
    let alone = self_signed(server_params(NOW - DAY, NOW + DAY));
    let tell = |chain: &[&Made]| {
        let (verdict, _) = run(&config(&[]), chain, vec![refuses(NOT_TRUSTED, chain)]);
        let error = verdict.unwrap_err();
        (error.kind(), error.depth())
    };
    assert_eq!(tell(&[&alone]), (ErrorKind::SelfSignedLeaf, Some(0)));
    assert_eq!(tell(&[&leaf]), (ErrorKind::UnknownIssuer, Some(0)));
    assert_eq!(tell(&[&leaf, &intermediate]), (ErrorKind::UnknownIssuer, Some(1)));
    assert_eq!(tell(&[&leaf, &intermediate, &root]), (ErrorKind::UntrustedRoot, Some(2)));

    let answers = vec![refuses(NOT_TRUSTED, &[])];
    let (verdict, _) = run(&config(&[]), &[&leaf, &intermediate], answers);
    let error = verdict.unwrap_err();
    assert!(error.to_string().contains("CN=intermediate"), "without a chain: {error}");
}

#[test]
fn expired_and_not_yet_valid_are_told_apart() {
    let root = ca("root");
    let tell = |chain: &[&Made], code| {
        let (verdict, _) = run(&config(&[]), chain, vec![refuses(code, chain)]);
        let error = verdict.unwrap_err();
        (error.kind(), error.depth(), error.validity_limit())
    };
    let future = issued(server_params(NOW + DAY, NOW + 2 * DAY), &root);
    let begins = Some(unix(NOW + DAY));
    assert_eq!(tell(&[&future, &root], EXPIRED), (ErrorKind::NotYetValid, Some(0), begins));

    let mut old = ca_params("old");
    old.not_after = rcgen::date_time_ymd(2026, 12, 1);
    let old = issued(old, &root);
    let leaf = server(&old);
    let ended = Some(unix(1_796_083_200));
    assert_eq!(tell(&[&leaf, &old, &root], EXPIRED), (ErrorKind::Expired, Some(1), ended));

    // Nothing in the chain is expired: the system's word is what there is.
    assert_eq!(tell(&[&leaf], EXPIRED), (ErrorKind::Expired, None, None));
    assert_eq!(tell(&[&leaf], -67819), (ErrorKind::NotYetValid, None, None));
}

#[test]
fn a_wrong_name_says_which_are_right() {
    let root = ca("root");
    let leaf = server(&root);
    let answers = vec![refuses(WRONG_NAME, &[&leaf, &root])];
    let (verdict, _) = run_as(&config(&[]), &[&leaf], Some("example.org"), answers);
    let error = verdict.unwrap_err();
    assert_eq!(error.presented_names(), ["example.com", "192.0.2.1"]);
    assert_eq!(error.os_code().unwrap().code, WRONG_NAME);
}

#[test]
fn a_fault_that_the_core_finds_too_is_told_with_its_depth() {
    let root = ca("root");
    let mut not_a_ca = ca_params("not a CA");
    not_a_ca.is_ca = IsCa::ExplicitNoCa;
    let not_a_ca = issued(not_a_ca, &root);
    let leaf = server(&not_a_ca);
    let chain = [&leaf, &not_a_ca, &root];
    let (verdict, _) = run(&config(&[]), &chain, vec![refuses(-67605, &chain)]);
    let error = verdict.unwrap_err();
    assert_eq!((error.kind(), error.depth()), (ErrorKind::NotACa, Some(1)));
}

/// The broken rules as an error tells them; empty if there are none.
fn words(rules: Vec<AppleRule>) -> String {
    if rules.is_empty() {
        return String::new();
    }
    let fault = Fault::new(ErrorKind::NotStandardsCompliant).because(Cause::AppleRules(rules));
    VerifyError::from(Parts::from(fault)).to_string()
}

#[test]
fn a_lifetime_is_measured_against_the_limit_of_its_time() {
    let root = ca("root");
    let rules = |(year, month, day), days: i64, purpose| {
        let from = Timestamp::from_utc((year, month, day), (0, 0, 0)).unwrap().0;
        let leaf = issued(server_params(from, from + days * DAY), &root);
        broken_rules(&Cert::parse(&leaf.der).unwrap(), purpose)
    };
    for (issued, days, told) in [
        ((2019, 6, 30), 3650, None),
        ((2019, 7, 1), 825, None),
        ((2019, 7, 1), 826, Some("at most 825 are allowed under any root since 2019-07-01")),
        ((2020, 8, 31), 825, None),
        ((2020, 9, 1), 398, None),
        ((2020, 9, 1), 399, Some("at most 398 are allowed under the roots that come with")),
        ((2020, 9, 1), 826, Some("at most 825 are allowed under any root")),
        ((2026, 3, 14), 398, None),
        ((2026, 3, 15), 200, None),
        ((2026, 3, 15), 201, Some("at most 200 are allowed under public CAs since 2026-03-15")),
        ((2027, 3, 15), 101, Some("at most 100 are allowed under public CAs since 2027-03-15")),
        ((2029, 3, 14), 100, None),
        ((2029, 3, 15), 47, None),
        ((2029, 3, 15), 48, Some("at most 47 are allowed under public CAs since 2029-03-15")),
    ] {
        let broken = words(rules(issued, days, Purpose::ServerAuth));
        match told {
            None => assert_eq!(broken, "", "{issued:?}, {days} days"),
            Some(text) => {
                assert!(broken.contains(text), "{issued:?}, {days} days: {broken}");
                assert!(broken.contains(&format!("valid for {days} days")), "{broken}");
            }
        }
    }
    assert_eq!(rules((2029, 3, 15), 3650, Purpose::ClientAuth), Vec::new());
}

#[test]
fn a_verdict_without_a_reason_is_explained_by_the_leaf() {
    let root = ca("root");
    let explain = |params: CertificateParams, change: &dyn Fn(&mut Cert<'static>)| {
        let der: &'static [u8] = issued(params, &root).der.to_vec().leak();
        let mut leaf = Cert::parse(der).unwrap();
        change(&mut leaf);
        words(broken_rules(&leaf, Purpose::ServerAuth))
    };
    let good = || server_params(NOW - DAY, NOW + DAY);
    let as_is = |_: &mut Cert<'static>| {};
    assert_eq!(explain(good(), &as_is), "");

    let mut unnamed = good();
    unnamed.subject_alt_names.clear();
    assert!(explain(unnamed, &as_is).contains("no subject alternative name"));

    for usages in [vec![], vec![ExtendedKeyUsagePurpose::ClientAuth]] {
        let mut other_use = good();
        other_use.extended_key_usages = usages.clone();
        assert!(explain(other_use, &as_is).contains("does not list serverAuth"));
        // Certificates issued before July 2019 need not list it.
        let from = Timestamp::from_utc((2019, 6, 30), (0, 0, 0)).unwrap().0;
        let mut older = server_params(from, from + 100 * DAY);
        older.extended_key_usages = usages;
        assert_eq!(explain(older, &as_is), "");
    }

    let sha1: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5, 5, 0];
    let md5: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4, 5, 0];
    let ecdsa_sha1: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1];
    for (algorithm, hash) in [(sha1, "SHA-1"), (md5, "MD5"), (ecdsa_sha1, "SHA-1")] {
        let text = explain(good(), &|cert| cert.signature_algorithm = algorithm);
        assert!(text.contains(&format!("signed with {hash}")), "{text}");
    }

    for (bytes, weak) in [(128, true), (255, true), (256, false)] {
        let spki = rsa_spki(bytes).leak();
        let text = explain(good(), &|cert| cert.spki = spki);
        assert_eq!(text.contains(&format!("{} bits", bytes * 8)), weak, "{text}");
    }
}

#[test]
fn the_explanation_is_part_of_the_error() {
    let root = ca("root");
    let leaf = issued(server_params(NOW - DAY, NOW + 3650 * DAY), &root);
    let (verdict, _) = run(&config(&[]), &[&leaf], vec![refuses(TOO_LONG, &[&leaf, &root])]);
    let error = verdict.unwrap_err();
    assert_eq!((error.kind(), error.depth()), (ErrorKind::NotStandardsCompliant, Some(0)));
    assert!(error.to_string().contains("valid for 3651 days, at most 825"), "{error}");
    assert!(error.to_string().contains("support.apple.com/103769"), "{error}");
    assert!(error.hints().iter().any(|hint| hint.contains("pinned_leaf")), "{:?}", error.hints());
}

/// Contents of a SubjectPublicKeyInfo with a modulus of this many bytes.
fn rsa_spki(bytes: usize) -> Vec<u8> {
    let element = |tag: u8, contents: &[u8]| {
        let length = u16::try_from(contents.len()).unwrap().to_be_bytes();
        let header: &[u8] = match contents.len() {
            0..0x80 => &[length[1]],
            0x80..0x100 => &[0x81, length[1]],
            _ => &[0x82, length[0], length[1]],
        };
        [&[tag], header, contents].concat()
    };
    let modulus = element(der::INTEGER, &[&[0][..], &vec![0x80; bytes]].concat());
    let key = element(der::SEQUENCE, &[&modulus[..], &[2, 1, 3]].concat());
    let algorithm = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let algorithm = element(der::SEQUENCE, &algorithm);
    [algorithm, element(der::BIT_STRING, &[&[0][..], &key].concat())].concat()
}

#[test]
fn the_system_s_text_is_fit_for_one_line() {
    assert_eq!(os_text("not trusted", None), "not trusted");
    assert_eq!(os_text("not trusted", Some("not trusted")), "not trusted");
    assert_eq!(os_text("not trusted", Some("")), "not trusted");
    assert_eq!(
        os_text("“a” is not trusted", Some("Certificate 0 \"a\" has errors: no root;")),
        "“a” is not trusted (Certificate 0 'a' has errors: no root)"
    );
    assert_eq!(os_text("a\u{1b}[2J\nb\u{202e}", None), "a\\u{1b}[2J\\u{a}b\\u{202e}");
    assert_eq!(os_text(&"x".repeat(5000), None).len(), MAX_TEXT);
    // Nothing at all becomes the code in figures.
    let silent = cannot_check("X", -1, Some(String::new()));
    let silent = complete(*silent, &Peer::new(&[], None), Purpose::ServerAuth);
    assert!(!silent.os_code().unwrap().text.is_empty());
}
