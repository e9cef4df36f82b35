//! What to do about a fault, by its kind and its cause.
//!
//! Longer than other files, since every cause has its row in one `match`: a new one does not compile
//! without.
//!
//! Tests: `report/tests.rs`, which has a row for each kind and each cause.

use crate::error::Parts;
use crate::fault::{Cause, CrlFault, CrliteFault, OcspFault, Violation};
use crate::kind::ErrorKind;
use crate::policy::Purpose;
use crate::store::{Refusal, Source};

const CLOCK: &str = "Check this machine's clock; it may be behind.";
const FRESH_CRL: &str = "Give the verifier a current CRL of the certificate's issuer, or allow an unknown revocation \
     status.";

/// What helps, unless the path to a trust anchor is what is missing: that has hints of its own.
pub(super) fn advice(parts: &Parts) -> Option<String> {
    if let Cause::AnchorRefused { subject, source, refusal } = &parts.fault.cause {
        return Some(anchor(subject, source, refusal, parts.purpose));
    }
    // Whether a CA of the path is at fault, which the peer's operator cannot change.
    let ca = parts.fault.depth.is_some_and(|depth| depth > 0);
    let text = match parts.fault.kind {
        ErrorKind::UnknownIssuer
        | ErrorKind::SelfSignedLeaf
        | ErrorKind::UntrustedRoot
        | ErrorKind::NoTrustAnchors => return None,
        ErrorKind::UnknownCriticalExtension => return Some(critical_extension(&parts.fault.cause)),
        ErrorKind::NoCertificate => "Set up the peer to send its certificate chain.",
        ErrorKind::BadEncoding => {
            "Have the certificate reissued: it is not encoded as RFC 5280 requires."
        }
        ErrorKind::ChainTooComplex => too_complex(&parts.fault.cause),
        ErrorKind::Expired if ca => {
            "The peer's operator must replace the expired certificate in the chain it sends. If \
             the date looks fine, check this machine's clock."
        }
        ErrorKind::Expired => {
            "The peer's operator must renew the certificate. If the date looks fine, check this \
             machine's clock."
        }
        ErrorKind::NotYetValid => CLOCK,
        ErrorKind::NameMismatch => {
            "Connect with a name the certificate is valid for, or have the peer's certificate \
             reissued with this name as a subject alternative name."
        }
        ErrorKind::PinMismatch => {
            "If the peer's operator has changed the certificate on purpose, pin the new one."
        }
        ErrorKind::BadSignature => {
            "The chain is damaged, or the certificates do not form a chain. Have the peer send the \
             intermediates of the CA that issued its certificate."
        }
        ErrorKind::UnsupportedAlgorithm | ErrorKind::WeakKey => algorithm(ca),
        ErrorKind::NotACa
        | ErrorKind::CaAsEndEntity
        | ErrorKind::KeyUsage
        | ErrorKind::PathLengthExceeded
        | ErrorKind::NameConstraints => issuing(parts.fault.kind, &parts.fault.cause),
        ErrorKind::WrongPurpose => purpose(parts.purpose, ca),
        ErrorKind::Distrusted => {
            "The store distrusts this certificate. Ask the administrator of this machine."
        }
        ErrorKind::Revoked
        | ErrorKind::RevocationUnknown
        | ErrorKind::RevocationOutdated
        | ErrorKind::BadRevocationData => revocation(parts.fault.kind, &parts.fault.cause),
        ErrorKind::NotStandardsCompliant => profile(&parts.fault.cause),
        ErrorKind::CannotCheck => unchecked(&parts.fault.cause),
    };
    Some(text.to_owned())
}

/// What helps where a certificate of the store is not used as a trust anchor.
pub(super) fn anchor(
    subject: &str,
    source: &Source,
    refusal: &Refusal,
    purpose: Purpose,
) -> String {
    let (entry, purpose) = (format!("'{subject}' in {source}"), purpose.name());
    match refusal {
        Refusal::Expired { .. } => format!(
            "Replace {entry}; its CA should have a newer certificate. If the date looks fine, check \
             this machine's clock."
        ),
        Refusal::NotYetValid { .. } => format!("{CLOCK} {entry} is not valid yet."),
        Refusal::DifferentKey => format!(
            "{entry} is an older or newer CA of the same name: install the one that issued this \
             chain."
        ),
        Refusal::NotACa | Refusal::NoCertSign => {
            format!("{entry} cannot issue certificates: install the CA certificate instead.")
        }
        Refusal::WrongPurpose => format!(
            "{entry} may not issue for {purpose}: have the peer's certificate issued by another CA."
        ),
        Refusal::UnknownCriticalExtension(oid) => format!(
            "Replace {entry} with a certificate of its CA without the critical extension {oid}."
        ),
        Refusal::WeakKey | Refusal::UnsupportedKey(_) => algorithm(true).to_owned(),
        Refusal::NotTrustedForPurpose => format!(
            "If you trust {entry} for {purpose}, add that purpose to its trust settings there."
        ),
        Refusal::Rejected | Refusal::DistrustedBy { .. } => {
            format!("The store distrusts '{subject}'. Ask the administrator of this machine.")
        }
        Refusal::DistrustedAfter { .. } => {
            "Have the peer's certificate issued by another CA: this distribution no longer trusts \
             new certificates of this one. Without `distribution_distrust` the date is ignored."
                .to_owned()
        }
        Refusal::Malformed(_) => format!("Replace {entry}: it cannot be read."),
    }
}

fn too_complex(cause: &Cause) -> &'static str {
    match cause {
        Cause::Ocsp(_) => {
            "The peer's operator must staple an OCSP response without needless certificates."
        }
        _ => {
            "Have the peer send its own certificate and the intermediates that lead to its root, \
             and no others."
        }
    }
}

fn algorithm(ca: bool) -> &'static str {
    if ca {
        "Have the peer's certificate issued by a CA whose certificates have RSA keys of 2048 to \
         8192 bits, P-256 or P-384, and are signed with SHA-256, SHA-384 or SHA-512."
    } else {
        "Have the certificate reissued with an RSA key of 2048 to 8192 bits, P-256 or P-384, and \
         signed with SHA-256, SHA-384 or SHA-512."
    }
}

/// What a CA may not issue, or a certificate that is none.
fn issuing(kind: ErrorKind, cause: &Cause) -> &'static str {
    match (kind, cause) {
        (ErrorKind::CaAsEndEntity, _) => {
            "Have a certificate issued for the peer itself, or put exactly this certificate into \
             the store if it is meant to be trusted on its own."
        }
        (ErrorKind::PathLengthExceeded, _) => {
            "Have the peer's certificate issued by a CA with fewer intermediates above it, or the \
             CA's certificate reissued with a longer path length."
        }
        (
            ErrorKind::NameConstraints,
            Cause::NameConstraints {
                violation:
                    Violation::Bounds(_)
                    | Violation::UnsupportedForm(_)
                    | Violation::Malformed(_)
                    | Violation::TooMany,
                ..
            },
        ) => "Have the peer's certificate issued by a CA without these name constraints.",
        (ErrorKind::NameConstraints, _) => {
            "Have the certificate reissued with names that the CA may certify, or by a CA without \
             these name constraints."
        }
        (ErrorKind::KeyUsage, _) => {
            "Have the CA's certificate reissued with the key usage keyCertSign, or the peer's by \
             another CA."
        }
        _ => {
            "Have the peer's certificate issued by a CA, and have the peer send that CA's \
             certificate."
        }
    }
}

fn purpose(purpose: Purpose, ca: bool) -> &'static str {
    match (purpose, ca) {
        (Purpose::ServerAuth, false) => {
            "Have the certificate reissued for TLS servers (extended key usage serverAuth)."
        }
        (Purpose::ClientAuth, false) => {
            "Have the certificate reissued for TLS clients (extended key usage clientAuth)."
        }
        (Purpose::ClientOrServerAuth, false) => {
            "Have the certificate reissued with the extended key usage clientAuth or serverAuth, and \
             the key usage digitalSignature."
        }
        (Purpose::ServerAuth, true) => {
            "Have the peer's certificate issued by a CA for TLS servers (extended key usage \
             serverAuth)."
        }
        (Purpose::ClientAuth, true) => {
            "Have the peer's certificate issued by a CA for TLS clients (extended key usage \
             clientAuth)."
        }
        (Purpose::ClientOrServerAuth, true) => {
            "Have the peer's certificate issued by a CA with the extended key usage clientAuth or \
             serverAuth."
        }
    }
}

fn critical_extension(cause: &Cause) -> String {
    match cause {
        Cause::CriticalExtension { oid } => {
            format!("Have the certificate reissued without the critical extension {oid}.")
        }
        _ => "Have the certificate reissued without the critical extension.".to_owned(),
    }
}

fn revocation(kind: ErrorKind, cause: &Cause) -> &'static str {
    match (kind, cause) {
        (ErrorKind::Revoked, _) => {
            "Do not use this peer until its operator has replaced the certificate."
        }
        (_, Cause::Ocsp(OcspFault::NotStapled)) => {
            "The peer's operator must turn on OCSP stapling, or have the certificate reissued \
             without the extension that requires it."
        }
        (_, Cause::Ocsp(OcspFault::NotYetValid))
        | (_, Cause::Crl { why: CrlFault::NotYetValid, .. }) => CLOCK,
        (_, Cause::Ocsp(_)) => {
            "The peer's operator must staple a current OCSP response of the certificate's CA. Or \
             give the verifier a CRL of that CA, or allow an unknown revocation status."
        }
        (_, Cause::Crlite { why, .. }) => crlite(why),
        (ErrorKind::BadRevocationData, _) => {
            "Give the verifier a CRL of the certificate's issuer that can be used, or allow an \
             unknown revocation status."
        }
        _ => FRESH_CRL,
    }
}

fn crlite(why: &CrliteFault) -> &'static str {
    match why {
        CrliteFault::Configuration(_) => {
            "Mend the configuration of upki, give the verifier a current CRL of the certificate's \
             issuer, or allow an unknown revocation status."
        }
        CrliteFault::NoDigest => {
            "Enable the feature `aws-lc-rs` or `ring`, give the verifier a current CRL of the \
             certificate's issuer, or allow an unknown revocation status."
        }
        // No data will ever cover it.
        CrliteFault::NoTimestamps => FRESH_CRL,
        CrliteFault::Malformed(_) => {
            "Have the certificate reissued: its signed certificate timestamps are not encoded as RFC \
             6962 requires. Or give the verifier a current CRL of its issuer, or allow an unknown \
             revocation status."
        }
        CrliteFault::Future { .. } => {
            "Check this machine's clock, update the CRLite data (`upki fetch`), give the verifier a \
             current CRL of the certificate's issuer, or allow an unknown revocation status."
        }
        CrliteFault::Revoked { .. }
        | CrliteFault::NoData
        | CrliteFault::UnreadableIndex(_)
        | CrliteFault::DamagedIndex(_)
        | CrliteFault::Filter { .. }
        | CrliteFault::NotCovered
        | CrliteFault::Stale { .. } => {
            "Update the CRLite data (`upki fetch`), give the verifier a current CRL of the \
             certificate's issuer, or allow an unknown revocation status."
        }
    }
}

fn profile(cause: &Cause) -> &'static str {
    match cause {
        Cause::AppleRules(_) => {
            "Have the certificate reissued within the rules of Apple's systems, or accept exactly \
             this one with `pinned_leaf`."
        }
        Cause::Strict(_) => {
            "Have the certificate reissued without this fault, or do not require the strict \
             profile: `strict` in Rust, VERIFY_X509_STRICT among the verify_flags of a context in \
             Python, where ssl.create_default_context() sets it from Python 3.13 on."
        }
        _ => "Have the certificate reissued within the rules of the operating system.",
    }
}

fn unchecked(cause: &Cause) -> &'static str {
    match cause {
        Cause::NoAlgorithms => {
            "Enable the feature `aws-lc-rs` or `ring`, or call `signature_algorithms`."
        }
        _ => {
            "The operating system's verifier gave no answer to rely on. Try again; if it persists, \
             report it with this text."
        }
    }
}
