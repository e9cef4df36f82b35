//! Windows decides: `CertGetCertificateChain` builds the chain and
//! `CertVerifyCertificateChainPolicy` applies the SSL policy to it. Both must accept it.
//!
//! The system's engine is asked first. Only if it knows no path to a trusted root, a second
//! engine is asked that trusts nothing but the caller's own roots. ROOT is never listed to verify:
//! Windows puts roots there on demand. What the caller's trust settings reject is rejected in any
//! path.
//!
//! Tests: `tests/windows.rs`, `tests/windows_root.rs`, `tests/cases.rs` (under Wine and on Windows).

use std::cell::OnceCell;
use std::sync::OnceLock;

use pki_types::CertificateDer;
use schannel::cert_store::{CertStore, CertStoreBuilder, Memory};

use super::super::{Platform, distrust, evidence};
use super::codes::{self, OwnRoots};
use super::cryptoapi::{Answer, ChainEngine, Question, add_all, add_crl, may_be_shown};
use super::os_error::{OsError, os_code};
use crate::cert::{Cert, Summary, subject_of};
use crate::checks;
use crate::fault::{Cause, Evidence, Failure, Fault, PlaceProblem, Searched};
use crate::kind::ErrorKind;
use crate::peer::{Anchor, Peer, Verified};
use crate::refused::{BadSetting, Unreadable, Unsupported};
use crate::settings::Config;
use crate::store::{AnchorSet, Refusal, STORE, Source, StoreEntry};

/// What can be prepared once, and the engines for the caller's own roots, built when needed.
#[derive(Default)]
pub(crate) struct Engine {
    /// The caller's intermediates, roots and CRLs. Untrusted: it only helps to build paths.
    /// `None` only in a verifier whose settings were refused.
    known: Option<CertStore>,
    extra: OnceLock<Result<ChainEngine, OsError>>,
    extra_and_fallback: OnceLock<Result<ChainEngine, OsError>>,
}

impl Platform for Engine {
    fn new(config: &Config) -> Result<Self, BadSetting> {
        for (set, setting) in [
            (config.common_name, "danger_match_common_name"),
            (config.strict, "strict"),
            (config.ignore_validity, "danger_ignore_validity"),
            (config.allow_weak_keys, "danger_allow_weak_keys"),
        ] {
            if set {
                return Err(BadSetting::Unsupported { setting, why: Unsupported::NotOnWindows });
            }
        }
        let refused = |given_to| {
            move |(index, error): (usize, OsError)| BadSetting::Certificate {
                given_to,
                index,
                why: Unreadable::Os(error.code()),
            }
        };
        let mut known = Memory::new().map_err(|error| BadSetting::Unsupported {
            setting: "build",
            why: Unsupported::NoMemoryStore(OsError::from(error).code()),
        })?;
        let intermediates = config.intermediates.iter();
        add_all(&mut known, intermediates).map_err(refused("intermediates"))?;
        for (given_to, set) in
            [("extra_roots", &config.extra), ("fallback_roots", &config.fallback)]
        {
            let certs = set.entries().iter().map(StoreEntry::certificate);
            add_all(&mut known, certs).map_err(refused(given_to))?;
        }
        let known = known.into_store();
        for (index, crl) in config.crls.iter().enumerate() {
            add_crl(&known, crl.der())
                .map_err(|error| BadSetting::Crl { index, why: Unreadable::Os(error.code()) })?;
        }
        Ok(Self { known: Some(known), ..Self::default() })
    }

    fn verify(
        &self,
        config: &Config,
        leaf: &Cert<'_>,
        peer: &Peer<'_>,
    ) -> Result<Verified, Box<Failure>> {
        let mut search = Search::new(self, config, leaf, peer);
        search.run().map_err(|mut failure| {
            failure.evidence = search.evidence(&failure);
            failure
        })
    }
}

/// One verification.
struct Search<'a> {
    engine: &'a Engine,
    config: &'a Config,
    leaf: &'a Cert<'a>,
    peer: &'a Peer<'a>,
    system_is_empty: OnceCell<bool>,
    /// The caller's roots that were asked.
    own: OwnRoots,
    /// The last certificate of the last chain that Windows built.
    top: Option<CertificateDer<'static>>,
}

impl<'a> Search<'a> {
    fn new(engine: &'a Engine, config: &'a Config, leaf: &'a Cert<'a>, peer: &'a Peer<'a>) -> Self {
        let own = OwnRoots::None;
        Self { engine, config, leaf, peer, system_is_empty: OnceCell::new(), own, top: None }
    }

    fn run(&mut self) -> Result<Verified, Box<Failure>> {
        if !may_be_shown(self.leaf.der) {
            return Err(Fault::new(ErrorKind::WrongPurpose).at(0).into());
        }
        distrust::check_leaf(self.config, self.leaf)?;
        let question = Question::new(self.engine.known.as_ref(), self.leaf, self.peer)
            .map_err(OsError::cannot_check)?;
        let mut refusal: Box<Failure> = Fault::new(ErrorKind::NoTrustAnchors).at(0).into();
        if self.config.system.is_some() {
            let answer = self.ask(&question, None)?;
            match self.answered(&answer) {
                Ok(()) => {
                    return self.verified(answer, Source::System(STORE.into()));
                }
                Err(failure) if !answer.status.only_lacks_a_root() => return Err(failure),
                Err(failure) => refusal = failure,
            }
        }

        self.own = codes::own_roots(
            !self.config.extra.entries().is_empty(),
            !self.config.fallback.entries().is_empty(),
            self.config.system.is_some(),
            || self.system_is_empty(),
        );
        match self.ask_own_roots(&question) {
            Some(Ok(verified)) => return Ok(verified),
            Some(Err(failure)) => refusal = failure,
            None => {}
        }
        // A certificate of the caller's that is the end entity itself is trusted whole, whoever
        // issued it, unless its revocation has been decided on.
        if refusal.kind().rank() < ErrorKind::RevocationUnknown.rank() {
            let (leaf, purpose) = (self.leaf, self.config.purpose);
            let mut same_subject = self.own_sets().flat_map(|set| set.with_subject(leaf.subject));
            if let Some(entry) =
                same_subject.find(|entry| entry.is_trusted_end_entity(leaf.der, purpose))
            {
                let anchor = Anchor::from(entry);
                return checks::trusted_end_entity(
                    self.leaf,
                    self.config,
                    self.peer,
                    anchor,
                    false,
                )
                .map_err(Into::into);
            }
        }
        if refusal.kind().is_missing_path() && self.no_anchor_at_all() {
            refusal.fault.kind = ErrorKind::NoTrustAnchors;
        }
        Err(refusal)
    }

    /// Asks the engine that trusts only the caller's roots; `None` if none were given.
    fn ask_own_roots(&mut self, question: &Question) -> Option<Result<Verified, Box<Failure>>> {
        let once = match self.own {
            OwnRoots::None => return None,
            OwnRoots::Extra => &self.engine.extra,
            OwnRoots::ExtraAndFallback => &self.engine.extra_and_fallback,
        };
        let roots = self.own_sets().flat_map(AnchorSet::entries);
        let engine = match once.get_or_init(|| ChainEngine::exclusive(roots)) {
            Ok(engine) => engine,
            Err(error) => return Some(Err(error.cannot_check())),
        };
        Some(self.ask(question, Some(engine)).and_then(|answer| {
            let verdict = self.answered(&answer);
            if verdict.as_ref().is_err_and(|e| e.kind().rank() >= ErrorKind::Revoked.rank()) {
                return verdict.and_then(|()| Err(unexpected()));
            }
            let anchor = answer.chain.last().and_then(|anchor| self.own_entry(anchor));
            let refusal = anchor.and_then(|entry| self.refused_root(entry, &answer));
            match (verdict, anchor, refusal) {
                (_, _, Some(refusal)) => Err(refusal),
                (Ok(()), Some(entry), None) => self.verified(answer, entry.source().clone()),
                (Ok(()), None, None) => Err(unexpected()),
                (Err(failure), _, None) => Err(failure),
            }
        }))
    }

    fn ask(
        &mut self,
        question: &Question,
        engine: Option<&ChainEngine>,
    ) -> Result<Answer, Box<Failure>> {
        let answer = question.ask(engine, self.config).map_err(OsError::cannot_check)?;
        // The verdict must be about the certificate of the peer, whatever Windows was caching.
        if answer.chain.first().is_none_or(|first| first.as_ref() != self.leaf.der) {
            return Err(unexpected());
        }
        self.top = answer.chain.last().cloned();
        Ok(answer)
    }

    /// The verdict of Windows and, where that is no worse, of the peer's name: Windows compares
    /// it with the common name too, this crate does not (RFC 9525 section 2).
    fn answered(&self, answer: &Answer) -> Result<(), Box<Failure>> {
        let certs = answer.certs();
        let ignored = codes::ignored_bits(&self.config.revocation);
        let verdict = answer.status.verdict(&certs, ignored, self.peer.time);
        let fault = match verdict.and_then(|()| strengths(&certs)) {
            Ok(()) => match self.name() {
                Ok(()) => return Ok(()),
                Err(fault) => fault,
            },
            Err(fault) => checks::or_misnamed(fault, self.leaf, self.config, self.peer),
        };
        // Windows does not say which names would be right.
        let fault = match (fault.kind, &fault.cause) {
            (ErrorKind::NameMismatch, Cause::Kind) => checks::misnamed(self.leaf),
            _ => fault,
        };
        let mut failure: Box<Failure> = fault.into();
        failure.path = summaries(&certs);
        failure.os = match answer.status.code() {
            (0, _) => None,
            (code, name) => Some(os_code(code, &name)),
        };
        Err(failure)
    }

    fn name(&self) -> Result<(), Fault> {
        checks::name(self.leaf, self.config, self.peer)
    }

    fn verified(&self, answer: Answer, source: Source) -> Result<Verified, Box<Failure>> {
        let Some(certificate) = answer.chain.last().cloned() else { return Err(unexpected()) };
        let system_anchor = matches!(source, Source::System(_));
        distrust::check_chain(self.config, &answer.chain, system_anchor)?;
        Ok(Verified {
            revocation: answer.status.revocation(self.config.revocation.check),
            chain: answer.chain,
            anchor: Anchor { certificate, source },
            weaknesses: Vec::new(),
        })
    }

    /// The error of a chain that ends in one of the caller's roots, if that is not fit to be a
    /// trust anchor. Roots are vetted as on Unix, whatever Windows thinks of them.
    fn refused_root(&self, entry: &StoreEntry, answer: &Answer) -> Option<Box<Failure>> {
        let refusal = entry.refusal(self.config.purpose, self.peer.time)?;
        // Windows may not know the algorithm of a weak key at all.
        if answer.status.has_bad_signature()
            && !matches!(refusal, Refusal::WeakKey | Refusal::UnsupportedKey(_))
        {
            return None;
        }
        let depth = answer.chain.len().saturating_sub(1);
        let mut failure: Box<Failure> = Fault::refused_anchor(entry, refusal)?.at(depth).into();
        failure.path = summaries(&answer.certs());
        Some(failure)
    }

    /// The caller's roots that count, as far as they have been asked.
    fn own_sets(&self) -> impl Iterator<Item = &'a AnchorSet> + use<'a> {
        let (extra, fallback) = match self.own {
            OwnRoots::None => (None, None),
            OwnRoots::Extra => (Some(&self.config.extra), None),
            OwnRoots::ExtraAndFallback => (Some(&self.config.extra), Some(&self.config.fallback)),
        };
        extra.into_iter().chain(fallback)
    }

    fn own_entry(&self, der: &[u8]) -> Option<&'a StoreEntry> {
        let subject = subject_of(der)?;
        self.own_sets().find_map(|set| {
            set.with_subject(subject).find(|entry| entry.certificate().as_ref() == der)
        })
    }

    fn system_is_empty(&self) -> bool {
        *self.system_is_empty.get_or_init(|| {
            let root = CertStoreBuilder::new().read_only().open_current_user("ROOT");
            root.map_or(true, |root| root.certs().next().is_none())
        })
    }

    fn no_anchor_at_all(&self) -> bool {
        let (purpose, time) = (self.config.purpose, self.peer.time);
        !self.own_sets().any(|set| set.has_usable(purpose, time))
            && (self.config.system.is_none() || self.system_is_empty())
    }

    fn evidence(&self, failure: &Failure) -> Evidence {
        let (purpose, time) = (self.config.purpose, self.peer.time);
        let mut system = Vec::new();
        if self.config.system.is_some() {
            let mut place: Searched = evidence::place(Source::System(STORE.into()), None);
            if self.system_is_empty.get() == Some(&true) {
                place.problems.push(PlaceProblem::Empty);
            }
            system.push(place);
        }
        let own = || self.own_sets().flat_map(AnchorSet::entries);
        // The caller's roots that have the name of the missing one.
        let top = self.top.as_ref().and_then(|cert| Cert::parse(cert).ok());
        let top = top.as_ref().unwrap_or(self.leaf);
        let near_misses = match evidence::near_misses_matter(failure) {
            true => evidence::near_misses(own(), std::slice::from_ref(top), purpose, time),
            false => Vec::new(),
        };
        Evidence {
            places: evidence::searched(system, own(), purpose, time),
            near_misses,
            ..Evidence::default()
        }
    }
}

fn unexpected() -> Box<Failure> {
    Fault::new(ErrorKind::CannotCheck).because(Cause::ForeignChain).into()
}

fn summaries(certs: &[Option<Cert<'_>>]) -> Vec<Summary> {
    certs.iter().map_while(|cert| cert.as_ref().map(Cert::summary)).collect()
}

fn strengths(certs: &[Option<Cert<'_>>]) -> Result<(), Fault> {
    let anchor = certs.len().saturating_sub(1);
    for (depth, cert) in certs.iter().enumerate() {
        match cert {
            Some(cert) => codes::strength(cert, depth == anchor).map_err(|e| e.at(depth))?,
            // Windows answers for its own roots.
            None if depth == anchor => {}
            None => return Err(Fault::new(ErrorKind::BadEncoding).at(depth)),
        }
    }
    Ok(())
}
