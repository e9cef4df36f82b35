//! The rows, by topic.

mod algorithms;
mod anchors;
mod constraints;
mod end_entities;
mod hostile;
mod issuers;
mod names;
mod paths;
mod readings;
mod revocation;
mod strict_profile;
mod validity;

use crate::make::Node;
use crate::openssl::OPENSSL_DIFFERS;
use crate::wine::WINE_DIFFERS;
use crate::{Case, Check, Difference, Engine, Expect, NOW, Purpose};

/// Every case. Keys are made anew on each call.
pub fn all() -> Vec<Case> {
    let mut table = Table::default();
    paths::rows(&mut table);
    algorithms::rows(&mut table);
    names::rows(&mut table);
    validity::rows(&mut table);
    anchors::rows(&mut table);
    issuers::rows(&mut table);
    end_entities::rows(&mut table);
    strict_profile::rows(&mut table);
    constraints::rows(&mut table);
    readings::rows(&mut table);
    revocation::rows(&mut table);
    revocation::core_rows(&mut table);
    hostile::rows(&mut table);
    for (name, expect, reason) in OPENSSL_DIFFERS {
        let case = table.cases.iter_mut().find(|case| case.name == *name).unwrap();
        case.differs.push(Difference { engine: Engine::OpenSsl, expect: *expect, reason });
    }
    for (name, expect, reason) in WINE_DIFFERS {
        let case = table.cases.iter_mut().find(|case| case.name == *name).unwrap();
        case.differs.push(Difference { engine: Engine::Wine, expect: *expect, reason });
    }
    // There, only the system could say.
    let is_core = !cfg!(any(windows, target_vendor = "apple"));
    table.cases.retain(|case| is_core || !case.core_only);
    table.cases
}

#[derive(Default)]
struct Table {
    cases: Vec<Case>,
}

/// A row for a server called `example.com`, to be refined.
fn row<'c>(
    chain: impl IntoIterator<Item = &'c Node>,
    roots: impl IntoIterator<Item = &'c Node>,
) -> Case {
    let ders =
        |nodes: &mut dyn Iterator<Item = &'c Node>| nodes.map(|node| node.der.clone()).collect();
    Case {
        name: "",
        chain: ders(&mut chain.into_iter()),
        roots: ders(&mut roots.into_iter()),
        intermediates: Vec::new(),
        pinned: Vec::new(),
        crls: Vec::new(),
        peer: Some("example.com"),
        time: NOW,
        purpose: Purpose::Server,
        check: Check::Off,
        reject_unknown: false,
        common_name: false,
        strict: false,
        or_server: false,
        weak_keys: false,
        core_only: false,
        expect: Expect::Refused("unset"),
        differs: Vec::new(),
    }
}

impl Table {
    fn trusted(&mut self, name: &'static str, length: usize, case: Case) {
        self.add(name, Expect::Trusted(length), case);
    }

    fn refused(&mut self, name: &'static str, kind: &'static str, case: Case) {
        self.add(name, Expect::Refused(kind), case);
    }

    fn add(&mut self, name: &'static str, expect: Expect, case: Case) {
        assert!(self.cases.iter().all(|other| other.name != name), "two cases named {name}");
        self.cases.push(Case { name, expect, ..case });
    }
}

impl Case {
    fn peer(mut self, peer: &'static str) -> Self {
        self.peer = Some(peer);
        self
    }

    fn nameless(mut self) -> Self {
        self.peer = None;
        self
    }

    fn at(mut self, offset: i64) -> Self {
        self.time = NOW.checked_add_signed(offset).unwrap();
        self
    }

    fn client(mut self) -> Self {
        self.purpose = Purpose::Client;
        self.nameless()
    }

    fn client_or_server(mut self) -> Self {
        self.or_server = true;
        self.client()
    }

    fn weak_keys(mut self) -> Self {
        self.weak_keys = true;
        self
    }

    fn crls(mut self, check: Check, crls: &[&Vec<u8>]) -> Self {
        self.check = check;
        self.crls = crls.iter().map(|crl| (*crl).clone()).collect();
        self
    }

    fn reject_unknown(mut self) -> Self {
        self.reject_unknown = true;
        self
    }

    fn knows(mut self, intermediates: &[&Node]) -> Self {
        self.intermediates = intermediates.iter().map(|node| node.der.clone()).collect();
        self
    }

    fn differs(mut self, engine: Engine, expect: Expect, reason: &'static str) -> Self {
        self.differs.push(Difference { engine, expect, reason });
        self
    }
}
