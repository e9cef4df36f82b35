//! Reading certificates (RFC 5280 section 4): just the fields that decide about trust.
//!
//! Signatures are not verified here, names are not compared; `webpki` does both.

pub(crate) mod der;
mod extensions;
mod key;
mod name;
pub(crate) mod time;

use pki_types::CertificateDer;

pub(crate) use self::der::oids;
use self::der::{Malformed, Reader, elements, octets};
pub(crate) use self::extensions::{
    CRL_SIGN, DIGITAL_SIGNATURE, EKU_ANY, Extensions, KEY_CERT_SIGN,
};
use self::extensions::{KEY_AGREEMENT, KEY_ENCIPHERMENT};
pub(crate) use self::key::{Key, Weakness, split_spki};
pub(crate) use self::name::{COMMON_NAME, attributes, name_text};
use self::name::{DNS_NAME, IP_ADDRESS, ip_text};
use self::time::Timestamp;
use crate::policy::Purpose;
use crate::text::escape;

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

/// What the report says of one certificate that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
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
        let not_before = time::read(&mut validity, "notBefore")?;
        let not_after = time::read(&mut validity, "notAfter")?;
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
