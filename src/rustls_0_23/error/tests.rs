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
        (K::CaAsEndEntity, "InvalidPurpose", A::UnsupportedCertificate, false, "InvalidPurpose"),
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
