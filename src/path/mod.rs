//! Paths from an end entity to a trust anchor, where the trust store is plain data. No operating
//! system is known here.
//!
//! Tests: `tests/cases.rs`, `tests/verifier.rs`, `tests/openssl.rs`, `tests/webpki.rs`.

mod graph;
mod name_constraints;
pub(crate) mod search;
mod signatures;
mod validate;
