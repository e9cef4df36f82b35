"""One context, many users: no verdict depends on what other connections do."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import ssl
import sys
import threading
import time

import pytest
import trustbridge
from pki import Authority
from servers import EXCHANGES, Bio, Server, exchange_socket, server_context

THREADS = 16
CONNECTIONS = 50
FEW, SOME = 10, 20


def settings(context):
    return (
        context.check_hostname,
        context.verify_mode,
        context.verify_flags,
        context.options,
        context.hostname_checks_common_name,
        context.minimum_version,
        context.maximum_version,
    )


def run(work, count=THREADS):
    """Runs `work(number)` in every thread; what each returned."""
    results = [None] * count
    ready = threading.Barrier(count)

    def body(number):
        ready.wait()
        try:
            results[number] = work(number)
        except BaseException as error:
            results[number] = error

    threads = [threading.Thread(target=body, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def connect_many(context, address, name, kinds, connections):
    """How many connections were made and how many were refused by the verdict."""

    def work(number):
        made = refused = 0
        exchange = EXCHANGES[kinds[number % len(kinds)]]
        for _ in range(connections):
            try:
                assert exchange(context, address, name) == b"ping"
                made += 1
            except ssl.SSLCertVerificationError as error:
                assert error.kind
                refused += 1
        return made, refused

    return run(work)


#: Kinds of connections, and how many each thread makes.
MIXES = [(["socket"], FEW), (["bio"], FEW), (["asyncio"], FEW), (list(EXCHANGES), CONNECTIONS)]
mixes = pytest.mark.parametrize(
    "kinds, connections", MIXES, ids=["+".join(mix[0]) for mix in MIXES]
)


@mixes
def test_untrusted_server_with_the_wrong_name_is_always_refused(other_ca, kinds, connections):
    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    before = settings(context)
    with Server(server_context(other_ca.leaf("elsewhere.test"))) as server:
        results = connect_many(context, server.address, "localhost", kinds, connections)
        assert results == [(0, connections)] * THREADS
        server.finish()
        assert server.received == []
    assert settings(context) == before


@mixes
def test_trusted_server_is_never_refused(trusted_server, kinds, connections):
    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    before = settings(context)
    results = connect_many(context, trusted_server.address, "localhost", kinds, connections)
    assert results == [(connections, 0)] * THREADS
    assert settings(context) == before


def test_both_at_once(trusted_server, untrusted_server):
    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def work(number):
        outcomes = set()
        for _ in range(SOME):
            server = (trusted_server, untrusted_server)[number % 2]
            try:
                outcomes.add(exchange_socket(context, server.address))
            except ssl.SSLCertVerificationError as error:
                outcomes.add(error.kind)
        return outcomes

    assert run(work) == [{b"ping"}, {"UnknownIssuer"}] * (THREADS // 2)


def test_loading_while_connecting(trusted_server, other_file):
    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def work(number):
        for _ in range(SOME):
            if number == 0:
                context.load_verify_locations(other_file)
                context.load_default_certs()
            assert exchange_socket(context, trusted_server.address) == b"ping"
        return True

    assert run(work) == [True] * THREADS


def test_other_settings_in_other_contexts(trusted_server, untrusted_server):
    """A context that verifies nothing does not disturb one that does."""
    strict = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    lax = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    lax.check_hostname = False
    lax.verify_mode = ssl.CERT_NONE

    def work(number):
        refused = 0
        for _ in range(SOME):
            if number % 2:
                assert exchange_socket(lax, untrusted_server.address) == b"ping"
            else:
                with pytest.raises(ssl.SSLCertVerificationError):
                    exchange_socket(strict, untrusted_server.address)
                refused += 1
        return refused

    assert run(work) == [SOME, 0] * (THREADS // 2)


def wrapped(context, address, name="localhost"):
    """A connection that has been made, before its handshake."""
    return Bio(context, address, name)


def handshake(bio):
    """What the verdict is: None, or the kind of the refusal."""
    with bio:
        try:
            bio.run(bio.object.do_handshake)
        except ssl.SSLCertVerificationError as error:
            return error.kind
    return None


def test_settings_of_the_connection(trusted_server, untrusted_server, other_ca):
    """What a context is told after a connection was made does not matter to it."""
    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def later(name, server, change):
        bio = wrapped(context, server.address, name)
        change()
        return handshake(bio)

    def name_off():
        context.check_hostname = False

    def name_on():
        context.check_hostname = True

    def off():
        context.verify_mode = ssl.CERT_NONE

    def on():
        context.verify_mode = ssl.CERT_REQUIRED

    def crl():
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF

    def no_crl():
        context.verify_flags &= ~ssl.VERIFY_CRL_CHECK_LEAF

    def load():
        context.load_verify_locations(cadata=other_ca.der)

    good, bad = trusted_server, untrusted_server
    assert later("elsewhere.test", good, name_off) == "NameMismatch"
    assert later("elsewhere.test", good, name_on) is None
    name_off()
    assert later("localhost", bad, off) == "UnknownIssuer"
    assert later("localhost", bad, on) is None
    assert later("localhost", good, crl) is None
    assert later("localhost", good, no_crl) == "RevocationUnknown"
    assert later("localhost", bad, load) == "UnknownIssuer"
    assert handshake(wrapped(context, bad.address)) is None


def test_a_context_that_changes_while_handshakes_run(trusted_server, untrusted_server, other_ca):
    """Each connection is judged by the settings it was made with."""
    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    stop = threading.Event()
    lock = threading.Lock()

    def change(_):
        while not stop.is_set():
            with lock:
                context.verify_mode = ssl.CERT_NONE
            with lock:
                context.verify_mode = ssl.CERT_REQUIRED
                context.check_hostname = True
            with lock:
                context.check_hostname = False

    def connect(number):
        outcomes = set()
        for _ in range(CONNECTIONS):
            server = (trusted_server, untrusted_server)[number % 2]
            with lock:  # what is read here is what the connection is made with
                mode, name = context.verify_mode, context.check_hostname
                bio = wrapped(context, server.address, "elsewhere.test")
            kind = handshake(bio)
            if mode == ssl.CERT_NONE:
                expected = {None}
            elif number % 2:
                expected = {"UnknownIssuer", "NameMismatch"} if name else {"UnknownIssuer"}
            else:
                expected = {"NameMismatch"} if name else {None}
            if kind not in expected:
                outcomes.add((mode, name, kind))
        return outcomes

    def work(number):
        if number == 0:
            return change(number)
        return connect(number)

    def ended(number):
        try:
            return work(number)
        finally:
            if number == 1:
                stop.set()

    assert run(ended, 8) == [None] + [set()] * 7
    assert context.verify_mode in (ssl.CERT_NONE, ssl.CERT_REQUIRED)


class Mallinfo(ctypes.Structure):
    """mallinfo(3)"""

    _names = (
        *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
        *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
    )
    _fields_ = tuple(zip(_names, [ctypes.c_size_t] * len(_names), strict=True))


def memory_in_use():
    """Bytes that malloc has given out, and blocks of Python's own. Resident memory would say more
    about how malloc spreads so many threads over its arenas."""
    gc.collect()
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Mallinfo
    found = mallinfo()
    return found.uordblks + found.hblkhd, sys.getallocatedblocks()


def open_files():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def connections_alive():
    """How many client connections are not freed. Without a GIL, what another thread has let go of
    may outlive one collection."""
    for _ in range(20):
        gc.collect()
        alive = sum(
            # What is beneath every socket and object, in both modes.
            type(one).__name__ == "_SSLSocket" and not one.server_side
            for one in gc.get_objects()
        )
        if not alive:
            break
        time.sleep(0.05)
    return alive


def many_connections(good, bad, elsewhere, file, count, connections):
    """Threads with connections of every kind to one context that keeps its settings and to one
    that does not, while another thread changes that one and loads CAs into both."""
    fixed = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    changing = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    lock, stop = threading.Lock(), threading.Event()
    kinds = list(EXCHANGES.values())

    def change():
        while not stop.wait(0.005):
            with lock:
                changing.check_hostname = False
            with lock:
                changing.verify_mode = ssl.CERT_NONE
            fixed.load_verify_locations(file)
            fixed.load_default_certs()
            with lock:
                changing.check_hostname = True  # and CERT_REQUIRED
                changing.load_verify_locations(file)

    def judged_by(number, turn):
        """Wraps while nothing changes: these are the settings that count."""
        server = (good, bad, elsewhere)[turn % 3]
        with lock:
            verifies, name = changing.verify_mode != ssl.CERT_NONE, changing.check_hostname
            bio = Bio(changing, server.address)
        refused = verifies and (server is bad or (name and server is elsewhere))
        kind = handshake(bio)
        assert (kind is not None) is refused, (verifies, name, server, kind)

    def work(number):
        for turn in range(connections):
            exchange = kinds[(number + turn) % len(kinds)]
            which = (number // len(kinds) + turn) % 4
            if which == 0:
                with pytest.raises(ssl.SSLCertVerificationError):
                    exchange(fixed, bad.address)
            elif which == 1:
                judged_by(number, turn)
            else:
                # Right by any settings.
                assert exchange((fixed, changing)[which == 2], good.address) == b"ping"
        return connections

    changer = threading.Thread(target=change)
    changer.start()
    try:
        assert run(work, count) == [connections] * count
    finally:
        stop.set()
        changer.join()
    # A client that hangs up in the middle of a refused handshake is the server's own affair.
    for server in (good, bad, elsewhere):
        server.finish()
    assert bad.received == []


@pytest.fixture
def three_servers(localhost, untrusted, system_ca, tmp_path):
    file = tmp_path / "a third CA.pem"
    file.write_bytes(Authority("trustbridge tests: third root").pem)

    @contextlib.contextmanager
    def make():
        with contextlib.ExitStack() as stack:
            leaves = localhost, untrusted, system_ca.leaf("elsewhere.test")
            servers = [stack.enter_context(Server(server_context(leaf))) for leaf in leaves]
            yield (*servers, str(file))

    return make


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_mixed_connections(three_servers):
    files = open_files()
    with three_servers() as servers:
        many_connections(*servers, THREADS, 24)
    assert open_files() <= files + 2
    assert connections_alive() == 0


@pytest.mark.stress
@pytest.mark.timeout(3600)
@pytest.mark.skipif(
    not (hasattr(ctypes.CDLL(None), "mallinfo2") and hasattr(sys, "getallocatedblocks")),
    reason="needs a count of the memory in use: CPython with glibc 2.33 or newer",
)
def test_many_threads_many_connections(three_servers):
    """64 threads with 200 connections each, twice: without an error, a leak, or growth of
    memory."""

    def round():
        with three_servers() as servers:
            many_connections(*servers, 64, 200)
        return open_files(), connections_alive()

    files, _ = round()
    memory = memory_in_use()
    assert round() == (files, 0)
    grown, blocks = (now - then for now, then in zip(memory_in_use(), memory, strict=True))
    print(f"grown by {grown} bytes and {blocks} blocks")
    # In 12,800 connections: one pointer each would be 100 KB.
    assert grown < 100_000, grown
    assert blocks < 1000, blocks
