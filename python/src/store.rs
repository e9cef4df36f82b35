//! The system store for humans and for export: what was found, where, and what is rejected.

use std::sync::Arc;

use pki_types::UnixTime;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use trustbridge::{Purpose, SystemStore};

use crate::environment;

/// A certificate of the store: see [`Store::entries`].
type Entry<'py> = (Bound<'py, PyBytes>, String, String, Option<String>, Option<(u64, String)>);

/// One reading of the system store.
#[pyclass(frozen, module = "trustbridge._native")]
pub(crate) struct Store {
    store: Arc<SystemStore>,
}

#[pymethods]
impl Store {
    /// Every certificate found, in the order of reading: DER, subject, source, and why it cannot
    /// be a trust anchor of a server now, or None; and, if the distribution trusts it only for
    /// servers' certificates issued up to a time, that time, in seconds since 1970, and the file
    /// that says so.
    fn entries<'py>(&self, py: Python<'py>) -> Vec<Entry<'py>> {
        let now = UnixTime::now();
        self.store
            .entries()
            .iter()
            .map(|entry| {
                let refusal = entry.refusal(Purpose::ServerAuth, now);
                let after = entry.distrust_after(Purpose::ServerAuth);
                (
                    PyBytes::new(py, entry.certificate()),
                    entry.subject(),
                    entry.source().to_string(),
                    refusal.map(|refusal| refusal.to_string()),
                    after.map(|(date, file)| (date.as_secs(), file.to_string())),
                )
            })
            .collect()
    }

    /// Every place searched: what it is, why it was searched, how many certificates it contains.
    fn places(&self) -> Vec<(String, &'static str, usize)> {
        let places = self.store.places().iter();
        places.map(|place| (place.source.to_string(), place.reason, place.entries)).collect()
    }

    /// The files in which the distribution takes trust away, and the number of statements in each.
    fn distrust(&self) -> Vec<(String, usize)> {
        let files = self.store.distrust_sources().iter();
        files.map(|file| (file.source.to_string(), file.statements)).collect()
    }

    /// Everything that went wrong, one line each.
    fn problems(&self) -> Vec<String> {
        self.store.problems().iter().map(ToString::to_string).collect()
    }
}

/// The current snapshot of the system store.
#[pyfunction]
pub(crate) fn read_store(py: Python<'_>) -> PyResult<Store> {
    let builder = environment::builder(py)?;
    Ok(Store { store: py.detach(|| builder.system_store()) })
}
