"""A program that injects trusts the CAs that only Windows' store ROOT has, and no others."""

from __future__ import annotations

import base64
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

WITH_A_FILE = """
import socket, ssl, sys
import trustbridge
context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(sys.argv[2])
try:
    with socket.create_connection(("localhost", int(sys.argv[1])), timeout=30) as plain:
        context.wrap_socket(plain, server_hostname="localhost").close()
    print("connected")
except ssl.SSLCertVerificationError as error:
    print(error)
"""

#: OpenSSL's `CertAux`, which follows the certificate in a `TRUSTED CERTIFICATE` block.
REJECTS_SERVERS = bytes.fromhex("300c a00a 0608 2b06010505070301")

LISTING = """
import sys
from root import in_root
from trustbridge import _environment

def listed(der):
    found = [entry[2:4] for entry in _environment.read_store().entries() if entry[0] == der]
    return found[0] if found else "not listed"

for der in map(bytes.fromhex, sys.argv[1:]):
    print(listed(der))
    with in_root(der):
        print(listed(der))
    print(listed(der))
"""


def connect(server: Server) -> str:
    return run(PROGRAM, str(server.port))


def run(program: str, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in STORE_VARIABLES}
    done = subprocess.run(
        modes.python("-c", program, *arguments),
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


@pytest.mark.parametrize("rejected", [False, True])
def test_a_ca_that_the_caller_rejects(other_ca, untrusted, tmp_path, rejected):
    """Trust settings that a program loads hold for what Windows trusts, too."""
    body = base64.encodebytes(other_ca.der + (REJECTS_SERVERS if rejected else b"")).decode()
    file = tmp_path / "settings.pem"
    file.write_text(
        f"-----BEGIN TRUSTED CERTIFICATE-----\n{body}-----END TRUSTED CERTIFICATE-----\n"
    )
    with Server(server_context(untrusted)) as server, in_root(other_ca.der):
        told = run(WITH_A_FILE, str(server.port), str(file))
    if rejected:
        assert "trustbridge tests: other root' is rejected by the extra roots" in told
    else:
        assert told.strip() == "connected"


def test_the_list_has_what_connections_trust(other_ca):
    """Also a root that was added since, and an expired one with the reason."""
    from pki import PAST, Authority

    expired = Authority("trustbridge tests: expired root", not_after=PAST.replace(year=2001))
    lines = run(LISTING, other_ca.der.hex(), expired.der.hex()).splitlines()
    trusted, refused = lines[1], lines[4]
    assert [lines[at] for at in (0, 2, 3, 5)] == ["not listed"] * 4
    assert trusted == "('the Windows store ROOT', None)"
    assert refused.startswith("('the Windows store ROOT', 'expired on 2001-")
