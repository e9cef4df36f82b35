"""`python -m trustbridge`: is this server trusted, what is in the store, run with injection."""

from __future__ import annotations

import argparse
import os
import socket
import ssl
import sys

from .. import __version__
from . import starttls as _starttls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from .. import Verified

TRUSTED, NOT_TRUSTED, USAGE, NO_CONNECTION = range(4)
TIMEOUT_SECONDS = 20.0

WRONG_USE = "2 wrong usage or nowhere to write to"
EXIT_CODES = f"Exit status: 0 trusted, 1 not trusted, {WRONG_USE}, 3 no connection."


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: error: {message} (--help explains)\n")


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    # Everything behind the script's name is the script's.
    if arguments[:1] == ["run"] and arguments[1:2] not in (["-h"], ["--help"]):
        return run(arguments[1:])
    parsed = parser().parse_args(arguments)
    from .. import HANDSHAKE_MODE

    if HANDSHAKE_MODE == "openssl":
        text = f"python -m trustbridge: error: {parsed.command} needs the native module"
        print(text, file=sys.stderr)
        return USAGE
    try:
        status: int = parsed.act(parsed)
        sys.stdout.flush()
    except OSError as error:
        # A full disk, a reader that is gone. What is left is not to be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        text = f"python -m trustbridge: error: the output cannot be written: {words(error)}"
        print(text, file=sys.stderr)
        return USAGE
    return status


def parser() -> argparse.ArgumentParser:
    top = _Parser(
        prog="python -m trustbridge",
        description="Asks the operating system's trust store for its verdict.",
        epilog="Each command has its own --help.",
    )
    top.add_argument("--version", action="version", version=f"trustbridge {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    one = commands.add_parser(
        "check",
        help="connect to a TLS server and verify it",
        description="Connects to a TLS server and verifies it. Prints the chain, the trust anchor "
        "and where that came from, or a report of what is wrong.",
        epilog=EXIT_CODES,
    )
    one.add_argument(
        "host",
        metavar="HOST[:PORT]",
        help="name or address; [ADDRESS]:PORT for IPv6; port 443, or the usual one of --starttls",
    )
    one.add_argument(
        "--starttls",
        choices=sorted(_starttls.PROTOCOLS),
        metavar="PROTOCOL",
        help="ask for TLS in this protocol first: " + ", ".join(sorted(_starttls.PROTOCOLS)),
    )
    one.add_argument(
        "--cafile",
        metavar="FILE",
        help="trust the certificates in this PEM file too; its CRLs are loaded, not looked at",
    )
    one.add_argument("--only", action="store_true", help="trust nothing but --cafile")
    one.add_argument("--json", action="store_true", help="print one JSON object")
    one.add_argument(
        "--timeout",
        type=seconds,
        default=TIMEOUT_SECONDS,
        metavar="SECONDS",
        help=f"for connecting and for each answer (default: {TIMEOUT_SECONDS:g})",
    )
    one.set_defaults(act=check, parser=one)

    one = commands.add_parser(
        "store",
        help="show the system's store: places, problems, what is refused",
        description="Shows where the system's certificates were looked for, how many there are, "
        "what went wrong, and which of them cannot be trust anchors of servers, and why.",
        epilog=f"Exit status: 0, 1 if there is no usable trust anchor, {WRONG_USE}.",
    )
    one.add_argument("--json", action="store_true", help="print one JSON object")
    one.set_defaults(act=store)

    one = commands.add_parser(
        "export",
        help="write the usable trust anchors as PEM",
        description="Writes the system's certificates that can be trust anchors of servers now, "
        "for programs that take a file. What they distrust or restrict is lost in it, and so are "
        "later changes.",
        epilog=f"Exit status: 0, 1 if there is no usable trust anchor, {WRONG_USE}.",
    )
    one.add_argument("file", metavar="FILE", nargs="?", help="instead of the standard output")
    one.set_defaults(act=export)

    one = commands.add_parser(
        "run",
        usage="%(prog)s [-h] (SCRIPT | -m MODULE) [ARGS ...]",
        help="run a Python program with injected contexts",
        description="Calls trustbridge.inject_into_ssl() and runs the script or module as python "
        "would. Processes that it starts are not injected.",
        epilog="Exit status: the program's own; 2 wrong usage.",
    )
    one.set_defaults(act=lambda _: one.error("no SCRIPT"))
    return top


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


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


def check(parsed: argparse.Namespace) -> int:
    """Connects, verifies and prints; the exit status."""
    from .. import SSLContext, verify

    default = _starttls.PROTOCOLS[parsed.starttls][1] if parsed.starttls else 443
    try:
        host, port = split(parsed.host, default)
    except ValueError as error:
        parsed.parser.error(str(error))
    if parsed.only and not parsed.cafile:
        parsed.parser.error("--only needs --cafile")
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    context = SSLContext(ssl.PROTOCOL_TLS_CLIENT, system_trust=not parsed.only)
    roots: list[bytes] = []
    if parsed.cafile:
        try:
            context.load_verify_locations(parsed.cafile)
            # A context of its own tells what was loaded.
            loaded = SSLContext(ssl.PROTOCOL_TLS_CLIENT, system_trust=False)
            loaded.load_verify_locations(parsed.cafile)
            roots = loaded.get_ca_certs(True)
        except (OSError, ValueError) as error:
            parsed.parser.error(f"--cafile {parsed.cafile}: {words(error)}")
    answer: dict[str, Any] = {"host": host, "port": port, "trusted": False}
    try:
        with socket.create_connection((host, port), timeout=parsed.timeout) as connection:
            if parsed.starttls:
                _starttls.start(parsed.starttls, connection)
            with context.wrap_socket(connection, server_hostname=host) as secured:
                chain = verified_chain(secured)
                answer.update(tls=secured.version(), cipher=secured.cipher())
        # The handshake has been accepted. This second look at its chain is for the names and
        # the source, which OpenSSL does not keep.
        verified = verify(chain, host, extra_roots=roots, system_trust=not parsed.only)
    except ssl.SSLCertVerificationError as error:
        return refused(parsed, answer, error)
    except (OSError, UnicodeError, ValueError) as error:
        if parsed.json:
            answer.update(trusted=None, error={"kind": "NoConnection", "message": words(error)})
            print_json(answer)
        print(f"no connection to {shown}: {words(error)}", file=sys.stderr)
        return NO_CONNECTION
    if parsed.json:
        answer.update(
            trusted=True,
            source=verified.source,
            revocation=verified.revocation,
            chain=certificates(verified),
        )
        print_json(answer)
    else:
        show([f"trusted: {shown}", *str(verified).splitlines()], GREEN)
    return TRUSTED


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


def verified_chain(secured: ssl.SSLSocket) -> list[bytes]:
    """The chain of a connection, DER, end entity first."""
    if sys.version_info >= (3, 13):
        return secured.get_verified_chain()
    chain = secured._sslobj.get_verified_chain()  # type: ignore[attr-defined,unused-ignore]
    encoding_der = 2  # _ssl.ENCODING_DER
    return [certificate.public_bytes(encoding_der) for certificate in chain]


def certificates(verified: Verified) -> list[dict[str, str]]:
    """The certificates of a chain, for JSON."""
    import hashlib

    # "  0: SUBJECT", "     issued by ISSUER", "     valid FROM to UNTIL"
    lines = [line.strip() for line in str(verified).splitlines()]
    found = []
    for index, der in enumerate(verified.chain):
        subject, issuer, valid = lines[3 * index : 3 * index + 3]
        since, _, until = valid.removeprefix("valid ").partition(" to ")
        found.append(
            {
                "subject": subject.partition(": ")[2],
                "issuer": issuer.removeprefix("issued by "),
                "not_before": since,
                "not_after": until,
                "sha256": hashlib.sha256(der).hexdigest(),
                "pem": ssl.DER_cert_to_PEM_cert(der),
            }
        )
    return found


def store(parsed: argparse.Namespace) -> int:
    from .. import _native

    found = _native.read_store()
    entries, places, problems = found.entries(), found.places(), found.problems()
    rejects = [entry for entry in entries if entry[3] is not None]
    usable = len(entries) - len(rejects)
    if parsed.json:
        import hashlib

        print_json(
            {
                "places": [
                    {"source": source, "reason": reason, "certificates": number}
                    for source, reason, number in places
                ],
                "certificates": len(entries),
                "usable": usable,
                "refused": [
                    {
                        "subject": subject,
                        "source": source,
                        "reason": refusal,
                        "sha256": hashlib.sha256(der).hexdigest(),
                    }
                    for der, subject, source, refusal in rejects
                ],
                "problems": problems,
            }
        )
    else:
        lines = [f"usable trust anchors: {usable} of {count(len(entries))}", "Looked at:"]
        lines += [f"  {source} ({reason}): {count(number)}" for source, reason, number in places]
        if problems:
            lines += ["Problems:", *(f"  {problem}" for problem in problems)]
        if rejects:
            lines.append("Found, but not used:")
        for _, subject, source, refusal in rejects:
            lines += [f"  {subject}", f"     {refusal}", f"     from {source}"]
        show(lines, GREEN if usable else RED)
    return TRUSTED if usable else NOT_TRUSTED


def count(number: int) -> str:
    return f"{number} certificate" if number == 1 else f"{number} certificates"


def export(parsed: argparse.Namespace) -> int:
    from .. import export_pem

    try:
        text = export_pem(parsed.file)
    except ValueError as error:
        print(f"nothing exported: {error}", file=sys.stderr)
        return NOT_TRUSTED
    except OSError as error:
        print(f"{parsed.file} cannot be written: {words(error)}", file=sys.stderr)
        return USAGE
    if parsed.file is None:
        sys.stdout.write(text)
    return TRUSTED


def run(arguments: list[str]) -> int:
    module = arguments[:1] == ["-m"]
    rest = arguments[1:] if module else arguments
    if not rest or (not module and rest[0].startswith("-")):
        what = f"unknown option {rest[0]}" if rest else "no MODULE" if module else "no SCRIPT"
        text = f"python -m trustbridge run: error: {what} (--help explains)"
        print(text, file=sys.stderr)
        return USAGE
    from . import run as running

    return running.run(rest[0], rest[1:], module=module)


def words(error: Exception) -> str:
    """What went wrong, in one line."""
    if isinstance(error, OSError) and error.strerror and not isinstance(error, ssl.SSLError):
        return error.strerror
    text = str(error) or type(error).__name__
    return " ".join(text.split())


GREEN, RED = 32, 31


def show(lines: list[str], color: int) -> None:
    """Prints a result: the first line in colour on terminals, all of them within their width."""
    terminal = sys.stdout.isatty()
    if terminal:
        import shutil
        import textwrap

        width = max(shutil.get_terminal_size().columns, 40)
        wrapped: list[str] = []
        for line in lines:
            indent = " " * (len(line) - len(line.lstrip()) + 4)
            wrapped += textwrap.wrap(line, width, subsequent_indent=indent) or [""]
        lines = wrapped
    # https://no-color.org
    if terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        lines = [f"\x1b[{color}m{lines[0]}\x1b[0m", *lines[1:]]
    print("\n".join(lines))


def print_json(value: dict[str, Any]) -> None:
    import json

    print(json.dumps(value, indent=2))
