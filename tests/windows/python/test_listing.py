"""The native module's calls of CryptoAPI: ROOT is never listed to verify.

They are counted where they leave the module, in its import table. `test_pure.py` does the same for
the package without native code.
"""

from __future__ import annotations

import ctypes
import struct
from ctypes import wintypes

import pytest
import trustbridge
from pki import Authority
from root import in_root
from servers import Server, server_context
from trust import accepted, make
from verdicts import verdict

_DLL = b"crypt32.dll"
_PE_SIGNATURE, _OPTIONAL_HEADER, _IMPORT_DIRECTORY = 0x3C, 24, 112 + 8
_PAGE_READWRITE = 4
_BY_ORDINAL = 1 << 63
_SLOT = struct.calcsize("P")

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_module = _kernel32.GetModuleHandleW
_module.restype = ctypes.c_void_p
_module.argtypes = [wintypes.LPCWSTR]
_protect = _kernel32.VirtualProtect
_protect.argtypes = [
    *(ctypes.c_void_p, ctypes.c_size_t, wintypes.DWORD, ctypes.POINTER(wintypes.DWORD))
]

_Enum = ctypes.WINFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


def imported(base: int) -> dict[bytes, int]:
    """The functions that a 64-bit module imports from crypt32, with the addresses of its slots."""

    def number(offset: int, form: str = "<I") -> int:
        return struct.unpack(form, ctypes.string_at(base + offset, struct.calcsize(form)))[0]

    slots: dict[bytes, int] = {}
    header = number(_PE_SIGNATURE)
    descriptor = number(header + _OPTIONAL_HEADER + _IMPORT_DIRECTORY)
    # Each is five numbers: the names, two that nobody needs, the DLL, the slots.
    while dll := number(descriptor + 12):
        names, slot = number(descriptor), number(descriptor + 16)
        if ctypes.string_at(base + dll).lower() == _DLL:
            while name := number(names, "<Q"):
                if not name & _BY_ORDINAL:
                    slots[ctypes.string_at(base + name + 2)] = base + slot
                names, slot = names + _SLOT, slot + _SLOT
        descriptor += 20
    return slots


class Calls:
    """What the module asks for certificates of stores, call by call."""

    def __init__(self, slots: dict[bytes, int]) -> None:
        self.looks = self.steps = 0
        self._slot = slots[b"CertEnumCertificatesInStore"]
        self._own = ctypes.c_void_p.from_address(self._slot).value
        self._function = _Enum(self._own)
        self._counting = _Enum(self._count)

    def _count(self, store, previous):
        if previous:
            self.steps += 1
        else:
            self.looks += 1
        return self._function(store, previous)

    def _put(self, function) -> None:
        was = wintypes.DWORD()
        assert _protect(self._slot, _SLOT, _PAGE_READWRITE, ctypes.byref(was))
        ctypes.c_void_p.from_address(self._slot).value = function

    def __enter__(self) -> Calls:
        self._put(ctypes.cast(self._counting, ctypes.c_void_p).value)
        return self

    def __exit__(self, *_) -> None:
        self._put(self._own)


@pytest.fixture
def slots():
    base = _module(trustbridge._native.__file__)
    assert base, trustbridge._native.__file__
    return imported(base)


@pytest.fixture
def calls(slots, monkeypatch):
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):  # with them ROOT is not asked
        monkeypatch.delenv(variable)
    with Calls(slots) as calls:
        yield calls


def test_every_way_to_list_is_counted(slots):
    """The module has no other function that goes through a store."""
    assert b"CertGetCertificateChain" in slots
    listing = {name for name in slots if b"Enum" in name or b"Find" in name}
    assert listing == {b"CertEnumCertificatesInStore"}


@pytest.fixture(scope="module")
def in_root_leaf():
    """A certificate of a CA that ROOT has. Wine reads ROOT once in a process, so the CA stays."""
    authority = Authority("trustbridge tests: root in ROOT")
    with in_root(authority.der):
        yield authority.leaf("localhost")


def test_verifying_does_not_list(in_root_leaf, calls, other_ca, untrusted):
    for _ in range(3):
        assert verdict(in_root_leaf) == "the Windows store ROOT"
        assert verdict(untrusted, extra_roots=[other_ca.der]) == "the extra roots"
        assert verdict(untrusted) == "UnknownIssuer"
    assert calls.steps == 0
    # To be rejected, ROOT was asked whether it has a first certificate.
    assert calls.looks <= 3


def test_connecting_does_not_list(in_root_leaf, calls, untrusted_server):
    with Server(server_context(in_root_leaf)) as server:
        context = make()
        for _ in range(3):
            assert accepted(context, server)
    assert (calls.looks, calls.steps) == (0, 0)
    assert not accepted(make(), untrusted_server)
    assert calls.steps == 0
    assert calls.looks <= 1


def test_the_list_is_counted(calls):
    """That nothing was counted above means something."""
    listed = len(trustbridge._native.read_store().entries())
    assert listed > 0
    assert calls.steps >= listed
