"""OpenSSL mode: what it says of a verdict."""

from __future__ import annotations

import re
import sys
import time

import pytest
from openssl_contexts import (
    ROOT,
    make,
    refusal,
    use_store,
)
from pki import Authority
from trustbridge import _openssl


@pytest.fixture
def context(monkeypatch, system_file):
    use_store(monkeypatch, SSL_CERT_FILE=system_file)
    return make()


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
    from trustbridge._kinds import SUMMARIES as WORDS
    from trustbridge._openssl_report import KINDS

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


def test_no_store(monkeypatch, untrusted):
    use_store(monkeypatch, SSL_CERT_FILE="/nonexistent/ca.pem")
    error = refusal(make(), untrusted)
    assert error.kind == "NoTrustAnchors"
    assert "localhost: no usable trust anchor was found: " in str(error)
    assert "searched SSL_CERT_FILE /nonexistent/ca.pem (0 certificates) [" in str(error)


def test_the_missing_issuer_of_many_certificates():
    """Whatever the peer sends, in little time."""
    from trustbridge._openssl_report import _missing_issuer

    def sent(subject, issuer):
        return {"subject": ((("commonName", subject),),), "issuer": ((("commonName", issuer),),)}

    leaf, middle = sent("leaf", "one"), sent("one", "two")
    assert _missing_issuer([]) == (None, None)
    assert _missing_issuer([leaf]) == (0, ("CN=one", None))
    assert _missing_issuer([leaf, sent("other", "x"), middle]) == (1, ("CN=two", None))
    assert _missing_issuer([leaf, sent("one", "leaf")]) == (1, ("CN=leaf", None))
    # One certificate that is sent twice, and a long path.
    assert _missing_issuer([leaf, middle, middle]) == (1, ("CN=two", None))
    root = sent("one", "one")
    assert _missing_issuer([leaf, root, dict(root)]) == (1, ("CN=one", None))
    path = [sent(str(number), str(number + 1)) for number in range(1000)]
    assert _missing_issuer(path) == (10, ("CN=11", None))
    same = [sent("a", "a") | {"serialNumber": number} for number in range(3000)]
    started = time.process_time()
    assert _missing_issuer(same) == (10, ("CN=a", None))
    assert time.process_time() - started < 0.5
