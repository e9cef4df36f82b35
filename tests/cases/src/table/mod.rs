//! The rows.

use rcgen::{ExtendedKeyUsagePurpose as Usage, IsCa, KeyUsagePurpose as KeyUsage};

use crate::make::{DAY, Node, Spec, ca, client, server};
use crate::wine::WINE_DIFFERS;
use crate::{Case, Check, Difference, Engine, Expect, NOW, Purpose};

/// A chain of two made by `fixtures/make.sh`.
macro_rules! fixture {
    ($name:literal) => {{
        let mut case = row([], []);
        case.chain = vec![include_bytes!(concat!("../fixtures/", $name, "-leaf.der")).to_vec()];
        case.roots = vec![include_bytes!(concat!("../fixtures/", $name, "-root.der")).to_vec()];
        case
    }};
}

/// Every case. Keys are made anew on each call.
pub fn all() -> Vec<Case> {
    let mut table = Table::default();
    paths(&mut table);
    algorithms(&mut table);
    names(&mut table);
    validity(&mut table);
    anchors(&mut table);
    issuers(&mut table);
    end_entities(&mut table);
    strict_profile(&mut table);
    constraints(&mut table);
    revocation(&mut table);
    hostile(&mut table);
    for (name, expect, reason) in OPENSSL_DIFFERS {
        let case = table.cases.iter_mut().find(|case| case.name == *name).unwrap();
        case.differs.push(Difference { engine: Engine::OpenSsl, expect: *expect, reason });
    }
    for (name, expect, reason) in WINE_DIFFERS {
        let case = table.cases.iter_mut().find(|case| case.name == *name).unwrap();
        case.differs.push(Difference { engine: Engine::Wine, expect: *expect, reason });
    }
    table.cases
}

/// Where OpenSSL judges otherwise, besides what is said with the rows.
const OPENSSL_DIFFERS: &[(&str, Expect, &str)] = &[
    (
        "extension-twice",
        Expect::Trusted(2),
        "OpenSSL does not look at extensions it does not know; RFC 5280 section 4.2 forbids two of one",
    ),
    (
        "cross-sign-trusted-one-last",
        Expect::Refused("UnknownIssuer"),
        "OpenSSL tries one issuer of several that were sent",
    ),
    ("name-common-name-only", Expect::Trusted(2), "OpenSSL takes a common name unless told not to"),
    (
        "name-partial-wildcard",
        Expect::Trusted(2),
        "OpenSSL takes partial wildcards unless told not to, as Python does",
    ),
    (
        "last-second",
        Expect::Refused("Expired"),
        "OpenSSL counts notAfter as past; RFC 5280 section 4.1.2.5 includes it",
    ),
    (
        "crl-unknown-allowed",
        Expect::Refused("RevocationUnknown"),
        "OpenSSL cannot allow an unknown status",
    ),
    (
        "crl-outdated-allowed",
        Expect::Refused("RevocationOutdated"),
        "OpenSSL cannot allow an outdated CRL",
    ),
    (
        "crl-of-a-leaf-in-the-store-allowed",
        Expect::Refused("RevocationUnknown"),
        "OpenSSL cannot allow an unknown status",
    ),
    (
        "trailing-data",
        Expect::Trusted(2),
        "OpenSSL's PEM reader passes over data after the certificate",
    ),
    (
        "garbage-beside-the-leaf",
        Expect::Refused("BadEncoding"),
        "OpenSSL reads every certificate sent before it verifies one",
    ),
];

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

fn paths(table: &mut Table) {
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

fn algorithms(table: &mut Table) {
    let chain = |algorithm| {
        let root = ca("root").algorithm(algorithm).self_signed();
        let issuing = ca("issuing").algorithm(algorithm).issued_by(&root);
        let leaf = server().algorithm(algorithm).issued_by(&issuing);
        row([&leaf, &issuing], [&root])
    };
    table.trusted("p256", 3, chain(&rcgen::PKCS_ECDSA_P256_SHA256));
    table.trusted("p384", 3, chain(&rcgen::PKCS_ECDSA_P384_SHA384));
    table.trusted(
        "p521",
        3,
        chain(&rcgen::PKCS_ECDSA_P521_SHA512).differs(
            Engine::Ring,
            Expect::Refused("UnsupportedAlgorithm"),
            "ring has no P-521",
        ),
    );
    table.trusted("ed25519", 3, chain(&rcgen::PKCS_ED25519));
    table.trusted("rsa-2048-sha256", 3, chain(&rcgen::PKCS_RSA_SHA256));
    table.trusted("rsa-2048-sha512", 3, chain(&rcgen::PKCS_RSA_SHA512));

    table.trusted("rsa-pss", 2, fixture!("rsa-pss"));
    table.trusted("rsa-8192", 2, fixture!("rsa-8192"));
    table.refused("rsa-1024-end-entity", "WeakKey", fixture!("rsa-1024-leaf"));
    table.refused("rsa-1024-root", "WeakKey", fixture!("rsa-1024-root"));
    table.refused("sha1-signature", "UnsupportedAlgorithm", fixture!("sha1"));
    table.refused(
        "secp256k1-end-entity",
        "UnsupportedAlgorithm",
        fixture!("secp256k1-leaf").differs(
            Engine::OpenSsl,
            Expect::Trusted(2),
            "the curve is refused in the handshake, not in the chain",
        ),
    );
    table.refused(
        "brainpool-root",
        "WeakKey",
        fixture!("brainpool-root").differs(
            Engine::OpenSsl,
            Expect::Trusted(2),
            "OpenSSL has Brainpool curves",
        ),
    );
    table.refused(
        "version-1-root",
        "NotACa",
        fixture!("v1").differs(
            Engine::OpenSsl,
            Expect::Trusted(2),
            "OpenSSL takes a self-signed version 1 certificate for a CA; here it needs \
             basicConstraints, so that an old self-signed server certificate is not one",
        ),
    );
}

fn names(table: &mut Table) {
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
    table.refused("name-common-name-below-constraints", "NameMismatch", asked);
    let partial = issue(server().names(&["w*.example.com"]));
    table.refused(
        "name-partial-wildcard",
        "NameMismatch",
        row([&partial], [&root]).peer("www.example.com"),
    );
}

fn validity(table: &mut Table) {
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

/// Certificates of the store that must not anchor a chain.
fn anchors(table: &mut Table) {
    let unfit = |spec: Spec| {
        let root = spec.self_signed();
        let leaf = server().issued_by(&root);
        row([&leaf], [&root])
    };
    table.refused("anchor-expired", "Expired", unfit(ca("root").valid(-300 * DAY, -DAY)));
    table.refused("anchor-not-yet-valid", "NotYetValid", unfit(ca("root").valid(DAY, 300 * DAY)));
    table.refused("anchor-not-a-ca", "NotACa", unfit(server()));
    table.refused(
        "anchor-ca-false",
        "NotACa",
        unfit(server().basic_constraints(IsCa::ExplicitNoCa)),
    );
    table.refused(
        "anchor-no-cert-sign",
        "KeyUsage",
        unfit(ca("root").key_usage(&[KeyUsage::CrlSign])),
    );
    table.trusted("anchor-without-key-usage", 2, unfit(ca("root").key_usage(&[])));
    table.refused(
        "anchor-for-clients-only",
        "WrongPurpose",
        unfit(ca("root").extended_key_usage(&[Usage::ClientAuth])),
    );
    table.trusted(
        "anchor-for-servers",
        2,
        unfit(ca("root").extended_key_usage(&[Usage::ServerAuth, Usage::EmailProtection])),
    );
    table.refused(
        "anchor-unknown-critical",
        "UnknownCriticalExtension",
        unfit(ca("root").unknown_extension(true)),
    );
    table.trusted("anchor-unknown-harmless", 2, unfit(ca("root").unknown_extension(false)));

    let root = ca("root").path_length(0).self_signed();
    let issuing = ca("issuing").issued_by(&root);
    let leaf = server().issued_by(&issuing);
    table.refused("anchor-path-length", "PathLengthExceeded", row([&leaf, &issuing], [&root]));
    let direct = server().issued_by(&root);
    table.trusted("anchor-path-length-zero", 2, row([&direct], [&root]));

    let rollover = ca("root").issued_by(&root);
    let below = server().issued_by(&rollover);
    table.trusted("anchor-path-length-self-issued", 3, row([&below, &rollover], [&root]));

    // Debian's snakeoil: a self-signed server certificate in the store signs another one.
    let snakeoil =
        server().names(&["snakeoil.example"]).key_usage(&[]).extended_key_usage(&[]).self_signed();
    let forged = server().issued_by(&snakeoil);
    table.refused("snakeoil-issues", "NotACa", row([&forged, &snakeoil], [&snakeoil]));

    // The end entity itself in the store.
    let itself = server().self_signed();
    table.trusted("store-has-the-leaf", 1, row([&itself], [&itself]));
    table.refused(
        "store-has-the-leaf-misnamed",
        "NameMismatch",
        row([&itself], [&itself]).peer("wrong.example"),
    );
    table.refused("store-has-the-leaf-expired", "Expired", row([&itself], [&itself]).at(366 * DAY));
    table.refused(
        "store-has-the-leaf-wrong-purpose",
        "WrongPurpose",
        row([&itself], [&itself]).client(),
    );
    let as_ca = ca("development").names(&["example.com"]).key_usage(&[]).self_signed();
    table.trusted("store-has-the-leaf-that-is-a-ca", 1, row([&as_ca], [&as_ca]));
    let unknown = ca("unknown").self_signed();
    let issued = server().issued_by(&unknown);
    table.trusted(
        "store-has-the-issued-leaf",
        1,
        row([&issued], [&issued]).differs(
            Engine::OpenSsl,
            Expect::Refused("UnknownIssuer"),
            "without X509_V_FLAG_PARTIAL_CHAIN only a self-signed end entity counts",
        ),
    );

    // Pinned end entities.
    let pinned = |node: &Node, chain: &[&Node]| {
        let mut case = row(chain.iter().copied(), [&unknown]);
        case.pinned = vec![node.der.clone()];
        case
    };
    let other = server().issued_by(&unknown);
    table.trusted("pinned", 1, pinned(&itself, &[&itself]));
    table.refused("pinned-another", "PinMismatch", pinned(&itself, &[&other, &unknown]));
    table.refused(
        "pinned-misnamed",
        "NameMismatch",
        pinned(&itself, &[&itself]).peer("wrong.example"),
    );
    table.refused("pinned-expired", "Expired", pinned(&itself, &[&itself]).at(366 * DAY));
    table.refused("pinned-early", "NotYetValid", pinned(&itself, &[&itself]).at(-366 * DAY));
}

fn issuers(table: &mut Table) {
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

fn end_entities(table: &mut Table) {
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
    table.refused(
        "ca-as-end-entity",
        "CaAsEndEntity",
        issue(ca("issued").names(&["example.com"]).key_usage(&[])).differs(
            Engine::OpenSsl,
            Expect::Trusted(2),
            "OpenSSL does not tell CAs from end entities at depth 0",
        ),
    );
}

/// The strict profile, and what is fine without it.
fn strict_profile(table: &mut Table) {
    let root = ca("root").self_signed();
    let issue = |spec: Spec| row([&spec.issued_by(&root)], [&root]);
    let under = |spec: Spec| {
        let root = spec.self_signed();
        row([&server().issued_by(&root)], [&root])
    };
    let between = |spec: Spec| {
        let issuing = spec.issued_by(&root);
        row([&server().issued_by(&issuing), &issuing], [&root])
    };
    let itself = server().self_signed();
    let mut both = |lax, strict, length, case: Case, compliant| {
        table.trusted(lax, length, case.clone());
        let case = Case { strict: true, ..case };
        if compliant {
            table.trusted(strict, length, case);
        } else {
            table.refused(strict, "NotStandardsCompliant", case);
        }
    };
    both("plain", "plain-strict", 2, issue(server()), true);
    both("plain-three", "plain-three-strict", 3, between(ca("issuing")), true);
    both("own-root", "own-root-strict", 1, row([&itself], [&itself]), true);
    both("no-usage", "no-usage-strict", 2, issue(server().key_usage(&[])), true);
    both(
        "leaf-without-aki",
        "leaf-without-aki-strict",
        2,
        issue(server().no_authority_key_id()),
        false,
    );
    both(
        "root-without-aki",
        "root-without-aki-strict",
        2,
        under(ca("root").no_authority_key_id()),
        true,
    );
    both(
        "issuing-without-aki",
        "issuing-without-aki-strict",
        3,
        between(ca("issuing").no_authority_key_id()),
        false,
    );
    both(
        "root-without-usage",
        "root-without-usage-strict",
        2,
        under(ca("root").key_usage(&[])),
        false,
    );
    both(
        "issuing-without-usage",
        "issuing-without-usage-strict",
        3,
        between(ca("issuing").key_usage(&[])),
        false,
    );
    let signs = server().key_usage(&[KeyUsage::DigitalSignature, KeyUsage::KeyCertSign]);
    both("leaf-may-sign", "leaf-may-sign-strict", 2, issue(signs), false);
    let constraints = |critical, contents: &[u8]| {
        ca("root").basic_constraints(IsCa::NoCa).extension(
            &[2, 5, 29, 19],
            critical,
            contents.to_vec(),
        )
    };
    let ca_true = [0x30, 3, 1, 1, 0xff];
    both("uncritical-ca", "uncritical-ca-strict", 2, under(constraints(false, &ca_true)), false);
    both(
        "root-without-ski",
        "root-without-ski-strict",
        2,
        under(constraints(true, &ca_true)),
        false,
    );
    let length = server().extension(&[2, 5, 29, 19], true, vec![0x30, 3, 2, 1, 0]);
    both("length-but-no-ca", "length-but-no-ca-strict", 2, issue(length), false);
    let empty = server().empty_subject();
    both("empty-subject", "empty-subject-strict", 2, issue(empty), true);
}

fn constraints(table: &mut Table) {
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
    let constrained = ca("root").permitted(&["example.org"]).self_signed();
    let leaf = server().issued_by(&constrained);
    table.refused("anchor-constrains-names", "NameConstraints", row([&leaf], [&constrained]));
    let wide = ca("root").permitted(&["com"]).self_signed();
    let leaf = server().issued_by(&wide);
    table.trusted("anchor-permits-name", 2, row([&leaf], [&wide]));
}

fn revocation(table: &mut Table) {
    let root = ca("root").self_signed();
    let issuing = ca("issuing").serial(7).issued_by(&root);
    let leaf = server().serial(9).issued_by(&issuing);
    let chain = || row([&leaf, &issuing], [&root]);
    let (fresh, stale) = ((-DAY, DAY), (-10 * DAY, -DAY));
    let clean = issuing.crl(&[5], fresh.0, fresh.1);
    let revokes = issuing.crl(&[9], fresh.0, fresh.1);
    let root_clean = root.crl(&[], fresh.0, fresh.1);
    let root_revokes = root.crl(&[7], fresh.0, fresh.1);
    let old = issuing.crl(&[5], stale.0, stale.1);
    let old_revokes = issuing.crl(&[9], stale.0, stale.1);
    let impostor = ca("issuing").self_signed().crl(&[], fresh.0, fresh.1);

    table.trusted("crl-leaf-good", 3, chain().crls(Check::Leaf, &[&clean]).reject_unknown());
    table.trusted(
        "crl-chain-good",
        3,
        chain().crls(Check::Chain, &[&clean, &root_clean]).reject_unknown(),
    );
    table.refused("crl-leaf-revoked", "Revoked", chain().crls(Check::Leaf, &[&revokes]));
    table.refused(
        "crl-intermediate-revoked",
        "Revoked",
        chain().crls(Check::Chain, &[&clean, &root_revokes]),
    );
    table.trusted(
        "crl-intermediate-revoked-not-asked",
        3,
        chain().crls(Check::Leaf, &[&clean, &root_revokes]),
    );
    table.trusted("crl-revoked-not-asked", 3, chain().crls(Check::Off, &[&revokes]));
    table.trusted("crl-unknown-allowed", 3, chain().crls(Check::Chain, &[&clean]));
    table.refused(
        "crl-unknown-rejected",
        "RevocationUnknown",
        chain().crls(Check::Chain, &[&clean]).reject_unknown(),
    );
    table.trusted("crl-none-allowed", 3, chain().crls(Check::Leaf, &[]));
    table.refused(
        "crl-none-rejected",
        "RevocationUnknown",
        chain().crls(Check::Leaf, &[]).reject_unknown(),
    );
    table.refused(
        "crl-outdated-rejected",
        "RevocationOutdated",
        chain().crls(Check::Leaf, &[&old]).reject_unknown(),
    );
    table.trusted("crl-outdated-allowed", 3, chain().crls(Check::Leaf, &[&old]));
    table.refused(
        "crl-outdated-still-revokes",
        "Revoked",
        chain().crls(Check::Leaf, &[&old_revokes]),
    );
    table.refused(
        "crl-of-an-impostor",
        "BadRevocationData",
        chain().crls(Check::Leaf, &[&impostor]).reject_unknown(),
    );
    let itself = server().self_signed();
    let whole = || row([&itself], [&itself]).crls(Check::Leaf, &[&clean]);
    table.trusted("crl-of-a-leaf-in-the-store-allowed", 1, whole());
    table.refused(
        "crl-of-a-leaf-in-the-store-rejected",
        "RevocationUnknown",
        whole().reject_unknown(),
    );
}

/// What no honest peer sends.
fn hostile(table: &mut Table) {
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
    table.refused("mesh", "ChainTooComplex", row(std::iter::once(&entry).chain(&mesh), [&root]));
    // The same with a trust anchor of the right name and the wrong key behind every path.
    let false_anchors: Vec<_> = names.iter().map(|name| ca(name).self_signed()).collect();
    table.refused(
        "mesh-of-wrong-keys",
        "ChainTooComplex",
        row(std::iter::once(&entry).chain(&mesh), &false_anchors),
    );
}
