//! The verifier of systems whose trust store is plain data: paths are found by name, every
//! certificate is checked, and `webpki` verifies signatures, name constraints and CRLs.
//!
//! The search is depth first from the end entity: trust anchors before intermediates, and
//! short paths before long ones. A path is verified only once it reaches a vetted trust anchor. The
//! work is bounded by [`MAX_STEPS`] and [`MAX_SIGNATURES`], whatever the peer sends.

use pki_types::UnixTime;

use super::validate::{self, Candidate, signed_by};
use crate::cert::{self, Cert, Summary};
use crate::checks;
use crate::error::{ErrorKind, NearMiss, VerifyError};
use crate::peer::{Anchor, Peer, Verified};
use crate::policy::RevocationOutcome;
use crate::settings::Config;
use crate::store::{AnchorSet, Refusal, StoreEntry, SystemStore};

/// Most intermediates in a path, as in `webpki`.
const MAX_INTERMEDIATES: usize = 6;
/// Most certificates looked at while paths are searched; a mesh of cross-signs has more paths
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
    pub(crate) sets: Vec<&'a AnchorSet>,
    steps: usize,
    signatures: usize,
    failure: Option<VerifyError>,
    pub(crate) near_misses: Vec<NearMiss>,
}

/// One path from the end entity upwards, while it is being built.
#[derive(Clone, Default)]
struct Path<'s, 'a> {
    issuers: Vec<&'s Cert<'a>>,
    /// Intermediates that count for a path length constraint.
    counted: usize,
    /// The first thing wrong with a certificate of the path. It is the verdict only if the path
    /// reaches a trust anchor: otherwise the missing anchor is.
    flaw: Option<VerifyError>,
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
        if !config.fallback.entries().is_empty()
            && !system.is_some_and(|store| store.anchors.has_usable(config.purpose, peer.time))
        {
            sets.push(&config.fallback);
        }
        let sent = peer.chain.iter().skip(1);
        // An intermediate that cannot be read is of no use and does no harm.
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

    pub(crate) fn run(&mut self) -> Result<Verified, VerifyError> {
        let purpose = self.config.purpose;
        for set in &self.sets {
            if let Some(entry) = set.rejects(self.leaf, purpose) {
                return Err(distrusted(entry).at(0));
            }
        }

        // Moved out so that paths can borrow from it while the search itself is changed.
        let pool = std::mem::take(&mut self.pool);
        let flaw = checks::end_entity(self.leaf, self.config, self.time).err();
        let path = Path { flaw, ..Path::default() };
        let verdict = self.extend(&pool, &path);

        let verdict = match verdict {
            Some(verified) => Ok(verified),
            None => self.whole_leaf().unwrap_or_else(|| Err(self.no_path(&pool))),
        };
        match verdict {
            Ok((verified, constrained)) => {
                checks::name(self.leaf, self.config, self.peer, constrained)?;
                Ok(verified)
            }
            Err(error) if error.kind().is_missing_path() => Err(error),
            // A wrong name says more than what else is wrong, as in OpenSSL.
            Err(error) if error.kind().rank() < ErrorKind::Revoked.rank() => {
                match checks::name(self.leaf, self.config, self.peer, true) {
                    Err(misnamed) if misnamed.kind() == ErrorKind::NameMismatch => Err(misnamed),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Tries every path that begins with this one.
    fn extend<'s>(&mut self, pool: &'s [Cert<'a>], path: &Path<'s, 'a>) -> Option<(Verified, bool)>
    where
        'a: 's,
    {
        let head = path.issuers.last().copied().unwrap_or(self.leaf).clone();
        let mut anchors: Vec<_> =
            self.sets.iter().flat_map(|set| set.with_subject(head.issuer)).collect();
        if anchors.len() > 1 {
            // Where many CAs have one name, key identifiers tell which to try first.
            anchors.sort_by_cached_key(|entry| {
                Cert::parse(entry.certificate())
                    .is_ok_and(|anchor| head.names_another_key_than(&anchor))
            });
        }
        for entry in anchors {
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
            let looped = || {
                std::iter::once(self.leaf)
                    .chain(path.issuers.iter().copied())
                    .any(|seen| seen.subject == issuer.subject && seen.spki == issuer.spki)
            };
            if issuer.subject != head.issuer || looped() {
                continue;
            }
            let mut longer = path.clone();
            longer.issuers.push(issuer);
            if longer.flaw.is_none() {
                let depth = longer.issuers.len();
                let distrust =
                    self.sets.iter().find_map(|set| set.rejects(issuer, self.config.purpose));
                longer.flaw = match distrust {
                    Some(entry) => Some(distrusted(entry).at(depth)),
                    None => {
                        checks::issuer(issuer, depth, path.counted, self.config, self.time).err()
                    }
                };
            }
            longer.counted += usize::from(!issuer.is_self_issued());
            if let Some(verified) = self.extend(pool, &longer) {
                return Some(verified);
            }
        }
        None
    }

    /// Counts one certificate looked at; `false` once there were too many.
    fn step(&mut self) -> bool {
        self.steps += 1;
        if self.steps > MAX_STEPS || self.signatures >= MAX_SIGNATURES {
            let limit = if self.steps > MAX_STEPS {
                format!("more than {MAX_STEPS} steps")
            } else {
                format!("more than {MAX_SIGNATURES} signatures")
            };
            self.fail(VerifyError::new(ErrorKind::ChainTooComplex).detail(limit));
            return false;
        }
        true
    }

    /// Remembers the most telling of several failures; the first of equals.
    fn fail(&mut self, error: VerifyError) {
        if self.failure.as_ref().is_none_or(|known| error.kind().rank() > known.kind().rank()) {
            self.failure = Some(error);
        }
    }

    fn try_anchor(
        &mut self,
        path: &Path<'_, 'a>,
        head: &Cert<'_>,
        entry: &StoreEntry,
    ) -> Option<(Verified, bool)> {
        let depth = path.issuers.len() + 1;
        let vetted = match entry.vet(self.config.purpose, self.time) {
            Ok(vetted) => vetted,
            Err(refusal) => {
                let anchor = Cert::parse(entry.certificate()).ok();
                let issued = anchor.as_ref().is_some_and(|anchor| match refusal {
                    // Signatures of such keys are not verified at all.
                    Refusal::WeakKey => !head.names_another_key_than(anchor),
                    _ => signed_by(head, anchor, self.config.algorithms),
                });
                if let Some(kind) = refusal.kind().filter(|_| issued) {
                    let mut error = VerifyError::new(kind).at(depth).detail(format!(
                        "\"{}\" in {}: {refusal}",
                        entry.subject(),
                        entry.source()
                    ));
                    error.inner_mut().limit = refusal.validity_limit();
                    self.fail(with_path(error, self.leaf, path, Some(entry)));
                }
                self.near_miss(entry, refusal);
                return None;
            }
        };
        let flaw = path.flaw.clone().or_else(|| {
            if checks::exceeds(vetted.path_length, path.counted) {
                return Some(VerifyError::new(ErrorKind::PathLengthExceeded).at(depth));
            }
            let anchor = Cert::parse(entry.certificate()).ok().filter(|_| self.config.strict)?;
            let below = std::iter::once(self.leaf).chain(path.issuers.iter().copied());
            below
                .enumerate()
                .find_map(|(depth, cert)| checks::strict(cert, depth, false).err())
                .or_else(|| checks::strict(&anchor, depth, true).err())
        });
        let flaw = match flaw {
            Some(flaw) => flaw,
            None => {
                self.signatures += depth;
                let candidate = Candidate {
                    config: self.config,
                    time: self.time,
                    leaf: self.leaf,
                    issuers: &path.issuers,
                    anchor: &vetted.anchor,
                    entry,
                };
                match candidate.validate() {
                    Ok(revocation) => {
                        let constrained = vetted.constrains_names
                            || path
                                .issuers
                                .iter()
                                .any(|cert| cert.extensions.name_constraints.is_some());
                        return Some((self.verified(path, entry, revocation), constrained));
                    }
                    Err(error) => error,
                }
            }
        };
        if flaw.kind() == ErrorKind::BadSignature && flaw.depth() == Some(depth - 1) {
            let other_key = Cert::parse(entry.certificate())
                .is_ok_and(|anchor| head.names_another_key_than(&anchor));
            self.near_miss(entry, Refusal::DifferentKey);
            if other_key {
                return None; // not the issuer at all
            }
        }
        self.fail(with_path(flaw, self.leaf, path, Some(entry)));
        None
    }

    fn verified(
        &self,
        path: &Path<'_, 'a>,
        entry: &StoreEntry,
        revocation: RevocationOutcome,
    ) -> Verified {
        let certificate = entry.certificate().clone();
        let issuers = path.issuers.iter().map(|cert| cert.to_der());
        let chain = std::iter::once(self.leaf.to_der()).chain(issuers).chain([certificate.clone()]);
        Verified {
            chain: chain.collect(),
            anchor: Anchor { certificate, source: entry.source().clone() },
            revocation,
        }
    }

    /// The end entity itself is in a store: trusted whole, whoever issued it.
    fn whole_leaf(&self) -> Option<Result<(Verified, bool), VerifyError>> {
        let decided =
            |error: &VerifyError| error.kind().rank() >= ErrorKind::RevocationUnknown.rank();
        if self.failure.as_ref().is_some_and(decided) {
            return None;
        }
        let entry = self.sets.iter().find_map(|set| {
            set.with_subject(self.leaf.subject).find(|entry| {
                entry.certificate().as_ref() == self.leaf.der
                    && entry.distrust(self.config.purpose).is_none()
            })
        })?;
        let verdict = checks::end_entity(self.leaf, self.config, self.time)
            .and_then(|()| match self.config.strict {
                true => checks::strict(self.leaf, 0, true),
                false => Ok(()),
            })
            .and_then(|()| validate::revocation(&[self.leaf], self.config, self.time))
            .map(|revocation| {
                let verified = Verified {
                    chain: vec![self.leaf.to_der()],
                    anchor: Anchor {
                        certificate: entry.certificate().clone(),
                        source: entry.source().clone(),
                    },
                    revocation,
                };
                (verified, false)
            });
        Some(verdict)
    }

    /// The verdict where no path was accepted.
    fn no_path(&mut self, pool: &[Cert<'a>]) -> VerifyError {
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
        let self_issued = path.last().is_some_and(|head| head.is_self_issued());
        let none_usable =
            !self.sets.iter().any(|set| set.has_usable(self.config.purpose, self.time));
        let kind = match (none_usable, self_issued, depth) {
            (true, _, _) => ErrorKind::NoTrustAnchors,
            (false, true, 0) => ErrorKind::SelfSignedLeaf,
            (false, true, _) => ErrorKind::UntrustedRoot,
            (false, false, _) => ErrorKind::UnknownIssuer,
        };
        let mut error = VerifyError::new(kind).at(depth);
        if let (false, Some(head)) = (self_issued, path.last()) {
            error = error.detail(format!("\"{}\"", cert::name_text(head.issuer)));
        }
        let leaf_names_url = self.leaf.ca_issuers_url().filter(|_| depth == 0 && !self_issued);
        if let Some(url) = leaf_names_url {
            error.inner_mut().hints.push(format!(
                "The peer probably forgot to send its intermediate certificate: its own is the only \
                 one of the path. The issuer's certificate is said to be at {url}; give it to \
                 `intermediates`, or have the peer send it."
            ));
        }
        error.inner_mut().chain = path.iter().map(|cert| cert.summary()).collect();
        error
    }

    fn near_miss(&mut self, entry: &StoreEntry, reason: Refusal) {
        let miss = NearMiss { subject: entry.subject(), source: entry.source().clone(), reason };
        if !self.near_misses.contains(&miss) {
            self.near_misses.push(miss);
        }
    }
}

fn distrusted(entry: &StoreEntry) -> VerifyError {
    VerifyError::new(ErrorKind::Distrusted).detail(format!(
        "{} rejects \"{}\"",
        entry.source(),
        entry.subject()
    ))
}

/// Adds the path that failed, for the report.
fn with_path(
    mut error: VerifyError,
    leaf: &Cert<'_>,
    path: &Path<'_, '_>,
    entry: Option<&StoreEntry>,
) -> VerifyError {
    let certs = std::iter::once(leaf).chain(path.issuers.iter().copied());
    let mut chain: Vec<Summary> = certs.map(Cert::summary).collect();
    chain.extend(
        entry.and_then(|entry| Cert::parse(entry.certificate()).ok()).map(|cert| cert.summary()),
    );
    error.inner_mut().chain = chain;
    error
}
