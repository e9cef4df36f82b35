//! Each library connects to a server with a good certificate, one from an unknown CA, one that has
//! expired and one for another name. What it makes of the verdict is the table of docs/ecosystem.md.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod acceptors;
mod clients;
mod roots;
mod server;
// ureq takes no `ClientConfig`: the connector of the example.
#[allow(dead_code)]
#[path = "../../../../examples/ureq.rs"]
mod ureq_example;

use std::error::Error;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use trustbridge::ErrorKind;
use trustbridge_cases::make::{self, DAY, Node, Spec};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// What the library's error has of a refusal.
#[derive(Clone, Copy, Debug)]
enum Report {
    /// `verify_error` finds the report in it.
    InError,
    /// The same, but only in what this takes out of it: the library does not name it as its source.
    Inside(for<'a> fn(&'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)>),
    /// Its message holds the one line of the refusal. Only the observer has the report.
    LineOnly,
    /// Nothing: only the observer has it.
    Lost,
}

/// Certificates of servers, and what is wrong with them.
struct Servers {
    ca: Node,
    identities: [(Node, Option<ErrorKind>); 4],
}

impl Servers {
    fn new() -> Self {
        let ca = long(make::ca("Known Root")).self_signed();
        let other = long(make::ca("Unknown Root")).self_signed();
        let server = || long(make::server()).names(&["localhost", "127.0.0.1"]);
        let expired = server().valid(-9_000 * DAY, -8_000 * DAY);
        let misnamed = long(make::server()).names(&["elsewhere.example"]);
        let identities = [
            (server().issued_by(&ca), None),
            (server().issued_by(&other), Some(ErrorKind::UnknownIssuer)),
            (expired.issued_by(&ca), Some(ErrorKind::Expired)),
            (misnamed.issued_by(&ca), Some(ErrorKind::NameMismatch)),
        ];
        Self { ca, identities }
    }
}

fn long(spec: Spec) -> Spec {
    spec.valid(-9_000 * DAY, 9_000 * DAY)
}

fn der(node: &Node) -> CertificateDer<'static> {
    node.der.clone().into()
}

fn key(node: &Node) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(node.key_der()).into()
}

/// The messages of an error and of all its sources.
fn messages(error: &(dyn Error + 'static)) -> String {
    let rest = error.source().map(messages).unwrap_or_default();
    format!("{error}\n{rest}")
}
