"""The arguments of `python -m trustbridge`."""

from __future__ import annotations

import argparse

from .. import __version__
from .output import USAGE
from .starttls import PROTOCOLS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

TIMEOUT_SECONDS = 20.0

WRONG_USE = "2 usage error or unwritable output"
EXIT_CODES = f"Exit status: 0 trusted, 1 not trusted, {WRONG_USE}, 3 no connection."


def parse(arguments: list[str]) -> argparse.Namespace:
    """The arguments of every command but `run`, which has none of its own."""
    parsed = parser().parse_args(arguments)
    if parsed.command == "run":
        parsed.parser.error("no SCRIPT")
    return parsed


def parser() -> argparse.ArgumentParser:
    top = Parser(
        prog="python -m trustbridge",
        description="Verifies TLS servers with the operating system's trust store.",
        epilog="Each command has its own --help.",
    )
    top.add_argument("--version", action="version", version=f"trustbridge {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_check(commands)
    one = commands.add_parser(
        "store",
        help="show the system's store: places, problems, rejected certificates",
        description="Shows where the system's certificates were searched for, how many there are, "
        "which problems occurred, which certificates cannot be trust anchors for servers, with "
        "the reason, and what the distribution distrusts in addition to its bundle.",
        epilog=f"Exit status: 0, 1 if there is no usable trust anchor, {WRONG_USE}.",
    )
    one.add_argument("--json", action="store_true", help="print one JSON object")
    one = commands.add_parser(
        "export",
        help="write the usable trust anchors as PEM",
        description="Writes the system's certificates that can be trust anchors for servers now, "
        "for programs that take a file. The file loses which certificates the store distrusts or "
        "restricts, and it does not follow later changes. A root certificate that is trusted only "
        "for certificates issued up to a date is in it, with the date in a comment.",
        epilog=f"Exit status: 0, 1 if there is no usable trust anchor, {WRONG_USE}.",
    )
    one.add_argument("file", metavar="FILE", nargs="?", help="instead of the standard output")
    one = commands.add_parser(
        "run",
        usage="%(prog)s [-h] (SCRIPT | -m MODULE) [ARGS ...]",
        help="run a Python program with injected contexts",
        description="Calls trustbridge.inject_into_ssl() and runs the script or module as python "
        "would. Processes that it starts are not injected.",
        epilog="Exit status: the program's own; 2 usage error.",
    )
    one.set_defaults(parser=one)
    return top


def _add_check(commands: argparse._SubParsersAction[Parser]) -> None:
    one = commands.add_parser(
        "check",
        help="connect to a TLS server and verify it",
        description="Connects to a TLS server and verifies it. Prints the chain, the trust anchor "
        "and its source, or a report of what is wrong.",
        epilog=EXIT_CODES,
    )
    one.add_argument(
        "host",
        metavar="HOST[:PORT]",
        help="name or address; [ADDRESS]:PORT for IPv6; default port: 443, or that of the "
        "--starttls protocol",
    )
    one.add_argument(
        "--starttls",
        choices=sorted(PROTOCOLS),
        metavar="PROTOCOL",
        help="request TLS in this protocol first: " + ", ".join(sorted(PROTOCOLS)),
    )
    one.add_argument(
        "--cafile",
        metavar="FILE",
        help="trust the certificates in this PEM file too; CRLs in it are ignored",
    )
    one.add_argument("--only", action="store_true", help="trust only --cafile")
    one.add_argument(
        "--intermediates",
        metavar="DIR",
        help="complete the chain with the untrusted certificates in this directory; "
        "TRUSTBRIDGE_INTERMEDIATES_DIR in the environment does the same for every program",
    )
    one.add_argument(
        "--fetch-missing",
        action="store_true",
        help="if the server does not send its intermediate, fetch it from the address in the "
        "server's certificate (one request over plain HTTP), verify again, and show what to do",
    )
    one.add_argument(
        "--save-to",
        metavar="DIR",
        help="write the intermediate that --fetch-missing fetched into this directory",
    )
    one.add_argument("--json", action="store_true", help="print one JSON object")
    one.add_argument(
        "--timeout",
        type=seconds,
        default=TIMEOUT_SECONDS,
        metavar="SECONDS",
        help=f"for the connection and for each response (default: {TIMEOUT_SECONDS:g})",
    )
    one.set_defaults(parser=one)


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: error: {message} (--help explains)\n")
