"""The same script with `ssl.SSLContext` and with ours: what can be observed is equal.

Each script gets a class of contexts and returns what it saw. Ours trusts the tests' system store,
the standard library's is given the same root. `Only` names what cannot be equal, and why.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import ssl
import sys

import modes
import pytest
import trustbridge
from pki import Authority
from servers import TIMEOUT, Bio, Server, StdContext, load_chain, server_context


class World:
    """What a script works with."""

    def __init__(self, kind, roots, servers, leaves, folder):
        self.kind = kind
        self.roots = roots
        self.good, self.bad, self.elsewhere = servers
        self.leaves = leaves
        self.folder = folder

    def client(self, **settings):
        context = self.kind(ssl.PROTOCOL_TLS_CLIENT)
        if self.kind is StdContext:
            context.load_verify_locations(cadata=self.roots)
            context.hostname_checks_common_name = False
        for name, value in settings.items():
            setattr(context, name, value)
        return context


def outcome(function, *arguments, **keywords):
    """A value, or the exception: type, and the code of a certificate's."""
    try:
        value = function(*arguments, **keywords)
    except Exception as error:
        names = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ != "builtins"]
        return (names[:1] or [type(error).__name__], getattr(error, "verify_code", None))
    return value


def connect(context, server, name="localhost", **options):
    return context.wrap_socket(
        socket.create_connection(server.address, TIMEOUT), server_hostname=name, **options
    )


def echo(secured):
    with secured:
        secured.sendall(b"ping")
        return secured.recv(4)


def seen(server):
    """The alerts that the server has received since it was asked last."""
    server.finish()
    reasons = [getattr(error, "reason", None) for error in server.errors]
    server.errors.clear()
    # How a connection breaks off otherwise depends on who is faster.
    alerts = [reason for reason in reasons if reason and "ALERT" in reason]
    return alerts if modes.has_alerts() else None


# Ways to handshake.


def at_once(world, server):
    return outcome(lambda: echo(connect(world.client(), server))), seen(server)


def by_hand(world, server):
    def run():
        secured = connect(world.client(), server, do_handshake_on_connect=False)
        with secured:
            before = outcome(secured.getpeercert), secured.version(), secured.cipher()
            secured.do_handshake()
            secured.do_handshake()
            return before, echo(secured)

    return outcome(run), seen(server)


def before_connect(world, server):
    def run():
        with world.client().wrap_socket(socket.socket(), server_hostname="localhost") as secured:
            before = outcome(secured.getpeercert), secured.version()
            secured.settimeout(TIMEOUT)
            secured.connect(server.address)
            return before, echo(secured)

    return outcome(run), seen(server)


def first(operation):
    def script(world, server):
        def run():
            secured = connect(world.client(), server, do_handshake_on_connect=False)
            with secured:
                operation(secured)
                return echo(secured) if operation is not _unwrap else None

        # A server may not even have begun when its client goes away without a handshake.
        return outcome(run), seen(server) if operation is not _unwrap else None

    script.__name__ = operation.__name__.strip("_") + "_first"
    return script


def _write(secured):
    secured.write(b"x")
    secured.recv(1)


def _sendall(secured):
    secured.sendall(b"x")
    secured.recv(1)


def _read(secured):
    secured.settimeout(0.3)
    try:
        secured.read(1)
    except TimeoutError:
        secured.settimeout(TIMEOUT)


def _recv_into(secured):
    secured.settimeout(0.3)
    try:
        secured.recv_into(bytearray(1))
    except TimeoutError:
        secured.settimeout(TIMEOUT)


def _unwrap(secured):
    secured.unwrap()


def without_blocking(world, server):
    def run():
        connection = socket.create_connection(server.address, TIMEOUT)
        connection.setblocking(False)
        wanted = set()
        with world.client().wrap_socket(
            connection, server_hostname="localhost", do_handshake_on_connect=False
        ) as secured:

            def step(operation, *arguments):
                while True:
                    try:
                        return operation(*arguments)
                    except ssl.SSLWantReadError:
                        wanted.add("read")
                        select.select([secured], [], [], TIMEOUT)
                    except ssl.SSLWantWriteError:
                        select.select([], [secured], [], TIMEOUT)

            step(secured.do_handshake)
            step(secured.send, b"ping")
            return step(secured.recv, 4), wanted

    return outcome(run), seen(server)


def bio(world, server):
    def run():
        with Bio(world.client(), server.address) as driven:
            before = outcome(driven.object.getpeercert), driven.object.version()
            wants = outcome(driven.object.read, 1)
            driven.run(driven.object.write, b"ping")
            return before, wants, driven.run(driven.object.read, 4)

    return outcome(run), seen(server)


def bio_without_a_name(world, server):
    def run():
        with Bio(world.client(), server.address, None) as driven:
            driven.run(driven.object.do_handshake)
            return driven.object.server_hostname

    return outcome(run), seen(server)


def start_tls(world, server):
    async def run():
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.create_connection(lambda: protocol, *server.address)
        secured = transport
        try:
            secured = await loop.start_tls(
                transport, protocol, world.client(), server_hostname="localhost"
            )
            secured.write(b"ping")
            return await reader.readexactly(4)
        finally:
            secured.abort()
            await asyncio.sleep(0.01)

    return outcome(lambda: asyncio.run(run()))


def wrong_name(world, server):
    context = world.client()
    result = outcome(lambda: echo(connect(context, world.elsewhere))), seen(world.elsewhere)
    context.check_hostname = False
    return result, outcome(lambda: echo(connect(context, world.elsewhere)))


def modes_of_verification(world, server):
    found = []
    for mode in ssl.VerifyMode:
        context = world.client(check_hostname=False, verify_mode=mode)

        def run(context=context):
            with connect(context, server) as secured:
                return secured.getpeercert(), secured.getpeercert(True)

        found.append((mode, outcome(run), seen(server)))
    return found


def names(world, server):
    context = world.client()
    given = (None, "", ".localhost", "LOCALHOST", b"localhost", "127.0.0.1", "127.0.0.2", "::1")
    return [(name, outcome(lambda n=name: echo(connect(context, server, n)))) for name in given]


def resumption(world, server):
    found = []
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = world.client(minimum_version=version, maximum_version=version)
        session = None
        for _ in range(3):

            def run(context=context, session=session):
                with connect(context, server, session=session) as secured:
                    secured.sendall(b"ping")
                    secured.recv(4)
                    facts = (
                        secured.session_reused,
                        secured.getpeercert(),
                        secured.getpeercert(True),
                        type(secured.session),
                        secured.session == secured.session,
                        secured.session.has_ticket,
                    )
                    return facts, secured.session

            result = outcome(run)
            if not isinstance(result[1], ssl.SSLSession):
                found.append(result)
                break
            found.append(result[0])
            session = result[1]
        else:
            other = world.client()
            found.append(outcome(connect, other, server, session=session))
            found.append(outcome(connect, context, server, session=42))
    return found


def facts_of_a_connection(world, server):
    def run():
        context = world.client()
        context.set_alpn_protocols(["h2"])
        with connect(context, server) as secured:
            chain = secured._sslobj.get_verified_chain()
            return (
                secured.getpeercert(),
                secured.getpeercert(binary_form=True),
                secured.cipher(),
                secured.version(),
                secured.compression(),
                secured.selected_alpn_protocol(),
                secured.server_side,
                secured.server_hostname,
                secured.session_reused,
                secured.pending(),
                secured.context is context,
                secured._sslobj.owner is secured,
                outcome(secured.get_channel_binding, "nonsense"),
                len(secured.get_channel_binding("tls-unique") or b""),
                outcome(secured.verify_client_post_handshake),
                [certificate.public_bytes(2) for certificate in chain],
                [certificate.public_bytes(1) for certificate in chain],
                [certificate.get_info() for certificate in chain],
            )

    return outcome(run)


def closing(world, server):
    def run():
        secured = connect(world.client(), server)
        plain = secured.unwrap()
        with plain:
            # A subclass on ours.
            return isinstance(plain, ssl.SSLSocket), secured.version()

    return outcome(run), seen(server)


def files(world, server):
    def run():
        with connect(world.client(), server) as secured:
            with secured.makefile("rwb") as file:
                file.write(b"line\n")
                file.flush()
                return file.readline()

    return outcome(run)


WAYS = [
    at_once,
    by_hand,
    before_connect,
    first(_write),
    first(_sendall),
    first(_read),
    first(_recv_into),
    first(_unwrap),
    without_blocking,
    bio,
    bio_without_a_name,
    start_tls,
    wrong_name,
    modes_of_verification,
    names,
    resumption,
    facts_of_a_connection,
    closing,
    files,
]


# Attributes.


def assignments(world, server):
    """What can be set, what it reads as then, and what is refused."""
    values = {
        "check_hostname": (True, False, 1, 0, "yes", ""),
        "verify_mode": (0, 1, 2, 3, -1, 2**40, "2", None, ssl.CERT_REQUIRED, 1.0),
        "verify_flags": (0, ssl.VERIFY_X509_STRICT, ssl.VERIFY_CRL_CHECK_CHAIN, "1", None),
        "options": (0, ssl.OP_NO_TICKET, ssl.OP_NO_RENEGOTIATION, ssl.OP_ALL, "1", None),
        "hostname_checks_common_name": (True, False, 1),
        "minimum_version": (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.MINIMUM_SUPPORTED, 1, "1"),
        "maximum_version": (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.MAXIMUM_SUPPORTED, 1, "1"),
        "post_handshake_auth": (True, False),
        "num_tickets": (0, 3, -1),
        "keylog_filename": (None, 1),
        "sni_callback": (None, 1),
        "_msg_callback": (None, 1),
        "nothing_known": (1,),
        "protocol": (1,),
        "security_level": (1,),
    }
    found = []
    for protocol in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER):
        for name, given in values.items():
            for start in (True, False):
                context = world.kind(protocol)
                context.hostname_checks_common_name = False
                if not start:
                    context.check_hostname = False
                    context.verify_mode = ssl.CERT_NONE
                for value in given:
                    set_ = outcome(setattr, context, name, value)
                    state = [
                        outcome(getattr, context, other)
                        for other in (name, "verify_mode", "check_hostname", "verify_flags")
                    ]
                    found.append((int(protocol), name, start, value, set_, state))
    return found


def types_of_settings(world, server):
    context = world.client()
    return [
        type(getattr(context, name))
        for name in ("verify_mode", "verify_flags", "options", "check_hostname", "protocol")
    ]


def messages(world, server):
    """_msg_callback"""
    called = []
    context = world.client()

    def callback(connection, direction, version, content, message, data):
        called.append((type(connection).__mro__[-3], direction, version, content, message))

    context._msg_callback = callback
    result = outcome(lambda: echo(connect(context, server)))
    # From the verdict on the deferred mode sends no alert.
    return result, called if result == b"ping" else called[:3]


def key_log(world, server):
    path = os.path.join(world.folder, f"keys-{world.kind.__module__}")
    context = world.client(keylog_filename=path)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    outcome(lambda: echo(connect(context, world.good)))
    with open(path) as file:
        return [line.split()[0] for line in file if not line.startswith("#")]


def classes(world, server):
    class Socket(ssl.SSLSocket):
        used = 0

        def do_handshake(self, *arguments):
            Socket.used += 1
            super().do_handshake(*arguments)

    class Object(ssl.SSLObject):
        pass

    context = world.client(sslsocket_class=Socket, sslobject_class=Object)

    def run():
        with connect(context, server) as secured:
            return type(secured) is Socket, isinstance(secured._sslobj.owner, Socket)

    return (
        outcome(run),
        Socket.used,
        type(context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="a")) is Object,
    )


def client_certificate(world, server):
    """post_handshake_auth, and a certificate that the server asks for."""
    found = []
    for leaf in (world.leaves[0],):
        with Server(server_context(leaf, client_ca=world.roots)) as asking:
            context = world.client(post_handshake_auth=True)
            load_chain(context, world.leaves[1])
            found.append(outcome(lambda a=asking, c=context: echo(connect(c, a))))
            asking.finish()
            found.append(asking.client_certificates == [world.leaves[1].der])
    return found


def ciphers(world, server):
    context = world.client()
    context.set_ciphers("ECDHE+AESGCM")
    context.set_ecdh_curve("prime256v1")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])

    def run():
        with connect(context, server) as secured:
            return secured.cipher(), secured.shared_ciphers()

    return (
        outcome(run),
        [cipher["name"] for cipher in context.get_ciphers()],
        outcome(context.set_ciphers, "nonsense"),
        outcome(context.set_ecdh_curve, "nonsense"),
        outcome(context.load_dh_params, os.path.join(world.folder, "missing")),
        outcome(context.load_cert_chain, os.path.join(world.folder, "missing")),
        context.session_stats()["connect"],
        outcome(getattr, context, "security_level"),
    )


def sni_callbacks(world, server):
    """On a server of this kind; its callback assigns another context."""
    called = []
    other = world.kind(ssl.PROTOCOL_TLS_SERVER)
    load_chain(other, world.leaves[2])

    def callback(connection, name, context):
        called.append((isinstance(connection, ssl.SSLSocket), name, context is serving))
        if name == "elsewhere.test":
            connection.context = other
        if name == "refused.test":
            return ssl.ALERT_DESCRIPTION_ACCESS_DENIED
        return None

    found = []
    for set_by in ("property", "method"):
        serving = world.kind(ssl.PROTOCOL_TLS_SERVER)
        load_chain(serving, world.leaves[0])
        if set_by == "property":
            serving.sni_callback = callback
        else:
            serving.set_servername_callback(callback)
        with Server(serving) as running:
            for name in ("localhost", "elsewhere.test", "refused.test"):
                client = world.client()
                found.append(outcome(lambda c=client, n=name, r=running: echo(connect(c, r, n))))
    return found, called


def pre_shared_key(world, server):
    if sys.version_info < (3, 13):
        return None
    called = []
    serving = StdContext(ssl.PROTOCOL_TLS_SERVER)
    serving.maximum_version = ssl.TLSVersion.TLSv1_2
    serving.set_ciphers("PSK")
    serving.set_psk_server_callback(lambda identity: called.append(identity) or b"key")
    client = world.client(check_hostname=False, verify_mode=ssl.CERT_NONE)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers("PSK")
    client.set_psk_client_callback(lambda hint: called.append(hint) or ("me", b"key"))

    class Silent(Server):
        pass

    with Silent(serving) as running:
        return outcome(lambda: echo(connect(client, running))), called


def introspection(world, server):
    context = world.client()
    return context.get_ca_certs(), context.get_ca_certs(True), context.cert_store_stats()


ATTRIBUTES = [
    assignments,
    types_of_settings,
    messages,
    key_log,
    classes,
    client_certificate,
    ciphers,
    sni_callbacks,
    pre_shared_key,
    introspection,
]


# Injection: with the standard library's own constructors.


def default_context(world, server):
    context = ssl.create_default_context()
    if world.kind is StdContext:
        context.load_verify_locations(cadata=world.roots)
    return (
        outcome(lambda: echo(connect(context, server))),
        seen(server),
        context.check_hostname,
        context.verify_mode,
        context.verify_flags,
        context.options,
        isinstance(context, ssl.SSLContext),
    )


def unverified_context(world, server):
    context = ssl._create_unverified_context()
    return outcome(lambda: echo(connect(context, server))), context.verify_mode


def old_context(world, server):
    context = StdContext(ssl.PROTOCOL_TLS_CLIENT)
    context.options |= ssl.OP_NO_TICKET
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return (
        outcome(lambda: echo(connect(context, server))),
        isinstance(context, ssl.SSLContext),
        context.options,
    )


def lazy_subclass(world, server):
    class Lazy(ssl.SSLContext):
        def __init__(self, *_):
            pass

    context = Lazy(ssl.PROTOCOL_TLS_CLIENT)
    context.options |= ssl.OP_NO_TICKET
    if world.kind is StdContext:
        context.load_verify_locations(cadata=world.roots)
    return outcome(lambda: echo(connect(context, server))), isinstance(context, ssl.SSLContext)


INJECTION = [default_context, unverified_context, old_context, lazy_subclass]


#: What is another result than that of `ssl`, in every mode or in one, and why.
_NO_NAME = (
    "a name that is to be checked must be there: `wrap_bio` of `ssl` would take a certificate for "
    "any name, although `check_hostname` is on; its `wrap_socket` raises ValueError"
)
_EVERYWHERE = {
    "bio_without_a_name-trusted": _NO_NAME,
    "bio_without_a_name-untrusted": _NO_NAME,
}
DIFFERS: dict[str, dict[str, str]] = {
    modes.IN_HANDSHAKE: {**_EVERYWHERE},
    modes.DEFERRED: {**_EVERYWHERE},
}


@pytest.fixture
def make_world(system_ca, other_ca, tmp_path, localhost, untrusted):
    """A world of its own for each kind: what servers see is not mixed."""
    client = system_ca.leaf("a client", client=True)
    elsewhere = system_ca.leaf("elsewhere.test")
    running = []

    def make(kind):
        servers = [
            Server(server_context(leaf)).__enter__() for leaf in (localhost, untrusted, elsewhere)
        ]
        running.extend(servers)
        leaves = localhost, client, elsewhere
        return World(kind, system_ca.der, servers, leaves, str(tmp_path))

    yield make
    for server in running:
        server.__exit__()


def compare(make_world, script, which, prepare=lambda kind: None, restore=lambda kind: None):
    results = []
    for kind in (StdContext, trustbridge.SSLContext):
        world = make_world(kind)
        server = world.good if which == "trusted" else world.bad
        prepare(kind)
        try:
            results.append(script(world, server))
        finally:
            restore(kind)
        assert (
            (world.bad.received == [])
            or kind is StdContext
            or "verif" in script.__name__
            or (script is old_context)
        )
    expected, found = results
    if f"{script.__name__}-{which}" in DIFFERS[modes.current()]:
        assert found != expected
    else:
        assert found == expected


SERVERS = ["trusted", "untrusted"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("which", SERVERS)
@pytest.mark.parametrize("script", [*WAYS, *ATTRIBUTES], ids=lambda script: script.__name__)
def test_context(make_world, script, which):
    compare(make_world, script, which)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("which", SERVERS)
@pytest.mark.parametrize("script", INJECTION, ids=lambda script: script.__name__)
def test_injection(make_world, script, which):
    def prepare(kind):
        if kind is not StdContext:
            trustbridge.inject_into_ssl()

    def restore(kind):
        trustbridge.extract_from_ssl()

    compare(make_world, script, which, prepare, restore)


def test_no_alert_only_where_it_is_said(untrusted_server):
    """The one difference of the deferred mode that every script above leaves out."""
    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(context, untrusted_server)
    untrusted_server.finish()
    reasons = [getattr(error, "reason", None) for error in untrusted_server.errors]
    assert ("TLSV1_ALERT_UNKNOWN_CA" in reasons) is modes.has_alerts()


def test_the_common_name_is_the_one_default_that_differs():
    assert trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT).hostname_checks_common_name is False
    assert StdContext(ssl.PROTOCOL_TLS_CLIENT).hostname_checks_common_name is True
    assert Authority  # the certificates are the tests' own


def test_a_name_to_be_checked_must_be_there():
    """What `bio_without_a_name` does instead."""

    def wrap(kind):
        kind(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())

    def wrap_socket(kind):
        with socket.socket() as plain:
            kind(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(plain)

    assert outcome(wrap, StdContext) is None
    assert outcome(wrap, trustbridge.SSLContext) == (["ValueError"], None)
    assert outcome(wrap_socket, StdContext) == (["ValueError"], None)
    assert outcome(wrap_socket, trustbridge.SSLContext) == (["ValueError"], None)
