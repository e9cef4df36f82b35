//! CRLite from the disk: what Mozilla's filters, which upki keeps up to date, say about an end entity
//! ([upki-revocation](https://c2sp.org/upki-revocation)). Nothing is fetched.
//!
//! A filter is parsed once and shared by the process. A check hashes two names, looks up the logs and
//! asks the filters that cover them. Files are checked for changes at most once a second.
//!
//! Tests: `tests/crlite.rs` and `tests/upki`.

mod index;
mod place;
mod reading;
mod scts;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use self::place::Places;
use self::reading::{Key, Query, Reading};
use self::scts::scts;
use crate::cert::Cert;
use crate::cert::der::Malformed;
use crate::cert::time::Timestamp;
use crate::fault::CrliteFault;

/// How long the data holds. CAs may rely on a CRL for so long (Baseline Requirements 4.9.7), and the
/// data is made of their CRLs.
const SECONDS_OF_USE: i64 = 10 * 86_400;
/// How often the files are checked for changes.
const INTERVAL: Duration = Duration::from_secs(1);
/// Caches kept for environments that no verifier uses at the moment.
const MAX_CACHES: usize = 4;

/// What the filters say about an end entity.
pub(crate) struct Answer {
    /// Where they are, or the configuration that cannot be read.
    pub(crate) place: PathBuf,
    pub(crate) says: Says,
}

pub(crate) enum Says {
    Revoked {
        /// How new the data is.
        made: Timestamp,
    },
    NotRevoked {
        until: Timestamp,
    },
    Unknown(CrliteFault),
}

/// The cache that one environment leads to, shared by the process.
#[derive(Debug)]
pub(crate) struct Crlite {
    places: Places,
    /// Only ever held to copy a pointer. The child of a fork may find it held for good.
    current: Mutex<Option<Arc<Reading>>>,
    /// What times count from.
    epoch: Instant,
    /// When the files are checked again, in nanoseconds.
    due: AtomicU64,
}

impl Crlite {
    /// The cache that these variables lead to. Reads no file.
    pub(crate) fn of_environment(
        variable: &impl Fn(&str) -> Option<OsString>,
    ) -> Option<Arc<Self>> {
        static CACHES: Mutex<Vec<Arc<Crlite>>> = Mutex::new(Vec::new());
        let places = Places::of_environment(variable);
        let Some(mut caches) = lock(&CACHES) else { return Some(Arc::new(Self::new(places))) };
        let known = caches.iter().position(|cache| cache.places == places);
        let cache = match known {
            Some(known) => caches.remove(known),
            None => Arc::new(Self::new(places)),
        };
        caches.push(Arc::clone(&cache));
        if caches.len() > MAX_CACHES {
            caches.remove(0);
        }
        Some(cache)
    }

    fn new(places: Places) -> Self {
        let (current, epoch) = (Mutex::new(None), Instant::now());
        Self { places, current, epoch, due: AtomicU64::new(0) }
    }

    /// What the filters say about a certificate and its issuer; `None` where this system has no such
    /// data and was not set up for it. `ignore_age` says that nothing gets too old.
    pub(crate) fn check(
        &self,
        cert: &Cert<'_>,
        issuer: &Cert<'_>,
        time: Timestamp,
        ignore_age: bool,
    ) -> Option<Answer> {
        let mut reading = self.reading();
        let place = reading.place()?.to_owned();
        let key = match (scts(cert), Key::new(cert, issuer)) {
            (Err(Malformed(field)), _) => Err(CrliteFault::Malformed(field)),
            (Ok(seen), _) if seen.is_empty() => Err(CrliteFault::NoTimestamps),
            (Ok(_), None) => Err(CrliteFault::NoDigest),
            (Ok(seen), Some(key)) => Ok(Query { key, seen }),
        };
        let says = match key {
            Err(fault) => Says::Unknown(reading.fault().unwrap_or(fault)),
            Ok(query) => {
                let mut says = reading.check(&query, time, ignore_age);
                // A filter that is gone belongs to an index that has been replaced meanwhile
                // (section "Cache atomicity").
                let is_missing =
                    matches!(says, Says::Unknown(CrliteFault::Filter { missing: true, .. }));
                if is_missing && reading.is_replaced() {
                    reading = self.renew(None);
                    says = reading.check(&query, time, ignore_age);
                }
                says
            }
        };
        Some(Answer { place, says })
    }

    fn reading(&self) -> Arc<Reading> {
        let is_due =
            self.epoch.elapsed().as_nanos() >= u128::from(self.due.load(Ordering::Acquire));
        let known = lock(&self.current).and_then(|guard| guard.clone());
        match known {
            Some(known) if !is_due => known,
            known => self.renew(known),
        }
    }

    /// Reads again what has changed since.
    fn renew(&self, known: Option<Arc<Reading>>) -> Arc<Reading> {
        let found = self.places.find();
        let reading = match known {
            Some(known) if known.is_current(&found) => known,
            known => Arc::new(Reading::of(found, known.as_deref())),
        };
        if let Some(mut current) = lock(&self.current) {
            *current = Some(Arc::clone(&reading));
        }
        let due = (self.epoch.elapsed() + INTERVAL).as_nanos();
        self.due.store(u64::try_from(due).unwrap_or(u64::MAX), Ordering::Release);
        reading
    }
}

/// Reads the index of a CRLite cache, as upki writes it: how many filters it names, or what is wrong with
/// it. For an index that is to be installed; the filters are not read.
pub fn check_crlite_index(index: &[u8]) -> Result<usize, &'static str> {
    index::Index::parse(index).map(|index| index.names.len())
}

/// The lock, unless a thread held it while the process was forked.
fn lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    for _ in 0..1_000 {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
    None
}
