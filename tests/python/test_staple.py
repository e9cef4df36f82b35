"""OCSP responses that a server staples, where the connection checks revocation."""

from __future__ import annotations

import contextlib
import datetime
import re
import socket
import ssl
import subprocess

import modes
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from pki import DER, PEM, UTC, Authority
from servers import TIMEOUT, Bio, Server, exchange_socket, load_chain
from trust import make

VERSIONS = {"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}
CHECK = ssl.VERIFY_CRL_CHECK_LEAF


@pytest.fixture(scope="module")
def root():
    return Authority("a root with an OCSP responder")


@pytest.fixture(scope="module")
def leaf(root):
    return root.leaf("localhost")


@contextlib.contextmanager
def serving(folder, leaf, version, staple=b""):
    """OpenSSL's server; gives its port and what it prints until it has ended."""
    chain = folder / "chain.pem"
    chain.write_bytes(leaf.chain_pem)
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", chain, "-key", chain]
    command += [VERSIONS[version], "-rev", "-tlsextdebug", "-naccept", "1"]
    if staple:
        (folder / "staple").write_bytes(staple)
        command += ["-status_file", folder / "staple"]
    log = folder / "log"
    with open(log, "wb") as file:
        server = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        while not (found := re.search(rb"ACCEPT .*:(\d+)", log.read_bytes())):
            assert server.poll() is None, log.read_text()
        yield int(found[1]), lambda: (server.wait(TIMEOUT), log.read_text())[1]
    finally:
        server.kill()
        server.wait()


def outcome(folder, root, leaf, version, staple=b"", flags=CHECK, crl=b""):
    """The connection's verdict, and whether it has requested a response."""
    context = make(system_trust=False)
    context.load_verify_locations(cadata=(root.pem + crl).decode())
    context.verify_flags |= flags
    with serving(folder, leaf, version, staple) as (port, printed):
        error = None
        with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
            try:
                with context.wrap_socket(connection, server_hostname="localhost") as secured:
                    assert secured.version() == version
                    secured.sendall(b"ping\n")
                    assert secured.recv(5) == b"gnip\n"
                    verdict = secured.verified.revocation
            except ssl.SSLCertVerificationError as caught:
                error, verdict = caught, caught.kind
        text = printed()
    if error is not None:
        assert error.reason == "CERTIFICATE_VERIFY_FAILED"
        assert error.verify_code
        assert error.report
        assert "certificate verify failed" in str(error)
    return verdict, 'client extension "status request"' in text


def openssl_response(folder, root, leaf, revoked=False):
    """A response of `openssl ocsp`."""
    key = root.key.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(root.pem + key)
    (folder / "leaf.pem").write_bytes(leaf.pem)
    serial = f"{leaf.certificate.serial_number:X}"
    serial = serial.zfill(len(serial) + len(serial) % 2)
    status = ("R", "200101000000Z") if revoked else ("V", "")
    line = "\t".join([status[0], "291231235959Z", status[1], serial, "unknown", "/CN=leaf"])
    (folder / "index.txt").write_text(line + "\n")
    arguments = "-index index.txt -CA ca.pem -rsigner ca.pem -rkey ca.pem -issuer ca.pem"
    arguments += " -cert leaf.pem -noverify -ndays 1 -respout response -no_nonce"
    done = subprocess.run(
        ["openssl", "ocsp", *arguments.split()], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return (folder / "response").read_bytes()


def made_response(issuer, signer, leaf, this_update, next_update):
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=leaf.certificate,
        issuer=issuer.certificate,
        algorithm=hashes.SHA1(),
        cert_status=ocsp.OCSPCertStatus.GOOD,
        this_update=this_update,
        next_update=next_update,
        revocation_time=None,
        revocation_reason=None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(DER)


LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=UTC), datetime.datetime(2020, 2, 1, tzinfo=UTC)


def today():
    now = datetime.datetime.now(UTC)
    return now - datetime.timedelta(hours=1), now + datetime.timedelta(days=1)


def requests():
    """Whether connections can request a response: only the native module's callback can."""
    return modes.current() == modes.IN_HANDSHAKE


@pytest.mark.parametrize("version", VERSIONS)
def test_responses(tmp_path, root, leaf, version):
    other = Authority("another root")
    for staple, expected in (
        (openssl_response(tmp_path, root, leaf), "leaf"),
        (openssl_response(tmp_path, root, leaf, revoked=True), "Revoked"),
        (made_response(root, root, leaf, *today()), "leaf"),
        (made_response(root, root, leaf, *LONG_AGO), "RevocationUnknown"),
        (made_response(root, other, leaf, *today()), "RevocationUnknown"),
        (made_response(root, root, root.leaf("localhost"), *today()), "RevocationUnknown"),
        (b"", "RevocationUnknown"),
    ):
        expected = expected if requests() else "RevocationUnknown"
        assert outcome(tmp_path, root, leaf, version, staple) == (expected, requests())


@pytest.mark.parametrize("version", VERSIONS)
def test_nobody_asks_without_a_reason(tmp_path, root, leaf, version):
    revoked = openssl_response(tmp_path, root, leaf, revoked=True)
    assert outcome(tmp_path, root, leaf, version, revoked, flags=0) == ("off", False)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_certificate_that_needs_a_response(tmp_path, root, version):
    """RFC 7633: a list that covers it is not enough."""
    leaf = root.leaf("localhost", must_staple=True)
    crl = root.crl()
    assert outcome(tmp_path, root, leaf, version, crl=crl)[0] == "RevocationUnknown"
    staple = made_response(root, root, leaf, *today())
    expected = "leaf" if requests() else "RevocationUnknown"
    assert outcome(tmp_path, root, leaf, version, staple, crl=crl)[0] == expected
    assert outcome(tmp_path, root, root.leaf("localhost"), version, crl=crl)[0] == "leaf"


@pytest.mark.parametrize("version", VERSIONS)
def test_other_faults_come_first(tmp_path, root, version):
    """With TLS 1.2 before there is a response."""
    leaf = root.leaf("other.test")
    staple = made_response(root, root, leaf, *today())
    assert outcome(tmp_path, root, leaf, version, staple)[0] == "NameMismatch"


def test_a_context_changes_its_mind(tmp_path, root, leaf):
    context = make(system_trust=False)
    context.load_verify_locations(cadata=root.pem.decode())
    staple = made_response(root, root, leaf, *today())
    flags = context.verify_flags
    for wanted in (False, True, False):
        context.verify_flags = flags | CHECK if wanted else flags
        with serving(tmp_path, leaf, "TLSv1.2", staple) as (port, printed):
            with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
                with contextlib.suppress(ssl.SSLCertVerificationError):
                    context.wrap_socket(connection, server_hostname="localhost").close()
            requested = 'client extension "status request"' in printed()
        assert requested == (wanted and requests())


def test_verify_takes_a_response(tmp_path, root, leaf):
    import trustbridge

    settings = dict(revocation="leaf", unknown_revocation="reject", system_trust=False)
    settings["extra_roots"] = [root.der]
    staple = openssl_response(tmp_path, root, leaf)
    verified = trustbridge.verify([leaf.der], "localhost", ocsp_response=staple, **settings)
    assert verified.revocation == "leaf"
    staple = openssl_response(tmp_path, root, leaf, revoked=True)
    with pytest.raises(trustbridge.VerificationError) as caught:
        trustbridge.verify([leaf.der], "localhost", ocsp_response=staple, **settings)
    assert caught.value.kind == "Revoked"


@pytest.mark.parametrize("version", VERSIONS)
def test_objects_are_refused_alike(tmp_path, root, leaf, version):
    context = make(system_trust=False)
    context.load_verify_locations(cadata=root.pem.decode())
    context.verify_flags |= CHECK
    staple = openssl_response(tmp_path, root, leaf, revoked=True)
    with serving(tmp_path, leaf, version, staple) as (port, _):
        with Bio(context, ("127.0.0.1", port)) as bio:
            with pytest.raises(ssl.SSLCertVerificationError) as caught:
                bio.run(bio.object.do_handshake)
            assert caught.value.kind == ("Revoked" if requests() else "RevocationUnknown")
            assert bio.object.verified is None
            with pytest.raises(ssl.SSLError):
                bio.run(bio.object.write, b"ping\n")


@pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS is deprecated")
def test_a_server_has_nothing_to_staple(root, leaf):
    """A context for both sides has the callback, which OpenSSL also calls on servers."""
    import trustbridge

    served = trustbridge.SSLContext(ssl.PROTOCOL_TLS, system_trust=False)
    load_chain(served, leaf)
    context = make(system_trust=False)
    context.load_verify_locations(cadata=(root.pem + root.crl()).decode())
    context.verify_flags |= CHECK
    with Server(served) as server:
        for maximum in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context.maximum_version = maximum
            assert exchange_socket(context, server.address) == b"ping"
