//! Whether this program runs with privileges that its caller does not have.
//!
//! Tests: `a_program_with_raised_privileges_ignores_the_variables` in `tests/store.rs`.

#![allow(unsafe_code)]

/// Whether the program was started with other privileges than its caller has: set-user-ID,
/// set-group-ID, or capabilities of the file. Then the caller's environment must not decide what
/// is trusted: OpenSSL reads its variables with `secure_getenv`.
///
/// The kernel's answer, from the auxiliary vector. `/proc/self/auxv` would tell the same without
/// `unsafe`, but it cannot be read by exactly these programs, and needs `/proc`.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn are_raised() -> bool {
    use std::ffi::c_ulong;

    const AT_SECURE: c_ulong = 23;

    // SAFETY: the signatures are those of the C library, which take and give numbers only.
    unsafe extern "C" {
        /// In glibc since 2.16, in musl since 1.1.0, in Android's libc since API level 18.
        safe fn getauxval(kind: c_ulong) -> c_ulong;
    }

    getauxval(AT_SECURE) != 0
}

/// As on Linux: the BSDs, illumos and Apple's systems have a function for it.
#[cfg(any(
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "illumos",
    target_os = "solaris",
    target_vendor = "apple",
))]
pub(crate) fn are_raised() -> bool {
    use std::ffi::c_int;

    // SAFETY: the signatures are those of the C library, which take and give numbers only.
    unsafe extern "C" {
        /// Whether the process is tainted by uid or gid changes.
        safe fn issetugid() -> c_int;
    }

    issetugid() != 0
}

/// Other systems: as OpenSSL does without a function to ask, by the ids of the process.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "illumos",
    target_os = "solaris",
    target_vendor = "apple",
)))]
pub(crate) fn are_raised() -> bool {
    // `uid_t` and `gid_t` have 32 bits on every such system that Rust supports.
    // SAFETY: the signatures are those of the C library, which take and give numbers only.
    unsafe extern "C" {
        safe fn getuid() -> u32;
        safe fn geteuid() -> u32;
        safe fn getgid() -> u32;
        safe fn getegid() -> u32;
    }

    getuid() != geteuid() || getgid() != getegid()
}
