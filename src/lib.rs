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

mod checks;
mod der;
mod error;
mod hints;
mod platform;
mod policy;
mod store;
mod time;
mod verifier;
mod x509;

#[cfg(feature = "rustls")]
pub mod rustls;

pub use error::{BuildError, ErrorKind, NearMiss, OsCode, Searched, VerifyError};
pub use policy::{Purpose, Revocation, RevocationCheck, RevocationOutcome, UnknownRevocation};
pub use store::{Place, Problem, Refusal, Source, StoreEntry, SystemStore, TrustSettings};
pub use verifier::{Anchor, Peer, Verified, Verifier, VerifierBuilder};
