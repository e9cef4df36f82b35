"""What OpenSSL mode says of a verdict, which is OpenSSL's."""

from __future__ import annotations

import ssl

from ._errors import add_report, add_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol

    _Name = tuple[tuple[tuple[str, str], ...], ...]

    class Searched(Protocol):
        """A place where trust anchors were searched for. `str()` is its line."""

        problems: list[str]


#: OpenSSL's X509_V_ERR_* codes for what has a name: our word, and words for people.
_KINDS = {
    2: ("UnknownIssuer", "issuer is not known"),
    3: ("RevocationUnknown", "revocation status is unknown"),
    7: ("BadSignature", "certificate signature is wrong"),
    9: ("NotYetValid", "certificate is not yet valid"),
    10: ("Expired", "certificate has expired"),
    12: ("RevocationOutdated", "revocation list is out of date"),
    18: ("SelfSignedLeaf", "self-signed certificate is not trusted"),
    19: ("UntrustedRoot", "root certificate is not trusted"),
    20: ("UnknownIssuer", "issuer is not known"),
    21: ("UnknownIssuer", "issuer is not known"),
    23: ("Revoked", "certificate has been revoked"),
    24: ("NotACa", "issuer is not a CA"),
    25: ("PathLengthExceeded", "too many intermediates for a CA's path length"),
    26: ("WrongPurpose", "certificate may not be used for this purpose"),
    28: ("Distrusted", "certificate is explicitly distrusted"),
    32: ("KeyUsage", "issuer may not sign certificates"),
    34: ("UnknownCriticalExtension", "unknown critical extension"),
    47: ("NameConstraints", "name outside a CA's name constraints"),
    62: ("NameMismatch", "certificate is for another name"),
    64: ("NameMismatch", "certificate is for another name"),
    66: ("WeakKey", "public key is too short"),
    79: ("NotACa", "issuer is not a CA"),
}
_MISSING_PATH = (2, 18, 19, 20, 21)


def escape(text: str) -> str:
    """Fit for one line of a terminal, whatever a certificate holds."""
    return "".join(c if c.isprintable() and c != '"' else f"\\u{{{ord(c):x}}}" for c in text)


_SHORT = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "localityName": "L",
    "stateOrProvinceName": "ST",
}


def _name_text(name: _Name) -> str:
    parts = [f"{_SHORT.get(key, key)}={value}" for part in reversed(name) for key, value in part]
    return escape(", ".join(parts))


def _sent(connection: Any) -> list[dict[str, Any]]:
    """What the peer sent, as far as this version of Python and OpenSSL can tell."""
    try:
        return [certificate.get_info() for certificate in connection._sslobj.get_unverified_chain()]
    except (AttributeError, TypeError, ValueError, ssl.SSLError):
        return []


def _missing_issuer(sent: list[dict[str, Any]]) -> tuple[int | None, str]:
    """Follows the names as far as they go: whose issuer is missing, and its name."""
    if not sent:
        return None, ""
    path = [sent[0]]
    while True:
        known = [
            other for other in sent if other["subject"] == path[-1]["issuer"] and other not in path
        ]
        if not known:
            return len(path) - 1, _name_text(path[-1]["issuer"])
        path.append(known[0])


def explain(
    error: ssl.SSLCertVerificationError,
    connection: Any,
    searched: Sequence[Searched],
    *,
    anchors: int,
    reason: str,
) -> None:
    """Completes a certificate error of a connection.

    searched -- where trust anchors were searched for
    anchors -- how many certificates that has given
    reason -- why the native module is not in use
    """
    kind, words = _KINDS.get(error.verify_code, ("CannotCheck", error.verify_message))
    sent = _sent(connection)
    depth, missing = None, ""
    if error.verify_code in _MISSING_PATH:
        if not anchors:
            kind, words = "NoTrustAnchors", "no usable trust anchor was found"
        depth, issuer = _missing_issuer(sent)
        missing = f": '{issuer}'" if issuer else ""
        missing += f"; searched {', '.join(map(str, searched)) or 'nothing'}"
    host = connection.server_hostname
    line = (f"{escape(host)}: {words}" if host else words) + missing
    add_words(error, line)
    add_report(error, kind, depth, _report(line, sent, searched, reason))


def _report(
    line: str, sent: list[dict[str, Any]], searched: Sequence[Searched], reason: str
) -> str:
    lines = [line, "", "Sent by the peer:"]
    for index, certificate in enumerate(sent):
        lines.append(f"  {index}: {_name_text(certificate['subject'])}")
        lines.append(f"     issued by {_name_text(certificate['issuer'])}")
        lines.append(f"     valid {certificate['notBefore']} to {certificate['notAfter']}")
    if not sent:
        lines.append("  (no readable certificate)")
    lines += ["", "Searched for trust anchors:"]
    for source in searched:
        lines.append(f"  - {source}")
        lines.extend(f"    {escape(problem)}" for problem in source.problems[1:])
    if not searched:
        lines.append("  (nothing)")
    lines += ["", f"The verdict is OpenSSL's, because the native module is not in use: {reason}"]
    return "\n".join(lines)
