"""The release workflow: its schema, zizmor, and what each edit of it would give away."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from pipeline.workflow import findings

TEXT = (ROOT / ".github" / "workflows" / "release.yml").read_text()
CHECKOUT = """      - uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2
        with:
          ref: ${{ needs.tag.outputs.commit }}
          persist-credentials: false
"""


def problems(text: str) -> list[str]:
    return findings("release.yml", text, ROOT)


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    program = ROOT / "release" / "lint-workflows"
    return subprocess.run([sys.executable, program, root], capture_output=True, text=True)


def test_the_workflow_passes() -> None:
    assert problems(TEXT) == []


def test_the_linters_pass() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


# What is replaced (the first time it occurs after a mark), by what, and what must be said.
EDITS = {
    "tag instead of a hash": (
        "",
        "@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2",
        "@v6",
        "not pinned",
    ),
    "short hash": ("", "@de0fac2e4500dabe0009e67214ff5f5447ce83dd", "@de0fac2e4500", "not pinned"),
    "branch of the publisher": (
        "",
        "@ed0c53931b1dc9bd32cbe73a98c7f6766f8a527e # v1.13.0",
        "@release/v1",
        "not pinned",
    ),
    "permissions at the top": (
        "",
        "permissions: {}",
        "permissions:\n  contents: write",
        "grants permissions to every job",
    ),
    "no permissions at the top": ("", "permissions: {}\n", "", "grants permissions to every job"),
    "started by hand": ("", "on:\n", "on:\n  workflow_dispatch:\n", "version's tag alone"),
    "started by a pull request": (
        "",
        "on:\n",
        "on:\n  pull_request_target:\n",
        "version's tag alone",
    ),
    "shell without pipefail": ("", "    shell: bash", "    shell: sh", "bash everywhere"),
    "a secret": (
        "publish-python:",
        "    environment:",
        "    env: {X: '${{ secrets.X }}'}\n    environment:",
        "secret",
    ),
    "publishing without an environment": (
        "publish-python:",
        "    environment:\n      name: pypi\n",
        "",
        "protected environment",
    ),
    "token for the build": ("  build:", "contents: read", "id-token: write", "its permissions are"),
    "more rights for publishing": (
        "publish-crate:",
        "id-token: write",
        "contents: write",
        "its permissions are",
    ),
    "checkout in publishing": (
        "publish-python:",
        "    steps:\n",
        "    steps:\n" + CHECKOUT,
        "has a checkout",
    ),
    "our scripts in publishing": (
        "publish-python:",
        "          mkdir python\n",
        "          release/hosted x\n",
        "runs the repository's scripts",
    ),
    "cached Python": (
        "",
        'python-version: "3.13"',
        'python-version: "3.13"\n          cache: pip',
        "cache",
    ),
    "cache action": (
        "  build:",
        "      - run: release/hosted prepare\n",
        "      - uses: actions/cache@0057852bfaa89a56745cba8c7296529d2fc39830 # v4.3.0\n",
        "cache",
    ),
    "credentials kept": (
        "  build:",
        "persist-credentials: false",
        "persist-credentials: true",
        "leaves its token",
    ),
    "checkout of the tag": (
        "  examine:",
        "ref: ${{ needs.tag.outputs.commit }}",
        "ref: ${{ github.ref }}",
        "resolved commit",
    ),
    "tag not compared": (
        "  examine:",
        "release/hosted tag-unmoved",
        "release/hosted sums",
        "whether the tag has moved",
    ),
    "tag not compared in publishing": (
        "publish-crate:",
        'test "$remote" = "$COMMIT"',
        "true",
        "whether the tag has moved",
    ),
    "tag compared with itself": (
        "publish-crate:",
        "COMMIT: ${{ needs.tag.outputs.commit }}",
        "COMMIT: ${{ github.sha }}",
        "whether the tag has moved",
    ),
    "sums not compared": (
        "publish-python:",
        "          sha256sum --check --strict SHA256SUMS\n",
        "",
        "sums",
    ),
    "sums from the artifact": (
        "publish-python:",
        "SUMS: ${{ needs.build.outputs.sums }}",
        "SUMS: x",
        "sums",
    ),
    "publishing before the checks": (
        "publish-python:",
        "needs: [tag, build, examine, attest]",
        "needs: [tag, build]",
        "wait for all",
    ),
    "job without the tag": (
        "  examine:",
        "needs: [tag, build]",
        "needs: [build]",
        "resolves the tag",
    ),
    "expression in a script": (
        "  build:",
        "run: release/hosted build",
        "run: release/hosted build ${{ github.ref_name }}",
        "expressions belong",
    ),
    "newest runner": ("  build:", "ubuntu-24.04", "ubuntu-latest", "runs on ubuntu-latest"),
    "no time limit": ("  build:", "    timeout-minutes: 60\n", "", "timeout-minutes"),
    "publishing by another workflow": (
        "publish-python:",
        "    runs-on: ubuntu-24.04\n",
        "    uses: o/r/.github/workflows/x.yml@0057852bfaa89a56745cba8c7296529d2fc39830 # v1.0.0\n",
        "more than its own steps",
    ),
    "job removed": ("", "  verify-published:", "  something-else:", "verify-published is missing"),
}


@pytest.mark.parametrize("name", EDITS)
def test_caught(name: str) -> None:
    mark, old, new, said = EDITS[name]
    at = TEXT.index(mark)
    edited = TEXT[:at] + TEXT[at:].replace(old, new, 1)
    assert edited != TEXT, "this counter-example changes nothing"
    assert any(said in problem for problem in problems(edited)), problems(edited)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("workflows/release.yml", "runs-on: ubuntu-24.04", "runs_on: ubuntu-24.04", "runs_on"),
        (
            "workflows/release.yml",
            "@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2",
            "@v6",
            "unpinned-uses",
        ),
        ("workflows/release.yml", "persist-credentials: false", "fetch-tags: true", "artipacked"),
        ("dependabot.yml", "    cooldown:\n      default-days: 14\n", "", "dependabot-cooldown"),
        ("dependabot.yml", "interval: weekly", "interval: sometimes", "sometimes"),
    ],
)
def test_caught_by_the_linters(tmp_path: Path, file: str, old: str, new: str, said: str) -> None:
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    path = tmp_path / ".github" / file
    edited = path.read_text().replace(old, new, 1)
    assert edited != path.read_text()
    path.write_text(edited)
    done = lint(tmp_path)
    assert done.returncode == 1
    assert said in done.stdout


def test_dependencies_wait() -> None:
    from ruamel.yaml import YAML

    config = YAML(typ="safe", pure=True).load((ROOT / ".github" / "dependabot.yml").read_text())
    kinds = {update["package-ecosystem"] for update in config["updates"]}
    assert kinds == {"cargo", "pip", "github-actions"}
    assert all(update["cooldown"]["default-days"] >= 7 for update in config["updates"])
