//! Stapled OCSP responses: those of `openssl ocsp`, and made byte by byte at a fixed time.

#![cfg(all(unix, not(target_vendor = "apple"), feature = "aws-lc-rs"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::Engine as _;
use pki_types::{CertificateDer, UnixTime};
use rcgen::{ExtendedKeyUsagePurpose as Usage, KeyUsagePurpose as KeyUsage};
use trustbridge::{
    Crl, ErrorKind, Peer, Revocation, RevocationCheck, UnknownRevocation, Verified, Verifier,
    VerifyError,
};
use trustbridge_cases::NOW;
use trustbridge_cases::crl::{der, extension, sequence};
use trustbridge_cases::make::{DAY, Node, Spec, ca, server};

use RevocationCheck::{Chain, Leaf, Off};
use UnknownRevocation::{Allow, Reject};

/// A question: everything that a verdict depends on.
#[derive(Clone)]
struct Question<'a> {
    chain: &'a [&'a Node],
    root: &'a Node,
    staple: &'a [u8],
    crls: &'a [Crl],
    check: RevocationCheck,
    unknown: UnknownRevocation,
    time: u64,
}

impl Question<'_> {
    fn ask(&self) -> Result<Verified, VerifyError> {
        let chain: Vec<_> =
            self.chain.iter().map(|node| CertificateDer::from(node.der.as_slice())).collect();
        let revocation = Revocation::default().check(self.check).unknown(self.unknown);
        let verifier = Verifier::builder()
            .system_roots(false)
            .extra_roots([CertificateDer::from(self.root.der.clone())])
            .revocation(revocation)
            .crls(self.crls.iter().cloned())
            .build()
            .unwrap();
        let time = UnixTime::since_unix_epoch(Duration::from_secs(self.time));
        let peer = Peer::new(&chain, None).time(time).ocsp_response(self.staple);
        verifier.verify(&peer)
    }

    /// What was checked.
    fn checked(&self) -> RevocationCheck {
        self.ask().unwrap().revocation.checked
    }

    /// The kind and the text of the refusal.
    fn refused(&self) -> (ErrorKind, String) {
        let error = self.ask().unwrap_err();
        assert_eq!(error.depth(), Some(0), "{error}");
        (error.kind(), error.to_string())
    }
}

/// A root, an issuing CA, and a server's certificate with serial number 9.
struct Pki {
    root: Node,
    issuing: Node,
    leaf: Node,
}

impl Pki {
    fn new() -> Self {
        let root = ca("root").self_signed();
        let issuing = ca("issuing").issued_by(&root);
        let leaf = server().serial(9).issued_by(&issuing);
        Self { root, issuing, leaf }
    }

    /// Asks with this response, an unknown status not being allowed.
    fn ask<'a>(&'a self, chain: &'a [&'a Node], staple: &'a [u8]) -> Question<'a> {
        let root = &self.root;
        Question { chain, root, staple, crls: &[], check: Leaf, unknown: Reject, time: NOW }
    }
}

/// A response to be made.
#[derive(Clone)]
struct OcspSpec<'a> {
    signer: &'a Node,
    by_key: bool,
    certs: Vec<&'a Node>,
    singles: Vec<Single>,
    extensions: Vec<u8>,
}

#[derive(Clone)]
struct Single {
    id: Vec<u8>,
    status: Vec<u8>,
    updated: i64,
    due: Option<i64>,
    extensions: Vec<u8>,
}

fn good() -> Vec<u8> {
    der(0x80, &[])
}

fn revoked() -> Vec<u8> {
    der(0xa1, &time(-DAY))
}

fn unknown() -> Vec<u8> {
    der(0x82, &[])
}

/// A GeneralizedTime, so many seconds from the table's time.
fn time(offset: i64) -> Vec<u8> {
    let utc = trustbridge_cases::crl::time(offset);
    der(0x18, &[b"20", &utc[2..]].concat())
}

fn parts(mut der: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    while let [_, length, ..] = der {
        let digits = if *length < 0x80 { 0 } else { usize::from(length & 0x7f) };
        let number = der[2..2 + digits].iter().fold(0, |n, digit| n << 8 | usize::from(*digit));
        let length = if digits == 0 { usize::from(*length) } else { number };
        let (element, rest) = der.split_at(2 + digits + length);
        out.push(&element[2 + digits..]);
        der = rest;
    }
    out
}

/// The bits of a certificate's public key.
fn key_of(node: &Node) -> Vec<u8> {
    let tbs = parts(parts(parts(&node.der)[0])[0]);
    parts(tbs[6])[1][1..].to_vec()
}

fn cert_id(issuer: &Node, serial: &[u8], sha256: bool) -> Vec<u8> {
    let (algorithm, oid): (_, &[u8]) = match sha256 {
        true => (&SHA256, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1]),
        false => (&SHA1_FOR_LEGACY_USE_ONLY, &[0x2b, 0x0e, 3, 2, 0x1a]),
    };
    sequence(&[
        sequence(&[der(6, oid), der(5, &[])]),
        der(4, digest(algorithm, &issuer.subject()).as_ref()),
        der(4, digest(algorithm, &key_of(issuer)).as_ref()),
        der(2, serial),
    ])
}

impl<'a> OcspSpec<'a> {
    fn new(signer: &'a Node) -> Self {
        Self {
            signer,
            by_key: false,
            certs: Vec::new(),
            singles: Vec::new(),
            extensions: Vec::new(),
        }
    }

    /// An answer that is two hours old and holds for a day.
    fn single(self, id: Vec<u8>, status: Vec<u8>) -> Self {
        self.dated(id, status, -7_200, Some(DAY))
    }

    fn dated(mut self, id: Vec<u8>, status: Vec<u8>, updated: i64, due: Option<i64>) -> Self {
        self.singles.push(Single { id, status, updated, due, extensions: Vec::new() });
        self
    }

    fn make(&self) -> Vec<u8> {
        let responder = match self.by_key {
            true => {
                let key = digest(&SHA1_FOR_LEGACY_USE_ONLY, &key_of(self.signer));
                der(0xa2, &der(4, key.as_ref()))
            }
            false => der(0xa1, &self.signer.subject()),
        };
        let explicit = |tag, parts: &[u8]| match parts {
            [] => Vec::new(),
            parts => der(tag, &der(0x30, parts)),
        };
        let singles = self.singles.iter().map(|single| {
            sequence(&[
                single.id.clone(),
                single.status.clone(),
                time(single.updated),
                single.due.map(|due| der(0xa0, &time(due))).unwrap_or_default(),
                explicit(0xa1, &single.extensions),
            ])
        });
        let singles: Vec<_> = singles.collect();
        let tbs = sequence(&[
            responder,
            time(-7_200),
            sequence(&singles),
            explicit(0xa1, &self.extensions),
        ]);
        let (algorithm, signature) = self.signer.sign_bytes(&tbs);
        let certs: Vec<_> = self.certs.iter().map(|node| node.der.clone()).collect();
        let basic = sequence(&[
            tbs,
            algorithm,
            der(3, &[&[0], &signature[..]].concat()),
            explicit(0xa0, &certs.concat()),
        ]);
        let kind = der(6, &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1]);
        sequence(&[der(10, &[0]), der(0xa0, &sequence(&[kind, der(4, &basic)]))])
    }
}

#[test]
fn a_response_of_the_issuer_fills_the_outcome() {
    let pki = Pki::new();
    let chain = [&pki.leaf, &pki.issuing];
    for sha256 in [false, true] {
        for by_key in [false, true] {
            let id = cert_id(&pki.issuing, &[9], sha256);
            let spec = OcspSpec { by_key, ..OcspSpec::new(&pki.issuing) };
            let staple = spec.clone().single(id.clone(), good()).make();
            let question = pki.ask(&chain, &staple);
            assert_eq!(question.checked(), Leaf);
            let chain_wanted = Question { check: Chain, unknown: Allow, ..question.clone() };
            assert_eq!(chain_wanted.checked(), Leaf, "a staple is about the end entity only");
            let with_crl = [Crl::new(pki.root.sign(&pki.root.crl_spec()))];
            let chain_wanted = Question { check: Chain, crls: &with_crl, ..question.clone() };
            assert_eq!(chain_wanted.checked(), Chain);
            assert_eq!(Question { check: Off, ..question }.checked(), Off);

            let staple = spec.single(id, revoked()).make();
            // A revocation counts where nobody requested a check, too.
            for (check, unknown) in [(Leaf, Allow), (Leaf, Reject), (Off, Allow)] {
                let question = Question { check, unknown, ..pki.ask(&chain, &staple) };
                let (kind, text) = question.refused();
                assert_eq!(kind, ErrorKind::Revoked);
                assert!(text.contains("as revoked since 2027-01-14 08:00:00 UTC"), "{text}");
            }
        }
    }
}

#[test]
fn an_answer_holds_from_its_first_second_to_its_last() {
    let pki = Pki::new();
    let chain = [&pki.leaf, &pki.issuing];
    let id = || cert_id(&pki.issuing, &[9], false);
    for (updated, due, expected) in [
        (0, Some(0), None),
        (1, Some(DAY), Some("is not yet valid")),
        (-DAY, Some(-1), Some("was due to be replaced by 2027-01-15 07:59:59 UTC")),
        (-DAY, None, None),
        (-DAY - 1, None, Some("was due to be replaced by 2027-01-15 07:59:59 UTC")),
    ] {
        let spec = OcspSpec::new(&pki.issuing);
        let staple = spec.clone().dated(id(), good(), updated, due).make();
        let question = pki.ask(&chain, &staple);
        match expected {
            None => assert_eq!(question.checked(), Leaf),
            Some(expected) => {
                let (kind, text) = question.refused();
                assert_eq!(kind, ErrorKind::RevocationUnknown);
                assert!(text.contains(expected), "{text}");
                assert_eq!(Question { unknown: Allow, ..question }.checked(), Off);
            }
        }
        // A revocation has no end.
        let staple = spec.dated(id(), revoked(), updated, due).make();
        assert_eq!(pki.ask(&chain, &staple).refused().0, ErrorKind::Revoked);
    }
}

#[test]
fn an_answer_about_another_certificate_says_nothing() {
    let pki = Pki::new();
    let chain = [&pki.leaf, &pki.issuing];
    let id = cert_id(&pki.issuing, &[9], false);
    let stranger = ca("issuing").self_signed();
    let other_name = ca("another").issued_for(&pki.issuing, &pki.root);
    for (id, status, expected) in [
        (cert_id(&pki.issuing, &[10], false), good(), "does not cover this certificate"),
        (cert_id(&pki.root, &[9], false), good(), "does not cover this certificate"),
        (cert_id(&stranger, &[9], true), revoked(), "does not cover this certificate"),
        (cert_id(&other_name, &[9], false), good(), "does not cover this certificate"),
        (id.clone(), unknown(), "the responder does not know this certificate"),
    ] {
        let staple = OcspSpec::new(&pki.issuing).single(id, status).make();
        let (kind, text) = pki.ask(&chain, &staple).refused();
        assert_eq!(kind, ErrorKind::RevocationUnknown);
        assert!(text.contains(expected), "{text}");
    }
    // Several answers: any that says revoked counts.
    let spec = OcspSpec::new(&pki.issuing).single(cert_id(&pki.root, &[9], false), unknown());
    let staple = spec.clone().single(id.clone(), good()).make();
    assert_eq!(pki.ask(&chain, &staple).checked(), Leaf);
    let staple = spec.single(id.clone(), good()).single(id, revoked()).make();
    assert_eq!(pki.ask(&chain, &staple).refused().0, ErrorKind::Revoked);
}

/// RFC 6960 section 4.2.2.2.
#[test]
fn only_a_responder_that_the_issuer_authorised_may_sign() {
    let pki = Pki::new();
    let chain = [&pki.leaf, &pki.issuing];
    let usual = || responder(&[Usage::OcspSigning]);
    let id = cert_id(&pki.issuing, &[9], false);
    let verdict = |signer: &Node, certs: &[&Node], crls: &[Crl]| {
        let (certs, id) = (certs.to_vec(), id.clone());
        let spec = OcspSpec { certs, ..OcspSpec::new(signer) };
        let [good, revoked] =
            [good(), revoked()].map(|status| spec.clone().single(id.clone(), status).make());
        let ask = |staple| Question { crls, ..pki.ask(&chain, staple) };
        let accepted = ask(&good).ask().is_ok();
        let refused = ask(&revoked).refused().0 == ErrorKind::Revoked;
        assert_eq!(accepted, refused, "both or neither are believed");
        let unasked = Question { check: Off, unknown: Allow, ..ask(&revoked) };
        assert_eq!(unasked.ask().is_err(), refused, "whether a check was requested or not");
        accepted
    };
    let authorised = usual().issued_by(&pki.issuing);
    assert!(verdict(&authorised, &[&authorised], &[]));
    assert!(verdict(&authorised, &[&pki.root, &authorised], &[]));
    assert!(!verdict(&authorised, &[], &[]), "its certificate is missing");

    let stranger = ca("issuing").self_signed();
    for (unfit, why) in [
        (responder(&[Usage::ServerAuth]).issued_by(&pki.issuing), "no OCSPSigning"),
        (responder(&[]).issued_by(&pki.issuing), "no extended key usage at all"),
        (usual().issued_by(&pki.root), "authorised by the issuer's issuer"),
        (usual().issued_by(&stranger), "authorised by another CA of that name"),
        (usual().valid(-2 * DAY, -DAY).issued_by(&pki.issuing), "outdated"),
        (usual().valid(DAY, 2 * DAY).issued_by(&pki.issuing), "not yet valid"),
        (usual().key_usage(&[KeyUsage::KeyAgreement]).issued_by(&pki.issuing), "key usage"),
        (usual().unknown_extension(true).issued_by(&pki.issuing), "critical extension"),
    ] {
        assert!(!verdict(&unfit, &[&unfit], &[]), "{why}");
    }
    assert!(!verdict(&stranger, &[&stranger], &[]), "the issuer's name, another key");

    let numbered = usual().serial(33).issued_by(&pki.issuing);
    let crl = [Crl::new(pki.issuing.sign(&pki.issuing.crl_spec().revokes(&[33], None)))];
    assert!(verdict(&numbered, &[&numbered], &[]));
    let spec = OcspSpec { certs: vec![&numbered], ..OcspSpec::new(&numbered) };
    let staple = spec.single(id.clone(), revoked()).make();
    let crl_only = Question { crls: &crl, ..pki.ask(&chain, &staple) };
    assert_eq!(crl_only.checked(), Leaf, "a revoked responder is not heard, the CRL is");
}

fn responder(usages: &[Usage]) -> Spec {
    server().key_usage(&[KeyUsage::DigitalSignature]).extended_key_usage(usages)
}

#[test]
fn what_cannot_be_used_says_why() {
    let pki = Pki::new();
    let chain = [&pki.leaf, &pki.issuing];
    let id = || cert_id(&pki.issuing, &[9], false);
    let plain = OcspSpec::new(&pki.issuing).single(id(), good());
    let critical = extension(&[0x2a, 3, 4], true, &[5, 0]);
    let harmless = extension(&[0x2a, 3, 4], false, &[5, 0]);
    let mut single = plain.clone();
    single.singles[0].extensions = critical.clone();
    let valid = plain.make();
    let mut damaged = valid.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let response = |extensions: Vec<u8>| OcspSpec { extensions, ..plain.clone() }.make();
    for (staple, expected) in [
        (sequence(&[der(10, &[3])]), "the responder reports tryLater"),
        (vec![0x30, 0], "malformed responseStatus"),
        (valid[..valid.len() - 1].to_vec(), "malformed OCSPResponse"),
        ([&valid[..], &[0]].concat(), "malformed data after the OCSPResponse"),
        (vec![0; 1 << 18], "malformed OCSPResponse (too long)"),
        (damaged, "its signature is wrong"),
        (response(critical.clone()), "unknown critical extension 1.2.3.4"),
        (single.make(), "unknown critical extension 1.2.3.4"),
        (OcspSpec::new(&pki.issuing).single(id(), der(0x85, &[])).make(), "malformed certStatus"),
    ] {
        let question = pki.ask(&chain, &staple);
        let (kind, text) = question.refused();
        assert_eq!(kind, ErrorKind::RevocationUnknown);
        assert!(text.contains(expected), "{text}");
        assert_eq!(Question { unknown: Allow, ..question.clone() }.checked(), Off);
        // It does not spoil what a CRL says.
        let crls = [Crl::new(pki.issuing.sign(&pki.issuing.crl_spec()))];
        assert_eq!(Question { crls: &crls, ..question.clone() }.checked(), Leaf);
        let crls = [Crl::new(pki.issuing.sign(&pki.issuing.crl_spec().revokes(&[9], None)))];
        assert_eq!(Question { crls: &crls, ..question }.refused().0, ErrorKind::Revoked);
    }
    assert_eq!(pki.ask(&chain, &response(harmless)).checked(), Leaf);
}

#[test]
fn a_crl_that_revokes_is_not_overruled() {
    let pki = Pki::new();
    let chain = [&pki.leaf, &pki.issuing];
    let id = cert_id(&pki.issuing, &[9], false);
    let staple = OcspSpec::new(&pki.issuing).single(id, good()).make();
    let crls = [Crl::new(pki.issuing.sign(&pki.issuing.crl_spec().revokes(&[9], None)))];
    let question = Question { crls: &crls, ..pki.ask(&chain, &staple) };
    assert_eq!(question.refused().0, ErrorKind::Revoked);
}

/// RFC 7633: status_request among the TLS features.
#[test]
fn a_certificate_that_requires_a_staple_is_refused_without() {
    let pki = Pki::new();
    let feature = |features: &[u8]| {
        let numbers: Vec<_> = features.iter().map(|number| der(2, &[*number])).collect();
        let value = sequence(&numbers);
        server().serial(9).extension(&[1, 3, 6, 1, 5, 5, 7, 1, 24], false, value)
    };
    let crls = [Crl::new(pki.issuing.sign(&pki.issuing.crl_spec()))];
    let id = cert_id(&pki.issuing, &[9], false);
    let staple = OcspSpec::new(&pki.issuing).single(id.clone(), good()).make();
    let unusable = OcspSpec::new(&pki.issuing).single(id, unknown()).make();

    let leaf = feature(&[5]).issued_by(&pki.issuing);
    let chain = [&leaf, &pki.issuing];
    let question = Question { crls: &crls, ..pki.ask(&chain, &[]) };
    let (kind, text) = question.refused();
    assert_eq!(kind, ErrorKind::RevocationUnknown);
    assert!(text.contains("requires a stapled OCSP response"), "{text}");
    assert_eq!(question.ask().unwrap_err().openssl_code(), 73);
    assert_eq!(Question { staple: &staple, ..question.clone() }.checked(), Leaf);
    let (kind, _) = Question { staple: &unusable, ..question.clone() }.refused();
    assert_eq!(kind, ErrorKind::RevocationUnknown);
    assert_eq!(Question { unknown: Allow, ..question.clone() }.checked(), Leaf);
    assert_eq!(Question { check: Off, ..question.clone() }.checked(), Off);

    let other_feature = feature(&[17]).issued_by(&pki.issuing);
    let chain = [&other_feature, &pki.issuing];
    assert_eq!(Question { chain: &chain, ..question }.checked(), Leaf);
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line)).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The response of `openssl ocsp` about the certificate with serial number 9.
fn openssl(dir: &Path, pki: &Pki, signer: &Node, revoked: bool, options: &[&str]) -> Vec<u8> {
    let write = |name: &str, text: String| std::fs::write(dir.join(name), text).unwrap();
    write("ca.pem", pem("CERTIFICATE", &pki.issuing.der));
    write("leaf.pem", pem("CERTIFICATE", &pki.leaf.der));
    write("signer.pem", pem("CERTIFICATE", &signer.der));
    write("signer.key", pem("PRIVATE KEY", &signer.key_der()));
    let (state, since) = if revoked { ("R", "270114080000Z,keyCompromise") } else { ("V", "") };
    write("index.txt", format!("{state}\t330101000000Z\t{since}\t09\tunknown\t/CN=server\n"));
    let mut command = Command::new("openssl");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.current_dir(dir).arg("ocsp").args(options);
    command.args(["-index", "index.txt", "-CA", "ca.pem", "-issuer", "ca.pem"]);
    command.args(["-cert", "leaf.pem", "-rsigner", "signer.pem", "-rkey", "signer.key"]);
    let output =
        command.args(["-ndays", "7", "-noverify", "-respout", "out.der"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(dir.join("out.der")).unwrap()
}

#[test]
fn responses_of_openssl() {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::new();
    let chain = [&pki.leaf, &pki.issuing];
    let delegate = responder(&[Usage::OcspSigning]).issued_by(&pki.issuing);
    // Its responses are of this moment.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let ask = |staple: &[u8], time: u64| Question { time, ..pki.ask(&chain, staple) }.ask();
    for signer in [&pki.issuing, &delegate] {
        for options in [&[][..], &["-sha256"], &["-resp_key_id"], &["-sha256", "-resp_key_id"]] {
            let good = openssl(dir.path(), &pki, signer, false, options);
            let checked = ask(&good, now + 3_600).unwrap().revocation.checked;
            assert_eq!(checked, Leaf, "{options:?}");
            let error = ask(&good, now + 8 * 86_400).unwrap_err();
            assert!(error.to_string().contains("was due to be replaced by"), "{error}");
            let error = ask(&good, now - 3_600).unwrap_err();
            assert!(error.to_string().contains("is not yet valid"), "{error}");
            let bad = openssl(dir.path(), &pki, signer, true, options);
            assert_eq!(ask(&bad, now + 3_600).unwrap_err().kind(), ErrorKind::Revoked);
        }
    }
    let other = openssl(dir.path(), &pki, &pki.root, false, &[]);
    let error = ask(&other, now + 3_600).unwrap_err();
    assert!(error.to_string().contains("neither the issuer nor a responder"), "{error}");
}
