//! One certificate against the CRLs at hand: what each says about it, and what follows.
//!
//! Tests: `tests/revocation.rs`, and `tests/differential` with sets of CRLs.

use super::BadSignature;
use super::Signatures;
use super::crls::{Contents, Crl, minimal};
use super::scope::{ALL_REASONS, reasons_covered};
use crate::cert::der::{self, Reader};
use crate::cert::time::Timestamp;
use crate::cert::{CRL_SIGN, Cert, name_text, same_name};
use crate::fault::{Cause, CrlFault, CrlProblem, Fault};
use crate::kind::ErrorKind;
use crate::policy::{RevocationOutcome, RevocationSource};

/// One certificate, and whose CRLs cover it.
pub(super) struct Query<'q, 'a> {
    pub(super) cert: &'q Cert<'a>,
    pub(super) signers: Vec<&'q Cert<'a>>,
    pub(super) time: Timestamp,
    /// Devices without a clock: nothing is outdated, and nothing too new.
    pub(super) ignore_validity: bool,
}

pub(super) enum Status {
    Good(Good),
    Unknown(Fault),
    Revoked(Fault),
}

/// Who says that a certificate is good, and until when.
pub(super) struct Good {
    pub(super) by: RevocationSource,
    pub(super) until: Option<Timestamp>,
}

impl Good {
    /// The outcome, where this is about the end entity.
    pub(super) fn told(self, outcome: RevocationOutcome) -> RevocationOutcome {
        let until = self.until.map(Timestamp::to_unix);
        RevocationOutcome { answered_by: Some(self.by), until, ..outcome }
    }
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
    pub(super) fn status(&self, crls: &[Crl], signatures: &mut dyn Signatures) -> Status {
        let mut reasons = 0;
        let mut newest_clean: Option<Timestamp> = None;
        let mut due: Option<Timestamp> = None;
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
                    let next = crl.contents().and_then(|contents| contents.next_update);
                    due = due.into_iter().chain(next).min();
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
            _ if good => Status::Good(Good { by: RevocationSource::Crl, until: due }),
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
        let reasons =
            reasons_covered((crl.der(), self.cert.issuer), contents.scope.as_ref(), self.cert);
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
