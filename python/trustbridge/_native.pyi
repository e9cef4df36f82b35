import ssl
from os import PathLike
from typing import final

__all__ = [
    "Batch",
    "Certificate",
    "Connection",
    "Failure",
    "Store",
    "Trust",
    "Verified",
    "__version__",
    "end_connection",
    "read_der",
    "read_directory",
    "read_file",
    "read_pem",
    "read_settings",
    "read_store",
    "request_staples",
    "requested_checks",
    "verify",
]

__version__: str

@final
class Batch:
    @property
    def clean(self) -> bool: ...
    @property
    def repeatable(self) -> bool: ...
    def __len__(self) -> int: ...

@final
class Trust:
    def __new__(cls, context: ssl.SSLContext | None = None) -> Trust: ...
    def begin_connection(self) -> Connection: ...
    def connection(self) -> Connection: ...
    def has_file(self, path: str | PathLike[str]) -> bool: ...
    def add(self, batch: Batch) -> None: ...
    def add_certifi(self, batch: Batch) -> None: ...
    def add_intermediates(self, path: str | PathLike[str]) -> None: ...
    def reload_environment(self) -> None: ...
    def replace_system(
        self, batches: list[Batch], searched: list[str], sources: list[str] = ...
    ) -> None: ...
    def anchors(self) -> list[bytes]: ...
    def loaded(self, first: int) -> list[bytes]: ...
    @property
    def system(self) -> bool: ...
    @system.setter
    def system(self, value: bool) -> None: ...
    @property
    def distribution_distrust(self) -> bool: ...
    @distribution_distrust.setter
    def distribution_distrust(self, value: bool) -> None: ...
    @property
    def weak_keys(self) -> bool: ...
    @weak_keys.setter
    def weak_keys(self, value: bool) -> None: ...
    @property
    def distribution_revocation(self) -> bool: ...
    @distribution_revocation.setter
    def distribution_revocation(self, value: bool) -> None: ...
    @property
    def roots(self) -> int: ...
    @property
    def crls(self) -> int: ...
    @property
    def attached(self) -> bool: ...

@final
class Connection:
    def verify(
        self, chain: list[bytes], name: str | None, flags: int, common_name: bool
    ) -> Verified | Failure: ...
    @property
    def verified(self) -> Verified | None: ...
    @property
    def failure(self) -> Failure | None: ...
    def resume(self, other: Connection) -> None: ...
    def same_trust(self, other: Connection) -> bool: ...

@final
class Verified:
    """A chain that is trusted. `str()` is the path for humans, on several lines."""

    @property
    def chain(self) -> list[bytes]:
        """The path that was built: DER, end entity first, trust anchor last."""

    @property
    def certificates(self) -> list[Certificate]:
        """The certificates of `chain`, read."""

    @property
    def anchor(self) -> bytes:
        """The trust anchor in DER."""

    @property
    def anchor_subject(self) -> str:
        """The subject of the trust anchor."""

    @property
    def source(self) -> str:
        """Where the trust anchor came from: a file, or "the extra roots" and the like."""

    @property
    def revocation(self) -> str:
        """What was really checked for revocation: "off" (nothing), "leaf" or "chain"."""

    @property
    def revocation_requested(self) -> str:
        """What was requested to be checked for revocation: "off" (nothing), "leaf" or "chain"."""

    @property
    def weaknesses(self) -> list[str]:
        """What was accepted only because of `danger_allow_weak_keys`, one text each."""

    @property
    def revocation_answered_by(self) -> str | None:
        """Who says that the end entity is not revoked: "crl", "ocsp-response" or "crlite"; None if
        nobody does."""

    @property
    def revocation_until(self) -> int | None:
        """Until when that answer holds, in seconds since 1970 UTC; None if it does not say so."""

    @property
    def crlite(self) -> str | None:
        """What the CRLite filters of the distribution say about the end entity: "not-revoked",
        "not-covered", "no-timestamps", "stale" or "unusable"; None if they were not asked."""

@final
class Certificate:
    """A certificate of a verified chain."""

    @property
    def der(self) -> bytes: ...
    @property
    def subject(self) -> str:
        """The subject for humans; control characters are escaped."""

    @property
    def issuer(self) -> str:
        """The issuer for humans; control characters are escaped."""

    @property
    def not_before(self) -> int:
        """The first second of its validity, in seconds since 1970 UTC; negative before."""

    @property
    def not_after(self) -> int:
        """The last second of its validity, in seconds since 1970 UTC; negative before."""

@final
class Failure:
    def __new__(cls, line: str) -> Failure: ...
    @property
    def verify_code(self) -> int: ...
    @property
    def verify_message(self) -> str: ...
    @property
    def depth(self) -> int | None: ...
    @property
    def kind(self) -> str: ...
    @property
    def line(self) -> str: ...
    @property
    def report(self) -> str: ...
    @property
    def missing_issuer(self) -> tuple[str, str | None] | None: ...

@final
class Store:
    def entries(
        self,
    ) -> list[tuple[bytes, str, str, str | None, tuple[int, str] | None]]: ...
    def distrust(self) -> list[tuple[str, int]]: ...
    def places(self) -> list[tuple[str, str, int]]: ...
    def problems(self) -> list[str]: ...

def read_settings(context: ssl.SSLContext) -> tuple[int, int, int, int, int]: ...
def requested_checks(
    flags: int, host_flags: int, system_decides: bool
) -> tuple[str, bool, bool]: ...
def end_connection() -> None: ...
def request_staples(context: ssl.SSLContext, yes: bool) -> None: ...
def read_file(path: str | PathLike[str]) -> Batch: ...
def read_directory(path: str | PathLike[str]) -> Batch: ...
def read_pem(pem: str) -> Batch: ...
def read_der(der: bytes) -> Batch: ...
def read_store() -> Store: ...
def verify(
    chain_der: list[bytes],
    name: str | None,
    *,
    purpose: str,
    time: float | None,
    extra_roots: list[bytes],
    named_roots: list[tuple[str, list[bytes]]],
    fallback_roots: list[bytes],
    system_trust: bool,
    distribution_distrust: bool,
    distribution_revocation: bool,
    intermediates: list[bytes],
    pinned: list[bytes],
    crls: list[bytes],
    revocation: str,
    unknown_revocation: str,
    ocsp_response: bytes,
    strict: bool,
    common_name: bool,
    danger_allow_weak_keys: bool,
    searched: list[str],
) -> Verified | Failure: ...
