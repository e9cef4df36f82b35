"""Untrusted intermediates in directories, read when a path is missing: what a directory has is
added to what the peer sent, and the system decides as if the peer had sent it. As in the core.
"""

from __future__ import annotations

import os

from .._name import key
from .._privileges import has_raised_privileges
from .certificate import Certificate, read
from .reading import read_der, read_pem, stamp_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .reading import Stamp

    #: Whether there are more files than are read, then the path and the stamp of each.
    _State = tuple[object, ...]

VARIABLE = "TRUSTBRIDGE_INTERMEDIATES_DIR"
_MOST_FILES, _MOST_FILE_BYTES, _MOST_BYTES = 1_000, 1 << 20, 16 << 20
_MOST_ADDED, _MOST_PROBLEMS = 32, 20


def from_environment() -> tuple[str, ...]:
    """The directory that the variable names, if any; none in a program with raised privileges."""
    value = os.environ.get(VARIABLE)
    return (os.path.abspath(value),) if value and not has_raised_privileges() else ()


def find(directories: Sequence[str], chain: Sequence[bytes]) -> tuple[list[bytes], list[str]]:
    """The certificates that issue the chain, and what was searched, in words."""
    readings = []
    searched = []
    for directory in directories:
        reading = _reading(directory)
        readings.append(reading)
        count = f"{reading.count} certificate{'' if reading.count == 1 else 's'}"
        searched.append("; ".join([f"{directory}: {count}", *reading.problems[:_MOST_PROBLEMS]]))
    added: dict[bytes, None] = {}
    queue, sent = [*chain], {*chain}
    while queue:
        cert = read(queue.pop())
        if cert is None:
            continue
        issuer = key(cert.issuer)
        for der in (der for reading in readings for der in reading.named(issuer)):
            if der not in added and der not in sent and len(added) < _MOST_ADDED:
                added[der] = None
                queue.append(der)
    return [*added], searched


class _Reading:
    """What a directory has while its files are in this state, never changed."""

    def __init__(self, state: _State, certs: list[Certificate], problems: list[str]) -> None:
        self.state, self.problems, self.count = state, problems, len(certs)
        self._named: dict[str | bytes, list[bytes]] = {}
        for cert in certs:
            self._named.setdefault(key(cert.subject), []).append(cert.der)

    def named(self, subject: str | bytes) -> list[bytes]:
        return self._named.get(subject, [])


#: The last reading of each directory. No lock: the child of a fork would wait for it.
_kept: dict[str, _Reading] = {}
_MOST_KEPT = 16


def _reading(directory: str) -> _Reading:
    """What the directory has now. Its files are read again only if one of them has changed."""
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        return _Reading((), [], [f"{directory}: {error.strerror}"])
    paths = [os.path.join(directory, name) for name in names if not name.startswith(".")]
    stamps = [(path, stamp_of(path)) for path in paths[:_MOST_FILES]]
    files = [(path, stamp) for path, stamp in stamps if stamp or not os.path.isdir(path)]
    state = (len(paths) > _MOST_FILES, *files)
    known = _kept.get(directory)
    if known is None or known.state != state:
        certs, problems = _read(files)
        if state[0]:
            reason = f"has more than {_MOST_FILES} files; the others are ignored"
            problems.insert(0, f"{directory}: {reason}")
        known = _Reading(state, certs, problems)
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[directory] = known
    return known


def _read(files: Sequence[tuple[str, Stamp | None]]) -> tuple[list[Certificate], list[str]]:
    found: dict[bytes, Certificate] = {}
    problems: list[str] = []
    budget = _MOST_BYTES
    for path, stamp in files:
        if stamp is None or stamp[0] > min(budget, _MOST_FILE_BYTES):
            problems.append(f"{path}: is not a regular file, or is too large")
            continue
        try:
            with open(path, "rb") as file:
                data = file.read(_MOST_FILE_BYTES)
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
            continue
        budget -= len(data)
        is_der = data[:1] == b"\x30"
        batch = read_der(data) if is_der else read_pem(data.decode("latin-1"))
        if not batch.clean:
            problems.append(f"{path}: not all of it could be read")
        for der, _ in batch.roots:
            found.setdefault(der, Certificate(der))
    return [*found.values()], problems
