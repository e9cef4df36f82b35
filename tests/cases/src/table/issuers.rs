//! What makes an intermediate an issuer.

use rcgen::{ExtendedKeyUsagePurpose as Usage, KeyUsagePurpose as KeyUsage};

use super::{Table, row};
use crate::make::{Spec, ca, server};

pub(super) fn rows(table: &mut Table) {
    let root = ca("root").self_signed();
    let below = |spec: Spec| {
        let issuing = spec.issued_by(&root);
        let leaf = server().issued_by(&issuing);
        row([&leaf, &issuing], [&root])
    };
    table.refused("intermediate-not-a-ca", "NotACa", below(server()));
    table.refused(
        "intermediate-no-cert-sign",
        "KeyUsage",
        below(ca("issuing").key_usage(&[KeyUsage::DigitalSignature])),
    );
    table.trusted("intermediate-without-key-usage", 3, below(ca("issuing").key_usage(&[])));
    table.refused(
        "intermediate-for-clients-only",
        "WrongPurpose",
        below(ca("issuing").extended_key_usage(&[Usage::ClientAuth])),
    );
    table.refused(
        "intermediate-unknown-critical",
        "UnknownCriticalExtension",
        below(ca("issuing").unknown_extension(true)),
    );

    let limited = ca("limited").path_length(0).issued_by(&root);
    let second = ca("second").issued_by(&limited);
    let leaf = server().issued_by(&second);
    table.refused(
        "intermediate-path-length",
        "PathLengthExceeded",
        row([&leaf, &second, &limited], [&root]),
    );
    let direct = server().issued_by(&limited);
    table.trusted("intermediate-path-length-zero", 3, row([&direct, &limited], [&root]));
}
