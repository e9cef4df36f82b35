//! GeneralName (RFC 5280 section 4.2.1.6): what subject alternative names, name constraints and
//! authority key identifiers are written with.
//!
//! Tests: the table in `tests/cases`, and `tests/differential` against OpenSSL.

use super::der::{self, Element, Malformed, Reader};
use super::name;

/// One name, with the contents that matter for comparing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GeneralName<'a> {
    /// The type, and the value with its header.
    Other(&'a [u8], &'a [u8]),
    Email(&'a [u8]),
    Dns(&'a [u8]),
    X400,
    /// Contents of the Name's SEQUENCE.
    Directory(&'a [u8]),
    EdiParty,
    Uri(&'a [u8]),
    Ip(&'a [u8]),
    RegisteredId(&'a [u8]),
}

impl<'a> GeneralName<'a> {
    pub(crate) fn read(element: &Element<'a>, what: &'static str) -> Result<Self, Malformed> {
        let error = Malformed(what);
        let value = element.value;
        Ok(match element.tag {
            0xa0 => {
                let mut fields = Reader::new(value);
                let oid = fields.expect(der::OID, what)?;
                let value = fields.expect(der::context(0), what)?;
                fields.end(what)?;
                Reader::new(value).next().ok_or(error)?;
                Self::Other(oid, value)
            }
            0x81 => Self::Email(value),
            0x82 => Self::Dns(value),
            0xa3 => Self::X400,
            0xa4 => {
                let mut explicit = Reader::new(value);
                let contents = explicit.expect(der::SEQUENCE, what)?;
                explicit.end(what)?;
                if !name::is_well_formed(contents) {
                    return Err(error);
                }
                Self::Directory(contents)
            }
            0xa5 => Self::EdiParty,
            0x86 => Self::Uri(value),
            0x87 => Self::Ip(value),
            0x88 if !value.is_empty() => Self::RegisteredId(value),
            _ => return Err(error),
        })
    }

    /// The name RFC 5280 gives to this form.
    pub(crate) fn form(&self) -> &'static str {
        match self {
            Self::Other(..) => "otherName",
            Self::Email(_) => "rfc822Name",
            Self::Dns(_) => "dNSName",
            Self::X400 => "x400Address",
            Self::Directory(_) => "directoryName",
            Self::EdiParty => "ediPartyName",
            Self::Uri(_) => "uniformResourceIdentifier",
            Self::Ip(_) => "iPAddress",
            Self::RegisteredId(_) => "registeredID",
        }
    }
}

/// An error unless the contents of a SEQUENCE are well-formed GeneralNames.
pub(super) fn check_all(contents: &[u8], what: &'static str) -> Result<(), Malformed> {
    let mut names = Reader::new(contents);
    while !names.is_empty() {
        GeneralName::read(&names.next().ok_or(Malformed(what))?, what)?;
    }
    Ok(())
}

/// The names in the contents of a SEQUENCE, which [`check_all`] has accepted.
pub(crate) fn general_names(contents: &[u8]) -> impl Iterator<Item = GeneralName<'_>> {
    der::elements(contents).filter_map(|element| GeneralName::read(&element, "").ok())
}
