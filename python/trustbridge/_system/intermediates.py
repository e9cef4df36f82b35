"""Untrusted intermediates in directories, read when a path is missing: what a directory has is
added to what the peer sent, and the system decides as if the peer had sent it. As in the core.
"""

from __future__ import annotations

import os

from .._privileges import has_raised_privileges
from .certificate import Certificate, read
from .name import same
from .reading import read_der, read_pem, stamp_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

VARIABLE = "TRUSTBRIDGE_INTERMEDIATES_DIR"
_MOST_FILES, _MOST_FILE_BYTES, _MOST_BYTES = 1_000, 1 << 20, 16 << 20
_MOST_ADDED, _MOST_PROBLEMS = 32, 20


def from_environment() -> tuple[str, ...]:
    """The directory that the variable names, if any; none in a program with raised privileges."""
    value = os.environ.get(VARIABLE)
    return (os.path.abspath(value),) if value and not has_raised_privileges() else ()


def find(directories: Sequence[str], chain: Sequence[bytes]) -> tuple[list[bytes], list[str]]:
    """The certificates that issue the chain, and what was searched, in words."""
    known: list[Certificate] = []
    searched = []
    for directory in directories:
        certs, problems = _read(directory)
        known += certs
        count = f"{len(certs)} certificate{'' if len(certs) == 1 else 's'}"
        searched.append("; ".join([f"{directory}: {count}", *problems[:_MOST_PROBLEMS]]))
    added: dict[bytes, None] = {}
    queue = [*chain]
    while queue:
        cert = read(queue.pop())
        if cert is None:
            continue
        for issuer in known:
            new = issuer.der not in added and issuer.der not in chain
            if new and len(added) < _MOST_ADDED and same(issuer.subject, cert.issuer):
                added[issuer.der] = None
                queue.append(issuer.der)
    return [*added], searched


def _read(directory: str) -> tuple[list[Certificate], list[str]]:
    found: dict[bytes, Certificate] = {}
    problems: list[str] = []
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        return [], [f"{directory}: {error.strerror}"]
    if len(names) > _MOST_FILES:
        reason = f"has more than {_MOST_FILES} files; the others are ignored"
        problems.append(f"{directory}: {reason}")
    budget = _MOST_BYTES
    for name in names[:_MOST_FILES]:
        path = os.path.join(directory, name)
        if name.startswith(".") or os.path.isdir(path):
            continue
        stamp = stamp_of(path)
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
