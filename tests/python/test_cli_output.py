"""What `python -m trustbridge` writes, and to what."""

from __future__ import annotations

import datetime
import io
import json
import os
import re
import subprocess
import sys

import pytest
import trustbridge
from commands import call, start
from pki import PAST, Authority
from servers import Server, server_context


def on_terminal(*arguments, environment=None):
    """What a command prints on a terminal of 80 columns."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {"TERM": "xterm", "NO_COLOR": "", **(environment or {})}
    options = start(*arguments, environment=environment)
    options["env"].pop("COLUMNS", None)
    shown = b""
    with subprocess.Popen(**options, stdout=theirs, stderr=theirs, stdin=theirs) as process:
        os.close(theirs)
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
    os.close(ours)
    return process.returncode, shown.decode().replace("\r\n", "\n")


@pytest.mark.skipif(os.name != "posix", reason="terminals of Unix")
def test_terminal(trusted_server, untrusted_server):
    target = f"localhost:{trusted_server.port}"
    status, shown = on_terminal("check", target)
    assert (status, shown.partition("\n")[0]) == (0, f"\x1b[32mtrusted: {target}\x1b[0m")
    status, shown = on_terminal("check", f"localhost:{untrusted_server.port}")
    assert (status, shown[:5]) == (1, "\x1b[31m")
    for text in (shown, on_terminal("store")[1]):
        for line in text.splitlines():
            plain = re.sub(r"\x1b\[\d+m", "", line)
            # A path is not broken.
            assert len(plain) <= 80 or " " not in plain.strip(), line
    for quiet in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in on_terminal("check", target, environment=quiet)[1]
    assert "\x1b" not in call("check", target).stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["check", "store", "export"])
def test_nowhere_to_write_to(trusted_server, untrusted_server, command):
    """Is neither a verdict nor a traceback."""
    targets = [f"localhost:{one.port}" for one in (trusted_server, untrusted_server)]
    for arguments in [[one] for one in targets] if command == "check" else [[]]:
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                **start(command, *arguments),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=120,
                check=False,
            )
        assert done.returncode == 2
        assert done.stderr == (
            "python -m trustbridge: error: the output cannot be written: No space left on device\n"
        )


ENCODINGS = ["ascii:strict", "cp1252:strict", "utf-8:strict"]


@pytest.fixture
def odd_names(tmp_path):
    """A server and a store with a CA whose name has letters of every kind."""
    authority = Authority("Größe Ж 証明 \U0001f512 CA")
    path = tmp_path / "names.pem"
    expired = Authority("früher Ж", not_after=PAST + datetime.timedelta(days=1))
    path.write_bytes(authority.pem + expired.pem)
    with Server(server_context(authority.leaf("localhost"))) as server:
        yield server, str(path)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding(odd_names, untrusted_server, encoding, tmp_path):
    """What cannot be written in the encoding of the output is written as an escape."""
    server, path = odd_names
    environment = {"SSL_CERT_FILE": path, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    letters = "Größe Ж 証明 \U0001f512 CA"
    name, _, _ = encoding.partition(":")
    shown = letters.encode(name, "backslashreplace").decode(name)

    def outcome(*arguments):
        options = start(*arguments, environment=environment)
        done = subprocess.run(**options, capture_output=True, timeout=120, check=False)
        assert b"Traceback" not in done.stderr
        stdout, stderr = (
            text.decode(name).replace(os.linesep, "\n") for text in (done.stdout, done.stderr)
        )
        return done.returncode, stdout, stderr

    status, stdout, _ = outcome("check", f"localhost:{server.port}")
    assert (status, stdout.partition(":")[0]) == (0, "trusted")
    assert f"anchor: CN={shown}\n" in stdout
    status, stdout, _ = outcome("check", "--json", f"localhost:{server.port}")
    assert (status, json.loads(stdout)["chain"][1]["subject"]) == (0, f"CN={letters}")
    assert outcome("check", f"localhost:{untrusted_server.port}")[0] == 1
    status, stdout, _ = outcome("store")
    assert status == 0
    assert "fr\\xfcher" in stdout if name == "ascii" else "früher" in stdout
    assert outcome("export")[0] == 0
    assert outcome("check", "größe.invalid/Ж")[0] in (2, 3)
    assert outcome("export", str(tmp_path / "größe Ж" / "missing"))[0] == 2
    assert outcome("check", "--cafile", "größe Ж.pem", "localhost")[0] == 2


@pytest.mark.skipif(os.name != "posix", reason="descriptors of Unix")
def test_without_an_output(trusted_server, untrusted_server):
    """As in a Windows program without a console: the exit status is all there is."""
    for server, status in ((trusted_server, 0), (untrusted_server, 1)):
        options = start("check", f"localhost:{server.port}")
        options["args"] = ["sh", "-c", 'exec "$@" >&-', "sh", *options["args"]]
        done = subprocess.run(**options, stderr=subprocess.PIPE, timeout=120, check=False)
        assert (done.returncode, done.stderr) == (status, b"")


def test_export_ends_lines_as_everywhere(tmp_path, monkeypatch, system_ca):
    """As on Windows, where a file for text turns the ends of lines into others."""
    usual = open

    def opening(file, mode="r", *arguments, newline=None, **keywords):
        if newline is None and "b" not in mode:
            newline = "\r\n"
        return usual(file, mode, *arguments, newline=newline, **keywords)

    monkeypatch.setattr("builtins.open", opening)
    path = tmp_path / "anchors.pem"
    text = trustbridge.export_pem(path)
    assert path.read_bytes() == text.encode("ascii")
    assert b"\r" not in path.read_bytes()
    with open(tmp_path / "text", "w") as file:  # the test can fail
        file.write("\n")
    assert (tmp_path / "text").read_bytes() == b"\r\n"


def test_export_to_a_console_ends_lines_as_everywhere(monkeypatch):
    from trustbridge._cli import output

    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp1252", newline="\r\n"))
    print("before")
    output.write_exactly("one\ntwo\n")
    sys.stdout.flush()
    assert raw.getvalue() == b"before\r\none\ntwo\n"


class Console:
    """The two functions of kernel32 that a console of Windows has."""

    def __init__(self, mode, settable):
        self.mode, self.settable = mode, settable

    def GetConsoleMode(self, _handle, mode):
        if self.mode is not None:
            mode._obj.value = self.mode
        return self.mode is not None

    def SetConsoleMode(self, _handle, mode):
        if self.settable:
            self.mode = mode
        return self.settable


@pytest.mark.parametrize(
    ("console", "colors", "mode"),
    [
        (Console(3, True), True, 7),
        (Console(3, False), False, 3),
        (Console(7, False), True, 7),
        (Console(None, True), False, None),
    ],
)
def test_colors_on_windows(console, colors, mode):
    """Only where the console processes them."""
    from trustbridge._cli import output

    assert output.processes_escapes(console, 7) is colors
    assert console.mode == mode
