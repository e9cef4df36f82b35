//! What no honest peer sends.

use super::{Table, row};
use crate::make::{ca, server};

pub(super) fn rows(table: &mut Table) {
    let root = ca("root").self_signed();
    let leaf = server().issued_by(&root);
    let good = || row([&leaf], [&root]);
    let with_leaf = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut case = good();
        change(&mut case.chain[0]);
        case
    };
    table.refused("no-certificate", "NoCertificate", row([], [&root]));
    table.refused("empty-certificate", "BadEncoding", with_leaf(&Vec::clear));
    table.refused(
        "truncated-certificate",
        "BadEncoding",
        with_leaf(&|der| der.truncate(der.len() / 2)),
    );
    table.refused("trailing-data", "BadEncoding", with_leaf(&|der| der.push(0)));
    table.refused(
        "signature-changed",
        "BadSignature",
        with_leaf(&|der| *der.last_mut().unwrap() ^= 1),
    );
    let twice = server().unknown_extension(false).unknown_extension(false).issued_by(&root);
    table.refused("extension-twice", "BadEncoding", row([&twice], [&root]));
    // ecdsa-with-SHA256 inside, ecdsa-with-SHA384 outside.
    let outer = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    let algorithms_differ = with_leaf(&|der| {
        let at = der.windows(outer.len()).rposition(|bytes| bytes == outer).unwrap();
        der[at + outer.len() - 1] = 3;
    });
    table.refused("algorithms-differ", "BadEncoding", algorithms_differ);
    let mut garbage = good();
    garbage.chain.push(b"not a certificate".to_vec());
    table.trusted("garbage-beside-the-leaf", 2, garbage);

    let issuing = ca("issuing").issued_by(&root);
    let below = server().issued_by(&issuing);
    let mut tampered = row([&below, &issuing], [&root]);
    *tampered.chain[1].last_mut().unwrap() ^= 1;
    table.refused("intermediate-signature-changed", "BadSignature", tampered);

    // A loop: two CAs that certify each other and nobody else does.
    let first = ca("first").self_signed();
    let second = ca("second").issued_by(&first);
    let first_again = ca("first").issued_for(&first, &second);
    let looped = server().issued_by(&second);
    table.refused("loop", "UnknownIssuer", row([&looped, &second, &first_again], [&root]));

    let mut many = good();
    many.chain.extend(std::iter::repeat_n(root.der.clone(), 1_000));
    table.refused("a-thousand-certificates", "ChainTooComplex", many);
    let mut large = good();
    large.chain.push(vec![0; 10 << 20]);
    table.refused("ten-megabytes", "ChainTooComplex", large);

    // Every CA certified by every other: more paths than can be walked. One of them would be good,
    // if the last of them were trusted.
    let names =
        ["mesh 0", "mesh 1", "mesh 2", "mesh 3", "mesh 4", "mesh 5", "mesh 6", "mesh 7", "mesh 8"];
    let cas: Vec<_> = names.iter().map(|name| ca(name).self_signed()).collect();
    let mut mesh = Vec::new();
    for (subject, name) in cas.iter().zip(names) {
        mesh.extend(
            cas.iter()
                .filter(|issuer| issuer.der != subject.der)
                .map(|issuer| ca(name).issued_for(subject, issuer)),
        );
    }
    let entry = server().issued_by(&cas[0]);
    table.refused("mesh", "UnknownIssuer", row(std::iter::once(&entry).chain(&mesh), [&root]));
    // The same with a trust anchor of the right name and the wrong key behind every path.
    let false_anchors: Vec<_> = names.iter().map(|name| ca(name).self_signed()).collect();
    table.refused(
        "mesh-of-wrong-keys",
        "UnknownIssuer",
        row(std::iter::once(&entry).chain(&mesh), &false_anchors),
    );
}
