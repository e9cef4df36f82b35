"""`danger_allow_weak_keys`: for devices that cannot be replaced, and only where it is set."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustbridge
from servers import Server, StdContext, load_chain
from trust import accepted, make

FIXTURES = Path(__file__).resolve().parents[1] / "cases/fixtures"
NOW = 1_800_000_000
SHOWN = "RSA key of 1024 bits at depth 0 (accepted by danger_allow_weak_keys)"


@pytest.fixture
def weak_server(system_ca):
    context = StdContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    load_chain(context, system_ca.leaf("localhost", rsa_bits=1024))
    with Server(context) as server:
        yield server


def verified(context, server):
    import socket

    with socket.create_connection(server.address, timeout=20) as connection:
        with context.wrap_socket(connection, server_hostname="localhost") as secured:
            return secured.verified


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_weak_key_is_accepted_where_that_is_set(weak_server, trusted_server, version):
    context = make()
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    assert context.danger_allow_weak_keys is False
    assert not accepted(context, weak_server)
    context.danger_allow_weak_keys = True
    assert context.danger_allow_weak_keys is True
    found = verified(context, weak_server)
    assert found.weaknesses == [SHOWN]
    assert str(found).splitlines()[-1] == f"weak: {SHOWN}"
    # Only what needed it says so.
    found = verified(context, trusted_server)
    assert found.weaknesses == [] and "weak" not in str(found)
    context.danger_allow_weak_keys = False
    assert not accepted(context, weak_server)


def test_the_argument(weak_server):
    assert accepted(make(danger_allow_weak_keys=True), weak_server)
    assert not accepted(make(danger_allow_weak_keys=False), weak_server)


def test_no_cipher_string_implies_it(weak_server):
    context = make()
    context.set_ciphers("ALL:@SECLEVEL=0")
    assert not accepted(context, weak_server)


def test_a_session_is_not_resumed_once_it_is_off(weak_server):
    import socket

    context = make(danger_allow_weak_keys=True)
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    def connect(session=None):
        with socket.create_connection(weak_server.address, timeout=20) as connection:
            with context.wrap_socket(
                connection, server_hostname="localhost", session=session
            ) as secured:
                return secured.session, secured.session_reused

    session, _ = connect()
    assert connect(session)[1]
    context.danger_allow_weak_keys = False
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(session)


def test_an_expired_certificate_stays_expired(system_ca):
    from datetime import datetime, timezone

    context = StdContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    leaf = system_ca.leaf(
        "localhost", rsa_bits=1024, not_after=datetime(2001, 1, 1, tzinfo=timezone.utc)
    )
    load_chain(context, leaf)
    with Server(context) as server:
        assert not accepted(make(danger_allow_weak_keys=True), server)


def test_where_it_cannot_be_set(monkeypatch):
    from trustbridge import _context_base, _openssl, _select

    with pytest.raises(ValueError, match=r"^danger_allow_weak_keys: a context for servers"):
        trustbridge.SSLContext(ssl.PROTOCOL_TLS_SERVER, danger_allow_weak_keys=True)
    server = trustbridge.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.danger_allow_weak_keys = False
    monkeypatch.setattr(_select, "SYSTEM_DECIDES", False)
    monkeypatch.setattr(_context_base, "SYSTEM_DECIDES", False)
    with pytest.raises(ValueError, match=r"^danger_allow_weak_keys: OpenSSL mode"):
        _openssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT, danger_allow_weak_keys=True)
    monkeypatch.setattr(_select, "SYSTEM_DECIDES", True)
    monkeypatch.setattr(_context_base, "SYSTEM_DECIDES", True)
    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(ValueError, match=r"^danger_allow_weak_keys: the system's verifier"):
        context.danger_allow_weak_keys = True
    with pytest.raises(ValueError, match=r"^danger_allow_weak_keys: "):
        trustbridge.verify([b""], "localhost", danger_allow_weak_keys=True)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("rsa-1024-root", "RSA key of 1024 bits at depth 1"),
        ("sha1", "signature with SHA-1 at depth 0"),
    ],
)
def test_verify(name, shown):
    leaf, root = ((FIXTURES / f"{name}-{end}.der").read_bytes() for end in ("leaf", "root"))
    settings = {"time": NOW, "extra_roots": [root], "system_trust": False}
    with pytest.raises(trustbridge.VerificationError):
        trustbridge.verify([leaf], "example.com", **settings)
    found = trustbridge.verify([leaf], "example.com", danger_allow_weak_keys=True, **settings)
    assert found.weaknesses == [f"{shown} (accepted by danger_allow_weak_keys)"]
