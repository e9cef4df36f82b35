//! The roots that Windows and Apple systems list, for introspection. Verification asks the
//! operating system and never this list: Windows fetches roots on demand.
//!
//! Tests: `tests/windows_root.rs`, on Windows.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use pki_types::CertificateDer;

use super::anchor::{AnchorSet, StoreEntry};
use super::source::{Place, Problem, Source};
use super::system::SystemStore;

/// What the store that holds the roots is called.
pub(crate) const STORE: &str =
    if cfg!(windows) { "the Windows store ROOT" } else { "the system keychains" };

/// The store of the operating system, listed whenever it is asked for: what connections trust
/// changes with it.
#[derive(Debug, Default)]
pub(crate) struct Handle;

impl Handle {
    /// The one handle of this process. Lists nothing.
    pub(crate) fn for_process() -> Arc<Self> {
        static HANDLE: LazyLock<Arc<Handle>> = LazyLock::new(Arc::default);
        HANDLE.clone()
    }

    /// The same: environment variables mean nothing here.
    pub(crate) fn for_variables(_variable: impl Fn(&str) -> Option<OsString>) -> Arc<Self> {
        Self::for_process()
    }

    /// The same: the operating system decides what it distrusts.
    pub(crate) fn with_distrust(self: Arc<Self>, _yes: bool) -> Arc<Self> {
        self
    }

    /// The roots as they are listed now.
    pub(crate) fn store(&self) -> Arc<SystemStore> {
        Arc::new(list())
    }
}

fn list() -> SystemStore {
    let source = Source::System(STORE.into());
    let (roots, problems) = roots();
    let anchors =
        AnchorSet::new(roots.into_iter().map(|root| StoreEntry::new(root, source.clone(), None)));
    let places = vec![Place { source, reason: "default", entries: anchors.entries().len() }];
    SystemStore { anchors, places, problems, ..SystemStore::default() }
}

/// Every certificate of ROOT, which includes the machine's: what cannot be a trust anchor now is
/// refused with its reason.
#[cfg(windows)]
fn roots() -> (Vec<CertificateDer<'static>>, Vec<Problem>) {
    use schannel::cert_store::CertStoreBuilder;

    match CertStoreBuilder::new().read_only().open_current_user("ROOT") {
        Ok(root) => (root.certs().map(|cert| cert.to_der().to_vec().into()).collect(), Vec::new()),
        Err(error) => (Vec::new(), vec![problem(STORE, error.to_string())]),
    }
}

#[cfg(target_vendor = "apple")]
fn roots() -> (Vec<CertificateDer<'static>>, Vec<Problem>) {
    let listed = rustls_native_certs::load_native_certs();
    let mut problems: Vec<_> =
        listed.errors.iter().map(|error| problem(STORE, error.to_string())).collect();
    for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        if std::env::var_os(variable).is_some() {
            let reason = "is set: what it names is listed instead of the system's roots";
            problems.push(problem(variable, reason.to_owned()));
        }
    }
    (listed.certs, problems)
}

fn problem(place: &str, reason: String) -> Problem {
    Problem { path: PathBuf::from(place), line: None, reason }
}
