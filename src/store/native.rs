//! The roots that Windows and Apple systems list, for introspection. Verification asks the
//! operating system and never this list: Windows fetches roots on demand.
//!
//! Tests: `tests/store.rs` and `tests/windows_root.rs`, on these systems.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::anchor::{AnchorSet, StoreEntry};
use super::source::{Place, Problem, Source};
use super::system::SystemStore;

/// What the store that holds the roots is called.
pub(crate) const STORE: &str =
    if cfg!(windows) { "the Windows store ROOT" } else { "the system keychains" };

/// The store of the operating system, listed when first asked for.
#[derive(Debug, Default)]
pub(crate) struct Handle {
    listed: OnceLock<Arc<SystemStore>>,
}

impl Handle {
    /// The one handle of this process. Lists nothing.
    pub(crate) fn for_process() -> Arc<Self> {
        static HANDLE: OnceLock<Arc<Handle>> = OnceLock::new();
        HANDLE.get_or_init(Arc::default).clone()
    }

    /// The same: environment variables mean nothing here.
    pub(crate) fn for_variables(_variable: impl Fn(&str) -> Option<OsString>) -> Arc<Self> {
        Self::for_process()
    }

    /// The same: the operating system decides what it distrusts.
    pub(crate) fn with_distrust(self: Arc<Self>, _yes: bool) -> Arc<Self> {
        self
    }

    /// The roots as they were when first listed.
    pub(crate) fn store(&self) -> Arc<SystemStore> {
        self.listed.get_or_init(|| Arc::new(list())).clone()
    }
}

fn list() -> SystemStore {
    let source = Source::System(STORE.into());
    let listed = rustls_native_certs::load_native_certs();
    let anchors = AnchorSet::new(
        listed.certs.into_iter().map(|cert| StoreEntry::new(cert, source.clone(), None)),
    );
    let mut problems: Vec<_> = listed
        .errors
        .iter()
        .map(|error| Problem { path: PathBuf::from(STORE), line: None, reason: error.to_string() })
        .collect();
    for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        if std::env::var_os(variable).is_some() {
            problems.push(Problem {
                path: PathBuf::from(variable),
                line: None,
                reason: "is set: what it names is listed instead of the system's roots".to_owned(),
            });
        }
    }
    let places = vec![Place { source, reason: "default", entries: anchors.entries().len() }];
    SystemStore { anchors, places, problems, distrust: Vec::new() }
}
