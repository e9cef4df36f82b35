"""The dependency policy: deps.toml is what is linked, within the budgets, under known licences."""

import re
from pathlib import Path
from typing import Any

import tomllib

from . import linked
from .base import RELEASE, fail, version_of

SYSTEMS = {
    "linux": "x86_64-unknown-linux-gnu",
    "windows": "x86_64-pc-windows-msvc",
    "macos": "aarch64-apple-darwin",
}
REQUIRED_FILES = (
    ".github/CODEOWNERS",
    ".github/SECURITY.md",
    ".github/dependabot.yml",
    ".github/workflows/release.yml",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "release/RELEASING.md",
    "release/deny.toml",
)
C_SOURCE = {".c", ".cc", ".cpp", ".S", ".s", ".asm", ".o", ".obj", ".a", ".lib", ".so", ".dll"}
UNSAFE = re.compile(r"\bunsafe\b\s*(?:\{|fn|impl|extern|trait)")
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", re.MULTILINE)


def check_dependencies(clone: Path, cargo: Path, env: dict[str, str]) -> dict[str, Any]:
    """Fails with every difference; else the counts."""
    policy = tomllib.loads((clone / "release" / "deps.toml").read_text())
    by_system = {}
    for system, target in SYSTEMS.items():
        graph = linked.graph(clone, "trustbridge-python", target, cargo, env)
        by_system[system] = [crate for crate in graph.linked() if not crate.local]
    problems = compare(policy, by_system)
    problems += requirements(policy, clone / "scripts" / "requirements" / "release")
    problems += pyproject(clone / "pyproject.toml", policy)
    problems += versions(clone)
    problems += [f"{name} is missing" for name in REQUIRED_FILES if not (clone / name).is_file()]
    if problems:
        fail("\n".join(["the policy does not hold:", *problems]))
    return {"linked": {system: len(crates) for system, crates in by_system.items()}}


def compare(policy: dict[str, Any], by_system: dict[str, list[linked.Crate]]) -> list[str]:
    problems = []
    listed = {crate["name"]: crate for crate in policy["crate"]}
    if list(listed) != sorted(listed) or len(listed) != len(policy["crate"]):
        problems.append("deps.toml is not sorted, or lists a crate twice")
    crates: dict[str, linked.Crate] = {}
    for system, found in by_system.items():
        for crate in found:
            if crate.name in crates and crates[crate.name].version != crate.version:
                problems.append(f"{crate.name} is linked in two versions")
            crates[crate.name] = crate
        names = {crate.name for crate in found}
        wanted = {name for name, crate in listed.items() if system in crate.get("on", SYSTEMS)}
        for name in sorted(names - wanted):
            problems.append(f"{system} links {name}, which deps.toml does not list")
        for name in sorted(wanted - names):
            problems.append(f"deps.toml lists {name}, which {system} does not link")
    count = len(by_system["linux"])
    if count > policy["budget"]["linked-on-linux"]:
        problems.append(f"{count} crates are linked on Linux")
    allowed = set(policy["budget"]["licences"])
    for name, crate in sorted(crates.items()):
        if name in listed:
            problems += _compare_crate(listed[name], crate, allowed)
    return problems


def _compare_crate(entry: dict[str, Any], crate: linked.Crate, allowed: set[str]) -> list[str]:
    problems = []
    known = {"name", "why", "licence", "build", "unsafe", "c", "on", "vendored"}
    if unknown := entry.keys() - known:
        problems.append(f"{crate.name}: deps.toml has {sorted(unknown)}")
    if not entry.get("why"):
        problems.append(f"{crate.name}: deps.toml does not say why")
    if entry.get("licence") != crate.licence:
        problems.append(f"{crate.name}: its licence is {crate.licence}")
    if not licence_allowed(crate.licence, allowed):
        problems.append(f"{crate.name}: {crate.licence} is not among the licences of deps.toml")
    facts = {"build": crate.build_script, "unsafe": has_unsafe(crate.folder)}
    facts["c"] = any(path.suffix in C_SOURCE for path in crate.folder.rglob("*"))
    for name, fact in facts.items():
        if entry.get(name, False) != fact:
            problems.append(f"{crate.name}: `{name}` is {str(fact).lower()}")
    if facts["c"] and not entry.get("vendored"):
        problems.append(f"{crate.name}: deps.toml does not name its C")
    folders: set[str] = set()
    for part in entry.get("vendored", []):
        if "evidence" in part:
            match = re.search(part["pattern"], (crate.folder / part["evidence"]).read_text())
            version = ".".join(match.groups()) if match else None
            if version != part["version"]:
                problems.append(f"{crate.name}: {part['name']} has the version {version}")
        if "folder" in part:
            folders.add(part["folder"])
        if not licence_allowed(part["licence"], allowed):
            problems.append(f"{crate.name}: {part['name']} is under {part['licence']}")
    for parent in {Path(folder).parent for folder in folders}:
        beside = {
            str(path.relative_to(crate.folder))
            for path in (crate.folder / parent).iterdir()
            if path.is_dir()
        }
        for folder in sorted(beside ^ folders):
            problems.append(f"{crate.name}: {folder} is only in the crate or only in deps.toml")
    return problems


def has_unsafe(folder: Path) -> bool:
    for path in (folder / "src").rglob("*.rs"):
        text = re.sub(r"//.*", "", path.read_text(errors="replace"))
        if UNSAFE.search(text):
            return True
    return False


def licence_allowed(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression can be met by the allowed licences alone."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression)

    def either() -> bool:
        result = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            result = both() or result
        return result

    def both() -> bool:
        result = atom()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            result = atom() and result
        return result

    def atom() -> bool:
        token = tokens.pop(0)
        if token == "(":
            result = either()
            if tokens.pop(0) != ")":
                raise ValueError(expression)
            return result
        return token in allowed

    try:
        result = either()
    except (IndexError, ValueError):
        return False
    return result and not tokens


def requirements(policy: dict[str, Any], folder: Path) -> list[str]:
    """Every Python package is pinned with a hash; the build sets are within the budget."""
    problems = []
    for path in sorted(folder.glob("*.txt")):
        blocks = re.split(r"\n(?=[A-Za-z0-9])", path.read_text())
        for block in blocks:
            text = "\n".join(line for line in block.splitlines() if not line.startswith("#"))
            if text.strip() and not (PIN.match(text) and "--hash=sha256:" in text):
                problems.append(f"{path.name}: not pinned with a hash: {text.splitlines()[0]}")
    for name in ("sdist-build", "wheel-build"):
        kind = name.removesuffix("-build")
        pinned = [match[0] for match in PIN.findall((folder / f"build-{kind}.txt").read_text())]
        if sorted(pinned) != sorted(policy["budget"][name]):
            problems.append(f"building the {kind} takes {pinned}")
    return problems


def pyproject(path: Path, policy: dict[str, Any]) -> list[str]:
    """What pip needs to build the sdist is what the release builds it with."""
    table = tomllib.loads(path.read_text())
    names = [re.split(r"[^A-Za-z0-9_.-]", entry)[0] for entry in table["build-system"]["requires"]]
    problems = []
    if names != policy["budget"]["sdist-build"]:
        problems.append(f"pyproject.toml builds with {names}")
    if table["project"].get("dependencies") or table["project"].get("optional-dependencies"):
        problems.append("pyproject.toml requires other packages")
    return problems


def versions(clone: Path) -> list[str]:
    """Whatever has our version in its text has that of Cargo.toml."""
    version = version_of(clone)
    told = {}
    for name in ("Cargo.lock", "tests/fuzz/Cargo.lock"):
        for package in tomllib.loads((clone / name).read_text())["package"]:
            if package["name"].startswith("trustbridge") and package["name"] != "trustbridge-fuzz":
                told[f"{name}: {package['name']}"] = package["version"]
    text = (clone / "python" / "trustbridge" / "_version.py").read_text()
    found = re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    told["python/trustbridge/_version.py"] = " ".join(found)
    for path in sorted((clone / "tests" / "pip").glob("*.patch")):
        for pinned in re.findall(r"^\+trustbridge==(\S+)", path.read_text(), re.MULTILINE):
            told[f"tests/pip/{path.name}"] = pinned
    problems = [f"{name} has {one}, not {version}" for name, one in told.items() if one != version]
    project = tomllib.loads((clone / "pyproject.toml").read_text())["project"]
    if "version" in project or "version" not in project.get("dynamic", []):
        problems.append("pyproject.toml does not take the version from Cargo.toml")
    return problems


def default_policy() -> dict[str, Any]:
    return tomllib.loads((RELEASE / "deps.toml").read_text())
