"""Programs of Windows, run under Wine in a prefix of the tests' own."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import IO

from interpreter import HERE, ROOT, WORK

WINE = "/usr/lib/wine/wine64"
PREFIX = WORK / "wine-prefix"
#: The table of cases, printed where there is a cargo.
CASES = WORK / "cases.json"
TESTS = ROOT / "tests" / "python"
#: The package's Python files alone, before the interpreter's own packages on the path.
PURE = WORK / "pure"
#: Seconds.
LIMIT = 1800
#: In the environment of a program and of all that it starts.
_MARK = "TRUSTBRIDGE_TEST_PROGRAM"
_count = itertools.count()
#: Seconds for what is still in the pipe of a program that has ended.
_DRAIN = 5


def environment(first: Path | None = None) -> dict[str, str]:
    """first -- what comes before the interpreter's own packages"""
    path = [HERE, TESTS] if first is None else [first, HERE, TESTS]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "WINEPREFIX": str(PREFIX),
        "WINEDEBUG": "-all",
        "WINEARCH": "win64",
        "DISPLAY": "",
        "WINEDLLOVERRIDES": "mscoree,mshtml,winemenubuilder.exe,winedbg.exe=",
        "PYTHONPATH": ";".join(map(windows_path, path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        # What a program printed before it hung is in its log.
        "PYTHONUNBUFFERED": "1",
        "TRUSTBRIDGE_TEST_CASES": windows_path(CASES),
    }


def windows_path(path: Path) -> str:
    return "Z:" + str(path).replace("/", "\\")


def wine(*command: object, log: Path, timeout: int = LIMIT, first: Path | None = None) -> int:
    """Runs a program of Windows, with what it prints in a file; its status.

    Python dies at its start under Wine 8 with a regular file as standard input or output.
    """
    mark = f"{os.getpid()}-{next(_count)}"
    program = subprocess.Popen(
        [WINE, *map(str, command)],
        env=environment(first) | {_MARK: mark},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    reader = threading.Thread(target=_copy, args=(program.stdout, log), daemon=True)
    reader.start()
    try:
        status = program.wait(timeout)
    except subprocess.TimeoutExpired:
        _end(mark, Path(str(command[0])).name)
        status = program.wait()
    # Wine's server keeps the pipe open if this program was the one that started it.
    reader.join(_DRAIN)
    return status


def _copy(pipe: IO[bytes], log: Path) -> None:
    with log.open("wb", buffering=0) as file:
        while data := os.read(pipe.fileno(), 1 << 16):
            file.write(data)


def _end(mark: str, name: str) -> None:
    """Ends a program, and those of its name that it started: they are nobody's children, and each
    may keep the pipe open that is read. Wine's own are left, which others use too."""
    for process in Path("/proc").glob("[0-9]*"):
        # Others may end at any moment, or be somebody else's.
        with contextlib.suppress(OSError):
            variables = (process / "environ").read_bytes().split(b"\0")
            program = (process / "cmdline").read_bytes().partition(b"\0")[0]
            if f"{_MARK}={mark}".encode() in variables and program.endswith(name.encode()):
                os.kill(int(process.name), signal.SIGKILL)
