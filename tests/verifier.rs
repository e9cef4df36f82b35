//! Settings, errors and reports of the verifier.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    missing_docs
)]

#[path = "support/counted.rs"]
mod counted;

use std::time::Duration;

use pki_types::{
    CertificateDer, CertificateRevocationListDer, ServerName, SignatureVerificationAlgorithm,
    UnixTime,
};
use rcgen::KeyUsagePurpose as KeyUsage;
use trustbridge::{
    BuildError, ErrorKind, Peer, Refusal, Revocation, RevocationCheck, Source, Verified, Verifier,
    VerifierBuilder, VerifyError,
};
use trustbridge_cases::NOW;
use trustbridge_cases::make::{DAY, Node, Spec, ca, server};

use counted::{Counted, verified};

fn der(node: &Node) -> CertificateDer<'static> {
    CertificateDer::from(node.der.clone())
}

fn only(roots: &[&Node]) -> VerifierBuilder {
    Verifier::builder().system_roots(false).extra_roots(roots.iter().map(|root| der(root)))
}

fn verify(verifier: &Verifier, chain: &[&Node]) -> Result<Verified, VerifyError> {
    let chain: Vec<_> = chain.iter().map(|node| der(node)).collect();
    verifier.verify(&peer(&chain, "example.com"))
}

fn peer<'a>(chain: &'a [CertificateDer<'a>], name: &'static str) -> Peer<'a> {
    Peer::new(chain, Some(ServerName::try_from(name).unwrap()))
        .time(UnixTime::since_unix_epoch(Duration::from_secs(NOW)))
}

fn refused(builder: VerifierBuilder, chain: &[&Node]) -> VerifyError {
    verify(&builder.build().unwrap(), chain).unwrap_err()
}

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(value.len()).unwrap()], value].concat()
}

/// RFC 5280 section 6.1.3 (b): a CA that has excluded its own name can still renew its key.
#[test]
fn self_issued_intermediates_are_not_constrained() {
    let root = ca("root").self_signed();
    let own_name = tlv(0xa4, &ca("renewed").self_signed().subject());
    let excluded = tlv(0x30, &tlv(0xa1, &tlv(0x30, &own_name)));
    let old = ca("renewed").extension(&[2, 5, 29, 30], true, excluded).issued_by(&root);
    let new = ca("renewed").issued_by(&old);
    let verifier = only(&[&root]).build().unwrap();
    let leaf = server().issued_by(&new);
    assert_eq!(verify(&verifier, &[&leaf, &new, &old]).unwrap().chain.len(), 4);
}

/// As in OpenSSL, whether the subtree permits or excludes.
#[test]
fn names_of_a_form_that_cannot_be_compared_are_rejected() {
    let root = ca("root").self_signed();
    let registered = tlv(0x88, &[0x2a, 3]);
    let names = tlv(0x30, &[tlv(0x82, b"example.com"), registered.clone()].concat());
    for list in [0xa0, 0xa1] {
        let constraints = tlv(0x30, &tlv(list, &tlv(0x30, &registered)));
        let issuing = ca("issuing").extension(&[2, 5, 29, 30], true, constraints).issued_by(&root);
        let leaf = server().names(&[]).extension(&[2, 5, 29, 17], false, names.clone());
        let error = refused(only(&[&root]), &[&leaf.issued_by(&issuing), &issuing]);
        assert_eq!(error.kind(), ErrorKind::NameConstraints);
        assert!(error.to_string().contains("registeredID"), "{error}");
    }
}

#[test]
fn builder_names_what_is_wrong() {
    let root = ca("root").self_signed();
    let junk = CertificateDer::from(b"junk".to_vec());
    let check = |builder: VerifierBuilder, setting: &str, at: usize| {
        let error = builder.build().unwrap_err();
        let BuildError::BadCertificate { given_to, index, reason, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!((*given_to, *index), (setting, at));
        assert_eq!(reason, "malformed certificate");
    };
    check(only(&[&root]).extra_roots([&junk]), "extra_roots", 1);
    check(only(&[]).fallback_roots([&junk]), "fallback_roots", 0);
    check(only(&[]).pinned_leaf(junk.clone()), "pinned_leaf", 0);
    check(only(&[]).intermediates([der(&root), junk]), "intermediates", 1);
    let crls = vec![CertificateRevocationListDer::from(b"junk".to_vec())];
    let error = only(&[]).revocation(Revocation::default().crls(crls)).build();
    assert!(matches!(error, Err(BuildError::BadCrl { index: 0, .. })), "{error:?}");
    let network = Revocation::default().network(true).check(RevocationCheck::Leaf);
    let error = only(&[]).revocation(network).build().unwrap_err();
    assert_eq!(error, BuildError::NetworkRevocationUnsupported);
    assert!(error.to_string().contains("Revocation::crls"), "{error}");
}

#[test]
fn without_algorithms_nothing_is_trusted() {
    let root = ca("root").self_signed();
    let leaf = server().issued_by(&root);
    let error = refused(only(&[&root]).signature_algorithms([]), &[&leaf]);
    assert_eq!(error.kind(), ErrorKind::CannotCheck);
    assert!(error.to_string().contains("no signature algorithms"), "{error}");
    assert!(refused(only(&[]), &[&leaf]).report().contains("Nothing is trusted"));
}

#[test]
fn fallback_roots_count_only_without_system_roots() {
    let (root, spare) = (ca("root").self_signed(), ca("spare").self_signed());
    let leaf = server().issued_by(&spare);
    // No system store at all: nothing usable comes from it.
    let verifier = only(&[&root]).fallback_roots([der(&spare)]).build().unwrap();
    let verified = verify(&verifier, &[&leaf]).unwrap();
    assert_eq!(verified.anchor.source, Source::FallbackRoots);
}

#[test]
fn roots_from_a_place_have_its_name() {
    let (given, named, other) =
        (ca("given").self_signed(), ca("named").self_signed(), ca("other").self_signed());
    let place = Source::Named("the file of somebody".into());
    let roots = [&named, &given].map(|root| (der(root), None));
    let verifier = only(&[&given]).extra_roots_from("the file of somebody", roots).build().unwrap();
    let verified = |root| verify(&verifier, &[&server().issued_by(root)]);
    assert_eq!(verified(&named).unwrap().anchor.source, place);
    assert_eq!(verified(&given).unwrap().anchor.source, Source::ExtraRoots, "the first is named");
    let error = verified(&other).unwrap_err();
    let searched: Vec<_> = error.searched().iter().map(|it| (&it.source, it.usable)).collect();
    assert_eq!(searched, [(&Source::ExtraRoots, Some(1)), (&place, Some(1))]);
    assert!(error.report().contains("- the file of somebody: 1 usable trust anchor"));
}

#[test]
fn a_verifier_can_be_cloned_and_shared() {
    fn shareable<T: Clone + Send + Sync + 'static>(_: &T) {}
    let root = ca("root").self_signed();
    let leaf = server().issued_by(&root);
    let verifier = only(&[&root]).build().unwrap();
    shareable(&verifier);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let verifier = verifier.clone();
            let leaf = &leaf;
            scope.spawn(move || {
                for _ in 0..50 {
                    verify(&verifier, &[leaf]).unwrap();
                }
            });
        }
    });
}

#[test]
fn expired_root_is_named_with_reason_and_source() {
    let root = ca("Old Root").valid(-300 * DAY, -DAY).self_signed();
    let leaf = server().issued_by(&root);
    let error = refused(only(&[&root]), &[&leaf]);
    assert_eq!((error.kind(), error.depth()), (ErrorKind::Expired, Some(1)));
    assert_eq!(error.openssl_code(), 10);
    assert_eq!(error.validity_limit().map(|limit| limit.as_secs()), Some(NOW - 86_400));
    let line = error.to_string();
    assert!(line.contains("Old Root") && line.contains("the extra roots"), "{line}");
    assert!(line.contains("expired on 2027-01-14 08:00:00 UTC"), "{line}");
    assert_eq!(
        error.searched().first().map(|searched| (searched.usable, searched.refused)),
        Some((Some(0), 1))
    );
}

#[test]
fn same_name_and_other_key_is_a_near_miss() {
    let (old, new) = (ca("Corp Root").self_signed(), ca("Corp Root").self_signed());
    let leaf = server().issued_by(&new);
    let error = refused(only(&[&old]), &[&leaf]);
    assert_eq!(error.kind(), ErrorKind::UnknownIssuer);
    let reasons: Vec<_> = error.near_misses().iter().map(|miss| miss.reason.clone()).collect();
    assert_eq!(reasons, [Refusal::DifferentKey]);
    for part in [
        "Candidates rejected:\n  - 'CN=Corp Root, O=trustbridge tests' in the extra roots: ",
        "older or newer CA of the same name",
    ] {
        assert!(error.report().contains(part), "{part:?} is missing in:\n{}", error.report());
    }

    // Without key identifiers a wrong key cannot be told from a damaged certificate.
    let leaf = server().no_authority_key_id().issued_by(&new);
    let error = refused(only(&[&old]), &[&leaf]);
    assert_eq!((error.kind(), error.depth()), (ErrorKind::BadSignature, Some(0)));
    assert_eq!(error.near_misses().len(), 1);
}

#[test]
fn a_trusted_end_entity_is_held_to_the_same_rules_wherever_it_is_trusted() {
    let may_sign: fn(Spec) -> Spec =
        |node| node.key_usage(&[KeyUsage::DigitalSignature, KeyUsage::KeyCertSign]);
    let own = |change: fn(Spec) -> Spec| change(server()).self_signed();
    for (itself, strict, expected) in [
        (own(|node| node), false, None),
        (own(|node| node), true, None),
        (own(|node| node.valid(-2 * DAY, -DAY)), false, Some(ErrorKind::Expired)),
        (own(|node| node.names(&["other.example"])), false, Some(ErrorKind::NameMismatch)),
        // keyCertSign without basicConstraints: a CA in the old way, which the strict profile rejects.
        (own(may_sign), false, None),
        (own(may_sign), true, Some(ErrorKind::NotStandardsCompliant)),
    ] {
        for builder in [only(&[&itself]), only(&[]).pinned_leaf(der(&itself))] {
            let verdict = verify(&builder.strict(strict).build().unwrap(), &[&itself]);
            assert_eq!(verdict.err().map(|error| error.kind()), expected);
        }
    }
}

#[test]
fn many_cas_of_one_name() {
    let cas: Vec<_> = (0..150).map(|_| ca("kubernetes").self_signed()).collect();
    let leaf = server().issued_by(cas.last().unwrap());
    let verifier = only(&cas.iter().collect::<Vec<_>>()).build().unwrap();
    assert_eq!(verify(&verifier, &[&leaf]).unwrap().anchor.certificate, der(cas.last().unwrap()));
}

#[test]
fn missing_issuer_is_named_at_its_depth() {
    let root = ca("Private Root").self_signed();
    let issuing = ca("Issuing").issued_by(&root);
    let leaf = server().issued_by(&issuing);
    let other = ca("Other Root").self_signed();

    let error = refused(only(&[&other]), &[&leaf, &issuing]);
    assert_eq!((error.kind(), error.depth()), (ErrorKind::UnknownIssuer, Some(1)));
    assert_eq!(error.subject(), Some("CN=Issuing, O=trustbridge tests"));
    assert_eq!(error.issuer(), Some("CN=Private Root, O=trustbridge tests"));
    assert_eq!(
        error.to_string(),
        "example.com: issuer is not known: 'CN=Private Root, O=trustbridge tests'; searched the \
         extra roots (1 usable)"
    );
    let report = error.report();
    for part in [
        "Checked for the name 'example.com' and serverAuth at 2027-01-15 08:00:00 UTC:",
        "  0: CN=server, O=trustbridge tests",
        "> 1: CN=Issuing, O=trustbridge tests",
        "issued by CN=Private Root",
        "- the extra roots: 1 usable trust anchor",
        "What to do:",
        "If you trust 'CN=Private Root, O=trustbridge tests'",
    ] {
        assert!(report.contains(part), "{part:?} is missing in:\n{report}");
    }

    let error = refused(only(&[&other]), &[&leaf, &issuing, &root]);
    assert_eq!((error.kind(), error.depth()), (ErrorKind::UntrustedRoot, Some(2)));
    assert_eq!(error.openssl_code(), 19);
}

#[test]
fn forgotten_intermediate_is_suspected() {
    let root = ca("root").self_signed();
    let issuing = ca("Issuing").issued_by(&root);
    // authorityInfoAccess: caIssuers, http://ca.example/issuing.crt
    let url = b"http://ca.example/issuing.crt";
    let mut access = vec![0x30, 12 + 2 + url.len() as u8 - 2 + 2];
    access.extend([
        0x30,
        10 + 2 + url.len() as u8,
        6,
        8,
        0x2b,
        6,
        1,
        5,
        5,
        7,
        0x30,
        2,
        0x86,
        url.len() as u8,
    ]);
    access.extend(url);
    let leaf = server().extension(&[1, 3, 6, 1, 5, 5, 7, 1, 1], false, access).issued_by(&issuing);
    let error = refused(only(&[&root]), &[&leaf]);
    assert_eq!((error.kind(), error.depth()), (ErrorKind::UnknownIssuer, Some(0)));
    let hints = error.hints().join("\n");
    assert!(hints.contains("did not send its intermediate"), "{hints}");
    assert!(hints.contains("http://ca.example/issuing.crt"), "{hints}");

    let plain = server().issued_by(&issuing);
    let hints = refused(only(&[&root]), &[&plain]).hints().join("\n");
    assert!(hints.contains("did not send the intermediate 'CN=Issuing"), "{hints}");
}

#[test]
fn inspecting_proxies_are_suspected() {
    let root = ca("root").self_signed();
    let proxy = ca("Zscaler Intermediate Root CA (zscalerthree.net)").self_signed();
    let leaf = server().issued_by(&proxy);
    let hints = refused(only(&[&root]), &[&leaf]).hints().join("\n");
    assert!(hints.contains("inspects connections"), "{hints}");
    let honest = ca("Example Trust Services").self_signed();
    let leaf = server().issued_by(&honest);
    let hints = refused(only(&[&root]), &[&leaf]).hints().join("\n");
    assert!(!hints.contains("inspects connections"), "{hints}");
}

#[test]
fn names_from_outside_cannot_write_to_a_terminal() {
    let root = ca("root").self_signed();
    let evil = ca("evil\u{1b}[2J\nTrusted: yes\u{202e}\"").self_signed();
    let leaf = server().issued_by(&evil);
    let error = refused(only(&[&root]), &[&leaf]);
    let report = error.report();
    assert!(!report.contains('\u{1b}') && !report.contains('\u{202e}'), "{report}");
    assert!(report.contains(r"evil\u{1b}[2J\u{a}Trusted: yes\u{202e}\u{22}"), "{report}");
    assert!(!error.to_string().contains('\n'));
}

#[test]
fn characters_that_hide_or_reorder_text_are_escaped() {
    let unseen = "\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{17b4}\u{180b}\u{180e}\u{200b}\u{2028}\u{202e}\u{2066}\
                  \u{3164}\u{fe0f}\u{feff}\u{ffa0}\u{fff9}\u{fffb}\u{1d173}\u{e0001}\u{e0041}\u{e007f}\u{e01ef}";
    let root = ca("root").self_signed();
    let leaf = server().issued_by(&ca(&format!("a{unseen}é")).self_signed());
    let line = refused(only(&[&root]), &[&leaf]).to_string();
    assert!(line.contains(&format!("CN=a{}é", unseen.escape_unicode())), "{line}");
    assert!(!line.contains(|c| unseen.contains(c)), "{line}");
}

/// A peer sends up to a megabyte, and may log in as often as it likes: nobody's log must grow by that.
#[test]
fn what_a_certificate_says_is_shown_up_to_a_length() {
    let root = ca("root").self_signed();
    let long = |count: usize| "a".repeat(count);
    let many: Vec<_> = (0..5_000).map(|number| format!("{number}.example")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let url = [b"\x86\x83\x01\x86\xa0".as_slice(), &[b'u'; 100_000]].concat();
    let url = [b"\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02".as_slice(), &url].concat();
    let hint = [b"\x30\x83\x01\x86\xb4\x30\x83\x01\x86\xaf".as_slice(), &url].concat();
    let oid: Vec<u64> = [2, 999].into_iter().chain((0..50_000).map(|_| 1)).collect();
    let elsewhere = ca(&long(100_000)).self_signed();
    let of_oids = |spec: Spec| spec.extension(&oid, true, vec![5, 0]);
    let chains = [
        vec![server().common_name(&long(300_000)).self_signed()],
        vec![server().names(&[&format!("{}.example", long(100_000))]).issued_by(&root)],
        vec![server().names(&[]).common_name(&long(100_000)).issued_by(&root)],
        vec![server().names(&many).issued_by(&root)],
        vec![server().issued_by(&elsewhere)],
        vec![server().extension(&[1, 3, 6, 1, 5, 5, 7, 1, 1], false, hint).issued_by(&elsewhere)],
        vec![of_oids(server()).issued_by(&root)],
    ];
    for chain in &chains {
        let error = refused(only(&[&root]), &chain.iter().collect::<Vec<_>>());
        let (line, report) = (error.to_string(), error.report());
        assert!(line.len() < 4_000 && report.len() < 12_000, "{} {}", line.len(), report.len());
        assert!(line.len() < 1_000 || line.contains('…'), "{line}");
    }
}

/// More than 64 KiB, and thousands of names.
#[test]
fn large_certificates_are_read() {
    let root = ca("root").self_signed();
    let names: Vec<_> = (0..5_000).map(|number| format!("{number}.servers.example")).collect();
    let names = names.iter().map(String::as_str).chain(["example.com"]).collect::<Vec<_>>();
    let leaf = server().names(&names).issued_by(&root);
    assert!(leaf.der.len() > 1 << 16, "{}", leaf.der.len());
    let verifier = only(&[&root]).build().unwrap();
    assert_eq!(verify(&verifier, &[&leaf]).unwrap().chain.len(), 2);
}

#[test]
fn wrong_name_lists_the_right_ones() {
    let root = ca("root").self_signed();
    let leaf = server().names(&["one.example", "*.two.example", "192.0.2.1"]).issued_by(&root);
    let error = refused(only(&[&root]), &[&leaf]);
    assert_eq!(error.presented_names(), ["one.example", "*.two.example", "192.0.2.1"]);
    assert_eq!(
        error.to_string(),
        "example.com: certificate is not valid for 'example.com': it is valid for one.example, \
         *.two.example, 192.0.2.1"
    );
    assert_eq!(error.openssl_code(), 62);
    // The path was good: the chain is shown as it was sent.
    assert!(
        error.report().contains("\n> 0: CN=server, O=trustbridge tests\n"),
        "{}",
        error.report()
    );
    let chain = [der(&leaf)];
    let verifier = only(&[&root]).build().unwrap();
    let error = verifier.verify(&peer(&chain, "192.0.2.2")).unwrap_err();
    assert_eq!(error.openssl_code(), 64);
}

#[test]
fn an_empty_chain_has_its_own_words() {
    let error = refused(only(&[]), &[]);
    assert_eq!(error.kind(), ErrorKind::NoCertificate);
    assert_eq!(error.to_string(), "example.com: no certificate was sent");
    assert!(format!("{error:?}").starts_with("VerifyError(NoCertificate: "), "{error:?}");
}

/// How many signatures a verdict costs.
fn signatures(builder: VerifierBuilder, chain: &[&Node]) -> (usize, Result<Verified, VerifyError>) {
    let algorithms = vec![&Counted as &'static dyn SignatureVerificationAlgorithm];
    let verifier =
        builder.signature_algorithms(algorithms).remember_signatures(false).build().unwrap();
    let before = verified();
    let verdict = verify(&verifier, chain);
    (verified() - before, verdict)
}

/// One test, so that nobody else counts meanwhile.
#[test]
fn a_signature_is_verified_once_and_only_below_a_trusted_key() {
    let plain = |name: &str| ca(name).no_authority_key_id();
    let root = plain("root").self_signed();

    // Nothing but the path.
    let issuing = ca("issuing").issued_by(&root);
    let leaf = server().issued_by(&issuing);
    let (count, verdict) = signatures(only(&[&root]), &[&leaf, &issuing, &root]);
    assert_eq!((count, verdict.is_ok()), (2, true));

    // CAs that certify each other, and one that somebody signed with a key of their own in the
    // root's name: only that one costs a signature, whether the root is usable or not.
    let names = ["mesh 0", "mesh 1", "mesh 2", "mesh 3", "mesh 4", "mesh 5", "mesh 6", "mesh 7"];
    let cas: Vec<_> = names.iter().map(|name| plain(name).self_signed()).collect();
    let mut mesh = Vec::new();
    for (subject, name) in cas.iter().zip(names) {
        let others = cas.iter().filter(|issuer| issuer.der != subject.der);
        mesh.extend(others.map(|issuer| plain(name).issued_for(subject, issuer)));
    }
    let false_root = plain("root").self_signed();
    let forged = plain("mesh 7").issued_for(&cas[7], &false_root);
    let leaf = server().no_authority_key_id().issued_by(&cas[0]);
    let sent: Vec<_> = std::iter::once(&leaf).chain(&mesh).chain([&forged]).collect();
    let expired = plain("root").valid(-300 * DAY, -DAY).self_signed_as(&root);
    for anchor in [&root, &expired] {
        let (count, verdict) = signatures(only(&[anchor]), &sent);
        assert!(verdict.is_err());
        assert_eq!(count, 1, "{:?}", verdict.map_err(|error| error.to_string()));
    }
    // The same mesh below a trusted key is walked to the end, and each link costs at most once.
    let top = plain("mesh 7").issued_for(&cas[7], &root);
    let sent: Vec<_> = std::iter::once(&leaf).chain(&mesh).chain([&top]).collect();
    let (count, verdict) = signatures(only(&[&root]), &sent);
    assert!(verdict.is_ok() && count <= 3, "{count}");

    // Ninety certificates of one name that the root did not sign, and the one that it did.
    let issuing = plain("issuing").issued_by(&root);
    let leaf = server().no_authority_key_id().issued_by(&issuing);
    let forged: Vec<_> = (0..90).map(|_| plain("issuing").issued_by(&false_root)).collect();
    let sent: Vec<_> = std::iter::once(&leaf).chain(&forged).chain([&issuing]).collect();
    let (count, verdict) = signatures(only(&[&root]), &sent);
    assert!(verdict.is_ok() && count <= 92, "{count}");
    let (count, verdict) = signatures(only(&[&root]), &sent[..91]);
    assert!(verdict.is_err() && count <= 91, "{count}");

    // More than any verification pays for: that is the fault, not a missing issuer.
    let roots: Vec<_> = (0..600).map(|_| plain("root").self_signed_as(&root)).collect();
    let strangers: Vec<_> = (0..600).map(|_| plain("root").self_signed()).collect();
    assert_eq!(roots.len(), strangers.len());
    let leaf = server().no_authority_key_id().issued_by(&false_root);
    let (count, verdict) = signatures(only(&strangers.iter().collect::<Vec<_>>()), &[&leaf]);
    assert_eq!(verdict.unwrap_err().kind(), ErrorKind::ChainTooComplex);
    assert!(count < 400, "{count}");
    // Equal keys are one.
    let (count, verdict) = signatures(only(&roots.iter().collect::<Vec<_>>()), &[&leaf]);
    assert_eq!((count, verdict.is_err()), (1, true));
}

#[test]
fn thousands_of_known_intermediates() {
    let root = ca("root").self_signed();
    let issuing = ca("issuing").issued_by(&root);
    let known: Vec<_> = (0..3_000)
        .map(|number| ca(&format!("known {number}")).issued_for(&issuing, &root))
        .collect();
    let leaf = server().issued_by(&issuing);
    let known = known.iter().chain([&issuing]).map(der);
    let verifier = only(&[&root]).intermediates(known).build().unwrap();
    assert_eq!(verify(&verifier, &[&leaf]).unwrap().chain.len(), 3);
}

/// Two certificates for each CA of a long path make more paths than anyone can try, and the root's
/// constraint forbids all of them.
#[test]
fn paths_without_number() {
    let root = ca("root").permitted(&["example.org"]).self_signed();
    let mut cas: Vec<[Node; 2]> = Vec::new();
    for level in 0..45 {
        let above = cas.last().map_or(&root, |[above, _]| above);
        let spec = || ca(&format!("CA {level}")).excluded(&["example.net"]);
        let one = spec().issued_by(above);
        let other = spec().issued_for(&one, above);
        cas.push([one, other]);
    }
    let leaf = cas.last().map(|[above, _]| server().issued_by(above)).unwrap();
    let chain: Vec<_> = std::iter::once(&leaf).chain(cas.iter().flatten()).collect();
    let error = refused(only(&[&root]), &chain);
    assert_eq!(error.kind(), ErrorKind::ChainTooComplex);
    assert!(error.to_string().contains("longer to verify than is allowed"), "{error}");
}
