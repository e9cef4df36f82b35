//! Whether the certificates of a verified path are revoked, by the CRLs at hand (RFC 5280 section
//! 6.3) and by the OCSP response that the peer stapled (RFC 6960). Tested by tests/revocation.rs, against OpenSSL as well.
//!
//! Every CRL of a certificate's issuer is heard. One that lists the certificate refuses it, whatever
//! the others say. That it is good takes a CRL that is current, covers it, and was signed with its
//! issuer's key; and no CRL of that issuer may have been left out because it could not be used.

mod crls;
mod digest;
mod ocsp;
mod scope;

use std::sync::Arc;

use pki_types::{SignatureVerificationAlgorithm, UnixTime};

pub use self::crls::Crl;
use self::crls::{Contents, minimal};
use self::ocsp::Answer;
use self::scope::{ALL_REASONS, extension, reasons_covered};
use crate::cert::der::{self, Reader};
use crate::cert::time::Timestamp;
use crate::cert::{CRL_SIGN, Cert, name_text, same_name};
use crate::fault::{Cause, CrlFault, CrlProblem, Fault, OcspFault};
use crate::kind::ErrorKind;
use crate::policy::{Purpose, Revocation, RevocationCheck, RevocationOutcome, UnknownRevocation};

/// The algorithms of a verifier.
pub(crate) type Provider = Arc<[&'static dyn SignatureVerificationAlgorithm]>;

/// Verifies signatures, within the bounds of one verification.
pub(crate) trait Signatures {
    /// What one list of algorithms knows another may not.
    fn provider(&self) -> &Provider;

    /// A signature of the peer's choice, within a bound. `spki` and `algorithm` are the contents of
    /// a SubjectPublicKeyInfo and of an AlgorithmIdentifier.
    fn verify(
        &mut self,
        spki: &[u8],
        algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature>;

    /// A signature that the caller gave, outside any bound: it is verified once and remembered.
    fn verify_known(
        &mut self,
        spki: &[u8],
        algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature>;
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadSignature {
    /// It was not made with this key.
    Wrong,
    /// Its algorithm, or the key's, is not supported.
    Unsupported,
    /// No more signatures are verified.
    TooMany,
}

/// What is known about revocation.
pub(crate) struct Known<'a> {
    pub(crate) crls: &'a [Crl],
    /// The OCSP response that the peer stapled; empty if there is none.
    pub(crate) staple: &'a [u8],
    pub(crate) purpose: Purpose,
    /// CRLs are as good as when they were issued.
    pub(crate) ignore_validity: bool,
}

/// Checks a path, end entity first and trust anchor last, whose signatures were verified. A single
/// certificate is one that is trusted itself.
pub(crate) fn check(
    path: &[&Cert<'_>],
    known: &Known<'_>,
    policy: &Revocation,
    time: UnixTime,
    signatures: &mut dyn Signatures,
) -> Result<RevocationOutcome, Fault> {
    let requested = policy.check;
    let mut outcome = RevocationOutcome { requested, checked: RevocationCheck::Off };
    if requested == RevocationCheck::Off {
        return Ok(outcome);
    }
    let last = path.len().saturating_sub(1);
    let mut unknown = None;
    for (depth, cert) in path.iter().enumerate() {
        let is_anchor = depth == last && depth > 0;
        // A trust anchor is no part of the path (RFC 5280 section 6.1). OpenSSL asks a self-signed
        // one's own CRLs, and so do we; any other has no issuer here whose CRL could be verified.
        let wanted = depth == 0
            || requested == RevocationCheck::Chain && (!is_anchor || cert.is_self_issued());
        if !wanted {
            continue;
        }
        let query = Query {
            cert,
            signers: signers(path, depth),
            time: time.into(),
            ignore_validity: known.ignore_validity,
        };
        let status = match depth {
            0 => query.status_of_end_entity(known, policy, signatures),
            _ => query.status(known.crls, signatures),
        };
        match status {
            Status::Good if unknown.is_none() && depth == 0 => {
                outcome.checked = RevocationCheck::Leaf;
            }
            Status::Good => {}
            Status::Unknown(fault) => {
                unknown.get_or_insert((depth, fault));
            }
            Status::Revoked(fault) => return Err(fault.at(depth)),
        }
    }
    let Some((depth, fault)) = unknown else {
        return Ok(RevocationOutcome { checked: requested, ..outcome });
    };
    let bound_met = fault.kind == ErrorKind::ChainTooComplex;
    if policy.unknown == UnknownRevocation::Reject || bound_met {
        return Err(fault.at(depth));
    }
    // Nobody promised to check a trust anchor.
    if depth == last && depth > 0 {
        outcome.checked = requested;
    }
    Ok(outcome)
}

/// The certificates whose key may sign CRLs about the certificate at this depth: its issuer, and
/// those further up that have the same name (an issuer that has renewed its key, for which OpenSSL
/// has CRL_SCORE_SAME_PATH).
fn signers<'p, 'a>(path: &[&'p Cert<'a>], depth: usize) -> Vec<&'p Cert<'a>> {
    let Some(cert) = path.get(depth) else { return Vec::new() };
    let above = path.get(depth + 1..).unwrap_or_default();
    match above.split_first() {
        Some((issuer, further)) => {
            let same = further.iter().filter(|other| same_name(other.subject, cert.issuer));
            std::iter::once(issuer).chain(same).copied().collect()
        }
        None if cert.is_self_issued() => vec![cert],
        None => Vec::new(),
    }
}

/// One certificate, and who may speak about it.
struct Query<'q, 'a> {
    cert: &'q Cert<'a>,
    signers: Vec<&'q Cert<'a>>,
    time: Timestamp,
    ignore_validity: bool,
}

enum Status {
    Good,
    Unknown(Fault),
    Revoked(Fault),
}

/// What one CRL says about a certificate.
enum Opinion {
    /// It is not about it.
    None,
    /// It lists it. A CRL that is out of date can be overruled by a newer one.
    Lists { outdated: bool },
    /// It covers it for these reasons, and does not list it.
    Clean { reasons: u16 },
    /// It proves nothing.
    Weak(CrlFault),
    /// It cannot be used, and may have said something: nothing else proves the certificate good.
    Dropped(CrlFault),
}

impl Query<'_, '_> {
    /// The end entity's status, by the peer's stapled response too.
    fn status_of_end_entity(
        &self,
        known: &Known<'_>,
        policy: &Revocation,
        signatures: &mut dyn Signatures,
    ) -> Status {
        let by_crls = self.status(known.crls, signatures);
        if matches!(by_crls, Status::Revoked(_)) {
            return by_crls;
        }
        let staple_required = policy.unknown == UnknownRevocation::Reject
            && known.purpose == Purpose::ServerAuth
            && requires_staple(self.cert);
        if known.staple.is_empty() {
            return match staple_required {
                true => Status::Unknown(ocsp_fault(OcspFault::NotStapled)),
                false => by_crls,
            };
        }
        // A responder's own certificate can be on a CRL of the issuer.
        let mut is_revoked = |responder: &Cert<'_>, signatures: &mut dyn Signatures| {
            let signers = self.signers.clone();
            let query = Query { cert: responder, signers, ..*self };
            matches!(query.status(known.crls, signatures), Status::Revoked(_))
        };
        match ocsp::read(known.staple, self, &mut is_revoked, signatures) {
            Answer::Revoked(since) => Status::Revoked(ocsp_fault(OcspFault::Revoked { since })),
            Answer::Good => Status::Good,
            Answer::Nothing(OcspFault::TooManySignatures) => {
                Status::Unknown(ocsp_fault(OcspFault::TooManySignatures))
            }
            Answer::Nothing(_) if !staple_required && matches!(by_crls, Status::Good) => by_crls,
            Answer::Nothing(why) => Status::Unknown(ocsp_fault(why)),
        }
    }

    fn status(&self, crls: &[Crl], signatures: &mut dyn Signatures) -> Status {
        let mut reasons = 0;
        let mut newest_clean: Option<Timestamp> = None;
        let mut outdated: Option<(Timestamp, &Crl)> = None;
        let mut dropped = None;
        let mut weak: Option<(&Crl, CrlFault)> = None;
        for crl in crls {
            let updated = crl.contents().map(|contents| contents.this_update);
            let opinion = self.opinion(crl, signatures);
            let why = match opinion {
                Opinion::None => continue,
                Opinion::Lists { outdated: false } => {
                    return Status::Revoked(fault(crl, CrlFault::Lists));
                }
                Opinion::Lists { outdated: true } => {
                    let this = updated.map(|updated| (updated, crl));
                    if outdated.map(|(time, _)| time) < updated {
                        outdated = this;
                    }
                    continue;
                }
                Opinion::Clean { reasons: covered } => {
                    reasons |= covered;
                    newest_clean = newest_clean.max(updated);
                    CrlFault::SomeReasons
                }
                Opinion::Weak(why) => why,
                Opinion::Dropped(why) => {
                    dropped.get_or_insert((crl, why));
                    continue;
                }
            };
            if weak.as_ref().is_none_or(|(_, known)| rank(&why) > rank(known)) {
                weak = Some((crl, why));
            }
        }
        let good = reasons == ALL_REASONS;
        match (outdated, dropped, weak) {
            // Only a newer CRL can have taken the certificate off the list.
            (Some((time, crl)), ..) if !good || newest_clean < Some(time) => {
                Status::Revoked(fault(crl, CrlFault::Lists))
            }
            (_, Some((crl, why)), _) => Status::Unknown(fault(crl, why)),
            _ if good => Status::Good,
            (_, None, Some((crl, why))) => Status::Unknown(fault(crl, why)),
            (_, None, None) => {
                Status::Unknown(Fault::new(ErrorKind::RevocationUnknown).because(Cause::NoCrl))
            }
        }
    }

    fn opinion(&self, crl: &Crl, signatures: &mut dyn Signatures) -> Opinion {
        let Some(contents) = crl.contents() else { return self.opinion_of_unreadable(crl) };
        if !crl.issuer().is_some_and(|issuer| same_name(issuer, self.cert.issuer)) {
            return Opinion::None;
        }
        let signer = match self.signer(crl, contents, signatures) {
            Ok(signer) => signer,
            Err(opinion) => return opinion,
        };
        // RFC 5280 section 6.3.3 (f)
        if !signer.cert.key_usage_allows(CRL_SIGN) {
            return Opinion::Dropped(CrlFault::NotACrlSigner);
        }
        match &contents.problem {
            None => self.opinion_of_usable(crl, contents, signer.named),
            // An entry of a delta CRL, or of one whose scope makes no sense, is an entry.
            Some(CrlProblem::Delta | CrlProblem::ContradictoryScope)
                if crl.lists(contents, self.cert.serial) =>
            {
                Opinion::Lists { outdated: false }
            }
            // An unknown extension may change what the entries mean (RFC 5280 section 5.2).
            Some(problem) => Opinion::Dropped(CrlFault::Unusable(problem.clone())),
        }
    }

    /// A CRL that can be used, signed with the issuer's key. `named` says that its key identifier
    /// does not name another key.
    fn opinion_of_usable(&self, crl: &Crl, contents: &Contents, named: bool) -> Opinion {
        // Both ends belong to the past, as in X509_cmp_time.
        let outdated =
            contents.next_update.filter(|due| *due <= self.time && !self.ignore_validity);
        if crl.lists(contents, self.cert.serial) {
            return Opinion::Lists { outdated: outdated.is_some() };
        }
        let reasons = reasons_covered(crl, contents.scope.as_ref(), self.cert);
        let why = match outdated {
            _ if !named => CrlFault::NamesOtherKey,
            _ if contents.this_update > self.time && !self.ignore_validity => CrlFault::NotYetValid,
            _ if reasons == 0 => CrlFault::Scope,
            Some(due) => CrlFault::Outdated { due },
            None => return Opinion::Clean { reasons },
        };
        Opinion::Weak(why)
    }

    /// What cannot be read may have been about this certificate if it may be its issuer's.
    fn opinion_of_unreadable(&self, crl: &Crl) -> Opinion {
        match (crl.issuer(), crl.problem()) {
            (Some(issuer), _) if !same_name(issuer, self.cert.issuer) => Opinion::None,
            (_, Some(problem)) => Opinion::Dropped(CrlFault::Unusable(problem)),
            (_, None) => Opinion::None,
        }
    }

    /// Whose key signed the CRL.
    fn signer(
        &self,
        crl: &Crl,
        contents: &Contents,
        signatures: &mut dyn Signatures,
    ) -> Result<Signer<'_>, Opinion> {
        let mut worst = None;
        let ids: Vec<_> =
            self.signers.iter().map(|signer| key_named(crl, contents, signer)).collect();
        // The key that the CRL names first.
        for wanted in [KeyNamed::This, KeyNamed::Unsaid, KeyNamed::Another] {
            for (signer, named) in self.signers.iter().zip(&ids).filter(|(_, id)| **id == wanted) {
                match crl.verify(contents, signer.spki, signatures) {
                    Ok(()) => {
                        return Ok(Signer { cert: signer, named: *named != KeyNamed::Another });
                    }
                    Err(reason) => {
                        worst.get_or_insert((*named, reason));
                    }
                }
            }
        }
        let why = match worst {
            Some((KeyNamed::This, BadSignature::Wrong)) => CrlFault::WrongSignature,
            Some((KeyNamed::This | KeyNamed::Unsaid, BadSignature::Unsupported)) => {
                let oid = Reader::new(crl.bytes(contents.algorithm)).expect(der::OID, "");
                CrlFault::SignatureAlgorithm(oid.map(der::dotted).unwrap_or_default())
            }
            // Another CA of the same name does no harm.
            Some(_) => return Err(Opinion::Weak(CrlFault::OtherKey)),
            None => return Err(Opinion::None),
        };
        Err(Opinion::Dropped(why))
    }
}

struct Signer<'q> {
    cert: &'q Cert<'q>,
    /// Whether the CRL's authority key identifier fits.
    named: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyNamed {
    This,
    Another,
    Unsaid,
}

/// Whose key the CRL's authorityKeyIdentifier names, as in OpenSSL's `X509_check_akid`.
fn key_named(crl: &Crl, contents: &Contents, signer: &Cert<'_>) -> KeyNamed {
    let Some(span) = contents.authority_key else { return KeyNamed::Unsaid };
    let mut fields = Reader::new(crl.bytes(span));
    let mut next = |tag| fields.optional(tag, "authorityKeyIdentifier").ok().flatten();
    let (id, names, serial) =
        (next(der::context_primitive(0)), next(der::context(1)), next(der::context_primitive(2)));
    let mut out = KeyNamed::Unsaid;
    if let (Some(wanted), Some((had, _))) = (id, signer.extensions.subject_key_id) {
        if wanted != had {
            return KeyNamed::Another;
        }
        out = KeyNamed::This;
    }
    if let Some(serial) = serial {
        if minimal(serial) != minimal(signer.serial) {
            return KeyNamed::Another;
        }
        out = KeyNamed::This;
    }
    let name = names.and_then(|names| {
        der::elements(names).find(|name| name.tag == der::context(4)).map(|name| name.value)
    });
    match name.and_then(|name| Reader::new(name).expect(der::SEQUENCE, "").ok()) {
        Some(name) if !same_name(name, signer.issuer) => KeyNamed::Another,
        _ => out,
    }
}

/// Whether the certificate says that its server staples a response: status_request among the TLS
/// features (RFC 7633).
fn requires_staple(cert: &Cert<'_>) -> bool {
    const TLS_FEATURE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 24];
    const STATUS_REQUEST: &[u8] = &[5];
    match extension(cert, TLS_FEATURE).and_then(|value| match value {
        Some(value) => der::sequence(value, "TLS feature").map(Some),
        None => Ok(None),
    }) {
        Ok(None) => false,
        Ok(Some(features)) => der::elements(features)
            .any(|feature| feature.tag == der::INTEGER && feature.value == STATUS_REQUEST),
        // What cannot be read may require it.
        Err(_) => true,
    }
}

/// What a stapled response says, with the number that OpenSSL has for it.
fn ocsp_fault(why: OcspFault) -> Fault {
    let (kind, openssl) = match &why {
        OcspFault::Revoked { .. } => (ErrorKind::Revoked, 23),
        OcspFault::TooManySignatures => (ErrorKind::ChainTooComplex, 22),
        // X509_V_ERR_OCSP_VERIFY_NEEDED
        OcspFault::NotStapled => (ErrorKind::RevocationUnknown, 73),
        // X509_V_ERR_OCSP_CERT_UNKNOWN
        OcspFault::OtherCertificate | OcspFault::UnknownToResponder => {
            (ErrorKind::RevocationUnknown, 75)
        }
        // X509_V_ERR_OCSP_VERIFY_FAILED
        _ => (ErrorKind::RevocationUnknown, 74),
    };
    Fault::new(kind).because(Cause::Ocsp(why)).code(openssl)
}

/// What a CRL says, with the number that OpenSSL has for it.
fn fault(crl: &Crl, why: CrlFault) -> Fault {
    let (kind, openssl) = match &why {
        CrlFault::Lists => (ErrorKind::Revoked, 23),
        // X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION
        CrlFault::Unusable(CrlProblem::UnknownCriticalExtension(_)) => {
            (ErrorKind::BadRevocationData, 36)
        }
        // X509_V_ERR_UNABLE_TO_GET_CRL
        CrlFault::Unusable(_) => (ErrorKind::BadRevocationData, 3),
        CrlFault::NamesOtherKey | CrlFault::SomeReasons => (ErrorKind::RevocationUnknown, 3),
        // X509_V_ERR_KEYUSAGE_NO_CRL_SIGN
        CrlFault::NotACrlSigner => (ErrorKind::BadRevocationData, 35),
        // X509_V_ERR_CRL_SIGNATURE_FAILURE
        CrlFault::WrongSignature | CrlFault::SignatureAlgorithm(_) | CrlFault::OtherKey => {
            (ErrorKind::BadRevocationData, 8)
        }
        // X509_V_ERR_CRL_NOT_YET_VALID
        CrlFault::NotYetValid => (ErrorKind::BadRevocationData, 11),
        // X509_V_ERR_DIFFERENT_CRL_SCOPE
        CrlFault::Scope => (ErrorKind::RevocationUnknown, 44),
        // X509_V_ERR_CRL_HAS_EXPIRED
        CrlFault::Outdated { .. } => (ErrorKind::RevocationOutdated, 12),
    };
    let issuer = crl.issuer().map(name_text);
    let issued = crl.contents().map(|contents| contents.this_update);
    Fault::new(kind).because(Cause::Crl { issuer, issued, why }).code(openssl)
}

/// Of several CRLs that prove nothing, the one that came closest is reported.
fn rank(why: &CrlFault) -> u8 {
    match why {
        CrlFault::Outdated { .. } => 5,
        CrlFault::NotYetValid => 4,
        CrlFault::Scope | CrlFault::SomeReasons => 3,
        CrlFault::NamesOtherKey => 2,
        _ => 1,
    }
}
