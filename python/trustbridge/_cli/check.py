"""`python -m trustbridge check`: is this server trusted?"""

from __future__ import annotations

import socket
import ssl
import sys

from . import starttls
from .output import (
    GREEN,
    NO_CONNECTION,
    NOT_TRUSTED,
    RED,
    TRUSTED,
    print_json,
    show,
    words,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from .. import Verified


def check(parsed: argparse.Namespace) -> int:
    """Connects, verifies and prints; the exit status."""
    from .. import SSLContext

    default = starttls.PROTOCOLS[parsed.starttls][1] if parsed.starttls else 443
    try:
        host, port = split(parsed.host, default)
    except ValueError as error:
        parsed.parser.error(str(error))
    if parsed.only and not parsed.cafile:
        parsed.parser.error("--only needs --cafile")
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    context = SSLContext(ssl.PROTOCOL_TLS_CLIENT, system_trust=not parsed.only)
    if parsed.cafile:
        try:
            context.load_verify_locations(parsed.cafile)
        except (OSError, ValueError) as error:
            parsed.parser.error(f"--cafile {parsed.cafile}: {words(error)}")
    answer: dict[str, Any] = {"host": host, "port": port, "trusted": False}
    try:
        with socket.create_connection((host, port), timeout=parsed.timeout) as connection:
            if parsed.starttls:
                starttls.start(parsed.starttls, connection)
            with context.wrap_socket(connection, server_hostname=host) as secured:
                verified = secured.verified
                answer.update(tls=secured.version(), cipher=secured.cipher())
    except ssl.SSLCertVerificationError as error:
        return refused(parsed, answer, error)
    except (OSError, UnicodeError, ValueError) as error:
        if parsed.json:
            answer.update(trusted=None, error={"kind": "NoConnection", "message": words(error)})
            print_json(answer)
        print(f"no connection to {shown}: {words(error)}", file=sys.stderr)
        return NO_CONNECTION
    assert verified is not None
    from .. import _environment

    source = _environment.source_of(verified)
    if parsed.json:
        answer.update(
            trusted=True,
            source=source,
            revocation=verified.revocation,
            chain=certificates(verified),
        )
        print_json(answer)
    else:
        lines = str(verified).splitlines()
        usual = f"source: {verified.source}"
        lines = [f"source: {source}" if line == usual else line for line in lines]
        show([f"trusted: {shown}", *lines], GREEN)
    return TRUSTED


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


def refused(parsed: argparse.Namespace, answer: dict[str, Any], error: ssl.SSLError) -> int:
    report = str(getattr(error, "report", "") or error)
    if parsed.json:
        answer["error"] = {
            "kind": getattr(error, "kind", "CannotCheck"),
            "depth": getattr(error, "depth", None),
            "verify_code": getattr(error, "verify_code", None),
            "verify_message": getattr(error, "verify_message", None),
            "message": words(error),
            "report": report,
        }
        print_json(answer)
    else:
        show(report.splitlines(), RED)
    return NOT_TRUSTED


def certificates(verified: Verified) -> list[dict[str, str]]:
    """The certificates of a chain, for JSON."""
    import hashlib

    from .._openssl_report import moment

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
