"""One context, many users: no verdict depends on what other connections do."""

from __future__ import annotations

import ssl
import threading

import pytest
import trustbridge
from servers import EXCHANGES, Server, exchange_socket, server_context

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


def run(work):
    """Runs `work(number)` in every thread; what each returned."""
    results = [None] * THREADS
    ready = threading.Barrier(THREADS)

    def body(number):
        ready.wait()
        try:
            results[number] = work(number)
        except BaseException as error:
            results[number] = error

    threads = [threading.Thread(target=body, args=(number,)) for number in range(THREADS)]
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
