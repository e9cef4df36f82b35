//! A pool of keys, and signing with them.

use std::collections::HashMap;
use std::sync::Mutex;

use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;

use crate::der;

/// A key with its SubjectPublicKeyInfo.
pub struct Key {
    key: PKey<Private>,
    /// Which kind.
    pub kind: Kind,
    /// DER.
    pub spki: Vec<u8>,
}

/// The kinds of keys in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// P-256, P-384 and P-521.
    P256,
    /// See [`Kind::P256`].
    P384,
    /// See [`Kind::P256`].
    P521,
    /// Which aws-lc-rs does not have.
    Secp256k1,
    /// RSA of 2048 bits.
    Rsa2048,
    /// RSA of 1024 bits.
    Rsa1024,
    /// Ed25519.
    Ed25519,
    /// Which aws-lc-rs does not have.
    Ed448,
}

/// What a signature is made over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-2 of this many bits.
    Sha256,
    /// See [`Hash::Sha256`].
    Sha384,
    /// See [`Hash::Sha256`].
    Sha512,
    /// SHA-1.
    Sha1,
    /// SHA-224.
    Sha224,
}

impl Key {
    fn new(kind: Kind) -> Self {
        let curve = |nid| {
            let group = EcGroup::from_curve_name(nid).unwrap();
            PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
        };
        let key = match kind {
            Kind::P256 => curve(Nid::X9_62_PRIME256V1),
            Kind::P384 => curve(Nid::SECP384R1),
            Kind::P521 => curve(Nid::SECP521R1),
            Kind::Secp256k1 => curve(Nid::SECP256K1),
            Kind::Rsa2048 => PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(),
            Kind::Rsa1024 => PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap(),
            Kind::Ed25519 => PKey::generate_ed25519().unwrap(),
            Kind::Ed448 => PKey::generate_ed448().unwrap(),
        };
        let spki = key.public_key_to_der().unwrap();
        Self { key, kind, spki }
    }

    /// The AlgorithmIdentifier of its signatures over this hash.
    pub fn algorithm(&self, hash: Hash) -> Vec<u8> {
        let number = match hash {
            Hash::Sha256 => 0,
            Hash::Sha384 => 1,
            Hash::Sha512 => 2,
            Hash::Sha224 => 3,
            Hash::Sha1 => 4,
        };
        match self.kind {
            Kind::Ed25519 => der::sequence(&[der::oid(&[1, 3, 101, 112])]),
            Kind::Ed448 => der::sequence(&[der::oid(&[1, 3, 101, 113])]),
            Kind::Rsa2048 | Kind::Rsa1024 => {
                let last = [11, 12, 13, 14, 5][number];
                let oid = der::oid(&[1, 2, 840, 113_549, 1, 1, last]);
                der::sequence(&[oid, vec![5, 0]])
            }
            _ if hash == Hash::Sha1 => der::sequence(&[der::oid(&[1, 2, 840, 10_045, 4, 1])]),
            _ => {
                let last = [2, 3, 4, 1][number];
                der::sequence(&[der::oid(&[1, 2, 840, 10_045, 4, 3, last])])
            }
        }
    }

    /// A signature.
    pub fn sign(&self, hash: Hash, message: &[u8]) -> Vec<u8> {
        let digest = match hash {
            Hash::Sha256 => MessageDigest::sha256(),
            Hash::Sha384 => MessageDigest::sha384(),
            Hash::Sha512 => MessageDigest::sha512(),
            Hash::Sha1 => MessageDigest::sha1(),
            Hash::Sha224 => MessageDigest::sha224(),
        };
        let mut signer = match self.kind {
            Kind::Ed25519 | Kind::Ed448 => Signer::new_without_digest(&self.key),
            _ => Signer::new(digest, &self.key),
        }
        .unwrap();
        signer.sign_oneshot_to_vec(message).unwrap()
    }
}

/// Signatures by signer, hash and message.
type Signed = HashMap<(usize, Hash, Vec<u8>), Vec<u8>>;

/// The pool: many P-256 keys, which are quick, and a few of each other kind.
pub struct Pool {
    keys: Vec<Key>,
    signed: Mutex<Signed>,
}

/// How many keys of the pool are P-256; they come first.
pub const PLAIN: usize = 24;
/// How many others follow.
pub const OTHERS: usize = 7;

impl Pool {
    /// Makes the keys.
    pub fn new() -> Self {
        let others: [_; OTHERS] = [
            Kind::P384,
            Kind::P521,
            Kind::Secp256k1,
            Kind::Rsa2048,
            Kind::Rsa1024,
            Kind::Ed25519,
            Kind::Ed448,
        ];
        Self::of(std::iter::repeat_n(Kind::P256, PLAIN).chain(others))
    }

    /// Keys of these kinds, in this order.
    pub fn of(kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self { keys: kinds.into_iter().map(Key::new).collect(), signed: Mutex::default() }
    }

    /// A signature with the key of this number: always the same one for the same message, as far
    /// back as they are kept. Most certificates of most chains are those of other chains.
    pub fn sign(&self, signer: usize, hash: Hash, message: &[u8]) -> Vec<u8> {
        const MOST_KEPT: usize = 4_000;
        let question = (signer, hash, message.to_vec());
        if let Some(signature) = self.signed.lock().unwrap().get(&question) {
            return signature.clone();
        }
        let signature = self.get(signer).sign(hash, message);
        let mut signed = self.signed.lock().unwrap();
        if signed.len() >= MOST_KEPT {
            signed.clear();
        }
        signed.insert(question, signature.clone());
        signature
    }

    /// One of them.
    pub fn get(&self, number: usize) -> &Key {
        &self.keys[number]
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::new()
    }
}
