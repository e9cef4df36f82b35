use std::time::Duration;

use super::*;

const ALL: &[u32] = &[0, IS_NOT_TIME_VALID, IS_REVOKED, IS_UNTRUSTED_ROOT];

fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

fn chain(elements: &[u32]) -> Status {
    let chain = elements.iter().fold(0, |all, bits| all | bits);
    Status { chain, elements: elements.to_vec(), policy: 0, policy_element: None }
}

fn kind(status: &Status, ignored: u32) -> Option<ErrorKind> {
    let certs = vec![None; status.elements.len()];
    status.verdict(&certs, ignored, at(0)).err().map(|fault| fault.kind)
}

#[test]
fn clean_is_trusted() {
    assert_eq!(kind(&chain(&[0, 0, 0]), 0), None);
}

#[test]
fn every_bit_is_a_failure() {
    for shift in 0..32 {
        let bit = 1_u32 << shift;
        let known = TRUST_BITS.iter().find(|(known, _, _)| *known == bit);
        let expected = known.map_or(ErrorKind::CannotCheck, |(_, _, kind)| *kind);
        // At any certificate, or only for the chain as a whole.
        assert_eq!(kind(&chain(&[bit, 0, 0]), 0), Some(expected), "{bit:#x}");
        assert_eq!(kind(&chain(&[0, bit, 0]), 0), Some(expected), "{bit:#x}");
        let mut whole = chain(&[0, 0, 0]);
        whole.chain = bit;
        assert_eq!(kind(&whole, 0), Some(expected), "{bit:#x}");
        // A bit of a certificate that the chain lacks is an error too.
        let mut hidden = chain(&[0, bit, 0]);
        hidden.chain = 0;
        assert_eq!(kind(&hidden, 0), Some(expected), "{bit:#x}");
        assert!(!chain(&[bit]).bit_names().is_empty());
    }
    let mut seen: Vec<_> = TRUST_BITS.iter().map(|(bit, _, _)| bit).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), TRUST_BITS.len());
}

#[test]
fn every_policy_error_is_a_failure() {
    for (code, name, expected) in CODES {
        let mut status = chain(&[0, 0, 0]);
        status.policy = *code;
        assert_eq!(kind(&status, u32::MAX), Some(*expected), "{name}");
        assert_eq!(status.code(), (*code, (*name).to_owned()));
    }
    let mut status = chain(&[0, 0]);
    for unknown in [1, 0x800b_ffff, u32::MAX] {
        status.policy = unknown;
        assert_eq!(kind(&status, u32::MAX), Some(ErrorKind::CannotCheck));
    }
    let mut seen: Vec<_> = CODES.iter().map(|(code, _, _)| code).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), CODES.len());
}

#[test]
fn content_policy_does_not_excuse_a_partial_chain() {
    let status = chain(&[0, IS_PARTIAL_CHAIN]);
    assert_eq!(kind(&status, 0), Some(ErrorKind::UnknownIssuer));
    assert_eq!(kind(&chain(&[IS_UNTRUSTED_ROOT]), 0), Some(ErrorKind::SelfSignedLeaf));
    assert_eq!(kind(&chain(&[0, IS_UNTRUSTED_ROOT]), 0), Some(ErrorKind::UntrustedRoot));
}

#[test]
fn what_is_final_comes_first() {
    let depth = |status: &Status| status.verdict(&[None, None, None], 0, at(0)).unwrap_err().depth;
    let status = chain(&[IS_NOT_TIME_VALID, IS_REVOKED, IS_UNTRUSTED_ROOT]);
    assert_eq!(kind(&status, 0), Some(ErrorKind::Revoked));
    assert_eq!(depth(&status), Some(1));
    let status = chain(&[IS_NOT_TIME_VALID, 0, IS_UNTRUSTED_ROOT | IS_EXPLICIT_DISTRUST]);
    assert_eq!(kind(&status, 0), Some(ErrorKind::Distrusted));
    assert_eq!(depth(&status), Some(2));
    let status = chain(&[IS_NOT_TIME_VALID | REVOCATION_STATUS_UNKNOWN, 0, 0]);
    assert_eq!(kind(&status, 0), Some(ErrorKind::Expired));
    let status = chain(&[IS_NOT_TIME_VALID, 0, IS_UNTRUSTED_ROOT]);
    assert_eq!(kind(&status, 0), Some(ErrorKind::UntrustedRoot));
    assert_eq!(depth(&status), Some(2));
}

#[test]
fn only_unknown_revocation_can_be_ignored() {
    let policy = |check, unknown| Revocation { check, unknown, ..Revocation::default() };
    let allow = policy(RevocationCheck::Chain, UnknownRevocation::Allow);
    assert_eq!(ignored_bits(&allow), REVOCATION_STATUS_UNKNOWN | IS_OFFLINE_REVOCATION);
    assert_eq!(policy_flags(&allow), 0xf00);
    for strict in [
        policy(RevocationCheck::Off, UnknownRevocation::Allow),
        policy(RevocationCheck::Leaf, UnknownRevocation::Reject),
        policy(RevocationCheck::Chain, UnknownRevocation::Reject),
    ] {
        assert_eq!(ignored_bits(&strict), 0);
        assert_eq!(policy_flags(&strict), 0);
    }
    let unknown = REVOCATION_STATUS_UNKNOWN | IS_OFFLINE_REVOCATION;
    for bits in ALL {
        let status = chain(&[unknown | bits, 0]);
        assert_eq!(kind(&status, ignored_bits(&allow)).is_none(), *bits == 0);
        assert!(kind(&status, 0).is_some());
    }
    // The bits are ignored, the policy's verdict is not.
    let mut status = chain(&[unknown, 0]);
    status.policy = 0x800b_010e;
    assert_eq!(kind(&status, ignored_bits(&allow)), Some(ErrorKind::RevocationUnknown));
}

#[test]
fn own_roots_are_asked_only_where_a_root_is_missing() {
    for missing in [IS_UNTRUSTED_ROOT, IS_PARTIAL_CHAIN] {
        assert!(chain(&[0, missing]).only_lacks_a_root());
        assert!(chain(&[IS_NOT_TIME_VALID, missing]).only_lacks_a_root());
        for last_word in [IS_REVOKED, IS_EXPLICIT_DISTRUST] {
            assert!(!chain(&[last_word, missing]).only_lacks_a_root());
            assert!(!chain(&[0, missing | last_word]).only_lacks_a_root());
        }
        for last_word in [0x800b_010c, 0x8009_2010, 0x800b_0111, 0x800b_0112] {
            let status = Status { policy: last_word, ..chain(&[0, missing]) };
            assert!(!status.only_lacks_a_root(), "{last_word:#x}");
        }
    }
    for (bit, name, _) in TRUST_BITS.iter().filter(|(bit, _, _)| bit & NO_PATH == 0) {
        assert!(!chain(&[*bit, 0]).only_lacks_a_root(), "{name}");
    }
    assert!(!chain(&[0, 0]).only_lacks_a_root());
    // A policy that complains about a clean chain is obeyed.
    assert!(!Status { policy: 0x800b_0109, ..chain(&[0, 0]) }.only_lacks_a_root());
    assert!(!Status { policy: 0x800b_010f, ..chain(&[0, 0]) }.only_lacks_a_root());
}

#[test]
fn fallback_roots_need_an_empty_system() {
    let unasked = || -> bool { panic!("the store must not be read") };
    assert_eq!(own_roots(true, false, true, unasked), OwnRoots::Extra);
    assert_eq!(own_roots(false, false, true, unasked), OwnRoots::None);
    assert_eq!(own_roots(true, true, false, unasked), OwnRoots::ExtraAndFallback);
    assert_eq!(own_roots(true, true, true, || false), OwnRoots::Extra);
    assert_eq!(own_roots(false, true, true, || false), OwnRoots::None);
    assert_eq!(own_roots(false, true, true, || true), OwnRoots::ExtraAndFallback);
}

#[test]
fn revocation_found_out() {
    use RevocationCheck::{Chain, Leaf, Off};
    let unknown = REVOCATION_STATUS_UNKNOWN;
    for (elements, requested, checked) in [
        (&[0, 0, 0][..], Off, Off),
        (&[0, 0, 0], Leaf, Leaf),
        (&[0, 0, 0], Chain, Chain),
        (&[0, unknown, 0], Chain, Leaf),
        (&[0, unknown, 0], Leaf, Leaf),
        (&[unknown, 0, 0], Chain, Off),
        (&[IS_OFFLINE_REVOCATION, 0, 0], Leaf, Off),
        (&[0, 0, unknown], Chain, Chain),
        (&[], Chain, Off),
    ] {
        let outcome = chain(elements).revocation(requested);
        assert_eq!((outcome.requested, outcome.checked), (requested, checked), "{elements:?}");
    }
    let vague = Status { chain: unknown, ..chain(&[0, 0, 0]) };
    assert_eq!(vague.revocation(Chain).checked, Off);
}

#[test]
fn names_are_skipped_only_where_there_is_none() {
    assert_eq!(ssl_checks(true), 0);
    assert_eq!(ssl_checks(false), 0x1000);
}

#[test]
fn file_times() {
    // 1601 + 134,774 days.
    assert_eq!(file_time(at(0)), Some((0xd53e_8000, 0x019d_b1de)));
    assert_eq!(file_time(at(1_800_000_000)), Some((0x6b33_8000, 0x01dd_a4c6)));
    assert_eq!(file_time(at(u64::MAX)), None);
    assert_eq!(file_time(at(u64::MAX / 10_000_000)), None);
}
