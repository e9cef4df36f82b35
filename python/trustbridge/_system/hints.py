"""What to do about a rejection, in the core's words."""

from __future__ import annotations

from .advice import advice, anchor
from .checks import MISSING_PATH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .certificate import Certificate
    from .question import Refused

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
    if fault.kind in MISSING_PATH:
        found += _missing_path(refused, path, purpose, url is not None)
    what = advice(fault, purpose)
    return found if what is None else [*found, what]


def _missing_path(
    refused: Refused, path: Sequence[Certificate], purpose: str, advertised: bool
) -> list[str]:
    """Where no path to a trust anchor was found: what is wrong with the store, with the candidates,
    and who may be missing."""
    kind, depth = refused.fault.kind, refused.fault.depth
    found = [_NOTHING_TRUSTED] if kind == "NoTrustAnchors" else []
    found += [
        anchor(miss.subject, miss.source, miss.reason, purpose) for miss in refused.near_misses
    ]
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
    # An entry of this name is in the store already; its hint is above.
    if any(miss.subject == root for miss in refused.near_misses):
        return found
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
