//! The verifier of Apple systems: the calls (`sectrust`), and what is asked and what the answers
//! mean (`rules`, `codes`, `profile`). All but the calls is compiled and tested on every system.
//!
//! Tests: `rules/tests.rs`; `tests/cases.rs` on Apple systems.

mod codes;
mod profile;
mod rules;
#[cfg(target_vendor = "apple")]
mod sectrust;

#[cfg(target_vendor = "apple")]
pub(crate) use sectrust::Engine;
