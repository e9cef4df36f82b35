//! What other verifiers read and OpenSSL does: names written in several ways, old encodings, every
//! form of name constraint, long paths. The verdict of the core, not of other systems.

use rcgen::{DnType, DnValue, IsCa, KeyUsagePurpose as KeyUsage};

use super::{Table, row};
use crate::crl::der;
use crate::make::{Node, Spec, ca, server};
use crate::{Case, Engine, Expect};

const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
const NAME_CONSTRAINTS: &[u64] = &[2, 5, 29, 30];
const NETSCAPE_TYPE: &[u64] = &[2, 16, 840, 1, 113_730, 1, 1];

pub(super) fn rows(table: &mut Table) {
    let first = table.cases.len();
    names(table);
    encodings(table);
    extensions(table);
    constraints(table);
    paths(table);
    for case in &mut table.cases[first..] {
        case.core_only = true;
    }
}

/// The end entity names its issuer in another spelling than that does.
fn spelled(subject: DnValue, issuer: DnValue) -> Case {
    let root = ca("root").self_signed();
    let issuing = ca("").attribute(DnType::CommonName, subject).issued_by(&root);
    // Only its name and its key matter.
    let spelled = ca("").attribute(DnType::CommonName, issuer).self_signed_as(&issuing);
    row([&server().issued_by(&spelled), &issuing], [&root])
}

fn names(table: &mut Table) {
    let utf8 = |text: &str| DnValue::Utf8String(text.into());
    let printable = |text: &str| DnValue::PrintableString(text.try_into().unwrap());
    let case = spelled(utf8("Issuing CA"), printable("Issuing CA"));
    table.trusted("issuer-in-another-string-type", 3, case);
    let wide = DnValue::BmpString("Issuing CA".try_into().unwrap());
    table.trusted("issuer-in-two-octets-a-character", 3, spelled(utf8("Issuing CA"), wide));
    let case = spelled(utf8("Issuing CA"), utf8("ISSUING ca"));
    table.trusted("issuer-in-other-case", 3, case);
    let case = spelled(utf8("Issuing CA"), utf8(" Issuing \t CA "));
    table.trusted("issuer-with-more-white-space", 3, case);
    let case = spelled(utf8("Issuing CA"), utf8("IssuingCA"));
    table.refused("issuer-without-white-space", "UnknownIssuer", case);
    let case = spelled(utf8("\u{dc}ber CA"), utf8("\u{fc}ber CA"));
    table.refused("issuer-in-other-case-beyond-ascii", "UnknownIssuer", case);

    let root = ca("root").self_signed();
    let odd = server().names(&["-odd-.example", "1.2.3.999", "example.com"]).issued_by(&root);
    table.trusted("odd-names-beside-the-right-one", 2, row([&odd], [&root]));
    let mut final_dot = row([&server().issued_by(&root)], [&root]);
    final_dot.peer = Some("example.com.");
    table.trusted(
        "name-final-dot",
        2,
        final_dot.differs(
            Engine::OpenSsl,
            Expect::Refused("NameMismatch"),
            "OpenSSL compares the dot; it means the root of DNS, and certificates are without it",
        ),
    );
}

fn encodings(table: &mut Table) {
    let root = ca("root").self_signed();
    let below = |spec: Spec| {
        let issuing = spec.issued_by(&root);
        row([&server().issued_by(&issuing), &issuing], [&root])
    };
    let constraints = |contents: &[u8]| {
        let spec = ca("issuing").basic_constraints(IsCa::NoCa);
        spec.extension(BASIC_CONSTRAINTS, true, contents.to_vec())
    };
    table.trusted("true-as-01", 3, below(constraints(&[0x30, 3, 1, 1, 1])));
    table.refused("not-a-ca-written-out", "NotACa", below(constraints(&[0x30, 3, 1, 1, 0])));
    let usage = |contents: &[u8]| {
        ca("issuing").key_usage(&[]).extension(KEY_USAGE, true, contents.to_vec())
    };
    table.trusted("key-usage-of-four-octets", 3, below(usage(&[3, 5, 0, 6, 0, 0, 0])));
    let issue = |spec: Spec| row([&spec.issued_by(&root)], [&root]);
    let empty = server().key_usage(&[]).extension(KEY_USAGE, true, vec![3, 1, 0]);
    table.refused("key-usage-empty", "BadEncoding", issue(empty));
    let access =
        |critical| server().extension(&[1, 3, 6, 1, 5, 5, 7, 1, 1], critical, b"junk".to_vec());
    table.trusted("malformed-hint", 2, issue(access(false)));
    table.refused("malformed-hint-critical", "UnknownCriticalExtension", issue(access(true)));
    table.trusted("valid-since-1960", 2, issue(server().valid_since(1960)));
}

fn extensions(table: &mut Table) {
    let root = ca("root").self_signed();
    let below = |oid: &[u64], contents: &[u8]| {
        let issuing = ca("issuing").extension(oid, true, contents.to_vec()).issued_by(&root);
        row([&server().issued_by(&issuing), &issuing], [&root])
    };
    let policy = [0x30, 6, 0x30, 4, 6, 2, 0x2a, 3];
    table.trusted("critical-policies", 3, below(&[2, 5, 29, 32], &policy));
    let required = [0x30, 3, 0x80, 1, 0];
    table.trusted("critical-policy-constraints", 3, below(&[2, 5, 29, 36], &required));
    table.trusted("critical-inhibit-any-policy", 3, below(&[2, 5, 29, 54], &[2, 1, 0]));
    let no_check = below(&[1, 3, 6, 1, 5, 5, 7, 48, 1, 5], &[5, 0]);
    table.trusted("critical-ocsp-no-check", 3, no_check);
    let issue = |kind| {
        let leaf = server().extension(NETSCAPE_TYPE, false, vec![3, 2, 0, kind]).issued_by(&root);
        row([&leaf], [&root])
    };
    table.trusted("netscape-type-server", 2, issue(0x40));
    table.refused("netscape-type-client", "WrongPurpose", issue(0x80));
}

fn constraints(table: &mut Table) {
    let root = ca("root").self_signed();
    let below = |permitted: Option<&[u8]>, excluded: Option<&[u8]>, leaf: Spec| {
        let tree = |tag, base: &[u8]| der(tag, &der(0x30, base));
        let permitted = permitted.map(|base| tree(0xa0, base)).unwrap_or_default();
        let excluded = excluded.map(|base| tree(0xa1, base)).unwrap_or_default();
        let contents = der(0x30, &[permitted, excluded].concat());
        let issuing = ca("issuing").extension(NAME_CONSTRAINTS, true, contents).issued_by(&root);
        row([&leaf.issued_by(&issuing), &issuing], [&root])
    };
    let address = || server().names(&["example.com", "192.0.2.1"]);
    let net = der(0x87, &[192, 0, 2, 0, 255, 255, 255, 0]);
    table.trusted("address-permitted", 3, below(Some(&net), None, address()));
    table.refused("address-excluded", "NameConstraints", below(None, Some(&net), address()));
    let directory = |node: &Node| der(0xa4, &node.subject());
    let organization = ca("")
        .attribute(DnType::OrganizationName, DnValue::Utf8String("TRUSTBRIDGE  tests".into()));
    let organization = directory(&organization.self_signed());
    let other = directory(&ca("").common_name("elsewhere").self_signed());
    table.trusted("subject-permitted", 3, below(Some(&organization), None, server()));
    table.refused("subject-not-permitted", "NameConstraints", below(Some(&other), None, server()));
    let excluded = below(None, Some(&organization), server());
    table.refused("subject-excluded", "NameConstraints", excluded);

    // A form that cannot be compared is no harm while no name is of that form.
    let registered = der(0x88, &[0x2a, 3]);
    let absent = below(Some(&registered), None, server());
    table.trusted("unsupported-form-of-no-name", 3, absent);
    let names = [der(0x82, b"example.com"), registered.clone()].concat();
    let present = server().names(&[]).extension(&[2, 5, 29, 17], false, der(0x30, &names));
    let present = below(Some(&registered), None, present);
    table.refused("unsupported-form-of-a-name", "NameConstraints", present);
    let minimum = [der(0x82, b"example.com"), der(0x80, &[0])].concat();
    table.trusted("minimum-of-zero-written-out", 3, below(Some(&minimum), None, server()));
    let minimum = [der(0x82, b"example.com"), der(0x80, &[1])].concat();
    table.refused("minimum-of-one", "NameConstraints", below(Some(&minimum), None, server()));

    // Self-issued certificates are not constrained, nor do they count for path lengths.
    let constrained = der(0x30, &der(0xa0, &der(0x30, &organization)));
    let old = ca("old").extension(NAME_CONSTRAINTS, true, constrained).path_length(0);
    let old = old.issued_by(&root);
    let new = ca("old").issued_by(&old);
    let leaf = server().issued_by(&new);
    table.trusted("path-length-and-self-issued", 4, row([&leaf, &new, &old], [&root]));
}

fn paths(table: &mut Table) {
    let root = ca("root").self_signed();
    let mut chain = vec![ca("deep").issued_by(&root)];
    for _ in 0..24 {
        let next = ca(["even", "odd"][chain.len() % 2]).issued_by(chain.last().unwrap());
        chain.push(next);
    }
    let leaf = server().issued_by(chain.last().unwrap());
    let sent = std::iter::once(&leaf).chain(chain.iter().rev());
    table.trusted("twenty-five-intermediates", 27, row(sent, [&root]));

    // CAs of the issuer's name that did not issue it come first; nothing tells them apart.
    let dead: Vec<_> =
        (0..30).map(|_| ca("issuing").no_authority_key_id().issued_by(&root)).collect();
    let issuing = ca("issuing").no_authority_key_id().issued_by(&root);
    let leaf = server().no_authority_key_id().issued_by(&issuing);
    let sent = std::iter::once(&leaf).chain(&dead).chain([&issuing]);
    table.trusted(
        "thirty-dead-ends",
        3,
        row(sent, [&root]).differs(
            Engine::OpenSsl,
            Expect::Refused("BadSignature"),
            "OpenSSL tries one issuer of several that were sent",
        ),
    );

    // What `openssl req -x509` makes, and what CPython 3.13 checks with the strict profile.
    let own = ca("own").names(&["example.com"]).key_usage(&[]).self_signed();
    let mut strict = row([&own], [&own]);
    strict.strict = true;
    table.trusted("own-ca-strict", 1, strict);
    let usage = [KeyUsage::KeyCertSign, KeyUsage::DigitalSignature];
    let issued = ca("issued").names(&["example.com"]).key_usage(&usage).issued_by(&root);
    table.trusted("issued-ca-as-server", 2, row([&issued], [&root]));
}
