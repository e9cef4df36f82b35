"""What of the engine for Windows needs no Windows: its calls are played by functions."""

from __future__ import annotations

import ctypes
import sys
import time
from types import SimpleNamespace

import pytest
from pki import self_signed
from trustbridge import _system
from trustbridge._system.certificate import Certificate
from trustbridge._system.question import Accepted, Fault, Question, Refused, Root

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has the calls themselves")
SERVER, CLIENT = ("1.3.6.1.5.5.7.3.1",), ("1.3.6.1.5.5.7.3.2",)
LOADED = ("crypt32", "crypt32_table", "cryptoapi")


@pytest.fixture
def windows(monkeypatch):
    """The modules for Windows, which are forgotten again."""
    library = SimpleNamespace()
    monkeypatch.setattr(ctypes, "WinDLL", lambda *_, **__: _Library(), raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    try:
        from trustbridge._system import crypt32, cryptoapi

        library.crypt32, library.cryptoapi = crypt32, cryptoapi
        monkeypatch.undo()
        yield library
    finally:
        for name in LOADED:
            sys.modules.pop(f"trustbridge._system.{name}", None)
            vars(_system).pop(name, None)


class _Library:
    def __getattr__(self, name: str) -> SimpleNamespace:
        return SimpleNamespace()


@pytest.mark.parametrize(
    "trusted, rejected, accepted",
    [(None, CLIENT, True), (None, SERVER, False), (SERVER, (), True), (CLIENT, (), False)],
)
def test_a_leaf_whose_settings_reject_it_is_not_trusted(windows, trusted, rejected, accepted):
    leaf = self_signed("example.com", ca=False)
    settings = (trusted, rejected)
    roots = [Root(leaf.der, "the extra roots", settings)]
    question = Question(
        [leaf.der],
        Certificate(leaf.der),
        "example.com",
        time=time.time(),
        roots=roots,
        system_trust=False,
    )
    search = windows.cryptoapi._Search(question)

    def refused(asked: object) -> Refused:
        search._own = question.roots
        return Refused(Fault("SelfSignedLeaf", 0))

    search._ask_own_roots = refused
    search._question_to_windows = lambda known: None
    found = search.run(None)
    assert isinstance(found, Accepted) == accepted
    assert accepted or (found.kind, found.fault.depth) == ("Distrusted", 0)


def test_an_interrupt_frees_no_certificate_twice(windows, monkeypatch):
    """`CertEnumCertificatesInStore` frees the one before, whatever becomes of its result."""
    freed = []

    def following(store: object, context: object) -> object:
        if context is not None:
            freed.append(context)
            raise KeyboardInterrupt
        return SimpleNamespace(contents=b"first")

    calls = {
        "CertCloseStore": lambda value, flags: None,
        "CertOpenStore": lambda *_: 1,
        "CertEnumCertificatesInStore": following,
        "CertFreeCertificateContext": freed.append,
    }
    monkeypatch.setattr(windows.crypt32, "_call", calls)
    monkeypatch.setattr(windows.crypt32, "_der", lambda contents: contents)
    certificates = windows.crypt32.Store().certificates()
    assert next(certificates) == b"first"
    with pytest.raises(KeyboardInterrupt):
        next(certificates)
    assert len(freed) == 1
    others = windows.crypt32.Store().certificates()
    assert next(others) == b"first"
    others.close()  # frees the one that was not passed on
    assert len(freed) == 2
