//! Whether the certificates of a verified path are revoked, by the CRLs at hand (RFC 5280 section
//! 6.3). Tested by tests/revocation.rs, against OpenSSL as well.
//!
//! Every CRL of a certificate's issuer is heard. One that lists the certificate refuses it, whatever
//! the others say. That it is good takes a CRL that is current, covers it, and was signed with its
//! issuer's key; and no CRL of that issuer may have been left out because it could not be used.

mod crls;
mod scope;

use pki_types::UnixTime;

use self::crls::{Contents, minimal};
pub use self::crls::{Crl, CrlProblem};
use self::scope::{ALL_REASONS, reasons_covered};
use crate::cert::der::{self, Reader};
use crate::cert::time::Timestamp;
use crate::cert::{CRL_SIGN, Cert};
use crate::kind::ErrorKind;
use crate::policy::{Revocation, RevocationCheck, RevocationOutcome, UnknownRevocation};

/// Verifies signatures, within the bounds of one verification.
pub(crate) trait Signatures {
    /// A number that differs between lists of algorithms: what one knows another may not.
    fn provider(&self) -> usize;

    /// `spki` and `algorithm` are the contents of a SubjectPublicKeyInfo and of an
    /// AlgorithmIdentifier.
    fn verify(
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

/// What is wrong with a path, revocation being checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    pub(crate) depth: usize,
    /// The `X509_V_ERR_*` number, where it says more than the kind.
    pub(crate) code: Option<i32>,
    pub(crate) detail: String,
}

/// Checks a path, end entity first and trust anchor last, whose signatures were verified. A single
/// certificate is one that is trusted itself.
pub(crate) fn check(
    path: &[&Cert<'_>],
    crls: &[Crl],
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
        let query = Query { cert, signers: signers(path, depth), time: time.into() };
        match query.status(crls, signatures) {
            Status::Good if unknown.is_none() && depth == 0 => {
                outcome.checked = RevocationCheck::Leaf;
            }
            Status::Good => {}
            Status::Unknown(reason) => {
                unknown.get_or_insert((depth, reason));
            }
            Status::Revoked(reason) => return Err(reason.at(depth)),
        }
    }
    match unknown {
        Some((depth, reason))
            if policy.unknown == UnknownRevocation::Reject
                || reason.kind == ErrorKind::ChainTooComplex =>
        {
            Err(reason.at(depth))
        }
        // Nobody promised to check a trust anchor.
        Some((depth, _)) if depth < last || last == 0 => Ok(outcome),
        _ => Ok(RevocationOutcome { checked: requested, ..outcome }),
    }
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
}

enum Status {
    Good,
    Unknown(Reason),
    Revoked(Reason),
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
    Weak(Reason),
    /// It cannot be used, and may have said something: nothing else proves the certificate good.
    Dropped(Reason),
}

/// Why a status is what it is.
struct Reason {
    kind: ErrorKind,
    code: i32,
    detail: String,
}

impl Reason {
    fn at(self, depth: usize) -> Fault {
        Fault { kind: self.kind, depth, code: Some(self.code), detail: self.detail }
    }
}

impl Query<'_, '_> {
    fn status(&self, crls: &[Crl], signatures: &mut dyn Signatures) -> Status {
        let mut reasons = 0;
        let mut newest_clean: Option<Timestamp> = None;
        let mut outdated: Option<(Timestamp, &Crl)> = None;
        let mut dropped = None;
        let mut weak: Option<Reason> = None;
        for crl in crls {
            let updated = crl.contents().map(|contents| contents.this_update);
            match self.opinion(crl, signatures) {
                Opinion::None => {}
                Opinion::Lists { outdated: false } => return Status::Revoked(listed(crl)),
                Opinion::Lists { outdated: true } => {
                    let this = updated.map(|updated| (updated, crl));
                    if outdated.map(|(time, _)| time) < this.map(|(time, _)| time) {
                        outdated = this;
                    }
                }
                Opinion::Clean { reasons: covered } => {
                    reasons |= covered;
                    newest_clean = newest_clean.max(updated);
                }
                Opinion::Weak(reason) => {
                    if weak.as_ref().is_none_or(|known| rank(reason.code) > rank(known.code)) {
                        weak = Some(reason);
                    }
                }
                Opinion::Dropped(reason) => {
                    dropped.get_or_insert(reason);
                }
            }
        }
        let good = reasons == ALL_REASONS;
        match outdated {
            // Only a newer CRL can have taken the certificate off the list.
            Some((time, crl)) if !good || newest_clean < Some(time) => {
                return Status::Revoked(listed(crl));
            }
            _ => {}
        }
        match (dropped, weak) {
            (Some(reason), _) => Status::Unknown(reason),
            (None, _) if good => Status::Good,
            (None, Some(reason)) => Status::Unknown(reason),
            (None, None) if reasons != 0 => Status::Unknown(Reason {
                kind: ErrorKind::RevocationUnknown,
                code: NO_CRL,
                detail: "the CRLs given cover only some reasons for a revocation".to_owned(),
            }),
            (None, None) => Status::Unknown(Reason {
                kind: ErrorKind::RevocationUnknown,
                code: NO_CRL,
                detail: "no CRL covers this certificate".to_owned(),
            }),
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
            return dropped(
                crl,
                NO_CRL_SIGN,
                "its issuer's key usage does not allow it to sign CRLs",
            );
        }
        // Such an extension may change what an entry means (RFC 5280 section 5.2).
        match &contents.problem {
            Some(problem @ (CrlProblem::Delta | CrlProblem::ContradictoryScope)) => {
                return match crl.lists(contents, self.cert.serial) {
                    true => Opinion::Lists { outdated: false },
                    false => dropped(crl, NO_CRL, &problem.to_string()),
                };
            }
            Some(problem @ CrlProblem::UnknownCriticalExtension(_)) => {
                return dropped(crl, CRITICAL, &problem.to_string());
            }
            Some(problem) => return dropped(crl, NO_CRL, &problem.to_string()),
            None => {}
        }
        self.opinion_of_authentic(crl, contents, signer.named)
    }

    /// A CRL that can be used, signed with the issuer's key. `named` says that its key identifier
    /// does not name another key.
    fn opinion_of_authentic(&self, crl: &Crl, contents: &Contents, named: bool) -> Opinion {
        // X509_cmp_time: both ends belong to the past.
        let outdated = contents.next_update.is_some_and(|due| due <= self.time);
        if crl.lists(contents, self.cert.serial) {
            return Opinion::Lists { outdated };
        }
        let reasons = reasons_covered(crl, contents.scope.as_ref(), self.cert);
        if !named {
            return weak(crl, NO_CRL, "its authority key identifier names another key");
        }
        if contents.this_update > self.time {
            return weak(crl, NOT_YET_VALID, "it is not yet valid");
        }
        if reasons == 0 {
            return weak(crl, SCOPE, "its scope leaves out this certificate");
        }
        if let Some(due) = contents.next_update.filter(|_| outdated) {
            return Opinion::Weak(Reason {
                kind: ErrorKind::RevocationOutdated,
                code: OUTDATED,
                detail: format!("{} was due to be replaced by {due}", crl.label()),
            });
        }
        Opinion::Clean { reasons }
    }

    /// What cannot be read may have been about this certificate if it may be its issuer's.
    fn opinion_of_unreadable(&self, crl: &Crl) -> Opinion {
        match (crl.issuer(), crl.problem()) {
            (Some(issuer), _) if !same_name(issuer, self.cert.issuer) => Opinion::None,
            (_, Some(problem)) => dropped(crl, NO_CRL, &problem.to_string()),
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
        Err(match worst {
            Some((_, BadSignature::TooMany)) => Opinion::Dropped(Reason {
                kind: ErrorKind::ChainTooComplex,
                code: ErrorKind::ChainTooComplex.openssl_code(),
                detail: "too many signatures of CRLs".to_owned(),
            }),
            Some((KeyNamed::This, BadSignature::Wrong)) => {
                dropped(crl, BAD_SIGNATURE, "its signature is wrong")
            }
            Some((KeyNamed::This | KeyNamed::Unsaid, BadSignature::Unsupported)) => {
                let oid = Reader::new(crl.bytes(contents.algorithm)).expect(der::OID, "");
                let oid = oid.map(der::dotted).unwrap_or_default();
                let what = format!("its signature algorithm {oid} is not supported");
                dropped(crl, BAD_SIGNATURE, &what)
            }
            // Another CA of the same name does no harm.
            Some(_) => weak(crl, BAD_SIGNATURE, "it was signed with another key"),
            None => Opinion::None,
        })
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

/// Whether two names, the contents of their SEQUENCEs, are the same (RFC 5280 section 7.1).
fn same_name(a: &[u8], b: &[u8]) -> bool {
    a == b
}

// X509_V_ERR_*: UNABLE_TO_GET_CRL, CRL_SIGNATURE_FAILURE, CRL_NOT_YET_VALID, CRL_HAS_EXPIRED,
// KEYUSAGE_NO_CRL_SIGN, UNHANDLED_CRITICAL_CRL_EXTENSION, DIFFERENT_CRL_SCOPE
const NO_CRL: i32 = 3;
const BAD_SIGNATURE: i32 = 8;
const NOT_YET_VALID: i32 = 11;
const OUTDATED: i32 = 12;
const NO_CRL_SIGN: i32 = 35;
const CRITICAL: i32 = 36;
const SCOPE: i32 = 44;

/// Of several CRLs that prove nothing, the one that came closest is reported.
fn rank(code: i32) -> u8 {
    match code {
        OUTDATED => 5,
        NOT_YET_VALID => 4,
        SCOPE => 3,
        NO_CRL => 2,
        _ => 1,
    }
}

fn listed(crl: &Crl) -> Reason {
    Reason {
        kind: ErrorKind::Revoked,
        code: ErrorKind::Revoked.openssl_code(),
        detail: format!("{} lists it", crl.label()),
    }
}

fn weak(crl: &Crl, code: i32, why: &str) -> Opinion {
    let kind = match code {
        SCOPE | NO_CRL => ErrorKind::RevocationUnknown,
        _ => ErrorKind::BadRevocationData,
    };
    Opinion::Weak(Reason { kind, code, detail: format!("{}: {why}", crl.label()) })
}

fn dropped(crl: &Crl, code: i32, why: &str) -> Opinion {
    let detail = format!("{} cannot be used: {why}", crl.label());
    Opinion::Dropped(Reason { kind: ErrorKind::BadRevocationData, code, detail })
}
