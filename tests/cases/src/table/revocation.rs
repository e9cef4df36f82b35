//! Certificate revocation lists.

use rcgen::KeyUsagePurpose as KeyUsage;

use super::{Table, row};
use crate::crl::{CrlSpec, Signer, der, extension, uri};
use crate::make::{DAY, Node, ca, server};
use crate::{Case, Check, Engine, Expect};

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

/// What this crate reads itself; elsewhere the system chooses among CRLs.
pub(super) fn core_rows(table: &mut Table) {
    let root = ca("root").self_signed();
    let issuing = ca("issuing").serial(7).issued_by(&root);
    let leaf = server().serial(9).issued_by(&issuing);
    let with = |crls: &[&CrlSpec]| {
        let crls: Vec<_> = crls.iter().map(|crl| issuing.sign(crl)).collect();
        let crls: Vec<_> = crls.iter().collect();
        core_only(row([&leaf, &issuing], [&root]).crls(Check::Leaf, &crls).reject_unknown())
    };
    sets(table, &issuing, &with);
    shapes(table, &issuing, &with);
    unusable(table, &issuing, &with);

    let signer = ca("issuing").key_usage(&[KeyUsage::KeyCertSign]).issued_by(&root);
    let leaf = server().issued_by(&signer);
    let crl = signer.sign(&signer.crl_spec());
    let case = row([&leaf, &signer], [&root]).crls(Check::Leaf, &[&crl]).reject_unknown();
    table.refused("crl-signer-without-crl-sign", "BadRevocationData", core_only(case));

    let stranger = ca("issuing").self_signed();
    let leaf = server().serial(9).issued_by(&issuing);
    let good = issuing.sign(&issuing.crl_spec());
    let foreign = stranger.sign(&stranger.crl_spec().dates(-60, Some(DAY)));
    for (name, crls) in [
        ("crl-foreign-before-good", [&foreign, &good]),
        ("crl-foreign-after-good", [&good, &foreign]),
    ] {
        let case = row([&leaf, &issuing], [&root]).crls(Check::Leaf, &crls).reject_unknown();
        table.trusted(name, 3, core_only(case));
    }
}

fn core_only(case: Case) -> Case {
    Case { core_only: true, ..case }
}

/// Several CRLs of one issuer.
fn sets(table: &mut Table, issuing: &Node, with: &dyn Fn(&[&CrlSpec]) -> Case) {
    let old = issuing.crl_spec().dates(-3 * DAY, Some(DAY));
    let new = issuing.crl_spec().dates(-DAY, Some(3 * DAY));
    let outdated = issuing.crl_spec().dates(-9 * DAY, Some(-2 * DAY));
    let revokes = |crl: &CrlSpec| crl.clone().revokes(&[9], None);
    table.refused("crl-newer-revokes-last", "Revoked", with(&[&old, &revokes(&new)]));
    table.refused("crl-newer-revokes-first", "Revoked", with(&[&revokes(&new), &old]));
    table.refused(
        "crl-older-revokes",
        "Revoked",
        with(&[&revokes(&old), &new]).differs(
            Engine::OpenSsl,
            Expect::Trusted(3),
            "OpenSSL asks the newest CRL only; here, each that is current can revoke",
        ),
    );
    table.trusted("crl-outdated-before-good", 3, with(&[&outdated, &new]));
    table.trusted("crl-outdated-after-good", 3, with(&[&new, &outdated]));
    table.trusted("crl-outdated-revoked-newer-good", 3, with(&[&revokes(&outdated), &new]));
}

/// What OpenSSL reads, we read.
fn shapes(table: &mut Table, issuing: &Node, with: &dyn Fn(&[&CrlSpec]) -> Case) {
    let new = || issuing.crl_spec();
    let mut version_1 = CrlSpec::new(issuing.subject());
    version_1.version = None;
    table.trusted("crl-version-1", 3, with(&[&version_1]));
    table.refused("crl-version-1-revokes", "Revoked", with(&[&version_1.revokes(&[9], None)]));
    table.trusted("crl-without-next-update", 3, with(&[&new().dates(-DAY, None)]));
    let number = der(2, &[0x22; 24]);
    table.trusted("crl-number-of-24-bytes", 3, with(&[&new().extension(NUMBER, false, &number)]));
    let users = der(0x81, &[0xff]);
    table.trusted("crl-of-user-certificates", 3, with(&[&new().scope(&users)]));
    let revokes = new().scope(&users).revokes(&[9], None);
    table.refused("crl-of-user-certificates-revokes", "Revoked", with(&[&revokes]));
    table.refused("crl-hold", "Revoked", with(&[&new().revokes(&[9], Some(6))]));
    table.trusted("crl-removed", 3, with(&[&new().revokes(&[9], Some(8))]));
    // A PrintableString where the certificate has a UTF8String (RFC 5280 section 7.1).
    let mut spelled = new().revokes(&[9], None);
    for byte in spelled.issuer.iter_mut().filter(|byte| **byte == 0x0c) {
        *byte = 0x13;
    }
    table.refused("crl-issuer-in-another-string-type", "Revoked", with(&[&spelled]));
    let harmless = new().extension(UNKNOWN, false, &[5, 0]);
    table.trusted("crl-unknown-extension", 3, with(&[&harmless]));
}

/// CRLs that prove nothing.
fn unusable(table: &mut Table, issuing: &Node, with: &dyn Fn(&[&CrlSpec]) -> Case) {
    let new = || issuing.crl_spec();
    table.refused("crl-not-yet-valid", BAD, with(&[&new().dates(DAY, Some(2 * DAY))]));
    table.refused("crl-due-now", "RevocationOutdated", with(&[&new().dates(-DAY, Some(0))]));
    let cas = new().scope(&der(0x82, &[0xff]));
    table.refused("crl-of-ca-certificates", "RevocationUnknown", with(&[&cas]));
    let elsewhere = new().scope(&uri("http://example.com/other.crl"));
    table.refused("crl-of-another-distribution-point", "RevocationUnknown", with(&[&elsewhere]));
    let critical = new().extension(UNKNOWN, true, &[5, 0]);
    table.refused("crl-unknown-critical-extension", BAD, with(&[&critical]));
    let number = new().extension(NUMBER, true, &der(2, &[1]));
    table.refused("crl-critical-number", BAD, with(&[&number]));
    let mut entry = new();
    entry.entries.push((vec![5], None, extension(UNKNOWN, true, &[5, 0])));
    table.refused("crl-unknown-critical-entry-extension", BAD, with(&[&entry]));
    let delta = new().extension(DELTA, true, &der(2, &[1]));
    table.refused(
        "crl-delta",
        BAD,
        with(&[&delta]).differs(
            Engine::OpenSsl,
            Expect::Trusted(3),
            "OpenSSL up to 3.0.19 takes a delta CRL for a complete one, 3.0.22 finds none in it",
        ),
    );
    let indirect = new().scope(&der(0x84, &[0xff]));
    table.refused("crl-indirect", BAD, with(&[&indirect]));
    for (name, crl) in [
        ("crl-unknown-critical-extension-beside-good", &critical),
        ("crl-delta-beside-good", &delta),
        ("crl-indirect-beside-good", &indirect),
        ("crl-damaged-beside-good", &new().dates(-2 * DAY, Some(DAY)).signer(Signer::Damaged)),
    ] {
        table.refused(
            name,
            BAD,
            with(&[&new(), crl]).differs(
                Engine::OpenSsl,
                Expect::Trusted(3),
                "OpenSSL drops it in silence; it could have said that the certificate is revoked",
            ),
        );
    }
}

const BAD: &str = "BadRevocationData";
const NUMBER: &[u8] = &[0x55, 0x1d, 20];
const DELTA: &[u8] = &[0x55, 0x1d, 27];
const UNKNOWN: &[u8] = &[0x2a, 3, 4];
