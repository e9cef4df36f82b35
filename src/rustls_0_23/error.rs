//! rustls's errors for ours, and back. Tests: the table below, and `tests/rustls.rs`.

use std::error::Error as StdError;
use std::sync::Arc;
use std::{fmt, io};

use rustls::{CertificateError, Error, ExtendedKeyPurpose, OtherError};

use crate::{ErrorKind, Purpose, VerifyError};

/// The variant that comes closest to a kind, without context: the right column of the
/// [table](super#errors).
///
/// `Other` holds a [`VerifyError`] of the kind, for the kinds that rustls has no variant for.
pub fn certificate_error(kind: ErrorKind) -> CertificateError {
    plain(VerifyError::new(kind))
}

pub(super) fn plain(error: VerifyError) -> CertificateError {
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

/// The middle column of the [table](super#errors).
impl From<VerifyError> for CertificateError {
    fn from(error: VerifyError) -> Self {
        match (error.kind(), error.time(), error.validity_limit(), error.name()) {
            (ErrorKind::Expired, Some(time), Some(not_after), _) => {
                Self::ExpiredContext { time, not_after }
            }
            (ErrorKind::NotYetValid, Some(time), Some(not_before), _) => {
                Self::NotValidYetContext { time, not_before }
            }
            (ErrorKind::NameMismatch, _, _, Some(expected)) => Self::NotValidForNameContext {
                expected: expected.clone(),
                presented: error.presented_names().to_vec(),
            },
            (ErrorKind::WrongPurpose, ..) => Self::InvalidPurposeContext {
                required: match error.purpose() {
                    Purpose::ServerAuth => ExtendedKeyPurpose::ServerAuth,
                    Purpose::ClientAuth => ExtendedKeyPurpose::ClientAuth,
                },
                presented: error.presented_purposes().iter().map(|oid| key_purpose(oid)).collect(),
            },
            (
                ErrorKind::BadEncoding
                | ErrorKind::BadSignature
                | ErrorKind::UnknownCriticalExtension
                | ErrorKind::Revoked
                | ErrorKind::RevocationUnknown
                | ErrorKind::RevocationOutdated,
                ..,
            ) => plain(error),
            _ => other(error),
        }
    }
}

/// The middle column of the [table](super#errors).
impl From<&VerifyError> for CertificateError {
    fn from(error: &VerifyError) -> Self {
        error.clone().into()
    }
}

/// [`Error::InvalidCertificate`] with the middle column of the [table](super#errors).
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

/// Finds the [`VerifyError`] in an error of rustls, or in whatever a library has wrapped around
/// one. `None` if there is none: the failure is another one, or its variant has no room for it.
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
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // Neither of these names what it holds as its source.
        next = if let Some(Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))) =
            error.downcast_ref()
        {
            Some(&**inner)
        } else if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner)
        } else {
            error.source()
        };
    }
    None
}
/// Why a verifier or a configuration could not be made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The verifier judges the other side of a connection.
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
    /// The process has no default provider and this crate has neither feature `aws-lc-rs` nor
    /// `ring`.
    NoProvider,
    /// The provider has no signature algorithms.
    NoSignatureAlgorithms,
    /// rustls refused the settings.
    Rustls(Error),
}

impl From<Error> for ConfigError {
    fn from(error: Error) -> Self {
        Self::Rustls(error)
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
                "no CryptoProvider: install a default one, give one, or turn on the feature \
                 aws-lc-rs or ring",
            ),
            Self::NoSignatureAlgorithms => {
                f.write_str("the CryptoProvider has no signature algorithms")
            }
            Self::Rustls(error) => error.fmt(f),
        }
    }
}

impl StdError for ConfigError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
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
    use crate::cert::time::Timestamp;
    use crate::error::Parts;
    use crate::fault::{Cause, Fault};
    use crate::{Peer, Verifier};

    /// Every kind: its plain variant, its ordinary variant and the alert of each.
    const TABLE: &[(ErrorKind, &str, Alert, &str, Alert)] = {
        use Alert as A;
        use ErrorKind as K;
        &[
            (K::NoCertificate, "Other", A::CertificateUnknown, "Other", A::CertificateUnknown),
            (K::BadEncoding, "BadEncoding", A::BadCertificate, "BadEncoding", A::BadCertificate),
            (K::ChainTooComplex, "Other", A::CertificateUnknown, "Other", A::CertificateUnknown),
            (K::Expired, "Expired", A::CertificateExpired, "ExpiredContext", A::CertificateExpired),
            (
                K::NotYetValid,
                "NotValidYet",
                A::CertificateExpired,
                "NotValidYetContext",
                A::CertificateExpired,
            ),
            (
                K::NameMismatch,
                "NotValidForName",
                A::BadCertificate,
                "NotValidForNameContext",
                A::BadCertificate,
            ),
            (K::UnknownIssuer, "UnknownIssuer", A::UnknownCA, "Other", A::CertificateUnknown),
            (K::SelfSignedLeaf, "UnknownIssuer", A::UnknownCA, "Other", A::CertificateUnknown),
            (K::UntrustedRoot, "UnknownIssuer", A::UnknownCA, "Other", A::CertificateUnknown),
            (K::NoTrustAnchors, "UnknownIssuer", A::UnknownCA, "Other", A::CertificateUnknown),
            (
                K::PinMismatch,
                "ApplicationVerificationFailure",
                A::AccessDenied,
                "Other",
                A::CertificateUnknown,
            ),
            (K::BadSignature, "BadSignature", A::DecryptError, "BadSignature", A::DecryptError),
            (
                K::UnsupportedAlgorithm,
                "UnsupportedSignatureAlgorithm",
                A::DecryptError,
                "Other",
                A::CertificateUnknown,
            ),
            (K::WeakKey, "Other", A::CertificateUnknown, "Other", A::CertificateUnknown),
            (K::NotACa, "Other", A::CertificateUnknown, "Other", A::CertificateUnknown),
            (
                K::CaAsEndEntity,
                "InvalidPurpose",
                A::UnsupportedCertificate,
                "Other",
                A::CertificateUnknown,
            ),
            (K::KeyUsage, "Other", A::CertificateUnknown, "Other", A::CertificateUnknown),
            (K::PathLengthExceeded, "Other", A::CertificateUnknown, "Other", A::CertificateUnknown),
            (
                K::WrongPurpose,
                "InvalidPurpose",
                A::UnsupportedCertificate,
                "InvalidPurposeContext",
                A::UnsupportedCertificate,
            ),
            (K::NameConstraints, "Other", A::CertificateUnknown, "Other", A::CertificateUnknown),
            (
                K::UnknownCriticalExtension,
                "UnhandledCriticalExtension",
                A::BadCertificate,
                "UnhandledCriticalExtension",
                A::BadCertificate,
            ),
            (
                K::Distrusted,
                "ApplicationVerificationFailure",
                A::AccessDenied,
                "Other",
                A::CertificateUnknown,
            ),
            (K::Revoked, "Revoked", A::CertificateRevoked, "Revoked", A::CertificateRevoked),
            (
                K::RevocationUnknown,
                "UnknownRevocationStatus",
                A::UnknownCA,
                "UnknownRevocationStatus",
                A::UnknownCA,
            ),
            (
                K::RevocationOutdated,
                "ExpiredRevocationList",
                A::UnknownCA,
                "ExpiredRevocationList",
                A::UnknownCA,
            ),
            (
                K::BadRevocationData,
                "UnknownRevocationStatus",
                A::UnknownCA,
                "Other",
                A::CertificateUnknown,
            ),
            (
                K::NotStandardsCompliant,
                "Other",
                A::CertificateUnknown,
                "Other",
                A::CertificateUnknown,
            ),
            (K::CannotCheck, "Other", A::CertificateUnknown, "Other", A::CertificateUnknown),
        ]
    };

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

    fn variant(error: &CertificateError) -> String {
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
        for &(kind, plain_variant, plain_alert, full_variant, full_alert) in TABLE {
            let error = complete(kind);
            let bare = certificate_error(kind);
            let plain = plain(error.clone());
            let full = CertificateError::from(&error);
            assert_eq!(variant(&bare), plain_variant, "{kind:?}");
            assert_eq!(variant(&plain), plain_variant, "{kind:?}");
            assert_eq!(variant(&full), full_variant, "{kind:?}");
            assert_eq!(text(&bare).map(VerifyError::kind), text(&plain).map(VerifyError::kind));
            // Whoever carries text carries all of it.
            assert!(text(&plain).is_none_or(|inner| *inner == error), "{kind:?}");
            assert!(text(&full).is_none_or(|inner| *inner == error), "{kind:?}");
            assert_eq!(Alert::from(bare), plain_alert, "{kind:?}");
            assert_eq!(Alert::from(plain), plain_alert, "{kind:?}");
            assert_eq!(Alert::from(full), full_alert, "{kind:?}");
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

    /// What `Verifier::system` is in a build without any algorithm.
    // Elsewhere the operating system verifies the signatures.
    #[cfg(not(any(windows, target_vendor = "apple")))]
    #[test]
    fn without_algorithms_nothing_is_trusted() {
        use trustbridge_cases::make;
        let ca = make::ca("Root").self_signed();
        let leaf = make::server().issued_by(&ca);
        let verifier = Verifier::builder()
            .signature_algorithms(
                rustls::crypto::ring::default_provider().signature_verification_algorithms.all,
            )
            .system_roots(false)
            .extra_roots([CertificateDer::from(&*ca.der)])
            .build()
            .unwrap();
        let chain = [CertificateDer::from(&*leaf.der)];
        let peer = Peer {
            time: UnixTime::since_unix_epoch(std::time::Duration::from_secs(
                trustbridge_cases::NOW,
            )),
            ..Peer::new(&chain, Some(ServerName::try_from("example.com").unwrap()))
        };
        assert!(verifier.verify(&peer).is_ok());
        let error = verifier.with_algorithms(&[]).verify(&peer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CannotCheck);
    }

    #[test]
    fn found_below_wrappers() {
        let error = complete(ErrorKind::UnknownIssuer);
        let inside = Error::from(error.clone());
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, inside.clone()));
        assert_eq!(verify_error(&error), Some(&error));
        assert_eq!(verify_error(&inside), Some(&error));
        assert_eq!(verify_error(&wrapped), Some(&error));
        assert_eq!(verify_error(&Error::from(complete(ErrorKind::Revoked))), None);
        assert_eq!(verify_error(&io::Error::other("else")), None);
    }
}
