"""`python -m trustbridge check`."""

from __future__ import annotations

import socket
import subprocess
import sys

import modes
import pytest


def check(*arguments):
    return subprocess.run(
        modes.python(
            "-W",
            "error",
            "-c",
            f"import sys, runpy; sys.path[:0] = {sys.path!r};"
            "sys.argv[0] = 'trustbridge';"
            "runpy.run_module('trustbridge', run_name='__main__', alter_sys=True)",
            *arguments,
        ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_trusted(trusted_server, system_file):
    done = check("check", f"localhost:{trusted_server.port}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"trusted: localhost:{trusted_server.port}",
        "  0: CN=a server of the tests",
        "     issued by CN=trustbridge tests: issuing CA",
        "     valid 2000-01-01 00:00:00 UTC to 2999-01-01 00:00:00 UTC",
        "  1: CN=trustbridge tests: issuing CA",
        "     issued by CN=trustbridge tests: system root",
        "     valid 2000-01-01 00:00:00 UTC to 2999-01-01 00:00:00 UTC",
        "  2: CN=trustbridge tests: system root",
        "     issued by CN=trustbridge tests: system root",
        "     valid 2000-01-01 00:00:00 UTC to 2999-01-01 00:00:00 UTC",
        "anchor: CN=trustbridge tests: system root",
        f"source: {system_file}",
    ]


def test_address(trusted_server):
    assert check("check", f"127.0.0.1:{trusted_server.port}").returncode == 0


def test_not_trusted(untrusted_server, system_file):
    done = check("check", f"localhost:{untrusted_server.port}")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("localhost: issuer is not known")
    assert system_file in done.stdout
    assert "What to do:" in done.stdout


def test_no_connection():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening
        done = check("check", f"127.0.0.1:{unused.getsockname()[1]}")
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("no connection to 127.0.0.1:")


def test_no_tls():
    """A server that speaks something else is no verdict."""
    import threading

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 hello\r\n" * 10)
                connection.recv(65536)

        thread = threading.Thread(target=answer)
        thread.start()
        done = check("check", f"127.0.0.1:{listener.getsockname()[1]}")
        thread.join()
    assert done.returncode == 3


@pytest.mark.parametrize(
    "arguments",
    [(), ("check",), ("check", "localhost:port"), ("check", "localhost:0"), ("check", ":443"),
     ("check", "localhost:65536"), ("check", "[::1"), ("nonsense",), ("check", "a", "b")],
)  # fmt: skip
def test_usage(arguments):
    done = check(*arguments)
    assert done.returncode == 2
    assert "usage:" in done.stderr


def test_help():
    done = check("check", "--help")
    assert done.returncode == 0
    assert "Exit status: 0 trusted, 1 not trusted, 2 wrong usage, 3 no connection." in " ".join(
        done.stdout.split()
    )
