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
from signatures import sign_again

HERE = Path(__file__).resolve().parent


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


sign_again()
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
