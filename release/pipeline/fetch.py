"""The stages with a network: they bring everything that is pinned, and run none of it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .base import (
    REQUIREMENTS,
    fail,
    note,
    pins,
    requirement_file,
    sha256,
    toolchain,
    tree_sums,
    unpack,
    write_json,
)
from .build import PREVIEW, PREVIEW_LIBRARY, preview_version
from .linked import lock_checksums

SETS = ("build-sdist", "build-wheel", "check", "lint", "test", "package-tests")


def fetch(clone: Path, work: Path, store: Path) -> dict[str, object]:
    crates = _crates(clone, work, store)
    for name in SETS:
        _python(name, store)
    write_json(store / "store.json", {"crates": crates, "files": tree_sums(store)})
    size = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    note(f"{len(crates)} crates and {len(SETS)} sets of Python packages, {size >> 20} MiB")
    return {"crates": len(crates)}


def fetch_preview(store: Path, work: Path, out: Path) -> dict[str, object]:
    """The store, and the crates that the standard library of Debian's compiler is made of."""
    version = preview_version()
    lock = PREVIEW_LIBRARY / "Cargo.lock"
    manifest = str(PREVIEW_LIBRARY / "Cargo.toml")
    _cargo(work, "fetch", "--quiet", "--locked", "--manifest-path", manifest, tools=PREVIEW)
    wanted = set(lock_checksums(lock).values())
    shutil.copytree(store, out, dirs_exist_ok=True)
    cache = out / "cargo" / "registry" / "cache"
    for part in ("cache", "index"):
        folder = work / "cargo" / "registry" / part
        shutil.copytree(folder, cache.parent / part, dirs_exist_ok=True)
    crates = {str(path.relative_to(cache)): sha256(path) for path in cache.rglob("*.crate")}
    known = set(json.loads((store / "store.json").read_text())["crates"].values())
    if stray := set(crates.values()) - known - wanted:
        fail(f"{len(stray)} crates are not of the lock files")
    write_json(out / "store.json", {"crates": crates, "rust": version})
    note(f"{len(set(crates.values()) - known)} crates for the standard library of rustc {version}")
    return {"rust": version, "release": False}


def _cargo(work: Path, *arguments: str, tools: Path | None = None) -> None:
    """The machine's environment stays: a proxy and its certificates may be needed."""
    env = {**os.environ, "CARGO_HOME": str(work / "cargo")}
    env.pop("CARGO_NET_OFFLINE", None)
    cargo = (tools or toolchain()) / "cargo"
    env["RUSTC"] = str(cargo.parent / "rustc")
    done = subprocess.run([cargo, *arguments], env=env, capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"cargo {' '.join(arguments)}\n{done.stderr}")


def _crates(clone: Path, work: Path, store: Path) -> dict[str, str]:
    wanted: dict[tuple[str, str], str] = {}
    _cargo(work, "fetch", "--quiet", "--locked", "--manifest-path", str(clone / "Cargo.toml"))
    wanted |= lock_checksums(clone / "Cargo.lock")

    pin = pins()["cargo-auditable"]
    holder = work / "holder"
    (holder / "src").mkdir(parents=True)
    (holder / "src" / "lib.rs").touch()
    (holder / "Cargo.toml").write_text(
        '[package]\nname = "holder"\nversion = "0.0.0"\nedition = "2024"\n'
        f'[dependencies]\ncargo-auditable = "={pin["version"]}"\n'
    )
    # Cargo downloads a program that it cannot link, and no more: its own lock then says the rest.
    _cargo(work, "fetch", "--quiet", "--manifest-path", str(holder / "Cargo.toml"))
    cache = work / "cargo" / "registry" / "cache"
    archive = next(cache.rglob(f"cargo-auditable-{pin['version']}.crate"))
    if sha256(archive) != pin["sha256"]:
        fail(f"{archive.name} is not the one of pins.toml")
    unpack(archive, work)
    source = work / archive.name.removesuffix(".crate")
    _cargo(work, "fetch", "--quiet", "--locked", "--manifest-path", str(source / "Cargo.toml"))
    wanted |= lock_checksums(source / "Cargo.lock")
    shutil.copyfile(archive, store / archive.name)

    # Cargo checks what it downloads; what it had from before, and what it resolved for the
    # holder alone, is checked or dropped here.
    crates = {}
    for path in sorted(cache.rglob("*.crate")):
        name, _, version = path.name.removesuffix(".crate").partition("-")
        while (name, version) not in wanted and "-" in version:
            head, _, version = version.partition("-")
            name = f"{name}-{head}"
        checksum = wanted.get((name, version))
        if checksum is None:
            path.unlink()
        elif sha256(path) != checksum:
            fail(f"{path.name} is not the one of Cargo.lock")
        else:
            crates[str(path.relative_to(cache))] = checksum
    missing = set(wanted.values()) - set(crates.values())
    if missing:
        fail(f"{len(missing)} crates of the lock files were not downloaded")
    for part in ("cache", "index"):
        shutil.copytree(work / "cargo" / "registry" / part, store / "cargo" / "registry" / part)
    return crates


def _python(name: str, store: Path) -> None:
    """Wheels only: a source archive would have to be built, which runs code."""
    folder = store / "python" / name
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes"),
            *("--no-deps", "--only-binary", ":all:", "--dest", str(folder)),
            *("--requirement", str(requirement_file(name))),
        ],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        fail(f"pip download of {REQUIREMENTS.name}/{name}.txt\n{done.stderr}")
