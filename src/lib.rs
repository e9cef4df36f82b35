//! One verdict from the operating system's trust store.
//!
//! A [`Verifier`] says whether a peer's certificate chain is trusted: by the operating system's
//! own verifier on Windows and Apple systems, and elsewhere by this crate with the trust
//! anchors of the system's store. When it rejects a chain, the error says what is wrong, where it
//! looked, and how to fix it.
//!
//! # With rustls
//!
//! One line makes a configuration; see [`rustls_0_23`] for the rest.
//!
#![cfg_attr(feature = "rustls-0_23", doc = "```")]
#![cfg_attr(not(feature = "rustls-0_23"), doc = "```ignore")]
//! let config = trustbridge::rustls_0_23::client_config(trustbridge::Verifier::system())?;
//! # let _ = config;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # By itself
//!
//! ```
//! use trustbridge::pki_types::{CertificateDer, ServerName};
//! use trustbridge::{ErrorKind, Peer, Verifier};
//!
//! let verifier = Verifier::system();
//! let chain: Vec<CertificateDer<'_>> = Vec::new(); // what the server sent
//! let name = ServerName::try_from("example.com")?;
//! match verifier.verify(&Peer::new(&chain, Some(name))) {
//!     Ok(verified) => println!("{verified}"),
//!     Err(error) => {
//!         eprintln!("{}", error.report());
//!         assert_eq!(error.kind(), ErrorKind::NoCertificate);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which certificates are trust anchors
//!
//! On Unix the store is found as OpenSSL finds it. `SSL_CERT_FILE` and `SSL_CERT_DIR` each
//! replace their own half of the default; an empty value is ignored. If a variable points to
//! something without certificates, every error says so; there is no silent fallback. Without them the
//! distribution's bundle is used, and a directory of hashed names only where there is no bundle. [`SystemStore::snapshot`] shows what was
//! found and what went wrong. It is read once per process and again when its files change.
//!
//! Every entry is vetted at the time of verification ([`StoreEntry::refusal`]): a certificate of
//! the store that is not a CA never issues another one. It can still be trusted as the end
//! entity itself, compared byte by byte.
//!
//! # What is checked
//!
//! The path to a trust anchor with every signature, validity periods, CA bits, key usages,
//! extended key usages, path lengths, name constraints, critical extensions, key strength
//! (RFC 5280 section 6), the peer's DNS name or IP address (RFC 9525), and revocation if
//! [`Revocation`] requires it.
//!
//! # What is not checked
//!
//! Certificate policies, Certificate Transparency, and revocation unless it is required. Proof of
//! possession of the private key is the TLS library's job.
//! With [`Peer::name`] absent, any name is accepted.
//!
//! # Limits
//!
//! At most 100 certificates and 1 MiB are read of a chain. On Unix a path has at most 100
//! intermediates, and a verification ends with [`ErrorKind::ChainTooComplex`] once its signatures
//! have cost about 24 ms, or the wrong ones among them 15 ms, after 20,000 steps, or after 20,000
//! pairs of a certificate and a possible issuer, whatever the peer sends. Nothing panics.
//!
//! # Features
//!
//! * `aws-lc-rs` (default): signature algorithms of the default verifier on Unix. RSA of 2048 to
//!   8192 bits (PKCS #1 and PSS), P-256, P-384, P-521, Ed25519, ML-DSA.
//! * `ring`: the same with *ring*, which has no P-521, no ML-DSA and no SHA-512 with P-256 and P-384. With
//!   both features aws-lc-rs is used.
//! * `crlite`: asks the CRLite filters that upki keeps on the disk, on Unix; see [`Revocation`]. It links
//!   crates under MPL-2.0.
//! * `rustls-0_23` (default): the adapter for rustls 0.23, [`rustls_0_23`].
//! * `rustls-0_24`: the same for a pre-release of rustls 0.24. It follows that pre-release, and so it can
//!   break with a patch release of this crate.
//!
//! Without the first two, every chain is rejected unless
//! [`VerifierBuilder::signature_algorithms`] is called; the rustls adapter does so itself. No feature
//! turns on a provider of rustls.
//!
#![cfg_attr(feature = "rustls-0_23", doc = "[`rustls_0_23`]: crate::rustls_0_23")]
#![cfg_attr(
    not(feature = "rustls-0_23"),
    doc = "[`rustls_0_23`]: https://docs.rs/trustbridge/latest/trustbridge/rustls_0_23/"
)]
#![deny(unsafe_code)]
#![deny(rustdoc::broken_intra_doc_links)]
// Much of the core serves only the Unix verifier; builds for Unix report what is unused.
#![cfg_attr(any(windows, target_vendor = "apple"), allow(dead_code))]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

#[cfg(any(feature = "rustls-0_23", feature = "rustls-0_24"))]
mod adapter;
mod algorithms;
mod builder;
mod cert;
mod checks;
mod complete;
mod error;
mod fault;
mod hashing;
mod kind;
mod memo;
mod path;
mod peer;
mod platform;
mod policy;
#[cfg(not(windows))]
mod privileges;
mod refused;
mod report;
mod revocation;
mod settings;
mod store;
mod summary;
mod text;
mod verifier;

#[cfg(feature = "rustls-0_23")]
pub mod rustls_0_23;
#[cfg(feature = "rustls-0_24")]
pub mod rustls_0_24;

/// The types of certificates, names and times in this crate's API.
pub use pki_types;

pub use builder::VerifierBuilder;
pub use error::{BuildError, MissingIssuer, VerifyError};
pub use fault::{CrlProblem, NearMiss, OsCode, PlaceProblem, Searched};
pub use kind::ErrorKind;
pub use peer::{Anchor, Peer, Verified, Weakness};
pub use policy::{
    CrliteAnswer, Purpose, Revocation, RevocationCheck, RevocationOutcome, RevocationSource,
    UnknownRevocation,
};
pub use revocation::Crl;
#[cfg(all(feature = "crlite", not(any(windows, target_vendor = "apple"))))]
pub use revocation::crlite::check_crlite_index;
pub use store::{
    DistrustSource, Place, Problem, Refusal, SearchedIntermediates, Source, StoreEntry,
    SystemStore, TrustSettings, files,
};
pub use summary::CertificateSummary;
pub use verifier::Verifier;

/// The examples of the README are tests.
#[cfg(all(doctest, feature = "rustls-0_23"))]
#[doc = include_str!("../README.md")]
struct Readme;
