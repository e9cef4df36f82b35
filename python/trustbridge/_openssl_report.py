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

        name: str
        certificates: int
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
_ENCODING_DER = 2
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


class Certificate:
    """A certificate of a chain that was accepted."""

    def __init__(self, certificate: Any) -> None:
        info = certificate.get_info()
        self.der: bytes = certificate.public_bytes(_ENCODING_DER)
        self.subject = _name_text(info["subject"])
        self.issuer = _name_text(info["issuer"])
        #: The validity period, in seconds since 1970-01-01 UTC.
        self.not_before = ssl.cert_time_to_seconds(info["notBefore"])
        self.not_after = ssl.cert_time_to_seconds(info["notAfter"])

    def __str__(self) -> str:
        valid = f"{_moment(self.not_before)} to {_moment(self.not_after)}"
        return f"{self.subject}\n     issued by {self.issuer}\n     valid {valid}"


class Verified:
    """A chain that OpenSSL has accepted. `str()` is the path for humans, on several lines."""

    def __init__(self, chain: Sequence[Any], sources: Sequence[Searched], flags: int) -> None:
        #: The path that was built, end entity first, trust anchor last.
        self.certificates = [Certificate(certificate) for certificate in chain]
        #: The same in DER.
        self.chain = [certificate.der for certificate in self.certificates]
        self.anchor = self.chain[-1]
        self.anchor_subject = self.certificates[-1].subject
        #: Where the trust anchor came from, or could have: OpenSSL does not tell.
        self.source = " or ".join(source.name for source in sources if source.certificates)
        both = int(ssl.VERIFY_CRL_CHECK_CHAIN)
        leaf = int(ssl.VERIFY_CRL_CHECK_LEAF)
        #: What was checked for revocation, "off" (nothing), "leaf" or "chain", and requested.
        self.revocation = {both: "chain", leaf: "leaf"}.get(flags & both, "off")
        self.revocation_requested = self.revocation

    def __str__(self) -> str:
        lines = [f"  {index}: {one}" for index, one in enumerate(self.certificates)]
        lines += [f"anchor: {self.anchor_subject}", f"source: {escape(self.source)}"]
        return "\n".join(lines)


def _moment(seconds: int) -> str:
    from datetime import datetime, timedelta

    return f"{datetime(1970, 1, 1) + timedelta(seconds=seconds)} UTC"
