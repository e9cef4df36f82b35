//! The extensions that decide about trust, and what their values mean.

use super::der::{self, Malformed, Reader, sequence};
use crate::policy::Purpose;

/// The extensions that decide about trust (RFC 5280 section 4.2.1).
#[derive(Clone, Debug, Default)]
pub(crate) struct Extensions<'a> {
    pub(crate) basic_constraints: Option<BasicConstraints>,
    /// Bit 0 of the standard is the highest bit of the number.
    pub(crate) key_usage: Option<u16>,
    /// Contents of the SEQUENCE of object identifiers.
    pub(crate) extended_key_usage: Option<&'a [u8]>,
    /// Contents of the SEQUENCE of GeneralNames, and whether the extension is critical.
    pub(crate) subject_alt_name: Option<(&'a [u8], bool)>,
    pub(crate) name_constraints: Option<&'a [u8]>,
    /// The keyIdentifier of authorityKeyIdentifier, if it has one, and whether it is critical.
    pub(crate) authority_key_id: Option<(Option<&'a [u8]>, bool)>,
    /// The key identifier, and whether it is critical.
    pub(crate) subject_key_id: Option<(&'a [u8], bool)>,
    /// Contents of the SEQUENCE of AccessDescriptions.
    pub(crate) authority_info_access: Option<&'a [u8]>,
    /// The first critical extension that OpenSSL does not handle either.
    pub(crate) unknown_critical: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BasicConstraints {
    pub(crate) ca: bool,
    pub(crate) path_length: Option<u32>,
    pub(crate) critical: bool,
}

/// Key usage bits (RFC 5280 section 4.2.1.3).
pub(crate) const DIGITAL_SIGNATURE: u16 = 1 << 15;
pub(crate) const KEY_ENCIPHERMENT: u16 = 1 << 13;
pub(crate) const KEY_AGREEMENT: u16 = 1 << 11;
pub(crate) const KEY_CERT_SIGN: u16 = 1 << 10;
pub(crate) const CRL_SIGN: u16 = 1 << 9;

const EKU_SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
const EKU_CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
/// `anyExtendedKeyUsage`.
pub(crate) const EKU_ANY: &[u8] = &[0x55, 0x1d, 0x25, 0];

impl Purpose {
    /// The contents of the extended key usage's object identifier.
    pub(crate) fn oid(self) -> &'static [u8] {
        match self {
            Self::ServerAuth => EKU_SERVER_AUTH,
            Self::ClientAuth => EKU_CLIENT_AUTH,
        }
    }
}

impl<'a> Extensions<'a> {
    pub(super) fn parse(explicit: &'a [u8]) -> Result<Self, Malformed> {
        let mut outer = Reader::new(explicit);
        let mut list = Reader::new(outer.expect(der::SEQUENCE, "extensions")?);
        outer.end("extensions")?;

        let mut out = Self::default();
        let mut seen: Vec<&[u8]> = Vec::new();
        while !list.is_empty() {
            let mut extension = Reader::new(list.expect(der::SEQUENCE, "extension")?);
            let oid = extension.expect(der::OID, "extnID")?;
            let critical = match extension.optional(der::BOOLEAN, "critical")? {
                None => false,
                Some(value) => der::boolean(value, "critical")?,
            };
            let value = extension.expect(der::OCTET_STRING, "extnValue")?;
            extension.end("extension")?;
            // RFC 5280 section 4.2: no more than one instance of an extension.
            if seen.contains(&oid) {
                return Err(Malformed("extension (given twice)"));
            }
            if seen.len() >= MAX_EXTENSIONS {
                return Err(Malformed("extensions (too many)"));
            }
            seen.push(oid);
            out.remember(oid, critical, value)?;
        }
        Ok(out)
    }

    fn remember(
        &mut self,
        oid: &'a [u8],
        critical: bool,
        value: &'a [u8],
    ) -> Result<(), Malformed> {
        match oid {
            [0x55, 0x1d, 14] => {
                let id = Reader::new(value).expect(der::OCTET_STRING, "subjectKeyIdentifier")?;
                self.subject_key_id = Some((id, critical));
            }
            [0x55, 0x1d, 15] => self.key_usage = Some(key_usage(value)?),
            [0x55, 0x1d, 17] => {
                self.subject_alt_name = Some((sequence(value, "subjectAltName")?, critical));
            }
            [0x55, 0x1d, 19] => self.basic_constraints = Some(basic_constraints(value, critical)?),
            [0x55, 0x1d, 30] => self.name_constraints = Some(sequence(value, "nameConstraints")?),
            [0x55, 0x1d, 35] => {
                let mut fields = Reader::new(sequence(value, "authorityKeyIdentifier")?);
                let id = fields.optional(der::context_primitive(0), "authorityKeyIdentifier")?;
                self.authority_key_id = Some((id, critical));
            }
            [0x55, 0x1d, 37] => self.extended_key_usage = Some(sequence(value, "extKeyUsage")?),
            [0x2b, 6, 1, 5, 5, 7, 1, 1] => {
                self.authority_info_access = Some(sequence(value, "authorityInfoAccess")?);
            }
            _ => {}
        }
        if critical && self.unknown_critical.is_none() && !HANDLED_WHEN_CRITICAL.contains(&oid) {
            self.unknown_critical = Some(oid);
        }
        Ok(())
    }
}

/// No certificate in use has more; reading stays linear with a small factor.
const MAX_EXTENSIONS: usize = 64;

/// Critical extensions that do not make a certificate unusable: OpenSSL's
/// `X509_supported_extension`, without those that only concern proxies, networks and Netscape.
const HANDLED_WHEN_CRITICAL: &[&[u8]] = &[
    &[0x55, 0x1d, 15], // keyUsage
    &[0x55, 0x1d, 17], // subjectAltName
    &[0x55, 0x1d, 19], // basicConstraints
    &[0x55, 0x1d, 30], // nameConstraints
    &[0x55, 0x1d, 31], // cRLDistributionPoints
    &[0x55, 0x1d, 32], // certificatePolicies
    &[0x55, 0x1d, 33], // policyMappings
    &[0x55, 0x1d, 36], // policyConstraints
    &[0x55, 0x1d, 37], // extKeyUsage
    &[0x55, 0x1d, 54], // inhibitAnyPolicy
];

fn key_usage(value: &[u8]) -> Result<u16, Malformed> {
    const WHAT: Malformed = Malformed("keyUsage");
    let mut reader = Reader::new(value);
    let bits = reader.expect(der::BIT_STRING, "keyUsage")?;
    reader.end("keyUsage")?;
    match bits {
        [0] => Ok(0),
        [unused @ 0..=7, first] => Ok(u16::from(first & (0xff << unused)) << 8),
        [unused @ 0..=7, first, second, ..] if bits.len() == 3 => {
            Ok(u16::from(*first) << 8 | u16::from(second & (0xff << unused)))
        }
        _ => Err(WHAT),
    }
}

fn basic_constraints(value: &[u8], critical: bool) -> Result<BasicConstraints, Malformed> {
    const WHAT: &str = "basicConstraints";
    let mut fields = Reader::new(sequence(value, WHAT)?);
    let ca = match fields.optional(der::BOOLEAN, WHAT)? {
        None => false,
        Some(value) => der::boolean(value, WHAT)?,
    };
    let path_length = match fields.optional(der::INTEGER, WHAT)? {
        None => None,
        Some(value) => Some(der::small_integer(value, WHAT)?),
    };
    fields.end(WHAT)?;
    Ok(BasicConstraints { ca, path_length, critical })
}
