"""How the commands end, and how they print."""

from __future__ import annotations

import io
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


def prepare() -> None:
    """Whatever a certificate or an argument has in it, and whatever the encoding: output is never
    what a command fails with."""
    if sys.stdout is None:  # closed by whoever started it, or a Windows program without a console
        sys.stdout = io.StringIO()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def write_exactly(text: str) -> None:
    """ASCII to the standard output, with the ends of lines that it has."""
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:
        sys.stdout.write(text)
    else:
        sys.stdout.flush()
        binary.write(text.encode("ascii"))


GREEN, RED = 32, 31


def show(lines: list[str], color: int) -> None:
    """Prints a result: the first line in color on terminals, all of them within their width."""
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
    if terminal and _has_colors():
        lines = [f"\x1b[{color}m{lines[0]}\x1b[0m", *lines[1:]]
    print("\n".join(lines))


def _has_colors() -> bool:
    # https://no-color.org
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    if sys.platform != "win32":
        return True
    import ctypes
    import msvcrt

    handle = msvcrt.get_osfhandle(sys.stdout.fileno())
    return processes_escapes(ctypes.WinDLL("kernel32"), handle)


def processes_escapes(kernel32: Any, handle: int) -> bool:
    """Whether a console of Windows understands ANSI's colors, or can be told to."""
    import ctypes

    enable_virtual_terminal_processing = 4
    console = ctypes.c_void_p(handle)
    mode = ctypes.c_uint32()
    if not kernel32.GetConsoleMode(console, ctypes.byref(mode)):
        return False  # another kind of terminal
    if mode.value & enable_virtual_terminal_processing:
        return True
    wanted = mode.value | enable_virtual_terminal_processing
    return bool(kernel32.SetConsoleMode(console, wanted))  # not before Windows 10


def print_json(value: dict[str, Any]) -> None:
    import json

    print(json.dumps(value, indent=2))
