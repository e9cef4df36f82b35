"""What the Python benches compare: contexts of trustbridge and of its peers."""

import os
import socket
import ssl
from collections.abc import Callable

NAME = "localhost"
DEFERRED = "trustbridge, deferred"
CASES = ("ssl, unverified", "trustbridge", "truststore", "ssl.create_default_context()")
# In this process all of trustbridge is in one mode.
ONE_CA = "ssl, one CA loaded"
CHILDREN = (CASES[0], "trustbridge", DEFERRED, ONE_CA, *CASES[2:])


def maker(case: str) -> Callable[[], ssl.SSLContext]:
    """What makes a context of this case. Imports only what the case needs."""
    if case == ONE_CA:
        return with_one_ca
    if case == "trustbridge, one CA loaded":
        import trustbridge

        def make() -> ssl.SSLContext:
            context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(os.environ["TRUSTBRIDGE_BENCH_CA"])
            return context

        return make
    if case in ("trustbridge", DEFERRED):
        import trustbridge

        return lambda: trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if case == "truststore":
        import truststore

        return lambda: truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if case == "ssl.create_default_context()":
        return ssl.create_default_context
    return unverified


def unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def with_one_ca() -> ssl.SSLContext:
    """The cheapest way that the standard library has to verify."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(os.environ["TRUSTBRIDGE_BENCH_CA"])
    return context


def connect(context: ssl.SSLContext, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(sock, server_hostname=NAME):
            pass
