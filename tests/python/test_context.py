"""Attributes and methods of the context, side by side with the standard library's."""

from __future__ import annotations

import base64
import gc
import os
import pathlib
import ssl
import subprocess
import sys
import textwrap
import weakref

import modes
import pytest
import trustbridge
from pki import Authority
from servers import Server, StdContext, exchange_socket, server_context
from trustbridge import _native


@pytest.fixture
def context():
    return trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def standard():
    return StdContext(ssl.PROTOCOL_TLS_CLIENT)


def outcome(function, *arguments, **keywords):
    """What a call gives, or the exception's type and message without line numbers."""
    try:
        return function(*arguments, **keywords)
    except Exception as error:
        return type(error), getattr(error, "reason", None), getattr(error, "errno", None)


def bad_locations(tmp_path):
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("nothing here")
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    cut = tmp_path / "cut.pem"
    pem = Authority("cut in half").pem
    cut.write_bytes(pem[: len(pem) // 2])
    rotten = tmp_path / "rotten.pem"
    rotten.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    der = Authority("cut in half").der
    return {
        "nothing": {},
        "missing file": {"cafile": str(tmp_path / "missing.pem")},
        "directory as file": {"cafile": str(tmp_path)},
        "no block": {"cafile": str(garbage)},
        "empty file": {"cafile": str(empty)},
        "cut in half": {"cafile": str(cut)},
        "not a certificate": {"cafile": str(rotten)},
        "wrong type": {"cafile": 42},
        "NUL byte": {"cafile": "a\0b"},
        "list": {"capath": []},
        "wrong type of directory": {"capath": 42},
        "NUL byte in directory": {"capath": "a\0b"},
        "empty directory name": {"capath": ""},
        "empty text": {"cadata": ""},
        "empty bytes": {"cadata": b""},
        "text without a block": {"cadata": "nothing here"},
        "text cut in half": {"cadata": pem.decode()[:200]},
        "not ASCII": {"cadata": "ä"},
        "bytes that are no certificate": {"cadata": b"\x30\x03\x02\x01\x01"},
        "bytes cut in half": {"cadata": der[:100]},
        "PEM as bytes": {"cadata": pem},
        "wrong type of data": {"cadata": 42},
        "list as data": {"cadata": []},
    }


BAD_LOCATIONS = [
    "nothing",
    "missing file",
    "directory as file",
    "no block",
    "empty file",
    "cut in half",
    "not a certificate",
    "wrong type",
    "NUL byte",
    "list",
    "wrong type of directory",
    "NUL byte in directory",
    "empty directory name",
    "empty text",
    "empty bytes",
    "text without a block",
    "text cut in half",
    "not ASCII",
    "bytes that are no certificate",
    "bytes cut in half",
    "PEM as bytes",
    "wrong type of data",
    "list as data",
]


@pytest.mark.parametrize("case", BAD_LOCATIONS)
def test_bad_locations_raise_what_ssl_raises(context, tmp_path, case):
    arguments = bad_locations(tmp_path)[case]
    expected = outcome(standard().load_verify_locations, **arguments)
    assert expected is not None, "the standard library accepts it"
    assert outcome(context.load_verify_locations, **arguments) == expected


def test_good_locations(context, other_ca, other_file, tmp_path):
    for arguments in (
        {"cafile": other_file},
        {"cafile": other_file.encode()},
        {"cafile": pathlib.Path(other_file)},
        {"cadata": other_ca.pem.decode()},
        {"cadata": other_ca.der},
        {"cadata": bytearray(other_ca.der)},
        {"cadata": memoryview(other_ca.der + Authority("another").der)},
        {"cafile": other_file, "capath": str(tmp_path), "cadata": other_ca.der},
    ):
        for kind in (standard(), trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)):
            assert kind.load_verify_locations(**arguments) is None
        with Server(server_context(other_ca.leaf("localhost"))) as server:
            assert exchange_socket(kind, server.address) == b"ping"
    context.load_verify_locations(other_file, None, None)  # as pip calls it
    context.load_verify_locations(None, "/nonexistent/directory")


def test_capath(context, other_ca, tmp_path):
    (tmp_path / "other.pem").write_bytes(other_ca.pem)
    context.load_verify_locations(capath=tmp_path)
    with Server(server_context(other_ca.leaf("localhost"))) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            exchange_socket(context, server.address)  # not under a hashed name
        (tmp_path / "0123abcd.0").write_bytes(other_ca.pem)
        context.load_verify_locations(capath=str(tmp_path))
        assert exchange_socket(context, server.address) == b"ping"


def test_unreadable_certificate_beside_a_good_one(context, other_ca, tmp_path):
    """OpenSSL accepts some certificates that the core does not. They must not stop the others."""
    der = bytearray(other_ca.der)
    # A serial number with a needless leading zero, or a negative one, is where they differ: make
    # the version field say 7.
    position = bytes(der).index(b"\xa0\x03\x02\x01\x02")
    der[position + 4] = 7
    odd = (
        b"-----BEGIN CERTIFICATE-----\n"
        + base64.encodebytes(bytes(der))
        + b"-----END CERTIFICATE-----\n"
    )
    path = tmp_path / "mixed.pem"
    path.write_bytes(odd + other_ca.pem)
    standard().load_verify_locations(path)  # OpenSSL does accept it
    context.load_verify_locations(path)
    with Server(server_context(other_ca.leaf("localhost"))) as server:
        assert exchange_socket(context, server.address) == b"ping"


def test_same_file_again_is_not_read_again(context, other_file, other_ca, monkeypatch):
    context.load_verify_locations(other_file)
    assert context._trust.has_file(other_file)
    with monkeypatch.context() as patch:
        patch.setattr(_native, "read_file", None)
        context.load_verify_locations(other_file)
    # A changed file is read again.
    replacement = Authority("a replacement")
    with open(other_file, "wb") as file:
        file.write(replacement.pem + other_ca.pem)
    assert not context._trust.has_file(other_file)
    context.load_verify_locations(other_file)
    with Server(server_context(replacement.leaf("localhost"))) as server:
        assert exchange_socket(context, server.address) == b"ping"


def test_certifi_adds_nothing(context, other_ca, tmp_path, monkeypatch):
    package = tmp_path / "vendored" / "certifi"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    bundle = package / "cacert.pem"
    bundle.write_bytes(other_ca.pem)
    copy = tmp_path / "copy.pem"
    copy.write_bytes(other_ca.pem)
    before = len(context.get_ca_certs())
    with Server(server_context(other_ca.leaf("localhost"))) as server:
        context.load_verify_locations(bundle)
        assert len(context.get_ca_certs()) == before
        with pytest.raises(ssl.SSLCertVerificationError):
            exchange_socket(context, server.address)
        # A file elsewhere with the same contents, while that package is imported.
        module = type(sys)("certifi")
        module.__file__ = str(package / "__init__.py")
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "pip._vendor.certifi", module)
            context.load_verify_locations(copy)
            with pytest.raises(ssl.SSLCertVerificationError):
                exchange_socket(context, server.address)
        # Any other file counts.
        other = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        other.load_verify_locations(copy)
        assert exchange_socket(other, server.address) == b"ping"


def test_certificates_and_stats(context, system_ca, other_ca, localhost, tmp_path):
    assert context.get_ca_certs(binary_form=True) == [system_ca.der]
    assert context.cert_store_stats() == {"x509": 1, "crl": 0, "x509_ca": 1}
    context.load_verify_locations(cadata=other_ca.der)
    context.load_verify_locations(cadata=localhost.der)
    path = tmp_path / "list.pem"
    path.write_bytes(other_ca.crl())
    context.load_verify_locations(path)
    assert sorted(context.get_ca_certs(True)) == sorted([system_ca.der, other_ca.der])
    assert context.cert_store_stats() == {"x509": 3, "crl": 1, "x509_ca": 2}
    reference = standard()
    reference.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(other_ca.der))
    (expected,) = reference.get_ca_certs()
    assert expected in context.get_ca_certs()


def test_default_certs_cost_nothing(context):
    before = context._trust.anchors()
    assert context.load_default_certs() is None
    assert context.load_default_certs(ssl.Purpose.CLIENT_AUTH) is None
    assert context.set_default_verify_paths() is None
    assert context._trust.anchors() == before
    # Nothing has been loaded into OpenSSL's own store.
    assert StdContext.get_ca_certs(context) == []
    assert outcome(context.load_default_certs, 42) == outcome(standard().load_default_certs, 42)


def test_crl_flags(system_ca, tmp_path):
    issuing = system_ca.intermediate("an issuing CA")
    good, revoked = issuing.leaf("localhost"), issuing.leaf("localhost")
    by_issuer = issuing.crl(revoked.certificate)
    by_root = system_ca.crl()

    def code(context, leaf):
        with Server(server_context(leaf)) as server:
            try:
                exchange_socket(context, server.address)
            except ssl.SSLCertVerificationError as error:
                return error.verify_code
        return 0

    def make(flags, *crls):
        ours, theirs = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT), standard()
        theirs.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(system_ca.der))
        for one in (ours, theirs):
            one.verify_flags |= flags
            if crls:
                path = tmp_path / "lists.pem"
                path.write_bytes(b"".join(crls))
                one.load_verify_locations(path)
        return ours, theirs

    leaf_only, chain = ssl.VERIFY_CRL_CHECK_LEAF, ssl.VERIFY_CRL_CHECK_CHAIN
    cases = [
        (0, (by_issuer,), revoked, 0),
        (leaf_only, (by_issuer,), good, 0),
        (leaf_only, (by_issuer,), revoked, 23),
        (leaf_only, (), good, 3),
        (leaf_only, (by_root,), good, 3),
        (chain, (by_issuer,), good, 3),
        (chain, (by_issuer, by_root), good, 0),
        (chain, (by_issuer, by_root), revoked, 23),
        (chain, (by_issuer, system_ca.crl(issuing.certificate)), good, 23),
    ]
    for flags, crls, leaf, expected in cases:
        ours, theirs = make(flags, *crls)
        assert (code(ours, leaf), code(theirs, leaf)) == (expected, expected), (flags, expected)


def test_strict(context, other_ca):
    """VERIFY_X509_STRICT refuses what `ssl` refuses with it, with the same code."""
    no_usage = Authority("a CA without key usage", key_usage=False)
    not_critical = Authority("a CA whose constraints are not critical", critical=False)
    cases = [
        (other_ca, other_ca.leaf("localhost"), 0),
        (other_ca, other_ca.leaf("localhost", key_id=False), 85),
        (no_usage, no_usage.leaf("localhost"), 92),
        (not_critical, not_critical.leaf("localhost"), 89),
    ]
    # OpenSSL 4 allows error 89, and so does OpenSSL mode with it; the core follows OpenSSL 3
    # (docs/verification.md).
    by_openssl = [StdContext]
    if trustbridge.HANDSHAKE_MODE == "openssl":
        by_openssl.append(trustbridge.SSLContext)
    for authority, leaf, expected in cases:
        with Server(server_context(leaf)) as server:
            for kind in (trustbridge.SSLContext, StdContext):
                client = kind(ssl.PROTOCOL_TLS_CLIENT)
                client.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(authority.der))
                client.verify_flags &= ~ssl.VERIFY_X509_STRICT
                assert exchange_socket(client, server.address) == b"ping"
                client.verify_flags |= ssl.VERIFY_X509_STRICT
                modern = kind in by_openssl and ssl.OPENSSL_VERSION_INFO >= (4,)
                allowed = expected == 89 and modern
                if expected and not allowed:
                    with pytest.raises(ssl.SSLCertVerificationError) as caught:
                        exchange_socket(client, server.address)
                    assert caught.value.verify_code == expected, kind
                else:
                    assert exchange_socket(client, server.address) == b"ping"


def test_is_an_ssl_context(context):
    assert isinstance(context, StdContext)
    reference = standard()
    for attribute in (
        "check_hostname",
        "verify_mode",
        "verify_flags",
        "options",
        "minimum_version",
        "maximum_version",
        "num_tickets",
        "post_handshake_auth",
        "keylog_filename",
        "sni_callback",
        "protocol",
    ):
        assert getattr(context, attribute) == getattr(reference, attribute), attribute


def test_common_names_where_the_system_decides(monkeypatch):
    """As on Windows and Apple: their verifiers have no such setting, and no connection is made
    that could not be verified as requested."""
    from trustbridge import _select

    monkeypatch.setattr(_select, "SYSTEM_DECIDES", True)
    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert context.hostname_checks_common_name is False
    context.hostname_checks_common_name = False
    with pytest.raises(ValueError, match=r"^hostname_checks_common_name: "):
        context.hostname_checks_common_name = True
    assert context.hostname_checks_common_name is False
    server = trustbridge.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.hostname_checks_common_name = True
    for setting in ("strict", "common_name"):
        with pytest.raises(ValueError, match=f"^{setting}: "):
            trustbridge.verify([b""], "localhost", **{setting: True})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "protocol", ["PROTOCOL_TLS", "PROTOCOL_TLSv1_2", "PROTOCOL_TLS_SERVER", "PROTOCOL_TLS_CLIENT"]
)
def test_every_protocol(protocol):
    if protocol == "PROTOCOL_TLSv1_2" and ssl.OPENSSL_VERSION_INFO >= (4,):
        # It has no methods for one version.
        for kind in (trustbridge.SSLContext, StdContext):
            with pytest.raises(ValueError, match="unsupported protocol version"):
                kind(ssl.PROTOCOL_TLSv1_2)
        return
    protocol = getattr(ssl, protocol)
    ours, theirs = trustbridge.SSLContext(protocol), StdContext(protocol)
    assert ours.protocol == theirs.protocol
    assert ours.verify_mode == theirs.verify_mode
    assert ours.check_hostname == theirs.check_hostname
    ours.load_default_certs()
    ours.set_default_verify_paths()
    ours.get_ca_certs()
    ours.cert_store_stats()


def test_no_protocol_is_deprecated_as_in_ssl():
    with pytest.warns(DeprecationWarning):
        context = trustbridge.SSLContext()
    assert context.protocol == ssl.PROTOCOL_TLS


def test_subclass_that_skips_init(trusted_server, untrusted_server):
    class Skipping(trustbridge.SSLContext):
        def __init__(self, *_):
            pass

    context = Skipping(ssl.PROTOCOL_TLS_CLIENT)
    assert exchange_socket(context, trusted_server.address) == b"ping"
    with pytest.raises(ssl.SSLCertVerificationError):
        exchange_socket(context, untrusted_server.address)


def test_contexts_are_freed(trusted_server):
    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert exchange_socket(context, trusted_server.address) == b"ping"
    trust, reference = context._trust, weakref.ref(context)
    if modes.current() == modes.IN_HANDSHAKE:
        assert trust.attached
    del context
    gc.collect()
    assert reference() is None
    assert not trust.attached, "OpenSSL has freed its half"


def test_trust_outlives_the_context_object(trusted_server, untrusted_server):
    """A connection keeps what it needs when its context is gone."""
    from servers import Bio

    bios = []
    for server in (trusted_server, untrusted_server):
        context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        bios.append(Bio(context, server.address))
        del context
    gc.collect()
    trusted, untrusted = bios
    with trusted:
        trusted.run(trusted.object.do_handshake)
    with untrusted, pytest.raises(ssl.SSLCertVerificationError):
        untrusted.run(untrusted.object.do_handshake)


GROWTH = """
    import gc, os, socket, ssl, sys
    sys.path[:0] = {path!r}
    import trustbridge

    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain({chain!r})
    client = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusted = {trusted!r}

    def connect():
        a, b, c, d = (ssl.MemoryBIO() for _ in range(4))
        near = client.wrap_bio(a, b, server_hostname="localhost")
        far = server.wrap_bio(c, d, server_side=True)
        done = set()
        while len(done) < 2:
            for side in (near, far):
                try:
                    side.do_handshake()
                    done.add(side)
                except ssl.SSLWantReadError:
                    pass
                except ssl.SSLCertVerificationError as error:
                    assert not trusted and error.report
                    return
                c.write(b.read())
                a.write(d.read())
        assert trusted

    def resident():
        gc.collect()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for _ in range(500):
        connect()
    before = resident()
    for _ in range(2000):
        connect()
    print(resident() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
@pytest.mark.parametrize("trusted", [True, False])
def test_memory_does_not_grow(tmp_path, localhost, untrusted, trusted):
    chain = tmp_path / "chain.pem"
    chain.write_bytes((localhost if trusted else untrusted).chain_pem)
    script = textwrap.dedent(GROWTH).format(path=sys.path, chain=str(chain), trusted=trusted)
    output = subprocess.run(
        modes.python("-c", script), check=True, capture_output=True, text=True
    ).stdout
    # One leaked certificate a connection would be 2 MB and more.
    assert int(output) < 1_000_000


SERVER_AUTH = bytes.fromhex("06082b06010505070301")
CLIENT_AUTH = bytes.fromhex("06082b06010505070302")


@pytest.mark.parametrize(
    "trust, accepted",
    [
        (b"\x30\x0c\x30\x0a" + SERVER_AUTH, True),
        (b"\x30\x0c\x30\x0a" + CLIENT_AUTH, False),
        (b"\x30\x0c\xa0\x0a" + CLIENT_AUTH, True),
        (b"\x30\x0c\xa0\x0a" + SERVER_AUTH, False),
        (b"\x30\x00", True),
    ],
    ids=["for servers", "for clients", "not for clients", "not for servers", "for all"],
)
def test_trusted_certificate_blocks_keep_their_bits(other_ca, tmp_path, trust, accepted):
    body = base64.encodebytes(other_ca.der + trust).decode()
    path = tmp_path / "trusted.pem"
    path.write_text(
        f"-----BEGIN TRUSTED CERTIFICATE-----\n{body}-----END TRUSTED CERTIFICATE-----\n"
    )
    with Server(server_context(other_ca.leaf("localhost"))) as server:
        for kind in (StdContext, trustbridge.SSLContext):
            client = kind(ssl.PROTOCOL_TLS_CLIENT)
            client.load_verify_locations(path)
            if accepted:
                assert exchange_socket(client, server.address) == b"ping"
            else:
                with pytest.raises(ssl.SSLCertVerificationError):
                    exchange_socket(client, server.address)
