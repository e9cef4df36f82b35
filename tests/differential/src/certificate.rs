//! A certificate to be written, field by field, right or wrong.

use crate::der;
use crate::keys::{Hash, Pool};

/// A relative distinguished name: object identifier (last arc below 2.5.4), tag and value of each.
pub type Rdn = Vec<(Attribute, u8, Vec<u8>)>;

/// An attribute's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// 2.5.4 and this.
    X520(u64),
    /// emailAddress.
    Email,
}

/// A distinguished name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(pub Vec<Rdn>);

impl Name {
    /// The whole SEQUENCE.
    pub fn der(&self) -> Vec<u8> {
        let rdns: Vec<_> = self
            .0
            .iter()
            .map(|rdn| {
                let attributes: Vec<_> = rdn
                    .iter()
                    .map(|(attribute, tag, value)| {
                        let oid = match attribute {
                            Attribute::X520(last) => der::oid(&[2, 5, 4, *last]),
                            Attribute::Email => der::oid(&[1, 2, 840, 113_549, 1, 9, 1]),
                        };
                        der::sequence(&[oid, der::element(*tag, value)])
                    })
                    .collect();
                der::set(&attributes)
            })
            .collect();
        der::sequence(&rdns)
    }
}

/// An extension: object identifier, the octets of `critical` if it is written, value.
#[derive(Clone, Debug)]
pub struct Extension {
    /// DER.
    pub oid: Vec<u8>,
    /// The octet of the BOOLEAN.
    pub critical: Option<u8>,
    /// Contents of the OCTET STRING.
    pub value: Vec<u8>,
}

/// A certificate.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The version as written; absent is 0.
    pub version: Option<i64>,
    /// Contents of the INTEGER.
    pub serial: Vec<u8>,
    /// Issuer.
    pub issuer: Name,
    /// Subject.
    pub subject: Name,
    /// DER of both times.
    pub validity: (Vec<u8>, Vec<u8>),
    /// Its key, by number.
    pub key: usize,
    /// The SubjectPublicKeyInfo, if it is not the key's.
    pub spki: Option<Vec<u8>>,
    /// Whether it has unique identifiers.
    pub unique: bool,
    /// In order.
    pub extensions: Vec<Extension>,
    /// The key that signs, by number.
    pub signer: usize,
    /// What is signed over.
    pub hash: Hash,
    /// Whether the outer algorithm is another one.
    pub other_algorithm: bool,
    /// Whether the signature is damaged.
    pub damaged: bool,
}

impl Certificate {
    /// Writes and signs it.
    pub fn der(&self, pool: &Pool) -> Vec<u8> {
        let signer = pool.get(self.signer);
        let algorithm = signer.algorithm(self.hash);
        let mut fields = Vec::new();
        if let Some(version) = self.version {
            fields.push(der::context(0, &der::integer(version)));
        }
        fields.push(der::element(2, &self.serial));
        fields.push(algorithm.clone());
        fields.push(self.issuer.der());
        fields.push(der::sequence(&[self.validity.0.clone(), self.validity.1.clone()]));
        fields.push(self.subject.der());
        fields.push(self.spki.clone().unwrap_or_else(|| pool.get(self.key).spki.clone()));
        if self.unique {
            fields.push(der::context_primitive(1, &[0, 1, 2]));
            fields.push(der::context_primitive(2, &[0, 3]));
        }
        if !self.extensions.is_empty() {
            let list: Vec<_> = self
                .extensions
                .iter()
                .map(|extension| {
                    let critical = extension.critical.map(der::boolean).unwrap_or_default();
                    der::sequence(&[extension.oid.clone(), critical, der::octets(&extension.value)])
                })
                .collect();
            fields.push(der::context(3, &der::sequence(&list)));
        }
        let tbs = der::sequence(&fields);
        let mut signature = pool.sign(self.signer, self.hash, &tbs);
        if self.damaged {
            *signature.last_mut().unwrap() ^= 1;
        }
        let outer = if self.other_algorithm {
            signer.algorithm(if self.hash == Hash::Sha384 { Hash::Sha256 } else { Hash::Sha384 })
        } else {
            algorithm
        };
        der::sequence(&[tbs, outer, der::bits(&signature)])
    }

    /// The extension with this object identifier.
    pub fn extension(&mut self, oid: &[u64]) -> Option<&mut Extension> {
        let oid = der::oid(oid);
        self.extensions.iter_mut().find(|extension| extension.oid == oid)
    }

    /// Adds or replaces an extension.
    pub fn set(&mut self, oid: &[u64], critical: bool, value: Vec<u8>) {
        self.remove(oid);
        let critical = critical.then_some(0xff);
        self.extensions.push(Extension { oid: der::oid(oid), critical, value });
    }

    /// Removes an extension.
    pub fn remove(&mut self, oid: &[u64]) {
        let oid = der::oid(oid);
        self.extensions.retain(|extension| extension.oid != oid);
    }
}
