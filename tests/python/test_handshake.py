"""The verdict is given inside the handshake, from the settings of the connection."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl

import modes
import pytest
import trustbridge
from pki import Authority, self_signed
from servers import (
    EXCHANGES,
    TIMEOUT,
    Bio,
    Server,
    StdContext,
    exchange_bio,
    exchange_socket,
    load_chain,
    server_context,
)


@pytest.fixture
def context():
    return trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.mark.parametrize("kind", EXCHANGES)
def test_trusted(context, trusted_server, kind):
    assert EXCHANGES[kind](context, trusted_server.address) == b"ping"


@pytest.mark.parametrize("kind", EXCHANGES)
def test_untrusted(context, untrusted_server, kind):
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        EXCHANGES[kind](context, untrusted_server.address)
    error = caught.value
    assert error.verify_code == 20
    assert error.verify_message == "unable to get local issuer certificate"
    assert "certificate verify failed: unable to get local issuer certificate: " in str(error)
    assert error.report.startswith("localhost: issuer is not known")
    assert error.kind == "UnknownIssuer"
    # The standard library without any CA is refused in the same way (asyncio of CPython 3.10
    # hangs up without the alert).
    with pytest.raises(ssl.SSLCertVerificationError):
        EXCHANGES[kind](StdContext(ssl.PROTOCOL_TLS_CLIENT), untrusted_server.address)
    untrusted_server.finish()
    if modes.has_alerts():
        ours, standard = untrusted_server.errors
        assert ours.reason == standard.reason
        if kind != "asyncio":
            assert ours.reason == "TLSV1_ALERT_UNKNOWN_CA"
    assert untrusted_server.received == []


def test_exception_has_two_arguments_and_the_report(context, untrusted_server, system_file):
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        exchange_socket(context, untrusted_server.address)
    error = caught.value
    assert error.args == (1, error.strerror)
    assert error.strerror.startswith("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: ")
    # The place in the source belongs to OpenSSL's own error queue.
    assert ("(_ssl.c:" in error.strerror) is modes.has_alerts()
    assert system_file in error.report
    assert "\n" not in str(error)
    if hasattr(error, "add_note"):
        assert error.__notes__ == [error.report]


@pytest.mark.parametrize(
    "tls, version", [("1.2", ssl.TLSVersion.TLSv1_2), ("1.3", ssl.TLSVersion.TLSv1_3)]
)
def test_client_certificate_is_not_sent_to_a_rejected_server(
    context, system_ca, untrusted, localhost, tls, version
):
    load_chain(context, system_ca.leaf("a client", client=True))
    for leaf, sent in ((untrusted, False), (localhost, True)):
        serving = server_context(leaf, client_ca=system_ca.der)
        serving.minimum_version = serving.maximum_version = version
        with Server(serving) as server:
            if sent:
                assert exchange_socket(context, server.address) == b"ping"
            else:
                with pytest.raises(ssl.SSLCertVerificationError):
                    exchange_socket(context, server.address)
            server.finish()
            assert [certificate is not None for certificate in server.client_certificates] == (
                [True] if sent or not modes.withholds_client_certificate() else []
            )


def faulty_leaves():
    past, future = (2000, 2001), (2998, 2999)
    return {
        "expired": (10, "SSLV3_ALERT_CERTIFICATE_EXPIRED", "localhost", past),
        "not yet valid": (9, "SSLV3_ALERT_BAD_CERTIFICATE", "localhost", future),
        "wrong name": (62, "SSLV3_ALERT_BAD_CERTIFICATE", "elsewhere.test", (2000, 2999)),
    }


@pytest.mark.parametrize("fault", faulty_leaves())
def test_other_faults(context, system_ca, fault):
    import datetime

    code, alert, name, (begin, end) = faulty_leaves()[fault]
    leaf = system_ca.leaf(
        name,
        not_before=datetime.datetime(begin, 1, 1, tzinfo=datetime.timezone.utc),
        not_after=datetime.datetime(end, 1, 1, tzinfo=datetime.timezone.utc),
    )
    standard = StdContext(ssl.PROTOCOL_TLS_CLIENT)
    standard.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(system_ca.der))
    for client in (context, standard):
        with Server(server_context(leaf)) as server:
            with pytest.raises(ssl.SSLCertVerificationError) as caught:
                exchange_socket(client, server.address)
            server.finish()
            assert caught.value.verify_code == code
            if modes.has_alerts() or client is standard:
                assert alert in str(server.errors[0])
            assert server.received == []


def test_name_is_checked_as_the_connection_asks(context, trusted_server):
    address = trusted_server.address
    assert exchange_socket(context, address, "127.0.0.1") == b"ping"
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        exchange_socket(context, address, "127.0.0.2")
    assert caught.value.verify_code == 64
    # These are the words of `ssl`, which programs search for.
    message = "IP address mismatch, certificate is not valid for '127.0.0.2'."
    assert caught.value.verify_message == message and message in str(caught.value)
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        exchange_socket(context, address, "localhost.example")
    assert caught.value.verify_code == 62
    message = "Hostname mismatch, certificate is not valid for 'localhost.example'."
    assert caught.value.verify_message == message and message in str(caught.value)
    context.check_hostname = False
    assert exchange_socket(context, address, "localhost.example") == b"ping"
    assert exchange_socket(context, address, None) == b"ping"


def test_check_hostname_belongs_to_the_connection(context, trusted_server):
    """A connection keeps what its context said when it was made."""
    with Bio(context, trusted_server.address, "elsewhere.test") as strict:
        context.check_hostname = False
        with Bio(context, trusted_server.address, "elsewhere.test") as lenient:
            context.check_hostname = True
            lenient.run(lenient.object.do_handshake)
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            strict.run(strict.object.do_handshake)
        assert caught.value.verify_code == 62


def test_check_hostname_needs_a_name(context):
    with socket.socket() as connection:
        with pytest.raises(ValueError, match="check_hostname requires server_hostname"):
            context.wrap_socket(connection)


def test_u_label(context, system_ca):
    with Server(server_context(system_ca.leaf("xn--mnchen-3ya.test"))) as server:
        assert exchange_socket(context, server.address, "münchen.test") == b"ping"
        with pytest.raises(ssl.SSLCertVerificationError):
            exchange_socket(context, server.address, "köln.test")


def test_bytes_as_name(context, trusted_server):
    assert exchange_socket(context, trusted_server.address, b"localhost") == b"ping"


@pytest.mark.parametrize("name", ["not a name", "a..b", "x" * 64 + ".test"])
def test_what_is_not_a_name_matches_nothing(context, system_ca, name):
    leaf = system_ca.leaf("localhost", "*.test")
    # From OpenSSL 4 on, it is `ssl` that takes no connection to a name with such characters.
    modern = ssl.OPENSSL_VERSION_INFO >= (4,)
    refused = ssl.SSLError if modern else ssl.SSLCertVerificationError
    with Server(server_context(leaf)) as server:
        with pytest.raises((refused, UnicodeError)):
            exchange_bio(context, server.address, name)


def test_common_name_only_if_asked_for(context, system_ca):
    assert context.hostname_checks_common_name is False
    with Server(server_context(system_ca.leaf(common_name="old.test"))) as server:
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            exchange_socket(context, server.address, "old.test")
        assert caught.value.verify_code == 62
        context.hostname_checks_common_name = True
        assert exchange_socket(context, server.address, "old.test") == b"ping"
        with pytest.raises(ssl.SSLCertVerificationError):
            exchange_socket(context, server.address, "new.test")


def test_verify_modes(context, untrusted_server, trusted_server):
    context.check_hostname = False
    for mode in (ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED):
        context.verify_mode = mode
        assert exchange_socket(context, trusted_server.address) == b"ping"
        with pytest.raises(ssl.SSLCertVerificationError):
            exchange_socket(context, untrusted_server.address)
    context.verify_mode = ssl.CERT_NONE
    assert exchange_socket(context, untrusted_server.address) == b"ping"
    assert exchange_socket(context, untrusted_server.address, "elsewhere.test") == b"ping"
    context.verify_mode = ssl.CERT_REQUIRED
    with pytest.raises(ssl.SSLCertVerificationError):
        exchange_socket(context, untrusted_server.address)


def connect_late(context, address):
    """wrap_socket before connect"""
    with context.wrap_socket(socket.socket(), server_hostname="localhost") as secured:
        secured.settimeout(TIMEOUT)
        secured.connect(address)
        secured.sendall(b"ping")
        return secured.recv(4)


def read_first(context, address):
    """no explicit handshake: the first read makes it"""
    with socket.create_connection(address, TIMEOUT) as connection:
        with context.wrap_socket(
            connection, server_hostname="localhost", do_handshake_on_connect=False
        ) as secured:
            secured.write(b"ping")
            return secured.read(4)


def receive_first(context, address):
    with socket.create_connection(address, TIMEOUT) as connection:
        with context.wrap_socket(
            connection, server_hostname="localhost", do_handshake_on_connect=False
        ) as secured:
            secured.settimeout(0.2)
            try:
                secured.recv(1)
            except TimeoutError:
                pass  # the handshake has been made, nothing has been sent
            secured.settimeout(TIMEOUT)
            secured.send(b"ping")
            buffer = bytearray(4)
            secured.recv_into(buffer)
            return bytes(buffer)


def without_blocking(context, address):
    connection = socket.create_connection(address, TIMEOUT)
    connection.setblocking(False)
    with context.wrap_socket(
        connection, server_hostname="localhost", do_handshake_on_connect=False
    ) as secured:

        def run(operation, *arguments):
            while True:
                try:
                    return operation(*arguments)
                except ssl.SSLWantReadError:
                    select.select([secured], [], [], TIMEOUT)
                except ssl.SSLWantWriteError:
                    select.select([], [secured], [], TIMEOUT)

        run(secured.do_handshake)
        run(secured.send, b"ping")
        return run(secured.recv, 4)


def bio_read_first(context, address):
    with Bio(context, address) as bio:
        bio.run(bio.object.write, b"ping")
        return bio.run(bio.object.read, 4)


def start_tls(context, address):
    async def run():
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.create_connection(lambda: protocol, *address)
        secured = transport
        try:
            secured = await loop.start_tls(
                transport, protocol, context, server_hostname="localhost"
            )
            secured.write(b"ping")
            return await reader.readexactly(4)
        finally:
            secured.abort()
            await asyncio.sleep(0.01)

    return asyncio.run(run())


WAYS = [connect_late, read_first, receive_first, without_blocking, bio_read_first, start_tls]


@pytest.mark.parametrize("way", WAYS)
def test_ways_to_handshake(context, trusted_server, untrusted_server, way):
    assert way(context, trusted_server.address) == b"ping"
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        way(context, untrusted_server.address)
    assert caught.value.verify_code == 20
    assert caught.value.kind == "UnknownIssuer"
    untrusted_server.finish()
    if way is not start_tls and modes.has_alerts():
        assert untrusted_server.errors[0].reason == "TLSV1_ALERT_UNKNOWN_CA"
    assert untrusted_server.received == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_resumption(context, localhost, version):
    context.minimum_version = context.maximum_version = version
    with Server(server_context(localhost)) as server:
        session = None
        for resumed in (False, True):
            with socket.create_connection(server.address, TIMEOUT) as connection:
                with context.wrap_socket(
                    connection, server_hostname="localhost", session=session
                ) as secured:
                    secured.sendall(b"ping")
                    assert secured.recv(4) == b"ping"
                    assert secured.session_reused is resumed
                    assert secured.getpeercert(True) == localhost.der
                    session = secured.session


def test_verified_chain(context, trusted_server, localhost, system_ca):
    with socket.create_connection(trusted_server.address, TIMEOUT) as connection:
        with context.wrap_socket(connection, server_hostname="localhost") as secured:
            if hasattr(secured, "get_verified_chain"):
                chain = secured.get_verified_chain()
            else:
                chain = [cert.public_bytes(2) for cert in secured._sslobj.get_verified_chain()]
            assert chain == [*localhost.chain_der, system_ca.der]
            assert secured.getpeercert()["subjectAltName"] == (
                ("DNS", "localhost"),
                ("IP Address", "127.0.0.1"),
            )


def test_sni_callback_switches_contexts(context, system_ca, localhost):
    """Server contexts of ours are switched to and from those of the standard library."""
    other_leaf = system_ca.leaf("other.test")
    contexts = {}
    for kind in (trustbridge.SSLContext, StdContext):
        contexts[kind] = kind(ssl.PROTOCOL_TLS_SERVER)
        load_chain(contexts[kind], other_leaf)
    for first, second in (
        (trustbridge.SSLContext, StdContext),
        (StdContext, trustbridge.SSLContext),
    ):
        serving = first(ssl.PROTOCOL_TLS_SERVER)
        load_chain(serving, localhost)

        def switch(connection, name, _, target=contexts[second]):
            if name == "other.test":
                connection.context = target

        serving.sni_callback = switch
        with Server(serving) as server:
            assert exchange_socket(context, server.address, "other.test") == b"ping"
            assert exchange_socket(context, server.address, "localhost") == b"ping"


def test_server_contexts_are_the_standard_librarys(system_ca, other_ca, localhost):
    """No system roots for client certificates, and no server's rules for them."""
    serving = trustbridge.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_chain(serving, localhost)
    serving.verify_mode = ssl.CERT_REQUIRED
    serving.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(other_ca.der))
    assert serving.cert_store_stats() == {"x509": 1, "crl": 0, "x509_ca": 1}
    for issuer, accepted in ((other_ca, True), (system_ca, False)):
        client = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        load_chain(client, issuer.leaf("a client", client=True))
        with Server(serving) as server:
            try:
                exchange_socket(client, server.address)
            except OSError:
                assert not accepted
            server.finish()
            assert len(server.client_certificates) == accepted
            if not accepted:
                assert isinstance(server.errors[0], ssl.SSLCertVerificationError)


@pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS is deprecated:DeprecationWarning")
def test_protocol_tls_serves_by_the_standard_rules(system_ca, other_ca, localhost):
    both = trustbridge.SSLContext(ssl.PROTOCOL_TLS)
    load_chain(both, localhost)
    both.verify_mode = ssl.CERT_REQUIRED
    both.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(other_ca.der))
    for issuer, accepted in ((other_ca, True), (system_ca, False)):
        client = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        load_chain(client, issuer.leaf("a client", client=True))
        with Server(both) as server:
            try:
                exchange_socket(client, server.address)
            except OSError:
                assert not accepted
            server.finish()
            assert len(server.client_certificates) == accepted
    # As a client it trusts the system and what was loaded.
    for issuer in (system_ca, other_ca):
        with Server(server_context(issuer.leaf("localhost"))) as server:
            assert exchange_socket(both, server.address) == b"ping"
    with Server(server_context(Authority("nobody's CA").leaf("localhost"))) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            exchange_socket(both, server.address)


@pytest.mark.parametrize("ca", [True, False])
def test_self_signed_server_certificate_as_cafile(context, tmp_path, ca):
    """Whole-certificate trust: the server's own certificate, whether or not it says CA."""
    leaf = self_signed("localhost", ca=ca)
    path = tmp_path / "server.pem"
    path.write_bytes(leaf.pem)
    with Server(server_context(leaf)) as server:
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            exchange_socket(context, server.address)
        assert caught.value.verify_code == 18
        context.load_verify_locations(path)
        assert exchange_socket(context, server.address) == b"ping"
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            exchange_socket(context, server.address, "elsewhere.test")
        assert caught.value.verify_code == 62


def test_end_entity_in_the_store_is_no_ca(context, tmp_path):
    """A certificate like Debian's snakeoil in the store cannot vouch for others."""
    snakeoil = Authority("snakeoil", ca=False)
    path = tmp_path / "snakeoil.pem"
    path.write_bytes(snakeoil.pem)
    context.load_verify_locations(path)
    with Server(server_context(snakeoil.leaf("localhost"))) as server:
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            exchange_socket(context, server.address)
        assert "not a CA" in str(caught.value)


def test_user_classes_are_used(context, untrusted_server):
    class Socket(ssl.SSLSocket):
        pass

    context.sslsocket_class = Socket
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        exchange_socket(context, untrusted_server.address)
    assert caught.value.verify_code == 20
    # In the handshake only the package's own classes can add it.
    assert hasattr(caught.value, "report") is (modes.current() == modes.DEFERRED)


def test_words_are_for_their_own_exception(context, untrusted, system_ca, localhost):
    """What was kept of a client's handshake never explains a server's, in the same thread."""

    class Object(ssl.SSLObject):
        pass

    def shake(client, server):
        pipes = [ssl.MemoryBIO() for _ in range(4)]
        near = client.wrap_bio(pipes[0], pipes[1], server_hostname="localhost")
        far = server.wrap_bio(pipes[2], pipes[3], server_side=True)
        for _ in range(10):
            for side in (near, far):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    pass
                pipes[2].write(pipes[1].read())
                pipes[0].write(pipes[3].read())

    # A client whose class leaves the words where they are.
    context.sslobject_class = Object
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        shake(context, server_context(untrusted))
    assert caught.value.verify_code == 20
    # A server that refuses its client with the same code.
    serving = trustbridge.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_chain(serving, localhost)
    serving.verify_mode = ssl.CERT_REQUIRED
    client = StdContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    load_chain(client, system_ca.leaf("a client", client=True))
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        shake(client, serving)
    assert caught.value.verify_code == 20
    assert not hasattr(caught.value, "report")


def test_security_level(system_ca):
    """Level 3 asks for 128 bits: P-256 has them, RSA with 2048 bits does not."""
    for rsa_bits, code in ((None, 0), (2048, 66)):
        with Server(server_context(system_ca.leaf("localhost", rsa_bits=rsa_bits))) as server:
            for kind in (trustbridge.SSLContext, StdContext):
                context = kind(ssl.PROTOCOL_TLS_CLIENT)
                context.load_verify_locations(cadata=system_ca.der)
                assert exchange_socket(context, server.address) == b"ping"
                context.set_ciphers("ALL:@SECLEVEL=3")
                if code:
                    with pytest.raises(ssl.SSLCertVerificationError) as caught:
                        exchange_socket(context, server.address)
                    assert caught.value.verify_code == code
                else:
                    assert exchange_socket(context, server.address) == b"ping"
