"""`python -m trustbridge check --fetch-missing`, with the CA's server on loopback."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import time

import pytest
from commands import call, one_line, start
from pki import DER, Authority
from servers import Server, server_context


class Publisher:
    """A CA's web server. Remembers what was requested."""

    def __init__(self, body=b"", status=200, headers=(), pause=0.0):
        publisher = self
        self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                publisher.requests.append(self.path)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                try:
                    if pause:
                        for byte in publisher.body:
                            self.wfile.write(bytes([byte]))
                            time.sleep(pause)
                    self.wfile.write(publisher.body)
                except OSError:
                    pass  # it has had enough

            def log_message(self, *_):
                pass

        self.body = body
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/issuing.der"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="session")
def issuing(system_ca) -> Authority:
    return system_ca.intermediate("trustbridge tests: forgotten CA")


def forgetful(issuing, url):
    leaf = issuing.leaf("localhost", "127.0.0.1", issuer_url=url, alone=True)
    return Server(server_context(leaf))


def fetch(server, *more, **options):
    return call("check", f"localhost:{server.port}", "--fetch-missing", *more, **options)


@pytest.mark.parametrize("form", ["der", "pem"])
def test_explained_and_mended(issuing, tmp_path, form):
    body = issuing.certificate.public_bytes(DER) if form == "der" else issuing.pem
    directory = tmp_path / "intermediates"
    with Publisher(body) as ca, forgetful(issuing, ca.url) as server:
        host = f"localhost:{server.port}"
        explained = call("check", host)
        assert explained.returncode == 1
        assert f"advertised at {ca.url}" in explained.stdout
        assert explained.stdout.endswith("\n  --fetch-missing --save-to DIR\n")
        assert ca.requests == []

        done = fetch(server, "--save-to", str(directory))
        assert (done.returncode, done.stderr) == (0, "")
        first = done.stdout.splitlines()[0]
        assert first == f"trusted: {host}, with the intermediate that was fetched"
        assert f"Fetched from {ca.url}" in done.stdout
        assert f"TRUSTBRIDGE_INTERMEDIATES_DIR={directory}" in done.stdout
        assert issuing.pem.decode().split()[2] in done.stdout
        assert ca.requests == ["/issuing.der"]

        # Mended, for every program and without a network.
        environment = {"TRUSTBRIDGE_INTERMEDIATES_DIR": str(directory)}
        assert call("check", host, environment=environment).returncode == 0
        assert call("check", host, "--intermediates", str(directory)).returncode == 0
        assert call("check", host).returncode == 1
        assert ca.requests == ["/issuing.der"]


def test_json(issuing):
    with Publisher(issuing.pem) as ca, forgetful(issuing, ca.url) as server:
        found = json.loads(call("check", "--json", f"localhost:{server.port}").stdout)
        assert "fetch" not in found["error"]
        subject = "CN=trustbridge tests: forgotten CA"
        assert found["error"]["missing_issuer"] == {"subject": subject, "url": ca.url}
        found = json.loads(fetch(server, "--json").stdout)
        assert found["trusted"] is True
        assert found["fetched"]["url"] == ca.url
        assert found["fetched"]["pem"] == issuing.pem.decode()


def test_what_is_fetched_is_no_trust_anchor(other_ca):
    """Neither the root that signed the certificate, nor an intermediate of an unknown root."""
    with Publisher(other_ca.pem) as ca:
        leaf = other_ca.leaf("localhost", issuer_url=ca.url)
        with Server(server_context(leaf)) as server:
            done = fetch(server)
    assert done.returncode == 1
    assert "root certificate is not trusted" in done.stdout
    assert f"Fetched from {ca.url}, and not enough." in done.stdout
    below = other_ca.intermediate("trustbridge tests: below the other root")
    with Publisher(below.pem) as ca, forgetful(below, ca.url) as server:
        assert fetch(server).returncode == 1


def test_one_hop(system_ca):
    """What the fetched certificate needs is not fetched, and no redirect is followed."""
    upper = system_ca.intermediate("trustbridge tests: upper")
    lower = upper.intermediate("trustbridge tests: lower")
    with Publisher(lower.pem) as ca, forgetful(lower, ca.url) as server:
        done = fetch(server)
        assert done.returncode == 1
        assert "'CN=trustbridge tests: upper'" in done.stdout
        assert len(ca.requests) == 1
    with Publisher(lower.pem) as other:
        moved = [("Location", other.url)]
        with Publisher(status=302, headers=moved) as ca, forgetful(lower, ca.url) as server:
            done = fetch(server)
            assert done.returncode == 1
            assert "the server says 302" in done.stdout
            assert other.requests == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "what is there is not a certificate"),
        (b"<html>", "what is there is not a certificate"),
        (b"\x30\x03\x02\x01\x01", "what is there is not a certificate"),
        (b"\x30" * (1 << 20), "more than 256 KiB"),
    ],
)
def test_bad_answers(issuing, body, says):
    with Publisher(body) as ca, forgetful(issuing, ca.url) as server:
        done = fetch(server)
    assert done.returncode == 1
    assert says in done.stdout


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/ca.der", "ldap://ca.test/", "file:///etc/passwd", "http://u:p@ca.test/"],
)
def test_only_plain_http(issuing, url):
    with forgetful(issuing, url) as server:
        done = fetch(server)
    assert done.returncode == 1
    assert "it is not an address for plain HTTP" in done.stdout
    with forgetful(issuing, url) as server:
        assert "--fetch-missing" not in call("check", f"localhost:{server.port}").stdout


def test_no_address(other_ca):
    with Server(server_context(other_ca.leaf("localhost"))) as server:
        done = fetch(server)
    assert done.returncode == 1
    assert "no address is advertised" in done.stdout
    assert "--fetch-missing" not in done.stdout


def test_a_slow_answer_ends(issuing):
    with Publisher(issuing.pem, pause=0.2) as ca, forgetful(issuing, ca.url) as server:
        began = time.monotonic()
        done = fetch(server, "--timeout", "1")
        took = time.monotonic() - began
    assert done.returncode == 1
    assert "took longer than 1 seconds" in done.stdout
    assert took < 30


def test_nobody_answers(issuing, unused_port=9):
    with forgetful(issuing, f"http://127.0.0.1:{unused_port}/") as server:
        done = fetch(server)
    assert done.returncode == 1
    assert "Not fetched:" in done.stdout


class Balanced(Server):
    """Several servers behind one name, of which the first forgets its intermediate."""

    def __init__(self, first, then):
        super().__init__(first)
        self.then = then

    def _serve(self, connection):
        super()._serve(connection)
        self.context = self.then


def test_what_was_not_needed_is_not_saved(issuing, other_ca, tmp_path):
    directory = tmp_path / "intermediates"
    with Publisher(other_ca.pem) as ca:
        alone = issuing.leaf("localhost", issuer_url=ca.url, alone=True)
        whole = issuing.leaf("localhost", issuer_url=ca.url)
        for more in ([], ["--json"]):
            with Balanced(server_context(alone), server_context(whole)) as server:
                done = fetch(server, "--save-to", str(directory), *more)
            assert (done.returncode, done.stderr) == (0, "")
            assert not directory.exists()
            if more:
                found = json.loads(done.stdout)
                assert found["trusted"] is True
                assert found["fetched"]["used"] is False
                assert "saved" not in found["fetched"]
            else:
                first = done.stdout.splitlines()[0]
                assert first == f"trusted: localhost:{server.port}"
                assert f"Fetched from {ca.url}, and not needed" in done.stdout
                assert "BEGIN CERTIFICATE" not in done.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_disk(issuing, tmp_path):
    with Publisher(issuing.pem) as ca, forgetful(issuing, ca.url) as server:
        done = fetch(server, "--save-to", str(tmp_path))
        assert done.returncode == 0
        (saved,) = tmp_path.iterdir()
        saved.unlink()
        saved.symlink_to("/dev/full")
        done = fetch(server, "--save-to", str(tmp_path))
        assert done.returncode == 2
        assert one_line(done) == f"{saved} cannot be written: No space left on device\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_full_disk_for_temporary_files(issuing, tmp_path):
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

    directory = tmp_path / "intermediates"
    with Publisher(issuing.pem) as ca, forgetful(issuing, ca.url) as server:
        options = start(
            "check", f"localhost:{server.port}", "--fetch-missing", "--save-to", str(directory)
        )
        options["env"]["TMPDIR"] = str(tmp_path)
        done = subprocess.run(
            **options, capture_output=True, text=True, timeout=120, check=False, preexec_fn=limit
        )
    assert done.returncode == 2
    said = one_line(done)
    assert said.startswith(f"{tmp_path}{os.sep}trustbridge-")
    assert said.endswith(" cannot be written: File too large\n")
    assert list(tmp_path.iterdir()) == []


def test_any_name_can_be_saved(system_ca, tmp_path):
    """What a subject has in it neither ends the comment nor begins a certificate."""
    name = "Prüfstelle\n-----BEGIN CERTIFICATE-----"
    issuing = system_ca.intermediate(name)
    with Publisher(issuing.pem) as ca, forgetful(issuing, ca.url) as server:
        done = fetch(server, "--save-to", str(tmp_path))
        assert (done.returncode, done.stderr) == (0, "")
        done = call("check", f"localhost:{server.port}", "--intermediates", str(tmp_path))
        assert (done.returncode, done.stderr) == (0, "")
    (saved,) = tmp_path.iterdir()
    assert saved.read_text("ascii").count("-----BEGIN CERTIFICATE") == 1
    assert saved.stat().st_mode & 0o777 == 0o644


def test_usage(tmp_path):
    done = call("check", "localhost:1", "--save-to", str(tmp_path))
    assert done.returncode == 2
    assert "--save-to needs --fetch-missing" in done.stderr
