//! The snapshot that a process shares: read once, checked for changes at most once a second,
//! swapped as a whole.
//!
//! There is no background thread, and nothing is read while a lock is held, so that the child
//! of a `fork()` in a program with threads can go on: locks and claims that the threads of the
//! parent held at that moment are never given back in the child.
//!
//! Tests: `snapshot/tests.rs`.

use std::ffi::OsString;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError, TryLockResult};
use std::time::{Duration, Instant};

use super::load::{self, Reading};
use super::locations::{Defaults, Environment};
use super::stamp::now;
use super::system::SystemStore;

/// How often the files are checked for changes.
const INTERVAL: Duration = Duration::from_secs(1);
/// At most this part of the time goes into checking them.
const SHARE: u32 = 100;
/// How long certificates are kept that are not in the files any more, even if somebody changes
/// the files all that time: a CA that was removed must not stay trusted.
const KEPT_AT_MOST: Duration = Duration::from_secs(10);
/// Handles kept for environments that no verifier uses at the moment.
const MAX_HANDLES: usize = 16;

/// The store for one setting of the environment, shared by the process.
#[derive(Debug)]
pub(crate) struct Handle {
    environment: Environment,
    defaults: Defaults,
    interval: Duration,
    /// Not an `RwLock`: where readers come and go all the time, a writer that must not wait for
    /// good would find it held for ever.
    current: Mutex<Option<Arc<Current>>>,
    /// What times count from.
    epoch: Instant,
    /// When the files are checked again, in nanoseconds.
    due: AtomicU64,
    /// The process whose thread is reading; 0 if none is.
    reader: AtomicU32,
    /// Seconds by which tests are ahead of the clock.
    #[cfg(test)]
    ahead: std::sync::atomic::AtomicI64,
}

#[derive(Debug)]
struct Current {
    reading: Reading,
    /// Since when certificates are kept that were in the files before.
    kept_since: Option<Instant>,
}

/// The handles of this process, the last used last.
static HANDLES: Mutex<Vec<Arc<Handle>>> = Mutex::new(Vec::new());

impl Handle {
    /// The handle for the environment variables as they are now. Reads no file.
    pub(crate) fn for_process() -> Arc<Self> {
        Self::for_environment(Environment::capture())
    }

    /// The same for the values that a caller has.
    pub(crate) fn for_variables(variable: impl Fn(&str) -> Option<OsString>) -> Arc<Self> {
        Self::for_environment(Environment::from_variables(variable))
    }

    /// The handle for the same places, with or without what the distribution distrusts.
    pub(crate) fn with_distrust(self: Arc<Self>, yes: bool) -> Arc<Self> {
        if self.environment.without_distrust != yes {
            return self;
        }
        let environment = Environment { without_distrust: !yes, ..self.environment.clone() };
        if self.defaults == Defaults::of_distributions() {
            return Self::for_environment(environment);
        }
        Arc::new(Self::new(environment, self.defaults.clone(), self.interval))
    }

    fn for_environment(environment: Environment) -> Arc<Self> {
        let Some(mut handles) = with_retries(|| HANDLES.try_lock()) else {
            return Arc::new(Self::new(environment, Defaults::of_distributions(), INTERVAL));
        };
        let known = handles.iter().position(|handle| handle.environment == environment);
        let handle = match known {
            Some(index) => handles.remove(index),
            None => {
                if handles.len() >= MAX_HANDLES {
                    handles.remove(0);
                }
                Arc::new(Self::new(environment, Defaults::of_distributions(), INTERVAL))
            }
        };
        handles.push(handle.clone());
        handle
    }

    pub(super) fn new(environment: Environment, defaults: Defaults, interval: Duration) -> Self {
        Self {
            environment,
            defaults,
            interval,
            current: Mutex::new(None),
            epoch: Instant::now(),
            due: AtomicU64::new(0),
            reader: AtomicU32::new(0),
            #[cfg(test)]
            ahead: std::sync::atomic::AtomicI64::new(0),
        }
    }

    /// The newest snapshot. Infallible; reads the store if nobody has, and again if its files
    /// have changed. While one thread reads, the others go on with the snapshot before.
    pub(crate) fn store(&self) -> Arc<SystemStore> {
        loop {
            let Some(current) = with_retries(|| self.current.try_lock()).map(|guard| guard.clone())
            else {
                return self.read(None).store;
            };
            let claim = match &current {
                Some(current) if !self.is_due() => return current.reading.store.clone(),
                _ => Claim::take(&self.reader),
            };
            match (claim, current) {
                (Some(_claim), current) => return self.renew(current),
                (None, Some(current)) => return current.reading.store.clone(),
                // The first reading, on another thread: it takes a millisecond.
                (None, None) => std::thread::sleep(Duration::from_micros(50)),
            }
        }
    }

    /// Called with the claim held, so by one thread at a time.
    fn renew(&self, seen: Option<Arc<Current>>) -> Arc<SystemStore> {
        let started = Instant::now();
        // Another thread may have been faster between the look and the claim.
        let current = match seen {
            Some(current) => Some(current),
            None => with_retries(|| self.current.try_lock()).and_then(|guard| guard.clone()),
        };
        let next = match &current {
            Some(current) if !self.is_due() || !current.reading.watch.has_changed() => None,
            _ => Some(self.after(current.as_deref())),
        };
        let store = match (next, &current) {
            (Some(next), _) => {
                let store = next.reading.store.clone();
                let next = Some(Arc::new(next));
                if let Some(mut guard) = with_retries(|| self.current.try_lock()) {
                    *guard = next;
                }
                store
            }
            (None, Some(current)) => current.reading.store.clone(),
            (None, None) => Arc::default(),
        };
        let pause = self.interval.max(started.elapsed() * SHARE).min(self.interval * 3600);
        let due = (self.epoch.elapsed() + pause).as_nanos();
        self.due.store(u64::try_from(due).unwrap_or(u64::MAX), Ordering::Release);
        store
    }

    fn is_due(&self) -> bool {
        self.epoch.elapsed().as_nanos() >= u128::from(self.due.load(Ordering::Acquire))
    }

    /// Reads again. What was read before is kept for a while where files are being changed.
    fn after(&self, current: Option<&Current>) -> Current {
        let kept_since = current.and_then(|current| current.kept_since);
        let may_keep = kept_since.is_none_or(|since| since.elapsed() < KEPT_AT_MOST);
        let reading = self.read(current.map(|current| &current.reading).filter(|_| may_keep));
        let kept_since = reading.kept.then(|| kept_since.unwrap_or_else(Instant::now));
        Current { reading, kept_since }
    }

    fn read(&self, previous: Option<&Reading>) -> Reading {
        load::read(&self.environment, &self.defaults, previous, self.now())
    }

    #[cfg(not(test))]
    fn now(&self) -> i64 {
        now()
    }
}

/// The right to read, for one thread of this process; given back when dropped.
struct Claim<'a>(&'a AtomicU32);

impl<'a> Claim<'a> {
    fn take(reader: &'a AtomicU32) -> Option<Self> {
        let process = std::process::id();
        let owner = reader.load(Ordering::Relaxed);
        if owner == process {
            return None;
        }
        // Nobody, or a thread of the process that this one was forked from.
        reader
            .compare_exchange(owner, process, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
            .then(|| Self(reader))
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

/// Takes a lock that is never held for longer than it takes to copy a pointer. `None` if it is
/// not available all the same: a thread held it while the process was forked.
fn with_retries<G>(mut lock: impl FnMut() -> TryLockResult<G>) -> Option<G> {
    const YIELDS: u32 = 100;
    const SLEEPS: u32 = 1_000;
    for attempt in 0..YIELDS + SLEEPS {
        match lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => {
                return Some(PoisonError::into_inner(poisoned));
            }
            Err(TryLockError::WouldBlock) if attempt < YIELDS => std::thread::yield_now(),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_micros(50)),
        }
    }
    None
}

#[cfg(test)]
mod tests;
