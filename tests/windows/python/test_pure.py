"""The package's own calls of CryptoAPI: when they begin, and that every handle is freed."""

from __future__ import annotations

import collections
import gc
import subprocess

import modes
import pytest
import trustbridge
from verdicts import verdict

OWNERS = {
    "CertOpenStore": "CertCloseStore",
    "CertCreateCertificateContext": "CertFreeCertificateContext",
    "CertCreateCertificateChainEngine": "CertFreeCertificateChainEngine",
    "CertGetCertificateChain": "CertFreeCertificateChain",
}


@pytest.fixture
def calls(monkeypatch):
    """How often each function has been called with success."""
    from trustbridge._system import crypt32

    count = collections.Counter()

    def counting(name, function):
        def call(*arguments):
            result = function(*arguments)
            count[name] += bool(result) or function.restype is None
            return result

        return call

    for name, function in crypt32._call.items():
        monkeypatch.setitem(crypt32._call, name, counting(name, function))
    return count


def test_every_handle_is_freed(calls, monkeypatch, other_ca, untrusted):
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable)
    broken = type(other_ca)("no CA of anybody's")
    for _ in range(3):
        assert verdict(untrusted, extra_roots=[other_ca.der]) == "the extra roots"
        assert verdict(untrusted, extra_roots=[other_ca.der], system_trust=False) == (
            "the extra roots"
        )
        assert verdict(untrusted) == "UnknownIssuer"
        assert verdict(untrusted, extra_roots=[broken.der]) == "UnknownIssuer"
        with pytest.raises(ValueError, match="CRL 0"):
            verdict(untrusted, extra_roots=[other_ca.der], crls=[b"0\0"])
    gc.collect()
    assert calls["CertGetCertificateChain"] >= 15
    # ROOT is asked for its first certificate only, to see whether there is one, and never listed.
    looks = calls["CertEnumCertificatesInStore"]
    assert looks <= 2 * 3
    calls["CertCreateCertificateContext"] += looks
    for opened, freed in OWNERS.items():
        assert calls[opened] == calls[freed] > 0, (opened, dict(calls))
    listed = len(trustbridge._native.read_store().entries())
    assert listed > 0 and calls["CertEnumCertificatesInStore"] > listed


def test_nothing_is_called_before_a_chain_is_verified():
    program = (
        "import ssl, sys, trustbridge; trustbridge.inject_into_ssl();"
        "ssl.create_default_context(); print('ctypes' in sys.modules, trustbridge.HANDSHAKE_MODE)"
    )
    printed = subprocess.run(
        modes.python("-c", program), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True
    ).stdout
    assert printed.split() == [b"False", b"deferred"]
