"""The mode that the tests run in (`pytest --mode=MODE`), and what differs from one to the other.

Every test runs in both modes. A difference is stated here, with its reason, and nowhere else; a
difference that is not there any more fails too.
"""

from __future__ import annotations

import sys

IN_HANDSHAKE, DEFERRED = MODES = ("in-handshake", "deferred")

_OPTION = "trustbridge-mode"


def force(mode: str) -> None:
    """Before trustbridge is imported."""
    sys._xoptions[_OPTION] = mode


def current() -> str:
    return sys._xoptions[_OPTION]


def python(*arguments: str) -> list[str]:
    """A command that runs this Python in this mode."""
    return [sys.executable, "-X", f"{_OPTION}={current()}", *arguments]


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
