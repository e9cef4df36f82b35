"""Verdicts as Python sees them: the classes of the native module, in Python."""

from __future__ import annotations

from .._frozen import Frozen
from .._kinds import MESSAGES, UNSPECIFIED
from . import report
from .certificate import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .question import Accepted, Refused

_X509_V_ERR_UNSPECIFIED = 1


class Certificate(Frozen):
    """A certificate of a verified chain."""

    __slots__ = ("der", "issuer", "not_after", "not_before", "subject")

    def __init__(self, der: bytes) -> None:
        cert = read(der)
        self.der = der
        self.subject = "(malformed)" if cert is None else cert.subject_text()
        self.issuer = "(malformed)" if cert is None else cert.issuer_text()
        self.not_before = 0 if cert is None else cert.not_before
        self.not_after = 0 if cert is None else cert.not_after

    def __repr__(self) -> str:
        return f"<trustbridge.Certificate: {self.subject}>"


class Verified(Frozen):
    """A chain that is trusted. `str()` is the path for humans, on several lines."""

    __slots__ = ("_chain", "revocation", "revocation_requested", "source")

    # The system does not say who has answered, and reads no CRLite filters.
    revocation_answered_by: str | None = None
    revocation_until: int | None = None
    crlite: str | None = None

    def __init__(self, accepted: Accepted, requested: str, source: str | None = None) -> None:
        self._chain = [*accepted.path]
        self.source = source or accepted.source
        self.revocation = accepted.revocation
        self.revocation_requested = requested

    @property
    def chain(self) -> list[bytes]:
        return [*self._chain]

    @property
    def certificates(self) -> list[Certificate]:
        return [*map(Certificate, self._chain)]

    @property
    def anchor(self) -> bytes:
        return self._chain[-1]

    @property
    def weaknesses(self) -> list[str]:
        return []  # the system's verifier accepts none

    @property
    def anchor_subject(self) -> str:
        return Certificate(self._chain[-1]).subject

    def __str__(self) -> str:
        return report.verified(self._chain, self.source)

    def __repr__(self) -> str:
        count = len(self._chain)
        return f"<trustbridge.Verified: {count} certificates, anchor from {self.source}>"


class Failure:
    """Why a chain is not trusted. Made with a line only, a verdict that could not be reached."""

    __slots__ = ("depth", "kind", "line", "missing_issuer", "report", "verify_code")

    def __init__(
        self,
        line: str,
        *,
        kind: str = "CannotCheck",
        depth: int | None = None,
        code: int = _X509_V_ERR_UNSPECIFIED,
        report: str | None = None,
        missing_issuer: tuple[str, str | None] | None = None,
    ) -> None:
        #: The issuer whose certificate is missing, and the URL where it is advertised, if any.
        self.missing_issuer = missing_issuer
        self.line, self.kind, self.depth, self.verify_code = line, kind, depth, code
        self.report = line if report is None else report

    @property
    def verify_message(self) -> str:
        """OpenSSL's words for `verify_code`."""
        return MESSAGES.get(self.verify_code, UNSPECIFIED)


def rejected(
    refused: Refused, chain: Sequence[bytes], name: str | None, purpose: str, time: float
) -> Failure:
    """A rejection in words."""
    words = report.Report(refused, chain, name, purpose, time)
    facts, missing = refused.fault.facts, None
    if refused.fault.cause == "MissingIssuer":
        missing = (facts["issuer"], facts["advertised_at"])
    return Failure(
        words.line(),
        kind=refused.kind,
        depth=refused.fault.depth,
        code=words.openssl_code(),
        report=words.report(),
        missing_issuer=missing,
    )


def with_searched(failure: Failure, places: Sequence[str]) -> Failure:
    """With what took the place of the system's trust anchors, if anything did."""
    if places:
        title = "\n\nIn place of the system's trust anchors:"
        failure.report += "".join([title, *(f"\n  - {place}" for place in places)])
    return failure
