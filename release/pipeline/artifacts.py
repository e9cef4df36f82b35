"""Reads wheels, source archives, and the ELF and PE files in them. Needs pyelftools and pefile."""

import io
import json
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pefile
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
            or member.data[:2] == b"MZ"
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


@dataclass
class Pe:
    machine: str
    flags: set[str]
    characteristics: set[str]
    # The address of the table of functions that may be called; 0 without control-flow guard.
    guard_table: int
    relocations: int
    writable_code: list[str]
    imports: dict[str, set[str]]
    exports: set[str]
    dep_v0: bytes | None
    debug: list[str]


def read_pe(data: bytes) -> Pe:
    file = pefile.PE(data=data)
    # It goes on after what it cannot read, and only warns: a table could be overlooked. Flags of
    # sections are no such thing, and have a rule.
    warnings = [text for text in file.get_warnings() if not text.startswith("Suspicious flags")]
    if warnings:
        raise ValueError(f"not a well-formed PE file: {warnings[0]}")
    optional = file.OPTIONAL_HEADER
    prefix = "IMAGE_DLLCHARACTERISTICS_"
    flags = {
        name.removeprefix(prefix)
        for name, bit in pefile.dll_characteristics
        if name.startswith(prefix) and optional.DllCharacteristics & bit
    }
    characteristics = {
        name.removeprefix("IMAGE_FILE_")
        for name, bit in pefile.image_characteristics
        if name.startswith("IMAGE_FILE_") and file.FILE_HEADER.Characteristics & bit
    }
    writable_code = []
    debug = []
    dep = None
    for section in file.sections:
        name = section.Name.rstrip(b"\0").decode(errors="replace")
        if section.Characteristics & 0x2000_0000 and section.Characteristics & 0x8000_0000:
            writable_code.append(name)
        if name == ".dep-v0":
            dep = section.get_data(length=section.Misc_VirtualSize)
        # "/12" is a long name in the table of symbols, as of the sections of DWARF.
        elif name.startswith((".debug", "/")):
            debug.append(f"section {name}")
    if file.FILE_HEADER.NumberOfSymbols:
        debug.append("table of symbols")
    for entry in getattr(file, "DIRECTORY_ENTRY_DEBUG", []):
        if name := getattr(entry.entry, "PdbFileName", None):
            debug.append(f"name of a PDB file {name.rstrip(bytes(1)).decode(errors='replace')}")
    imports: dict[str, set[str]] = {}
    for kind in ("DIRECTORY_ENTRY_IMPORT", "DIRECTORY_ENTRY_DELAY_IMPORT"):
        for library in getattr(file, kind, []):
            names = imports.setdefault(library.dll.decode().lower(), set())
            names |= {symbol.name.decode() for symbol in library.imports if symbol.name}
    table = getattr(file, "DIRECTORY_ENTRY_EXPORT", None)
    exports = {
        symbol.name.decode() if symbol.name else f"#{symbol.ordinal}"
        for symbol in (table.symbols if table else [])
    }
    load = getattr(file, "DIRECTORY_ENTRY_LOAD_CONFIG", None)
    return Pe(
        str(pefile.MACHINE_TYPE.get(file.FILE_HEADER.Machine)),
        flags,
        characteristics,
        getattr(load.struct, "GuardCFFunctionTable", 0) if load else 0,
        len(getattr(file, "DIRECTORY_ENTRY_BASERELOC", [])),
        writable_code,
        imports,
        exports,
        dep,
        debug,
    )


def decode_dep(section: bytes) -> list[dict[str, Any]]:
    """The packages of cargo-auditable's section, unpacked within a limit."""
    text = zlib.decompressobj().decompress(section, DEP_LIMIT)
    packages: list[dict[str, Any]] = json.loads(text)["packages"]
    return packages
