//! The verifier of clients, for servers. Tests: `tests/rustls.rs`.

use pki_types::{CertificateDer, UnixTime};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::ConfigError;
use super::provider::default_provider;
use super::settings::Shared;
use crate::Purpose;
use crate::adapter::{ErrorForm, Settings, hints};

/// Verifies clients, for servers that ask for certificates: a [`Verifier`](crate::Verifier) as rustls's
/// [`ClientCertVerifier`].
///
/// It proves that one of the trust anchors vouches for the client. **Who** the client is, and
/// whether it may do what it asks for, is for the server to decide from the certificate.
///
/// The verifier's purpose is [`Purpose::ClientAuth`], or [`Purpose::ClientOrServerAuth`] where the
/// clients are servers with certificates of public CAs; read about its risk there.
///
/// ```
/// # use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
/// # let mut params = CertificateParams::default();
/// # params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
/// # let ca = params.self_signed(&KeyPair::generate()?)?.der().clone();
/// use std::sync::Arc;
///
/// use trustbridge::{Purpose, Verifier, rustls_0_23::ClientChainVerifier};
///
/// let verifier = Verifier::builder()
///     .purpose(Purpose::ClientAuth)
///     .system_roots(false)
///     .extra_roots([ca])
///     .build()?;
/// let builder = rustls::ServerConfig::builder_with_provider(Arc::new(
///     rustls::crypto::aws_lc_rs::default_provider(),
/// ))
/// .with_safe_default_protocol_versions()?
/// .with_client_cert_verifier(Arc::new(ClientChainVerifier::new(verifier)?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientChainVerifier {
    shared: Shared,
    hints: Vec<DistinguishedName>,
    mandatory: bool,
}

impl ClientChainVerifier {
    /// With the process's default provider, or else [rustls's own choice](super#the-provider).
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if there is no such provider, the verifier is not for clients, or its
    /// builder does not decide whether the system's roots are trusted.
    pub fn new(verifier: impl Into<Settings>) -> Result<Self, ConfigError> {
        Self::with_provider(verifier, &*default_provider()?)
    }

    /// With the signature algorithms of this provider.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the provider has no algorithms, the verifier is not for clients, or
    /// its builder does not decide whether the system's roots are trusted.
    pub fn with_provider(
        verifier: impl Into<Settings>,
        provider: &CryptoProvider,
    ) -> Result<Self, ConfigError> {
        let settings = verifier.into();
        let hints = hints(settings.verifier());
        let hints = hints.iter().map(|name| DistinguishedName::in_sequence(name)).collect();
        let chosen = settings.verifier().config().system_chosen;
        // The peer needs to be told `unknown_ca`; the server has the observer for the report.
        let shared = Shared::new(settings, provider, Purpose::ClientAuth, ErrorForm::Variant)?;
        if !chosen {
            return Err(ConfigError::SystemRootsNotChosen);
        }
        Ok(Self { shared, hints, mandatory: true })
    }

    /// Also lets clients in that send no certificate. One that is sent must still be trusted.
    pub fn allow_unauthenticated(mut self) -> Self {
        self.mandatory = false;
        self
    }
}

impl ClientCertVerifier for ClientChainVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    /// The issuers named to the client: those of [`Verifier::extra_roots`](crate::Verifier::extra_roots). None, which invites
    /// any certificate, where something else can make a certificate trusted.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.shared.verify(end_entity, intermediates, None, &[], now)?;
        Ok(ClientCertVerified::assertion())
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
