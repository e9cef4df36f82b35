use std::thread;

use pki_types::{AlgorithmIdentifier, InvalidSignature, alg_id};

use super::*;

/// Without a size, so that all of them have one address.
#[derive(Debug)]
struct Fixed<const ACCEPTS: bool>;

impl<const ACCEPTS: bool> SignatureVerificationAlgorithm for Fixed<ACCEPTS> {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA256
    }

    fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
        if ACCEPTS { Ok(()) } else { Err(InvalidSignature) }
    }
}

/// What says of itself what it is told to say.
#[derive(Debug)]
struct Named(AlgorithmIdentifier, AlgorithmIdentifier);

impl SignatureVerificationAlgorithm for Named {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.0
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.1
    }

    fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
        Ok(())
    }
}

const ACCEPTS: &dyn SignatureVerificationAlgorithm = &Fixed::<true>;

fn signed<'a>(spki: &'a [u8], message: &'a [u8], signature: &'a [u8]) -> Signed<'a> {
    Signed { algorithm: ACCEPTS, spki, message, signature }
}

/// The bytes held, as counted and as they are.
fn held(memo: &Memo) -> usize {
    let sets = memo.sets.iter().map(|set| {
        let set = set.read().unwrap();
        let bytes: usize = set.ways.iter().flatten().map(|known| known.bytes.len()).sum();
        assert_eq!(set.bytes, bytes);
        bytes
    });
    sets.sum()
}

#[test]
fn only_the_very_same_signature_is_known() {
    let memo = Memo::new();
    let (spki, message, signature) = (&b"key"[..], &b"the message"[..], &b"a signature"[..]);
    let known = signed(spki, message, signature);
    assert!(!memo.knows(&known));
    memo.remember(&known);
    assert!(memo.knows(&known));

    let mut changed = 0;
    for part in 0..3 {
        for at in 0..[spki, message, signature][part].len() {
            for bit in 0..8 {
                let mut parts = [spki.to_vec(), message.to_vec(), signature.to_vec()];
                parts[part][at] ^= 1 << bit;
                assert!(!memo.knows(&signed(&parts[0], &parts[1], &parts[2])));
                changed += 1;
            }
        }
    }
    assert_eq!(changed, 8 * (3 + 11 + 11));
    // The same bytes, divided otherwise.
    assert!(!memo.knows(&signed(b"keyt", b"he message", signature)));
    assert!(!memo.knows(&signed(b"ke", b"ythe message", signature)));
    assert!(!memo.knows(&signed(spki, b"the messag", b"ea signature")));
    assert!(!memo.knows(&signed(spki, b"the messagea", b" signature")));
    assert!(!memo.knows(&signed(message, spki, signature)));
}

#[test]
fn another_algorithm_knows_nothing() {
    let memo = Memo::new();
    let parts = |algorithm| Signed { algorithm, ..signed(b"key", b"message", b"signature") };
    memo.remember(&parts(ACCEPTS));
    let refuses: &'static dyn SignatureVerificationAlgorithm = &Fixed::<false>;
    assert!(memo.knows(&parts(ACCEPTS)) && !memo.knows(&parts(refuses)));

    let memo = Memo::new();
    let named = |key, signature| -> &'static dyn SignatureVerificationAlgorithm {
        Box::leak(Box::new(Named(key, signature)))
    };
    let one = named(alg_id::ECDSA_P256, alg_id::ECDSA_SHA256);
    memo.remember(&parts(one));
    assert!(memo.knows(&parts(one)));
    for other in [
        named(alg_id::ECDSA_P256, alg_id::ECDSA_SHA256), // another provider's
        named(alg_id::ECDSA_P256, alg_id::ECDSA_SHA384),
        named(alg_id::ECDSA_P384, alg_id::ECDSA_SHA256),
    ] {
        assert!(!memo.knows(&parts(other)));
    }
}

#[test]
fn a_flood_does_not_grow_it() {
    let memo = Memo::new();
    let numbers = 0..40_000_u64;
    for number in numbers.clone() {
        let signature = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        let message = vec![0; usize::try_from(number % 5_000).unwrap()];
        let one = signed(b"key", &message, &signature);
        memo.remember(&one);
        // What is new is there, if it is not too large.
        assert_eq!(memo.knows(&one), message.len() + 11 <= MAX_BYTES);
    }
    let held = held(&memo);
    assert!(held <= SETS * SET_BYTES && held > SETS * SET_BYTES / 2, "{held}");
    assert_eq!(SETS * SET_BYTES, 1 << 20);
}

#[test]
fn what_is_in_use_outlives_what_is_not() {
    let memo = Memo::new();
    let used = signed(b"key", b"used", b"signature of it");
    memo.remember(&used);
    let mut misses = 0;
    for number in 0..10_000_u64 {
        let signature = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        memo.remember(&signed(b"key", b"other", &signature));
        if !memo.knows(&used) {
            misses += 1;
            memo.remember(&used);
        }
    }
    assert!(misses < 50, "{misses}");
    // Where all others of its set are in use, what is new is not the first to go.
    let memo = Memo::new();
    let one = |message| signed(b"key", message, b"12345678");
    for message in [b"1", b"2", b"3", b"4", b"5"] {
        memo.remember(&one(message));
    }
    for message in [b"1", b"2", b"3", b"4"] {
        memo.knows(&one(message));
    }
    memo.remember(&one(b"6"));
    assert!(memo.knows(&one(b"5")) && memo.knows(&one(b"6")));
    // Five of one set, one after the other: a new one never takes the place of the one before.
    let memo = Memo::new();
    let messages = [&b"1"[..], b"2", b"3", b"4", b"5"];
    for pair in messages.iter().cycle().zip(messages.iter().cycle().skip(1)).take(100) {
        let (before, next) =
            (signed(b"key", pair.0, b"12345678"), signed(b"key", pair.1, b"12345678"));
        memo.remember(&before);
        memo.remember(&next);
        assert!(memo.knows(&before) && memo.knows(&next));
    }
}

/// As in the child of a fork, where the thread that has the lock is not there.
#[test]
fn nobody_waits() {
    let memo = Memo::new();
    let one = signed(b"key", b"message", b"signature");
    memo.remember(&one);
    let set = memo.set(&one).unwrap();
    let reading = set.read().unwrap();
    assert!(memo.knows(&one));
    memo.remember(&signed(b"key", b"other", b"signature"));
    drop(reading);
    assert!(!memo.knows(&signed(b"key", b"other", b"signature")));
    let writing = set.write().unwrap();
    assert!(!memo.knows(&one));
    memo.remember(&one);
    drop(writing);
    assert!(memo.knows(&one));
}

#[test]
fn many_threads() {
    let memo = Memo::new();
    thread::scope(|scope| {
        for thread in 0..64_u64 {
            let memo = &memo;
            scope.spawn(move || {
                for number in 0..1_000_u64 {
                    let signature =
                        (number % 300).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
                    let own = thread.to_le_bytes();
                    memo.remember(&signed(b"key", b"good", &signature));
                    memo.knows(&signed(b"key", b"good", &signature));
                    assert!(!memo.knows(&signed(&own, b"forged", &signature)));
                }
            });
        }
    });
    held(&memo);
}
