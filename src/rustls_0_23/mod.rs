//! The adapter for rustls 0.23: it lends a [`Verifier`] to rustls and does nothing else.
//!
//! The short way to a client that trusts what the operating system trusts:
//!
//! ```
//! use trustbridge::Verifier;
//!
//! let config = trustbridge::rustls_0_23::client_config(Verifier::system())?;
//! # assert!(config.alpn_protocols.is_empty());
//! # Ok::<(), trustbridge::rustls_0_23::ConfigError>(())
//! ```
//!
//! With a provider, protocol versions or a client certificate of your own:
//!
//! ```
//! use std::sync::Arc;
//!
//! use rustls::{ClientConfig, crypto::aws_lc_rs};
//! use trustbridge::{Verifier, rustls_0_23::WithVerifier};
//!
//! let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
//!     .with_protocol_versions(&[&rustls::version::TLS13])?
//!     .with_verifier(Verifier::system())?
//!     .with_no_client_auth();
//! # assert!(config.alpn_protocols.is_empty());
//! # Ok::<(), trustbridge::rustls_0_23::ConfigError>(())
//! ```
//!
//! With a form of errors or an observer of your own, hand over [`Settings`] in the place of the
//! [`Verifier`]. A server that requests client certificates takes a [`ClientChainVerifier`].
//!
//! # Build it once
//!
//! Make one configuration and share it: clones of a [`Verifier`] and of an `Arc<ClientConfig>`
//! cost nothing. rustls does not verify a resumed session again; the session keeps the verdict of the
//! handshake that began it.
//!
//! # Signature algorithms
//!
//! The adapter takes those of the [`CryptoProvider`], for the handshake and, on Unix, for the
//! certificates too; [`VerifierBuilder::signature_algorithms`] is ignored. *ring* has no
//! P-521 keys, no ML-DSA and no SHA-512 with P-256 and P-384 keys: a chain with one of these ends in
//! [`ErrorKind::UnsupportedAlgorithm`](crate::ErrorKind::UnsupportedAlgorithm). aws-lc-rs has all of them,
//! ML-DSA in the provider of rustls 0.23.46 or later.
//!
//! # The provider
//!
//! This crate turns on no provider of rustls. Where a function takes none, it is the process's default
//! provider, or else the one that rustls was compiled with; with both, aws-lc-rs. Nothing is
//! installed, and nothing panics: without a provider the result is [`ConfigError::NoProvider`].
//!
//! # Errors
//!
//! rustls chooses the alert for the peer from the variant of [`CertificateError`], and most
//! variants have no room for a text. [`ErrorForm`] chooses between them:
//!
//! | [`ErrorKind`] | [`Variant`] | [`VariantOrText`] |
//! |---|---|---|
//! | `Expired` | `ExpiredContext` | the same |
//! | `NotYetValid` | `NotValidYetContext` | the same |
//! | `NameMismatch` | `NotValidForNameContext` | the same |
//! | `WrongPurpose` | `InvalidPurposeContext` | the same |
//! | `BadEncoding` | `BadEncoding` | the same |
//! | `BadSignature` | `BadSignature` | the same |
//! | `UnknownCriticalExtension` | `UnhandledCriticalExtension` | the same |
//! | `Revoked` | `Revoked` | the same |
//! | `RevocationUnknown` | `UnknownRevocationStatus` | the same |
//! | `RevocationOutdated` | `ExpiredRevocationList` | the same |
//! | `UnknownIssuer`, `SelfSignedLeaf`, `UntrustedRoot`, `NoTrustAnchors` | `UnknownIssuer` | `Other` |
//! | `CaAsEndEntity` | `InvalidPurpose` | `Other` |
//! | `UnsupportedAlgorithm` | `UnsupportedSignatureAlgorithm` | `Other` |
//! | `BadRevocationData` | `UnknownRevocationStatus` | `Other` |
//! | `Distrusted`, `PinMismatch` | `ApplicationVerificationFailure` | `Other` |
//! | every other kind: rustls has no such variant | `Other` | `Other` |
//!
//! With [`Text`](ErrorForm::Text) it is always `Other`.
//!
//! `Other` holds the whole [`VerifyError`]: its line is part of rustls's own message, and
//! [`verify_error`] finds it in the error of the library that made the connection. The peer then gets the
//! alert `certificate_unknown`. The other variants bring it the alert of the variant, such as
//! `unknown_ca`, and a program can match them, but they carry no report. No error of rustls does both;
//! an [observer](Settings::on_verdict) gets the report in every case.
//!
//! # Libraries that take only roots
//!
//! [`root_store`] and [`SystemStore::to_pem`](crate::SystemStore::to_pem) hand over the system's trust
//! anchors without the verifier, and say what is lost by that.
//!
//! # Coming from rustls-platform-verifier
//!
//! One line changes. With [`ErrorForm::Variant`] the variants to match are the ones that rustls's own
//! verifier gives:
//!
//! ```
//! # use std::sync::Arc;
//! # use rustls::{ClientConfig, crypto::aws_lc_rs};
//! use trustbridge::Verifier;
//! use trustbridge::rustls_0_23::{ErrorForm, Settings, WithVerifier};
//!
//! # let provider = Arc::new(aws_lc_rs::default_provider());
//! let config = ClientConfig::builder_with_provider(provider)
//!     .with_safe_default_protocol_versions()?
//!     .with_verifier(Settings::new(Verifier::system()).errors(ErrorForm::Variant))?
//!     .with_no_client_auth();
//! # assert!(config.alpn_protocols.is_empty());
//! # Ok::<(), trustbridge::rustls_0_23::ConfigError>(())
//! ```
//!
//! [`Verifier`]: crate::Verifier
//! [`Variant`]: ErrorForm::Variant
//! [`VariantOrText`]: ErrorForm::VariantOrText
//! [`CertificateError`]: rustls::CertificateError
//! [`ErrorKind`]: crate::ErrorKind
//! [`VerifyError`]: crate::VerifyError
//! [`VerifierBuilder::signature_algorithms`]: crate::VerifierBuilder::signature_algorithms
//!
//! Tests: `tests/rustls.rs`, `tests/examples.rs`, `tests/providers`.

mod client;
mod error;
mod provider;
mod roots;
mod server;
mod settings;

use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, ConfigBuilder, WantsVerifier};

pub use crate::adapter::{ErrorForm, Settings};
pub use client::ClientChainVerifier;
pub use error::{ConfigError, certificate_error, verify_error};
pub use roots::root_store;
pub use server::ServerChainVerifier;

/// A configuration for clients that verifies servers with this verifier: rustls's default
/// protocol versions, no client certificate, no ALPN protocols.
///
/// [The provider](self#the-provider) is the process's default, or else rustls's own choice.
///
/// # Errors
///
/// [`ConfigError`] if there is no such provider, or the verifier is not for servers.
pub fn client_config(verifier: impl Into<Settings>) -> Result<ClientConfig, ConfigError> {
    client_config_with_provider(verifier, provider::default_provider()?)
}

/// As [`client_config`], with this provider.
///
/// # Errors
///
/// [`ConfigError`] if the provider has no signature algorithms or fits none of rustls's default
/// protocol versions, or the verifier is not for servers.
pub fn client_config_with_provider(
    verifier: impl Into<Settings>,
    provider: Arc<CryptoProvider>,
) -> Result<ClientConfig, ConfigError> {
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_verifier(verifier)?
        .with_no_client_auth())
}

/// Adds [`with_verifier`](Self::with_verifier) to rustls's builder of client configurations.
pub trait WithVerifier {
    /// Verifies servers with this verifier, and with the algorithms of the builder's provider.
    ///
    /// Short for `dangerous().with_custom_certificate_verifier(…)` with a [`ServerChainVerifier`].
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the provider has no signature algorithms, or the verifier is not for
    /// servers.
    fn with_verifier(
        self,
        verifier: impl Into<Settings>,
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, ConfigError>;
}

impl WithVerifier for ConfigBuilder<ClientConfig, WantsVerifier> {
    fn with_verifier(
        self,
        verifier: impl Into<Settings>,
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, ConfigError> {
        let verifier = ServerChainVerifier::with_provider(verifier, self.crypto_provider())?;
        Ok(self.dangerous().with_custom_certificate_verifier(Arc::new(verifier)))
    }
}
