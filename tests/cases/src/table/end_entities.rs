//! What makes an end entity one of its purpose.

use rcgen::{ExtendedKeyUsagePurpose as Usage, KeyUsagePurpose as KeyUsage};

use super::{Table, row};
use crate::make::{DAY, Spec, ca, client, server};
use crate::{Engine, Expect};

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
    either_usage(table);
}

/// Clients that may have a server's certificate.
fn either_usage(table: &mut Table) {
    let root = ca("root").self_signed();
    let issue = |spec: Spec| row([&spec.issued_by(&root)], [&root]).client_or_server();
    let both = [Usage::ClientAuth, Usage::ServerAuth];
    let mail = [Usage::EmailProtection];
    table.trusted("either-client", 2, issue(client()));
    table.trusted("either-server", 2, issue(server()));
    table.trusted("either-both", 2, issue(server().extended_key_usage(&both)));
    table.trusted("either-no-usages", 2, issue(server().extended_key_usage(&[])));
    table.refused("either-mail", "WrongPurpose", issue(server().extended_key_usage(&mail)));
    table.refused("either-server-expired", "Expired", issue(server()).at(400 * DAY));
    // Clients sign.
    let enciphers = issue(server().key_usage(&[KeyUsage::KeyEncipherment])).differs(
        Engine::OpenSsl,
        Expect::Trusted(2),
        "asked for servers, whose keys may encipher only",
    );
    table.refused("either-key-encipherment", "WrongPurpose", enciphers);

    let through = |usages: &[Usage], spec: Spec| {
        let issuing = ca("issuing").extended_key_usage(usages).issued_by(&root);
        row([&spec.issued_by(&issuing), &issuing], [&root]).client_or_server()
    };
    let clients = [Usage::ClientAuth];
    let servers = [Usage::ServerAuth];
    table.trusted("either-server-of-a-ca-for-servers", 3, through(&servers, server()));
    table.trusted(
        "either-both-of-a-ca-for-servers",
        3,
        through(&servers, server().extended_key_usage(&both)),
    );
    // One usage for the whole path.
    table.refused("either-server-of-a-ca-for-clients", "WrongPurpose", through(&clients, server()));
    table.refused("either-client-of-a-ca-for-servers", "WrongPurpose", through(&servers, client()));
    // As for clients, a common name is a DNS name for name constraints.
    let constrained = ca("constrained").permitted(&["example.com"]).issued_by(&root);
    let named = server().names(&[]).common_name("other.example").issued_by(&constrained);
    table.refused(
        "either-server-common-name-constrained",
        "NameConstraints",
        row([&named, &constrained], [&root]).client_or_server(),
    );
}
