//! Reading certificates (RFC 5280 section 4): just the fields that decide about trust.
//!
//! Signatures are not verified here, names are not compared; `webpki` does both.

pub(crate) mod der;
pub(crate) mod time;

use pki_types::{CertificateDer, IpAddr};

use self::der::{Malformed, Reader};
use self::time::Timestamp;
use crate::error::{Summary, escape};
use crate::policy::Purpose;

/// A parsed certificate that borrows from its DER.
#[derive(Clone, Debug)]
pub(crate) struct Cert<'a> {
    pub(crate) der: &'a [u8],
    /// The signed part, with its header.
    pub(crate) tbs: &'a [u8],
    /// `signatureAlgorithm`, contents of the SEQUENCE.
    pub(crate) signature_algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
    /// 1, 2 or 3.
    pub(crate) version: u8,
    pub(crate) serial: &'a [u8],
    /// Contents of the Name's SEQUENCE, as `TrustAnchor::subject` has them.
    pub(crate) issuer: &'a [u8],
    pub(crate) subject: &'a [u8],
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// Contents of the SubjectPublicKeyInfo's SEQUENCE, as `TrustAnchor` has them.
    pub(crate) spki: &'a [u8],
    pub(crate) extensions: Extensions<'a>,
}

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

impl<'a> Cert<'a> {
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, Malformed> {
        let mut outer = Reader::new(der);
        let mut cert = Reader::new(outer.expect(der::SEQUENCE, "certificate")?);
        outer.end("data after the certificate")?;

        let tbs = match cert.next() {
            Some(element) if element.tag == der::SEQUENCE => element,
            _ => return Err(Malformed("tbsCertificate")),
        };
        let signature_algorithm = cert.expect(der::SEQUENCE, "signatureAlgorithm")?;
        let signature = octets(cert.expect(der::BIT_STRING, "signature")?, "signature")?;
        cert.end("data after the signature")?;

        let mut fields = Reader::new(tbs.value);
        let version = match fields.optional(der::context(0), "version")? {
            None => 1,
            Some(explicit) => {
                let mut inner = Reader::new(explicit);
                let number = der::small_integer(inner.expect(der::INTEGER, "version")?, "version")?;
                inner.end("version")?;
                match number {
                    0 => 1,
                    1 => 2,
                    2 => 3,
                    _ => return Err(Malformed("version")),
                }
            }
        };
        let serial = fields.expect(der::INTEGER, "serialNumber")?;
        if fields.expect(der::SEQUENCE, "signature algorithm")? != signature_algorithm {
            return Err(Malformed("signature algorithm (inner and outer differ)"));
        }
        let issuer = fields.expect(der::SEQUENCE, "issuer")?;
        let mut validity = Reader::new(fields.expect(der::SEQUENCE, "validity")?);
        let not_before = time(&mut validity, "notBefore")?;
        let not_after = time(&mut validity, "notAfter")?;
        validity.end("validity")?;
        let subject = fields.expect(der::SEQUENCE, "subject")?;
        let spki = fields.expect(der::SEQUENCE, "subjectPublicKeyInfo")?;
        fields.optional(der::context_primitive(1), "issuerUniqueID")?;
        fields.optional(der::context_primitive(2), "subjectUniqueID")?;
        let extensions = match fields.optional(der::context(3), "extensions")? {
            None => Extensions::default(),
            Some(_) if version != 3 => return Err(Malformed("version (extensions need 3)")),
            Some(explicit) => Extensions::parse(explicit)?,
        };
        fields.end("data after the extensions")?;

        Ok(Self {
            der,
            tbs: tbs.whole,
            signature_algorithm,
            signature,
            version,
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            spki,
            extensions,
        })
    }

    pub(crate) fn to_der(&self) -> CertificateDer<'static> {
        CertificateDer::from(self.der.to_vec())
    }

    /// Whether the certificate names itself as its issuer (RFC 5280 section 3.2).
    pub(crate) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// Whether the key identifiers of the two say that `issuer`'s key is not the one that
    /// signed this certificate (RFC 5280 section 4.2.1.1). Missing identifiers say nothing.
    pub(crate) fn names_another_key_than(&self, issuer: &Cert<'_>) -> bool {
        let wanted = self.extensions.authority_key_id.and_then(|(id, _)| id);
        let had = issuer.extensions.subject_key_id.map(|(id, _)| id);
        matches!((wanted, had), (Some(wanted), Some(had)) if wanted != had)
    }

    /// Whether it may issue certificates according to basicConstraints.
    pub(crate) fn is_ca(&self) -> bool {
        self.extensions.basic_constraints.is_some_and(|constraints| constraints.ca)
    }

    pub(crate) fn path_length(&self) -> Option<u32> {
        self.extensions.basic_constraints.and_then(|constraints| constraints.path_length)
    }

    /// Whether key usage is absent or has one of these bits.
    pub(crate) fn key_usage_allows(&self, bits: u16) -> bool {
        self.extensions.key_usage.is_none_or(|usage| usage & bits != 0)
    }

    /// Whether extended key usage is absent or lists the purpose. `anyExtendedKeyUsage` alone
    /// is not enough, as in OpenSSL.
    pub(crate) fn extended_key_usage_allows(&self, purpose: Purpose) -> bool {
        self.extensions
            .extended_key_usage
            .is_none_or(|list| oids(list).any(|oid| oid == purpose.oid()))
    }

    /// Whether key usage and extended key usage allow an end entity this purpose. The bits are
    /// those of OpenSSL's `X509_PURPOSE_SSL_SERVER` and `_SSL_CLIENT`.
    pub(crate) fn leaf_purpose_allows(&self, purpose: Purpose) -> bool {
        let bits = match purpose {
            Purpose::ServerAuth => DIGITAL_SIGNATURE | KEY_ENCIPHERMENT | KEY_AGREEMENT,
            Purpose::ClientAuth => DIGITAL_SIGNATURE | KEY_AGREEMENT,
        };
        self.extended_key_usage_allows(purpose) && self.key_usage_allows(bits)
    }

    /// The DNS names and IP addresses of subjectAltName, as text.
    pub(crate) fn presented_names(&self) -> Vec<String> {
        self.alt_names()
            .filter_map(|(tag, value)| match tag {
                DNS_NAME => Some(escape(&String::from_utf8_lossy(value))),
                IP_ADDRESS => ip_text(value),
                _ => None,
            })
            .collect()
    }

    /// Whether subjectAltName has a DNS name.
    pub(crate) fn has_dns_name(&self) -> bool {
        self.alt_names().any(|(tag, _)| tag == DNS_NAME)
    }

    fn alt_names(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let (names, _) = self.extensions.subject_alt_name.unwrap_or_default();
        elements(names).map(|element| (element.tag, element.value))
    }

    /// The last common name of the subject, as OpenSSL takes it.
    pub(crate) fn common_name(&self) -> Option<String> {
        attributes(self.subject)
            .filter(|(oid, _)| *oid == COMMON_NAME)
            .map(|(_, value)| value)
            .last()
    }

    /// Where the issuer's certificate can be had: the first caIssuers URL.
    pub(crate) fn ca_issuers_url(&self) -> Option<String> {
        const CA_ISSUERS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 2];
        elements(self.extensions.authority_info_access?).find_map(|description| {
            let mut fields = Reader::new(description.value);
            let method = fields.expect(der::OID, "accessMethod").ok()?;
            let location = fields.next()?;
            (method == CA_ISSUERS && location.tag == der::context_primitive(6))
                .then(|| escape(&String::from_utf8_lossy(location.value)))
        })
    }

    pub(crate) fn key(&self) -> Key {
        Key::parse(self.spki).unwrap_or(Key::Other)
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary {
            subject: name_text(self.subject),
            issuer: name_text(self.issuer),
            not_before: self.not_before,
            not_after: self.not_after,
        }
    }
}

impl<'a> Extensions<'a> {
    fn parse(explicit: &'a [u8]) -> Result<Self, Malformed> {
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

/// What kind of public key a certificate has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Length of the modulus in bits.
    Rsa(usize),
    /// P-256, P-384 or P-521.
    Ec,
    /// Another curve, or one written out.
    OtherCurve,
    /// Removed from TLS 1.3 and from OpenSSL's default groups of signatures.
    Dsa,
    /// Anything else; the TLS library decides.
    Other,
}

impl Key {
    fn parse(spki: &[u8]) -> Result<Self, Malformed> {
        const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
        const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
        const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1];
        const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
        const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
        const P384: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];
        const P521: &[u8] = &[0x2b, 0x81, 4, 0, 0x23];

        let mut fields = Reader::new(spki);
        let mut algorithm = Reader::new(fields.expect(der::SEQUENCE, "algorithm")?);
        let key = octets(fields.expect(der::BIT_STRING, "public key")?, "public key")?;
        match algorithm.expect(der::OID, "algorithm")? {
            RSA | RSA_PSS => {
                let mut key = Reader::new(sequence(key, "RSA key")?);
                let modulus = key.expect(der::INTEGER, "modulus")?;
                let digits = match modulus {
                    [0, rest @ ..] => rest,
                    all => all,
                };
                let top = digits.first().map_or(0, |first| 8 - first.leading_zeros() as usize);
                Ok(Self::Rsa(top + 8 * digits.len().saturating_sub(1)))
            }
            DSA => Ok(Self::Dsa),
            EC => match algorithm.expect(der::OID, "curve") {
                Ok(P256 | P384 | P521) => Ok(Self::Ec),
                _ => Ok(Self::OtherCurve),
            },
            _ => Ok(Self::Other),
        }
    }
}

/// The algorithm and the key bits of a SubjectPublicKeyInfo.
pub(crate) fn split_spki(spki: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut fields = Reader::new(spki);
    let algorithm = fields.expect(der::SEQUENCE, "algorithm")?;
    let key = octets(fields.expect(der::BIT_STRING, "public key")?, "public key")?;
    Ok((algorithm, key))
}

/// The object identifiers in the contents of a SEQUENCE OF OBJECT IDENTIFIER.
pub(crate) fn oids(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    elements(list).filter(|element| element.tag == der::OID).map(|element| element.value)
}

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

const DNS_NAME: u8 = der::context_primitive(2);
const IP_ADDRESS: u8 = der::context_primitive(7);

fn ip_text(octets: &[u8]) -> Option<String> {
    let address = match octets.len() {
        4 => std::net::IpAddr::from(<[u8; 4]>::try_from(octets).ok()?),
        16 => std::net::IpAddr::from(<[u8; 16]>::try_from(octets).ok()?),
        _ => return None,
    };
    Some(std::net::IpAddr::from(IpAddr::from(address)).to_string())
}

/// A string type as text (RFC 5280 section 4.1.2.4); for people, not for comparing.
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

/// The elements of some contents, up to the first that is not DER.
fn elements(contents: &[u8]) -> impl Iterator<Item = der::Element<'_>> {
    let mut reader = Reader::new(contents);
    std::iter::from_fn(move || reader.next())
}

/// The contents of a SEQUENCE that fills `bytes`.
fn sequence<'a>(bytes: &'a [u8], what: &'static str) -> Result<&'a [u8], Malformed> {
    let mut reader = Reader::new(bytes);
    let contents = reader.expect(der::SEQUENCE, what)?;
    reader.end(what)?;
    Ok(contents)
}

/// A BIT STRING that is a whole number of octets.
fn octets<'a>(value: &'a [u8], what: &'static str) -> Result<&'a [u8], Malformed> {
    match value {
        [0, octets @ ..] => Ok(octets),
        _ => Err(Malformed(what)),
    }
}

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

/// UTCTime `YYMMDDHHMMSSZ` or GeneralizedTime `YYYYMMDDHHMMSSZ` (RFC 5280 section 4.1.2.5).
fn time(reader: &mut Reader<'_>, what: &'static str) -> Result<Timestamp, Malformed> {
    let error = Malformed(what);
    let element = reader.next().ok_or(error)?;
    let (digits, year_digits) = match (element.tag, element.value) {
        (der::UTC_TIME, [digits @ .., b'Z']) if digits.len() == 12 => (digits, 2),
        (der::GENERALIZED_TIME, [digits @ .., b'Z']) if digits.len() == 14 => (digits, 4),
        _ => return Err(error),
    };
    let (year, rest) = digits.split_at_checked(year_digits).ok_or(error)?;
    let year = match (decimal(year, error)?, year_digits) {
        (year, 2) if year >= 50 => 1900 + year,
        (year, 2) => 2000 + year,
        (year, _) => year,
    };
    let mut pairs = rest.chunks_exact(2).map(|pair| decimal(pair, error));
    let mut pair = || pairs.next().unwrap_or(Err(error));
    let (date, clock) = ((year, pair()?, pair()?), (pair()?, pair()?, pair()?));
    Timestamp::from_utc(date, clock).ok_or(error)
}

fn decimal(digits: &[u8], error: Malformed) -> Result<i64, Malformed> {
    digits.iter().try_fold(0, |number, &digit| match digit {
        b'0'..=b'9' => Ok(number * 10 + i64::from(digit - b'0')),
        _ => Err(error),
    })
}

/// The subject (contents of the Name) of a certificate, with as little reading as possible.
pub(crate) fn subject_of(der: &[u8]) -> Option<&[u8]> {
    let mut outer = Reader::new(der);
    let mut cert = Reader::new(outer.expect(der::SEQUENCE, "").ok()?);
    let mut fields = Reader::new(cert.expect(der::SEQUENCE, "").ok()?);
    fields.optional(der::context(0), "").ok()?;
    for _ in 0..4 {
        fields.next()?; // serialNumber, signature, issuer, validity
    }
    fields.expect(der::SEQUENCE, "").ok()
}
