//! What a caller can set beside the verifier, and the verification that servers and clients have
//! in common. Tests: `tests/rustls.rs`.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::{fmt, iter};

use pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::Error;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};

use super::{ConfigError, ErrorForm};
use crate::{Peer, Purpose, Verified, Verifier, VerifyError};

/// A [`Verifier`] with the form of its errors and an observer. Wherever the adapter takes
/// `impl Into<Settings>`, a [`Verifier`] alone will do.
///
/// ```
/// use trustbridge::Verifier;
/// use trustbridge::rustls_0_23::{ErrorForm, Settings, client_config};
///
/// let settings = Settings::new(Verifier::system())
///     .errors(ErrorForm::Text)
///     .on_verdict(|_, verdict| {
///         if let Err(error) = verdict {
///             eprintln!("{}", error.report());
///         }
///     });
/// let config = client_config(settings)?;
/// # assert!(config.alpn_protocols.is_empty());
/// # Ok::<(), trustbridge::rustls_0_23::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Settings {
    verifier: Verifier,
    errors: Option<ErrorForm>,
    observer: Option<Arc<Observer>>,
}

type Observer = dyn Fn(&Peer<'_>, Result<&Verified, &VerifyError>) + Send + Sync;

impl Settings {
    /// The defaults: [`ErrorForm::VariantOrText`] for the verification of servers,
    /// [`ErrorForm::Variant`] for that of clients, no observer.
    pub fn new(verifier: Verifier) -> Self {
        Self { verifier, errors: None, observer: None }
    }

    /// The form in which rustls gets errors. It decides which alert the peer sees.
    pub fn errors(mut self, form: ErrorForm) -> Self {
        self.errors = Some(form);
        self
    }

    /// Calls this after every verification, in the thread of the handshake: for logs, counters,
    /// or to keep the chain that was built. It cannot change the verdict.
    pub fn on_verdict<F>(mut self, observer: F) -> Self
    where
        F: Fn(&Peer<'_>, Result<&Verified, &VerifyError>) + Send + Sync + 'static,
    {
        self.observer = Some(Arc::new(observer));
        self
    }

    pub(super) fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}

impl From<Verifier> for Settings {
    fn from(verifier: Verifier) -> Self {
        Self::new(verifier)
    }
}

// The observer's own state is the caller's concern; the adapter keeps none.
impl UnwindSafe for Settings {}
impl RefUnwindSafe for Settings {}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("verifier", &self.verifier)
            .field("errors", &self.errors)
            .field("observed", &self.observer.is_some())
            .finish()
    }
}

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
        let given = settings.verifier.purpose();
        if given != required {
            return Err(ConfigError::WrongPurpose { required, given });
        }
        let algorithms = provider.signature_verification_algorithms;
        if algorithms.all.is_empty() || algorithms.mapping.is_empty() {
            return Err(ConfigError::NoSignatureAlgorithms);
        }
        settings.verifier = settings.verifier.with_signature_algorithms(algorithms.all);
        let errors = settings.errors.unwrap_or(errors);
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
        let chain: Vec<_> = iter::once(end_entity)
            .chain(intermediates)
            .map(|cert| CertificateDer::from(cert.as_ref()))
            .collect();
        let peer = Peer { chain: &chain, name: name.cloned(), time, ocsp_response };
        let verdict = self.settings.verifier.verify(&peer);
        if let Some(observer) = &self.settings.observer {
            observer(&peer, verdict.as_ref());
        }
        match verdict {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::InvalidCertificate(self.errors.certificate_error(error))),
        }
    }
}
