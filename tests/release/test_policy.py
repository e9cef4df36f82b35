"""The dependency policy, on the tree as it is, and what it must refuse."""

import copy
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tomllib
from conftest import ROOT
from pipeline import consumer, linked, policy

System = dict[str, list[linked.Crate]]


@pytest.fixture(scope="module")
def resolved(cargo_env: dict[str, str]) -> System:
    cargo = Path(shutil.which("cargo"))
    return {
        system: [
            crate
            for crate in linked.graph(ROOT, "trustbridge-python", target, cargo, cargo_env).linked()
            if not crate.local
        ]
        for system, target in policy.SYSTEMS.items()
    }


def listed() -> dict:
    return tomllib.loads((ROOT / "release" / "deps.toml").read_text())


def entry(table: dict, name: str) -> dict:
    return next(crate for crate in table["crate"] if crate["name"] == name)


def test_the_list_is_what_is_linked(resolved: System) -> None:
    assert policy.compare(listed(), resolved) == []
    assert 5 < len(resolved["linux"]) <= listed()["budget"]["linked-on-linux"] == 20


def test_the_requirements_are_pinned_and_few() -> None:
    assert policy.requirements(listed(), ROOT / "scripts" / "requirements" / "release") == []
    assert policy.pyproject(ROOT / "pyproject.toml", listed()) == []
    assert listed()["budget"]["sdist-build"] == ["maturin"]
    assert listed()["budget"]["wheel-build"] == ["maturin", "ziglang"]


def test_nothing_that_is_only_a_weak_feature_counts(resolved: System) -> None:
    """`cargo metadata` would list ring and rustls for the wheel; neither is compiled."""
    names = {crate.name for crate in resolved["linux"]}
    assert not names & {"ring", "rustls", "rcgen", "pyo3-macros", "cc", "syn"}
    assert {"aws-lc-sys", "pyo3", "rustls-webpki"} <= names


def test_recipients_are_told_where_the_source_code_is() -> None:
    """MPL-2.0, section 3.2, of crates in the extension module."""
    readme = (ROOT / "python" / "README.md").read_text()
    crates = [crate["name"] for crate in listed()["crate"] if "MPL-2.0" in crate["licence"]]
    assert crates == ["clubcard", "clubcard-crlite"]
    for name in crates:
        assert f"[{name}](https://crates.io/crates/{name})" in readme


EDITS: dict[str, tuple[Callable[[dict], None], str]] = {
    "unlisted crate": (
        lambda table: table["crate"].remove(entry(table, "untrusted")),
        "linux links untrusted, which deps.toml does not list",
    ),
    "listed for nothing": (
        lambda table: table["crate"].append({"name": "zlib", "why": "x"}),
        "deps.toml lists zlib, which linux does not link",
    ),
    "wrong system": (
        lambda table: entry(table, "schannel").update(on=["linux"]),
        "windows links schannel",
    ),
    "no reason": (
        lambda table: entry(table, "libc").update(why=""),
        "libc: deps.toml does not say",
    ),
    "other licence": (
        lambda table: entry(table, "libc").update(licence="MIT"),
        "libc: its licence is MIT OR Apache-2.0",
    ),
    "licence not allowed": (
        lambda table: table["budget"]["licences"].remove("ISC"),
        "untrusted: ISC is not among the licences",
    ),
    "build script": (lambda table: entry(table, "libc").pop("build"), "libc: `build` is true"),
    "no build script": (
        lambda table: entry(table, "untrusted").update(build=True),
        "untrusted: `build` is false",
    ),
    "unsafe": (lambda table: entry(table, "base64").pop("unsafe"), "base64: `unsafe` is true"),
    "C": (lambda table: entry(table, "aws-lc-sys").pop("c"), "aws-lc-sys: `c` is true"),
    "C not named": (
        lambda table: entry(table, "aws-lc-sys").pop("vendored"),
        "aws-lc-sys: deps.toml does not name its C",
    ),
    "one C project not named": (
        lambda table: entry(table, "aws-lc-sys")["vendored"].pop(),
        "aws-lc/third_party/s2n-bignum is only in the crate",
    ),
    "C of another version": (
        lambda table: entry(table, "aws-lc-sys")["vendored"][0].update(version="1.0"),
        "aws-lc-sys: AWS-LC has the version 5.",
    ),
    "over the budget": (
        lambda table: table["budget"].update({"linked-on-linux": 5}),
        "crates are linked on Linux",
    ),
    "unsorted": (lambda table: table["crate"].reverse(), "not sorted"),
    "misspelt": (
        lambda table: entry(table, "libc").update(license="x"),
        "deps.toml has ['license']",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_caught(resolved: System, name: str) -> None:
    edit, said = EDITS[name]
    table = listed()
    edit(table)
    found = policy.compare(table, resolved)
    assert any(said in problem for problem in found), found


def test_a_second_version_is_caught(resolved: System) -> None:
    more = copy.copy(resolved["linux"][0])
    more.version = "99.0.0"
    found = policy.compare(listed(), {**resolved, "linux": [*resolved["linux"], more]})
    assert f"{more.name} is linked in two versions" in found


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("build-sdist.txt", "maturin==", "maturin>=", "not pinned with a hash: maturin>="),
        (
            "build-sdist.txt",
            "",
            "six==1.17.0 \\\n    --hash=sha256:00\n",
            "building the sdist takes",
        ),
        (
            "build-wheel.txt",
            "",
            "six==1.17.0 \\\n    --hash=sha256:00\n",
            "building the wheel takes",
        ),
        ("test.txt", "", "six==1.17.0\n", "not pinned with a hash: six==1.17.0"),
        ("test.txt", "", "six @ file:///tmp/six\n", "not pinned with a hash: six"),
    ],
)
def test_caught_in_requirements(tmp_path: Path, file: str, old: str, new: str, said: str) -> None:
    folder = tmp_path / "requirements"
    shutil.copytree(ROOT / "scripts" / "requirements" / "release", folder)
    text = (folder / file).read_text()
    (folder / file).write_text(text.replace(old, new, 1) if old else new + text)
    found = policy.requirements(listed(), folder)
    assert any(said in problem for problem in found), found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('requires = ["', 'requires = ["setuptools", "', "pyproject.toml builds with"),
        (
            'dynamic = ["version"]',
            'dynamic = ["version"]\ndependencies = ["certifi"]',
            "requires other",
        ),
    ],
)
def test_caught_in_pyproject(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert old in text
    (tmp_path / "pyproject.toml").write_text(text.replace(old, new, 1))
    (found,) = policy.pyproject(tmp_path / "pyproject.toml", listed())
    assert said in found


def test_every_owner_is_of_the_repository_that_is_verified() -> None:
    """What release/verify demands, what the manifest says, and who is asked for reviews."""
    owner = consumer.REPOSITORY.partition("/")[0]
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    url = manifest["workspace"]["package"]["repository"]
    assert url == f"https://github.com/{consumer.REPOSITORY}"
    lines = (ROOT / ".github" / "CODEOWNERS").read_text().splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    teams = {team for _, *owners in rules for team in owners}
    assert teams == {f"@{owner}/{name}" for name in ("developers", "releasers", "security")}
    assert all(owners for _, *owners in rules)
    for pattern, *_ in rules:
        assert pattern == "*" or (ROOT / pattern.strip("/")).exists(), pattern


def test_there_is_one_version() -> None:
    assert policy.versions(ROOT) == []


@pytest.mark.parametrize(
    ("file", "pattern", "new", "said"),
    [
        ("Cargo.toml", r'(?<=\nversion = ")[\d.]+', "9.9.9", "_version.py has "),
        ("python/trustbridge/_version.py", r"\d[\d.]+", "9.9.9", "_version.py has 9.9.9"),
        ("python/trustbridge/_version.py", "__version__", "version", "_version.py has , not"),
        (
            "Cargo.lock",
            r'(?<=name = "trustbridge-python"\nversion = ")[\d.]+',
            "9.9.9",
            "Cargo.lock: trustbridge-python has 9.9.9",
        ),
        (
            "tests/fuzz/Cargo.lock",
            r'(?<=name = "trustbridge"\nversion = ")[\d.]+',
            "9.9.9",
            "tests/fuzz/Cargo.lock: trustbridge has 9.9.9",
        ),
        ("pyproject.toml", r'dynamic = \["version"\]', 'version = "9.9.9"', "pyproject.toml does"),
    ],
)
def test_another_version_is_caught(
    tmp_path: Path, file: str, pattern: str, new: str, said: str
) -> None:
    for name in (
        "Cargo.toml",
        "Cargo.lock",
        "tests/fuzz/Cargo.lock",
        "pyproject.toml",
        "python/trustbridge/_version.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    text = (tmp_path / file).read_text()
    edited = re.sub(pattern, new, text, count=1)
    assert edited != text, "this counter-example changes nothing"
    (tmp_path / file).write_text(edited)
    found = policy.versions(tmp_path)
    assert any(said in problem for problem in found), found


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("ISC AND (GPL-2.0-only OR MIT)", True),
        ("(ISC AND GPL-2.0-only) OR MIT", True),
        ("(ISC OR MIT) AND GPL-2.0-only", False),
        ("", False),
        ("MIT OR", False),
        ("(MIT", False),
        ("MIT ISC", False),
        ("Apache-2.0 WITH LLVM-exception", False),
    ],
)
def test_licences(expression: str, allowed: bool) -> None:
    assert policy.licence_allowed(expression, {"MIT", "ISC", "Apache-2.0"}) is allowed
