//! The functions of the DLLs that a module of this process imported: for `_ssl.pyd` its libssl
//! and libcrypto, whatever they are called and wherever they lie, and no other OpenSSL that may
//! be loaded beside them.
//!
//! # What the SAFETY comments rest on
//!
//! * **Image.** The loader has mapped the whole module and checked its headers, and the module is
//!   pinned: it stays where it is until the process ends. Offsets come from its own headers and
//!   are checked against its size.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_void};
use std::os::windows::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{self, NonNull};

use windows_sys::Win32::Foundation::HMODULE;
#[cfg(target_pointer_width = "32")]
use windows_sys::Win32::System::Diagnostics::Debug::IMAGE_NT_HEADERS32 as NtHeaders;
#[cfg(target_pointer_width = "64")]
use windows_sys::Win32::System::Diagnostics::Debug::IMAGE_NT_HEADERS64 as NtHeaders;
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
    GetProcAddress,
};
use windows_sys::Win32::System::SystemServices::{IMAGE_DOS_HEADER, IMAGE_IMPORT_DESCRIPTOR};

/// The modules that one module imported from. They are never unloaded.
pub(super) struct Object(Vec<HMODULE>);

// SAFETY: the handles are addresses of modules that are never unloaded; any thread may use them.
unsafe impl Send for Object {}
// SAFETY: the same; nothing is changed through them.
unsafe impl Sync for Object {}

impl Object {
    /// The modules that `file`, which must be loaded, imported from; those of the program itself
    /// without a file.
    pub(super) fn open(file: Option<&Path>) -> Result<Self, String> {
        let path: Option<Vec<u16>> =
            file.map(|file| file.as_os_str().encode_wide().chain([0]).collect());
        let name = path.as_ref().map_or(ptr::null(), |path| path.as_ptr());
        let module = pin(0, name)
            .ok_or("the shared object of the _ssl module cannot be found".to_owned())?;
        let imported = imports(module).ok_or("the _ssl module's imports cannot be read")?;
        if imported.is_empty() {
            return Err("the _ssl module imports from no library".to_owned());
        }
        Ok(Self(imported))
    }

    /// Looks in the modules in the order of the import table. `name` ends with NUL.
    pub(super) fn symbol(&self, name: &str) -> Option<NonNull<c_void>> {
        let name = CStr::from_bytes_with_nul(name.as_bytes()).ok()?;
        self.0.iter().find_map(|module| {
            // SAFETY: a module that is never unloaded, and a NUL-terminated name.
            let found = unsafe { GetProcAddress(*module, name.as_ptr().cast()) }?;
            NonNull::new((found as *const ()).cast_mut().cast())
        })
    }
}

/// Finds a loaded module by its path or by an address in it, and keeps it loaded for ever.
fn pin(flags: u32, what: *const u16) -> Option<HMODULE> {
    let mut module = ptr::null_mut();
    // SAFETY: `what` is null, a NUL-terminated path, or with the flag an address that is only
    // compared. Nothing is loaded.
    let ok =
        unsafe { GetModuleHandleExW(flags | GET_MODULE_HANDLE_EX_FLAG_PIN, what, &mut module) };
    (ok != 0 && !module.is_null()).then_some(module)
}

/// The modules that the functions in a module's import table really belong to.
fn imports(module: HMODULE) -> Option<Vec<HMODULE>> {
    /// `IMAGE_DOS_SIGNATURE`, `IMAGE_NT_SIGNATURE` and `IMAGE_DIRECTORY_ENTRY_IMPORT`.
    const MZ: u16 = 0x5a4d;
    const PE: u32 = 0x4550;
    const IMPORTS: usize = 1;

    let base = module.cast::<u8>().cast_const();
    let dos = base.cast::<IMAGE_DOS_HEADER>();
    // SAFETY: Image. The header is at its beginning.
    let dos = unsafe { dos.read_unaligned() };
    let offset = usize::try_from(dos.e_lfanew).ok().filter(|_| dos.e_magic == MZ)?;
    // SAFETY: Image. The loader has found the headers there.
    let headers = unsafe { base.add(offset) }.cast::<NtHeaders>();
    // SAFETY: Image.
    let headers = unsafe { headers.read_unaligned() };
    if headers.Signature != PE {
        return None;
    }
    let size = usize::try_from(headers.OptionalHeader.SizeOfImage).ok()?;
    let at = |offset: u32, length: usize| {
        let offset = usize::try_from(offset).ok()?;
        let end = offset.checked_add(length)?;
        // SAFETY: Image, and the offset lies within.
        (offset != 0 && end <= size).then(|| unsafe { base.add(offset) })
    };

    let table = headers.OptionalHeader.DataDirectory.get(IMPORTS)?;
    let step = u32::try_from(size_of::<IMAGE_IMPORT_DESCRIPTOR>()).ok()?;
    let mut out: Vec<HMODULE> = Vec::new();
    let mut next = table.VirtualAddress;
    loop {
        let entry = at(next, size_of::<IMAGE_IMPORT_DESCRIPTOR>())?.cast();
        // SAFETY: Image, and the entry lies within.
        let entry: IMAGE_IMPORT_DESCRIPTOR = unsafe { ptr::read_unaligned(entry) };
        if entry.Name == 0 || entry.FirstThunk == 0 {
            return Some(out);
        }
        let function = at(entry.FirstThunk, size_of::<*const u16>())?.cast();
        // SAFETY: Image, and the entry lies within. The loader has put the address of the first
        // imported function here.
        let function: *const u16 = unsafe { ptr::read_unaligned(function) };
        let library = (!function.is_null())
            .then(|| pin(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, function))
            .flatten();
        out.extend(library.filter(|library| !out.contains(library)));
        next = next.checked_add(step)?;
    }
}
