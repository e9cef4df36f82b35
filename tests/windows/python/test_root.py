"""A program that injects trusts the CAs that only Windows' store ROOT has, and no others."""

from __future__ import annotations

import os
import subprocess

import modes
import pytest
from root import in_root
from servers import Server, server_context

#: Of the tests' own store: these programs have the system's.
STORE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")

PROGRAM = """
import ssl, sys, urllib.request
import trustbridge
trustbridge.inject_into_ssl()
try:
    urllib.request.urlopen(f"https://localhost:{sys.argv[1]}/", timeout=30)
except urllib.error.URLError as error:
    print(type(error.reason).__name__, error.reason)
except Exception as error:
    # The server echoes, and that is no HTTP: the handshake was good.
    print("connected", type(error).__name__)
"""


def connect(server: Server) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in STORE_VARIABLES}
    done = subprocess.run(
        modes.python("-c", PROGRAM, str(server.port)),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("where", ["in ROOT", "nowhere"])
def test_a_ca(other_ca, untrusted, where):
    with Server(server_context(untrusted)) as server:
        if where == "in ROOT":
            with in_root(other_ca.der):
                assert connect(server).startswith("connected")
        else:
            told = connect(server)
            assert told.startswith("SSLCertVerificationError"), told
            assert "trustbridge tests: other root" in told


def test_a_ca_that_is_taken_out_again(other_ca, untrusted):
    with Server(server_context(untrusted)) as server:
        with in_root(other_ca.der):
            assert connect(server).startswith("connected")
        assert connect(server).startswith("SSLCertVerificationError")


def test_another_name(other_ca):
    with Server(server_context(other_ca.leaf("elsewhere.test"))) as server:
        with in_root(other_ca.der):
            told = connect(server)
    assert told.startswith("SSLCertVerificationError"), told
    assert "elsewhere.test" in told or "localhost" in told


def test_an_expired_certificate(other_ca):
    from pki import PAST

    expired = other_ca.leaf("localhost", not_after=PAST.replace(year=2001))
    with Server(server_context(expired)) as server:
        with in_root(other_ca.der):
            told = connect(server)
    assert told.startswith("SSLCertVerificationError"), told
    assert "expired" in told
