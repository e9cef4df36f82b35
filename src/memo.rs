//! Signatures that were verified once in this process are not verified again.
//!
//! That a signature was made with a key is a fact: it depends on no time, name, store or setting.
//! So only that is remembered, and whatever else decides about trust is checked every time. What is
//! compared is everything that went into it, byte by byte: both AlgorithmIdentifiers, the key, the
//! message, the signature, and which implementation verified it. Bad signatures are not remembered.
//!
//! A peer can fill it only with certificates that a trusted CA has signed, as signatures are
//! verified from the trust anchor down. It holds at most [`SETS`] × [`SET_BYTES`] bytes, and which
//! set a signature belongs to depends on a secret of the process, so that nobody can choose whose
//! place to take.
//!
//! Nobody ever waits for it: whoever finds a set taken verifies the signature. That also makes it
//! safe in the child of a `fork()`, where a lock may be held by a thread that is not there.
//!
//! Tests: below, and `tests/memory.rs`.

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

use pki_types::SignatureVerificationAlgorithm;

use crate::algorithms::same_algorithm;
use crate::hashing::mixed;

const SETS: usize = 64;
/// So many that the certificates of one long chain hardly ever crowd each other out of a set.
const WAYS: usize = 8;
/// Most bytes in one set: in all, room for 256 certificates of 4 KiB, and of usual ones for 512.
const SET_BYTES: usize = 16 << 10;
/// Most bytes of one signature with all that belongs to it.
const MAX_BYTES: usize = 4 << 10;

/// All that decides whether a signature is good.
#[derive(Clone, Copy)]
pub(crate) struct Signed<'a> {
    /// What verifies it. Whatever it says of itself is compared as well.
    pub(crate) algorithm: &'static dyn SignatureVerificationAlgorithm,
    /// Contents of a SubjectPublicKeyInfo.
    pub(crate) spki: &'a [u8],
    pub(crate) message: &'a [u8],
    pub(crate) signature: &'a [u8],
}

/// The memo of a process.
pub(crate) struct Memo {
    sets: [RwLock<Set>; SETS],
}

struct Set {
    ways: [Option<Known>; WAYS],
    /// The way that is checked first when one has to go.
    hand: usize,
    bytes: usize,
}

/// A good signature.
struct Known {
    algorithm: &'static dyn SignatureVerificationAlgorithm,
    /// Key, message and signature, one after the other.
    bytes: Box<[u8]>,
    key_end: usize,
    message_end: usize,
    /// Since the hand last passed.
    used: AtomicBool,
}

/// The memo of this process.
pub(crate) static MEMO: Memo = Memo::new();

impl Memo {
    const fn new() -> Self {
        Self { sets: [const { RwLock::new(Set::EMPTY) }; SETS] }
    }

    /// Whether this signature is known to be good.
    pub(crate) fn knows(&self, signed: &Signed<'_>) -> bool {
        let Some(set) = self.set(signed).and_then(|set| set.try_read().ok()) else { return false };
        let known = set.ways.iter().flatten().find(|known| known.is(signed));
        if let Some(known) = known {
            // Written only where it changes, so that threads do not take it from each other.
            if !known.used.load(Ordering::Relaxed) {
                known.used.store(true, Ordering::Relaxed);
            }
        }
        known.is_some()
    }

    /// Remembers a signature that was verified and is good.
    pub(crate) fn remember(&self, signed: &Signed<'_>) {
        let Signed { spki, message, signature, .. } = *signed;
        let length = spki.len().saturating_add(message.len()).saturating_add(signature.len());
        if length > MAX_BYTES {
            return;
        }
        let Some(mut set) = self.set(signed).and_then(|set| set.try_write().ok()) else { return };
        // Another thread may have been faster.
        if !set.ways.iter().flatten().any(|known| known.is(signed)) {
            set.insert(Known {
                algorithm: signed.algorithm,
                bytes: [spki, message, signature].concat().into(),
                key_end: spki.len(),
                message_end: spki.len() + message.len(),
                used: AtomicBool::new(true),
            });
        }
    }

    fn set(&self, signed: &Signed<'_>) -> Option<&RwLock<Set>> {
        // The end of the signature is as good as random, but whoever has many to choose from could
        // aim: hence the secret.
        let end = signed.signature.last_chunk().map_or(0, |end| u64::from_le_bytes(*end));
        let index = mixed(end).to_le_bytes();
        self.sets.get(usize::from(index[4]) % SETS)
    }
}

impl Set {
    const EMPTY: Self = Self { ways: [const { None }; WAYS], hand: 0, bytes: 0 };

    /// Into an empty way if there is one, or else in the place of one that was not used since the
    /// hand last passed. What is new counts as used, or the next one would take its place where the
    /// others are in use.
    fn insert(&mut self, known: Known) {
        while self.bytes + known.bytes.len() > SET_BYTES && self.evict().is_some() {}
        let empty = self.ways.iter().position(Option::is_none).or_else(|| self.evict());
        if let Some(way) = empty.and_then(|way| self.ways.get_mut(way)) {
            self.bytes += known.bytes.len();
            *way = Some(known);
        }
    }

    /// Empties a way and says which; `None` if all are empty.
    fn evict(&mut self) -> Option<usize> {
        // After one round none is used any more.
        for _ in 0..2 * WAYS {
            let index = self.hand;
            self.hand = (index + 1) % WAYS;
            let way = self.ways.get_mut(index)?;
            let passed = way.as_mut().map(|known| std::mem::take(known.used.get_mut()));
            if passed == Some(false) {
                self.bytes -= way.take().map_or(0, |known| known.bytes.len());
                return Some(index);
            }
        }
        None
    }
}

impl Known {
    fn is(&self, signed: &Signed<'_>) -> bool {
        self.bytes.len() == signed.spki.len() + signed.message.len() + signed.signature.len()
            // First what differs between any two.
            && self.bytes.get(self.message_end..) == Some(signed.signature)
            && self.bytes.get(..self.key_end) == Some(signed.spki)
            && self.bytes.get(self.key_end..self.message_end) == Some(signed.message)
            && same_algorithm(self.algorithm, signed.algorithm)
    }
}

#[cfg(test)]
mod tests;
