//! The binding for Python: the verdicts of `trustbridge` inside the handshakes of `ssl`.
//!
//! This crate reads what OpenSSL knows about a connection, asks the core, and hands the verdict
//! back. Classes and functions for users are in the Python package around it.

#![deny(unsafe_code)]

mod connection;
mod context;
mod environment;
mod handoff;
mod load;
mod openssl;
mod store;
mod trust;
mod unique;
mod verdict;
mod verify;

use pyo3::prelude::*;

/// Native half of trustbridge. Not for use by other packages: everything here can change.
// Every class is frozen, what changes is behind a lock or belongs to one thread, no lock is held
// while Python runs, and environment variables are read as Python has them (`environment`).
#[pymodule(gil_used = false)]
mod _native {
    use std::ffi::{c_int, c_long, c_ulong};

    use pyo3::exceptions::PyImportError;
    use pyo3::prelude::*;
    use pyo3::sync::PyOnceLock;

    use crate::connection;
    use crate::openssl::Library;
    use crate::verdict::check_word;

    #[pymodule_export]
    use crate::context::{PyConnection, PyTrust, request_staples};
    #[pymodule_export]
    use crate::handoff::end_connection;
    #[pymodule_export]
    use crate::load::{Batch, read_der, read_directory, read_file, read_pem};
    #[pymodule_export]
    use crate::store::{Store, read_store};
    #[pymodule_export]
    use crate::verdict::{Certificate, Failure, Verified};
    #[pymodule_export]
    use crate::verify::verify;

    /// Options, verify_mode, minimum_version, maximum_version and verify_flags of a context,
    /// read from OpenSSL itself.
    ///
    /// Only safe on a CPython whose `_SSLContext` is laid out as expected. Raises ImportError
    /// if OpenSSL's functions cannot be found or do not belong to the ssl module.
    #[pyfunction]
    fn read_settings(
        context: &Bound<'_, PyAny>,
    ) -> PyResult<(u64, c_int, c_long, c_long, c_ulong)> {
        let settings = Library::open(context.py())?.settings(context)?;
        Ok((
            settings.options,
            settings.verify_mode,
            settings.minimum_version,
            settings.maximum_version,
            settings.verify_flags,
        ))
    }

    /// What flags of OpenSSL request from the core: a revocation check ("off", "leaf" or "chain"),
    /// the strict profile, the common name. For tests, which run only where the core decides.
    #[pyfunction]
    fn requested_checks(
        flags: c_ulong,
        host_flags: u32,
        system_decides: bool,
    ) -> (&'static str, bool, bool) {
        let asked = connection::variant(flags, host_flags, system_decides);
        (check_word(asked.check), asked.strict, asked.common_name)
    }

    /// `sys` of the interpreter that this module is for.
    static SYS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

    /// Types and caches are shared by the whole process, so a second interpreter, such as another
    /// application of a web server, must not have them: CPython looks up attributes by numbers
    /// that mean something else there.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let sys = module.py().import("sys")?;
        if !SYS.get_or_init(module.py(), || sys.clone().unbind()).bind(module.py()).is(&sys) {
            return Err(PyImportError::new_err(
                "another interpreter in this process has already loaded it",
            ));
        }
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
