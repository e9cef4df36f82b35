//! OpenSSL's functions, found by name, and the types they work on.

use std::ffi::{c_char, c_int, c_long, c_uchar, c_uint, c_ulong, c_void};
use std::ptr::{self, NonNull};

use super::loader;

/// OpenSSL's structures, only ever seen through pointers.
macro_rules! opaque {
    ($($name:ident)*) => { $(
        #[repr(C)]
        pub(super) struct $name { _opaque: [u8; 0] }
    )* };
}

opaque! { SslCtx Ssl X509StoreCtx X509 Stack VerifyParam ExData EvpPkey }

/// As OpenSSL passes callbacks of several types.
pub(super) type AnyCallback = unsafe extern "C" fn();
/// For the OCSP response that a server staples.
pub(super) type StatusCallback = unsafe extern "C" fn(*mut Ssl, *mut c_void) -> c_int;
pub(super) type VerifyCallback = unsafe extern "C" fn(*mut X509StoreCtx, *mut c_void) -> c_int;
/// OpenSSL has the same type for the callback on a new object and on a freed one.
pub(super) type ExCallback =
    unsafe extern "C" fn(*mut c_void, *mut c_void, *mut ExData, c_int, c_long, *mut c_void);
pub(super) type DupCallback = unsafe extern "C" fn(
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
        pub(super) struct Symbols { $(pub(super) $field: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)* }

        impl Symbols {
            pub(super) fn resolve(object: &loader::Object) -> Result<Self, String> {
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
    SSL_CTX_callback_ctrl: fn(*mut SslCtx, c_int, Option<AnyCallback>) -> c_long;
    SSL_CTX_get0_param: fn(*mut SslCtx) -> *mut VerifyParam;
    SSL_CTX_set_ex_data: fn(*mut SslCtx, c_int, *mut c_void) -> c_int;
    SSL_get_ex_data_X509_STORE_CTX_idx: fn() -> c_int;
    SSL_get_verify_mode: fn(*const Ssl) -> c_int;
    SSL_ctrl: fn(*mut Ssl, c_int, c_long, *mut c_void) -> c_long;
    SSL_version: fn(*const Ssl) -> c_int;
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

impl Symbols {
    /// An index for data of the program's own in every object of `class`; negative if there is
    /// no room. It is never given back: this module cannot be unloaded.
    pub(super) fn new_index(
        &self,
        class: c_int,
        made: Option<ExCallback>,
        copied: Option<DupCallback>,
        freed: ExCallback,
    ) -> c_int {
        // SAFETY: Signatures; the callbacks have no argument to live on.
        unsafe {
            (self.CRYPTO_get_ex_new_index)(class, 0, ptr::null_mut(), made, copied, Some(freed))
        }
    }
}
