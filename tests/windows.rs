//! What only Windows does, with the caller's own roots; tests/windows_root.rs has the system's.

#![cfg(windows)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::thread;
use std::time::Duration;

use pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use trustbridge::{
    BuildError, ErrorKind, Peer, Revocation, RevocationCheck, Source, UnknownRevocation, Verifier,
};
use trustbridge_cases::NOW;
use trustbridge_cases::make::{DAY, Node, Spec, ca, server};

fn der(node: &Node) -> CertificateDer<'static> {
    node.der.clone().into()
}

fn now() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(NOW))
}

fn peer<'a>(chain: &'a [CertificateDer<'a>], name: &'static str) -> Peer<'a> {
    let name = (!name.is_empty()).then(|| ServerName::try_from(name).unwrap());
    Peer::new(chain, name).time(now())
}

fn only(roots: &[&Node]) -> Verifier {
    let roots = roots.iter().map(|root| der(root));
    Verifier::builder().system_roots(false).extra_roots(roots).build().unwrap()
}

#[test]
fn the_chain_is_the_one_windows_built() {
    let root = ca("root").self_signed();
    let issuing = ca("issuing").issued_by(&root);
    let useless = ca("useless").issued_by(&root);
    let leaf = server().issued_by(&issuing);
    let sent = [der(&leaf), der(&useless), der(&issuing)];
    let verified = only(&[&root]).verify(&peer(&sent, "example.com")).unwrap();
    assert_eq!(verified.chain, [der(&leaf), der(&issuing), der(&root)]);
    assert_eq!(verified.anchor.certificate, der(&root));
    assert_eq!(verified.anchor.source, Source::ExtraRoots);
}

/// Windows' SSL policy takes a missing server name for "do not compare", and so does Wine's.
/// Everything else is still checked.
#[test]
fn without_a_name_the_rest_is_checked() {
    let root = ca("root").self_signed();
    let leaf = server().issued_by(&root);
    let old = server().valid(-2 * DAY, -DAY).issued_by(&root);
    let stranger = server().issued_by(&ca("root").self_signed());
    let verifier = only(&[&root]);
    assert!(verifier.verify(&peer(&[der(&leaf)], "")).is_ok());
    let error = verifier.verify(&peer(&[der(&old)], "")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);
    assert!(
        verifier.verify(&peer(&[der(&stranger)], "")).unwrap_err().kind() != ErrorKind::Expired
    );
}

#[test]
fn an_absolute_name_is_the_same_name() {
    let root = ca("root").self_signed();
    let leaf = server().issued_by(&root);
    let verifier = only(&[&root]);
    assert!(verifier.verify(&peer(&[der(&leaf)], "example.com.")).is_ok());
    let error = verifier.verify(&peer(&[der(&leaf)], "example.org.")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NameMismatch);
}

/// Windows takes the common name where there is no DNS name; this crate does not.
#[test]
fn the_common_name_never_counts() {
    let root = ca("root").self_signed();
    let leaf = server().names(&[]).common_name("example.com").issued_by(&root);
    let error = only(&[&root]).verify(&peer(&[der(&leaf)], "example.com")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NameMismatch);
}

/// Wine's SSL policy accepts a chain that ends nowhere: only the chain's own status tells.
#[test]
fn a_partial_chain_is_refused() {
    let root = ca("root").self_signed();
    let (unknown, leaf) = {
        let unknown = ca("unknown").self_signed();
        let issuing = ca("issuing").issued_by(&unknown);
        let leaf = server().issued_by(&issuing);
        (issuing, leaf)
    };
    let sent = [der(&leaf), der(&unknown)];
    let error = only(&[&root]).verify(&peer(&sent, "example.com")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownIssuer);
    assert_eq!(error.depth(), Some(1));
    let os = error.os_code().unwrap();
    assert!(os.text.contains("CERT_TRUST_IS_PARTIAL_CHAIN"), "{os:?}");
    assert!(error.report().contains("Operating system error"), "{}", error.report());
}

#[test]
fn codes_and_text_of_windows_are_kept() {
    let root = ca("root").self_signed();
    let leaf = server().issued_by(&root);
    let error = only(&[&root]).verify(&peer(&[der(&leaf)], "wrong.example")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NameMismatch);
    let os = error.os_code().unwrap();
    assert_eq!(os.code, 0x800b_010f);
    assert!(os.text.starts_with("CERT_E_CN_NO_MATCH"), "{os:?}");
    assert_eq!(error.presented_names(), ["example.com"]);
}

#[test]
fn fallback_roots_stand_in_for_the_system() {
    let root = ca("root").self_signed();
    let leaf = server().issued_by(&root);
    let builder = Verifier::builder().fallback_roots([der(&root)]);
    // The system's store is not empty, so they do not count.
    let error =
        builder.clone().build().unwrap().verify(&peer(&[der(&leaf)], "example.com")).unwrap_err();
    assert!(error.searched().iter().all(|searched| searched.source != Source::FallbackRoots));
    let chain = [der(&leaf)];
    let verified =
        builder.system_roots(false).build().unwrap().verify(&peer(&chain, "example.com")).unwrap();
    assert_eq!(verified.anchor.source, Source::FallbackRoots);
}

#[test]
fn nothing_to_trust() {
    let leaf = server().self_signed();
    let verifier = Verifier::builder().system_roots(false).build().unwrap();
    let error = verifier.verify(&peer(&[der(&leaf)], "example.com")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoTrustAnchors);
}

#[test]
fn settings_windows_does_not_have() {
    let builder = Verifier::builder();
    for (build, name) in [
        (builder.clone().strict(true).build(), "strict"),
        (builder.danger_match_common_name(true).build(), "danger_match_common_name"),
    ] {
        match build {
            Err(BuildError::Unsupported { setting, reason, .. }) => {
                assert_eq!(setting, name);
                assert!(!reason.is_empty());
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// The core reads this certificate, Windows does not: it must say so and not drop it in silence.
#[test]
fn a_certificate_windows_refuses_is_an_error() {
    let mut bad = ca("root").self_signed().der;
    // The AlgorithmIdentifier of a P-256 key: a SEQUENCE that becomes a SET.
    let key = [0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    let at = bad.windows(key.len()).position(|window| window == key).unwrap();
    bad[at] = 0x31;
    let bad = CertificateDer::from(bad);
    let good = der(&ca("good").self_signed());
    let builder = Verifier::builder();
    for (given, name) in [
        (builder.clone().extra_roots([good.clone(), bad.clone()]).build(), "extra_roots"),
        (builder.clone().fallback_roots([good.clone(), bad.clone()]).build(), "fallback_roots"),
        (builder.clone().intermediates([good.clone(), bad.clone()]).build(), "intermediates"),
    ] {
        match given {
            Err(BuildError::BadCertificate { given_to, index, reason, .. }) => {
                assert_eq!((given_to, index), (name, 1));
                assert!(!reason.is_empty());
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    // From a peer it is a verdict, beside the end entity it is of no use and does no harm.
    let root = ca("root").self_signed();
    let leaf = server().issued_by(&root);
    let verifier = only(&[&root]);
    let error = verifier.verify(&peer(std::slice::from_ref(&bad), "example.com")).unwrap_err();
    assert!(error.os_code().is_some(), "{error:?}");
    assert!(verifier.verify(&peer(&[der(&leaf), bad], "example.com")).is_ok());
}

#[test]
fn a_crl_windows_refuses_is_an_error() {
    let root = ca("root").self_signed();
    let good = CertificateRevocationListDer::from(root.crl(&[], -DAY, DAY));
    let bad = CertificateRevocationListDer::from(b"not a CRL".to_vec());
    let revocation = Revocation::default().crls([good, bad]);
    match Verifier::builder().revocation(revocation).build() {
        Err(BuildError::BadCrl { index: 1, reason, .. }) => assert!(!reason.is_empty()),
        other => panic!("{other:?}"),
    }
}

/// Fetching is the operating system's business on Windows, so the setting exists.
#[test]
fn revocation_over_the_network_can_be_asked_for() {
    let root = ca("root").self_signed();
    let leaf = server().serial(9).issued_by(&root);
    let revocation = Revocation::default()
        .check(RevocationCheck::Leaf)
        .unknown(UnknownRevocation::Reject)
        .network(true)
        .crls([root.crl(&[9], -DAY, DAY).into()]);
    let verifier = Verifier::builder()
        .system_roots(false)
        .extra_roots([der(&root)])
        .revocation(revocation)
        .build()
        .unwrap();
    // The certificate names no place to fetch from; the CRL given speaks about it.
    let error = verifier.verify(&peer(&[der(&leaf)], "example.com")).unwrap_err();
    assert_eq!((error.kind(), error.depth()), (ErrorKind::Revoked, Some(0)));
}

#[test]
fn a_stapled_response_is_handed_over() {
    let root = ca("root").self_signed();
    let chain = [der(&server().issued_by(&root))];
    let stapled = peer(&chain, "example.com").ocsp_response(b"not a response");
    // Nobody asked for revocation: what is stapled makes no difference, whatever it is.
    assert!(only(&[&root]).verify(&stapled).is_ok());
    let revocation =
        Revocation::default().check(RevocationCheck::Leaf).unknown(UnknownRevocation::Reject);
    let verifier = Verifier::builder()
        .system_roots(false)
        .extra_roots([der(&root)])
        .revocation(revocation)
        .build()
        .unwrap();
    assert_eq!(verifier.verify(&stapled).unwrap_err().kind(), ErrorKind::RevocationUnknown);
}

#[test]
fn times_that_windows_cannot_hold() {
    let root = ca("root").self_signed();
    let chain = [der(&server().issued_by(&root))];
    let late = UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX));
    let error = only(&[&root]).verify(&peer(&chain, "example.com").time(late)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CannotCheck);
    let early = UnixTime::since_unix_epoch(Duration::from_secs(0));
    let error = only(&[&root]).verify(&peer(&chain, "example.com").time(early)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotYetValid);
}

/// The engine is built by whichever thread comes first, and used by all.
#[test]
fn one_verifier_for_many_threads() {
    let root = ca("root").self_signed();
    let other = ca("other").self_signed();
    let good = [der(&server().issued_by(&root))];
    let bad = [der(&server().issued_by(&other)), der(&other)];
    let verifier = only(&[&root]);
    let work = move || {
        for _ in 0..25 {
            assert!(verifier.verify(&peer(&good, "example.com")).is_ok());
            let error = verifier.verify(&peer(&bad, "example.com")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UntrustedRoot);
        }
    };
    // Joined one by one: the end of a scope waits for a wake-up that Wine 8 sometimes loses.
    let threads: Vec<_> = (0..8).map(|_| thread::spawn(work.clone())).collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

/// RFC 5280 section 4.2.1.3 requires at least one bit, so such a certificate is malformed, as in
/// OpenSSL. Wine 8 crashes over it: it is never shown.
#[test]
fn an_empty_key_usage_is_malformed() {
    let empty = |spec: Spec| spec.key_usage(&[]).extension(&[2, 5, 29, 15], true, vec![3, 1, 0]);
    let root = ca("root").self_signed();
    let issuing = empty(ca("issuing")).issued_by(&root);
    let leaf = server().issued_by(&issuing);
    let direct = empty(server()).issued_by(&root);
    let verifier = only(&[&root]);
    let error = verifier.verify(&peer(&[der(&direct)], "example.com")).unwrap_err();
    assert_eq!((error.kind(), error.depth()), (ErrorKind::BadEncoding, Some(0)));
    let error = verifier.verify(&peer(&[der(&leaf), der(&issuing)], "example.com")).unwrap_err();
    assert_eq!((error.kind(), error.depth()), (ErrorKind::UnknownIssuer, Some(0)));
    let anchor = der(&empty(ca("anchor")).self_signed());
    let refused = Verifier::builder().system_roots(false).extra_roots([anchor]).build();
    assert!(
        matches!(
            refused,
            Err(BuildError::BadCertificate { given_to: "extra_roots", index: 0, .. })
        ),
        "{refused:?}"
    );
}
