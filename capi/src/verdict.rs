//! A verdict, and what can be asked of it.

use std::ffi::{CStr, CString, c_char};

use trustbridge::pki_types::CertificateDer;
use trustbridge::{Verified, VerifyError};

use crate::ffi::{Bytes, c_string, take};
use crate::status::Status;

/// A verdict with its reasons.
#[derive(Debug)]
pub struct Verdict {
    status: Status,
    kind: CString,
    text: CString,
    report: CString,
    depth: i32,
    openssl_code: i32,
    chain: Vec<CertificateDer<'static>>,
}

impl Verdict {
    pub(crate) fn new(verdict: Result<Verified, VerifyError>) -> Self {
        match verdict {
            Ok(verified) => Self {
                status: Status::TrustbridgeTrusted,
                kind: c_string("Trusted"),
                text: c_string(&format!("trusted: {}", verified.anchor.source)),
                report: c_string(&verified.to_string()),
                depth: -1,
                openssl_code: 0,
                chain: verified.chain,
            },
            Err(error) => Self {
                status: error.kind().into(),
                kind: c_string(&format!("{:?}", error.kind())),
                text: c_string(&error.to_string()),
                report: c_string(&error.report()),
                depth: error.depth().and_then(|depth| depth.try_into().ok()).unwrap_or(-1),
                openssl_code: error.openssl_code(),
                chain: Vec::new(),
            },
        }
    }

    pub(crate) fn status(&self) -> Status {
        self.status
    }
}

/// What the verdict says, or the default where there is none to ask.
///
/// # Safety
///
/// A pointer that is not NULL comes from `trustbridge_verify` and has not been freed.
unsafe fn ask<T>(verdict: *const Verdict, otherwise: T, question: impl FnOnce(&Verdict) -> T) -> T {
    // SAFETY: null, or a verdict that nobody changes, as the caller promises.
    match unsafe { verdict.as_ref() } {
        Some(verdict) => question(verdict),
        None => otherwise,
    }
}

/// The status that trustbridge_verify returned.
///
/// # Safety
///
/// `verdict` is NULL, which is TRUSTBRIDGE_INVALID_ARGUMENT, or a verdict that has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trustbridge_verdict_status(verdict: *const Verdict) -> Status {
    // SAFETY: as the caller promises.
    unsafe { ask(verdict, Status::TrustbridgeInvalidArgument, |verdict| verdict.status) }
}

/// The kind of fault as a word, such as "UnknownIssuer", or "Trusted". Never NULL; it belongs to the
/// verdict.
///
/// # Safety
///
/// `verdict` is NULL or a verdict that has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trustbridge_verdict_kind(verdict: *const Verdict) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe { ask(verdict, NONE, |verdict| verdict.kind.as_ptr()) }
}

/// The verdict in one line. Never NULL; it belongs to the verdict.
///
/// # Safety
///
/// `verdict` is NULL or a verdict that has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trustbridge_verdict_text(verdict: *const Verdict) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe { ask(verdict, NONE, |verdict| verdict.text.as_ptr()) }
}

/// The full report, on several lines: what is wrong, where, what was searched and what to do, or the
/// chain that is trusted. Never NULL; it belongs to the verdict.
///
/// # Safety
///
/// `verdict` is NULL or a verdict that has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trustbridge_verdict_report(verdict: *const Verdict) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe { ask(verdict, NONE, |verdict| verdict.report.as_ptr()) }
}

/// Which certificate is at fault, counted from the end entity, 0; -1 if that is not known.
///
/// # Safety
///
/// `verdict` is NULL or a verdict that has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trustbridge_verdict_depth(verdict: *const Verdict) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { ask(verdict, -1, |verdict| verdict.depth) }
}

/// The X509_V_ERR_* number of OpenSSL 3 that comes closest; 0 if the chain is trusted.
///
/// # Safety
///
/// `verdict` is NULL, which is 1 (X509_V_ERR_UNSPECIFIED), or a verdict that has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trustbridge_verdict_openssl_code(verdict: *const Verdict) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { ask(verdict, 1, |verdict| verdict.openssl_code) }
}

/// How many certificates the trusted path has; 0 if the chain is not trusted.
///
/// # Safety
///
/// `verdict` is NULL or a verdict that has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trustbridge_verdict_chain_length(verdict: *const Verdict) -> usize {
    // SAFETY: as the caller promises.
    unsafe { ask(verdict, 0, |verdict| verdict.chain.len()) }
}

/// A certificate of the trusted path in DER: the end entity is 0, the trust anchor the last. Empty if
/// there is none; it belongs to the verdict.
///
/// # Safety
///
/// `verdict` is NULL or a verdict that has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trustbridge_verdict_chain(verdict: *const Verdict, index: usize) -> Bytes {
    let certificate = |verdict: &Verdict| match verdict.chain.get(index) {
        Some(certificate) => Bytes { data: certificate.as_ptr(), length: certificate.len() },
        None => Bytes::EMPTY,
    };
    // SAFETY: as the caller promises.
    unsafe { ask(verdict, Bytes::EMPTY, certificate) }
}

/// Frees a verdict and everything that belongs to it.
///
/// # Safety
///
/// `verdict` is NULL or comes from trustbridge_verify, and nothing uses it from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trustbridge_verdict_free(verdict: *mut Verdict) {
    // SAFETY: as the caller promises.
    unsafe { take(verdict) }
}

const NONE: *const c_char = {
    const TEXT: &CStr = c"no verdict";
    TEXT.as_ptr()
};
