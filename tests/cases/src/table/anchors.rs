//! Certificates of the store: what must not anchor a chain, and end entities that are trusted themselves.

use rcgen::{ExtendedKeyUsagePurpose as Usage, IsCa, KeyUsagePurpose as KeyUsage};

use super::{Table, row};
use crate::make::{DAY, Node, Spec, ca, server};
use crate::{Engine, Expect};

pub(super) fn rows(table: &mut Table) {
    let unfit = |spec: Spec| {
        let root = spec.self_signed();
        let leaf = server().issued_by(&root);
        row([&leaf], [&root])
    };
    table.refused("anchor-expired", "Expired", unfit(ca("root").valid(-300 * DAY, -DAY)));
    table.refused("anchor-not-yet-valid", "NotYetValid", unfit(ca("root").valid(DAY, 300 * DAY)));
    table.refused("anchor-not-a-ca", "NotACa", unfit(server()));
    table.refused(
        "anchor-ca-false",
        "NotACa",
        unfit(server().basic_constraints(IsCa::ExplicitNoCa)),
    );
    table.refused(
        "anchor-no-cert-sign",
        "KeyUsage",
        unfit(ca("root").key_usage(&[KeyUsage::CrlSign])),
    );
    table.trusted("anchor-without-key-usage", 2, unfit(ca("root").key_usage(&[])));
    table.refused(
        "anchor-for-clients-only",
        "WrongPurpose",
        unfit(ca("root").extended_key_usage(&[Usage::ClientAuth])),
    );
    table.trusted(
        "anchor-for-servers",
        2,
        unfit(ca("root").extended_key_usage(&[Usage::ServerAuth, Usage::EmailProtection])),
    );
    table.refused(
        "anchor-unknown-critical",
        "UnknownCriticalExtension",
        unfit(ca("root").unknown_extension(true)),
    );
    table.trusted("anchor-unknown-harmless", 2, unfit(ca("root").unknown_extension(false)));

    let root = ca("root").path_length(0).self_signed();
    let issuing = ca("issuing").issued_by(&root);
    let leaf = server().issued_by(&issuing);
    table.refused("anchor-path-length", "PathLengthExceeded", row([&leaf, &issuing], [&root]));
    let direct = server().issued_by(&root);
    table.trusted("anchor-path-length-zero", 2, row([&direct], [&root]));

    let rollover = ca("root").issued_by(&root);
    let below = server().issued_by(&rollover);
    table.trusted("anchor-path-length-self-issued", 3, row([&below, &rollover], [&root]));

    // Debian's snakeoil: a self-signed server certificate in the store signs another one.
    let snakeoil =
        server().names(&["snakeoil.example"]).key_usage(&[]).extended_key_usage(&[]).self_signed();
    let forged = server().issued_by(&snakeoil);
    table.refused("snakeoil-issues", "NotACa", row([&forged, &snakeoil], [&snakeoil]));

    // The end entity itself in the store.
    let itself = server().self_signed();
    table.trusted("store-has-the-leaf", 1, row([&itself], [&itself]));
    table.refused(
        "store-has-the-leaf-misnamed",
        "NameMismatch",
        row([&itself], [&itself]).peer("wrong.example"),
    );
    table.refused("store-has-the-leaf-expired", "Expired", row([&itself], [&itself]).at(366 * DAY));
    table.refused(
        "store-has-the-leaf-wrong-purpose",
        "WrongPurpose",
        row([&itself], [&itself]).client(),
    );
    let as_ca = ca("development").names(&["example.com"]).key_usage(&[]).self_signed();
    table.trusted("store-has-the-leaf-that-is-a-ca", 1, row([&as_ca], [&as_ca]));
    let unknown = ca("unknown").self_signed();
    let issued = server().issued_by(&unknown);
    table.trusted(
        "store-has-the-issued-leaf",
        1,
        row([&issued], [&issued]).differs(
            Engine::OpenSsl,
            Expect::Refused("UnknownIssuer"),
            "without X509_V_FLAG_PARTIAL_CHAIN only a self-signed end entity counts",
        ),
    );

    // Pinned end entities.
    let pinned = |node: &Node, chain: &[&Node]| {
        let mut case = row(chain.iter().copied(), [&unknown]);
        case.pinned = vec![node.der.clone()];
        case
    };
    let other = server().issued_by(&unknown);
    table.trusted("pinned", 1, pinned(&itself, &[&itself]));
    table.refused("pinned-another", "PinMismatch", pinned(&itself, &[&other, &unknown]));
    table.refused(
        "pinned-misnamed",
        "NameMismatch",
        pinned(&itself, &[&itself]).peer("wrong.example"),
    );
    table.refused("pinned-expired", "Expired", pinned(&itself, &[&itself]).at(366 * DAY));
    table.refused("pinned-early", "NotYetValid", pinned(&itself, &[&itself]).at(-366 * DAY));
}
