//! The signatures of one verification: each is verified once, and all of them come out of one
//! budget, whatever the peer sends. A good one of an earlier verification is not verified again
//! ([`memo`](crate::memo)), but costs the budget as much, so that no verdict depends on what the
//! process has seen before.
//!
//! Tests: the table in `tests/cases` (hostile chains), `tests/verifier.rs`.

use std::collections::HashSet;

use pki_types::SignatureVerificationAlgorithm;

use crate::cert::{Cert, Key, split_spki};
use crate::hashing::QuickMap;
use crate::memo::{MEMO, Signed};
use crate::revocation::{self, BadSignature, Provider};
use crate::settings::Config;

/// What one verification may spend on signatures, in the units of [`cost`]: about as many
/// microseconds. Enough for 100 intermediates with P-384.
pub(super) const BUDGET: u32 = 24_000;

/// What is known about a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Good,
    /// Not made with this key.
    Wrong,
    /// Its algorithm, or the key's, is not supported.
    Unsupported,
}

/// What a signature is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Certificate,
    /// A CRL or an OCSP response.
    Other,
    /// The same, and it costs nothing.
    Known,
}

/// No more signatures are verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

pub(super) struct Signatures<'a> {
    algorithms: &'a Provider,
    /// Beside those, for certificates alone: what is known of CRLs is shared with other verifiers.
    weak: &'static [&'static dyn SignatureVerificationAlgorithm],
    /// Whether the memo of the process is used, and whether it is filled.
    remembers: bool,
    fills: bool,
    spent: u32,
    /// By the numbers of the certificate and of the key.
    memo: QuickMap<(usize, usize), Link>,
}

impl<'a> Signatures<'a> {
    pub(super) fn new(config: &'a Config) -> Self {
        let remembers = config.remember_signatures;
        Self {
            algorithms: &config.algorithms,
            weak: config.weak_algorithms(),
            remembers,
            fills: remembers,
            spent: 0,
            memo: QuickMap::default(),
        }
    }

    /// From now on keys may sign that are not trusted: what they have signed is not remembered.
    pub(super) fn distrust_keys(&mut self) {
        self.fills = false;
    }

    /// Whether a certificate was signed with this key (contents of a SubjectPublicKeyInfo). Both
    /// come with their numbers.
    pub(super) fn link(
        &mut self,
        (number, cert): (usize, &Cert<'_>),
        (key_number, spki): (usize, &[u8]),
    ) -> Result<Link, Exhausted> {
        if let Some(known) = self.known(number, key_number) {
            return Ok(known);
        }
        // RFC 5280 section 4.1.1.2: both fields name one algorithm.
        let link = if cert.algorithms_differ {
            Link::Wrong
        } else {
            self.judge(spki, cert.signature_algorithm, cert.tbs, cert.signature, Of::Certificate)?
        };
        self.memo.insert((number, key_number), link);
        Ok(link)
    }

    /// What is known already.
    pub(super) fn known(&self, number: usize, key_number: usize) -> Option<Link> {
        self.memo.get(&(number, key_number)).copied()
    }

    /// The numbers of the keys with which something was not signed that might have been.
    pub(super) fn wrong_keys(&self) -> HashSet<usize> {
        let wrong = self.memo.iter().filter(|(_, link)| **link != Link::Good);
        wrong.map(|((_, key), _)| *key).collect()
    }

    /// Whether a message was signed with a key. Takes the contents of a SubjectPublicKeyInfo and of
    /// an AlgorithmIdentifier.
    fn judge(
        &mut self,
        spki: &[u8],
        algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
        of: Of,
    ) -> Result<Link, Exhausted> {
        let Ok((key_algorithm, key)) = split_spki(spki) else { return Ok(Link::Unsupported) };
        let charged = of != Of::Known;
        let weak = if of == Of::Certificate { self.weak } else { &[] };
        let matching = self.algorithms.iter().chain(weak).filter(|candidate| {
            candidate.signature_alg_id().as_ref() == algorithm
                && candidate.public_key_alg_id().as_ref() == key_algorithm
        });
        let mut link = Link::Unsupported;
        for &algorithm in matching {
            self.spent = self.spent.saturating_add(if charged { cost(spki) } else { 0 });
            if charged && self.spent > BUDGET {
                return Err(Exhausted);
            }
            let signed = Signed { algorithm, spki, message, signature };
            if self.remembers && MEMO.knows(&signed) {
                return Ok(Link::Good);
            }
            match algorithm.verify_signature(key, message, signature) {
                Ok(()) => {
                    if self.fills {
                        MEMO.remember(&signed);
                    }
                    return Ok(Link::Good);
                }
                Err(_) => link = Link::Wrong,
            }
        }
        Ok(link)
    }
}

impl revocation::Signatures for Signatures<'_> {
    fn provider(&self) -> &Provider {
        self.algorithms
    }

    fn verify(
        &mut self,
        spki: &[u8],
        algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        bad(self.judge(spki, algorithm, message, signature, Of::Other))
    }

    fn verify_known(
        &mut self,
        spki: &[u8],
        algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        bad(self.judge(spki, algorithm, message, signature, Of::Known))
    }
}

fn bad(link: Result<Link, Exhausted>) -> Result<(), BadSignature> {
    match link {
        Ok(Link::Good) => Ok(()),
        Ok(Link::Wrong) => Err(BadSignature::Wrong),
        Ok(Link::Unsupported) => Err(BadSignature::Unsupported),
        Err(Exhausted) => Err(BadSignature::TooMany),
    }
}

/// What a signature with this key costs to verify, right or wrong: microseconds on a machine of
/// 2020, and no less than twice what an adversary could save by a faster one.
fn cost(spki: &[u8]) -> u32 {
    match Key::parse(spki) {
        // The square of the length, for a small exponent; a large one makes it the cube, and no
        // library that is in use here takes one of more than 33 bits.
        Key::Rsa(bits) => {
            let kilobits = u32::try_from(bits.div_ceil(1024)).unwrap_or(u32::MAX);
            kilobits.saturating_mul(kilobits).saturating_mul(6).max(30)
        }
        Key::Ec => match spki.len() {
            0..=95 => 70,
            96..=125 => 230,
            _ => 450,
        },
        // Of the others only the keys of ML-DSA are long.
        _ => match spki.len() {
            0..=1311 => 100,
            1312..=1951 => 130,
            1952..=2591 => 200,
            _ => 300,
        },
    }
}
