"""Import ends in success or in ImportError with the reason."""

from __future__ import annotations

import ssl
import subprocess
import sys

import pytest
from trustbridge import _native, _selftest


def importing(change):
    script = f"""
import sys
sys.path[:0] = {sys.path!r}
{change}
try:
    import trustbridge
except ImportError as error:
    print(error)
"""
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout


def test_this_interpreter():
    assert importing("") == ""
    assert _selftest.unsupported() is None
    assert _selftest.compare() is None


@pytest.mark.parametrize(
    "change, reason",
    [
        ("sys.version_info = (3, 99, 0, 'final', 0)", "CPython 3.99 is not one of the versions"),
        ("sys._is_gil_enabled = lambda: False", "free-threaded"),
        ("import _ssl; _ssl.OPENSSL_VERSION_NUMBER = 0x30000001", "but the ssl module uses"),
        ("import _ssl; _ssl.__file__ = '/nonexistent/_ssl.so'", "cannot be found"),
        ("import _socket, _ssl; _ssl.__file__ = _socket.__file__", "no function"),
    ],
)
def test_refusals(change, reason):
    message = importing(change)
    assert message.startswith("trustbridge cannot verify inside the handshakes of ssl: ")
    assert reason in message


def test_other_interpreters(monkeypatch):
    """The selector of the native module sees them first."""
    monkeypatch.setattr(_selftest.sys.implementation, "name", "other")
    assert _selftest.unsupported() == "other is not CPython"


@pytest.mark.parametrize("field", range(5))
def test_every_setting_counts(monkeypatch, field):
    peek = _native.peek

    def wrong(context):
        settings = list(peek(context))
        settings[field] ^= 1 << 4
        return tuple(settings)

    monkeypatch.setattr(_native, "peek", wrong)
    assert "reads as" in _selftest.compare()


def test_only_contexts_are_looked_into():
    for value in (None, 42, object(), ssl.SSLContext, ssl):
        with pytest.raises(TypeError):
            _native.peek(value)
        with pytest.raises(TypeError):
            _native.Trust(value)
