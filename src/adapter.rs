//! What the adapters for the versions of rustls have in common; nothing here names rustls's types.
//!
//! Tests: `tests/rustls.rs`, `tests/next`.

use std::error::Error as StdError;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::{fmt, io, iter};

use pki_types::{CertificateDer, ServerName, UnixTime};

use crate::cert::Cert;
use crate::{ErrorKind, Peer, Verified, Verifier, VerifyError};

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

    pub(crate) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    #[cfg(feature = "rustls-0_23")]
    pub(crate) fn replace_verifier(&mut self, verifier: Verifier) {
        self.verifier = verifier;
    }

    pub(crate) fn form_or(&self, default: ErrorForm) -> ErrorForm {
        self.errors.unwrap_or(default)
    }

    /// The verdict, once the observer has seen it.
    pub(crate) fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: Option<&ServerName<'_>>,
        ocsp_response: &[u8],
        time: UnixTime,
    ) -> Result<(), VerifyError> {
        let chain: Vec<_> = iter::once(end_entity)
            .chain(intermediates)
            .map(|cert| CertificateDer::from(cert.as_ref()))
            .collect();
        let peer = Peer::new(&chain, name.cloned()).time(time).ocsp_response(ocsp_response);
        let verdict = self.verifier.verify(&peer);
        if let Some(observer) = &self.observer {
            observer(&peer, verdict.as_ref());
        }
        verdict.map(|_| ())
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

/// What a failed verification is to rustls. Which variant each [`ErrorKind`] gets is in the table of
/// the adapter's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorForm {
    /// The variant of rustls's `CertificateError` that comes closest, with its context where there is one.
    /// The peer gets the most precise alert, and the error carries no report.
    ///
    /// `Other` only for the kinds that rustls has no variant for.
    Variant,
    /// A variant that says all there is to say, and otherwise `Other` with the [`VerifyError`].
    VariantOrText,
    /// Always `Other` with the [`VerifyError`]: its line is part of rustls's message, and
    /// `verify_error` always finds the report.
    Text,
}

impl ErrorForm {
    /// Whether an error of this kind is a variant, where rustls has one.
    pub(crate) fn is_variant(self, kind: ErrorKind) -> bool {
        match self {
            Self::Variant => true,
            Self::VariantOrText => says_enough(kind),
            Self::Text => false,
        }
    }
}

/// Whether the variant of this kind says as much as the line of the [`VerifyError`].
fn says_enough(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Expired
            | ErrorKind::NotYetValid
            | ErrorKind::NameMismatch
            | ErrorKind::WrongPurpose
            | ErrorKind::BadEncoding
            | ErrorKind::BadSignature
            | ErrorKind::UnknownCriticalExtension
            | ErrorKind::Revoked
            | ErrorKind::RevocationUnknown
            | ErrorKind::RevocationOutdated
    )
}

/// The names of the issuers that a server requests certificates of, each once: the contents of their
/// SEQUENCE. None where something else than the extra roots can make a certificate trusted: a list of
/// names too short would make clients keep a good certificate to themselves.
pub(crate) fn hints(verifier: &Verifier) -> Vec<Vec<u8>> {
    let config = verifier.config();
    if config.system.is_some() || !config.fallback.entries().is_empty() || !config.pinned.is_empty()
    {
        return Vec::new();
    }
    let mut hints: Vec<Vec<u8>> = Vec::new();
    for cert in verifier.extra_roots().filter_map(|der| Cert::parse(der).ok()) {
        // A trusted end entity: clients look for its issuer.
        let name = if cert.is_ca() { cert.subject } else { cert.issuer };
        if !hints.iter().any(|hint| hint == name) {
            hints.push(name.to_vec());
        }
    }
    hints
}

/// Finds the [`VerifyError`] below wrappers. `held` is what an error of rustls holds and does not name as
/// its source.
pub(crate) fn find<'a>(
    error: &'a (dyn StdError + 'static),
    held: fn(&'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)>,
) -> Option<&'a VerifyError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = held(error).or_else(|| wrapped(error)).or_else(|| error.source());
    }
    None
}

/// What these types hold: they name the source of what they hold in the place of it.
fn wrapped<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return error.get_ref().map(|inner| inner as _);
    }
    if let Some(inner) = error.downcast_ref::<Arc<dyn StdError + Send + Sync>>() {
        return Some(&**inner);
    }
    if let Some(inner) = error.downcast_ref::<Arc<dyn StdError>>() {
        return Some(&**inner);
    }
    inside::<VerifyError>(error).or_else(|| inside::<io::Error>(error))
}

/// An `E` in an `Arc` or a `Box`.
pub(crate) fn inside<'a, E: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a (dyn StdError + 'static)> {
    let shared = error.downcast_ref::<Arc<E>>().map(|inner| &**inner);
    shared.or_else(|| error.downcast_ref::<Box<E>>().map(|inner| &**inner)).map(|inner| inner as _)
}
