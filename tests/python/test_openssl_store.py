"""OpenSSL mode: where it finds the system's certificates, and how it reads them."""

from __future__ import annotations

import os
import re
import ssl
import struct
import sys
from pathlib import Path

import pytest
from openssl_contexts import (
    ROOT,
    make,
    refusal,
    use_store,
)
from pki import PAST, Authority, self_signed
from servers import Server, exchange_socket, server_context
from trustbridge import _openssl_store, _privileges


@pytest.fixture
def context(monkeypatch, system_file):
    use_store(monkeypatch, SSL_CERT_FILE=system_file)
    return make()


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
    assert not _privileges.has_raised_privileges()

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
    monkeypatch.setattr(_privileges, "_AUXILIARY_VECTOR", str(vector))
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

    monkeypatch.setattr(_privileges, "open", forbidden, raising=False)
    assert named() == []


def test_relative_places_without_a_current_directory(monkeypatch, tmp_path):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    settings = {"SSL_CERT_FILE": "ca.pem", "SSL_CERT_DIR": "certs"}
    assert [path for path, *_ in paths(settings)] == ["ca.pem", "certs"]


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
