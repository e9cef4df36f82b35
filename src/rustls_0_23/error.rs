//! rustls's errors for ours, and back. Tests: the table below, and `tests/rustls.rs`.

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
                Purpose::ClientAuth => ExtendedKeyPurpose::ClientAuth,
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
                "whether the system's roots count for client certificates was not said: \
                 set it with `system_roots`; `false` is right for a CA of your own",
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
mod tests {
    use rustls::AlertDescription as Alert;

    use std::io;

    use pki_types::{CertificateDer, ServerName, UnixTime};

    use super::*;
    use crate::Verifier;
    use crate::cert::time::Timestamp;
    use crate::error::Parts;
    use crate::fault::{Cause, Fault};

    /// Every kind: its variant with the alert, whether that is its ordinary form too, and its
    /// variant where nothing is known but the kind.
    const TABLE: &[(ErrorKind, &str, Alert, bool, &str)] = {
        use Alert as A;
        use ErrorKind as K;
        &[
            (K::NoCertificate, "Other", A::CertificateUnknown, true, "Other"),
            (K::BadEncoding, "BadEncoding", A::BadCertificate, true, "BadEncoding"),
            (K::ChainTooComplex, "Other", A::CertificateUnknown, true, "Other"),
            (K::Expired, "ExpiredContext", A::CertificateExpired, true, "Expired"),
            (K::NotYetValid, "NotValidYetContext", A::CertificateExpired, true, "NotValidYet"),
            (K::NameMismatch, "NotValidForNameContext", A::BadCertificate, true, "NotValidForName"),
            (K::UnknownIssuer, "UnknownIssuer", A::UnknownCA, false, "UnknownIssuer"),
            (K::SelfSignedLeaf, "UnknownIssuer", A::UnknownCA, false, "UnknownIssuer"),
            (K::UntrustedRoot, "UnknownIssuer", A::UnknownCA, false, "UnknownIssuer"),
            (K::NoTrustAnchors, "UnknownIssuer", A::UnknownCA, false, "UnknownIssuer"),
            (K::PinMismatch, APPLICATION, A::AccessDenied, false, APPLICATION),
            (K::BadSignature, "BadSignature", A::DecryptError, true, "BadSignature"),
            (K::UnsupportedAlgorithm, ALGORITHM, A::DecryptError, false, ALGORITHM),
            (K::WeakKey, "Other", A::CertificateUnknown, true, "Other"),
            (K::NotACa, "Other", A::CertificateUnknown, true, "Other"),
            (
                K::CaAsEndEntity,
                "InvalidPurpose",
                A::UnsupportedCertificate,
                false,
                "InvalidPurpose",
            ),
            (K::KeyUsage, "Other", A::CertificateUnknown, true, "Other"),
            (K::PathLengthExceeded, "Other", A::CertificateUnknown, true, "Other"),
            // Which purpose was required is always known.
            (K::WrongPurpose, PURPOSE, A::UnsupportedCertificate, true, PURPOSE),
            (K::NameConstraints, "Other", A::CertificateUnknown, true, "Other"),
            (K::UnknownCriticalExtension, EXTENSION, A::BadCertificate, true, EXTENSION),
            (K::Distrusted, APPLICATION, A::AccessDenied, false, APPLICATION),
            (K::Revoked, "Revoked", A::CertificateRevoked, true, "Revoked"),
            (K::RevocationUnknown, UNKNOWN_STATUS, A::UnknownCA, true, UNKNOWN_STATUS),
            (K::RevocationOutdated, "ExpiredRevocationList", A::UnknownCA, true, OUTDATED),
            (K::BadRevocationData, UNKNOWN_STATUS, A::UnknownCA, false, UNKNOWN_STATUS),
            (K::NotStandardsCompliant, "Other", A::CertificateUnknown, true, "Other"),
            (K::CannotCheck, "Other", A::CertificateUnknown, true, "Other"),
        ]
    };

    const ALGORITHM: &str = "UnsupportedSignatureAlgorithm";
    const APPLICATION: &str = "ApplicationVerificationFailure";
    const EXTENSION: &str = "UnhandledCriticalExtension";
    const OUTDATED: &str = "ExpiredRevocationList";
    const PURPOSE: &str = "InvalidPurposeContext";
    const UNKNOWN_STATUS: &str = "UnknownRevocationStatus";

    /// As a verifier returns it: with name, time and limit.
    fn complete(kind: ErrorKind) -> VerifyError {
        let limit = Timestamp(10);
        let cause = match kind {
            ErrorKind::Expired => Cause::Expired { not_after: limit },
            ErrorKind::NotYetValid => Cause::NotYetValid { not_before: limit },
            ErrorKind::NameMismatch => {
                Cause::Names { presented: vec!["other.example".to_owned()], common_name: None }
            }
            _ => Cause::Kind,
        };
        let purposes = vec!["1.3.6.1.5.5.7.3.2".to_owned(), "1.2.840.1".to_owned()];
        Parts {
            name: Some(ServerName::try_from("test.example").unwrap()),
            time: Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(20))),
            purposes,
            ..Parts::from(Fault::new(kind).at(0).because(cause))
        }
        .into()
    }

    fn name(error: &CertificateError) -> String {
        let debug = format!("{error:?}");
        debug.split([' ', '(', '{']).next().unwrap().to_owned()
    }

    fn text(error: &CertificateError) -> Option<&VerifyError> {
        match error {
            CertificateError::Other(OtherError(inner)) => Some(inner.downcast_ref().unwrap()),
            _ => None,
        }
    }

    #[test]
    fn every_kind_is_in_the_table() {
        // The last variant is the one with the highest number.
        let kinds: Vec<_> = TABLE.iter().map(|row| row.0 as usize).collect();
        assert_eq!(kinds, (0..=ErrorKind::CannotCheck as usize).collect::<Vec<_>>());
    }

    #[test]
    fn variants_and_alerts() {
        for &(kind, variant, alert, ordinary, bare) in TABLE {
            let error = complete(kind);
            // Whoever carries text carries all of it.
            let check = |form: ErrorForm, expected: &str, alert: Alert| {
                let made = certificate_error(error.clone(), form);
                assert_eq!(name(&made), expected, "{kind:?} {form:?}");
                assert_eq!(text(&made), (expected == "Other").then_some(&error), "{kind:?}");
                assert_eq!(Alert::from(made), alert, "{kind:?} {form:?}");
            };
            check(ErrorForm::Variant, variant, alert);
            if ordinary {
                check(ErrorForm::VariantOrText, variant, alert);
            } else {
                check(ErrorForm::VariantOrText, "Other", Alert::CertificateUnknown);
            }
            check(ErrorForm::Text, "Other", Alert::CertificateUnknown);
            assert_eq!(
                name(&CertificateError::from(error.clone())),
                name(&certificate_error(error.clone(), ErrorForm::VariantOrText))
            );

            let made = certificate_error(VerifyError::new(kind), ErrorForm::Variant);
            assert_eq!(name(&made), bare, "{kind:?}");
            assert_eq!(Alert::from(made), alert, "{kind:?}");
        }
    }

    #[test]
    fn context_is_kept() {
        let at = |secs| UnixTime::since_unix_epoch(std::time::Duration::from_secs(secs));
        assert_eq!(
            CertificateError::from(complete(ErrorKind::Expired)),
            CertificateError::ExpiredContext { time: at(20), not_after: at(10) }
        );
        assert_eq!(
            CertificateError::from(complete(ErrorKind::NotYetValid)),
            CertificateError::NotValidYetContext { time: at(20), not_before: at(10) }
        );
        assert_eq!(
            CertificateError::from(complete(ErrorKind::NameMismatch)),
            CertificateError::NotValidForNameContext {
                expected: ServerName::try_from("test.example").unwrap(),
                presented: vec!["other.example".to_owned()]
            }
        );
        assert_eq!(
            CertificateError::from(complete(ErrorKind::WrongPurpose)),
            CertificateError::InvalidPurposeContext {
                required: ExtendedKeyPurpose::ServerAuth,
                presented: vec![
                    ExtendedKeyPurpose::ClientAuth,
                    ExtendedKeyPurpose::Other(vec![1, 2, 840, 1])
                ]
            }
        );
    }

    #[test]
    fn no_message_is_only_the_name_of_a_missing_path() {
        for kind in [
            ErrorKind::UnknownIssuer,
            ErrorKind::SelfSignedLeaf,
            ErrorKind::UntrustedRoot,
            ErrorKind::NoTrustAnchors,
        ] {
            let error = complete(kind);
            let line = error.to_string();
            assert!(Error::from(error).to_string().contains(&line));
        }
    }

    #[test]
    fn found_below_wrappers() {
        /// As many libraries do.
        #[derive(Debug)]
        struct Outer(Box<dyn StdError + Send + Sync>);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("connection failed")
            }
        }
        impl StdError for Outer {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(&*self.0)
            }
        }

        let error = complete(ErrorKind::UnknownIssuer);
        let rustls = Error::from(error.clone());
        let io = || io::Error::new(io::ErrorKind::InvalidData, rustls.clone());
        let shared: Arc<dyn StdError + Send + Sync> = Arc::new(rustls.clone());
        let local: Arc<dyn StdError> = Arc::new(rustls.clone());
        let wrapped: [Box<dyn StdError>; 15] = [
            Box::new(error.clone()),
            Box::new(rustls.clone()),
            Box::new(io()),
            Box::new(io::Error::other(io())),
            Box::new(Outer(Box::new(io()))),
            Box::new(Arc::new(error.clone())),
            Box::new(Arc::new(rustls.clone())),
            Box::new(Arc::new(io())),
            Box::new(Box::new(error.clone())),
            Box::new(Box::new(rustls.clone())),
            Box::new(Box::new(io())),
            Box::new(shared),
            Box::new(local),
            Box::new(OtherError(Arc::new(io()))),
            Box::new(Outer(Box::new(Arc::new(io::Error::other(Outer(Box::new(Arc::new(
                Error::Other(OtherError(Arc::new(io()))),
            )))))))),
        ];
        for (row, wrapped) in wrapped.iter().enumerate() {
            assert_eq!(verify_error(&**wrapped), Some(&error), "row {row}");
        }
        assert_eq!(verify_error(&Error::from(complete(ErrorKind::Revoked))), None);
        assert_eq!(verify_error(&io::Error::other("else")), None);
    }

    #[test]
    fn errors_of_configuration_compose() {
        fn build() -> Result<Verifier, ConfigError> {
            Ok(Verifier::builder().extra_roots([CertificateDer::from(&[0][..])]).build()?)
        }
        fn connect() -> Result<(), Error> {
            build()?;
            Ok(())
        }
        let error = build().unwrap_err();
        assert!(matches!(error, ConfigError::Build(_)));
        assert_eq!(connect().unwrap_err().to_string(), format!("other error: {error}"));
        assert_eq!(Error::from(ConfigError::Rustls(Error::DecryptError)), Error::DecryptError);
    }
}
