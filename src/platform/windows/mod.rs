//! The verifier of Windows: what it is asked (`engine`), the calls (`cryptoapi`, `os_error`), and
//! what their answers mean (`codes`). The last is compiled and tested on every system.
//!
//! Tests: `tests/windows.rs`, `tests/cases.rs`, and in the files.

mod codes;
#[cfg(windows)]
mod cryptoapi;
#[cfg(windows)]
mod engine;
#[cfg(windows)]
mod os_error;

#[cfg(windows)]
pub(crate) use engine::Engine;
