//! What to do about a failed verification.
//!
//! Tests: `tests/verifier.rs`.

use super::advice::{advice, anchor};
use crate::error::Parts;
use crate::fault::{Cause, NearMiss};
use crate::kind::ErrorKind;
use crate::store::{INTERMEDIATES_VARIABLE, Source};

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
    let mut hints = Vec::new();
    if let Cause::MissingIssuer { advertised_at: Some(url), alone: true, .. } = &parts.fault.cause {
        hints.push(format!(
            "The peer probably did not send its intermediate certificate: the path contains only \
             the peer's own. Have the peer send it. Until then: the issuer's certificate is \
             advertised at {url}; save it in a directory and give that to `intermediates_dir`, or \
             name the directory in {INTERMEDIATES_VARIABLE}."
        ));
    }
    if parts.fault.kind.is_missing_path() {
        missing_path(parts, &mut hints);
    }
    hints.extend(advice(parts));
    hints
}

/// Where no path to a trust anchor was found: what is wrong with the store, with the candidates,
/// and who may be missing.
fn missing_path(parts: &Parts, hints: &mut Vec<String>) {
    store(parts, hints);
    hints.extend(parts.near_misses.iter().map(|NearMiss { subject, source, reason }| {
        anchor(subject, source, reason, parts.purpose)
    }));
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
    // An entry of this name is in the store already; its hint is above.
    if parts.near_misses.iter().any(|miss| miss.subject == root) {
        return;
    }
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
