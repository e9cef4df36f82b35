"""Servers on loopback that speak a few lines of a protocol and then, or first, TLS."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import select
import socket
import ssl
import threading

TIMEOUT = 60


class Lines:
    """A connection that is read and written in lines, and can become TLS."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.file = connection.makefile("rb")

    def secure(self, context: ssl.SSLContext) -> None:
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.file = self.socket.makefile("rb")

    def send(self, *lines: str) -> None:
        self.socket.sendall("".join(line + "\r\n" for line in lines).encode())

    def receive(self) -> str:
        line = self.file.readline(65536)
        if not line:
            raise EOFError
        return line.decode().strip()


class TalkServer:
    """Accepts connections and gives each to `talk`, in a thread of its own."""

    def __init__(self, talk, context: ssl.SSLContext | None = None) -> None:
        self.talk, self.context = talk, context
        self.connections = 0
        self.notes: list[object] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> TalkServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(TIMEOUT)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(TIMEOUT)
        # A client that refuses the server hangs up in the middle.
        with contextlib.suppress(OSError, EOFError, ValueError), connection:
            lines = Lines(connection)
            try:
                self.talk(self, lines)
            finally:
                lines.file.close()
                lines.socket.close()


def smtp(server: TalkServer, lines: Lines) -> None:
    lines.send("220-hello", "220 and welcome")
    while True:
        command = lines.receive().upper()
        if command.startswith("EHLO"):
            lines.send("250-localhost", "250-SIZE 1000", "250 STARTTLS")
        elif command == "STARTTLS":
            lines.send("220 go ahead")
            lines.secure(server.context)
        elif command == "QUIT":
            lines.send("221 bye")
            return
        else:
            lines.send("250 ok")


def imap(server: TalkServer, lines: Lines) -> None:
    lines.send("* OK hello")
    while True:
        tag, command = lines.receive().split(" ")[:2]
        command = command.upper()
        if command == "STARTTLS":
            lines.send(f"{tag} OK go ahead")
            lines.secure(server.context)
            continue
        if command == "CAPABILITY":
            lines.send("* CAPABILITY IMAP4rev1 STARTTLS")
        elif command == "LOGOUT":
            lines.send("* BYE")
        lines.send(f"{tag} OK done")
        if command == "LOGOUT":
            return


def imaps(server: TalkServer, lines: Lines) -> None:
    lines.secure(server.context)
    imap(server, lines)


def pop3(server: TalkServer, lines: Lines) -> None:
    lines.send("+OK hello")
    while True:
        command = lines.receive().upper()
        lines.send("+OK", *(["STLS", "."] if command == "CAPA" else []))
        if command == "STLS":
            lines.secure(server.context)
        elif command == "QUIT":
            return


def nntp(server: TalkServer, lines: Lines) -> None:
    lines.send("200 hello")
    assert lines.receive().upper() == "STARTTLS"
    lines.send("382 go ahead")
    lines.secure(server.context)
    lines.receive()


def postgres(server: TalkServer, lines: Lines) -> None:
    assert lines.file.read(8) == b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
    lines.socket.sendall(b"S")
    lines.secure(server.context)
    lines.receive()


def ftp(server: TalkServer, lines: Lines) -> None:
    """Gives any file, and notes whether the data connection resumed the control connection's
    session."""
    lines.send("220 hello")
    passive = None
    while True:
        command = lines.receive().upper()
        word = command.partition(" ")[0]
        if command == "AUTH TLS":
            lines.send("234 go ahead")
            lines.secure(server.context)
        elif word == "USER":
            lines.send("331 and the password?")
        elif word == "PASS":
            lines.send("230 welcome")
        elif word == "PASV":
            passive = socket.create_server(("127.0.0.1", 0))
            high, low = divmod(passive.getsockname()[1], 256)
            lines.send(f"227 here (127,0,0,1,{high},{low})")
        elif word == "RETR":
            lines.send("150 it comes")
            with passive:
                data, _ = passive.accept()
            data.settimeout(TIMEOUT)
            with server.context.wrap_socket(data, server_side=True) as secured:
                server.notes.append(secured.session_reused)
                secured.sendall(b"hello")
                with contextlib.suppress(OSError):
                    secured.unwrap()
            lines.send("226 that was it")
        elif word == "QUIT":
            lines.send("221 bye")
            return
        else:
            lines.send("200 ok")


def echo(server: TalkServer, lines: Lines) -> None:
    """Plain lines; TLS after the line "tls"."""
    while True:
        line = lines.receive()
        lines.send(line)
        if line == "tls":
            lines.secure(server.context)


def http(server: TalkServer, lines: Lines) -> None:
    """Says hello over HTTPS, or over a WebSocket if it is asked for one."""
    lines.secure(server.context)
    while True:
        lines.receive()
        headers = headers_of(lines)
        if headers.get("upgrade", "").lower() == "websocket":
            websocket(lines, headers)
            return
        lines.send("HTTP/1.1 200 OK", "Content-Length: 5", "Content-Type: text/plain", "")
        lines.socket.sendall(b"hello")


def headers_of(lines: Lines) -> dict[str, str]:
    headers = {}
    while line := lines.receive():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers


def websocket(lines: Lines, headers: dict[str, str]) -> None:
    """RFC 6455: the handshake, one message, and an answer to the closing."""
    key = headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
    lines.send(
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept}",
        "",
    )
    lines.socket.sendall(b"\x81\x05hello")
    first = lines.file.read(2)
    if first and first[0] & 0x0F == 8:
        length = first[1] & 0x7F
        mask = lines.file.read(4)
        body = bytes(byte ^ mask[place % 4] for place, byte in enumerate(lines.file.read(length)))
        lines.socket.sendall(b"\x88" + bytes([length]) + body)


def proxy(server: TalkServer, lines: Lines) -> None:
    """CONNECT; over TLS itself if the server has a context."""
    if server.context is not None:
        lines.secure(server.context)
    words = lines.receive().split(" ")
    headers_of(lines)
    if words[0] != "CONNECT":
        lines.send("HTTP/1.1 405 Method Not Allowed", "Content-Length: 0", "")
        return
    server.notes.append(words[1])
    host, _, port = words[1].rpartition(":")
    assert host == "localhost"
    with socket.create_connection(("127.0.0.1", int(port)), TIMEOUT) as behind:
        lines.send("HTTP/1.1 200 Connection established", "")
        relay(lines.socket, behind)


def relay(*ends: socket.socket) -> None:
    """Carries bytes both ways until one end has no more. In one thread: a TLS connection must not
    be used by two at once."""
    with contextlib.suppress(OSError):
        while True:
            # What OpenSSL has decrypted already does not make the socket readable.
            ready = [end for end in ends if isinstance(end, ssl.SSLSocket) and end.pending()]
            ready = ready or select.select(ends, [], [], TIMEOUT)[0]
            if not ready:
                return
            for end in ready:
                data = end.recv(65536)
                if not data:
                    return
                ends[1 - ends.index(end)].sendall(data)
