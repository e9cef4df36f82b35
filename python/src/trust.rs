//! What one context trusts.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use pki_types::{CertificateDer, UnixTime};
use trustbridge::files::Stamp;
use trustbridge::{
    BuildError, Purpose, Revocation, RevocationCheck, UnknownRevocation, Verifier, VerifierBuilder,
};

use crate::environment::Environment;
use crate::load::{Batch, LoadedCrl, Root};
use crate::unique::Unique;

/// What one context trusts. Attached to the `SSL_CTX`, shared with the Python object. A change
/// makes a new [`Set`], so a connection keeps the one it began with.
pub(crate) struct Trust {
    state: Mutex<State>,
}

/// What was loaded and set so far.
struct State {
    weak_keys: bool,
    /// As it was when the context was made, or last reloaded.
    environment: Environment,
    system: bool,
    /// Whether what the distribution distrusts is rejected.
    heeds_distrust: bool,
    /// Whether the distribution's revocation data is asked.
    asks_revocation: bool,
    /// Directories of untrusted intermediates.
    intermediates: Vec<PathBuf>,
    replacement: Option<Arc<Replacement>>,
    roots: Unique<Root>,
    /// From bundles of certifi, which stand for the system: trusted only while the system is not.
    certifi: Unique<Root>,
    crls: Unique<LoadedCrl>,
    /// Files loaded already, as they were then.
    files: HashMap<PathBuf, Stamp>,
    /// Made for the next connection after a change, so that loading certificates one by one costs
    /// no more than loading them at once.
    current: Option<Arc<Set>>,
}

/// One state of a context's trust. Contexts with the same have one between them, and so the
/// verifiers made of it.
pub(crate) struct Set {
    weak_keys: bool,
    builder: VerifierBuilder,
    /// What the builder comes from, with the next three fields.
    variables: Arc<[(String, Option<OsString>)]>,
    heeds_distrust: bool,
    asks_revocation: bool,
    intermediates: Vec<PathBuf>,
    system: bool,
    replacement: Option<Arc<Replacement>>,
    roots: Unique<Root>,
    certifi: Unique<Root>,
    crls: Unique<LoadedCrl>,
    /// Made when first needed. See [`Variant::index`]. Errors are not kept: an operating system that has
    /// no memory for a verifier's roots may have it for the next connection.
    verifiers: [OnceLock<Verifier>; Variant::COUNT],
}

/// What takes the place of the system's trust anchors: roots from environment variables, on
/// systems whose own verifier knows no such variables.
#[derive(PartialEq)]
struct Replacement {
    roots: Unique<Root>,
    /// Where each of them came from.
    sources: HashMap<Arc<CertificateDer<'static>>, Arc<str>>,
    /// For reports: every place, and what was found there.
    searched: Vec<String>,
}

/// What a connection can ask for beyond what the context trusts.
#[derive(Clone, Copy)]
pub(crate) struct Variant {
    pub(crate) check: RevocationCheck,
    pub(crate) strict: bool,
    pub(crate) common_name: bool,
    pub(crate) ignore_validity: bool,
}

impl Variant {
    const COUNT: usize = 24;

    fn index(self) -> usize {
        let check = match self.check {
            RevocationCheck::Off => 0,
            RevocationCheck::Leaf => 1,
            _ => 2,
        };
        check
            + 3 * usize::from(self.strict)
            + 6 * usize::from(self.common_name)
            + 12 * usize::from(self.ignore_validity)
    }
}

/// The sets last used: programs make a context for each request. Nobody waits for them: after a fork
/// the lock may be held by a thread that is gone.
static RECENT: Mutex<Vec<Arc<Set>>> = Mutex::new(Vec::new());

impl Set {
    /// Most that are kept for contexts to come.
    const KEPT: usize = 8;

    /// The one of another context with the same state, if there is one.
    fn shared(self) -> Arc<Self> {
        let Ok(mut recent) = RECENT.try_lock() else { return Arc::new(self) };
        let known = recent.iter().position(|known| known.is_like(&self));
        let set = match known {
            Some(place) => recent.remove(place),
            None => Arc::new(self),
        };
        if recent.len() >= Self::KEPT {
            recent.remove(0);
        }
        recent.push(Arc::clone(&set));
        set
    }

    /// Whether both trust the same. Lists are compared by being one: those of a file are.
    fn is_like(&self, other: &Self) -> bool {
        self.system == other.system
            && self.heeds_distrust == other.heeds_distrust
            && self.weak_keys == other.weak_keys
            && self.asks_revocation == other.asks_revocation
            // Each directory was found from where the program was when it was named.
            && self.intermediates.is_empty()
            && other.intermediates.is_empty()
            && self.roots.is(&other.roots)
            && self.certifi.is(&other.certifi)
            && self.crls.is(&other.crls)
            && self.variables == other.variables
            && self.replacement == other.replacement
    }

    /// The trust anchors beside the system's.
    fn anchors(&self) -> Unique<Root> {
        let mut anchors = self.roots.clone();
        match &self.replacement {
            Some(replacement) if self.system => anchors.add_all(&replacement.roots),
            _ if self.system => {}
            _ => anchors.add_all(&self.certifi),
        }
        anchors
    }

    /// Whether the operating system itself is asked.
    fn asks_system(&self) -> bool {
        self.system && self.replacement.is_none()
    }

    /// For reports: what took the place of the system's trust anchors.
    pub(crate) fn searched(&self) -> &[String] {
        let replacement = self.replacement.as_ref().filter(|_| self.system);
        replacement.map_or(&[], |replacement| &replacement.searched)
    }

    /// The certificates added, then those of the system that can be trust anchors of a server at
    /// `time`.
    pub(crate) fn usable_anchors(&self, time: UnixTime) -> Vec<CertificateDer<'static>> {
        let mut found = Unique::default();
        let own = self.anchors();
        own.iter().filter(|root| root.vouches()).for_each(|root| found.add(&*root.certificate));
        if self.asks_system() {
            let store = self.builder.system_store();
            let usable = store
                .entries()
                .iter()
                .filter(|entry| entry.refusal(Purpose::ServerAuth, time).is_none())
                .map(|entry| entry.certificate());
            usable.for_each(|root| found.add(root));
        }
        found.to_vec()
    }

    /// The builder with the trust anchors beside the system's, each by the place it came from. What
    /// was loaded as well has no other.
    fn with_anchors(&self) -> VerifierBuilder {
        let anchors = self.anchors();
        let with_settings = |root: &Root| (Arc::clone(&root.certificate), root.trust.clone());
        let Some(replacement) = self.replacement.as_ref().filter(|_| self.system) else {
            return self.builder.clone().extra_roots_with_trust(anchors.iter().map(with_settings));
        };
        let loaded: HashSet<_> = self.roots.iter().map(|root| &root.certificate).collect();
        anchors.iter().fold(self.builder.clone(), |builder, root| {
            let place = replacement.sources.get(&root.certificate);
            let known = [with_settings(root)];
            match place.filter(|_| !loaded.contains(&root.certificate)) {
                Some(place) => builder.extra_roots_from(Arc::clone(place), known),
                None => builder.extra_roots_with_trust(known),
            }
        })
    }

    fn build(&self, variant: Variant) -> Result<Verifier, BuildError> {
        let checks = variant.check != RevocationCheck::Off;
        let revocation = match checks {
            true => Revocation::default().check(variant.check).unknown(UnknownRevocation::Reject),
            false => Revocation::default(),
        };
        self.with_anchors()
            .system_roots(self.asks_system())
            .revocation(revocation)
            .crls(self.crls.iter().filter(|_| checks).map(|crl| crl.0.clone()))
            .strict(variant.strict)
            .danger_match_common_name(variant.common_name)
            .danger_ignore_validity(variant.ignore_validity)
            .danger_allow_weak_keys(self.weak_keys)
            .build()
    }

    /// The verifier for a connection. Looks at no environment variable.
    pub(crate) fn verifier(&self, variant: Variant) -> Result<Verifier, BuildError> {
        let Some(slot) = self.verifiers.get(variant.index()) else {
            return self.build(variant); // there is one slot for every variant
        };
        if let Some(verifier) = slot.get() {
            return Ok(verifier.clone());
        }
        // Outside `get_or_init`, or the child of a fork could wait for a thread that it does not
        // have.
        let verifier = self.build(variant)?;
        Ok(slot.get_or_init(|| verifier).clone())
    }
}

impl State {
    fn current(&mut self) -> Arc<Set> {
        let weak_keys = self.weak_keys;
        let Self { environment, system, heeds_distrust, asks_revocation, .. } = self;
        let Self { intermediates, replacement, roots, certifi, crls, .. } = self;
        Arc::clone(self.current.get_or_insert_with(|| {
            let set = Set {
                weak_keys,
                builder: environment
                    .builder
                    .clone()
                    .distribution_distrust(*heeds_distrust)
                    .distribution_revocation(*asks_revocation),
                variables: Arc::clone(&environment.variables),
                heeds_distrust: *heeds_distrust,
                asks_revocation: *asks_revocation,
                intermediates: intermediates.clone(),
                system: *system,
                replacement: replacement.clone(),
                roots: roots.clone(),
                certifi: certifi.clone(),
                crls: crls.clone(),
                verifiers: Default::default(),
            };
            set.shared()
        }))
    }
}

impl Trust {
    /// Trusts the system.
    pub(crate) fn new(environment: Environment) -> Self {
        let state = State {
            weak_keys: false,
            environment,
            system: true,
            heeds_distrust: true,
            asks_revocation: true,
            intermediates: Vec::new(),
            replacement: None,
            roots: Unique::default(),
            certifi: Unique::default(),
            crls: Unique::default(),
            files: HashMap::new(),
            current: None,
        };
        Self { state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is trusted now.
    pub(crate) fn current(&self) -> Arc<Set> {
        self.state().current()
    }

    /// Takes the environment variables as they are now.
    pub(crate) fn reload_environment(&self, environment: Environment) {
        let mut state = self.state();
        state.environment = environment;
        let builder = state.environment.builder.clone();
        state.environment.builder =
            state.intermediates.iter().fold(builder, VerifierBuilder::intermediates_dir);
        state.current = None;
    }

    /// Finds missing intermediates in this directory, too.
    pub(crate) fn add_intermediates(&self, path: PathBuf) {
        let mut state = self.state();
        let builder = state.environment.builder.clone();
        state.environment.builder = builder.intermediates_dir(&path);
        state.intermediates.push(path);
        state.current = None;
    }

    /// Whether the system's trust anchors are trusted.
    pub(crate) fn system(&self) -> bool {
        self.state().system
    }

    pub(crate) fn set_system(&self, system: bool) {
        let mut state = self.state();
        if state.system != system {
            state.system = system;
            state.current = None;
        }
    }

    /// Whether what the distribution distrusts in addition to its bundle is rejected.
    pub(crate) fn heeds_distrust(&self) -> bool {
        self.state().heeds_distrust
    }

    pub(crate) fn set_heeds_distrust(&self, yes: bool) {
        let mut state = self.state();
        if state.heeds_distrust != yes {
            state.heeds_distrust = yes;
            state.current = None;
        }
    }

    /// Whether weak keys are accepted.
    pub(crate) fn weak_keys(&self) -> bool {
        self.state().weak_keys
    }

    pub(crate) fn set_weak_keys(&self, weak_keys: bool) {
        let mut state = self.state();
        if state.weak_keys != weak_keys {
            state.weak_keys = weak_keys;
            state.current = None;
        }
    }

    /// Whether the revocation data that the distribution keeps on the disk is asked.
    pub(crate) fn asks_revocation(&self) -> bool {
        self.state().asks_revocation
    }

    pub(crate) fn set_asks_revocation(&self, yes: bool) {
        let mut state = self.state();
        if state.asks_revocation != yes {
            state.asks_revocation = yes;
            state.current = None;
        }
    }

    /// Puts `roots` in the place of the system's trust anchors, or nothing, if no place was
    /// searched. `searched` says for reports what was found where.
    pub(crate) fn replace_system(
        &self,
        roots: impl IntoIterator<Item = (Root, Option<Arc<str>>)>,
        searched: Vec<String>,
    ) {
        let replacement = (!searched.is_empty()).then(|| {
            let (mut unique, mut sources) = (Unique::default(), HashMap::new());
            for (root, source) in roots {
                unique.add(&root);
                // As in the store, of several places the first is named.
                source.map(|source| sources.entry(root.certificate).or_insert(source));
            }
            Arc::new(Replacement { roots: unique, sources, searched })
        });
        let mut state = self.state();
        if state.replacement.is_some() || replacement.is_some() {
            state.replacement = replacement;
            state.current = None;
        }
    }

    pub(crate) fn add(&self, batch: &Batch) {
        self.take(batch, |state| &mut state.roots);
    }

    /// As [`add`](Self::add), for a bundle of certifi.
    pub(crate) fn add_certifi(&self, batch: &Batch) {
        self.take(batch, |state| &mut state.certifi);
    }

    fn take(&self, batch: &Batch, roots: impl FnOnce(&mut State) -> &mut Unique<Root>) {
        let mut state = self.state();
        let known = roots(&mut state);
        let before = known.len();
        known.add_all(&batch.roots);
        let mut changed = known.len() > before;

        let before = state.crls.len();
        state.crls.add_all(&batch.crls);
        changed |= state.crls.len() > before;

        if changed {
            state.current = None;
        }
        if let Some((path, stamp)) = &batch.file {
            state.files.insert(path.clone(), *stamp);
        }
    }

    /// Whether this file was added and is unchanged since.
    pub(crate) fn has(&self, path: &Path) -> bool {
        let known = self.state().files.get(path).copied();
        known.is_some() && Stamp::at(path) == known
    }

    /// The certificates added, without bundles of certifi, from the one with this index on.
    pub(crate) fn loaded(&self, first: usize) -> Vec<CertificateDer<'static>> {
        let state = self.state();
        let roots = state.roots.iter().skip(first);
        roots.map(|root| CertificateDer::clone(&root.certificate)).collect()
    }

    /// How many certificates were added, without bundles of certifi.
    pub(crate) fn roots(&self) -> usize {
        self.state().roots.len()
    }

    /// How many CRLs were added.
    pub(crate) fn crls(&self) -> usize {
        self.state().crls.len()
    }
}
