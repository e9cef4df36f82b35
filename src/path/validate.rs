//! One path from the end entity to a vetted trust anchor: signatures, name constraints and CRLs, by
//! `webpki`.

use pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, RevocationCheckDepth,
    RevocationOptions, RevocationOptionsBuilder, UnknownStatusPolicy,
};

use crate::cert::der::{self, Reader};
use crate::cert::{self, Cert};
use crate::checks;
use crate::error::{Cause, Fault};
use crate::kind::ErrorKind;
use crate::policy::{Purpose, RevocationCheck, RevocationOutcome, UnknownRevocation};
use crate::settings::Config;
use crate::store::StoreEntry;

/// One path.
pub(super) struct Candidate<'c, 'a> {
    pub(super) config: &'c Config,
    pub(super) crls: &'c [CertRevocationList<'static>],
    pub(super) time: UnixTime,
    pub(super) leaf: &'c Cert<'a>,
    /// From the end entity's issuer up, without the trust anchor.
    pub(super) issuers: &'c [&'c Cert<'a>],
    pub(super) anchor: &'c TrustAnchor<'c>,
    pub(super) entry: &'c StoreEntry,
}

impl Candidate<'_, '_> {
    /// What was found about revocation, or what is wrong with the path.
    pub(super) fn validate(&self) -> Result<RevocationOutcome, Fault> {
        self.attempt().map_err(|error| self.explain(&error))
    }

    /// Verifies exactly this path with `webpki`.
    fn attempt(&self) -> Result<RevocationOutcome, webpki::Error> {
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
        let crls: Vec<_> = self.crls.iter().collect();
        let run = |check, unknown| {
            leaf.verify_for_usage(
                self.config.algorithms,
                std::slice::from_ref(self.anchor),
                &intermediates,
                self.time,
                usage,
                revocation_options(&crls, check, unknown),
                Some(&exactly),
            )
            .map(|_| ())
        };

        let requested = self.config.revocation.check;
        let outcome = |checked| RevocationOutcome { requested, checked };
        if requested == RevocationCheck::Off {
            return run(requested, UnknownRevocation::Allow).map(|()| outcome(requested));
        }
        if crls.is_empty() {
            run(RevocationCheck::Off, UnknownRevocation::Allow)?;
            return match self.config.revocation.unknown {
                UnknownRevocation::Allow => Ok(outcome(RevocationCheck::Off)),
                UnknownRevocation::Reject => Err(webpki::Error::UnknownRevocationStatus),
            };
        }
        if self.config.revocation.unknown == UnknownRevocation::Reject {
            return run(requested, UnknownRevocation::Reject).map(|()| outcome(requested));
        }
        // The verdict first, then how much of it rests on a valid answer.
        run(requested, UnknownRevocation::Allow)?;
        let answered = |check| run(check, UnknownRevocation::Reject).is_ok();
        Ok(outcome(if answered(requested) {
            requested
        } else if requested == RevocationCheck::Chain && answered(RevocationCheck::Leaf) {
            RevocationCheck::Leaf
        } else {
            RevocationCheck::Off
        }))
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
                ErrorKind::BadEncoding | ErrorKind::BadRevocationData | ErrorKind::CannotCheck => {
                    Fault::new(kind).because(Cause::Library(format!("{error:?}")))
                }
                _ => Fault::new(kind),
            },
        };
        Fault { depth: self.depth_of(kind), ..fault }
    }

    /// The certificate that has such a fault.
    fn depth_of(&self, kind: ErrorKind) -> Option<usize> {
        let mut certs = std::iter::once(self.leaf).chain(self.issuers.iter().copied());
        match kind {
            ErrorKind::BadSignature | ErrorKind::UnsupportedAlgorithm => self.first_bad_link(),
            ErrorKind::Revoked => certs.position(|cert| {
                self.crls.iter().any(|crl| {
                    crl.issuer() == cert.issuer
                        && matches!(crl.find_serial(cert.serial), Ok(Some(_)))
                })
            }),
            ErrorKind::CaAsEndEntity | ErrorKind::NameConstraints => Some(0),
            ErrorKind::RevocationUnknown
            | ErrorKind::RevocationOutdated
            | ErrorKind::BadRevocationData
                if self.config.revocation.check == RevocationCheck::Leaf =>
            {
                Some(0)
            }
            ErrorKind::RevocationUnknown => {
                certs.position(|cert| self.crls.iter().all(|crl| crl.issuer() != cert.issuer))
            }
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
            [cert, issuer] => !signed_by(cert, issuer, self.config.algorithms),
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
        E::CertRevoked => ErrorKind::Revoked,
        E::CrlExpired { .. } => ErrorKind::RevocationOutdated,
        E::UnknownRevocationStatus => ErrorKind::RevocationUnknown,
        E::InvalidCrlSignatureForPublicKey
        | E::IssuerNotCrlSigner
        | E::InvalidCrlNumber
        | E::UnsupportedCrlIssuingDistributionPoint
        | E::UnsupportedCrlVersion
        | E::UnsupportedDeltaCrl
        | E::UnsupportedIndirectCrl
        | E::UnsupportedRevocationReason
        | E::UnsupportedRevocationReasonsPartitioning
        | E::UnsupportedCrlSignatureAlgorithmContext(_)
        | E::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => ErrorKind::BadRevocationData,
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

fn revocation_options<'c>(
    crls: &'c [&'c CertRevocationList<'c>],
    check: RevocationCheck,
    unknown: UnknownRevocation,
) -> Option<RevocationOptions<'c>> {
    let depth = match check {
        RevocationCheck::Off => return None,
        RevocationCheck::Leaf => RevocationCheckDepth::EndEntity,
        RevocationCheck::Chain => RevocationCheckDepth::Chain,
    };
    let (status, expiration) = match unknown {
        UnknownRevocation::Allow => (UnknownStatusPolicy::Allow, ExpirationPolicy::Ignore),
        UnknownRevocation::Reject => (UnknownStatusPolicy::Deny, ExpirationPolicy::Enforce),
    };
    let builder = RevocationOptionsBuilder::new(crls).ok()?;
    Some(
        builder
            .with_depth(depth)
            .with_status_policy(status)
            .with_expiration_policy(expiration)
            .build(),
    )
}
