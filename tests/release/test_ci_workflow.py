"""The workflow of CI: what each edit of it would give away."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT
from pipeline.workflow import findings
from pipeline.workflow_ci import make_targets

SCRIPT = ROOT / "release/lint-workflows"
WORKFLOW = (ROOT / ".github/workflows/ci.yml").read_text()


def find(text, name="ci.yml"):
    return "\n".join(findings(name, text, ROOT))


def changed(old, new, count=1):
    assert old in WORKFLOW, old
    return WORKFLOW.replace(old, new, count)


def test_the_workflow_passes():
    assert find(WORKFLOW) == ""


CHECKOUT = "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2"
NEEDS = next(line for line in WORKFLOW.splitlines(True) if "needs: [" in line)
HASH = "de0fac2e4500dabe0009e67214ff5f5447ce83dd"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        # actions
        (CHECKOUT, "actions/checkout@v6", "not pinned"),
        (CHECKOUT, "actions/checkout@main # v6.0.2", "not pinned"),
        (f"{HASH} # v6.0.2", f"{HASH[:12]} # v6.0.2", "not pinned"),
        (CHECKOUT, "docker://alpine", "not pinned"),
        (CHECKOUT, "./.github/actions/mine", "not pinned"),
        (" # v6.0.2", "", "does not say its version"),
        (" # v6.0.2", " # v6", "does not say its version"),
        (HASH, "0" * 40, "pinned to two commits"),
        ("persist-credentials: false", "persist-credentials: true", "persist-credentials"),
        ("with:\n          persist-credentials: false", "with: {}", "persist-credentials"),
        # permissions and triggers
        ("permissions: {}", "permissions: read-all", "every job"),
        ("permissions: {}\n", "", "every job"),
        ("contents: read #", "contents: write #", "permissions"),
        ("contents: read #", "id-token: write #", "permissions"),
        ("    permissions:\n      contents: read # to check the code out\n", "", "permissions"),
        ("  pull_request:", "  pull_request_target:", "is started by"),
        ("  pull_request:", "  workflow_run:\n    workflows: [x]", "is started by"),
        ('PREBUILT_NASM: "1"', "TOKEN: ${{ secrets.GITHUB_TOKEN }}", "secrets"),
        ("  group: ci-${{ github.ref }}\n", "", "concurrency"),
        # commands
        ("make lint", "make lynt", "no such target"),
        ("make lint", "make build", "no such target"),
        ("make lint", "make lint test-rust", "not one make target"),
        ("make lint", "make", "not one make target"),
        ("make lint", "make -f other.mk lint", "not one make target"),
        ("make lint", "make lint; true", "more than one"),
        ("make lint", "make lint || true", "more than one"),
        ("make lint", "|\n          make lint\n          make demo", "more than one"),
        ("make lint", "make lint PYTHON=$(id)", "more than one"),
        ("make lint", "make lint PYTHON=${{ github.head_ref }}", "expressions"),
        ("make lint", "cargo test", "neither a make target nor a script"),
        ("make lint", "scripts/../scripts/venv", "neither a make target nor a script"),
        ("make lint", "scripts/no-such-script", "no such script"),
        ("scripts/all-succeeded", "scripts/all-succeded", "no such script"),
        ("- run: make lint", "- run: make lint\n        shell: python", "shell or folder"),
        ("- run: make lint", "- run: make lint\n        working-directory: x", "shell or folder"),
        ("shell: bash", "shell: pwsh", "bash"),
        # what may hang or fail unseen
        ("    timeout-minutes: 30\n", "", "timeout-minutes"),
        ("timeout-minutes: 30", "timeout-minutes: 360", "timeout-minutes"),
        ("- run: make lint", "- run: make lint\n        continue-on-error: true", "fail unseen"),
        ("- run: make lint", "- if: github.ref\n        run: make lint", "left out"),
        (
            "    timeout-minutes: 30",
            "    timeout-minutes: 30\n    continue-on-error: true",
            "unseen",
        ),
        ("    timeout-minutes: 30", "    timeout-minutes: 30\n    container: alpine", "own steps"),
        ("      - run: make lint\n", "", "runs nothing"),
        ("fail-fast: false", "fail-fast: true", "fail-fast"),
        # coverage
        ("runs-on: ubuntu-24.04", "runs-on: self-hosted", "self-hosted"),
        ("runs-on: ubuntu-24.04", "runs-on: ubuntu-latest", "ubuntu-latest"),
        (
            "os: [ubuntu-24.04, windows-2025, macos-15]",
            "os: [ubuntu-24.04]",
            "does not run on each",
        ),
        ("runs-on: ${{ matrix.os }}", "runs-on: ubuntu-24.04", "does not run on each"),
        ('"3.14t", ', "", "runs Python"),
        ('"3.10"', "3.10", "runs Python"),
        ("        os: [", "        exclude: [{os: macos-15}]\n        os: [", "plain product"),
        ("make test-rust", "make test-docs", "never runs `make test-rust`"),
        ("make test-python PYTHON=python", "make lint", "never runs `make test-python`"),
        ("check-hosted deny", "check-hosted msrv", "never runs `scripts/check-hosted deny`"),
        ("check-hosted fuzz", "check-hosted fuzzy", "never runs `scripts/check-hosted fuzz`"),
        # the gate
        ("needs: [lint, rust, python, ", "needs: [lint, rust, ", "every other job"),
        (NEEDS, "", "no single job"),
        ("if: always()", "if: success()", "counts as passed"),
        ("    if: always()\n", "", "counts as passed"),
        ("join(needs.*.result, ' ')", "'success'", "does not look"),
        ("jobs:", "jobs:\n  lint:\n    steps: []", "cannot be parsed"),
        ("jobs:", "jobs: []\nwork:", "has no jobs"),
    ],
)
def test_a_change_for_the_worse_is_found(old, new, told):
    assert told in find(changed(old, new))


def test_scripts_must_be_executable_programs(tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    script = tmp_path / "scripts/all-succeeded"
    shutil.copy(ROOT / "scripts/check-hosted", tmp_path / "scripts")

    def told():
        return "\n".join(findings("ci.yml", WORKFLOW, tmp_path))

    assert "no such script" in told()
    script.write_text("echo\n")
    script.chmod(0o644)
    assert "cannot be executed" in told()
    script.chmod(0o755)
    assert "does not say what runs it" in told()
    script.write_text("#!/bin/sh\n")
    assert told() == ""


def test_a_make_target_needs_a_rule_and_to_be_phony(tmp_path):
    makefile = tmp_path / "Makefile"
    assert make_targets(tmp_path) == set()
    makefile.write_text(".PHONY: a b\na: x\n\ttrue\nc:\n\ttrue\n")
    assert make_targets(tmp_path) == {"a"}


def test_rules_about_coverage_are_for_ci_only():
    assert find(changed("make test-rust", "make test-docs"), "other.yml") == ""


@pytest.mark.parametrize(
    ("results", "good"),
    [
        ("success success", True),
        ("success failure", False),
        ("success skipped", False),
        ("cancelled", False),
        ("", False),
        (None, False),
    ],
)
def test_the_gate_passes_only_if_all_succeeded(results, good):
    env = {name: value for name, value in os.environ.items() if name != "RESULTS"}
    if results is not None:
        env["RESULTS"] = results
    done = subprocess.run(
        [ROOT / "scripts/all-succeeded"], check=False, env=env, capture_output=True, text=True
    )
    assert (done.returncode == 0) is good
    assert good or done.stderr


def run_on(tmp_path, text):
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    (tmp_path / ".github/workflows/ci.yml").write_text(text)
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    (tmp_path / "scripts").mkdir()
    for name in ("all-succeeded", "check-hosted"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts")
    command = [sys.executable, SCRIPT, tmp_path]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_the_program_says_yes(tmp_path):
    done = run_on(tmp_path, WORKFLOW)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("make lint", "make lynt", "ci.yml: lint: `make lynt`"),
        ("name: CI", "nmae: CI", "nmae"),  # the schema
        ("permissions: {}", "permissions: write-all", "excessive-permissions"),  # zizmor
    ],
)
def test_the_program_says_no(tmp_path, old, new, told):
    done = run_on(tmp_path, changed(old, new))
    assert done.returncode == 1
    assert told in done.stdout + done.stderr
