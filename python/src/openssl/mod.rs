//! The way from an `_ssl._SSLContext` to OpenSSL's certificate-verify callback: the only unsafe
//! file of the binding.
//!
//! Nothing here links to OpenSSL. Every function comes from the libssl and libcrypto that
//! CPython's `_ssl` itself loaded, so that the structures and the code that reads them belong
//! together. [`Library::open`] proves it before anything is used.
//!
//! # What the SAFETY comments rest on
//!
//! * **Signatures.** Each function pointer has the type that OpenSSL 3's public headers give the
//!   function of that name; [`Library::open`] refuses every other major version.
//! * **The callback's context.** OpenSSL calls [`on_verify`] with a live `X509_STORE_CTX` whose
//!   certificates, chain and `SSL` stay alive until it returns.
//! * **The argument.** A context's [`Trust`] is owned by the `SSL_CTX` through its ex_data, which
//!   OpenSSL frees with the `SSL_CTX`; a connection holds a reference to its `SSL_CTX`.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_long, c_uchar, c_uint, c_ulong, c_void};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, OnceLock};

use pki_types::CertificateDer;
use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::PyAnyMethods;

use crate::judge::{self, Connection, Rejected};
use crate::trust::{self, Set, Trust};

/// OpenSSL's structures, only ever seen through pointers.
macro_rules! opaque {
    ($($name:ident)*) => { $(
        #[repr(C)]
        struct $name { _opaque: [u8; 0] }
    )* };
}

opaque! { SslCtx Ssl X509StoreCtx X509 Stack VerifyParam ExData EvpPkey }

type VerifyCallback = unsafe extern "C" fn(*mut X509StoreCtx, *mut c_void) -> c_int;
/// OpenSSL has the same type for the callback on a new object and on a freed one.
type ExCallback =
    unsafe extern "C" fn(*mut c_void, *mut c_void, *mut ExData, c_int, c_long, *mut c_void);
type DupCallback = unsafe extern "C" fn(
    *mut ExData,
    *const ExData,
    *mut *mut c_void,
    c_int,
    c_long,
    *mut c_void,
) -> c_int;

/// A table of function pointers, filled by name.
macro_rules! symbols {
    ($($field:ident: fn($($arg:ty),*) $(-> $ret:ty)?;)*) => {
        #[allow(non_snake_case)]
        struct Symbols { $($field: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)* }

        impl Symbols {
            fn resolve(object: &loader::Object) -> Result<Self, String> {
                Ok(Self { $($field: {
                    let name = concat!(stringify!($field), "\0");
                    let address = object.symbol(name)
                        .ok_or_else(|| format!("no function {}", stringify!($field)))?;
                    // SAFETY: Signatures. A function pointer and a data pointer have the same
                    // size and form on every system that has dlsym or GetProcAddress.
                    unsafe {
                        std::mem::transmute::<
                            NonNull<c_void>,
                            unsafe extern "C" fn($($arg),*) $(-> $ret)?,
                        >(address)
                    }
                },)* })
            }
        }
    };
}

symbols! {
    OpenSSL_version_num: fn() -> c_ulong;
    SSL_CTX_set_cert_verify_callback: fn(*mut SslCtx, Option<VerifyCallback>, *mut c_void);
    SSL_CTX_get_options: fn(*const SslCtx) -> u64;
    SSL_CTX_get_verify_mode: fn(*const SslCtx) -> c_int;
    SSL_CTX_ctrl: fn(*mut SslCtx, c_int, c_long, *mut c_void) -> c_long;
    SSL_CTX_get0_param: fn(*mut SslCtx) -> *mut VerifyParam;
    SSL_CTX_set_ex_data: fn(*mut SslCtx, c_int, *mut c_void) -> c_int;
    SSL_get_ex_data_X509_STORE_CTX_idx: fn() -> c_int;
    SSL_get_verify_mode: fn(*const Ssl) -> c_int;
    SSL_is_server: fn(*const Ssl) -> c_int;
    SSL_get0_param: fn(*mut Ssl) -> *mut VerifyParam;
    X509_STORE_CTX_get_ex_data: fn(*const X509StoreCtx, c_int) -> *mut c_void;
    X509_STORE_CTX_get0_cert: fn(*const X509StoreCtx) -> *mut X509;
    X509_STORE_CTX_get0_untrusted: fn(*const X509StoreCtx) -> *mut Stack;
    X509_STORE_CTX_get0_param: fn(*const X509StoreCtx) -> *mut VerifyParam;
    X509_STORE_CTX_set0_verified_chain: fn(*mut X509StoreCtx, *mut Stack);
    X509_STORE_CTX_set_error: fn(*mut X509StoreCtx, c_int);
    X509_STORE_CTX_set_error_depth: fn(*mut X509StoreCtx, c_int);
    X509_STORE_CTX_set_current_cert: fn(*mut X509StoreCtx, *mut X509);
    X509_VERIFY_PARAM_get_flags: fn(*const VerifyParam) -> c_ulong;
    X509_VERIFY_PARAM_get_hostflags: fn(*const VerifyParam) -> c_uint;
    X509_VERIFY_PARAM_get_auth_level: fn(*const VerifyParam) -> c_int;
    X509_VERIFY_PARAM_get0_host: fn(*mut VerifyParam, c_int) -> *mut c_char;
    X509_VERIFY_PARAM_get1_ip_asc: fn(*mut VerifyParam) -> *mut c_char;
    X509_verify_cert: fn(*mut X509StoreCtx) -> c_int;
    X509_verify_cert_error_string: fn(c_long) -> *const c_char;
    X509_up_ref: fn(*mut X509) -> c_int;
    X509_free: fn(*mut X509);
    X509_get0_pubkey: fn(*const X509) -> *mut EvpPkey;
    X509_get_signature_info: fn(*mut X509, *mut c_int, *mut c_int, *mut c_int, *mut u32) -> c_int;
    EVP_PKEY_get_security_bits: fn(*const EvpPkey) -> c_int;
    i2d_X509: fn(*const X509, *mut *mut c_uchar) -> c_int;
    d2i_X509: fn(*mut *mut X509, *mut *const c_uchar, c_long) -> *mut X509;
    OPENSSL_sk_new_null: fn() -> *mut Stack;
    OPENSSL_sk_num: fn(*const Stack) -> c_int;
    OPENSSL_sk_value: fn(*const Stack, c_int) -> *mut c_void;
    OPENSSL_sk_push: fn(*mut Stack, *const c_void) -> c_int;
    OPENSSL_sk_pop_free: fn(*mut Stack, unsafe extern "C" fn(*mut X509));
    CRYPTO_free: fn(*mut c_void, *const c_char, c_int);
    CRYPTO_get_ex_new_index: fn(
        c_int, c_long, *mut c_void, Option<ExCallback>, Option<DupCallback>, Option<ExCallback>
    ) -> c_int;
    CRYPTO_set_ex_data: fn(*mut ExData, c_int, *mut c_void) -> c_int;
    SSL_get_ex_data: fn(*const Ssl, c_int) -> *mut c_void;
}

// Values of OpenSSL 3's public headers.
const CRYPTO_EX_INDEX_SSL: c_int = 0;
const CRYPTO_EX_INDEX_SSL_CTX: c_int = 1;
const SSL_CTRL_GET_MIN_PROTO_VERSION: c_int = 130;
const SSL_CTRL_GET_MAX_PROTO_VERSION: c_int = 131;
const X509_V_OK: c_int = 0;
const X509_V_ERR_UNSPECIFIED: c_int = 1;
const X509_V_ERR_OUT_OF_MEM: c_int = 17;

/// The OpenSSL of this interpreter, proven to be the right one.
pub(crate) struct Library {
    symbols: Symbols,
    /// Index of the ex_data of `SSL_CTX` that holds a [`Trust`].
    trust_index: c_int,
    /// Index of the ex_data of `SSL` that holds the [`Set`] it was made with.
    set_index: c_int,
    /// Index of the ex_data of `X509_STORE_CTX` that holds the `SSL`.
    ssl_index: c_int,
    /// Size of a Python object's header: where `SSL_CTX *` lies in an `_ssl._SSLContext`.
    header: usize,
    context_type: Py<PyAny>,
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
        if version >> 28 != 3 {
            return Err(refuse(format!("needs OpenSSL 3, this is {version:#x}")));
        }
        // SAFETY: Signatures; NULL stands for "none" in every argument. The index is never
        // given back: this module cannot be unloaded.
        let trust_index = unsafe {
            (symbols.CRYPTO_get_ex_new_index)(
                CRYPTO_EX_INDEX_SSL_CTX,
                0,
                ptr::null_mut(),
                None,
                None,
                Some(on_free),
            )
        };
        // SAFETY: as above.
        let set_index = unsafe {
            (symbols.CRYPTO_get_ex_new_index)(
                CRYPTO_EX_INDEX_SSL,
                0,
                ptr::null_mut(),
                Some(on_connection),
                Some(on_connection_copied),
                Some(on_connection_freed),
            )
        };
        // SAFETY: Signatures; the function takes nothing.
        let ssl_index = unsafe { (symbols.SSL_get_ex_data_X509_STORE_CTX_idx)() };
        if trust_index < 0 || set_index < 0 || ssl_index < 0 {
            return Err(refuse("OpenSSL has no room for application data".to_owned()));
        }
        let header = py.get_type::<PyAny>().getattr("__basicsize__")?.extract()?;
        let context_type = module.getattr("_SSLContext")?.unbind();
        let anchors = AnchorCache::default();
        let library =
            Self { symbols, trust_index, set_index, ssl_index, header, context_type, anchors };
        Ok(LIBRARY.get_or_init(|| library))
    }

    /// The `SSL_CTX *` of a Python context, which stays alive as long as `context` does.
    fn ssl_ctx(&self, context: &Bound<'_, PyAny>) -> PyResult<NonNull<SslCtx>> {
        if !context.is_instance(self.context_type.bind(context.py()))? {
            return Err(pyo3::exceptions::PyTypeError::new_err("not an ssl.SSLContext"));
        }
        let field = context.as_ptr().cast::<u8>().wrapping_add(self.header).cast::<*mut SslCtx>();
        // SAFETY: the object is an `_ssl._SSLContext`, whose structure begins with the object
        // header followed by `SSL_CTX *ctx` in every CPython on the tested list. The pointer is
        // set before the object is handed out and never changes.
        let pointer = unsafe { field.read() };
        NonNull::new(pointer)
            .ok_or_else(|| pyo3::exceptions::PyValueError::new_err("context has no SSL_CTX"))
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
        // SAFETY: Signatures; `ctx` is alive. The data is what `on_free` expects; the caller
        // attaches to a new context only, so nothing older is overwritten and leaked.
        let stored = unsafe { (self.symbols.SSL_CTX_set_ex_data)(ctx, self.trust_index, trust) };
        if stored != 1 {
            // SAFETY: the pointer came from `into_raw` and was not stored.
            drop(unsafe { Arc::from_raw(trust.cast::<Trust>()) });
            return Err(pyo3::exceptions::PyMemoryError::new_err("SSL_CTX_set_ex_data failed"));
        }
        // SAFETY: Signatures; the argument lives as long as `ctx`.
        unsafe { (self.symbols.SSL_CTX_set_cert_verify_callback)(ctx, Some(on_verify), trust) };
        Ok(())
    }

    /// OpenSSL's words for an `X509_V_ERR_*` number.
    pub(crate) fn error_text(&self, code: i32) -> String {
        // SAFETY: Signatures; every number is allowed.
        let text = unsafe { (self.symbols.X509_verify_cert_error_string)(c_long::from(code)) };
        if text.is_null() {
            return format!("error {code}");
        }
        // SAFETY: a static string in every case, except for unknown numbers in a buffer of the
        // calling thread's making, which is read at once.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }

    /// The certificate in DER.
    fn der(&self, cert: *const X509) -> Option<CertificateDer<'static>> {
        // SAFETY: Signatures; `cert` is alive. NULL asks for the length only.
        let length = unsafe { (self.symbols.i2d_X509)(cert, ptr::null_mut()) };
        let length = usize::try_from(length).ok().filter(|length| *length > 0)?;
        let mut der = vec![0_u8; length];
        let mut end = der.as_mut_ptr();
        // SAFETY: Signatures; the buffer has the length the same function just asked for, and
        // the certificate cannot change in between: OpenSSL keeps its encoding.
        let written = unsafe { (self.symbols.i2d_X509)(cert, &raw mut end) };
        (usize::try_from(written) == Ok(length)).then(|| CertificateDer::from(der))
    }

    /// A certificate parsed by OpenSSL.
    fn parse(&self, der: &[u8]) -> Option<OwnedX509> {
        let length = c_long::try_from(der.len()).ok()?;
        let mut start = der.as_ptr();
        // SAFETY: Signatures; `start` points to `length` readable bytes. NULL asks for a new
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

    /// What a handshake asks for. `None` if it cannot be read.
    fn connection(&self, param: *mut VerifyParam, sent: &[NonNull<X509>]) -> Option<Connection> {
        if param.is_null() {
            return None;
        }
        let chain = sent.iter().map(|cert| self.der(cert.as_ptr())).collect::<Option<_>>()?;
        // SAFETY: Signatures; the parameters belong to the live connection. Index 0 is the
        // first name; NULL means none.
        let host = unsafe { (self.symbols.X509_VERIFY_PARAM_get0_host)(param, 0) };
        let host = (!host.is_null()).then(|| {
            // SAFETY: a NUL-terminated string that belongs to the parameters; copied at once.
            unsafe { CStr::from_ptr(host) }.to_bytes().to_vec()
        });
        // SAFETY: Signatures; the parameters belong to the live connection.
        let address = unsafe { (self.symbols.X509_VERIFY_PARAM_get1_ip_asc)(param) };
        let address = if address.is_null() {
            None
        } else {
            // SAFETY: a NUL-terminated string made for the caller.
            let text = unsafe { CStr::from_ptr(address) }.to_string_lossy().into_owned();
            // SAFETY: Signatures; `get1` hands the string over, nothing refers to it any more.
            unsafe { (self.symbols.CRYPTO_free)(address.cast(), c"trustbridge".as_ptr(), 0) };
            // An address that cannot be read must not look like no address.
            Some(text.parse::<IpAddr>().ok()?)
        };
        Some(Connection {
            chain,
            host,
            address,
            // SAFETY: Signatures; the parameters belong to the live connection.
            flags: unsafe { (self.symbols.X509_VERIFY_PARAM_get_flags)(param) },
            // SAFETY: as above.
            host_flags: unsafe { (self.symbols.X509_VERIFY_PARAM_get_hostflags)(param) },
        })
    }

    /// Reads the connection, asks for the verdict and hands it to OpenSSL. `Ok` only for a chain
    /// that is trusted.
    fn judge(&self, ctx: *mut X509StoreCtx, ssl: *mut Ssl, trust: &Trust) -> Result<(), Rejected> {
        // SAFETY: The callback's context; Signatures.
        let leaf = unsafe { (self.symbols.X509_STORE_CTX_get0_cert)(ctx) };
        // SAFETY: as above.
        let untrusted = unsafe { (self.symbols.X509_STORE_CTX_get0_untrusted)(ctx) };
        let Some(leaf) = NonNull::new(leaf) else { return Err(Rejected::unreadable()) };
        // libssl gives the whole list that the peer sent, the end entity first.
        let mut sent = vec![leaf];
        sent.extend(self.members(untrusted).into_iter().filter(|cert| *cert != leaf));
        // SAFETY: The callback's context; Signatures.
        let param = unsafe { (self.symbols.SSL_get0_param)(ssl) };
        let connection = self.connection(param, &sent).ok_or_else(Rejected::unreadable)?;

        // SAFETY: The callback's context; Signatures.
        let set = unsafe { (self.symbols.SSL_get_ex_data)(ssl, self.set_index) }.cast::<Set>();
        let current = trust.current();
        // SAFETY: NULL, or what `on_connection` stored; the connection is alive. One that was not
        // made by the package's own `_wrap_socket` or `_wrap_bio` has none.
        let set = unsafe { set.as_ref() }.unwrap_or(&current);
        let verified = judge::judge(set, &connection).inspect_err(|rejected| {
            let at_fault = rejected.depth.and_then(|depth| sent.get(depth)).unwrap_or(&leaf);
            // SAFETY: The callback's context; Signatures. The certificate stays with `ctx`.
            unsafe { (self.symbols.X509_STORE_CTX_set_current_cert)(ctx, at_fault.as_ptr()) };
        })?;

        let mut chain = Vec::with_capacity(verified.chain.len());
        for der in &verified.chain {
            let known = connection.chain.iter().zip(&sent).find(|(sent, _)| *sent == der);
            let cert = match known {
                Some((_, cert)) => self.share(*cert),
                None => self.anchors.get(self, der),
            };
            chain.push(cert.ok_or_else(|| Rejected::internal(X509_V_ERR_OUT_OF_MEM))?);
        }
        // SAFETY: The callback's context; Signatures.
        let store_param = unsafe { (self.symbols.X509_STORE_CTX_get0_param)(ctx) };
        self.check_security_level(store_param, &chain)?;
        self.hand_over(ctx, chain)
    }

    /// Security levels above 2 ask for more than the core does by itself
    /// ([SSL_CTX_set_security_level(3)](https://docs.openssl.org/3.0/man3/SSL_CTX_get_security_level/)).
    fn check_security_level(
        &self,
        param: *const VerifyParam,
        chain: &[OwnedX509],
    ) -> Result<(), Rejected> {
        // SAFETY: The callback's context; Signatures.
        let level = unsafe { (self.symbols.X509_VERIFY_PARAM_get_auth_level)(param) };
        let wanted = match level {
            ..=2 => return Ok(()),
            3 => 128,
            4 => 192,
            _ => 256,
        };
        for (depth, cert) in chain.iter().enumerate() {
            let cert = cert.cert.as_ptr();
            // SAFETY: Signatures; `cert` is alive, the key belongs to it. NULL gives 0 bits.
            let key = unsafe { (self.symbols.X509_get0_pubkey)(cert) };
            let key_bits = if key.is_null() {
                0
            } else {
                // SAFETY: as above.
                unsafe { (self.symbols.EVP_PKEY_get_security_bits)(key) }
            };
            if key_bits < wanted {
                let code = if depth == 0 { 66 } else { 67 }; // EE_KEY_TOO_SMALL, CA_KEY_TOO_SMALL
                return Err(Rejected::security_level(code, depth, level, "public key"));
            }
            let mut signature_bits = -1;
            // SAFETY: Signatures; NULL for what is not asked for.
            unsafe {
                (self.symbols.X509_get_signature_info)(
                    cert,
                    ptr::null_mut(),
                    ptr::null_mut(),
                    &raw mut signature_bits,
                    ptr::null_mut(),
                )
            };
            // Nobody relies on the signature of the trust anchor.
            if depth + 1 < chain.len() && signature_bits < wanted {
                return Err(Rejected::security_level(68, depth, level, "signature")); // CA_MD_TOO_WEAK
            }
        }
        Ok(())
    }

    /// Makes the chain the verified chain of the connection.
    fn hand_over(&self, ctx: *mut X509StoreCtx, chain: Vec<OwnedX509>) -> Result<(), Rejected> {
        let out_of_memory = || Rejected::internal(X509_V_ERR_OUT_OF_MEM);
        // SAFETY: Signatures.
        let stack = unsafe { (self.symbols.OPENSSL_sk_new_null)() };
        if stack.is_null() {
            return Err(out_of_memory());
        }
        for cert in chain {
            // SAFETY: Signatures; the stack takes over one reference if it answers more than 0.
            let pushed =
                unsafe { (self.symbols.OPENSSL_sk_push)(stack, cert.cert.as_ptr().cast()) };
            if pushed <= 0 {
                // SAFETY: Signatures; frees the stack with the references it holds.
                unsafe { (self.symbols.OPENSSL_sk_pop_free)(stack, self.symbols.X509_free) };
                return Err(out_of_memory());
            }
            std::mem::forget(cert);
        }
        // SAFETY: The callback's context; Signatures. `ctx` takes the stack over.
        unsafe { (self.symbols.X509_STORE_CTX_set0_verified_chain)(ctx, stack) };
        Ok(())
    }
}

/// One reference to a certificate of OpenSSL.
struct OwnedX509 {
    cert: NonNull<X509>,
    free: unsafe extern "C" fn(*mut X509),
}

impl Drop for OwnedX509 {
    fn drop(&mut self) {
        // SAFETY: Signatures; this object owns one reference.
        unsafe { (self.free)(self.cert.as_ptr()) }
    }
}

// SAFETY: OpenSSL counts references atomically and locks what it computes lazily in a
// certificate; nothing here changes one.
unsafe impl Send for OwnedX509 {}

/// The trust anchors last used, as OpenSSL's objects: parsing one takes longer than verifying a
/// signature.
#[derive(Default)]
struct AnchorCache {
    recent: Mutex<Vec<(CertificateDer<'static>, OwnedX509)>>,
}

impl AnchorCache {
    const SIZE: usize = 16;

    fn get(&self, library: &Library, der: &CertificateDer<'static>) -> Option<OwnedX509> {
        // Never waits: after a fork the lock may be held for ever by a thread that is gone.
        let Ok(mut recent) = self.recent.try_lock() else { return library.parse(der) };
        if let Some((_, cert)) = recent.iter().find(|(known, _)| known == der) {
            return library.share(cert.cert);
        }
        let cert = library.parse(der)?;
        let shared = library.share(cert.cert);
        if recent.len() == Self::SIZE {
            recent.remove(0);
        }
        recent.push((der.clone(), cert));
        shared
    }
}

/// OpenSSL asks whether the peer's chain is trusted. Runs without the GIL and touches no Python
/// object.
unsafe extern "C" fn on_verify(ctx: *mut X509StoreCtx, arg: *mut c_void) -> c_int {
    let Some(library) = Library::get() else { return 0 };
    let symbols = &library.symbols;
    judge::forget_rejection();
    // SAFETY: The callback's context; Signatures.
    let ssl = unsafe { (symbols.X509_STORE_CTX_get_ex_data)(ctx, library.ssl_index) }.cast::<Ssl>();
    if ssl.is_null() || arg.is_null() {
        // SAFETY: The callback's context; Signatures.
        unsafe { (symbols.X509_STORE_CTX_set_error)(ctx, X509_V_ERR_UNSPECIFIED) };
        return 0;
    }
    // SAFETY: The callback's context; Signatures.
    if unsafe { (symbols.SSL_is_server)(ssl) } == 1 {
        // A client's certificate is judged by the standard library's own rules.
        // SAFETY: The callback's context; Signatures. This is what libssl does by default.
        return unsafe { (symbols.X509_verify_cert)(ctx) };
    }
    // SAFETY: The callback's context; Signatures.
    if unsafe { (symbols.SSL_get_verify_mode)(ssl) } == 0 {
        return 1; // CERT_NONE
    }
    // SAFETY: The argument.
    let trust = unsafe { &*arg.cast::<Trust>() };
    let verdict = catch_unwind(AssertUnwindSafe(|| library.judge(ctx, ssl, trust)))
        .unwrap_or_else(|_| Err(Rejected::internal(X509_V_ERR_UNSPECIFIED)));
    match verdict {
        Ok(()) => {
            // SAFETY: The callback's context; Signatures.
            unsafe { (symbols.X509_STORE_CTX_set_error)(ctx, X509_V_OK) };
            1
        }
        Err(rejected) => {
            let depth = rejected.depth.and_then(|depth| c_int::try_from(depth).ok()).unwrap_or(0);
            // SAFETY: The callback's context; Signatures.
            unsafe { (symbols.X509_STORE_CTX_set_error_depth)(ctx, depth) };
            // X509_V_OK must never stand beside a rejection.
            let code =
                if rejected.code == X509_V_OK { X509_V_ERR_UNSPECIFIED } else { rejected.code };
            // SAFETY: The callback's context; Signatures.
            unsafe { (symbols.X509_STORE_CTX_set_error)(ctx, code) };
            judge::remember_rejection(rejected);
            0
        }
    }
}

/// OpenSSL frees an `SSL_CTX`.
unsafe extern "C" fn on_free(
    _parent: *mut c_void,
    data: *mut c_void,
    _ex_data: *mut ExData,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) {
    if !data.is_null() {
        // SAFETY: `attach` stored what `Arc::into_raw` gave, and OpenSSL calls this once.
        drop(unsafe { Arc::from_raw(data.cast::<Trust>()) });
    }
}

/// OpenSSL makes an `SSL`. Inside the package's own calls a [`Set`] waits for it.
unsafe extern "C" fn on_connection(
    _parent: *mut c_void,
    _data: *mut c_void,
    ex_data: *mut ExData,
    index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) {
    // OpenSSL may call this as soon as the index exists.
    let Some(library) = Library::get() else { return };
    // Two threads may have come to `open`: the index of the one that lost is not looked at.
    if index != library.set_index {
        return;
    }
    let Some(set) = trust::take_offer() else { return };
    let set = Arc::into_raw(set).cast_mut().cast::<c_void>();
    // SAFETY: Signatures; OpenSSL gives the live ex_data of the new object and the index.
    let stored = unsafe { (library.symbols.CRYPTO_set_ex_data)(ex_data, index, set) };
    if stored != 1 {
        // SAFETY: the pointer came from `into_raw` and was not stored.
        drop(unsafe { Arc::from_raw(set.cast::<Set>()) });
    }
}

/// OpenSSL copies an `SSL` and the pointers with it.
unsafe extern "C" fn on_connection_copied(
    _to: *mut ExData,
    _from: *const ExData,
    data: *mut *mut c_void,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) -> c_int {
    // SAFETY: OpenSSL gives the place of the copied pointer.
    let set = unsafe { data.read() };
    if !set.is_null() {
        // SAFETY: `on_connection` stored what `Arc::into_raw` gave, and the original is alive.
        unsafe { Arc::increment_strong_count(set.cast::<Set>()) };
    }
    1
}

/// OpenSSL frees an `SSL`.
unsafe extern "C" fn on_connection_freed(
    _parent: *mut c_void,
    data: *mut c_void,
    _ex_data: *mut ExData,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) {
    if !data.is_null() {
        // SAFETY: `on_connection` stored what `Arc::into_raw` gave, and OpenSSL calls this once.
        drop(unsafe { Arc::from_raw(data.cast::<Set>()) });
    }
}

#[cfg(unix)]
mod loader {
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use super::*;

    /// The shared object of `_ssl`, or the whole program where `_ssl` is built in. Never closed:
    /// it must stay loaded as long as its functions can be called.
    pub(super) struct Object(NonNull<c_void>);

    impl Object {
        pub(super) fn open(file: Option<&Path>) -> Result<Self, String> {
            let path = file
                .map(|file| CString::new(file.as_os_str().as_bytes()))
                .transpose()
                .map_err(|_| "the path of the _ssl module has a NUL byte".to_owned())?;
            let name = path.as_ref().map_or(ptr::null(), |path| path.as_ptr());
            // Only what is loaded already: NOLOAD never brings in another library.
            // SAFETY: a NUL-terminated path, or NULL for the program itself.
            let handle = unsafe { libc::dlopen(name, libc::RTLD_NOLOAD | libc::RTLD_LAZY) };
            NonNull::new(handle)
                .map(Self)
                .ok_or_else(|| "the shared object of the _ssl module cannot be found".to_owned())
        }

        /// Looks in the object and in what it depends on, in this order. `name` ends with NUL.
        pub(super) fn symbol(&self, name: &str) -> Option<NonNull<c_void>> {
            let name = CStr::from_bytes_with_nul(name.as_bytes()).ok()?;
            // SAFETY: a handle that dlopen gave, and a NUL-terminated name.
            NonNull::new(unsafe { libc::dlsym(self.0.as_ptr(), name.as_ptr()) })
        }
    }
}

#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as loader;

#[cfg(not(any(unix, windows)))]
compile_error!("the binding knows no way to OpenSSL on this operating system");
