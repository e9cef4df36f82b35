//! The classes of a context that Python sees.

use std::ffi::c_ulong;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use pki_types::{CertificateDer, UnixTime};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::connection::{self, Connection, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT};
use crate::environment;
use crate::handoff;
use crate::load::Batch;
use crate::openssl::Library;
use crate::trust::{Set, Trust, merge};
use crate::verdict::{Rejected, Verdict, X509_V_ERR_UNSPECIFIED};

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
        handoff::offer(self.trust.current());
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
        self.trust.current().system()
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
        self.trust.replace_system(roots, searched);
    }

    /// The certificates that were added, then those of the system that can be trust anchors
    /// of a server now, in DER.
    fn anchors<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        let found = self.trust.current().usable_anchors(UnixTime::now());
        found.iter().map(|root| PyBytes::new(py, root)).collect()
    }

    /// How many certificates were added, those of bundles left out.
    #[getter]
    fn roots(&self) -> usize {
        self.trust.current().roots().len()
    }

    /// How many CRLs were added.
    #[getter]
    fn crls(&self) -> usize {
        self.trust.current().crls().len()
    }

    /// Whether anybody else holds this object: its context, until it is freed. For tests.
    #[getter]
    fn attached(&self) -> bool {
        Arc::strong_count(&self.trust) > 1
    }
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
            catch_unwind(AssertUnwindSafe(|| connection::judge(&self.set, &connection)))
                .unwrap_or_else(|_| Err(Rejected::internal(X509_V_ERR_UNSPECIFIED)))
        });
        verdict.into()
    }
}
