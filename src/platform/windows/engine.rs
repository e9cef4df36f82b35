//! Windows decides: `CertGetCertificateChain` builds the chain and
//! `CertVerifyCertificateChainPolicy` applies the SSL policy to it. Both must be content.
//!
//! The system's engine is asked first. Only if it knows no path to a trusted root, a second
//! engine is asked that trusts nothing but the caller's own roots. ROOT is never listed to verify:
//! Windows puts roots there on demand.

use std::cell::OnceCell;
use std::sync::OnceLock;

use pki_types::CertificateDer;
use schannel::cert_store::{CertStore, CertStoreBuilder, Memory};

use super::super::Platform;
use super::codes::{self, OwnRoots};
use super::cryptoapi::{
    Answer, ChainEngine, OsError, Question, add_all, add_crl, may_be_shown, os_code,
};
use crate::cert::{self, Cert, Summary};
use crate::checks;
use crate::error::{BuildError, NearMiss, Searched, VerifyError};
use crate::kind::ErrorKind;
use crate::peer::{Anchor, Peer, Verified};
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
    fn new(config: &Config) -> Result<Self, BuildError> {
        for (set, setting) in
            [(config.common_name, "danger_match_common_name"), (config.strict, "strict")]
        {
            if set {
                let reason = "Windows has no such switch".to_owned();
                return Err(BuildError::Unsupported { setting, reason });
            }
        }
        let refused = |given_to| {
            move |(index, error): (usize, OsError)| BuildError::BadCertificate {
                given_to,
                index,
                reason: error.to_string(),
            }
        };
        let unusable = |error: OsError| BuildError::Unsupported {
            setting: "build",
            reason: format!("no certificate store in memory: {error}"),
        };
        let mut known = Memory::new().map_err(|error| unusable(error.into()))?;
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
                .map_err(|error| BuildError::BadCrl { index, reason: error.to_string() })?;
        }
        Ok(Self { known: Some(known), ..Self::default() })
    }

    fn verify(
        &self,
        config: &Config,
        leaf: &Cert<'_>,
        peer: &Peer<'_>,
    ) -> Result<Verified, VerifyError> {
        let mut search = Search::new(self, config, leaf, peer);
        search.run().map_err(|mut error| {
            let inner = error.inner_mut();
            inner.searched = search.searched();
            let anchor_at_fault = inner.depth.is_some_and(|depth| depth > 0);
            if inner.kind.is_missing_path() || anchor_at_fault {
                inner.near_misses = search.near_misses();
            }
            error
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

    fn run(&mut self) -> Result<Verified, VerifyError> {
        if !may_be_shown(self.leaf.der) {
            return Err(VerifyError::new(ErrorKind::WrongPurpose).at(0));
        }
        let question = Question::new(self.engine.known.as_ref(), self.leaf, self.peer)
            .map_err(OsError::cannot_check)?;
        let mut refusal = VerifyError::new(ErrorKind::NoTrustAnchors).at(0);
        if self.config.system.is_some() {
            let answer = self.ask(&question, None)?;
            match self.judge(&answer) {
                Ok(()) => {
                    return self.verified(answer, Source::System(STORE.into()));
                }
                Err(error) if !answer.status.only_lacks_a_root() => return Err(error),
                Err(error) => refusal = error,
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
            Some(Err(error)) => refusal = error,
            None => {}
        }
        // A certificate of the caller's that is the end entity itself is trusted whole, whoever
        // issued it, unless its revocation has been decided on.
        if refusal.kind().rank() < ErrorKind::RevocationUnknown.rank() {
            if let Some(entry) = self.own_entry(self.leaf.der) {
                return self.whole_leaf(entry);
            }
        }
        if refusal.kind().is_missing_path() && self.no_anchor_at_all() {
            refusal.inner_mut().kind = ErrorKind::NoTrustAnchors;
        }
        Err(refusal)
    }

    /// Asks the engine that trusts only the caller's roots; `None` if none were given.
    fn ask_own_roots(&mut self, question: &Question) -> Option<Result<Verified, VerifyError>> {
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
            let verdict = self.judge(&answer);
            if verdict.as_ref().is_err_and(|e| e.kind().rank() >= ErrorKind::Revoked.rank()) {
                return verdict.and_then(|()| Err(unexpected()));
            }
            let anchor = answer.chain.last().and_then(|anchor| self.own_entry(anchor));
            let refusal = anchor.and_then(|entry| self.refused_root(entry, &answer));
            match (verdict, anchor, refusal) {
                (_, _, Some(refusal)) => Err(refusal),
                (Ok(()), Some(entry), None) => self.verified(answer, entry.source().clone()),
                (Ok(()), None, None) => Err(unexpected()),
                (Err(error), _, None) => Err(error),
            }
        }))
    }

    fn ask(
        &mut self,
        question: &Question,
        engine: Option<&ChainEngine>,
    ) -> Result<Answer, VerifyError> {
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
    fn judge(&self, answer: &Answer) -> Result<(), VerifyError> {
        let certs = answer.certs();
        let ignored = codes::ignored_bits(&self.config.revocation);
        let verdict = answer.status.verdict(&certs, ignored, self.peer.time);
        let verdict = match verdict.and_then(|()| strengths(&certs)) {
            Ok(()) => self.name(),
            Err(error) if error.kind().is_missing_path() => Err(error),
            // A wrong name says more than what else is wrong, as on Unix.
            Err(error) if error.kind().rank() < ErrorKind::Revoked.rank() => match self.name() {
                Err(misnamed) if misnamed.kind() == ErrorKind::NameMismatch => Err(misnamed),
                _ => Err(error),
            },
            Err(error) => Err(error),
        };
        verdict.map_err(|error| {
            let mut error = match answer.status.code() {
                (0, _) => error,
                (code, name) => error.os(os_code(code, &name)),
            };
            let inner = error.inner_mut();
            if inner.kind == ErrorKind::NameMismatch {
                inner.presented = self.leaf.presented_names();
            }
            inner.chain = summaries(&certs);
            error
        })
    }

    fn name(&self) -> Result<(), VerifyError> {
        checks::name(self.leaf, self.config, self.peer, true)
    }

    fn verified(&self, answer: Answer, source: Source) -> Result<Verified, VerifyError> {
        let Some(certificate) = answer.chain.last().cloned() else { return Err(unexpected()) };
        Ok(Verified {
            revocation: answer.status.revocation(self.config.revocation.check),
            chain: answer.chain,
            anchor: Anchor { certificate, source },
        })
    }

    fn whole_leaf(&self, entry: &StoreEntry) -> Result<Verified, VerifyError> {
        checks::end_entity(self.leaf, self.config, self.peer.time)?;
        self.name()?;
        Ok(Verified {
            revocation: checks::unknown_revocation(self.config)?,
            chain: vec![self.leaf.to_der()],
            anchor: Anchor {
                certificate: entry.certificate().clone(),
                source: entry.source().clone(),
            },
        })
    }

    /// The error of a chain that ends in one of the caller's roots, if that is not fit to be a
    /// trust anchor. Roots are vetted as on Unix, whatever Windows thinks of them.
    fn refused_root(&self, entry: &StoreEntry, answer: &Answer) -> Option<VerifyError> {
        let refusal = entry.refusal(self.config.purpose, self.peer.time)?;
        // Windows may not know the algorithm of a weak key at all.
        if answer.status.has_bad_signature() && refusal != Refusal::WeakKey {
            return None;
        }
        let depth = answer.chain.len().saturating_sub(1);
        let mut error = VerifyError::new(refusal.kind()?).at(depth).detail(format!(
            "\"{}\" in {}: {refusal}",
            entry.subject(),
            entry.source()
        ));
        let inner = error.inner_mut();
        inner.limit = refusal.validity_limit();
        inner.chain = summaries(&answer.certs());
        Some(error)
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
        let subject = cert::subject_of(der)?;
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

    fn searched(&self) -> Vec<Searched> {
        let place = |source| Searched { source, usable: None, refused: 0, problems: Vec::new() };
        let mut out = Vec::new();
        if self.config.system.is_some() {
            let mut system = place(Source::System(STORE.into()));
            if self.system_is_empty.get() == Some(&true) {
                system.problems.push("it cannot be opened or is empty".to_owned());
            }
            out.push(system);
        }
        for set in self.own_sets() {
            let (purpose, time) = (self.config.purpose, self.peer.time);
            let Some(first) = set.entries().first() else { continue };
            let total = set.entries().len();
            let refused =
                set.entries().iter().filter(|e| e.refusal(purpose, time).is_some()).count();
            out.push(Searched {
                usable: Some(total - refused),
                refused,
                ..place(first.source().clone())
            });
        }
        out
    }

    /// The caller's roots that have the name of the missing one, and why they do not count.
    fn near_misses(&self) -> Vec<NearMiss> {
        let top = self.top.as_ref().and_then(|cert| Cert::parse(cert).ok());
        let top = top.as_ref().unwrap_or(self.leaf);
        let entries = self.own_sets().flat_map(|set| set.with_subject(top.issuer));
        entries
            .filter_map(|entry| {
                let other_key = || {
                    let root = Cert::parse(entry.certificate()).ok()?;
                    top.names_another_key_than(&root).then_some(Refusal::DifferentKey)
                };
                let refusal = entry.refusal(self.config.purpose, self.peer.time);
                Some(NearMiss {
                    subject: entry.subject(),
                    source: entry.source().clone(),
                    reason: refusal.or_else(other_key)?,
                })
            })
            .collect()
    }
}

fn unexpected() -> VerifyError {
    VerifyError::new(ErrorKind::CannotCheck)
        .detail("Windows answered with a chain that was not asked for")
}

fn summaries(certs: &[Option<Cert<'_>>]) -> Vec<Summary> {
    certs.iter().map_while(|cert| cert.as_ref().map(Cert::summary)).collect()
}

fn strengths(certs: &[Option<Cert<'_>>]) -> Result<(), VerifyError> {
    let anchor = certs.len().saturating_sub(1);
    for (depth, cert) in certs.iter().enumerate() {
        match cert {
            Some(cert) => codes::strength(cert, depth == anchor).map_err(|e| e.at(depth))?,
            // Windows answers for its own roots.
            None if depth == anchor => {}
            None => return Err(VerifyError::new(ErrorKind::BadEncoding).at(depth)),
        }
    }
    Ok(())
}
