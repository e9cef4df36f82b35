//! The C interface: what a function of C takes is checked here and handed to the core.
//!
//! Every `unsafe` of this crate is about pointers that a caller passes. What they must be is said
//! once, in the documentation of each function, which `include/trustbridge.h` repeats.
//!
//! Tests: `tests/programs.rs` runs a program in C and one in C++; `tests/header.rs` compares the header.

mod ffi;
mod options;
mod status;
mod verdict;
mod verifier;

pub use ffi::{Bytes, List};
pub use options::Options;
pub use status::Status;
pub use verdict::{
    Verdict, trustbridge_verdict_chain, trustbridge_verdict_chain_length,
    trustbridge_verdict_depth, trustbridge_verdict_free, trustbridge_verdict_kind,
    trustbridge_verdict_openssl_code, trustbridge_verdict_report, trustbridge_verdict_status,
    trustbridge_verdict_text,
};
pub use verifier::{
    TRUSTBRIDGE_NOW, Verifier, trustbridge_string_free, trustbridge_verifier_free,
    trustbridge_verifier_new, trustbridge_verify, trustbridge_version,
};
