"""The system store as a process finds it, each case in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import modes
import pytest
from pki import Authority

SCRIPT = """
import sys
sys.path[:0] = {path!r}
import socket, ssl, trustbridge
context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
{before}
try:
    with socket.create_connection(("127.0.0.1", {port})) as connection:
        with context.wrap_socket(connection, server_hostname="localhost"):
            print("trusted")
except ssl.SSLCertVerificationError as error:
    print(error.kind)
    print(error.report)
"""


def outcome(server, environment, before=""):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SSL_CERT_")}
    done = subprocess.run(
        modes.python("-c", SCRIPT.format(path=sys.path, port=server.port, before=before)),
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    first, _, rest = done.stdout.partition("\n")
    return first, rest


@pytest.fixture
def empty(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    return str(folder)


def test_file(trusted_server, system_file, empty):
    environment = {"SSL_CERT_FILE": system_file, "SSL_CERT_DIR": empty}
    assert outcome(trusted_server, environment) == ("trusted", "")


def test_directory(trusted_server, system_ca, tmp_path, empty):
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "01234567.0").write_bytes(system_ca.pem)
    environment = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": str(folder)}
    assert outcome(trusted_server, environment)[0] == "trusted"


@pytest.mark.parametrize("contents", [None, b"", b"nothing here"])
def test_a_file_that_yields_nothing_is_named(trusted_server, tmp_path, empty, contents):
    path = tmp_path / "store.pem"
    if contents is not None:
        path.write_bytes(contents)
    environment = {"SSL_CERT_FILE": str(path), "SSL_CERT_DIR": empty}
    kind, report = outcome(trusted_server, environment)
    assert kind in ("NoTrustAnchors", "UnknownIssuer")
    assert str(path) in report


def test_another_system_root(trusted_server, other_ca, tmp_path, empty):
    path = tmp_path / "store.pem"
    path.write_bytes(other_ca.pem)
    environment = {"SSL_CERT_FILE": str(path), "SSL_CERT_DIR": empty}
    kind, report = outcome(trusted_server, environment)
    assert kind == "UnknownIssuer"
    assert f"{path}: 1 usable trust anchor" in report


def test_environment_is_looked_at_when_the_context_is_made(
    trusted_server, system_file, other_ca, tmp_path, empty
):
    """As with OpenSSL, where loading the defaults is the moment; here also the making."""
    path = tmp_path / "store.pem"
    path.write_bytes(other_ca.pem)
    environment = {"SSL_CERT_FILE": str(path), "SSL_CERT_DIR": empty}
    change = f"import os; os.environ['SSL_CERT_FILE'] = {system_file!r}"
    assert outcome(trusted_server, environment, change)[0] == "UnknownIssuer"
    for again in ("context.load_default_certs()", "context.set_default_verify_paths()"):
        assert outcome(trusted_server, environment, f"{change}; {again}")[0] == "trusted"


@pytest.mark.parametrize("fault", ["expired", "not a CA"])
def test_refused_anchor_is_named(tmp_path, empty, fault):
    import datetime

    from pki import UTC
    from servers import Server, server_context

    options = {
        "expired": {"not_after": datetime.datetime(2001, 1, 1, tzinfo=UTC)},
        "not a CA": {"ca": False},
    }[fault]
    authority = Authority("a root at fault", **options)
    path = tmp_path / "store.pem"
    path.write_bytes(authority.pem)
    with Server(server_context(authority.leaf("localhost"))) as server:
        environment = {"SSL_CERT_FILE": str(path), "SSL_CERT_DIR": empty}
        kind, report = outcome(server, environment)
    assert kind != "trusted"
    assert "Candidates rejected:" in report
    assert fault in report
