"""Import ends in success or in ImportError with the reason."""

from __future__ import annotations

import ssl
import subprocess
import sys
import types

import modes
import pytest
from test_select import copy
from trustbridge import _native, _select, _selftest


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
    mode = trustbridge.HANDSHAKE_MODE
    print(mode, *sys.modules["trustbridge._mode"].reasons.values())
"""
    command = [sys.executable, *options, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_this_interpreter():
    assert importing("").split()[0] == modes.best()
    if modes.best() == modes.IN_HANDSHAKE:
        assert _selftest.unsupported() is None
        assert _selftest.failure() is None


def in_handshake(test):
    """For interpreters whose best mode that is."""
    return pytest.mark.skipif(
        "modes.best() != modes.IN_HANDSHAKE", reason="its OpenSSL cannot be reached"
    )(test)


@in_handshake
@pytest.mark.parametrize(
    "change, reason",
    [
        ("sys.version_info = (3, 99, 0, 'final', 0)", "is not one of the versions"),
        (
            "sys.version = '3.99.0 free-threading build (main)'\n"
            "sys.version_info = (3, 99, 0, 'final', 0)",
            "CPython 3.99, free-threaded, is not one of the versions",
        ),
        ("import _ssl; _ssl.OPENSSL_VERSION_NUMBER = 0x30000001", "but the ssl module uses"),
        ("import _ssl; _ssl.__file__ = '/nonexistent/_ssl.so'", "cannot be found"),
        ("import _ctypes, _ssl; _ssl.__file__ = _ctypes.__file__", "no function"),
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
        ("import ssl; del ssl.OP_NO_RENEGOTIATION", "cannot disable renegotiation"),
    ],
)
def test_neither_mode(change, reason):
    """OpenSSL itself verifies where it can be fed with the store, which is on Unix. Who forces a
    mode wants that."""
    change = "sys.version_info = (3, 99, 0, 'final', 0)\n" + change
    found = importing(change)
    words = found
    other_system = ""
    if not _select.SYSTEM_DECIDES:
        assert found.startswith("openssl ")
        other_system = "import os\nsys.platform = 'darwin'\n"
    for options, system in (
        (("-X", "trustbridge-mode=in-handshake"), ""),
        (("-X", "trustbridge-mode=deferred"), ""),
        ((), other_system),
    ):
        found = importing(system + change, *options)
        start = "ImportError: trustbridge cannot verify the connections of ssl here: "
        assert found.startswith(start), (options, system, found)
        words += found
    assert words.count("not one of the versions it is tested on") >= 3
    assert words.count(reason) >= 3


def test_neither_mode_still_verifies(trusted_server, untrusted_server):
    found = importing(
        f"""
import _ssl, socket, ssl
real = _ssl._SSLSocket
class _SSLSocket: version = None
_ssl._SSLSocket = _SSLSocket
version, sys.version_info = sys.version_info, (3, 99, 0, 'final', 0)
import trustbridge
assert trustbridge.HANDSHAKE_MODE == "openssl"
sys.version_info = version  # or what 3.10 has not would be tried
for injected in (False, True):
    for port in ({trusted_server.port}, {untrusted_server.port}):
        context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if injected:
            trustbridge.inject_into_ssl()
            context = ssl.create_default_context()
        with socket.create_connection(("127.0.0.1", port)) as connection:
            try:
                with context.wrap_socket(connection, server_hostname="localhost") as secured:
                    print(secured.version())
            except ssl.SSLCertVerificationError as error:
                print("issuer is not known" in str(error))
trustbridge.extract_from_ssl()
"""
    )
    assert found.splitlines()[:4] == ["TLSv1.3", "True", "TLSv1.3", "True"]
    assert found.splitlines()[4].startswith("openssl ")


def test_switch():
    assert importing("", "-X", "trustbridge-mode=deferred") == "deferred deferred was requested"
    assert "has no mode 'off'" in importing("", "-X", "trustbridge-mode=off")
    assert "has no mode True" in importing("", "-X", "trustbridge-mode")


def test_a_mode_that_was_asked_for_needs_the_native_module(tmp_path):
    copy(tmp_path)
    found = importing(f"sys.path.insert(0, {str(tmp_path)!r})", "-X", "trustbridge-mode=deferred")
    assert found.startswith("ImportError: trustbridge cannot verify the connections of ssl here:")
    assert "there is no native module" in found


@pytest.mark.skipif(sys.platform == "win32", reason="the mode is chosen at import there")
def test_importing_loads_nothing_else():
    """A context, of which the first initialises OpenSSL, the mode and the native module come when
    they are asked for."""
    importing(
        """
import trustbridge
loaded = {name for name in sys.modules if "trustbridge" in name}
assert loaded == {"trustbridge", "trustbridge._std"}, loaded
"""
    )


def test_threads_that_ask_at_once():
    found = importing(
        """
import threading, trustbridge
names = [name for name in trustbridge.__all__ if name != "export_pem"] * 4
start, found = threading.Barrier(len(names)), []
def ask(name):
    start.wait()
    found.append((name, getattr(trustbridge, name)))
threads = [threading.Thread(target=ask, args=(name,)) for name in names]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert len(found) == len(names) and len(set(found)) == len(set(names)), found
"""
    )
    assert found.split()[0] == modes.best()


def test_classes_are_those_of_the_import():
    """Whatever has been put in their place before the first use."""
    found = importing(
        """
import ssl, trustbridge
standard = ssl.SSLContext, ssl.SSLSocket, ssl.SSLObject
for one in standard:
    setattr(ssl, one.__name__, type(one.__name__, (one,), {}))
for one in standard:
    ours = getattr(trustbridge, one.__name__)
    assert one in ours.__mro__ and getattr(ssl, one.__name__) not in ours.__mro__
"""
    )
    assert found.split()[0] == modes.best()


@in_handshake
def test_an_openssl_that_makes_no_context(monkeypatch):
    def broken(protocol):
        raise ssl.SSLError("no ciphers")

    monkeypatch.setattr(_selftest, "_ssl", types.SimpleNamespace(_SSLContext=broken))
    assert _selftest.failure() == "the self-test ended with SSLError: ('no ciphers',)"


def test_other_interpreters(monkeypatch):
    """The selector of the native module sees them first."""
    monkeypatch.setattr(_selftest.sys.implementation, "name", "other")
    assert _selftest.unsupported() == "other is not CPython"


@in_handshake
@pytest.mark.parametrize(
    ("version", "text"),
    [
        ((1, 1, 1, 20, 15), "OpenSSL 1.1.1t  7 Feb 2023"),
        ((2, 0, 0, 0, 0), "LibreSSL 3.8.2"),
        ((3, 0, 0, 0, 0), "SomethingElse 3.0"),
        ((5, 0, 0, 0, 0), "OpenSSL 5.0.0 1 Apr 2029"),
    ],
)
def test_other_versions_of_openssl(monkeypatch, version, text):
    """The reason is what the interpreter has, not the function that this lacks."""
    monkeypatch.setattr(ssl, "OPENSSL_VERSION_INFO", version)
    monkeypatch.setattr(ssl, "OPENSSL_VERSION", text)
    reason = f"it needs OpenSSL 3 or 4, and this interpreter has {text}"
    assert _selftest.unsupported() == reason


@in_handshake
@pytest.mark.parametrize("field", range(5))
def test_every_setting_counts(monkeypatch, field):
    read_settings = _native.read_settings

    def wrong(context):
        settings = list(read_settings(context))
        settings[field] ^= 1 << 4
        return tuple(settings)

    monkeypatch.setattr(_native, "read_settings", wrong)
    assert "reads as" in _selftest.compare()


@in_handshake
def test_only_contexts_are_looked_into():
    for value in (None, 42, object(), ssl.SSLContext, ssl):
        with pytest.raises(TypeError):
            _native.read_settings(value)
        if value is not None:
            with pytest.raises(TypeError):
                _native.Trust(value)


def test_words_without_openssl():
    """The deferred mode says what OpenSSL 3 would say, for every number the core gives."""
    import _ssl
    import ctypes
    import pathlib
    import re

    source = pathlib.Path(__file__).parents[2] / "python" / "src" / "verdict.rs"
    if not source.exists() or ssl.OPENSSL_VERSION_INFO[0] != 3:
        pytest.skip("needs the sources and OpenSSL 3")
    if ssl.OPENSSL_VERSION_INFO[:2] > (3, 5):
        pytest.skip("says some things in other words")
    words = re.findall(r'^ +(\d+) => "(.*)",$', source.read_text(), re.MULTILINE)
    errors = source.parents[2] / "src" / "kind.rs"
    table = errors.read_text().partition("fn openssl_code")[2].partition("\n    }\n")[0]
    needed = {int(code) for code in re.findall(r" => (\d+),$", table, re.MULTILINE)}
    assert len(needed) > 20
    assert {int(code) for code, _ in words} >= needed - {1}
    if modes.best() != modes.IN_HANDSHAKE:
        pytest.skip("its OpenSSL cannot be reached")
    function = ctypes.CDLL(_ssl.__file__).X509_verify_cert_error_string
    function.argtypes, function.restype = [ctypes.c_long], ctypes.c_char_p
    assert words
    for code, text in words:
        assert function(int(code)).decode() == text, code
