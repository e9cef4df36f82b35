"""Rules for the folder as a whole, and for the archives of sources in it."""

import json
import re
from pathlib import Path
from typing import Any

import tomllib

from .. import artifacts
from ..base import git, parse_sums, sha256
from ..linked import lock_checksums
from .dist import PREVIEW, Dist, Problems, blob, rule


@rule
def files(dist: Dist) -> Problems:
    """The sdist, the crate, a bill of each, the sums, wheels, their bundle, and nothing else."""
    stem = f"trustbridge-{dist.version}"
    wanted = {f"{stem}.tar.gz", f"{stem}.crate", f"{stem}-py3-none-any.whl", "SHA256SUMS"}
    wanted |= {PREVIEW} if dist.preview else set()
    wanted |= {f"{stem}.tar.gz.cdx.json", f"{stem}.crate.cdx.json"}
    names = {path.name for path in dist.folder.iterdir()}
    wheels = {name for name in names if re.fullmatch(rf"{stem}-cp310-abi3-[\w.]+\.whl", name)}
    for name in sorted(wanted - names):
        yield f"{name} is missing"
    for name in sorted(names - wanted - wheels):
        yield f"{name} does not belong here"
    if not wheels:
        yield "there is no wheel"


@rule
def sums(dist: Dist) -> Problems:
    """SHA256SUMS names every file, and every file is as it says."""
    listed = parse_sums((dist.folder / "SHA256SUMS").read_text())
    real = {path.name: sha256(path) for path in dist.folder.iterdir() if path.name != "SHA256SUMS"}
    for name in sorted(listed.keys() | real.keys()):
        if listed.get(name) != real.get(name):
            yield f"{name} is not the file that SHA256SUMS names"


@rule
def licences(dist: Dist) -> Problems:
    """Both licence texts travel with every artifact."""
    for text in ("LICENSE-APACHE", "LICENSE-MIT"):
        wanted = (dist.clone / text).read_bytes()
        for wheel in [*dist.wheels, *dist.bundles]:
            member = wheel.members.get(f"{wheel.info}licenses/{text}")
            if member is None or member.data != wanted:
                yield f"{wheel.file_name}: {text} is missing or differs"
        for pattern in ("*.tar.gz", "*.crate"):
            path = dist.one(pattern)
            members = {
                member.name.partition("/")[2]: data for member, data in artifacts.read_tar(path)
            }
            if members.get(text) != wanted:
                yield f"{path.name}: {text} is missing or differs"


@rule
def sdist_is_the_commit(dist: Dist) -> Problems:
    """Every file of the sdist is the commit's, but for two manifests that maturin trims."""
    generated = {"PKG-INFO"}
    trimmed = {
        # The members that the sdist does not carry.
        "Cargo.toml": [("workspace", "members"), ("workspace", "default-members")],
        "python/Cargo.toml": [("package", "readme")],
    }
    yield from _compare_with_commit(dist, dist.one("*.tar.gz"), generated, trimmed, {}, True)


@rule
def crate_is_the_commit(dist: Dist) -> Problems:
    """Every file of the crate is the commit's; the manifest is there as it was, and normalised."""
    path = dist.one("*.crate")
    generated = {".cargo_vcs_info.json", "Cargo.toml", "Cargo.lock"}
    renamed = {"Cargo.toml.orig": "Cargo.toml"}
    yield from _compare_with_commit(dist, path, generated, {}, renamed, False)
    members = {member.name.partition("/")[2]: data for member, data in artifacts.read_tar(path)}
    told = json.loads(members[".cargo_vcs_info.json"])
    if told != {"git": {"sha1": dist.commit}, "path_in_vcs": ""}:
        yield f"{path.name}: .cargo_vcs_info.json says {told}"
    # Cargo writes both of these; they may say no more than the commit does.
    ours = lock_checksums(dist.clone / "Cargo.lock")
    for key, checksum in lock_checksums(members["Cargo.lock"].decode()).items():
        if ours.get(key) != checksum:
            yield f"{path.name}: Cargo.lock has another checksum for {' '.join(key)}"
    manifest = tomllib.loads(members["Cargo.toml"].decode())
    original = tomllib.loads((dist.clone / "Cargo.toml").read_text())
    for table in ("dependencies", "features"):
        shipped = set(manifest.get(table, {}))
        if shipped != set(original.get(table, {})):
            yield f"{path.name}: Cargo.toml has other {table}"
    if manifest["package"].get("build", False):
        yield f"{path.name}: Cargo.toml has a build script"


def _compare_with_commit(
    dist: Dist,
    path: Path,
    generated: set[str],
    trimmed: dict[str, list[tuple[str, str]]],
    renamed: dict[str, str],
    our_time: bool,
) -> Problems:
    stem = f"trustbridge-{dist.version}/"
    tracked = set(git(dist.clone, "ls-tree", "-r", "--name-only", "-z", dist.commit).split("\0"))
    compared = 0
    seen = set()
    for member, data in artifacts.read_tar(path):
        name = member.name.removeprefix(stem)
        where = f"{path.name}: {member.name}"
        if name in seen:
            yield f"{where} is there twice"
        seen.add(name)
        if not member.name.startswith(stem) or ".." in Path(name).parts:
            yield f"{where} lies outside of {stem}"
            continue
        if not member.isfile():
            yield f"{where} is not a plain file"
            continue
        if our_time and member.mtime != dist.epoch:
            yield f"{where} does not have the time of the commit"
        if member.uid or member.gid or member.uname not in ("", "root"):
            yield f"{where} belongs to somebody"
        if member.mode not in (0o644, 0o755):
            yield f"{where} has the mode {member.mode:o}"
        if name in generated:
            continue
        source = renamed.get(name, name)
        if source not in tracked:
            yield f"{where} is not in the commit"
            continue
        # As git has it, not as the checkout does.
        wanted = blob(dist, source)
        if name in trimmed:
            same = _toml_without(data, trimmed[name]) == _toml_without(wanted, trimmed[name])
        else:
            same = data == wanted
        if not same:
            yield f"{where} is not the commit's"
        compared += 1
    if compared < 20:
        yield f"{path.name}: only {compared} of its files are the commit's"


def _toml_without(data: bytes, keys: list[tuple[str, str]]) -> dict[str, Any]:
    table = tomllib.loads(data.decode())
    for section, key in keys:
        table.get(section, {}).pop(key, None)
    return table
