//! What a certificate says about itself.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::cast_possible_wrap, missing_docs)]

use trustbridge::CertificateSummary;
use trustbridge_cases::NOW;
use trustbridge_cases::make::{DAY, ca, server};

#[test]
fn names_and_validity_are_those_of_the_certificate() {
    let root = ca("root").self_signed();
    let leaf = server().valid(-30 * DAY, 60 * DAY).issued_by(&root);
    let summary = CertificateSummary::read(&leaf.der).unwrap();
    assert_eq!(summary.subject, "CN=server, O=trustbridge tests");
    assert_eq!(summary.issuer, "CN=root, O=trustbridge tests");
    assert_eq!(summary.not_before, NOW as i64 - 30 * DAY);
    assert_eq!(summary.not_after, NOW as i64 + 60 * DAY);
}

#[test]
fn control_characters_are_escaped() {
    let evil = ca("evil\u{1b}[2J\nTrusted: yes").self_signed();
    let summary = CertificateSummary::read(&evil.der).unwrap();
    assert!(summary.subject.contains(r"evil\u{1b}[2J\u{a}Trusted: yes"), "{}", summary.subject);
    assert_eq!(summary.issuer, summary.subject);
}

#[test]
fn what_is_no_certificate_has_no_summary() {
    let root = ca("root").self_signed();
    assert_eq!(CertificateSummary::read(&[]), None);
    assert_eq!(CertificateSummary::read(&root.der[1..]), None);
    assert_eq!(CertificateSummary::read(&root.der[..root.der.len() - 1]), None);
}
