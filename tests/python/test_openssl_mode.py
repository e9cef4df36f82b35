"""OpenSSL mode: without the native module."""

from __future__ import annotations

import _ssl
import os
import re
import ssl
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pki import PAST, Authority, self_signed
from servers import Server, StdContext, exchange_socket, server_context
from test_select import copy, python
from trustbridge import _context_base, _openssl, _openssl_store

ROOT = Path(__file__).parents[2]


@pytest.fixture
def context(monkeypatch, system_file):
    use_store(monkeypatch, SSL_CERT_FILE=system_file)
    return make()


def make():
    return _openssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def use_store(monkeypatch, *, bundles=(), directories=(), **environment):
    """As if this process had begun with this store."""
    found = _openssl_store.places(environment, bundles, directories)
    monkeypatch.setattr(_openssl_store, "_places", found)


@pytest.mark.skipif(
    "config.getoption('mode') == 'deferred'", reason="the same in every mode, and takes its time"
)
@pytest.mark.timeout(900)
def test_suite(tmp_path):
    """Everything that goes through a context, in a process without the native module."""
    copy(tmp_path)
    here = Path(__file__).parent
    about = ("context", "handshake", "inject", "threads", "trust_source")
    about += ("parity_attributes", "parity_handshake", "parity_injection", "verified")
    files = [f"test_{name}.py" for name in about]
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "openssl_mode"),
            *(str(here / file) for file in files),
        ],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{here / 'support'}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=840,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-8000:] + finished.stderr
    assert " xfailed" in finished.stdout


def test_tables_are_the_cores():
    source = (ROOT / "src/store/locations.rs").read_text()
    for name, table in (
        ("BUNDLES", _openssl_store.BUNDLES),
        ("DIRECTORIES", _openssl_store.DIRECTORIES),
    ):
        body = re.search(rf"const {name}: &\[&str\] = &\[(.*?)\n\];", source, re.DOTALL)
        assert tuple(re.findall(r'^ *"([^"]+)"', body[1], re.MULTILINE)) == table


def paths(environment, bundles=(), directories=()):
    found = _openssl_store.places(environment, bundles, directories)
    return [(place.path, place.variable, place.directory) for place in found]


def test_places(tmp_path):
    bundle = tmp_path / "bundle.pem"
    bundle.touch()
    default = (str(bundle), None, False)
    bundles, directories = ["/nowhere.pem", str(bundle), str(tmp_path)], ["/one", "/two"]
    both = [("/one", None, True), ("/two", None, True)]
    assert paths({}, bundles, directories) == [default]
    assert paths({}, ["/nowhere.pem"], directories) == both
    empty = {"SSL_CERT_FILE": "", "NIX_SSL_CERT_FILE": "", "SSL_CERT_DIR": ""}
    assert paths(empty, bundles, directories) == [default]
    file, nix = {"SSL_CERT_FILE": "/missing"}, {"NIX_SSL_CERT_FILE": "/nix"}
    assert paths(file, bundles, directories) == [("/missing", "SSL_CERT_FILE", False)]
    assert paths(nix, bundles) == [("/nix", "NIX_SSL_CERT_FILE", False)]
    assert paths(nix | file, bundles) == [("/missing", "SSL_CERT_FILE", False)]
    folders = [("/a", "SSL_CERT_DIR", True), ("/b", "SSL_CERT_DIR", True)]
    assert paths({"SSL_CERT_DIR": ":/a::/b:/a:"}, bundles, directories) == [default, *folders]
    relative = {"SSL_CERT_FILE": "ca.pem"}
    assert paths(relative) == [(os.path.abspath("ca.pem"), "SSL_CERT_FILE", False)]


def test_raised_privileges_ignore_the_variables(monkeypatch, tmp_path, system_file):
    """The caller of a set-user-ID program must not decide what it trusts."""
    assert not _openssl_store.has_raised_privileges()

    def named():
        monkeypatch.setattr(_openssl_store, "_places", None)
        return [place.path for place in _openssl_store.system_places() if place.variable]

    assert named()[0] == system_file
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        assert named() == []
    with monkeypatch.context() as patch:
        patch.setattr(os, "getegid", lambda: os.getgid() + 1)
        assert named() == []
    vector = tmp_path / "auxv"
    monkeypatch.setattr(_openssl_store, "_AUXILIARY_VECTOR", str(vector))
    for secure, expected in ((0, [system_file]), (1, [])):
        words = [6, 4096, 23, secure, 0, 0]
        vector.write_bytes(
            b"".join(word.to_bytes(struct.calcsize("L"), sys.byteorder) for word in words)
        )
        assert named()[:1] == expected
    vector.unlink()
    assert named()[0] == system_file

    def forbidden(*_):
        raise PermissionError

    monkeypatch.setattr(_openssl_store, "open", forbidden, raising=False)
    assert named() == []


def test_read_once_and_late(monkeypatch, context, trusted_server):
    reads = []
    read = _openssl_store.read_into

    def counting(*arguments):
        reads.append(threading.get_ident())
        return read(*arguments)

    monkeypatch.setattr(_openssl_store, "read_into", counting)
    assert reads == []
    threads = [
        threading.Thread(target=exchange_socket, args=(context, trusted_server.address))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    context.load_default_certs()
    context.set_default_verify_paths()
    assert context.get_ca_certs()
    assert len(reads) == 1


def test_nothing_is_added_once_in_use(context, trusted_server, other_file):
    """What pip does for each connection must not touch a store that another thread reads."""
    context.load_verify_locations(other_file)
    exchange_socket(context, trusted_server.address)
    adds = []
    context._add = lambda *arguments, **settings: adds.append(arguments)
    for _ in range(3):
        context.load_verify_locations(other_file, None, None)
        exchange_socket(context, trusted_server.address)
    assert adds == []
    with open(other_file, "ab") as file:
        file.write(Authority("another").pem)
    context.load_verify_locations(other_file)
    assert len(adds) == 1


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", None])
@pytest.mark.parametrize("first", ["loaded", "connected"])
def test_the_stores_own_file_is_read_once(
    monkeypatch, variable, first, trusted_server, untrusted_server, system_file
):
    """As `--cert` it is what some set for pip."""
    if variable is None:
        use_store(monkeypatch, bundles=[system_file])
    else:
        use_store(monkeypatch, **{variable: system_file})
    context = make()
    loads = []
    monkeypatch.setattr(
        StdContext,
        "load_verify_locations",
        lambda *arguments, **settings: loads.append(arguments) or load(*arguments, **settings),
    )
    load = _ssl._SSLContext.load_verify_locations
    if first == "connected":
        exchange_socket(context, trusted_server.address)
    for _ in range(2):
        context.load_verify_locations(system_file)
    exchange_socket(context, trusted_server.address)
    assert len(loads) == 1
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        exchange_socket(context, untrusted_server.address)
    assert "(1 certificate)" in str(caught.value)
    assert "(0 certificates)" not in str(caught.value)
    assert str(caught.value).count(system_file) == (2 if variable and first == "loaded" else 1)


def test_a_damaged_store_still_cannot_be_loaded(monkeypatch, tmp_path, system_ca, trusted_server):
    path = tmp_path / "damaged.pem"
    path.write_bytes(system_ca.pem + b"-----BEGIN CERTIFICATE-----\nAAAA\n")
    use_store(monkeypatch, SSL_CERT_FILE=str(path))
    context = make()
    exchange_socket(context, trusted_server.address)
    with pytest.raises(ssl.SSLError):
        context.load_verify_locations(path)


def test_servers_do_not_read_the_store(monkeypatch, localhost):
    monkeypatch.setattr(_openssl_store, "read_into", None)
    context = _openssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_OPTIONAL
    path_context = server_context(localhost)
    assert path_context.get_ca_certs() == context.get_ca_certs() == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_one_store_is_for_one_side(context, trusted_server, monkeypatch, system_file):
    both = _openssl.SSLContext(ssl.PROTOCOL_TLS)
    both.verify_mode = ssl.CERT_REQUIRED
    exchange_socket(both, trusted_server.address)
    with pytest.raises(ValueError, match="verifies servers"):
        both.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
    both = _openssl.SSLContext(ssl.PROTOCOL_TLS)
    both.verify_mode = ssl.CERT_REQUIRED
    both.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
    with pytest.raises(ValueError, match="verifies clients"):
        exchange_socket(both, trusted_server.address)
    assert both.get_ca_certs() == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("use", ["connect", "introspect"])
def test_one_store_is_for_one_side_when_two_threads_begin(
    monkeypatch, system_file, trusted_server, use
):
    """A server must not verify its clients with the system's certificates."""
    use_store(monkeypatch, SSL_CERT_FILE=system_file)
    both = _openssl.SSLContext(ssl.PROTOCOL_TLS)
    both.verify_mode = ssl.CERT_REQUIRED
    begun, go_on = threading.Event(), threading.Event()
    read = _openssl_store.read_into

    def slow(*arguments):
        begun.set()
        assert go_on.wait(60)
        return read(*arguments)

    monkeypatch.setattr(_openssl_store, "read_into", slow)
    outcome = []

    def serve():
        try:
            both.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
        except ValueError as error:
            outcome.append(str(error))
        else:
            outcome.append("serves")

    first = {"connect": lambda: exchange_socket(both, trusted_server.address)}
    client = threading.Thread(target=first.get(use, both.get_ca_certs))
    client.start()
    assert begun.wait(60)
    server = threading.Thread(target=serve)
    server.start()
    server.join(0.2)
    go_on.set()
    client.join(60)
    server.join(60)
    assert outcome == ["this context verifies servers; make another one for clients"]


FORK = """
    import os, signal, ssl, sys, threading, warnings
    from PACKAGE import _openssl, _openssl_store

    warnings.simplefilter("ignore")  # of the fork

    begun, go_on = threading.Event(), threading.Event()
    usual = _openssl_store.{function}

    def slow(*arguments):
        begun.set()
        go_on.wait(60)
        return usual(*arguments)

    def make():
        return _openssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    shared = make()
    _openssl_store.{function} = slow
    reading = threading.Thread(target=shared.get_ca_certs)
    reading.start()
    assert begun.wait(60)
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        _openssl_store.{function} = usual
        found = [len(context.get_ca_certs()) for context in (shared, make())]
        os._exit(0 if found == [1, 1] else 1)
    status = os.waitpid(child, 0)[1]
    go_on.set()
    reading.join(60)
    assert len(shared.get_ca_certs()) == 1
    sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.parametrize("function", ["places", "read_into"])
def test_fork_while_another_thread_reads(function, tmp_path):
    """The child has the other thread's locks, and not the thread."""
    copy(tmp_path)
    python(FORK.format(function=function), tmp_path)


def refusal(context, leaf) -> ssl.SSLCertVerificationError:
    with Server(server_context(leaf)) as server:
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            exchange_socket(context, server.address)
    return caught.value


def test_words(context, untrusted, system_file, monkeypatch):
    monkeypatch.setattr(_openssl, "reason", "a reason")
    error = refusal(context, untrusted)
    assert len(error.args) == 2
    line = (
        "localhost: issuer is not known: 'CN=trustbridge tests: other root'; "
        f"searched SSL_CERT_FILE {system_file} (1 certificate)"
    )
    assert line in error.args[1] == error.strerror
    assert "certificate verify failed: unable to get local issuer certificate: " in str(error)
    assert (error.kind, error.depth, error.verify_code) == ("UnknownIssuer", 0, 20)
    assert error.report.startswith(line)
    assert error.report.endswith("the native module is not in use: a reason")
    if sys.version_info >= (3, 11):
        assert error.__notes__ == [error.report]


def test_kinds_and_words_are_the_cores():
    from trustbridge._openssl_report import KINDS, WORDS

    words = re.findall(r'Self::(\w+) => "([^"]*)"', (ROOT / "src/report/kind.rs").read_text())
    assert len(words) > 20
    assert WORDS.items() <= dict(words).items()
    assert {*KINDS.values()} <= WORDS.keys()
    source = (ROOT / "src/kind.rs").read_text().partition("fn rank")[0]
    codes = re.findall(r"^ +((?:Self::\w+ ?\|? ?)+) => (\d+),$", source, re.MULTILINE)
    assert len(codes) > 20
    native_only = {"1", "50"}  # OpenSSL never says these of a chain
    for kinds, code in codes:
        if code not in native_only and "PinMismatch" not in kinds:
            assert KINDS[int(code)] in kinds.replace("Self::", "").split(" | "), code


def test_words_of_names_are_safe(context):
    leaf = Authority('evil\x1b[31m\n"root').leaf("localhost")
    text = str(refusal(context, leaf))
    assert "\x1b" not in text and "\n" not in text
    assert "evil\\u{1b}[31m\\u{a}\\u{22}root" in text


def test_words_of_places_are_safe(monkeypatch, untrusted):
    """A path comes from the environment, and is bytes."""
    use_store(monkeypatch, SSL_CERT_FILE="/nowhere/\udcff\x1b[31m")
    error = refusal(make(), untrusted)
    for text in (str(error), error.report):
        assert "searched" in text.lower()
        assert "/nowhere/\\u{dcff}\\u{1b}[31m" in text
        assert "\x1b" not in text and text.encode()


def test_relative_places_without_a_current_directory(monkeypatch, tmp_path):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    settings = {"SSL_CERT_FILE": "ca.pem", "SSL_CERT_DIR": "certs"}
    assert [path for path, *_ in paths(settings)] == ["ca.pem", "certs"]


def test_no_store(monkeypatch, untrusted):
    use_store(monkeypatch, SSL_CERT_FILE="/nonexistent/ca.pem")
    error = refusal(make(), untrusted)
    assert error.kind == "NoTrustAnchors"
    assert "localhost: no usable trust anchor was found: " in str(error)
    assert "searched SSL_CERT_FILE /nonexistent/ca.pem (0 certificates) [" in str(error)


def anchors():
    yield "not a CA", Authority("anchor", ca=False)
    yield "expired", Authority("anchor", not_after=PAST.replace(year=2001))
    yield "not yet valid", Authority("anchor", not_before=PAST.replace(year=2998))


@pytest.mark.parametrize("case", list(anchors()), ids=lambda case: case[0])
def test_openssl_vets_anchors(monkeypatch, tmp_path, case):
    _, anchor = case
    file = tmp_path / "store.pem"
    file.write_bytes(anchor.pem)
    use_store(monkeypatch, SSL_CERT_FILE=str(file))
    refusal(make(), anchor.leaf("localhost"))


def test_intermediate_as_anchor(monkeypatch, tmp_path, other_ca):
    issuing = other_ca.intermediate("issuing")
    file = tmp_path / "store.pem"
    file.write_bytes(issuing.pem)
    use_store(monkeypatch, SSL_CERT_FILE=str(file))
    with Server(server_context(issuing.leaf("localhost"))) as server:
        assert exchange_socket(make(), server.address) == b"ping"


@pytest.mark.parametrize("ca", [True, False])
def test_end_entity_in_the_store(monkeypatch, tmp_path, ca):
    leaf = self_signed("localhost", ca=ca)
    file = tmp_path / "store.pem"
    file.write_bytes(leaf.pem)
    use_store(monkeypatch, SSL_CERT_FILE=str(file))
    with Server(server_context(leaf)) as server:
        assert exchange_socket(make(), server.address) == b"ping"


def test_damaged_files(monkeypatch, tmp_path, system_ca, other_ca):
    third = Authority("third")
    half = other_ca.pem[: len(other_ca.pem) // 2]
    bad = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    text = b"some text\r\n"
    crlf = system_ca.pem.replace(b"\n", b"\r\n")
    for contents, expected in (
        (b"\xef\xbb\xbf" + system_ca.pem + third.pem, 2),
        (crlf + text + bad + third.pem, 2),
        (system_ca.pem + third.pem + half, 2),
        (half + b"\n" + system_ca.pem + third.pem, 2),
        (system_ca.pem.rstrip() + third.pem, 1),
        (bad, 0),
        (b"", 0),
    ):
        file = tmp_path / "store.pem"
        file.write_bytes(contents)
        use_store(monkeypatch, SSL_CERT_FILE=str(file))
        context = make()
        assert context.cert_store_stats()["x509"] == expected, contents
        (source,) = context._sources
        assert source.certificates == expected
        assert source.problems or contents.startswith(b"\xef")


def test_damaged_files_are_read_in_one_pass(monkeypatch, tmp_path, system_ca):
    """What a search could follow to its end, or back, from each of many places."""
    file = tmp_path / "store.pem"
    begin = b"-----BEGIN CERTIFICATE-----"
    settings = b"-----BEGIN TRUSTED CERTIFICATE-----\nMAAC\n-----END TRUSTED CERTIFICATE-----\n"
    for damage in (
        (begin + b"\nAAAA\n") * 100_000,
        begin + b"\n" * 1_000_000 + b"x",
        begin + b" \n" * 1_000_000 + b"x",
        begin + b" " * 1_000_000 + b"x\n",
        begin + b"\n" + b"A" * 1_000_000,
        settings * 20_000,
    ):
        file.write_bytes(damage + b"\n" + system_ca.pem)
        use_store(monkeypatch, SSL_CERT_FILE=str(file))
        assert make().cert_store_stats()["x509"] == 1, damage[:80]


def test_settings_are_those_of_a_certificate(monkeypatch, tmp_path, system_ca):
    """Also of one with something behind it, which OpenSSL reads past."""
    der = ssl.PEM_cert_to_DER_cert(system_ca.pem.decode())
    pem = ssl.DER_cert_to_PEM_cert
    file = tmp_path / "store.pem"
    settings = pem(der + bytes.fromhex("300a300806062b0601050507")).replace(
        "CERTIF", "TRUSTED CERTIF"
    )
    file.write_text(settings + pem(der + b"more") + system_ca.pem.decode()[:100])
    use_store(monkeypatch, SSL_CERT_FILE=str(file))
    assert make().cert_store_stats()["x509"] == 0


def test_link_and_dots_are_the_systems(monkeypatch, tmp_path, system_ca, other_ca):
    """`link/..` is where the link leads, not where it lies."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a/b")
    (tmp_path / "a/ca.pem").write_bytes(system_ca.pem)
    (tmp_path / "ca.pem").write_bytes(other_ca.pem)
    monkeypatch.chdir(tmp_path)
    for path in ("link/../ca.pem", f"{tmp_path}/link/../ca.pem"):
        use_store(monkeypatch, SSL_CERT_FILE=path)
        assert make().get_ca_certs(True) == [system_ca.der]


def test_given_again_is_not_added_again(context, other_ca):
    der, pem = other_ca.der, other_ca.pem.decode()
    for data in (pem, der, bytearray(der)):
        context.load_verify_locations(cadata=data)
    added = []
    context._add = lambda *arguments, **settings: added.append(settings)
    for data in (pem, der):
        context.load_verify_locations(cadata=data)
    assert added == []


def test_counts_of_places(monkeypatch, tmp_path, system_ca, untrusted):
    """Of a place after the first: what it adds."""
    third = Authority("third root")
    (tmp_path / "ca.pem").write_bytes(system_ca.pem + third.pem)
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs/01234567.0").write_bytes(third.pem)
    use_store(
        monkeypatch, SSL_CERT_FILE=str(tmp_path / "ca.pem"), SSL_CERT_DIR=str(tmp_path / "certs")
    )
    searched = f"ca.pem (2 certificates), SSL_CERT_DIR {tmp_path}/certs (0 more certificates)"
    assert searched in str(refusal(make(), untrusted))


def test_settings_of_a_damaged_file_do_not_vanish(monkeypatch, tmp_path, system_ca):
    """A certificate whose trust settings cannot be used must not count without them."""
    settings = system_ca.pem.replace(b" CERTIFICATE", b" TRUSTED CERTIFICATE")
    file = tmp_path / "store.pem"
    file.write_bytes(settings + system_ca.pem + system_ca.pem[:100])
    use_store(monkeypatch, SSL_CERT_FILE=str(file))
    assert make().cert_store_stats()["x509"] == 0


def test_odd_files(monkeypatch, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (fifo, tmp_path, Path("/dev/zero")):
        use_store(monkeypatch, SSL_CERT_FILE=str(path))
        context = make()
        assert context.get_ca_certs() == []
        assert "is not a regular file" in context._sources[0].problems[0]


def test_directories(monkeypatch, tmp_path, system_ca, other_ca):
    empty, full, later = tmp_path / "empty", tmp_path / "full", tmp_path / "later"
    for folder in (empty, full, later):
        folder.mkdir()
    (full / "0a1b2c3d.0").write_bytes(system_ca.pem)
    (full / "not-hashed.pem").write_bytes(other_ca.pem)
    (later / "0a1b2c3d.0").write_bytes(other_ca.pem)
    directories = [str(tmp_path / "missing"), str(empty), str(full), str(later)]
    use_store(monkeypatch, directories=directories)
    context = make()
    assert context.get_ca_certs(True) == [system_ca.der]
    assert [source.certificates for source in context._sources] == [0, 0, 1]
    use_store(monkeypatch, SSL_CERT_DIR=f"{full}:{later}")
    assert len(make().get_ca_certs()) == 2


def test_lists_in_a_directory(context, tmp_path, other_ca):
    (tmp_path / "0a1b2c3d.0").write_bytes(other_ca.pem)
    (tmp_path / "0a1b2c3d.r0").write_bytes(other_ca.crl())
    (tmp_path / "0A1B2C3D.r1").write_bytes(Authority("another").crl())
    context.load_verify_locations(capath=str(tmp_path))
    stats = context.cert_store_stats()
    assert (stats["x509"], stats["crl"]) == (2, 1)


def test_a_directory_is_not_read_again(monkeypatch, context, tmp_path, other_ca, trusted_server):
    """Some load it for each connection, into a context that is in use."""
    (tmp_path / "0a1b2c3d.0").write_bytes(other_ca.pem)
    (tmp_path / "0a1b2c3d.1").mkdir()
    context.load_verify_locations(capath=str(tmp_path))
    exchange_socket(context, trusted_server.address)
    assert str(context._sources[0]) == (
        f"{tmp_path} (1 certificate) [{tmp_path}/0a1b2c3d.1 is not a regular file]"
    )
    sources = [vars(source).copy() for source in context._sources]
    reads = []
    read = _openssl_store.read_file
    monkeypatch.setattr(
        _openssl_store, "read_file", lambda *where: (reads.append(where), read(*where))
    )
    for _ in range(3):
        context.load_verify_locations(capath=str(tmp_path))
    assert {path for _, path, _ in reads} == {f"{tmp_path}/0a1b2c3d.1"}
    assert [vars(source) for source in context._sources] == sources
    reads.clear()
    (tmp_path / "0a1b2c3d.2").write_bytes(Authority("another").pem)
    context.load_verify_locations(capath=str(tmp_path))
    assert f"{tmp_path}/0a1b2c3d.2" in {path for _, path, _ in reads}
    assert context._sources[0].certificates == 2


def test_a_missing_directory_is_named(context, tmp_path, untrusted):
    context.load_verify_locations(capath=str(tmp_path / "missing"))
    assert f"searched {tmp_path}/missing (0 certificates) [No such file" in str(
        refusal(context, untrusted)
    )


def test_respect_cafile_of_certificates_known_before(monkeypatch, context, system_file):
    """A context that has read the system's store cannot trust one of its certificates only."""
    monkeypatch.setattr(_context_base, "injected", _openssl.SSLContext)
    monkeypatch.setattr(_context_base, "respect_cafile", True)
    made = make()
    assert made.get_ca_certs()
    with pytest.raises(ValueError, match="cannot change"):
        made.load_verify_locations(system_file)


def test_verify_needs_the_native_module(monkeypatch):
    monkeypatch.setattr(_openssl, "reason", "a reason")
    with pytest.raises(NotImplementedError, match="a reason"):
        _openssl.verify([], None)


def test_a_name_to_be_checked_must_be_there(context):
    with pytest.raises(ValueError, match="check_hostname requires server_hostname"):
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())
    context.check_hostname = False
    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())


def test_export_needs_the_native_module(monkeypatch):
    monkeypatch.setattr(_openssl, "reason", "a reason")
    with pytest.raises(NotImplementedError, match="a reason"):
        _openssl.export_pem()


def test_command_line(tmp_path):
    copy(tmp_path)
    script = tmp_path / "script.py"
    script.write_text("import ssl, trustbridge; print(ssl.SSLContext is trustbridge.SSLContext)")

    def call(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "trustbridge", *arguments],
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert call("run", str(script)).stdout == "True\n"
    for command in (["check", "localhost"], ["store"], ["export"]):
        done = call(*command)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.endswith(f": error: {command[0]} needs the native module\n")


def standard_flags(context) -> int:
    """What OpenSSL has."""
    return StdContext.verify_flags.fget(context)


def test_partial_chains_are_always_on(context):
    """The bit shows only if somebody has set it, as in the other modes."""
    partial = ssl.VERIFY_X509_PARTIAL_CHAIN
    assert isinstance(context, StdContext)
    assert not context.verify_flags & partial
    assert standard_flags(context) & partial
    context.verify_flags |= partial
    assert context.verify_flags & partial
    context.verify_flags = ssl.VERIFY_X509_STRICT
    assert context.verify_flags == ssl.VERIFY_X509_STRICT
    assert standard_flags(context) == ssl.VERIFY_X509_STRICT | partial


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_partial_chains_are_not_for_clients():
    for flags in (0, ssl.VERIFY_X509_PARTIAL_CHAIN):
        both = _openssl.SSLContext(ssl.PROTOCOL_TLS)
        both.verify_mode = ssl.CERT_REQUIRED
        both.verify_flags = flags
        both.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
        assert both.verify_flags == standard_flags(both) == flags
        both.verify_flags = ssl.VERIFY_X509_STRICT
        assert both.verify_flags == standard_flags(both) == ssl.VERIFY_X509_STRICT


def test_flags_are_those_of_the_other_modes(context):
    before = context.verify_flags
    with pytest.raises(ValueError, match="cannot honour 0x40"):
        context.verify_flags |= ssl.VERIFY_ALLOW_PROXY_CERTS
    assert context.verify_flags == before
    server = _openssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.verify_flags |= ssl.VERIFY_ALLOW_PROXY_CERTS
    assert server.verify_flags & ssl.VERIFY_ALLOW_PROXY_CERTS


def test_only_what_is_loaded(context, system_ca, other_ca, other_file, trusted_server, untrusted):
    only = _openssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT, system_trust=False)
    assert (context.system_trust, only.system_trust) == (True, False)
    only.load_verify_locations(other_file)
    with pytest.raises(ssl.SSLCertVerificationError):
        exchange_socket(only, trusted_server.address)
    with Server(server_context(untrusted)) as server:
        assert exchange_socket(only, server.address) == b"ping"
    with pytest.raises(ValueError, match="once the context has been used"):
        only.system_trust = True
    context.system_trust = False
    assert context.get_ca_certs() == []
    server_side = _openssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert server_side.system_trust is False
    with pytest.raises(ValueError, match="for servers"):
        server_side.system_trust = True


def certifi(folder, contents) -> str:
    package = folder / "certifi"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "cacert.pem").write_bytes(contents)
    return str(package / "cacert.pem")


def test_certifi_counts_where_the_system_does_not(context, tmp_path, system_ca, other_ca):
    bundle = certifi(tmp_path, other_ca.pem)
    context.load_verify_locations(bundle)
    assert context.get_ca_certs(True) == [system_ca.der]
    only = _openssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT, system_trust=False)
    only.load_verify_locations(bundle)
    assert only.get_ca_certs(True) == [other_ca.der]


def test_respect_cafile(monkeypatch, context, tmp_path, system_ca, other_ca, other_file):
    bundle = certifi(tmp_path, Authority("certifi's").pem)
    monkeypatch.setattr(_context_base, "injected", _openssl.SSLContext)
    monkeypatch.setattr(_context_base, "respect_cafile", True)
    own, default = [other_ca.der], [system_ca.der]
    for steps, expected in (
        ([], default),
        (["file"], own),
        (["file", "default"], default + own),
        (["default", "file"], default + own),
        (["certifi", "file"], default + own),
        (["crl"], []),
        (["crl", "default"], default),
        (["file", "crl"], own),
    ):
        made = make()
        (tmp_path / "list.pem").write_bytes(other_ca.crl())
        for step in steps:
            if step == "default":
                made.load_default_certs()
            else:
                files = {"file": other_file, "certifi": bundle, "crl": str(tmp_path / "list.pem")}
                made.load_verify_locations(files[step])
        assert sorted(made.get_ca_certs(True)) == sorted(expected), steps
