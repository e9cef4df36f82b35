"""The roots that macOS lists, in Python, against the stand-in of tests/apple."""

from __future__ import annotations

import apple
import pytest
from trustbridge._system import security_calls
from trustbridge._system.security_roots import list_roots

USER, ADMIN, SYSTEM = range(3)
ONE, TWO, THREE = (b"\x30" + bytes([0, number]) for number in range(3))
ROOT, AS_ROOT, DENY, UNSPECIFIED = 1, 2, 3, 4


@pytest.fixture
def system():
    stand_in, frameworks = apple.load(False)
    stand_in.reset()
    security_calls.use(frameworks)
    yield stand_in
    security_calls.use(None)
    stand_in.check()


def test_no_settings(system):
    assert list_roots() == ([], [])
    assert system.calls() == ["SecTrustSettingsCopyCertificates"] * 3


@pytest.mark.parametrize(
    "usages, trusted",
    [
        ([], True),
        ([(None, 0)], True),
        ([("sslServer", 0)], True),
        ([("sslServer", ROOT)], True),
        ([(None, AS_ROOT)], True),
        ([("sslServer", DENY)], False),
        ([(None, DENY)], False),
        ([("smime", DENY)], True),
        ([("smime", ROOT), ("sslServer", DENY)], False),
        ([("sslServer", UNSPECIFIED), (None, DENY)], False),
        ([("sslServer", 99), (None, DENY)], False),  # 99 is no result
        # Values of other kinds than documented.
        ([("sslServer", DENY, "odd"), ("sslServer", ROOT)], True),
        ([(None, DENY, "odd"), ("sslServer", DENY)], False),
    ],
)
def test_settings(system, usages, trusted):
    system.set(SYSTEM, ONE, *usages)
    assert list_roots() == ([ONE] if trusted else [], [])


def test_the_user_overrides_the_administrator_and_the_system(system):
    system.set(SYSTEM, ONE)
    system.set(SYSTEM, TWO)
    system.set(SYSTEM, THREE)
    system.set(ADMIN, TWO, (None, DENY))
    system.set(ADMIN, THREE, (None, DENY))
    system.set(USER, THREE, (None, ROOT))
    assert list_roots() == ([THREE, ONE], [])


@pytest.mark.parametrize("domain, whose", [(0, "user"), (1, "administrator"), (2, "system")])
def test_a_domain_that_cannot_be_read(system, domain, whose):
    for place, der in enumerate((ONE, TWO, THREE)):
        system.set(place, der)
    system.fail("SecTrustSettingsCopyCertificates", domain + 1, -61)
    expected = [ONE, TWO, THREE]
    del expected[domain]
    reason = "SecTrustSettingsCopyCertificates failed: message of -61 (-61)"
    words = f"the trust settings of the {whose} cannot be read: {reason}"
    assert list_roots() == (expected, [words])


def test_settings_that_cannot_be_read_make_no_root(system):
    system.set(USER, ONE, (None, DENY))
    system.set(SYSTEM, ONE)
    system.set(SYSTEM, TWO)
    system.fail("SecTrustSettingsCopyTrustSettings", 1, -61)
    roots, (problem,) = list_roots()
    assert roots == [TWO]
    assert problem.startswith("the trust settings of a certificate cannot be read: ")


@pytest.mark.parametrize(
    "function",
    [
        "SecTrustSettingsCopyCertificates",
        "SecTrustSettingsCopyTrustSettings",
        "SecCertificateCopyData",
        "CFStringCreateWithBytes",
        "CFArrayGetValueAtIndex",
        "CFDataGetBytePtr",
    ],
)
def test_null(system, function):
    system.set(SYSTEM, ONE)
    system.fail(function, -1)
    roots, problems = list_roots()
    assert roots == []
    assert all("cannot be read: " in problem for problem in problems)
    assert len(problems) == (3 if function == "SecTrustSettingsCopyCertificates" else 1)


@pytest.mark.parametrize(
    "function",
    [
        "CFDictionaryGetValue",
        "CFNumberGetValue",
        "CFGetTypeID",
        "CFStringCreateExternalRepresentation",
    ],
)
def test_a_setting_that_says_nothing_is_as_none(system, function):
    system.set(SYSTEM, ONE, ("sslServer", ROOT))
    system.fail(function, -1)
    assert list_roots() == ([ONE], [])


def test_frameworks_that_cannot_be_loaded(monkeypatch):
    security_calls.use(None)
    monkeypatch.setattr(security_calls, "SECURITY", "/nowhere/Security")
    roots, (problem,) = list_roots()
    assert roots == []
    assert problem.startswith("the trust settings cannot be read: dlopen failed: /nowhere")


def test_systems_without_settings(system, monkeypatch):
    _, frameworks = apple.load(False)
    monkeypatch.setattr(frameworks, "lists_settings", False)
    assert list_roots() == ([], ["this system does not list its roots"])
