"""Recognises the bundle of the certifi package, which stands for the system's store."""

from __future__ import annotations

import os
import sys
from time import monotonic

from ._files import file_identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ._files import _Identity

#: What is known of a path, for each state of the file there: the bundles it was compared with, None
#: where its place says it, and whether it is one.
_known: dict[tuple[str, _Identity], tuple[frozenset[_Identity] | None, bool]] = {}
_MAX_KNOWN = 256
#: The bundles found, and the state of the interpreter in which they were.
_found: tuple[Any, list[str]] | None = None
#: Those bundles, when they were last looked at, and their states then: each look costs
#: microseconds, and whoever replaces a bundle does not load it in the same instant.
_looked: tuple[list[str], float, dict[_Identity, str]] | None = None
_FRESH_SECONDS = 0.5


def is_bundle(path: str) -> bool:
    """Whether a file is the bundle of a certifi package, vendored ones among them, or equals one.

    Recognised are every certifi that is imported or on sys.path, in pip's vendored tree too, and
    each file `cacert.pem` in the folder of a package `certifi`, however it is reached. The file
    itself is read at most once for each state of it and of those bundles.
    """
    identity = file_identity(path)
    if identity is None:
        return False
    known = _known.get((path, identity))
    if known is not None and known[0] is None:
        return known[1]
    bundles = _identities()
    compared: frozenset[_Identity] | None = frozenset(bundles)
    if known is not None and known[0] == compared:
        return known[1]
    if _in_package(path) or _in_package(os.path.realpath(path)):
        compared, same = None, _has_certificate(path)
    else:
        same = identity in bundles or any(
            other[0] == identity[0] and _equal(path, bundle) for other, bundle in bundles.items()
        )
    if len(_known) >= _MAX_KNOWN:
        _known.clear()
    _known[path, identity] = compared, same
    return same


def _installed() -> list[str]:
    """The bundles that are there. They are searched again once a module was imported or a folder
    was added."""
    global _found
    state = len(sys.modules), sys.modules.get("certifi"), tuple(sys.path)
    if _found is None or _found[0] != state:
        _found = state, [bundle for bundle in _bundles() if os.path.isfile(bundle)]
    return _found[1]


def _identities() -> dict[_Identity, str]:
    """The bundles that are there, by what tells their states apart."""
    global _looked
    installed, now = _installed(), monotonic()
    if _looked is None or _looked[0] is not installed or now - _looked[1] > _FRESH_SECONDS:
        found = ((file_identity(bundle), bundle) for bundle in installed)
        _looked = installed, now, {identity: bundle for identity, bundle in found if identity}
    return _looked[2]


def _in_package(path: str) -> bool:
    folder, name = os.path.split(path)
    return (
        name == "cacert.pem"
        and os.path.basename(folder) == "certifi"
        and os.path.exists(os.path.join(folder, "__init__.py"))
    )


def _bundles() -> Iterator[str]:
    """Every bundle known to this process. Imports nothing."""
    for name, module in sys.modules.copy().items():
        if name == "certifi" or name.endswith(".certifi"):
            try:  # a module can be lazy, and fail now
                source = getattr(module, "__file__", None)
                bundle = os.path.join(os.path.dirname(source or ""), "cacert.pem")
                # Distributions make where() name their own file.
                where = bundle if source and os.path.exists(bundle) else module.where()
            except Exception:
                continue
            if isinstance(where, str):
                yield where
    for folder in sys.path:
        if isinstance(folder, str):
            yield os.path.join(folder, "certifi", "cacert.pem")
            yield os.path.join(folder, "pip", "_vendor", "certifi", "cacert.pem")


def _has_certificate(path: str) -> bool:
    """An empty or unreadable file is no bundle: loading it raises what ssl raises."""
    try:
        with open(path, "rb") as file:
            return b"-----BEGIN CERTIFICATE-----" in file.read(1 << 20)
    except OSError:
        return False


def _equal(one: str, other: str) -> bool:
    try:
        with open(one, "rb") as file, open(other, "rb") as other_file:
            return file.read() == other_file.read()
    except OSError:
        return False
