"""As `ssl`: attributes of contexts, and what they do. See parity.py."""

from __future__ import annotations

import functools
import os
import ssl
import sys
import warnings

import pytest
from parity import SERVERS, compare, connect, echo, outcome, reason
from pki import DH_PARAMETERS, Authority, Leaf
from servers import TIMEOUT, Server, load_chain

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
        type(context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost"))
        is Object,
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


def warnings_name_the_caller(world, server):
    class Child(world.kind):
        pass

    def options(context):
        context.options |= ssl.OP_NO_TLSv1_1

    def version(context):
        context.minimum_version = ssl.TLSVersion.TLSv1

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for kind in (world.kind, Child):
            kind()
            kind(ssl.PROTOCOL_TLS)
            if ssl.OPENSSL_VERSION_INFO < (4,):
                kind(ssl.PROTOCOL_TLSv1_2)
            context = kind(ssl.PROTOCOL_TLS_CLIENT)
            options(context)
            version(context)
            context.verify_flags = 0
    assert len(caught) > 4
    return [(str(one.message), one.category, one.filename, one.lineno) for one in caught]


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
    warnings_name_the_caller,
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("which", SERVERS)
@pytest.mark.parametrize("script", ATTRIBUTES, ids=lambda script: script.__name__)
def test_attribute(make_world, script, which):
    compare(make_world, script, which)
