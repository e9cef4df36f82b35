//! What is fuzzed. Shared by the fuzz targets and by `tests/fuzz_smoke.rs`.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pki_types::{CertificateDer, ServerName, UnixTime};
use trustbridge::{Crl, Peer, Purpose, Revocation, RevocationCheck, UnknownRevocation, Verifier};
use trustbridge::{files, pem};

/// The PEM reader on arbitrary text, and every kind of block on arbitrary contents: the trust
/// settings of `TRUSTED CERTIFICATE` blocks among them. Returns how many blocks were good.
pub(crate) fn pem(data: &[u8]) -> usize {
    let mut good = check(data);
    // What a file is that is no PEM.
    let contents = [files::read_pem(data), files::read_der(data)];
    assert!(contents.iter().all(|contents| contents.certificates.len() <= data.len()));
    for label in ["CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CRL"] {
        let base64 = STANDARD.encode(data);
        good +=
            check(format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n").as_bytes());
    }
    good
}

fn check(text: &[u8]) -> usize {
    let lines = text.split(|byte| *byte == b'\n').count();
    let mut last = 0;
    let mut good = 0;
    for block in pem::blocks(text) {
        let line = match &block {
            Ok(block) => block.line,
            Err(error) => error.line,
        };
        assert!(last < line && line <= lines, "line {line} after {last} of {lines}");
        last = line;
        good += usize::from(block.is_ok());
    }
    good
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
        .danger_match_common_name(first & 8 != 0);
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
