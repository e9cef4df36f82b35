//! Names of the peer.

use super::{Table, row};
use crate::make::{Spec, ca, server};

pub(super) fn rows(table: &mut Table) {
    let root = ca("root").self_signed();
    let issue = |spec: Spec| spec.issued_by(&root);
    let several = issue(server().names(&[
        "one.example",
        "*.two.example",
        "127.0.0.1",
        "2001:db8::1",
        "xn--bcher-kva.example",
    ]));
    let several = |peer| row([&several], [&root]).peer(peer);
    table.trusted("name-exact", 2, several("one.example"));
    table.trusted("name-other-case", 2, several("ONE.Example"));
    table.trusted("name-wildcard", 2, several("www.two.example"));
    table.trusted("name-ipv4", 2, several("127.0.0.1"));
    table.trusted("name-ipv6", 2, several("2001:db8::1"));
    table.trusted("name-a-label", 2, several("xn--bcher-kva.example"));
    table.refused("name-wrong", "NameMismatch", several("three.example"));
    table.refused("name-wildcard-two-labels", "NameMismatch", several("a.b.two.example"));
    table.refused("name-wildcard-parent", "NameMismatch", several("two.example"));
    table.refused("name-wrong-ipv4", "NameMismatch", several("127.0.0.2"));
    table.refused("name-wrong-ipv6", "NameMismatch", several("2001:db8::2"));
    table.refused("name-subdomain", "NameMismatch", several("sub.one.example"));
    table.trusted("name-not-asked-for", 2, several("").nameless());

    let address_as_name = issue(server().names(&["example.com"]).common_name("127.0.0.1"));
    table.refused(
        "name-address-in-common-name",
        "NameMismatch",
        row([&address_as_name], [&root]).peer("127.0.0.1"),
    );
    let common = issue(server().names(&[]).common_name("example.com"));
    table.refused("name-common-name-only", "NameMismatch", row([&common], [&root]));
    let mut asked = row([&common], [&root]);
    asked.common_name = true;
    table.trusted("name-common-name-asked-for", 2, asked);
    let both = issue(server().names(&["other.example"]).common_name("example.com"));
    let mut asked = row([&both], [&root]);
    asked.common_name = true;
    table.refused("name-common-name-beside-alternative", "NameMismatch", asked);
    let constrained = ca("constrained").permitted(&["elsewhere.example"]).issued_by(&root);
    let below = server().names(&[]).common_name("example.com").issued_by(&constrained);
    let mut asked = row([&below, &constrained], [&root]);
    asked.common_name = true;
    table.refused("name-common-name-below-constraints", "NameConstraints", asked);
    let partial = issue(server().names(&["w*.example.com"]));
    table.refused(
        "name-partial-wildcard",
        "NameMismatch",
        row([&partial], [&root]).peer("www.example.com"),
    );
}
