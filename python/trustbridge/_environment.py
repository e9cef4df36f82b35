"""SSL_CERT_FILE and SSL_CERT_DIR where the system's certificates are not files.

On Unix the native module reads both variables. The verifiers of Windows and Apple know neither, so
there the certificates that they name take the place of the system's, as they do on Unix.
"""

from __future__ import annotations

import os
import ssl
from time import time

from . import _native, _select
from ._files import absolute
from ._privileges import has_raised_privileges
from ._std import StdContext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def apply(trust: _native.Trust) -> None:
    """Reads the variables, now."""
    named = _read()
    trust.replace_system(
        [place.batch for place in named if place.batch],
        list(map(str, named)),
        [place.source for place in named if place.batch],
    )


def named_roots() -> tuple[list[tuple[str, list[bytes]]], list[str]]:
    """The trust anchors of a server in each place that a variable names, in DER, by the place's
    name; and for reports what was found in each."""
    named = _read()
    return [(place.source, _certificates_of(place)) for place in named], list(map(str, named))


def read_store() -> _native.Store | NamedStore:
    """What is in the system's store, or in what the variables put in its place."""
    named = _read()
    return NamedStore(named) if named else _native.read_store()


class _Place:
    """What one variable names, and what was found there."""

    def __init__(self, variable: str, path: str, batch: _native.Batch | None, problem: str) -> None:
        self.source = f"{variable} {path}"
        self.variable, self.batch, self.problem = variable, batch, problem

    def __str__(self) -> str:
        return f"{self.source} ({self.problem or _certificates(len(self.batch or ()))})"


class NamedStore:
    """The certificates of the places that the variables name, as a `_native.Store`."""

    def __init__(self, named: list[_Place]) -> None:
        self._named = named

    def entries(self) -> list[tuple[bytes, str, str, str | None, None]]:
        found: dict[bytes, tuple[bytes, str, str, str | None, None]] = {}
        for place in self._named:
            for der in _certificates_of(place):
                if der not in found:
                    subject, refusal = _describe(der)
                    found[der] = (der, subject, place.source, refusal, None)
        return [*found.values()]

    def places(self) -> list[tuple[str, str, int]]:
        reason = "set in the environment"
        return [(place.source, reason, len(place.batch or ())) for place in self._named]

    def distrust(self) -> list[tuple[str, int]]:
        return []

    def problems(self) -> list[str]:
        found = []
        for place in self._named:
            if place.problem:
                found.append(f"{place.source}: {place.problem}")
            # What else lies in a directory does no harm.
            elif place.variable != "SSL_CERT_DIR" and place.batch and not place.batch.clean:
                found.append(f"{place.source}: a part of it cannot be read")
        return found


def _read() -> list[_Place]:
    """What each variable names; nothing on Unix, nor in a program with raised privileges."""
    if not _select.reads_variables or has_raised_privileges():
        return []
    found = []
    for variable in ("SSL_CERT_FILE", "NIX_SSL_CERT_FILE"):
        value = os.environ.get(variable)
        if value:
            path = absolute(value)
            try:
                found.append(_Place(variable, path, _native.read_file(path), ""))
            except OSError as error:
                found.append(_Place(variable, path, None, str(error)))
            break
    for value in os.environ.get("SSL_CERT_DIR", "").split(os.pathsep):
        if value:
            path = absolute(value)
            found.append(_Place("SSL_CERT_DIR", path, _native.read_directory(path), ""))
    return found


def _certificates_of(place: _Place) -> list[bytes]:
    if place.batch is None:
        return []
    trust = _native.Trust()
    trust.replace_system([place.batch], [place.source])
    return trust.anchors()


def _describe(der: bytes) -> tuple[str, str | None]:
    """The subject, and why the certificate cannot be a trust anchor now, as far as `ssl` tells."""
    from ._openssl_report import name_text
    from ._times import moment

    scratch = StdContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        scratch.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(der))
    except ssl.SSLError:
        return "(no readable certificate)", "malformed certificate"
    known = scratch.get_ca_certs()
    if not known:
        return "(an end entity)", "is not a CA"
    info: Any = known[0]
    refusal = None
    begin, end = (ssl.cert_time_to_seconds(info[name]) for name in ("notBefore", "notAfter"))
    if end < time():
        refusal = f"expired on {moment(end)}"
    elif begin > time():
        refusal = f"is not valid before {moment(begin)}"
    return name_text(info["subject"]), refusal


def _certificates(count: int) -> str:
    return f"{count} certificate{'' if count == 1 else 's'}"
