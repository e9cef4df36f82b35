//! The way from an `_ssl._SSLContext` to OpenSSL's certificate-verify callback: the only unsafe
//! room of the binding.
//!
//! Nothing here links to OpenSSL. Every function comes from the libssl and libcrypto that
//! CPython's `_ssl` itself loaded, so that the structures and the code that reads them belong
//! together. [`Library::open`] proves it before anything is used.
//!
//! # What the SAFETY comments rest on
//!
//! * **Signatures.** Each function pointer has the type that the public headers of OpenSSL 3 and 4
//!   give the function of that name; [`Library::open`] refuses every other major version.
//! * **The callback's context.** OpenSSL calls [`on_verify`](callbacks::on_verify) with a live
//!   `X509_STORE_CTX` whose certificates, chain and `SSL` stay alive until it returns.
//! * **The argument.** A context's [`Trust`] is owned by the `SSL_CTX` through its ex_data, which
//!   OpenSSL frees with the `SSL_CTX`; a connection holds a reference to its `SSL_CTX`.

#![allow(unsafe_code)]

mod anchors;
mod callbacks;
mod staple;
mod symbols;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::ffi::{c_int, c_long, c_ulong, c_void};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::ptr::{self, NonNull};
use std::sync::{Arc, OnceLock};

use pki_types::CertificateDer;
use pyo3::exceptions::{PyImportError, PyMemoryError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::connection::Strength;
use crate::trust::Trust;
use anchors::{AnchorCache, OwnedX509};
use symbols::{SslCtx, Stack, Symbols, X509};
#[cfg(unix)]
use unix as loader;
#[cfg(windows)]
use windows as loader;

#[cfg(not(any(unix, windows)))]
compile_error!("the binding knows no way to OpenSSL on this operating system");

/// Major versions of OpenSSL whose public headers have these functions and values.
const MAJOR_VERSIONS: RangeInclusive<c_ulong> = 3..=4;

// Values of the public headers.
const CRYPTO_EX_INDEX_SSL: c_int = 0;
const CRYPTO_EX_INDEX_SSL_CTX: c_int = 1;
const SSL_CTRL_GET_MIN_PROTO_VERSION: c_int = 130;
const SSL_CTRL_GET_MAX_PROTO_VERSION: c_int = 131;

/// The OpenSSL of this interpreter, proven to be the right one.
pub(crate) struct Library {
    symbols: Symbols,
    /// Index of the ex_data of `SSL_CTX` that holds a [`Trust`].
    trust_index: c_int,
    /// Index of the ex_data of `SSL` that holds its `Connection`.
    connection_index: c_int,
    /// Index of the ex_data of `X509_STORE_CTX` that holds the `SSL`.
    ssl_index: c_int,
    /// Size of a Python object's header: where `SSL_CTX *` lies in an `_ssl._SSLContext`.
    header: usize,
    context_type: Py<PyType>,
    anchors: AnchorCache,
}

static LIBRARY: OnceLock<Library> = OnceLock::new();

/// Settings of a context as OpenSSL has them, to compare with what Python says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) options: u64,
    pub(crate) verify_mode: c_int,
    pub(crate) minimum_version: c_long,
    pub(crate) maximum_version: c_long,
    pub(crate) verify_flags: c_ulong,
}

impl Library {
    /// The library, once [`open`](Self::open) has succeeded.
    pub(crate) fn get() -> Option<&'static Self> {
        LIBRARY.get()
    }

    /// Finds the functions and checks that they belong to the running `ssl` module.
    ///
    /// The caller has made sure that this is a CPython whose layout is known: from then on the
    /// `SSL_CTX *` is read through every context given.
    ///
    /// # Errors
    ///
    /// `ImportError` with the reason.
    pub(crate) fn open(py: Python<'_>) -> PyResult<&'static Self> {
        if let Some(library) = LIBRARY.get() {
            return Ok(library);
        }
        let refuse = |reason: String| PyImportError::new_err(reason);
        let module = py.import("_ssl")?;
        let file: Option<PathBuf> = match module.getattr("__file__") {
            Ok(file) => Some(file.extract()?),
            Err(_) => None, // built into the interpreter
        };
        let object = loader::Object::open(file.as_deref()).map_err(refuse)?;
        let symbols = Symbols::resolve(&object).map_err(refuse)?;

        // SAFETY: Signatures; the function takes nothing.
        let version = unsafe { (symbols.OpenSSL_version_num)() };
        let expected: c_ulong = module.getattr("OPENSSL_VERSION_NUMBER")?.extract()?;
        if version != expected {
            return Err(refuse(format!(
                "found OpenSSL {version:#x}, but the ssl module uses {expected:#x}"
            )));
        }
        if !MAJOR_VERSIONS.contains(&(version >> 28)) {
            return Err(refuse(format!("needs OpenSSL 3 or 4, this is {version:#x}")));
        }
        let trust_index =
            symbols.new_index(CRYPTO_EX_INDEX_SSL_CTX, None, None, callbacks::on_context_freed);
        let connection_index = symbols.new_index(
            CRYPTO_EX_INDEX_SSL,
            Some(callbacks::on_connection),
            Some(callbacks::on_connection_copied),
            callbacks::on_connection_freed,
        );
        // SAFETY: Signatures; the function takes nothing.
        let ssl_index = unsafe { (symbols.SSL_get_ex_data_X509_STORE_CTX_idx)() };
        if trust_index < 0 || connection_index < 0 || ssl_index < 0 {
            return Err(refuse("OpenSSL has no room for application data".to_owned()));
        }
        let header = py.get_type::<PyAny>().getattr("__basicsize__")?.extract()?;
        let context_type = module.getattr("_SSLContext")?.cast_into::<PyType>()?.unbind();
        let anchors = AnchorCache::default();
        let library = Self {
            symbols,
            trust_index,
            connection_index,
            ssl_index,
            header,
            context_type,
            anchors,
        };
        Ok(LIBRARY.get_or_init(|| library))
    }

    /// The `SSL_CTX *` of a Python context, which stays alive as long as `context` does.
    fn ssl_ctx(&self, context: &Bound<'_, PyAny>) -> PyResult<NonNull<SslCtx>> {
        // The real type: `isinstance` believes what an object says in `__class__`.
        if !context.get_type().is_subclass(self.context_type.bind(context.py()))? {
            return Err(PyTypeError::new_err("not an ssl.SSLContext"));
        }
        let field = context.as_ptr().cast::<u8>().wrapping_add(self.header).cast::<*mut SslCtx>();
        // SAFETY: the object is an `_ssl._SSLContext`, whose structure begins with the object
        // header followed by `SSL_CTX *ctx` in every CPython on the tested list. The pointer is
        // set before the object is handed out and never changes.
        let pointer = unsafe { field.read() };
        NonNull::new(pointer).ok_or_else(|| PyValueError::new_err("context has no SSL_CTX"))
    }

    /// What OpenSSL says of a context.
    pub(crate) fn settings(&self, context: &Bound<'_, PyAny>) -> PyResult<Settings> {
        let ctx = self.ssl_ctx(context)?.as_ptr();
        let ctrl = |command| {
            // SAFETY: Signatures; `ctx` is alive as long as `context`. The command reads.
            unsafe { (self.symbols.SSL_CTX_ctrl)(ctx, command, 0, ptr::null_mut()) }
        };
        // SAFETY: Signatures; `ctx` is alive as long as `context`.
        let param = unsafe { (self.symbols.SSL_CTX_get0_param)(ctx) };
        Ok(Settings {
            // SAFETY: as above.
            options: unsafe { (self.symbols.SSL_CTX_get_options)(ctx) },
            // SAFETY: as above.
            verify_mode: unsafe { (self.symbols.SSL_CTX_get_verify_mode)(ctx) },
            minimum_version: ctrl(SSL_CTRL_GET_MIN_PROTO_VERSION),
            maximum_version: ctrl(SSL_CTRL_GET_MAX_PROTO_VERSION),
            // SAFETY: Signatures; the parameters belong to `ctx`.
            verify_flags: unsafe { (self.symbols.X509_VERIFY_PARAM_get_flags)(param) },
        })
    }

    /// Gives the context's verdicts to `trust`, from now until the `SSL_CTX` is freed.
    pub(crate) fn attach(&self, context: &Bound<'_, PyAny>, trust: Arc<Trust>) -> PyResult<()> {
        let ctx = self.ssl_ctx(context)?.as_ptr();
        let trust = Arc::into_raw(trust).cast_mut().cast::<c_void>();
        // SAFETY: Signatures; `ctx` is alive. The data is what `on_context_freed` expects. A second
        // call for the same context would leak what the first one stored.
        let stored = unsafe { (self.symbols.SSL_CTX_set_ex_data)(ctx, self.trust_index, trust) };
        if stored != 1 {
            // SAFETY: the pointer came from `into_raw` and was not stored.
            drop(unsafe { Arc::from_raw(trust.cast::<Trust>()) });
            return Err(PyMemoryError::new_err("SSL_CTX_set_ex_data failed"));
        }
        // SAFETY: Signatures; the argument lives as long as `ctx`.
        unsafe {
            (self.symbols.SSL_CTX_set_cert_verify_callback)(ctx, Some(callbacks::on_verify), trust)
        };
        self.prepare_for_staples(ctx)
    }

    /// The certificate in DER.
    fn der(&self, cert: NonNull<X509>) -> Option<CertificateDer<'static>> {
        // SAFETY: Signatures; `cert` is alive. with NULL it only computes the length.
        let length = unsafe { (self.symbols.i2d_X509)(cert.as_ptr(), ptr::null_mut()) };
        let length = usize::try_from(length).ok().filter(|length| *length > 0)?;
        let mut der = vec![0_u8; length];
        let mut end = der.as_mut_ptr();
        // SAFETY: Signatures; the buffer has the length that the same function just computed, and
        // the certificate cannot change in between: OpenSSL keeps its encoding.
        let written = unsafe { (self.symbols.i2d_X509)(cert.as_ptr(), &raw mut end) };
        (usize::try_from(written) == Ok(length)).then(|| CertificateDer::from(der))
    }

    /// A certificate parsed by OpenSSL.
    fn parse(&self, der: &[u8]) -> Option<OwnedX509> {
        let length = c_long::try_from(der.len()).ok()?;
        let mut start = der.as_ptr();
        // SAFETY: Signatures; `start` points to `length` readable bytes. with NULL it makes a new
        // object.
        let cert = unsafe { (self.symbols.d2i_X509)(ptr::null_mut(), &raw mut start, length) };
        NonNull::new(cert).map(|cert| OwnedX509 { cert, free: self.symbols.X509_free })
    }

    /// Another reference to a certificate.
    fn share(&self, cert: NonNull<X509>) -> Option<OwnedX509> {
        // SAFETY: Signatures; `cert` is alive, its count is atomic.
        let counted = unsafe { (self.symbols.X509_up_ref)(cert.as_ptr()) };
        (counted == 1).then_some(OwnedX509 { cert, free: self.symbols.X509_free })
    }

    /// How strong OpenSSL says a certificate is.
    fn strength(&self, cert: &OwnedX509) -> Strength {
        let symbols = &self.symbols;
        let cert = cert.cert.as_ptr();
        // SAFETY: Signatures; `cert` is alive, the key belongs to it.
        let key = unsafe { (symbols.X509_get0_pubkey)(cert) };
        let key_bits = if key.is_null() {
            0
        } else {
            // SAFETY: as above.
            unsafe { (symbols.EVP_PKEY_get_security_bits)(key) }
        };
        let mut signature_bits = -1;
        let (none, none_either) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: Signatures; `cert` is alive. NULL for what is not needed.
        unsafe {
            (symbols.X509_get_signature_info)(
                cert,
                none,
                none,
                &raw mut signature_bits,
                none_either,
            )
        };
        Strength { key_bits, signature_bits }
    }

    /// The members of a stack of certificates, NULL being an empty one.
    fn members(&self, stack: *const Stack) -> Vec<NonNull<X509>> {
        if stack.is_null() {
            return Vec::new();
        }
        // SAFETY: Signatures; the stack is alive.
        let count = unsafe { (self.symbols.OPENSSL_sk_num)(stack) };
        let member = |index| {
            // SAFETY: Signatures; the index is in range, members are certificates.
            NonNull::new(unsafe { (self.symbols.OPENSSL_sk_value)(stack, index) }.cast::<X509>())
        };
        (0..count).filter_map(member).collect()
    }
}
