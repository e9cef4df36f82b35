"""The same script with `ssl.SSLContext` and with ours: what can be observed is equal.

Each script gets a class of contexts and returns what it saw. Ours trusts the tests' system store,
the standard library's is given the same root. `DIFFERS` names what is another result, and why.
"""

from __future__ import annotations

import os
import socket
import ssl
from typing import NamedTuple

import modes
import pytest
from pki import Leaf
from servers import TIMEOUT, Server, StdContext, server_context


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
ACCEPTS_ANYBODY = {"modes_of_verification", "unverified_context", "old_context", "own_cafile"}


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
    import trustbridge

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
        if world.ours and script.__name__ not in ACCEPTS_ANYBODY:
            assert world.bad.received == []
    expected, found = results
    respects = bool(inject)
    if f"{script.__name__}-{which}" in DIFFERS[modes.current()] and not respects:
        assert found != expected
    else:
        assert found == expected


SERVERS = ["trusted", "untrusted"]
