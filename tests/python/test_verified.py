"""What a connection says of its verdict, and the sessions that keep it."""

from __future__ import annotations

import datetime
import gc
import socket
import ssl
import weakref

import pytest
import trustbridge
from pki import UTC
from servers import TIMEOUT, Bio, Server, StdContext, server_context


@pytest.fixture
def context():
    return trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def connect(context, server, name="localhost", **options):
    connection = socket.create_connection(server.address, TIMEOUT)
    return context.wrap_socket(connection, server_hostname=name, **options)


def test_sockets_and_objects_keep_what_was_accepted(context, trusted_server, localhost, system_ca):
    with connect(context, trusted_server) as secured:
        secured.sendall(b"ping")
        verified = secured.verified
        assert secured.verified.chain == verified.chain
    with Bio(context, trusted_server.address) as bio:
        assert bio.object.verified is None
        bio.run(bio.object.do_handshake)
        assert bio.object.verified.chain == verified.chain
    assert isinstance(verified, trustbridge.Verified)
    assert verified.chain == [*localhost.chain_der, system_ca.der]
    assert verified.anchor == system_ca.der
    assert verified.anchor_subject == "CN=trustbridge tests: system root"
    assert (verified.revocation, verified.revocation_requested) == ("off", "off")
    subjects = [certificate.subject for certificate in verified.certificates]
    assert subjects == [
        "CN=a server of the tests",
        "CN=trustbridge tests: issuing CA",
        "CN=trustbridge tests: system root",
    ]
    end_entity = verified.certificates[0]
    assert isinstance(end_entity, trustbridge.Certificate)
    assert end_entity.der == localhost.der
    assert end_entity.issuer == subjects[1]
    start = datetime.datetime.fromtimestamp(end_entity.not_before, UTC)
    assert start == localhost.certificate.not_valid_before_utc
    end = datetime.datetime(1970, 1, 1, tzinfo=UTC)
    end += datetime.timedelta(seconds=end_entity.not_after)
    assert end == localhost.certificate.not_valid_after_utc
    lines = str(verified).splitlines()
    assert lines[:3] == [
        "  0: CN=a server of the tests",
        "     issued by CN=trustbridge tests: issuing CA",
        "     valid 2000-01-01 00:00:00 UTC to 2999-01-01 00:00:00 UTC",
    ]
    assert "anchor: CN=trustbridge tests: system root" in lines
    for one, names in ((verified, ("source", "chain", "crlite")), (end_entity, ("subject",))):
        for name in names:
            with pytest.raises(AttributeError):
                setattr(one, name, "another")


def test_the_source(context, trusted_server, untrusted_server, other_file, system_file):
    with connect(context, trusted_server) as secured:
        assert system_file in secured.verified.source
    only = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT, system_trust=False)
    only.load_verify_locations(other_file)
    with connect(only, untrusted_server) as secured:
        assert system_file not in secured.verified.source
        assert secured.verified.source


def test_nothing_was_verified(context, trusted_server, untrusted_server, localhost):
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for server in (trusted_server, untrusted_server):
        with connect(context, server) as secured:
            assert secured.verified is None
    own = trustbridge.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    near = own.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
    assert near.verified is None
    with socket.socket() as plain:
        context.check_hostname = True
        with context.wrap_socket(plain, server_hostname="localhost") as unconnected:
            assert unconnected.verified is None


def test_a_rejected_connection_has_no_verified_chain(context, untrusted_server):
    with Bio(context, untrusted_server.address) as bio:
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            bio.run(bio.object.do_handshake)
        assert bio.object.verified is None
        assert caught.value.report


def test_requested_revocation(context, trusted_server, localhost, tmp_path):
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    (tmp_path / "list.pem").write_bytes(localhost.authority.crl())
    context.load_verify_locations(tmp_path / "list.pem")
    with connect(context, trusted_server) as secured:
        assert secured.verified.revocation == "leaf"
        assert secured.verified.revocation_requested == "leaf"


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class Client:
    """Connects, and takes the session out of the connection."""

    def __init__(self, context, version):
        self.context = context
        context.minimum_version = context.maximum_version = version

    def __call__(self, server, session=None, name="localhost", set_later=False):
        offered = {} if set_later else {"session": session}
        connection = socket.create_connection(server.address, TIMEOUT)
        with self.context.wrap_socket(
            connection, server_hostname=name, do_handshake_on_connect=False, **offered
        ) as secured:
            if set_later:
                secured.session = session
            secured.do_handshake()
            secured.sendall(b"ping")
            assert secured.recv(4) == b"ping"
            self.verified = secured.verified
            self.reused = secured.session_reused
            return secured.session


@pytest.mark.parametrize("version", VERSIONS)
def test_a_resumed_session_keeps_its_verdict(context, trusted_server, version):
    client = Client(context, version)
    session = client(trusted_server)
    first = client.verified
    for _ in range(3):
        session = client(trusted_server, session)
        assert client.reused
        assert client.verified.chain == first.chain
        assert str(client.verified) == str(first)
    with Bio(context, trusted_server.address) as bio:
        bio.object.session = session
        bio.run(bio.object.do_handshake)
        assert bio.object.session_reused
        assert bio.object.verified.chain == first.chain


CHANGES = {
    "the mode": lambda context: unverified(context),
    "the flags": lambda context: setattr(context, "verify_flags", ssl.VERIFY_X509_STRICT),
    "common names": lambda context: setattr(context, "hostname_checks_common_name", True),
    "the name": lambda context: setattr(context, "check_hostname", False),
}


def unverified(context):
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


@pytest.mark.parametrize("set_later", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_session_is_resumed_under_its_own_settings(trusted_server, change, version, set_later):
    """Whatever has changed in between, whether to more or to less, there is a full handshake."""
    for changed_first in (True, False):
        context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.verify_flags = 0
        client = Client(context, version)
        if changed_first:
            CHANGES[change](context)
        session = client(trusted_server)
        again = client(trusted_server, session, set_later=set_later)
        assert client.reused
        if changed_first:
            context.verify_mode = ssl.CERT_REQUIRED
            context.check_hostname = True
            context.verify_flags = 0
            context.hostname_checks_common_name = False
        else:
            CHANGES[change](context)
        for one in (session, again):
            client(trusted_server, one, set_later=set_later)
            assert not client.reused


@pytest.mark.parametrize("set_later", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_of_nobody_verified(context, untrusted_server, version, set_later):
    """It would let in a server that is not trusted."""
    client = Client(context, version)
    unverified(context)
    session = client(untrusted_server)
    client(untrusted_server, session, set_later=set_later)
    assert client.reused
    context.verify_mode = ssl.CERT_REQUIRED
    untrusted_server.received.clear()
    for name_is_checked in (False, True):
        context.check_hostname = name_is_checked
        with pytest.raises(ssl.SSLCertVerificationError, match="issuer is not known"):
            client(untrusted_server, session, set_later=set_later)
    untrusted_server.finish()
    assert untrusted_server.received == []


@pytest.mark.parametrize("set_later", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_under_another_name(context, trusted_server, version, set_later):
    client = Client(context, version)
    session = client(trusted_server)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"'?elsewhere\.test"):
        client(trusted_server, session, name="elsewhere.test", set_later=set_later)
    client(trusted_server, session, set_later=set_later)
    assert client.reused


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_under_other_trust(context, trusted_server, other_file, version):
    client = Client(context, version)
    session = client(trusted_server)
    context.system_trust = False
    with pytest.raises(ssl.SSLCertVerificationError):
        client(trusted_server, session)
    context.system_trust = True
    session = client(trusted_server)
    client(trusted_server, session)
    assert client.reused
    context.load_verify_locations(other_file)
    client(trusted_server, session)
    assert not client.reused


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_ssl_says_of_sessions_comes_first(context, trusted_server):
    other = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    session = Client(other, ssl.TLSVersion.TLSv1_2)(trusted_server)
    for wrong, error in ((session, ValueError), (42, TypeError)):
        with socket.create_connection(trusted_server.address, TIMEOUT) as connection:
            with pytest.raises(error):
                context.wrap_socket(connection, server_hostname="localhost", session=wrong)
        with Bio(context, trusted_server.address) as bio:
            with pytest.raises(error):
                bio.object.session = wrong
            bio.run(bio.object.do_handshake)
            with pytest.raises((ValueError, TypeError)):
                bio.object.session = wrong


def test_sessions_hold_no_context(trusted_server):
    """Without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client = Client(context, ssl.TLSVersion.TLSv1_3)
        session = client(trusted_server)
        client(trusted_server, session)
        reference = weakref.ref(context)
        del context, client, session
        assert reference() is None
    finally:
        gc.enable()


def test_many_sessions(context, trusted_server):
    client = Client(context, ssl.TLSVersion.TLSv1_3)
    sessions = [client(trusted_server) for _ in range(4)]
    kept = getattr(context, "_mode", None)
    kept = context._sessions if kept is None else kept.sessions
    for number in range(1000):
        kept._known[bytes([number % 256, number // 256]), number] = kept.find(sessions[0])
    kept.remember(sessions[1], kept.find(sessions[1]))
    assert len(kept._known) <= 256
    client(trusted_server, sessions[1])
    assert client.reused


def test_the_standard_library_would_resume(trusted_server, system_ca):
    """The tests above can fail: the server resumes whatever it is offered."""
    standard = StdContext(ssl.PROTOCOL_TLS_CLIENT)
    standard.load_verify_locations(cadata=system_ca.der)

    def connect(session=None):
        with socket.create_connection(trusted_server.address, TIMEOUT) as connection:
            with standard.wrap_socket(
                connection, server_hostname="localhost", session=session
            ) as secured:
                secured.sendall(b"ping")
                assert secured.recv(4) == b"ping"
                return secured.session, secured.session_reused

    session, _ = connect()
    standard.check_hostname = False
    standard.verify_mode = ssl.CERT_NONE
    assert connect(session)[1]


def test_server_certificate_of_another_connection(context, trusted_server, system_ca):
    """Each connection has its own verdict."""
    other = Server(server_context(system_ca.leaf("localhost", common_name="another")))
    with other, Bio(context, trusted_server.address) as one, Bio(context, other.address) as two:
        one.run(one.object.do_handshake)
        assert two.object.verified is None
        two.run(two.object.do_handshake)
        names = [bio.object.verified.certificates[0].subject for bio in (one, two)]
        assert names == ["CN=a server of the tests", "CN=another"]
