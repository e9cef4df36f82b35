//! Generated chains, and the verdict of three verifiers on each: the core's, OpenSSL's, webpki's.
//! `tests/differential.rs` compares them.
//!
//! A test, and nothing else: it panics where a library would not.

#![cfg(target_os = "linux")]

pub mod certificate;
pub mod der;
pub mod differences;
pub mod hostile;
pub mod keys;
mod mutations;
pub mod peers;
pub mod random;
pub mod scenario;
pub mod trees;
pub mod verdicts;
