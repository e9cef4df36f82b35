"""As `ssl`: ways to handshake. See parity.py."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl

import modes
import pytest
import trustbridge
from parity import SERVERS, compare, connect, echo, outcome, reason, seen
from servers import TIMEOUT, Bio, Server, StdContext, load_chain, server_context

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


def bio_read_first(world, server):
    """The handshake is made by `read`."""

    def run():
        with Bio(world.client(), server.address) as driven:
            while driven.object.version() is None:
                try:
                    driven.object.read(1)
                except ssl.SSLWantReadError:
                    driven.flush()
                except ssl.SSLError:
                    driven.flush()  # the alert
                    raise
                if driven.object.version() is None:
                    driven.incoming.write(driven.connection.recv(65536))
            driven.run(driven.object.write, b"ping")
            return driven.run(driven.object.read, 4)

    return outcome(run), seen(server)


def bio_without_a_name(world, server):
    def run():
        with Bio(world.client(), server.address, None) as driven:
            driven.run(driven.object.do_handshake)
            return driven.object.server_hostname

    return outcome(run), seen(server)


def open_connection(world, server):
    """asyncio"""

    async def run():
        reader, writer = await asyncio.open_connection(
            *server.address, ssl=world.client(), server_hostname="localhost"
        )
        try:
            writer.write(b"ping")
            return (
                await reader.readexactly(4),
                type(writer.get_extra_info("ssl_object")).__mro__[-2],
                writer.get_extra_info("peercert"),
                writer.get_extra_info("cipher"),
            )
        finally:
            writer.close()
            await writer.wait_closed()

    return outcome(lambda: asyncio.run(run()))


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


def u_labels(world, server):
    context = world.client()
    given = (
        "münchen.test",
        "MÜNCHEN.test",
        "xn--mnchen-3ya.test",
        b"xn--mnchen-3ya.test",
        bytearray(b"xn--mnchen-3ya.test"),
        "köln.test",
        "a..ü",
        "ü" * 64,
        "münchen.test".encode(),
    )

    def run(name, running):
        secured = connect(context, running, name)
        return secured.server_hostname, echo(secured)

    with Server(server_context(world.system_ca.leaf("xn--mnchen-3ya.test"))) as running:
        return [outcome(run, name, running) for name in given]


def asked_for_a_certificate(world, server):
    """A client's certificate is sent to a server that is accepted, and to no other one."""
    found = []
    leaf = world.leaves.localhost if server is world.good else world.leaves.untrusted
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        asking = server_context(leaf, client_ca=world.roots)
        asking.minimum_version = asking.maximum_version = version
        context = world.client()
        load_chain(context, world.leaves.client)
        with Server(asking) as running:
            found.append(outcome(lambda c=context, r=running: echo(connect(c, r))))
            running.finish()
            if server is world.good or modes.withholds_client_certificate():
                found.append(running.client_certificates)
    return found


def serving(world, server):
    """As a server: whom it asks, whom it believes, and by which rules."""
    clients = {
        "of a CA that was loaded": world.leaves.stranger,
        "of the system's CA": world.leaves.client,
        "for servers": world.leaves.untrusted,
        "none": None,
    }
    found = []
    for protocol in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS):
        for mode in (ssl.CERT_NONE, ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED):
            if protocol == ssl.PROTOCOL_TLS and mode != ssl.CERT_NONE:
                continue  # See modes.FAILS.
            for name, leaf in clients.items():
                context = world.kind(protocol)
                load_chain(context, world.leaves.localhost)
                context.verify_mode = mode
                context.load_verify_locations(cadata=world.other_ca.der)
                if protocol == ssl.PROTOCOL_TLS_SERVER:
                    found.append((context.cert_store_stats(), context.get_ca_certs()))
                client = StdContext(ssl.PROTOCOL_TLS_CLIENT)
                client.load_verify_locations(cadata=world.roots)
                if leaf is not None:
                    load_chain(client, leaf)
                with Server(context) as running:
                    # With TLS 1.3 it depends on who is faster what a refused client sees.
                    result = outcome(lambda c=client, r=running: echo(connect(c, r)))
                    running.finish()
                    errors = [
                        (type(error).__name__, reason(error), getattr(error, "verify_code", None))
                        for error in running.errors
                    ]
                    found.append((name, mode, result == b"ping", errors))
                    found.append(running.client_certificates)
    return found


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


def order_of_complaints(world, server):
    """What a socket is comes before the name, and the name before what `ssl` does with both."""
    context = world.client()
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        for options in ({}, {"server_hostname": "localhost"}, {"server_side": True}):
            found.append(outcome(context.wrap_socket, datagrams, **options))
    with socket.socket() as plain:
        for options in (
            {},
            {"server_hostname": ""},
            {"server_hostname": ".localhost"},
            {"server_side": True, "server_hostname": "localhost"},
            {"server_hostname": "localhost", "session": 42},
        ):
            found.append(outcome(context.wrap_socket, plain, **options))
    return found


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
    bio_read_first,
    bio_without_a_name,
    open_connection,
    start_tls,
    wrong_name,
    modes_of_verification,
    names,
    u_labels,
    asked_for_a_certificate,
    serving,
    resumption,
    facts_of_a_connection,
    closing,
    files,
    order_of_complaints,
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("which", SERVERS)
@pytest.mark.parametrize("script", WAYS, ids=lambda script: script.__name__)
def test_handshake(make_world, script, which):
    compare(make_world, script, which)


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


def test_a_name_to_be_checked_must_be_there():
    """What `bio_without_a_name` does instead."""

    def wrap(kind):
        kind(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())

    def wrap_socket(kind):
        with socket.socket() as plain:
            kind(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(plain)

    value_error = ["ValueError", None, None]
    assert outcome(wrap, StdContext) in (None, value_error)  # late versions of CPython
    assert outcome(wrap, trustbridge.SSLContext) == value_error
    assert outcome(wrap_socket, StdContext) == value_error
    assert outcome(wrap_socket, trustbridge.SSLContext) == value_error
