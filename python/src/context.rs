//! The classes of a context that Python sees.

use std::ffi::c_ulong;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use pki_types::{CertificateDer, UnixTime};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::connection::{Connection, Handshake, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT};
use crate::environment;
use crate::handoff;
use crate::load::Batch;
use crate::openssl::Library;
use crate::trust::Trust;
use crate::verdict::{Failure, Rejected, Verdict, Verified, X509_V_ERR_UNSPECIFIED};

/// What a context trusts beside the system, and the verdicts that it gives.
#[pyclass(frozen, module = "trustbridge._native", name = "Trust")]
pub(crate) struct PyTrust {
    trust: Arc<Trust>,
}

#[pymethods]
impl PyTrust {
    /// Gives the verdicts of a context: every client connection made with it is verified by this
    /// object, from now until the context is freed. The context must be new. Without a context
    /// it verifies nothing by itself: see `connection`.
    #[new]
    #[pyo3(signature = (context = None))]
    fn new(py: Python<'_>, context: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let trust = Arc::new(Trust::new(environment::read(py)?));
        if let Some(context) = context {
            Library::open(py)?.attach(context, Arc::clone(&trust))?;
        }
        Ok(Self { trust })
    }

    /// A connection that trusts what is trusted now. It waits for the next `SSL` that OpenSSL
    /// makes in this thread, which gets its verdict from it: see `end_connection`.
    fn begin_connection(&self) -> PyConnection {
        let connection = Arc::new(Connection::new(self.trust.current()));
        handoff::leave(Arc::clone(&connection));
        PyConnection { connection }
    }

    /// A connection that trusts what is trusted now, where no callback of OpenSSL requests the
    /// verdict.
    fn connection(&self) -> PyConnection {
        PyConnection { connection: Arc::new(Connection::new(self.trust.current())) }
    }

    /// Whether this file has been added and is unchanged since.
    fn has_file(&self, path: PathBuf) -> bool {
        self.trust.has(&path)
    }

    /// Trusts what was read.
    fn add(&self, batch: &Batch) {
        self.trust.add(batch);
    }

    /// Trusts what was read, a bundle of certifi, while the system is not trusted.
    fn add_certifi(&self, batch: &Batch) {
        self.trust.add_certifi(batch);
    }

    /// Finds intermediates that a server does not send in this directory, too. They are not trusted.
    fn add_intermediates(&self, path: PathBuf) {
        self.trust.add_intermediates(path);
    }

    /// Whether the system's trust anchors are trusted, by connections made from now on.
    #[getter]
    fn system(&self) -> bool {
        self.trust.system()
    }

    #[setter]
    fn set_system(&self, system: bool) {
        self.trust.set_system(system);
    }

    /// Whether what the distribution distrusts in addition to its bundle is rejected, by
    /// connections made from now on.
    #[getter]
    fn distribution_distrust(&self) -> bool {
        self.trust.heeds_distrust()
    }

    #[setter]
    fn set_distribution_distrust(&self, yes: bool) {
        self.trust.set_heeds_distrust(yes);
    }

    /// Whether weak keys are accepted, by connections made from now on.
    #[getter]
    fn weak_keys(&self) -> bool {
        self.trust.weak_keys()
    }

    #[setter]
    fn set_weak_keys(&self, weak_keys: bool) {
        self.trust.set_weak_keys(weak_keys);
    }

    /// Whether the revocation data that the distribution keeps on the disk is asked, by connections
    /// made from now on.
    #[getter]
    fn distribution_revocation(&self) -> bool {
        self.trust.asks_revocation()
    }

    #[setter]
    fn set_distribution_revocation(&self, yes: bool) {
        self.trust.set_asks_revocation(yes);
    }

    /// Reads the environment variables of the system store again.
    fn reload_environment(&self, py: Python<'_>) -> PyResult<()> {
        self.trust.reload_environment(environment::read(py)?);
        Ok(())
    }

    /// Puts what was read in the place of the system's trust anchors, or nothing, if no place was
    /// searched. `searched` says for reports what was found where, `sources` where each batch
    /// came from.
    #[pyo3(signature = (batches, searched, sources = Vec::new()))]
    fn replace_system(
        &self,
        batches: Vec<PyRef<'_, Batch>>,
        searched: Vec<String>,
        sources: Vec<String>,
    ) {
        let sources = sources.into_iter().map(|source| Some(Arc::from(source)));
        let roots = batches.iter().zip(sources.chain(std::iter::repeat(None))).flat_map(
            |(batch, source)| batch.roots.iter().map(move |root| (root.clone(), source.clone())),
        );
        self.trust.replace_system(roots, searched);
    }

    /// The certificates that were added, then those of the system that can be trust anchors
    /// of a server now, in DER.
    fn anchors<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        let found = self.trust.current().usable_anchors(UnixTime::now());
        found.iter().map(|root| PyBytes::new(py, root)).collect()
    }

    /// The certificates that were added, those of bundles left out, from the one with this index
    /// on, in DER.
    fn loaded<'py>(&self, py: Python<'py>, first: usize) -> Vec<Bound<'py, PyBytes>> {
        self.trust.loaded(first).iter().map(|root| PyBytes::new(py, root)).collect()
    }

    /// How many certificates were added, those of bundles left out.
    #[getter]
    fn roots(&self) -> usize {
        self.trust.roots()
    }

    /// How many CRLs were added.
    #[getter]
    fn crls(&self) -> usize {
        self.trust.crls()
    }

    /// Whether anybody else holds this object: its context, until it is freed. For tests.
    #[getter]
    fn attached(&self) -> bool {
        Arc::strong_count(&self.trust) > 1
    }
}

/// Whether connections made with the context from now on request the OCSP response of the server's
/// certificate. The context has a `Trust`.
#[pyfunction]
pub(crate) fn request_staples(
    py: Python<'_>,
    context: &Bound<'_, PyAny>,
    yes: bool,
) -> PyResult<()> {
    Library::open(py)?.request_staples(context, yes)
}

/// One connection: the trust it was made with, and its verdict.
#[pyclass(frozen, module = "trustbridge._native", name = "Connection")]
pub(crate) struct PyConnection {
    connection: Arc<Connection>,
}

#[pymethods]
impl PyConnection {
    /// The verdict on a handshake: `chain` is what the server sent in DER, the end entity first,
    /// `name` what it must be valid for (None: not checked), `flags` are Python's `verify_flags`.
    fn verify(
        &self,
        py: Python<'_>,
        chain: Vec<Vec<u8>>,
        name: Option<&str>,
        flags: c_ulong,
        common_name: bool,
    ) -> Verdict {
        let address = name.and_then(|name| name.parse::<IpAddr>().ok());
        let handshake = Handshake {
            chain: chain.into_iter().map(CertificateDer::from).collect(),
            host: name.filter(|_| address.is_none()).map(|name| name.as_bytes().to_vec()),
            address,
            flags,
            host_flags: if common_name { 0 } else { X509_CHECK_FLAG_NEVER_CHECK_SUBJECT },
            staple: Vec::new(), // `ssl` has no function that requests or returns one
        };
        let verdict = py.detach(|| {
            catch_unwind(AssertUnwindSafe(|| self.connection.ask(&handshake)))
                .unwrap_or_else(|_| Err(Rejected::internal(X509_V_ERR_UNSPECIFIED)))
        });
        let verdict = Verdict::from(verdict);
        self.connection.keep(verdict.clone());
        verdict
    }

    /// What was accepted. None before the verdict, after a rejection, with CERT_NONE, and in a
    /// resumed session unless `resume` was called.
    #[getter]
    fn verified(&self) -> Option<Verified> {
        self.connection.verdict()?.verified()
    }

    /// Why the handshake was rejected, if it was.
    #[getter]
    fn failure(&self) -> Option<Failure> {
        self.connection.verdict()?.failure()
    }

    /// Takes over the verdict of the connection whose session this one resumes.
    fn resume(&self, other: &Self) {
        if let Some(verdict) = other.connection.verdict() {
            self.connection.keep(verdict);
        }
    }

    /// Whether both were made under the same state of trust.
    fn same_trust(&self, other: &Self) -> bool {
        self.connection.same_trust(&other.connection)
    }
}
