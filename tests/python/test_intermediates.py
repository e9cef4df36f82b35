"""Servers that do not send their intermediate: named, and completed from a directory."""

from __future__ import annotations

import ctypes
import errno
import os
import ssl
import sys

import pytest
from pki import DER, Authority
from servers import Server, exchange_socket, server_context
from trust import accepted, make

URL = "http://ca.test/issuing.der"
VARIABLE = "TRUSTBRIDGE_INTERMEDIATES_DIR"


@pytest.fixture(scope="session")
def issuing(system_ca) -> Authority:
    return system_ca.intermediate("trustbridge tests: forgotten CA")


@pytest.fixture(scope="session")
def alone(issuing):
    """A certificate whose server sends nothing else."""
    return issuing.leaf("localhost", "127.0.0.1", issuer_url=URL, alone=True)


@pytest.fixture
def server(alone):
    with Server(server_context(alone)) as server:
        yield server


@pytest.fixture
def directory(tmp_path, issuing):
    directory = tmp_path / "intermediates"
    directory.mkdir()
    (directory / "issuing.pem").write_bytes(issuing.pem)
    return directory


def refusal(context, server) -> ssl.SSLCertVerificationError:
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        exchange_socket(context, server.address)
    return caught.value


def test_missing_issuer(server):
    error = refusal(make(), server)
    assert error.kind == "UnknownIssuer"
    if error.missing_issuer is None:  # OpenSSL mode, before Python 3.13
        assert error.depth is None
        return
    assert error.missing_issuer == ("CN=trustbridge tests: forgotten CA", URL)


def test_no_missing_issuer(untrusted_server, system_ca):
    assert refusal(make(), untrusted_server).missing_issuer in (
        None,  # OpenSSL mode, before Python 3.13
        ("CN=trustbridge tests: other root", None),
    )
    with Server(server_context(system_ca.leaf("elsewhere.test"))) as server:
        assert refusal(make(), server).missing_issuer is None


def test_directory(server, directory):
    assert not accepted(make(), server)
    assert accepted(make(intermediates=directory), server)
    assert accepted(make(intermediates=str(directory)), server)


def test_der(server, directory, issuing):
    (directory / "issuing.pem").unlink()
    (directory / "issuing.cer").write_bytes(issuing.certificate.public_bytes(DER))
    assert accepted(make(intermediates=directory), server)


def test_variable(monkeypatch, server, directory):
    monkeypatch.setenv(VARIABLE, str(directory))
    context = make()
    assert accepted(context, server)
    context.load_default_certs()
    assert accepted(context, server)
    monkeypatch.setenv(VARIABLE, "")
    assert not accepted(make(), server)


def test_settings_stay(server, directory):
    """What else is loaded or read again does not lose the directory."""
    context = make(intermediates=directory)
    context.load_default_certs()
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata=Authority("trustbridge tests: one more").pem.decode())
    assert accepted(context, server)


def test_nothing_there_is_trusted(untrusted_server, directory, other_ca, issuing, system_ca):
    """A root in the directory is no trust anchor, nor an intermediate without its root."""
    (directory / "root.pem").write_bytes(other_ca.pem)
    assert not accepted(make(intermediates=directory), untrusted_server)
    stranger = Authority("trustbridge tests: unknown root")
    below = stranger.intermediate("trustbridge tests: below it")
    (directory / "below.pem").write_bytes(below.pem)
    with Server(server_context(below.leaf("localhost", "127.0.0.1", alone=True))) as server:
        assert not accepted(make(intermediates=directory), server)
        # OpenSSL would take it for a trust anchor with this bit.
        context = make(intermediates=directory)
        context.verify_flags |= 0x80000
        assert context.verify_flags & 0x80000
        assert not accepted(context, server)
    with Server(server_context(issuing.leaf("localhost", "127.0.0.1", alone=True))) as server:
        context = make(intermediates=directory, system_trust=False)
        context.load_verify_locations(cadata=other_ca.pem.decode())
        assert not accepted(context, server)


def test_not_among_the_ca_certificates(server, directory, system_ca):
    context = make(intermediates=directory)
    assert accepted(context, server)
    assert context.get_ca_certs(True) == [system_ca.certificate.public_bytes(DER)]
    assert len(context.get_ca_certs()) == 1


def test_no_directory(server, tmp_path):
    error = refusal(make(intermediates=tmp_path / "missing"), server)
    assert error.kind == "UnknownIssuer"
    words = {os.strerror(errno.ENOENT)}
    if sys.platform == "win32":  # a file or a path cannot be found, in the system's own words
        words = {ctypes.FormatError(code).rstrip(". ") for code in (2, 3)}
    assert any(text in error.report for text in words)
    assert str(tmp_path / "missing") in error.report


def test_contexts_for_servers(directory):
    import trustbridge

    with pytest.raises(ValueError, match="intermediates"):
        trustbridge.SSLContext(ssl.PROTOCOL_TLS_SERVER, intermediates=directory)
    with pytest.raises(TypeError):
        make(intermediates=5)
