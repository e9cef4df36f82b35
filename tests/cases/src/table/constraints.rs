//! Name constraints.

use super::{Table, row};
use crate::make::{Spec, ca, server};

pub(super) fn rows(table: &mut Table) {
    let root = ca("root").self_signed();
    let below = |spec: Spec, names: &[&str]| {
        let issuing = spec.issued_by(&root);
        let leaf = server().names(names).issued_by(&issuing);
        row([&leaf, &issuing], [&root])
    };
    table.trusted(
        "permitted-name",
        3,
        below(ca("issuing").permitted(&["example.com"]), &["example.com"]),
    );
    table.refused(
        "name-not-permitted",
        "NameConstraints",
        below(ca("issuing").permitted(&["example.org"]), &["example.com"]),
    );
    table.refused(
        "name-excluded",
        "NameConstraints",
        below(ca("issuing").excluded(&["example.com"]), &["example.com"]),
    );
    table.refused(
        "one-of-two-names-not-permitted",
        "NameConstraints",
        below(ca("issuing").permitted(&["example.com"]), &["example.com", "example.org"]),
    );
    mailboxes(table);
    let constrained = ca("root").permitted(&["example.org"]).self_signed();
    let leaf = server().issued_by(&constrained);
    table.refused("anchor-constrains-names", "NameConstraints", row([&leaf], [&constrained]));
    let wide = ca("root").permitted(&["com"]).self_signed();
    let leaf = server().issued_by(&wide);
    table.trusted("anchor-permits-name", 2, row([&leaf], [&wide]));
}

/// RFC 9598 section 6: the constraints on e-mail addresses hold internationalized ones too.
fn mailboxes(table: &mut Table) {
    let root = ca("root").self_signed();
    let below = |spec: Spec| {
        let issuing = spec.issued_by(&root);
        let leaf = server().mailbox("\u{fc}@mail.example.org").issued_by(&issuing);
        row([&leaf, &issuing], [&root])
    };
    table.trusted(
        "mailbox-permitted",
        3,
        below(ca("issuing").permitted_mailboxes("mail.example.org")),
    );
    table.refused(
        "mailbox-not-permitted",
        "NameConstraints",
        below(ca("issuing").permitted_mailboxes("example.org")),
    );
    table.refused(
        "mailbox-excluded",
        "NameConstraints",
        below(ca("issuing").excluded_mailboxes("mail.example.org")),
    );
    table.trusted(
        "mailbox-permitted-by-domain",
        3,
        below(ca("issuing").permitted_mailboxes(".example.org")),
    );
    table.refused(
        "mailbox-excluded-by-domain",
        "NameConstraints",
        below(ca("issuing").excluded_mailboxes(".example.org")),
    );
    table.refused(
        "mailbox-beside-a-label",
        "NameConstraints",
        below(ca("issuing").excluded_mailboxes("xn--bcher-kva.example")),
    );
}
