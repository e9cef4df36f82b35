//! A question to a verifier: a chain, a store, a name, a time.

use crate::certificate::{Attribute, Certificate, Extension, Name};
use crate::der;
use crate::keys::{Hash, PLAIN, Pool};
use crate::mutations;
use crate::random::Random;

/// Everything a verdict rests on.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What the peer sends, end entity first.
    pub chain: Vec<Vec<u8>>,
    /// Untrusted certificates the caller knows.
    pub known: Vec<Vec<u8>>,
    /// The store.
    pub store: Vec<Entry>,
    /// A DNS name or an IP address.
    pub peer: Option<&'static str>,
    /// Seconds since 1970.
    pub time: i64,
    /// What the chain is for.
    pub purpose: Purpose,
    /// X509_V_FLAG_X509_STRICT.
    pub strict: bool,
    /// Whether common names count.
    pub common_name: bool,
    /// What was done to a good chain.
    pub labels: Vec<&'static str>,
}

impl Scenario {
    /// Whether common names count: always where a server of OpenSSL verifies clients.
    pub fn common_names(&self) -> bool {
        self.common_name || self.purpose == Purpose::Client
    }
}

/// A certificate of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// DER.
    pub der: Vec<u8>,
    /// OpenSSL's trust settings.
    pub trust: Option<Trust>,
}

/// Trust settings: purposes by the last arc below id-kp, 0 for any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// Trusted purposes, if there is a list.
    pub trusted: Option<Vec<u64>>,
    /// Rejected purposes.
    pub rejected: Vec<u64>,
}

impl Trust {
    /// Whether the purpose is among the rejected ones.
    pub fn rejects(&self, purpose: Purpose) -> bool {
        self.rejected.contains(&purpose.last_arc()) || self.rejected.contains(&0)
    }

    /// The `CertAux` that follows a certificate in a `TRUSTED CERTIFICATE` block.
    pub fn der(&self) -> Vec<u8> {
        let list = |purposes: &[u64]| -> Vec<u8> {
            purposes
                .iter()
                .flat_map(|&purpose| match purpose {
                    0 => der::oid(&[2, 5, 29, 37, 0]),
                    last => der::oid(&[1, 3, 6, 1, 5, 5, 7, 3, last]),
                })
                .collect()
        };
        let mut fields = Vec::new();
        if let Some(trusted) = &self.trusted {
            fields.push(der::element(0x30, &list(trusted)));
        }
        if !self.rejected.is_empty() {
            fields.push(der::context(0, &list(&self.rejected)));
        }
        der::sequence(&fields)
    }
}

/// What a chain is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A TLS server.
    Server,
    /// A TLS client.
    Client,
}

impl Purpose {
    /// The last arc of its object identifier, below id-kp (RFC 5280 section 4.2.1.12).
    fn last_arc(self) -> u64 {
        match self {
            Self::Server => 1,
            Self::Client => 2,
        }
    }
}

/// 2027-01-15 08:00:00 UTC.
pub const NOW: i64 = 1_800_000_000;
/// Seconds.
pub const DAY: i64 = 86_400;

/// Object identifiers of extensions.
pub mod oid {
    #![allow(missing_docs)]
    pub const SUBJECT_KEY_ID: &[u64] = &[2, 5, 29, 14];
    pub const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
    pub const SUBJECT_ALT_NAME: &[u64] = &[2, 5, 29, 17];
    pub const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
    pub const NAME_CONSTRAINTS: &[u64] = &[2, 5, 29, 30];
    pub const DISTRIBUTION_POINTS: &[u64] = &[2, 5, 29, 31];
    pub const POLICIES: &[u64] = &[2, 5, 29, 32];
    pub const POLICY_MAPPINGS: &[u64] = &[2, 5, 29, 33];
    pub const AUTHORITY_KEY_ID: &[u64] = &[2, 5, 29, 35];
    pub const POLICY_CONSTRAINTS: &[u64] = &[2, 5, 29, 36];
    pub const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];
    pub const INHIBIT_ANY_POLICY: &[u64] = &[2, 5, 29, 54];
    pub const AUTHORITY_INFO: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
    pub const PROXY: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 14];
    pub const NO_CHECK: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 48, 1, 5];
    pub const NETSCAPE_TYPE: &[u64] = &[2, 16, 840, 1, 113_730, 1, 1];
    pub const SCTS: &[u64] = &[1, 3, 6, 1, 4, 1, 11_129, 2, 4, 2];
    pub const UNKNOWN: &[u64] = &[2, 999, 1];
}

/// A scenario in the making.
pub struct World<'p> {
    /// Where all choices come from.
    pub random: Random,
    /// The keys.
    pub pool: &'p Pool,
    /// End entity first, root last.
    pub chain: Vec<Certificate>,
    /// How often each certificate of the chain is sent.
    pub sent: Vec<usize>,
    /// Which certificates of the chain the store has.
    pub stored: Vec<(usize, Option<Trust>)>,
    /// Which certificates of the chain the caller knows.
    pub known: Vec<usize>,
    /// Further certificates that are sent.
    pub also_sent: Vec<Certificate>,
    /// Further certificates of the store.
    pub also_stored: Vec<(Certificate, Option<Trust>)>,
    /// Whether what is sent is in another order.
    pub shuffled: bool,
    /// See [`Scenario`].
    pub peer: Option<&'static str>,
    /// See [`Scenario`].
    pub time: i64,
    /// See [`Scenario`].
    pub purpose: Purpose,
    /// See [`Scenario`].
    pub strict: bool,
    /// See [`Scenario`].
    pub common_name: bool,
}

/// An organization and a common name, PrintableString.
pub fn name(common: &str) -> Name {
    let attribute = |last, text: &str| vec![(Attribute::X520(last), 0x13, text.into())];
    Name(vec![attribute(10, "Trustbridge  Tests"), attribute(3, common)])
}

/// The key identifier of a key.
pub fn key_id(key: usize) -> Vec<u8> {
    vec![0x4b, key as u8, 0x1d]
}

/// A CA with the usual extensions.
pub fn ca(subject: &Name, key: usize, issuer: &Name, signer: usize) -> Certificate {
    let mut cert = Certificate {
        version: Some(2),
        serial: vec![1, key as u8, signer as u8],
        issuer: issuer.clone(),
        subject: subject.clone(),
        validity: (der::time(NOW - 300 * DAY), der::time(NOW + 300 * DAY)),
        key,
        spki: None,
        unique: false,
        extensions: Vec::new(),
        signer,
        hash: Hash::Sha256,
        other_algorithm: false,
        damaged: false,
    };
    cert.set(oid::BASIC_CONSTRAINTS, true, der::sequence(&[der::boolean(0xff)]));
    cert.set(oid::KEY_USAGE, true, der::element(3, &[1, 6]));
    cert.set(oid::SUBJECT_KEY_ID, false, der::octets(&key_id(key)));
    cert.set(
        oid::AUTHORITY_KEY_ID,
        false,
        der::sequence(&[der::context_primitive(0, &key_id(signer))]),
    );
    cert
}

/// An end entity with the usual extensions.
pub fn end_entity(key: usize, issuer: &Name, signer: usize, purpose: Purpose) -> Certificate {
    let mut cert = ca(&name("host.example"), key, issuer, signer);
    cert.remove(oid::BASIC_CONSTRAINTS);
    cert.remove(oid::SUBJECT_KEY_ID);
    cert.set(oid::KEY_USAGE, true, der::element(3, &[7, 0x80]));
    cert.set(
        oid::EXTENDED_KEY_USAGE,
        false,
        der::sequence(&[der::oid(&[1, 3, 6, 1, 5, 5, 7, 3, purpose.last_arc()])]),
    );
    let names =
        [der::context_primitive(2, b"host.example"), der::context_primitive(7, &[192, 0, 2, 1])];
    cert.set(oid::SUBJECT_ALT_NAME, false, der::sequence(&names));
    cert
}

const CAS: [&str; 16] = [
    "CA A", "CA B", "CA C", "CA D", "CA E", "CA F", "CA G", "CA H", "CA I", "CA J", "CA K", "CA L",
    "CA M", "CA N", "CA O", "CA P",
];

impl<'p> World<'p> {
    fn new(mut random: Random, pool: &'p Pool) -> Self {
        let intermediates = match random.below(1000) {
            // Around the longest chains that OpenSSL accepts, and that the core reads.
            0 => random.choose(&[90, 99, 100, 100, 100, 101]),
            1..30 => 5 + random.below(8),
            _ => random.choose(&[0, 1, 1, 1, 2, 2, 3, 4]),
        };
        let purpose = if random.percent(15) { Purpose::Client } else { Purpose::Server };
        // Two neighbours have two keys, and the certificates of one chain are those of many others.
        let first_key = random.below(PLAIN);
        let names: Vec<_> = (0..=intermediates)
            .map(|level| match CAS.get(level) {
                Some(common) => name(common),
                None => name(&format!("CA {level}")),
            })
            .collect();
        let key = |level: usize| (first_key + level) % PLAIN;
        let mut chain = vec![end_entity(key(0), &names[0], key(1), purpose)];
        for level in 0..intermediates {
            chain.push(ca(&names[level], key(level + 1), &names[level + 1], key(level + 2)));
        }
        let (root, root_key) = (&names[intermediates], key(intermediates + 1));
        let mut top = ca(root, root_key, root, root_key);
        top.remove(oid::AUTHORITY_KEY_ID);
        chain.push(top);
        let count = chain.len();
        let mut sent = vec![1; count];
        sent[count - 1] = usize::from(random.percent(20));
        Self {
            chain,
            sent,
            stored: vec![(count - 1, None)],
            known: Vec::new(),
            also_sent: Vec::new(),
            also_stored: Vec::new(),
            shuffled: false,
            peer: if purpose == Purpose::Server { Some("host.example") } else { None },
            time: NOW,
            purpose,
            strict: random.percent(12),
            common_name: random.percent(25),
            pool,
            random,
        }
    }

    /// The extension with these octets, wherever it belongs.
    pub fn raw(oid: &[u64], critical: Option<u8>, value: Vec<u8>) -> Extension {
        Extension { oid: der::oid(oid), critical, value }
    }

    /// One of the CAs of the chain.
    pub fn any_ca(&mut self) -> usize {
        1 + self.random.below(self.chain.len() - 1)
    }

    /// One of the certificates of the chain; more often one at an end.
    pub fn any(&mut self) -> usize {
        match self.random.below(4) {
            0 => 0,
            1 => self.chain.len() - 1,
            _ => self.random.below(self.chain.len()),
        }
    }

    fn finish(mut self, labels: Vec<&'static str>) -> Scenario {
        let ders: Vec<_> = self.chain.iter().map(|cert| cert.der(self.pool)).collect();
        let mut rest: Vec<_> = ders
            .iter()
            .zip(&self.sent)
            .skip(1)
            .flat_map(|(der, &times)| std::iter::repeat_n(der.clone(), times))
            .chain(self.also_sent.iter().map(|cert| cert.der(self.pool)))
            .collect();
        if self.shuffled {
            self.random.shuffle(&mut rest);
        }
        let mut store: Vec<_> = self
            .stored
            .iter()
            .map(|(place, trust)| Entry { der: ders[*place].clone(), trust: trust.clone() })
            .chain(
                self.also_stored
                    .iter()
                    .map(|(cert, trust)| Entry { der: cert.der(self.pool), trust: trust.clone() }),
            )
            .collect();
        if self.shuffled {
            self.random.shuffle(&mut store);
        }
        Scenario {
            chain: std::iter::once(ders[0].clone()).chain(rest).collect(),
            known: self.known.iter().map(|&place| ders[place].clone()).collect(),
            store,
            peer: self.peer,
            time: self.time,
            purpose: self.purpose,
            strict: self.strict,
            common_name: self.common_name,
            labels,
        }
    }
}

/// The scenario of this number.
pub fn generate(seed: u64, number: u64, pool: &Pool) -> Scenario {
    let mut world = World::new(Random::new(seed, number), pool);
    let count = world.random.choose(&[0, 1, 1, 1, 1, 2, 2, 2, 3, 4]);
    let mut labels = Vec::new();
    for _ in 0..count {
        let (label, mutate) = world.random.choose(mutations::ALL);
        mutate(&mut world);
        labels.push(label);
    }
    world.finish(labels)
}
