"""The deferred mode: what stands between OpenSSL's connection and everybody else."""

from __future__ import annotations

import socket
import ssl

import pytest
import trustbridge
from servers import TIMEOUT, Bio, Server, load_chain, server_context

pytestmark = pytest.mark.skipif(
    "config.getoption('mode') != 'deferred'", reason="the other mode has no such thing"
)


@pytest.fixture
def context():
    return trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.fixture
def talkative(untrusted):
    """A server nobody trusts that speaks first, so that OpenSSL holds data before the verdict."""

    class Talkative(Server):
        def _serve(self, connection):
            connection.settimeout(TIMEOUT)
            try:
                with self.context.wrap_socket(connection, server_side=True) as secured:
                    secured.sendall(b"secret")
                    while data := secured.recv(65536):
                        self.received.append(data)
            except (OSError, RuntimeError) as error:  # the last from PyPy's ssl
                self.errors.append(error)
            finally:
                connection.close()

    with Talkative(server_context(untrusted)) as server:
        yield server


def test_no_name_is_taken_twice(context):
    """The class beneath may be written in Python: an attribute of one must not be the other's."""
    import _ssl

    classes = type(context).__mro__
    own = classes[: classes.index(type(context)._builds_on)]
    names = {*vars(context)}.union(*map(vars, own))
    ours = {name for name in names if not name.startswith("__")}
    replaced = {"_wrap_bio", "_wrap_socket", "check_hostname", "options", "verify_mode"}
    replaced |= {"cert_store_stats", "get_ca_certs", "load_verify_locations", "verify_flags"}
    replaced |= {"load_cert_chain", "set_default_verify_paths"}
    replaced.add("set_psk_client_callback")  # from 3.13 on
    beneath = set(dir(_ssl._SSLContext))
    assert ours & beneath == replaced & beneath
    assert context.check_hostname and context._mode.checks_name


def test_openssl_itself_never_verifies(context, trusted_server):
    """What the user sets is never set on the shared object."""
    beneath = ssl._SSLContext

    def check():
        assert beneath.verify_mode.__get__(context) == ssl.CERT_NONE
        assert beneath.check_hostname.__get__(context) is False

    check()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    check()
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = True
    check()


def send_file(sock):
    with open(__file__, "rb") as file:
        return sock.sendfile(file)


def with_file(sock, mode, operation):
    with sock.makefile(mode, 0) as file:
        operation(file)


OPERATIONS = {
    "recv": lambda sock: sock.recv(10),
    "recv_into": lambda sock: sock.recv_into(bytearray(10)),
    "read": lambda sock: sock.read(10),
    "read into": lambda sock: sock.read(10, bytearray(10)),
    "makefile read": lambda sock: with_file(sock, "rb", lambda file: file.read(1)),
    "send": lambda sock: sock.send(b"data"),
    "sendall": lambda sock: sock.sendall(b"data"),
    "write": lambda sock: sock.write(b"data"),
    "makefile write": lambda sock: with_file(sock, "wb", lambda file: file.write(b"data")),
    "sendfile": lambda sock: send_file(sock),
    "do_handshake": lambda sock: sock.do_handshake(),
}


@pytest.mark.parametrize("kind", ["ours", "plain", "careless"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_data_before_the_verdict(context, talkative, operation, kind):
    """With every class of sockets, one that overrides what it can among them."""

    class Careless(ssl.SSLSocket):
        def do_handshake(self, block=False):
            self._sslobj.do_handshake()

        def recv(self, size=1024, flags=0):
            return self._sslobj.read(size)

        def send(self, data, flags=0):
            return self._sslobj.write(data)

    classes = {"ours": trustbridge.SSLSocket, "plain": ssl.SSLSocket, "careless": Careless}
    context.sslsocket_class = classes[kind]
    with socket.create_connection(talkative.address, TIMEOUT) as connection:
        with context.wrap_socket(
            connection, server_hostname="localhost", do_handshake_on_connect=False
        ) as secured:
            for _ in range(2):  # nor afterwards
                with pytest.raises(ssl.SSLCertVerificationError) as caught:
                    OPERATIONS[operation](secured)
                assert caught.value.verify_code == 20
            for other in OPERATIONS.values():
                with pytest.raises(ssl.SSLCertVerificationError):
                    other(secured)
            with pytest.raises(ssl.SSLCertVerificationError):
                secured.unwrap()
            with pytest.raises(ValueError):
                secured.getpeercert(True)
    talkative.finish()
    assert talkative.received == []


def test_an_interrupt_between_handshake_and_verdict(context, talkative, monkeypatch):
    """The verdict is made up for by whatever comes next."""
    from trustbridge._guard import Guard

    for after in OPERATIONS.values():
        with socket.create_connection(talkative.address, TIMEOUT) as connection:
            with context.wrap_socket(
                connection, server_hostname="localhost", do_handshake_on_connect=False
            ) as secured:
                with monkeypatch.context() as patch:

                    def interrupt(guard):
                        raise KeyboardInterrupt

                    patch.setattr(Guard, "_settle", interrupt)
                    with pytest.raises(KeyboardInterrupt):
                        secured.do_handshake()
                with pytest.raises(ssl.SSLCertVerificationError):
                    after(secured)


class Future:
    """What is beneath a connection in a future Python, with more methods. Not a class within a
    test: CPython 3.13 without a GIL never frees those, nor what they refer to."""

    def __init__(self, raw, **more):
        self.raw, self.more = raw, more

    def __getattr__(self, name):
        return self.more[name] if name in self.more else getattr(self.raw, name)


def test_what_is_not_known_waits(context, trusted_server, untrusted_server):
    with Bio(context, trusted_server.address) as bio:
        guard = bio.object._sslobj
        for name in ("getpeercert", "shutdown", "verify_client_post_handshake"):
            assert hasattr(type(guard), name)
        assert guard.version() is None
        # A method of a future Python.
        guard._raw = Future(guard._raw, drain=lambda: b"secret")
        with pytest.raises(ValueError, match="handshake not done yet"):
            guard.drain  # noqa: B018
        bio.run(bio.object.do_handshake)
        assert guard.drain() == b"secret"


def test_a_file_sent_by_openssl_waits(context, trusted_server, untrusted_server):
    """`SSL_sendfile`, from CPython 3.15 on."""
    for server in (trusted_server, untrusted_server):
        with Bio(context, server.address) as bio:
            guard = bio.object._sslobj
            sent = []
            guard._raw = Future(guard._raw, sendfile=sent.append)
            if server is trusted_server:
                bio.run(lambda guard=guard: guard.sendfile("all"))
                assert sent == ["all"]
            else:
                for _ in range(2):
                    with pytest.raises(ssl.SSLCertVerificationError):
                        bio.run(lambda guard=guard: guard.sendfile("all"))
                assert sent == []


def test_every_member_is_there(context, trusted_server):
    with Bio(context, trusted_server.address) as bio:
        bio.run(bio.object.do_handshake)
        guard = bio.object._sslobj
        for name in dir(guard._raw):
            getattr(guard, name)
        with pytest.raises(AttributeError):
            guard.nothing  # noqa: B018


def test_objects_keep_the_client_certificate(context, system_ca, untrusted):
    """With TLS 1.3 the last flight is in the memory BIO when the verdict comes."""
    load_chain(context, system_ca.leaf("a client", client=True))
    serving = server_context(untrusted, client_ca=system_ca.der)
    serving.minimum_version = ssl.TLSVersion.TLSv1_3
    with Server(serving) as server:
        with Bio(context, server.address) as bio:
            with pytest.raises(ssl.SSLCertVerificationError):
                bio.run(bio.object.do_handshake)
            assert bio.outgoing.pending == 0
        server.finish()
        assert server.client_certificates == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_carry_no_trust(context, untrusted, version):
    """A session that was not verified is not resumed where it would have to be."""
    context.minimum_version = context.maximum_version = version
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def connect(address, name="localhost", session=None):
        with socket.create_connection(address, TIMEOUT) as connection:
            with context.wrap_socket(connection, server_hostname=name, session=session) as secured:
                secured.sendall(b"ping")
                assert secured.recv(4) == b"ping"
                return secured.session, secured.session_reused, secured.getpeercert()

    with Server(server_context(untrusted)) as server:
        session, _, certificate = connect(server.address)
        assert certificate == {}
        again, reused, _ = connect(server.address, session=session)
        assert reused
        context.verify_mode = ssl.CERT_REQUIRED
        for some in (session, again):
            with pytest.raises(ssl.SSLCertVerificationError) as caught:
                connect(server.address, session=some)
            assert caught.value.verify_code == 20


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_resumed_sessions_keep_their_chain(context, localhost, version):
    context.minimum_version = context.maximum_version = version
    with Server(server_context(localhost)) as server:

        def connect(name="localhost", session=None):
            with socket.create_connection(server.address, TIMEOUT) as connection:
                with context.wrap_socket(
                    connection, server_hostname=name, session=session
                ) as secured:
                    secured.sendall(b"ping")
                    assert secured.recv(4) == b"ping"
                    return secured.session, secured.session_reused, secured.getpeercert()

        session, reused, certificate = connect()
        assert not reused
        assert certificate["subjectAltName"][0] == ("DNS", "localhost")
        session, reused, again = connect(session=session)
        assert reused
        assert again == certificate
        # Its name is checked too.
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            connect("elsewhere.test", session)
        assert caught.value.verify_code == 62
        # A session whose chain has been forgotten is not resumed.
        session, _, _ = connect()
        context._mode.sessions._known.clear()
        _, reused, _ = connect(session=session)
        assert not reused
        # A session of another context, forgotten as well, is refused as in `ssl`.
        stranger = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with socket.socket() as unconnected, pytest.raises(ValueError, match="different"):
            stranger.wrap_bio(
                ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost", session=session
            )
        del unconnected


def test_a_remembered_chain_belongs_to_its_session(context, localhost, untrusted):
    """A server that chooses the identity of its session does not get another one's chain."""

    def session(server, **options):
        with socket.create_connection(server.address, TIMEOUT) as connection:
            with context.wrap_socket(connection, server_hostname="localhost", **options) as secured:
                secured.sendall(b"ping")
                assert secured.recv(4) == b"ping"
                return secured.session

    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with Server(server_context(localhost)) as good, Server(server_context(untrusted)) as bad:
        trusted, stranger = session(good), session(bad)
        context.verify_mode = ssl.CERT_REQUIRED
        sessions = context._mode.sessions
        known = sessions.find(trusted)
        known.terms = (int(ssl.CERT_REQUIRED), *known.terms[1:])
        sessions.remember(stranger, known)
        # From CPython 3.14 on a session keeps its own chain.
        words = "not available|issuer is not known"
        with pytest.raises(ssl.SSLCertVerificationError, match=words):
            session(bad, session=stranger)


@pytest.mark.parametrize("which", ["trusted_server", "untrusted_server"])
def test_the_verdict_is_given_once(context, which, request, monkeypatch):
    from trustbridge._guard import Guard

    verdicts = []
    judge = Guard._verify

    def counting(guard, chain):
        verdicts.append(chain)
        return judge(guard, chain)

    monkeypatch.setattr(Guard, "_verify", counting)
    with Bio(context, request.getfixturevalue(which).address) as bio:
        for operation in (
            bio.object.do_handshake,
            bio.object.do_handshake,
            lambda: bio.object.write(b"ping"),
            lambda: bio.object.read(4),
            bio.object.getpeercert,
        ):
            try:
                bio.run(operation)
            except (ssl.SSLCertVerificationError, ValueError):
                assert which == "untrusted_server"
    assert len(verdicts) == 1


def test_a_chain_that_cannot_be_had_is_refused(context, trusted_server, monkeypatch):
    from trustbridge._guard import Guard

    monkeypatch.setattr(Guard, "_sent", lambda guard: [])
    with Bio(context, trusted_server.address) as bio:
        with pytest.raises(ssl.SSLCertVerificationError, match="not available") as caught:
            bio.run(bio.object.do_handshake)
        assert caught.value.kind == "CannotCheck"


@pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS is deprecated:DeprecationWarning")
def test_server_that_could_not_verify_is_refused(localhost):
    both = trustbridge.SSLContext(ssl.PROTOCOL_TLS)
    load_chain(both, localhost)
    near, far = ssl.MemoryBIO(), ssl.MemoryBIO()
    both.wrap_bio(near, far, server_side=True)
    both.verify_mode = ssl.CERT_REQUIRED
    with pytest.raises(ssl.SSLError, match="PROTOCOL_TLS_SERVER"):
        both.wrap_bio(near, far, server_side=True)


def test_renegotiation_is_refused_and_not_seen(context):
    beneath = ssl._SSLContext.options
    reference = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert beneath.__get__(context) & ssl.OP_NO_RENEGOTIATION
    assert context.options == reference.options
    context.options |= ssl.OP_NO_TICKET
    assert context.options == reference.options | ssl.OP_NO_TICKET
    assert beneath.__get__(context) & ssl.OP_NO_RENEGOTIATION
    context.options |= ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_RENEGOTIATION
    context.options &= ~ssl.OP_NO_RENEGOTIATION
    assert not context.options & ssl.OP_NO_RENEGOTIATION
    assert beneath.__get__(context) & ssl.OP_NO_RENEGOTIATION


@pytest.mark.parametrize("value", [-1 << 70, 1 << 100, "x", None])
def test_options_that_openssl_does_not_take_change_nothing(context, value):
    before = context.options
    standard = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises((OverflowError, TypeError, ValueError)) as expected:
        standard.options = value
    with pytest.raises(expected.type):
        context.options = value
    assert context.options == before


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_negative_number_of_options_ends_as_in_ssl(context):
    standard = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    results = []
    for made in context, standard:
        try:
            made.options = -1
        except (OverflowError, ValueError) as error:  # the last from CPython 3.15 on
            results.append(type(error))
        else:
            results.append(made.options)
    assert results[0] == results[1]


def test_a_trust_anchor_is_shown_as_the_certificates_of_ssl_are(context, trusted_server):
    with Bio(context, trusted_server.address) as bio:
        bio.run(bio.object.do_handshake)
        *_, anchor = bio.object._sslobj.get_verified_chain()
    der = anchor.public_bytes(2)
    assert type(anchor)(der) == anchor
    assert hash(type(anchor)(der)) == hash(anchor)
    assert anchor != der
    ((_, name),) = anchor.get_info()["subject"][-1]
    assert repr(anchor).startswith(("<Certificate 'CN=", "<Certificate 'OU="))
    assert name in repr(anchor)


def test_sockets_are_freed_without_the_collector(context, trusted_server):
    import gc
    import weakref

    gc.disable()
    try:
        with socket.create_connection(trusted_server.address, TIMEOUT) as connection:
            secured = context.wrap_socket(connection, server_hostname="localhost")
            reference = weakref.ref(secured)
            secured.close()
            del secured
        assert reference() is None
    finally:
        gc.enable()
