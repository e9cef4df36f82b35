//! One path from the end entity to a vetted trust anchor: signatures, name constraints and CRLs, by
//! `webpki`.

use std::sync::Arc;

use pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use crate::cert::der::{self, Reader};
use crate::cert::{self, Cert};
use crate::checks;
use crate::fault::{Cause, Fault};
use crate::kind::ErrorKind;
use crate::policy::{Purpose, RevocationOutcome};
use crate::revocation::{self, BadSignature, Known, Provider, Signatures};
use crate::settings::Config;
use crate::store::StoreEntry;

/// One path.
pub(super) struct Candidate<'c, 'a> {
    pub(super) config: &'c Config,
    pub(super) time: UnixTime,
    /// The peer's OCSP response.
    pub(super) staple: &'c [u8],
    pub(super) leaf: &'c Cert<'a>,
    /// From the end entity's issuer up, without the trust anchor.
    pub(super) issuers: &'c [&'c Cert<'a>],
    pub(super) anchor: &'c TrustAnchor<'c>,
    pub(super) entry: &'c StoreEntry,
}

impl Candidate<'_, '_> {
    /// What was found about revocation, or what is wrong with the path.
    pub(super) fn validate(&self) -> Result<RevocationOutcome, Fault> {
        self.attempt().map_err(|error| self.explain(&error))?;
        let anchor = Cert::parse(self.entry.certificate()).map_err(checks::malformed)?;
        let path: Vec<_> = std::iter::once(self.leaf)
            .chain(self.issuers.iter().copied())
            .chain([&anchor])
            .collect();
        revocation(&path, self.config, self.time, self.staple)
    }

    /// Verifies exactly this path with `webpki`.
    fn attempt(&self) -> Result<(), webpki::Error> {
        let leaf = CertificateDer::from(self.leaf.der);
        let leaf = EndEntityCert::try_from(&leaf)?;
        let intermediates: Vec<_> =
            self.issuers.iter().map(|cert| CertificateDer::from(cert.der)).collect();
        let usage = match self.config.purpose {
            Purpose::ServerAuth => KeyUsage::server_auth(),
            Purpose::ClientAuth => KeyUsage::client_auth(),
        };
        let exactly = |found: &webpki::VerifiedPath<'_>| {
            let found = found.intermediate_certificates().map(|cert| cert.der());
            if found.eq(intermediates.iter().cloned()) {
                Ok(())
            } else {
                Err(webpki::Error::UnknownIssuer)
            }
        };
        leaf.verify_for_usage(
            &self.config.algorithms,
            std::slice::from_ref(self.anchor),
            &intermediates,
            self.time,
            usage,
            None,
            Some(&exactly),
        )
        .map(|_| ())
    }

    /// `webpki`'s error as ours, with the certificate at fault where that can be found out.
    fn explain(&self, error: &webpki::Error) -> Fault {
        use webpki::Error as E;
        let kind = kind_of(error);
        let fault = match error {
            E::UnsupportedSignatureAlgorithmContext(context) => {
                let algorithm = Reader::new(&context.signature_algorithm_id).expect(der::OID, "");
                checks::unsupported_signature(der::dotted(algorithm.unwrap_or_default()))
            }
            E::UnsupportedCertVersion => Fault::new(kind).because(Cause::OldVersion),
            _ => match kind {
                ErrorKind::BadEncoding | ErrorKind::CannotCheck => {
                    Fault::new(kind).because(Cause::Library(format!("{error:?}")))
                }
                _ => Fault::new(kind),
            },
        };
        Fault { depth: self.depth_of(kind), ..fault }
    }

    /// The certificate that has such a fault.
    fn depth_of(&self, kind: ErrorKind) -> Option<usize> {
        match kind {
            ErrorKind::BadSignature | ErrorKind::UnsupportedAlgorithm => self.first_bad_link(),
            ErrorKind::CaAsEndEntity | ErrorKind::NameConstraints => Some(0),
            _ => None,
        }
    }

    /// The depth of the first certificate, from the end entity up, whose signature was not made
    /// with the key of the next. Only asked after `webpki` refused the path.
    fn first_bad_link(&self) -> Option<usize> {
        let anchor = Cert::parse(self.entry.certificate()).ok()?;
        let certs: Vec<_> = std::iter::once(self.leaf)
            .chain(self.issuers.iter().copied())
            .chain([&anchor])
            .collect();
        certs.windows(2).position(|pair| match pair {
            [cert, issuer] => !signed_by(cert, issuer, &self.config.algorithms),
            _ => false,
        })
    }
}

/// Whether the issuer's key made the signature.
pub(super) fn signed_by(
    cert: &Cert<'_>,
    issuer: &Cert<'_>,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> bool {
    let Ok((key_algorithm, key)) = cert::split_spki(issuer.spki) else { return false };
    algorithms
        .iter()
        .filter(|algorithm| {
            algorithm.signature_alg_id().as_ref() == cert.signature_algorithm
                && algorithm.public_key_alg_id().as_ref() == key_algorithm
        })
        .any(|algorithm| algorithm.verify_signature(key, cert.tbs, cert.signature).is_ok())
}

fn kind_of(error: &webpki::Error) -> ErrorKind {
    use webpki::Error as E;
    match error {
        E::CaUsedAsEndEntity => ErrorKind::CaAsEndEntity,
        E::CertDistrusted => ErrorKind::Distrusted,
        E::CertExpired { .. } => ErrorKind::Expired,
        E::CertNotValidYet { .. } => ErrorKind::NotYetValid,
        E::EndEntityUsedAsCa => ErrorKind::NotACa,
        E::InvalidSignatureForPublicKey => ErrorKind::BadSignature,
        E::MaximumNameConstraintComparisonsExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumPathDepthExceeded
        | E::MaximumSignatureChecksExceeded => ErrorKind::ChainTooComplex,
        E::NameConstraintViolation
        | E::InvalidNetworkMaskConstraint
        | E::MalformedNameConstraint => ErrorKind::NameConstraints,
        E::PathLenConstraintViolated => ErrorKind::PathLengthExceeded,
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => ErrorKind::WrongPurpose,
        E::UnsupportedCriticalExtension => ErrorKind::UnknownCriticalExtension,
        E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => ErrorKind::UnsupportedAlgorithm,
        E::UnsupportedCertVersion
        | E::BadDer
        | E::BadDerTime
        | E::ExtensionValueInvalid
        | E::InvalidCertValidity
        | E::InvalidSerialNumber
        | E::MalformedDnsIdentifier
        | E::MalformedExtensions
        | E::SignatureAlgorithmMismatch
        | E::TrailingData(_) => ErrorKind::BadEncoding,
        _ => ErrorKind::CannotCheck,
    }
}

/// Whether a verified path is revoked.
fn revocation(
    path: &[&Cert<'_>],
    config: &Config,
    time: UnixTime,
    staple: &[u8],
) -> Result<RevocationOutcome, Fault> {
    let mut signatures = Algorithms(&config.algorithms);
    let known = Known { crls: &config.crls, staple, purpose: config.purpose };
    revocation::check(path, &known, &config.revocation, time, &mut signatures)
}

struct Algorithms<'a>(&'a Arc<[&'static dyn SignatureVerificationAlgorithm]>);

impl Signatures for Algorithms<'_> {
    fn provider(&self) -> &Provider {
        self.0
    }

    fn verify(
        &mut self,
        spki: &[u8],
        algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        let Ok((key_algorithm, key)) = cert::split_spki(spki) else {
            return Err(BadSignature::Unsupported);
        };
        let mut verdict = Err(BadSignature::Unsupported);
        for candidate in self.0.iter().filter(|candidate| {
            candidate.signature_alg_id().as_ref() == algorithm
                && candidate.public_key_alg_id().as_ref() == key_algorithm
        }) {
            match candidate.verify_signature(key, message, signature) {
                Ok(()) => return Ok(()),
                Err(_) => verdict = Err(BadSignature::Wrong),
            }
        }
        verdict
    }
}
