//! The verifier: a chain's way down to a verdict.
//!
//! Tests: `tests/verifier.rs`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pki_types::{CertificateDer, SignatureVerificationAlgorithm};

use crate::cert::Cert;
use crate::checks;
use crate::complete::complete;
use crate::error::VerifyError;
use crate::fault::{Cause, Failure, Fault};
use crate::kind::ErrorKind;
use crate::peer::{Anchor, Peer, Verified};
use crate::platform::{self, Platform};
use crate::policy::Purpose;
use crate::settings::Config;
use crate::store::{Found, Source, StoreEntry, find_intermediates};

/// Most certificates a chain may have, the end entity included.
const MAX_CHAIN_LENGTH: usize = 100;
/// Most bytes the certificates of a chain may have in all.
const MAX_CHAIN_BYTES: usize = 1 << 20;

/// Decides whether a peer's certificate chain is trusted. See the [crate documentation](crate).
///
/// A `Verifier` never changes: build another one for other settings. Cloning is cheap and shares
/// everything.
///
/// A verifier equals its clones and nothing else, and its hash goes with that: it can be part of the
/// key of a connection pool or of a session cache. No other verifier of the process ever gets the
/// same hash input.
#[derive(Clone)]
pub struct Verifier {
    inner: Arc<Inner>,
}

struct Inner {
    /// Never given twice in a process, unlike an address.
    id: u64,
    config: Config,
    engine: Arc<platform::Engine>,
}

impl Verifier {
    /// Verifies a chain: a path to a trust anchor, validity periods, purpose, name constraints,
    /// the peer's name and, if asked, revocation (RFC 5280 section 6).
    ///
    /// The end entity is accepted without a path if the store has that very certificate.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] says what is wrong, where, and what to do. A verdict that cannot be
    /// reached is an error too.
    ///
    /// # Not checked
    ///
    /// Certificate policies, certificate transparency, and that the peer has the private key:
    /// the TLS library does the last.
    pub fn verify(&self, peer: &Peer<'_>) -> Result<Verified, VerifyError> {
        self.decide(peer).map_err(|failure| complete(*failure, peer, self.purpose()))
    }

    /// The road down: bounds, then a pinned certificate or the engine.
    fn decide(&self, peer: &Peer<'_>) -> Result<Verified, Box<Failure>> {
        let config = &self.inner.config;
        let Some(leaf) = peer.chain.first() else {
            return Err(Fault::new(ErrorKind::NoCertificate).into());
        };
        // A peer chooses what it sends: nothing is read before its size is known.
        let sent = peer.chain.len();
        if sent > MAX_CHAIN_LENGTH {
            let cause = Cause::TooManyCertificates { sent, limit: MAX_CHAIN_LENGTH };
            return Err(Fault::new(ErrorKind::ChainTooComplex).because(cause).into());
        }
        let sent = peer.chain.iter().map(|cert| cert.len()).sum::<usize>();
        if sent > MAX_CHAIN_BYTES {
            let cause = Cause::TooManyBytes { sent, limit: MAX_CHAIN_BYTES };
            return Err(Fault::new(ErrorKind::ChainTooComplex).because(cause).into());
        }
        let leaf = Cert::parse(leaf).map_err(|malformed| checks::malformed(malformed).at(0))?;
        self.tries(&leaf, peer).or_else(|failure| {
            match failure.kind().is_missing_path() && !config.intermediates_dirs.is_empty() {
                true => self.with_directories(&leaf, peer, failure),
                false => Err(failure),
            }
        })
    }

    /// What the settings allow is tried in turn, the strictest first: a chain that needs no weak key
    /// is never reported as if it did.
    fn tries(&self, leaf: &Cert<'_>, peer: &Peer<'_>) -> Result<Verified, Box<Failure>> {
        let Inner { config, engine, .. } = &*self.inner;
        let verify = |config: &Config| match config.pinned.is_empty() {
            true => engine.verify(config, leaf, peer),
            false => verify_pinned(config, leaf, peer).map_err(Into::into),
        };
        let verdict = for_either_usage(config, leaf, verify);
        let weaker = match &verdict {
            Err(failure) if !is_decided(failure.kind()) => config.with_weak_keys(),
            _ => None,
        };
        match weaker {
            None => verdict,
            Some(config) => {
                let verified = for_either_usage(&config, leaf, verify)?;
                Ok(Verified { weaknesses: checks::weaknesses(&verified.chain), ..verified })
            }
        }
    }

    /// Once more, with what the directories of intermediates have, as if the peer had sent it. They
    /// are not read before a path is missing, so that others pay nothing for them.
    fn with_directories(
        &self,
        leaf: &Cert<'_>,
        peer: &Peer<'_>,
        failure: Box<Failure>,
    ) -> Result<Verified, Box<Failure>> {
        let config = &self.inner.config;
        let Found { certs, searched } = find_intermediates(&config.intermediates_dirs, peer.chain);
        let verdict = match certs.is_empty() {
            true => Err(failure),
            false => {
                let sent = peer.chain.iter().map(|der| CertificateDer::from(der.as_ref()));
                let chain: Vec<_> = sent.chain(certs).collect();
                self.tries(leaf, &Peer { chain: &chain, ..peer.clone() })
            }
        };
        verdict.map_err(|mut failure| {
            failure.evidence.intermediates = searched;
            failure
        })
    }

    pub(crate) fn from_parts(config: Config, engine: Arc<platform::Engine>) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(0);
        Self { inner: Arc::new(Inner { id: IDS.fetch_add(1, Ordering::Relaxed), config, engine }) }
    }

    /// The same verifier with other signature algorithms, as
    /// [`signature_algorithms`](crate::VerifierBuilder::signature_algorithms) takes them; everything
    /// else is shared.
    #[must_use]
    pub fn with_signature_algorithms(
        &self,
        algorithms: impl Into<Arc<[&'static dyn SignatureVerificationAlgorithm]>>,
    ) -> Self {
        let Inner { config, engine, .. } = &*self.inner;
        let config = Config::new(algorithms.into(), Arc::clone(&config.settings));
        Self::from_parts(config, Arc::clone(engine))
    }

    #[cfg(any(feature = "rustls-0_23", feature = "rustls-0_24"))]
    pub(crate) fn config(&self) -> &Config {
        &self.inner.config
    }

    #[cfg(feature = "rustls-0_24")]
    pub(crate) fn checks_revocation(&self) -> bool {
        self.inner.config.revocation.check != crate::policy::RevocationCheck::Off
    }

    /// What the verifier is for.
    pub fn purpose(&self) -> Purpose {
        self.inner.config.settings.requested
    }

    /// The certificates given to [`extra_roots`](crate::VerifierBuilder::extra_roots). An mTLS
    /// server can name them to clients as the issuers it accepts.
    pub fn extra_roots(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.inner.config.extra.entries().iter().map(StoreEntry::certificate)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.inner.config;
        f.debug_struct("Verifier")
            .field("system_roots", &config.system.is_some())
            .field("extra_roots", &config.extra.entries().len())
            .field("fallback_roots", &config.fallback.entries().len())
            .field("pinned", &config.pinned.len())
            .field("purpose", &config.requested)
            .field("revocation", &config.revocation.check)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Verifier {
    fn eq(&self, other: &Self) -> bool {
        self.inner.id == other.inner.id
    }
}

impl Eq for Verifier {}

impl Hash for Verifier {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.id.hash(state);
    }
}

// A verifier is frozen, and what it shares with others (the snapshot of the store) is replaced whole
// or not at all: a panic, which could only come from a signature algorithm, leaves nothing half done.
impl UnwindSafe for Verifier {}
impl RefUnwindSafe for Verifier {}

/// The verdict for the first usage requested or, if there are two, for the other. The whole path must
/// be valid for one of them.
fn for_either_usage(
    config: &Config,
    leaf: &Cert<'_>,
    verify: impl Fn(&Config) -> Result<Verified, Box<Failure>>,
) -> Result<Verified, Box<Failure>> {
    let verdict = verify(config);
    let other = match &verdict {
        Err(failure) if failure.kind() == ErrorKind::ChainTooComplex => None,
        _ => config.for_other_usage().filter(|_| leaf.serves_as_client()),
    };
    match (verdict, other) {
        (Err(first), Some(other)) => verify(&other).map_err(|second| {
            // What is wrong with a server's certificate as a server's.
            if leaf.extended_key_usage_allows(config.purpose) { first } else { second }
        }),
        (verdict, _) => verdict,
    }
}

/// Whether weaker keys make no difference: what is revoked or distrusted stays so by another, weaker
/// path, and what exhausted a bound is not searched again.
fn is_decided(kind: ErrorKind) -> bool {
    kind == ErrorKind::ChainTooComplex || kind.rank() >= ErrorKind::RevocationUnknown.rank()
}

/// A pinned certificate is trusted as such, compared byte by byte.
fn verify_pinned(config: &Config, leaf: &Cert<'_>, peer: &Peer<'_>) -> Result<Verified, Fault> {
    if !config.pinned.iter().any(|pin| pin.as_ref() == leaf.der) {
        return Err(Fault::new(ErrorKind::PinMismatch).at(0));
    }
    let anchor = Anchor { certificate: leaf.to_der(), source: Source::PinnedLeaf };
    checks::trusted_end_entity(leaf, config, peer, anchor, false)
}
