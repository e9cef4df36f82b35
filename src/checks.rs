//! What a single certificate must satisfy, whoever issued it, each with the depth it is found at.
//!
//! On Unix these run before any signature is verified: a path that breaks one is not worth a
//! signature. `webpki` checks most of them again; key usage and key strength only here.

use pki_types::{CertificateDer, DnsName, ServerName, UnixTime};
use webpki::EndEntityCert;

use crate::cert::der::{self, Malformed};
use crate::cert::time::Timestamp;
use crate::cert::{Cert, KEY_CERT_SIGN, Key};
use crate::error::{ErrorKind, VerifyError, escape};
use crate::peer::Peer;
use crate::policy::{RevocationCheck, RevocationOutcome, UnknownRevocation};
use crate::settings::Config;

/// Signatures over MD5 and SHA-1, with RSA, ECDSA and DSA.
pub(crate) const OUTDATED_SIGNATURES: &[&str] =
    &["1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.10045.4.1", "1.2.840.10040.4.3"];

pub(crate) fn malformed(Malformed(what): Malformed) -> VerifyError {
    VerifyError::new(ErrorKind::BadEncoding).detail(format!("malformed {what}"))
}

/// The end entity: validity, purpose, critical extensions, key strength.
pub(crate) fn end_entity(
    cert: &Cert<'_>,
    config: &Config,
    time: UnixTime,
) -> Result<(), VerifyError> {
    any(cert, time).map_err(|error| error.at(0))?;
    if !cert.leaf_purpose_allows(config.purpose) {
        return Err(VerifyError::new(ErrorKind::WrongPurpose).at(0).detail(format!(
            "\"{}\" is not for {}",
            crate::cert::name_text(cert.subject),
            config.purpose.name()
        )));
    }
    Ok(())
}

/// A certificate that issued another one. `below` counts the intermediates between it and the
/// end entity that are not self-issued (RFC 5280 section 6.1.4 (l)).
pub(crate) fn issuer(
    cert: &Cert<'_>,
    depth: usize,
    below: usize,
    config: &Config,
    time: UnixTime,
) -> Result<(), VerifyError> {
    let error = |kind| Err(VerifyError::new(kind).at(depth));
    any(cert, time).map_err(|error| error.at(depth))?;
    if !cert.is_ca() {
        return error(ErrorKind::NotACa);
    }
    if !cert.key_usage_allows(KEY_CERT_SIGN) {
        return error(ErrorKind::KeyUsage);
    }
    if !cert.extended_key_usage_allows(config.purpose) {
        return error(ErrorKind::WrongPurpose);
    }
    if exceeds(cert.path_length(), below) {
        return error(ErrorKind::PathLengthExceeded);
    }
    Ok(())
}

/// Whether a path length constraint forbids this many intermediates.
pub(crate) fn exceeds(path_length: Option<u32>, below: usize) -> bool {
    path_length.is_some_and(|limit| usize::try_from(limit).is_ok_and(|limit| below > limit))
}

/// The validity period, both ends included (RFC 5280 section 4.1.2.5).
pub(crate) fn validity(cert: &Cert<'_>, time: UnixTime) -> Result<(), VerifyError> {
    let now = Timestamp::from(time);
    let subject = || crate::cert::name_text(cert.subject);
    if now < cert.not_before {
        let mut error = VerifyError::new(ErrorKind::NotYetValid).detail(format!(
            "\"{}\" is valid from {}",
            subject(),
            cert.not_before
        ));
        error.inner_mut().limit = Some(cert.not_before.to_unix());
        return Err(error);
    }
    if now > cert.not_after {
        let mut error = VerifyError::new(ErrorKind::Expired).detail(format!(
            "\"{}\" expired on {}",
            subject(),
            cert.not_after
        ));
        error.inner_mut().limit = Some(cert.not_after.to_unix());
        return Err(error);
    }
    Ok(())
}

fn any(cert: &Cert<'_>, time: UnixTime) -> Result<(), VerifyError> {
    validity(cert, time)?;
    let subject = || crate::cert::name_text(cert.subject);
    if let Some(oid) = cert.extensions.unknown_critical {
        return Err(VerifyError::new(ErrorKind::UnknownCriticalExtension).detail(format!(
            "\"{}\" has {}",
            subject(),
            der::dotted(oid)
        )));
    }
    key(cert)
}

/// The strength and the kind of the public key.
pub(crate) fn key(cert: &Cert<'_>) -> Result<(), VerifyError> {
    let subject = || crate::cert::name_text(cert.subject);
    match cert.key() {
        Key::Rsa(bits) if bits < 2048 => Err(VerifyError::new(ErrorKind::WeakKey)
            .detail(format!("\"{}\" has an RSA key of {bits} bits", subject()))),
        Key::Dsa | Key::OtherCurve => Err(VerifyError::new(ErrorKind::UnsupportedAlgorithm)
            .detail(format!("the public key of \"{}\"", subject()))),
        _ => Ok(()),
    }
}

/// The checks that OpenSSL 3 makes with `X509_V_FLAG_X509_STRICT`
/// ([X509_VERIFY_PARAM_set_flags(3)](https://docs.openssl.org/3.0/man3/X509_VERIFY_PARAM_set_flags/)),
/// with its error codes. `last` says that the certificate ends the chain: it needs no
/// authorityKeyIdentifier.
pub(crate) fn strict(cert: &Cert<'_>, depth: usize, last: bool) -> Result<(), VerifyError> {
    let extensions = &cert.extensions;
    let ca = cert.is_ca();
    let may_sign = extensions.key_usage.is_some_and(|usage| usage & KEY_CERT_SIGN != 0);
    let (has_names, names_critical) = extensions
        .subject_alt_name
        .map_or((false, false), |(names, critical)| (!names.is_empty(), critical));
    let rules: &[(bool, i32, &str)] = &[
        (cert.path_length().is_some() && !ca, 80, "a path length, but is not a CA"),
        (cert.path_length().is_some() && !may_sign, 81, "a path length, but not keyCertSign"),
        (
            ca && !extensions.basic_constraints.is_some_and(|constraints| constraints.critical),
            89,
            "basicConstraints that are not critical",
        ),
        (ca && extensions.key_usage.is_none(), 92, "no keyUsage, but is a CA"),
        (!ca && may_sign, 82, "keyCertSign, but is not a CA"),
        (cert.issuer.is_empty(), 83, "an empty issuer"),
        (cert.subject.is_empty() && (ca || !has_names), 84, "an empty subject"),
        (
            cert.subject.is_empty() && has_names && !names_critical,
            88,
            "an empty subject and a subjectAltName that is not critical",
        ),
        (extensions.subject_alt_name.is_some() && !has_names, 87, "an empty subjectAltName"),
        (
            extensions.authority_key_id.is_some_and(|(_, critical)| critical),
            90,
            "a critical authorityKeyIdentifier",
        ),
        (
            extensions.subject_key_id.is_some_and(|(_, critical)| critical),
            91,
            "a critical subjectKeyIdentifier",
        ),
        (
            cert.version == 3
                && !last
                && extensions.authority_key_id.is_none_or(|(id, _)| id.is_none()),
            85,
            "no authorityKeyIdentifier",
        ),
        (
            cert.version == 3 && ca && extensions.subject_key_id.is_none(),
            86,
            "no subjectKeyIdentifier",
        ),
    ];
    match rules.iter().find(|(broken, _, _)| *broken) {
        None => Ok(()),
        Some((_, code, what)) => Err(VerifyError::new(ErrorKind::NotStandardsCompliant)
            .at(depth)
            .code(*code)
            .detail(format!("\"{}\" has {what}", crate::cert::name_text(cert.subject)))),
    }
}

/// The peer's name against the end entity's subject alternative names (RFC 9525, RFC 5280
/// section 4.2.1.6). `constrained` says that a CA of the path has name constraints: they are
/// not checked for common names, so a common name does not count below one.
pub(crate) fn name(
    cert: &Cert<'_>,
    config: &Config,
    peer: &Peer<'_>,
    constrained: bool,
) -> Result<(), VerifyError> {
    let Some(name) = &peer.name else { return Ok(()) };
    let der = CertificateDer::from(cert.der);
    let matches = match EndEntityCert::try_from(&der) {
        Ok(entity) => entity.verify_is_valid_for_subject_name(name).is_ok(),
        Err(_) if cert.extensions.subject_alt_name.is_none() => false,
        Err(error) => {
            let error = format!("its names cannot be read: {error:?}");
            return Err(VerifyError::new(ErrorKind::BadEncoding).at(0).detail(error));
        }
    };
    let common_name_matches = || match name {
        ServerName::DnsName(dns) if config.common_name && !constrained && !cert.has_dns_name() => {
            cert.common_name().is_some_and(|common_name| dns_matches(&common_name, dns))
        }
        _ => false,
    };
    if matches || common_name_matches() {
        return Ok(());
    }
    let presented = cert.presented_names();
    let mut error = VerifyError::new(ErrorKind::NameMismatch).at(0).detail(match &*presented {
        [] => match cert.common_name() {
            Some(common_name) => format!(
                "it has no subject alternative name, only the common name \"{}\"",
                escape(&common_name)
            ),
            None => "it has no subject alternative name".to_owned(),
        },
        [name] => format!("it is for {name}"),
        names => {
            const SHOWN: usize = 6;
            let shown = names.get(..SHOWN.min(names.len())).unwrap_or_default().join(", ");
            match names.len().saturating_sub(SHOWN) {
                0 => format!("it is for {shown}"),
                more => format!("it is for {shown} and {more} more"),
            }
        }
    });
    error.inner_mut().presented = presented;
    Err(error)
}

/// A DNS name against a pattern whose leftmost label may be `*` (RFC 9525 section 6.3).
fn dns_matches(pattern: &str, name: &DnsName<'_>) -> bool {
    let name = name.as_ref().trim_end_matches('.');
    match pattern.strip_prefix("*.") {
        Some(parent) => {
            parent.contains('.')
                && name.split_once('.').is_some_and(|(label, rest)| {
                    !label.is_empty() && rest.eq_ignore_ascii_case(parent)
                })
        }
        None => !pattern.is_empty() && pattern.eq_ignore_ascii_case(name),
    }
}

/// The outcome where no issuer is known, so that no CRL can be verified.
pub(crate) fn unknown_revocation(config: &Config) -> Result<RevocationOutcome, VerifyError> {
    let requested = config.revocation.check;
    if requested != RevocationCheck::Off && config.revocation.unknown == UnknownRevocation::Reject {
        return Err(VerifyError::new(ErrorKind::RevocationUnknown)
            .at(0)
            .detail("no CRL given speaks about it"));
    }
    Ok(RevocationOutcome { requested, checked: RevocationCheck::Off })
}
