//! Apple's published requirements for TLS certificates, to explain a verdict of the system's.
//!
//! Tests: `rules/tests.rs`.

use crate::cert::der::{self, Reader};
use crate::cert::time::Timestamp;
use crate::cert::{Cert, Weakness};
use crate::fault::{AppleCas, AppleRule};
use crate::policy::Purpose;

/// A limit on the lifetime of end entities.
struct Lifetime {
    /// For certificates whose validity begins at this time or later.
    issued: Timestamp,
    days: i64,
    /// Whose end entities it holds for.
    whose: AppleCas,
}

/// From the limit that holds for most to the one that holds for fewest.
const LIFETIMES: &[Lifetime] = &[
    Lifetime {
        issued: Timestamp(1_561_939_200), // 2019-07-01
        days: 825,
        whose: AppleCas::Any, // support.apple.com/103769
    },
    Lifetime {
        issued: Timestamp(1_598_918_400), // 2020-09-01
        days: 398,
        whose: AppleCas::Preinstalled, // support.apple.com/102028
    },
    // What the CA/Browser Forum's ballot SC-081v3 asks of CAs, from the last step to the first.
    // Apple has not published that its systems enforce it.
    Lifetime {
        issued: Timestamp(1_868_227_200), // 2029-03-15
        days: 47,
        whose: AppleCas::Public,
    },
    Lifetime {
        issued: Timestamp(1_805_068_800), // 2027-03-15
        days: 100,
        whose: AppleCas::Public,
    },
    Lifetime {
        issued: Timestamp(1_773_532_800), // 2026-03-15
        days: 200,
        whose: AppleCas::Public,
    },
];

/// Which of Apple's published requirements for TLS certificates the end entity does not meet
/// ([103769](https://support.apple.com/103769), [102028](https://support.apple.com/102028)).
/// Only asked after the system refused it: it explains a verdict and never gives one.
pub(super) fn broken_rules(leaf: &Cert<'_>, purpose: Purpose) -> Vec<AppleRule> {
    /// A day of 86,400 seconds, as 102028 counts.
    const DAY: i64 = 86_400;
    const MORE_RULES_FROM: Timestamp = Timestamp(1_561_939_200); // 2019-07-01

    let mut broken = Vec::new();
    let seconds = leaf.not_after.0.saturating_sub(leaf.not_before.0);
    let lifetime = LIFETIMES
        .iter()
        .find(|limit| leaf.not_before >= limit.issued && seconds > limit.days * DAY)
        .filter(|_| purpose == Purpose::ServerAuth);
    if let Some(&Lifetime { issued, days, whose }) = lifetime {
        broken.push(AppleRule::Lifetime {
            days: seconds.saturating_add(DAY - 1) / DAY,
            limit: days,
            whose,
            since: issued,
        });
    }
    if let Some(Weakness::Short { bits }) = leaf.key().weakness() {
        broken.push(AppleRule::RsaKey { bits });
    }
    if let Some(hash) = weak_hash(leaf) {
        broken.push(AppleRule::Hash(hash));
    }
    if purpose == Purpose::ServerAuth {
        if leaf.presented_names().is_empty() {
            broken.push(AppleRule::NoAltName);
        }
        let listed =
            leaf.extensions.extended_key_usage.is_some() && leaf.extended_key_usage_allows(purpose);
        if leaf.not_before >= MORE_RULES_FROM && !listed {
            broken.push(AppleRule::PurposeNotListed);
        }
    }
    broken
}

/// The hash of a signature, if it is not of the SHA-2 family.
fn weak_hash(cert: &Cert<'_>) -> Option<&'static str> {
    const MD5_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4];
    const SHA1_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5];
    const SHA1_DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3];
    const SHA1_ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1];
    match Reader::new(cert.signature_algorithm).expect(der::OID, "algorithm").ok()? {
        MD5_RSA => Some("MD5"),
        SHA1_RSA | SHA1_DSA | SHA1_ECDSA => Some("SHA-1"),
        _ => None,
    }
}
