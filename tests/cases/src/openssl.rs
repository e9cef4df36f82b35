//! Where OpenSSL decides otherwise, besides the differences that are written with the rows.

use crate::Expect;

/// Name of the case, verdict, reason.
pub(crate) const OPENSSL_DIFFERS: &[(&str, Expect, &str)] = &[
    (
        "extension-twice",
        Expect::Trusted(2),
        "OpenSSL does not look at extensions it does not know; RFC 5280 section 4.2 forbids two of one",
    ),
    (
        "cross-sign-trusted-one-last",
        Expect::Refused("UnknownIssuer"),
        "OpenSSL tries one issuer of several that were sent",
    ),
    ("name-common-name-only", Expect::Trusted(2), "OpenSSL takes a common name unless told not to"),
    (
        "name-partial-wildcard",
        Expect::Trusted(2),
        "OpenSSL takes partial wildcards unless told not to, as Python does",
    ),
    (
        "last-second",
        Expect::Refused("Expired"),
        "OpenSSL counts notAfter as past; RFC 5280 section 4.1.2.5 includes it",
    ),
    (
        "mailbox-permitted-by-domain",
        Expect::Refused("NameConstraints"),
        "OpenSSL finds no internationalized mailbox in a constraint with a leading dot",
    ),
    (
        "mailbox-excluded-by-domain",
        Expect::Trusted(3),
        "OpenSSL finds no internationalized mailbox in a constraint with a leading dot",
    ),
    (
        "mailbox-beside-a-label",
        Expect::Trusted(3),
        "OpenSSL converts the A-label of the constraint; here whoever has such a mailbox is refused",
    ),
    (
        "crl-unknown-allowed",
        Expect::Refused("RevocationUnknown"),
        "OpenSSL cannot allow an unknown status",
    ),
    (
        "crl-outdated-allowed",
        Expect::Refused("RevocationOutdated"),
        "OpenSSL cannot allow an outdated CRL",
    ),
    (
        "crl-of-a-leaf-in-the-store-allowed",
        Expect::Refused("RevocationUnknown"),
        "OpenSSL cannot allow an unknown status",
    ),
    (
        "trailing-data",
        Expect::Trusted(2),
        "OpenSSL's PEM reader passes over data after the certificate",
    ),
    (
        "garbage-beside-the-leaf",
        Expect::Refused("BadEncoding"),
        "OpenSSL reads every certificate sent before it verifies one",
    ),
];
