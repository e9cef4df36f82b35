//! rustls's errors for ours, and back. Tests: `error/tests.rs`, and `tests/rustls.rs`.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use rustls::{CertificateError, Error, ExtendedKeyPurpose, OtherError};

use crate::adapter::{self, ErrorForm};
use crate::{BuildError, ErrorKind, Purpose, VerifyError};

/// The error in this form.
pub fn certificate_error(error: VerifyError, form: ErrorForm) -> CertificateError {
    if form.is_variant(error.kind()) { variant(error) } else { other(error) }
}

fn variant(error: VerifyError) -> CertificateError {
    with_context(&error).unwrap_or_else(|| bare_variant(error))
}

fn with_context(error: &VerifyError) -> Option<CertificateError> {
    Some(match error.kind() {
        ErrorKind::Expired => CertificateError::ExpiredContext {
            time: error.time()?,
            not_after: error.validity_limit()?,
        },
        ErrorKind::NotYetValid => CertificateError::NotValidYetContext {
            time: error.time()?,
            not_before: error.validity_limit()?,
        },
        ErrorKind::NameMismatch => CertificateError::NotValidForNameContext {
            expected: error.name()?.clone(),
            presented: error.presented_names().to_vec(),
        },
        ErrorKind::WrongPurpose => CertificateError::InvalidPurposeContext {
            required: match error.purpose() {
                Purpose::ServerAuth => ExtendedKeyPurpose::ServerAuth,
                Purpose::ClientAuth | Purpose::ClientOrServerAuth => ExtendedKeyPurpose::ClientAuth,
            },
            presented: error.presented_purposes().iter().map(|oid| key_purpose(oid)).collect(),
        },
        _ => return None,
    })
}

fn bare_variant(error: VerifyError) -> CertificateError {
    match error.kind() {
        ErrorKind::BadEncoding => CertificateError::BadEncoding,
        ErrorKind::Expired => CertificateError::Expired,
        ErrorKind::NotYetValid => CertificateError::NotValidYet,
        ErrorKind::NameMismatch => CertificateError::NotValidForName,
        ErrorKind::UnknownIssuer
        | ErrorKind::SelfSignedLeaf
        | ErrorKind::UntrustedRoot
        | ErrorKind::NoTrustAnchors => CertificateError::UnknownIssuer,
        ErrorKind::BadSignature => CertificateError::BadSignature,
        // The variant that is not deprecated wants details that the operating systems do not give.
        #[allow(deprecated)]
        ErrorKind::UnsupportedAlgorithm => CertificateError::UnsupportedSignatureAlgorithm,
        ErrorKind::WrongPurpose | ErrorKind::CaAsEndEntity => CertificateError::InvalidPurpose,
        ErrorKind::UnknownCriticalExtension => CertificateError::UnhandledCriticalExtension,
        ErrorKind::Revoked => CertificateError::Revoked,
        ErrorKind::RevocationUnknown | ErrorKind::BadRevocationData => {
            CertificateError::UnknownRevocationStatus
        }
        ErrorKind::RevocationOutdated => CertificateError::ExpiredRevocationList,
        ErrorKind::Distrusted | ErrorKind::PinMismatch => {
            CertificateError::ApplicationVerificationFailure
        }
        ErrorKind::NoCertificate
        | ErrorKind::ChainTooComplex
        | ErrorKind::WeakKey
        | ErrorKind::NotACa
        | ErrorKind::KeyUsage
        | ErrorKind::PathLengthExceeded
        | ErrorKind::NameConstraints
        | ErrorKind::NotStandardsCompliant
        | ErrorKind::CannotCheck => other(error),
    }
}

fn other(error: VerifyError) -> CertificateError {
    CertificateError::Other(OtherError(Arc::new(error)))
}

/// In the form [`ErrorForm::VariantOrText`].
impl From<VerifyError> for CertificateError {
    fn from(error: VerifyError) -> Self {
        certificate_error(error, ErrorForm::VariantOrText)
    }
}

/// [`Error::InvalidCertificate`] in the form [`ErrorForm::VariantOrText`].
impl From<VerifyError> for Error {
    fn from(error: VerifyError) -> Self {
        Self::InvalidCertificate(error.into())
    }
}

fn key_purpose(dotted: &str) -> ExtendedKeyPurpose {
    match dotted {
        "1.3.6.1.5.5.7.3.1" => ExtendedKeyPurpose::ServerAuth,
        "1.3.6.1.5.5.7.3.2" => ExtendedKeyPurpose::ClientAuth,
        _ => ExtendedKeyPurpose::Other(
            dotted.split('.').filter_map(|arc| arc.parse().ok()).collect(),
        ),
    }
}

/// Finds the [`VerifyError`] in an error of rustls, or of a library that made the connection: below
/// every [source](StdError::source), and inside [`std::io::Error`], `Arc` and `Box`.
///
/// `None` if there is none: the failure is another one, its variant has no room for the report
/// (see [`ErrorForm`]), or the library does not name the error it holds as its source. An
/// [observer](super::Settings::on_verdict) gets the report in every case.
///
/// ```
/// # fn show(error: &(dyn std::error::Error + 'static)) {
/// match trustbridge::rustls_0_23::verify_error(error) {
///     Some(error) => eprintln!("{}", error.report()),
///     None => eprintln!("{error}"),
/// }
/// # }
/// # show(&std::io::Error::other("not about certificates"));
/// ```
pub fn verify_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a VerifyError> {
    adapter::find(error, held)
}

/// What an error of rustls holds and does not name as its source.
fn held<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    if let Some(
        Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))
        | Error::Other(OtherError(inner)),
    ) = error.downcast_ref()
    {
        return Some(&**inner);
    }
    adapter::inside::<Error>(error).or_else(|| adapter::inside::<OtherError>(error))
}

/// Why a verifier or a configuration could not be made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The verifier is for the other side of a connection.
    #[non_exhaustive]
    WrongPurpose {
        /// What it has to be for.
        required: Purpose,
        /// What it is for.
        given: Purpose,
    },
    /// The verifier's builder was not told whether the operating system's trust anchors count
    /// for client certificates. They seldom should: whoever gets a certificate from any public CA
    /// would be let in.
    SystemRootsNotChosen,
    /// The process has no default provider, and rustls was compiled with none.
    NoProvider,
    /// The provider has no signature algorithms.
    NoSignatureAlgorithms,
    /// The verifier could not be built. Only for `?`: this module builds no verifier.
    Build(BuildError),
    /// rustls refused the settings.
    Rustls(Error),
}

impl From<BuildError> for ConfigError {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

impl From<Error> for ConfigError {
    fn from(error: Error) -> Self {
        Self::Rustls(error)
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Rustls(error) => error,
            error => Self::Other(OtherError(Arc::new(error))),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongPurpose { required, given } => write!(
                f,
                "the verifier is for {}, but has to be for {}: set it with `purpose`",
                given.name(),
                required.name()
            ),
            Self::SystemRootsNotChosen => f.write_str(
                "decide with `system_roots` whether the system's roots are trusted for client \
                 certificates; `false` is right for a CA of your own",
            ),
            Self::NoProvider => f.write_str(
                "no CryptoProvider: turn on rustls's feature `aws_lc_rs` or `ring`, install a default \
                 provider, or pass one",
            ),
            Self::NoSignatureAlgorithms => {
                f.write_str("the CryptoProvider has no signature algorithms")
            }
            Self::Build(error) => error.fmt(f),
            Self::Rustls(error) => error.fmt(f),
        }
    }
}

impl StdError for ConfigError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Build(error) => error.source(),
            Self::Rustls(error) => error.source(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
