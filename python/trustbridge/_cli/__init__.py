"""`python -m trustbridge`: is this server trusted, what is in the store, run with injection."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    # Everything behind the script's name is the script's.
    if arguments[:1] == ["run"] and arguments[1:2] not in (["-h"], ["--help"]):
        from . import run

        return run.main(arguments[1:])
    from .output import USAGE, prepare, words

    prepare()
    from .arguments import parse

    parsed = parse(arguments)
    from .. import HANDSHAKE_MODE

    if HANDSHAKE_MODE == "openssl" and parsed.command != "store":
        text = f"python -m trustbridge: error: {parsed.command} needs the native module"
        print(text, file=sys.stderr)
        return USAGE
    try:
        status = _act(parsed)
        sys.stdout.flush()
    except OSError as error:
        # A full disk, a reader that is gone. What is left is not to be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        text = f"python -m trustbridge: error: the output cannot be written: {words(error)}"
        print(text, file=sys.stderr)
        return USAGE
    return status


def _act(parsed: argparse.Namespace) -> int:
    """Imports for a command what that command needs."""
    if parsed.command == "check":
        from .check import check

        return check(parsed)
    if parsed.command == "store":
        from .store import store

        return store(parsed)
    from .store import export

    return export(parsed)
