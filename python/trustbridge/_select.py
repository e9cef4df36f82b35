"""Finds the native module that fits this interpreter, or says why there is none.

A wheel for one platform has it beside this file. The bundle has one for each platform, in
`native/<system>-<machine>/`, on Linux `native/linux-<libc>-<machine>/`. It is a module for the
stable ABI of CPython, or one made for this very interpreter: there is no other for free-threaded
ones and those that are not CPython.

A file that is cut off would end the process: with SIGBUS or, if its end is there and zero as after
a power failure, with SIGSEGV. So it is measured first, and its end is checked.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib_external import PathFinder
from _imp import extension_suffixes

from . import _SYSTEM_DECIDES
from ._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableSequence
    from types import ModuleType
    from typing import Any

#: Folder of the bundle's native modules.
FOLDER = "native"
#: Systems whose own verifier Python can ask without the native module, through `ctypes`.
ASKED_FROM_PYTHON = ("win32", "darwin", "ios", "tvos", "watchos")

#: Whether the verdicts are those of this system's own verifier.
SYSTEM_DECIDES = _SYSTEM_DECIDES
#: Whether SSL_CERT_FILE and SSL_CERT_DIR are read in Python. On Unix the native module reads them.
reads_variables = SYSTEM_DECIDES

_MODULE = "_native"
_SUFFIX = ".pyd" if sys.platform == "win32" else ".abi3.so"
#: For the stable ABI of free-threaded interpreters.
_FREE_THREADED_SUFFIX = ".abi3t.pyd" if sys.platform == "win32" else ".abi3t.so"
_MACHINES = {
    "amd64": "x86_64",
    "x64": "x86_64",
    "arm64": "aarch64",
    "i386": "i686",
    "i586": "i686",
    "x86": "i686",
    "armv8l": "armv7l",
}


class Unavailable(Exception):
    """There is no native module to use, for the reason given."""


def find() -> tuple[Any, str]:
    """The native module, or None and the reason."""
    try:
        return load(), ""
    except Unavailable as unavailable:
        return None, str(unavailable)
    except Exception as error:  # nothing that is odd about a system may end a program
        return None, f"looking for the native module: {type(error).__name__}: {error}"


def in_python() -> tuple[Any, str]:
    """What stands for the native module where the system's own verifier decides, or None and the
    reason."""
    if sys.platform not in ASKED_FROM_PYTHON:
        return None, f"nothing else can ask the verifier of {sys.platform}"
    from importlib.util import find_spec

    if find_spec("_ctypes") is None:
        return None, "this interpreter has no ctypes, which could ask the system's verifier"
    from . import _system

    return _system, ""


def load() -> Any:
    """Loads the native module. Raises Unavailable, and nothing else, if that cannot be."""
    package = sys.modules[__name__.rpartition(".")[0]]
    path = locate(package.__path__)
    check_file(path)
    check_preference(package, path)
    try:
        native = _import(package)
        version = native.__version__
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of Rust is no Exception
        _forget(package)
        raise Unavailable(f"{path} cannot be loaded: {error}") from None
    if version != __version__:
        _forget(package)
        raise Unavailable(f"{path} is of version {version}, not {__version__}")
    return native


def no_stable_abi() -> str | None:
    """Why a module for CPython's stable ABI cannot be loaded here, if it cannot."""
    if sys.implementation.name != "cpython":
        return f"{sys.implementation.name} is not CPython"
    suffixes = extension_suffixes()
    if _SUFFIX not in suffixes:
        return f"this interpreter does not load modules named {_SUFFIX}"
    free_threaded = f"cp{sys.version_info[0]}{sys.version_info[1]}t-"
    if "t" in getattr(sys, "abiflags", "") or any(free_threaded in suffix for suffix in suffixes):
        return "this interpreter is free-threaded"
    return None


def names() -> list[str]:
    """The names that a module for this interpreter can have, as importing prefers them."""
    stable = [_SUFFIX] if no_stable_abi() is None else [_FREE_THREADED_SUFFIX]
    return [
        _MODULE + suffix
        for suffix in extension_suffixes()
        # Besides: one that names the interpreter, not a bare ".so".
        if suffix in stable or (suffix.count(".") == 2 and not suffix.startswith(".abi"))
    ]


def locate(package_path: MutableSequence[str]) -> str:
    """The file that importing the native module will load. Lets it find the bundle's."""
    wanted = names()
    here = list(package_path)
    for folder in here:
        for name in wanted:
            path = os.path.join(folder, name)
            if os.path.lexists(path):
                return path
    platform = platform_name()
    for folder in here:
        below = os.path.join(folder, FOLDER, platform)
        for name in wanted:
            path = os.path.join(below, name)
            if os.path.lexists(path):
                if below not in package_path:
                    package_path.append(below)
                return path
    odd = no_stable_abi()
    raise Unavailable(
        f"there is no native module for {platform} in {os.pathsep.join(here)}"
        if odd is None
        else f"{odd}, and there is no native module for it in {os.pathsep.join(here)}"
    )


def platform_name() -> str:
    """This system and machine, as the bundle's folders are named."""
    if sys.platform == "win32":
        machine = "arm64" if "(ARM64)" in sys.version else "amd64"
        if sys.maxsize <= 2**32:
            machine = "x86"
        return f"windows-{_MACHINES.get(machine, machine)}"
    system = {"darwin": "macos"}.get(sys.platform, sys.platform.rstrip("0123456789"))
    machine = os.uname().machine.lower()
    machine = _MACHINES.get(machine, machine)
    if sys.maxsize <= 2**32:
        # A 32-bit interpreter on a 64-bit kernel.
        machine = {"x86_64": "i686", "aarch64": "armv7l"}.get(machine, machine)
    if system == "linux":
        return f"linux-{_libc()}-{machine}"
    return f"{system}-{machine}"


def _libc() -> str:
    if hasattr(sys, "getandroidapilevel"):
        return "bionic"
    confstr = getattr(os, "confstr", None)
    try:
        version = confstr("CS_GNU_LIBC_VERSION") if confstr else None
    except (OSError, ValueError):
        version = None
    return "gnu" if version and version.startswith("glibc") else "musl"


def check_file(path: str) -> None:
    """Whether a file is whole. Mapping a part of an ELF file that is not there is a SIGBUS."""
    try:
        if os.stat(path).st_mode & 0o170000 != 0o100000:  # to open a FIFO is to wait
            raise Unavailable(f"{path} is not a regular file")
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            header = file.read(64)
            if header[:4] == b"\x7fELF":
                end = _elf_end(file, header, size)
            elif SYSTEM_DECIDES:
                end = 1  # the loaders of these systems look for themselves
            else:
                raise Unavailable(f"{path} is not an ELF file")
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}") from None
    except (IndexError, ValueError):
        raise Unavailable(f"{path} is not a complete ELF file") from None
    if size < end:
        raise Unavailable(f"{path} is cut off: it has {size} bytes of {end}")


def check_preference(package: ModuleType, path: str) -> None:
    """Whether importing takes this very file, not another one that nobody has checked."""
    spec = PathFinder.find_spec(f"{package.__name__}.{_MODULE}", package.__path__)
    found = spec and spec.origin
    if not found or not os.path.samefile(found, path):
        raise Unavailable(f"{found or 'something else'} would be imported instead of {path}")


def _elf_end(file: Any, header: bytes, file_size: int) -> int:
    """The least size of an ELF file: every segment and the table of sections are within it.

    ValueError if the table of sections, which linkers write last, ends in nothing but zeros.
    """
    order = sys.byteorder
    if header[5] != (2 if sys.byteorder == "big" else 1):
        raise ValueError
    wide = header[4] == 2

    def number(data: bytes, at: int, length: int) -> int:
        field = data[at : at + length]
        if len(field) < length:
            raise ValueError
        return int.from_bytes(field, order)

    word = 8 if wide else 4
    program, sections = number(header, 24 + word, word), number(header, 24 + 2 * word, word)
    sizes = 24 + 3 * word + 4  # after e_flags
    program_size, program_count = number(header, sizes + 2, 2), number(header, sizes + 4, 2)
    section_size, section_count = number(header, sizes + 6, 2), number(header, sizes + 8, 2)
    if program_size != (56 if wide else 32):
        raise ValueError
    end = max(sections + section_size * section_count, program + program_size * program_count)
    if end > file_size:
        return end
    file.seek(program)
    table = file.read(program_size * program_count)
    if section_count:
        file.seek(sections + section_size * (section_count - 1))
        if not any(file.read(section_size)):
            raise ValueError
    for at in range(0, program_size * program_count, program_size):
        offset = number(table, at + (8 if wide else 4), word)
        length = number(table, at + (32 if wide else 16), word)
        end = max(end, offset + length)
    return end


def _import(package: ModuleType) -> Any:
    # Not as an attribute of the package: to look for that is to come here.
    name = f"{package.__name__}.{_MODULE}"
    __import__(name)
    return sys.modules[name]


def _forget(package: ModuleType) -> None:
    sys.modules.pop(f"{package.__name__}.{_MODULE}", None)
    vars(package).pop(_MODULE, None)
