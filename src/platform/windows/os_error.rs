//! What Windows says where a call fails: a code, and a text for it.
//!
//! Tests: in this file, under Wine and on Windows.

#![allow(unsafe_code)]

use std::io;
use std::ptr;

use windows_sys::Win32::Foundation::GetLastError;
use windows_sys::Win32::System::Diagnostics::Debug as debug;
use windows_sys::core::BOOL;

use super::codes;
use crate::fault::{Failure, Fault, OsCode};
use crate::kind::ErrorKind;

/// An error code of Windows, where a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OsError(u32);

impl OsError {
    /// `E_INVALIDARG`.
    pub(super) const INVALID_ARGUMENT: Self = Self(0x8007_0057);

    pub(super) fn last() -> Self {
        // SAFETY: reads a number of this thread.
        Self(unsafe { GetLastError() })
    }

    /// Nothing was decided: a call failed.
    pub(super) fn cannot_check(self) -> Box<Failure> {
        let kind = match codes::code_kind(self.0) {
            Some(ErrorKind::BadEncoding) => ErrorKind::BadEncoding,
            _ => ErrorKind::CannotCheck,
        };
        let mut failure: Box<Failure> = Fault::new(kind).into();
        failure.os = Some(self.code());
        failure
    }

    pub(super) fn code(self) -> OsCode {
        os_code(self.0, "")
    }
}

impl From<io::Error> for OsError {
    fn from(error: io::Error) -> Self {
        let code = error.raw_os_error().unwrap_or_default();
        Self(u32::from_ne_bytes(code.to_ne_bytes()))
    }
}

/// The one place where the BOOL of a call becomes a `Result`.
pub(super) fn check(ok: BOOL) -> Result<(), OsError> {
    if ok == 0 { Err(OsError::last()) } else { Ok(()) }
}

/// The code with a name of ours, if there is one, and the text of Windows.
pub(super) fn os_code(code: u32, name: &str) -> OsCode {
    let name = if name.is_empty() { codes::code_name(code) } else { name };
    let text = match (name, system_text(code)) {
        (name, None) => name.to_owned(),
        ("", Some(text)) => text,
        (name, Some(text)) => format!("{name}: {text}"),
    };
    OsCode::new(i64::from(code), text)
}

/// What Windows says about a code, in the user's language, on one line.
fn system_text(code: u32) -> Option<String> {
    const UNITS: u32 = 1024;
    let mut buffer = [0_u16; UNITS as usize];
    let flags = debug::FORMAT_MESSAGE_FROM_SYSTEM | debug::FORMAT_MESSAGE_IGNORE_INSERTS;
    // SAFETY: the size is the number of UTF-16 units that the buffer can take, not of bytes; the
    // message has no inserts.
    let written = unsafe {
        debug::FormatMessageW(flags, ptr::null(), code, 0, buffer.as_mut_ptr(), UNITS, ptr::null())
    };
    let text = buffer.get(..usize::try_from(written).ok()?)?;
    let text = String::from_utf16_lossy(text);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then(|| text.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_text() {
        let error = os_code(0x800b_0109, "CERT_E_UNTRUSTEDROOT");
        assert_eq!(error.code, 0x800b_0109);
        assert!(error.text.starts_with("CERT_E_UNTRUSTEDROOT"), "{error:?}");
        // ERROR_FILE_NOT_FOUND has a text everywhere, on one line.
        let text = system_text(2).unwrap();
        assert!(!text.is_empty() && !text.contains(['\r', '\n']), "{text:?}");
        // Nothing has this code.
        assert_eq!(system_text(0x2fff_ffff), None);
        assert!(os_code(0x2fff_ffff, "").text.is_empty());
    }
}
