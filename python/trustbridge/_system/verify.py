"""Verification without a connection, as the native module's `verify`."""

from __future__ import annotations

from time import time as now

from .ask import ask, is_name
from .certificate import Certificate
from .intermediates import from_environment
from .question import BadSetting, Root
from .reading import is_crl
from .trust import escaped
from .verdict import Failure, Verified, with_searched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CHOICES = {
    "purpose": (
        ("server", "client", "client_or_server"),
        "'server', 'client' or 'client_or_server'",
    ),
    "revocation": (("off", "leaf", "chain"), "'off', 'leaf' or 'chain'"),
    "unknown_revocation": (("allow", "reject"), "'allow' or 'reject'"),
}


# Most of its lines are the settings, by name.
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
) -> Verified | Failure:
    """Verifies a chain; the checked front of it is `trustbridge.verify`.

    Raises ValueError if an argument cannot be used.
    """
    chain = _bytes("chain_der", chain_der)
    if not chain:
        raise ValueError("chain_der: no certificate")
    if name is not None and not is_name(name):
        raise ValueError(f"name: {escaped(name)} is neither a DNS name nor an address")
    moment = now() if time is None else _seconds(time)
    for argument, value in (
        ("revocation", revocation),
        ("unknown_revocation", unknown_revocation),
        ("purpose", purpose),
    ):
        accepted, words = _CHOICES[argument]
        if value not in accepted:
            raise ValueError(f"{argument}: {escaped(value)}, not {words}")
    if purpose == "client_or_server":
        raise BadSetting("purpose: 'client_or_server' needs the native module")
    if danger_allow_weak_keys:
        raise BadSetting("danger_allow_weak_keys: the system's verifier cannot accept weak keys")
    _check_certificates("extra_roots", _bytes("extra_roots", extra_roots))
    for place, roots in named_roots:
        _check_certificates(place, _bytes("named_roots", roots))
    _check_certificates("fallback_roots", _bytes("fallback_roots", fallback_roots))
    _check_certificates("pinned_leaf", _bytes("pinned", pinned))
    _check_certificates("intermediates", _bytes("intermediates", intermediates))
    for index, crl in enumerate(_bytes("crls", crls)):
        if not is_crl(crl):
            raise BadSetting(f"CRL {index}: malformed CRL")
    settings: dict[str, Any] = {
        "purpose": purpose,
        "system_trust": system_trust,
        "roots": _roots([("the extra roots", extra_roots), *named_roots]),
        "fallback": _roots([("the fallback roots", fallback_roots)]),
        "intermediates": intermediates,
        "pinned": pinned,
        "crls": crls,
        "revocation": revocation,
        "unknown_revocation": unknown_revocation,
        "ocsp_response": ocsp_response,
        "strict": strict,
        "common_name": common_name,
    }
    directories = from_environment()
    verdict = ask(chain, name, time=moment, directories=directories, **settings)
    return with_searched(verdict, searched) if isinstance(verdict, Failure) else verdict


def _bytes(argument: str, values: list[bytes]) -> list[bytes]:
    for value in values:
        if not isinstance(value, (bytes, bytearray)):
            raise TypeError(f"{argument}: {type(value).__name__} is not bytes")
    return [*map(bytes, values)]


def _check_certificates(setting: str, certificates: list[bytes]) -> None:
    for index, der in enumerate(certificates):
        try:
            Certificate(der)
        except ValueError as error:
            text = f"certificate {index} given to {setting}: malformed {error}"
            raise BadSetting(text) from None


def _roots(places: list[tuple[str, list[bytes]]]) -> list[Root]:
    """Of several places with the same certificate the first is named."""
    found: dict[bytes, str] = {}
    for source, certificates in places:
        for der in certificates:
            found.setdefault(der, source)
    return [Root(der, source) for der, source in found.items()]


def _seconds(time: float) -> float:
    """Since 1970."""
    if not 0 <= time < 2**64:  # what is not a number compares as False
        raise ValueError(f"time: {time} is not a number of seconds since 1970")
    return float(time)
