"""A release is of the commit that its tag names, and of no other."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, commit_all, git, git_env


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A remote with v1.2.3 and a clone of it."""
    remote = tmp_path / "remote"
    remote.mkdir()
    git(remote, "init", "--quiet", "--initial-branch=main")
    (remote / "Cargo.toml").write_text('[workspace.package]\nversion = "1.2.3"\n')
    (remote / "docs").mkdir()
    (remote / "docs" / "CHANGELOG.md").write_text(
        "# Changelog\n\n## 1.2.3 (2026-12-01)\n\n- All of it\n"
    )
    commit_all(remote)
    git(remote, "tag", "--annotate", "--message", "x", "v1.2.3")
    git(tmp_path, "clone", "--quiet", str(remote), "clone")
    return tmp_path / "clone"


def tag(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "release" / "tag", *arguments],
        cwd=clone,
        env=git_env(),
        capture_output=True,
        text=True,
    )


def move_tag(remote: Path, *kind: str) -> None:
    commit_all(remote)
    git(remote, "tag", "--force", *kind, "v1.2.3")


@pytest.mark.parametrize("remote", [[], ["--remote", "origin"]])
def test_a_tag_is_its_commit(repository: Path, remote: list[str]) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    done = tag(repository, "v1.2.3", *remote)
    assert (done.returncode, done.stdout.strip()) == (0, commit), done.stderr
    assert tag(repository, "v1.2.3", "--expect", commit, *remote).returncode == 0


@pytest.mark.parametrize("kind", [[], ["--annotate", "--message", "y"]])
def test_a_moved_tag_is_refused(repository: Path, kind: list[str]) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    move_tag(repository.parent / "remote", *kind)
    done = tag(repository, "v1.2.3", "--remote", "origin", "--expect", commit)
    assert done.returncode != 0
    assert f"v1.2.3 has moved: from {commit}" in done.stderr
    # The clone's own copy of the tag still points at the old commit: it has to ask.
    assert tag(repository, "v1.2.3", "--expect", commit).returncode == 0


def test_a_deleted_tag_is_refused(repository: Path) -> None:
    git(repository.parent / "remote", "tag", "--delete", "v1.2.3")
    assert tag(repository, "v1.2.3", "--remote", "origin").returncode != 0


def test_another_checkout_is_refused(repository: Path) -> None:
    (repository / "x").touch()
    commit_all(repository)
    done = tag(repository, "v1.2.3")
    assert done.returncode != 0
    assert "this checkout is not of v1.2.3" in done.stderr


def test_another_version_is_refused(repository: Path) -> None:
    git(repository, "tag", "v1.2.4")
    done = tag(repository, "v1.2.4")
    assert done.returncode != 0
    assert "a commit with the version 1.2.3" in done.stderr


@pytest.mark.parametrize("name", ["main", "v1", "v1.2.3-evil", "--help=x", "v1.2.3;id", "1.2.3"])
def test_other_names_are_refused(repository: Path, name: str) -> None:
    assert tag(repository, "--", name).returncode != 0


@pytest.mark.parametrize(
    "heading", ["## 1.2.3 (unreleased)", "## 1.2.30 (2026-12-01)", "## 1.2.2", "### 1.2.3"]
)
def test_a_release_without_its_entry_is_refused(repository: Path, heading: str) -> None:
    (repository / "docs" / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading}\n")
    commit_all(repository)
    git(repository, "tag", "--force", "v1.2.3")
    done = tag(repository, "v1.2.3")
    assert done.returncode != 0
    assert "CHANGELOG.md has no entry for the release of 1.2.3" in done.stderr
