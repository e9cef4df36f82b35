//! What makes an end entity one of its purpose.

use rcgen::{ExtendedKeyUsagePurpose as Usage, KeyUsagePurpose as KeyUsage};

use super::{Table, row};
use crate::make::{Spec, ca, client, server};

pub(super) fn rows(table: &mut Table) {
    let root = ca("root").self_signed();
    let issue = |spec: Spec| row([&spec.issued_by(&root)], [&root]);
    table.trusted("client", 2, issue(client()).client());
    table.refused("client-as-server", "WrongPurpose", issue(client().names(&["example.com"])));
    table.refused("server-as-client", "WrongPurpose", issue(server()).client());
    table.trusted(
        "both-purposes",
        2,
        issue(server().extended_key_usage(&[Usage::ClientAuth, Usage::ServerAuth])),
    );
    table.trusted("no-usages", 2, issue(server().extended_key_usage(&[]).key_usage(&[])));
    table.refused(
        "any-usage-only",
        "WrongPurpose",
        issue(server().extended_key_usage(&[Usage::Any])),
    );
    table.refused(
        "key-usage-of-a-ca",
        "WrongPurpose",
        issue(server().key_usage(&[KeyUsage::CrlSign])),
    );
    table.refused(
        "leaf-unknown-critical",
        "UnknownCriticalExtension",
        issue(server().unknown_extension(true)),
    );
    table.trusted("leaf-unknown-harmless", 2, issue(server().unknown_extension(false)));
    // What lnd and private clusters do: an issued CA certificate is the server's own.
    let authority = ca("issued").names(&["example.com"]).key_usage(&[]);
    table.trusted("ca-as-end-entity", 2, issue(authority));
}
