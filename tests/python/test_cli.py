"""`python -m trustbridge`."""

from __future__ import annotations

import json
import os
import socket
import ssl

import protocols
import pytest
from commands import COMMANDS, call, one_line
from pki import Authority
from protocols import TalkServer
from servers import Server, StdContext, server_context


@pytest.fixture
def no_port():
    """A port where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


# check


def test_trusted(trusted_server, system_source):
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
        f"source: {system_source}",
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


def test_json(trusted_server, untrusted_server, no_port, localhost, system_source):
    done = call("check", "--json", f"localhost:{trusted_server.port}")
    found = json.loads(done.stdout)
    assert (done.returncode, found["trusted"], found["source"]) == (0, True, system_source)
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
    assert "Exit status: 0 trusted, 1 not trusted, 2 usage error or unwritable output, " in words
    assert ", 3 no connection." in words


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
    assert done.stdout.startswith("usable trust anchors: 1 of 1 certificate\nSearched:\n")
    assert f"  {system_file} (SSL_CERT_FILE): 1 certificate\n" in done.stdout
    assert "not used" not in done.stdout

    done = call("store", environment={"SSL_CERT_FILE": odd_store})
    assert done.returncode == 0
    assert done.stdout.startswith("usable trust anchors: 1 of 2 certificates\n")
    assert f"Problems:\n  {odd_store}, line 2" in done.stdout
    refused = "Candidates rejected:\n  CN=an old root\n     expired on 2001-01-01 00:00:00 UTC\n"
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
