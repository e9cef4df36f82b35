"""Import ends in success or in ImportError with the reason."""

from __future__ import annotations

import ssl
import subprocess
import sys

import pytest
from trustbridge import _native, _selftest


def importing(change, *options):
    """Imports after a change of the interpreter; the mode, and why it is not a better one."""
    script = f"""
import sys
sys.path[:0] = {sys.path!r}
{change}
try:
    import trustbridge
except ImportError as error:
    print("ImportError:", error)
else:
    print(trustbridge.HANDSHAKE_MODE, *trustbridge._mode.reasons.values())
"""
    command = [sys.executable, *options, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_this_interpreter():
    assert importing("") == "in-handshake"
    assert _selftest.unsupported() is None
    assert _selftest.failure() is None


@pytest.mark.parametrize(
    "change, reason",
    [
        ("sys.version_info = (3, 99, 0, 'final', 0)", "CPython 3.99 is not one of the versions"),
        ("sys._is_gil_enabled = lambda: False", "free-threaded"),
        ("import _ssl; _ssl.OPENSSL_VERSION_NUMBER = 0x30000001", "but the ssl module uses"),
        ("import _ssl; _ssl.__file__ = '/nonexistent/_ssl.so'", "cannot be found"),
        ("import _queue, _ssl; _ssl.__file__ = _queue.__file__", "no function"),
    ],
)
def test_without_the_callback_the_verdict_is_deferred(change, reason):
    found = importing(change)
    assert found.startswith("deferred ")
    assert reason in found
    refused = importing(change, "-X", "trustbridge-mode=in-handshake")
    assert refused.startswith("ImportError: trustbridge cannot verify the connections of ssl here:")
    assert reason in refused


NO_CHAIN = """
import _ssl
class _SSLSocket: version = None
_ssl._SSLSocket = _SSLSocket
"""


@pytest.mark.parametrize(
    "change, reason",
    [
        (NO_CHAIN, "no get_unverified_chain"),
        ("import _ssl; del _ssl.Certificate", "no public_bytes"),
        ("import ssl; del ssl.OP_NO_RENEGOTIATION", "cannot refuse renegotiation"),
    ],
)
def test_neither_mode(change, reason):
    found = importing("sys.version_info = (3, 99, 0, 'final', 0)\n" + change)
    assert found.startswith("ImportError: trustbridge cannot verify the connections of ssl here: ")
    assert "CPython 3.99 is not one of the versions" in found
    assert reason in found


def test_switch():
    assert importing("", "-X", "trustbridge-mode=deferred") == "deferred deferred was asked for"
    assert "has no mode 'off'" in importing("", "-X", "trustbridge-mode=off")
    assert "has no mode True" in importing("", "-X", "trustbridge-mode")


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
        if value is not None:
            with pytest.raises(TypeError):
                _native.Trust(value)


def test_words_without_openssl():
    """The deferred mode says what OpenSSL 3 would say, for every number the core gives."""
    import _ssl
    import ctypes
    import pathlib
    import re

    source = pathlib.Path(__file__).parents[2] / "python" / "src" / "judge.rs"
    if not source.exists() or ssl.OPENSSL_VERSION_INFO[0] != 3:
        pytest.skip("needs the sources and OpenSSL 3")
    words = re.findall(r'^ +(\d+) => "(.*)",$', source.read_text(), re.MULTILINE)
    errors = source.parents[2] / "src" / "error.rs"
    table = errors.read_text().partition("fn openssl_code")[2].partition("pub fn ")[0]
    needed = {int(code) for code in re.findall(r" => (\d+),$", table, re.MULTILINE)}
    assert len(needed) > 20
    assert {int(code) for code, _ in words} >= needed - {1}
    function = ctypes.CDLL(_ssl.__file__).X509_verify_cert_error_string
    function.argtypes, function.restype = [ctypes.c_long], ctypes.c_char_p
    assert words
    for code, text in words:
        assert function(int(code)).decode() == text, code
