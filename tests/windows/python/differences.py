"""Tests of tests/python that end otherwise under Wine, and why. An unexpected success fails.

A key is the name of a test with its parameters, or without them for every one. `WINE` is what
Wine 8 does otherwise than Windows; `WINDOWS` what is otherwise on Windows than on Unix.
"""

from __future__ import annotations

WINE: dict[str, str] = {}

WINDOWS: dict[str, str] = {}


def reason(name: str, file: str, mode: str) -> str | None:
    for known in (WINE, WINDOWS):
        for key in (name, name.partition("[")[0]):
            if key in known:
                return known[key]
    return None
