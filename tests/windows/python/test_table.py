"""The table of cases on Windows: as tests/python/test_cases.py, with what Wine does otherwise.

The table has Wine's differences with their reasons; a row that ends as elsewhere fails as well.
Settings that Windows' verifier lacks are refused.
"""

from __future__ import annotations

import pytest
from test_cases import table, verdict


def test_every_case() -> None:
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


def test_settings_that_windows_lacks() -> None:
    cases = [case for case in table() if case["common_name"] or case["strict"] or case["weak_keys"]]
    assert len(cases) > 10
    for case in cases:
        with pytest.raises(ValueError):
            verdict(case)
