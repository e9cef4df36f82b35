"""A pytest plugin: what the tests of tests/python need to run on CPython for Windows under Wine 8.

The tests run unchanged. What Wine does otherwise than Windows is made up for here where it concerns
the tests' own tools; where it concerns what is tested, it is in differences.py, with what Windows
does otherwise than Unix.
"""

from __future__ import annotations

import ctypes
import socket
from pathlib import Path

import differences
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

HERE = Path(__file__).resolve().parent

_INTEGER_BYTES = 32
_GIVE_UP_AFTER = 1000


def _sign_again(builder: type) -> None:
    """Wine 8 does not read an ECDSA signature with a short number: signs until there is none."""
    sign = builder.sign

    def until_long(self, private_key, algorithm, *arguments, **keywords):
        for _ in range(_GIVE_UP_AFTER):
            made = sign(self, private_key, algorithm, *arguments, **keywords)
            if "ecdsa" not in made.signature_algorithm_oid._name:
                return made
            numbers = decode_dss_signature(made.signature)
            if all((number.bit_length() + 7) // 8 >= _INTEGER_BYTES for number in numbers):
                return made
        raise AssertionError("no signature of full length")

    builder.sign = until_long


def _load(self, name, *arguments, **keywords):
    """`CDLL(None)`, which is the program itself on Unix, is the C runtime."""
    _load_library(self, "msvcrt" if name is None else name, *arguments, **keywords)


def _shutdown(self, how):
    """Winsock refuses to shut a listener down; closing it ends `accept` there."""
    try:
        _socket_shutdown(self, how)
    except OSError as error:
        if error.winerror != 10057:  # WSAENOTCONN
            raise


_sign_again(x509.CertificateBuilder)
_sign_again(x509.CertificateRevocationListBuilder)
_load_library = ctypes.CDLL.__init__
ctypes.CDLL.__init__ = _load
_socket_shutdown = socket.socket.shutdown
socket.socket.shutdown = _shutdown


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent == HERE:
            continue
        reason = differences.reason(item.path.name, item.name)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
