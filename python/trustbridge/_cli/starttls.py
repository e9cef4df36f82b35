"""The few lines that a server wants before it speaks TLS on a port for plain text."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_MAX_LINES = 100
_MAX_LINE = 8192


class Refused(OSError):
    """The server does not start TLS."""


class _Lines:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, line: str) -> None:
        self.connection.sendall(line.encode("ascii") + b"\r\n")

    def receive(self) -> str:
        # Byte by byte: what follows the last line is the handshake's.
        line = bytearray()
        while not line.endswith(b"\n"):
            byte = self.connection.recv(1)
            if not byte:
                raise Refused("the server closed the connection before TLS")
            line += byte
            if len(line) > _MAX_LINE:
                raise Refused("the server sent a line without an end before TLS")
        return line.decode("ascii", "backslashreplace").rstrip()

    def reply(self, expected: str) -> None:
        """Reads a reply of SMTP's form, `220-…` lines and `220 …`, and wants one code."""
        for _ in range(_MAX_LINES):
            line = self.receive()
            if line[3:4] != "-":
                _expect(line.startswith(expected), line)
                return
        raise Refused("the server's reply has no end")

    def until(self, prefix: str, good: str) -> None:
        """Reads up to the line with the prefix, and wants it to go on as expected."""
        for _ in range(_MAX_LINES):
            line = self.receive()
            if line.startswith(prefix):
                _expect(line.upper().startswith(good), line)
                return
        raise Refused("the server's reply has no end")


def _expect(good: bool, line: str) -> None:
    if not good:
        shown = "".join(letter if letter.isprintable() else "?" for letter in line[:200])
        raise Refused(f"the server does not start TLS: it says {shown!r}")


def _smtp(lines: _Lines) -> None:
    lines.reply("220")
    lines.send("EHLO trustbridge.invalid")
    lines.reply("250")
    lines.send("STARTTLS")
    lines.reply("220")


def _imap(lines: _Lines) -> None:
    lines.until("* ", "* OK")
    lines.send("a STARTTLS")
    lines.until("a ", "A OK")


def _pop3(lines: _Lines) -> None:
    lines.until("", "+OK")
    lines.send("STLS")
    lines.until("", "+OK")


def _ftp(lines: _Lines) -> None:
    lines.reply("220")
    lines.send("AUTH TLS")
    lines.reply("234")


def _nntp(lines: _Lines) -> None:
    lines.until("", "20")
    lines.send("STARTTLS")
    lines.until("", "382")


def _postgres(lines: _Lines) -> None:
    # SSLRequest: its length, then a number in the place of a version.
    lines.connection.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
    answer = lines.connection.recv(1)
    _expect(answer == b"S", answer.decode("ascii", "backslashreplace"))


#: How to ask for TLS, and the usual port, by protocol.
PROTOCOLS: dict[str, tuple[Callable[[_Lines], None], int]] = {
    "smtp": (_smtp, 25),
    "imap": (_imap, 143),
    "pop3": (_pop3, 110),
    "ftp": (_ftp, 21),
    "nntp": (_nntp, 119),
    "postgres": (_postgres, 5432),
}


def start(protocol: str, connection: socket.socket) -> None:
    """Brings a new connection to the point where the client's handshake begins.

    Raises Refused if the server says no, OSError if the connection fails.
    """
    talk, _ = PROTOCOLS[protocol]
    talk(_Lines(connection))
