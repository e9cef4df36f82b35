//! Reading the certificates and CRLs that a context is given, with the core's reader of files.

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use pki_types::{CertificateDer, CertificateRevocationListDer};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use trustbridge::files::{self, Contents, Stamp};
use trustbridge::{Crl, CrlProblem, Purpose, TrustSettings};

use crate::unique::Unique;

/// A certificate with the trust settings of its `TRUSTED CERTIFICATE` block, if it has any.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Root {
    pub(crate) certificate: Arc<CertificateDer<'static>>,
    pub(crate) trust: Option<TrustSettings>,
}

impl Root {
    /// Whether its settings allow it to vouch for servers.
    pub(crate) fn vouches(&self) -> bool {
        self.trust.as_ref().is_none_or(|trust| trust.allows(Purpose::ServerAuth))
    }
}

/// A CRL, equal to one with the same bytes. One that cannot be read is kept: then no other CRL of
/// its issuer proves that a certificate is good.
#[derive(Clone)]
pub(crate) struct LoadedCrl(pub(crate) Crl);

impl LoadedCrl {
    fn new(der: CertificateRevocationListDer<'static>) -> Self {
        Self(Crl::new(der))
    }

    fn is_readable(&self) -> bool {
        !matches!(self.0.problem(), Some(CrlProblem::Malformed(_)))
    }
}

impl PartialEq for LoadedCrl {
    fn eq(&self, other: &Self) -> bool {
        self.0.der() == other.0.der()
    }
}

impl Eq for LoadedCrl {}

impl Hash for LoadedCrl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.der().hash(state);
    }
}

/// Certificates and CRLs that were read, not yet trusted by anybody. Copies share them.
#[derive(Clone)]
#[pyclass(frozen, module = "trustbridge._native")]
pub(crate) struct Batch {
    pub(crate) roots: Unique<Root>,
    pub(crate) crls: Unique<LoadedCrl>,
    /// How many were read, repetitions among them.
    length: usize,
    /// Whether something was found, and everything found could be read.
    #[pyo3(get)]
    clean: bool,
    /// Whether reading again gives the same.
    #[pyo3(get)]
    repeatable: bool,
    pub(crate) file: Option<(PathBuf, Stamp)>,
}

#[pymethods]
impl Batch {
    /// How many certificates and CRLs were read.
    fn __len__(&self) -> usize {
        self.length
    }
}

impl Batch {
    /// OpenSSL reads some certificates that the core does not: they are of no use here, and the
    /// others still are.
    fn new(contents: Contents) -> Self {
        let mut roots = Unique::default();
        let mut crls = Unique::default();
        let length = contents.certificates.len() + contents.crls.len();
        for (certificate, trust) in contents.certificates {
            roots.add(&Root { certificate: Arc::new(certificate), trust });
        }
        for crl in contents.crls {
            crls.add(&LoadedCrl::new(crl));
        }
        let clean = contents.faults.is_empty() && crls.iter().all(LoadedCrl::is_readable);
        Self { roots, crls, length, clean, repeatable: true, file: None }
    }

    /// Not clean if nothing was found.
    fn not_empty(mut self) -> Self {
        self.clean &= self.__len__() > 0;
        self
    }
}

/// Reads a file of PEM blocks: certificates and CRLs; everything else in it is skipped. A file that
/// has not changed is not read again in this process.
///
/// Raises OSError if the file cannot be read or is too large.
#[pyfunction]
pub(crate) fn read_file(py: Python<'_>, path: PathBuf) -> PyResult<Batch> {
    py.detach(|| {
        if let Some(known) = Stamp::at(&path).and_then(|stamp| READ.get(&path, stamp)) {
            return Ok(known);
        }
        let (contents, stamp) = files::read(&path)?;
        let mut batch = Batch::new(contents).not_empty();
        batch.repeatable = stamp.is_some();
        batch.file = stamp.map(|stamp| (path, stamp));
        READ.put(&batch);
        Ok(batch)
    })
    .map_err(|error: std::io::Error| PyOSError::new_err(error.to_string()))
}

/// What the files last read contain. Nobody waits for it: after a fork the lock may be held by a
/// thread that is gone.
struct Recent(Mutex<Vec<Batch>>);

static READ: Recent = Recent(Mutex::new(Vec::new()));

impl Recent {
    const SIZE: usize = 16;

    fn get(&self, path: &Path, stamp: Stamp) -> Option<Batch> {
        let mut known = self.0.try_lock().ok()?;
        let is = |batch: &Batch| {
            batch.file.as_ref().is_some_and(|(at, was)| at == path && *was == stamp)
        };
        let place = known.iter().position(is)?;
        let batch = known.remove(place);
        known.push(batch.clone());
        Some(batch)
    }

    /// Remembers a file, but for one that could still change without a sign.
    fn put(&self, batch: &Batch) {
        let Some((path, stamp)) = &batch.file else { return };
        let Ok(mut known) = self.0.try_lock() else { return };
        known.retain(|other| other.file.as_ref().is_some_and(|(at, _)| at != path));
        if stamp.may_repeat() {
            return;
        }
        if known.len() >= Self::SIZE {
            known.remove(0);
        }
        known.push(batch.clone());
    }
}

/// Reads the PEM files of a directory whose names are eight hexadecimal digits, a dot and a
/// number (certificates) or `r` and a number (CRLs), as `openssl rehash` makes them. What cannot
/// be read is left out, a directory that is not there is empty.
#[pyfunction]
pub(crate) fn read_directory(py: Python<'_>, path: PathBuf) -> Batch {
    py.detach(|| Batch::new(files::read_directory(&path).unwrap_or_default()))
}

/// Reads PEM blocks: certificates and CRLs; everything else in it is skipped.
#[pyfunction]
pub(crate) fn read_pem(py: Python<'_>, pem: &str) -> Batch {
    py.detach(|| Batch::new(files::read_pem(pem.as_bytes())).not_empty())
}

/// Reads certificates in DER that follow one another, or one CRL in DER.
#[pyfunction]
pub(crate) fn read_der(py: Python<'_>, der: &[u8]) -> Batch {
    py.detach(|| {
        let mut contents = files::read_der(der);
        let crl = CertificateRevocationListDer::from(der.to_vec());
        if contents.certificates.is_empty() && LoadedCrl::new(crl.clone()).is_readable() {
            contents = Contents::default();
            contents.crls.push(crl);
        }
        Batch::new(contents).not_empty()
    })
}
