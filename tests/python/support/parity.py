"""The same script with `ssl.SSLContext` and with ours: what can be observed is equal.

Each script gets a class of contexts and returns what it saw. Ours trusts the tests' system store,
the standard library's is given the same root. `DIFFERS` names what is another result, and why.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import os
import select
import socket
import ssl
import sys
from typing import NamedTuple

import modes
import pytest
import trustbridge
from pki import DH_PARAMETERS, Authority, Leaf
from servers import TIMEOUT, Bio, Server, StdContext, load_chain, server_context


class World:
    """What a script works with."""

    def __init__(self, kind, system_ca, other_ca, servers, leaves, folder):
        self.kind = kind
        self.system_ca, self.other_ca = system_ca, other_ca
        self.roots = system_ca.der
        self.good, self.bad, self.elsewhere = servers
        self.leaves = leaves
        self.folder = folder

    @property
    def ours(self):
        return self.kind is not StdContext

    def file(self, name, contents):
        path = os.path.join(self.folder, f"{self.kind.__module__}-{name}")
        with open(path, "wb") as file:
            file.write(contents)
        return path

    def client(self, **settings):
        context = self.kind(ssl.PROTOCOL_TLS_CLIENT)
        if self.kind is StdContext:
            context.load_verify_locations(cadata=self.roots)
            context.hostname_checks_common_name = False
        for name, value in settings.items():
            setattr(context, name, value)
        return context


def outcome(function, *arguments, **keywords):
    """A value, or the exception: its type, OpenSSL's reason, and the code of a certificate's."""
    try:
        value = function(*arguments, **keywords)
    except Exception as error:
        return [type(error).__name__, reason(error), getattr(error, "verify_code", None)]
    return value


def reason(error):
    return getattr(error, "reason", None)


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
    reasons = [reason(error) or "" for error in server.errors]
    server.errors.clear()
    # How a connection breaks off otherwise depends on who is faster.
    return [one for one in reasons if "ALERT" in one] if modes.has_alerts() else None


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


class AsksLater(Server):
    """Asks its client for a certificate when the handshake is over."""

    def _serve(self, connection):
        connection.settimeout(TIMEOUT)
        try:
            with self.context.wrap_socket(connection, server_side=True) as secured:
                secured.verify_client_post_handshake()
                secured.sendall(b"?")
                secured.recv(1)
                self.client_certificates.append(secured.getpeercert(True))
                secured.sendall(b"!")
        except OSError as error:
            self.errors.append(error)
        finally:
            connection.close()


def post_handshake_authentication(world, server):
    """post_handshake_auth of a client, and of a server."""

    def talk(client, running):
        with connect(client, running) as secured:
            secured.recv(1)
            secured.sendall(b".")
            return secured.recv(1)

    found = []
    for client_says in (True, False):
        for server_says in (True, False):
            asking = world.kind(ssl.PROTOCOL_TLS_SERVER)
            load_chain(asking, world.leaves.localhost)
            asking.verify_mode = ssl.CERT_REQUIRED
            asking.load_verify_locations(cadata=world.roots)
            asking.post_handshake_auth = server_says
            client = world.client(post_handshake_auth=client_says)
            load_chain(client, world.leaves.client)
            with AsksLater(asking) as running:
                # What it sees of a server that gives up depends on who is faster.
                result = outcome(talk, client, running)
                running.finish()
                errors = [reason(error) for error in running.errors]
                found.append((result == b"!", errors, running.client_certificates))
    return found


def tickets(world, server):
    """num_tickets: how many a client gets."""
    found = []
    for number in (None, 0, 1, 4):
        got = []

        def count(connection, direction, version, content, message, data, got=got):
            if message == ssl._TLSMessageType.NEWSESSION_TICKET:
                got.append(direction)

        issuing = world.kind(ssl.PROTOCOL_TLS_SERVER)
        load_chain(issuing, world.leaves.localhost)
        if number is not None:
            issuing.num_tickets = number
        client = world.client()
        client._msg_callback = count
        with Server(issuing) as running:
            echo(connect(client, running))
        found.append((issuing.num_tickets, got))
    return found


def dh_params(world, server):
    """load_dh_params: without, a server has no such cipher."""
    path = world.file("dh.pem", DH_PARAMETERS)
    client = world.client(maximum_version=ssl.TLSVersion.TLSv1_2)
    client.set_ciphers("DHE+AESGCM")
    found = [outcome(client.load_dh_params, path)]
    for load in (True, False):
        context = world.kind(ssl.PROTOCOL_TLS_SERVER)
        load_chain(context, rsa_leaf(world.system_ca))
        if load:
            found.append(outcome(context.load_dh_params, path))
        for wrong in (path + "-missing", world.file("empty.pem", b""), None, 1):
            found.append(outcome(context.load_dh_params, wrong))
        with Server(context) as running:
            found.append(outcome(lambda r=running: connect(client, r).cipher()))
            running.finish()
            found.append([reason(error) for error in running.errors])
    return found


@functools.cache
def rsa_leaf(authority: Authority) -> Leaf:
    return authority.leaf("localhost", rsa_bits=2048)


def curves(world, server):
    """set_ecdh_curve, of a server and of a client."""
    found = []
    for theirs in ("secp384r1", "prime256v1", "secp521r1"):
        context = world.kind(ssl.PROTOCOL_TLS_SERVER)
        load_chain(context, rsa_leaf(world.system_ca))
        context.set_ecdh_curve("secp384r1")
        client = world.client()
        client.set_ecdh_curve(theirs)
        with Server(context) as running:
            found.append(outcome(lambda c=client, r=running: echo(connect(c, r))))
            running.finish()
            found.append([reason(error) for error in running.errors])
    return found


def security_level(world, server):
    """Of ciphers; test_handshake has that of certificates."""
    found = []
    for level in (1, 2, 3):
        client = world.client(maximum_version=ssl.TLSVersion.TLSv1_2)
        client.set_ciphers(f"ECDHE+AES128:@SECLEVEL={level}")
        found.append(getattr(client, "security_level", None))
        found.append(len(client.get_ciphers()))
        if level < 3:
            found.append(outcome(lambda c=client: echo(connect(c, server))))
    return found


def revocation(world, server):
    """VERIFY_CRL_CHECK_LEAF is a bit of VERIFY_CRL_CHECK_CHAIN."""
    found = []
    issuing = world.leaves.localhost.authority
    lists = {"none": b"", "issuer": issuing.crl(), "both": issuing.crl() + world.system_ca.crl()}
    for flag in (0, ssl.VERIFY_CRL_CHECK_LEAF, ssl.VERIFY_CRL_CHECK_CHAIN, 8):
        for name, contents in lists.items():
            context = world.client(verify_flags=ssl.VERIFY_X509_TRUSTED_FIRST | flag)
            if contents:
                context.load_verify_locations(world.file("lists.pem", contents))
            found.append(
                (
                    flag,
                    name,
                    context.verify_flags,
                    outcome(lambda c=context: echo(connect(c, server))),
                )
            )
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
        outcome(context.load_cert_chain, os.path.join(world.folder, "missing")),
        context.session_stats()["connect"],
    )


def sni_callbacks(world, server):
    """On a server of this kind; its callback assigns another context."""
    called = []
    other = world.kind(ssl.PROTOCOL_TLS_SERVER)
    load_chain(other, world.leaves.elsewhere)

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
        load_chain(serving, world.leaves.localhost)
        if set_by == "property":
            serving.sni_callback = callback
        else:
            serving.set_servername_callback(callback)
        with Server(serving) as running:
            for name in ("localhost", "elsewhere.test", "refused.test"):
                client = world.client()
                found.append(outcome(lambda c=client, n=name, r=running: echo(connect(c, r, n))))
    return found, called


def pre_shared_keys(world, server, verify=False):
    """set_psk_client_callback and set_psk_server_callback"""
    if sys.version_info < (3, 13):
        return None
    found = []
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for key in (b"key", b"another key"):
            called = []
            context = world.kind(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = context.maximum_version = version
            context.set_psk_server_callback(lambda identity, c=called: c.append(identity) or b"key")
            client = world.client()
            if not verify:
                client.check_hostname = False
                client.verify_mode = ssl.CERT_NONE
            client.minimum_version = client.maximum_version = version
            client.set_psk_client_callback(
                lambda hint, c=called, k=key: c.append(hint) or ("me", k)
            )
            if version == ssl.TLSVersion.TLSv1_2:
                context.set_ciphers("PSK")
                client.set_ciphers("PSK")

            def facts(client=client, running=None):
                with connect(client, running) as secured:
                    secured.sendall(b"ping")
                    return (
                        secured.recv(4),
                        secured.cipher(),
                        secured.getpeercert(),
                        secured.getpeercert(True),
                    )

            with Server(context) as running:
                found.append(outcome(facts, running=running))
            found.append(called)
    return found


def pre_shared_keys_of_verifying_clients(world, server):
    """A server that shows no certificate because the key has vouched for it."""
    found = pre_shared_keys(world, server, verify=True)
    if found is not None:
        # One that shows a certificate is judged by that.
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client = world.client(minimum_version=version, maximum_version=version)
            client.set_ciphers("PSK:ECDHE+AESGCM")
            client.set_psk_client_callback(lambda hint: ("me", b"key"))
            found.append(outcome(lambda c=client: echo(connect(c, server))))
    return found


def introspection(world, server):
    context = world.client()
    found = [context.get_ca_certs(), context.get_ca_certs(True), context.cert_store_stats()]
    context.load_verify_locations(cadata=world.leaves.untrusted.der)  # not a CA
    context.load_verify_locations(cadata=world.other_ca.der)
    context.load_verify_locations(world.file("list.pem", world.other_ca.crl()))
    found += [len(context.get_ca_certs()), context.cert_store_stats()]
    for protocol in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS):
        context = world.kind(protocol)
        context.set_ciphers("ECDHE+AESGCM")
        found += [
            [cipher["name"] for cipher in context.get_ciphers()],
            context.session_stats(),
            context.protocol,
        ]
    context = world.kind(ssl.PROTOCOL_TLS_SERVER)
    context.load_verify_locations(cadata=world.other_ca.der)
    return [*found, context.get_ca_certs(), context.get_ca_certs(True), context.cert_store_stats()]


ATTRIBUTES = [
    assignments,
    types_of_settings,
    messages,
    key_log,
    classes,
    post_handshake_authentication,
    tickets,
    dh_params,
    curves,
    security_level,
    revocation,
    ciphers,
    sni_callbacks,
    pre_shared_keys,
    pre_shared_keys_of_verifying_clients,
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
    """Made with the class that was there before, as if before the injection."""
    found = []
    for verify in (False, True):
        context = StdContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=world.roots)
        context.options |= ssl.OP_NO_TICKET
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_3
        context._msg_callback = None
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        found += [
            outcome(lambda c=context: echo(connect(c, server))),
            isinstance(context, ssl.SSLContext),
            issubclass(type(context), ssl.SSLContext),
            context.options,
            context.verify_flags,
            context.verify_mode,
        ]
    return found


def lazy_subclass(world, server):
    class Lazy(ssl.SSLContext):
        def __init__(self, *_):
            pass

    context = Lazy(ssl.PROTOCOL_TLS_CLIENT)
    context.options |= ssl.OP_NO_TICKET
    if world.kind is StdContext:
        context.load_verify_locations(cadata=world.roots)
    return outcome(lambda: echo(connect(context, server))), isinstance(context, ssl.SSLContext)


def server_by_default(world, server):
    """create_default_context for a server: the default certificates are for its clients."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    found = [context.verify_mode, context.check_hostname, context.cert_store_stats()]
    context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    load_chain(context, world.leaves.localhost)
    client = world.client()
    with Server(context) as running:
        found.append(outcome(lambda: echo(connect(client, running))))
    return found


LATE = """
import ssl
from ssl import SSLContext, create_default_context

CONTEXT = create_default_context()


class Child(SSLContext):
    pass


class Grandchild(Child):
    def __new__(cls, *arguments):
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, *_):
        super().__init__()
"""


def imported_afterwards(world, server):
    """A library that is imported after the injection."""
    name = f"late_{'ours' if world.ours else 'standard'}_{server.port}"
    with open(os.path.join(world.folder, f"{name}.py"), "w") as file:
        file.write(LATE)
    sys.path.insert(0, world.folder)
    try:
        importlib.invalidate_caches()
        late = importlib.import_module(name)
    finally:
        sys.path.remove(world.folder)
        sys.modules.pop(name, None)
    contexts = [
        late.CONTEXT,
        late.create_default_context(),
        ssl._create_default_https_context(),
        late.Child(ssl.PROTOCOL_TLS_CLIENT),
        late.Grandchild("anything"),
    ]
    found = [late.SSLContext is ssl.SSLContext]
    for context in contexts:
        if not world.ours:
            context.load_verify_locations(cadata=world.roots)
        found += [
            outcome(lambda c=context: echo(connect(c, server))),
            isinstance(context, ssl.SSLContext),
            type(context) is ssl.SSLContext,
        ]
    return found


def own_cafile(world, server):
    """create_default_context(cafile=…) means "only this file" to its author."""
    context = ssl.create_default_context(cafile=world.file("other.pem", world.other_ca.pem))
    return outcome(lambda: echo(connect(context, server))), seen(server)


def certifi_by_habit(world, server):
    """A library loads certifi's bundle beside the default certificates."""
    folder = os.path.join(world.folder, "certifi")
    os.makedirs(folder, exist_ok=True)
    for name, contents in (("__init__.py", b""), ("cacert.pem", world.other_ca.pem)):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(contents)
    context = ssl.create_default_context()
    context.load_verify_locations(os.path.join(folder, "cacert.pem"))
    return outcome(lambda: echo(connect(context, server)))


INJECTION = [
    default_context,
    unverified_context,
    old_context,
    lazy_subclass,
    server_by_default,
    imported_afterwards,
    own_cafile,
    certifi_by_habit,
]


#: What is another result than that of `ssl`, in every mode or in one, and why.
_NO_NAME = (
    "a name that is to be checked must be there: `wrap_bio` of `ssl` would take a certificate for "
    "any name, although `check_hostname` is on; its `wrap_socket` raises ValueError"
)
_ADDS = "what is loaded adds to the system's certificates, unless inject_into_ssl is told otherwise"
_EVERYWHERE = {
    "bio_without_a_name-trusted": _NO_NAME,
    "bio_without_a_name-untrusted": _NO_NAME,
    "own_cafile-trusted": _ADDS,
    "certifi_by_habit-untrusted": "certifi's bundle does not widen trust beyond the system's",
}
DIFFERS: dict[str, dict[str, str]] = {
    modes.IN_HANDSHAKE: {**_EVERYWHERE},
    modes.DEFERRED: {**_EVERYWHERE},
}
#: Scripts in which the server that nobody trusts rightly gets data.
ACCEPTS_ANYBODY = {
    modes_of_verification,
    unverified_context,
    old_context,
    own_cafile,
}


class Leaves(NamedTuple):
    localhost: Leaf
    untrusted: Leaf
    elsewhere: Leaf
    client: Leaf
    stranger: Leaf


@pytest.fixture(scope="module")
def leaves(system_ca, other_ca, localhost, untrusted):
    return Leaves(
        localhost,
        untrusted,
        elsewhere=system_ca.leaf("elsewhere.test"),
        client=system_ca.leaf(client=True),
        stranger=other_ca.leaf(client=True),
    )


try:
    StdContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())
except ValueError:  # late versions of CPython have come to the same
    for differs in DIFFERS.values():
        for server in ("trusted", "untrusted"):
            differs.pop(f"bio_without_a_name-{server}", None)


@pytest.fixture
def make_world(system_ca, other_ca, tmp_path, leaves):
    """A world of its own for each kind: what servers see is not mixed."""
    running = []

    def make(kind):
        servers = [Server(server_context(leaf)).__enter__() for leaf in leaves[:3]]
        running.extend(servers)
        return World(kind, system_ca, other_ca, servers, leaves, str(tmp_path))

    yield make
    for server in running:
        server.__exit__()


def compare(make_world, script, which, inject=None):
    results = []
    for kind in (StdContext, trustbridge.SSLContext):
        world = make_world(kind)
        server = world.good if which == "trusted" else world.bad
        if inject is not None and world.ours:
            trustbridge.inject_into_ssl(**inject)
        try:
            results.append(script(world, server))
        finally:
            trustbridge.extract_from_ssl()
        if world.ours and script not in ACCEPTS_ANYBODY:
            assert world.bad.received == []
    expected, found = results
    respects = bool(inject)
    if f"{script.__name__}-{which}" in DIFFERS[modes.current()] and not respects:
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
    compare(make_world, script, which, {})


@pytest.mark.parametrize("which", SERVERS)
@pytest.mark.parametrize("script", [own_cafile, default_context], ids=lambda s: s.__name__)
def test_injection_that_respects_cafile(make_world, script, which):
    compare(make_world, script, which, {"respect_cafile": True})


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
