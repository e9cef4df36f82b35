//! The verifier of servers. Tests: `tests/rustls.rs`.

use std::sync::Arc;

use pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use super::{ConfigError, Judge, default_provider};
use crate::{Peer, Purpose, Verified, Verifier, VerifyError};

/// Verifies servers: a [`Verifier`] as rustls's [`ServerCertVerifier`].
///
/// ```
/// use std::sync::Arc;
///
/// use trustbridge::{Verifier, rustls_0_23::ServerChainVerifier};
///
/// let provider = rustls::crypto::ring::default_provider();
/// let verifier = ServerChainVerifier::with_provider(Verifier::system(), &provider)?
///     .plain_errors(true)
///     .on_verdict(|_, verdict| {
///         if let Err(error) = verdict {
///             eprintln!("{}", error.report());
///         }
///     });
/// let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
///     .with_safe_default_protocol_versions()?
///     .dangerous() // rustls's word for every verifier that is not its own
///     .with_custom_certificate_verifier(Arc::new(verifier))
///     .with_no_client_auth();
/// # Ok::<(), trustbridge::rustls_0_23::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ServerChainVerifier {
    judge: Judge,
}

impl ServerChainVerifier {
    /// With the process's default provider, or else the one that the features of this crate
    /// name.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if there is no such provider, or the verifier is not for servers.
    pub fn new(verifier: Verifier) -> Result<Self, ConfigError> {
        Self::with_provider(verifier, &*default_provider()?)
    }

    /// With the signature algorithms of this provider.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the provider has no algorithms, or the verifier is not for servers.
    pub fn with_provider(
        verifier: Verifier,
        provider: &CryptoProvider,
    ) -> Result<Self, ConfigError> {
        Ok(Self { judge: Judge::new(verifier, provider, Purpose::ServerAuth)? })
    }

    /// Whether errors are the plain variants of [`CertificateError`], which bring the peer the most
    /// precise alert but have no text. Default: `false`. See the [table](super#errors).
    pub fn plain_errors(mut self, yes: bool) -> Self {
        self.judge.plain_errors = yes;
        self
    }

    /// Calls this after every verification, in the thread of the handshake: for logs, counters,
    /// or to keep the chain that was built. It cannot change the verdict.
    pub fn on_verdict<F>(mut self, observer: F) -> Self
    where
        F: Fn(&Peer<'_>, Result<&Verified, &VerifyError>) + Send + Sync + 'static,
    {
        self.judge.observer = Some(Arc::new(observer));
        self
    }
}

impl ServerCertVerifier for ServerChainVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge.verify(end_entity, intermediates, Some(server_name), ocsp_response, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.judge.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.judge.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.algorithms.supported_schemes()
    }
}
