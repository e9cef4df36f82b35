//! The extensions that decide about trust, and what their values mean.
//!
//! Tests: `tests/cases.rs` (the table of cases).

use super::der::{self, Malformed, Reader};
use super::general_name::check_all;
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
    /// The rest of authorityKeyIdentifier: contents of authorityCertIssuer, a SEQUENCE of
    /// GeneralNames, and authorityCertSerialNumber.
    pub(crate) authority_certificate: (Option<&'a [u8]>, Option<&'a [u8]>),
    /// The key identifier, and whether it is critical.
    pub(crate) subject_key_id: Option<(&'a [u8], bool)>,
    /// Contents of the SEQUENCE of AccessDescriptions.
    pub(crate) authority_info_access: Option<&'a [u8]>,
    /// The first octet of Netscape's certificate type, which OpenSSL honours.
    pub(crate) netscape_type: Option<u8>,
    /// The first critical extension that OpenSSL does not handle either.
    pub(crate) unknown_critical: Option<&'a [u8]>,
    /// Whether there is any extension.
    pub(crate) any: bool,
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

/// Bits of Netscape's certificate type.
pub(crate) const NETSCAPE_CLIENT: u8 = 0x80;
pub(crate) const NETSCAPE_SERVER: u8 = 0x40;
pub(crate) const NETSCAPE_TLS_CA: u8 = 0x04;
pub(crate) const NETSCAPE_ANY_CA: u8 = 0x07;

const EKU_SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
const EKU_CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
/// "Server gated cryptography" of Microsoft and of Netscape: OpenSSL takes both for serverAuth.
pub(super) const EKU_SERVER_GATED: [&[u8]; 2] =
    [&[0x2b, 6, 1, 4, 1, 0x82, 0x37, 10, 3, 3], &[0x60, 0x86, 0x48, 1, 0x86, 0xf8, 0x42, 4, 1]];
/// `anyExtendedKeyUsage`.
pub(crate) const EKU_ANY: &[u8] = &[0x55, 0x1d, 0x25, 0];

impl Purpose {
    /// The contents of the extended key usage's object identifier; the first of two.
    pub(crate) fn oid(self) -> &'static [u8] {
        match self {
            Self::ServerAuth => EKU_SERVER_AUTH,
            Self::ClientAuth | Self::ClientOrServerAuth => EKU_CLIENT_AUTH,
        }
    }
}

impl<'a> Extensions<'a> {
    pub(super) fn parse(explicit: &'a [u8]) -> Result<Self, Malformed> {
        let mut outer = Reader::new(explicit);
        let mut list = Reader::new(outer.expect(der::SEQUENCE, "extensions")?);
        outer.end("extensions")?;

        let mut out = Self::default();
        // Those below id-ce by the last arc, the others as they are.
        let (mut seen, mut others, mut count) = (0_u128, Vec::<&[u8]>::new(), 0);
        while !list.is_empty() {
            let mut extension = Reader::new(list.expect(der::SEQUENCE, "extension")?);
            let oid = extension.expect(der::OID, "extnID")?;
            let critical = match extension.optional(der::BOOLEAN, "critical")? {
                None => false, // its default (RFC 5280 section 4.1)
                Some(value) => der::boolean(value, "critical")?,
            };
            let value = extension.expect(der::OCTET_STRING, "extnValue")?;
            extension.end("extension")?;
            // RFC 5280 section 4.2: no more than one instance of an extension.
            let twice = match oid {
                [0x55, 0x1d, arc @ ..=127] => {
                    let before = seen;
                    seen |= 1 << arc;
                    seen == before
                }
                _ => {
                    let twice = others.contains(&oid);
                    others.push(oid);
                    twice
                }
            };
            if twice {
                return Err(Malformed("extension (given twice)"));
            }
            if count == MAX_EXTENSIONS {
                return Err(Malformed("extensions (too many)"));
            }
            count += 1;
            out.any = true;
            out.remember(oid, critical, value)?;
        }
        Ok(out)
    }

    /// Keeps what is needed of one extension. An extension that decides about trust and cannot be
    /// read makes the certificate unusable: taking it for absent would lift its limits.
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
                let names = sequence(value, "subjectAltName")?;
                check_all(names, "subjectAltName")?;
                self.subject_alt_name = Some((names, critical));
            }
            [0x55, 0x1d, 19] => self.basic_constraints = Some(basic_constraints(value, critical)?),
            [0x55, 0x1d, 30] => self.name_constraints = Some(name_constraints(value)?),
            [0x55, 0x1d, 31] => distribution_points(value)?,
            [0x55, 0x1d, 35] => self.authority_key_identifier(value, critical)?,
            [0x55, 0x1d, 37] => {
                let list = sequence(value, "extKeyUsage")?;
                der::check_oids(list, "extKeyUsage")?;
                self.extended_key_usage = Some(list);
            }
            // A hint for humans: malformed, it does no harm.
            [0x2b, 6, 1, 5, 5, 7, 1, 1] => {
                self.authority_info_access = sequence(value, "authorityInfoAccess").ok();
            }
            NETSCAPE_TYPE => {
                let bits = bits(value, "netscape-cert-type")?;
                self.netscape_type = Some(bits.first().copied().unwrap_or(0));
            }
            // RFC 3820: whoever does not verify proxy certificates must not accept them.
            PROXY => self.unknown_critical = self.unknown_critical.or(Some(oid)),
            _ => {}
        }
        // RFC 5280 section 4.2: a critical extension that is not recognized stops the path. Only
        // the checks do so, with the depth; the certificate can still be named.
        if critical && self.unknown_critical.is_none() && !HANDLED_WHEN_CRITICAL.contains(&oid) {
            self.unknown_critical = Some(oid);
        }
        Ok(())
    }

    fn authority_key_identifier(
        &mut self,
        value: &'a [u8],
        critical: bool,
    ) -> Result<(), Malformed> {
        const WHAT: &str = "authorityKeyIdentifier";
        let mut fields = Reader::new(sequence(value, WHAT)?);
        let id = fields.optional(der::context_primitive(0), WHAT)?;
        let issuer = fields.optional(der::context(1), WHAT)?;
        let serial = fields.optional(der::context_primitive(2), WHAT)?;
        fields.end(WHAT)?;
        issuer.map_or(Ok(()), |names| check_all(names, WHAT))?;
        let serial = serial.map(|serial| der::integer(serial, WHAT)).transpose()?;
        self.authority_key_id = Some((id, critical));
        self.authority_certificate = (issuer, serial);
        Ok(())
    }
}

/// No certificate in use has more; reading stays linear with a small factor.
const MAX_EXTENSIONS: usize = 64;

/// 2.16.840.1.113730.1.1
const NETSCAPE_TYPE: &[u8] = &[0x60, 0x86, 0x48, 1, 0x86, 0xf8, 0x42, 1, 1];
/// proxyCertInfo (RFC 3820)
const PROXY: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 14];

/// Critical extensions that do not make a certificate unusable: OpenSSL's
/// `X509_supported_extension`, without proxies and without the resources of RFC 3779. Those about
/// certificate policies are understood and not processed, as in OpenSSL unless it is asked to.
const HANDLED_WHEN_CRITICAL: &[&[u8]] = &[
    &[0x55, 0x1d, 15],                // keyUsage
    &[0x55, 0x1d, 17],                // subjectAltName
    &[0x55, 0x1d, 19],                // basicConstraints
    &[0x55, 0x1d, 30],                // nameConstraints
    &[0x55, 0x1d, 31],                // cRLDistributionPoints
    &[0x55, 0x1d, 32],                // certificatePolicies
    &[0x55, 0x1d, 33],                // policyMappings
    &[0x55, 0x1d, 36],                // policyConstraints
    &[0x55, 0x1d, 37],                // extKeyUsage
    &[0x55, 0x1d, 54],                // inhibitAnyPolicy
    &[0x2b, 6, 1, 5, 5, 7, 48, 1, 5], // id-pkix-ocsp-nocheck
    NETSCAPE_TYPE,
];

/// The contents of the SEQUENCE that an extension's value begins with: like OpenSSL, we do not read
/// what follows it.
fn sequence<'a>(value: &'a [u8], what: &'static str) -> Result<&'a [u8], Malformed> {
    Reader::new(value).expect(der::SEQUENCE, what)
}

/// The octets of a BIT STRING, bits that are unused cleared.
fn bits(value: &[u8], what: &'static str) -> Result<Vec<u8>, Malformed> {
    match Reader::new(value).expect(der::BIT_STRING, what)? {
        [unused @ 0..=7, octets @ ..] => {
            let mut octets = octets.to_vec();
            if let Some(last) = octets.last_mut() {
                *last &= 0xff << unused;
            }
            Ok(octets)
        }
        _ => Err(Malformed(what)),
    }
}

/// The first two octets: no bit is defined beyond. RFC 5280 section 4.2.1.3 forbids one without any
/// bit, and OpenSSL takes it for malformed.
fn key_usage(value: &[u8]) -> Result<u16, Malformed> {
    let bits = bits(value, "keyUsage")?;
    let octet = |index| u16::from(bits.get(index).copied().unwrap_or(0));
    match octet(0) << 8 | octet(1) {
        0 => Err(Malformed("keyUsage (empty)")),
        usage => Ok(usage),
    }
}

/// Contents of the SEQUENCE, once every subtree can be read (RFC 5280 section 4.2.1.10).
fn name_constraints(value: &[u8]) -> Result<&[u8], Malformed> {
    const WHAT: &str = "nameConstraints";
    let contents = sequence(value, WHAT)?;
    let mut fields = Reader::new(contents);
    for number in [0, 1] {
        let Some(subtrees) = fields.optional(der::context(number), WHAT)? else { continue };
        let mut subtrees = Reader::new(subtrees);
        while !subtrees.is_empty() {
            let mut subtree = Reader::new(subtrees.expect(der::SEQUENCE, WHAT)?);
            let base = subtree.next().ok_or(Malformed(WHAT))?;
            check_all(base.whole, WHAT)?;
            for bound in [0, 1] {
                if let Some(value) = subtree.optional(der::context_primitive(bound), WHAT)? {
                    der::integer(value, WHAT)?;
                }
            }
            subtree.end(WHAT)?;
        }
    }
    fields.end(WHAT)?;
    Ok(contents)
}

/// An error unless the value is well-formed (RFC 5280 section 4.2.1.13): OpenSSL takes a certificate
/// with malformed ones for malformed.
fn distribution_points(value: &[u8]) -> Result<(), Malformed> {
    const WHAT: &str = "cRLDistributionPoints";
    let mut points = Reader::new(sequence(value, WHAT)?);
    while !points.is_empty() {
        let mut fields = Reader::new(points.expect(der::SEQUENCE, WHAT)?);
        let name = fields.optional(der::context(0), WHAT)?;
        fields.optional(der::context_primitive(1), WHAT)?;
        let issuer = fields.optional(der::context(2), WHAT)?;
        fields.end(WHAT)?;
        match name.map(|name| Reader::new(name).next()) {
            Some(Some(name)) if name.tag == der::context(0) => check_all(name.value, WHAT)?,
            Some(Some(name)) if name.tag == der::context(1) => {}
            Some(_) => return Err(Malformed(WHAT)),
            None if issuer.is_none_or(<[u8]>::is_empty) => return Err(Malformed(WHAT)),
            None => {}
        }
        issuer.map_or(Ok(()), |names| check_all(names, WHAT))?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(oids: &[&[u8]]) -> Option<&'static str> {
        let extension = |oid: &&[u8]| {
            let fields =
                [der::element(der::OID, oid), der::element(der::OCTET_STRING, &[])].concat();
            der::element(der::SEQUENCE, &fields)
        };
        let list: Vec<_> = oids.iter().flat_map(extension).collect();
        Extensions::parse(&der::element(der::SEQUENCE, &list)).err().map(|Malformed(what)| what)
    }

    #[test]
    fn none_twice_and_not_too_many() {
        const TWICE: Option<&str> = Some("extension (given twice)");
        let (ce, other, longer) = ([0x55, 0x1d, 99], [0x2a, 3, 4], [0x55, 0x1d, 99, 1]);
        assert_eq!(fault(&[&ce, &other, &longer, &[0x55, 0x1d, 100], &[0x2a, 3, 99]]), None);
        for oid in [&ce[..], &other, &longer, &[0x55, 0x1d, 127], &[0x55, 0x1d, 0x81, 0]] {
            assert_eq!(fault(&[oid, &[0x2a, 9], oid]), TWICE, "{oid:?}");
        }
        let many: Vec<_> = (0..=64_u8).map(|arc| [0x2a, 7, arc]).collect();
        let many: Vec<_> = many.iter().map(|oid| &oid[..]).collect();
        assert_eq!(fault(&many[..64]), None);
        assert_eq!(fault(&many), Some("extensions (too many)"));
    }
}
