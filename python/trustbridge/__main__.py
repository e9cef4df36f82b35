"""`python -m trustbridge check HOST[:PORT]`: is this server trusted, and why, or why not?"""

from __future__ import annotations

import argparse
import socket
import ssl
import sys

import trustbridge

TRUSTED, NOT_TRUSTED, USAGE, NO_CONNECTION = range(4)
TIMEOUT_SECONDS = 20


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m trustbridge",
        description="Asks the operating system's trust store for its verdict.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    checking = commands.add_parser(
        "check",
        help="connect to a TLS server and verify it",
        description="Connects to a TLS server and verifies it. Prints the chain, the trust anchor "
        "and where that came from, or a report of what is wrong.",
        epilog="Exit status: 0 trusted, 1 not trusted, 2 wrong usage, 3 no connection.",
    )
    checking.add_argument(
        "host", metavar="HOST[:PORT]", help="name or address; [ADDRESS]:PORT for IPv6; port 443"
    )
    parsed = parser.parse_args(arguments)
    try:
        host, port = split(parsed.host)
    except ValueError as error:
        checking.error(str(error))
    return check(host, port)


def split(target: str) -> tuple[str, int]:
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
    if not host or host.startswith("."):
        raise ValueError(f"{target!r} has no host")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{port!r} is not a port")
    return host, int(port or 443)


def check(host: str, port: int) -> int:
    """Connects, verifies and prints; the exit status."""
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_SECONDS) as connection:
            with context.wrap_socket(connection, server_hostname=host) as secured:
                chain = verified_chain(secured)
    except ssl.SSLCertVerificationError as error:
        print(getattr(error, "report", error))
        return NOT_TRUSTED
    except (OSError, UnicodeError) as error:
        print(f"no connection to {shown}: {error}", file=sys.stderr)
        return NO_CONNECTION
    # The handshake has been accepted. This second look at its chain is for the names and the
    # source, which OpenSSL does not keep.
    try:
        verified = trustbridge.verify(chain, host)
    except trustbridge.VerificationError as error:
        print(error.report)
        return NOT_TRUSTED
    print(f"trusted: {shown}")
    print(verified)
    return TRUSTED


def verified_chain(secured: ssl.SSLSocket) -> list[bytes]:
    """The chain of a connection, DER, end entity first."""
    if sys.version_info >= (3, 13):
        return secured.get_verified_chain()
    chain = secured._sslobj.get_verified_chain()  # type: ignore[attr-defined]
    encoding_der = 2  # _ssl.ENCODING_DER
    return [certificate.public_bytes(encoding_der) for certificate in chain]


if __name__ == "__main__":
    sys.exit(main())
