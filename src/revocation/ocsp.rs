//! A stapled OCSP response (RFC 6960): what it says about the end entity, if its issuer or a
//! responder that the issuer authorised signed it.
//!
//! Tests: `tests/ocsp.rs`, with responses of `openssl ocsp` too.

use super::crls::minimal;
use super::digest::Digest;
use super::extension::extensions;
use super::query::Query;
use super::signatures::{BadSignature, Signatures};
use crate::cert::der::{self, Malformed, Reader};
use crate::cert::time::{self, Timestamp};
use crate::cert::{Cert, DIGITAL_SIGNATURE, oids, same_name, split_spki};
use crate::fault::OcspFault;

/// What a stapled response says.
pub(super) enum Answer {
    Good {
        until: Timestamp,
    },
    Revoked(Timestamp),
    /// Nothing, and why.
    Nothing(OcspFault),
}

/// A response without nextUpdate says that there are newer ones at any time (RFC 6960 section
/// 4.2.2.1). A peer could staple it for ever; here it holds for a day, as in Firefox.
const SECONDS_WITHOUT_NEXT_UPDATE: i64 = 86_400;

const MAX_BYTES: usize = 1 << 17;

/// What the response says about the certificate, whose issuer comes next in its path. `is_revoked`
/// tells whether the CRLs at hand list a responder's certificate.
pub(super) fn read(
    response: &[u8],
    query: &Query<'_, '_>,
    is_revoked: &mut dyn FnMut(&Cert<'_>, &mut dyn Signatures) -> bool,
    signatures: &mut dyn Signatures,
) -> Answer {
    let Some(issuer) = query.signers.first().copied() else {
        return Answer::Nothing(OcspFault::UnauthorisedSigner);
    };
    let (response, answers) = match parse(response, query.cert, issuer) {
        Ok(parsed) => parsed,
        Err(fault) => return Answer::Nothing(fault),
    };
    if answers.is_empty() {
        return Answer::Nothing(OcspFault::OtherCertificate);
    }
    if let Err(fault) = response.verify(issuer, query, is_revoked, signatures) {
        return Answer::Nothing(fault);
    }
    decide(&answers, query)
}

/// Whether the response says that the certificate is revoked. Its signature is not verified.
pub(super) fn claims_revoked(response: &[u8], query: &Query<'_, '_>) -> bool {
    query.signers.first().is_some_and(|issuer| {
        parse(response, query.cert, issuer).is_ok_and(|(_, answers)| {
            answers.iter().any(|answer| matches!(answer.status, Status::Revoked(_)))
        })
    })
}

/// The response, and its answers about the certificate.
fn parse<'a>(
    response: &'a [u8],
    cert: &Cert<'_>,
    issuer: &Cert<'_>,
) -> Result<(Response<'a>, Vec<Single>), OcspFault> {
    // No honest response comes near; a peer chooses what it staples.
    if response.len() > MAX_BYTES {
        return Err(OcspFault::Malformed("OCSPResponse (too long)"));
    }
    let response = Response::read(response)?;
    let answers = response.answers(cert, issuer)?;
    Ok((response, answers))
}

/// Revoked if any answer says so, however old; good if a current one says so.
fn decide(answers: &[Single], query: &Query<'_, '_>) -> Answer {
    let mut fault = OcspFault::OtherCertificate;
    let mut good: Option<Timestamp> = None;
    for answer in answers {
        let due = answer.due();
        match answer.status {
            Status::Revoked(since) => return Answer::Revoked(since),
            Status::Unknown => fault = OcspFault::UnknownToResponder,
            Status::Good if query.ignore_validity => good = good.max(Some(due)),
            Status::Good if answer.this_update > query.time => fault = OcspFault::NotYetValid,
            // RFC 6960 section 3.2, point 6.
            Status::Good if due < query.time => fault = OcspFault::Outdated { due },
            Status::Good => good = good.max(Some(due)),
        }
    }
    good.map_or(Answer::Nothing(fault), |until| Answer::Good { until })
}

/// A BasicOCSPResponse.
struct Response<'a> {
    tbs: &'a [u8],
    responder: Responder<'a>,
    responses: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
    /// Contents of the SEQUENCE OF Certificate.
    certs: &'a [u8],
}

/// Who says that he signed.
enum Responder<'a> {
    /// Contents of the Name.
    Name(&'a [u8]),
    /// SHA-1 of the key.
    Key(&'a [u8]),
}

/// A SingleResponse about the certificate.
struct Single {
    status: Status,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
}

impl Single {
    fn due(&self) -> Timestamp {
        self.next_update
            .unwrap_or(Timestamp(self.this_update.0.saturating_add(SECONDS_WITHOUT_NEXT_UPDATE)))
    }
}

#[derive(Clone, Copy)]
enum Status {
    Good,
    Revoked(Timestamp),
    Unknown,
}

const ENUMERATED: u8 = 0x0a;

impl<'a> Response<'a> {
    /// RFC 6960 section 4.2.1.
    fn read(bytes: &'a [u8]) -> Result<Self, OcspFault> {
        const BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
        let mut outer = Reader::new(bytes);
        let mut fields = Reader::new(outer.expect(der::SEQUENCE, "OCSPResponse")?);
        outer.end("data after the OCSPResponse")?;
        let status = fields.expect(ENUMERATED, "responseStatus")?;
        let status = der::small_integer(status, "responseStatus")?;
        if status != 0 {
            return Err(OcspFault::Unsuccessful(status));
        }
        let mut explicit = Reader::new(fields.expect(der::context(0), "responseBytes")?);
        let mut fields = Reader::new(explicit.expect(der::SEQUENCE, "responseBytes")?);
        if fields.expect(der::OID, "responseType")? != BASIC {
            return Err(OcspFault::Malformed("responseType"));
        }
        let basic = fields.expect(der::OCTET_STRING, "response")?;

        let mut outer = Reader::new(basic);
        let mut fields = Reader::new(outer.expect(der::SEQUENCE, "BasicOCSPResponse")?);
        outer.end("data after the BasicOCSPResponse")?;
        let tbs = fields.next().filter(|element| element.tag == der::SEQUENCE);
        let tbs = tbs.ok_or(OcspFault::Malformed("tbsResponseData"))?;
        let algorithm = fields.expect(der::SEQUENCE, "signatureAlgorithm")?;
        let signature = der::octets(fields.expect(der::BIT_STRING, "signature")?, "signature")?;
        let certs = match fields.optional(der::context(0), "certs")? {
            None => &[][..],
            Some(explicit) => der::sequence(explicit, "certs")?,
        };
        fields.end("data after the certs")?;
        let (responder, responses) = Self::data(tbs.value)?;
        Ok(Self { tbs: tbs.whole, responder, responses, algorithm, signature, certs })
    }

    /// ResponseData: its responder and its responses.
    fn data(tbs: &'a [u8]) -> Result<(Responder<'a>, &'a [u8]), OcspFault> {
        let mut fields = Reader::new(tbs);
        if let Some(version) = fields.optional(der::context(0), "version")? {
            let version = Reader::new(version).expect(der::INTEGER, "version")?;
            if der::small_integer(version, "version")? != 0 {
                return Err(OcspFault::Malformed("version"));
            }
        }
        let responder = fields.next().ok_or(OcspFault::Malformed("responderID"))?;
        let mut inner = Reader::new(responder.value);
        let responder = if responder.tag == der::context(1) {
            Responder::Name(inner.expect(der::SEQUENCE, "responderID")?)
        } else if responder.tag == der::context(2) {
            Responder::Key(inner.expect(der::OCTET_STRING, "responderID")?)
        } else {
            return Err(OcspFault::Malformed("responderID"));
        };
        fields.expect(der::GENERALIZED_TIME, "producedAt")?;
        let responses = fields.expect(der::SEQUENCE, "responses")?;
        if let Some(explicit) = fields.optional(der::context(1), "responseExtensions")? {
            no_critical_extensions(explicit, "responseExtensions")?;
        }
        fields.end("data after the responses")?;
        Ok((responder, responses))
    }

    /// What it says about this certificate of this issuer.
    fn answers(&self, cert: &Cert<'_>, issuer: &Cert<'_>) -> Result<Vec<Single>, OcspFault> {
        let mut list = Reader::new(self.responses);
        let mut out = Vec::new();
        while !list.is_empty() {
            let mut fields = Reader::new(list.expect(der::SEQUENCE, "SingleResponse")?);
            let id = fields.expect(der::SEQUENCE, "certID")?;
            let status = fields.next().ok_or(OcspFault::Malformed("certStatus"))?;
            let this_update = time::read(&mut fields, "thisUpdate")?;
            let next_update = match fields.optional(der::context(0), "nextUpdate")? {
                None => None,
                Some(explicit) => Some(time::read(&mut Reader::new(explicit), "nextUpdate")?),
            };
            let extensions = fields.optional(der::context(1), "singleExtensions")?;
            fields.end("data after a SingleResponse")?;
            if !is_about(id, cert, issuer)? {
                continue;
            }
            if let Some(explicit) = extensions {
                no_critical_extensions(explicit, "singleExtensions")?;
            }
            let status = match status.tag {
                GOOD => Status::Good,
                REVOKED => {
                    Status::Revoked(time::read(&mut Reader::new(status.value), "revocationTime")?)
                }
                UNKNOWN => Status::Unknown,
                _ => return Err(OcspFault::Malformed("certStatus")),
            };
            out.push(Single { status, this_update, next_update });
        }
        Ok(out)
    }

    /// Who may sign is said in RFC 6960 section 4.2.2.2: the issuer itself, or one whom it gave a
    /// certificate for signing responses.
    fn verify(
        &self,
        issuer: &Cert<'_>,
        query: &Query<'_, '_>,
        is_revoked: &mut dyn FnMut(&Cert<'_>, &mut dyn Signatures) -> bool,
        signatures: &mut dyn Signatures,
    ) -> Result<(), OcspFault> {
        if self.responder.is(issuer) {
            match self.signed_with(issuer.spki, signatures) {
                // A responder may have its issuer's name, and its own certificate in the response.
                Err(OcspFault::WrongSignature) if !self.certs.is_empty() => {}
                verdict => return verdict,
            }
        }
        let mut fault = OcspFault::UnauthorisedSigner;
        for cert in der::elements(self.certs) {
            let Ok(delegate) = Cert::parse(cert.whole) else { continue };
            if !self.responder.is(&delegate) || !may_respond(&delegate, issuer, query) {
                continue;
            }
            let issued = signatures.verify(
                issuer.spki,
                delegate.signature_algorithm,
                delegate.tbs,
                delegate.signature,
            );
            match issued {
                Ok(()) if is_revoked(&delegate, signatures) => {}
                Ok(()) => match self.signed_with(delegate.spki, signatures) {
                    Ok(()) => return Ok(()),
                    Err(found) => fault = found,
                },
                Err(BadSignature::TooMany) => return Err(OcspFault::TooManySignatures),
                Err(BadSignature::Wrong | BadSignature::Unsupported) => {}
            }
        }
        Err(fault)
    }

    fn signed_with(&self, spki: &[u8], signatures: &mut dyn Signatures) -> Result<(), OcspFault> {
        signatures.verify(spki, self.algorithm, self.tbs, self.signature).map_err(|bad| match bad {
            BadSignature::Wrong => OcspFault::WrongSignature,
            BadSignature::TooMany => OcspFault::TooManySignatures,
            BadSignature::Unsupported => {
                let oid = Reader::new(self.algorithm).expect(der::OID, "");
                OcspFault::SignatureAlgorithm(oid.map(der::dotted).unwrap_or_default())
            }
        })
    }
}

const GOOD: u8 = der::context_primitive(0);
const REVOKED: u8 = der::context(1);
const UNKNOWN: u8 = der::context_primitive(2);

impl Responder<'_> {
    fn is(&self, cert: &Cert<'_>) -> bool {
        match self {
            Self::Name(name) => same_name(name, cert.subject),
            Self::Key(digest) => {
                split_spki(cert.spki).is_ok_and(|(_, key)| Digest::Sha1.is_of(digest, &[key]))
            }
        }
    }
}

/// Whether a certificate, which the issuer's key signed, may sign responses in its place.
fn may_respond(cert: &Cert<'_>, issuer: &Cert<'_>, query: &Query<'_, '_>) -> bool {
    const OCSP_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 9];
    cert.has_issuer_name_of(issuer)
        && cert
            .extensions
            .extended_key_usage
            .is_some_and(|list| oids(list).any(|oid| oid == OCSP_SIGNING))
        && cert.key_usage_allows(DIGITAL_SIGNATURE)
        && cert.extensions.unknown_critical.is_none()
        && (query.ignore_validity || (cert.not_before..=cert.not_after).contains(&query.time))
}

/// Whether a CertID (RFC 6960 section 4.1.1) is this certificate's.
fn is_about(id: &[u8], cert: &Cert<'_>, issuer: &Cert<'_>) -> Result<bool, OcspFault> {
    let mut fields = Reader::new(id);
    let algorithm = fields.expect(der::SEQUENCE, "hashAlgorithm")?;
    let name = fields.expect(der::OCTET_STRING, "issuerNameHash")?;
    let key = fields.expect(der::OCTET_STRING, "issuerKeyHash")?;
    let serial = fields.expect(der::INTEGER, "serialNumber")?;
    fields.end("certID")?;
    if minimal(serial) != minimal(cert.serial) {
        return Ok(false);
    }
    let algorithm = Reader::new(algorithm).expect(der::OID, "hashAlgorithm")?;
    let Some(digest) = Digest::by_oid(algorithm) else { return Ok(false) };
    let Ok((_, issuer_key)) = split_spki(issuer.spki) else { return Ok(false) };
    let header = sequence_header(cert.issuer.len());
    Ok(digest.is_of(key, &[issuer_key]) && digest.is_of(name, &[&header, cert.issuer]))
}

/// The header of a SEQUENCE of this length: the digest of a Name covers it.
fn sequence_header(length: usize) -> Vec<u8> {
    let bytes = length.to_be_bytes();
    let digits: Vec<_> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
    match (u8::try_from(length), u8::try_from(digits.len())) {
        (Ok(short @ ..0x80), _) => vec![der::SEQUENCE, short],
        (_, Ok(count)) => [&[der::SEQUENCE, 0x80 | count][..], &digits].concat(),
        (_, Err(_)) => Vec::new(),
    }
}

/// RFC 6960 section 4.4: none is defined that must be critical.
fn no_critical_extensions(explicit: &[u8], what: &'static str) -> Result<(), OcspFault> {
    for extension in extensions(der::sequence(explicit, what)?) {
        let extension = extension?;
        if extension.critical {
            return Err(OcspFault::CriticalExtension(der::dotted(extension.oid)));
        }
    }
    Ok(())
}

impl From<Malformed> for OcspFault {
    fn from(Malformed(field): Malformed) -> Self {
        Self::Malformed(field)
    }
}
