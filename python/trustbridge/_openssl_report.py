"""What OpenSSL mode says of a verdict, which is OpenSSL's."""

from __future__ import annotations

import ssl

from ._errors import add_report, add_words
from ._frozen import Frozen
from ._kinds import SUMMARIES
from ._name import escape, shown
from ._std import StdContext
from ._times import moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol

    _Name = tuple[tuple[tuple[str, str], ...], ...]

    class _Searched(Protocol):
        """A place where trust anchors were searched for. `str()` is its line."""

        name: str
        certificates: int
        problems: list[str]
        distrusted: dict[bytes, str]


#: The kinds of OpenSSL's X509_V_ERR_* codes. For some faults OpenSSL has one code only.
KINDS = {
    2: "UnknownIssuer",
    3: "RevocationUnknown",
    7: "BadSignature",
    8: "BadRevocationData",
    9: "NotYetValid",
    10: "Expired",
    11: "BadRevocationData",
    12: "RevocationOutdated",
    18: "SelfSignedLeaf",
    19: "UntrustedRoot",
    20: "UnknownIssuer",
    21: "UnknownIssuer",
    22: "ChainTooComplex",
    23: "Revoked",
    24: "NotACa",
    25: "PathLengthExceeded",
    26: "WrongPurpose",
    27: "UntrustedRoot",
    28: "Distrusted",
    32: "KeyUsage",
    34: "UnknownCriticalExtension",
    35: "BadRevocationData",
    36: "BadRevocationData",
    37: "NotACa",
    41: "BadEncoding",
    44: "BadRevocationData",
    47: "NameConstraints",
    48: "NameConstraints",
    49: "NameConstraints",
    51: "NameConstraints",
    52: "NameConstraints",
    53: "NameConstraints",
    54: "BadRevocationData",
    62: "NameMismatch",
    64: "NameMismatch",
    66: "WeakKey",
    67: "WeakKey",
    68: "UnsupportedAlgorithm",
    76: "UnsupportedAlgorithm",
    77: "BadSignature",
    78: "BadEncoding",
    79: "NotACa",
    # The rules of X509_V_FLAG_X509_STRICT.
    **dict.fromkeys(range(80, 95), "NotStandardsCompliant"),
}
_ENCODING_DER = 2
_MISSING_PATH = (2, 18, 19, 20, 21)
#: As far as the issuers that a peer sent are followed.
_MOST_STEPS = 10
_SHORT = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "localityName": "L",
    "stateOrProvinceName": "ST",
}


def name_text(name: _Name) -> str:
    parts = [f"{_SHORT.get(key, key)}={value}" for part in reversed(name) for key, value in part]
    return shown(", ".join(parts))


def _sent(connection: Any) -> list[dict[str, Any]]:
    """What the peer sent, as far as this version of Python and OpenSSL can tell."""
    try:
        return [certificate.get_info() for certificate in connection._sslobj.get_unverified_chain()]
    except (AttributeError, TypeError, ValueError, ssl.SSLError):
        return []


def _missing_issuer(sent: list[dict[str, Any]]) -> tuple[int | None, tuple[str, str | None] | None]:
    """Follows the names as far as they go: whose issuer is missing, its name, and where its
    certificate is advertised."""
    if not sent:
        return None, None
    by_subject: dict[_Name, list[dict[str, Any]]] = {}
    for certificate in sent:
        by_subject.setdefault(certificate["subject"], []).append(certificate)
    path = [sent[0]]
    while True:
        last = path[-1]
        # All may have one name.
        others = by_subject.get(last["issuer"], [])[: _MOST_STEPS + 1]
        known = next((other for other in others if other not in path), None)
        if known is None or len(path) > _MOST_STEPS:
            url = next(iter(last.get("caIssuers") or ()), None)
            return len(path) - 1, (name_text(last["issuer"]), url and shown(url))
        path.append(known)


def _distrusting(issuer: str, searched: Sequence[_Searched]) -> str | None:
    """The file because of which no certificate of that name was loaded."""
    for source in searched:
        for certificate, file in source.distrusted.items():
            if subject(certificate) == issuer:
                return file
    return None


def subject(certificate: bytes) -> str:
    """The subject of a CA in DER; nothing if OpenSSL cannot read it or it is no CA."""
    scratch = StdContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        scratch.load_verify_locations(cadata=certificate)
    except ssl.SSLError:
        return ""
    known: Any = scratch.get_ca_certs()
    return name_text(known[0]["subject"]) if known else ""


def explain(
    error: ssl.SSLCertVerificationError,
    connection: Any,
    searched: Sequence[_Searched],
    *,
    anchors: int,
    reason: str,
) -> None:
    """Completes a certificate error of a connection.

    searched -- where trust anchors were searched for
    anchors -- how many certificates that has given
    reason -- why the native module is not in use
    """
    kind = KINDS.get(error.verify_code, "CannotCheck")
    sent = _sent(connection)
    depth, issuer, missing = None, None, ""
    if error.verify_code in _MISSING_PATH:
        if not anchors:
            kind = "NoTrustAnchors"
        depth, issuer = _missing_issuer(sent)
        missing = f": '{issuer[0]}'" if issuer else ""
        file = _distrusting(issuer[0] if issuer else "", searched)
        if file is not None:
            kind = "Distrusted"
            missing += f", distrusted for this purpose by {escape(file)}"
        missing += f"; searched {', '.join(map(str, searched)) or 'nothing'}"
    line = SUMMARIES[kind] if error.verify_code in KINDS else error.verify_message
    host = connection.server_hostname
    if host:
        if kind == "NameMismatch":
            line = f"certificate is not valid for '{escape(host)}'"
        line = f"{escape(host)}: {line}"
    line += missing
    add_words(error, line)
    if kind not in ("UnknownIssuer", "NoTrustAnchors"):
        issuer = None  # it is there, and not trusted
    add_report(error, kind, depth, _report(line, sent, searched, reason), issuer)


def _report(
    line: str, sent: list[dict[str, Any]], searched: Sequence[_Searched], reason: str
) -> str:
    lines = [line, "", "Sent by the peer:"]
    for index, certificate in enumerate(sent):
        lines.append(f"  {index}: {name_text(certificate['subject'])}")
        lines.append(f"     issued by {name_text(certificate['issuer'])}")
        lines.append(f"     valid {certificate['notBefore']} to {certificate['notAfter']}")
    if not sent:
        lines.append("  (no readable certificate)")
    lines += ["", "Searched for trust anchors:"]
    for source in searched:
        lines.append(f"  - {source}")
        lines.extend(f"    {escape(problem)}" for problem in source.problems[1:])
        for distrusted, file in source.distrusted.items():
            name = subject(distrusted) or "(not a CA)"
            lines.append(f"    {name} is distrusted by {escape(file)}")
    if not searched:
        lines.append("  (nothing)")
    lines += ["", f"Verified by OpenSSL, because the native module is not in use: {reason}"]
    return "\n".join(lines)


class Certificate(Frozen):
    """A certificate of a chain that was accepted."""

    def __init__(self, certificate: Any) -> None:
        info = certificate.get_info()
        self.der: bytes = certificate.public_bytes(_ENCODING_DER)
        self.subject = name_text(info["subject"])
        self.issuer = name_text(info["issuer"])
        #: The validity period, in seconds since 1970-01-01 UTC.
        self.not_before = ssl.cert_time_to_seconds(info["notBefore"])
        self.not_after = ssl.cert_time_to_seconds(info["notAfter"])

    def __str__(self) -> str:
        valid = f"{moment(self.not_before)} to {moment(self.not_after)}"
        return f"{self.subject}\n     issued by {self.issuer}\n     valid {valid}"


class Verified(Frozen):
    """A chain that OpenSSL has accepted. `str()` is the path for humans, on several lines."""

    def __init__(self, chain: Sequence[Any], sources: Sequence[_Searched], flags: int) -> None:
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
        #: Nothing here is accepted by `danger_allow_weak_keys`.
        self.weaknesses: list[str] = []
        #: What was checked has been answered by CRLs; OpenSSL does not tell by which.
        self.revocation_answered_by = None if self.revocation == "off" else "crl"
        self.revocation_until: int | None = None
        #: Nobody asks CRLite filters in this mode.
        self.crlite: str | None = None

    def __str__(self) -> str:
        lines = [f"  {index}: {one}" for index, one in enumerate(self.certificates)]
        lines += [f"anchor: {self.anchor_subject}", f"source: {escape(self.source)}"]
        return "\n".join(lines)
