"""Verification without a connection."""

from __future__ import annotations

import ssl

from . import _environment, _native, _select
from ._errors import refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import Literal


class VerificationError(ssl.SSLCertVerificationError):
    """A chain is not trusted. `verify_code` and `verify_message` are OpenSSL's number and words."""

    #: What is wrong, in one word such as "UnknownIssuer" or "Expired".
    kind: str
    #: Which certificate is at fault, 0 being the peer's own; None if none is.
    depth: int | None
    #: The full report, on several lines.
    report: str


# Most of its lines are the settings, by name, and what is said of them.
def verify(
    chain_der: Iterable[bytes],
    name: str | None,
    *,
    purpose: Literal["server", "client", "client_or_server"] = "server",
    time: float | datetime | None = None,
    extra_roots: Iterable[bytes] = (),
    fallback_roots: Iterable[bytes] = (),
    system_trust: bool = True,
    distribution_distrust: bool = True,
    distribution_revocation: bool = True,
    intermediates: Iterable[bytes] = (),
    pinned: Iterable[bytes] = (),
    crls: Iterable[bytes] = (),
    revocation: Literal["off", "leaf", "chain"] = "off",
    unknown_revocation: Literal["allow", "reject"] = "allow",
    ocsp_response: bytes = b"",
    strict: bool = False,
    common_name: bool = False,
    danger_allow_weak_keys: bool = False,
) -> _native.Verified:
    """Verifies a chain of certificates and returns the path that was built.

    chain_der -- certificates in DER: the peer's own first, the others in any order
    name -- DNS name or IP address that the first one must be valid for; with None the name is
        NOT checked: right for clients, dangerous for servers
    purpose -- what the peer's certificate is used for; "client_or_server": the peer is a client,
        such as another server, that may have a server's certificate
    time -- when to verify, in seconds since 1970 or as a datetime with a time zone; now if None
    extra_roots -- trust anchors in DER beside the system's
    fallback_roots -- trust anchors that are trusted only while the system has no usable one
    system_trust -- with False the system's trust anchors are not trusted
    distribution_distrust -- with False, what the distribution distrusts in addition to its bundle
        is not rejected; it has no effect where an environment variable names the store, and on
        Windows and Apple systems
    distribution_revocation -- with False, the CRLite filters that the distribution keeps on the
        disk are not asked; they never are on Windows and Apple systems
    intermediates -- certificates that may help to build a path; not trusted
    pinned -- accept exactly these certificates of peers, and nothing else
    crls -- revocation lists in DER; nothing is ever fetched
    revocation -- which certificates are checked against them and against `ocsp_response`
    unknown_revocation -- what happens to a certificate whose status is unknown
    ocsp_response -- the OCSP response that the peer stapled, in DER
    strict -- also require what VERIFY_X509_STRICT requires
    common_name -- match the common name where there is no DNS subject alternative name
    danger_allow_weak_keys -- also accept RSA keys from 1024 bits and RSA signatures with SHA-1
        below the trust anchor, for devices that cannot be replaced: both can be forged.
        `weaknesses` of the result says what it was needed for

    Raises VerificationError if the chain is not trusted or the verdict cannot be reached, and
    ValueError, with the argument's name, if an argument cannot be used.

    Not checked: certificate policies, certificate transparency, and that the peer has the private
    key.
    """
    name = _ascii(name)
    if _select.SYSTEM_DECIDES:
        _refuse_settings(
            strict=strict,
            common_name=common_name,
            danger_allow_weak_keys=danger_allow_weak_keys,
        )
    time = _seconds(time)
    named_roots, searched = _environment.named_roots() if system_trust else ([], [])
    system_trust = system_trust and not searched
    verdict = _native.verify(
        list(chain_der),
        name,
        purpose=purpose,
        time=time,
        extra_roots=list(extra_roots),
        named_roots=named_roots,
        fallback_roots=list(fallback_roots),
        system_trust=system_trust,
        distribution_distrust=distribution_distrust,
        distribution_revocation=distribution_revocation,
        intermediates=list(intermediates),
        pinned=list(pinned),
        crls=list(crls),
        revocation=revocation,
        unknown_revocation=unknown_revocation,
        ocsp_response=bytes(ocsp_response),
        strict=strict,
        common_name=common_name,
        danger_allow_weak_keys=danger_allow_weak_keys,
        searched=searched,
    )
    if isinstance(verdict, _native.Verified):
        return verdict
    raise refusal(VerificationError, "certificate verify failed", verdict)


def _ascii(name: str | None) -> str | None:
    """The name as it stands in certificates."""
    if name is None or name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"name: {name!r} is not a DNS name: {error}") from error


def _refuse_settings(**settings: bool) -> None:
    """Refuses what the system's own verifier cannot be told."""
    for setting, value in settings.items():
        if value:
            raise ValueError(f"{setting}: the system's own verifier has no such setting")


def _seconds(time: float | datetime | None) -> float | None:
    if time is None or isinstance(time, (int, float)):
        return time
    if time.tzinfo is None:
        raise ValueError("time: a datetime needs a time zone")
    return time.timestamp()
