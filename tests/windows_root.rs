//! The system's own roots on Windows: a CA goes into the current user's store ROOT for as long as
//! the test runs. Only where that store is a scratch one: under Wine, in the prefix of
//! tests/windows/run. In a program of its own, since the store belongs to the user.

#![cfg(windows)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use pki_types::{CertificateDer, ServerName, UnixTime};
use schannel::cert_context::CertContext;
use schannel::cert_store::{CertAdd, CertStore};
use trustbridge::{
    ErrorKind, Peer, Revocation, RevocationCheck, Source, SystemStore, TrustSettings, Verifier,
    VerifyError,
};
use trustbridge_cases::NOW;
use trustbridge_cases::make::{DAY, Node, ca, server};

/// Takes the certificate out again, however the test ends.
struct InRoot(Vec<u8>);

impl InRoot {
    fn add(node: &Node) -> Self {
        let mut store = CertStore::open_current_user("ROOT").unwrap();
        store.add_cert(&CertContext::new(&node.der).unwrap(), CertAdd::Always).unwrap();
        Self(node.der.clone())
    }
}

impl Drop for InRoot {
    fn drop(&mut self) {
        let store = CertStore::open_current_user("ROOT").unwrap();
        if let Some(cert) = store.certs().find(|cert| cert.to_der() == self.0) {
            cert.delete().unwrap();
        }
    }
}

fn der(node: &Node) -> CertificateDer<'static> {
    node.der.clone().into()
}

fn verify(
    verifier: &Verifier,
    chain: &[&Node],
    name: &'static str,
    offset: i64,
) -> Result<trustbridge::Verified, VerifyError> {
    let chain: Vec<_> = chain.iter().map(|node| der(node)).collect();
    let seconds = NOW.checked_add_signed(offset).unwrap();
    verifier.verify(
        &Peer::new(&chain, Some(ServerName::try_from(name).unwrap()))
            .time(UnixTime::since_unix_epoch(Duration::from_secs(seconds))),
    )
}

fn sources(error: &VerifyError) -> Vec<Source> {
    error.searched().iter().map(|searched| searched.source.clone()).collect()
}

#[test]
fn the_system_decides_first() {
    if std::env::var_os("WINEPREFIX").is_none() {
        // Windows asks its user before it trusts a root, and nobody is there to answer.
        assert!(!SystemStore::snapshot().entries().is_empty());
        return;
    }
    let root = ca("system root").self_signed();
    let issuing = ca("issuing").serial(7).issued_by(&root);
    let leaf = server().serial(9).issued_by(&issuing);
    let _guard = InRoot::add(&root);
    let system = Verifier::system();
    let source = match &SystemStore::snapshot().places() {
        [place] => place.source.clone(),
        places => panic!("{places:?}"),
    };
    assert!(matches!(source, Source::System(_)), "{source:?}");

    // Trusted: the root need not be sent, and the anchor's source names the store.
    let verified = verify(&system, &[&leaf, &issuing], "example.com", 0).unwrap();
    assert_eq!(verified.chain, [der(&leaf), der(&issuing), der(&root)]);
    assert_eq!(verified.anchor.source, source);

    // Extra roots do not change that, and what the system refuses stays refused: the extra
    // roots are not even asked.
    let extra = ca("extra root").self_signed();
    let below_extra = server().issued_by(&extra);
    let both = Verifier::builder().extra_roots([der(&extra), der(&root)]).build().unwrap();
    let verified = verify(&both, &[&leaf, &issuing], "example.com", 0).unwrap();
    assert_eq!(verified.anchor.source, source);
    let revoked = |roots: &[&Node]| {
        Verifier::builder()
            .extra_roots(roots.iter().map(|root| der(root)))
            .revocation(
                Revocation::default()
                    .check(RevocationCheck::Leaf)
                    .crls([issuing.crl(&[9], -DAY, DAY).into()]),
            )
            .build()
            .unwrap()
    };
    for (verifier, name, offset, kind) in [
        (&both, "wrong.example", 0, ErrorKind::NameMismatch),
        (&both, "example.com", 400 * DAY, ErrorKind::Expired),
        (&both, "example.com", -400 * DAY, ErrorKind::NotYetValid),
        (&revoked(&[&extra, &root]), "example.com", 0, ErrorKind::Revoked),
        // The very end entity among the extra roots does not help either.
        (&revoked(&[&leaf]), "example.com", 0, ErrorKind::Revoked),
    ] {
        let error = verify(verifier, &[&leaf, &issuing], name, offset).unwrap_err();
        assert_eq!(error.kind(), kind, "{}", error.report());
        assert_eq!(sources(&error), std::slice::from_ref(&source), "{kind:?}");
        assert!(error.os_code().is_some(), "{kind:?}");
    }

    // What the caller's trust settings reject is rejected, although the system trusts it.
    let (mut settings, mut other_purpose) = (TrustSettings::default(), TrustSettings::default());
    settings.rejected = vec!["1.3.6.1.5.5.7.3.1".into()];
    other_purpose.trusted = Some(vec!["1.3.6.1.5.5.7.3.2".into()]);
    for (node, settings, depth) in [
        (&leaf, &settings, Some(0)),
        (&issuing, &settings, Some(1)),
        (&issuing, &other_purpose, Some(1)),
        (&root, &settings, Some(2)),
        // The system's own anchor is trusted for more than these settings say.
        (&root, &other_purpose, None),
    ] {
        let extra = [(der(node), Some(settings.clone()))];
        let verifier = Verifier::builder().extra_roots_with_trust(extra).build().unwrap();
        let verdict = verify(&verifier, &[&leaf, &issuing], "example.com", 0);
        let found = verdict.err().map(|error| (error.kind(), error.depth()));
        assert_eq!(found, depth.map(|at| (ErrorKind::Distrusted, Some(at))));
    }

    // A path that only the extra roots have.
    let verified = verify(&both, &[&below_extra], "example.com", 0).unwrap();
    assert_eq!(verified.anchor.source, Source::ExtraRoots);
    assert_eq!(verified.chain, [der(&below_extra), der(&extra)]);
    let error = verify(&both, &[&below_extra], "wrong.example", 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NameMismatch);
    let error = verify(&both, &[&below_extra], "example.com", 400 * DAY).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);
    assert_eq!(sources(&error), [source.clone(), Source::ExtraRoots]);

    // Neither has one. Without its root the chain is partial, which Wine's SSL policy accepts.
    let unknown = ca("unknown").self_signed();
    let below_unknown = server().issued_by(&unknown);
    for verifier in [&system, &both] {
        let error = verify(verifier, &[&below_unknown], "example.com", 0).unwrap_err();
        assert_eq!((error.kind(), error.depth()), (ErrorKind::UnknownIssuer, Some(0)));
        let error = verify(verifier, &[&below_unknown, &unknown], "example.com", 0).unwrap_err();
        assert_eq!((error.kind(), error.depth()), (ErrorKind::UntrustedRoot, Some(1)));
    }

    // A peer that forgets its intermediate, and a caller who knows it.
    let error = verify(&system, &[&leaf], "example.com", 0).unwrap_err();
    assert_eq!((error.kind(), error.depth()), (ErrorKind::UnknownIssuer, Some(0)));
    let knows = Verifier::builder().intermediates([der(&issuing)]).build().unwrap();
    assert_eq!(verify(&knows, &[&leaf], "example.com", 0).unwrap().chain.len(), 3);

    // "Only these" leaves the system's roots out.
    let only = Verifier::builder().system_roots(false).extra_roots([der(&extra)]).build().unwrap();
    let error = verify(&only, &[&leaf, &issuing], "example.com", 0).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnknownIssuer | ErrorKind::UntrustedRoot));
    assert_eq!(sources(&error), [Source::ExtraRoots]);

    // Whole end entities: a self-signed one and one with an unknown issuer.
    let itself = server().self_signed();
    let trusts =
        Verifier::builder().extra_roots([der(&itself), der(&below_unknown)]).build().unwrap();
    for node in [&itself, &below_unknown] {
        let verified = verify(&trusts, &[node], "example.com", 0).unwrap();
        assert_eq!(verified.chain, [der(node)]);
        assert_eq!(verified.anchor.source, Source::ExtraRoots);
        let error = verify(&trusts, &[node], "wrong.example", 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NameMismatch);
    }
}
