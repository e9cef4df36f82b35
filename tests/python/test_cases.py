"""The table of cases that every system and every binding is tested with, through `verify`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import trustbridge

ROOT = Path(__file__).resolve().parents[2]


def table() -> list[dict]:
    # Printed before, for interpreters that run where there is no cargo.
    printed = os.environ.get("TRUSTBRIDGE_TEST_CASES")
    if printed:
        return json.loads(Path(printed).read_bytes())
    command = ["cargo", "run", "--quiet", "--locked", "--package", "trustbridge-cases"]
    output = subprocess.run(
        [*command, "--bin", "cases-json"], cwd=ROOT, check=True, capture_output=True
    )
    return json.loads(output.stdout)


def verdict(case: dict) -> dict:
    def ders(name: str) -> list[bytes]:
        return [bytes.fromhex(text) for text in case[name]]

    try:
        verified = trustbridge.verify(
            ders("chain"),
            case["peer"],
            purpose=case["purpose"],
            time=case["time"],
            extra_roots=ders("roots"),
            intermediates=ders("intermediates"),
            pinned=ders("pinned"),
            crls=ders("crls"),
            revocation=case["check"].lower(),
            unknown_revocation="reject" if case["reject_unknown"] else "allow",
            system_trust=False,
            strict=case["strict"],
            common_name=case["common_name"],
            danger_allow_weak_keys=case["weak_keys"],
        )
    except trustbridge.VerificationError as error:
        assert error.report.startswith(str(error.args[1]).partition(": ")[2])
        assert error.verify_code != 0
        return {"refused": error.kind}
    return {"trusted": len(verified.chain)}


def test_every_case() -> None:
    cases = table()
    assert len(cases) > 150
    wrong = {
        case["name"]: (case["expect"], found)
        for case in cases
        # An empty chain is a mistake of the caller's here.
        if case["chain"] and (found := verdict(case)) != case["expect"]
    }
    assert not wrong


def test_the_table_can_fail() -> None:
    case = next(case for case in table() if case["name"] == "root-issues-leaf")
    assert verdict(case) == case["expect"]
    assert verdict({**case, "roots": []}) == {"refused": "NoTrustAnchors"}
    with pytest.raises(ValueError, match="purpose"):
        verdict({**case, "purpose": "Nobody"})
