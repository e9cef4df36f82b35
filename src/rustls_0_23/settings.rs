//! The settings with a provider: the verification that servers and clients have in common. Tests:
//! `tests/rustls.rs`.

use std::panic::{RefUnwindSafe, UnwindSafe};

use pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::Error;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};

use super::{ConfigError, certificate_error};
use crate::Purpose;
use crate::adapter::{ErrorForm, Settings};

/// The settings, with the provider's algorithms.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    settings: Settings,
    errors: ErrorForm,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

// As for [`Verifier`]: the provider's algorithms have no state that a panic could spoil.
impl UnwindSafe for Shared {}
impl RefUnwindSafe for Shared {}

impl Shared {
    pub(super) fn new(
        mut settings: Settings,
        provider: &CryptoProvider,
        required: Purpose,
        errors: ErrorForm,
    ) -> Result<Self, ConfigError> {
        let given = settings.verifier().purpose();
        if given != required {
            return Err(ConfigError::WrongPurpose { required, given });
        }
        let algorithms = provider.signature_verification_algorithms;
        if algorithms.all.is_empty() || algorithms.mapping.is_empty() {
            return Err(ConfigError::NoSignatureAlgorithms);
        }
        settings.replace_verifier(settings.verifier().with_signature_algorithms(algorithms.all));
        let errors = settings.form_or(errors);
        Ok(Self { settings, errors, algorithms })
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
