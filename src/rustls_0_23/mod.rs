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
//! A server that asks for client certificates takes a [`ClientChainVerifier`].
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
//! certificates too; [`VerifierBuilder::signature_algorithms`] does not count. *ring* has no
//! P-521 keys and no SHA-512 with P-256 and P-384 keys: a chain with one of these ends in
//! [`ErrorKind::UnsupportedAlgorithm`]. aws-lc-rs has all of them.
//!
//! # Errors
//!
//! rustls chooses the alert for the peer from the variant of [`CertificateError`], and most
//! variants have no room for a text. So:
//!
//! | [`ErrorKind`] | [`CertificateError`] | with [`plain_errors`] |
//! |---|---|---|
//! | `Expired` | `ExpiredContext` | `Expired` |
//! | `NotYetValid` | `NotValidYetContext` | `NotValidYet` |
//! | `NameMismatch` | `NotValidForNameContext` | `NotValidForName` |
//! | `WrongPurpose` | `InvalidPurposeContext` | `InvalidPurpose` |
//! | `BadEncoding` | `BadEncoding` | the same |
//! | `BadSignature` | `BadSignature` | the same |
//! | `UnknownCriticalExtension` | `UnhandledCriticalExtension` | the same |
//! | `Revoked` | `Revoked` | the same |
//! | `RevocationUnknown` | `UnknownRevocationStatus` | the same |
//! | `RevocationOutdated` | `ExpiredRevocationList` | the same |
//! | `UnknownIssuer`, `SelfSignedLeaf`, `UntrustedRoot`, `NoTrustAnchors` | `Other` | `UnknownIssuer` |
//! | `CaAsEndEntity` | `Other` | `InvalidPurpose` |
//! | `UnsupportedAlgorithm` | `Other` | `UnsupportedSignatureAlgorithm` |
//! | `BadRevocationData` | `Other` | `UnknownRevocationStatus` |
//! | `Distrusted`, `PinMismatch` | `Other` | `ApplicationVerificationFailure` |
//! | every other kind: rustls has no such variant | `Other` | `Other` |
//!
//! `Other` holds the whole [`VerifyError`]: its line is part of rustls's own message, and
//! [`verify_error`] finds it in whatever an HTTP library has wrapped around it. The peer sees the
//! alert `certificate_unknown` then. With [`plain_errors`] it sees the alert of the variant, such as
//! `unknown_ca`, and a program can match the variant, but the error has no text. Nothing in
//! rustls carries both; [`on_verdict`] gives the text beside a plain error.
//!
//! [`plain_errors`]: ServerChainVerifier::plain_errors
//! [`on_verdict`]: ServerChainVerifier::on_verdict
//! [`VerifierBuilder::signature_algorithms`]: crate::VerifierBuilder::signature_algorithms
use std::sync::Arc;
use std::{fmt, iter};

use pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::client::WantsClientCert;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::{ClientConfig, ConfigBuilder, Error, WantsVerifier};

use crate::{Peer, Purpose, Verified, Verifier, VerifyError};

mod client;
mod error;
mod server;

pub use client::ClientChainVerifier;
pub use error::{ConfigError, certificate_error, verify_error};
pub use server::ServerChainVerifier;

use error::plain;

/// A configuration for clients that verifies servers with this verifier: rustls's default
/// protocol versions, no client certificate, no ALPN protocols.
///
/// The provider is the process's default, or else the one that the features of this crate name.
///
/// # Errors
///
/// [`ConfigError`] if there is no such provider, or the verifier is not for servers.
pub fn client_config(verifier: Verifier) -> Result<ClientConfig, ConfigError> {
    Ok(ClientConfig::builder_with_provider(default_provider()?)
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
    /// [`ConfigError`] if the verifier is not for servers.
    fn with_verifier(
        self,
        verifier: Verifier,
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, ConfigError>;
}

impl WithVerifier for ConfigBuilder<ClientConfig, WantsVerifier> {
    fn with_verifier(
        self,
        verifier: Verifier,
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, ConfigError> {
        let verifier = ServerChainVerifier::with_provider(verifier, self.crypto_provider())?;
        Ok(self.dangerous().with_custom_certificate_verifier(Arc::new(verifier)))
    }
}
/// What the two verifiers have in common.
#[derive(Clone)]
struct Judge {
    verifier: Verifier,
    algorithms: WebPkiSupportedAlgorithms,
    plain_errors: bool,
    observer: Option<Arc<Observer>>,
}

type Observer = dyn Fn(&Peer<'_>, Result<&Verified, &VerifyError>) + Send + Sync;

impl Judge {
    fn new(
        verifier: Verifier,
        provider: &CryptoProvider,
        required: Purpose,
    ) -> Result<Self, ConfigError> {
        if verifier.purpose() != required {
            return Err(ConfigError::WrongPurpose { required, given: verifier.purpose() });
        }
        let algorithms = provider.signature_verification_algorithms;
        if algorithms.all.is_empty() || algorithms.mapping.is_empty() {
            return Err(ConfigError::NoSignatureAlgorithms);
        }
        let verifier = verifier.with_algorithms(algorithms.all);
        Ok(Self { verifier, algorithms, plain_errors: false, observer: None })
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: Option<&ServerName<'_>>,
        ocsp_response: &[u8],
        time: UnixTime,
    ) -> Result<(), Error> {
        let chain: Vec<_> = iter::once(end_entity)
            .chain(intermediates)
            .map(|cert| CertificateDer::from(cert.as_ref()))
            .collect();
        let peer = Peer { chain: &chain, name: name.cloned(), time, ocsp_response };
        let verdict = self.verifier.verify(&peer);
        if let Some(observer) = &self.observer {
            observer(&peer, verdict.as_ref());
        }
        match verdict {
            Ok(_) => Ok(()),
            Err(error) if self.plain_errors => Err(plain(error).into()),
            Err(error) => Err(error.into()),
        }
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge")
            .field("verifier", &self.verifier)
            .field("algorithms", &self.algorithms)
            .field("plain_errors", &self.plain_errors)
            .finish_non_exhaustive()
    }
}
/// The process's default provider, or else that of a feature. Nothing is installed.
fn default_provider() -> Result<Arc<CryptoProvider>, ConfigError> {
    CryptoProvider::get_default().cloned().map_or_else(compiled_in_provider, Ok)
}

fn compiled_in_provider() -> Result<Arc<CryptoProvider>, ConfigError> {
    // With both, as for the core's own algorithms: a feature must not turn a success into an error.
    #[cfg(feature = "aws-lc-rs")]
    return Ok(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    return Ok(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
    return Err(ConfigError::NoProvider);
}
