"""A small distribution that every check must pass, made in seconds from the tree as it is.

Its wheel holds a C library instead of the Rust one. TRUSTBRIDGE_RELEASE_DIST and _CLONE name a real
one instead (a rehearsal's `dist` and `clone`): the same counter-examples then run on that.
"""

import base64
import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pe
import pytest
import tomllib

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "release"))

from pipeline import linked, sbom  # noqa: E402
from pipeline.base import pins, sums_text, tree_sums  # noqa: E402
from pipeline.build import make_bundle  # noqa: E402

EPOCH = 1_700_000_000
TARGET = "x86_64-unknown-linux-gnu"
WINDOWS = "x86_64-pc-windows-msvc"
PLATFORMS = "manylinux2014_x86_64.manylinux_2_17_x86_64"
SOURCE = r"""
#include <unistd.h>
extern void *PyModuleDef_Init(void *);
__attribute__((visibility("default"))) void *PyInit__native(void) {
    char text[64];
    return PyModuleDef_Init(getcwd(text, sizeof text));
}
"""


def git_env() -> dict[str, str]:
    who = {"NAME": "A Tester", "EMAIL": "tester@localhost", "DATE": f"{EPOCH} +0000"}
    names = [f"GIT_{role}_{key}" for role in ("AUTHOR", "COMMITTER") for key in who]
    env = {name: who[name.rpartition("_")[2]] for name in names}
    return {**os.environ, **env, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", folder, *arguments], capture_output=True, text=True, check=True, env=git_env()
    )
    return done.stdout.strip()


def commit_all(folder: Path) -> str:
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "For a test")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the tree as it is now, committed or not."""
    if real := os.environ.get("TRUSTBRIDGE_RELEASE_CLONE"):
        return Path(real)
    folder = tmp_path_factory.mktemp("clone") / "tree"
    folder.mkdir()
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
            (folder / name).chmod(0o755 if os.access(ROOT / name, os.X_OK) else 0o644)
    git(folder, "init", "--quiet")
    commit_all(folder)
    return folder


@pytest.fixture(scope="session")
def cargo_env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    target = tmp_path_factory.mktemp("target")
    return {**os.environ, "CARGO_NET_OFFLINE": "true", "CARGO_TARGET_DIR": str(target)}


@pytest.fixture(scope="session")
def small_dist(
    clone: Path, cargo_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Session-wide: tests take a copy (`dist`)."""
    if real := os.environ.get("TRUSTBRIDGE_RELEASE_DIST"):
        return Path(real)
    dist = tmp_path_factory.mktemp("small") / "dist"
    dist.mkdir()
    version = tomllib.loads((clone / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    stem = f"trustbridge-{version}"
    make_sdist(clone, dist / f"{stem}.tar.gz", stem)
    subprocess.run(
        [
            "cargo",
            "package",
            "--quiet",
            "--package",
            "trustbridge",
            "--locked",
            "--offline",
            "--no-verify",
        ],
        cwd=clone,
        env=cargo_env,
        check=True,
    )
    package = Path(cargo_env["CARGO_TARGET_DIR"], "package", f"{stem}.crate")
    shutil.copyfile(package, dist / f"{stem}.crate")
    cargo = Path(shutil.which("cargo"))
    for name, package_name, kind in (
        (f"{stem}.tar.gz", "trustbridge-python", "pypi"),
        (f"{stem}.crate", "trustbridge", "cargo"),
    ):
        graph = linked.graph(clone, package_name, "all", cargo, cargo_env)
        purl = f"pkg:{kind}/trustbridge@{version}"
        text = sbom.document(name, purl, version, graph, False, EPOCH, "MIT OR Apache-2.0")
        (dist / f"{name}.cdx.json").write_text(text)
    graph = linked.graph(clone, "trustbridge-python", TARGET, cargo, cargo_env)
    module = make_library(tmp_path_factory.mktemp("c"), dep_list(graph))
    wheel = make_wheel(clone, dist, stem, graph, PLATFORMS, "_native.abi3.so", module)
    make_bundle([wheel], dist)
    write_sums(dist)
    return dist


@pytest.fixture(scope="session")
def small_preview(
    small_dist: Path,
    clone: Path,
    cargo_env: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The sources with a preview wheel for Windows, which is never released."""
    if real := os.environ.get("TRUSTBRIDGE_RELEASE_PREVIEW"):
        return Path(real)
    preview = tmp_path_factory.mktemp("preview") / "dist"
    shutil.copytree(small_dist, preview, ignore=shutil.ignore_patterns("*.whl"))
    cargo = Path(shutil.which("cargo"))
    graph = linked.graph(clone, "trustbridge-python", WINDOWS, cargo, cargo_env)
    rust = pins()["rust"]["version"]
    (preview / "NOT-FOR-RELEASE").write_text(json.dumps({"rust": rust}))
    stem = f"trustbridge-{graph.root[1]}"
    module = pe.library(dep_list(graph))
    wheel = make_wheel(clone, preview, stem, graph, "win_amd64", "_native.pyd", module, rust)
    make_bundle([wheel], preview)
    write_sums(preview)
    return preview


@pytest.fixture
def preview(small_preview: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    copy = tmp_path / "preview"
    shutil.copytree(small_preview, copy)
    return copy


@pytest.fixture
def dist(small_dist: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    copy = tmp_path / "dist"
    shutil.copytree(small_dist, copy)
    return copy


def write_sums(dist: Path) -> None:
    (dist / "SHA256SUMS").unlink(missing_ok=True)
    (dist / "SHA256SUMS").write_text(sums_text(tree_sums(dist)))


# Making -----------------------------------------------------------------------------------------


def add_file(tar: tarfile.TarFile, name: str, data: bytes, **more: object) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = len(data), EPOCH, 0o644
    for key, value in more.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(data))


def make_sdist(clone: Path, path: Path, stem: str) -> None:
    names = git(clone, "ls-files").splitlines()
    with tarfile.open(path, "w:gz") as tar:
        add_file(tar, f"{stem}/PKG-INFO", b"Metadata-Version: 2.4\n")
        for name in names:
            add_file(tar, f"{stem}/{name}", (clone / name).read_bytes())


def dep_list(graph: linked.Graph) -> bytes:
    """The section of cargo-auditable."""
    root = graph.root
    packages = [
        {"name": name, "version": version, "root": True}
        if (name, version) == root
        else {"name": name, "version": version, "source": "local"}
        for name, version in (crate.key for crate in graph.linked())
    ]
    return zlib.compress(json.dumps({"packages": packages}).encode())


def make_library(folder: Path, dep: bytes) -> bytes:
    """A shared library as hardened as the real one."""
    (folder / "native.c").write_text(SOURCE)
    (folder / "dep").write_bytes(dep)
    library = folder / "native.so"
    subprocess.run(
        [
            "cc",
            "-shared",
            "-fPIC",
            "-O2",
            "-s",
            "-fstack-protector-strong",
            "-nostartfiles",
            "-fvisibility=hidden",
            "-Wl,-z,relro,-z,now,-z,noexecstack",
            "native.c",
            "-lc",
            "-o",
            str(library),
        ],
        cwd=folder,
        check=True,
    )
    subprocess.run(
        ["objcopy", "--add-section", f".dep-v0={folder / 'dep'}", str(library)], check=True
    )
    return library.read_bytes()


def make_wheel(
    clone: Path,
    dist: Path,
    stem: str,
    graph: linked.Graph,
    platforms: str,
    module_name: str,
    module: bytes,
    preview: str | None = None,
) -> Path:
    info = f"{stem}.dist-info/"
    version = graph.root[1]
    tags = [f"Tag: cp310-abi3-{platform}\n" for platform in platforms.split(".")]
    purl = f"pkg:pypi/trustbridge@{version}"
    bill = sbom.document("x", purl, version, graph, True, EPOCH, "MIT OR Apache-2.0", preview)
    members = {
        name.removeprefix("python/"): (clone / name).read_bytes()
        for name in git(clone, "ls-files", "python/trustbridge").splitlines()
    }
    members[f"trustbridge/{module_name}"] = module
    members[info + "METADATA"] = (
        f"Metadata-Version: 2.4\nName: trustbridge\nVersion: {version}\n"
        "License-File: LICENSE-APACHE\nLicense-File: LICENSE-MIT\n"
        "Requires-Python: >=3.10\n\nText\n"
    ).encode()
    members[info + "WHEEL"] = (
        "Wheel-Version: 1.0\nRoot-Is-Purelib: false\n" + "".join(tags)
    ).encode()
    for text in ("LICENSE-APACHE", "LICENSE-MIT"):
        members[f"{info}licenses/{text}"] = (clone / text).read_bytes()
    members[info + "sboms/trustbridge.cdx.json"] = bill.encode()
    return write_wheel(dist / f"{stem}-cp310-abi3-{platforms}.whl", members)


def record_of(members: dict[str, bytes], own: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for name, data in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        writer.writerow([name, f"sha256={digest}", len(data)])
    writer.writerow([own, "", ""])
    return text.getvalue().encode()


def write_wheel(path: Path, members: dict[str, bytes], epoch: int = EPOCH) -> Path:
    """With a right RECORD, unless the members have one."""
    info = "-".join(path.name.split("-")[:2]) + ".dist-info/"
    if info + "RECORD" not in members:
        members = {**members, info + "RECORD": record_of(members, info + "RECORD")}
    when = datetime.fromtimestamp(epoch, UTC).timetuple()[:6]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            entry = zipfile.ZipInfo(name, when)
            entry.external_attr = (0o100644) << 16
            archive.writestr(entry, data)
    return path
