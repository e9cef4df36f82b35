"""Revoked certificates, by the CRLite filters that a distribution keeps on the disk."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys

import modes
import pytest
import trustbridge
from crlite import GOOD, REVOKED, Cache, authority, timestamps
from servers import TIMEOUT, Server, server_context
from trust import make

pytestmark = pytest.mark.skipif(
    sys.platform in ("win32", "darwin"), reason="the system's own verifier decides"
)

DAYS = 86_400


@pytest.fixture(scope="module")
def root():
    return authority()


@pytest.fixture(scope="module")
def leaves(root):
    return {
        "good": root.leaf("localhost", serial=GOOD, extension=timestamps()),
        "revoked": root.leaf("localhost", serial=REVOKED, extension=timestamps()),
        "not covered": root.leaf("localhost", serial=REVOKED, extension=timestamps(b"l" * 32)),
        "no timestamps": root.leaf("localhost", serial=REVOKED),
    }


@pytest.fixture(scope="module")
def servers(leaves):
    running = {name: Server(server_context(leaf)) for name, leaf in leaves.items()}
    for server in running.values():
        server.__enter__()
    yield running
    for server in running.values():
        server.__exit__()


@pytest.fixture
def home(tmp_path, monkeypatch, root):
    """Of a user who has the root in the system's store, and no cache yet."""
    (tmp_path / "store.pem").write_bytes(root.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "store.pem"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def connect(context, server):
    """What was verified, or the error."""
    try:
        with socket.create_connection(server.address, TIMEOUT) as connection:
            with context.wrap_socket(connection, server_hostname="localhost") as secured:
                return secured.verified
    except ssl.SSLCertVerificationError as error:
        return error


def test_connections(home, servers):
    cache = Cache(home)
    revoked = connect(make(), servers["revoked"])
    assert (revoked.kind, revoked.depth, revoked.verify_code) == ("Revoked", 0, 23)
    assert f"the CRLite data in '{cache.directory}', of " in revoked.report
    good = connect(make(), servers["good"])
    until = cache.made + 10 * DAYS
    assert (good.revocation_answered_by, good.revocation_until) == ("crlite", until)
    assert (good.crlite, good.revocation_requested) == ("not-revoked", "off")
    assert "\nCRLite: not revoked; this holds until " in str(good)
    for name, expected in (("not covered", "not-covered"), ("no timestamps", "no-timestamps")):
        unknown = connect(make(), servers[name])
        assert (unknown.crlite, unknown.revocation_answered_by) == (expected, None)
        assert unknown.revocation_until is None


def test_an_answer_can_be_required(home, servers):
    """CRLite answers where a CRL would have to."""
    Cache(home)
    context = make()
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    good = connect(context, servers["good"])
    assert (good.revocation, good.revocation_answered_by) == ("leaf", "crlite")
    assert connect(context, servers["revoked"]).kind == "Revoked"
    refused = connect(context, servers["not covered"])
    assert (refused.kind, refused.verify_code) == ("RevocationUnknown", 3)
    context.distribution_revocation = False
    assert connect(context, servers["good"]).kind == "RevocationUnknown"


def test_what_cannot_be_used(home, servers):
    """Stale and damaged data refuse nobody by themselves; what they list stays revoked."""
    cache = Cache(home, age=11 * DAYS)
    assert connect(make(), servers["good"]).crlite == "stale"
    assert connect(make(), servers["revoked"]).kind == "Revoked"
    cache.write("index.bin", b"upkiidx0")
    other = home / "other"
    other.mkdir()
    damaged = Cache(other)
    damaged.write("one.filter", b"damaged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(other))
        context = make()
        assert connect(context, servers["revoked"]).crlite == "unusable"
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        assert "one.filter" in connect(context, servers["revoked"]).report


def test_it_can_be_turned_off(home, servers):
    Cache(home)
    server = servers["revoked"]
    context = make(distribution_revocation=False)
    assert not context.distribution_revocation and context.distribution_distrust
    verified = connect(context, server)
    assert (verified.crlite, verified.revocation_answered_by) == (None, None)
    context.distribution_revocation = True
    assert connect(context, server).kind == "Revoked"
    context.distribution_revocation = False
    assert connect(context, server).crlite is None
    served = trustbridge.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert not served.distribution_revocation
    served.distribution_revocation = False
    with pytest.raises(ValueError):
        served.distribution_revocation = True


def test_injected(home, servers):
    Cache(home)
    script = """
import socket, ssl, sys, trustbridge
for keywords in ({}, {"distribution_revocation": False}):
    trustbridge.inject_into_ssl(**keywords)
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
        try:
            context = ssl.create_default_context()
            context.wrap_socket(connection, server_hostname="localhost").close()
            print("trusted")
        except ssl.SSLCertVerificationError as error:
            print(error.kind)
trustbridge.extract_from_ssl()
print(trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT).distribution_revocation)
"""
    command = modes.python("-W", "error", "-c", script, str(servers["revoked"].port))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["Revoked", "trusted", "True"], done.stderr


def test_only_below_the_systems_anchors(home, servers, root):
    Cache(home)
    context = make(system_trust=False)
    context.load_verify_locations(cadata=root.der)
    assert connect(context, servers["revoked"]).crlite is None


def test_a_session_does_not_outlive_the_setting(home, servers):
    """What was accepted unasked is not resumed once the filters are asked."""
    Cache(home)
    context = make(distribution_revocation=False)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(servers["revoked"].address, TIMEOUT) as connection:
        with context.wrap_socket(connection, server_hostname="localhost") as secured:
            session = secured.session
    context.distribution_revocation = True
    with socket.create_connection(servers["revoked"].address, TIMEOUT) as connection:
        with pytest.raises((ValueError, ssl.SSLError)):
            context.wrap_socket(connection, server_hostname="localhost", session=session)


def test_verify(home, leaves):
    cache = Cache(home)
    with pytest.raises(trustbridge.VerificationError) as caught:
        trustbridge.verify(leaves["revoked"].chain_der, "localhost")
    assert caught.value.kind == "Revoked"
    off = trustbridge.verify(
        leaves["revoked"].chain_der, "localhost", distribution_revocation=False
    )
    assert off.crlite is None
    good = trustbridge.verify(leaves["good"].chain_der, "localhost")
    assert good.revocation_until == cache.made + 10 * DAYS
    # One second after it has ceased to hold.
    late = trustbridge.verify(leaves["good"].chain_der, "localhost", time=good.revocation_until + 1)
    assert (late.crlite, late.revocation_until) == ("stale", None)


def test_the_command(home, servers):
    Cache(home)

    def check(name, *options):
        host = f"localhost:{servers[name].port}"
        return subprocess.run(
            modes.python("-m", "trustbridge", "check", host, *options),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    done = check("good", "--json")
    answer = json.loads(done.stdout)
    assert (answer["revocation_answered_by"], answer["crlite"]) == ("crlite", "not-revoked")
    assert answer["revocation_until"].endswith(" UTC")
    assert "CRLite: not revoked; this holds until " in check("good").stdout
    done = check("revoked")
    assert done.returncode == 1 and "the CRLite data in" in done.stdout + done.stderr
