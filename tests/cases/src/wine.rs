//! Where the Windows backend judges otherwise under Wine 8. Every row is run there; what Wine
//! cannot do shows as the verdict it gives instead.

use crate::Expect::{self, Refused, Trusted};

const ALGORITHM: &str = "Wine 8 cannot verify this algorithm";
const KEY_ID: &str =
    "Wine 8 finds an issuer by key identifier only, and takes the key's SHA-1 for a missing one";
const OFFLINE: &str =
    "Wine 8 finds what a given CRL revokes, but takes no CRL it has not fetched for a clean answer";
const UNKNOWN: &str = "Wine 8's SSL policy does not let an unknown revocation status be ignored";
const NO_REASON: &str = "Windows does not say why it knows no revocation status";
const ADDRESS: &str = "Wine 8 does not compare IP addresses with subject alternative names";

pub(crate) const WINE_DIFFERS: &[(&str, Expect, &str)] = &[
    (
        "intermediate-as-trust-anchor",
        Refused("UnknownIssuer"),
        "Wine 8 has no CERT_CHAIN_EXCLUSIVE_ENABLE_CA_FLAG: only self-signed roots anchor",
    ),
    ("p521", Refused("BadSignature"), ALGORITHM),
    ("ed25519", Refused("BadSignature"), ALGORITHM),
    ("rsa-pss", Refused("BadSignature"), ALGORITHM),
    ("name-ipv4", Refused("NameMismatch"), ADDRESS),
    ("name-ipv6", Refused("NameMismatch"), ADDRESS),
    ("anchor-not-a-ca", Refused("NoTrustAnchors"), KEY_ID),
    ("snakeoil-issues", Refused("NoTrustAnchors"), KEY_ID),
    ("intermediate-not-a-ca", Refused("SelfSignedLeaf"), KEY_ID),
    ("uncritical-ca", Refused("UnknownIssuer"), KEY_ID),
    ("root-without-ski", Refused("UnknownIssuer"), KEY_ID),
    (
        "anchor-path-length-self-issued",
        Refused("PathLengthExceeded"),
        "Wine 8 counts self-issued intermediates for the path length",
    ),
    (
        "intermediate-for-clients-only",
        Trusted(3),
        "Wine 8 looks at the extended key usage of the end entity only",
    ),
    (
        "key-usage-of-a-ca",
        Trusted(2),
        "Windows leaves the key usage of an end entity to the TLS library",
    ),
    ("version-1-root", Refused("NotACa"), "Windows needs basicConstraints in a CA"),
    (
        "leaf-may-sign",
        Refused("WrongPurpose"),
        "Wine 8 refuses keyCertSign in a certificate that is not a CA",
    ),
    ("crl-leaf-good", Refused("RevocationUnknown"), OFFLINE),
    ("crl-chain-good", Refused("RevocationUnknown"), OFFLINE),
    ("crl-intermediate-revoked-not-asked", Refused("RevocationUnknown"), UNKNOWN),
    ("crl-unknown-allowed", Refused("RevocationUnknown"), UNKNOWN),
    ("crl-none-allowed", Refused("RevocationUnknown"), UNKNOWN),
    ("crl-outdated-allowed", Refused("RevocationUnknown"), UNKNOWN),
    ("crl-outdated-rejected", Refused("RevocationUnknown"), NO_REASON),
    ("crl-of-an-impostor", Refused("RevocationUnknown"), NO_REASON),
];
