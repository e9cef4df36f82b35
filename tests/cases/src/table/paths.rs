//! Paths: intermediates, several roots, cross-signs, renewed CAs.

use super::{Table, row};
use crate::make::{DAY, ca, server};
use crate::{Engine, Expect};

pub(super) fn rows(table: &mut Table) {
    let root = ca("root").self_signed();
    let issuing = ca("issuing").issued_by(&root);
    let leaf = server().issued_by(&issuing);
    let direct = server().issued_by(&root);
    let other = ca("other root").self_signed();
    let unrelated = ca("unrelated").issued_by(&other);

    table.trusted("root-issues-leaf", 2, row([&direct], [&root]));
    table.trusted("one-intermediate", 3, row([&leaf, &issuing], [&root]));
    table.trusted("root-sent-too", 3, row([&leaf, &issuing, &root], [&root]));
    table.trusted("intermediates-in-any-order", 3, row([&leaf, &root, &issuing], [&root]));
    table.trusted(
        "useless-certificates-sent",
        3,
        row([&leaf, &unrelated, &other, &issuing, &leaf], [&root]),
    );
    table.trusted("intermediate-known-to-caller", 3, row([&leaf], [&root]).knows(&[&issuing]));
    table.trusted("among-several-roots", 3, row([&leaf, &issuing], [&other, &root]));
    table.trusted(
        "intermediate-as-trust-anchor",
        2,
        row([&leaf, &issuing], [&issuing]).differs(
            Engine::OpenSsl,
            Expect::Refused("UnknownIssuer"),
            "without X509_V_FLAG_PARTIAL_CHAIN a trust anchor must be self-signed",
        ),
    );
    table.refused("missing-intermediate", "UnknownIssuer", row([&leaf], [&root]));
    table.refused("untrusted-root-sent", "UntrustedRoot", row([&leaf, &issuing, &root], [&other]));
    table.refused("untrusted-root-not-sent", "UnknownIssuer", row([&leaf, &issuing], [&other]));
    table.refused("no-trust-anchors", "NoTrustAnchors", row([&leaf, &issuing], []));
    let alone = server().self_signed();
    table.refused("unknown-self-signed", "SelfSignedLeaf", row([&alone], [&root]));

    // Six intermediates is the most; a seventh is too many.
    let mut chain = vec![ca("deep 0").issued_by(&root)];
    for name in ["deep 1", "deep 2", "deep 3", "deep 4", "deep 5"] {
        let next = ca(name).issued_by(chain.last().unwrap());
        chain.push(next);
    }
    let deep_leaf = server().issued_by(chain.last().unwrap());
    let sent = std::iter::once(&deep_leaf).chain(chain.iter().rev());
    table.trusted("six-intermediates", 8, row(sent, [&root]));

    // The same name and key, certified by two roots.
    let crossed = ca("issuing").issued_for(&issuing, &other);
    table.trusted("cross-sign-trusted-one-last", 3, row([&leaf, &crossed, &issuing], [&root]));
    table.trusted("cross-sign-trusted-one-first", 3, row([&leaf, &issuing, &crossed], [&root]));
    let outdated = ca("issuing").valid(-300 * DAY, -DAY).issued_for(&issuing, &root);
    table.trusted(
        "expired-cross-sign-beside-good-one",
        3,
        row([&leaf, &outdated, &issuing], [&root]),
    );
    table.refused("expired-intermediate", "Expired", row([&leaf, &outdated], [&root]));
    let crossed_root = ca("root").issued_for(&root, &other);
    table.trusted(
        "old-root-crossed-by-trusted-one",
        4,
        row([&leaf, &issuing, &crossed_root], [&other]),
    );

    // A CA renewed under the same name: with another key, and with the same.
    let renewed = ca("root").self_signed();
    table.trusted("two-roots-of-one-name", 2, row([&direct], [&renewed, &root]));
    table.refused("same-name-other-key", "UnknownIssuer", row([&direct], [&renewed]));
    let expired = ca("root").valid(-300 * DAY, -DAY).self_signed_as(&root);
    table.trusted("expired-root-beside-renewed", 2, row([&direct], [&expired, &root]));

    // An issuer certified by its own older key: self-issued, not self-signed.
    let rollover = ca("root").issued_by(&root);
    let under_rollover = server().issued_by(&rollover);
    table.trusted("key-rollover", 3, row([&under_rollover, &rollover], [&root]));
}
