//! The settings with a provider: the verification that servers and clients have in common. Tests:
//! `tests/rustls.rs`.

use std::panic::{RefUnwindSafe, UnwindSafe};

use pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use super::{ConfigError, certificate_error};
use crate::Purpose;
use crate::adapter::{ErrorForm, Settings};
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
use crate::algorithms;

/// The settings, with the provider's algorithms.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    settings: Settings,
    errors: ErrorForm,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    weak_keys: bool,
}

// As for [`Verifier`]: the provider's algorithms have no state that a panic could spoil.
impl UnwindSafe for Shared {}
impl RefUnwindSafe for Shared {}

/// What RSA keys from 1024 bits sign in the handshakes of those who allow weak keys.
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
const WEAK_SCHEMES: &[(SignatureScheme, &[&dyn SignatureVerificationAlgorithm])] = &[
    (SignatureScheme::RSA_PKCS1_SHA256, &[&algorithms::RSA_SHA256]),
    (SignatureScheme::RSA_PKCS1_SHA512, &[&algorithms::RSA_SHA512]),
];
#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
const WEAK_SCHEMES: &[(SignatureScheme, &[&dyn SignatureVerificationAlgorithm])] = &[];

static WEAK: WebPkiSupportedAlgorithms =
    WebPkiSupportedAlgorithms { all: &[], mapping: WEAK_SCHEMES };

impl Shared {
    pub(super) fn new(
        mut settings: Settings,
        provider: &CryptoProvider,
        required: Purpose,
        errors: ErrorForm,
    ) -> Result<Self, ConfigError> {
        let given = settings.verifier().purpose();
        if given.is_of_clients() != required.is_of_clients() {
            return Err(ConfigError::WrongPurpose { required, given });
        }
        let weak_keys = settings.verifier().config().allow_weak_keys;
        let algorithms = provider.signature_verification_algorithms;
        if algorithms.all.is_empty() || algorithms.mapping.is_empty() {
            return Err(ConfigError::NoSignatureAlgorithms);
        }
        settings.replace_verifier(settings.verifier().with_signature_algorithms(algorithms.all));
        let errors = settings.form_or(errors);
        Ok(Self { settings, errors, algorithms, weak_keys })
    }

    /// The signature of a handshake in TLS 1.2; RSA keys from 1024 bits may make it where weak keys
    /// are allowed. In TLS 1.3 it is PSS, which no library verifies for them.
    pub(super) fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verdict = verify_tls12_signature(message, cert, dss, &self.algorithms);
        match WEAK_SCHEMES.iter().any(|(scheme, _)| *scheme == dss.scheme) {
            true if self.weak_keys && verdict.is_err() => {
                verify_tls12_signature(message, cert, dss, &WEAK)
            }
            _ => verdict,
        }
    }

    /// The provider's, those first that weak keys can make: servers take the first that they can.
    pub(super) fn schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.algorithms.supported_schemes();
        if self.weak_keys {
            schemes.sort_by_key(|scheme| !WEAK_SCHEMES.iter().any(|(weak, _)| weak == scheme));
        }
        schemes
    }

    pub(super) fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: Option<&ServerName<'_>>,
        ocsp_response: &[u8],
        time: UnixTime,
    ) -> Result<(), Error> {
        self.settings
            .verify(end_entity, intermediates, name, ocsp_response, time)
            .map_err(|error| Error::InvalidCertificate(certificate_error(error, self.errors)))
    }
}
