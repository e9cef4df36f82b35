"""The package without the native module as on macOS: everything goes through the stand-in of
tests/apple, whose verdicts decide about real connections on loopback.

A copy of the package's Python files, under another name, is imported as if this were macOS.
"""

from __future__ import annotations

import asyncio
import importlib
import shutil
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import apple
import pytest
import trustbridge
from apple import Answer, Error
from pki import PAST
from servers import Server, exchange_async, exchange_bio, exchange_socket, server_context
from test_cases import table

NAME = "trustbridge_on_macos"
EPOCH = 978_307_200
NOT_TRUSTED, EXPIRED, WRONG_NAME = -67843, -67818, -67602


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("without-native")
    ignored = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(Path(trustbridge.__file__).parent, folder / NAME, ignore=ignored)
    return folder


@pytest.fixture(scope="module")
def package(copy):
    """The package as it is on macOS without the native module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(copy))
        patch.setattr(sys, "platform", "darwin")
        patch.delitem(sys._xoptions, "trustbridge-mode", raising=False)
        package = importlib.import_module(NAME)
        ask = importlib.import_module(f"{NAME}._system.ask")
        ask.sys = SimpleNamespace(platform="darwin")  # asked for each verdict
        assert package.HANDSHAKE_MODE == "deferred"
    yield package
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


@pytest.fixture
def system(package, monkeypatch):
    """The stand-in, with the verdicts of the native module: no root is the system's at first."""
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable)
    calls = importlib.import_module(f"{NAME}._system.security_calls")
    codes = importlib.import_module(f"{NAME}._system.security_codes")
    stand_in, _ = apple.load(False)
    stand_in.reset()
    calls.use(calls.Frameworks(*stand_in.paths))
    stand_in.roots = []
    stand_in.judge = lambda asked: judge(asked, stand_in.roots, codes.KINDS)
    yield stand_in
    calls.use(None)
    stand_in.check()


def judge(asked, roots, kinds):
    """What the native module says, as Apple's verifier would put it."""
    purpose = "server" if asked.server else "client"
    try:
        verified = trustbridge.verify(
            asked.certificates,
            asked.name,
            purpose=purpose,
            time=asked.date + EPOCH,
            extra_roots=roots if asked.anchors is None else asked.anchors,
            system_trust=False,
        )
    except trustbridge.VerificationError as error:
        missing = error.kind in ("SelfSignedLeaf", "UntrustedRoot", "NoTrustAnchors")
        kind = "UnknownIssuer" if missing else error.kind
        code = next((code for code in kinds if kinds[code] == kind), -50)
        chain = tuple(asked.certificates)
        return Answer(False, Error(code, "the words of the system"), chain)
    return Answer(True, None, tuple(verified.chain))


@pytest.fixture
def context(package, system):
    return package.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def refusal(context, server, name="localhost"):
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        exchange_socket(context, server.address, name)
    return caught.value


# Before the first verdict -------------------------------------------------------------------------


def test_nothing_is_called_before_the_first_verdict(copy, other_file):
    """Neither importing nor making and filling a context loads `ctypes` or a framework."""
    code = f"""
import ssl, sys
sys.platform = "darwin"
sys.path.insert(0, {str(copy)!r})
import {NAME} as package
context = package.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations({other_file!r})
context.system_trust = False
context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
assert package.HANDSHAKE_MODE == "deferred"
assert not [name for name in sys.modules if "ctypes" in name], "ctypes was imported"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# Verdicts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("exchange", [exchange_socket, exchange_bio])
def test_accepted(context, system, trusted_server, system_ca, localhost, exchange):
    system.roots = [system_ca.der]
    assert exchange(context, trusted_server.address) == b"ping"
    (asked,) = system.asked
    assert asked[:2] == (True, "localhost") and asked.anchors is None
    assert asked.certificates == localhost.chain_der


def test_accepted_in_asyncio(context, system, trusted_server, system_ca):
    system.roots = [system_ca.der]
    assert asyncio.run(exchange_async(context, trusted_server.address)) == b"ping"


def test_what_is_told_of_a_verdict(package, context, system, trusted_server, localhost, system_ca):
    system.roots = [system_ca.der]
    import socket

    with socket.create_connection(trusted_server.address) as connection:
        with context.wrap_socket(connection, server_hostname="localhost") as secured:
            verified = secured.verified
    assert verified.chain == [*localhost.chain_der, system_ca.der]
    assert verified.source == "Apple's trust store"
    assert verified.anchor_subject == "CN=trustbridge tests: system root"
    assert str(verified).endswith("\nsource: Apple's trust store")
    assert isinstance(verified, package.Verified)


def test_refused(context, system, untrusted_server, system_ca):
    system.roots = [system_ca.der]
    error = refusal(context, untrusted_server)
    assert (error.kind, error.verify_code) == ("UnknownIssuer", 20)
    assert "localhost: issuer is not known: 'CN=trustbridge tests: other root'" in str(error)
    assert "searched Apple's trust store (the words of the system, 0xffffffffffff9d1a)" in str(
        error
    )
    assert untrusted_server.received == []


def test_wrong_name(context, system, trusted_server, system_ca):
    system.roots = [system_ca.der]
    error = refusal(context, trusted_server, "example.org")
    assert (error.kind, error.verify_code) == ("NameMismatch", 62)
    assert "it is valid for localhost, 127.0.0.1" in str(error)


def test_a_wrong_name_that_the_system_lets_pass(context, system, trusted_server, localhost):
    system.judge = lambda asked: Answer(True, None, tuple(localhost.chain_der))
    assert refusal(context, trusted_server, "example.org").kind == "NameMismatch"


def test_expired(context, system, system_ca):
    system.roots = [system_ca.der]
    leaf = system_ca.leaf("localhost", not_after=PAST.replace(year=2001))
    with Server(server_context(leaf)) as server:
        assert refusal(context, server).kind == "Expired"


@pytest.mark.parametrize(
    "function",
    [
        "CFDataCreate",
        "CFStringCreateWithBytes",
        "CFDateCreate",
        "CFArrayCreate",
        "SecCertificateCreateWithData",
        "SecPolicyCreateSSL",
        "SecTrustCreateWithCertificates",
        "SecTrustSetVerifyDate",
        "SecTrustSetNetworkFetchAllowed",
        "SecTrustEvaluateWithError",
        "SecTrustCopyCertificateChain",
        "SecCertificateCopyData",
    ],
)
def test_null_and_failures(context, system, trusted_server, system_ca, function):
    """Whatever fails, no byte of data is sent, and the next connection is not affected."""
    system.roots = [system_ca.der]
    system.fail(function, status=-50)
    error = refusal(context, trusted_server)
    unreadable = function == "SecCertificateCreateWithData"
    assert error.kind == ("BadEncoding" if unreadable else "CannotCheck")
    assert trusted_server.received == []
    assert exchange_socket(context, trusted_server.address) == b"ping"


@pytest.mark.parametrize("trusted, code", [(True, NOT_TRUSTED), (False, None)])
def test_contradictions(context, system, trusted_server, localhost, trusted, code):
    error = None if code is None else Error(code)
    system.judge = lambda asked: Answer(trusted, error, tuple(localhost.chain_der))
    assert refusal(context, trusted_server).kind == "CannotCheck"


def test_frameworks_that_cannot_be_loaded(package, context, system, trusted_server, monkeypatch):
    calls = importlib.import_module(f"{NAME}._system.security_calls")
    calls.use(None)
    monkeypatch.setattr(calls, "SECURITY", "/nowhere/Security")
    error = refusal(context, trusted_server)
    assert error.kind == "CannotCheck"
    assert "/nowhere/Security" in str(error)


# What is trusted ----------------------------------------------------------------------------------


def test_loaded_certificates_add_to_the_system_s(
    context, system, trusted_server, untrusted_server, system_ca, other_ca, other_file
):
    system.roots = [system_ca.der]
    context.load_verify_locations(other_file)
    assert exchange_socket(context, untrusted_server.address) == b"ping"
    assert [asked.anchors for asked in system.asked] == [None, [other_ca.der]]
    system.asked.clear()
    assert exchange_socket(context, trusted_server.address) == b"ping"
    assert [asked.anchors for asked in system.asked] == [None]


def test_without_the_system(context, system, trusted_server, system_ca, other_ca, other_file):
    system.roots = [system_ca.der]
    context.load_verify_locations(other_file)
    context.system_trust = False
    assert refusal(context, trusted_server).kind in ("UnknownIssuer", "UntrustedRoot")
    assert [asked.anchors for asked in system.asked] == [[other_ca.der]]


def test_variables_replace_the_system_s(
    package, system, trusted_server, untrusted_server, system_ca, other_ca, other_file, monkeypatch
):
    system.roots = [system_ca.der]
    monkeypatch.setenv("SSL_CERT_FILE", other_file)
    context = package.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert exchange_socket(context, untrusted_server.address) == b"ping"
    report = refusal(context, trusted_server).report
    assert f"- SSL_CERT_FILE {other_file}: 1 usable trust anchor" in report
    assert f"- SSL_CERT_FILE {other_file} (1 certificate)" in report
    assert "the extra roots" not in report
    assert [asked.anchors for asked in system.asked] == [[other_ca.der]] * 2


def test_crls_are_refused(context, system, trusted_server, system_ca, tmp_path):
    system.roots = [system_ca.der]
    path = tmp_path / "crl.pem"
    path.write_bytes(system_ca.crl())
    context.load_verify_locations(path)
    assert exchange_socket(context, trusted_server.address) == b"ping"
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    error = refusal(context, trusted_server)
    assert error.kind == "CannotCheck"
    assert "Apple's verifier does not take CRLs" in str(error)


def test_revocation_by_the_system(context, system, trusted_server, system_ca):
    system.roots = [system_ca.der]
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    assert exchange_socket(context, trusted_server.address) == b"ping"
    assert system.asked[0].revocation == 1 | 2 | 8 | 16


def test_threads(context, system, trusted_server, untrusted_server, system_ca):
    """Sixty-four connections at once: each gets its own verdict."""
    system.roots = [system_ca.der]
    wrong = []
    barrier = threading.Barrier(64)

    def run(number):
        server, expected = [(trusted_server, b"ping"), (untrusted_server, "UnknownIssuer")][
            number % 2
        ]
        barrier.wait()
        try:
            found = exchange_socket(context, server.address)
        except ssl.SSLCertVerificationError as error:
            found = error.kind
        if found != expected:
            wrong.append((number, found))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(system.asked) == 64


# Without a connection -----------------------------------------------------------------------------


#: A root that cannot issue is never given to Apple's verifier: there is no usable one then. On
#: Linux the core searches by itself and says what is wrong with it.
UNUSABLE = "NoTrustAnchors"
DIFFERS = {
    "rsa-1024-root": UNUSABLE,
    "brainpool-root": UNUSABLE,
    "anchor-expired": UNUSABLE,
    "anchor-not-yet-valid": UNUSABLE,
    "anchor-not-a-ca": UNUSABLE,
    "anchor-ca-false": UNUSABLE,
    "anchor-no-cert-sign": UNUSABLE,
    "anchor-for-clients-only": UNUSABLE,
    "anchor-unknown-critical": UNUSABLE,
    "snakeoil-issues": UNUSABLE,
    # Apple has no code for it; the stand-in has one that says nothing about certificates.
    "intermediate-no-cert-sign": "CannotCheck",
}


def outcome(module, case, **settings):
    def ders(name):
        return [bytes.fromhex(text) for text in case[name]]

    try:
        verified = module.verify(
            ders("chain"),
            case["peer"],
            purpose=case["purpose"].lower(),
            time=case["time"],
            extra_roots=ders("roots"),
            intermediates=ders("intermediates"),
            pinned=ders("pinned"),
            system_trust=False,
            **settings,
        )
    except ssl.SSLCertVerificationError as error:
        return error.kind
    return verified.chain


def test_the_table_of_cases(package, system):
    """Every case without a setting that Apple's verifier does not have ends as on Linux, where the
    verdicts of the stand-in come from: nothing is lost on the way there and back."""
    cases = [
        case
        for case in table()
        if case["chain"] and not (case["crls"] or case["strict"] or case["common_name"])
        if case["check"].lower() == "off"
        if not case["weak_keys"] and case["purpose"] != "client_or_server"
    ]
    verdicts = {
        case["name"]: (outcome(trustbridge, case), outcome(package, case)) for case in cases
    }
    differs = {name: pair for name, pair in verdicts.items() if pair[0] != pair[1]}
    assert len(cases) > 100
    assert len(system.asked) > 50
    assert {name: found for name, (_, found) in differs.items()} == DIFFERS


@pytest.mark.parametrize(
    "settings, reason",
    [
        ({"crls": [b"0\0"]}, "CRL"),
        ({"revocation": "chain", "unknown_revocation": "reject"}, "unknown_revocation: Apple's"),
        ({"strict": True}, "strict: the system's own verifier"),
        ({"common_name": True}, "common_name: the system's own verifier"),
    ],
)
def test_settings_that_are_refused(package, system, localhost, settings, reason):
    with pytest.raises(ValueError, match=reason):
        package.verify(localhost.chain_der, "localhost", **settings)
    assert system.asked == []


def test_export(package, system, system_ca, other_ca):
    system.set(2, system_ca.der)
    system.set(2, other_ca.der)
    system.set(0, other_ca.der, ("sslServer", 3))
    text = package.export_pem()
    assert text.count("BEGIN CERTIFICATE") == 1
    assert "# CN=trustbridge tests: system root\n# from the system keychains\n" in text
    assert ssl.DER_cert_to_PEM_cert(system_ca.der).strip() in text


def test_export_of_nothing(package, system):
    system.fail("SecTrustSettingsCopyCertificates", -1, -61)
    with pytest.raises(ValueError, match="no usable trust anchor"):
        package.export_pem()
