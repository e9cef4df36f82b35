"""`python -m trustbridge check`: is this server trusted?"""

from __future__ import annotations

import os
import socket
import ssl
import sys

from . import missing, starttls
from .output import (
    GREEN,
    NO_CONNECTION,
    NOT_TRUSTED,
    RED,
    TRUSTED,
    USAGE,
    print_json,
    show,
    words,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import Any

    from .. import Verified


def check(parsed: argparse.Namespace) -> int:
    """Connects, verifies and prints; the exit status."""
    default = starttls.PROTOCOLS[parsed.starttls][1] if parsed.starttls else 443
    try:
        host, port = split(parsed.host, default)
    except ValueError as error:
        parsed.parser.error(str(error))
    if parsed.only and not parsed.cafile:
        parsed.parser.error("--only needs --cafile")
    if parsed.save_to and not parsed.fetch_missing:
        parsed.parser.error("--save-to needs --fetch-missing")
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    answer: dict[str, Any] = {"host": host, "port": port, "trusted": False}
    after: list[str] = []
    rejected = None
    try:
        try:
            verified = connect(parsed, answer, (host, port), parsed.intermediates)
        except ssl.SSLCertVerificationError as error:
            if not parsed.fetch_missing:
                rejected = error
                raise
            verified = again(parsed, answer, (host, port), error, after)
            if verified is None:
                return NOT_TRUSTED
    except missing.NotWritten as error:
        print(error, file=sys.stderr)
        return USAGE
    except (OSError, UnicodeError, ValueError) as error:
        if rejected is not None:
            return refused(parsed, answer, rejected, how_to_fetch(parsed, rejected))
        if parsed.json:
            answer.update(trusted=None, error={"kind": "NoConnection", "message": words(error)})
            print_json(answer)
        print(f"no connection to {shown}: {words(error)}", file=sys.stderr)
        return NO_CONNECTION
    assert verified is not None
    from .._times import moment

    source, until = verified.source, verified.revocation_until
    if parsed.json:
        answer.update(
            trusted=True,
            source=source,
            revocation=verified.revocation,
            revocation_answered_by=verified.revocation_answered_by,
            revocation_until=until and moment(until),
            crlite=verified.crlite,
            chain=certificates(verified),
        )
        print_json(answer)
    else:
        lines = str(verified).splitlines()
        usual = f"source: {verified.source}"
        lines = [f"source: {source}" if line == usual else line for line in lines]
        used = answer.get("fetched", {}).get("used")
        with_fetched = ", with the intermediate that was fetched" if used else ""
        show([f"trusted: {shown}{with_fetched}", *lines, *after], GREEN)
    return TRUSTED


def connect(
    parsed: argparse.Namespace,
    answer: dict[str, Any],
    address: tuple[str, int],
    *intermediates: str | None,
) -> Verified | None:
    """Connects and verifies. Raises what `ssl` raises."""
    from .. import SSLContext

    context = SSLContext(ssl.PROTOCOL_TLS_CLIENT, system_trust=not parsed.only)
    for directory in filter(None, intermediates):
        context._add_intermediates(directory)
    if parsed.cafile:
        try:
            context.load_verify_locations(parsed.cafile)
        except (OSError, ValueError) as error:
            parsed.parser.error(f"--cafile {parsed.cafile}: {words(error)}")
    with socket.create_connection(address, timeout=parsed.timeout) as connection:
        if parsed.starttls:
            starttls.start(parsed.starttls, connection)
        with context.wrap_socket(connection, server_hostname=address[0]) as secured:
            answer.update(tls=secured.version(), cipher=secured.cipher())
            return secured.verified


def again(
    parsed: argparse.Namespace,
    answer: dict[str, Any],
    address: tuple[str, int],
    error: ssl.SSLCertVerificationError,
    after: list[str],
) -> Verified | None:
    """Fetches the issuer that is missing and verifies once more. None if that does not help, once
    it is printed why."""
    import tempfile

    try:
        fetched = missing.fetch(error, parsed.timeout)
    except missing.NotFetched as reason:
        refused(parsed, answer, error, ["", f"Not fetched: {reason}."])
        return None
    answer["fetched"] = {
        "url": fetched.url,
        "subject": fetched.subject,
        "sha256": fetched.sha256,
        "pem": fetched.pem,
        "used": False,
    }
    with tempfile.TemporaryDirectory(prefix="trustbridge-") as directory:
        fetched.save(directory)
        try:
            verified = connect(parsed, answer, address, parsed.intermediates, directory)
        except ssl.SSLCertVerificationError as still:
            text = f"Fetched from {fetched.url}, and not enough."
            refused(parsed, answer, still, ["", text])
            return None
    if verified is None or fetched.der not in verified.chain:
        # Several servers behind one name, and another one answered this time.
        after += ["", f"Fetched from {fetched.url}, and not needed for the second connection:"]
        after.append("this time the server itself sent what leads to a trust anchor.")
        return verified
    answer["fetched"]["used"] = True
    after += what_to_do(parsed, answer, fetched)
    return verified


def how_to_fetch(
    parsed: argparse.Namespace, error: ssl.SSLCertVerificationError
) -> tuple[str, ...]:
    """For humans, where the issuer's certificate can be fetched."""
    missing_issuer = getattr(error, "missing_issuer", None)
    url = missing_issuer and missing_issuer[1]
    if parsed.json or not url or missing.plain_http(url) is None:
        return ()
    return (
        "",
        "To fetch it from there, verify again and keep it: run this command with",
        "  --fetch-missing --save-to DIR",
    )


def what_to_do(
    parsed: argparse.Namespace, answer: dict[str, Any], fetched: missing.Fetched
) -> list[str]:
    """Saves the certificate where that was requested. The lines for humans."""
    lines = ["", f"The server does not send '{fetched.subject}'.", f"Fetched from {fetched.url}"]
    lines += [
        f"SHA-256 {fetched.sha256}",
        "",
        "What to do:",
        "  - Have the server send it: append this to its certificate chain.",
    ]
    if parsed.save_to:
        path = fetched.save(parsed.save_to)
        answer["fetched"]["saved"] = path
        lines.append(f"  - Until then, on this machine: it is saved as {path}; set")
        lines.append(f"    {missing.VARIABLE}={os.path.abspath(parsed.save_to)}")
    else:
        lines.append(
            "  - Until then, on this machine: save it in a directory (--save-to DIR does), and set"
        )
        lines.append(f"    {missing.VARIABLE}=DIR")
    return [*lines, "", *fetched.pem.splitlines()]


def split(target: str, default: int = 443) -> tuple[str, int]:
    """Host and port of HOST, HOST:PORT, [IPV6] or [IPV6]:PORT; an IPv6 address may stand bare."""
    if target.startswith("["):
        host, bracket, port = target[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise ValueError(f"{target!r} is not HOST[:PORT]")
        port = port[1:]
    elif target.count(":") > 1:
        host, port = target, ""
    else:
        host, _, port = target.partition(":")
    if not host or host.startswith(".") or "\0" in host:
        raise ValueError(f"{target!r} has no host")
    digits = port.isascii() and port.isdigit() and len(port) <= 5
    if port and not (digits and 0 < int(port) < 65536):
        raise ValueError(f"{port!r} is not a port")
    return host, int(port or default)


def refused(
    parsed: argparse.Namespace,
    answer: dict[str, Any],
    error: ssl.SSLError,
    after: Sequence[str] = (),
) -> int:
    report = str(getattr(error, "report", "") or error)
    missing = getattr(error, "missing_issuer", None)
    if parsed.json:
        answer["error"] = {
            "kind": getattr(error, "kind", "CannotCheck"),
            "depth": getattr(error, "depth", None),
            "verify_code": getattr(error, "verify_code", None),
            "verify_message": getattr(error, "verify_message", None),
            "message": words(error),
            "report": report,
            "missing_issuer": {"subject": missing[0], "url": missing[1]} if missing else None,
        }
        if after:
            answer["error"]["fetch"] = after[-1]
        print_json(answer)
    else:
        show([*report.splitlines(), *after], RED)
    return NOT_TRUSTED


def certificates(verified: Verified) -> list[dict[str, str]]:
    """The certificates of a chain, for JSON."""
    import hashlib

    from .._times import moment

    return [
        {
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "not_before": moment(certificate.not_before),
            "not_after": moment(certificate.not_after),
            "sha256": hashlib.sha256(certificate.der).hexdigest(),
            "pem": ssl.DER_cert_to_PEM_cert(certificate.der),
        }
        for certificate in verified.certificates
    ]
