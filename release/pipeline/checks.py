"""What must be true of every artifact, each rule with a name that the tests know.

Needs the packages of requirements/check.txt. Binaries are read as what they are, ELF or PE; a rule
about one of the two formats says so. Each rule yields what is wrong; a rule that yields
nothing has looked at something, or fails by itself: `require` is for that.
"""

import base64
import csv
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.parser import Parser
from pathlib import Path
from typing import Any

import tomllib

from . import artifacts, sbom
from .base import RELEASE, git, head, parse_sums, pins, sha256, unpack, version_of
from .linked import lock_checksums

Problems = Iterator[str]

# Libraries of the C runtime that PEP 600 and PEP 656 allow, by what the wheel's tag begins with.
NEEDED = {
    "manylinux": {
        "libc.so.6",
        "libm.so.6",
        "libdl.so.2",
        "libpthread.so.0",
        "librt.so.1",
        "libgcc_s.so.1",
        "ld-linux-x86-64.so.2",
        "ld-linux-aarch64.so.1",
    },
    "musllinux": {"libc.so", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"},
}
# What every supported Windows has, and the two that CPython brings.
NEEDED_PE = {
    "advapi32.dll",
    "api-ms-win-core-synch-l1-2-0.dll",
    "bcrypt.dll",
    "bcryptprimitives.dll",
    "crypt32.dll",
    "kernel32.dll",
    "ncrypt.dll",
    "ntdll.dll",
    "python3.dll",
    "secur32.dll",
    "userenv.dll",
    "vcruntime140.dll",
    "ws2_32.dll",
}
# The C runtime of the ordinary toolchain for Windows, and that of the one for a look.
UCRT = re.compile(r"api-ms-win-crt-[a-z]+-l1-1-0\.dll")
LOOK_PE = {"msvcrt.dll"}
# AWS-LC's copy of jitterentropy marks its functions for export on Windows, whatever the linker is
# told. Their names have the version of aws-lc-sys, and a PE import also names the file it is from.
ENTROPY = re.compile(r"aws_lc_\d+_\d+_\d+_jent_[a-z_]+")
MACHINES = {"x86_64": "EM_X86_64", "aarch64": "EM_AARCH64"}
MACHINES_PE = {"x86_64": "IMAGE_FILE_MACHINE_AMD64", "aarch64": "IMAGE_FILE_MACHINE_ARM64"}
RELEASED = re.compile(
    r"manylinux2014_(x86_64|aarch64)\.manylinux_2_17_\1|musllinux_1_2_(x86_64|aarch64)"
)
# The selector's folders in the bundle, by what the tag of a platform begins with; `_select.py`.
FOLDERS = {"manylinux": "linux-gnu", "musllinux": "linux-musl", "win": "windows"}
# Of manylinux2014 (PEP 599), which is glibc 2.17.
NEWEST_GLIBC = (2, 17)

# Wheels that another toolchain than the release's has made, to be looked at, have this file beside
# them, say so in their bills of materials, and are refused without `--look`.
LOOK = "NOT-FOR-RELEASE"

# A path of the machine that built: a home, a temporary folder, a runner's workspace, a tool's. The
# toolchain's own sources are /rustc/HASH/…, and ours are mapped to names that match none of these.
BUILDER = re.compile(
    rb"(?:/(?:root|home|tmp|var/tmp|var/folders|Users|mnt|github|runner|__w|opt/hostedtoolcache)/"
    rb"|[A-Za-z]:[\\/]Users[\\/]|\.cargo/registry|\.rustup/|site-packages/|trustbridge-release-)"
    rb"[A-Za-z0-9_.@+\-/\\]{2,}"
)
HOST = re.compile(rb"index\.[a-z.]+-[0-9a-f]{16}")


@dataclass
class Dist:
    """The folder to check, the clone it is said to come from, and what both say."""

    folder: Path
    clone: Path
    commit: str
    epoch: int
    version: str
    look: bool = False

    def __post_init__(self) -> None:
        every = [artifacts.read_wheel(path) for path in sorted(self.folder.glob("*.whl"))]
        self.bundles = [wheel for wheel in every if wheel.file_name.endswith("-py3-none-any.whl")]
        # Each with one module, for one platform.
        self.wheels = [wheel for wheel in every if wheel not in self.bundles]
        self.rust = pins()["rust"]["version"]
        if self.look:
            self.rust = json.loads((self.folder / LOOK).read_text())["rust"]

    def dlls(self) -> Iterator[tuple[artifacts.Wheel, str, artifacts.Pe, bytes]]:
        for wheel in self.wheels:
            for name, data in wheel.native().items():
                if data[:2] == b"MZ":
                    yield wheel, f"{wheel.file_name}: {name}", artifacts.read_pe(data), data

    def elves(self) -> Iterator[tuple[artifacts.Wheel, str, artifacts.Elf, bytes]]:
        for wheel in self.wheels:
            for name, data in wheel.native().items():
                if data[:4] == b"\x7fELF":
                    yield wheel, f"{wheel.file_name}: {name}", artifacts.read_elf(data), data

    def embedded(self) -> Iterator[tuple[artifacts.Wheel, str, list[dict[str, Any]] | None]]:
        """What each binary itself says is linked in, if it does."""
        sections = [(wheel, where, elf.dep_v0) for wheel, where, elf, _ in self.elves()]
        sections += [(wheel, where, pe.dep_v0) for wheel, where, pe, _ in self.dlls()]
        for wheel, where, section in sections:
            yield wheel, where, artifacts.decode_dep(section) if section is not None else None

    def one(self, pattern: str) -> Path:
        found = list(self.folder.glob(pattern))
        if len(found) != 1:
            raise LookupError(f"{len(found)} files match {pattern}, not one")
        return found[0]


RULES: dict[str, Callable[[Dist], Problems]] = {}


def rule(function: Callable[[Dist], Problems]) -> Callable[[Dist], Problems]:
    RULES[function.__name__.replace("_", "-")] = function
    return function


def open_dist(folder: Path, clone: Path, look: bool = False) -> Dist:
    commit, epoch = head(clone)
    return Dist(folder, clone, commit, epoch, version_of(clone), look)


def check(dist: Dist) -> dict[str, list[str]]:
    """Every rule by name with what is wrong; one that stumbles over its input has found a fault."""
    found = {}
    for name, function in RULES.items():
        try:
            found[name] = list(function(dist))
        except Exception as error:
            found[name] = [f"{type(error).__name__}: {error}"]
    return found


# The folder -------------------------------------------------------------------------------------


@rule
def files(dist: Dist) -> Problems:
    """The sdist, the crate, a bill of each, the sums, wheels, their bundle, and nothing else."""
    stem = f"trustbridge-{dist.version}"
    wanted = {f"{stem}.tar.gz", f"{stem}.crate", f"{stem}-py3-none-any.whl", "SHA256SUMS"}
    wanted |= {LOOK} if dist.look else set()
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


# Sources ----------------------------------------------------------------------------------------


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
        wanted = _blob(dist, source)
        if name in trimmed:
            same = _toml_without(data, trimmed[name]) == _toml_without(wanted, trimmed[name])
        else:
            same = data == wanted
        if not same:
            yield f"{where} is not the commit's"
        compared += 1
    if compared < 20:
        yield f"{path.name}: only {compared} of its files are the commit's"


def _blob(dist: Dist, name: str) -> bytes:
    done = subprocess.run(
        [
            "git",
            "-c",
            f"safe.directory={dist.clone.resolve()}",
            "-C",
            str(dist.clone),
            "cat-file",
            "blob",
            f"{dist.commit}:{name}",
        ],
        capture_output=True,
        check=True,
    )
    return done.stdout


def _toml_without(data: bytes, keys: list[tuple[str, str]]) -> dict[str, Any]:
    table = tomllib.loads(data.decode())
    for section, key in keys:
        table.get(section, {}).pop(key, None)
    return table


# Wheels -----------------------------------------------------------------------------------------


@rule
def record(dist: Dist) -> Problems:
    """RECORD lists every member with its digest and size, and no other."""
    for wheel in [*dist.wheels, *dist.bundles]:
        if len(wheel.names) != len(set(wheel.names)):
            yield f"{wheel.file_name}: a member is there twice"
        own = f"{wheel.info}RECORD"
        rows = {
            row[0]: row[1:]
            for row in csv.reader(io.StringIO(wheel.members[own].data.decode()))
            if row
        }
        for name in sorted(rows.keys() ^ wheel.members.keys()):
            yield f"{wheel.file_name}: {name} is only in RECORD or only in the wheel"
        for name, member in wheel.members.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(member.data).digest()).rstrip(b"=")
            wanted = (
                ["", ""] if name == own else [f"sha256={digest.decode()}", str(len(member.data))]
            )
            if name in rows and rows[name] != wanted:
                yield f"{wheel.file_name}: RECORD is wrong about {name}"


@rule
def wheel_members(dist: Dist) -> Problems:
    """The package of the commit, one extension module, and metadata; plain files of one time."""
    when = datetime.fromtimestamp(dist.epoch, UTC)
    # Zip archives keep time in steps of two seconds.
    time = (when.year, when.month, when.day, when.hour, when.minute, when.second // 2 * 2)
    for wheel in dist.wheels:
        natives = set(wheel.native())
        module = "_native.pyd" if _platforms(wheel).startswith("win") else "_native.abi3.so"
        if natives != {f"trustbridge/{module}"}:
            yield f"{wheel.file_name}: its native files are {sorted(natives)}"
        yield from _package_of_the_commit(dist, wheel, natives)
        for name, member in wheel.members.items():
            if member.time != time:
                yield f"{wheel.file_name}: {name} has the time {member.time}, not {time}"


@rule
def bundle(dist: Dist) -> Problems:
    """The none-any wheel: the package once, and the very modules and bills of the other wheels."""
    for wheel in dist.bundles:
        expected = {}
        for other in dist.wheels:
            folder = _folder(other)
            for name, data in other.native().items():
                expected[f"trustbridge/native/{folder}/{Path(name).name}"] = data
            for name, text in other.bills().items():
                expected[f"{wheel.info}sboms/{folder}.{name}"] = text.encode()
            same = f"{wheel.info}METADATA"
            if wheel.members[same].data != other.members[same].data:
                yield f"{wheel.file_name}: METADATA is not that of {other.file_name}"
        natives = wheel.native()
        bills = {f"{wheel.info}sboms/{name}": text.encode() for name, text in wheel.bills().items()}
        found = natives | bills
        for name in sorted(found.keys() ^ expected.keys()):
            yield f"{wheel.file_name}: {name} is only in the bundle or only in a platform's wheel"
        for name in sorted(found.keys() & expected.keys()):
            if found[name] != expected[name]:
                yield f"{wheel.file_name}: {name} is not that of the platform's wheel"
        yield from _package_of_the_commit(dist, wheel, set(natives))
        about = Parser().parsestr(wheel.members[f"{wheel.info}WHEEL"].data.decode())
        if (about.get_all("Tag"), about["Root-Is-Purelib"]) != (["py3-none-any"], "true"):
            yield f"{wheel.file_name}: WHEEL has {about.get_all('Tag')}, {about['Root-Is-Purelib']}"
        for name, member in wheel.members.items():
            if member.time != (1980, 1, 1, 0, 0, 0):
                yield f"{wheel.file_name}: {name} has the time {member.time}"


def _platforms(wheel: artifacts.Wheel) -> str:
    return wheel.file_name.removesuffix(".whl").split("-")[-1]


def _folder(wheel: artifacts.Wheel) -> str:
    platforms = _platforms(wheel)
    (system,) = [name for tag, name in FOLDERS.items() if platforms.startswith(tag)]
    return f"{system}-{_machine(wheel)}"


def _machine(wheel: artifacts.Wheel) -> str:
    return "aarch64" if _platforms(wheel).endswith(("aarch64", "arm64")) else "x86_64"


def _package_of_the_commit(dist: Dist, wheel: artifacts.Wheel, natives: set[str]) -> Problems:
    """Beside the metadata and the modules there are the commit's files; none can be written to."""
    tracked = git(dist.clone, "ls-tree", "-r", "--name-only", dist.commit, "python/trustbridge")
    sources = {name.removeprefix("python/") for name in tracked.split()}
    plain = {name for name in wheel.members if not name.startswith(wheel.info)} - natives
    for name in sorted(plain ^ sources):
        yield f"{wheel.file_name}: {name} is only in the wheel or only in the commit"
    for name in sorted(plain & sources):
        if wheel.members[name].data != _blob(dist, f"python/{name}"):
            yield f"{wheel.file_name}: {name} is not the commit's"
    for name, member in wheel.members.items():
        if member.mode & 0o7777 not in (0o644, 0o755, 0o664, 0o775):
            yield f"{wheel.file_name}: {name} has the mode {member.mode:o}"
        if member.mode & 0o022:
            yield f"{wheel.file_name}: {name} can be written to by others"


@rule
def version(dist: Dist) -> Problems:
    """Cargo.toml, the Python files and the native module are of one version."""
    for wheel in [*dist.wheels, *dist.bundles]:
        text = wheel.members["trustbridge/_version.py"].data.decode()
        told = re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE)
        if told != [dist.version]:
            yield f"{wheel.file_name}: _version.py says {told}, not {dist.version}"
    for _, where, packages in dist.embedded():
        roots = {package["version"] for package in packages or [] if package.get("root")}
        # With another one the package would never load it: `_select.load`.
        if roots != {dist.version}:
            yield f"{where} is of the version {sorted(roots)}, not {dist.version}"


@rule
def metadata(dist: Dist) -> Problems:
    """Name, version, Python version and tags agree with the file's name; nothing is required."""
    for wheel in dist.wheels:
        fields = Parser().parsestr(wheel.members[f"{wheel.info}METADATA"].data.decode())
        wanted = {"Name": "trustbridge", "Version": dist.version, "Requires-Python": ">=3.10"}
        for field, value in wanted.items():
            if fields[field] != value:
                yield f"{wheel.file_name}: METADATA has {field} {fields[field]!r}"
        if fields.get_all("Requires-Dist"):
            yield f"{wheel.file_name}: METADATA requires other packages"
        about = Parser().parsestr(wheel.members[f"{wheel.info}WHEEL"].data.decode())
        python, abi, platforms = wheel.file_name.removesuffix(".whl").split("-")[2:]
        tags = {f"{python}-{abi}-{platform}" for platform in platforms.split(".")}
        if set(about.get_all("Tag") or []) != tags:
            yield f"{wheel.file_name}: WHEEL has the tags {about.get_all('Tag')}"
        if about["Root-Is-Purelib"] != "false":
            yield f"{wheel.file_name}: WHEEL says that it is pure"
        if not RELEASED.fullmatch(platforms) and not (dist.look and platforms == "win_amd64"):
            yield f"{wheel.file_name}: {platforms} is not a platform that is released"


@rule
def stable_abi(dist: Dist) -> Problems:
    """abi3audit: the module uses nothing but CPython's stable ABI of 3.10."""
    for wheel in dist.wheels:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "abi3audit",
                "--strict",
                "--report",
                dist.folder / wheel.file_name,
            ],
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            yield f"{wheel.file_name}: {done.stderr.strip() or done.stdout.strip()}"


# Binaries ---------------------------------------------------------------------------------------


@rule
def machine(dist: Dist) -> Problems:
    """The module is for the machine and the kind of system that the tag names."""
    looked = 0
    for wheel, where, elf, _ in dist.elves():
        looked += 1
        if elf.machine != MACHINES[_machine(wheel)]:
            yield f"{where} is for {elf.machine}"
        if _platforms(wheel).startswith("win"):
            yield f"{where} is an ELF file"
    for wheel, where, pe, _ in dist.dlls():
        looked += 1
        if pe.machine != MACHINES_PE[_machine(wheel)]:
            yield f"{where} is for {pe.machine}"
        if not _platforms(wheel).startswith("win") or "DLL" not in pe.characteristics:
            yield f"{where} is a PE file"
    if looked != len(dist.wheels):
        yield f"{len(dist.wheels)} wheels have {looked} files of ELF or PE"


@rule
def relro(dist: Dist) -> Problems:
    """Full RELRO: the segment is there, and everything is bound before it is made read-only."""
    for _, where, elf, _ in dist.elves():
        if "PT_GNU_RELRO" not in elf.segments:
            yield f"{where} has no RELRO segment"
        flags = (elf.dynamic.get("DT_FLAGS") or [0])[0]
        flags_1 = (elf.dynamic.get("DT_FLAGS_1") or [0])[0]
        if not (flags & 0x8 or flags_1 & 0x1 or "DT_BIND_NOW" in elf.dynamic):
            yield f"{where} is not bound at load time (BIND_NOW)"


@rule
def executable_memory(dist: Dist) -> Problems:
    """The stack is not executable, and no segment is both writable and executable."""
    for _, where, elf, _ in dist.elves():
        stack = elf.segments.get("PT_GNU_STACK")
        if stack is None or any(flags & 1 for flags in stack):
            yield f"{where} asks for an executable stack"
        if any(flags & 3 == 3 for flags in elf.segments.get("PT_LOAD", [])):
            yield f"{where} has a segment that is writable and executable"
    for _, where, pe, _ in dist.dlls():
        if "NX_COMPAT" not in pe.flags:
            yield f"{where} asks for executable data (no NX_COMPAT)"
        for name in pe.writable_code:
            yield f"{where}: the section {name} is writable and executable"


@rule
def address_space(dist: Dist) -> Problems:
    """PE: loaded where the system likes, with all of its 64 bits. (A shared ELF file always is.)"""
    for _, where, pe, _ in dist.dlls():
        for flag in ("DYNAMIC_BASE", "HIGH_ENTROPY_VA"):
            if flag not in pe.flags:
                yield f"{where} has no {flag}"
        # Without them the flags promise what the loader cannot do.
        if "RELOCS_STRIPPED" in pe.characteristics or not pe.relocations:
            yield f"{where} has no relocations"


@rule
def control_flow_guard(dist: Dist) -> Problems:
    """PE: calls go where functions begin. GNU's linker cannot, so a look does without."""
    for _, where, pe, _ in dist.dlls():
        if dist.look:
            continue
        if "GUARD_CF" not in pe.flags or not pe.guard_table:
            yield f"{where} has no control-flow guard"


@rule
def search_paths(dist: Dist) -> Problems:
    """No RPATH and no RUNPATH: they name folders of whoever built it."""
    for _, where, elf, _ in dist.elves():
        for tag in ("DT_RPATH", "DT_RUNPATH"):
            if tag in elf.dynamic:
                yield f"{where} has {tag}"


@rule
def text_relocations(dist: Dist) -> Problems:
    for _, where, elf, _ in dist.elves():
        if "DT_TEXTREL" in elf.dynamic or (elf.dynamic.get("DT_FLAGS") or [0])[0] & 0x4:
            yield f"{where} has text relocations"


@rule
def needed(dist: Dist) -> Problems:
    """Nothing is loaded but the C runtime."""
    for wheel, where, elf, _ in dist.elves():
        family = "musllinux" if "musllinux" in wheel.file_name else "manylinux"
        for name in elf.dynamic.get("DT_NEEDED", []):
            if name not in NEEDED[family]:
                yield f"{where} needs {name}"
    for _, where, pe, _ in dist.dlls():
        allowed = NEEDED_PE | (LOOK_PE if dist.look else set())
        for name in sorted(pe.imports.keys() - allowed):
            if not UCRT.fullmatch(name):
                yield f"{where} needs {name}"


@rule
def glibc(dist: Dist) -> Problems:
    """No symbol is newer than the tag promises."""
    for wheel, where, elf, _ in dist.elves():
        for version in sorted(elf.versions):
            family, _, number = version.partition("_")
            if "musllinux" in wheel.file_name:
                yield f"{where} wants {version} of a musl system"
            elif family == "GLIBC" and tuple(map(int, number.split("."))) > NEWEST_GLIBC:
                yield f"{where} wants {version}"


@rule
def exports(dist: Dist) -> Problems:
    """One symbol is visible, so that no other library can be bound to our AWS-LC."""
    for _, where, elf, _ in dist.elves():
        if elf.exports != {"PyInit__native"}:
            yield f"{where} exports {sorted(elf.exports)[:5]}"
    for _, where, pe, _ in dist.dlls():
        names = {name for name in pe.exports if not ENTROPY.fullmatch(name)}
        if names != {"PyInit__native"}:
            yield f"{where} exports {sorted(names)[:5]}"


@rule
def stack_protector(dist: Dist) -> Problems:
    """ELF: the C parts check their stack's canary. (Stable Rust has none for Rust code.)"""
    for _, where, elf, _ in dist.elves():
        if "__stack_chk_fail" not in elf.imports:
            yield f"{where} has no stack protector"


@rule
def stripped(dist: Dist) -> Problems:
    for _, where, elf, _ in dist.elves():
        for name in elf.debug:
            yield f"{where} has the section {name}"
    for _, where, pe, _ in dist.dlls():
        for name in pe.debug:
            yield f"{where} has the {name}"


@rule
def builder_paths(dist: Dist) -> Problems:
    """No artifact names a folder, a user or a registry of the machine that built it."""
    for wheel in [*dist.wheels, *dist.bundles]:
        for name, member in wheel.members.items():
            # The package's own sources are the commit's, and speak of such paths in their text.
            if not name.startswith(wheel.info) and name not in wheel.native():
                continue
            for pattern in (BUILDER, HOST):
                for match in sorted(set(pattern.findall(member.data)))[:3]:
                    yield f"{wheel.file_name}: {name} has {match.decode(errors='replace')!r}"
    for path in dist.folder.glob("*.cdx.json"):
        for match in sorted(set(BUILDER.findall(path.read_bytes())))[:3]:
            yield f"{path.name} has {match.decode(errors='replace')!r}"


# Bills of materials -----------------------------------------------------------------------------


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
                cwd=Path(scratch, f"trustbridge-{dist.version}"),
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
    """What was made for a look says so in every wheel's bill, and nothing else does."""
    for name, text in _bills(dist):
        properties = json.loads(text)["metadata"].get("properties", [])
        marked = any(entry["name"] == sbom.NOT_FOR_RELEASE for entry in properties)
        if marked and not dist.look:
            yield f"{name} says that it is not for release"
        if dist.look and not marked and ".whl" in name:
            yield f"{name} does not say that it is not for release"


# ------------------------------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    look = "--look" in arguments
    arguments = [argument for argument in arguments if argument != "--look"]
    folder, clone = Path(arguments[0]).resolve(), Path(arguments[1]).resolve()
    # A tool's cache must not end up in somebody's home.
    os.environ.setdefault("XDG_CACHE_HOME", tempfile.gettempdir())
    dist = open_dist(folder, clone, look)
    found = check(dist)
    wrong = 0
    for name, problems in found.items():
        for problem in problems:
            print(f"  {name}: {problem}")
        wrong += len(problems)
    looked = f"{len(dist.wheels)} wheels, the bundle and the sources"
    print(f"  {len(found)} rules for {looked}: {wrong} problems{', for a look' if look else ''}")
    if len(arguments) > 2:
        report = {
            "commit": dist.commit,
            "artifacts": parse_sums((folder / "SHA256SUMS").read_text()),
            "rules": {name: problems or "holds" for name, problems in found.items()},
        }
        Path(arguments[2]).write_text(json.dumps(report, indent=2, sort_keys=True) + "\n")
    return 1 if wrong else 0
