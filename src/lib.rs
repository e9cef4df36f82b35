//! One verdict from the operating system's trust store.

#![deny(unsafe_code)]
#![deny(rustdoc::broken_intra_doc_links)]
// Much of the core serves only the Unix verifier; whether it is used is found out there.
#![cfg_attr(any(windows, target_vendor = "apple"), allow(dead_code))]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

// Where the operating system verifies, the parts of these that only stand in for it are unused.
#[cfg_attr(any(windows, target_vendor = "apple"), allow(dead_code))]
mod checks;
mod der;
mod error;
mod hints;
mod platform;
mod policy;
#[cfg_attr(any(windows, target_vendor = "apple"), allow(dead_code))]
mod store;
mod time;
#[cfg_attr(any(windows, target_vendor = "apple"), allow(dead_code))]
mod verifier;
#[cfg_attr(any(windows, target_vendor = "apple"), allow(dead_code))]
mod x509;

#[cfg(feature = "rustls")]
pub mod rustls;

pub use error::{BuildError, ErrorKind, NearMiss, OsCode, Searched, VerifyError};
pub use policy::{Purpose, Revocation, RevocationCheck, RevocationOutcome, UnknownRevocation};
pub use store::{Place, Problem, Refusal, Source, StoreEntry, SystemStore, TrustSettings, pem};
pub use verifier::{Anchor, Peer, Verified, Verifier, VerifierBuilder};

/// The examples of the README are tests.
#[cfg(all(doctest, feature = "rustls"))]
#[doc = include_str!("../README.md")]
struct Readme;
