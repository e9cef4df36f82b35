//! What to do about a failed verification.
//!
//! Tests: `tests/verifier.rs`.

use crate::error::Parts;
use crate::fault::{Cause, NearMiss, OcspFault};
use crate::kind::ErrorKind;
use crate::policy::Purpose;
use crate::store::{INTERMEDIATES_VARIABLE, Refusal, Source};

/// Names that inspecting proxies and security products put into the CAs they sign with. A match
/// is a guess for a hint and nothing more.
const INSPECTING: &[&str] = &[
    "zscaler",
    "netskope",
    "blue coat",
    "bluecoat",
    "fortigate",
    "fortinet",
    "palo alto",
    "globalprotect",
    "cisco umbrella",
    "check point",
    "checkpoint",
    "sophos",
    "forcepoint",
    "websense",
    "barracuda",
    "watchguard",
    "sonicwall",
    "cloudflare gateway",
    "cloudflare for teams",
    "iboss",
    "menlo security",
    "skyhigh",
    "mcafee web gateway",
    "smoothwall",
    "untangle",
    "lightspeed",
    "securly",
    "contentkeeper",
    "squid",
    "kaspersky",
    "avast",
    "avg ",
    "eset",
    "bitdefender",
    "mitmproxy",
    "charles proxy",
    "fiddler",
    "portswigger",
    "burp",
    "proxyman",
    "adguard",
    "proxy",
    "ssl inspection",
    "tls inspection",
    "ssl decryption",
    "ssl-decrypt",
    "firewall",
];

/// The hints that follow from the rest of the error, most likely first.
pub(crate) fn hints(parts: &Parts) -> Vec<String> {
    let kind = parts.fault.kind;
    let mut hints = Vec::new();
    if let Cause::MissingIssuer { advertised_at: Some(url), alone: true, .. } = &parts.fault.cause {
        hints.push(format!(
            "The peer probably did not send its intermediate certificate: the path contains only \
             the peer's own. Have the peer send it. Until then: the issuer's certificate is \
             advertised at {url}; save it in a directory and give that to `intermediates_dir`, or \
             name the directory in {INTERMEDIATES_VARIABLE}."
        ));
    }
    if let (ErrorKind::NotStandardsCompliant, Cause::AppleRules(_)) = (kind, &parts.fault.cause) {
        hints.push(
            "Have the certificate reissued within the rules of Apple's systems, or accept exactly \
             this one with `pinned_leaf`."
                .to_owned(),
        );
    }
    if kind.is_missing_path() {
        missing_path(parts, &mut hints);
    }
    let by_kind = by_kind(parts);
    if !by_kind.is_empty() {
        hints.push(by_kind.to_owned());
    }
    hints
}

/// What helps whatever the rest of the error says.
fn by_kind(parts: &Parts) -> &'static str {
    match parts.fault.kind {
        ErrorKind::NoCertificate => "Set up the peer to send its certificate chain.",
        ErrorKind::Expired if parts.fault.depth == Some(0) => {
            "The peer's operator must renew the certificate. If the date looks fine, check this \
             machine's clock."
        }
        ErrorKind::Expired => {
            "The peer's operator must replace the expired certificate in the chain it sends. If the date \
             looks fine, check this machine's clock."
        }
        ErrorKind::NotYetValid => "Check this machine's clock; it may be behind.",
        ErrorKind::NameMismatch => {
            "Connect with a name the certificate is valid for, or have the peer's certificate reissued \
             with this name as a subject alternative name."
        }
        ErrorKind::Revoked => {
            "Do not use this peer until its operator has replaced the certificate."
        }
        ErrorKind::RevocationUnknown if parts.fault.cause == Cause::Ocsp(OcspFault::NotStapled) => {
            "The peer's operator must turn on OCSP stapling, or have the certificate reissued without \
             the extension that requires it."
        }
        ErrorKind::RevocationUnknown if matches!(parts.fault.cause, Cause::Crlite { .. }) => {
            "Update the CRLite data (`upki fetch`), give the verifier a current CRL of the \
             certificate's issuer, or allow an unknown revocation status."
        }
        ErrorKind::BadRevocationData => {
            "Give the verifier a CRL of the certificate's issuer that can be used, or allow an unknown \
             revocation status."
        }
        ErrorKind::RevocationUnknown | ErrorKind::RevocationOutdated => {
            "Give the verifier a current CRL of the certificate's issuer, or allow an unknown \
             revocation status."
        }
        ErrorKind::Distrusted if is_after_date(parts) => {
            "Have the peer's certificate issued by another CA: this distribution no longer trusts \
             new certificates of this one. Without `distribution_distrust` the date is ignored."
        }
        ErrorKind::Distrusted => {
            "The store distrusts this certificate. Ask the administrator of this machine."
        }
        ErrorKind::PinMismatch => {
            "If the peer's operator has changed the certificate on purpose, pin the new one."
        }
        ErrorKind::BadSignature => {
            "The chain is damaged, or the certificates do not form a chain. Have the peer send the \
             intermediates of the CA that issued its certificate."
        }
        ErrorKind::UnsupportedAlgorithm | ErrorKind::WeakKey => {
            "Have the certificate reissued with RSA of 2048 bits or more, P-256 or P-384, and \
             SHA-256 or better."
        }
        ErrorKind::CaAsEndEntity => {
            "Have a certificate issued for the peer itself, or put exactly this certificate into \
             the store if it is meant to be trusted on its own."
        }
        ErrorKind::WrongPurpose => reissue_for(parts.purpose),
        _ => "",
    }
}

fn reissue_for(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::ServerAuth => {
            "Have the certificate reissued for TLS servers (extended key usage serverAuth)."
        }
        Purpose::ClientAuth => {
            "Have the certificate reissued for TLS clients (extended key usage clientAuth)."
        }
        Purpose::ClientOrServerAuth => {
            "Have the certificate reissued with the extended key usage clientAuth or serverAuth, and \
             the key usage digitalSignature."
        }
    }
}

/// Where no path to a trust anchor was found: what is wrong with the store, with the candidates,
/// and who may be missing.
fn missing_path(parts: &Parts, hints: &mut Vec<String>) {
    store(parts, hints);
    hints.extend(parts.near_misses.iter().map(near_miss));
    let unreadable = parts.searched.iter().any(|searched| !searched.problems.is_empty());
    if unreadable && parts.fault.kind != ErrorKind::NoTrustAnchors {
        hints
            .push("Part of the store could not be read; see the problems listed above.".to_owned());
    }

    let root = parts.path.last().map(|cert| cert.issuer.clone()).unwrap_or_default();
    let lower = root.to_lowercase();
    if parts.near_misses.is_empty() && INSPECTING.iter().any(|name| lower.contains(name)) {
        hints.push(format!(
            "'{root}' looks like the private CA of a proxy or security product that inspects \
             connections. Ask your administrator for its root certificate and install it in the \
             system's store."
        ));
    }
    let advertised = matches!(
        parts.fault.cause,
        Cause::MissingIssuer { advertised_at: Some(_), alone: true, .. }
    );
    hints.extend(match parts.fault.kind {
        ErrorKind::UnknownIssuer if parts.fault.depth == Some(0) && !advertised => Some(format!(
            "Either the peer did not send the intermediate '{root}', or '{root}' is a private CA. \
             In the second case, install its root certificate in the system's store."
        )),
        ErrorKind::UnknownIssuer => Some(format!(
            "If you trust '{root}', install its root certificate in the system's store or give it \
             to `extra_roots`."
        )),
        ErrorKind::UntrustedRoot => Some(format!(
            "If you trust '{root}', install it in the system's store or give it to `extra_roots`."
        )),
        ErrorKind::SelfSignedLeaf => Some(
            "If you trust exactly this certificate, put it into the system's store or pin it with \
             `pinned_leaf`."
                .to_owned(),
        ),
        _ => None,
    });
}

/// Where nothing at all is trusted.
fn store(parts: &Parts, hints: &mut Vec<String>) {
    if parts.fault.kind != ErrorKind::NoTrustAnchors {
        return;
    }
    let system = |source: &Source| matches!(source, Source::File(_) | Source::Directory(_));
    let hint = if parts.searched.iter().any(|searched| system(&searched.source)) {
        "Install your system's package of root certificates (often `ca-certificates`), or set \
         SSL_CERT_FILE to a PEM file of trust anchors."
    } else {
        "Nothing is trusted: give CA certificates to `extra_roots`, or turn on the system's trust \
         anchors with `system_roots`."
    };
    hints.push(hint.to_owned());
}

/// Whether the trust anchor was trusted for older end entities only.
fn is_after_date(parts: &Parts) -> bool {
    let Cause::AnchorRefused { refusal, .. } = &parts.fault.cause else { return false };
    matches!(refusal, Refusal::DistrustedAfter { .. })
}

fn near_miss(miss: &NearMiss) -> String {
    let NearMiss { subject, source, reason } = miss;
    match reason {
        Refusal::Expired { .. } | Refusal::NotYetValid { .. } => format!(
            "Replace '{subject}' in {source}; its CA should have a newer certificate. Check this \
             machine's clock."
        ),
        Refusal::DifferentKey => format!(
            "'{subject}' in {source} is an older or newer CA of the same name: install the one \
             that issued this chain."
        ),
        Refusal::NotACa => format!(
            "'{subject}' in {source} cannot issue certificates: install the CA certificate instead."
        ),
        reason => format!("'{subject}' in {source} was ignored: {reason}."),
    }
}
