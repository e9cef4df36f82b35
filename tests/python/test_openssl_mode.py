"""OpenSSL mode: without the native module."""

from __future__ import annotations

import _ssl
import os
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from openssl_contexts import (
    ROOT,
    make,
    use_store,
)
from pki import Authority
from servers import Server, StdContext, exchange_socket, server_context
from test_select import copy, python
from trustbridge import _context_base, _openssl, _openssl_store


@pytest.fixture
def context(monkeypatch, system_file):
    use_store(monkeypatch, SSL_CERT_FILE=system_file)
    return make()


@pytest.mark.skipif(
    "config.getoption('mode') == 'deferred'", reason="the same in every mode, and takes its time"
)
@pytest.mark.timeout(900)
def test_suite(tmp_path):
    """Everything that goes through a context, in a process without the native module."""
    copy(tmp_path)
    here = Path(__file__).parent
    about = ("certifi", "context", "environment", "export", "handshake", "inject")
    about += ("intermediates", "respect_cafile", "settings", "threads", "trust_source")
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


def test_no_revocation_data_is_asked(context):
    """Nobody is told that it is."""
    assert not context.distribution_revocation
    context.distribution_revocation = False
    with pytest.raises(ValueError, match="distribution_revocation"):
        context.distribution_revocation = True


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


def test_given_again_is_not_added_again(context, other_ca):
    der, pem = other_ca.der, other_ca.pem.decode()
    for data in (pem, der, bytearray(der)):
        context.load_verify_locations(cadata=data)
    added = []
    context._add = lambda *arguments, **settings: added.append(settings)
    for data in (pem, der):
        context.load_verify_locations(cadata=data)
    assert added == []


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
    assert call("store").stdout.startswith("usable trust anchors: ")
    for command in (["check", "localhost"], ["export"]):
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
    with pytest.raises(ValueError, match="does not support 0x40"):
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
