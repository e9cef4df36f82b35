//! The adapter for rustls 0.23: it lends a [`Verifier`] to rustls and does nothing else.
//!
//! The short way to a client that trusts what the operating system trusts:
//!
//! ```
//! use trustbridge::Verifier;
//!
//! let config = trustbridge::rustls::client_config(Verifier::system())?;
//! # assert!(config.alpn_protocols.is_empty());
//! # Ok::<(), trustbridge::rustls::ConfigError>(())
//! ```
//!
//! With a provider, protocol versions or a client certificate of your own:
//!
//! ```
//! use std::sync::Arc;
//!
//! use rustls::{ClientConfig, crypto::aws_lc_rs};
//! use trustbridge::{Verifier, rustls::ConfigBuilderExt};
//!
//! let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
//!     .with_protocol_versions(&[&rustls::version::TLS13])?
//!     .with_verifier(Verifier::system())?
//!     .with_no_client_auth();
//! # assert!(config.alpn_protocols.is_empty());
//! # Ok::<(), trustbridge::rustls::ConfigError>(())
//! ```
//!
//! A server that asks for client certificates takes a [`ClientVerifier`].
//!
//! # Build it once
//!
//! Make one configuration and share it: clones of a [`Verifier`] and of an `Arc<ClientConfig>`
//! cost nothing. rustls does not verify a resumed session again; the session keeps the verdict of the
//! handshake that began it.
//!
//! # Signature algorithms
//!
//! The adapter takes those of the [`CryptoProvider`], for the handshake and, on Unix, for the
//! certificates too; [`VerifierBuilder::signature_algorithms`] does not count. *ring* has no
//! P-521 keys and no SHA-512 with P-256 and P-384 keys: a chain with one of these ends in
//! [`ErrorKind::UnsupportedAlgorithm`]. aws-lc-rs has all of them.
//!
//! # Errors
//!
//! rustls chooses the alert for the peer from the variant of [`CertificateError`], and most
//! variants have no room for a text. So:
//!
//! | [`ErrorKind`] | [`CertificateError`] | with [`plain_errors`] |
//! |---|---|---|
//! | `Expired` | `ExpiredContext` | `Expired` |
//! | `NotYetValid` | `NotValidYetContext` | `NotValidYet` |
//! | `NameMismatch` | `NotValidForNameContext` | `NotValidForName` |
//! | `WrongPurpose` | `InvalidPurposeContext` | `InvalidPurpose` |
//! | `BadEncoding` | `BadEncoding` | the same |
//! | `BadSignature` | `BadSignature` | the same |
//! | `UnknownCriticalExtension` | `UnhandledCriticalExtension` | the same |
//! | `Revoked` | `Revoked` | the same |
//! | `RevocationUnknown` | `UnknownRevocationStatus` | the same |
//! | `RevocationOutdated` | `ExpiredRevocationList` | the same |
//! | `UnknownIssuer`, `SelfSignedLeaf`, `UntrustedRoot`, `NoTrustAnchors` | `Other` | `UnknownIssuer` |
//! | `CaAsEndEntity` | `Other` | `InvalidPurpose` |
//! | `UnsupportedAlgorithm` | `Other` | `UnsupportedSignatureAlgorithm` |
//! | `BadRevocationData` | `Other` | `UnknownRevocationStatus` |
//! | `Distrusted`, `PinMismatch` | `Other` | `ApplicationVerificationFailure` |
//! | every other kind: rustls has no such variant | `Other` | `Other` |
//!
//! `Other` holds the whole [`VerifyError`]: its line is part of rustls's own message, and
//! [`verify_error`] finds it in whatever an HTTP library has wrapped around it. The peer sees the
//! alert `certificate_unknown` then. With [`plain_errors`] it sees the alert of the variant, such as
//! `unknown_ca`, and a program can match the variant, but the error has no text. Nothing in
//! rustls carries both; [`on_verdict`] gives the text beside a plain error.
//!
//! [`plain_errors`]: ServerVerifier::plain_errors
//! [`on_verdict`]: ServerVerifier::on_verdict
//! [`VerifierBuilder::signature_algorithms`]: crate::VerifierBuilder::signature_algorithms

use std::error::Error as StdError;
use std::sync::Arc;
use std::{fmt, io, iter};

use ::rustls::client::WantsClientCert;
use ::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use ::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use ::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use ::rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, DistinguishedName, Error,
    ExtendedKeyPurpose, OtherError, SignatureScheme, WantsVerifier,
};
use pki_types::{CertificateDer, ServerName, UnixTime};

use crate::x509::Cert;
use crate::{ErrorKind, Peer, Purpose, Verified, Verifier, VerifyError};

/// A configuration for clients that verifies servers with this verifier: rustls's default
/// protocol versions, no client certificate, no ALPN protocols.
///
/// The provider is the process's default, or else the one that the features of this crate name.
///
/// # Errors
///
/// [`ConfigError`] if there is no such provider, or the verifier is not for servers.
pub fn client_config(verifier: Verifier) -> Result<ClientConfig, ConfigError> {
    Ok(ClientConfig::builder_with_provider(default_provider()?)
        .with_safe_default_protocol_versions()?
        .with_verifier(verifier)?
        .with_no_client_auth())
}

/// Adds [`with_verifier`](Self::with_verifier) to rustls's builder of client configurations.
pub trait ConfigBuilderExt {
    /// Verifies servers with this verifier, and with the algorithms of the builder's provider.
    ///
    /// Short for `dangerous().with_custom_certificate_verifier(…)` with a [`ServerVerifier`].
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the verifier is not for servers.
    fn with_verifier(
        self,
        verifier: Verifier,
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, ConfigError>;
}

impl ConfigBuilderExt for ConfigBuilder<ClientConfig, WantsVerifier> {
    fn with_verifier(
        self,
        verifier: Verifier,
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, ConfigError> {
        let verifier = ServerVerifier::with_provider(verifier, self.crypto_provider())?;
        Ok(self.dangerous().with_custom_certificate_verifier(Arc::new(verifier)))
    }
}

/// Verifies servers: a [`Verifier`] as rustls's [`ServerCertVerifier`].
///
/// ```
/// use std::sync::Arc;
///
/// use trustbridge::{Verifier, rustls::ServerVerifier};
///
/// let provider = rustls::crypto::ring::default_provider();
/// let verifier = ServerVerifier::with_provider(Verifier::system(), &provider)?
///     .plain_errors(true)
///     .on_verdict(|_, verdict| {
///         if let Err(error) = verdict {
///             eprintln!("{}", error.report());
///         }
///     });
/// let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
///     .with_safe_default_protocol_versions()?
///     .dangerous() // rustls's word for every verifier that is not its own
///     .with_custom_certificate_verifier(Arc::new(verifier))
///     .with_no_client_auth();
/// # Ok::<(), trustbridge::rustls::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ServerVerifier {
    judge: Judge,
}

impl ServerVerifier {
    /// With the process's default provider, or else the one that the features of this crate
    /// name.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if there is no such provider, or the verifier is not for servers.
    pub fn new(verifier: Verifier) -> Result<Self, ConfigError> {
        Self::with_provider(verifier, &*default_provider()?)
    }

    /// With the signature algorithms of this provider.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the provider has no algorithms, or the verifier is not for servers.
    pub fn with_provider(
        verifier: Verifier,
        provider: &CryptoProvider,
    ) -> Result<Self, ConfigError> {
        Ok(Self { judge: Judge::new(verifier, provider, Purpose::ServerAuth)? })
    }

    /// Whether errors are the plain variants of [`CertificateError`], which bring the peer the most
    /// precise alert but have no text. Default: `false`. See the [table](self#errors).
    pub fn plain_errors(mut self, yes: bool) -> Self {
        self.judge.plain_errors = yes;
        self
    }

    /// Calls this after every verification, in the thread of the handshake: for logs, counters,
    /// or to keep the chain that was built. It cannot change the verdict.
    pub fn on_verdict<F>(mut self, observer: F) -> Self
    where
        F: Fn(&Peer<'_>, Result<&Verified, &VerifyError>) + Send + Sync + 'static,
    {
        self.judge.observer = Some(Arc::new(observer));
        self
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge.verify(end_entity, intermediates, Some(server_name), ocsp_response, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.judge.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.judge.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.algorithms.supported_schemes()
    }
}

/// Verifies clients, for servers that ask for certificates: a [`Verifier`] as rustls's
/// [`ClientCertVerifier`].
///
/// It proves that one of the trust anchors vouches for the client. **Who** the client is, and
/// whether it may do what it asks for, is for the server to decide from the certificate.
///
/// ```
/// # use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
/// # let mut params = CertificateParams::default();
/// # params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
/// # let ca = params.self_signed(&KeyPair::generate()?)?.der().clone();
/// use std::sync::Arc;
///
/// use trustbridge::{Purpose, Verifier, rustls::ClientVerifier};
///
/// let verifier = Verifier::builder()
///     .purpose(Purpose::ClientAuth)
///     .system_roots(false)
///     .extra_roots([ca])
///     .build()?;
/// let builder = rustls::ServerConfig::builder_with_provider(Arc::new(
///     rustls::crypto::aws_lc_rs::default_provider(),
/// ))
/// .with_safe_default_protocol_versions()?
/// .with_client_cert_verifier(Arc::new(ClientVerifier::new(verifier)?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientVerifier {
    judge: Judge,
    hints: Vec<DistinguishedName>,
    mandatory: bool,
}

impl ClientVerifier {
    /// With the process's default provider, or else the one that the features of this crate
    /// name.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if there is no such provider, the verifier is not for clients, or its
    /// builder was not told whether the system's roots count.
    pub fn new(verifier: Verifier) -> Result<Self, ConfigError> {
        Self::with_provider(verifier, &*default_provider()?)
    }

    /// With the signature algorithms of this provider.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the provider has no algorithms, the verifier is not for clients, or
    /// its builder was not told whether the system's roots count.
    pub fn with_provider(
        verifier: Verifier,
        provider: &CryptoProvider,
    ) -> Result<Self, ConfigError> {
        let hints = hints(&verifier);
        let judge = Judge::new(verifier, provider, Purpose::ClientAuth)?;
        if !judge.verifier.config().system_chosen {
            return Err(ConfigError::SystemRootsNotChosen);
        }
        Ok(Self { judge, hints, mandatory: true })
    }

    /// Also lets clients in that send no certificate. One that is sent must still be trusted.
    pub fn allow_unauthenticated(mut self) -> Self {
        self.mandatory = false;
        self
    }

    /// As [`ServerVerifier::plain_errors`].
    pub fn plain_errors(mut self, yes: bool) -> Self {
        self.judge.plain_errors = yes;
        self
    }

    /// As [`ServerVerifier::on_verdict`].
    pub fn on_verdict<F>(mut self, observer: F) -> Self
    where
        F: Fn(&Peer<'_>, Result<&Verified, &VerifyError>) + Send + Sync + 'static,
    {
        self.judge.observer = Some(Arc::new(observer));
        self
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    /// The issuers named to the client: those of [`Verifier::extra_roots`]. None, which invites
    /// any certificate, where something else can make a certificate trusted.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge.verify(end_entity, intermediates, None, &[], now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.judge.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.judge.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.algorithms.supported_schemes()
    }
}

/// A list of names too short would make clients keep a good certificate to themselves.
fn hints(verifier: &Verifier) -> Vec<DistinguishedName> {
    let config = verifier.config();
    if config.system.is_some() || !config.fallback.entries().is_empty() || !config.pinned.is_empty()
    {
        return Vec::new();
    }
    let mut hints: Vec<DistinguishedName> = Vec::new();
    for cert in verifier.extra_roots().filter_map(|der| Cert::parse(der).ok()) {
        // Trusted whole, as an end entity: clients look for its issuer.
        let name = if cert.is_ca() { cert.subject } else { cert.issuer };
        let name = DistinguishedName::in_sequence(name);
        if !hints.iter().any(|hint| hint.as_ref() == name.as_ref()) {
            hints.push(name);
        }
    }
    hints
}

/// What the two verifiers have in common.
#[derive(Clone)]
struct Judge {
    verifier: Verifier,
    algorithms: WebPkiSupportedAlgorithms,
    plain_errors: bool,
    observer: Option<Arc<Observer>>,
}

type Observer = dyn Fn(&Peer<'_>, Result<&Verified, &VerifyError>) + Send + Sync;

impl Judge {
    fn new(
        verifier: Verifier,
        provider: &CryptoProvider,
        required: Purpose,
    ) -> Result<Self, ConfigError> {
        if verifier.purpose() != required {
            return Err(ConfigError::WrongPurpose { required, given: verifier.purpose() });
        }
        let algorithms = provider.signature_verification_algorithms;
        if algorithms.all.is_empty() || algorithms.mapping.is_empty() {
            return Err(ConfigError::NoSignatureAlgorithms);
        }
        let verifier = verifier.with_algorithms(algorithms.all);
        Ok(Self { verifier, algorithms, plain_errors: false, observer: None })
    }

    fn verify(
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
        let verdict = self.verifier.verify(&peer);
        if let Some(observer) = &self.observer {
            observer(&peer, verdict.as_ref());
        }
        match verdict {
            Ok(_) => Ok(()),
            Err(error) if self.plain_errors => Err(plain(error).into()),
            Err(error) => Err(error.into()),
        }
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge")
            .field("verifier", &self.verifier)
            .field("algorithms", &self.algorithms)
            .field("plain_errors", &self.plain_errors)
            .finish_non_exhaustive()
    }
}

/// The variant that comes closest to a kind, without context: the right column of the
/// [table](self#errors).
///
/// `Other` holds a [`VerifyError`] of the kind, for the kinds that rustls has no variant for.
pub fn certificate_error(kind: ErrorKind) -> CertificateError {
    plain(VerifyError::new(kind))
}

fn plain(error: VerifyError) -> CertificateError {
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

/// The middle column of the [table](self#errors).
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

/// The middle column of the [table](self#errors).
impl From<&VerifyError> for CertificateError {
    fn from(error: &VerifyError) -> Self {
        error.clone().into()
    }
}

/// [`Error::InvalidCertificate`] with the middle column of the [table](self#errors).
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
/// match trustbridge::rustls::verify_error(error) {
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

/// The process's default provider, or else that of a feature. Nothing is installed.
fn default_provider() -> Result<Arc<CryptoProvider>, ConfigError> {
    CryptoProvider::get_default().cloned().map_or_else(compiled_in_provider, Ok)
}

fn compiled_in_provider() -> Result<Arc<CryptoProvider>, ConfigError> {
    // With both, as for the core's own algorithms: a feature must not turn a success into an error.
    #[cfg(feature = "aws-lc-rs")]
    return Ok(Arc::new(::rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    return Ok(Arc::new(::rustls::crypto::ring::default_provider()));
    #[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
    return Err(ConfigError::NoProvider);
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
    use ::rustls::AlertDescription as Alert;

    use super::*;

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
        let mut error = VerifyError::new(kind).at(0);
        let inner = error.inner_mut();
        inner.name = Some(ServerName::try_from("test.example").unwrap());
        inner.time = Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(20)));
        inner.limit = Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(10)));
        inner.presented = vec!["other.example".to_owned()];
        inner.purposes = vec!["1.3.6.1.5.5.7.3.2".to_owned(), "1.2.840.1".to_owned()];
        error
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
                ::rustls::crypto::ring::default_provider().signature_verification_algorithms.all,
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
