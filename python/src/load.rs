//! Reading certificates and CRLs that a context is given.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use pki_types::{CertificateDer, CertificateRevocationListDer};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use trustbridge::pem::{self, Item};
use trustbridge::{Revocation, TrustSettings, Verifier, VerifierBuilder};

/// Most bytes read from one file.
const MAX_FILE: u64 = 64 << 20;

/// What tells one state of a file from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    identity: (u64, u64),
    length: u64,
    modified: SystemTime,
}

impl Stamp {
    /// `None` where the system does not tell: such a file is read every time.
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
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
    pub(crate) roots: Vec<CertificateDer<'static>>,
    pub(crate) crls: Vec<CertificateRevocationListDer<'static>>,
    /// Whether something was found, and everything found could be read.
    #[pyo3(get)]
    clean: bool,
    /// Whether reading again gives the same.
    #[pyo3(get)]
    repeatable: bool,
    pub(crate) file: Option<(PathBuf, Stamp)>,
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
