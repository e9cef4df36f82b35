"""Puts `trustbridge.SSLContext` in the place of `ssl.SSLContext`, and takes it out again."""

from __future__ import annotations

import ssl
import sys
from _thread import allocate_lock

from . import SSLContext, _context_base
from ._std import StdContext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

_lock = allocate_lock()
#: What to put back: object, attribute, value before, value put in its place.
_changes: list[tuple[Any, str, Any, Any]] = []

_Function: Any = type(lambda: None)
#: The contexts that aiohttp makes when it is imported, and whether they verify.
_AIOHTTP = (("_SSL_CONTEXT_VERIFIED", True), ("_SSL_CONTEXT_UNVERIFIED", False))


def _making(make: Callable[[bool], Any], verified: bool) -> Callable[[], Any]:
    return lambda: make(verified)


def inject_into_ssl(
    *,
    respect_cafile: bool = False,
    distribution_distrust: bool = True,
    distribution_revocation: bool = True,
) -> None:
    """Makes `ssl.SSLContext` the class of this package, for the whole process.

    `ssl.create_default_context()` and every library that makes its contexts after this call
    use it, and so do modules that imported the class by its name before. Contexts made before
    keep working as they were. Imports nothing.

    respect_cafile -- a context that loads a file, a directory or data of its own, and never
        requests the default certificates, trusts only what it has loaded, as
        `create_default_context(cafile=…)` means in `ssl`; nothing, if no usable certificate is in
        it. Otherwise what is loaded adds to the system's. Loading certifi's bundle requests the
        default certificates.
    distribution_distrust -- with False, no context rejects what the distribution distrusts in
        addition to its bundle, unless its attribute of that name is set
    distribution_revocation -- with False, no context asks the CRLite filters that the distribution
        keeps on the disk, unless its attribute of that name is set

    Calling it again changes only these settings, for the contexts made from then on.

    For applications; a library makes a `trustbridge.SSLContext` instead.
    """
    with _lock:
        _context_base.respect_cafile = respect_cafile
        _context_base.distribution_distrust = distribution_distrust
        _context_base.distribution_revocation = distribution_revocation
        if _changes:
            return
        for owner, name, prop in _setters_by_global_name():
            _change(owner, name, prop)
        _context_base.injected = SSLContext
        _change(ssl, "SSLContext", SSLContext)
        for module in _modules():
            if vars(module).get("SSLContext") is StdContext:
                _change(module, "SSLContext", SSLContext)
        for module, name, remake in _cached_contexts():
            if isinstance(vars(module).get(name), StdContext):
                _change(module, name, remake())


def extract_from_ssl() -> None:
    """Undoes `inject_into_ssl`. Contexts made meanwhile keep working. Calling it again does
    nothing."""
    with _lock:
        for owner, name, before, put in reversed(_changes):
            # Somebody else may have put something in its place since.
            if vars(owner).get(name) is put:
                setattr(owner, name, before)
        _context_base.injected = None
        _context_base.respect_cafile = False
        _context_base.distribution_distrust = True
        _context_base.distribution_revocation = True
        if _changes:
            for module in _modules():
                name = module.__name__
                # Imported meanwhile, perhaps.
                by_name = name == "urllib3.util.ssl_" or name.endswith(".urllib3.util.ssl_")
                if by_name and vars(module).get("SSLContext") is SSLContext:
                    vars(module)["SSLContext"] = StdContext
        _changes.clear()


def _change(owner: Any, name: str, value: Any) -> None:
    _changes.append((owner, name, vars(owner)[name], value))
    setattr(owner, name, value)


def _modules() -> list[ModuleType]:
    """Every module imported so far, but `ssl` and this package."""
    package = __name__.rpartition(".")[0]
    found = []
    for name, module in sys.modules.copy().items():
        ours = name == package or name.startswith(package + ".")
        if isinstance(module, type(sys)) and module is not ssl and not ours:
            found.append(module)
    return found


def _setters_by_global_name() -> list[tuple[type, str, property]]:
    """The properties of the classes beneath whose setters call `super(SSLContext, SSLContext)`.

    They find their class by the module's global. With another class there, they would call
    themselves for ever. So they get globals of their own, in which the name keeps its meaning.
    """
    found = []
    for owner in StdContext.__mro__:
        for name, value in vars(owner).items():
            setter: Any = value.fset if isinstance(value, property) else None
            if getattr(setter, "__globals__", None) is not vars(ssl):
                continue
            if "SSLContext" in setter.__code__.co_names:
                setter = _Function(
                    setter.__code__,
                    dict(vars(ssl), SSLContext=owner),
                    setter.__name__,
                    setter.__defaults__,
                    setter.__closure__,
                )
                found.append((owner, name, property(value.fget, setter, value.fdel, value.__doc__)))
    return found


def _cached_contexts() -> list[tuple[ModuleType, str, Callable[[], Any]]]:
    """Contexts that libraries make when they are imported, and how to make them anew."""
    found: list[tuple[ModuleType, str, Callable[[], Any]]] = []
    for module in _modules():
        contents = vars(module)
        name = module.__name__
        if name.endswith("requests.adapters"):
            make = contents.get("create_urllib3_context")
            if make is not None:
                found.append((module, "_preloaded_ssl_context", make))
        elif name == "aiohttp.connector":
            make = contents.get("_make_ssl_context")
            if make is not None:
                for attribute, verified in _AIOHTTP:
                    found.append((module, attribute, _making(make, verified)))
        elif name.startswith("tornado.") and "_client_ssl_defaults" in contents:
            found.append((module, "_client_ssl_defaults", ssl.create_default_context))
    return found
