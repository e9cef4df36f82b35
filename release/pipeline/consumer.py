"""`release/verify VERSION`: what anybody can check about a release with a package index alone.

Downloads what the index has of the version, compares it with the index's digests and with a
SHA256SUMS if there is one, verifies the attestations where the index serves them, makes the bundle
again of the other wheels, builds the wheel again from the sdist, and ends in "same bytes" or in
what differs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .base import (
    RELEASE,
    Failure,
    clean_env,
    fail,
    note,
    parse_sums,
    requirement_file,
    run,
    sha256,
)
from .build import make_bundle
from .index import JSON

# Who may publish, whatever an index says: the workflow and the environment of RELEASING.md.
REPOSITORY = "trustbridge/trustbridge"
WORKFLOW = "release.yml"
ENVIRONMENT = "pypi"

LAYOUT = "the archives are laid out differently"
# The wheel that one ordinary machine can build again.
REBUILT = "manylinux2014_x86_64"
LARGEST = 64 << 20

Rebuild = Callable[[Path, Path, argparse.Namespace], Path]


@dataclass
class File:
    name: str
    url: str
    digest: str
    provenance: str | None


@dataclass
class Told:
    """What was not checked, to be said at the end."""

    gaps: list[str] = field(default_factory=list)


def main(arguments: list[str], rebuild: Rebuild | None = None) -> int:
    parser = argparse.ArgumentParser(prog="release/verify", description=__doc__)
    parser.add_argument("version")
    parser.add_argument("--index", help="a simple index; pip's own by default")
    parser.add_argument("--sums", type=Path, help="SHA256SUMS of the release")
    parser.add_argument(
        "--require-attestations", action="store_true", help="fail where a file has none"
    )
    parser.add_argument("--store", type=Path, help="output of stage fetch, to build offline")
    parser.add_argument("--tools", type=Path, help="output of stage tools")
    parser.add_argument("--work", type=Path, help="keep everything in this folder")
    options = parser.parse_args(arguments)
    try:
        if options.work:
            options.work.mkdir(parents=True)
            _verify(options, options.work.resolve(), rebuild or build_again)
        else:
            with tempfile.TemporaryDirectory(prefix="trustbridge-verify-") as work:
                _verify(options, Path(work), rebuild or build_again)
    except Failure as failure:
        print(f"NOT VERIFIED: {failure}")
        return 1
    return 0


def _verify(options: argparse.Namespace, work: Path, rebuild: Rebuild) -> None:
    told = Told()
    index = options.index or _default_index()
    files = _files(index, options.version)
    folder = work / "sources"
    folder.mkdir()
    others = work / "wheels"
    others.mkdir()
    paths = {}
    for file in files:
        path = (folder if file.name.endswith(".tar.gz") else others) / file.name
        path.write_bytes(_get(file.url))
        if sha256(path) != file.digest:
            fail(f"{file.name} is not what the index says: {sha256(path)}, not {file.digest}")
        paths[file.name] = path
    note(f"{len(files)} files, each with the digest of the index")
    _compare_sums(options, paths, told)
    _attestations(options, files, paths, work, told)

    sdists = list(folder.glob("*.tar.gz"))
    wheels = list(others.glob(f"*{REBUILT}*.whl"))
    if len(sdists) != 1 or len(wheels) != 1:
        fail(f"the index has {len(sdists)} source archives and {len(wheels)} {REBUILT} wheels")
    _compare_bundle(others, work)
    rebuilt = rebuild(folder, work, options)
    differences = compare_wheels(wheels[0], rebuilt)
    if differences:
        fail("other bytes: " + "; ".join(differences))
    for gap in told.gaps:
        note(f"not checked: {gap}")
    print(f"same bytes: {wheels[0].name} {sha256(rebuilt)}")


def _default_index() -> str:
    if url := os.environ.get("PIP_INDEX_URL"):
        return url
    try:
        from pip._internal.models.index import PyPI
    except ImportError:
        fail("there is no pip to ask for its index: give --index")
    return str(PyPI.simple_url)


def _get(url: str, accept: str = "*/*") -> bytes:
    # Loopback is for the tests; anything else must be authenticated by TLS.
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and parts.hostname != "127.0.0.1":
        fail(f"will not fetch from {parts.scheme}://{parts.hostname}")
    request = urllib.request.Request(url, headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            body = response.read(LARGEST + 1)
    except (OSError, urllib.error.URLError) as error:
        fail(f"{url}: {error}")
    if len(body) > LARGEST:
        fail(f"{url} is larger than {LARGEST} bytes")
    return bytes(body)


def _files(index: str, version: str) -> list[File]:
    """The files of one version, from the JSON form of the index (PEP 691)."""
    page = index.rstrip("/") + "/trustbridge/"
    try:
        listing: dict[str, Any] = json.loads(_get(page, JSON))
        files = []
        for entry in listing["files"]:
            name = entry["filename"]
            stem = f"trustbridge-{version}"
            if name != f"{stem}.tar.gz" and not name.startswith(f"{stem}-"):
                continue
            if "/" in name or "\\" in name:
                fail(f"the index has a file called {name!r}")
            url = urllib.parse.urljoin(page, entry["url"])
            files.append(File(name, url, entry["hashes"]["sha256"], entry.get("provenance")))
    except (ValueError, KeyError, TypeError) as error:
        fail(f"{page}: cannot read the listing: {error!r}")
    if not files:
        fail(f"the index has no file of trustbridge {version}")
    return files


def _compare_sums(options: argparse.Namespace, paths: dict[str, Path], told: Told) -> None:
    if options.sums is None:
        told.gaps.append("SHA256SUMS of the release page (give --sums)")
        return
    sums = parse_sums(options.sums.read_text())
    wanted = {name for name in sums if name.endswith((".whl", ".tar.gz"))}
    for name in sorted(wanted ^ paths.keys()):
        fail(f"{name} is only in SHA256SUMS or only on the index")
    for name, path in sorted(paths.items()):
        if sha256(path) != sums[name]:
            fail(f"{name} is not the file of SHA256SUMS")
    note(f"SHA256SUMS: {len(wanted)} files are the release's")


# Attestations -----------------------------------------------------------------------------------


def _attestations(
    options: argparse.Namespace, files: list[File], paths: dict[str, Path], work: Path, told: Told
) -> None:
    without = [file.name for file in files if not file.provenance]
    if without and options.require_attestations:
        fail(f"no attestation for {', '.join(without)}")
    if without:
        told.gaps.append(f"attestations: the index serves none for {len(without)} files")
    for file in files:
        if file.provenance:
            told_by = attestation_verdict(_get(file.provenance), paths[file.name], work)
            note(f"attestation of {file.name}: {told_by}")


def attestation_verdict(provenance: bytes, path: Path, work: Path) -> str:
    """Verifies in a process with pypi-attestations: installed here, or pinned and fetched."""
    program = RELEASE / "pipeline" / "attestation.py"
    python = Path(sys.executable)
    found = subprocess.run([python, "-c", "import pypi_attestations"], capture_output=True)
    if found.returncode != 0:
        python = work / "attestations" / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", work / "attestations"], check=True)
            done = subprocess.run(
                [
                    python,
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--require-hashes",
                    "--no-deps",
                    "--only-binary",
                    ":all:",
                    "--requirement",
                    requirement_file("verify"),
                ],
                capture_output=True,
                text=True,
            )
            if done.returncode != 0:
                fail(f"attestations cannot be verified: {done.stderr.strip()}")
    file = work / "provenance.json"
    file.write_bytes(provenance)
    # Not in the clean environment: it may have to refresh Sigstore's roots through a proxy.
    done = subprocess.run(
        [python, program, file, path, REPOSITORY, WORKFLOW, ENVIRONMENT],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        fail(f"the attestation of {path.name} does not hold: {done.stdout.strip()}{done.stderr}")
    return done.stdout.strip()


# Rebuilding -------------------------------------------------------------------------------------


def build_again(sources: Path, work: Path, options: argparse.Namespace) -> Path:
    """The same stages that built the release, from the sdist; its wheel."""
    stage = RELEASE / "stage"
    # The machine's environment, for a proxy: a stage cleans its own.
    env = {**clean_env(work), **os.environ}
    store, tools = options.store, options.tools
    if store is None:
        (tree,) = _unpack(sources, work)
        store = work / "store"
        run(sys.executable, stage, "fetch", tree, store, env=env)
    if tools is None:
        tools = work / "tools"
        run(sys.executable, stage, "tools", store, tools, env=env)
    run(sys.executable, stage, "wheel", sources, store, tools, work / "rebuilt", env=env)
    (wheel,) = (work / "rebuilt").glob("*.whl")
    return wheel


def _compare_bundle(wheels: Path, work: Path) -> None:
    """The bundle is of the other wheels: the same bytes, or at least the same contents."""
    found = list(wheels.glob("*-py3-none-any.whl"))
    if len(found) != 1:
        fail(f"the index has {len(found)} bundles")
    again = make_bundle(sorted(wheels.glob("*-cp310-abi3-*.whl")), work / "bundle")
    differences = compare_wheels(found[0], again)
    if differences == [LAYOUT]:
        note(f"{found[0].name} has the same contents; this machine's zlib packs them differently")
    elif differences:
        fail(f"{found[0].name} is not made of the other wheels: " + "; ".join(differences))
    else:
        note(f"{found[0].name} is made of the other wheels")


def _unpack(sources: Path, work: Path) -> list[Path]:
    from .build import unpack_sdist

    (sdist,) = sources.glob("*.tar.gz")
    return [unpack_sdist(sdist, work / "tree")[0]]


def compare_wheels(published: Path, rebuilt: Path) -> list[str]:
    """Nothing for the same bytes; else every member that differs, or how the archives do."""
    if sha256(published) == sha256(rebuilt):
        return []
    with zipfile.ZipFile(published) as ours, zipfile.ZipFile(rebuilt) as theirs:
        left = {entry.filename: entry for entry in ours.infolist()}
        right = {entry.filename: entry for entry in theirs.infolist()}
        found = [f"{name} is only in the published wheel" for name in left.keys() - right.keys()]
        found += [f"{name} is only in the rebuilt wheel" for name in right.keys() - left.keys()]
        for name in left.keys() & right.keys():
            if ours.read(name) != theirs.read(name):
                found.append(f"{name} has other content")
            elif left[name].date_time != right[name].date_time:
                found.append(f"{name} has another time")
            elif left[name].external_attr != right[name].external_attr:
                found.append(f"{name} has another mode")
    if published.name != rebuilt.name:
        found.append(f"the name is {rebuilt.name}")
    return sorted(found) or [LAYOUT]
