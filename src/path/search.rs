//! The search for a path: candidates are found by name, every certificate is checked, and a path
//! is validated only once it reaches a vetted trust anchor (RFC 5280 section 6.1 takes the path as
//! given; RFC 4158 describes how to find one).
//!
//! The search is depth first from the end entity: trust anchors before intermediates, and
//! short paths before long ones. The work is bounded by [`MAX_STEPS`] and [`MAX_SIGNATURES`],
//! whatever the peer sends.
//!
//! Tests: `tests/cases.rs` (the table of cases), `tests/verifier.rs`, `tests/openssl.rs`.

use pki_types::UnixTime;

use super::validate::{Candidate, signed_by};
use crate::cert::Cert;
use crate::checks;
use crate::fault::{Cause, Failure, Fault, NearMiss};
use crate::kind::ErrorKind;
use crate::peer::{Anchor, Peer, Verified};
use crate::settings::Config;
use crate::store::{AnchorSet, Refusal, StoreEntry, SystemStore, Vetted};

/// Most intermediates in a path, as in `webpki`.
const MAX_INTERMEDIATES: usize = 6;
/// Most certificates tried while paths are searched; a mesh of cross-signs has more paths
/// than can ever be walked.
const MAX_STEPS: usize = 2_000;
/// Most signatures verified, as in `webpki` for one search. A path counts with all of its own.
const MAX_SIGNATURES: usize = 100;

/// One search for a path to a trust anchor.
pub(crate) struct Search<'a> {
    config: &'a Config,
    peer: &'a Peer<'a>,
    time: UnixTime,
    leaf: &'a Cert<'a>,
    /// Everything the peer sent besides the end entity and everything the caller knows.
    pool: Vec<Cert<'a>>,
    sets: Vec<&'a AnchorSet>,
    steps: usize,
    signatures: usize,
    failure: Option<Box<Failure>>,
    near_misses: Vec<NearMiss>,
}

/// One path from the end entity upwards, while it is being built.
#[derive(Clone, Default)]
struct Path<'s, 'a> {
    issuers: Vec<&'s Cert<'a>>,
    /// Intermediates that count for a path length constraint.
    counted: usize,
    /// The first thing wrong with a certificate of the path. It is the verdict only if the path
    /// reaches a trust anchor: otherwise the missing anchor is.
    flaw: Option<Fault>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        config: &'a Config,
        leaf: &'a Cert<'a>,
        peer: &'a Peer<'a>,
        system: Option<&'a SystemStore>,
    ) -> Self {
        let mut sets = vec![&config.extra];
        sets.extend(system.map(|store| &store.anchors));
        // Fallback roots must never widen a trust that works: they are for a machine whose store
        // is empty or unreadable.
        if !config.fallback.entries().is_empty()
            && !system.is_some_and(|store| store.anchors.has_usable(config.purpose, peer.time))
        {
            sets.push(&config.fallback);
        }
        let sent = peer.chain.iter().skip(1);
        // The order in which a peer sends its intermediates is of no importance (RFC 8446 section
        // 4.4.2 advises to accept any). One that cannot be read is of no use and does no harm.
        let pool = sent
            .chain(&config.intermediates)
            .filter_map(|der| Cert::parse(der).ok())
            .filter(|cert| cert.der != leaf.der)
            .collect();
        Self {
            config,
            peer,
            time: peer.time,
            leaf,
            pool,
            sets,
            steps: 0,
            signatures: 0,
            failure: None,
            near_misses: Vec::new(),
        }
    }

    /// The trust anchors that are searched.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &'a StoreEntry> + use<'a> {
        self.sets.clone().into_iter().flat_map(AnchorSet::entries)
    }

    /// The store entries that have the right name and were not used.
    pub(crate) fn near_misses(self) -> Vec<NearMiss> {
        self.near_misses
    }

    pub(crate) fn run(&mut self) -> Result<Verified, Box<Failure>> {
        // A rejection in the store has the last word, before anything is searched.
        let purpose = self.config.purpose;
        if let Some(entry) = self.sets.iter().find_map(|set| set.rejects(self.leaf, purpose)) {
            return Err(Fault::distrusted(entry).at(0).into());
        }

        // Moved out so that paths can borrow from it while the search itself is changed.
        let pool = std::mem::take(&mut self.pool);
        let flaw = checks::end_entity(self.leaf, self.config, self.time).err();
        let path = Path { flaw, ..Path::default() };
        let verdict = match self.extend(&pool, &path) {
            // The name comes last: only now is it known whether it is constrained.
            Some((verified, constrained)) => {
                return checks::name(self.leaf, self.config, self.peer, constrained)
                    .map(|()| verified)
                    .map_err(Into::into);
            }
            None => self.trusted_end_entity().unwrap_or_else(|| Err(self.no_path(&pool))),
        };
        verdict.map_err(|mut failure| {
            failure.fault = checks::or_misnamed(failure.fault, self.leaf, self.config, self.peer);
            failure
        })
    }

    /// Tries every path that begins with this one. What is found comes with whether any CA of
    /// the path constrains names.
    fn extend<'s>(&mut self, pool: &'s [Cert<'a>], path: &Path<'s, 'a>) -> Option<(Verified, bool)>
    where
        'a: 's,
    {
        let head = path.issuers.last().copied().unwrap_or(self.leaf).clone();
        // Trust anchors first: a root that the store has ends the path, even where the peer sends
        // a cross-certificate of it that leads elsewhere (OpenSSL's X509_V_FLAG_TRUSTED_FIRST).
        for entry in self.anchors(&head) {
            if !self.step() {
                return None;
            }
            // Another set may reject what this one has without trust settings.
            let purpose = self.config.purpose;
            let rejecting = self.sets.iter().find_map(|set| set.rejects_anchor(entry, purpose));
            let entry = rejecting.unwrap_or(entry);
            if entry.certificate().as_ref() == head.der {
                continue; // a certificate does not vouch for itself
            }
            if let Some(verified) = self.try_anchor(path, &head, entry) {
                return Some(verified);
            }
        }
        if path.issuers.len() == MAX_INTERMEDIATES {
            return None;
        }
        for issuer in pool {
            if !self.step() {
                return None;
            }
            // RFC 5280 section 6.1 (a): the subject of a certificate is the issuer of the next.
            if issuer.subject != head.issuer || self.has(path, issuer) {
                continue;
            }
            let longer = self.longer(path, issuer);
            if let Some(verified) = self.extend(pool, &longer) {
                return Some(verified);
            }
        }
        None
    }

    /// The store entries with the name of the issuer.
    fn anchors(&self, head: &Cert<'_>) -> Vec<&'a StoreEntry> {
        let mut anchors: Vec<_> =
            self.sets.iter().flat_map(|set| set.with_subject(head.issuer)).collect();
        if anchors.len() > 1 {
            // Where many CAs have one name, key identifiers tell which to try first. They only
            // help to find a path and decide nothing (RFC 5280 section 4.2.1.1).
            anchors.sort_by_cached_key(|entry| {
                Cert::parse(entry.certificate())
                    .is_ok_and(|anchor| head.names_another_key_than(&anchor))
            });
        }
        anchors
    }

    /// Whether the path has this name and key already: cross-signs make loops, and the same CA
    /// twice proves nothing more (RFC 5280 section 6.1: a certificate appears at most once).
    fn has(&self, path: &Path<'_, 'a>, issuer: &Cert<'_>) -> bool {
        std::iter::once(self.leaf)
            .chain(path.issuers.iter().copied())
            .any(|seen| seen.subject == issuer.subject && seen.spki == issuer.spki)
    }

    /// The path with one more intermediate.
    fn longer<'s>(&self, path: &Path<'s, 'a>, issuer: &'s Cert<'a>) -> Path<'s, 'a> {
        let mut longer = path.clone();
        longer.issuers.push(issuer);
        if longer.flaw.is_none() {
            let depth = longer.issuers.len();
            let purpose = self.config.purpose;
            longer.flaw = match self.sets.iter().find_map(|set| set.rejects(issuer, purpose)) {
                Some(entry) => Some(Fault::distrusted(entry).at(depth)),
                None => checks::issuer(issuer, depth, path.counted, self.config, self.time).err(),
            };
        }
        // RFC 5280 section 6.1.4 (l): self-issued certificates, which a CA uses to change its
        // key, do not count for a path length constraint.
        longer.counted += usize::from(!issuer.is_self_issued());
        longer
    }

    /// Counts one certificate tried; `false` once there were too many.
    fn step(&mut self) -> bool {
        self.steps += 1;
        let cause = if self.steps > MAX_STEPS {
            Cause::TooManySteps { limit: MAX_STEPS }
        } else if self.signatures >= MAX_SIGNATURES {
            Cause::TooManySignatures { limit: MAX_SIGNATURES }
        } else {
            return true;
        };
        self.fail(Fault::new(ErrorKind::ChainTooComplex).because(cause).into());
        false
    }

    /// Remembers the most telling of several failures; the first of equals.
    fn fail(&mut self, failure: Box<Failure>) {
        if self.failure.as_ref().is_none_or(|known| failure.kind().rank() > known.kind().rank()) {
            self.failure = Some(failure);
        }
    }

    /// Remembers that this path to a store entry failed.
    fn fail_at(&mut self, fault: Fault, path: &Path<'_, 'a>, entry: &StoreEntry) {
        let anchor = Cert::parse(entry.certificate()).ok();
        let certs = std::iter::once(self.leaf).chain(path.issuers.iter().copied()).chain(&anchor);
        let path = certs.map(Cert::summary).collect();
        let mut failure: Box<Failure> = fault.into();
        failure.path = path;
        self.fail(failure);
    }

    fn try_anchor(
        &mut self,
        path: &Path<'_, 'a>,
        head: &Cert<'_>,
        entry: &'a StoreEntry,
    ) -> Option<(Verified, bool)> {
        let vetted = match entry.vet(self.config.purpose, self.time) {
            Ok(vetted) => vetted,
            Err(refusal) => {
                self.refused(path, head, entry, refusal);
                return None;
            }
        };
        let fault = match self.validate(path, entry, vetted) {
            Ok(found) => return Some(found),
            Err(fault) => fault,
        };
        if fault.kind == ErrorKind::BadSignature && fault.depth == Some(path.issuers.len()) {
            let other_key = Cert::parse(entry.certificate())
                .is_ok_and(|anchor| head.names_another_key_than(&anchor));
            self.near_miss(entry, Refusal::DifferentKey);
            if other_key {
                return None; // not the issuer at all
            }
        }
        self.fail_at(fault, path, entry);
        None
    }

    /// A store entry with the issuer's name that cannot be a trust anchor. It is what is wrong
    /// only if it really issued the chain; a CA of the same name may have.
    fn refused(
        &mut self,
        path: &Path<'_, 'a>,
        head: &Cert<'_>,
        entry: &StoreEntry,
        refusal: Refusal,
    ) {
        let anchor = Cert::parse(entry.certificate()).ok();
        let issued = anchor.as_ref().is_some_and(|anchor| match refusal {
            // Signatures of such keys are not verified at all.
            Refusal::WeakKey => !head.names_another_key_than(anchor),
            _ => signed_by(head, anchor, &self.config.algorithms),
        });
        if let Some(fault) = Fault::refused_anchor(entry, refusal.clone()).filter(|_| issued) {
            self.fail_at(fault.at(path.issuers.len() + 1), path, entry);
        }
        self.near_miss(entry, refusal);
    }

    /// Everything that a path to a vetted trust anchor must satisfy, but the peer's name.
    fn validate(
        &mut self,
        path: &Path<'_, 'a>,
        entry: &StoreEntry,
        vetted: &Vetted,
    ) -> Result<(Verified, bool), Fault> {
        let depth = path.issuers.len() + 1;
        if let Some(flaw) = &path.flaw {
            return Err(flaw.clone());
        }
        // RFC 5280 section 6.1.1 (d) leaves the trust anchor's constraints to the local policy.
        // Ours is OpenSSL's: the anchor is a certificate like any other CA's.
        if checks::exceeds(vetted.path_length, path.counted) {
            return Err(Fault::new(ErrorKind::PathLengthExceeded).at(depth));
        }
        self.strict(path, entry)?;
        self.signatures += depth;
        let candidate = Candidate {
            config: self.config,
            time: self.time,
            staple: self.peer.ocsp_response,
            leaf: self.leaf,
            issuers: &path.issuers,
            anchor: &vetted.anchor,
            entry,
        };
        let revocation = candidate.validate()?;
        let constrained = vetted.constrains_names
            || path.issuers.iter().any(|cert| cert.extensions.name_constraints.is_some());
        let issuers = path.issuers.iter().map(|cert| cert.to_der());
        let anchor = Anchor::from(entry);
        let chain = std::iter::once(self.leaf.to_der())
            .chain(issuers)
            .chain([anchor.certificate.clone()])
            .collect();
        Ok((Verified { chain, anchor, revocation }, constrained))
    }

    /// The strict profile holds for the whole path, the trust anchor included.
    fn strict(&self, path: &Path<'_, 'a>, entry: &StoreEntry) -> Result<(), Fault> {
        let anchor = Cert::parse(entry.certificate()).ok().filter(|_| self.config.strict);
        let Some(anchor) = anchor else { return Ok(()) };
        let below = std::iter::once(self.leaf).chain(path.issuers.iter().copied());
        for (depth, cert) in below.enumerate() {
            checks::strict(cert, depth, false)?;
        }
        checks::strict(&anchor, path.issuers.len() + 1, true)
    }

    /// The end entity itself is in a store: trusted whole, whoever issued it. `None` where it is
    /// not, or where a path to it has been decided on: what a CRL or the store says is final.
    fn trusted_end_entity(&self) -> Option<Result<Verified, Box<Failure>>> {
        let decided =
            |failure: &Failure| failure.kind().rank() >= ErrorKind::RevocationUnknown.rank();
        if self.failure.as_deref().is_some_and(decided) {
            return None;
        }
        let entry = self.sets.iter().find_map(|set| {
            set.with_subject(self.leaf.subject).find(|entry| {
                entry.certificate().as_ref() == self.leaf.der
                    && entry.distrust(self.config.purpose).is_none()
            })
        })?;
        let anchor = Anchor::from(entry);
        let verdict = checks::trusted_end_entity(self.leaf, self.config, self.peer, anchor);
        Some(verdict.map_err(Into::into))
    }

    /// The verdict where no path was accepted.
    fn no_path(&mut self, pool: &[Cert<'a>]) -> Box<Failure> {
        if let Some(failure) = self.failure.take() {
            return failure;
        }
        // Follow the names as far as the chain goes, to say whose issuer is missing.
        let mut path: Vec<&Cert<'_>> = vec![self.leaf];
        while let Some(next) = path.last().and_then(|head| {
            pool.iter().find(|cert| {
                cert.subject == head.issuer && !path.iter().any(|seen| seen.der == cert.der)
            })
        }) {
            path.push(next);
        }
        let depth = path.len() - 1;
        let mut fault = checks::missing_path(path.last().unwrap_or(&self.leaf), depth);
        if !self.sets.iter().any(|set| set.has_usable(self.config.purpose, self.time)) {
            fault.kind = ErrorKind::NoTrustAnchors;
        }
        let mut failure: Box<Failure> = fault.into();
        failure.path = path.into_iter().map(Cert::summary).collect();
        failure
    }

    fn near_miss(&mut self, entry: &StoreEntry, reason: Refusal) {
        let miss = NearMiss::new(entry, reason);
        if !self.near_misses.contains(&miss) {
            self.near_misses.push(miss);
        }
    }
}
