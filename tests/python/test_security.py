"""The engine of Apple systems in Python, against the stand-in of tests/apple: what the system is
asked, and what follows from its answers. The tests of src/platform/apple/rules in Python."""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
import threading
from pathlib import Path

import apple
import pytest
from apple import Answer, Error
from pki import DER, UTC, Authority, self_signed
from trustbridge._system import security, security_calls, security_codes, security_profile
from trustbridge._system.certificate import Certificate
from trustbridge._system.question import Accepted, BadSetting, Question, Root

ROOT = Path(__file__).parents[2]
NOW = 1_800_000_000  # 2027-01-15 08:00:00 UTC
BEGIN, END = (datetime.datetime(year, 1, 1, tzinfo=UTC) for year in (2026, 2028))
NOT_TRUSTED, NO_CHAIN = -67843, -25318
EXPIRED, REVOKED, DENIED, WRONG_NAME, TOO_LONG = -67818, -67820, -67654, -67602, -67901
SYSTEM, EXTRA, FALLBACK = "Apple's trust store", "the extra roots", "the fallback roots"
#: Purposes trusted and rejected by a block, and whether a server is trusted.
SETTINGS = [
    (None, ("1.3.6.1.5.5.7.3.2",), True),
    (None, ("1.3.6.1.5.5.7.3.1",), False),
    (("1.3.6.1.5.5.7.3.1",), (), True),
    (("1.3.6.1.5.5.7.3.2",), (), False),
]
TABLE = (ROOT / "src/platform/apple/codes.rs").read_text()


@pytest.fixture
def system():
    stand_in, frameworks = apple.load(False)
    stand_in.reset()
    security_calls.use(frameworks)
    yield stand_in
    security_calls.use(None)
    stand_in.check()


def ca(name, issuer=None, **settings):
    return Authority(name, issuer, **(dict(not_before=BEGIN, not_after=END) | settings))


def server(issuer, *names, **settings):
    times = dict(not_before=BEGIN, not_after=END)
    return issuer.leaf(*(names or ("example.com", "192.0.2.1")), **(times | settings))


@pytest.fixture(scope="module")
def root():
    return ca("root")


@pytest.fixture(scope="module")
def other():
    return ca("other")


@pytest.fixture(scope="module")
def leaf(root):
    return server(root)


@pytest.fixture(scope="module")
def whole():
    return self_signed("example.com", ca=False)


def ask(leaf, *sent, name="example.com", roots=(), fallback=(), **settings):
    return Question(
        [leaf.der, *(one.der for one in sent)],
        Certificate(leaf.der),
        name,
        roots=[Root(one.der, EXTRA) for one in roots],
        fallback=[Root(one.der, FALLBACK) for one in fallback],
        **({"time": NOW} | settings),
    )


def trusts(*chain):
    return Answer(True, None, tuple(one.der for one in chain))


def refuses(code, *chain, text="no"):
    return Answer(False, Error(code, text), tuple(one.der for one in chain))


def verdict(system, question, *answers):
    """The verdict, and that the system was asked exactly as often as there are answers."""
    system.asked.clear()
    system.answers(*answers)
    found = security.evaluate(question)
    assert len(system.asked) == len(answers)
    return found


def anchors(system):
    return [asked.anchors for asked in system.asked]


# The tables ---------------------------------------------------------------------------------------


def test_the_table_is_the_cores():
    constants = dict(re.findall(r"const (ERR_\w+): i64 = (-\d+);", TABLE))
    body = re.search(r"KINDS: &\[\(i64, ErrorKind\)\] = &\[(.*?)\n\];", TABLE, re.DOTALL)[1]
    entries = re.findall(r"\((ERR_\w+|-\d+), ErrorKind::(\w+)\)", body)
    assert body.count("ErrorKind::") == len(entries) > 70
    core = [(int(constants.get(code, code)), kind) for code, kind in entries]
    assert core == [*security_codes.KINDS.items()]
    assert f"MAX_TEXT: usize = {security_codes.MAX_TEXT};" in TABLE


def test_the_lifetimes_are_the_cores():
    source = (ROOT / "src/platform/apple/profile.rs").read_text()
    words = (ROOT / "src/report/fault.rs").read_text()
    entries = re.findall(
        r"Timestamp\(([\d_]+)\), // ([\d-]+)\s+days: (\d+),\s+whose: AppleCas::(\w+),", source
    )
    whose = {
        "Any": "any root",
        "Preinstalled": "the roots that come with the system",
        "Public": "public CAs",
    }
    core = [(int(at), day, int(days), whose[cas]) for at, day, days, cas in entries]
    assert core == [entry[:4] for entry in security_profile.LIFETIMES]
    for at, day, _, group, source in security_profile.LIFETIMES:
        assert datetime.datetime.fromtimestamp(at, UTC).date().isoformat() == day
        assert f'"{group}"' in words and f'"{source}"' in words


@pytest.mark.parametrize("code, kind", [*security_codes.KINDS.items()])
def test_every_code(system, leaf, root, code, kind):
    missing = kind == "UnknownIssuer"
    answers = [refuses(code, leaf, root)]
    refused = verdict(system, ask(leaf), *answers)
    assert refused.kind == ("UntrustedRoot" if missing else kind)
    assert (refused.code, refused.words) == (code, "no")
    # With a root at hand that would make good for a missing path, and for that alone.
    answers += [trusts(leaf, root)] if missing else []
    found = verdict(system, ask(leaf, roots=[root]), *answers)
    assert isinstance(found, Accepted) == missing


@pytest.mark.parametrize("code", [-50, -108, -34018, -25291, -67671, -1, 0, 1, -(2**62)])
def test_an_unknown_code_decides_nothing(system, leaf, root, code):
    refused = verdict(system, ask(leaf, roots=[root]), refuses(code, leaf, root))
    assert (refused.kind, refused.code) == ("CannotCheck", code)


@pytest.mark.parametrize("domain", ["NSCocoaErrorDomain", "", None])
def test_a_code_outside_of_osstatus_means_nothing(system, leaf, root, domain):
    answer = Answer(False, Error(NOT_TRUSTED, domain=domain), (leaf.der,))
    assert verdict(system, ask(leaf, roots=[root]), answer).kind == "CannotCheck"


# Settings and the question ------------------------------------------------------------------------

PLAIN = dict(
    crls=False, revocation="off", unknown_revocation="allow", strict=False, common_name=False
)


def test_settings_without_a_counterpart_are_refused():
    words = (ROOT / "src/report/setting.rs").read_text()
    words = re.sub(r'"\s*\.to_owned\(\)|\\\n\s*', "", words)
    for settings, names in (
        ({}, None),
        ({"unknown_revocation": "reject"}, None),
        ({"revocation": "leaf"}, None),
        ({"revocation": "leaf", "unknown_revocation": "reject"}, None),
        ({"revocation": "chain"}, None),
        ({"crls": True}, "crls"),
        ({"revocation": "chain", "unknown_revocation": "reject"}, "unknown_revocation"),
        ({"strict": True}, "strict"),
        ({"common_name": True}, "common_name"),
    ):
        if names is None:
            security.check_settings(**(PLAIN | settings))
            continue
        with pytest.raises(BadSetting) as caught:
            security.check_settings(**(PLAIN | settings))
        setting, _, reason = str(caught.value).partition(": ")
        assert setting == names
        assert reason.removesuffix("use revocation 'leaf'") in words


@pytest.mark.parametrize("check", ["off", "leaf", "chain"])
@pytest.mark.parametrize("unknown", ["allow", "reject"])
def test_revocation(system, leaf, root, check, unknown):
    question = ask(leaf, revocation=check, unknown_revocation=unknown)
    found = verdict(system, question, trusts(leaf, root))
    flags = None if check == "off" else 1 | 2 | 16 | (8 if unknown == "reject" else 0)
    assert system.asked[0].revocation == flags
    # No more is claimed than was proved.
    assert found.revocation == ("leaf" if check != "off" and unknown == "reject" else "off")


@pytest.mark.parametrize(
    "name, asked",
    [
        (None, None),
        ("example.com", "example.com"),
        ("example.com.", "example.com"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
    ],
)
def test_the_name_that_is_asked(system, leaf, root, name, asked):
    verdict(system, ask(leaf, name=name), trusts(leaf, root))
    assert system.asked[0].name == asked


def test_the_question_says_everything(system, leaf, root, other):
    intermediate = ca("intermediate", root)
    question = ask(leaf, other, intermediates=[intermediate.der, b"odd"], time=NOW + 0.75)
    verdict(system, question, trusts(leaf, root))
    (asked,) = system.asked
    assert asked == apple.Asked(
        server=True,
        name="example.com",
        date=float(NOW - 978_307_200),
        revocation=None,
        network=False,
        certificates=[leaf.der, other.der, intermediate.der],
        anchors=None,
    )
    verdict(system, ask(leaf, ocsp_response=b"stapled"), trusts(leaf, root))
    assert system.asked[0].responses == (b"stapled",)
    client = root.leaf(client=True, not_before=BEGIN, not_after=END)
    verdict(system, ask(client, name=None, purpose="client"), trusts(client, root))
    assert not system.asked[0].server
    verdict(system, ask(leaf, time=0.0), trusts(leaf, root))
    assert system.asked[0].date == -978_307_200


# One try, two tries -------------------------------------------------------------------------------


def test_a_chain_that_the_system_trusts_is_asked_about_once(system, leaf, root, other):
    found = verdict(system, ask(leaf, roots=[other]), trusts(leaf, root))
    assert (found.path, found.source) == ([leaf.der, root.der], SYSTEM)
    assert anchors(system) == [None]


def test_a_leaf_that_the_system_trusts_whole_is_its_own_anchor(system, whole):
    assert verdict(system, ask(whole), trusts(whole)).path == [whole.der]


@pytest.mark.parametrize("code", [NOT_TRUSTED, NO_CHAIN])
def test_extra_roots_where_the_system_finds_no_path(system, leaf, root, other, code):
    question = ask(leaf, roots=[other, root])
    found = verdict(system, question, refuses(code, leaf), trusts(leaf, root))
    assert (found.path, found.source) == ([leaf.der, root.der], EXTRA)
    assert anchors(system) == [None, [other.der, root.der]]


def test_without_extra_roots_there_is_no_second_question(system, leaf):
    assert verdict(system, ask(leaf), refuses(NOT_TRUSTED, leaf)).kind == "UnknownIssuer"


def test_only_these_roots(system, leaf, root):
    question = ask(leaf, roots=[root], system_trust=False)
    assert isinstance(verdict(system, question, trusts(leaf, root)), Accepted)
    assert anchors(system) == [[root.der]]


def test_no_roots_at_all_trust_nothing(system, leaf, root):
    refused = verdict(system, ask(leaf, root, system_trust=False))
    assert (refused.kind, refused.fault.depth, refused.places) == ("NoTrustAnchors", 0, [])
    assert [one.der for one in refused.path] == [leaf.der]


def test_fallback_roots_only_without_the_system_s(system, leaf, root, other):
    both = dict(roots=[other], fallback=[root])
    answers = [refuses(NOT_TRUSTED, leaf), refuses(NOT_TRUSTED, leaf)]
    refused = verdict(system, ask(leaf, **both), *answers)
    assert refused.kind == "UnknownIssuer"
    assert anchors(system) == [None, [other.der]]
    found = verdict(system, ask(leaf, system_trust=False, **both), trusts(leaf, root))
    assert found.source == FALLBACK
    assert anchors(system) == [[other.der, root.der]]


def test_a_root_that_cannot_issue_is_no_anchor(system, root):
    not_a_ca = ca("not a CA", ca=False)
    expired = ca("expired", not_after=datetime.datetime(2026, 12, 1, tzinfo=UTC))
    leaf = server(expired)
    question = ask(leaf, roots=[not_a_ca, expired, root])
    refused = verdict(system, question, *[refuses(NOT_TRUSTED, leaf)] * 2)
    assert anchors(system) == [None, [root.der]]
    assert refused.kind == "UnknownIssuer"
    (miss,) = refused.near_misses
    assert (miss.subject, miss.source, miss.reason.reason) == ("CN=expired", EXTRA, "Expired")
    places = {place.source: (place.usable, place.refused) for place in refused.places}
    assert places == {SYSTEM: (None, 0), EXTRA: (1, 2)}


def test_what_is_kept_of_the_roots_is_no_verdict(system, root):
    """They are read once, and their validity is checked each time."""
    soon = ca("soon", not_before=datetime.datetime(2027, 6, 1, tzinfo=UTC))
    not_a_ca = ca("not a CA", ca=False)
    leaf = server(root)
    roots, prepared = [Root(one.der, EXTRA) for one in (soon, not_a_ca, root)], {}
    year = 365 * 86_400
    for time, expected in (
        (NOW - 5 * year, []),
        (NOW, [root]),
        (NOW + year // 2, [soon, root]),
        (NOW, [root]),
        (NOW + 5 * year, []),
    ):
        question = ask(leaf, system_trust=False, time=time, prepared=prepared)
        question.roots = roots
        answers = [refuses(NOT_TRUSTED, leaf)] if expected else []
        verdict(system, question, *answers)
        assert anchors(system) == ([[one.der for one in expected]] if expected else [])
    (periods,) = prepared.values()
    assert [*periods] == roots
    client = ask(leaf, system_trust=False, purpose="client", prepared=prepared)
    client.roots = roots
    verdict(system, client, refuses(NOT_TRUSTED, leaf))
    assert len(prepared) == 2


def test_a_root_with_another_key_is_a_near_miss(system, leaf):
    renewed = ca("root")
    answers = [refuses(NOT_TRUSTED, leaf)] * 2
    refused = verdict(system, ask(leaf, roots=[renewed]), *answers)
    assert [miss.reason.reason for miss in refused.near_misses] == ["DifferentKey"]


def test_of_two_failures_the_more_telling_is_shown(system, leaf, root):
    def tries(second):
        answers = refuses(NOT_TRUSTED, leaf), refuses(second, leaf, root)
        return verdict(system, ask(leaf, roots=[root]), *answers)

    assert tries(REVOKED).kind == "Revoked"
    assert tries(TOO_LONG).kind == "NotStandardsCompliant"
    assert tries(-50).kind == "CannotCheck"
    both = tries(NO_CHAIN)
    assert (both.code, len(both.places)) == (NOT_TRUSTED, 2)


# Trusted whole ------------------------------------------------------------------------------------


def test_a_leaf_among_the_roots_is_trusted_whole(system, whole):
    found = verdict(system, ask(whole, roots=[whole]), refuses(NOT_TRUSTED, whole))
    assert (found.path, found.source) == ([whole.der], EXTRA)
    assert anchors(system) == [None]  # it is no anchor of its own path
    found = verdict(system, ask(whole, roots=[whole], system_trust=False))
    assert isinstance(found, Accepted)


@pytest.mark.parametrize("code", [TOO_LONG, -67902, -67609, -67815, NOT_TRUSTED])
def test_a_leaf_trusted_whole_need_not_follow_the_system_s_profile(system, code):
    leaf = self_signed("example.com", ca=True)
    assert isinstance(verdict(system, ask(leaf, roots=[leaf]), refuses(code, leaf)), Accepted)
    assert anchors(system) == [None]


@pytest.mark.parametrize("code", [REVOKED, DENIED, EXPIRED, WRONG_NAME, -67635, -67735, -50, 0])
def test_what_the_system_knows_about_a_leaf_trusted_whole_is_final(system, whole, code):
    refused = verdict(system, ask(whole, roots=[whole]), refuses(code, whole))
    assert refused.kind == security_codes.kind_of(code)


def test_a_leaf_trusted_whole_must_be_in_time_named_and_for_the_purpose(system, root):
    def kind(leaf, **settings):
        found = verdict(system, ask(leaf, roots=[leaf], **settings), refuses(NOT_TRUSTED, leaf))
        return None if isinstance(found, Accepted) else found.kind

    leaf = server(root)
    assert kind(leaf) is None
    assert kind(leaf, name=None) is None
    assert kind(leaf, name="example.org") == "NameMismatch"
    assert kind(leaf, time=NOW + 10 * 365 * 86_400) == "Expired"
    assert kind(leaf, time=NOW - 10 * 365 * 86_400) == "NotYetValid"
    assert kind(leaf, name=None, purpose="client") == "WrongPurpose"
    assert kind(leaf, revocation="leaf", unknown_revocation="reject") == "RevocationUnknown"


@pytest.mark.parametrize("trusted, rejected, accepted", SETTINGS)
def test_a_leaf_whose_settings_reject_it_is_not_trusted(system, whole, trusted, rejected, accepted):
    question = ask(whole)
    question.roots = [Root(whole.der, EXTRA, (trusted, rejected))]
    # A rejection has the last word: the system is not even asked.
    for answer in (refuses(NOT_TRUSTED, whole), trusts(whole)):
        found = verdict(system, question, *([answer] if accepted else []))
        assert isinstance(found, Accepted) == accepted
        assert accepted or (found.kind, found.fault.depth) == ("Distrusted", 0)


@pytest.mark.parametrize(
    "depth, trusted, rejected, accepted",
    [
        (1, None, SETTINGS[1][1], False),
        (1, SETTINGS[3][0], (), False),
        (2, None, SETTINGS[1][1], False),
        # The system's own anchor is trusted for more than these settings say.
        (2, SETTINGS[3][0], (), True),
        (2, None, SETTINGS[0][1], True),
    ],
)
def test_what_the_settings_reject_is_rejected_in_any_path(
    system, root, depth, trusted, rejected, accepted
):
    issuing = ca("issuing", root)
    chain = [server(issuing), issuing, root]
    question = ask(*chain[:2])
    question.roots = [Root(chain[depth].der, EXTRA, (trusted, rejected))]
    found = verdict(system, question, trusts(*chain))
    assert isinstance(found, Accepted) == accepted
    assert accepted or (found.kind, found.fault.depth) == ("Distrusted", depth)


def test_a_certificate_that_only_the_system_can_read_is_rejected_too(system, root):
    issuing = ca("issuing", root)
    leaf = server(issuing)
    true = bytes((0x30, 3, 1, 1, 0xFF))  # basicConstraints
    malformed = issuing.der.replace(true, bytes((0x30, 3, 1, 2, 0xFF)))
    assert malformed != issuing.der
    question = ask(leaf, issuing)
    question.roots = [Root(issuing.der, EXTRA, (None, SETTINGS[1][1]))]
    found = verdict(system, question, Answer(True, None, (leaf.der, malformed, root.der)))
    assert (found.kind, found.fault.depth) == ("Distrusted", 1)


def test_another_certificate_is_not_the_leaf(system, whole):
    sent = self_signed("example.com", ca=False)
    refused = verdict(system, ask(sent, roots=[whole]), refuses(NOT_TRUSTED, sent))
    assert refused.kind == "SelfSignedLeaf"


# Fail closed --------------------------------------------------------------------------------------


def test_an_answer_that_does_not_fit_together_is_a_failure(system, leaf, root, other):
    another = server(root)
    chain = (leaf.der, root.der)
    for answer, cause in (
        (Answer(True, Error(NOT_TRUSTED), chain), "TrustedWithError"),
        (Answer(False, None, chain), "RejectedWithoutError"),
        (Answer(True), "TrustedWithoutAnchor"),
        (trusts(another, root), "TrustedWithoutAnchor"),
        (Answer(True, None, (None,)), "TrustedWithoutAnchor"),
    ):
        # With a whole leaf and a root at hand that would make good for a missing path.
        refused = verdict(system, ask(leaf, roots=[root, leaf]), answer)
        assert (refused.kind, refused.fault.cause) == ("CannotCheck", cause)
    not_a_ca = ca("not a CA", ca=False)
    for chain in ([leaf, other], [leaf], [leaf, leaf], [leaf, not_a_ca], []):
        question = ask(leaf, roots=[root, not_a_ca], system_trust=False)
        refused = verdict(system, question, trusts(*chain))
        assert (refused.kind, refused.fault.cause) == ("CannotCheck", "TrustedWithoutAnchor")


CALLS = (
    "CFDataCreate",
    "CFStringCreateWithBytes",
    "CFDateCreate",
    "CFArrayCreate",
    "SecPolicyCreateSSL",
    "SecPolicyCreateRevocation",
    "SecTrustCreateWithCertificates",
    "SecTrustSetVerifyDate",
    "SecTrustSetNetworkFetchAllowed",
)


@pytest.mark.parametrize("function", CALLS)
def test_a_call_that_fails_is_a_failure(system, leaf, root, function):
    system.fail(function, status=-50)
    question = ask(leaf, roots=[root, leaf], revocation="leaf")
    refused = verdict(system, question)
    assert (refused.kind, refused.fault.cause) == ("CannotCheck", "Call")
    assert refused.fault.facts == {"function": function}


@pytest.mark.parametrize(
    "function", ["SecTrustSetAnchorCertificates", "SecTrustSetAnchorCertificatesOnly"]
)
def test_anchors_that_cannot_be_set_are_a_failure(system, leaf, root, function):
    system.fail(function, status=-50)
    refused = verdict(system, ask(leaf, roots=[root]), refuses(NOT_TRUSTED, leaf))
    assert (refused.kind, refused.code) == ("CannotCheck", -50)
    assert refused.words == "message of -50"


def test_an_anchor_that_the_system_cannot_read_is_a_failure(system, leaf, root):
    system.fail("SecCertificateCreateWithData", 2)
    refused = verdict(system, ask(leaf, roots=[root]), refuses(NOT_TRUSTED, leaf))
    assert refused.kind == "CannotCheck"


def test_an_end_entity_that_the_system_cannot_read(system, leaf, root):
    system.fail("SecCertificateCreateWithData")
    refused = verdict(system, ask(leaf, roots=[root, leaf]))
    assert (refused.kind, refused.fault.depth, refused.code) == ("BadEncoding", 0, -50)
    assert refused.fault.facts == {"function": "SecCertificateCreateWithData"}


def test_frameworks_that_cannot_be_loaded(leaf, root, monkeypatch):
    security_calls.use(None)
    monkeypatch.setattr(security_calls, "SECURITY", "/nowhere/Security")
    refused = security.evaluate(ask(leaf, roots=[root, leaf]))
    assert (refused.kind, refused.fault.facts) == ("CannotCheck", {"function": "dlopen"})
    assert "/nowhere/Security" in refused.words


def test_the_name_must_fit_even_if_the_system_says_so(system, leaf, root):
    def found(name, leaf=leaf):
        return verdict(system, ask(leaf, name=name), trusts(leaf, root))

    for name in ("example.org", "192.0.2.2", "a server of the tests"):
        assert found(name).kind == "NameMismatch"
    for name in (None, "example.com", "192.0.2.1"):
        assert isinstance(found(name), Accepted)
    unnamed = root.leaf(common_name="example.com", not_before=BEGIN, not_after=END)
    assert found("example.com", unnamed).kind == "NameMismatch"


def test_the_chain_ends_at_the_anchor_that_was_given(system, root):
    intermediate = ca("intermediate", root)
    leaf = server(intermediate)
    question = ask(leaf, roots=[intermediate], system_trust=False)
    found = verdict(system, question, trusts(leaf, intermediate, root))
    assert found.path == [leaf.der, intermediate.der]


# Explanations -------------------------------------------------------------------------------------


def told(refused):
    return refused.kind, refused.fault.depth


def test_a_missing_path_says_whose_issuer_is_missing(system, root, whole):
    intermediate = ca("intermediate", root)
    leaf = server(intermediate)

    def tell(*chain):
        return told(verdict(system, ask(*chain), refuses(NOT_TRUSTED, *chain)))

    assert tell(whole) == ("SelfSignedLeaf", 0)
    assert tell(leaf) == ("UnknownIssuer", 0)
    assert tell(leaf, intermediate) == ("UnknownIssuer", 1)
    assert tell(leaf, intermediate, root) == ("UntrustedRoot", 2)
    refused = verdict(system, ask(leaf, intermediate), refuses(NOT_TRUSTED))
    assert refused.fault.facts["issuer"] == "CN=intermediate"
    unreadable = Answer(False, Error(NOT_TRUSTED), (leaf.der, b"\x30odd", root.der))
    refused = verdict(system, ask(leaf), unreadable)
    assert [one.der for one in refused.path] == [leaf.der]


def test_expired_and_not_yet_valid_are_told_apart(system, root):
    later = datetime.datetime(2027, 6, 1, tzinfo=UTC)
    earlier = datetime.datetime(2026, 12, 1, tzinfo=UTC)
    future = server(root, not_before=later)
    old = ca("old", root, not_after=earlier)
    leaf = server(old)

    def tell(code, *chain):
        return told(verdict(system, ask(*chain), refuses(code, *chain)))

    assert tell(EXPIRED, future, root) == ("NotYetValid", 0)
    assert tell(EXPIRED, leaf, old, root) == ("Expired", 1)
    # Nothing in the chain is expired: the system's word is what there is.
    assert tell(EXPIRED, leaf) == ("Expired", None)
    assert tell(-67819, leaf) == ("NotYetValid", None)


def test_a_wrong_name_says_which_are_right(system, leaf, root):
    refused = verdict(system, ask(leaf, name="example.org"), refuses(WRONG_NAME, leaf, root))
    assert told(refused) == ("NameMismatch", 0)
    assert refused.fault.facts["presented"] == ["example.com", "192.0.2.1"]


def test_a_fault_that_the_core_s_rules_find_too_is_told_with_its_depth(system, root):
    not_a_ca = ca("not a CA", root, ca=False)
    leaf = server(not_a_ca)
    chain = (leaf, not_a_ca, root)
    assert told(verdict(system, ask(leaf), refuses(-67605, *chain))) == ("NotACa", 1)


@pytest.mark.parametrize(
    "begin, days, limit",
    [
        ((2019, 6, 30), 3650, None),
        ((2019, 7, 1), 825, None),
        ((2019, 7, 1), 826, "at most 825 are allowed under any root since 2019-07-01"),
        ((2020, 8, 31), 825, None),
        ((2020, 9, 1), 398, None),
        ((2020, 9, 1), 399, "at most 398 are allowed under the roots that come with"),
        ((2020, 9, 1), 826, "at most 825 are allowed under any root"),
        ((2026, 3, 15), 200, None),
        ((2026, 3, 15), 201, "at most 200 are allowed under public CAs since 2026-03-15"),
        ((2027, 3, 15), 101, "at most 100 are allowed under public CAs since 2027-03-15"),
        ((2029, 3, 14), 100, None),
        ((2029, 3, 15), 48, "at most 47 are allowed under public CAs since 2029-03-15"),
    ],
)
def test_a_lifetime_is_measured_against_the_limit_of_its_time(root, begin, days, limit):
    first = datetime.datetime(*begin, tzinfo=UTC)
    leaf = server(root, not_before=first, not_after=first + datetime.timedelta(days))
    broken = security_profile.broken_rules(Certificate(leaf.der), "server")
    if limit is None:
        assert broken == []
    else:
        (rule,) = broken
        assert limit in rule and f"it is valid for {days} days" in rule
    assert not any(
        "days" in rule for rule in security_profile.broken_rules(Certificate(leaf.der), "client")
    )


def test_a_verdict_without_a_reason_is_explained_by_the_leaf(root):
    def rules(leaf, **changes):
        certificate = Certificate(leaf.der)
        for name, value in changes.items():
            setattr(certificate, name, value)
        return "; ".join(security_profile.broken_rules(certificate, "server"))

    half = dict(not_before=BEGIN, not_after=BEGIN + datetime.timedelta(180))
    good = server(root, **half)
    assert rules(good) == ""
    assert "no subject alternative name" in rules(root.leaf(**half))
    assert "does not list serverAuth" in rules(server(root, client=True, **half))
    # Certificates issued before July 2019 need not list it.
    older = datetime.datetime(2019, 6, 30, tzinfo=UTC)
    assert rules(server(root, client=True, not_before=older)) == ""
    for oid, name in (
        ("2a864886f70d010104", "MD5"),
        ("2a864886f70d010105", "SHA-1"),
        ("2a8648ce3d0401", "SHA-1"),
        ("2a8648ce380403", "SHA-1"),
    ):
        content = bytes.fromhex(oid)
        algorithm = bytes([6, len(content)]) + content
        assert f"signed with {name}, SHA-2" in rules(good, signature_algorithm=algorithm)
    assert rules(good, signature_algorithm=b"") == ""
    assert "has 1024 bits, at least 2048" in rules(server(root, rsa_bits=1024, **half))


def test_the_explanation_is_part_of_the_verdict(system, root):
    leaf = server(root, not_after=datetime.datetime(2036, 1, 1, tzinfo=UTC))
    refused = verdict(system, ask(leaf), refuses(TOO_LONG, leaf, root))
    assert told(refused) == ("NotStandardsCompliant", 0)
    assert refused.fault.cause == "AppleRules"
    (rule,) = refused.fault.facts["rules"]
    assert "valid for 3652 days, at most 825" in rule and "support.apple.com/103769" in rule


def test_the_rules_in_words_are_the_cores():
    source = (ROOT / "src/report/fault.rs").read_text()
    source = source[source.index("fn apple_rule") :]
    source = re.sub(r"\\\n\s*", "", source.replace("{PAGE}", "support.apple.com/103769"))
    text = (ROOT / "python/trustbridge/_system/security_profile.py").read_text()
    text = re.sub(r'"\s*f"', "", text).replace("{_PAGE}", "support.apple.com/103769")
    text = text.replace("{weakness[1]}", "{bits}").replace("{weak_hash}", "{hash}")
    templates = re.findall(r'f"(it[s ].*?)"', text)
    assert len(templates) == 5
    for template in templates:
        assert template.replace("{since}", "{date}") in source.replace("{since}", "{date}")


def test_the_system_s_text_is_fit_for_one_line(system, leaf):
    os_text = security_codes.os_text
    assert os_text("not trusted") == "not trusted"
    assert os_text("not trusted", "not trusted") == "not trusted"
    assert os_text("not trusted", " ") == "not trusted"
    assert (
        os_text("“a” is not trusted", 'Certificate 0 "a" has errors: no root;')
        == "“a” is not trusted (Certificate 0 'a' has errors: no root)"
    )
    assert os_text("a\x1b[2J\nb\u202e") == r"a\u{1b}[2J\u{a}b\u{202e}"
    assert len(os_text("x" * 5000)) == security_codes.MAX_TEXT
    answer = Answer(False, Error(-1, "a\nb", details="c\x1b;"), ())
    assert verdict(system, ask(leaf), answer).words == r"a\u{a}b (c\u{1b})"


# The process --------------------------------------------------------------------------------------


def test_threads(system, root, other):
    """Sixty-four at once, each with its own question: none gets another's answer."""
    chains = [server(issuer, f"{number}.test") for number in range(8) for issuer in (root, other)]
    trusted = root.certificate.public_bytes(DER)

    def judge(asked):
        issuer = Certificate(asked.certificates[0]).issuer
        for der in [trusted] if asked.anchors is None else asked.anchors:
            if Certificate(der).subject == issuer:
                return Answer(True, None, (asked.certificates[0], der))
        return Answer(False, Error(NOT_TRUSTED), (asked.certificates[0],))

    system.judge = judge
    wrong = []
    barrier = threading.Barrier(64)

    def run(number):
        leaf = chains[number % len(chains)]
        name = f"{number % len(chains) // 2}.test"
        roots = [other] if number % 4 == 1 else []
        expected = {0: SYSTEM, 1: EXTRA, 2: SYSTEM, 3: "UnknownIssuer"}[number % 4]
        barrier.wait()
        for _ in range(5):
            found = security.evaluate(ask(leaf, name=name, roots=roots))
            given = found.source if isinstance(found, Accepted) else found.kind
            if given != expected:
                wrong.append((number, given))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(system.asked) == 64 * 5 * 5 // 4


def test_nothing_is_loaded_before_the_first_verdict():
    code = (
        "import sys, trustbridge._system.security as security;"
        "from trustbridge._system import security_calls as calls;"
        "assert 'ctypes' not in sys.modules and '_ctypes' not in sys.modules;"
        "assert calls._frameworks is None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
