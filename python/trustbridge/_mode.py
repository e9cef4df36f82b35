"""Decides, once, how the verdicts are given in this interpreter."""

from __future__ import annotations

import sys

from . import _MODE_OPTION, _select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

IN_HANDSHAKE = "in-handshake"
DEFERRED = "deferred"
OPENSSL = "openssl"

#: The native module, what stands for it where the system's own verifier decides, or None; and why
#: the native module is not in use, if it is not.
native: Any
native, without_native = _select.find()
_asks_in_python = native is None and _select.SYSTEM_DECIDES
if _asks_in_python:
    native, _no_way = _select.in_python()
    if native is None:
        raise ImportError(
            f"trustbridge cannot ask this system's verifier: {without_native}; {_no_way}"
        )

# The best first. A name is here only if the whole test-suite passes in that mode.
_MODES = (IN_HANDSHAKE, DEFERRED)


def _forced() -> str | None:
    """The mode that the tests ask for, with `python -X trustbridge-mode=deferred`.

    Not an environment variable: whoever controls the environment of a program must not be able
    to choose when its client certificates are sent. No variable sets an -X option.
    """
    mode = getattr(sys, "_xoptions", {}).get(_MODE_OPTION)
    if mode is not None and mode not in _MODES:
        raise ImportError(f"trustbridge has no mode {mode!r}: {', '.join(_MODES)}")
    return mode


def _unavailable(mode: str) -> str | None:
    """Why a mode cannot be used here, if it cannot."""
    if native is None or (_asks_in_python and mode == IN_HANDSHAKE):
        return without_native
    if mode == IN_HANDSHAKE:
        from . import _selftest

        return _selftest.unsupported() or _selftest.failure()
    from . import _deferred

    return _deferred.unsupported()


def _decide() -> tuple[str, dict[str, str]]:
    forced = _forced()
    reasons = {}
    for mode in _MODES:
        if forced is not None and mode != forced:
            reasons[mode] = f"{forced} was requested"
            continue
        reason = _unavailable(mode)
        if reason is None:
            return mode, reasons
        reasons[mode] = reason
    if forced is None and not _select.SYSTEM_DECIDES:
        return OPENSSL, reasons
    raise ImportError(f"trustbridge cannot verify the connections of ssl here: {explain(reasons)}")


def explain(reasons: dict[str, str]) -> str:
    """The reasons, in one line."""
    return "; ".join(f"{mode}: {reason}" for mode, reason in reasons.items())


#: The mode in use, and why each better one is not.
HANDSHAKE_MODE, reasons = _decide()
if HANDSHAKE_MODE == OPENSSL:
    without_native = without_native or explain(reasons)
