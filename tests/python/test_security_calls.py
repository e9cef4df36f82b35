"""The calls into Security and Core Foundation, against the stand-in of tests/apple: what each is
given, what is released, and what NULL and every status come to."""

from __future__ import annotations

import subprocess
import sys

import apple
import pytest
from apple import Answer, Error
from trustbridge._system import security_calls
from trustbridge._system.security_calls import CallFailed, Chain, Frameworks, References

LEAF, HELPER, ROOT, OTHER = (b"\x30" + bytes([0, number]) for number in range(4))
RESPONSE = b"an OCSP\0response"
#: 1 and 2 are all methods, 8 requires an answer, 16 forbids the network.
FLAGS = 1 | 2 | 8 | 16


@pytest.fixture(scope="module", params=[False, True], ids=["macos_12", "before_macos_12"])
def both(request):
    return apple.load(request.param)


@pytest.fixture
def system(both):
    stand_in, _ = both
    stand_in.reset()
    yield stand_in
    stand_in.check()


@pytest.fixture
def api(both, system):
    return both[1]


def ask(api, *, helpers=(HELPER,), **settings):
    default = dict(server=True, hostname="example.com", date=90.5, revocation=None, only=None)
    default["ocsp_response"] = b""
    with References(api) as references:
        return Chain(references, LEAF, helpers, api).ask(**(default | settings))


def test_an_evaluation(api, system):
    system.answers(Answer(True, None, (LEAF, HELPER, ROOT)))
    answer = ask(api)
    assert (answer.trusted, answer.error, answer.chain) == (True, None, [LEAF, HELPER, ROOT])
    assert system.asked == [
        apple.Asked(True, "example.com", 90.5, None, False, [LEAF, HELPER], None)
    ]


def test_all_settings(api, system):
    system.answers(Answer(True))
    answer = ask(
        api,
        helpers=[],
        server=False,
        hostname=None,
        date=-0.25,
        revocation=FLAGS,
        ocsp_response=RESPONSE,
        only=[ROOT, OTHER],
    )
    assert answer.chain == []
    assert system.asked == [
        apple.Asked(False, None, -0.25, FLAGS, False, [LEAF], [ROOT, OTHER], (RESPONSE,))
    ]


@pytest.mark.parametrize("name", ["", "a" * 300, "192.0.2.1", "2001:db8::1"])
def test_names_arrive_whole(api, system, name):
    system.answers(Answer(True))
    ask(api, hostname=name)
    assert system.asked[0].name == name


def test_large_certificates_and_zeros_arrive_whole(api, system):
    long = b"\x30" + bytes(70_000) + b"end"
    system.answers(Answer(True, None, (LEAF, long)))
    assert ask(api, helpers=[long], only=[long]).chain == [LEAF, long]
    assert system.asked[0].certificates == [LEAF, long]
    assert system.asked[0].anchors == [long]


def test_a_chain_asks_twice(api, system):
    system.answers(Answer(False, Error(-67843)), Answer(True, None, (LEAF, ROOT)))
    settings = dict(server=True, hostname=None, date=0.0, revocation=None, ocsp_response=b"")
    with References(api) as references:
        chain = Chain(references, LEAF, [], api)
        first, second = chain.ask(**settings, only=None), chain.ask(**settings, only=[ROOT])
    assert (first.trusted, second.trusted) == (False, True)
    assert [asked.anchors for asked in system.asked] == [None, [ROOT]]


@pytest.mark.parametrize(
    "error, expected",
    [
        (Error(-67818, "too old", details="leaf: too old;"), (True, -67818, "too old", 1)),
        (Error(-67818, "no", domain="NSCocoaErrorDomain"), (False, -67818, "no", None)),
        (Error(-67818, "no", domain=None), (False, -67818, "no", None)),
        (Error(-67818, None), (True, -67818, "", None)),
        (Error(-67818, "no", details="text", odd=True), (True, -67818, "no", None)),
        (Error(-(2**40), "Ünï ☃"), (True, -(2**40), "Ünï ☃", None)),
    ],
)
def test_errors(api, system, error, expected):
    system.answers(Answer(False, error, (LEAF,)))
    found = ask(api).error
    details = error.details if expected[3] else None
    assert (found.is_status, found.code, found.text, found.details) == (*expected[:3], details)


def test_answers_are_passed_on_as_they_come(api, system):
    system.answers(Answer(True, Error(-1)), Answer(False, None))
    odd, silent = ask(api), ask(api)
    assert odd.trusted and odd.error.code == -1
    assert not silent.trusted and silent.error is None


def test_a_chain_ends_where_a_certificate_is_missing(api, system):
    system.answers(Answer(True, None, (LEAF, None, ROOT)))
    assert ask(api).chain == [LEAF]


def test_an_unreadable_end_entity(api, system):
    with References(api) as references, pytest.raises(CallFailed) as caught:
        Chain(references, b"no certificate", [], api)
    call = "SecCertificateCreateWithData"
    assert caught.value.args == (call, -50, "message of -50")


def test_an_unreadable_helper_is_left_out(api, system):
    system.answers(Answer(True))
    ask(api, helpers=[b"odd", HELPER, b""])
    assert system.asked[0].certificates == [LEAF, HELPER]


def test_an_unreadable_anchor_is_a_failure(api, system):
    with pytest.raises(CallFailed, match="SecCertificateCreateWithData"):
        ask(api, only=[ROOT, b"odd"])
    assert system.asked == []


# Functions that fail ------------------------------------------------------------------------------

#: Those that return a reference, NULL if they fail, and how often one evaluation calls each.
#: Whatever fails here, nothing may be asked without it: NULL has a meaning for many of them.
CREATE = {
    "CFDataCreate": 5,
    "CFStringCreateWithBytes": 1,
    "CFDateCreate": 1,
    "CFArrayCreate": 4,
    "SecPolicyCreateSSL": 1,
    "SecPolicyCreateRevocation": 1,
}
STATUS = (
    "SecTrustCreateWithCertificates",
    "SecTrustSetVerifyDate",
    "SecTrustSetNetworkFetchAllowed",
    "SecTrustSetOCSPResponse",
    "SecTrustSetAnchorCertificates",
    "SecTrustSetAnchorCertificatesOnly",
)


def full(api):
    return ask(api, revocation=FLAGS, ocsp_response=RESPONSE, only=[ROOT, OTHER])


@pytest.mark.parametrize(
    "function, nth", [(name, nth + 1) for name, calls in CREATE.items() for nth in range(calls)]
)
def test_null_is_a_failure(api, system, function, nth):
    system.fail(function, nth)
    with pytest.raises(CallFailed) as caught:
        full(api)
    assert caught.value.args == (function, 0, "")
    assert system.asked == []


@pytest.mark.parametrize("function", CREATE)
def test_every_creation_is_tested(api, system, function):
    system.answers(Answer(True))
    full(api)
    assert system.calls().count(function) == CREATE[function]


@pytest.mark.parametrize("function", STATUS)
@pytest.mark.parametrize("status", [-50, -25240, 1, -(2**31)])
def test_every_status_is_a_failure(api, system, function, status):
    system.fail(function, status=status)
    with pytest.raises(CallFailed) as caught:
        full(api)
    assert caught.value.args == (function, status, f"message of {status}")
    assert system.asked == []


def test_success_without_an_object_is_a_failure(api, system):
    system.fail("SecTrustCreateWithCertificates", status=0)
    with pytest.raises(CallFailed) as caught:
        full(api)
    assert caught.value.args == ("SecTrustCreateWithCertificates", 0, "")


def test_a_status_without_a_text(api, system):
    system.fail("SecTrustSetVerifyDate", status=-7)
    system.fail("SecCopyErrorMessageString")
    with pytest.raises(CallFailed) as caught:
        full(api)
    assert caught.value.args == ("SecTrustSetVerifyDate", -7, "")


READ = Error(-67818, "old", details="leaf")


@pytest.mark.parametrize(
    "function, nth, changed",
    [
        ("CFErrorGetDomain", 1, {"is_status": False}),
        ("CFErrorCopyDescription", 1, {"text": ""}),
        ("CFErrorCopyDescription", 2, {"details": ""}),
        ("CFErrorCopyUserInfo", 1, {"details": None}),
        ("CFDictionaryGetValue", 1, {"details": None}),
        ("CFGetTypeID", 1, {"details": None}),
        ("CFStringCreateExternalRepresentation", 1, {"is_status": False}),
        ("CFStringCreateExternalRepresentation", 2, {"text": ""}),
        ("CFStringCreateExternalRepresentation", 3, {"details": ""}),
        ("CFDataGetBytePtr", 2, {"text": ""}),
    ],
)
def test_what_is_missing_of_an_error(api, system, function, nth, changed):
    system.answers(Answer(False, READ, (LEAF,)))
    system.fail(function, nth)
    answer = ask(api)
    assert not answer.trusted
    expected = {"is_status": True, "code": -67818, "text": "old", "details": "leaf"} | changed
    assert vars(answer.error) == expected


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("function", ["SecCertificateCopyData", "CFDataGetBytePtr"])
def test_a_certificate_without_data_makes_the_chain_unknown(api, system, function, nth):
    system.answers(Answer(True, None, (LEAF, ROOT)))
    system.fail(function, nth)
    assert ask(api).chain == []


def test_no_chain(api, system):
    system.answers(Answer(True, None, (LEAF, ROOT)))
    for function in ("SecTrustCopyCertificateChain", "SecTrustGetCertificateCount"):
        system.fail(function)
    assert ask(api).chain == []


def test_an_evaluation_that_fails_is_no_verdict(api, system):
    system.fail("SecTrustEvaluateWithError")
    answer = ask(api)
    assert (answer.trusted, answer.error, answer.chain) == (False, None, [])


def test_an_interrupt_releases_everything(api, system, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    for function in [*CREATE, *STATUS, "SecTrustEvaluateWithError", "CFErrorCopyDescription"]:
        system.answers(Answer(False, READ, (LEAF,)))
        with monkeypatch.context() as patch:
            patch.setattr(api, function, interrupt)
            with pytest.raises(KeyboardInterrupt):
                full(api)
        assert system.leaks() == 0, function


def test_the_functions_of_the_system(api, system):
    """The newer function where it is, the older two elsewhere."""
    system.answers(Answer(True, None, (LEAF, ROOT)))
    assert ask(api).chain == [LEAF, ROOT]
    calls = set(system.calls())
    newer, older = "SecTrustCopyCertificateChain", "SecTrustGetCertificateAtIndex"
    assert (newer in calls, older in calls) == (api.copies_chain, not api.copies_chain)


# Loading ------------------------------------------------------------------------------------------


def test_a_framework_that_is_missing(both, tmp_path):
    security, core_foundation = both[0].paths
    nowhere = str(tmp_path / "nowhere")
    for paths in ((nowhere, core_foundation), (security, nowhere)):
        with pytest.raises(CallFailed, match="nowhere"):
            Frameworks(*paths)


def test_a_function_that_is_missing(both):
    _, core_foundation = both[0].paths
    with pytest.raises(CallFailed, match="SecCopyErrorMessageString"):
        Frameworks(core_foundation, core_foundation)


def test_each_function_is_asked_of_its_own_framework(both, monkeypatch):
    """Nothing relies on one library having what it links to."""
    import ctypes

    asked = {}

    class Library(ctypes.CDLL):
        def __getattr__(self, name):
            asked[name] = self._name
            return super().__getattr__(name)

    security, core_foundation = both[0].paths
    with monkeypatch.context() as patch:
        patch.setattr(ctypes, "CDLL", Library)
        Frameworks(security, core_foundation)
    for name, library in asked.items():
        if name.startswith(("CF", "Sec")):
            assert library == (core_foundation if name.startswith("CF") else security), name
    assert len(asked) > 25


def test_every_function_has_types(both):
    """Without them `ctypes` would cut pointers to 32 bits."""
    _, api = both
    functions = {name: one for name, one in vars(api).items() if name.startswith(("CF", "Sec"))}
    assert len(functions) > 25
    for name, function in functions.items():
        assert function.argtypes is not None, name
        assert function.restype is not None or name == "CFRelease", name


def test_nothing_is_loaded_at_import():
    code = (
        "import sys, trustbridge._system.security_calls as calls;"
        "assert 'ctypes' not in sys.modules and '_ctypes' not in sys.modules;"
        "assert calls._frameworks is None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_system_s_frameworks_by_default(both, monkeypatch):
    stand_in, api = both
    monkeypatch.setattr(security_calls, "_frameworks", None)
    monkeypatch.setattr(security_calls, "SECURITY", stand_in.paths[0])
    monkeypatch.setattr(security_calls, "CORE_FOUNDATION", stand_in.paths[1])
    loaded = security_calls.frameworks()
    assert security_calls.frameworks() is loaded
    security_calls.use(api)
    assert security_calls.frameworks() is api
    security_calls.use(None)
    assert security_calls.frameworks() is not api
