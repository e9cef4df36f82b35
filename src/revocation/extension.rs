//! Extensions of certificates, CRLs, their entries and OCSP responses.
//!
//! Tests: `tests/revocation.rs`, `tests/ocsp.rs`.

use crate::cert::Cert;
use crate::cert::der::{self, Malformed, Reader};

/// The contents of a certificate's extension with this object identifier.
pub(super) fn extension<'a>(cert: &Cert<'a>, wanted: &[u8]) -> Result<Option<&'a [u8]>, Malformed> {
    let mut outer = Reader::new(cert.tbs);
    let mut fields = Reader::new(outer.expect(der::SEQUENCE, "tbsCertificate")?);
    while let Some(field) = fields.next() {
        if field.tag == der::context(3) {
            let list = der::sequence(field.value, "extensions")?;
            for extension in extensions(list) {
                let extension = extension?;
                if extension.oid == wanted {
                    return Ok(Some(extension.value));
                }
            }
        }
    }
    Ok(None)
}

pub(super) struct Extension<'a> {
    pub(super) oid: &'a [u8],
    pub(super) critical: bool,
    pub(super) value: &'a [u8],
}

/// The extensions in the contents of a SEQUENCE OF Extension.
pub(super) fn extensions(list: &[u8]) -> impl Iterator<Item = Result<Extension<'_>, Malformed>> {
    let mut list = Reader::new(list);
    std::iter::from_fn(move || {
        if list.is_empty() {
            return None;
        }
        let extension = Extension::read(&mut list);
        if extension.is_err() {
            list = Reader::new(&[]); // the rest cannot be read either
        }
        Some(extension)
    })
}

impl<'a> Extension<'a> {
    fn read(list: &mut Reader<'a>) -> Result<Self, Malformed> {
        let mut fields = Reader::new(list.expect(der::SEQUENCE, "extension")?);
        let oid = fields.expect(der::OID, "extnID")?;
        let critical = match fields.optional(der::BOOLEAN, "critical")? {
            None => false,
            Some(value) => der::boolean(value, "critical")?,
        };
        let value = fields.expect(der::OCTET_STRING, "extnValue")?;
        fields.end("extension")?;
        Ok(Self { oid, critical, value })
    }
}

/// A part of some DER, kept beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    /// Where `part` lies in `whole`.
    pub(super) fn of(whole: &[u8], part: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
        Self { start, end: start.saturating_add(part.len()) }
    }

    pub(super) fn start(self) -> usize {
        self.start
    }

    pub(super) fn of_der(self, der: &[u8]) -> &[u8] {
        der.get(self.start..self.end).unwrap_or_default()
    }
}
