//! The verifier of clients, for servers. Tests: `tests/next`.

use std::sync::Arc;

use rustls_next::DistinguishedName;
use rustls_next::client::danger::HandshakeSignatureValid;
use rustls_next::crypto::{
    CryptoProvider, Identity, SignatureScheme, VerifiedIdentity, WebPkiSupportedAlgorithms,
    verify_tls12_signature, verify_tls13_signature,
};
use rustls_next::error::{CertificateError, Error};
use rustls_next::server::danger::{ClientIdentity, ClientVerifier, SignatureVerificationInput};

use super::{ConfigError, certificate_error};
use crate::Purpose;
use crate::adapter::{ErrorForm, Settings, hints};

/// Verifies clients, for servers that request certificates: a [`Verifier`](crate::Verifier) as rustls's
/// [`ClientVerifier`].
///
/// It proves that one of the trust anchors vouches for the client. **Who** the client is, and whether it
/// may do what it requests, is for the server to decide from the certificate.
#[derive(Clone, Debug)]
pub struct ClientChainVerifier {
    settings: Settings,
    algorithms: WebPkiSupportedAlgorithms,
    hints: Arc<[DistinguishedName]>,
    mandatory: bool,
}

impl ClientChainVerifier {
    /// With this provider's algorithms for the signatures of handshakes.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the verifier is not for clients, or its builder was not told whether the
    /// system's roots are trusted.
    pub fn new(
        verifier: impl Into<Settings>,
        provider: &CryptoProvider,
    ) -> Result<Self, ConfigError> {
        let settings = verifier.into();
        ConfigError::check_purpose(settings.verifier().purpose(), Purpose::ClientAuth)?;
        if !settings.verifier().config().system_chosen {
            return Err(ConfigError::SystemRootsNotChosen);
        }
        let hints = hints(settings.verifier());
        let hints = hints.iter().map(|name| DistinguishedName::in_sequence(name)).collect();
        let algorithms = provider.signature_verification_algorithms;
        Ok(Self { settings, algorithms, hints, mandatory: true })
    }

    /// Also lets clients in that send no certificate. One that is sent must still be trusted.
    #[must_use]
    pub fn allow_unauthenticated(self) -> Self {
        Self { mandatory: false, ..self }
    }
}

impl ClientVerifier for ClientChainVerifier {
    fn verify_identity<'a>(
        &self,
        identity: &ClientIdentity<'a, '_>,
    ) -> Result<VerifiedIdentity<'a>, Error> {
        let Identity::X509(chain) = identity.identity else {
            return Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            ));
        };
        self.settings
            .verify(&chain.end_entity, &chain.intermediates, None, &[], identity.now)
            .map(|()| VerifiedIdentity::assertion(identity.identity.clone()))
            .map_err(|error| {
                // The peer needs to be told `unknown_ca`; the server has the observer for the report.
                let form = self.settings.form_or(ErrorForm::Variant);
                Error::InvalidCertificate(certificate_error(error, form))
            })
    }

    fn verify_tls12_signature(
        &self,
        input: &SignatureVerificationInput<'_>,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(input, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        input: &SignatureVerificationInput<'_>,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(input, &self.algorithms)
    }

    fn root_hint_subjects(&self) -> Arc<[DistinguishedName]> {
        Arc::clone(&self.hints)
    }

    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
