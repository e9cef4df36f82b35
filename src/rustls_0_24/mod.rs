//! The adapter for rustls 0.24, as far as that is known: it follows the pre-release 0.24.0-dev.2 and
//! changes with it, also in a patch release of this crate.
//!
//! As [`rustls_0_23`](https://docs.rs/trustbridge/latest/trustbridge/rustls_0_23/), with these differences:
//!
//! * rustls 0.24 has no default provider, so every function takes one.
//! * It does not show the provider's algorithms for certificates. The verifier's own are used for them, on
//!   Unix: those of the features `aws-lc-rs` or `ring`, or of
//!   [`VerifierBuilder::signature_algorithms`](crate::VerifierBuilder::signature_algorithms).
//! * A verifier is part of the key of a session, so a session of one is never resumed with another.
//! * The verdict can be given outside the handshake's thread: rustls hands out the presented identity, and
//!   [`ServerChainVerifier`] can be called with it anywhere. `tests/next/examples/other_thread.rs` shows it.
//!
//! ```ignore
//! let provider = std::sync::Arc::new(rustls_aws_lc_rs::DEFAULT_PROVIDER);
//! let config = trustbridge::rustls_0_24::client_config(Verifier::system(), provider)?;
//! ```
//!
//! Tests: `tests/next`.

mod client;
mod error;
mod server;

use std::sync::Arc;

use rustls_next::client::WantsClientCert;
use rustls_next::crypto::CryptoProvider;
use rustls_next::{ClientConfig, ConfigBuilder, WantsVerifier};

pub use crate::adapter::{ErrorForm, Settings};
pub use client::ClientChainVerifier;
pub use error::{ConfigError, certificate_error, verify_error};
pub use server::ServerChainVerifier;

/// A configuration for clients that verifies servers with this verifier: rustls's default protocol
/// versions, no client certificate, no ALPN protocols.
///
/// # Errors
///
/// [`ConfigError`] if the verifier is not for servers or rustls rejects the provider.
pub fn client_config(
    verifier: impl Into<Settings>,
    provider: Arc<CryptoProvider>,
) -> Result<ClientConfig, ConfigError> {
    Ok(ClientConfig::builder(provider).with_verifier(verifier)?.with_no_client_auth()?)
}

/// Adds [`with_verifier`](Self::with_verifier) to rustls's builder of client configurations.
pub trait WithVerifier {
    /// Verifies servers with this verifier.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the verifier is not for servers.
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
        let verifier = ServerChainVerifier::new(verifier, self.provider())?;
        Ok(self.dangerous().with_custom_certificate_verifier(Arc::new(verifier)))
    }
}
