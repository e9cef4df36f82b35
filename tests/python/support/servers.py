"""Servers of the standard library on loopback, and clients of every kind."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import tempfile
import threading

from pki import Leaf

TIMEOUT = 60

# What a server of the tests is: the standard library's, whatever is injected.
StdContext = ssl.SSLContext


def server_context(leaf: Leaf, *, client_ca: bytes | None = None) -> ssl.SSLContext:
    context = StdContext(ssl.PROTOCOL_TLS_SERVER)
    load_chain(context, leaf)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(client_ca))
    return context


def load_chain(context: ssl.SSLContext, leaf: Leaf) -> None:
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(leaf.chain_pem)
    try:
        context.load_cert_chain(file.name)
    finally:
        os.unlink(file.name)


class Server:
    """Echoes until its client hangs up. Remembers how each handshake ended."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.errors: list[Exception] = []
        self.client_certificates: list[bytes | None] = []
        self.received: list[bytes] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self.address = ("127.0.0.1", self.port)
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Server:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A listener that is closed in another thread does not wake accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(TIMEOUT)
        self.finish()

    def finish(self) -> None:
        """Waits until every connection so far has ended."""
        for thread in self._threads:
            thread.join(TIMEOUT)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            # In this order: a client that has heard from the thread may call finish() at once.
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(TIMEOUT)
        try:
            with self.context.wrap_socket(connection, server_side=True) as secured:
                self.client_certificates.append(secured.getpeercert(True))
                while data := secured.recv(65536):
                    self.received.append(data)
                    secured.sendall(data)
        except (OSError, ValueError, RuntimeError) as error:  # the last from PyPy's ssl
            self.errors.append(error)
        finally:
            connection.close()


def exchange_socket(context, address, name="localhost") -> bytes:
    with socket.create_connection(address, TIMEOUT) as connection:
        with context.wrap_socket(connection, server_hostname=name) as secured:
            secured.sendall(b"ping")
            return secured.recv(4)


class Bio:
    """Drives an `SSLObject` over a socket."""

    def __init__(self, context, address, name="localhost") -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self.connection = socket.create_connection(address, TIMEOUT)

    def __enter__(self) -> Bio:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def flush(self) -> None:
        if self.outgoing.pending:
            self.connection.sendall(self.outgoing.read())

    def run(self, operation, *arguments):
        while True:
            try:
                result = operation(*arguments)
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                data = self.connection.recv(65536)
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()
            except ssl.SSLError:
                self.flush()  # the alert
                raise


def exchange_bio(context, address, name="localhost") -> bytes:
    with Bio(context, address, name) as bio:
        bio.run(bio.object.do_handshake)
        bio.run(bio.object.write, b"ping")
        return bio.run(bio.object.read, 4)


async def exchange_async(context, address, name="localhost") -> bytes:
    reader, writer = await asyncio.open_connection(*address, ssl=context, server_hostname=name)
    try:
        writer.write(b"ping")
        return await reader.readexactly(4)
    finally:
        writer.close()
        await writer.wait_closed()


def exchange_asyncio(context, address, name="localhost") -> bytes:
    return asyncio.run(exchange_async(context, address, name))


EXCHANGES = {"socket": exchange_socket, "bio": exchange_bio, "asyncio": exchange_asyncio}
