"""Rules for the bills of materials."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomllib

from .. import sbom
from ..base import RELEASE, Failure, unpack
from ..build import prune_lock
from ..linked import lock_checksums
from .dist import Dist, Problems, rule


def _bills(dist: Dist) -> Iterator[tuple[str, str]]:
    for pattern in ("*.tar.gz", "*.crate"):
        path = dist.one(pattern + ".cdx.json")
        yield path.name, path.read_text()
    for wheel in dist.wheels:
        bills = wheel.bills()
        if set(bills) != {"trustbridge.cdx.json"}:
            raise LookupError(f"{wheel.file_name}: its bills of materials are {sorted(bills)}")
        yield f"{wheel.file_name}: trustbridge.cdx.json", bills["trustbridge.cdx.json"]


def _components(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The crates of a bill by name and version."""
    found = {}
    for component in json.loads(text)["components"]:
        purl = component["purl"]
        if purl.startswith("pkg:cargo/"):
            name, _, version = purl.removeprefix("pkg:cargo/").rpartition("@")
            if (component["name"], component["version"]) != (name, version):
                raise ValueError(f"{purl} is called {component['name']} {component['version']}")
            if (name, version) in found:
                raise ValueError(f"{purl} is listed twice")
            found[name, version] = component
    return found


@rule
def sbom_schema(dist: Dist) -> Problems:
    """CycloneDX 1.6, by the strict schema; references resolve; names are pkg:pypi or pkg:cargo."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    validator = JsonStrictValidator(SchemaVersion.V1_6)
    for name, text in _bills(dist):
        error = validator.validate_str(text)
        if error is not None:
            yield f"{name}: {str(error).splitlines()[0]}"
            continue
        bill = json.loads(text)
        subject = bill["metadata"]["component"]
        kind = "cargo" if ".crate." in name else "pypi"
        if subject["purl"] != f"pkg:{kind}/trustbridge@{dist.version}":
            yield f"{name}: is about {subject['purl']}"
        refs = {component["bom-ref"] for component in bill["components"]} | {subject["bom-ref"]}
        edges = {edge["ref"]: edge["dependsOn"] for edge in bill["dependencies"]}
        if edges.keys() != refs or any(set(targets) - refs for targets in edges.values()):
            yield f"{name}: its dependencies and components are not the same"
        reached: set[str] = set()
        todo = [subject["bom-ref"]]
        while todo:
            ref = todo.pop()
            if ref not in reached:
                reached.add(ref)
                todo += edges.get(ref, [])
        stray = {ref for ref in refs - reached if not ref.startswith("pkg:generic/")}
        if stray:
            yield f"{name}: nothing depends on {sorted(stray)}"


@rule
def sbom_is_the_binary(dist: Dist) -> Problems:
    """A wheel's bill lists what the binary's own .dep-v0 says, and the toolchain's library."""
    looked = 0
    for wheel, where, packages in dist.embedded():
        looked += 1
        if packages is None:
            yield f"{where} has no section .dep-v0"
            continue
        roots = [package["name"] for package in packages if package.get("root")]
        if roots != ["trustbridge-python"]:
            yield f"{where}: the root of .dep-v0 is {roots}"
        embedded = {
            (package["name"], package["version"])
            for package in packages
            if package.get("kind", "runtime") == "runtime" and not package.get("root")
        }
        bill = wheel.bills()["trustbridge.cdx.json"]
        for name, version in sorted(embedded ^ _components(bill).keys()):
            yield f"{where}: {name} {version} is only in its bill or only in .dep-v0"
        generic = {
            component["purl"]
            for component in json.loads(bill)["components"]
            if component["purl"].startswith("pkg:generic/")
        }
        if generic != {f"pkg:generic/rust-std@{dist.rust}"}:
            yield f"{where}: its bill names the toolchain's parts {sorted(generic)}"
    if looked != len(dist.wheels):
        yield f"{len(dist.wheels)} wheels have {looked} binaries"


@rule
def sbom_is_the_lock(dist: Dist) -> Problems:
    """Every crate of a bill has Cargo.lock's checksum; only our own have none."""
    lock = lock_checksums(dist.clone / "Cargo.lock")
    for name, text in _bills(dist):
        for key, component in _components(text).items():
            hashes = [entry["content"] for entry in component.get("hashes", [])]
            ours = key[0] in ("trustbridge", "trustbridge-python")
            if hashes != ([] if ours else [lock.get(key)]):
                yield f"{name}: {' '.join(key)} does not have the checksum of Cargo.lock"


@rule
def sbom_is_the_source(dist: Dist) -> Problems:
    """The bills of the sdist and the crate list what cargo resolves for them on all systems."""
    listing = {
        # From inside the archives: what a person who has only those can build.
        dist.one("*.tar.gz"): ("trustbridge-python", []),
        dist.one("*.crate"): ("trustbridge", []),
    }
    for path, (package, more) in listing.items():
        with tempfile.TemporaryDirectory() as scratch:
            unpack(path, Path(scratch))
            source = Path(scratch, f"trustbridge-{dist.version}")
            try:
                prune_lock(source, Path("cargo"), dict(os.environ))
            except Failure as failure:
                yield f"{path.name}: {failure}"
                continue
            done = subprocess.run(
                [
                    "cargo",
                    "tree",
                    "--offline",
                    "--locked",
                    "--package",
                    package,
                    "--target",
                    "all",
                    "--edges",
                    "normal,build",
                    "--prefix",
                    "none",
                    "--no-dedupe",
                    "--format",
                    "{p}",
                    *more,
                ],
                cwd=source,
                capture_output=True,
                text=True,
            )
            if done.returncode != 0:
                yield f"{path.name}: {done.stderr.strip()}"
                continue
        resolved = set()
        for line in done.stdout.splitlines():
            name, version = line.split()[:2]
            resolved.add((name, version.removeprefix("v")))
        resolved.discard((package, dist.version))
        bill = _components((dist.folder / f"{path.name}.cdx.json").read_text())
        for name, version in sorted(resolved ^ bill.keys()):
            yield f"{path.name}: {name} {version} is only in its bill or only in the archive"


@rule
def sbom_names_the_c(dist: Dist) -> Problems:
    """C and assembly inside crates are named, as deps.toml has them."""
    policy = tomllib.loads((RELEASE / "deps.toml").read_text())
    vendored = {
        crate["name"]: {(part["name"], part.get("version")) for part in crate["vendored"]}
        for crate in policy["crate"]
        if "vendored" in crate
    }
    for name, text in _bills(dist):
        for key, component in _components(text).items():
            nested = {
                (part["name"], part.get("version")) for part in component.get("components", [])
            }
            if nested != vendored.get(key[0], set()):
                yield f"{name}: {' '.join(key)} names {sorted(part[0] for part in nested)}"


@rule
def not_for_release(dist: Dist) -> Problems:
    """What was made as a preview says so in every wheel's bill, and nothing else does."""
    for name, text in _bills(dist):
        properties = json.loads(text)["metadata"].get("properties", [])
        marked = any(entry["name"] == sbom.NOT_FOR_RELEASE for entry in properties)
        if marked and not dist.preview:
            yield f"{name} says that it is not for release"
        if dist.preview and not marked and ".whl" in name:
            yield f"{name} does not say that it is not for release"
