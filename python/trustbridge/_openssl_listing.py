"""What `python -m trustbridge store` shows in OpenSSL mode, in the form of a `_native.Store`."""

from __future__ import annotations

import ssl
from time import time

from . import _openssl, _openssl_distrust
from . import _openssl_store as store
from ._openssl_report import name_text, subject
from ._times import moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Listing:
    """The system's store as a context reads it. OpenSSL does not tell from which of several places
    a certificate came, and lists CA certificates only."""

    def __init__(self) -> None:
        self._context = _openssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._infos: Any = self._context.get_ca_certs()
        self._ders: list[bytes] = self._context.get_ca_certs(True)
        self._sources = self._context._sources
        named = any(place.variable for place in store.system_places())
        self._distrust = _openssl_distrust.Distrust() if named else _openssl_distrust.read()

    def entries(self) -> list[tuple[bytes, str, str, str | None, tuple[int, str] | None]]:
        place = " or ".join(source.name for source in self._sources if source.certificates)
        found: list[tuple[bytes, str, str, str | None, tuple[int, str] | None]] = []
        for der, info in zip(self._ders, self._infos, strict=True):
            after = self._distrust.after.get(der)
            found.append((der, name_text(info["subject"]), place, _refusal(info), after))
        for source in self._sources:
            for der, file in source.distrusted.items():
                refusal = f"distrusted for this purpose by {file}"
                found.append((der, subject(der), source.name, refusal, None))
        return found

    def places(self) -> list[tuple[str, str, int]]:
        places = store.system_places()
        reasons = {str(place): place.variable or "default" for place in places}
        paths = {str(place): place.path for place in places}
        return [
            (
                paths[source.name],
                reasons[source.name],
                source.certificates + len(source.distrusted),
            )
            for source in self._sources
        ]

    def distrust(self) -> list[tuple[str, int]]:
        return self._distrust.files

    def problems(self) -> list[str]:
        of_sources = [problem for source in self._sources for problem in source.problems]
        return of_sources + self._distrust.problems


def _refusal(info: Any) -> str | None:
    begin, end = (ssl.cert_time_to_seconds(info[name]) for name in ("notBefore", "notAfter"))
    if end < time():
        return f"expired on {moment(end)}"
    return f"is not valid before {moment(begin)}" if begin > time() else None
