"""`release/bundle -o DIR WHEEL...`: one py3-none-any wheel of the wheels for several platforms.

The Python files are the same in all of them and go in once; each native module goes into
native/<system>-<machine>/ or native/linux-<libc>-<machine>/, where the selector looks for it. The
wheels' bills of materials go with them; where a wheel has none, as one that was not made by a
release, the bundle gets one that says so. The same wheels always give the same bytes, with the same
zlib. See docs/pip.md. Runs on every Python that the package supports.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
import zipfile
import zlib
from pathlib import Path

TIME = (1980, 1, 1, 0, 0, 0)
# One for the stable ABI, or for a single interpreter.
NATIVE = re.compile(r"(trustbridge)/(_native\.(?:[\w-]+\.so|(?:[\w-]+\.)?pyd))")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "win32": "i686"}


class Problem(Exception):
    """These wheels cannot be bundled."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="release/bundle", description="Bundles wheels for several platforms."
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("wheels", type=Path, nargs="+", metavar="WHEEL")
    options = parser.parse_args(arguments)
    try:
        print(bundle(options.wheels, options.output))
    except Problem as problem:
        print(f"bundle: {problem}", file=sys.stderr)
        return 1
    return 0


def bundle(wheels: list[Path], output: Path) -> Path:
    """Writes the bundle and returns its path."""
    files: dict[str, bytes] = {}
    modules: dict[str, list[str]] = {}  # path of a native module: the bills of its wheel
    releases = set()
    for wheel in sorted(wheels, key=lambda path: path.name):
        try:
            name, version, _, abi, platforms = wheel.name.removesuffix(".whl").split("-")
        except ValueError:
            raise Problem(f"{wheel} is no name of a wheel for a platform") from None
        releases.add((name, version))
        if len(releases) != 1:
            raise Problem(f"the wheels are of several releases: {sorted(releases)}")
        contents = read(wheel, f"{name}-{version}.dist-info")
        folders = platform_folders(platforms)
        natives, bills = [], []
        label = "-".join(folders) + ("" if abi == "abi3" else f".{abi}")
        for path, data in contents.items():
            native = NATIVE.fullmatch(path)
            if path.endswith((".dist-info/RECORD", ".dist-info/WHEEL")):
                continue
            if native is not None:
                for folder in folders:
                    natives.append(f"{native[1]}/native/{folder}/{native[2]}")
                    add(files, natives[-1], data, wheel)
            elif ".dist-info/sboms/" in path:
                before, _, last = path.rpartition("/")
                bills.append(f"{before}/{label}.{last}")
                add(files, bills[-1], data, wheel)
            else:
                add(files, path, data, wheel)
        if len(natives) != len(folders):
            found = len(natives) // len(folders)
            raise Problem(f"{wheel} has {found} native modules, not one")
        modules.update((native, sorted(bills)) for native in natives)
    ((name, version),) = releases
    info = f"{name}-{version}.dist-info"
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: trustbridge bundle\n"
        b"Root-Is-Purelib: true\nTag: py3-none-any\n"
    )
    if not all(modules.values()):
        files[f"{info}/sboms/bundle.cdx.json"] = bill(name, version, files, modules)
    record = f"{info}/RECORD"
    lines = [line(path, files[path]) for path in sorted(files)]
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()

    output.mkdir(parents=True, exist_ok=True)
    target = output / f"{name}-{version}-py3-none-any.whl"
    # The files about the wheel come last, as the specification recommends.
    order = sorted(files, key=lambda path: (path.startswith(info), path == record, path))
    with zipfile.ZipFile(target, "w") as archive:
        for path in order:
            entry = zipfile.ZipInfo(path, TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (0o100755 if NATIVE.search(path) else 0o100644) << 16
            archive.writestr(entry, files[path], compresslevel=9)
    return target


def read(wheel: Path, info: str) -> dict[str, bytes]:
    """The files of a wheel, which must be those that its RECORD has, and ours."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            contents = {entry.filename: archive.read(entry) for entry in entries}
    except (OSError, zipfile.BadZipFile, zlib.error) as error:
        raise Problem(f"{wheel} cannot be read: {error}") from None
    if len({path.lower() for path in contents}) != len(entries):
        raise Problem(f"{wheel} has two files of one name")
    for path in contents:
        top, *rest = path.split("/")
        plain = all(re.fullmatch(r"[\w+-][\w.+-]*", part, re.ASCII) for part in rest)
        if top not in ("trustbridge", info) or not rest or not plain:
            raise Problem(f"{path} in {wheel} does not belong there")
    recorded = contents.get(f"{info}/RECORD", b"").decode(errors="replace").splitlines()
    found = [line(path, contents[path]) for path in contents if path != f"{info}/RECORD"]
    if sorted(recorded) != sorted([*found, f"{info}/RECORD,,"]):
        raise Problem(f"{wheel} has not what its RECORD says")
    metadata = contents.get(f"{info}/METADATA", b"").decode(errors="replace").splitlines()
    licences = [text[14:] for text in metadata if text.startswith("License-File: ")]
    missing = [name for name in licences if f"{info}/licenses/{name}" not in contents]
    if missing or not licences:
        raise Problem(f"{wheel} lacks its licences")
    return contents


def line(path: str, data: bytes) -> str:
    """Of RECORD."""
    return f"{path},{digest(data)},{len(data)}"


def add(files: dict[str, bytes], path: str, data: bytes, wheel: Path) -> None:
    if files.setdefault(path, data) != data:
        raise Problem(f"{path} in {wheel} is not what the other wheels have")


def bill(name: str, version: str, files: dict[str, bytes], modules: dict[str, list[str]]) -> bytes:
    """The bundle's own bill of materials, in CycloneDX: which native modules there are, and where
    it is said what is linked into each."""
    purl = f"pkg:pypi/{name}@{version}"
    components = []
    unknown = []
    for path, bills in sorted(modules.items()):
        component: dict[str, object] = {
            "type": "file",
            "bom-ref": path,
            "name": path,
            "version": version,
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(files[path]).hexdigest()}],
        }
        if bills:
            component["externalReferences"] = [
                {
                    "type": "bom",
                    "url": bill.rpartition("/")[2],
                    "hashes": [
                        {"alg": "SHA-256", "content": hashlib.sha256(files[bill]).hexdigest()}
                    ],
                }
                for bill in bills
            ]
        else:
            unknown.append(path)
        components.append(component)
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": purl,
                "name": name,
                "version": version,
                "purl": purl,
                "licenses": [{"expression": "MIT OR Apache-2.0"}],
            }
        },
        "components": components,
        "dependencies": [{"ref": purl, "dependsOn": sorted(modules)}],
        "compositions": [{"aggregate": "complete", "dependencies": [purl]}],
    }
    if unknown:
        document["compositions"] += [{"aggregate": "unknown", "assemblies": unknown}]
    return (json.dumps(document, indent=2) + "\n").encode()


def platform_folders(tags: str) -> list[str]:
    """The selector's names for the platforms of a wheel: `platform_name` in _select.py."""
    found = set()
    for tag in tags.split("."):
        if tag.startswith("macosx_"):
            machine = re.sub(r"macosx_\d+_\d+_", "", tag)
            both = ["x86_64", "arm64"] if machine == "universal2" else [machine]
            found.update(f"macos-{MACHINES.get(each, each)}" for each in both)
        elif tag.startswith("win"):
            machine = tag.removeprefix("win_")
            found.add(f"windows-{MACHINES.get(machine, machine)}")
        elif tag.startswith("musllinux_"):
            found.add("linux-musl-" + re.sub(r"musllinux_\d+_\d+_", "", tag))
        elif tag.startswith(("manylinux", "linux_")):
            # `linux_…` is what was built on this machine for itself.
            machine = re.sub(r"(manylinux(1|2010|2014|_\d+_\d+)|linux)_", "", tag)
            found.add(f"linux-gnu-{machine}")
        else:
            system, _, rest = tag.partition("_")
            found.add(f"{system}-{MACHINES.get(rest.rpartition('_')[2], rest.rpartition('_')[2])}")
    return sorted(found)


def digest(data: bytes) -> str:
    encoded = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return f"sha256={encoded.rstrip(b'=').decode()}"
