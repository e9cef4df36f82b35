//! The verifier of servers. Tests: `tests/rustls.rs`.

use pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use super::ConfigError;
use super::provider::default_provider;
use super::settings::Shared;
use crate::Purpose;
use crate::adapter::{ErrorForm, Settings};

/// Verifies servers: a [`Verifier`](crate::Verifier) as rustls's [`ServerCertVerifier`].
///
/// For a configuration that is not made by [`client_config`](super::client_config) or
/// [`WithVerifier`](super::WithVerifier).
///
/// ```
/// use std::sync::Arc;
///
/// use trustbridge::{Verifier, rustls_0_23::ServerChainVerifier};
///
/// let provider = rustls::crypto::ring::default_provider();
/// let verifier = ServerChainVerifier::with_provider(Verifier::system(), &provider)?;
/// let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
///     .with_safe_default_protocol_versions()?
///     .dangerous() // rustls's word for every verifier that is not its own
///     .with_custom_certificate_verifier(Arc::new(verifier))
///     .with_no_client_auth();
/// # Ok::<(), trustbridge::rustls_0_23::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ServerChainVerifier {
    shared: Shared,
}

impl ServerChainVerifier {
    /// With the process's default provider, or else [rustls's own choice](super#the-provider).
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if there is no such provider, or the verifier is not for servers.
    pub fn new(verifier: impl Into<Settings>) -> Result<Self, ConfigError> {
        Self::with_provider(verifier, &*default_provider()?)
    }

    /// With the signature algorithms of this provider.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the provider has no algorithms, or the verifier is not for servers.
    pub fn with_provider(
        verifier: impl Into<Settings>,
        provider: &CryptoProvider,
    ) -> Result<Self, ConfigError> {
        let form = ErrorForm::VariantOrText;
        Ok(Self { shared: Shared::new(verifier.into(), provider, Purpose::ServerAuth, form)? })
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
        self.shared.verify(end_entity, intermediates, Some(server_name), ocsp_response, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.shared.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.shared.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.shared.schemes()
    }
}
