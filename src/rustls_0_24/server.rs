//! The verifier of servers. Tests: `tests/next`.

use std::hash::{Hash, Hasher};

use rustls_next::client::danger::{
    HandshakeSignatureValid, ServerIdentity, ServerVerifier, SignatureVerificationInput,
};
use rustls_next::crypto::{
    CryptoProvider, Identity, SignatureScheme, VerifiedIdentity, WebPkiSupportedAlgorithms,
    verify_tls12_signature, verify_tls13_signature,
};
use rustls_next::error::{CertificateError, Error};

use super::{ConfigError, certificate_error};
use crate::Purpose;
use crate::adapter::{ErrorForm, Settings};

/// Verifies servers: a [`Verifier`](crate::Verifier) as rustls's [`ServerVerifier`].
#[derive(Clone, Debug)]
pub struct ServerChainVerifier {
    settings: Settings,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerChainVerifier {
    /// With this provider's algorithms for the signatures of handshakes.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the verifier is not for servers.
    pub fn new(
        verifier: impl Into<Settings>,
        provider: &CryptoProvider,
    ) -> Result<Self, ConfigError> {
        let settings = verifier.into();
        ConfigError::check_purpose(settings.verifier().purpose(), Purpose::ServerAuth)?;
        Ok(Self { settings, algorithms: provider.signature_verification_algorithms })
    }
}

impl ServerVerifier for ServerChainVerifier {
    fn verify_identity<'a>(
        &self,
        identity: &ServerIdentity<'a, '_>,
    ) -> Result<VerifiedIdentity<'a>, Error> {
        let Identity::X509(chain) = identity.identity else {
            return Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            ));
        };
        let (name, staple) = (Some(identity.server_name), identity.ocsp_response);
        self.settings
            .verify(&chain.end_entity, &chain.intermediates, name, staple, identity.now)
            .map(|()| VerifiedIdentity::assertion(identity.identity.clone()))
            .map_err(|error| {
                let form = self.settings.form_or(ErrorForm::VariantOrText);
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

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }

    /// Only Windows and Apple systems read a stapled response, and only if revocation is checked.
    fn request_ocsp_response(&self) -> bool {
        cfg!(any(windows, target_vendor = "apple")) && self.settings.verifier().checks_revocation()
    }

    fn hash_config(&self, mut hasher: &mut dyn Hasher) {
        self.settings.verifier().hash(&mut hasher);
    }
}
