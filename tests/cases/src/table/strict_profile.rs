//! The strict profile, and what is fine without it.

use rcgen::{IsCa, KeyUsagePurpose as KeyUsage};

use super::{Table, row};
use crate::Case;
use crate::make::{Spec, ca, server};

pub(super) fn rows(table: &mut Table) {
    let root = ca("root").self_signed();
    let issue = |spec: Spec| row([&spec.issued_by(&root)], [&root]);
    let under = |spec: Spec| {
        let root = spec.self_signed();
        row([&server().issued_by(&root)], [&root])
    };
    let between = |spec: Spec| {
        let issuing = spec.issued_by(&root);
        row([&server().issued_by(&issuing), &issuing], [&root])
    };
    let itself = server().self_signed();
    let mut both = |lax, strict, length, case: Case, compliant| {
        table.trusted(lax, length, case.clone());
        let case = Case { strict: true, ..case };
        if compliant {
            table.trusted(strict, length, case);
        } else {
            table.refused(strict, "NotStandardsCompliant", case);
        }
    };
    both("plain", "plain-strict", 2, issue(server()), true);
    both("plain-three", "plain-three-strict", 3, between(ca("issuing")), true);
    both("own-root", "own-root-strict", 1, row([&itself], [&itself]), true);
    both("no-usage", "no-usage-strict", 2, issue(server().key_usage(&[])), true);
    both(
        "leaf-without-aki",
        "leaf-without-aki-strict",
        2,
        issue(server().no_authority_key_id()),
        false,
    );
    both(
        "root-without-aki",
        "root-without-aki-strict",
        2,
        under(ca("root").no_authority_key_id()),
        true,
    );
    both(
        "issuing-without-aki",
        "issuing-without-aki-strict",
        3,
        between(ca("issuing").no_authority_key_id()),
        false,
    );
    both(
        "root-without-usage",
        "root-without-usage-strict",
        2,
        under(ca("root").key_usage(&[])),
        false,
    );
    both(
        "issuing-without-usage",
        "issuing-without-usage-strict",
        3,
        between(ca("issuing").key_usage(&[])),
        false,
    );
    let signs = server().key_usage(&[KeyUsage::DigitalSignature, KeyUsage::KeyCertSign]);
    both("leaf-may-sign", "leaf-may-sign-strict", 2, issue(signs), false);
    let constraints = |critical, contents: &[u8]| {
        ca("root").basic_constraints(IsCa::NoCa).extension(
            &[2, 5, 29, 19],
            critical,
            contents.to_vec(),
        )
    };
    let ca_true = [0x30, 3, 1, 1, 0xff];
    both("uncritical-ca", "uncritical-ca-strict", 2, under(constraints(false, &ca_true)), false);
    both(
        "root-without-ski",
        "root-without-ski-strict",
        2,
        under(constraints(true, &ca_true)),
        false,
    );
    let length = server().extension(&[2, 5, 29, 19], true, vec![0x30, 3, 2, 1, 0]);
    both("length-but-no-ca", "length-but-no-ca-strict", 2, issue(length), false);
    let empty = server().empty_subject();
    both("empty-subject", "empty-subject-strict", 2, issue(empty), true);
}
