//! Reading certificates (RFC 5280 section 4): just the fields that decide about trust.
//!
//! Signatures are not verified here.
//!
//! Tests: `tests/cases.rs`, and `tests/differential` with certificates that are nearly DER.

mod algorithms;
pub(crate) mod der;
mod extensions;
mod general_name;
mod host;
mod index;
mod key;
mod name;
pub(crate) mod time;

use pki_types::CertificateDer;

pub(crate) use self::algorithms::{MERKLE_TREE, describe_key, describe_signature, named};
pub(crate) use self::der::oids;
use self::der::{Malformed, Reader, elements, octets};
pub(crate) use self::extensions::{
    CRL_SIGN, DIGITAL_SIGNATURE, EKU_ANY, Extensions, KEY_CERT_SIGN,
};
use self::extensions::{
    EKU_SERVER_GATED, KEY_AGREEMENT, KEY_ENCIPHERMENT, NETSCAPE_ANY_CA, NETSCAPE_CLIENT,
    NETSCAPE_SERVER, NETSCAPE_TLS_CA,
};
pub(crate) use self::general_name::{GeneralName, general_names};
pub(crate) use self::index::CertIndex;
pub(crate) use self::key::{Key, WEAK_RSA_BITS, Weakness, split_spki};
pub(crate) use self::name::{COMMON_NAME, attributes, canonical, name_hash, name_text, same_name};
use self::name::{DNS_NAME, IP_ADDRESS, ip_text};
use self::time::Timestamp;
use crate::policy::Purpose;
use crate::text::shown;

/// The key usages of a TLS client, one of which is enough.
const CLIENT_BITS: u16 = DIGITAL_SIGNATURE | KEY_AGREEMENT;

/// A parsed certificate that borrows from its DER.
#[derive(Clone, Debug)]
pub(crate) struct Cert<'a> {
    pub(crate) der: &'a [u8],
    /// The signed part, with its header.
    pub(crate) tbs: &'a [u8],
    /// `signatureAlgorithm`, contents of the SEQUENCE.
    pub(crate) signature_algorithm: &'a [u8],
    /// Whether the signed part names another algorithm: then the signature is good for nothing
    /// (RFC 5280 section 4.1.1.2).
    pub(crate) algorithms_differ: bool,
    pub(crate) signature: &'a [u8],
    /// As people count: 1, 2 or 3. OpenSSL takes later ones for 3, and so do we.
    pub(crate) version: u8,
    pub(crate) serial: &'a [u8],
    /// Contents of the Name's SEQUENCE, as `TrustAnchor::subject` has them.
    pub(crate) issuer: &'a [u8],
    pub(crate) subject: &'a [u8],
    /// What [`name_hash`] makes of both.
    pub(crate) issuer_hash: u64,
    pub(crate) subject_hash: u64,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// Contents of the SubjectPublicKeyInfo's SEQUENCE, as `TrustAnchor` has them.
    pub(crate) spki: &'a [u8],
    pub(crate) extensions: Extensions<'a>,
}

/// Signs of a CA from before basicConstraints, in OpenSSL's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OldCa {
    /// Self-signed and of version 1.
    Version1,
    /// A key usage with keyCertSign.
    KeyUsage,
    /// Netscape's certificate type.
    NetscapeType,
}

/// What the report says of one certificate that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

impl Purpose {
    /// Whether this object identifier in an extended key usage stands for the purpose.
    fn is_named_by(self, oid: &[u8]) -> bool {
        oid == self.oid() || (self == Self::ServerAuth && EKU_SERVER_GATED.contains(&oid))
    }
}

/// The hash of a Name that can be compared with others.
fn hash_of(name: &[u8], what: &'static str) -> Result<u64, Malformed> {
    name::well_formed_hash(name).ok_or(Malformed(what))
}

impl<'a> Cert<'a> {
    /// Reads a certificate (RFC 5280 section 4.1). What it does not need to decide about trust is
    /// skipped; whatever is read must be DER to the last byte, as a certificate that two readers
    /// understand differently is a way around a check.
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
        let version = version(&mut fields)?;
        let serial = der::integer(fields.expect(der::INTEGER, "serialNumber")?, "serialNumber")?;
        // Section 4.1.1.2: the algorithm outside of the signed part must be the one inside, or someone
        // could change what the signature is taken for. Such a certificate can still be named.
        let algorithms_differ =
            fields.expect(der::SEQUENCE, "signature algorithm")? != signature_algorithm;
        let issuer = fields.expect(der::SEQUENCE, "issuer")?;
        let issuer_hash = hash_of(issuer, "issuer")?;
        let mut validity = Reader::new(fields.expect(der::SEQUENCE, "validity")?);
        let not_before = time::read(&mut validity, "notBefore")?;
        let not_after = time::read(&mut validity, "notAfter")?;
        validity.end("validity")?;
        let subject = fields.expect(der::SEQUENCE, "subject")?;
        // Most of a store names itself as its issuer.
        let subject_hash =
            if subject == issuer { issuer_hash } else { hash_of(subject, "subject")? };
        let spki = fields.expect(der::SEQUENCE, "subjectPublicKeyInfo")?;
        // Section 4.1.2.8: CAs must not write unique identifiers, readers should read over them.
        fields.optional(der::context_primitive(1), "issuerUniqueID")?;
        fields.optional(der::context_primitive(2), "subjectUniqueID")?;
        let extensions = match fields.optional(der::context(3), "extensions")? {
            None => Extensions::default(),
            // RFC 5280 section 4.1.2.1 wants version 3 for them; OpenSSL reads them in any.
            Some(explicit) => Extensions::parse(explicit)?,
        };
        fields.end("data after the extensions")?;

        Ok(Self {
            der,
            tbs: tbs.whole,
            signature_algorithm,
            algorithms_differ,
            signature,
            version,
            serial,
            issuer,
            subject,
            issuer_hash,
            subject_hash,
            not_before,
            not_after,
            spki,
            extensions,
        })
    }

    pub(crate) fn to_der(&self) -> CertificateDer<'static> {
        CertificateDer::from(self.der.to_vec())
    }

    /// Whether the issuer, or the subject, has no attribute at all.
    pub(crate) fn is_nameless(&self) -> (bool, bool) {
        let empty = |name| canonical(name).is_some_and(|name| name.is_empty());
        (empty(self.issuer), empty(self.subject))
    }

    /// Whether the certificate names itself as its issuer (RFC 5280 section 3.2).
    pub(crate) fn is_self_issued(&self) -> bool {
        self.has_issuer_name_of(self)
    }

    /// Whether the name of its issuer is that of a certificate (RFC 5280 section 6.1.3 (a) (4)).
    pub(crate) fn has_issuer_name_of(&self, issuer: &Cert<'_>) -> bool {
        self.issuer_hash == issuer.subject_hash && same_name(issuer.subject, self.issuer)
    }

    /// Whether it looks self-signed: it names itself as its issuer and its own key as the signing
    /// one. The signature itself adds nothing to that and is not verified, as in OpenSSL.
    pub(crate) fn is_self_signed(&self) -> bool {
        self.is_self_issued() && self.names_as_issuer(self) && key::can_sign(self.spki, self)
    }

    /// Whether the key identifiers of the two say that `issuer`'s key is not the one that
    /// signed this certificate (RFC 5280 section 4.2.1.1). Missing identifiers say nothing.
    pub(crate) fn names_another_key_than(&self, issuer: &Cert<'_>) -> bool {
        let wanted = self.extensions.authority_key_id.and_then(|(id, _)| id);
        let had = issuer.extensions.subject_key_id.map(|(id, _)| id);
        matches!((wanted, had), (Some(wanted), Some(had)) if wanted != had)
    }

    /// Whether nothing in authorityKeyIdentifier speaks against this issuer: key identifier, serial
    /// number and issuer's issuer (RFC 5280 section 4.2.1.1). OpenSSL never takes any other.
    pub(crate) fn names_as_issuer(&self, issuer: &Cert<'_>) -> bool {
        let (names, serial) = self.extensions.authority_certificate;
        let directory = names.and_then(|names| {
            general_names(names).find_map(|name| match name {
                GeneralName::Directory(name) => Some(name),
                _ => None,
            })
        });
        !self.names_another_key_than(issuer)
            && serial.is_none_or(|serial| serial == issuer.serial)
            && directory.is_none_or(|name| same_name(name, issuer.issuer))
    }

    /// Whether the issuer's key is of the kind that makes signatures like this certificate's.
    pub(crate) fn can_be_signed_by(&self, issuer: &Cert<'_>) -> bool {
        key::can_sign(issuer.spki, self)
    }

    /// Whether it may issue certificates according to basicConstraints.
    pub(crate) fn is_ca(&self) -> bool {
        self.extensions.basic_constraints.is_some_and(|constraints| constraints.ca)
    }

    /// Whether it may issue certificates as a trust anchor: OpenSSL takes an old sign of a CA there
    /// for basicConstraints.
    pub(crate) fn is_anchor_ca(&self) -> bool {
        self.is_ca() || self.old_ca().is_some()
    }

    /// Whether it is a CA for TLS: where only Netscape's type makes it one, it says for what.
    pub(crate) fn is_tls_ca(&self) -> bool {
        let tls = |kind: u8| kind & NETSCAPE_TLS_CA != 0;
        match self.old_ca() {
            Some(OldCa::NetscapeType) => self.extensions.netscape_type.is_some_and(tls),
            _ => true,
        }
    }

    /// What makes it a CA where it has no basicConstraints.
    pub(crate) fn old_ca(&self) -> Option<OldCa> {
        let Extensions { basic_constraints, key_usage, netscape_type, .. } = &self.extensions;
        if basic_constraints.is_some() || !self.key_usage_allows(KEY_CERT_SIGN) {
            None
        } else if self.version == 1 && self.is_self_signed() {
            Some(OldCa::Version1)
        } else if key_usage.is_some() {
            Some(OldCa::KeyUsage)
        } else {
            netscape_type.filter(|kind| kind & NETSCAPE_ANY_CA != 0).map(|_| OldCa::NetscapeType)
        }
    }

    pub(crate) fn path_length(&self) -> Option<u32> {
        self.extensions.basic_constraints.and_then(|constraints| constraints.path_length)
    }

    /// Whether key usage is absent or has one of these bits. RFC 5280 section 4.2.1.3 requires
    /// the extension of CAs only; where it is absent, nothing is forbidden.
    pub(crate) fn key_usage_allows(&self, bits: u16) -> bool {
        self.extensions.key_usage.is_none_or(|usage| usage & bits != 0)
    }

    /// Whether extended key usage is absent or lists the purpose (RFC 5280 section 4.2.1.12).
    /// `anyExtendedKeyUsage` alone is not enough, which the section allows: OpenSSL wants the
    /// purpose by its name.
    pub(crate) fn extended_key_usage_allows(&self, purpose: Purpose) -> bool {
        self.extensions
            .extended_key_usage
            .is_none_or(|list| oids(list).any(|oid| purpose.is_named_by(oid)))
    }

    /// Whether key usage and extended key usage allow an end entity this purpose. The bits are
    /// those of OpenSSL's `X509_PURPOSE_SSL_SERVER` and `_SSL_CLIENT`.
    pub(crate) fn leaf_purpose_allows(&self, purpose: Purpose) -> bool {
        let (bits, netscape) = match purpose {
            Purpose::ServerAuth => {
                (DIGITAL_SIGNATURE | KEY_ENCIPHERMENT | KEY_AGREEMENT, NETSCAPE_SERVER)
            }
            Purpose::ClientAuth | Purpose::ClientOrServerAuth => (CLIENT_BITS, NETSCAPE_CLIENT),
        };
        self.extended_key_usage_allows(purpose)
            && self.key_usage_allows(bits)
            && self.extensions.netscape_type.is_none_or(|kind| kind & netscape != 0)
    }

    /// Whether a client may have it whose certificate is a server's. Clients prove their key with a
    /// signature, or by key agreement, so key encipherment is not enough.
    pub(crate) fn serves_as_client(&self) -> bool {
        self.leaf_purpose_allows(Purpose::ServerAuth) && self.key_usage_allows(CLIENT_BITS)
    }

    /// The DNS names and IP addresses of subjectAltName, as text.
    pub(crate) fn presented_names(&self) -> Vec<String> {
        self.alt_names()
            .filter_map(|(tag, value)| match tag {
                DNS_NAME => Some(shown(&String::from_utf8_lossy(value))),
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

    /// The texts of an attribute of the subject, as UTF-8.
    pub(crate) fn subject_texts(&self, attribute: &[u8]) -> Vec<Vec<u8>> {
        name::texts(self.subject, attribute)
    }

    /// The e-mail addresses in the subject, with their string types.
    pub(crate) fn email_attributes(&self) -> impl Iterator<Item = (u8, &'a [u8])> {
        name::values(self.subject, name::EMAIL_ADDRESS)
    }

    /// The last common name of the subject, as OpenSSL takes it.
    pub(crate) fn common_name(&self) -> Option<String> {
        attributes(self.subject)
            .filter(|(oid, _)| *oid == COMMON_NAME)
            .map(|(_, value)| value)
            .last()
    }

    /// Where the issuer's certificate is available: the first caIssuers URL (RFC 5280 section
    /// 4.2.2.1). Nothing is fetched; it is a hint for humans.
    pub(crate) fn ca_issuers_url(&self) -> Option<String> {
        const CA_ISSUERS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 2];
        elements(self.extensions.authority_info_access?).find_map(|description| {
            let mut fields = Reader::new(description.value);
            let method = fields.expect(der::OID, "accessMethod").ok()?;
            let location = fields.next()?;
            (method == CA_ISSUERS && location.tag == der::context_primitive(6))
                .then(|| shown(&String::from_utf8_lossy(location.value)))
        })
    }

    pub(crate) fn key(&self) -> Key {
        Key::parse(self.spki)
    }

    /// The dotted object identifier of the algorithm of its signature.
    pub(crate) fn signature_oid(&self) -> String {
        let oid = Reader::new(self.signature_algorithm).expect(der::OID, "");
        der::dotted(oid.unwrap_or_default())
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

/// The version (RFC 5280 section 4.1.2.1): 1 where it is absent, as its default.
fn version(fields: &mut Reader<'_>) -> Result<u8, Malformed> {
    const WHAT: &str = "version";
    let Some(explicit) = fields.optional(der::context(0), WHAT)? else { return Ok(1) };
    let mut inner = Reader::new(explicit);
    let number = der::integer(inner.expect(der::INTEGER, WHAT)?, WHAT)?;
    inner.end(WHAT)?;
    match number {
        [0] => Ok(1),
        // OpenSSL reads later versions, which do not exist, like the last, and negative ones like
        // none that has a meaning.
        [1] | [0x80..=0xff, ..] => Ok(2),
        _ => Ok(3),
    }
}

/// The subject (contents of the Name) of a certificate, with as little reading as possible.
pub(crate) fn subject_of(der: &[u8]) -> Option<&[u8]> {
    from_subject(der)?.expect(der::SEQUENCE, "").ok()
}

/// Subject and key (contents of the SubjectPublicKeyInfo) of a certificate that may be malformed
/// elsewhere, and so unfit to be trusted: what the store says against it holds all the same.
pub(crate) fn subject_and_key_of(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut fields = from_subject(der)?;
    let subject = fields.expect(der::SEQUENCE, "").ok()?;
    Some((subject, fields.expect(der::SEQUENCE, "").ok()?))
}

/// The fields of a certificate from its subject on.
fn from_subject(der: &[u8]) -> Option<Reader<'_>> {
    let mut outer = Reader::new(der);
    let mut cert = Reader::new(outer.expect(der::SEQUENCE, "").ok()?);
    let mut fields = Reader::new(cert.expect(der::SEQUENCE, "").ok()?);
    fields.optional(der::context(0), "").ok()?;
    for _ in 0..4 {
        fields.next()?; // serialNumber, signature, issuer, validity
    }
    Some(fields)
}
