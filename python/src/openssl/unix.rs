//! Functions of the libraries that this process has loaded.

use std::ffi::{CStr, CString, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{self, NonNull};

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
