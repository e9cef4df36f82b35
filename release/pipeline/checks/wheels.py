"""Rules for the wheels as archives: members, metadata, versions and tags."""

import base64
import csv
import hashlib
import io
import re
import subprocess
import sys
from datetime import UTC, datetime
from email.parser import Parser
from pathlib import Path

from .. import artifacts
from ..base import git
from .dist import Dist, Problems, blob, machine_of, platforms, rule

RELEASED = re.compile(
    r"manylinux2014_(x86_64|aarch64)\.manylinux_2_17_\1|musllinux_1_2_(x86_64|aarch64)"
)
# The selector's folders in the bundle, by what the tag of a platform begins with; `_select.py`.
FOLDERS = {"manylinux": "linux-gnu", "musllinux": "linux-musl", "win": "windows"}


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
        module = "_native.pyd" if platforms(wheel).startswith("win") else "_native.abi3.so"
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


def _package_of_the_commit(dist: Dist, wheel: artifacts.Wheel, natives: set[str]) -> Problems:
    """Beside the metadata and the modules there are the commit's files; none can be written to."""
    tracked = git(dist.clone, "ls-tree", "-r", "--name-only", dist.commit, "python/trustbridge")
    sources = {name.removeprefix("python/") for name in tracked.split()}
    plain = {name for name in wheel.members if not name.startswith(wheel.info)} - natives
    for name in sorted(plain ^ sources):
        yield f"{wheel.file_name}: {name} is only in the wheel or only in the commit"
    for name in sorted(plain & sources):
        if wheel.members[name].data != blob(dist, f"python/{name}"):
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
        if not RELEASED.fullmatch(platforms) and not (dist.preview and platforms == "win_amd64"):
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


def _folder(wheel: artifacts.Wheel) -> str:
    (system,) = [name for tag, name in FOLDERS.items() if platforms(wheel).startswith(tag)]
    return f"{system}-{machine_of(wheel)}"
