"""The native module where no context of the package is in between."""

from __future__ import annotations

import base64
import datetime
import ssl
from unittest import mock

import modes
import pytest
import trustbridge
from cryptography import x509
from pki import DER, UTC, Authority
from servers import Server, exchange_socket, server_context
from trustbridge import _native

in_handshake = pytest.mark.skipif(
    modes.current() != modes.IN_HANDSHAKE, reason="reads contexts through pointers"
)


@pytest.fixture
def context():
    return trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Pretender:
    """Says that it is a context."""

    __class__ = ssl.SSLContext  # type: ignore[assignment]


@in_handshake
@pytest.mark.parametrize("use", [_native.Trust, _native.read_settings])
def test_contexts_are_told_by_their_real_type(use):
    for value in (mock.Mock(spec=ssl.SSLContext), mock.MagicMock(spec_set=ssl.SSLContext)):
        assert isinstance(value, ssl.SSLContext)
        with pytest.raises(TypeError, match=r"not an ssl\.SSLContext"):
            use(value)
    assert isinstance(Pretender(), ssl.SSLContext)
    with pytest.raises(TypeError, match=r"not an ssl\.SSLContext"):
        use(Pretender())


def crl_in(form: str, crl: bytes):
    return crl.decode() if form == "PEM" else x509.load_pem_x509_crl(crl).public_bytes(DER)


@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_crls_from_memory(context, system_ca, form):
    """`ssl` skips or refuses them; here they are for programs that have no file."""
    leaf, other = system_ca.leaf("localhost"), system_ca.leaf("localhost")
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    context.load_verify_locations(cadata=crl_in(form, system_ca.crl(leaf.certificate)))
    assert context.cert_store_stats()["crl"] == 1
    with Server(server_context(leaf)) as server:
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            exchange_socket(context, server.address)
    assert caught.value.verify_code == 23
    with Server(server_context(other)) as server:
        assert exchange_socket(context, server.address) == b"ping"


def test_crls_and_certificates_from_memory_together(context, other_ca):
    leaf = other_ca.leaf("localhost")
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    context.load_verify_locations(cadata=(other_ca.pem + other_ca.crl(leaf.certificate)).decode())
    with Server(server_context(leaf)) as server:
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            exchange_socket(context, server.address)
    assert caught.value.verify_code == 23


@pytest.mark.parametrize("data", [b"\x30\x03\x02\x01\x01", b"\x30\x00", b"no certificate"])
def test_what_is_neither_a_certificate_nor_a_crl_is_refused(context, data):
    with pytest.raises(ssl.SSLError):
        context.load_verify_locations(cadata=data)
    assert context.cert_store_stats() == {"x509": 1, "crl": 0, "x509_ca": 1}  # the system's


REJECTED_FOR_SERVERS = b"\x30\x0c\xa0\x0a\x06\x08" + bytes((43, 6, 1, 5, 5, 7, 3, 1))


def rejected(der: bytes) -> str:
    """What `openssl x509 -trustout -addreject serverAuth` makes of a certificate."""
    body = base64.encodebytes(der + REJECTED_FOR_SERVERS).decode()
    return f"-----BEGIN TRUSTED CERTIFICATE-----\n{body}-----END TRUSTED CERTIFICATE-----\n"


@pytest.mark.parametrize("how", ["cafile", "cadata", "capath"])
def test_rejections_loaded_hold_for_the_systems_certificates(
    context, trusted_server, system_ca, tmp_path, how
):
    assert exchange_socket(context, trusted_server.address) == b"ping"
    text = rejected(system_ca.der)
    (tmp_path / "01234567.0").write_text(text)
    where = {"cafile": tmp_path / "01234567.0", "cadata": text, "capath": tmp_path}[how]
    context.load_verify_locations(**{how: where})
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        exchange_socket(context, trusted_server.address)
    assert caught.value.kind == "Distrusted", caught.value
    # Loaded again without settings, and under another certificate of the same key.
    context.load_verify_locations(cadata=system_ca.pem.decode())
    with pytest.raises(ssl.SSLCertVerificationError):
        exchange_socket(context, trusted_server.address)


def test_rejected_certificates_are_not_listed(context, other_ca):
    before = context.get_ca_certs(True)
    context.load_verify_locations(cadata=rejected(other_ca.der))
    assert context.get_ca_certs(True) == before


def test_loading_one_by_one_does_not_end_with_a_quadratic_wait(other_ca):
    """16,000 certificates, each loaded on its own: with the square of it this takes minutes."""
    der, serial = other_ca.der, other_ca.certificate.serial_number
    old = serial.to_bytes((serial.bit_length() + 8) // 8, "big")
    assert der.count(old) == 1
    trust = _native.Trust()
    for index in range(16000):
        trust.add(_native.read_der(der.replace(old, old[:-2] + index.to_bytes(2, "big"))))
    assert trust.roots == 16000


def test_anchor_has_the_source_it_was_given():
    authority = Authority("a root of a variable")
    trust = _native.Trust()
    batch = _native.read_der(authority.der)
    trust.replace_system([batch], ["SSL_CERT_FILE somewhere"], ["SSL_CERT_FILE somewhere"])
    leaf = authority.leaf("localhost")
    verified = trust.connection().verify([leaf.der], "localhost", 0, False)
    assert isinstance(verified, _native.Verified)
    assert verified.source == "SSL_CERT_FILE somewhere"
    assert str(verified).endswith("source: SSL_CERT_FILE somewhere")
    # Loaded as well: then that is what it is trusted for.
    trust.add(batch)
    verified = trust.connection().verify([leaf.der], "localhost", 0, False)
    assert isinstance(verified, _native.Verified)
    assert verified.source == "the extra roots"


def test_a_rejection_names_the_place_of_a_variable(other_ca):
    """And does not say that somebody gave roots to the verifier."""
    past = datetime.datetime(2001, 1, 1, tzinfo=UTC)
    expired = Authority("an old root", not_after=past)
    trust = _native.Trust()
    batches = [_native.read_der(ca.der) for ca in (expired, other_ca)]
    trust.replace_system(batches, ["SSL_CERT_FILE a", "SSL_CERT_DIR b"], ["SSL_CERT_FILE a"])
    report = trust.connection().verify([expired.leaf("a").der], "a", 0, False).report
    assert "- SSL_CERT_FILE a: 0 usable trust anchors, 1 rejected" in report
    assert "in SSL_CERT_FILE a: expired on 2001-01-01" in report
    assert "- the extra roots: 1 usable" in report, "the second has no name"


def test_connection_keeps_its_trust_and_its_verdict(other_ca):
    trust = _native.Trust()
    before = trust.connection()
    assert (before.verified, before.failure) == (None, None)
    assert before.same_trust(trust.connection())
    batch = _native.read_der(other_ca.der)
    trust.add(batch)
    after = trust.connection()
    assert not before.same_trust(after)
    trust.add(batch)  # nothing new
    assert after.same_trust(trust.connection())

    chain = [other_ca.leaf("localhost").der]
    failure = before.verify(chain, "localhost", 0, False)
    assert isinstance(failure, _native.Failure)
    assert before.failure.kind == failure.kind == "UnknownIssuer"
    assert before.verified is None
    verified = after.verify(chain, "localhost", 0, False)
    assert isinstance(verified, _native.Verified)
    assert (after.verified.chain, after.failure) == (verified.chain, None)
    before.resume(after)
    assert (before.verified.chain, before.failure) == (verified.chain, None)


@in_handshake
def test_no_connection_is_left_behind(context):
    """A connection that nobody took must not reach the next one of this thread."""
    left = context._trust.begin_connection()
    _native.end_connection()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    ssl._ssl._SSLContext._wrap_bio(context, incoming, outgoing, False, "localhost")
    assert (left.verified, left.failure) == (None, None)
