"""How the commands end, and how they print."""

from __future__ import annotations

import os
import ssl
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TRUSTED, NOT_TRUSTED, USAGE, NO_CONNECTION = range(4)


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
