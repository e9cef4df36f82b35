//! What OpenSSL calls.

use std::ffi::{c_int, c_long, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::Library;
use super::symbols::{ExData, Ssl, X509StoreCtx};
use crate::handoff;
use crate::trust::{Set, Trust};
use crate::verdict::{Rejected, X509_V_ERR_UNSPECIFIED};

const X509_V_OK: c_int = 0;

/// OpenSSL asks whether the peer's chain is trusted. Runs without the GIL and touches no Python
/// object.
pub(super) unsafe extern "C" fn on_verify(ctx: *mut X509StoreCtx, arg: *mut c_void) -> c_int {
    let Some(library) = Library::get() else { return 0 };
    let symbols = &library.symbols;
    handoff::forget_rejection();
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
            handoff::remember_rejection(rejected);
            0
        }
    }
}

/// OpenSSL frees an `SSL_CTX`.
pub(super) unsafe extern "C" fn on_free(
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
pub(super) unsafe extern "C" fn on_connection(
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
    let Some(set) = handoff::take_offer() else { return };
    let set = Arc::into_raw(set).cast_mut().cast::<c_void>();
    // SAFETY: Signatures; OpenSSL gives the live ex_data of the new object and the index.
    let stored = unsafe { (library.symbols.CRYPTO_set_ex_data)(ex_data, index, set) };
    if stored != 1 {
        // SAFETY: the pointer came from `into_raw` and was not stored.
        drop(unsafe { Arc::from_raw(set.cast::<Set>()) });
    }
}

/// OpenSSL copies an `SSL` and the pointers with it.
pub(super) unsafe extern "C" fn on_connection_copied(
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
pub(super) unsafe extern "C" fn on_connection_freed(
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
