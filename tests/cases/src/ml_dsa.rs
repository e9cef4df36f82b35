//! ML-DSA certificates (RFC 9881). rcgen makes such keys only with features that build other C code
//! than the product has: so it makes the certificate with a key of P-256, and what that key has put
//! into it is replaced here.

use aws_lc_rs::signature::{
    KeyPair as _, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair,
    PqdsaSigningAlgorithm,
};
use rcgen::{KeyPair, SigningKey as _};

use crate::crl::{der, sequence};
use crate::make::elements;

/// The parameter sets of FIPS 204.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// ML-DSA-44.
    MlDsa44,
    /// ML-DSA-65.
    MlDsa65,
    /// ML-DSA-87.
    MlDsa87,
}

/// A key pair.
pub(crate) struct Key {
    set: Set,
    pair: PqdsaKeyPair,
}

impl Key {
    pub(crate) fn generate(set: Set) -> Self {
        let algorithm: &'static PqdsaSigningAlgorithm = match set {
            Set::MlDsa44 => &ML_DSA_44_SIGNING,
            Set::MlDsa65 => &ML_DSA_65_SIGNING,
            Set::MlDsa87 => &ML_DSA_87_SIGNING,
        };
        Self { set, pair: PqdsaKeyPair::generate(algorithm).unwrap() }
    }

    /// One AlgorithmIdentifier for keys and signatures (RFC 9881 section 2).
    fn algorithm(&self) -> Vec<u8> {
        let last = match self.set {
            Set::MlDsa44 => 17,
            Set::MlDsa65 => 18,
            Set::MlDsa87 => 19,
        };
        sequence(&[der(6, &[0x60, 0x86, 0x48, 1, 101, 3, 4, 3, last])])
    }

    fn spki(&self) -> Vec<u8> {
        let key = self.pair.public_key().as_ref();
        sequence(&[self.algorithm(), der(3, &[&[0], key].concat())])
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.algorithm().signature_len()];
        let length = self.pair.sign(message, &mut signature).unwrap();
        signature.truncate(length);
        signature
    }

    pub(crate) fn pkcs8(&self) -> Vec<u8> {
        self.pair.to_pkcs8v1().unwrap().as_ref().to_vec()
    }
}

/// The certificate with another key, and signed anew; with the keys of P-256 where there is no other.
pub(crate) fn replace_keys(
    cert: &[u8],
    key: Option<&Key>,
    signer: Option<&Key>,
    otherwise: &KeyPair,
) -> Vec<u8> {
    let whole = |(tag, contents): (u8, &[u8])| der(tag, contents);
    let certificate = elements(elements(cert)[0].1);
    let outer = signer.map_or_else(|| whole(certificate[1]), Key::algorithm);
    let fields = elements(certificate[0].1);
    // version, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, extensions
    let fields = fields.into_iter().enumerate().map(|(place, field)| match place {
        2 => outer.clone(),
        6 => key.map_or_else(|| whole(field), Key::spki),
        _ => whole(field),
    });
    let tbs = sequence(&fields.collect::<Vec<_>>());
    let signature =
        signer.map_or_else(|| otherwise.sign(&tbs).unwrap(), |signer| signer.sign(&tbs));
    sequence(&[tbs, outer, der(3, &[&[0], &signature[..]].concat())])
}

/// The certificate with another AlgorithmIdentifier, and another SubjectPublicKeyInfo if one is given.
/// Its signature is wrong then.
pub fn relabel(cert: &[u8], algorithm: &[u8], spki: Option<&[u8]>) -> Vec<u8> {
    let whole = |(tag, contents): (u8, &[u8])| der(tag, contents);
    let certificate = elements(elements(cert)[0].1);
    let fields = elements(certificate[0].1);
    let fields = fields.into_iter().enumerate().map(|(place, field)| match (place, spki) {
        (2, _) => algorithm.to_vec(),
        (6, Some(spki)) => spki.to_vec(),
        _ => whole(field),
    });
    let tbs = sequence(&fields.collect::<Vec<_>>());
    sequence(&[tbs, algorithm.to_vec(), whole(certificate[2])])
}
