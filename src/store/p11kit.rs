//! Reads the trust policy files of p11-kit, which distributions put beside their bundles: what
//! is distrusted, from which date on, and which extensions are attached to a key.
//!
//! The format is that of p11-kit's trust module: objects with a header, attributes of PKCS #11 as
//! `name: value`, and PEM blocks. Only what takes trust away is read; trust anchors come from the
//! bundle. Certificates about which a file says nothing of the kind are not decoded.
//!
//! Tests: `p11kit/tests.rs`, some against the program `trust`.

use std::io::BufRead;

use pki_types::CertificateDer;

use super::contents::Fault;
use super::pem::{self, Item};
use super::refusal::TrustSettings;
use crate::cert::der::{self, Reader};
use crate::cert::time::{self, Timestamp};

const HEADER: &[u8] = b"[p11-kit-object-v1]";

/// Whether some text is such a file.
pub(super) fn is_p11kit(text: &[u8]) -> bool {
    Lines::new(text)
        .map(|(_, line)| line)
        .find(|line| !is_ignored(line))
        .is_some_and(|line| line == HEADER)
}

/// One thing that a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Statement {
    /// About exactly this certificate.
    Certificate {
        certificate: CertificateDer<'static>,
        /// Not trusted for anything.
        distrusted: bool,
        /// Not trusted for end entities of servers that were issued later.
        server_distrust_after: Option<Timestamp>,
        /// The settings of a `TRUSTED CERTIFICATE` block.
        trust: Option<TrustSettings>,
    },
    /// Certificates of this issuer (contents of the Name) with this serial number (contents of
    /// the INTEGER) are not trusted for anything.
    IssuerSerial { issuer: Vec<u8>, serial: Vec<u8> },
    /// Certificates with this key (contents of the SubjectPublicKeyInfo) are used as if they had
    /// this extension (contents of its SEQUENCE).
    Extension { spki: Vec<u8>, kind: Attached, contents: Vec<u8> },
}

/// The extensions that take trust away. Others are not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attached {
    ExtendedKeyUsage,
    NameConstraints,
    /// Purposes that OpenSSL's trust settings reject, in p11-kit's own form.
    RejectedPurposes,
}

const ATTACHED: &[(&[u8], Attached)] = &[
    (&[0x55, 0x1d, 37], Attached::ExtendedKeyUsage),
    (&[0x55, 0x1d, 30], Attached::NameConstraints),
    // 1.3.6.1.4.1.3319.6.10.1
    (&[0x2b, 6, 1, 4, 1, 0x99, 0x77, 6, 10, 1], Attached::RejectedPurposes),
];

/// What a file says, and what could not be read of it, with lines.
#[derive(Debug, Default)]
pub(super) struct Policy {
    pub(super) statements: Vec<Statement>,
    pub(super) faults: Vec<Fault>,
}

/// Reads a file. All certificates of a `blocklist` are distrusted, whatever else it says.
pub(super) fn parse(text: &[u8], blocklist: bool) -> Policy {
    let mut out = Policy::default();
    let mut object: Option<Object<'_>> = None;
    let mut block: Option<usize> = None;
    let mut lines = Lines::new(text);
    loop {
        if block.is_some() {
            lines.skip_base64();
        }
        let Some((offset, line)) = lines.next() else { break };
        let line_number = lines.number;
        if block.is_some() && line != HEADER {
            if line.starts_with(b"-----END ") {
                let start = block.take().unwrap_or(offset);
                let found = text.get(start..offset + line.len());
                if let Some(object) = &mut object {
                    object.block = found;
                }
            }
            continue;
        }
        if is_ignored(line) {
            continue;
        }
        if line.starts_with(b"[") {
            if block.take().is_some() {
                out.faults
                    .push(Fault::new(Some(line_number), "the PEM block before has no END line"));
            }
            finish(object.take(), blocklist, &mut out);
            if line == HEADER {
                object = Some(Object { line: line_number, ..Object::default() });
            } else {
                out.faults.push(Fault::new(Some(line_number), "a section of an unknown kind"));
            }
        } else if line.starts_with(b"-----BEGIN ") {
            block = Some(offset);
        } else if let Some(object) = &mut object {
            if let Err(reason) = object.attribute(line) {
                out.faults.push(Fault::new(Some(line_number), reason));
            }
        }
    }
    if block.is_some() {
        out.faults
            .push(Fault::new(Some(lines.number), "the PEM block has no END line (truncated?)"));
    }
    finish(object, blocklist, &mut out);
    out
}

fn is_ignored(line: &[u8]) -> bool {
    line.is_empty() || line.starts_with(b"#")
}

/// The lines, without white space around them, and where they begin.
struct Lines<'a> {
    rest: &'a [u8],
    offset: usize,
    /// Lines read so far.
    number: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { rest: text, offset: 0, number: 0 }
    }

    /// Skips lines of 64 characters. They are nearly all of a file, and nearly all of them belong to
    /// certificates that are trusted.
    fn skip_base64(&mut self) {
        while let Some((line, after)) = self.rest.split_first_chunk::<64>() {
            let Some((b'\n', after)) = after.split_first() else { break };
            // Neither white space, such as the end of a shorter line, nor the line of an END.
            let is_whole = line.iter().fold(true, |whole, &byte| whole & (byte > b' '));
            if !is_whole || line.first() == Some(&b'-') {
                break;
            }
            self.rest = after;
            self.offset += line.len() + 1;
            self.number += 1;
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut after = self.rest;
        // On a slice this cannot fail.
        let length = after.skip_until(b'\n').ok().filter(|length| *length > 0)?;
        let line = self.rest.get(..length)?;
        let start = self.offset + (line.len() - line.trim_ascii_start().len());
        self.rest = after;
        self.offset += length;
        self.number += 1;
        Some((start, line.trim_ascii()))
    }
}

/// One object of a file. Values as they are written.
#[derive(Default)]
struct Object<'a> {
    line: usize,
    class: Option<&'a [u8]>,
    distrusted: Option<&'a [u8]>,
    server_distrust_after: Option<&'a [u8]>,
    issuer: Option<&'a [u8]>,
    serial: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    public_key: Option<&'a [u8]>,
    /// A PEM block.
    block: Option<&'a [u8]>,
}

impl<'a> Object<'a> {
    fn attribute(&mut self, line: &'a [u8]) -> Result<(), &'static str> {
        let colon = line.iter().position(|byte| *byte == b':').ok_or("not 'name: value'")?;
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let field = match name.trim_ascii() {
            b"class" => &mut self.class,
            b"x-distrusted" => &mut self.distrusted,
            b"nss-server-distrust-after" => &mut self.server_distrust_after,
            b"issuer" => &mut self.issuer,
            b"serial-number" => &mut self.serial,
            b"value" => &mut self.value,
            b"public-key-info" | b"x-public-key-info" => &mut self.public_key,
            _ => return Ok(()),
        };
        *field = Some(value);
        Ok(())
    }

    fn has_block(&self, label: &str) -> bool {
        let text = self.block.and_then(|block| block.strip_prefix(b"-----BEGIN "));
        let rest = text.and_then(|text| text.strip_prefix(label.as_bytes()));
        rest.is_some_and(|rest| rest.starts_with(b"-----"))
    }

    fn is_extension(&self) -> bool {
        matches!(self.class, Some(b"x-certificate-extension" | b"x-stapled-extension"))
    }

    fn is_certificate(&self) -> bool {
        self.class == Some(b"certificate")
            || (self.class.is_none()
                && (self.has_block("CERTIFICATE")
                    || self.has_block("TRUSTED CERTIFICATE")
                    || self.has_block("X509 CERTIFICATE")))
    }

    /// The certificate, by its value or its PEM block, with its settings.
    fn certificate(
        &self,
    ) -> Result<Option<(CertificateDer<'static>, Option<TrustSettings>)>, String> {
        if let Some(der) = self.value.map(bytes).transpose()?.filter(|der| !der.is_empty()) {
            return Ok(Some((der.into(), None)));
        }
        let Some(block) = self.block else { return Ok(None) };
        match pem::blocks(block).next() {
            Some(Ok(block)) => match block.item {
                Item::Certificate { certificate, trust } => Ok(Some((certificate, trust))),
                Item::Crl(_) => Ok(None),
            },
            Some(Err(error)) => Err(error.fault.to_string()),
            None => Ok(None),
        }
    }

    /// The public key as contents of the SubjectPublicKeyInfo.
    fn spki(&self) -> Result<Vec<u8>, String> {
        let der = match (self.public_key, self.block) {
            (Some(value), _) => bytes(value)?,
            (None, Some(block)) if self.has_block("PUBLIC KEY") => {
                pem::decode(block, b"PUBLIC KEY").map_err(|fault| fault.to_string())?
            }
            _ => return Err("an extension without a public key".to_owned()),
        };
        let spki = Reader::new(&der).expect(der::SEQUENCE, "public key");
        spki.map(<[u8]>::to_vec).map_err(|der::Malformed(what)| format!("malformed {what}"))
    }
}

fn finish(object: Option<Object<'_>>, blocklist: bool, out: &mut Policy) {
    let Some(object) = object else { return };
    let line = object.line;
    let result = if object.is_extension() {
        extension(&object)
    } else if object.is_certificate() {
        certificate(&object, blocklist, &mut out.faults)
    } else {
        Ok(None)
    };
    match result {
        Ok(statement) => out.statements.extend(statement),
        Err(reason) => out.faults.push(Fault::new(Some(line), reason)),
    }
}

fn certificate(
    object: &Object<'_>,
    blocklist: bool,
    faults: &mut Vec<Fault>,
) -> Result<Option<Statement>, String> {
    // Whatever is not clearly "false" is taken as distrust: nobody writes it for fun.
    let flag = object.distrusted;
    let is_false = matches!(flag, None | Some(b"false" | b"\"%00\""));
    if !is_false && !matches!(flag, Some(b"true" | b"\"%01\"")) {
        faults.push(Fault::new(Some(object.line), "x-distrusted is neither 'true' nor 'false'"));
    }
    let distrusted = blocklist || !is_false;
    let server_distrust_after = object.server_distrust_after.map_or(Ok(None), date);
    let server_distrust_after = server_distrust_after.unwrap_or_else(|reason| {
        faults.push(Fault::new(Some(object.line), format!("nss-server-distrust-after {reason}")));
        None
    });
    let has_settings = object.has_block("TRUSTED CERTIFICATE");
    if !distrusted && server_distrust_after.is_none() && !has_settings {
        return Ok(None);
    }
    if let Some((certificate, trust)) = object.certificate()? {
        return Ok(Some(Statement::Certificate {
            certificate,
            distrusted,
            server_distrust_after,
            trust,
        }));
    }
    let (Some(issuer), Some(serial)) = (object.issuer, object.serial) else {
        return Err("neither a certificate nor an issuer and serial number".to_owned());
    };
    if !distrusted {
        return Err("a date for an issuer and serial number, which has no meaning".to_owned());
    }
    let contents = |value, tag, what| {
        let der = bytes(value)?;
        let mut reader = Reader::new(&der);
        let contents = reader.expect(tag, what).map(<[u8]>::to_vec);
        let end = reader.end(what);
        contents
            .and_then(|contents| end.map(|()| contents))
            .map_err(|_| format!("malformed {what}"))
    };
    Ok(Some(Statement::IssuerSerial {
        issuer: contents(issuer, der::SEQUENCE, "issuer")?,
        serial: contents(serial, der::INTEGER, "serial number")?,
    }))
}

/// The value is the whole `Extension` of RFC 5280 section 4.1.
fn extension(object: &Object<'_>) -> Result<Option<Statement>, String> {
    let value = object.value.ok_or("an extension without a value")?;
    let der = bytes(value)?;
    let read = |der: &[u8]| {
        const WHAT: &str = "extension";
        let mut fields = Reader::new(der::sequence(der, WHAT)?);
        let oid = fields.expect(der::OID, WHAT)?;
        fields.optional(der::BOOLEAN, WHAT)?;
        let value = fields.expect(der::OCTET_STRING, WHAT)?;
        fields.end(WHAT)?;
        let Some((_, kind)) = ATTACHED.iter().find(|(known, _)| *known == oid) else {
            return Ok(None);
        };
        Ok(Some((*kind, der::sequence(value, "extension value")?.to_vec())))
    };
    let found = read(&der).map_err(|der::Malformed(what)| format!("malformed {what}"))?;
    let Some((kind, contents)) = found else { return Ok(None) };
    Ok(Some(Statement::Extension { spki: object.spki()?, kind, contents }))
}

/// `"YYMMDDhhmmssZ"` or `"YYYYMMDDhhmmssZ"`, or `"%00"` (false) for no date.
fn date(value: &[u8]) -> Result<Option<Timestamp>, String> {
    let text = bytes(value)?;
    let tag = match text.len() {
        0 | 1 if text.iter().all(|byte| *byte == 0) => return Ok(None),
        13 => der::UTC_TIME,
        15 => der::GENERALIZED_TIME,
        _ => return Err("is not a date".to_owned()),
    };
    let length = u8::try_from(text.len()).unwrap_or(0);
    let element = [&[tag, length], &*text].concat();
    let read = time::read(&mut Reader::new(&element), "date");
    read.map(Some).map_err(|_| "is not a date".to_owned())
}

/// A quoted value with its percent encoding undone. `false` and `true` are a byte, as in PKCS #11.
fn bytes(value: &[u8]) -> Result<Vec<u8>, String> {
    match value {
        b"false" => return Ok(vec![0]),
        b"true" => return Ok(vec![1]),
        _ => {}
    }
    let quoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    let mut rest = quoted.ok_or("a value that is not in quotes")?;
    let mut out = Vec::with_capacity(rest.len());
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or("truncated percent encoding")?;
        let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'));
        let decoded = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(decoded.ok_or("invalid percent encoding")?);
        rest = after;
    }
    Ok(out)
}

#[cfg(all(test, not(any(windows, target_vendor = "apple"))))]
mod tests;
