//! Certificate revocation lists.

use super::{Table, row};
use crate::Check;
use crate::make::{DAY, ca, server};

pub(super) fn rows(table: &mut Table) {
    let root = ca("root").self_signed();
    let issuing = ca("issuing").serial(7).issued_by(&root);
    let leaf = server().serial(9).issued_by(&issuing);
    let chain = || row([&leaf, &issuing], [&root]);
    let (fresh, stale) = ((-DAY, DAY), (-10 * DAY, -DAY));
    let clean = issuing.crl(&[5], fresh.0, fresh.1);
    let revokes = issuing.crl(&[9], fresh.0, fresh.1);
    let root_clean = root.crl(&[], fresh.0, fresh.1);
    let root_revokes = root.crl(&[7], fresh.0, fresh.1);
    let old = issuing.crl(&[5], stale.0, stale.1);
    let old_revokes = issuing.crl(&[9], stale.0, stale.1);
    let impostor = ca("issuing").self_signed().crl(&[], fresh.0, fresh.1);

    table.trusted("crl-leaf-good", 3, chain().crls(Check::Leaf, &[&clean]).reject_unknown());
    table.trusted(
        "crl-chain-good",
        3,
        chain().crls(Check::Chain, &[&clean, &root_clean]).reject_unknown(),
    );
    table.refused("crl-leaf-revoked", "Revoked", chain().crls(Check::Leaf, &[&revokes]));
    table.refused(
        "crl-intermediate-revoked",
        "Revoked",
        chain().crls(Check::Chain, &[&clean, &root_revokes]),
    );
    table.trusted(
        "crl-intermediate-revoked-not-asked",
        3,
        chain().crls(Check::Leaf, &[&clean, &root_revokes]),
    );
    table.trusted("crl-revoked-not-asked", 3, chain().crls(Check::Off, &[&revokes]));
    table.trusted("crl-unknown-allowed", 3, chain().crls(Check::Chain, &[&clean]));
    table.refused(
        "crl-unknown-rejected",
        "RevocationUnknown",
        chain().crls(Check::Chain, &[&clean]).reject_unknown(),
    );
    table.trusted("crl-none-allowed", 3, chain().crls(Check::Leaf, &[]));
    table.refused(
        "crl-none-rejected",
        "RevocationUnknown",
        chain().crls(Check::Leaf, &[]).reject_unknown(),
    );
    table.refused(
        "crl-outdated-rejected",
        "RevocationOutdated",
        chain().crls(Check::Leaf, &[&old]).reject_unknown(),
    );
    table.trusted("crl-outdated-allowed", 3, chain().crls(Check::Leaf, &[&old]));
    table.refused(
        "crl-outdated-still-revokes",
        "Revoked",
        chain().crls(Check::Leaf, &[&old_revokes]),
    );
    table.refused(
        "crl-of-an-impostor",
        "BadRevocationData",
        chain().crls(Check::Leaf, &[&impostor]).reject_unknown(),
    );
    let itself = server().self_signed();
    let whole = || row([&itself], [&itself]).crls(Check::Leaf, &[&clean]);
    table.trusted("crl-of-a-leaf-in-the-store-allowed", 1, whole());
    table.refused(
        "crl-of-a-leaf-in-the-store-rejected",
        "RevocationUnknown",
        whole().reject_unknown(),
    );
}
