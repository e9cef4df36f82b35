//! What one context trusts, and reading the certificates and CRLs it is given.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ffi::c_ulong;
use std::fs::{self, File, Metadata};
use std::hash::Hash;
use std::io::{self, Read};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::SystemTime;

use pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use trustbridge::pem::{self, Item};
use trustbridge::{
    BuildError, Purpose, Revocation, RevocationCheck, TrustSettings, UnknownRevocation, Verifier,
    VerifierBuilder,
};

use crate::environment;
use crate::judge::{
    self, Connection, Rejected, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, X509_V_ERR_UNSPECIFIED,
};
use crate::openssl::Library;
use crate::verify::Verdict;

/// Most bytes read from one file.
const MAX_FILE: u64 = 64 << 20;

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
    fn renew(&self, builder: VerifierBuilder) {
        self.change(|set| Some(Set { builder, ..set.changed() }));
    }

    /// Whether the system's trust anchors count.
    fn set_system(&self, system: bool) {
        self.change(|set| (set.system != system).then(|| Set { system, ..set.changed() }));
    }

    fn add(&self, batch: &Batch) {
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
    fn add_bundle(&self, batch: &Batch) {
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

    fn has(&self, path: &Path) -> bool {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.get(path).is_some_and(|known| {
            fs::metadata(path).ok().and_then(|now| Stamp::of(&now)).as_ref() == Some(known)
        })
    }
}

/// What is known, then what is new; nothing twice.
fn merge<T: Clone + Eq + Hash>(known: &[T], new: &[T]) -> Vec<T> {
    let mut seen = HashSet::new();
    known.iter().chain(new).filter(|item| seen.insert(*item)).cloned().collect()
}

/// What tells one state of a file from another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    identity: (u64, u64),
    length: u64,
    modified: SystemTime,
}

impl Stamp {
    /// `None` where the system does not tell: such a file is read every time.
    fn of(metadata: &Metadata) -> Option<Self> {
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            (metadata.dev(), metadata.ino())
        };
        #[cfg(not(unix))]
        let identity = (0, 0);
        let modified = metadata.modified().ok()?;
        metadata.is_file().then_some(Self { identity, length: metadata.len(), modified })
    }
}

/// Certificates and CRLs that were read, not yet trusted by anybody.
#[pyclass(frozen, module = "trustbridge._native")]
pub(crate) struct Batch {
    roots: Vec<CertificateDer<'static>>,
    crls: Vec<CertificateRevocationListDer<'static>>,
    /// Whether something was found, and everything found could be read.
    #[pyo3(get)]
    clean: bool,
    /// Whether reading again gives the same.
    #[pyo3(get)]
    repeatable: bool,
    file: Option<(PathBuf, Stamp)>,
    /// Certificates whose trust settings leave servers out.
    untrusted: usize,
}

#[pymethods]
impl Batch {
    /// How many certificates and CRLs were read.
    fn __len__(&self) -> usize {
        self.roots.len() + self.crls.len() + self.untrusted
    }
}

/// Collects a [`Batch`].
struct Collector {
    batch: Batch,
    /// Tells whether the core can read a certificate or CRL.
    probe: VerifierBuilder,
}

impl Collector {
    fn new() -> Self {
        let batch = Batch {
            roots: Vec::new(),
            crls: Vec::new(),
            clean: true,
            repeatable: true,
            file: None,
            untrusted: 0,
        };
        Self { batch, probe: Verifier::builder_with_env(|_| None).system_roots(false) }
    }

    /// OpenSSL reads some certificates that the core does not: they are of no use here, and the
    /// others still are.
    fn root(&mut self, root: CertificateDer<'static>) {
        match self.probe.clone().extra_roots([root.clone()]).build() {
            Ok(_) => self.batch.roots.push(root),
            Err(_) => self.batch.clean = false,
        }
    }

    fn crl(&mut self, crl: CertificateRevocationListDer<'static>) {
        let revocation = Revocation { crls: vec![crl.clone()], ..Revocation::default() };
        match self.probe.clone().revocation(revocation).build() {
            Ok(_) => self.batch.crls.push(crl),
            Err(_) => self.batch.clean = false,
        }
    }

    fn pem(&mut self, text: &[u8]) {
        for block in pem::blocks(text) {
            match block.map(|block| block.item) {
                Ok(Item::Certificate { certificate, trust }) => {
                    if trust.is_none_or(|trust| trusts_servers(&trust)) {
                        self.root(certificate);
                    } else {
                        self.batch.untrusted += 1;
                    }
                }
                Ok(Item::Crl(crl)) => self.crl(crl),
                Ok(_) => {}
                Err(_) => self.batch.clean = false,
            }
        }
    }

    /// The batch; not clean if nothing was found.
    fn finish(mut self) -> Batch {
        self.batch.clean &= self.batch.__len__() > 0;
        self.batch
    }
}

/// Whether the settings of a `TRUSTED CERTIFICATE` block allow it to vouch for servers.
fn trusts_servers(trust: &TrustSettings) -> bool {
    const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
    const ANY: &str = "2.5.29.37.0";
    let lists = |oids: &[String]| oids.iter().any(|oid| oid == SERVER_AUTH || oid == ANY);
    !lists(&trust.rejected) && trust.trusted.as_deref().is_none_or(lists)
}

/// Reads a file of PEM blocks: certificates and CRLs; everything else in it is skipped.
///
/// Raises OSError if the file cannot be read or is larger than 64 MiB.
#[pyfunction]
pub(crate) fn read_file(py: Python<'_>, path: PathBuf) -> PyResult<Batch> {
    let mut collector = Collector::new();
    py.detach(|| {
        let (text, stamp) = read(&path)?;
        collector.pem(&text);
        let mut batch = collector.finish();
        batch.repeatable = stamp.is_some();
        batch.file = stamp.map(|stamp| (path, stamp));
        Ok(batch)
    })
    .map_err(|error: io::Error| PyOSError::new_err(error.to_string()))
}

/// Reads the PEM files of a directory whose names are eight hexadecimal digits, a dot and a
/// number (certificates) or `r` and a number (CRLs), as `openssl rehash` makes them. What cannot
/// be read is left out, a directory that is not there is empty.
#[pyfunction]
pub(crate) fn read_directory(py: Python<'_>, path: PathBuf) -> Batch {
    let mut collector = Collector::new();
    py.detach(|| {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let hashed = name.to_str().is_some_and(is_hashed_name);
            let regular = fs::metadata(entry.path()).is_ok_and(|found| found.is_file());
            if hashed && regular {
                if let Ok((text, _)) = read(&entry.path()) {
                    collector.pem(&text);
                }
            }
        }
        collector.batch
    })
}

fn is_hashed_name(name: &str) -> bool {
    let Some((hash, number)) = name.split_once('.') else { return false };
    let number = number.strip_prefix('r').unwrap_or(number);
    hash.len() == 8
        && hash.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        && !number.is_empty()
        && number.bytes().all(|digit| digit.is_ascii_digit())
}

fn read(path: &Path) -> io::Result<(Vec<u8>, Option<Stamp>)> {
    let file = File::open(path)?;
    let stamp = Stamp::of(&file.metadata()?);
    let mut contents = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut contents)?;
    if u64::try_from(contents.len()).is_ok_and(|length| length > MAX_FILE) {
        return Err(io::Error::other(format!("larger than {MAX_FILE} bytes")));
    }
    Ok((contents, stamp))
}

/// Reads PEM blocks: certificates; everything else is skipped, CRLs as well, as ssl skips them
/// in `cadata`.
#[pyfunction]
pub(crate) fn read_pem(pem: &str) -> Batch {
    let mut collector = Collector::new();
    collector.pem(pem.as_bytes());
    collector.batch.crls.clear();
    collector.finish()
}

/// Reads certificates in DER, one after the other.
#[pyfunction]
pub(crate) fn read_der(der: &[u8]) -> Batch {
    let mut collector = Collector::new();
    let mut rest = der;
    while !rest.is_empty() {
        let Some((first, others)) = first_element(rest) else {
            collector.batch.clean = false;
            break;
        };
        collector.root(CertificateDer::from(first.to_vec()));
        rest = others;
    }
    collector.finish()
}

/// Splits off one DER SEQUENCE.
fn first_element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (0x30, length, rest) = (*der.first()?, *der.get(1)?, der.get(2..)?) else { return None };
    let (header, length) = if length < 0x80 {
        (2, usize::from(length))
    } else {
        let digits = rest.get(..usize::from(length & 0x7f)).filter(|digits| digits.len() <= 4)?;
        let number = digits.iter().try_fold(0_usize, |number, digit| {
            number.checked_mul(256)?.checked_add(usize::from(*digit))
        });
        (2 + digits.len(), number?)
    };
    der.split_at_checked(header.checked_add(length)?)
}

/// What a context trusts beside the system, and the verdicts that it gives.
#[pyclass(frozen, module = "trustbridge._native", name = "Trust")]
pub(crate) struct PyTrust {
    trust: Arc<Trust>,
}

#[pymethods]
impl PyTrust {
    /// Gives the verdicts of a context: every client connection made with it is judged by this
    /// object, from now until the context is freed. The context must be new. Without a context
    /// it gives verdicts only when asked: see `judge`.
    #[new]
    #[pyo3(signature = (context = None))]
    fn new(py: Python<'_>, context: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let trust = Arc::new(Trust::new(environment::builder(py)?));
        if let Some(context) = context {
            Library::open(py)?.attach(context, Arc::clone(&trust))?;
        }
        Ok(Self { trust })
    }

    /// What is trusted now waits for the next connection that OpenSSL makes in this thread.
    fn offer(&self) {
        OFFER.set(Some(self.trust.current()));
    }

    /// What is trusted now, for one connection: what is loaded later does not change it.
    fn judge(&self) -> Judge {
        Judge { set: self.trust.current() }
    }

    /// Whether this file has been added and is unchanged since.
    fn has_file(&self, path: PathBuf) -> bool {
        self.trust.has(&path)
    }

    /// Trusts what was read.
    fn add(&self, batch: &Batch) {
        self.trust.add(batch);
    }

    /// Trusts what was read while the system is not trusted.
    fn add_bundle(&self, batch: &Batch) {
        self.trust.add_bundle(batch);
    }

    /// Whether the system's trust anchors count. Connections made from now on are judged so.
    #[getter]
    fn system(&self) -> bool {
        self.trust.current().system
    }

    #[setter]
    fn set_system(&self, system: bool) {
        self.trust.set_system(system);
    }

    /// Looks at the environment variables of the system store again.
    fn renew(&self, py: Python<'_>) -> PyResult<()> {
        self.trust.renew(environment::builder(py)?);
        Ok(())
    }

    /// Puts what was read in the place of the system's trust anchors, or nothing, if no place was
    /// searched. `searched` says for reports what was found where.
    fn replace_system(&self, batches: Vec<PyRef<'_, Batch>>, searched: Vec<String>) {
        let roots = batches.iter().fold(Vec::new(), |roots, batch| merge(&roots, &batch.roots));
        let named = (!searched.is_empty()).then(|| Arc::new(Named { roots, searched }));
        self.trust.change(|set| {
            (set.named.is_some() || named.is_some()).then(|| Set { named, ..set.changed() })
        });
    }

    /// The certificates that were added, then those of the system that can be trust anchors
    /// of a server now, in DER.
    fn anchors<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        let now = UnixTime::now();
        let set = self.trust.current();
        let mut found = set.anchors();
        if set.asks_system() {
            let store = set.builder.system_store();
            let usable = store
                .entries()
                .iter()
                .filter(|entry| entry.refusal(Purpose::ServerAuth, now).is_none())
                .map(|entry| entry.certificate().clone());
            let own: HashSet<_> = set.roots.iter().collect();
            found.extend(usable.filter(|root| !own.contains(root)));
        }
        found.iter().map(|root| PyBytes::new(py, root)).collect()
    }

    /// How many certificates were added, those of bundles left out.
    #[getter]
    fn roots(&self) -> usize {
        self.trust.current().roots.len()
    }

    /// How many CRLs were added.
    #[getter]
    fn crls(&self) -> usize {
        self.trust.current().crls.len()
    }

    /// Whether anybody else holds this object: its context, until it is freed. For tests.
    #[getter]
    fn attached(&self) -> bool {
        Arc::strong_count(&self.trust) > 1
    }
}

thread_local! {
    /// What the next connection of this thread is to be judged by. Set and taken within one call
    /// of Python's `_wrap_socket` or `_wrap_bio`, so no other library's connection can take it.
    static OFFER: RefCell<Option<Arc<Set>>> = const { RefCell::new(None) };
}

/// Takes what [`PyTrust::offer`] left, if anything.
pub(crate) fn take_offer() -> Option<Arc<Set>> {
    // A thread that ends, or a callback in the middle of `offer`, has nothing to give.
    OFFER.try_with(|offer| offer.try_borrow_mut().ok()?.take()).ok().flatten()
}

/// Takes back what `Trust.offer` left and nobody took.
#[pyfunction]
pub(crate) fn withdraw() {
    take_offer();
}

/// What one connection trusts, and the verdict on it, where no callback of OpenSSL asks for it.
#[pyclass(frozen, module = "trustbridge._native")]
pub(crate) struct Judge {
    set: Arc<Set>,
}

#[pymethods]
impl Judge {
    /// The verdict on a connection: `chain` is what the server sent in DER, the end entity first,
    /// `name` what it must be valid for (None: not checked), `flags` are Python's `verify_flags`.
    fn __call__(
        &self,
        py: Python<'_>,
        chain: Vec<Vec<u8>>,
        name: Option<&str>,
        flags: c_ulong,
        common_name: bool,
    ) -> Verdict {
        let address = name.and_then(|name| name.parse::<IpAddr>().ok());
        let connection = Connection {
            chain: chain.into_iter().map(CertificateDer::from).collect(),
            host: name.filter(|_| address.is_none()).map(|name| name.as_bytes().to_vec()),
            address,
            flags,
            host_flags: if common_name { 0 } else { X509_CHECK_FLAG_NEVER_CHECK_SUBJECT },
        };
        let verdict = py.detach(|| {
            catch_unwind(AssertUnwindSafe(|| judge::judge(&self.set, &connection)))
                .unwrap_or_else(|_| Err(Rejected::internal(X509_V_ERR_UNSPECIFIED)))
        });
        verdict.into()
    }
}
