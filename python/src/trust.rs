//! What one context trusts.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use pki_types::{CertificateDer, UnixTime};
use trustbridge::files::Stamp;
use trustbridge::{
    BuildError, Purpose, Revocation, RevocationCheck, Source, UnknownRevocation, Verifier,
    VerifierBuilder,
};

use crate::load::{Batch, LoadedCrl, Root};

/// What one context trusts. Attached to the `SSL_CTX`, shared with the Python object. A change
/// makes a new [`Set`], so a connection keeps the one it began with.
pub(crate) struct Trust {
    state: Mutex<State>,
}

/// What was loaded and set so far.
struct State {
    /// With the environment as it was when the context was made, or last reloaded.
    builder: VerifierBuilder,
    system: bool,
    /// Whether what the distribution distrusts is rejected.
    heeds_distrust: bool,
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

/// One state of a context's trust.
pub(crate) struct Set {
    builder: VerifierBuilder,
    system: bool,
    replacement: Option<Arc<Replacement>>,
    roots: Arc<[Root]>,
    certifi: Arc<[Root]>,
    crls: Arc<[LoadedCrl]>,
    /// Made when first needed. See [`Variant::index`].
    verifiers: [OnceLock<Result<Verifier, BuildError>>; Variant::COUNT],
}

/// What takes the place of the system's trust anchors: roots from environment variables, on
/// systems whose own verifier knows no such variables.
struct Replacement {
    roots: Vec<Root>,
    /// Where each of them came from.
    sources: HashMap<CertificateDer<'static>, Source>,
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

impl Set {
    /// The trust anchors beside the system's.
    fn anchors(&self) -> Vec<Root> {
        let others: &[_] = match &self.replacement {
            Some(replacement) if self.system => &replacement.roots,
            _ if self.system => &[],
            _ => &self.certifi,
        };
        let mut anchors = Unique::default();
        self.roots.iter().chain(others).for_each(|root| anchors.add(root));
        anchors.items
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

    /// Where a trust anchor came from, if not from the system and not from what was loaded.
    pub(crate) fn source(&self, anchor: &CertificateDer<'static>) -> Option<Source> {
        let replacement = self.replacement.as_ref().filter(|_| self.system)?;
        let source = replacement.sources.get(anchor)?;
        let loaded = self.roots.iter().any(|root| root.certificate == *anchor);
        (!loaded).then(|| source.clone())
    }

    /// The certificates added, then those of the system that can be trust anchors of a server at
    /// `time`.
    pub(crate) fn usable_anchors(&self, time: UnixTime) -> Vec<CertificateDer<'static>> {
        let own: Vec<_> = self.anchors().into_iter().filter(Root::vouches).collect();
        let mut found = Unique::default();
        own.iter().for_each(|root| found.add(&root.certificate));
        if self.asks_system() {
            let store = self.builder.system_store();
            let usable = store
                .entries()
                .iter()
                .filter(|entry| entry.refusal(Purpose::ServerAuth, time).is_none())
                .map(|entry| entry.certificate());
            usable.for_each(|root| found.add(root));
        }
        found.items
    }

    fn build(&self, variant: Variant) -> Result<Verifier, BuildError> {
        let checks = variant.check != RevocationCheck::Off;
        let revocation = match checks {
            true => Revocation::default().check(variant.check).unknown(UnknownRevocation::Reject),
            false => Revocation::default(),
        };
        self.builder
            .clone()
            .system_roots(self.asks_system())
            .extra_roots_with_trust(
                self.anchors().into_iter().map(|root| (root.certificate, root.trust)),
            )
            .revocation(revocation)
            .crls(self.crls.iter().filter(|_| checks).map(|crl| crl.0.clone()))
            .strict(variant.strict)
            .danger_match_common_name(variant.common_name)
            .danger_ignore_validity(variant.ignore_validity)
            .build()
    }

    /// The verifier for a connection. Looks at no environment variable.
    pub(crate) fn verifier(&self, variant: Variant) -> Result<Verifier, BuildError> {
        let Some(slot) = self.verifiers.get(variant.index()) else {
            return self.build(variant); // there is one slot for every variant
        };
        if let Some(verifier) = slot.get() {
            return verifier.clone();
        }
        // Outside `get_or_init`, or the child of a fork could wait for a thread that it does not
        // have.
        let verifier = self.build(variant);
        slot.get_or_init(|| verifier).clone()
    }
}

impl State {
    fn current(&mut self) -> Arc<Set> {
        let Self { builder, system, heeds_distrust, replacement, roots, certifi, crls, .. } = self;
        Arc::clone(self.current.get_or_insert_with(|| {
            Arc::new(Set {
                builder: builder.clone().distribution_distrust(*heeds_distrust),
                system: *system,
                replacement: replacement.clone(),
                roots: roots.items(),
                certifi: certifi.items(),
                crls: crls.items(),
                verifiers: Default::default(),
            })
        }))
    }
}

impl Trust {
    /// Trusts the system.
    pub(crate) fn new(builder: VerifierBuilder) -> Self {
        let state = State {
            builder,
            system: true,
            heeds_distrust: true,
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

    /// Takes the environment variables as they are in `builder`.
    pub(crate) fn reload_environment(&self, builder: VerifierBuilder) {
        let mut state = self.state();
        let builder = state.intermediates.iter().fold(builder, VerifierBuilder::intermediates_dir);
        state.builder = builder;
        state.current = None;
    }

    /// Finds missing intermediates in this directory, too.
    pub(crate) fn add_intermediates(&self, path: PathBuf) {
        let mut state = self.state();
        state.builder = state.builder.clone().intermediates_dir(&path);
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

    /// Puts `roots` in the place of the system's trust anchors, or nothing, if no place was
    /// searched. `searched` says for reports what was found where.
    pub(crate) fn replace_system(
        &self,
        roots: impl IntoIterator<Item = (Root, Option<Source>)>,
        searched: Vec<String>,
    ) {
        let replacement = (!searched.is_empty()).then(|| {
            let (mut unique, mut sources) = (Unique::default(), HashMap::new());
            for (root, source) in roots {
                unique.add(&root);
                // As in the store, of several places the first is named.
                source.map(|source| sources.entry(root.certificate).or_insert(source));
            }
            Arc::new(Replacement { roots: unique.items, sources, searched })
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
        let before = known.items.len();
        batch.roots.iter().for_each(|root| known.add(root));
        let mut changed = known.items.len() > before;

        let before = state.crls.items.len();
        batch.crls.iter().for_each(|crl| state.crls.add(crl));
        changed |= state.crls.items.len() > before;

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
        let roots = state.roots.items.iter().skip(first);
        roots.map(|root| root.certificate.clone()).collect()
    }

    /// How many certificates were added, without bundles of certifi.
    pub(crate) fn roots(&self) -> usize {
        self.state().roots.items.len()
    }

    /// How many CRLs were added.
    pub(crate) fn crls(&self) -> usize {
        self.state().crls.items.len()
    }
}

/// A list without duplicates.
struct Unique<T> {
    items: Vec<T>,
    seen: HashSet<T>,
    /// The items, until there are more.
    shared: Option<Arc<[T]>>,
}

impl<T> Default for Unique<T> {
    fn default() -> Self {
        Self { items: Vec::new(), seen: HashSet::new(), shared: None }
    }
}

impl<T: Clone + Eq + Hash> Unique<T> {
    fn add(&mut self, item: &T) {
        if self.seen.insert(item.clone()) {
            self.items.push(item.clone());
            self.shared = None;
        }
    }

    fn items(&mut self) -> Arc<[T]> {
        Arc::clone(self.shared.get_or_insert_with(|| self.items.clone().into()))
    }
}
