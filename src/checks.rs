//! What a single certificate must satisfy, whoever issued it. Each rule stands here once, for every
//! operating system, and says at which depth it is broken.
//!
//! On Unix these run before any signature is verified: a path that breaks one is not worth a
//! signature. `webpki` verifies the signatures and checks nothing else.
//!
//! Tests: `tests/cases.rs` (the table of cases), `tests/openssl.rs` (the same against OpenSSL).

use pki_types::{CertificateDer, UnixTime};

use crate::cert::der::{self, Malformed};
use crate::cert::time::Timestamp;
use crate::cert::{self, CRL_SIGN, Cert, KEY_CERT_SIGN, WEAK_RSA_BITS, Weakness, name_text};
use crate::fault::{Cause, Fault, StrictRule};
use crate::kind::ErrorKind;
use crate::peer::{self, Anchor, Peer, Verified};
use crate::policy::{RevocationCheck, RevocationOutcome, UnknownRevocation};
use crate::settings::Config;
use crate::text::shown;

/// `X509_V_ERR_CA_MD_TOO_WEAK`.
const CA_MD_TOO_WEAK: i32 = 68;

/// The end entity: validity, purpose, critical extensions, key strength.
pub(crate) fn end_entity(cert: &Cert<'_>, config: &Config, time: UnixTime) -> Result<(), Fault> {
    any(cert, config, time).map_err(|fault| fault.at(0))?;
    // RFC 5280 sections 4.2.1.3 and 4.2.1.12: a key is used only for what both extensions allow.
    if !cert.leaf_purpose_allows(config.purpose) {
        return Err(Fault::new(ErrorKind::WrongPurpose).at(0).because(Cause::Purpose));
    }
    Ok(())
}

/// The end entity is itself in a store, or pinned: it is trusted whole, whoever issued it. What it
/// says about itself still holds: validity, purpose, critical extensions, key and names. There is
/// no issuer, hence no CRL that could be verified. `granted` says that the store's settings name the
/// purpose: then they overrule the certificate's own.
pub(crate) fn trusted_end_entity(
    leaf: &Cert<'_>,
    config: &Config,
    peer: &Peer<'_>,
    anchor: Anchor,
    granted: bool,
) -> Result<Verified, Fault> {
    end_entity(leaf, config, peer.time).or_else(|fault| match fault.kind {
        ErrorKind::WrongPurpose if granted => Ok(()),
        _ => Err(fault),
    })?;
    // This is all that OpenSSL applies of X509_V_FLAG_X509_STRICT to a chain of one certificate:
    // what `openssl req -x509` makes must do.
    if config.strict && leaf.old_ca().is_some() {
        return Err(broken(StrictRule::CaWithoutBasicConstraints).at(0));
    }
    name(leaf, config, peer)?;
    let revocation = unknown_revocation(config)?;
    Ok(Verified { chain: vec![leaf.to_der()], anchor, revocation, weaknesses: Vec::new() })
}

/// A certificate that issued another one (RFC 5280 section 6.1.4). `below` counts the
/// intermediates between it and the end entity that are not self-issued (paragraph (l)).
pub(crate) fn issuer(
    cert: &Cert<'_>,
    depth: usize,
    below: usize,
    config: &Config,
    time: UnixTime,
) -> Result<(), Fault> {
    any(cert, config, time).map_err(|fault| fault.at(depth))?;
    // Paragraph (k): basicConstraints is present and says CA.
    let kind = if !cert.is_ca() {
        ErrorKind::NotACa
    // Paragraph (n): if key usage is present, it has keyCertSign.
    } else if !cert.key_usage_allows(KEY_CERT_SIGN) {
        ErrorKind::KeyUsage
    // RFC 5280 leaves extended key usage to the end entity. Every TLS library takes that of a CA
    // as a limit on what it issues, and so do the rules for public CAs.
    } else if !cert.extended_key_usage_allows(config.purpose) {
        ErrorKind::WrongPurpose
    // Paragraph (l) and (m): no more intermediates than the path length constraint allows.
    } else if exceeds(cert.path_length(), below) {
        ErrorKind::PathLengthExceeded
    } else {
        return Ok(());
    };
    Err(Fault::new(kind).at(depth))
}

/// Whether a path length constraint forbids this many intermediates.
pub(crate) fn exceeds(path_length: Option<u32>, below: usize) -> bool {
    path_length.is_some_and(|limit| usize::try_from(limit).is_ok_and(|limit| below > limit))
}

/// The validity period, both ends included (RFC 5280 section 4.1.2.5).
pub(crate) fn validity(cert: &Cert<'_>, time: UnixTime) -> Result<(), Fault> {
    let now = Timestamp::from(time);
    let Cert { not_before, not_after, .. } = *cert;
    if now < not_before {
        return Err(Fault::new(ErrorKind::NotYetValid).because(Cause::NotYetValid { not_before }));
    }
    if now > not_after {
        return Err(Fault::new(ErrorKind::Expired).because(Cause::Expired { not_after }));
    }
    Ok(())
}

/// What holds for every certificate of a path.
fn any(cert: &Cert<'_>, config: &Config, time: UnixTime) -> Result<(), Fault> {
    if !config.ignore_validity {
        validity(cert, time)?;
    }
    // RFC 5280 section 4.2: a certificate with a critical extension that is not understood must be
    // rejected; section 6.1.4 (o) and 6.1.5 (f) say so for a path.
    if let Some(oid) = cert.extensions.unknown_critical {
        let cause = Cause::CriticalExtension { oid: der::dotted(oid) };
        return Err(Fault::new(ErrorKind::UnknownCriticalExtension).because(cause));
    }
    key(cert, config.weak_keys)
}

/// The strength and the kind of the public key.
pub(crate) fn key(cert: &Cert<'_>, weak_keys: bool) -> Result<(), Fault> {
    Err(match cert.key().weakness() {
        None => return Ok(()),
        Some(Weakness::Short { bits }) if weak_keys && bits >= WEAK_RSA_BITS => return Ok(()),
        Some(Weakness::Short { bits }) => {
            Fault::new(ErrorKind::WeakKey).because(Cause::RsaKey { bits })
        }
        Some(Weakness::Kind) => {
            let key = cert::describe_key(cert.spki);
            Fault::new(ErrorKind::UnsupportedAlgorithm).because(Cause::KeyAlgorithm { key })
        }
    })
}

/// What is weak in a path, end entity first and trust anchor last. Nobody relies on the anchor's own
/// signature.
pub(crate) fn weaknesses(chain: &[CertificateDer<'_>]) -> Vec<peer::Weakness> {
    let mut out = Vec::new();
    for (depth, der) in chain.iter().enumerate() {
        let Ok(cert) = Cert::parse(der) else { continue };
        if let Some(Weakness::Short { bits }) = cert.key().weakness() {
            out.push(peer::Weakness::RsaKey { depth, bits });
        }
        if depth + 1 < chain.len() && is_outdated_signature(&cert.signature_oid()) {
            out.push(peer::Weakness::Sha1Signature { depth });
        }
    }
    out
}

/// A signature whose algorithm is not accepted; with the contents of the issuer's
/// SubjectPublicKeyInfo, if that is known. Of those, the ones over MD5 and SHA-1 have an error of
/// their own in OpenSSL.
pub(crate) fn unsupported_signature(cert: &Cert<'_>, issuer: Option<&[u8]>) -> Fault {
    let outdated = is_outdated_signature(&cert.signature_oid());
    let name = cert::describe_signature(cert.signature_algorithm, issuer);
    let fault = Fault::new(ErrorKind::UnsupportedAlgorithm);
    let fault = fault.because(Cause::SignatureAlgorithm { name });
    if outdated { fault.code(CA_MD_TOO_WEAK) } else { fault }
}

/// Whether a signature is over MD5 or SHA-1, with RSA, ECDSA or DSA.
pub(crate) fn is_outdated_signature(oid: &str) -> bool {
    const OUTDATED: &[&str] =
        &["1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.10045.4.1", "1.2.840.10040.4.3"];
    OUTDATED.contains(&oid)
}

/// A certificate that cannot be read.
pub(crate) fn malformed(Malformed(field): Malformed) -> Fault {
    Fault::new(ErrorKind::BadEncoding).because(Cause::Malformed(field))
}

/// The fault of a path that reaches no trust anchor, by its last certificate: that is a root
/// that is not trusted, or says whose certificate is missing.
pub(crate) fn missing_path(last: &Cert<'_>, depth: usize) -> Fault {
    match (last.is_self_issued(), depth) {
        (true, 0) => Fault::new(ErrorKind::SelfSignedLeaf).at(0),
        // Its issuer is a log: there is no certificate of it to find.
        _ if last.signature_oid() == cert::MERKLE_TREE => {
            unsupported_signature(last, None).at(depth)
        }
        (true, _) => Fault::new(ErrorKind::UntrustedRoot).at(depth),
        (false, _) => {
            Fault::new(ErrorKind::UnknownIssuer).at(depth).because(Cause::MissingIssuer {
                issuer: name_text(last.issuer),
                advertised_at: last.ca_issuers_url(),
                alone: depth == 0,
            })
        }
    }
}

/// The checks that OpenSSL 3 makes with `X509_V_FLAG_X509_STRICT`
/// ([X509_VERIFY_PARAM_set_flags(3)](https://docs.openssl.org/3.0/man3/X509_VERIFY_PARAM_set_flags/)),
/// with its error codes and in its order. `last` says that the certificate ends the chain: it needs
/// no authorityKeyIdentifier.
pub(crate) fn strict(cert: &Cert<'_>, depth: usize, last: bool) -> Result<(), Fault> {
    use StrictRule as Rule;
    let extensions = &cert.extensions;
    let v3 = cert.version == 3;
    let ca = cert.is_ca();
    let path_length = cert.path_length().is_some();
    let may_sign = extensions.key_usage.is_some_and(|usage| usage & KEY_CERT_SIGN != 0);
    let (no_issuer, nameless) = cert.is_nameless();
    let signs_crls = extensions.key_usage.is_some_and(|usage| usage & CRL_SIGN != 0);
    let (has_names, names_critical) = extensions
        .subject_alt_name
        .map_or((false, false), |(names, critical)| (!names.is_empty(), critical));
    let empty_names = extensions.subject_alt_name.is_some() && !has_names;
    let constraints_critical = extensions.basic_constraints.is_some_and(|it| it.critical);
    let authority_critical = extensions.authority_key_id.is_some_and(|(_, critical)| critical);
    let subject_critical = extensions.subject_key_id.is_some_and(|(_, critical)| critical);
    let no_authority = extensions.authority_key_id.is_none_or(|(id, _)| id.is_none());
    // RFC 5280 sections 4.2.1.9 (basic constraints), 4.2.1.3 (key usage), 4.1.2.4 and 4.1.2.6
    // (issuer, subject), 4.2.1.6 (subject alternative name), 4.2.1.1 and 4.2.1.2 (key identifiers).
    let rules = [
        (path_length && !ca, Rule::PathLengthWithoutCa),
        (path_length && !may_sign, Rule::PathLengthWithoutCertSign),
        (ca && !constraints_critical, Rule::BasicConstraintsNotCritical),
        (ca && extensions.key_usage.is_none(), Rule::CaWithoutKeyUsage),
        (!ca && may_sign, Rule::CertSignWithoutCa),
        (no_issuer, Rule::EmptyIssuer),
        (nameless && (ca || signs_crls || !has_names), Rule::EmptySubject),
        (nameless && has_names && !names_critical, Rule::AltNameNotCritical),
        (empty_names, Rule::EmptyAltName),
        (cert.algorithms_differ, Rule::AlgorithmsDiffer),
        (authority_critical, Rule::AuthorityKeyIdCritical),
        (subject_critical, Rule::SubjectKeyIdCritical),
        (v3 && !last && no_authority, Rule::NoAuthorityKeyId),
        (v3 && ca && extensions.subject_key_id.is_none(), Rule::NoSubjectKeyId),
        (!v3 && extensions.any, Rule::ExtensionsInOldVersion),
        (cert.old_ca().is_some(), Rule::CaWithoutBasicConstraints),
    ];
    match rules.into_iter().find(|(broken, _)| *broken) {
        None => Ok(()),
        Some((_, rule)) => Err(broken(rule).at(depth)),
    }
}

fn broken(rule: StrictRule) -> Fault {
    Fault::new(ErrorKind::NotStandardsCompliant).code(rule as i32).because(Cause::Strict(rule))
}

/// The peer's name against the end entity's subject alternative names (RFC 9525, RFC 5280
/// section 4.2.1.6).
pub(crate) fn name(cert: &Cert<'_>, config: &Config, peer: &Peer<'_>) -> Result<(), Fault> {
    match &peer.name {
        Some(name) if !cert.is_for(name, config.common_name) => Err(misnamed(cert)),
        _ => Ok(()),
    }
}

/// The fault where the end entity is not valid for the peer's name, with the names it has.
pub(crate) fn misnamed(cert: &Cert<'_>) -> Fault {
    let presented = cert.presented_names();
    let common_name = if presented.is_empty() { cert.common_name() } else { None };
    let common_name = common_name.as_deref().map(shown);
    Fault::new(ErrorKind::NameMismatch).at(0).because(Cause::Names { presented, common_name })
}

/// A wrong name says more than what else is wrong, as in OpenSSL: of the two faults that a
/// chain has, the name's, unless the other is about the path or has the last word.
pub(crate) fn or_misnamed(
    fault: Fault,
    leaf: &Cert<'_>,
    config: &Config,
    peer: &Peer<'_>,
) -> Fault {
    if fault.kind.is_missing_path() || fault.kind.rank() >= ErrorKind::Revoked.rank() {
        return fault;
    }
    match name(leaf, config, peer) {
        Err(misnamed) if misnamed.kind == ErrorKind::NameMismatch => misnamed,
        _ => fault,
    }
}

/// The outcome where no issuer is known, so that no CRL can be verified.
pub(crate) fn unknown_revocation(config: &Config) -> Result<RevocationOutcome, Fault> {
    let requested = config.revocation.check;
    if requested != RevocationCheck::Off && config.revocation.unknown == UnknownRevocation::Reject {
        return Err(Fault::new(ErrorKind::RevocationUnknown).at(0).because(Cause::NoCrl));
    }
    Ok(RevocationOutcome::new(requested, RevocationCheck::Off))
}
