//! Distinguished names: as text for humans, and compared as RFC 5280 section 7.1 says.
//!
//! Tests: below, the table in `tests/cases`, and `tests/differential` against OpenSSL.

use std::borrow::Cow;

use pki_types::IpAddr;

use super::der::{self, Reader, elements};
use crate::text::{escape, shorten};

/// A distinguished name in the style of RFC 4514, most specific part first; never empty.
pub(crate) fn name_text(name: &[u8]) -> String {
    let mut parts: Vec<String> = attributes(name)
        .map(|(oid, value)| {
            let value = escape(&value).replace(',', "\\,");
            match ATTRIBUTE_NAMES.iter().find(|(known, _)| *known == oid) {
                Some((_, label)) => format!("{label}={value}"),
                None => format!("{}={value}", der::dotted(oid)),
            }
        })
        .collect();
    if parts.is_empty() {
        return "(empty name)".to_owned();
    }
    parts.reverse();
    shorten(parts.join(", "))
}

/// The attributes of a distinguished name, in order; those that cannot be read are left out.
pub(crate) fn attributes(name: &[u8]) -> impl Iterator<Item = (&[u8], String)> {
    elements(name).filter(|set| set.tag == der::SET).flat_map(|set| elements(set.value)).filter_map(
        |attribute| {
            let mut fields = Reader::new(attribute.value);
            let oid = fields.expect(der::OID, "attribute type").ok()?;
            let value = fields.next()?;
            Some((oid, string(value.tag, value.value)))
        },
    )
}

pub(crate) const COMMON_NAME: &[u8] = &[0x55, 4, 3];

pub(super) const EMAIL_ADDRESS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1];

const ATTRIBUTE_NAMES: &[(&[u8], &str)] = &[
    (COMMON_NAME, "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 42], "GN"),
    (&[0x55, 4, 97], "organizationIdentifier"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 100, 1, 25], "DC"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 100, 1, 1], "UID"),
    (EMAIL_ADDRESS, "emailAddress"),
];

pub(super) const DNS_NAME: u8 = der::context_primitive(2);
pub(super) const IP_ADDRESS: u8 = der::context_primitive(7);

pub(super) fn ip_text(octets: &[u8]) -> Option<String> {
    let address = match octets.len() {
        4 => std::net::IpAddr::from(<[u8; 4]>::try_from(octets).ok()?),
        16 => std::net::IpAddr::from(<[u8; 16]>::try_from(octets).ok()?),
        _ => return None,
    };
    Some(std::net::IpAddr::from(IpAddr::from(address)).to_string())
}

/// Whether two Names (contents of the SEQUENCE) are the same.
pub(crate) fn same_name(one: &[u8], other: &[u8]) -> bool {
    // The hash needs no memory, and most names that differ, differ in it.
    one == other
        || name_hash(one) == name_hash(other)
            && canonical(one).is_some_and(|name| canonical(other) == Some(name))
}

/// Whether a Name can be compared: OpenSSL cannot read a certificate with any other.
pub(super) fn is_well_formed(name: &[u8]) -> bool {
    well_formed_hash(name).is_some()
}

/// A hash that is equal for Names that are the same, for indexes. It does not resist names that
/// are chosen to collide: what is found by it is compared.
///
/// It is coarser than the comparison, so that it needs no memory: the order of attributes and
/// white space do not matter. A store is indexed by it when it is loaded.
pub(crate) fn name_hash(name: &[u8]) -> u64 {
    well_formed_hash(name).unwrap_or_else(|| hash_of(name))
}

/// The same; `None` if the name is malformed.
pub(super) fn well_formed_hash(name: &[u8]) -> Option<u64> {
    let mut sum = 0_u64;
    visit(name, &mut |_, oid, tag, text| {
        let kind = oid.iter().fold(u64::from(tag), |kind, &octet| kind << 8 ^ u64::from(octet));
        let hash = (hash_of(text) ^ kind).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        sum = sum.wrapping_add(hash ^ (hash >> 31));
    })?;
    Some(sum)
}

/// Of what is neither white space nor another control character, without regard to case.
fn hash_of(text: &[u8]) -> u64 {
    const LOWER_CASE: u8 = 0x20;
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for &octet in text {
        if octet > b' ' {
            hash =
                hash.wrapping_mul(0xd6e8_feb8_6659_fd93).wrapping_add((octet | LOWER_CASE).into());
        }
    }
    hash ^ (hash >> 31)
}

/// A form in which names are equal as bytes exactly if they match by RFC 5280 section 7.1, and in
/// which a name that others lie below is a prefix of theirs (section 4.2.1.10, directoryName).
/// `None` if the name is malformed.
///
/// As in OpenSSL: the string types for text are alike, case is ignored and white space is collapsed
/// in ASCII, other types are compared as they are, and the order of attributes does not matter
/// within a relative distinguished name (a SET) but does between them.
pub(crate) fn canonical(name: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(name.len() + 32);
    // The attributes of the relative distinguished name being read, and which one it is.
    let mut attributes: Vec<Vec<u8>> = Vec::new();
    let mut current = 0;
    let mut finish = |attributes: &mut Vec<Vec<u8>>| {
        attributes.sort_unstable();
        let length: usize = attributes.iter().map(Vec::len).sum();
        if length > 0 {
            out.extend(length_octets(length));
            attributes.drain(..).for_each(|attribute| out.extend(attribute));
        }
    };
    visit(name, &mut |rdn, oid, tag, text| {
        if rdn != current {
            finish(&mut attributes);
            current = rdn;
        }
        let mut attribute = Vec::with_capacity(oid.len() + text.len() + 9);
        attribute.extend(length_octets(oid.len()));
        attribute.extend_from_slice(oid);
        attribute.push(tag);
        let mut folded = Vec::new();
        let value = if tag == UTF8_STRING {
            folded.reserve(text.len());
            fold(text, &mut folded);
            &folded
        } else {
            text
        };
        attribute.extend(length_octets(value.len()));
        attribute.extend_from_slice(value);
        attributes.push(attribute);
    })?;
    finish(&mut attributes);
    Some(out)
}

fn length_octets(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Lower case, without white space at the ends and with one space for each run within.
fn fold(text: &[u8], out: &mut Vec<u8>) {
    let mut pending = false;
    let start = out.len();
    for &byte in text {
        if is_space(byte) {
            pending = out.len() > start;
            continue;
        }
        if pending {
            out.push(b' ');
            pending = false;
        }
        out.push(byte.to_ascii_lowercase());
    }
}

const BIT_STRING: u8 = der::BIT_STRING;
const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const TELETEX_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const UNIVERSAL_STRING: u8 = 0x1c;
const BMP_STRING: u8 = 0x1e;

/// What is done with each attribute.
type Visitor<'v> = dyn FnMut(usize, &[u8], u8, &[u8]) + 'v;

/// Every attribute of a Name: the number of its relative distinguished name, its type, and its
/// value as UTF-8 (tag [`UTF8_STRING`]) or, of a type that is no text, as it is. `None` if the name
/// is malformed.
fn visit(name: &[u8], each: &mut Visitor<'_>) -> Option<()> {
    let mut rdns = Reader::new(name);
    let mut rdn = 0;
    while !rdns.is_empty() {
        let mut attributes = Reader::new(rdns.expect(der::SET, "").ok()?);
        while !attributes.is_empty() {
            let mut fields = Reader::new(attributes.expect(der::SEQUENCE, "").ok()?);
            let oid = fields.expect(der::OID, "").ok()?;
            let value = fields.next()?;
            fields.end("").ok()?;
            let (tag, text) = decode(value.tag, value.value)?;
            each(rdn, oid, tag, &text);
        }
        rdn += 1;
    }
    Some(())
}

/// The value of an attribute as UTF-8, where it is text; OpenSSL takes TeletexString for Latin 1.
fn decode(tag: u8, value: &[u8]) -> Option<(u8, Cow<'_, [u8]>)> {
    let text = match tag {
        UTF8_STRING => Cow::Borrowed(std::str::from_utf8(value).ok()?.as_bytes()),
        PRINTABLE_STRING | TELETEX_STRING | IA5_STRING if value.is_ascii() => Cow::Borrowed(value),
        PRINTABLE_STRING | TELETEX_STRING | IA5_STRING => {
            Cow::Owned(value.iter().map(|&byte| char::from(byte)).collect::<String>().into_bytes())
        }
        BMP_STRING => Cow::Owned(wide(value, 2)?.into_bytes()),
        UNIVERSAL_STRING => Cow::Owned(wide(value, 4)?.into_bytes()),
        NUMERIC_STRING | der::SEQUENCE => return Some((tag, Cow::Borrowed(value))),
        BIT_STRING => {
            return matches!(value, [0..=7, ..]).then_some((tag, Cow::Borrowed(value)));
        }
        _ => return None,
    };
    Some((UTF8_STRING, text))
}

/// Characters of `width` octets each. A surrogate is no character, alone or in a pair.
fn wide(value: &[u8], width: usize) -> Option<String> {
    let units = value.chunks(width);
    units
        .map(|unit| {
            let code = unit.iter().fold(0_u32, |code, &byte| (code << 8) | u32::from(byte));
            char::from_u32(code).filter(|_| unit.len() == width)
        })
        .collect()
}

/// The values of one attribute of a Name as UTF-8, where they are text.
pub(super) fn texts(name: &[u8], wanted: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let _ = visit(name, &mut |_, oid, tag, text| {
        if oid == wanted && matches!(tag, UTF8_STRING | NUMERIC_STRING) {
            out.push(text.to_vec());
        }
    });
    out
}

/// The values of one attribute of a Name as they are, with their tags.
pub(super) fn values<'a>(name: &'a [u8], wanted: &'a [u8]) -> impl Iterator<Item = (u8, &'a [u8])> {
    elements(name).flat_map(|set| elements(set.value)).filter_map(move |attribute| {
        let mut fields = Reader::new(attribute.value);
        let oid = fields.expect(der::OID, "").ok()?;
        let value = fields.next()?;
        (oid == wanted).then_some((value.tag, value.value))
    })
}

/// A string type as text (RFC 5280 section 4.1.2.4); for people, not for comparing.
fn string(tag: u8, value: &[u8]) -> String {
    match tag {
        TELETEX_STRING => value.iter().map(|&byte| char::from(byte)).collect(),
        BMP_STRING => {
            let units = value
                .chunks_exact(2)
                .map(|pair| pair.iter().fold(0_u16, |unit, &byte| (unit << 8) | u16::from(byte)));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        UNIVERSAL_STRING => value
            .chunks_exact(4)
            .map(|four| four.iter().fold(0_u32, |code, &byte| (code << 8) | u32::from(byte)))
            .map(|code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
        _ => String::from_utf8_lossy(value).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::der::element;
    use super::*;

    fn attribute(oid: &[u8], tag: u8, text: &[u8]) -> Vec<u8> {
        element(der::SEQUENCE, &[element(der::OID, oid), element(tag, text)].concat())
    }

    fn name(rdns: &[&[&[u8]]]) -> Vec<u8> {
        rdns.iter().flat_map(|rdn| element(der::SET, &rdn.concat())).collect()
    }

    fn common(tag: u8, text: &[u8]) -> Vec<u8> {
        name(&[&[&attribute(COMMON_NAME, tag, text)]])
    }

    #[test]
    fn spelling_does_not_matter() {
        let plain = common(PRINTABLE_STRING, b"Example  CA");
        for other in [
            common(UTF8_STRING, b" example\t\n ca "),
            common(TELETEX_STRING, b"EXAMPLE CA"),
            common(IA5_STRING, b"Example CA"),
            common(BMP_STRING, b"\0E\0x\0a\0m\0p\0l\0e\0 \0C\0A"),
        ] {
            assert!(same_name(&plain, &other), "{other:?}");
            assert_eq!(name_hash(&plain), name_hash(&other));
        }
        for other in [common(UTF8_STRING, b"ExampleCA"), common(NUMERIC_STRING, b"Example CA")] {
            assert!(!same_name(&plain, &other), "{other:?}");
        }
        let latin = common(TELETEX_STRING, b"\xdcber");
        assert!(same_name(&latin, &common(UTF8_STRING, "\u{dc}ber".as_bytes())));
        assert!(!same_name(&latin, &common(UTF8_STRING, "\u{fc}ber".as_bytes())), "ASCII only");
    }

    #[test]
    fn order_matters_between_sets_only() {
        let one = &attribute(&[0x55, 4, 10], 0x13, b"a")[..];
        let two = &attribute(COMMON_NAME, 0x13, b"b")[..];
        let (joined, apart) = (name(&[&[one, two]]), name(&[&[one], &[two]]));
        assert!(same_name(&joined, &name(&[&[two, one]])));
        assert!(!same_name(&joined, &apart));
        assert!(!same_name(&apart, &name(&[&[two], &[one]])));
    }

    #[test]
    fn a_name_above_is_a_prefix() {
        let one = &attribute(&[0x55, 4, 10], 0x13, b"a")[..];
        let two = &attribute(COMMON_NAME, 0x13, b"b")[..];
        let above = canonical(&name(&[&[one]])).unwrap();
        assert!(canonical(&name(&[&[one], &[two]])).unwrap().starts_with(&above));
        assert!(!canonical(&name(&[&[one, two]])).unwrap().starts_with(&above));
    }

    #[test]
    fn malformed_names() {
        for bad in [
            common(UTF8_STRING, b"\xff"),
            common(BMP_STRING, b"\0"),
            common(BMP_STRING, b"\xd8\x00\xdc\x00"),
            common(UNIVERSAL_STRING, b"\0\x11\0\0"),
            common(der::BOOLEAN, b"\xff"),
            vec![der::SET, 1],
            vec![der::SEQUENCE, 0],
        ] {
            assert!(!is_well_formed(&bad) && canonical(&bad).is_none(), "{bad:?}");
        }
        assert_eq!(canonical(&[]), Some(Vec::new()));
    }
}
