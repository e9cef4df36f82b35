//! What the tests of the store share.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};

/// A self-signed CA of that name, in DER.
pub(crate) fn certificate(name: &str) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

/// A PEM block.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in base64.as_bytes().chunks(64) {
        out += std::str::from_utf8(line).unwrap();
        out.push('\n');
    }
    out + &format!("-----END {label}-----\n")
}

/// A CA of that name and an end entity it issued, in DER.
pub(crate) fn issue(ca: &str, host: &str) -> (Vec<u8>, Vec<u8>) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, ca);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let root = params.self_signed(&key).unwrap().der().to_vec();
    let issuer = rcgen::Issuer::new(params, key);
    let leaf = CertificateParams::new(vec![host.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    (root, leaf.der().to_vec())
}

/// A CA's certificate as it is, but for its basicConstraints, which cannot be read.
pub(crate) fn malformed(ca: &[u8]) -> Vec<u8> {
    const CONSTRAINTS: &[u8] = &[0x30, 3, 1, 1, 0xff]; // cA TRUE
    let mut der = ca.to_vec();
    let at = (0..der.len()).find(|&at| der[at..].starts_with(CONSTRAINTS)).unwrap();
    der[at + 3] = 2; // one byte more than there is
    der
}
