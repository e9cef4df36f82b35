//! Environment variables, as Python has them.
//!
//! Never with `getenv`: nothing keeps another thread from calling `setenv` meanwhile. Python's
//! `os.environ` can be read at any time.

use std::cell::RefCell;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use trustbridge::{Verifier, VerifierBuilder};

/// The settings that the environment gives, and the variables that they come from.
#[derive(Clone)]
pub(crate) struct Environment {
    pub(crate) builder: VerifierBuilder,
    /// Those that were read, with their values, and the current directory, from which relative paths
    /// in them are found: with the same ones the builder is the same.
    pub(crate) variables: Arc<[(String, Option<OsString>)]>,
}

/// `Verifier::builder` with the variables in `os.environ`.
pub(crate) fn read(py: Python<'_>) -> PyResult<Environment> {
    let environ = py.import("os")?.getattr("environ")?;
    let failed = RefCell::new(None);
    let here = std::env::current_dir().ok().map(PathBuf::into_os_string);
    let variables = RefCell::new(vec![(String::new(), here)]);
    let builder = Verifier::builder_with_env(|name| {
        let found = environ.call_method1("get", (name,));
        let value =
            found.and_then(|value| value.extract::<Option<OsString>>()).unwrap_or_else(|error| {
                failed.replace(Some(error));
                None
            });
        variables.borrow_mut().push((name.to_owned(), value.clone()));
        value
    });
    let environment = Environment { builder, variables: variables.into_inner().into() };
    failed.into_inner().map_or(Ok(environment), Err)
}

/// As [`read`], where it does not matter which variables there are.
pub(crate) fn builder(py: Python<'_>) -> PyResult<VerifierBuilder> {
    Ok(read(py)?.builder)
}
