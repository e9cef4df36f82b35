"""The package's own way to a system's verifier (`_system`) says what the core says: its tables are
the core's, entry for entry, and what needs no system is decided and worded alike.

What Windows decides is tested under Wine: tests/windows/python.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
import signal
import ssl
import subprocess
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import modes
import pytest
from pki import DER, Authority
from test_cases import table
from trustbridge import _kinds as kinds
from trustbridge import _native, _system
from trustbridge._system import (
    advice,
    algorithms,
    ask,
    certificate,
    checks,
    hints,
    question,
    windows_codes,
)
from trustbridge._system.certificate import Certificate

SOURCES = Path(__file__).resolve().parents[2]
TIME = 1_800_000_000
NAMES = ("example.com", "www.example.com", "192.0.2.1", "2001:db8::1", None)

pytestmark = pytest.mark.skipif(_native is _system, reason="there is no core to compare with")


@pytest.fixture(autouse=True)
def engine(monkeypatch):
    """No engine is asked about what these tests ask."""
    silent = SimpleNamespace(check_settings=lambda **settings: None)
    monkeypatch.setattr(ask, "engine", lambda: silent)


def source(path: str, start: str, end: str) -> str:
    text = (SOURCES / path).read_text("utf-8")
    return text[text.index(start) :].partition(end)[0]


def arms(text: str, value: str) -> dict[str, str]:
    """The arms of a `match` over kinds, one for each kind."""
    found = {}
    for names, result in re.findall(rf"((?:\s*\|?\s*Self::\w+)+) => {value},", text):
        found.update(dict.fromkeys(re.findall(r"Self::(\w+)", names), result))
    return found


# Tables -----------------------------------------------------------------------------------------


def test_kinds():
    numbers = arms(source("src/kind.rs", "pub fn openssl_code", "\n    }"), r"(\d+)")
    assert {kind: int(number) for kind, number in numbers.items()} == kinds.NUMBERS
    ranks = arms(source("src/kind.rs", "fn rank", "\n    }"), r"(\d+)")
    assert {kind: int(rank) for kind, rank in ranks.items()} == checks.RANK
    missing = set(
        re.findall(r"Self::(\w+)", source("src/kind.rs", "fn is_missing_path", "\n    }"))
    )
    assert missing == checks.MISSING_PATH
    words = arms(source("src/report/kind.rs", "pub fn summary", "\n    }"), '"(.*)"')
    assert words == kinds.SUMMARIES
    assert set(kinds.SUMMARIES) == set(kinds.NUMBERS) and len(kinds.NUMBERS) == 28


def test_messages():
    text = source("python/src/verdict.rs", "fn error_text", "\n}")
    messages = {int(code): words for code, words in re.findall(r'(\d+) => "(.*)"', text)}
    assert messages.items() >= kinds.MESSAGES.items()
    assert f'_ => "{kinds.UNSPECIFIED}"' in text
    assert set(kinds.NUMBERS.values()) <= {*kinds.MESSAGES, 1}


def test_names_of_inspecting_products():
    text = source("src/report/hints.rs", "const INSPECTING", "];")
    assert tuple(re.findall(r'^    "(.*)",$', text, re.MULTILINE)) == hints.INSPECTING


@pytest.mark.parametrize("module", [advice, hints], ids=["advice", "hints"])
def test_sentences_of_hints(module):
    """What a hint says between its values is in the core's too."""
    name = module.__name__.rpartition(".")[2]
    core = re.sub(r"\\\n\s*", "", (SOURCES / f"src/report/{name}.rs").read_text("utf-8"))
    core = core.replace("{CLOCK}", advice._CLOCK)
    tree = ast.parse(inspect.getsource(module))
    titles = {
        ast.get_docstring(node, clean=False)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.FunctionDef))
    }
    said = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
    ]
    said = [text for text in said if text not in titles]
    assert len(said) > 10
    assert [text for text in said if text.strip() not in core] == []


def test_every_fault_has_advice():
    for purpose in ("server", "client"):
        for kind in kinds.NUMBERS:
            for depth in (None, 0, 1):
                found = advice.advice(question.Fault(kind, depth), purpose)
                assert (found is None) == (kind in checks.MISSING_PATH), kind
        text = source("src/store/refusal.rs", "impl fmt::Display for Refusal", "\n}")
        reasons = set(re.findall(r"Self::(\w+)", text)) - {"DistrustedBy", "DistrustedAfter"}
        assert len(reasons) == 12
        for reason in reasons:
            assert advice.anchor("CN=a", "a file", question.Refusal(reason, "a"), purpose)


def test_names_of_algorithms():
    text = source("src/cert/algorithms.rs", "const NAMES", "];")
    named = dict(re.findall(r'^    \(("[\d.]+"|\w+), "(.*)"\),$', text, re.MULTILINE))
    named = {oid.strip('"'): name for oid, name in named.items()}
    named[algorithms.MERKLE_TREE] = named.pop("MERKLE_TREE")
    named["1.2.840.113549.1.1.10"] = named.pop("RSASSA_PSS")
    assert named == algorithms.NAMES
    whole = (SOURCES / "src/cert/algorithms.rs").read_text("utf-8")
    assert f'MERKLE_TREE: &str = "{algorithms.MERKLE_TREE}"' in whole
    assert 'RSASSA_PSS: &str = "1.2.840.113549.1.1.10"' in whole
    assert f'"{hints.INTERMEDIATES_VARIABLE}"' in source(
        "src/store/intermediates.rs", "VARIABLE", ";"
    )


def number(text: str) -> int:
    return int(text.replace("_", ""), 16)


def test_codes_of_windows():
    path = "src/platform/windows/codes.rs"
    whole = (SOURCES / path).read_text("utf-8")
    named = dict(re.findall(r"^pub\(crate\) const (\w+): u32 = (0x\w+);", whole, re.MULTILINE))
    assert len(named) == 12
    for name, value in named.items():
        assert getattr(windows_codes, name) == number(value), name
    entry = re.compile(r'^    \((\w+), "(\w+)", ErrorKind::(\w+)\),$', re.MULTILINE)
    bits = tuple(
        (number(named.get(bit, bit)), name, kind)
        for bit, name, kind in entry.findall(source(path, "const TRUST_BITS", "];"))
    )
    assert bits == windows_codes.TRUST_BITS and len(bits) > 20
    codes = {
        number(code): (name, kind)
        for code, name, kind in entry.findall(source(path, "const CODES", "];"))
    }
    assert codes == windows_codes.CODES and len(codes) > 30
    assert {kind for _, _, kind in bits} | {kind for _, kind in codes.values()} <= set(
        kinds.NUMBERS
    )


# What needs no system ---------------------------------------------------------------------------


def told(module, chain, name, **settings) -> tuple:
    """What a module makes of a chain whose end entity is pinned, or not."""
    asked = {
        "purpose": "server",
        "time": TIME,
        "extra_roots": [],
        "named_roots": [],
        "fallback_roots": [],
        "system_trust": False,
        "distribution_distrust": True,
        "distribution_revocation": True,
        "intermediates": [],
        "pinned": chain[:1],
        "crls": [],
        "revocation": "off",
        "unknown_revocation": "allow",
        "ocsp_response": b"",
        "strict": False,
        "common_name": False,
        "danger_allow_weak_keys": False,
        "searched": ["a place"],
    }
    try:
        verdict = module.verify(chain, name, **{**asked, **settings})
    except ValueError as error:
        return ("ValueError", str(error))
    if isinstance(verdict, module.Verified):
        read = [(it.subject, it.issuer, it.not_before, it.not_after) for it in verdict.certificates]
        return (str(verdict), verdict.source, verdict.anchor_subject, verdict.revocation, read)
    code = verdict.verify_code, verdict.verify_message
    return (verdict.kind, verdict.depth, code, verdict.line, verdict.report)


def certificates() -> list[bytes]:
    """Every certificate of the table of cases."""
    found = {}
    for case in table():
        for name in ("chain", "roots", "intermediates", "pinned"):
            found.update(dict.fromkeys(bytes.fromhex(text) for text in case[name]))
    return [*found]


def test_every_certificate_of_the_table():
    known = certificates()
    assert len(known) > 200
    kinds_seen = set()
    for der in known:
        # All of it, or the name of the field that is malformed.
        for name in NAMES:
            expected = told(_native, [der], name)
            assert told(_system, [der], name) == expected
            kinds_seen.add(expected[0])
        client = {"purpose": "client", "revocation": "leaf"}
        assert told(_system, [der], None, **client) == told(_native, [der], None, **client)
        for unknown in ("allow", "reject"):
            asked = {"revocation": "chain", "unknown_revocation": unknown}
            assert told(_system, [der], None, **asked) == told(_native, [der], None, **asked)
    expected_kinds = {"Expired", "NotYetValid", "WeakKey", "NameMismatch", "WrongPurpose"}
    assert kinds_seen >= expected_kinds | {"UnknownCriticalExtension", "UnsupportedAlgorithm"}
    assert "ValueError" in kinds_seen, "a certificate that cannot be read"


def test_every_damaged_octet():
    """A certificate with one octet changed: the same field is malformed, or the same is read."""
    der = Authority("a root").leaf("www.example.com", "192.0.2.1").der
    outcomes = set()
    for at in range(len(der)):
        for octet in (0x00, 0x30, 0x80, 0xFF):
            damaged = der[:at] + bytes((octet,)) + der[at + 1 :]
            expected = told(_native, [damaged], "www.example.com")
            assert told(_system, [damaged], "www.example.com") == expected, (at, octet)
            outcomes.add(expected[0] if expected[0] != "ValueError" else expected[1])
    assert len(outcomes) > 30


def test_other_refusals():
    one, two = (Authority(name) for name in ("one", "two"))
    chain = [one.leaf("a.test").der, one.der]
    for settings in (
        {"pinned": [two.der]},
        {"pinned": [two.der], "purpose": "client"},
        {"pinned": [b"\x30"]},
        {"extra_roots": [one.der, b"\x30\x00"]},
        {"fallback_roots": [b""]},
        {"intermediates": [one.der[:-1]]},
        {"crls": [b"\x30"]},
        {"purpose": "no'body"},
        {"revocation": "all"},
        {"unknown_revocation": "perhaps\n"},
        {"time": 0},
    ):
        mine = told(_system, chain, "a.test", **settings)
        expected = told(_native, chain, "a.test", **settings)
        if "crls" in settings:
            assert mine[0] == expected[0] and mine[1].startswith("CRL 0: malformed CRL")
        else:
            assert mine == expected, settings
    assert told(_system, [], "a.test") == told(_native, [], "a.test")
    for chain in ([one.der] * 101, [one.der, b"0" * (1 << 20)], [b"\x30", one.der], [b""]):
        pinned = {"pinned": [one.der]}
        assert told(_system, chain, "a.test", **pinned) == told(_native, chain, "a.test", **pinned)


@pytest.mark.parametrize(
    "name",
    [
        *("a", "a.test", "a.test.", "_a.test", "a_b.test", "-a.test", "a-.test", "a..test", "."),
        *("", "1.test", "a.1", "a.0x", "a.0xfg", "a.0xff", "a.0", "*.test", "a b.test", "a'b"),
        *("192.0.2.1", "192.0.2.1.", "192.0.2.256", "1.2.3", "::1", "fe80::1%eth0", "[::1]"),
        *("A.TEST", f"{'a' * 63}.test", f"{'a' * 64}.test", ".".join(["a" * 61] * 4) + "aaaaa"),
        *("a\0.test", "a\n.test", "2001:DB8:0::1", "a.test..", '"', "\\"),
    ],
)
def test_names(name):
    chain = [Authority("a root").leaf("a.test", "192.0.2.1").der]
    assert told(_system, chain, name) == told(_native, chain, name)


# Files ------------------------------------------------------------------------------------------


def pem_texts() -> list[bytes]:
    one, two = (Authority(name).pem for name in ("one", "two"))
    body = b"".join(one.splitlines()[1:-1])
    begin, end = b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n"
    crl = ssl.DER_cert_to_PEM_cert(b"\x30\x00").replace("CERTIFICATE", "X509 CRL").encode()
    return [
        *(b"", b"text\n", one, one + two, one.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + one),
        *(one + b"\xef\xbb\xbf" + two, b"x\n\xef\xbb\xbf" + one, one[:-40], one[:-40] + two),
        *(one.replace(end, end[:-1]) + two, b" " + one, b"# " + one, b"- " + one, crl, one + crl),
        *(begin + body + b"\n" + end, begin + body[:-1] + b"\n" + end, begin + end, begin),
        begin + b" ".join(body[at : at + 1] for at in range(len(body))) + b"\n" + end,
        begin + body + b"=\n" + end,
        begin + b"!" + body + b"\n" + end,
        begin + b"MAA=\n" + end,
        *(one.replace(b"CERTIFICATE", label) for label in (b"X509 CERTIFICATE", b"certificate")),
        one.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"),
        one.replace(b"CERTIFICATE", b"PRIVATE KEY"),
        one.replace(b"CERTIFICATE-----\n", b"CERTIFICATE----\n", 1),
        one.replace(b"-----BEGIN", b"----BEGIN"),
        one.replace(b"END CERTIFICATE", b"END X509 CRL"),
        b"begin certificate-\n",
        "\u2013 BEGIN CERTIFICATE \u2013\n".encode(),
    ]


@pytest.mark.parametrize("text", pem_texts())
def test_pem(text, tmp_path):
    def seen(module):
        path = tmp_path / "file.pem"
        path.write_bytes(text)
        batches = [module.read_pem(text.decode("utf-8")), module.read_file(path)]
        trust = module.Trust()
        for batch in batches:
            trust.add(batch)
        kept = trust.loaded(0), trust.roots, trust.crls, trust.has_file(path)
        return [(len(batch), batch.clean, batch.repeatable) for batch in batches], kept

    assert seen(_system) == seen(_native)


def test_der():
    one, two = (Authority(name).der for name in ("one", "two"))
    for data in (
        b"",
        one,
        one + two,
        one[:-1],
        one + b"x",
        two + b"\x30\x00",
        b"\x04\x00",
        b"\x30",
    ):
        mine, expected = _system.read_der(data), _native.read_der(data)
        assert (len(mine), mine.clean) == (len(expected), expected.clean), data


def test_directories(tmp_path):
    one, two = (Authority(name).pem for name in ("one", "two"))
    for name, text in (
        *(("5ed36f99.0", one), ("5ed36f99.1", two), ("5ed36f99.r", one), ("5ED36F99.2", one)),
        *(("5ed36f99.3~", one), ("other.pem", one), ("0ed36f99.0", two), ("1ed36f99.0", b"-")),
    ):
        (tmp_path / name).write_bytes(text)
    (tmp_path / "2ed36f99.0").mkdir()
    found = []
    for module in (_system, _native):
        batch = module.read_directory(tmp_path)
        trust = module.Trust()
        trust.add(batch)
        found.append((len(batch), batch.clean, trust.loaded(0)))
    assert found[0] == found[1] and found[0][0] == 3
    assert len(_system.read_directory(tmp_path / "missing")) == 0
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(OSError):
            _system.read_file(path)


def test_a_file_takes_no_more_memory_than_it_is_long(system_ca, tmp_path):
    """And not that of the largest that is allowed."""
    path = tmp_path / "ca.pem"
    path.write_bytes(system_ca.pem * 200)
    tracemalloc.start()
    try:
        assert len(_system.read_file(path)) == 200
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * path.stat().st_size


# Trust ------------------------------------------------------------------------------------------


def test_what_flags_request():
    for flags in range(64):
        for host_flags in (0, 0x20):
            for decides in (False, True):
                asked = flags, host_flags, decides
                assert _system.requested_checks(*asked) == _native.requested_checks(*asked)


def test_an_engine_that_fails_is_a_rejection(monkeypatch, other_ca):
    def fails(question):
        raise OSError("no such function")

    broken = SimpleNamespace(check_settings=lambda **settings: None, evaluate=fails)
    monkeypatch.setattr(ask, "engine", lambda: broken)
    connection = _system.Trust().connection()
    verdict = connection.verify([other_ca.der], "a.test", 0, False)
    assert isinstance(verdict, _system.Failure) and verdict is connection.failure
    assert verdict.kind == "CannotCheck" and "no such function" in verdict.line
    assert connection.verified is None

    def refuses(**settings):
        raise question.BadSetting("strict: no such setting")

    monkeypatch.setattr(ask, "engine", lambda: SimpleNamespace(check_settings=refuses))
    verdict = connection.verify([other_ca.der], "a.test", 0, False)
    assert (verdict.kind, verdict.line) == ("CannotCheck", "strict: no such setting")


def test_the_trust_of_a_connection(monkeypatch, other_ca, system_ca):
    """A connection keeps what was trusted when it was made; a rejection spreads to equal keys."""
    asked = []

    def evaluate(it):
        asked.append(it)
        sources = {root.der: root.source for root in it.roots}
        return question.Accepted(it.chain, sources.get(it.chain[-1], "a store"))

    seeing = SimpleNamespace(check_settings=lambda **settings: None, evaluate=evaluate)
    monkeypatch.setattr(ask, "engine", lambda: seeing)
    trust = _system.Trust()
    before = trust.connection()
    trust.add(_system.read_der(other_ca.der))
    trust.replace_system([_system.read_der(system_ca.der)], ["VARIABLE x"], ["VARIABLE x"])
    after, again = trust.connection(), trust.connection()
    assert after.same_trust(again) and not before.same_trust(after)
    chain = [system_ca.der]
    for connection in (before, after):
        assert connection.verify(chain, None, 0, False) is connection.verified
    first, second = asked
    assert (first.system_trust, second.system_trust) == (True, False)
    assert [root.der for root in first.roots] == []
    assert [(root.der, root.source) for root in second.roots] == [
        (other_ca.der, "the extra roots"),
        (system_ca.der, "VARIABLE x"),
    ]
    assert (before.verified.source, after.verified.source) == ("a store", "VARIABLE x")
    trust.system = False
    trust.connection().verify(chain, "not a name", 0xC, False)
    assert [root.der for root in asked[-1].roots] == [other_ca.der]
    assert (asked[-1].revocation, asked[-1].unknown_revocation) == ("chain", "reject")
    assert asked[-1].name is None


def test_a_set_is_made_without_the_lock(monkeypatch, other_ca):
    """Nor is it kept if something was added meanwhile."""
    from trustbridge._system import trust as module

    trust, made = _system.Trust(), []

    class Set(module._Set):
        def __init__(self, *parts):
            assert not trust._lock().locked()
            super().__init__(*parts)
            made.append(self)
            if len(made) == 1:
                trust.add(_system.read_der(other_ca.der))

    monkeypatch.setattr(module, "_Set", Set)
    assert trust.connection()._set is made[0] and not made[0].roots
    assert trust.connection()._set is trust.connection()._set is made[1]
    assert [root.der for root in made[1].roots] == [other_ca.der]


# Threads of servers of other tests may not have ended.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_the_child_of_a_fork_waits_for_no_thread():
    trust = _system.Trust()
    with trust._lock():  # as another thread would while the process forks
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            trust.system = False
            os._exit(0 if not trust.connection()._set.asks_system else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_intermediates_in_a_directory(monkeypatch, tmp_path):
    """They complete a chain that has no path, and a rejection says what was searched."""
    root = Authority("a root")
    issuing = root.intermediate("issuing")
    leaf = issuing.leaf("a.test")
    (tmp_path / "issuing.pem").write_bytes(issuing.pem)
    (tmp_path / "damaged.pem").write_bytes(issuing.pem[:-60])
    asked = []

    def evaluate(it):
        asked.append([*it.chain])
        return question.Refused(checks.missing_path(it.leaf, 0))

    missing = SimpleNamespace(check_settings=lambda **settings: None, evaluate=evaluate)
    monkeypatch.setattr(ask, "engine", lambda: missing)
    trust = _system.Trust()
    trust.add_intermediates(tmp_path)
    verdict = trust.connection().verify([leaf.der], "a.test", 0, False)
    assert asked == [[leaf.der], [leaf.der, issuing.certificate.public_bytes(DER)]]
    assert f"Searched for intermediates:\n  - {tmp_path}: 1 certificate; " in verdict.report
    assert verdict.missing_issuer == ("CN=issuing", None)
    monkeypatch.setenv("TRUSTBRIDGE_INTERMEDIATES_DIR", str(tmp_path))
    assert _system.Trust().connection()._set.directories == (str(tmp_path),)


def test_intermediates_are_read_once(monkeypatch, tmp_path):
    """While no file has changed, and with one canonical name for each certificate."""
    from trustbridge._system import intermediates

    root = Authority("a root")
    issuers = [root.intermediate(f"issuing {index}") for index in range(30)]
    for index, issuer in enumerate(issuers[:-1]):
        (tmp_path / f"{index}.pem").write_bytes(issuer.pem)
    leaf = issuers[3].leaf("a.test")
    compared, key = [], intermediates.key
    monkeypatch.setattr(intermediates, "key", lambda name: compared.append(name) or key(name))

    def find(*chain):
        compared.clear()
        return intermediates.find([str(tmp_path)], [one.der for one in chain])

    assert find(leaf) == ([issuers[3].der], [f"{tmp_path}: 29 certificates"])
    assert len(compared) == 29 + 2
    chain = [leaf, *issuers[5:]]
    assert find(*chain)[0] == [issuers[3].der]
    assert len(compared) == len(chain) + 1
    last = issuers[-1].leaf("a.test")
    assert find(last)[0] == []
    (tmp_path / "last.pem").write_bytes(issuers[-1].pem)
    assert find(last) == ([issuers[-1].der], [f"{tmp_path}: 30 certificates"])
    (tmp_path / "last.pem").write_bytes(b"")
    assert find(last)[0] == []


def test_no_name_that_is_none():
    """What is not a DNS name is refused, whatever else is trusted."""
    root = Authority("a root")
    accepting = SimpleNamespace(
        check_settings=lambda **settings: None,
        evaluate=lambda it: question.Accepted(it.chain, "the extra roots"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ask, "engine", lambda: accepting)
        verdict = _system.Trust().connection().verify([root.der], "a b", 0, False)
    assert verdict.kind == "NameMismatch" and verdict.verify_code == 62


def test_trust_settings():
    server, client = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"
    root = Authority("a root")
    for trust, refused in (
        (None, None),
        ((None, ()), None),
        (((server,), ()), None),
        (((client,), ()), "NotTrustedForPurpose"),
        ((None, (server,)), "Rejected"),
        (((server,), ("2.5.29.37.0",)), "Rejected"),
        (((), ()), "NotTrustedForPurpose"),
    ):
        found = checks.refusal(question.Root(root.der, "x", trust), "server", TIME)
        assert (found and found.reason) == refused, trust
    from trustbridge._system.trust import spread

    other = question.Root(root.der, "x", (None, (server,)))
    spreaded = spread([question.Root(root.der, "y"), other])
    assert all(checks.distrust(found, "server") is not None for found in spreaded)


def test_the_native_modules_api():
    """Every function and class has the arguments and attributes of `_native.pyi`."""
    stub = ast.parse((SOURCES / "python/trustbridge/_native.pyi").read_text("utf-8"))
    left_out = {"read_settings", "end_connection", "begin_connection", "request_staples"}
    for node in stub.body:
        if isinstance(node, ast.FunctionDef) and node.name not in left_out:
            same_arguments(node, getattr(_system, node.name))
        for member in node.body if isinstance(node, ast.ClassDef) else ():
            if not isinstance(member, ast.FunctionDef) or member.name in left_out:
                continue
            kind = getattr(_system, node.name)
            if member.name == "__new__":
                assert member.args.args[1].arg in inspect.signature(kind).parameters
            elif any(isinstance(it, ast.Name) for it in member.decorator_list):
                instance = vars(kind).keys() | set(inspect.getsource(kind.__init__).split("self."))
                assert any(str(name).startswith(member.name) for name in instance), member.name
            elif not member.decorator_list:
                same_arguments(member, getattr(kind, member.name))


def same_arguments(node: ast.FunctionDef, function) -> None:
    found = inspect.signature(function).parameters.values()
    keywords = [it.arg for it in node.args.kwonlyargs]
    assert [it.name for it in found if it.kind is it.KEYWORD_ONLY] == keywords, node.name
    wanted = len(node.args.args), len(node.args.defaults)
    others = [it for it in found if it.kind is not it.KEYWORD_ONLY]
    defaults = sum(it.default is not it.empty for it in others)
    assert (len(others), defaults) == wanted, node.name


# Loading ----------------------------------------------------------------------------------------


def test_nothing_of_it_is_loaded_elsewhere():
    program = (
        "import ssl, sys, trustbridge; context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT);"
        "context.get_ca_certs(); trustbridge.inject_into_ssl();"
        "print([name for name in sys.modules if '._system' in name or name == 'ctypes'])"
    )
    printed = subprocess.run(modes.python("-c", program), check=True, capture_output=True).stdout
    assert printed.decode().strip() == "[]"


def test_a_certificate_that_was_read():
    der = Authority("a root").leaf("www.example.com").der
    cert = Certificate(der)
    assert certificate.subject_of(der) == cert.subject
    assert cert.is_for("WWW.example.com.") and not cert.is_for("example.com")
    assert cert.weakness() is None and cert.common_name() is not None
    assert sys.getsizeof(cert) < 1000 and not hasattr(cert, "__dict__")
