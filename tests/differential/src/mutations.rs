//! What can be different about a chain, or wrong with it.

use crate::certificate::{Attribute, Certificate, Name};
use crate::der;
use crate::keys::{Hash, OTHERS, PLAIN};
use crate::scenario::{DAY, NOW, Purpose, Trust, World, ca, key_id, name, oid};

type Mutation = fn(&mut World<'_>);

/// Every mutation with its label.
pub const ALL: &[(&str, Mutation)] = &[
    ("issuer spelled otherwise", respelled),
    ("issuer spelled otherwise", respelled),
    ("attributes in another order", reordered),
    ("another name", renamed),
    ("empty name", emptied),
    ("odd string", odd_string),
    ("basic constraints", basic_constraints),
    ("basic constraints", basic_constraints),
    ("path length", path_length),
    ("path length", path_length),
    ("self-issued", self_issued),
    ("self-issued", self_issued),
    ("self-issued and constrained", self_issued_and_constrained),
    ("self-issued and limited", self_issued_and_limited),
    ("key usage", key_usage),
    ("key usage", key_usage),
    ("extended key usage", extended_key_usage),
    ("extended key usage", extended_key_usage),
    ("netscape type", netscape_type),
    ("key identifiers", key_identifiers),
    ("key identifiers", key_identifiers),
    ("alternative names", alternative_names),
    ("alternative names", alternative_names),
    ("alternative names", alternative_names),
    ("name constraints", name_constraints),
    ("name constraints", name_constraints),
    ("name constraints", name_constraints),
    ("names and constraints", names_and_constraints),
    ("names and constraints", names_and_constraints),
    ("other names and constraints", other_names_and_constraints),
    ("policies", policies),
    ("other extension", other_extension),
    ("other extension", other_extension),
    ("malformed extension", malformed_extension),
    ("malformed extension", malformed_extension),
    ("extension twice", twice),
    ("critical as written", criticality),
    ("version", version),
    ("version", version),
    ("serial number", serial),
    ("unique identifiers", |world| {
        let place = world.any();
        world.chain[place].unique = true;
    }),
    ("validity", validity),
    ("validity", validity),
    ("time", time),
    ("signature", signature),
    ("signature", signature),
    ("key", key),
    ("key", key),
    ("malformed key", malformed_key),
    ("store", store),
    ("store", store),
    ("store", store),
    ("trust settings", trust_settings),
    ("trust settings", trust_settings),
    ("trust settings that overrule", overruling_settings),
    ("rejected under another certificate", rejected_elsewhere),
    ("sent", sent),
    ("sent", sent),
    ("cross-sign", cross_sign),
    ("cross-sign", cross_sign),
    ("impostor", impostor),
    ("end entity", end_entity),
    ("end entity", end_entity),
    ("peer", peer),
    ("peer", peer),
    ("common name", common_name),
    ("common name", common_name),
];

/// The same name, written otherwise.
fn respell(world: &mut World<'_>, name: &mut Name) {
    for attribute in name.0.iter_mut().flatten() {
        let (_, tag, value) = attribute;
        if *tag != 0x13 && *tag != 0x0c {
            continue;
        }
        match world.random.below(9) {
            0 => value.make_ascii_uppercase(),
            1 => value.make_ascii_lowercase(),
            2 => value.insert(0, b' '),
            3 => value.extend(b" \t\n"),
            4 => {
                *value = String::from_utf8_lossy(value).replace(' ', " \u{b} ").into_bytes();
            }
            5 => *tag = world.random.choose(&[0x0c, 0x13, 0x14, 0x16]),
            6 if value.is_ascii() => {
                *tag = 0x1e;
                *value = value.iter().flat_map(|&byte| [0, byte]).collect();
            }
            7 if value.is_ascii() => {
                *tag = 0x1c;
                *value = value.iter().flat_map(|&byte| [0, 0, 0, byte]).collect();
            }
            _ => {}
        }
    }
}

fn respelled(world: &mut World<'_>) {
    let place = world.random.below(world.chain.len());
    let mut issuer = world.chain[place].issuer.clone();
    respell(world, &mut issuer);
    world.chain[place].issuer = issuer;
}

/// Gives a CA of the chain another subject, and what it issued that issuer.
fn set_subject(world: &mut World<'_>, place: usize, subject: &Name) {
    let top = world.chain.len() - 1;
    world.chain[place].subject = subject.clone();
    if place == top {
        world.chain[place].issuer = subject.clone();
    }
    if place > 0 {
        world.chain[place - 1].issuer = subject.clone();
    }
}

fn reordered(world: &mut World<'_>) {
    let place = world.any_ca();
    let mut subject = world.chain[place].subject.clone();
    let joined = world.random.percent(60);
    if joined {
        subject = Name(vec![subject.0.concat()]);
    }
    if world.random.percent(20) {
        subject.0.push(vec![]);
    }
    set_subject(world, place, &subject);
    let child = &mut world.chain[place - 1].issuer.0;
    match joined {
        true => child.iter_mut().take(1).for_each(|rdn| rdn.reverse()),
        false => child.reverse(),
    }
    if world.random.percent(20) {
        child.push(vec![]);
    }
}

fn renamed(world: &mut World<'_>) {
    let place = world.random.below(world.chain.len());
    let cert = &mut world.chain[place];
    let which = if world.random.percent(50) { &mut cert.issuer } else { &mut cert.subject };
    let Some((attribute, tag, value)) = which.0.iter_mut().flatten().last() else { return };
    match world.random.below(4) {
        0 => value.push(b'x'),
        1 => *attribute = Attribute::X520(11),
        2 => *tag = 0x12,
        _ => value.retain(|byte| *byte != b' '),
    }
}

fn emptied(world: &mut World<'_>) {
    let place = world.random.below(world.chain.len());
    set_subject(world, place, &Name(vec![]));
    if world.random.percent(30) && place > 0 {
        world.chain[place - 1].issuer = Name(vec![vec![]]);
    }
}

fn odd_string(world: &mut World<'_>) {
    let place = world.any_ca();
    let mut subject = world.chain[place].subject.clone();
    let (tag, value): (u8, &[u8]) = world.random.choose(&[
        (0x0c, "Gr\u{fc}\u{df}e CA".as_bytes()),
        (0x14, b"Gr\xfc\xdfe CA"),
        (0x13, b"Gr\xfc\xdfe CA"),
        (0x1e, b"\0G\0r\0\xfc\0\xdf\0e\0 \0C\0A"),
        (0x1e, b"\0G\0"),
        (0x1e, b"\xd8\x3d\xde\x00"),
        (0x0c, b"\xff\xfe"),
        (0x0c, b"nul\0inside"),
        (0x0c, b""),
        (0x0c, b"  "),
        (0x12, b"12 34"),
        (0x03, b"\0\x55"),
        (0x16, b"a@host.example"),
        (0x1a, b"visible"),
        (0x02, b"\x05"),
        (0x1c, b"\0\0\0A\0\x11\0\0"),
    ]);
    let attribute = if tag == 0x16 { Attribute::Email } else { Attribute::X520(11) };
    let middle = subject.0.len().min(1);
    subject.0.insert(middle, vec![(attribute, tag, value.to_vec())]);
    set_subject(world, place, &subject);
    if world.random.percent(40) {
        let mut issuer = world.chain[place - 1].issuer.clone();
        respell(world, &mut issuer);
        world.chain[place - 1].issuer = issuer;
    }
}

fn basic_constraints(world: &mut World<'_>) {
    let place = world.any();
    let value = match world.random.below(12) {
        0 => {
            world.chain[place].remove(oid::BASIC_CONSTRAINTS);
            return;
        }
        1 => der::sequence(&[]),
        2 => der::sequence(&[der::boolean(0)]),
        3 => der::sequence(&[der::boolean(1)]),
        4 => der::sequence(&[der::boolean(0xff), der::integer(-1)]),
        5 => der::sequence(&[der::integer(0)]),
        6 => der::sequence(&[der::boolean(0xff), der::integer(0), der::integer(0)]),
        7 => [der::sequence(&[der::boolean(0xff)]), vec![0]].concat(),
        8 => der::sequence(&[der::element(1, &[0xff, 0xff])]),
        9 => der::sequence(&[der::boolean(0xff), der::element(2, &[0x7f; 9])]),
        10 => der::sequence(&[der::boolean(0xff), der::element(2, &[0, 5])]),
        _ => der::sequence(&[der::boolean(0xff)]),
    };
    let critical = world.random.percent(60);
    world.chain[place].set(oid::BASIC_CONSTRAINTS, critical, value);
}

fn path_length(world: &mut World<'_>) {
    let place = world.any_ca();
    let length = world.random.choose(&[0, 0, 1, 1, 2, 3, 7]);
    let value = der::sequence(&[der::boolean(0xff), der::integer(length)]);
    world.chain[place].set(oid::BASIC_CONSTRAINTS, true, value);
}

/// A CA that has changed its key: the new one is certified with the old one, under one name.
fn self_issued(world: &mut World<'_>) {
    let place = world.any_ca();
    let old = world.chain[place].clone();
    let new_key = world.random.below(PLAIN);
    let mut new = ca(&old.subject, new_key, &old.subject, old.key);
    if world.random.percent(30) {
        respell(world, &mut new.issuer);
    }
    if world.random.percent(20) {
        new.remove(oid::AUTHORITY_KEY_ID);
        new.remove(oid::SUBJECT_KEY_ID);
    }
    let child = &mut world.chain[place - 1];
    child.signer = new_key;
    let identifier = der::sequence(&[der::context_primitive(0, &key_id(new_key))]);
    if let Some(extension) = child.extension(oid::AUTHORITY_KEY_ID) {
        extension.value = identifier;
    }
    world.chain.insert(place, new);
    world.sent.insert(place, 1);
    for (stored, _) in &mut world.stored {
        *stored += usize::from(*stored >= place);
    }
    for known in &mut world.known {
        *known += usize::from(*known >= place);
    }
}

/// A CA constrains names to those of the end entity; its own is not among them.
fn self_issued_and_constrained(world: &mut World<'_>) {
    let Some(place) = place_of_self_issued(world) else { return };
    let base = der::sequence(&[der::context(4, &world.chain[0].subject.der())]);
    let subtrees = world.random.below(2) as u8;
    let value = der::sequence(&[der::context(subtrees, &base)]);
    world.chain[place + 1].set(oid::NAME_CONSTRAINTS, true, value);
}

/// A CA allows as many intermediates as are below it, or one less.
fn self_issued_and_limited(world: &mut World<'_>) {
    let Some(place) = place_of_self_issued(world) else { return };
    let limited = place + 1 + world.random.below(world.chain.len() - place - 1);
    let below = &world.chain[1..limited];
    let counted = below.iter().filter(|cert| cert.subject != cert.issuer).count();
    let length = counted.saturating_sub(world.random.below(2)) as i64;
    let value = der::sequence(&[der::boolean(0xff), der::integer(length)]);
    world.chain[limited].set(oid::BASIC_CONSTRAINTS, true, value);
}

/// Makes one, and finds it or another.
fn place_of_self_issued(world: &mut World<'_>) -> Option<usize> {
    self_issued(world);
    (1..world.chain.len() - 1).find(|&place| {
        let (cert, above) = (&world.chain[place], &world.chain[place + 1]);
        cert.subject == above.subject
    })
}

fn key_usage(world: &mut World<'_>) {
    let place = world.any();
    let bits: &[u8] = world.random.choose::<&[u8]>(&[
        &[7, 0x80],
        &[5, 0x20],
        &[3, 0x08],
        &[2, 0x04],
        &[1, 0x02],
        &[1, 0x06],
        &[2, 0x84],
        &[0, 0x04, 0, 0],
        &[0, 0x86, 0, 1],
        &[7, 0, 0x80],
        &[0],
        &[7, 0],
        &[2, 0x03],
        &[0, 0xff],
        &[9, 0x04],
        &[],
    ]);
    let critical = world.random.percent(70);
    match world.random.below(6) {
        0 => world.chain[place].remove(oid::KEY_USAGE),
        _ => world.chain[place].set(oid::KEY_USAGE, critical, der::element(3, bits)),
    }
}

fn extended_key_usage(world: &mut World<'_>) {
    let place = world.any();
    let purposes: &[&[u64]] = &[
        &[1, 3, 6, 1, 5, 5, 7, 3, 1],
        &[1, 3, 6, 1, 5, 5, 7, 3, 2],
        &[1, 3, 6, 1, 5, 5, 7, 3, 4],
        &[2, 5, 29, 37, 0],
        &[1, 3, 6, 1, 4, 1, 311, 10, 3, 3],
        &[2, 16, 840, 1, 113_730, 4, 1],
        &[2, 999, 2],
    ];
    let count = world.random.below(4);
    let mut list: Vec<_> = (0..count).map(|_| der::oid(world.random.choose(purposes))).collect();
    match world.random.below(12) {
        0 => list.push(vec![5, 0]),
        1 => list.push(vec![6, 0]),
        2 => list.push(vec![6, 2, 0x55, 0x9d]),
        _ => {}
    }
    let critical = world.random.percent(30);
    match world.random.below(6) {
        0 => world.chain[place].remove(oid::EXTENDED_KEY_USAGE),
        _ => world.chain[place].set(oid::EXTENDED_KEY_USAGE, critical, der::sequence(&list)),
    }
}

fn netscape_type(world: &mut World<'_>) {
    let place = world.any();
    let bits = world.random.choose(&[0x80, 0x40, 0xc0, 0x20, 0x04, 0x02, 0x44, 0x00, 0x01]);
    let critical = world.random.percent(30);
    world.chain[place].set(oid::NETSCAPE_TYPE, critical, der::element(3, &[0, bits]));
    if world.random.percent(40) {
        world.chain[place].remove(oid::BASIC_CONSTRAINTS);
        world.chain[place].remove(oid::KEY_USAGE);
    }
}

fn key_identifiers(world: &mut World<'_>) {
    let place = world.any();
    let issuer = world.chain.get(place + 1).unwrap_or(&world.chain[place]).clone();
    let id = der::context_primitive(0, &key_id(world.chain[place].signer));
    let directory = |name: &Name| der::context(1, &der::context(4, &name.der()));
    let serial = |serial: &[u8]| der::context_primitive(2, serial);
    let mut respelled = issuer.issuer.clone();
    respell(world, &mut respelled);
    let value = match world.random.below(14) {
        0 => {
            world.chain[place].remove(oid::AUTHORITY_KEY_ID);
            return;
        }
        1 => {
            world.chain[place].remove(oid::SUBJECT_KEY_ID);
            return;
        }
        2 => {
            world.chain[place].set(oid::SUBJECT_KEY_ID, false, der::octets(b"another"));
            return;
        }
        3 => {
            world.chain[place].set(oid::SUBJECT_KEY_ID, true, der::octets(b"another"));
            return;
        }
        4 => der::sequence(&[]),
        5 => der::sequence(&[der::context_primitive(0, b"another")]),
        6 => der::sequence(&[id, directory(&issuer.issuer), serial(&issuer.serial)]),
        7 => der::sequence(&[directory(&respelled), serial(&issuer.serial)]),
        8 => der::sequence(&[id, directory(&issuer.issuer), serial(&[9])]),
        9 => der::sequence(&[directory(&name("nobody")), serial(&issuer.serial)]),
        10 => der::sequence(&[id, der::context(1, &der::context_primitive(2, b"dns"))]),
        11 => der::sequence(&[id, serial(&[])]),
        12 => der::sequence(&[serial(&issuer.serial), id]),
        _ => der::sequence(&[id]),
    };
    let critical = world.random.percent(8);
    world.chain[place].set(oid::AUTHORITY_KEY_ID, critical, value);
}

/// One GeneralName of any form; many of them match others from here.
fn general_name(world: &mut World<'_>, base: bool) -> Vec<u8> {
    let dns: &[&[u8]] = &[
        b"host.example",
        b"HOST.example",
        b"*.example",
        b"*.host.example",
        b"www.host.example",
        b"example",
        b".example",
        b".host.example",
        b"other.example",
        b"h*.example",
        b"",
        b"host.example.",
        b"-odd-.example",
        b"under_score.example",
        b"a.b.c.host.example",
        b"ost.example",
        b"b\xfccher.example",
        b"nul\0.example",
    ];
    let mail: &[&[u8]] = &[
        b"a@host.example",
        b"A@HOST.example",
        b"host.example",
        b".example",
        b"@host.example",
        b"a@b@host.example",
        b"",
        b"a\0@host.example",
    ];
    let uri: &[&[u8]] = &[
        b"https://host.example/",
        b"https://host.example:1/a:b",
        b"https://a@host.example/",
        b"host.example",
        b".example",
        b"mailto:a@host.example",
        b"https:///",
        b"",
        b"https://www.host.example",
    ];
    let ip: &[&[u8]] = if base && world.random.percent(80) {
        &[
            &[192, 0, 2, 0, 255, 255, 255, 0],
            &[192, 0, 2, 1, 255, 255, 255, 255],
            &[10, 0, 0, 0, 255, 0, 0, 0],
            &[192, 0, 0, 1, 255, 0, 255, 255],
            &[0; 8],
            &[0; 32],
            &[1; 7],
        ]
    } else {
        &[&[192, 0, 2, 1], &[192, 0, 2, 2], &[10, 1, 2, 3], &[0; 16], &[1; 5]]
    };
    match world.random.below(18) {
        0..7 => der::context_primitive(2, world.random.choose(dns)),
        7..10 => der::context_primitive(7, world.random.choose(ip)),
        10..12 => der::context_primitive(1, world.random.choose(mail)),
        12 => der::context_primitive(6, world.random.choose(uri)),
        13 | 14 => {
            let mut subject = world.random.pick(&[name("host.example"), name("other")]).clone();
            if world.random.percent(50) {
                subject.0.truncate(1);
            }
            if world.random.percent(20) {
                subject.0.clear();
            }
            respell(world, &mut subject);
            der::context(4, &subject.der())
        }
        15 => {
            let types: &[&[u64]] = &[&[1, 3, 6, 1, 5, 5, 7, 8, 9], &[2, 999, 3], &[2, 999, 4]];
            let kind = der::oid(world.random.choose(types));
            let text: &[u8] = world.random.choose::<&[u8]>(&[b"\xc3\xbc@host.example", b"text"]);
            let tag = world.random.choose(&[0x0c, 0x16]);
            der::context(0, &[kind, der::context(0, &der::element(tag, text))].concat())
        }
        16 => der::context_primitive(8, &[0x2a, 3]),
        _ if world.random.percent(50) => der::context(3, &[]),
        _ => der::context(5, &der::context(1, &[0x13, 0])),
    }
}

fn alternative_names(world: &mut World<'_>) {
    let place = if world.random.percent(75) { 0 } else { world.any() };
    let count = world.random.below(4);
    let mut names: Vec<_> = (0..count).map(|_| general_name(world, false)).collect();
    if place == 0 && world.random.percent(50) {
        names.push(der::context_primitive(2, b"host.example"));
    }
    if world.random.percent(5) {
        names.push(der::context_primitive(9, b"none"));
    }
    let critical = world.random.percent(20);
    match world.random.below(8) {
        0 => world.chain[place].remove(oid::SUBJECT_ALT_NAME),
        _ => world.chain[place].set(oid::SUBJECT_ALT_NAME, critical, der::sequence(&names)),
    }
}

fn subtree(world: &mut World<'_>) -> Vec<u8> {
    let mut fields = vec![general_name(world, true)];
    match world.random.below(20) {
        0 => fields.push(der::context_primitive(0, &[0])),
        1 => fields.push(der::context_primitive(0, &[1])),
        2 => fields.push(der::context_primitive(1, &[5])),
        3 => fields.push(der::context_primitive(0, &[])),
        _ => {}
    }
    der::sequence(&fields)
}

fn name_constraints(world: &mut World<'_>) {
    let place = if world.random.percent(90) { world.any_ca() } else { 0 };
    let mut fields = Vec::new();
    for (number, share) in [(0, 65), (1, 35)] {
        if world.random.percent(share) {
            let count = 1 + world.random.below(3);
            let subtrees: Vec<_> = (0..count).map(|_| subtree(world)).collect();
            fields.push(der::context(number, &subtrees.concat()));
        }
    }
    let critical = world.random.percent(60);
    world.chain[place].set(oid::NAME_CONSTRAINTS, critical, der::sequence(&fields));
}

fn names_and_constraints(world: &mut World<'_>) {
    alternative_names(world);
    name_constraints(world);
    if world.random.percent(25) {
        // One name on both sides, of a form that may be none to compare.
        let both = general_name(world, false);
        let host = der::context_primitive(2, b"host.example");
        let names = der::sequence(&[both.clone(), host]);
        world.chain[0].set(oid::SUBJECT_ALT_NAME, false, names);
        let place = world.any_ca();
        let value = der::sequence(&[der::context(0, &der::sequence(&[both]))]);
        world.chain[place].set(oid::NAME_CONSTRAINTS, true, value);
    }
}

/// An internationalized e-mail address, whose constraints are those of addresses (RFC 8398), or a
/// name of another type, which cannot be compared with any constraint.
fn other_names_and_constraints(world: &mut World<'_>) {
    let other = |kind: &[u64], text: &[u8]| {
        let value = der::context(0, &der::element(0x0c, text));
        der::context(0, &[der::oid(kind), value].concat())
    };
    let types: &[&[u64]] = &[&[1, 3, 6, 1, 5, 5, 7, 8, 9], &[2, 999, 3], &[2, 999, 4]];
    let kind = if world.random.percent(60) { types[0] } else { world.random.choose(types) };
    let base = match world.random.below(10) {
        0..6 => {
            let hosts: &[&[u8]] = &[
                b"host.example",
                b"HOST.example",
                b".example",
                b"other.example",
                b"xn--a.example",
            ];
            der::context_primitive(1, world.random.choose(hosts))
        }
        6..9 => other(world.random.choose(types), b"text"),
        _ => der::context_primitive(2, b"host.example"),
    };
    let host = der::context_primitive(2, b"host.example");
    let names = der::sequence(&[other(kind, b"\xc3\xbc@host.example"), host]);
    world.chain[0].set(oid::SUBJECT_ALT_NAME, false, names);
    let place = world.any_ca();
    let subtrees = der::context(world.random.below(2) as u8, &der::sequence(&[base]));
    world.chain[place].set(oid::NAME_CONSTRAINTS, true, der::sequence(&[subtrees]));
}

fn policies(world: &mut World<'_>) {
    let place = world.any();
    let policy = der::oid(&[2, 999, 5]);
    let (oid, value) = match world.random.below(4) {
        0 => (oid::POLICIES, der::sequence(&[der::sequence(&[policy])])),
        1 => (oid::POLICY_CONSTRAINTS, der::sequence(&[der::context_primitive(0, &[0])])),
        2 => (oid::POLICY_MAPPINGS, der::sequence(&[der::sequence(&[policy.clone(), policy])])),
        _ => (oid::INHIBIT_ANY_POLICY, der::integer(0)),
    };
    let critical = world.random.percent(80);
    world.chain[place].set(oid, critical, value);
}

fn other_extension(world: &mut World<'_>) {
    let place = world.any();
    let point = |contents: &[u8]| der::sequence(&[der::sequence(&[contents.to_vec()])]);
    let full = |name: Vec<u8>| der::context(0, &der::context(0, &name));
    let url = der::context_primitive(6, b"http://crl.example/");
    let (oid, value) = match world.random.below(14) {
        0 | 1 => (oid::UNKNOWN, vec![5, 0]),
        2 => (oid::NO_CHECK, vec![5, 0]),
        3 => (oid::AUTHORITY_INFO, b"junk".to_vec()),
        4 => (oid::SCTS, b"junk".to_vec()),
        5 => (oid::DISTRIBUTION_POINTS, point(&full(url))),
        6 => (oid::DISTRIBUTION_POINTS, point(&[])),
        7 => (oid::DISTRIBUTION_POINTS, b"junk".to_vec()),
        8 => (oid::DISTRIBUTION_POINTS, point(&full(der::context_primitive(9, b"")))),
        9 => (
            oid::DISTRIBUTION_POINTS,
            point(&der::context(2, &der::context(4, &name("other").der()))),
        ),
        10 => (oid::PROXY, der::sequence(&[der::sequence(&[der::oid(&[2, 999, 6])])])),
        11 => (&[2, 5, 29, 46][..], der::sequence(&[])),
        12 => (&[2, 5, 29, 18][..], der::sequence(&[])),
        _ => (&[2, 5, 29, 16][..], der::sequence(&[])),
    };
    let critical = world.random.percent(50);
    world.chain[place].set(oid, critical, value);
}

fn malformed_extension(world: &mut World<'_>) {
    let place = world.any();
    let count = world.chain[place].extensions.len();
    if count == 0 {
        return;
    }
    let which = world.random.below(count);
    let kind = world.random.below(5);
    let value = &mut world.chain[place].extensions[which].value;
    match kind {
        0 => value.truncate(value.len() / 2),
        1 => value.clear(),
        2 => value.extend([0, 0]),
        3 => *value = vec![5, 0],
        _ => {
            if let Some(first) = value.first_mut() {
                *first ^= 1;
            }
        }
    }
}

fn twice(world: &mut World<'_>) {
    let place = world.any();
    if world.random.percent(30) {
        world.chain[place].set(oid::UNKNOWN, false, vec![5, 0]);
    }
    let count = world.chain[place].extensions.len();
    if count > 0 {
        let which = if world.random.percent(30) { count - 1 } else { world.random.below(count) };
        let again = world.chain[place].extensions[which].clone();
        world.chain[place].extensions.push(again);
    }
}

fn criticality(world: &mut World<'_>) {
    let place = world.any();
    for extension in &mut world.chain[place].extensions {
        extension.critical = world.random.choose(&[None, Some(0), Some(1), Some(0xff)]);
    }
}

fn version(world: &mut World<'_>) {
    let place = world.any();
    let cert = &mut world.chain[place];
    cert.version = world.random.choose(&[None, None, Some(0), Some(1), Some(2), Some(3), Some(-1)]);
    if world.random.percent(70) {
        cert.extensions.clear();
        if place == 0 && world.random.percent(70) {
            world.peer = None;
        }
    }
}

fn serial(world: &mut World<'_>) {
    let place = world.any();
    let serial: &[u8] = world.random.choose::<&[u8]>(&[
        &[0],
        &[0x80],
        &[0xff],
        &[1; 25],
        &[],
        &[0, 1],
        &[0xff, 0xff],
        &[0, 0x80],
    ]);
    world.chain[place].serial = serial.to_vec();
}

fn validity(world: &mut World<'_>) {
    let place = world.any();
    let (from, to) = &mut world.chain[place].validity;
    match world.random.below(14) {
        0 => *to = der::time(NOW - DAY),
        1 => *from = der::time(NOW + DAY),
        2 => *to = der::time(NOW),
        3 => *to = der::time(NOW + 1),
        4 => *from = der::time(NOW),
        5 => *from = der::time(NOW + 1),
        6 => *from = der::time(-500 * DAY),
        7 => *from = der::element(0x17, b"500101000000Z"),
        8 => *to = der::element(0x18, b"99991231235959Z"),
        9 => *from = der::element(0x18, b"20200101000000Z"),
        10 => *to = der::element(0x17, b"2901010000Z"),
        11 => *to = der::element(0x18, b"20290101000000+0000"),
        12 => *to = der::element(0x18, b"20290230000000Z"),
        _ => *from = der::element(0x18, b"19000101000000Z"),
    }
}

fn time(world: &mut World<'_>) {
    world.time = world.random.choose(&[
        NOW - 300 * DAY,
        NOW - 300 * DAY - 1,
        NOW + 300 * DAY,
        NOW + 300 * DAY + 1,
        NOW + 3000 * DAY,
    ]);
}

fn signature(world: &mut World<'_>) {
    let place = world.any();
    let cert = &mut world.chain[place];
    match world.random.below(7) {
        0 | 1 => cert.damaged = true,
        2 => cert.other_algorithm = true,
        3 => cert.signer = world.random.below(PLAIN),
        4 => cert.hash = Hash::Sha1,
        5 => cert.hash = world.random.choose(&[Hash::Sha384, Hash::Sha512]),
        _ => cert.hash = Hash::Sha224,
    }
}

/// Another key for a certificate of the chain, and for what it issued.
fn key(world: &mut World<'_>) {
    let place = world.any();
    let key = PLAIN + world.random.below(OTHERS);
    let top = world.chain.len() - 1;
    let cert = &mut world.chain[place];
    cert.key = key;
    if place == top {
        cert.signer = key;
    }
    if cert.extension(oid::SUBJECT_KEY_ID).is_some() {
        cert.set(oid::SUBJECT_KEY_ID, false, der::octets(&key_id(key)));
    }
    if place > 0 {
        let child = &mut world.chain[place - 1];
        child.signer = key;
        if let Some(extension) = child.extension(oid::AUTHORITY_KEY_ID) {
            extension.value = der::sequence(&[der::context_primitive(0, &key_id(key))]);
        }
    }
}

fn malformed_key(world: &mut World<'_>) {
    let place = world.any();
    let rsa = der::sequence(&[der::oid(&[1, 2, 840, 113_549, 1, 1, 1]), vec![5, 0]]);
    let ec = der::sequence(&[
        der::oid(&[1, 2, 840, 10_045, 2, 1]),
        der::oid(&[1, 2, 840, 10_045, 3, 1, 7]),
    ]);
    let spki = match world.random.below(5) {
        0 => der::sequence(&[rsa, der::bits(b"junk")]),
        1 => der::sequence(&[rsa, der::bits(&der::sequence(&[der::integer(5)]))]),
        2 => der::sequence(&[ec, der::bits(&[4; 65])]),
        3 => der::sequence(&[ec, der::bits(&[4; 10])]),
        _ => der::sequence(&[der::sequence(&[der::oid(&[2, 999, 9])]), der::bits(b"key")]),
    };
    world.chain[place].spki = Some(spki);
}

fn store(world: &mut World<'_>) {
    let top = world.chain.len() - 1;
    match world.random.below(10) {
        0 => world.stored.clear(),
        1 => {
            let place = world.any();
            world.stored = vec![(place, None)];
        }
        2 => {
            let place = world.any();
            world.stored.push((place, None));
        }
        3 => world.stored.push((0, None)),
        4 => {
            // The same CA, renewed under its key or expired.
            let mut cert = world.chain[top].clone();
            cert.serial = vec![77];
            let days = world.random.choose(&[-1, 500]);
            cert.validity.1 = der::time(NOW + days * DAY);
            let first = world.random.percent(50);
            world.also_stored.push((cert, None));
            world.shuffled |= first;
        }
        5 => {
            let key = world.random.below(PLAIN);
            let subject = world.chain[top].subject.clone();
            let mut cert = ca(&subject, key, &subject, key);
            if world.random.percent(50) {
                cert.remove(oid::SUBJECT_KEY_ID);
                world.chain[top.saturating_sub(1)].remove(oid::AUTHORITY_KEY_ID);
            }
            world.also_stored.push((cert, None));
            world.shuffled |= world.random.percent(50);
        }
        6 => {
            // Another certificate of an intermediate, in the store.
            let place = world.any_ca();
            let mut cert = world.chain[place].clone();
            cert.serial = vec![78];
            world.also_stored.push((cert, None));
        }
        7 => {
            let cert = &mut world.chain[top];
            cert.version = None;
            cert.extensions.clear();
        }
        8 => world.sent[top] = 1,
        _ => {
            let key = world.random.below(PLAIN);
            let other = name("unrelated");
            world.also_stored.push((ca(&other, key, &other, key), None));
        }
    }
}

fn trust_settings(world: &mut World<'_>) {
    let lists: &[&[u64]] = &[&[1], &[2], &[4], &[0], &[1, 2], &[], &[2, 4]];
    let trusted = world.random.percent(70).then(|| world.random.choose(lists).to_vec());
    let rejected = match world.random.below(3) {
        0 => world.random.choose(lists).to_vec(),
        _ => Vec::new(),
    };
    let trust = Some(Trust { trusted, rejected });
    if world.random.percent(30) {
        let place = world.any();
        if world.stored.iter().all(|(stored, _)| *stored != place) {
            world.stored.push((place, trust));
            return;
        }
    }
    let count = world.stored.len();
    if count > 0 {
        let which = world.random.below(count);
        world.stored[which].1 = trust;
    }
}

/// The store rejects a key of the chain, in a certificate that is not the chain's.
fn rejected_elsewhere(world: &mut World<'_>) {
    let place = world.any();
    let mut cert = world.chain[place].clone();
    match world.random.below(5) {
        0 => cert.serial = vec![79],
        1 => {
            cert.serial = vec![80];
            let mut subject = cert.subject.clone();
            respell(world, &mut subject);
            cert.subject = subject;
        }
        2 => {
            let key = world.random.below(PLAIN);
            cert = ca(&cert.subject, cert.key, &name("other root"), key);
        }
        // As it was before.
        3 => {
            cert.validity.1 = der::time(NOW - DAY);
            cert.remove(oid::NAME_CONSTRAINTS);
        }
        // One that is malformed.
        _ => cert.set(oid::BASIC_CONSTRAINTS, true, vec![0x30, 3, 1, 2, 0xff]),
    }
    let rejected = world.random.choose::<&[u64]>(&[&[1], &[2], &[4], &[0], &[1, 2]]).to_vec();
    world.also_stored.push((cert, Some(Trust { trusted: None, rejected })));
    world.shuffled |= world.random.percent(30);
}

/// An anchor, or an end entity in the store, whose own purposes are others than its settings'.
fn overruling_settings(world: &mut World<'_>) {
    let place = if world.random.percent(70) { world.chain.len() - 1 } else { 0 };
    let last = world.random.choose(&[1, 2, 4]);
    let own = der::sequence(&[der::oid(&[1, 3, 6, 1, 5, 5, 7, 3, last])]);
    world.chain[place].set(oid::EXTENDED_KEY_USAGE, false, own);
    if place > 0 && world.random.percent(30) {
        // A CA by Netscape's type alone, for TLS or for other things.
        for extension in [oid::BASIC_CONSTRAINTS, oid::KEY_USAGE, oid::EXTENDED_KEY_USAGE] {
            world.chain[place].remove(extension);
        }
        let kind = world.random.choose(&[0x01, 0x02, 0x04]);
        world.chain[place].set(oid::NETSCAPE_TYPE, false, der::element(3, &[0, kind]));
    }
    let trusted = world.random.choose::<&[u64]>(&[&[1], &[2], &[0], &[1, 2]]).to_vec();
    let trust = Some(Trust { trusted: Some(trusted), rejected: Vec::new() });
    world.stored.retain(|(stored, _)| *stored != place);
    world.stored.push((place, trust));
}

fn sent(world: &mut World<'_>) {
    let place = world.any_ca();
    match world.random.below(6) {
        0 => world.sent[place] = 0,
        1 => world.sent[place] = 2,
        2 => world.shuffled = true,
        3 => {
            world.sent[place] = 0;
            world.known.push(place);
        }
        4 => {
            let key = world.random.below(PLAIN);
            let other = name("unrelated");
            world.also_sent.push(ca(&other, key, &other, key));
        }
        _ => {
            let end_entity = world.chain[0].clone();
            world.also_sent.push(end_entity);
        }
    }
}

/// Another certificate of a CA of the chain, by another root, which the store may have.
fn cross_sign(world: &mut World<'_>) {
    let place = world.any_ca();
    let cert = world.chain[place].clone();
    let (root, key) = (name("other root"), world.random.below(PLAIN));
    let mut crossed = ca(&cert.subject, cert.key, &root, key);
    match world.random.below(8) {
        0 => crossed.validity.1 = der::time(NOW - DAY),
        1 => {
            let value = der::sequence(&[der::boolean(0xff), der::integer(0)]);
            crossed.set(oid::BASIC_CONSTRAINTS, true, value);
        }
        2 => {
            let base = der::sequence(&[der::context_primitive(2, b"other.example")]);
            let value = der::sequence(&[der::context(0, &base)]);
            crossed.set(oid::NAME_CONSTRAINTS, true, value);
        }
        3 => crossed.damaged = true,
        4 => respell(world, &mut crossed.subject),
        _ => {}
    }
    let mut top = ca(&root, key, &root, key);
    top.remove(oid::AUTHORITY_KEY_ID);
    match world.random.below(4) {
        0 => world.also_sent.push(top),
        1 => {
            world.also_stored.push((top, None));
            world.stored.clear();
        }
        2 => world.also_stored.push((top, None)),
        _ => {
            // Back to a CA further down: a loop.
            let lower = world.chain[1.min(place)].clone();
            let back = ca(&root, key, &lower.subject, lower.key);
            world.also_sent.push(back);
        }
    }
    world.also_sent.push(crossed);
    world.shuffled |= world.random.percent(70);
}

/// A certificate with the name of a CA of the chain, and another key.
fn impostor(world: &mut World<'_>) {
    let place = world.any_ca();
    let cert = world.chain[place].clone();
    let key = world.random.below(PLAIN);
    let mut other = ca(&cert.subject, key, &cert.issuer, cert.signer);
    if world.random.percent(60) {
        other.remove(oid::SUBJECT_KEY_ID);
        other.remove(oid::AUTHORITY_KEY_ID);
        if world.random.percent(50) {
            world.chain[place - 1].remove(oid::AUTHORITY_KEY_ID);
        }
    }
    other.damaged = world.random.percent(30);
    world.also_sent.push(other);
    world.shuffled |= world.random.percent(70);
}

fn as_root(cert: &mut Certificate) {
    cert.issuer = cert.subject.clone();
    cert.signer = cert.key;
    cert.remove(oid::AUTHORITY_KEY_ID);
}

fn end_entity(world: &mut World<'_>) {
    match world.random.below(7) {
        // An issued CA certificate is the server's own.
        0 | 1 => {
            let value = der::sequence(&[der::boolean(0xff)]);
            world.chain[0].set(oid::BASIC_CONSTRAINTS, true, value);
            let usage = world.random.choose::<&[u8]>(&[&[1, 6], &[1, 0x86], &[7, 0x80]]);
            world.chain[0].set(oid::KEY_USAGE, true, der::element(3, usage));
        }
        // Self-signed, in the store or not.
        2 | 3 => {
            as_root(&mut world.chain[0]);
            if world.random.percent(70) {
                world.stored.push((0, None));
            }
        }
        // Made by `openssl req -x509`.
        4 => {
            let mut cert = world.chain[0].clone();
            as_root(&mut cert);
            cert.set(oid::SUBJECT_KEY_ID, false, der::octets(&key_id(cert.key)));
            let value = der::sequence(&[der::boolean(0xff)]);
            cert.set(oid::BASIC_CONSTRAINTS, true, value);
            cert.remove(oid::KEY_USAGE);
            cert.remove(oid::EXTENDED_KEY_USAGE);
            world.chain[0] = cert;
            world.stored.push((0, None));
        }
        // With its issuer's name.
        5 => world.chain[0].subject = world.chain[0].issuer.clone(),
        _ => world.stored.push((0, None)),
    }
}

fn peer(world: &mut World<'_>) {
    world.peer = world.random.choose(&[
        None,
        Some("host.example"),
        Some("HOST.EXAMPLE"),
        Some("www.host.example"),
        Some("a.b.host.example"),
        Some("other.example"),
        Some("xn--hst-sna.example"),
        Some("under_score.example"),
        Some("a_b.host.example"),
        Some("192.0.2.1"),
        Some("192.0.2.2"),
        Some("::"),
        Some("example"),
    ]);
    if world.random.percent(10) {
        world.purpose = match world.purpose {
            Purpose::Server => Purpose::Client,
            Purpose::Client => Purpose::Server,
        };
    }
}

fn common_name(world: &mut World<'_>) {
    let common: &[(u8, &[u8])] = &[
        (0x13, b"host.example"),
        (0x0c, b"*.example"),
        (0x0c, b"*.host.example"),
        (0x1e, b"\0h\0o\0s\0t\0.\0e\0x\0a\0m\0p\0l\0e"),
        (0x14, b"h\xfcst.example"),
        (0x0c, b"nul\0.example"),
        (0x0c, b"host.example\0"),
        (0x0c, b"Some Person"),
        (0x0c, b"-host-.example"),
    ];
    let subject = &mut world.chain[0].subject;
    let count = 1 + world.random.below(2);
    for _ in 0..count {
        let (tag, value) = world.random.choose(common);
        subject.0.push(vec![(Attribute::X520(3), tag, value.to_vec())]);
    }
    if world.random.percent(20) {
        subject.0.push(vec![(Attribute::Email, 0x16, b"a@host.example".to_vec())]);
    }
    if world.random.percent(10) {
        subject.0.push(vec![(Attribute::Email, 0x0c, b"a@host.example".to_vec())]);
    }
    if world.random.percent(70) {
        world.chain[0].remove(oid::SUBJECT_ALT_NAME);
    }
    world.common_name = world.random.percent(80);
}
