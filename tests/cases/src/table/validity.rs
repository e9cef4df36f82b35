//! Validity periods.

use super::{Table, row};
use crate::make::{DAY, ca, server};

pub(super) fn rows(table: &mut Table) {
    let root = ca("root").valid(-3000 * DAY, 3000 * DAY).self_signed();
    let leaf = server().valid(-10 * DAY, 10 * DAY).issued_by(&root);
    let at = |offset| row([&leaf], [&root]).at(offset);
    table.trusted("first-second", 2, at(-10 * DAY));
    table.trusted("last-second", 2, at(10 * DAY));
    table.refused("one-second-early", "NotYetValid", at(-10 * DAY - 1));
    table.refused("one-second-late", "Expired", at(10 * DAY + 1));
    let future = ca("issuing").valid(DAY, 100 * DAY).issued_by(&root);
    let below = server().issued_by(&future);
    table.refused("intermediate-not-yet-valid", "NotYetValid", row([&below, &future], [&root]));
    // A chain that is expired and leads nowhere leads nowhere.
    let nowhere = ca("nowhere").self_signed();
    let lost = server().valid(-10 * DAY, -DAY).issued_by(&nowhere);
    table.refused("expired-and-unknown", "UnknownIssuer", row([&lost], [&root]));
    table.refused("expired-and-misnamed", "NameMismatch", at(10 * DAY + 1).peer("wrong.example"));
}
