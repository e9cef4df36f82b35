//! CRLs for one path, by `webpki`.

use pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, RevocationCheckDepth,
    RevocationOptionsBuilder, UnknownStatusPolicy,
};

use super::validate::Path;
use crate::fault::{Cause, Fault};
use crate::kind::ErrorKind;
use crate::policy::{Purpose, RevocationCheck, RevocationOutcome, UnknownRevocation};
use crate::settings::Config;

pub(super) type Crls<'a> = &'a [CertRevocationList<'static>];

/// What was found about revocation, or what is wrong with the path.
pub(super) fn check(
    config: &Config,
    crls: Crls<'_>,
    time: UnixTime,
    path: &Path<'_, '_>,
) -> Result<RevocationOutcome, Fault> {
    let requested = config.revocation.check;
    let outcome = |checked| RevocationOutcome { requested, checked };
    if requested == RevocationCheck::Off {
        return Ok(outcome(requested));
    }
    if crls.is_empty() {
        return match config.revocation.unknown {
            UnknownRevocation::Allow => Ok(outcome(RevocationCheck::Off)),
            UnknownRevocation::Reject => {
                Err(Fault::new(ErrorKind::RevocationUnknown).at(0).because(Cause::NoCrl))
            }
        };
    }
    let run = |check, unknown| ask(config, crls, time, path, check, unknown);
    if config.revocation.unknown == UnknownRevocation::Reject {
        return run(requested, UnknownRevocation::Reject)
            .map(|()| outcome(requested))
            .map_err(|error| explain(config, crls, path, &error));
    }
    // The verdict first, then how much of it rests on a valid answer.
    run(requested, UnknownRevocation::Allow)
        .map_err(|error| explain(config, crls, path, &error))?;
    let answered = |check| run(check, UnknownRevocation::Reject).is_ok();
    Ok(outcome(if answered(requested) {
        requested
    } else if requested == RevocationCheck::Chain && answered(RevocationCheck::Leaf) {
        RevocationCheck::Leaf
    } else {
        RevocationCheck::Off
    }))
}

fn ask(
    config: &Config,
    crls: Crls<'_>,
    time: UnixTime,
    path: &Path<'_, '_>,
    check: RevocationCheck,
    unknown: UnknownRevocation,
) -> Result<(), webpki::Error> {
    let mut certs = path.certs().map(|cert| CertificateDer::from(cert.der));
    let leaf = certs.next().ok_or(webpki::Error::UnknownIssuer)?;
    let leaf = EndEntityCert::try_from(&leaf)?;
    let mut intermediates: Vec<_> = certs.collect();
    intermediates.pop();
    let cert = &path.anchor.1.cert;
    let anchor = TrustAnchor {
        subject: cert.subject.into(),
        subject_public_key_info: cert.spki.into(),
        name_constraints: None,
    };
    let usage = match config.purpose {
        Purpose::ServerAuth => KeyUsage::server_auth(),
        Purpose::ClientAuth => KeyUsage::client_auth(),
    };
    let (status, expiration) = match unknown {
        UnknownRevocation::Allow => (UnknownStatusPolicy::Allow, ExpirationPolicy::Ignore),
        UnknownRevocation::Reject => (UnknownStatusPolicy::Deny, ExpirationPolicy::Enforce),
    };
    let depth = match check {
        RevocationCheck::Chain => RevocationCheckDepth::Chain,
        _ => RevocationCheckDepth::EndEntity,
    };
    let crls: Vec<_> = crls.iter().collect();
    let options = RevocationOptionsBuilder::new(&crls).ok().map(|builder| {
        builder
            .with_depth(depth)
            .with_status_policy(status)
            .with_expiration_policy(expiration)
            .build()
    });
    leaf.verify_for_usage(&config.algorithms, &[anchor], &intermediates, time, usage, options, None)
        .map(|_| ())
}

/// `webpki`'s error as ours, with the certificate at fault where it can be determined.
fn explain(config: &Config, crls: Crls<'_>, path: &Path<'_, '_>, error: &webpki::Error) -> Fault {
    use webpki::Error as E;
    let kind = match error {
        E::CertRevoked => ErrorKind::Revoked,
        E::CrlExpired { .. } => ErrorKind::RevocationOutdated,
        E::UnknownRevocationStatus => ErrorKind::RevocationUnknown,
        _ => ErrorKind::BadRevocationData,
    };
    let mut certs = path.certs();
    let depth = match kind {
        ErrorKind::Revoked => certs.position(|cert| {
            crls.iter().any(|crl| {
                crl.issuer() == cert.issuer && matches!(crl.find_serial(cert.serial), Ok(Some(_)))
            })
        }),
        _ if config.revocation.check == RevocationCheck::Leaf => Some(0),
        ErrorKind::RevocationUnknown => {
            certs.position(|cert| crls.iter().all(|crl| crl.issuer() != cert.issuer))
        }
        _ => None,
    };
    let mut fault = Fault::new(kind);
    fault.depth = depth;
    match kind {
        ErrorKind::BadRevocationData => fault.because(Cause::Library(format!("{error:?}"))),
        _ => fault,
    }
}
