//! One state of the cache: its index, and the filters as they are needed.
//!
//! Tests: `tests/crlite.rs`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use clubcard_crlite::{
    CRLiteClubcard, CRLiteKey, CRLiteStatus, IssuerSpkiHash, LogId, Timestamp as LogTime,
};

use super::index::{self, Index, Seen};
use super::{SECONDS_OF_USE, Says};
use crate::cert::time::Timestamp;
use crate::cert::{Cert, der};
use crate::fault::CrliteFault;
use crate::revocation::digest::sha256;
use crate::store::{ReadError, Stamp, read_bounded};

/// Most bytes read of one filter, and of all that one index names. All of Mozilla's have 10 MB.
const MAX_FILTER_BYTES: u64 = 32 << 20;
const MAX_BYTES: u64 = 128 << 20;

/// What is asked: a certificate by its issuer and serial number, and the logs that have seen it.
pub(super) struct Query<'q> {
    pub(super) key: Key<'q>,
    pub(super) seen: Vec<Seen>,
}

pub(super) struct Key<'q> {
    issuer: IssuerSpkiHash,
    serial: &'q [u8],
    hash: [u8; 32],
}

impl<'q> Key<'q> {
    /// `None` without a library for SHA-256.
    pub(super) fn new(cert: &Cert<'q>, issuer: &Cert<'_>) -> Option<Self> {
        // The SubjectPublicKeyInfo whole, as its header was in DER.
        let header = der::header(der::SEQUENCE, issuer.spki.len());
        let issuer = sha256(&[&header, issuer.spki])?;
        let hash = sha256(&[&issuer, cert.serial])?;
        Some(Self { issuer: IssuerSpkiHash(issuer), serial: cert.serial, hash })
    }
}

/// One state of the cache.
#[derive(Debug)]
pub(super) struct Reading {
    /// The directory, or what stands in the way of knowing it; `None` where there is none.
    found: Found,
    stamp: Option<Stamp>,
    index: Result<Index, CrliteFault>,
    /// For each file that the index names, once it was needed: also what cannot be used of it.
    filters: Vec<OnceLock<Arc<Filter>>>,
}

type Found = Result<Option<PathBuf>, (PathBuf, String)>;

impl Reading {
    /// Keeps the filters of a reading before that have not changed.
    pub(super) fn of(found: Found, before: Option<&Self>) -> Self {
        let (stamp, index) = match &found {
            Ok(Some(directory)) => read_index(&directory.join("index.bin")),
            Ok(None) => (None, Err(CrliteFault::NoData)),
            Err((_, reason)) => (None, Err(CrliteFault::Configuration(reason.clone()))),
        };
        let names = index.as_ref().map(|index| &*index.names).unwrap_or_default();
        let before = before.filter(|before| before.found == found);
        let filters = names.iter().map(|name| {
            let known = before.and_then(|before| before.filter_of(name));
            known.filter(|filter| filter.is_current()).map_or_else(OnceLock::new, OnceLock::from)
        });
        let filters = filters.collect();
        Self { found, stamp, index, filters }
    }

    fn filter_of(&self, name: &str) -> Option<Arc<Filter>> {
        let names = &self.index.as_ref().ok()?.names;
        let place = names.iter().position(|known| known == name)?;
        self.filters.get(place)?.get().cloned()
    }

    /// Whether reading again would find the same. Costs one `stat` for each file in use.
    pub(super) fn is_current(&self, found: &Found) -> bool {
        let index = found.as_ref().ok().and_then(Option::as_ref).map(|dir| dir.join("index.bin"));
        self.found == *found
            && index.and_then(|index| Stamp::at(&index)) == self.stamp
            && self.filters.iter().filter_map(OnceLock::get).all(|filter| filter.is_current())
            // Another change could not be seen.
            && !self.stamp.is_some_and(|stamp| stamp.may_repeat())
            // The process may have had too many files open.
            && !matches!(self.index, Err(CrliteFault::UnreadableIndex(_)))
    }

    /// Whether there is another index by now. Costs one `stat`.
    pub(super) fn is_replaced(&self) -> bool {
        let index = self.found.as_ref().ok().and_then(Option::as_ref);
        index.and_then(|directory| Stamp::at(&directory.join("index.bin"))) != self.stamp
            || self.stamp.is_some_and(|stamp| stamp.may_repeat())
    }

    /// The place that answers name; `None` where nothing was set up.
    pub(super) fn place(&self) -> Option<&Path> {
        match &self.found {
            Ok(directory) => directory.as_deref(),
            Err((config, _)) => Some(config),
        }
    }

    /// Why nothing can be known about any certificate.
    pub(super) fn fault(&self) -> Option<CrliteFault> {
        self.index.as_ref().err().cloned()
    }

    /// Section "Revocation check procedure": every filter that covers the certificate is asked.
    pub(super) fn check(&self, query: &Query<'_>, time: Timestamp, ignore_age: bool) -> Says {
        let index = match &self.index {
            Ok(index) => index,
            Err(fault) => return Says::Unknown(fault.clone()),
        };
        let made = Timestamp(i64::try_from(index.newest / 1_000).unwrap_or(i64::MAX));
        let until = Timestamp(made.0.saturating_add(SECONDS_OF_USE));
        let mut good = false;
        let mut fault = None;
        for place in index.covering(&query.seen) {
            match self.filter(index, place).and_then(|filter| filter.ask(query)) {
                // Nothing takes a revocation back: it holds however old the data is.
                Ok(CRLiteStatus::Revoked) => return Says::Revoked { made },
                Ok(CRLiteStatus::Good) => good = true,
                Ok(CRLiteStatus::NotCovered | CRLiteStatus::NotEnrolled) => {}
                // It may have said that the certificate is revoked.
                Err(why) => fault = Some(why),
            }
        }
        match fault {
            Some(fault) => Says::Unknown(fault),
            // Nobody knows how old it is.
            None if made > time && !ignore_age => Says::Unknown(CrliteFault::Future { made }),
            None if until < time && !ignore_age => Says::Unknown(CrliteFault::Stale {
                made,
                days: time.0.saturating_sub(made.0) / 86_400,
            }),
            None if good => Says::NotRevoked { until },
            None => Says::Unknown(CrliteFault::NotCovered),
        }
    }

    fn filter(&self, index: &Index, place: usize) -> Result<Arc<Filter>, CrliteFault> {
        // Both have the same length: the index names no filter beyond.
        let slot = self.filters.get(place).ok_or(CrliteFault::NoData)?;
        let name = index.names.get(place).ok_or(CrliteFault::NoData)?;
        if let Some(filter) = slot.get() {
            return Ok(Arc::clone(filter));
        }
        let loaded = self.filters.iter().filter_map(OnceLock::get).map(|filter| filter.size());
        let left = MAX_BYTES.saturating_sub(loaded.sum());
        let directory = self.place().unwrap_or(Path::new("/"));
        // Outside `get_or_init`, or the child of a fork could wait for a thread that it does not have.
        let filter = Filter::read(directory.join(name), left.min(MAX_FILTER_BYTES));
        Ok(Arc::clone(slot.get_or_init(|| Arc::new(filter))))
    }
}

fn read_index(path: &Path) -> (Option<Stamp>, Result<Index, CrliteFault>) {
    match read_bounded(path, index::MAX_BYTES) {
        Ok((bytes, stamp)) => {
            (Some(stamp), Index::parse(&bytes).map_err(CrliteFault::DamagedIndex))
        }
        Err(ReadError { missing: true, .. }) => (None, Err(CrliteFault::NoData)),
        Err(error) => (Stamp::at(path), Err(CrliteFault::UnreadableIndex(error.reason))),
    }
}

/// A filter, with the file as it was.
struct Filter {
    path: PathBuf,
    /// `None` where there was no such file, or it could not be read.
    stamp: Option<Stamp>,
    card: Result<CRLiteClubcard, Unusable>,
}

/// Why there is no filter. Each is remembered, so that not every check reads the file anew.
enum Unusable {
    Missing(String),
    /// Until the file changes.
    Damaged(String),
    /// Until the files are checked for changes: it may say nothing about the file.
    Unread(String),
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Filter").field(&self.path).finish()
    }
}

impl Filter {
    fn read(path: PathBuf, limit: u64) -> Self {
        let (stamp, card) = match read_bounded(&path, limit) {
            Ok((bytes, stamp)) => (Some(stamp), parse(&bytes).map_err(Unusable::Damaged)),
            Err(ReadError { missing: true, reason }) => (None, Err(Unusable::Missing(reason))),
            Err(ReadError { reason, .. }) => (None, Err(Unusable::Unread(reason))),
        };
        Self { path, stamp, card }
    }

    /// The bytes that it takes.
    fn size(&self) -> u64 {
        self.stamp.filter(|_| self.card.is_ok()).map_or(0, Stamp::size)
    }

    fn is_current(&self) -> bool {
        let may_differ = match (&self.card, self.stamp) {
            (Err(Unusable::Unread(_)), _) => true,
            // It may still be written.
            (Err(_), Some(stamp)) => stamp.may_repeat(),
            _ => false,
        };
        !may_differ && Stamp::at(&self.path) == self.stamp
    }

    fn ask(&self, Query { key, seen }: &Query<'_>) -> Result<CRLiteStatus, CrliteFault> {
        let card = self.card.as_ref().map_err(|why| self.fault(why))?;
        let seen = seen.iter().map(|seen| (LogId(seen.log), LogTime(seen.time)));
        let key = CRLiteKey::with_hash(&key.issuer, key.serial, key.hash);
        Ok(card.contains(&key, seen))
    }

    fn fault(&self, why: &Unusable) -> CrliteFault {
        let (Unusable::Missing(reason) | Unusable::Damaged(reason) | Unusable::Unread(reason)) =
            why;
        CrliteFault::Filter {
            name: self.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            reason: reason.clone(),
            missing: matches!(why, Unusable::Missing(_)),
        }
    }
}

/// A filter as a file has it; what is wrong with it otherwise.
fn parse(bytes: &[u8]) -> Result<CRLiteClubcard, String> {
    let card = CRLiteClubcard::from_bytes(bytes).map_err(|error| error.to_string())?;
    // What the library relies on when it is asked, and does not check: section "Approximate filter".
    let columns = card.as_ref().approx_filter.len();
    let fits = |offset: usize, length: usize| offset.checked_add(length).is_some();
    let is_sound = card.index().values().all(|block| {
        block.approx_filter_rank <= columns
            && fits(block.approx_filter_offset, block.approx_filter_m)
            && fits(block.exact_filter_offset, block.exact_filter_m)
    });
    match is_sound {
        true => Ok(card),
        false => Err("malformed clubcard".to_owned()),
    }
}
