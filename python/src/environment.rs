//! Environment variables, as Python has them.
//!
//! Never with `getenv`: nothing keeps another thread from calling `setenv` meanwhile. Python's
//! `os.environ` can be read at any time.

use std::cell::RefCell;
use std::ffi::OsString;

use pyo3::prelude::*;
use trustbridge::{Verifier, VerifierBuilder};

/// `Verifier::builder` with the variables in `os.environ`.
pub(crate) fn builder(py: Python<'_>) -> PyResult<VerifierBuilder> {
    let environ = py.import("os")?.getattr("environ")?;
    let failed = RefCell::new(None);
    let builder = Verifier::builder_with_env(|name| {
        let found = environ.call_method1("get", (name,));
        found.and_then(|value| value.extract::<Option<OsString>>()).unwrap_or_else(|error| {
            failed.replace(Some(error));
            None
        })
    });
    failed.into_inner().map_or(Ok(builder), Err)
}
