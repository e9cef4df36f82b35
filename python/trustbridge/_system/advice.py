"""What to do about a fault, by its kind and its cause: src/report/advice.rs in Python.

Advice on causes that no system's verifier has, such as those about stapled responses, is not here.
"""

from __future__ import annotations

from .checks import MISSING_PATH
from .purpose import SERVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .question import Fault, Refusal

_CLOCK = "Check this machine's clock; it may be behind."
_FRESH_CRL = (
    "Give the verifier a current CRL of the certificate's issuer, or allow an unknown revocation "
    "status."
)
_ASK = "Ask the administrator of this machine."
_BY_KIND = {
    "NoCertificate": "Set up the peer to send its certificate chain.",
    "BadEncoding": "Have the certificate reissued: it is not encoded as RFC 5280 requires.",
    "ChainTooComplex": (
        "Have the peer send its own certificate and the intermediates that lead to its root, and "
        "no others."
    ),
    "Expired": (
        "The peer's operator must renew the certificate. If the date looks fine, check this "
        "machine's clock."
    ),
    "NotYetValid": _CLOCK,
    "NameMismatch": (
        "Connect with a name the certificate is valid for, or have the peer's certificate "
        "reissued with this name as a subject alternative name."
    ),
    "PinMismatch": (
        "If the peer's operator has changed the certificate on purpose, pin the new one."
    ),
    "BadSignature": (
        "The chain is damaged, or the certificates do not form a chain. Have the peer send the "
        "intermediates of the CA that issued its certificate."
    ),
    **dict.fromkeys(
        ("UnsupportedAlgorithm", "WeakKey"),
        "Have the certificate reissued with an RSA key of 2048 to 8192 bits, P-256 or P-384, and "
        "signed with SHA-256, SHA-384 or SHA-512.",
    ),
    "NotACa": (
        "Have the peer's certificate issued by a CA, and have the peer send that CA's certificate."
    ),
    "CaAsEndEntity": (
        "Have a certificate issued for the peer itself, or put exactly this certificate into the "
        "store if it is meant to be trusted on its own."
    ),
    "KeyUsage": (
        "Have the CA's certificate reissued with the key usage keyCertSign, or the peer's by "
        "another CA."
    ),
    "PathLengthExceeded": (
        "Have the peer's certificate issued by a CA with fewer intermediates above it, or the "
        "CA's certificate reissued with a longer path length."
    ),
    "NameConstraints": (
        "Have the certificate reissued with names that the CA may certify, or by a CA without "
        "these name constraints."
    ),
    "UnknownCriticalExtension": "Have the certificate reissued without the critical extension.",
    "Distrusted": f"The store distrusts this certificate. {_ASK}",
    "Revoked": "Do not use this peer until its operator has replaced the certificate.",
    **dict.fromkeys(("RevocationUnknown", "RevocationOutdated"), _FRESH_CRL),
    "BadRevocationData": (
        "Give the verifier a CRL of the certificate's issuer that can be used, or allow an "
        "unknown revocation status."
    ),
    "NotStandardsCompliant": (
        "Have the certificate reissued within the rules of the operating system."
    ),
    "CannotCheck": (
        "The operating system's verifier gave no answer to rely on. Try again; if it persists, "
        "report it with this text."
    ),
}
#: Where a CA of the path is at fault, which the peer's operator cannot change.
_CA_ALGORITHM = (
    "Have the peer's certificate issued by a CA whose certificates have RSA keys of 2048 to 8192 "
    "bits, P-256 or P-384, and are signed with SHA-256, SHA-384 or SHA-512."
)
_BY_KIND_OF_CA = {
    "Expired": (
        "The peer's operator must replace the expired certificate in the chain it sends. If the "
        "date looks fine, check this machine's clock."
    ),
    **dict.fromkeys(("UnsupportedAlgorithm", "WeakKey"), _CA_ALGORITHM),
}
_APPLE_RULES = (
    "Have the certificate reissued within the rules of Apple's systems, or accept exactly this one "
    "with `pinned_leaf`."
)
#: By the purpose, and by whether a CA of the path is at fault.
_PURPOSES = {
    (SERVER, False): (
        "Have the certificate reissued for TLS servers (extended key usage serverAuth)."
    ),
    ("client", False): (
        "Have the certificate reissued for TLS clients (extended key usage clientAuth)."
    ),
    (SERVER, True): (
        "Have the peer's certificate issued by a CA for TLS servers (extended key usage "
        "serverAuth)."
    ),
    ("client", True): (
        "Have the peer's certificate issued by a CA for TLS clients (extended key usage "
        "clientAuth)."
    ),
}
USAGES = {SERVER: "serverAuth", "client": "clientAuth"}


def advice(fault: Fault, purpose: str) -> str | None:
    """What helps, unless the path to a trust anchor is what is missing: that has hints of its
    own."""
    if fault.cause == "AnchorRefused":
        facts = fault.facts
        return anchor(facts["subject"], facts["source"], facts["refusal"], purpose)
    if fault.kind in MISSING_PATH:
        return None
    ca = bool(fault.depth)
    if fault.kind == "WrongPurpose":
        return _PURPOSES[purpose, ca]
    if fault.cause == "CriticalExtension":
        return f"Have the certificate reissued without the critical extension {fault.facts['oid']}."
    if fault.cause == "AppleRules":
        return _APPLE_RULES
    if ca and fault.kind in _BY_KIND_OF_CA:
        return _BY_KIND_OF_CA[fault.kind]
    return _BY_KIND[fault.kind]


def anchor(subject: str, source: str, refusal: Refusal, purpose: str) -> str:
    """What helps where a certificate of the store is not used as a trust anchor."""
    entry, usage = f"'{subject}' in {source}", USAGES[purpose]
    return {
        "Expired": (
            f"Replace {entry}; its CA should have a newer certificate. If the date looks fine, "
            "check this machine's clock."
        ),
        "NotYetValid": f"{_CLOCK} {entry} is not valid yet.",
        "DifferentKey": (
            f"{entry} is an older or newer CA of the same name: install the one that issued this "
            "chain."
        ),
        **dict.fromkeys(
            ("NotACa", "NoCertSign"),
            f"{entry} cannot issue certificates: install the CA certificate instead.",
        ),
        "WrongPurpose": (
            f"{entry} may not issue for {usage}: have the peer's certificate issued by another CA."
        ),
        "UnknownCriticalExtension": (
            f"Replace {entry} with a certificate of its CA without the critical extension "
            f"{refusal.value}."
        ),
        **dict.fromkeys(("WeakKey", "UnsupportedKey"), _CA_ALGORITHM),
        "NotTrustedForPurpose": (
            f"If you trust {entry} for {usage}, add that purpose to its trust settings there."
        ),
        "Rejected": f"The store distrusts '{subject}'. {_ASK}",
        "Malformed": f"Replace {entry}: it cannot be read.",
    }[refusal.reason]
