//! A quick hash for maps whose keys a peer, or the files of the store, may choose: keyed with a secret
//! of the process, so that nobody can make them collide. Standard maps would do as well, at ten times
//! the cost for keys of a few octets.
//!
//! Tests: below.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// A map with short keys.
pub(crate) type QuickMap<K, V> = HashMap<K, V, BuildHasherDefault<Quick>>;

/// The secret of this process.
pub(crate) fn secret() -> u64 {
    // Zero until it is made.
    static SECRET: AtomicU64 = AtomicU64::new(0);
    match SECRET.load(Ordering::Relaxed) {
        0 => {
            let fresh = RandomState::new().hash_one(0) | 1;
            // Of several threads the first decides.
            let relaxed = Ordering::Relaxed;
            SECRET.compare_exchange(0, fresh, relaxed, relaxed).err().unwrap_or(fresh)
        }
        known => known,
    }
}

/// Mixes a word with the secret: every bit of the word changes about half of the bits. Twice, as words
/// that differ in few bits stay a pattern after one multiplication by a secret that is none too good.
pub(crate) fn mixed(word: u64) -> u64 {
    let secret = secret();
    folded(folded(word ^ secret, secret) ^ 0x243f_6a88_85a3_08d3, 0x9e37_79b9_7f4a_7c15)
}

/// Both halves of a product: a multiplication moves what a bit says upwards only.
fn folded(one: u64, other: u64) -> u64 {
    let product = u128::from(one).wrapping_mul(u128::from(other));
    let [low, high] = [product, product >> 64].map(|half| half & u128::from(u64::MAX));
    u64::try_from(low ^ high).unwrap_or_default()
}

/// The hash that a [`QuickMap`] has for a key.
pub(crate) fn hash(value: impl Hash) -> u64 {
    BuildHasherDefault::<Quick>::default().hash_one(value)
}

/// The hasher of [`QuickMap`].
#[derive(Default)]
pub(crate) struct Quick(u64);

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            self.write_u64(chunk.iter().fold(0, |word, octet| word << 8 | u64::from(*octet)));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = mixed(self.0.rotate_left(32) ^ word);
    }

    fn write_u128(&mut self, word: u128) {
        self.write(&word.to_ne_bytes());
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(u64::try_from(word).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_that_differ_little_spread_over_a_table() {
        // A table looks at the lowest bits and at the seven highest.
        for bits in [|hash: u64| hash & 0xfff, |hash: u64| hash >> 52] {
            for key in [|n: u64| n, |n: u64| n << 12, |n: u64| n << 52] {
                let places: HashSet<u64> = (0..4096).map(|n| bits(hash(key(n)))).collect();
                // Of 4,096 balls in as many boxes 63 % of the boxes get one.
                assert!(places.len() > 2000, "{}", places.len());
            }
        }
    }

    #[test]
    fn every_part_of_a_key_counts() {
        assert_ne!(hash((1_usize, 2_usize)), hash((2_usize, 1_usize)));
        assert_ne!(hash((0_usize, 1_usize)), hash((0_usize, 2_usize)));
        assert_ne!(hash(1_u128), hash(1_u128 << 64));
        assert_eq!(hash((3_usize, 4_usize)), hash((3_usize, 4_usize)));
    }
}
