"""What is loaded into a context takes effect, and does what it does in `ssl`."""

from __future__ import annotations

import datetime
import ssl

import pytest
import trustbridge
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from pki import FUTURE, PAST, PEM, Authority
from servers import EXCHANGES, Server, StdContext, exchange_socket, load_chain, server_context
from trustbridge._select import SYSTEM_DECIDES


@pytest.fixture
def context():
    return trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def alone(leaf, path) -> str:
    """A file for `load_cert_chain` without the certificate's issuers."""
    key = leaf.key.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(leaf.certificate.public_bytes(PEM) + key)
    return str(path)


@pytest.fixture(scope="module")
def client_ca() -> Authority:
    return Authority("trustbridge tests: clients' root")


@pytest.fixture
def strict_server(localhost, client_ca):
    """Requires a client certificate, and knows only the root of those."""
    context = server_context(localhost, client_ca=client_ca.der)
    context.verify_mode = ssl.CERT_REQUIRED
    with Server(context) as server:
        yield server


# OpenSSL completes the chain that a context sends for itself with the CAs loaded.


@pytest.mark.parametrize("kind", EXCHANGES)
@pytest.mark.parametrize("first", ["CAs", "certificate"])
@pytest.mark.parametrize("how", ["cafile", "cadata"])
def test_own_chain_is_completed(context, strict_server, client_ca, tmp_path, kind, first, how):
    issuer = client_ca.intermediate("trustbridge tests: clients' issuing CA")
    file = alone(issuer.leaf("client", client=True), tmp_path / "client.pem")
    (tmp_path / "issuer.pem").write_bytes(issuer.pem)
    cas = {"cafile": {"cafile": tmp_path / "issuer.pem"}, "cadata": {"cadata": issuer.der}}[how]
    if first == "certificate":
        context.load_cert_chain(file)
    context.load_verify_locations(**cas)
    if first == "CAs":
        context.load_cert_chain(file)
    assert EXCHANGES[kind](context, strict_server.address) == b"ping"


def test_own_chain_is_completed_from_the_default_certificates(
    context, localhost, system_ca, tmp_path
):
    issuer = system_ca.intermediate("trustbridge tests: another issuing CA")
    client = alone(issuer.leaf("client", client=True), tmp_path / "client.pem")
    server = server_context(localhost, client_ca=issuer.der)
    server.verify_mode = ssl.CERT_REQUIRED
    # The server knows the issuer only, so it needs nothing but the certificate. What counts is
    # that asking for the default certificates does no harm beside a certificate of one's own.
    context.load_cert_chain(client)
    context.load_default_certs()
    server.verify_flags |= ssl.VerifyFlags(0x80000)  # X509_V_FLAG_PARTIAL_CHAIN
    with Server(server) as listening:
        assert exchange_socket(context, listening.address) == b"ping"


def test_completing_a_chain_trusts_nothing(context, untrusted_server, client_ca, tmp_path):
    """OpenSSL's own store gives no verdict on servers."""
    context.load_verify_locations(cadata=client_ca.der)
    context.load_cert_chain(alone(client_ca.leaf("client", client=True), tmp_path / "client.pem"))
    with pytest.raises(ssl.SSLCertVerificationError):
        exchange_socket(context, untrusted_server.address)


def test_what_is_loaded_completes_no_chain_that_is_there(
    context, strict_server, client_ca, tmp_path
):
    issuer = client_ca.intermediate("trustbridge tests: clients' issuing CA")
    load_chain(context, issuer.leaf("client", client=True))
    assert exchange_socket(context, strict_server.address) == b"ping"


# A newer CRL in a context that has made connections.


def newer_crl(authority, certificate) -> bytes:
    """A day younger than those of `Authority.crl`, with the next number."""
    revoked = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
    return (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(PAST + datetime.timedelta(days=1))
        .next_update(FUTURE)
        .add_extension(x509.CRLNumber(2), critical=False)
        .add_revoked_certificate(revoked.revocation_date(PAST).build())
        .sign(authority.key, hashes.SHA256())
        .public_bytes(PEM)
    )


@pytest.mark.parametrize("new_file", [True, False])
def test_newer_crl_takes_effect(context, system_ca, tmp_path, new_file):
    leaf = system_ca.leaf("localhost")
    path = tmp_path / "crl.pem"
    path.write_bytes(system_ca.crl())
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    context.load_verify_locations(path)
    with Server(server_context(leaf)) as server:
        assert exchange_socket(context, server.address) == b"ping"
        if new_file:
            path = tmp_path / "newer.pem"
        path.write_bytes(newer_crl(system_ca, leaf.certificate))
        context.load_verify_locations(path)
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            exchange_socket(context, server.address)
    assert caught.value.verify_code == 23, caught.value


# Devices without a clock: X509_V_FLAG_NO_CHECK_TIME, which `ssl` has no name for.

NO_CHECK_TIME = 0x200000


@pytest.mark.skipif(SYSTEM_DECIDES, reason="the system always checks the time")
@pytest.mark.parametrize("kind", EXCHANGES)
@pytest.mark.parametrize("what", ["root", "server's certificate"])
def test_validity_periods_can_be_ignored(context, what, kind):
    old = PAST + datetime.timedelta(days=1)
    if what == "root":
        authority = Authority("an expired root", not_after=old)
        leaf = authority.leaf("localhost")
    else:
        authority = Authority("a root")
        leaf = authority.leaf("localhost", not_after=old)
    standard = StdContext(ssl.PROTOCOL_TLS_CLIENT)
    with Server(server_context(leaf)) as server:
        for client in (context, standard):
            client.load_verify_locations(cadata=authority.der)
            with pytest.raises(ssl.SSLCertVerificationError) as caught:
                EXCHANGES[kind](client, server.address)
            assert caught.value.verify_code in (10, 20)
            client.verify_flags |= NO_CHECK_TIME
            assert EXCHANGES[kind](client, server.address) == b"ping"
            # Nothing else is ignored.
            with pytest.raises(ssl.SSLCertVerificationError) as caught:
                EXCHANGES[kind](client, server.address, "127.0.0.1")
            assert caught.value.verify_code in (62, 64)


def test_standard_contexts_do_the_same(strict_server, system_ca, client_ca, tmp_path):
    """The tests above say what `ssl` does."""
    issuer = client_ca.intermediate("trustbridge tests: clients' issuing CA")
    context = StdContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=system_ca.der)
    context.load_verify_locations(cadata=issuer.der)
    context.load_cert_chain(alone(issuer.leaf("client", client=True), tmp_path / "client.pem"))
    assert exchange_socket(context, strict_server.address) == b"ping"
