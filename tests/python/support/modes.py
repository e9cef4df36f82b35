"""The mode that the tests run in (`pytest --mode=MODE`), and what differs from one to the other.

Every test runs in both modes. A difference is stated here, with its reason, and nowhere else; a
difference that is not there any more fails too.

`--mode=openssl` is for interpreters that have no native module, or in whose `ssl` it finds no way:
the tests of what goes through a context, with the exceptions of openssl_mode.py.
"""

from __future__ import annotations

import sys

IN_HANDSHAKE, DEFERRED = MODES = ("in-handshake", "deferred")
#: Behaves as IN_HANDSHAKE does, and cannot be forced.
OPENSSL = "openssl"

_OPTION = "trustbridge-mode"


#: The files that need the native module.
NATIVE_ONLY = (
    "test_agreement.py",
    "test_cases.py",
    "test_crlite.py",
    "test_cli.py",
    "test_cli_output.py",
    "test_cli_missing.py",
    "test_cli_run.py",
    "test_deferred.py",
    "test_escape.py",
    "test_parity_attributes.py",
    "test_parity_handshake.py",
    "test_parity_injection.py",
    "test_native.py",
    "test_distrust.py",
    "test_openssl_distrust.py",
    "test_openssl_intermediates.py",
    "test_openssl_mode.py",
    "test_openssl_report.py",
    "test_openssl_store.py",
    "test_select.py",
    "test_security_connections.py",
    "test_selftest.py",
    "test_staple.py",
    "test_store.py",
    "test_system.py",
    "test_certifi.py",
    "test_environment.py",
    "test_export.py",
    "test_respect_cafile.py",
    "test_settings.py",
    "test_trust_source.py",
    "test_verify.py",
    "test_weak_keys.py",
)

#: The mode that this interpreter comes to by itself, as whoever runs the tests knows it.
_best = IN_HANDSHAKE


def set_best(mode: str) -> None:
    global _best
    _best = mode


def best() -> str:
    return _best


def force(mode: str) -> None:
    """Before trustbridge is imported."""
    if mode != OPENSSL:
        sys._xoptions[_OPTION] = mode


def current() -> str:
    return sys._xoptions.get(_OPTION, IN_HANDSHAKE)


def python(*arguments: str) -> list[str]:
    """A command that runs this Python in this mode."""
    forced = ["-X", f"{_OPTION}={current()}"] if _OPTION in sys._xoptions else []
    return [sys.executable, *forced, *arguments]


#: Whether the server is told, with an alert, that it is refused. Deferred: `ssl` has no function
#: that sends one after the handshake.
def has_alerts() -> bool:
    return current() == IN_HANDSHAKE


#: Whether `SSLSocket`s keep client certificates from servers that are refused. Deferred: the
#: verdict comes after the client's last flight. Objects of `wrap_bio` do with TLS 1.3 only.
def withholds_client_certificate() -> bool:
    return current() == IN_HANDSHAKE


#: Tests whose outcome is another one in a mode, and why.
FAILS: dict[str, dict[str, str]] = {
    IN_HANDSHAKE: {},
    DEFERRED: {
        "test_protocol_tls_serves_by_the_standard_rules": (
            "verification is off in the context, so OpenSSL would not ask a client for its "
            "certificate: such a server is refused with SSLError"
        ),
        "test_security_level": (
            "the keys of certificates cannot be measured: above level 2 every one is refused"
        ),
    },
}
