//! What one context trusts.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use trustbridge::{
    BuildError, Purpose, Revocation, RevocationCheck, UnknownRevocation, Verifier, VerifierBuilder,
};

use crate::load::{Batch, Stamp};

/// What one context trusts. Attached to the `SSL_CTX`, shared with the Python object; changing
/// it swaps the verifiers, so a handshake under way keeps the ones it began with.
pub(crate) struct Trust {
    current: RwLock<Arc<Set>>,
    /// Files loaded already, as they were then.
    files: Mutex<HashMap<PathBuf, Stamp>>,
}

/// One state of a context's trust.
pub(crate) struct Set {
    /// With the environment as it was when the context was made, or last asked for it.
    builder: VerifierBuilder,
    system: bool,
    /// Takes the place of the system's trust anchors.
    named: Option<Arc<Named>>,
    roots: Vec<CertificateDer<'static>>,
    /// From bundles that stand for the system: they count only while the system does not.
    bundled: Vec<CertificateDer<'static>>,
    crls: Vec<CertificateRevocationListDer<'static>>,
    /// Made when first needed. See [`Variant::index`].
    verifiers: [OnceLock<Result<Verifier, BuildError>>; Variant::COUNT],
}

/// What environment variables name in place of the system's trust anchors, on systems whose own
/// verifier knows no such variables.
struct Named {
    roots: Vec<CertificateDer<'static>>,
    /// For reports: every place, and what it gave.
    searched: Vec<String>,
}

/// What a connection can ask for beyond what the context trusts.
#[derive(Clone, Copy)]
pub(crate) struct Variant {
    pub(crate) check: RevocationCheck,
    pub(crate) strict: bool,
    pub(crate) common_name: bool,
}

impl Variant {
    const COUNT: usize = 12;

    fn index(self) -> usize {
        let check = match self.check {
            RevocationCheck::Off => 0,
            RevocationCheck::Leaf => 1,
            RevocationCheck::Chain => 2,
        };
        check + 3 * usize::from(self.strict) + 6 * usize::from(self.common_name)
    }
}

impl Set {
    /// The same, with verifiers still to be made.
    fn changed(&self) -> Self {
        Self {
            builder: self.builder.clone(),
            system: self.system,
            named: self.named.clone(),
            roots: self.roots.clone(),
            bundled: self.bundled.clone(),
            crls: self.crls.clone(),
            verifiers: Default::default(),
        }
    }

    /// The trust anchors beside the system's.
    fn anchors(&self) -> Vec<CertificateDer<'static>> {
        let others = match &self.named {
            Some(named) if self.system => &named.roots,
            _ if self.system => return self.roots.clone(),
            _ => &self.bundled,
        };
        merge(&self.roots, others)
    }

    /// Whether the operating system itself is asked.
    fn asks_system(&self) -> bool {
        self.system && self.named.is_none()
    }

    /// For reports: what took the place of the system's trust anchors.
    pub(crate) fn searched(&self) -> &[String] {
        self.named.as_ref().filter(|_| self.system).map_or(&[], |named| &named.searched)
    }

    /// Whether the system's trust anchors count.
    pub(crate) fn system(&self) -> bool {
        self.system
    }

    /// The certificates added, without those of bundles.
    pub(crate) fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }

    /// The CRLs added.
    pub(crate) fn crls(&self) -> &[CertificateRevocationListDer<'static>] {
        &self.crls
    }

    /// The certificates added, then those of the system that can be trust anchors of a server at
    /// `time`.
    pub(crate) fn usable_anchors(&self, time: UnixTime) -> Vec<CertificateDer<'static>> {
        let mut found = self.anchors();
        if self.asks_system() {
            let store = self.builder.system_store();
            let usable = store
                .entries()
                .iter()
                .filter(|entry| entry.refusal(Purpose::ServerAuth, time).is_none())
                .map(|entry| entry.certificate().clone());
            let own: HashSet<_> = self.roots.iter().collect();
            found.extend(usable.filter(|root| !own.contains(root)));
        }
        found
    }

    fn build(&self, variant: Variant) -> Result<Verifier, BuildError> {
        let mut revocation = Revocation::default();
        if variant.check != RevocationCheck::Off {
            revocation.check = variant.check;
            revocation.unknown = UnknownRevocation::Reject;
            revocation.crls.clone_from(&self.crls);
        }
        self.builder
            .clone()
            .system_roots(self.asks_system())
            .extra_roots(self.anchors())
            .revocation(revocation)
            .strict(variant.strict)
            .danger_match_common_name(variant.common_name)
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

impl Trust {
    /// Trusts the system.
    pub(crate) fn new(builder: VerifierBuilder) -> Self {
        let set = Set {
            builder,
            system: true,
            named: None,
            roots: Vec::new(),
            bundled: Vec::new(),
            crls: Vec::new(),
            verifiers: Default::default(),
        };
        Self { current: RwLock::new(Arc::new(set)), files: Mutex::default() }
    }

    pub(crate) fn current(&self) -> Arc<Set> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&Set) -> Option<Set>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(changed) = change(&current) {
            *current = Arc::new(changed);
        }
    }

    /// Takes the environment variables as they are in `builder`.
    pub(crate) fn renew(&self, builder: VerifierBuilder) {
        self.change(|set| Some(Set { builder, ..set.changed() }));
    }

    /// Whether the system's trust anchors count.
    pub(crate) fn set_system(&self, system: bool) {
        self.change(|set| (set.system != system).then(|| Set { system, ..set.changed() }));
    }

    /// Puts `roots` in the place of the system's trust anchors, or nothing, if no place was
    /// searched. `searched` says for reports what was found where.
    pub(crate) fn replace_system(
        &self,
        roots: Vec<CertificateDer<'static>>,
        searched: Vec<String>,
    ) {
        let named = (!searched.is_empty()).then(|| Arc::new(Named { roots, searched }));
        self.change(|set| {
            (set.named.is_some() || named.is_some()).then(|| Set { named, ..set.changed() })
        });
    }

    pub(crate) fn add(&self, batch: &Batch) {
        self.change(|set| {
            let (roots, crls) = (merge(&set.roots, &batch.roots), merge(&set.crls, &batch.crls));
            (roots.len() + crls.len() > set.roots.len() + set.crls.len()).then(|| Set {
                roots,
                crls,
                ..set.changed()
            })
        });
        self.note(batch);
    }

    /// As [`add`](Self::add), for a bundle that stands for the system.
    pub(crate) fn add_bundle(&self, batch: &Batch) {
        self.change(|set| {
            let (bundled, crls) =
                (merge(&set.bundled, &batch.roots), merge(&set.crls, &batch.crls));
            Some(Set { bundled, crls, ..set.changed() })
        });
        self.note(batch);
    }

    /// Remembers that the file was dealt with.
    fn note(&self, batch: &Batch) {
        if let Some((path, stamp)) = &batch.file {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            files.insert(path.clone(), stamp.clone());
        }
    }

    pub(crate) fn has(&self, path: &Path) -> bool {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.get(path).is_some_and(|known| {
            fs::metadata(path).ok().and_then(|now| Stamp::of(&now)).as_ref() == Some(known)
        })
    }
}

/// What is known, then what is new; nothing twice.
pub(crate) fn merge<T: Clone + Eq + Hash>(known: &[T], new: &[T]) -> Vec<T> {
    let mut seen = HashSet::new();
    known.iter().chain(new).filter(|item| seen.insert(*item)).cloned().collect()
}
