"""`python -m trustbridge`."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys

import modes
import protocols
import pytest
from pki import Authority
from protocols import TalkServer
from servers import Server, StdContext, server_context

COMMANDS = ("check", "store", "export", "run")


def start(*arguments, cwd=None, environment=None, python=("-W", "error")):
    """A process that finds what this one finds, from wherever it runs."""
    paths = [os.path.abspath(path) for path in sys.path if path]
    return dict(
        args=modes.python(*python, "-m", "trustbridge", *arguments),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(environment or {})},
        cwd=cwd,
    )


def call(*arguments, **options):
    return subprocess.run(
        **start(*arguments, **options), capture_output=True, text=True, timeout=120, check=False
    )


def one_line(done):
    """What went wrong is said in one line, without a traceback."""
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture
def no_port():
    """A port where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


# check


def test_trusted(trusted_server, system_file):
    done = call("check", f"localhost:{trusted_server.port}")
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
    assert call("check", f"127.0.0.1:{trusted_server.port}").returncode == 0


def test_not_trusted(untrusted_server, system_file):
    done = call("check", f"localhost:{untrusted_server.port}")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("localhost: issuer is not known")
    assert system_file in done.stdout
    assert "What to do:" in done.stdout


def test_wrong_name(system_ca):
    with Server(server_context(system_ca.leaf("elsewhere.test"))) as server:
        done = call("check", f"localhost:{server.port}")
    assert done.returncode == 1
    assert "elsewhere.test" in done.stdout


def test_cafile(untrusted_server, trusted_server, other_file):
    bad, good = f"localhost:{untrusted_server.port}", f"localhost:{trusted_server.port}"
    done = call("check", bad, "--cafile", other_file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "source: the extra roots"
    assert call("check", good, "--cafile", other_file).returncode == 0
    assert call("check", bad, "--cafile", other_file, "--only").returncode == 0
    assert call("check", good, "--cafile", other_file, "--only").returncode == 1


def test_json(trusted_server, untrusted_server, no_port, localhost, system_file):
    done = call("check", "--json", f"localhost:{trusted_server.port}")
    found = json.loads(done.stdout)
    assert (done.returncode, found["trusted"], found["source"]) == (0, True, system_file)
    assert (found["host"], found["port"]) == ("localhost", trusted_server.port)
    assert found["tls"] == "TLSv1.3"
    ders = [ssl.PEM_cert_to_DER_cert(one["pem"]) for one in found["chain"]]
    assert ders[:2] == localhost.chain_der
    first = found["chain"][0]
    assert first["subject"] == "CN=a server of the tests"
    assert first["issuer"] == "CN=trustbridge tests: issuing CA"
    assert first["not_before"] == "2000-01-01 00:00:00 UTC"
    assert first["not_after"] == "2999-01-01 00:00:00 UTC"

    done = call("check", "--json", f"localhost:{untrusted_server.port}")
    found = json.loads(done.stdout)
    assert (done.returncode, found["trusted"]) == (1, False)
    assert found["error"]["kind"] == "UnknownIssuer"
    assert found["error"]["verify_code"] == 20
    assert "What to do:" in found["error"]["report"]

    done = call("check", "--json", f"127.0.0.1:{no_port}")
    found = json.loads(done.stdout)
    assert (done.returncode, found["trusted"]) == (3, None)
    assert found["error"]["message"] == "Connection refused"


STARTTLS = {
    "smtp": protocols.smtp,
    "imap": protocols.imap,
    "pop3": protocols.pop3,
    "ftp": protocols.ftp,
    "nntp": protocols.nntp,
    "postgres": protocols.postgres,
}


@pytest.mark.parametrize("protocol", STARTTLS)
def test_starttls(protocol, localhost, untrusted):
    for leaf, status in ((localhost, 0), (untrusted, 1)):
        with TalkServer(STARTTLS[protocol], server_context(leaf)) as server:
            done = call("check", f"localhost:{server.port}", "--starttls", protocol)
        assert (done.returncode, done.stderr) == (status, "")


def test_every_protocol_is_tested():
    from trustbridge._cli.starttls import PROTOCOLS

    assert set(STARTTLS) == set(PROTOCOLS)


SAYS = "does not start TLS: it says "
NO_END = "the server's reply has no end"


@pytest.mark.parametrize(
    "protocol, says, reason",
    [
        ("smtp", "554 no\x1b[31m", f"the server {SAYS}'554 no?[31m'"),
        ("smtp", "220 hello\r\n250 ok\r\n502 what?", f"the server {SAYS}'502 what?'"),
        ("imap", "* BYE no", f"the server {SAYS}'* BYE no'"),
        ("pop3", "-ERR no", f"the server {SAYS}'-ERR no'"),
        ("ftp", "220 hello\r\n500 what?", f"the server {SAYS}'500 what?'"),
        ("nntp", "400 no", f"the server {SAYS}'400 no'"),
        ("postgres", "N", f"the server {SAYS}'N'"),
        ("smtp", "550 " + "x" * 1000, f"the server {SAYS}'550 {'x' * 196}'"),
        ("smtp", "x" * 10000, "the server sent a line without an end before TLS"),
        ("smtp", "220-and so on\r\n" * 200, NO_END),
        ("imap", "and so on\r\n" * 200, NO_END),
        ("smtp", "", "the server closed the connection before TLS"),
    ],
    ids=range(12),
)
def test_no_starttls(protocol, says, reason):
    def talk(_, lines):
        if says:
            lines.send(says)
        lines.socket.shutdown(socket.SHUT_WR)
        while lines.file.read(1):
            pass

    with TalkServer(talk) as server:
        done = call("check", f"localhost:{server.port}", "--starttls", protocol)
    assert done.returncode == 3
    assert one_line(done) == f"no connection to localhost:{server.port}: {reason}\n"


def test_no_connection(no_port):
    done = call("check", f"127.0.0.1:{no_port}")
    assert done.returncode == 3
    assert one_line(done) == f"no connection to 127.0.0.1:{no_port}: Connection refused\n"


def test_no_such_host():
    """Too long a label, and an empty one: names that are asked of no name server."""
    for host in ("a" * 70 + ".invalid", "a..invalid"):
        done = call("check", host)
        assert done.returncode == 3
        assert one_line(done).startswith(f"no connection to {host}:443: ")


def test_timeout():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        done = call("check", f"127.0.0.1:{port}", "--timeout", "0.2")
    assert done.returncode == 3
    assert "timed out" in one_line(done)


def test_no_tls():
    """A server that speaks something else is no verdict."""

    def talk(_, lines):
        lines.send(*["220 hello"] * 10)
        lines.receive()

    with TalkServer(talk) as server:
        done = call("check", f"127.0.0.1:{server.port}")
    assert done.returncode == 3
    one_line(done)


@pytest.mark.parametrize(
    "arguments",
    [(), ("check",), ("check", "localhost:port"), ("check", "localhost:0"), ("check", ":443"),
     ("check", "localhost:65536"), ("check", "localhost:" + "9" * 5000), ("check", "[::1"),
     ("nonsense",), ("check", "a", "b"), ("check", "a", "--only"), ("check", "a", "--timeout", "x"),
     ("check", "a", "--timeout", "0"), ("check", "a", "--timeout", "nan"),
     ("check", "a", "--starttls", "nonsense"), ("check", "a", "--cafile", "/nonexistent"),
     ("check", "a", "--cafile", "/"), ("check", "a", "--cafile", os.devnull),
     ("run",), ("run", "-m"), ("run", "-x"), ("store", "x"), ("export", "a", "b"),
     ("export", "/nonexistent/file")],
    ids=lambda arguments: " ".join(arguments)[:40],
)  # fmt: skip
def test_usage(arguments):
    done = call(*arguments)
    assert done.returncode == 2
    assert one_line(done)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command):
    done = call(command, "--help", environment={"COLUMNS": "80"})
    assert done.returncode == 0
    assert "Exit status: " in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    top = call("--help", environment={"COLUMNS": "80"}).stdout
    assert command in top
    assert all(len(line) <= 80 for line in top.splitlines())


def test_help_of_check_documents_the_status():
    words = " ".join(call("check", "--help").stdout.split())
    assert "Exit status: 0 trusted, 1 not trusted, 2 wrong usage or nowhere to write to, " in words
    assert ", 3 no connection." in words


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


# store and export


@pytest.fixture
def odd_store(system_ca, tmp_path):
    """One usable anchor, one expired, half a certificate."""
    import datetime

    from pki import UTC

    expired = Authority("an old root", not_after=datetime.datetime(2001, 1, 1, tzinfo=UTC))
    path = tmp_path / "odd.pem"
    path.write_bytes(system_ca.pem + expired.pem + Authority("half").pem[:100])
    return str(path)


def test_store(system_file, odd_store):
    done = call("store")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usable trust anchors: 1 of 1 certificate\nLooked at:\n")
    assert f"  {system_file} (SSL_CERT_FILE): 1 certificate\n" in done.stdout
    assert "not used" not in done.stdout

    done = call("store", environment={"SSL_CERT_FILE": odd_store})
    assert done.returncode == 0
    assert done.stdout.startswith("usable trust anchors: 1 of 2 certificates\n")
    assert f"Problems:\n  {odd_store}, line 2" in done.stdout
    refused = "Found, but not used:\n  CN=an old root\n     expired on 2001-01-01 00:00:00 UTC\n"
    assert refused + f"     from {odd_store}\n" in done.stdout


def test_store_as_json(odd_store):
    found = json.loads(call("store", "--json", environment={"SSL_CERT_FILE": odd_store}).stdout)
    assert (found["certificates"], found["usable"]) == (2, 1)
    assert {"source": odd_store, "reason": "SSL_CERT_FILE", "certificates": 2} in found["places"]
    (refused,) = found["refused"]
    assert refused["subject"] == "CN=an old root"
    assert refused["reason"] == "expired on 2001-01-01 00:00:00 UTC"
    assert found["problems"][0].startswith(f"{odd_store}, line 2")


def test_empty_store(tmp_path):
    environment = {"SSL_CERT_FILE": os.devnull}
    done = call("store", environment=environment)
    assert done.returncode == 1
    assert done.stdout.startswith("usable trust anchors: 0 of 0 certificates\n")
    assert call("store", "--json", environment=environment).returncode == 1
    done = call("export", environment=environment)
    assert done.returncode == 1
    assert one_line(done).startswith("nothing exported: ")


def test_export(system_ca, tmp_path):
    path = tmp_path / "anchors.pem"
    done = call("export", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    context = StdContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path)
    assert context.get_ca_certs(True) == [system_ca.der]
    assert call("export").stdout == path.read_text()


# run: each program once as `python` runs it and once as we do


def same(tmp_path, *arguments, python=(), **options):
    """Runs a program both ways; what it does must be the same. The outcome."""
    options = {"capture_output": True, "text": True, "timeout": 120, "check": False, **options}
    ours = start("run", *arguments, cwd=tmp_path, python=python)
    plain = {**ours, "args": [sys.executable, *python, *arguments]}
    expected, found = subprocess.run(**plain, **options), subprocess.run(**ours, **options)
    assert found.stdout == expected.stdout
    assert found.stderr == expected.stderr
    assert found.returncode == expected.returncode
    return found


PROGRAM = """
import sys
print(__name__, __file__, __package__, __doc__, __spec__ and __spec__.name, sorted(vars()))
print(sys.argv, sys.path[0], sys.modules["__main__"].__dict__ is globals())
print(type(__loader__), __builtins__)
import neighbour
"""


@pytest.fixture
def program(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "neighbour.py").write_text("print('neighbour')\n")
    (folder / "program.py").write_text(PROGRAM)
    (folder / "__main__.py").write_text("import sys, neighbour\nprint(sys.argv, sys.path[0])\n")
    (folder / "__init__.py").write_text("")
    return folder


def test_run_injects(tmp_path):
    path = tmp_path / "program.py"
    path.write_text("import ssl; print(ssl.SSLContext.__module__)")
    done = call("run", str(path))
    assert (done.returncode, done.stdout) == (0, "trustbridge._context\n")


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-m", "x", "--", "-h")])
def test_run_a_script(tmp_path, program, arguments):
    same(tmp_path, "folder/program.py", *arguments)
    same(tmp_path, str(program / "program.py"), *arguments)
    link = tmp_path / "link.py"
    link.symlink_to(program / "program.py")
    same(tmp_path, "link.py", *arguments)


def test_run_a_folder_and_an_archive(tmp_path, program):
    import zipfile

    same(tmp_path, "folder", "argument")
    with zipfile.ZipFile(tmp_path / "archive.pyz", "w") as archive:
        archive.writestr("__main__.py", "import sys; print(sys.argv, sys.path[0], __name__)")
    same(tmp_path, "archive.pyz", "argument")


def test_run_a_module(program):
    same(program, "-m", "program", "--help", "-m")
    same(program.parent, "-m", "folder.neighbour")
    (program / "relative.py").write_text("from . import neighbour; print(__package__)")
    same(program.parent, "-m", "folder.relative", "x")


def test_no_such_module(program):
    done = same(program, "-m", "nonexistent")
    assert done.returncode == 1
    assert same(program, "-m", "program.nonexistent").returncode == 1


def test_no_such_script(tmp_path):
    assert same(tmp_path, "nonexistent.py").returncode == 2
    assert same(tmp_path, "nonexistent/").returncode == 2


ENDS = {
    "nothing": "",
    "exit 0": "raise SystemExit",
    "exit 7": "import sys; sys.exit(7)",
    "exit with text": "import sys; sys.exit('goodbye')",
    "exit hard": "import os; os._exit(9)",
    "exception": "def f():\n    1 / 0\nf()",
    "exception with a cause": "try:\n    1 / 0\nexcept Exception as e:\n    raise KeyError from e",
    "exception with a context": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    {}[1]",
    "syntax error": "def f(:\n",
    "syntax error below": "exec('def f(:')",
    "own hook": "import sys\nsys.excepthook = lambda *a: print(a[0], a[2].tb_lineno)\n1 / 0",
    "interrupt": "import atexit\natexit.register(print, 'atexit')\nraise KeyboardInterrupt",
    "at exit": "import atexit\natexit.register(lambda: print(__name__))",
    "thread outlives": "import threading, time\ndef f():\n    time.sleep(0.2)\n    print(1)\n"
    "threading.Thread(target=f).start()",
    "pickle": "import pickle\nclass C: pass\nprint(type(pickle.loads(pickle.dumps(C()))))",
    "future": "print(type(1).__name__)\ndef f(x: nonsense): pass\n",
    "doc": "'documentation'\nprint(__doc__)",
    "output": "import sys\nsys.stdout.write('x' * 100)\nsys.stderr.write('y')",
}


@pytest.mark.parametrize("end", ENDS)
def test_run_ends_as_python_ends(tmp_path, end):
    (tmp_path / "program.py").write_text(ENDS[end])
    same(tmp_path, "program.py")


@pytest.mark.parametrize("source", [b"print(1)\0", b"# coding: nonsense\n"])
def test_run_what_is_no_source(tmp_path, source):
    """The interpreter has words of its own for these."""
    (tmp_path / "program.py").write_bytes(source)
    done = call("run", "program.py", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    # ValueError for NUL bytes before 3.12.
    assert re.search("SyntaxError|ValueError", done.stderr)
    assert "run.py" not in done.stderr


def test_run_dies_of_interrupts(tmp_path):
    (tmp_path / "program.py").write_text("raise KeyboardInterrupt")
    done = same(tmp_path, "program.py")
    assert done.returncode == -signal.SIGINT


@pytest.mark.skipif(sys.version_info < (3, 11), reason="-P is new in 3.11")
def test_run_with_a_safe_path(tmp_path, program):
    (program / "program.py").write_text("import neighbour")
    done = same(tmp_path, "folder/program.py", python=("-P",))
    assert "ModuleNotFoundError" in done.stderr
    same(tmp_path, "folder", python=("-P",))


def test_run_reads_standard_input(tmp_path):
    (tmp_path / "program.py").write_text("print(input())")
    assert same(tmp_path, "program.py", input="something\n").stdout == "something\n"
