//! A verifier, and the question it answers.

use std::ffi::{CString, c_char};
use std::time::Duration;

use trustbridge::Peer;
use trustbridge::pki_types::{ServerName, UnixTime};

use crate::ffi::{Bytes, List, c_string, certificates, give, guarded, take, text};
use crate::options::Options;
use crate::status::Status;
use crate::verdict::Verdict;

/// Verifies chains. It never changes.
#[derive(Debug)]
pub struct Verifier {
    inner: trustbridge::Verifier,
}

/// The time to verify at is now.
pub const TRUSTBRIDGE_NOW: i64 = -1;

/// The version of the library. It lives as long as the program.
#[unsafe(no_mangle)]
pub extern "C" fn trustbridge_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// Makes a verifier. Make one and keep it: it shares the operating system's store with the others of the
/// process and reads it when it first verifies.
///
/// Returns TRUSTBRIDGE_TRUSTED and gives the verifier, or TRUSTBRIDGE_INVALID_ARGUMENT and gives, in
/// `error` if that is not NULL, a text for trustbridge_string_free.
///
/// # Safety
///
/// `options` is NULL, for the defaults, or points to options whose lists are what they say. `verifier`
/// points to a pointer to write to; `error` is NULL or does so too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trustbridge_verifier_new(
    options: *const Options,
    verifier: *mut *mut Verifier,
    error: *mut *mut c_char,
) -> Status {
    guarded(|| {
        if verifier.is_null() {
            return Status::TrustbridgeInvalidArgument;
        }
        // SAFETY: not null; the rest as the caller promises.
        unsafe { verifier.write(std::ptr::null_mut()) };
        if !error.is_null() {
            // SAFETY: not null; the rest as the caller promises.
            unsafe { error.write(std::ptr::null_mut()) };
        }
        // SAFETY: null, or options that nobody changes, as the caller promises.
        let made = match unsafe { options.as_ref() } {
            None => Ok(trustbridge::Verifier::system()),
            // SAFETY: as the caller promises.
            Some(options) => unsafe { options.build() },
        };
        match made {
            Ok(inner) => {
                // SAFETY: it can be written to, as the caller promises.
                unsafe { give(verifier, Verifier { inner }) };
                Status::TrustbridgeTrusted
            }
            Err(what) => {
                if !error.is_null() {
                    // SAFETY: not null; the rest as the caller promises.
                    unsafe { error.write(c_string(&what).into_raw()) };
                }
                Status::TrustbridgeInvalidArgument
            }
        }
    })
}

/// Frees a verifier. Its verdicts stay.
///
/// # Safety
///
/// `verifier` is NULL or comes from trustbridge_verifier_new, and nothing uses it from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trustbridge_verifier_free(verifier: *mut Verifier) {
    // SAFETY: as the caller promises.
    unsafe { take(verifier) }
}

/// Frees a text that trustbridge_verifier_new gave.
///
/// # Safety
///
/// `string` is NULL or comes from trustbridge_verifier_new, and nothing uses it from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trustbridge_string_free(string: *mut c_char) {
    if !string.is_null() {
        // SAFETY: made by `CString::into_raw`, and taken back once, as the caller promises.
        drop(unsafe { CString::from_raw(string) });
    }
}

/// Verifies a chain: the certificates that the peer sent in DER, the end entity first.
///
/// `name` is the DNS name or IP address that the end entity must be valid for. With NULL the name is
/// NOT CHECKED: right for clients, dangerous for servers. `time` is in seconds since 1970, or
/// TRUSTBRIDGE_NOW. `ocsp_response` is what the peer stapled; empty if there is none.
///
/// Returns TRUSTBRIDGE_TRUSTED or what is wrong, and gives the verdict with its reasons, if `verdict` is
/// not NULL and the status is not negative. That the peer has the private key is for the TLS library to
/// check.
///
/// # Safety
///
/// `verifier` is NULL or a verifier that has not been freed. The list and the bytes are what they say.
/// `name` is NULL or ends in NUL. `verdict` is NULL or points to a pointer to write to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trustbridge_verify(
    verifier: *const Verifier,
    chain: List,
    name: *const c_char,
    time: i64,
    ocsp_response: Bytes,
    verdict: *mut *mut Verdict,
) -> Status {
    guarded(|| {
        if !verdict.is_null() {
            // SAFETY: not null; the rest as the caller promises.
            unsafe { verdict.write(std::ptr::null_mut()) };
        }
        // SAFETY: null, or a verifier that nobody changes, as the caller promises.
        let verifier = unsafe { verifier.as_ref() };
        // SAFETY: as the caller promises.
        let chain = unsafe { certificates(chain) };
        let staple = List { items: &ocsp_response, length: 1 };
        // SAFETY: a list of one item, which is what it says, as the caller promises.
        let staple = unsafe { crate::ffi::items(staple) };
        // SAFETY: as the caller promises.
        let name = if name.is_null() { Ok(None) } else { unsafe { server_name(name) } };
        let (Some(verifier), Some(chain), Some(staple), Ok(name), Some(time)) =
            (verifier, chain, staple, name, unix_time(time))
        else {
            return Status::TrustbridgeInvalidArgument;
        };
        let staple = staple.first().copied().unwrap_or_default();
        let peer = Peer::new(&chain, name).time(time).ocsp_response(staple);
        let made = Verdict::new(verifier.inner.verify(&peer));
        let status = made.status();
        // SAFETY: as the caller promises.
        unsafe { give(verdict, made) };
        status
    })
}

/// # Safety
///
/// As for [`text`].
unsafe fn server_name<'a>(name: *const c_char) -> Result<Option<ServerName<'a>>, ()> {
    // SAFETY: as the caller promises.
    let name = unsafe { text(name) }.ok_or(())?;
    ServerName::try_from(name).map(Some).map_err(|_| ())
}

fn unix_time(seconds: i64) -> Option<UnixTime> {
    if seconds == TRUSTBRIDGE_NOW {
        return Some(UnixTime::now());
    }
    Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds.try_into().ok()?)))
}
