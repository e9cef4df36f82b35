"""Builds: the tool that embeds the list, the source archives, and the wheel."""

import json
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Any

import tomllib

from . import bundle, linked, sbom
from .base import (
    clean_env,
    fail,
    git,
    head,
    make_venv,
    pins,
    run,
    sha256,
    toolchain,
    unpack,
    version_of,
)

PACKAGE = "trustbridge-python"

# Another toolchain, Debian's, which can compile the standard library of any target from its own
# sources: for preview wheels, where the pinned toolchain has none for the target.
PREVIEW = Path("/usr/bin")
PREVIEW_LIBRARY = Path("/usr/lib/rustlib/src/rust/library")
# Zig makes no PE files here: GNU's tools do.
MINGW = "x86_64-w64-mingw32-"
PREVIEW_PACKAGES = "rustc-web cargo-web rust-web-src gcc-mingw-w64-x86-64-posix"


def cargo_home(store: Path, where: Path) -> Path:
    """A CARGO_HOME of its own with the store's archives, each checked before it is unpacked."""
    listed = json.loads((store / "store.json").read_text())["crates"]
    cache = store / "cargo" / "registry" / "cache"
    found = {str(path.relative_to(cache)): sha256(path) for path in cache.rglob("*.crate")}
    if found != listed:
        fail("the crates of the store are not those of its list")
    shutil.copytree(store / "cargo", where)
    return where


def rust_env(work: Path, home: Path, bin_folder: Path | None = None, **more: str) -> dict[str, str]:
    bin_folder = bin_folder or toolchain()
    env = clean_env(work / "home", CARGO_HOME=str(home), **more)
    env["PATH"] = f"{bin_folder}:{env['PATH']}"
    env["RUSTC"] = str(bin_folder / "rustc")
    return env


# The tool ---------------------------------------------------------------------------------------


def build_auditable(store: Path, work: Path, out: Path) -> None:
    """Compiles cargo-auditable, offline, from the archive that pins.toml names by its digest."""
    pin = pins()["cargo-auditable"]
    archive = store / f"cargo-auditable-{pin['version']}.crate"
    if sha256(archive) != pin["sha256"]:
        fail(f"{archive.name} is not the one of pins.toml")
    unpack(archive, work)
    source = work / f"cargo-auditable-{pin['version']}"
    home = cargo_home(store, work / "cargo")
    env = rust_env(work, home, CARGO_TARGET_DIR=str(work / "target"))
    cargo = toolchain() / "cargo"
    run(cargo, "build", "--quiet", "--release", "--locked", "--offline", env=env, cwd=source)
    shutil.copy2(work / "target" / "release" / "cargo-auditable", out / "cargo-auditable")


# Sources ----------------------------------------------------------------------------------------


def build_sources(clone: Path, store: Path, work: Path, out: Path) -> dict[str, Any]:
    """The sdist, the crate, and a bill of materials beside each, from a clone of one commit."""
    commit, epoch = head(clone)
    copy = work / "checkout"
    git(clone, "clone", "--quiet", "--no-hardlinks", clone.resolve(), copy)
    git(copy, "checkout", "--quiet", "--detach", commit)
    # Files take the mode of the umask; archives must not.
    for path in copy.rglob("*"):
        if ".git" not in path.parts and path.is_file() and not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    home = cargo_home(store, work / "cargo")
    env = rust_env(work, home, SOURCE_DATE_EPOCH=str(epoch), CARGO_TARGET_DIR=str(work / "target"))
    cargo = toolchain() / "cargo"
    version = version_of(copy)

    python = make_venv(store, work / "venv", "build-sdist")
    run(python.parent / "maturin", "sdist", "--out", out, env=env, cwd=copy)
    run(
        *(cargo, "package", "--quiet", "--package", "trustbridge", "--locked", "--offline"),
        "--no-verify",
        env=env,
        cwd=copy,
    )
    crate = f"trustbridge-{version}.crate"
    shutil.copyfile(work / "target" / "package" / crate, out / crate)
    if git(copy, "status", "--porcelain", "--untracked-files=all"):
        fail("packaging changed the checkout")

    licence = _licence(copy)
    sdist = f"trustbridge-{version}.tar.gz"
    for name, package, kind in ((sdist, PACKAGE, "pypi"), (crate, "trustbridge", "cargo")):
        graph = linked.graph(copy, package, "all", cargo, env)
        text = sbom.document(
            name, f"pkg:{kind}/trustbridge@{version}", version, graph, False, epoch, licence
        )
        (out / f"{name}.cdx.json").write_text(text)
    return {"commit": commit, "epoch": epoch, "version": version}


def _licence(source: Path) -> str:
    manifest = tomllib.loads((source / "Cargo.toml").read_text())
    return str(manifest["workspace"]["package"]["license"])


def unpack_sdist(sdist: Path, work: Path) -> tuple[Path, int]:
    """The unpacked source archive, and the time of its members."""
    with tarfile.open(sdist) as tar:
        times = {member.mtime for member in tar.getmembers() if member.isfile()}
        if len(times) != 1:
            fail(f"{sdist.name}: its members have {len(times)} different times")
    unpack(sdist, work)
    return work / sdist.name.removesuffix(".tar.gz"), int(times.pop())


# The wheel --------------------------------------------------------------------------------------


def build_wheel(
    source: Path,
    epoch: int,
    store: Path,
    tools: Path,
    work: Path,
    out: Path,
    target: str,
    home: Path | None = None,
    preview: bool = False,
) -> dict[str, Any]:
    """One wheel for one target, from a source tree, offline. `preview`: not to be released."""
    pin = pins()["preview" if preview else "targets"].get(target)
    if pin is None:
        fail(f"pins.toml does not know the target {target}")
    home = home or work / "cargo"
    cargo_home(store, home)
    python = make_venv(store, work / "venv", "build-wheel")
    tools_of_rust = PREVIEW if preview else toolchain()
    env = rust_env(work, home, tools_of_rust, SOURCE_DATE_EPOCH=str(epoch))
    cargo = tools_of_rust / "cargo"
    prune_lock(source, cargo, env)
    # Unpacks the crates, so that the name of their folder is known.
    graph = linked.graph(source, PACKAGE, target, cargo, env)
    bill = _bill(source, epoch, work, target, graph, preview)
    list_file = work / "linked.json"
    list_file.write_text(json.dumps(linked.precursor(graph)))
    env |= {
        "CARGO": str(_auditable_cargo(work, cargo, preview)),
        "CARGO_SBOM_PATH": str(list_file),
        "PATH": f"{python.parent}:{tools}:{env['PATH']}",
        **_flags(source, work, home, target, preview),
    }
    linker = ["--zig"]
    if target.endswith("windows-gnu"):
        linker = []
        env |= _mingw(work, target)
    run(
        *(python.parent / "maturin", "build", "--release", "--locked", "--offline", *linker),
        *("--target", target, "--compatibility", pin["compatibility"]),
        *("--sbom-include", bill, "--interpreter", python, "--out", out),
        env=env,
        cwd=source,
        log=out / "build.log",
    )
    wheels = list(out.glob("*.whl"))
    if len(wheels) != 1:
        fail(f"maturin made {len(wheels)} wheels")
    compiled = _compiled(work / "target" / target / "release")
    _check_compiled(compiled, graph, preview)
    return {
        "wheel": wheels[0].name,
        "target": target,
        "compiled": compiled,
        "tools": _versions(python, env),
    }


def prune_lock(source: Path, cargo: Path, env: dict[str, str]) -> None:
    """Takes out of Cargo.lock what only crates need that the sdist leaves out.

    With `--locked` cargo takes such an entry for a change that is to be made. Nothing else may
    change here: versions and checksums are the commit's.
    """
    lock = source / "Cargo.lock"
    before = lock_entries(lock)
    run(cargo, "metadata", "--quiet", "--offline", "--format-version", "1", env=env, cwd=source)
    if other := sorted(lock_entries(lock) - before):
        fail(f"Cargo.lock is not of this source: cargo adds {' '.join(other[0])}")


def lock_entries(lock: Path) -> set[tuple[str, ...]]:
    packages = tomllib.loads(lock.read_text())["package"]
    names = ("name", "version", "source", "checksum")
    return {tuple(package.get(name, "") for name in names) for package in packages}


def _bill(
    source: Path, epoch: int, work: Path, target: str, graph: linked.Graph, preview: bool
) -> Path:
    """The bill of materials that goes into the wheel."""
    version = version_of(source)
    preview_rust = preview_version() if preview else None
    purl = f"pkg:pypi/trustbridge@{version}"
    about = f"extension module for {target}"
    bill = work / "trustbridge.cdx.json"
    bill.write_text(
        sbom.document(about, purl, version, graph, True, epoch, _licence(source), preview_rust)
    )
    return bill


def _check_compiled(compiled: list[str], graph: linked.Graph, preview: bool) -> None:
    listed = sorted(crate.name for crate in graph.linked())
    # With a standard library of its own, cargo also compiles that one's crates.
    if compiled != listed and not (preview and set(listed) <= set(compiled)):
        difference = sorted(set(compiled) ^ set(listed))
        fail(f"what was compiled is not what the bill of materials lists: {difference}")


def _versions(python: Path, env: dict[str, str]) -> dict[str, str]:
    """The tools that made the wheel."""
    return {
        "rustc": run(env["RUSTC"], "--version", env=env).strip(),
        "maturin": run(python.parent / "maturin", "--version", env=env).strip(),
        "zig": run(python, "-m", "ziglang", "version", env=env).strip(),
        "cargo-auditable": pins()["cargo-auditable"]["version"],
        "python": sys.version.split()[0],
    }


def _flags(source: Path, work: Path, home: Path, target: str, preview: bool) -> dict[str, str]:
    """The environment that hardens the C parts, and that keeps this machine's paths out."""
    maps = {str(PREVIEW_LIBRARY): "/rust-library"} if preview else {}
    maps |= {str(source): "/trustbridge", str(work / "target"): "/target"}
    maps |= {str(path): "/cargo" for path in (home / "registry" / "src").iterdir()}
    # A build script must see the mapped names too, so the longest come last: the last match wins.
    maps = {str(home): "/cargo-home", str(work): "/build"} | maps
    # The second leaves out AES-GCM for AVX-512: two thirds of a megabyte that nothing here calls.
    # The third saves 0.3 MB: arithmetic is assembler, and each signature is verified only once.
    c_flags = ["-fstack-protector-strong", "-DMY_ASSEMBLER_IS_TOO_OLD_FOR_512AVX", "-Os"]
    if "windows" not in target:  # which cannot unwind a stack without these tables
        c_flags += ["-fno-asynchronous-unwind-tables", "-fno-unwind-tables"]
    c_flags += [f"-ffile-prefix-map={path}={name}" for path, name in maps.items()]
    rust_flags = [f"--remap-path-prefix={path}={name}" for path, name in maps.items()]
    return {
        "CARGO_TARGET_DIR": str(work / "target"),
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(rust_flags),
        "CFLAGS": " ".join(c_flags),
        "ZIG_GLOBAL_CACHE_DIR": str(work / "zig"),
        "ZIG_LOCAL_CACHE_DIR": str(work / "zig"),
        "XDG_CACHE_HOME": str(work / "home" / "cache"),
        **({"RUSTC_BOOTSTRAP": "1"} if preview else {}),
    }


def _auditable_cargo(work: Path, cargo: Path, preview: bool) -> Path:
    """A cargo that builds through cargo-auditable, which adds the section .dep-v0."""
    more = " -Zbuild-std=std,panic_unwind" if preview else ""
    wrapper = work / "cargo-wrapper"
    wrapper.write_text(
        "#!/bin/sh\n"
        f'case "$1" in build | rustc) exec {cargo} auditable "$@"{more} ;; esac\n'
        f'exec {cargo} "$@"\n'
    )
    wrapper.chmod(0o755)
    return wrapper


def _mingw(work: Path, target: str) -> dict[str, str]:
    """GNU's tools for Windows."""
    name = target.replace("-", "_")
    return {
        f"CARGO_TARGET_{name.upper()}_LINKER": str(_mingw_linker(work)),
        f"CC_{name}": f"{MINGW}gcc-posix",
        f"AR_{name}": f"{MINGW}ar",
        # For which there is an interpreter to ask, elsewhere.
        "PYO3_CROSS_PYTHON_VERSION": "3.10",
    }


def _mingw_linker(work: Path) -> Path:
    """GNU's, with the canary of the C parts from an archive and not from a DLL of the compiler's.

    rustc asks for `-lssp`, which finds the DLL's import library, unless a folder before has only
    the archive. That one needs more of Windows than the DLL does.
    """
    compiler = f"{MINGW}gcc-posix"
    env = {"PATH": "/usr/bin:/bin"}
    archive = run(compiler, "-print-file-name=libssp.a", env=env).strip()
    folder = work / "ssp"
    folder.mkdir()
    (folder / "libssp.a").symlink_to(Path(archive).resolve())
    linker = work / "linker"
    linker.write_text(
        f'#!/bin/sh\nexec {compiler} -L{folder} "$@" -lmsvcrt -ladvapi32 -lkernel32\n'
    )
    linker.chmod(0o755)
    return linker


def preview_version() -> str:
    """The version of Debian's rustc, whose standard library's sources must be there as well."""
    programs = [PREVIEW / "rustc", PREVIEW / "cargo", PREVIEW / f"{MINGW}gcc-posix"]
    programs.append(PREVIEW_LIBRARY / "Cargo.lock")
    if missing := [str(path) for path in programs if not path.exists()]:
        fail(f"there is no {', '.join(missing)}: install Debian's {PREVIEW_PACKAGES}")
    return run(PREVIEW / "rustc", "--version", env={"PATH": "/usr/bin:/bin"}).split()[1]


def make_bundle(wheels: list[Path], out: Path) -> Path:
    """The none-any wheel of these wheels.

    Python's zlib packs it: another zlib makes other bytes of the same contents.
    """
    try:
        return bundle.bundle(wheels, out)
    except bundle.Problem as problem:
        fail(str(problem))


def _compiled(folder: Path) -> list[str]:
    """The packages that cargo compiled for the target: a witness that reads no list of ours.

    Cargo keeps a folder NAME-HASH with a file `lib-*` for each library it has compiled.
    """
    names = []
    for unit in (folder / ".fingerprint").iterdir():
        if any(unit.glob("lib-*")):
            names.append(unit.name.rpartition("-")[0])
    return sorted(names)
