"""Runs pip on CPython for Windows with a CA in ROOT: windows_pip.py FILE|- ARGUMENT..."""

from __future__ import annotations

import contextlib
import runpy
import sys
from pathlib import Path

from root import in_root


def main() -> None:
    certificate = sys.argv.pop(1)
    trusted = contextlib.nullcontext()
    if certificate != "-":
        trusted = in_root(Path(certificate).read_bytes())
    with trusted:
        from pip._vendor import trustbridge
        from pip._vendor.trustbridge import _native

        print(f"{trustbridge.HANDSHAKE_MODE}, {_native.__name__.rpartition('.')[2]}", flush=True)
        runpy.run_module("pip", run_name="__main__", alter_sys=True)


main()
