//! The verifier of Windows: the calls, and what their answers mean. The second is compiled and
//! tested on every system.

mod codes;
#[cfg(windows)]
mod cryptoapi;
#[cfg(windows)]
mod engine;

#[cfg(windows)]
pub(crate) use engine::Engine;
