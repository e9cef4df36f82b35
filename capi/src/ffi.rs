//! Pointers of C as values of Rust, and the fence against unwinding.

use std::ffi::{CStr, CString, c_char};
use std::panic::{self, AssertUnwindSafe};
use std::ptr;

use trustbridge::pki_types::CertificateDer;

use crate::status::Status;

/// Bytes that someone else owns. `data` may be NULL if `length` is 0.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Bytes {
    /// The first byte.
    pub data: *const u8,
    /// How many bytes there are.
    pub length: usize,
}

impl Bytes {
    pub(crate) const EMPTY: Self = Self { data: ptr::null(), length: 0 };
}

/// A list of certificates or CRLs in DER that someone else owns. `items` may be NULL if `length` is 0.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct List {
    /// The first item.
    pub items: *const Bytes,
    /// How many items there are.
    pub length: usize,
}

/// A slice of C's. `None` if the pointer is NULL although there are elements, if it is not aligned, or
/// if there are more of them than an object can hold.
///
/// # Safety
///
/// A `data` that is not NULL points to `length` elements that nobody changes during `'a`.
unsafe fn slice<'a, T>(data: *const T, length: usize) -> Option<&'a [T]> {
    if length == 0 {
        return Some(&[]);
    }
    let bytes = length.checked_mul(size_of::<T>())?;
    if data.is_null() || !data.is_aligned() || isize::try_from(bytes).is_err() {
        return None;
    }
    // SAFETY: not null, aligned and of a possible size, as was just checked; the elements are there and
    // do not change, as the caller promises.
    Some(unsafe { std::slice::from_raw_parts(data, length) })
}

/// The items of a list, not copied.
///
/// # Safety
///
/// As for [`slice`], for the list and for each of its items.
pub(crate) unsafe fn items<'a>(list: List) -> Option<Vec<&'a [u8]>> {
    // SAFETY: as the caller promises.
    let items = unsafe { slice(list.items, list.length) }?;
    // SAFETY: as the caller promises, for each item.
    items.iter().map(|item| unsafe { slice(item.data, item.length) }).collect()
}

/// The certificates of a list, not copied.
///
/// # Safety
///
/// As for [`items`].
pub(crate) unsafe fn certificates<'a>(list: List) -> Option<Vec<CertificateDer<'a>>> {
    // SAFETY: as the caller promises.
    Some(unsafe { items(list) }?.into_iter().map(CertificateDer::from).collect())
}

/// A string of C's. `None` if it is NULL or not UTF-8.
///
/// # Safety
///
/// A pointer that is not NULL points to a string that ends in NUL and that nobody changes during `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char) -> Option<&'a str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not null; the rest as the caller promises.
    unsafe { CStr::from_ptr(text) }.to_str().ok()
}

/// Text for C. Reports are escaped and have no NUL; if one had, it would end there.
pub(crate) fn c_string(text: &str) -> CString {
    let text = text.split('\0').next().unwrap_or_default();
    CString::new(text).unwrap_or_default()
}

/// Gives a value to the caller, if there is a place to put it.
///
/// # Safety
///
/// A `place` that is not NULL can be written to.
pub(crate) unsafe fn give<T>(place: *mut *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: not null; the rest as the caller promises.
        unsafe { place.write(Box::into_raw(Box::new(value))) };
    }
}

/// Takes back what [`give`] gave, and drops it.
///
/// # Safety
///
/// A pointer that is not NULL comes from [`give`] and is not used again.
pub(crate) unsafe fn take<T>(given: *mut T) {
    if !given.is_null() {
        // SAFETY: made by `Box::into_raw` in `give`, and taken back once, as the caller promises.
        let value = unsafe { Box::from_raw(given) };
        no_unwinding((), || drop(value));
    }
}

/// Nothing unwinds into C. Nothing here panics as far as we know; if something does, there is no
/// verdict, and that is what the caller is told.
pub(crate) fn no_unwinding<T>(otherwise: T, work: impl FnOnce() -> T) -> T {
    // What the work shares with others is frozen: see `Verifier`, which is `UnwindSafe` for that.
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(otherwise)
}

/// As [`no_unwinding`], for the functions that return a status.
pub(crate) fn guarded(work: impl FnOnce() -> Status) -> Status {
    no_unwinding(Status::TrustbridgeInternalError, work)
}
