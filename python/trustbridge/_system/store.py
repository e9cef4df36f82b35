"""The system's store for humans and for export. Verification asks the system, never this list."""

from __future__ import annotations

from time import time

from . import checks
from .ask import engine
from .purpose import SERVER
from .question import Root
from .words import refusal


class Store:
    """One listing of the system's store."""

    def __init__(self, name: str, roots: list[bytes], problems: list[str]) -> None:
        self._name, self._problems = name, problems
        self._roots = [Root(der, name) for der in dict.fromkeys(roots)]

    def entries(self) -> list[tuple[bytes, str, str, str | None, None]]:
        """Every certificate found: DER, subject, source, and why it cannot be a trust anchor of a
        server now, or None; no distribution trusts it only up to a time."""
        found, now = [], time()
        for root in self._roots:
            refused = checks.refusal(root, SERVER, now)
            reason = None if refused is None else refusal(refused)
            found.append((root.der, checks.subject(root), root.source, reason, None))
        return found

    def places(self) -> list[tuple[str, str, int]]:
        """Every place searched: what it is, why, and how many certificates it contains."""
        return [(self._name, "default", len(self._roots))]

    def problems(self) -> list[str]:
        """Everything that went wrong, one line each."""
        return [f"{self._name}: {problem}" for problem in self._problems]

    def distrust(self) -> list[tuple[str, int]]:
        """The files in which a distribution takes trust away: there are none."""
        return []


def read_store() -> Store:
    """The system's roots as they are listed now."""
    system = engine()
    roots, problems = system.list_roots()
    return Store(system.STORE, roots, problems)
