"""One context, many users: no verdict depends on what other connections do."""

from __future__ import annotations

import gc
import os
import ssl
import threading

import pytest
import trustbridge
from servers import EXCHANGES, Bio, Server, exchange_socket, server_context

THREADS = 16
CONNECTIONS = 50


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


def connect_many(context, address, name, kinds):
    """How many connections were made and how many were refused by the verdict."""

    def work(number):
        made = refused = 0
        exchange = EXCHANGES[kinds[number % len(kinds)]]
        for _ in range(CONNECTIONS):
            try:
                assert exchange(context, address, name) == b"ping"
                made += 1
            except ssl.SSLCertVerificationError as error:
                assert error.kind
                refused += 1
        return made, refused

    return run(work)


MIXES = [["socket"], ["bio"], ["asyncio"], list(EXCHANGES)]


@pytest.mark.parametrize("kinds", MIXES, ids="+".join)
def test_untrusted_server_with_the_wrong_name_is_always_refused(other_ca, kinds):
    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    before = settings(context)
    with Server(server_context(other_ca.leaf("elsewhere.test"))) as server:
        results = connect_many(context, server.address, "localhost", kinds)
        assert results == [(0, CONNECTIONS)] * THREADS
        server.finish()
        assert server.received == []
    assert settings(context) == before


@pytest.mark.parametrize("kinds", MIXES, ids="+".join)
def test_trusted_server_is_never_refused(trusted_server, kinds):
    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    before = settings(context)
    results = connect_many(context, trusted_server.address, "localhost", kinds)
    assert results == [(CONNECTIONS, 0)] * THREADS
    assert settings(context) == before


def test_both_at_once(trusted_server, untrusted_server):
    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def work(number):
        outcomes = set()
        for _ in range(CONNECTIONS):
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
        for _ in range(CONNECTIONS):
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
        for _ in range(CONNECTIONS):
            if number % 2:
                assert exchange_socket(lax, untrusted_server.address) == b"ping"
            else:
                with pytest.raises(ssl.SSLCertVerificationError):
                    exchange_socket(strict, untrusted_server.address)
                refused += 1
        return refused

    assert run(work) == [CONNECTIONS, 0] * (THREADS // 2)


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


def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.stress
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_many_threads_many_connections(localhost, untrusted, other_file):
    """64 threads with 200 connections each, of every kind, while another thread loads CAs."""
    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    kinds = [EXCHANGES["socket"], EXCHANGES["bio"]]

    def round(count, connections):
        with Server(server_context(localhost)) as good, Server(server_context(untrusted)) as bad:

            def work(number):
                made = refused = 0
                for turn in range(connections):
                    exchange = kinds[(number + turn) % len(kinds)]
                    if (number + turn) % 3:
                        assert exchange(context, good.address) == b"ping"
                        made += 1
                    else:
                        with pytest.raises(ssl.SSLCertVerificationError):
                            exchange(context, bad.address)
                        refused += 1
                    if number == 0 and turn % 10 == 0:
                        context.load_default_certs()
                return made + refused

            assert run(work, count) == [connections] * count
            good.finish()
            assert good.errors == []
            assert bad.received == []

    # The first round takes what so many threads and sockets need at once.
    round(64, 200)
    files, grown = len(os.listdir("/proc/self/fd")), []
    # A leak grows in each of them; the allocator of free-threaded interpreters goes up and down.
    for _ in range(2):
        before = resident()
        round(64, 200)
        grown.append(resident() - before)
    assert len(os.listdir("/proc/self/fd")) <= files + 2
    # 12,800 connections; one leaked certificate each would be 12 MB and more.
    assert min(grown) < 8_000_000, grown
