"""As `ssl`: while our class is injected. See parity.py."""

from __future__ import annotations

import importlib
import os
import ssl
import sys

import pytest
from parity import SERVERS, compare, connect, echo, outcome, seen
from servers import Server, StdContext, load_chain

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


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("which", SERVERS)
@pytest.mark.parametrize("script", INJECTION, ids=lambda script: script.__name__)
def test_injection(make_world, script, which):
    compare(make_world, script, which, {})


@pytest.mark.parametrize("which", SERVERS)
@pytest.mark.parametrize("script", [own_cafile, default_context], ids=lambda s: s.__name__)
def test_injection_that_respects_cafile(make_world, script, which):
    compare(make_world, script, which, {"respect_cafile": True})
