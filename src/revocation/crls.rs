//! Certificate revocation lists (RFC 5280 section 5): read once, shared, searched by serial number.
//!
//! Reads what OpenSSL reads: version 1, no CRL number, no nextUpdate, long serial numbers.
//!
//! Tests: `tests/revocation.rs`, and `tests/differential` with sets of CRLs.

use std::fmt;
use std::sync::Arc;

use pki_types::CertificateRevocationListDer;

use super::extension::{Extension, Span, extensions};
use super::memo::Memo;
use super::scope::Scope;
use super::signatures::{BadSignature, Provider, Signatures};
use crate::cert::der::{self, Malformed, Reader};
use crate::cert::time::{self, Timestamp};
use crate::fault::CrlProblem;

/// A certificate revocation list (RFC 5280 section 5), read once; clones share it.
///
/// A list that cannot be used is kept as well: it says why, and no other list of its issuer then
/// proves that a certificate is good.
#[derive(Clone)]
pub struct Crl {
    inner: Arc<Inner>,
}

struct Inner {
    der: CertificateRevocationListDer<'static>,
    read: Result<Contents, Unreadable>,
    memo: Memo,
}

impl Crl {
    /// Reads a CRL. Never fails: [`problem`](Self::problem) says whether it can be used.
    pub fn new(der: impl Into<CertificateRevocationListDer<'static>>) -> Self {
        let der = der.into();
        let read = Contents::read(&der);
        Self { inner: Arc::new(Inner { der, read, memo: Memo::default() }) }
    }

    /// The CRL in DER.
    pub fn der(&self) -> &CertificateRevocationListDer<'static> {
        &self.inner.der
    }

    /// Why it can never be used, if so.
    pub fn problem(&self) -> Option<CrlProblem> {
        match &self.inner.read {
            Err(unreadable) => Some(CrlProblem::Malformed(unreadable.what)),
            Ok(contents) => contents.problem.clone(),
        }
    }

    /// What it contains; `None` if it cannot be read.
    pub(super) fn contents(&self) -> Option<&Contents> {
        self.inner.read.as_ref().ok()
    }

    /// Contents of the issuer's Name, also of a CRL that cannot be read, if it can be found.
    pub(super) fn issuer(&self) -> Option<&[u8]> {
        match &self.inner.read {
            Ok(contents) => Some(self.bytes(contents.issuer)),
            Err(unreadable) => unreadable.issuer.map(|span| self.bytes(span)),
        }
    }

    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        span.of_der(&self.inner.der)
    }

    /// Whether its signature was made with this key (contents of a SubjectPublicKeyInfo).
    pub(super) fn verify(
        &self,
        contents: &Contents,
        spki: &[u8],
        signatures: &mut dyn Signatures,
    ) -> Result<(), BadSignature> {
        let provider = Provider::clone(signatures.provider());
        if let Some(known) = self.inner.memo.get(spki, &provider) {
            return known;
        }
        let verdict = signatures.verify_known(
            spki,
            self.bytes(contents.algorithm),
            self.bytes(contents.tbs),
            self.bytes(contents.signature),
        );
        self.inner.memo.put(spki, provider, verdict);
        verdict
    }

    /// Holds what is remembered, as a thread would that a fork left behind.
    #[cfg(test)]
    pub(super) fn take_memo(&self) -> impl Drop + use<'_> {
        self.inner.memo.take()
    }

    /// Whether the serial number is listed as revoked.
    ///
    /// `removeFromCRL` (RFC 5280 section 5.3.1) takes a certificate out of the list; every other
    /// reason, a hold included, revokes it.
    pub(super) fn lists(&self, contents: &Contents, serial: &[u8]) -> bool {
        let serial = minimal(serial);
        let hash = hash(serial);
        let start = contents.index.partition_point(|packed| packed & HASH < hash);
        let run = contents.index.get(start..).unwrap_or_default();
        run.iter().take_while(|packed| **packed & HASH == hash).any(|packed| {
            let offset = usize::try_from(packed & OFFSET).unwrap_or(usize::MAX);
            let entry = self.inner.der.get(offset..).and_then(|der| Reader::new(der).next());
            let entry = entry.and_then(|entry| Entry::read(entry.value).ok());
            entry.is_some_and(|entry| minimal(entry.serial) == serial && !entry.removed)
        })
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.contents().map(|contents| contents.index.len());
        f.debug_struct("Crl")
            .field("bytes", &self.inner.der.len())
            .field("entries", &entries)
            .finish()
    }
}

impl PartialEq for Crl {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner) || self.inner.der == other.inner.der
    }
}

impl Eq for Crl {}

/// What a CRL says.
#[derive(Debug)]
pub(super) struct Contents {
    tbs: Span,
    /// Contents of the AlgorithmIdentifier.
    pub(super) algorithm: Span,
    signature: Span,
    issuer: Span,
    pub(super) this_update: Timestamp,
    pub(super) next_update: Option<Timestamp>,
    /// Contents of authorityKeyIdentifier (RFC 5280 section 5.2.1).
    pub(super) authority_key: Option<Span>,
    pub(super) scope: Option<Scope>,
    pub(super) problem: Option<CrlProblem>,
    /// For each entry 32 bits of a hash of its serial number above 32 bits of its place, sorted:
    /// 8 bytes an entry, and a search touches the DER only where it ends.
    index: Vec<u64>,
}

#[derive(Debug)]
struct Unreadable {
    what: &'static str,
    issuer: Option<Span>,
}

const HASH: u64 = 0xffff_ffff_0000_0000;
const OFFSET: u64 = 0x0000_0000_ffff_ffff;

const ENUMERATED: u8 = 0x0a;
const REMOVE_FROM_CRL: u32 = 8;

impl Contents {
    fn read(der: &[u8]) -> Result<Self, Unreadable> {
        let mut issuer = None;
        Self::read_fields(der, &mut issuer).map_err(|Malformed(what)| Unreadable { what, issuer })
    }

    fn read_fields(der: &[u8], found: &mut Option<Span>) -> Result<Self, Malformed> {
        let span = |part| Span::of(der, part);
        if u32::try_from(der.len()).is_err() {
            return Err(Malformed("CRL (over 4 GiB)"));
        }
        let mut outer = Reader::new(der);
        let mut crl = Reader::new(outer.expect(der::SEQUENCE, "CRL")?);
        let tbs = crl.next().filter(|element| element.tag == der::SEQUENCE);
        let tbs = tbs.ok_or(Malformed("tbsCertList"))?;

        let mut fields = Reader::new(tbs.value);
        // Absent in version 1, the default of `openssl ca -gencrl`.
        if let Some(version) = fields.optional(der::INTEGER, "version")? {
            if der::small_integer(version, "version")? > 1 {
                return Err(Malformed("version"));
            }
        }
        let inner_algorithm = fields.expect(der::SEQUENCE, "signature algorithm")?;
        let issuer = fields.expect(der::SEQUENCE, "issuer")?;
        *found = Some(span(issuer));

        outer.end("data after the CRL")?;
        let algorithm = crl.expect(der::SEQUENCE, "signatureAlgorithm")?;
        // RFC 5280 section 5.1.1.2
        if algorithm != inner_algorithm {
            return Err(Malformed("signature algorithm (inner and outer differ)"));
        }
        let signature = der::octets(crl.expect(der::BIT_STRING, "signature")?, "signature")?;
        crl.end("data after the signature")?;

        let this_update = time::read(&mut fields, "thisUpdate")?;
        let next_update = match fields.peek() {
            Some(der::UTC_TIME | der::GENERALIZED_TIME) => {
                Some(time::read(&mut fields, "nextUpdate")?)
            }
            _ => None,
        };
        let revoked = fields.optional(der::SEQUENCE, "revokedCertificates")?.unwrap_or_default();
        let mut out = Self {
            tbs: span(tbs.whole),
            algorithm: span(algorithm),
            signature: span(signature),
            issuer: span(issuer),
            this_update,
            next_update,
            authority_key: None,
            scope: None,
            problem: None,
            index: Vec::new(),
        };
        if let Some(explicit) = fields.optional(der::context(0), "crlExtensions")? {
            out.read_extensions(der, explicit)?;
        }
        fields.end("data after the extensions")?;
        out.read_entries(der, revoked)?;
        Ok(out)
    }

    /// The extensions of the list (RFC 5280 section 5.2).
    fn read_extensions(&mut self, der: &[u8], explicit: &[u8]) -> Result<(), Malformed> {
        let mut outer = Reader::new(explicit);
        let list = outer.expect(der::SEQUENCE, "crlExtensions")?;
        outer.end("crlExtensions")?;
        for extension in extensions(list) {
            let Extension { oid, critical, value } = extension?;
            match oid {
                // Not used to order CRLs: OpenSSL takes thisUpdate, and numbers may be missing.
                [0x55, 0x1d, 20] => {
                    Reader::new(value).expect(der::INTEGER, "cRLNumber")?;
                }
                [0x55, 0x1d, 27] => self.object(CrlProblem::Delta),
                [0x55, 0x1d, 28] => {
                    let (scope, indirect) = Scope::read(der, value)?;
                    if indirect {
                        self.object(CrlProblem::Indirect);
                    }
                    if scope.is_contradictory() {
                        self.object(CrlProblem::ContradictoryScope);
                    }
                    self.scope = Some(scope);
                    continue;
                }
                [0x55, 0x1d, 35] => {
                    let id = der::sequence(value, "authorityKeyIdentifier")?;
                    self.authority_key = Some(Span::of(der, id));
                    continue;
                }
                _ => {}
            }
            // Not even a critical CRL number is understood by OpenSSL.
            if critical && oid != [0x55, 0x1d, 27] {
                self.object(CrlProblem::UnknownCriticalExtension(der::dotted(oid)));
            }
        }
        Ok(())
    }

    /// The entries (RFC 5280 section 5.1.2.6): counted first, so that the index fits.
    fn read_entries(&mut self, der: &[u8], revoked: &[u8]) -> Result<(), Malformed> {
        let mut counter = Reader::new(revoked);
        let mut count = 0;
        while counter.next().is_some() {
            count += 1;
        }
        counter.end("revokedCertificates")?;

        self.index.reserve_exact(count);
        let mut list = Reader::new(revoked);
        while let Some(element) = list.next() {
            if element.tag != der::SEQUENCE {
                return Err(Malformed("entry of revokedCertificates"));
            }
            let entry = Entry::read(element.value)?;
            // RFC 5280 section 5.3.3: the entry, and those after it, are another issuer's.
            if entry.other_issuer {
                self.object(CrlProblem::Indirect);
            }
            if let Some(oid) = entry.unknown_critical {
                self.object(CrlProblem::UnknownCriticalExtension(der::dotted(oid)));
            }
            let offset = Span::of(der, element.whole).start();
            self.index.push(hash(minimal(entry.serial)) | u64::try_from(offset).unwrap_or(OFFSET));
        }
        self.index.sort_unstable();
        Ok(())
    }

    /// The first problem is the one that is reported.
    fn object(&mut self, problem: CrlProblem) {
        self.problem.get_or_insert(problem);
    }
}

/// One entry of a CRL.
struct Entry<'a> {
    serial: &'a [u8],
    removed: bool,
    other_issuer: bool,
    unknown_critical: Option<&'a [u8]>,
}

impl<'a> Entry<'a> {
    fn read(value: &'a [u8]) -> Result<Self, Malformed> {
        const WHAT: Malformed = Malformed("entry of revokedCertificates");
        let mut fields = Reader::new(value);
        let serial = fields.expect(der::INTEGER, "serial number of an entry")?;
        let date = fields.next().ok_or(WHAT)?;
        if serial.is_empty() || !matches!(date.tag, der::UTC_TIME | der::GENERALIZED_TIME) {
            return Err(WHAT);
        }
        let mut out = Self { serial, removed: false, other_issuer: false, unknown_critical: None };
        let list = fields.optional(der::SEQUENCE, "crlEntryExtensions")?.unwrap_or_default();
        for extension in extensions(list) {
            let Extension { oid, critical, value } = extension?;
            match oid {
                [0x55, 0x1d, 21] => {
                    let reason = Reader::new(value).expect(ENUMERATED, "reason code")?;
                    out.removed = der::small_integer(reason, "reason code")? == REMOVE_FROM_CRL;
                }
                [0x55, 0x1d, 29] => {
                    out.other_issuer = true;
                    continue;
                }
                _ => {}
            }
            if critical {
                out.unknown_critical = Some(oid);
            }
        }
        fields.end("entry of revokedCertificates")?;
        Ok(out)
    }
}

/// A serial number without the zeros that DER would not have written (X.690 section 8.3.2).
pub(super) fn minimal(mut serial: &[u8]) -> &[u8] {
    while let [0, next, ..] = serial {
        if next & 0x80 != 0 {
            break;
        }
        serial = serial.get(1..).unwrap_or_default();
    }
    serial
}

/// 32 bits in the upper half. Who could make serial numbers collide is the issuer alone.
fn hash(serial: &[u8]) -> u64 {
    let mut hash = 0x9e37_79b9_7f4a_7c15_u64;
    for chunk in serial.chunks(8) {
        let word = chunk.iter().fold(0_u64, |word, &byte| (word << 8) | u64::from(byte));
        hash = (hash ^ word).wrapping_mul(0xd6e8_feb8_6659_fd93);
        hash ^= hash >> 32;
    }
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) & HASH
}
