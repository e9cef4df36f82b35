"""pip's own tests, run with each variant of pip.

pip's source distribution does not have them. That of kpip, a derivative of pip, has a part, with
the name changed and without the data. Here the name is changed back, and the data is made again.
"""

from __future__ import annotations

import collections
import io
import os
import re
import shutil
import subprocess
import tarfile
import time
import xml.etree.ElementTree
from pathlib import Path

HERE = Path(__file__).resolve().parent
SDIST = "kpip-0.0.1.tar.gz"
#: Ours: that a variant is what it is called. It is not counted.
CHECK = "test_variant.py"

NAMES = (("kpip", "pip"), ("Kpip", "Pip"), ("KPIP", "PIP"))
#: The derivative's modules that the chosen files import, and pip's.
MODULES = {
    "pip.build.metadata import MetadataDistribution": (
        "pip._internal.metadata import BaseDistribution as MetadataDistribution"
    ),
    "pip.cli import main": "pip._internal.cli import main",
    "pip.cli.config import": "pip._internal.configuration import",
    "pip.core.direct_url import": "pip._internal.models.direct_url import",
    "pip.core.temp_dir import": "pip._internal.utils.temp_dir import",
    "pip.platform.locations.base import": "pip._internal.locations.base import",
}
#: What else is different in the derivative: file, pattern, replacement.
EDITS = (
    # Its build backend needs nothing; pip's must be there.
    ("conftest.py", r'(?<=\n {16})"--no-deps",\n', '"--no-deps", "--no-build-isolation",\n'),
    # It runs build backends by a file of its own; pip does by one that has to be there as source.
    (
        "conftest.py",
        r'(?<=    )"pip/__pip-runner__\.py",\n',
        r'\g<0>    "pip/_vendor/pyproject_hooks/_in_process/_in_process.py",\n',
    ),
    # pip has these libraries within itself.
    ("conftest.py", r"    dependency_root = .*?(?=    with open\(venv\.site / .pytest_s)", ""),
)
#: The test files, all but what is left out below.
FILES = ("test_install_config.py", "test_proxy.py")
#: Tests that are not marked as needing the network, and do, or need the machine's settings.
LEFT_OUT = {
    "test_command_line_options_override_env_vars": "asks servers on the internet",
    "test_options_from_venv_config": "reads pip's configuration on this machine too",
}
#: How pip is run in them.
HOW = ("installed", "zipapp")
#: At least as many pass. The tests must not become empty.
EXPECTED = 33
#: The packages that the tests install.
PACKAGES = (("INITools", "0.2"), ("simple", "3.0"), ("upper", "2.0"))

Outcomes = dict[str, str]


def run_own_tests(
    work: Path,
    python: Path,
    sources: dict[str, Path],
    fetched: dict[str, Path],
    environment: dict[str, str],
) -> bool:
    """Runs them with each pip, whose sources are given; whether all end as with the first."""
    shutil.rmtree(work, ignore_errors=True)
    good = True
    total: collections.Counter[str] = collections.Counter()
    for variant, source in sources.items():
        lay_out(work / variant, source, fetched)
    for how in HOW:
        wanted: Outcomes = {}
        for variant in sources:
            start = time.monotonic()
            found, log = run_pytest(work / variant, python, how, environment)
            took = time.monotonic() - start
            checked = found.pop("tests.cli.functional.test_variant::test_variant", "missing")
            counted = collections.Counter(found.values())
            told = f"{variant:11} pip's own tests, {how + ':':10}"
            print(f"{told} {summary(counted)} in {took:.0f} s", flush=True)
            wanted = wanted or found
            wrong = different(wanted, found)
            if checked != "passed":
                wrong.append(f"{CHECK}: {checked}")
            if counted["passed"] < EXPECTED:
                wrong.append(f"{counted['passed']} passed, and {EXPECTED} are expected")
            if wrong:
                good = False
                shown = log.read_text().splitlines()[-200:]
                print(*shown, f"FAILED, all of it is in {log}:", *wrong, sep="\n  ", flush=True)
        total.update(wanted.values())
    outcome = f"{summary(total)} with each of {', '.join(sources)}" if good else "FAILED"
    print(f"pip's own tests: {outcome}", flush=True)
    return good


def summary(counted: collections.Counter[str]) -> str:
    return ", ".join(f"{counted[name]} {name}" for name in ("passed", "skipped", "xfailed"))


def different(wanted: Outcomes, found: Outcomes) -> list[str]:
    """What is wrong with the outcomes, compared with those of the unmodified pip."""
    wrong = []
    for name in sorted({*wanted, *found}):
        before, now = wanted.get(name, "missing"), found.get(name, "missing")
        if now != before or now == "failed":
            wrong.append(f"{name}: {now}, with the unmodified pip {before}")
    return wrong


# --- preparing -----------------------------------------------------------------------------------


def lay_out(folder: Path, source: Path, fetched: dict[str, Path]) -> None:
    """A folder with pip's sources and its tests, as in a checkout."""
    shutil.copytree(source, folder)
    wanted = re.compile(
        rf"conftest\.py|tests/cli/(kpip_test_support/.*|functional/{any_of(FILES)})"
    )
    with tarfile.open(fetched[SDIST]) as archive:
        for member in archive:
            name = member.name.partition("/")[2]
            if member.isfile() and wanted.fullmatch(name):
                text = archive.extractfile(member).read().decode()
                path = folder / rename(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(edit(rename(name), rename(text)))
    tests = folder / "tests/cli/functional"
    assert {path.name for path in tests.iterdir()} == set(FILES)
    shutil.copy(HERE / CHECK, tests)
    data = folder / "tests/cli/data"
    (data / "common_wheels").mkdir(parents=True)
    for name, path in fetched.items():
        if name.endswith(".whl"):
            shutil.copy(path, data / "common_wheels")
    (data / "packages").mkdir()
    for name, version in PACKAGES:
        make_sdist(data / "packages", name, version)


def any_of(words: tuple[str, ...]) -> str:
    return f"({'|'.join(map(re.escape, words))})"


def rename(text: str) -> str:
    for theirs, name in NAMES:
        text = text.replace(theirs, name)
    return text


def edit(name: str, text: str) -> str:
    for theirs, module in MODULES.items():
        text = text.replace(f"from {theirs}", f"from {module}")
    for path, pattern, replacement in EDITS:
        if path == name:
            text, count = re.subn(pattern, replacement, text, flags=re.DOTALL)
            assert count == 1, (name, pattern, count)
    return text


def make_sdist(folder: Path, name: str, version: str) -> None:
    """A source distribution with one empty package, to be built with setuptools."""
    files = {
        "PKG-INFO": f"Metadata-Version: 1.0\nName: {name}\nVersion: {version}\n",
        "setup.py": (
            "from setuptools import setup\n"
            f"setup(name={name!r}, version={version!r}, packages=[{name.lower()!r}])\n"
        ),
        f"{name.lower()}/__init__.py": "",
    }
    with tarfile.open(folder / f"{name}-{version}.tar.gz", "w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))


# --- running -------------------------------------------------------------------------------------


def run_pytest(
    folder: Path, python: Path, how: str, environment: dict[str, str]
) -> tuple[Outcomes, Path]:
    """Runs the tests in such a folder; how each ended, and what pytest printed."""
    log, report = folder / f"{how}.log", folder / f"{how}.xml"
    temporary = folder / "tmp"
    temporary.mkdir()
    options = ["-n", str(min(os.cpu_count() or 2, 8)), "-m", "not network", "--timeout", "300"]
    options += ["--color", "no", "--tb", "short"]
    options += ["-p", "no:cacheprovider", "--basetemp", str(temporary / "pytest")]
    options += ["--junit-xml", str(report)]
    if how == "zipapp":
        options.append("--use-zipapp")
    for name in LEFT_OUT:
        options += ["--deselect", f"tests/cli/functional/test_install_config.py::{name}"]
    tests = [f"tests/cli/functional/{name}" for name in (CHECK, *FILES)]
    with log.open("w") as output:
        subprocess.run(
            [str(python), "-m", "pytest", *options, *tests],
            cwd=folder,
            # The tests' own process and what it starts have this pip; the virtual environments that
            # the tests make do not see the variable.
            env=environment
            | {"PYTHONPATH": str(folder / "src"), "TMPDIR": str(temporary), "VARIANT": folder.name},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    shutil.rmtree(temporary)
    return (outcomes(report) if report.exists() else {}), log


def outcomes(report: Path) -> Outcomes:
    """How each test ended, out of a report in JUnit's format."""
    found: Outcomes = {}
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            found[name] = "failed"
        elif (skipped := case.find("skipped")) is not None:
            xfailed = skipped.get("type") == "pytest.xfail"
            found.setdefault(name, "xfailed" if xfailed else "skipped")
        else:
            found.setdefault(name, "passed")
    return found
