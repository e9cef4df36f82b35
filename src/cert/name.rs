//! Names as text, for humans; they are compared elsewhere, byte by byte.
//!
//! Tests: `tests/verifier.rs` (names in errors and reports).

use pki_types::IpAddr;

use super::der::{self, Reader, elements};
use crate::text::escape;

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
    parts.join(", ")
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
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
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

/// A string type as text (RFC 5280 section 4.1.2.4); for humans, not for comparing.
fn string(tag: u8, value: &[u8]) -> String {
    const TELETEX_STRING: u8 = 0x14;
    const UNIVERSAL_STRING: u8 = 0x1c;
    const BMP_STRING: u8 = 0x1e;
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
