"""What to do about a rejection, in the core's words."""

from __future__ import annotations

from .checks import MISSING_PATH
from .question import SERVER
from .words import refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .certificate import Certificate
    from .question import NearMiss, Refused

INTERMEDIATES_VARIABLE = "TRUSTBRIDGE_INTERMEDIATES_DIR"

#: Names that inspecting proxies and security products put into the CAs they sign with. A match is a
#: guess for a hint and nothing more.
INSPECTING = (
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
)
_BY_KIND = {
    "NoCertificate": "Set up the peer to send its certificate chain.",
    "Expired": (
        "The peer's operator must replace the expired certificate in the chain it sends. If the "
        "date looks fine, check this machine's clock."
    ),
    "NotYetValid": "Check this machine's clock; it may be behind.",
    "NameMismatch": (
        "Connect with a name the certificate is valid for, or have the peer's certificate "
        "reissued with this name as a subject alternative name."
    ),
    "Revoked": "Do not use this peer until its operator has replaced the certificate.",
    "BadRevocationData": (
        "Give the verifier a CRL of the certificate's issuer that can be used, or allow an "
        "unknown revocation status."
    ),
    **dict.fromkeys(
        ("RevocationUnknown", "RevocationOutdated"),
        "Give the verifier a current CRL of the certificate's issuer, or allow an unknown "
        "revocation status.",
    ),
    "Distrusted": "The store distrusts this certificate. Ask the administrator of this machine.",
    "PinMismatch": (
        "If the peer's operator has changed the certificate on purpose, pin the new one."
    ),
    "BadSignature": (
        "The chain is damaged, or the certificates do not form a chain. Have the peer send the "
        "intermediates of the CA that issued its certificate."
    ),
    **dict.fromkeys(
        ("UnsupportedAlgorithm", "WeakKey"),
        "Have the certificate reissued with RSA of 2048 bits or more, P-256 or P-384, and SHA-256 "
        "or better.",
    ),
    "CaAsEndEntity": (
        "Have a certificate issued for the peer itself, or put exactly this certificate into the "
        "store if it is meant to be trusted on its own."
    ),
}
_EXPIRED_LEAF = (
    "The peer's operator must renew the certificate. If the date looks fine, check this machine's "
    "clock."
)
_REISSUE = {
    SERVER: "Have the certificate reissued for TLS servers (extended key usage serverAuth).",
    "client": "Have the certificate reissued for TLS clients (extended key usage clientAuth).",
}
_NOTHING_TRUSTED = (
    "Nothing is trusted: give CA certificates to `extra_roots`, or turn on the system's trust "
    "anchors with `system_roots`."
)


def hints(refused: Refused, path: Sequence[Certificate], purpose: str) -> list[str]:
    """The hints that follow from the rest of the rejection, most likely first."""
    fault, found = refused.fault, []
    # Only an end entity that came alone says that the rest was forgotten.
    url = fault.facts["advertised_at"] if fault.facts.get("alone") else None
    if url is not None:
        found.append(
            "The peer probably did not send its intermediate certificate: the path contains only "
            "the peer's own. Have the peer send it. Until then: the issuer's certificate is "
            f"advertised at {url}; save it in a directory and give that to `intermediates_dir`, or "
            f"name the directory in {INTERMEDIATES_VARIABLE}."
        )
    if fault.kind == "NotStandardsCompliant" and fault.cause == "AppleRules":
        found.append(
            "Have the certificate reissued within the rules of Apple's systems, or accept exactly "
            "this one with `pinned_leaf`."
        )
    if fault.kind in MISSING_PATH:
        found += _missing_path(refused, path, url is not None)
    if fault.kind == "Expired" and fault.depth == 0:
        found.append(_EXPIRED_LEAF)
    elif fault.kind == "WrongPurpose":
        found.append(_REISSUE[purpose])
    elif fault.kind in _BY_KIND:
        found.append(_BY_KIND[fault.kind])
    return found


def _missing_path(refused: Refused, path: Sequence[Certificate], advertised: bool) -> list[str]:
    """Where no path to a trust anchor was found: what is wrong with the store, with the candidates,
    and who may be missing."""
    kind, depth = refused.fault.kind, refused.fault.depth
    found = [_NOTHING_TRUSTED] if kind == "NoTrustAnchors" else []
    found += map(_near_miss, refused.near_misses)
    if any(place.empty for place in refused.places) and kind != "NoTrustAnchors":
        found.append("Part of the store could not be read; see the problems listed above.")
    root = path[-1].issuer_text() if path else ""
    lower = root.lower()
    if not refused.near_misses and any(name in lower for name in INSPECTING):
        found.append(
            f"'{root}' looks like the private CA of a proxy or security product that inspects "
            "connections. Ask your administrator for its root certificate and install it in the "
            "system's store."
        )
    if kind == "UnknownIssuer" and depth == 0 and not advertised:
        found.append(
            f"Either the peer did not send the intermediate '{root}', or '{root}' is a private "
            "CA. In the second case, install its root certificate in the system's store."
        )
    elif kind == "UnknownIssuer":
        found.append(
            f"If you trust '{root}', install its root certificate in the system's store or give "
            "it to `extra_roots`."
        )
    elif kind == "UntrustedRoot":
        found.append(
            f"If you trust '{root}', install it in the system's store or give it to `extra_roots`."
        )
    elif kind == "SelfSignedLeaf":
        found.append(
            "If you trust exactly this certificate, put it into the system's store or pin it with "
            "`pinned_leaf`."
        )
    return found


def _near_miss(miss: NearMiss) -> str:
    there, reason = f"'{miss.subject}' in {miss.source}", miss.reason.reason
    if reason in ("Expired", "NotYetValid"):
        return (
            f"Replace {there}; its CA should have a newer certificate. Check this machine's clock."
        )
    if reason == "DifferentKey":
        return (
            f"{there} is an older or newer CA of the same name: install the one that issued this "
            "chain."
        )
    if reason == "NotACa":
        return f"{there} cannot issue certificates: install the CA certificate instead."
    return f"{there} was ignored: {refusal(miss.reason)}."
