"""What is wrong, put into words: the line, the report and the hints, which are the core's.

Causes that no system's verifier has, such as those about signatures, are not here.
"""

from __future__ import annotations

from .._kinds import NUMBERS, SUMMARIES
from .._name import escape
from .._times import moment
from .advice import USAGES
from .algorithms import named
from .certificate import Certificate, packed, read
from .checks import MISSING_PATH
from .hints import hints
from .purpose import SERVER
from .words import refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .question import Fault, NearMiss, Place, Refused

_SHOWN_NAMES = 6
#: Where no path was built: how much of the chain is shown, and read for it.
_ENOUGH, _MOST_READ = 10, 100
_IP_ADDRESS_MISMATCH, _CA_KEY_TOO_SMALL = 64, 67

_CAUSES = {
    "TooManyCertificates": "{sent} certificates were sent, the limit is {limit}",
    "TooManyBytes": "{sent} bytes of certificates were sent, the limit is {limit}",
    "Malformed": "malformed {field}",
    "NotYetValid": "{it} is not valid before {not_before}",
    "Expired": "{it} expired on {not_after}",
    "CriticalExtension": "{it} has {oid}",
    "RsaKey": "{it} has an RSA key of {bits} bits",
    "KeyAlgorithm": "{it} has {key}",
    "Purpose": "{it} is not valid for {usage}",
    "MissingIssuer": "'{issuer}'",
    "Rejected": "'{subject}' is rejected by {source}",
    "NoCrl": "no CRL covers this certificate",
    "UnknownTrustBits": "Windows reports the unknown error {bits:#x}",
    "ForeignChain": "Windows returned a chain that was not requested",
    "TrustedWithError": "the system reports both that the chain is trusted and an error",
    "RejectedWithoutError": ("the system reports that the chain is not trusted, without an error"),
    "TrustedWithoutAnchor": (
        "the chain that the system trusts is not the peer's, or has no trust anchor"
    ),
    "Call": "{function} failed",
}


class Report:
    """A rejection in words.

    chain -- what the peer sent, in DER
    """

    def __init__(
        self, refused: Refused, chain: Sequence[bytes], name: str | None, purpose: str, time: float
    ) -> None:
        fault = refused.fault
        self._refused, self._fault, self._purpose, self._time = refused, fault, purpose, time
        self._is_address = name is not None and packed(name) is not None
        self._name = None if name is None else escape(_shown(name))
        self._path = [*refused.path] or _path_of(chain)
        depth = fault.depth
        at_fault = self._path[depth] if depth is not None and depth < len(self._path) else None
        self._subject = None if at_fault is None else at_fault.subject_text()
        self._hints = hints(refused, self._path, purpose)

    def openssl_code(self) -> int:
        """The X509_V_ERR_* number of OpenSSL 3."""
        fault = self._fault
        if fault.openssl is not None:
            return fault.openssl
        if fault.kind == "NameMismatch" and self._is_address:
            return _IP_ADDRESS_MISMATCH
        if fault.kind == "WeakKey" and fault.depth:
            return _CA_KEY_TOO_SMALL
        return NUMBERS[fault.kind]

    def line(self) -> str:
        """One line."""
        refused, fault = self._refused, self._fault
        parts = []
        if self._name is not None:
            parts.append(f"{self._name}: ")
        elif self._purpose != SERVER:
            parts.append("client certificate: ")
        if fault.kind == "NameMismatch" and self._name is not None:
            parts.append(f"certificate is not valid for '{self._name}'")  # what people search for
        else:
            parts.append(SUMMARIES[fault.kind])
        words = self._cause()
        if words is not None:
            parts.append(f": {words}")
            # Of which certificate, where that has not been said.
            named = fault.kind == "NameMismatch" or fault.kind in MISSING_PATH
            if self._subject is not None and not named and self._subject not in words:
                parts.append(f" (depth {fault.depth}: '{self._subject}')")
        elif self._subject is not None:
            parts.append(f": '{self._subject}'")
        misses = map(_near_miss, refused.near_misses)
        if (miss := next((miss for miss in misses if miss not in (words or "")), None)) is not None:
            parts.append(f"; found {miss}")
        if fault.kind in MISSING_PATH and refused.places:
            parts.append("; searched " + ", ".join(map(_place_in_line, refused.places)))
        if refused.code is not None:
            parts.append(f" ({self._system()})")
        return "".join(parts)

    def report(self) -> str:
        """The full report on several lines. No trailing line break."""
        refused = self._refused
        peer = "no name" if self._name is None else f"the name '{self._name}'"
        usage = USAGES[self._purpose]
        lines = [self.line(), "", f"Checked for {peer} and {usage} at {moment(self._time)}:"]
        for depth, cert in enumerate(self._path):
            mark = ">" if self._fault.depth == depth else " "
            lines.append(f"{mark} {depth}: {cert.subject_text()}")
            lines += _details(cert)
        if not self._path:
            lines.append("  (no readable certificate)")
        lines += _listed("Searched for trust anchors:", map(_place, refused.places))
        lines += _listed("Candidates rejected:", map(_near_miss, refused.near_misses))
        lines += _listed("Searched for intermediates:", refused.intermediates)
        if refused.code is not None:
            number = f"{refused.code & 0xFFFFFFFFFFFFFFFF:#x}"
            lines += ["", f"Operating system error: {_text_of(refused)} ({number})"]
        lines += _listed("What to do:", self._hints)
        return "\n".join(lines)

    def _system(self) -> str:
        code = self._refused.code or 0
        return f"{_text_of(self._refused)}, {code & 0xFFFFFFFFFFFFFFFF:#x}"

    def _cause(self) -> str | None:
        """The facts behind the fault; None where the kind says all."""
        fault = self._fault
        if fault.cause == "Kind":
            return None
        if fault.cause == "Names":
            return _names(fault)
        if fault.cause == "AppleRules":
            return "; ".join(fault.facts["rules"])
        if fault.cause == "AnchorRefused":
            facts = fault.facts
            return f"'{facts['subject']}' in {facts['source']}: {refusal(facts['refusal'])}"
        if fault.cause == "SignatureAlgorithm":
            return f"signature algorithm {named(fault.facts['oid'])}"
        facts = {
            name: moment(value) if name in ("not_before", "not_after") else value
            for name, value in fault.facts.items()
        }
        it = "it" if self._subject is None else f"'{self._subject}'"
        return _CAUSES[fault.cause].format(it=it, usage=USAGES[self._purpose], **facts)


def verified(path: Sequence[bytes], source: str) -> str:
    """A path for humans, on several lines, in the layout of the report. No trailing line break."""
    lines = []
    for depth, encoded in enumerate(path):
        try:
            cert = Certificate(encoded)
        except ValueError as error:
            lines.append(f"  {depth}: (malformed {error})")
        else:
            lines += [f"  {depth}: {cert.subject_text()}", *_details(cert)]
    anchor = read(path[-1])
    subject = "(malformed)" if anchor is None else anchor.subject_text()
    return "\n".join([*lines, f"anchor: {subject}", f"source: {source}"])


def _shown(name: str) -> str:
    """A name as the report has it: an address in its usual form, a DNS name without a final dot."""
    import ipaddress

    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name[:-1] if name.endswith(".") else name


def _path_of(chain: Sequence[bytes]) -> list[Certificate]:
    """What a report shows where no path was built: the chain by its names, from the end entity up,
    as far as it can be read."""
    certs = [cert for cert in map(read, chain[:_MOST_READ]) if cert is not None]
    path: list[Certificate] = []
    following = certs[:1]
    while following and len(path) < _ENOUGH:
        path += following
        wanted = path[-1].issuer
        following = [
            cert
            for cert in certs
            if cert.subject == wanted and all(seen.der != cert.der for seen in path)
        ][:1]
    return path


def _details(cert: Certificate) -> list[str]:
    return [
        f"     issued by {cert.issuer_text()}",
        f"     valid {moment(cert.not_before)} to {moment(cert.not_after)}",
    ]


def _listed(title: str, items: Iterable[str]) -> list[str]:
    """A title and its items, unless there are none."""
    lines = [f"  - {item}" for item in items]
    return ["", title, *lines] if lines else []


def _names(fault: Fault) -> str:
    """What the end entity is valid for instead."""
    presented, common_name = fault.facts["presented"], fault.facts["common_name"]
    if not presented:
        words = "it has no subject alternative name"
        return words if common_name is None else f"{words}, only the common name '{common_name}'"
    words = f"it is valid for {', '.join(presented[:_SHOWN_NAMES])}"
    more = len(presented) - _SHOWN_NAMES
    return f"{words} and {more} more" if more > 0 else words


def _near_miss(miss: NearMiss) -> str:
    return f"'{miss.subject}' in {miss.source}: {refusal(miss.reason)}"


def _place_in_line(place: Place) -> str:
    usable = "" if place.usable is None else f" ({place.usable} usable)"
    return f"{place.source}{usable}{f' [{_EMPTY}]' if place.empty else ''}"


_EMPTY = "it cannot be opened or is empty"


def _place(place: Place) -> str:
    words = place.source
    if place.usable is not None:
        words += f": {place.usable} usable trust anchor{'' if place.usable == 1 else 's'}"
    if place.refused:
        words += f", {place.refused} rejected"
    return f"{words}; {_EMPTY}" if place.empty else words


def _text_of(refused: Refused) -> str:
    """The system's text, or one where it gave none."""
    code = (refused.code or 0) & 0xFFFFFFFFFFFFFFFF
    return refused.words if refused.words.strip() else f"unknown code {code:#x}"
