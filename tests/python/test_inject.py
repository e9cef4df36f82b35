"""Injection, in processes of their own: it changes the whole process."""

from __future__ import annotations

import ssl
import subprocess
import sys
import textwrap

import modes
import trustbridge
from servers import Server, StdContext, exchange_socket, server_context

PRELUDE = """
import sys
sys.path[:0] = {path!r}
GOOD, BAD = {good}, {bad}
"""


def run(script, trusted_server, untrusted_server, *, warnings="error"):
    """Runs a script that has GOOD and BAD, the ports of a trusted and an untrusted server."""
    prelude = PRELUDE.format(path=sys.path, good=trusted_server.port, bad=untrusted_server.port)
    finished = subprocess.run(
        modes.python("-W", warnings, "-c", prelude + textwrap.dedent(script)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_public_names():
    assert modes.current() == trustbridge.HANDSHAKE_MODE
    assert trustbridge.__version__
    for name in trustbridge.__all__:
        assert getattr(trustbridge, name) is not None


def test_importing_changes_nothing(trusted_server, untrusted_server):
    run(
        """
        import ssl
        before = ssl.SSLContext, dict(vars(ssl.SSLContext))
        import trustbridge
        assert (ssl.SSLContext, dict(vars(ssl.SSLContext))) == before
        """,
        trusted_server,
        untrusted_server,
    )


def test_injection_imports_nothing_and_import_is_light(trusted_server, untrusted_server):
    run(
        """
        import ssl, threading
        before = set(sys.modules)
        import trustbridge
        trustbridge.inject_into_ssl()
        new = {name.partition(".")[0] for name in set(sys.modules) - before}
        light = {"__future__", "trustbridge"}
        if trustbridge.HANDSHAKE_MODE == "openssl":  # ssl itself imports them up to 3.13
            light |= {"re", "_sre", "copyreg", "functools", "_functools"}
        elif trustbridge._native.__name__.endswith("._system"):  # looks whether ctypes is there
            light |= {"importlib"}
        assert new <= light, new
        """,
        trusted_server,
        untrusted_server,
    )


def test_injection_and_extraction(trusted_server, untrusted_server):
    run(
        """
        import socket, ssl
        import trustbridge
        from ssl import SSLContext
        original, contents = ssl.SSLContext, dict(vars(ssl.SSLContext))
        old = ssl.create_default_context()

        def connect(context, port):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                with context.wrap_socket(connection, server_hostname="localhost") as secured:
                    return type(secured)

        def refused(context, port):
            try:
                connect(context, port)
            except ssl.SSLCertVerificationError:
                return True

        for _ in range(2):
            trustbridge.inject_into_ssl()
            trustbridge.inject_into_ssl()
            assert ssl.SSLContext is trustbridge.SSLContext
            # Modules that had imported the class by its name, this one among them.
            assert sys.modules["__main__"].SSLContext is trustbridge.SSLContext
            for make in (
                ssl.create_default_context,
                lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                ssl._create_default_https_context,
            ):
                context = make()
                assert type(context) is trustbridge.SSLContext
                assert connect(context, GOOD) is trustbridge.SSLSocket
                assert refused(context, BAD)
            lax = ssl._create_unverified_context()
            assert type(lax) is trustbridge.SSLContext
            assert lax.verify_mode == ssl.CERT_NONE
            connect(lax, BAD)

            # Contexts made before.
            assert isinstance(old, ssl.SSLContext)
            assert isinstance(context, ssl.SSLContext)
            assert issubclass(original, ssl.SSLContext)
            assert not isinstance(42, ssl.SSLContext)
            for some in (old, context):
                some.options |= ssl.OP_NO_TICKET
                some.verify_flags |= ssl.VERIFY_X509_TRUSTED_FIRST
                some.minimum_version = ssl.TLSVersion.TLSv1_2
                some.maximum_version = ssl.TLSVersion.TLSv1_3
                some.check_hostname = False
                some.verify_mode = ssl.CERT_NONE
                some.verify_mode = ssl.CERT_REQUIRED
                some.check_hostname = True
                some._msg_callback = lambda *_: None
                some._msg_callback = None
                assert some.options & ssl.OP_NO_TICKET
                assert some.minimum_version == ssl.TLSVersion.TLSv1_2
            try:
                old.options = "nonsense"
            except TypeError:
                pass
            else:
                raise AssertionError
            connect(old, GOOD)
            assert refused(old, BAD)

            class Child(ssl.SSLContext):
                def __init__(self, *_):
                    pass

            child = Child(ssl.PROTOCOL_TLS_CLIENT)
            child.options |= ssl.OP_NO_TICKET
            assert not isinstance(old, Child)
            assert refused(child, BAD)

            trustbridge.extract_from_ssl()
            trustbridge.extract_from_ssl()
            assert ssl.SSLContext is original
            assert sys.modules["__main__"].SSLContext is original
            assert dict(vars(original)) == contents
            assert type(ssl.create_default_context()) is original
            assert not isinstance(old, trustbridge.SSLContext)
            assert isinstance(context, ssl.SSLContext)
            # Contexts made meanwhile keep working.
            context.options |= ssl.OP_NO_TICKET
            connect(context, GOOD)
            assert refused(context, BAD)
        """,
        trusted_server,
        untrusted_server,
    )


def test_injection_from_many_threads(trusted_server, untrusted_server):
    run(
        """
        import ssl, threading
        import trustbridge
        original, contents = ssl.SSLContext, dict(vars(ssl.SSLContext))

        def work():
            for _ in range(50):
                trustbridge.inject_into_ssl()
                ssl.create_default_context().options |= ssl.OP_NO_TICKET
                trustbridge.extract_from_ssl()

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ssl.SSLContext is original
        assert dict(vars(original)) == contents
        """,
        trusted_server,
        untrusted_server,
    )


def test_old_sockets_keep_working(trusted_server):
    """A connection made before the injection goes on."""
    import socket

    context = StdContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(trusted_server.address) as connection:
        with context.wrap_socket(connection) as secured:
            trustbridge.inject_into_ssl()
            try:
                secured.sendall(b"ping")
                assert secured.recv(4) == b"ping"
            finally:
                trustbridge.extract_from_ssl()


def test_servers_while_injected(localhost, trusted_server, untrusted_server):
    """`create_default_context(CLIENT_AUTH)` gives a server that is the standard library's."""
    trustbridge.inject_into_ssl()
    try:
        serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        assert type(serving) is trustbridge.SSLContext
        client = ssl.create_default_context()
    finally:
        trustbridge.extract_from_ssl()
    from servers import load_chain

    load_chain(serving, localhost)
    with Server(serving) as server:
        assert exchange_socket(client, server.address) == b"ping"
    assert server_context(localhost).cert_store_stats() == serving.cert_store_stats()


def test_a_class_beneath_with_arguments_of_its_own(trusted_server, untrusted_server):
    """As eventlet's: `wrap_socket` takes the arguments of another age, in another order."""
    run(
        """
        import socket, ssl
        Standard = ssl.SSLContext

        class Green(Standard):
            seen = []

            def wrap_socket(self, sock, keyfile=None, certfile=None, server_side=False, **rest):
                self.seen.append((keyfile, certfile, server_side, sorted(rest)))
                return super().wrap_socket(sock, server_side, **rest)

        ssl.SSLContext = Green
        import trustbridge
        trustbridge.inject_into_ssl()
        context = ssl.create_default_context()
        assert isinstance(context, trustbridge.SSLContext) and isinstance(context, Green)

        def connect(port, **options):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                with context.wrap_socket(connection, **options) as secured:
                    secured.sendall(b"ping")
                    return secured.recv(4)

        assert connect(GOOD, server_hostname="localhost") == b"ping"
        assert connect(GOOD, server_side=False, server_hostname="localhost") == b"ping"
        assert Green.seen == [(None, None, False, ["server_hostname"])] * 2
        try:
            connect(BAD, server_hostname="localhost")
        except ssl.SSLCertVerificationError as error:
            assert error.report
        else:
            raise AssertionError
        """,
        trusted_server,
        untrusted_server,
    )
