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
const EXTENSION: &str = "Wine 8 does not know this extension";
const ENCODING: &str = "Wine 8 does not read this encoding";
const DIRECTORY: &str = "Wine 8 does not compare directory names with name constraints";
const MAILBOX: &str = "Wine 8 finds no internationalized mailbox in what name constraints permit";
const ONE_CRL: &str = "Wine 8 asks one of several CRLs of an issuer";
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
    ("ml-dsa-44", Refused("BadSignature"), ALGORITHM),
    ("ml-dsa-65", Refused("BadSignature"), ALGORITHM),
    ("ml-dsa-87", Refused("BadSignature"), ALGORITHM),
    ("ml-dsa-above-p256", Refused("BadSignature"), ALGORITHM),
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
        "either-server-of-a-ca-for-clients",
        Trusted(3),
        "Wine 8 looks at the extended key usage of the end entity only",
    ),
    (
        "either-client-of-a-ca-for-servers",
        Trusted(3),
        "Wine 8 looks at the extended key usage of the end entity only",
    ),
    (
        "either-server-common-name-constrained",
        Trusted(3),
        "Wine 8 does not compare a common name with name constraints",
    ),
    (
        "key-usage-of-a-ca",
        Trusted(2),
        "Windows leaves the key usage of an end entity to the TLS library",
    ),
    ("version-1-root", Refused("UntrustedRoot"), "Windows needs basicConstraints in a CA"),
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
    ("issuer-without-white-space", Trusted(3), KEY_ID),
    ("issuer-in-other-case-beyond-ascii", Trusted(3), KEY_ID),
    ("true-as-01", Refused("UnknownIssuer"), ENCODING),
    ("not-a-ca-written-out", Refused("UnknownIssuer"), ENCODING),
    ("key-usage-of-four-octets", Refused("WrongPurpose"), ENCODING),
    ("critical-policy-constraints", Refused("UnknownCriticalExtension"), EXTENSION),
    ("critical-inhibit-any-policy", Refused("UnknownCriticalExtension"), EXTENSION),
    ("critical-ocsp-no-check", Refused("UnknownCriticalExtension"), EXTENSION),
    ("netscape-type-client", Trusted(2), "Wine 8 does not read Netscape's certificate type"),
    ("subject-permitted", Refused("NameConstraints"), DIRECTORY),
    ("subject-excluded", Trusted(3), DIRECTORY),
    (
        "unsupported-form-of-a-name",
        Trusted(3),
        "Wine 8 ignores name constraints of a form that it does not know",
    ),
    (
        "path-length-and-self-issued",
        Refused("NameConstraints"),
        "Wine 8 applies name constraints to self-issued intermediates",
    ),
    ("mailbox-permitted", Refused("NameConstraints"), MAILBOX),
    ("mailbox-permitted-by-domain", Refused("NameConstraints"), MAILBOX),
    ("crl-newer-revokes-first", Refused("RevocationUnknown"), ONE_CRL),
    ("crl-older-revokes", Refused("RevocationUnknown"), ONE_CRL),
    ("crl-outdated-before-good", Refused("RevocationUnknown"), OFFLINE),
    ("crl-outdated-after-good", Refused("RevocationUnknown"), OFFLINE),
    ("crl-outdated-revoked-newer-good", Refused("RevocationUnknown"), OFFLINE),
    ("crl-version-1", Refused("RevocationUnknown"), OFFLINE),
    ("crl-without-next-update", Refused("RevocationUnknown"), OFFLINE),
    ("crl-number-of-24-bytes", Refused("RevocationUnknown"), OFFLINE),
    ("crl-of-user-certificates", Refused("RevocationUnknown"), OFFLINE),
    ("crl-removed", Refused("Revoked"), "Wine 8 does not know the reason removeFromCRL"),
    (
        "crl-issuer-in-another-string-type",
        Refused("RevocationUnknown"),
        "Wine 8 compares the names of issuers of CRLs byte by byte",
    ),
    ("crl-unknown-extension", Refused("RevocationUnknown"), OFFLINE),
    ("crl-not-yet-valid", Refused("RevocationUnknown"), NO_REASON),
    ("crl-due-now", Refused("RevocationUnknown"), NO_REASON),
    ("crl-unknown-critical-extension", Refused("RevocationUnknown"), NO_REASON),
    ("crl-critical-number", Refused("RevocationUnknown"), NO_REASON),
    ("crl-unknown-critical-entry-extension", Refused("RevocationUnknown"), NO_REASON),
    ("crl-delta", Refused("RevocationUnknown"), NO_REASON),
    ("crl-indirect", Refused("RevocationUnknown"), NO_REASON),
    ("crl-unknown-critical-extension-beside-good", Refused("RevocationUnknown"), NO_REASON),
    ("crl-delta-beside-good", Refused("RevocationUnknown"), NO_REASON),
    ("crl-indirect-beside-good", Refused("RevocationUnknown"), NO_REASON),
    ("crl-damaged-beside-good", Refused("RevocationUnknown"), NO_REASON),
    ("crl-signer-without-crl-sign", Refused("RevocationUnknown"), NO_REASON),
    ("crl-foreign-before-good", Refused("RevocationUnknown"), OFFLINE),
    ("crl-foreign-after-good", Refused("RevocationUnknown"), OFFLINE),
    ("algorithms-differ", Refused("BadSignature"), "Wine 8 verifies by one of the two algorithms"),
];
