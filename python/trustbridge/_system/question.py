"""What an engine is asked, and its two answers.

An engine is a module with `evaluate(question: Question) -> Accepted | Refused`. It asks the
operating system, and is the only one that does. Before it is asked, the bounds have been checked,
the end entity has been read and no certificate is pinned; afterwards the answer is put into words.
What goes wrong is `Refused` with the kind "CannotCheck"; only what the caller gave and the system
cannot take raises `BadSetting`.

An engine also has:

* `STORE`, what the store that holds the system's roots is called
* `check_settings(*, crls, revocation, unknown_revocation, strict, common_name)`, called first:
  raises `BadSetting` for what the system has no counterpart for
* `list_roots() -> tuple[list[bytes], list[str]]`, the system's roots and the problems, for humans
"""

from __future__ import annotations

from .purpose import SERVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .certificate import Certificate


class BadSetting(ValueError):
    """The caller gave what the system cannot take. The text names the setting."""


class Root:
    """A trust anchor of the caller's, with where it came from.

    trust -- the trust settings of its `TRUSTED CERTIFICATE` block, if it had one: dotted object
        identifiers of the purposes trusted (None: all that are not rejected) and rejected
    """

    __slots__ = ("der", "source", "trust")

    def __init__(
        self,
        der: bytes,
        source: str,
        trust: tuple[tuple[str, ...] | None, tuple[str, ...]] | None = None,
    ) -> None:
        self.der, self.source, self.trust = der, source, trust


class Question:
    """A chain, and everything that its verdict depends on.

    chain -- certificates in DER, the peer's own first; never empty
    leaf -- the first one, read
    name -- DNS name or IP address in ASCII, as the caller gave it; None if no name is verified
    purpose -- SERVER or CLIENT: what the peer's certificate is used for
    time -- seconds since 1970 UTC, always given
    roots -- the caller's trust anchors
    fallback -- those that are trusted only while the system has none
    system_trust -- whether the system's trust anchors are trusted
    intermediates -- certificates in DER that may help to build a path; not trusted
    crls -- revocation lists in DER
    revocation -- "off", "leaf" or "chain": which certificates are checked
    unknown_revocation -- "allow" or "reject": what happens to a certificate that no list covers
    ocsp_response -- the response that the peer stapled, in DER; empty if there is none
    pinned, strict, common_name -- dealt with before: never set where the system has no such setting
    prepared -- what an engine keeps for the next question with the same roots, fallback roots,
        intermediates and CRLs
    """

    __slots__ = (
        "chain",
        "common_name",
        "crls",
        "fallback",
        "intermediates",
        "leaf",
        "name",
        "ocsp_response",
        "pinned",
        "prepared",
        "purpose",
        "revocation",
        "roots",
        "strict",
        "system_trust",
        "time",
        "unknown_revocation",
    )

    def __init__(
        self,
        chain: Sequence[bytes],
        leaf: Certificate,
        name: str | None,
        *,
        time: float,
        purpose: str = SERVER,
        roots: Sequence[Root] = (),
        fallback: Sequence[Root] = (),
        system_trust: bool = True,
        intermediates: Sequence[bytes] = (),
        pinned: Sequence[bytes] = (),
        crls: Sequence[bytes] = (),
        revocation: str = "off",
        unknown_revocation: str = "allow",
        ocsp_response: bytes = b"",
        strict: bool = False,
        common_name: bool = False,
        prepared: dict[str, Any] | None = None,
    ) -> None:
        self.prepared = {} if prepared is None else prepared
        self.chain, self.leaf, self.name = chain, leaf, name
        self.time, self.purpose = time, purpose
        self.roots, self.fallback, self.system_trust = roots, fallback, system_trust
        self.intermediates, self.pinned, self.crls = intermediates, pinned, crls
        self.revocation, self.unknown_revocation = revocation, unknown_revocation
        self.strict, self.common_name = strict, common_name
        self.ocsp_response = ocsp_response


class Accepted:
    """The chain is trusted.

    path -- certificates in DER, end entity first, trust anchor last
    source -- where the trust anchor came from: `Root.source`, or a name for the system's store
    revocation -- what was really checked: "off", "leaf" or "chain"
    """

    __slots__ = ("path", "revocation", "source")

    def __init__(self, path: Sequence[bytes], source: str, revocation: str = "off") -> None:
        self.path, self.source, self.revocation = path, source, revocation


class Fault:
    """What is wrong, and with which certificate.

    kind -- the name of an ErrorKind of the core, such as "UnknownIssuer"
    depth -- counted from the end entity; None if it is not one certificate
    cause -- the name of a Cause of the core, such as "MissingIssuer"; "Kind" if the kind says all
    facts -- what the cause carries, by the core's names
    openssl -- the X509_V_ERR_* number, where it is not that of the kind
    """

    __slots__ = ("cause", "depth", "facts", "kind", "openssl")

    def __init__(
        self,
        kind: str,
        depth: int | None = None,
        cause: str = "Kind",
        *,
        openssl: int | None = None,
        **facts: Any,
    ) -> None:
        self.kind, self.depth, self.cause, self.facts = kind, depth, cause, facts
        self.openssl = openssl

    def at(self, depth: int) -> Fault:
        """The same fault of the certificate at a depth."""
        return Fault(self.kind, depth, self.cause, openssl=self.openssl, **self.facts)


class Place:
    """A place that was searched for trust anchors. usable -- None where the system does not say."""

    __slots__ = ("empty", "refused", "source", "usable")

    def __init__(self, source: str, usable: int | None, *, empty: bool = False) -> None:
        self.source, self.usable, self.refused, self.empty = source, usable, 0, empty


class Refusal:
    """Why a certificate cannot be a trust anchor, or was not used as one.

    reason -- the name of a Refusal of the core, such as "Expired"
    value -- what it carries: seconds since 1970, an object identifier, or the name of a field
    """

    __slots__ = ("reason", "value")

    def __init__(self, reason: str, value: int | str | None = None) -> None:
        self.reason, self.value = reason, value


class NearMiss:
    """A trust anchor of the caller's that has the right name but was not used, and why."""

    __slots__ = ("reason", "source", "subject")

    def __init__(self, subject: str, source: str, reason: Refusal) -> None:
        self.subject, self.source, self.reason = subject, source, reason


class Refused:
    """The chain is not trusted, or the verdict could not be reached.

    fault -- what is wrong
    code, words -- the operating system's own code and text; None and "" if it has said nothing
    path -- the path that came closest, end entity first
    places, near_misses -- where trust anchors were searched, and which came close
    intermediates -- directories that were searched for them, in words; set by who asks the engine
    """

    __slots__ = ("code", "fault", "intermediates", "near_misses", "path", "places", "words")

    def __init__(
        self,
        fault: Fault,
        *,
        code: int | None = None,
        words: str = "",
        path: Sequence[Certificate] = (),
        places: Sequence[Place] = (),
        near_misses: Sequence[NearMiss] = (),
    ) -> None:
        self.fault, self.code, self.words, self.path = fault, code, words, path
        self.places, self.near_misses = places, near_misses
        self.intermediates: Sequence[str] = ()

    @property
    def kind(self) -> str:
        return self.fault.kind
