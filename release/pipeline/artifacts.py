"""Reads wheels, source archives, and the ELF and PE files in them. Needs pyelftools."""

import io
import json
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection
from elftools.elf.sections import SymbolTableSection

# auditable-serde's own limit on what it unpacks.
DEP_LIMIT = 8 << 20


@dataclass
class Member:
    name: str
    data: bytes
    mode: int
    time: tuple[int, ...]


@dataclass
class Wheel:
    """A wheel in memory; the file names in its folder `*.dist-info` are without it."""

    file_name: str
    members: dict[str, Member]
    order: list[str]
    names: list[str]

    @property
    def info(self) -> str:
        name, version = self.file_name.split("-")[:2]
        return f"{name}-{version}.dist-info/"

    def native(self) -> dict[str, bytes]:
        return {
            name: member.data
            for name, member in self.members.items()
            if name.endswith((".so", ".pyd", ".dll", ".dylib"))
            or member.data[:4] in (b"\x7fELF", b"\xcf\xfa\xed\xfe")
        }

    def bills(self) -> dict[str, str]:
        folder = self.info + "sboms/"
        return {
            name.removeprefix(folder): member.data.decode()
            for name, member in self.members.items()
            if name.startswith(folder)
        }


def read_wheel(path: Path) -> Wheel:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        members = {
            entry.filename: Member(
                entry.filename, archive.read(entry), entry.external_attr >> 16, entry.date_time
            )
            for entry in entries
        }
    names = [entry.filename for entry in entries]
    return Wheel(path.name, members, list(members), names)


def read_tar(path: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(path) as archive:
        return [
            (member, file.read() if (file := archive.extractfile(member)) else b"")
            for member in archive.getmembers()
        ]


@dataclass
class Elf:
    segments: dict[str, list[int]]
    dynamic: dict[str, list[Any]]
    versions: set[str]
    imports: set[str]
    exports: set[str]
    machine: str
    dep_v0: bytes | None
    debug: list[str]


def read_elf(data: bytes) -> Elf:
    file = ELFFile(io.BytesIO(data))
    segments: dict[str, list[int]] = {}
    for segment in file.iter_segments():
        segments.setdefault(str(segment["p_type"]), []).append(segment["p_flags"])
    dynamic: dict[str, list[Any]] = {}
    versions: set[str] = set()
    imports: set[str] = set()
    exports: set[str] = set()
    debug = []
    dep = None
    for section in file.iter_sections():
        if isinstance(section, DynamicSection):
            for tag in section.iter_tags():
                name = str(tag.entry.d_tag)
                value = getattr(tag, "needed", None) or tag.entry.d_val
                dynamic.setdefault(name, []).append(value)
        elif isinstance(section, GNUVerNeedSection):
            for _, auxiliaries in section.iter_versions():
                versions |= {auxiliary.name for auxiliary in auxiliaries}
        elif isinstance(section, SymbolTableSection) and section.name == ".dynsym":
            for symbol in section.iter_symbols():
                if symbol.name and symbol["st_shndx"] == "SHN_UNDEF":
                    imports.add(symbol.name)
                elif symbol.name:
                    exports.add(symbol.name)
        if section.name == ".dep-v0":
            dep = section.data()
        elif section.name == ".symtab" or section.name.startswith(".debug"):
            debug.append(section.name)
    return Elf(segments, dynamic, versions, imports, exports, str(file["e_machine"]), dep, debug)


def decode_dep(section: bytes) -> list[dict[str, Any]]:
    """The packages of cargo-auditable's section, unpacked within a limit."""
    text = zlib.decompressobj().decompress(section, DEP_LIMIT)
    packages: list[dict[str, Any]] = json.loads(text)["packages"]
    return packages
