//! What is fuzzed. Shared by the fuzz targets and by `tests/fuzz_smoke.rs`.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName,
    SignatureVerificationAlgorithm, UnixTime,
};
use trustbridge::{
    Crl, Peer, Purpose, Revocation, RevocationCheck, UnknownRevocation, Verifier, files,
};

/// The PEM reader on arbitrary text, and every kind of block on arbitrary contents: the trust
/// settings of `TRUSTED CERTIFICATE` blocks among them. Returns how many blocks were good.
pub(crate) fn pem(data: &[u8]) -> usize {
    let mut good = check(data);
    assert!(files::read_der(data).certificates.len() <= data.len());
    for label in ["CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CRL"] {
        let base64 = STANDARD.encode(data);
        good +=
            check(format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n").as_bytes());
    }
    good
}

fn check(text: &[u8]) -> usize {
    let lines = text.split(|byte| *byte == b'\n').count();
    let contents = files::read_pem(text);
    let plausible = |fault: &files::Fault| fault.line <= Some(lines) && !fault.reason.is_empty();
    assert!(contents.faults.iter().all(plausible));
    let good = contents.certificates.len() + contents.crls.len();
    assert!(good + contents.faults.len() <= lines);
    good
}

/// The reader of p11-kit's trust policy files on arbitrary text. Returns how many statements it has.
pub(crate) fn p11kit(data: &[u8]) -> usize {
    let lines = data.split(|byte| *byte == b'\n').count();
    let file = files::check_p11kit(data, false);
    assert!(file.statements <= lines && file.faults.len() <= 2 * lines);
    let plausible = |fault: &files::Fault| fault.line <= Some(lines) && !fault.reason.is_empty();
    assert!(file.faults.iter().all(plausible));
    let blocked = files::check_p11kit(data, true).statements;
    assert!(file.statements <= blocked, "a blocklist distrusts more");
    file.statements
}

/// The reader of indexes of CRLite caches on arbitrary bytes. Returns how many filters it names.
#[cfg(all(feature = "crlite", not(any(windows, target_vendor = "apple"))))]
pub(crate) fn crlite(data: &[u8]) -> Option<usize> {
    match trustbridge::check_crlite_index(data) {
        Ok(filters) => {
            assert!(14 + 32 * filters <= data.len(), "their names are in it");
            Some(filters)
        }
        Err(reason) => {
            assert!(!reason.is_empty());
            None
        }
    }
}

/// The reader of CRLs on arbitrary bytes. Returns whether it could be used.
pub(crate) fn crl(data: &[u8]) -> bool {
    let crl = Crl::new(data.to_vec());
    assert_eq!(crl.der().as_ref(), data);
    crl.problem().is_none()
}

/// The verifier on arbitrary bytes as chain, trust anchors, intermediates and CRLs. Pieces are
/// two bytes of length and one that says what the piece is. Returns whether it was trusted.
pub(crate) fn verify(data: &[u8]) -> bool {
    let (mut chain, mut roots, mut intermediates, mut crls) = (vec![], vec![], vec![], vec![]);
    let mut rest = data;
    while let [high, low, kind, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        let (piece, after) = after.split_at(length);
        match kind % 4 {
            0 => chain.push(CertificateDer::from(piece.to_vec())),
            1 => roots.push(CertificateDer::from(piece.to_vec())),
            2 => intermediates.push(CertificateDer::from(piece.to_vec())),
            _ => crls.push(piece.to_vec().into()),
        }
        rest = after;
    }
    let first = data.first().copied().unwrap_or_default();
    let revocation = Revocation::default()
        .check(if crls.is_empty() { RevocationCheck::Off } else { RevocationCheck::Chain })
        .unknown(if first & 1 == 0 { UnknownRevocation::Allow } else { UnknownRevocation::Reject })
        .crls(crls);
    let builder = Verifier::builder()
        .system_roots(false)
        .strict(first & 4 != 0)
        .danger_match_common_name(first & 8 != 0)
        .danger_allow_weak_keys(first & 16 != 0);
    let build = |purpose, roots: Vec<_>, intermediates: Vec<_>, revocation| {
        builder
            .clone()
            .purpose(purpose)
            .extra_roots(roots)
            .intermediates(intermediates)
            .revocation(revocation)
            .build()
    };
    // Settings that cannot be read are refused as a whole: try without them too.
    let verifiers = [
        build(Purpose::ServerAuth, roots.clone(), intermediates, revocation),
        build(Purpose::ServerAuth, roots, vec![], Revocation::default()),
        build(Purpose::ClientAuth, chain.clone(), vec![], Revocation::default()),
        build(Purpose::ClientOrServerAuth, chain.clone(), vec![], Revocation::default()),
    ];
    let mut trusted = false;
    for verifier in verifiers.into_iter().flatten() {
        for name in [None, ServerName::try_from("server.test").ok()] {
            let time = UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000));
            let peer = Peer::new(&chain, name).time(time).ocsp_response(data);
            match verifier.verify(&peer) {
                Ok(verified) => {
                    trusted = true;
                    assert_eq!(verified.chain.first(), chain.first());
                    assert_eq!(verified.chain.last(), Some(&verified.anchor.certificate));
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    assert!(!error.to_string().contains(char::is_control), "{error}");
                    assert!(!error.report().is_empty());
                }
            }
        }
    }
    trusted
}

/// Names and name constraints that nobody signed: two pieces of data, each after two bytes of
/// length, become the subject alternative names of an end entity and the name constraints of its CA;
/// the rest becomes the name of the CA and of the end entity's issuer, between which white space is
/// added. Every signature is taken for good. Returns whether the chain was trusted.
pub(crate) fn names(data: &[u8]) -> bool {
    let mut rest = data;
    let mut piece = || match rest {
        [high, low, after @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
            let (piece, after) = after.split_at(length);
            rest = after;
            piece.to_vec()
        }
        _ => Vec::new(),
    };
    let (names, constraints) = (piece(), piece());
    let extension = |last, value: &[u8]| {
        element(0x30, &[&[6, 3, 0x55, 0x1d, last][..], &element(4, value)].concat())
    };
    let name = |before: &[u8], text: &[u8]| {
        let text = element(0x0c, &[before, text].concat());
        let attribute = element(0x30, &[&[6, 3, 0x55, 4, 3][..], &text].concat());
        element(0x30, &element(0x31, &attribute))
    };
    let ca = extension(19, &element(0x30, &[1, 1, 0xff]));
    let root = certificate(
        &name(b"", rest),
        &name(b"", rest),
        &[ca, extension(30, &constraints)].concat(),
    );
    let leaf = certificate(&name(b"", b"server.test"), &name(b" ", rest), &extension(17, &names));
    let chain = [CertificateDer::from(leaf)];
    let mut trusted = false;
    for purpose in [Purpose::ServerAuth, Purpose::ClientAuth] {
        let verifier = Verifier::builder()
            .system_roots(false)
            .extra_roots([CertificateDer::from(root.clone())])
            .signature_algorithms(vec![&Anything as &'static dyn SignatureVerificationAlgorithm])
            .purpose(purpose)
            .build();
        let Ok(verifier) = verifier else { return false };
        for name in [None, ServerName::try_from("server.test").ok()] {
            let time = UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000));
            let verdict = verifier.verify(&Peer::new(&chain, name).time(time));
            trusted |= verdict.is_ok();
            if let Err(error) = verdict {
                assert!(!error.report().contains('\u{1b}'));
            }
        }
    }
    trusted
}

/// ECDSA with P-256 and SHA-256, whatever the signature.
#[derive(Debug)]
struct Anything;

const P256: &[u8] =
    &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const ECDSA_SHA256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

impl SignatureVerificationAlgorithm for Anything {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        AlgorithmIdentifier::from_slice(P256)
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        AlgorithmIdentifier::from_slice(ECDSA_SHA256)
    }

    fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
        Ok(())
    }
}

fn certificate(subject: &[u8], issuer: &[u8], extensions: &[u8]) -> Vec<u8> {
    let algorithm = element(0x30, ECDSA_SHA256);
    let time = element(0x17, b"200101000000Z");
    let until = element(0x17, b"400101000000Z");
    let key = [element(0x30, P256), element(3, &[&[0, 4][..], &[1; 64]].concat())].concat();
    let tbs = [
        element(0xa0, &[2, 1, 2]),
        vec![2, 1, 1],
        algorithm.clone(),
        issuer.to_vec(),
        element(0x30, &[time, until].concat()),
        subject.to_vec(),
        element(0x30, &key),
        element(0xa3, &element(0x30, extensions)),
    ];
    let signed = [element(0x30, &tbs.concat()), algorithm, element(3, &[0, 1])];
    element(0x30, &signed.concat())
}

/// One element of DER.
pub(crate) fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match contents.len() {
        length @ 0..=0x7f => out.extend(u8::try_from(length)),
        length => {
            out.push(0x83);
            out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes().into_iter().skip(1));
            // No longer than it must be.
            while out.get(2) == Some(&0) {
                out.remove(2);
                if let Some(count) = out.get_mut(1) {
                    *count -= 1;
                }
            }
        }
    }
    out.extend(contents);
    out
}
