"""The table of cases on Windows: as tests/python/test_cases.py, with what Wine does otherwise.

The table has Wine's differences with their reasons; a row that ends as elsewhere fails as well.
Settings that Windows' verifier lacks are refused.
"""

from __future__ import annotations

import re

import pytest
import trustbridge
from test_cases import table, verdict

#: Names of Rust, and words of other systems' stores.
FOREIGN = re.compile(
    r"[A-Za-z]::[A-Za-z]|\w\(\)|Builder|BuildError|danger_match_common_name|ca-certificates|rehash|hashed|/etc/"
)


@pytest.fixture
def said(monkeypatch) -> list[str]:
    """What `verify` says where it raises, for humans."""
    texts = []
    verify = trustbridge.verify

    def verify_and_listen(*arguments, **keywords):
        try:
            return verify(*arguments, **keywords)
        except trustbridge.VerificationError as error:
            texts.append(f"{error}\n{error.report}")
            raise
        except ValueError as error:
            texts.append(str(error))
            raise

    monkeypatch.setattr(trustbridge, "verify", verify_and_listen)
    return texts


def foreign(said: list[str]) -> dict[str, str]:
    found = {text: FOREIGN.search(text) for text in said}
    return {text: match[0] for text, match in found.items() if match}


def test_every_case(said) -> None:
    wrong = {}
    for case in table():
        if not case["chain"] or case["common_name"] or case["strict"] or case["weak_keys"]:
            continue
        if case["purpose"] == "client_or_server":  # which the native module alone has
            continue
        expected = case["differs"].get("Wine", case)["expect"]
        if (found := verdict(case)) != expected:
            wrong[case["name"]] = (expected, found)
    assert not wrong
    assert len(said) > 100
    assert not foreign(said)


def test_settings_that_windows_lacks(said) -> None:
    cases = [case for case in table() if case["common_name"] or case["strict"] or case["weak_keys"]]
    assert len(cases) > 10
    for case in cases:
        with pytest.raises(ValueError):
            verdict(case)
    assert len(said) == len(cases)
    assert not foreign(said)


def test_foreign_words_are_found() -> None:
    words = ("BuildError::Unsupported", "`strict()`", "/etc/ssl/certs is not a hashed directory")
    assert len(foreign([*words, "the Windows store ROOT"])) == len(words)
