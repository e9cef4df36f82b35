//! The signatures of one verification: each is verified once, and all of them, like all other work
//! that a peer can multiply, come out of one budget, whatever the peer sends. A good one of an
//! earlier verification is not verified again ([`memo`](crate::memo)), but costs the budget as much,
//! so that no verdict depends on what the process has seen before.
//!
//! Tests: below, the table in `tests/cases` (hostile chains), `tests/verifier.rs`.

use std::collections::HashSet;

use pki_types::SignatureVerificationAlgorithm;

use crate::cert::{Cert, Key, split_spki};
use crate::hashing::QuickMap;
use crate::memo::{MEMO, Signed};
use crate::revocation::{self, BadSignature, Provider};
use crate::settings::Config;

/// What one verification may spend, in the units of [`cost`]: about as many microseconds. Enough for
/// 100 intermediates with P-256 or RSA up to 4096 bits, for 57 with P-384 and for 33 with P-521.
const BUDGET: u32 = 15_000;
/// What of it may go to the explanation of a rejection.
const EXPLANATION: u32 = 2_000;
/// What of it may go to signatures that turn out wrong: in all, for each certificate that may be in a
/// path, and whatever is sent. Anyone can make those, while a good one needs a CA's key. Of 10
/// certificates 38 may be wrong with P-256, 11 with P-384 or 6 with P-521, of 100 193, 52 or 31.
const WRONG_BUDGET: u32 = 13_500;
const WRONG_BUDGET_OF_EACH: u32 = 160;
const WRONG_BUDGET_OF_ANY: u32 = 1_000;

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

/// The budget is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

pub(super) struct Signatures<'a> {
    algorithms: &'a Provider,
    /// Beside those, for certificates alone: what is known of CRLs is shared with other verifiers.
    weak: &'static [&'static dyn SignatureVerificationAlgorithm],
    /// Whether the memo of the process is used, and whether it is filled.
    remembers: bool,
    fills: bool,
    budget: u32,
    spent: u32,
    spent_on_wrong: u32,
    wrong_budget: u32,
    /// By the numbers of the certificate and of the key.
    memo: QuickMap<(usize, usize), Link>,
}

impl<'a> Signatures<'a> {
    /// For so many certificates.
    pub(super) fn new(config: &'a Config, certificates: usize) -> Self {
        let remembers = config.remember_signatures;
        Self {
            algorithms: &config.algorithms,
            weak: config.weak_algorithms(),
            remembers,
            fills: remembers,
            budget: BUDGET,
            spent: 0,
            spent_on_wrong: 0,
            wrong_budget: wrong_budget(certificates),
            memo: QuickMap::default(),
        }
    }

    /// From now on keys may sign that are not trusted: what they have signed is not remembered. The
    /// verdict stands, and what it rests on is found quickly or not at all.
    pub(super) fn explain(&mut self) {
        self.fills = false;
        self.budget = self.budget.min(self.spent.saturating_add(EXPLANATION));
    }

    /// Takes the price of other work out of the budget.
    pub(super) fn spend(&mut self, price: usize) -> Result<(), Exhausted> {
        self.spent = self.spent.saturating_add(u32::try_from(price).unwrap_or(u32::MAX));
        if self.spent > self.budget { Err(Exhausted) } else { Ok(()) }
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
        let price = if of == Of::Known { 0 } else { cost(spki) };
        let weak = if of == Of::Certificate { self.weak } else { &[] };
        let matching = self.algorithms.iter().chain(weak).filter(|candidate| {
            candidate.signature_alg_id().as_ref() == algorithm
                && candidate.public_key_alg_id().as_ref() == key_algorithm
        });
        let mut link = Link::Unsupported;
        for &algorithm in matching {
            self.spent = self.spent.saturating_add(price);
            if price > 0 && (self.spent > self.budget || self.spent_on_wrong > self.wrong_budget) {
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
                Err(_) => {
                    self.spent_on_wrong = self.spent_on_wrong.saturating_add(price);
                    link = Link::Wrong;
                }
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

fn wrong_budget(certificates: usize) -> u32 {
    let certificates = u32::try_from(certificates).unwrap_or(u32::MAX);
    let of_each = certificates.saturating_mul(WRONG_BUDGET_OF_EACH);
    of_each.saturating_add(WRONG_BUDGET_OF_ANY).min(WRONG_BUDGET)
}

/// What a signature with this key costs to verify, right or wrong: microseconds on a machine of
/// 2020, and no less than twice what an adversary could save by a faster one.
pub(super) fn cost(spki: &[u8]) -> u32 {
    match Key::parse(spki) {
        // The square of the length, for a small exponent; a large one makes it the cube, and no
        // library that is in use here takes one of more than 33 bits.
        Key::Rsa(bits) => {
            let kilobits = u32::try_from(bits.div_ceil(1024)).unwrap_or(u32::MAX);
            kilobits.saturating_mul(kilobits).saturating_mul(6).max(30)
        }
        // By the curve and not by the length of the key: a compressed point costs even more.
        Key::Ec(..=32) => 70,
        Key::Ec(..=48) => 260,
        Key::Ec(_) => 450,
        // Of the others only the keys of ML-DSA are long, and only Ed25519's are short.
        _ => match spki.len() {
            0..=63 => 90,
            64..=1311 => 100,
            1312..=1951 => 130,
            1952..=2591 => 200,
            _ => 300,
        },
    }
}

#[cfg(test)]
mod tests {
    use pki_types::{AlgorithmIdentifier, InvalidSignature, alg_id};

    use super::*;
    use crate::cert::der::element;

    /// Finds every signature of P-521 good, or none.
    #[derive(Debug)]
    struct Fixed<const ACCEPTS: bool>;

    impl<const ACCEPTS: bool> SignatureVerificationAlgorithm for Fixed<ACCEPTS> {
        fn public_key_alg_id(&self) -> AlgorithmIdentifier {
            alg_id::ECDSA_P521
        }

        fn signature_alg_id(&self) -> AlgorithmIdentifier {
            alg_id::ECDSA_SHA512
        }

        fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
            if ACCEPTS { Ok(()) } else { Err(InvalidSignature) }
        }
    }

    /// A search through so many certificates, in which these signatures can be verified.
    fn signatures(algorithms: &Provider, certificates: usize) -> Signatures<'_> {
        Signatures {
            algorithms,
            weak: &[],
            remembers: false,
            fills: false,
            budget: BUDGET,
            spent: 0,
            spent_on_wrong: 0,
            wrong_budget: wrong_budget(certificates),
            memo: QuickMap::default(),
        }
    }

    /// What the signatures are found to be that are verified before the budget ends.
    fn verified(mut signatures: Signatures<'_>, point: &[u8]) -> Vec<Link> {
        let (key, of) = (alg_id::ECDSA_P521, alg_id::ECDSA_SHA512);
        let point = [&[0], point].concat(); // no unused bits
        let spki = [element(0x30, &key), element(0x03, &point)].concat();
        let judge = move || signatures.judge(&spki, &of, b"", b"", Of::Certificate).ok();
        std::iter::from_fn(judge).take(1_000).collect()
    }

    const UNCOMPRESSED: [u8; 133] = [4; 133];

    #[test]
    fn wrong_signatures_end_sooner_than_good_ones() {
        let (wrong, good): (Provider, Provider) =
            ([&Fixed::<false> as _].into(), [&Fixed::<true> as _].into());
        for point in [&UNCOMPRESSED[..], &[2; 67]] {
            for (certificates, count) in [(2, 3), (10, 6), (100, 31)] {
                let found = verified(signatures(&wrong, certificates), point);
                assert_eq!(found, vec![Link::Wrong; count]);
                let found = verified(signatures(&good, certificates), point);
                assert_eq!(found, vec![Link::Good; 33]);
            }
        }
    }

    #[test]
    fn other_work_and_explanations_come_out_of_the_same_budget() {
        let good: Provider = [&Fixed::<true> as _].into();
        let mut after_work = signatures(&good, 100);
        assert_eq!(after_work.spend(14_000), Ok(()));
        assert_eq!(verified(after_work, &UNCOMPRESSED).len(), 2);
        let mut explaining = signatures(&good, 100);
        explaining.explain();
        assert_eq!(verified(explaining, &UNCOMPRESSED).len(), 4);
        assert_eq!(signatures(&good, 100).spend(15_001), Err(Exhausted));
    }
}
