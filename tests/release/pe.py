"""A small library for 64-bit Windows, put together by hand: as much of a PE file as is looked at.

No compiler for Windows is needed, and each field that a rule reads can be spoilt by itself.
"""

import struct
from collections.abc import Callable

import pefile

CODE, READ, WRITE, EXECUTE = 0x20, 0x4000_0000, 0x8000_0000, 0x2000_0000
BASE, TEXT, DATA, RELOC, DEP = 0x1_8000_0000, 0x1000, 0x2000, 0x3000, 0x4000
# HIGH_ENTROPY_VA, DYNAMIC_BASE, NX_COMPAT, GUARD_CF
FLAGS = 0x20 | 0x40 | 0x100 | 0x4000
IMPORTS = {"python3.dll": "PyModuleDef_Init", "KERNEL32.dll": "GetLastError"}


def library(dep: bytes) -> bytes:
    """Hardened as the real one is to be, with the section of cargo-auditable."""
    data, directories = _tables()
    relocations = struct.pack("<IIHH", DATA, 12, 0xA000, 0)
    sections = [
        (b".text", TEXT, bytes(range(256)) * 16, CODE | READ | EXECUTE),
        (b".rdata", DATA, data, READ),
        (b".reloc", RELOC, relocations, READ),
        (b".dep-v0", DEP, dep, READ),
    ]
    directories[5] = (RELOC, len(relocations))
    end = DEP + -(-len(dep) // 0x1000) * 0x1000
    optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, 0x200, 0x600, 0, TEXT, TEXT)
    optional += struct.pack(
        "<QIIHHHHHHIIIIHH", BASE, 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0, end, 0x400, 0, 2, FLAGS
    )
    optional += struct.pack("<QQQQII", 1 << 20, 1 << 12, 1 << 20, 1 << 12, 0, 16)
    optional += b"".join(
        struct.pack("<II", *directories.get(number, (0, 0))) for number in range(16)
    )
    # EXECUTABLE_IMAGE, LARGE_ADDRESS_AWARE, DLL
    coff = struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, len(optional), 0x2022)
    image = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40) + b"PE\0\0" + coff + optional
    body = b""
    for name, address, content, flags in sections:
        raw = content.ljust(-(-len(content) // 0x200) * 0x200, b"\0")
        image += struct.pack(
            "<8sIIIIIIHHI",
            name,
            len(content),
            address,
            len(raw),
            0x400 + len(body),
            0,
            0,
            0,
            0,
            flags,
        )
        body += raw
    return image.ljust(0x400, b"\0") + body


def _tables() -> tuple[bytes, dict[int, tuple[int, int]]]:
    """Exports, imports and the configuration for loading, and where each is."""
    data = bytearray()

    def put(content: bytes) -> int:
        data.extend(b"\0" * (-len(data) % 8))
        at = DATA + len(data)
        data.extend(content)
        return at

    name = put(b"_native.pyd\0")
    symbol = put(b"PyInit__native\0")
    tables = [
        put(struct.pack("<I", TEXT)),
        put(struct.pack("<I", symbol)),
        put(struct.pack("<H", 0)),
    ]
    exports = put(struct.pack("<IIHHIIIIIII", 0, 0, 0, 0, name, 1, 1, 1, *tables))
    descriptors = b""
    for library_name, function in IMPORTS.items():
        hint = put(struct.pack("<H", 0) + function.encode() + b"\0")
        lookup, bound = put(struct.pack("<QQ", hint, 0)), put(struct.pack("<QQ", hint, 0))
        descriptors += struct.pack(
            "<IIIII", lookup, 0, 0, put(library_name.encode() + b"\0"), bound
        )
    descriptors += bytes(20)
    imports = put(descriptors)
    guard = put(struct.pack("<I", TEXT))
    load = bytearray(0x94)
    struct.pack_into("<I", load, 0, len(load))
    struct.pack_into("<QQI", load, 0x80, BASE + guard, 1, 0x500)
    directories = {
        0: (exports, 40),
        1: (imports, len(descriptors)),
        10: (put(bytes(load)), len(load)),
    }
    return bytes(data), directories


# Ways to spoil it -------------------------------------------------------------------------------


def field(structure: str, name: str, change: Callable[[int], int]) -> Callable[[bytearray], None]:
    """Changes a field of the file's or the optional header."""

    def apply(data: bytearray) -> None:
        file = pefile.PE(data=bytes(data))
        table = getattr(file, structure)
        old = getattr(table, name)
        at = table.get_file_offset() + table.__field_offsets__[name]
        width = 4 if name == "NumberOfSymbols" else 2
        new = change(old)
        assert new != old, "this counter-example changes nothing"
        data[at : at + width] = new.to_bytes(width, "little")

    return apply


def without_flag(bit: int) -> Callable[[bytearray], None]:
    return field("OPTIONAL_HEADER", "DllCharacteristics", lambda flags: flags & ~bit)


def section_flags(name: bytes, bits: int) -> Callable[[bytearray], None]:
    def apply(data: bytearray) -> None:
        at = data.index(name.ljust(8, b"\0")) + 36
        (old,) = struct.unpack_from("<I", data, at)
        assert old | bits != old
        struct.pack_into("<I", data, at, old | bits)

    return apply


def rename_section(old: bytes, new: bytes) -> Callable[[bytearray], None]:
    def apply(data: bytearray) -> None:
        at = data.index(old.ljust(8, b"\0"))
        data[at : at + 8] = new.ljust(8, b"\0")

    return apply


def directory(number: int) -> Callable[[bytearray], None]:
    """Takes one of the tables away."""

    def apply(data: bytearray) -> None:
        file = pefile.PE(data=bytes(data))
        at = file.OPTIONAL_HEADER.DATA_DIRECTORY[number].get_file_offset()
        assert any(data[at : at + 8])
        data[at : at + 8] = bytes(8)

    return apply


def text(old: bytes, new: bytes) -> Callable[[bytearray], None]:
    """Overwrites bytes with as many others."""
    assert len(old) == len(new)

    def apply(data: bytearray) -> None:
        at = data.index(old)
        data[at : at + len(old)] = new

    return apply
