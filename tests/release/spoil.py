"""Ways to spoil an artifact: each changes one thing in a file that was right."""

import io
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from elftools.elf.elffile import ELFFile

NATIVE = "trustbridge/_native.abi3.so"


BUNDLE = "*-py3-none-any.whl"


def wheel_of(dist: Path, pattern: str = "*manylinux*x86_64.whl") -> Path:
    return sorted(dist.glob(pattern))[0]


def edit_wheel(
    dist: Path,
    change: Callable[[dict[str, bytes]], None] = lambda members: None,
    entry: Callable[[zipfile.ZipInfo], None] = lambda entry: None,
    keep_record: bool = False,
    pattern: str = "*manylinux*x86_64.whl",
) -> None:
    """Writes the wheel again with other members; RECORD is made right unless it is kept."""
    from conftest import record_of

    path = wheel_of(dist, pattern)
    with zipfile.ZipFile(path) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        members = {name: archive.read(name) for name in infos}
    record = next(name for name in members if name.endswith(".dist-info/RECORD"))
    if not keep_record:
        del members[record]
    change(members)
    if record not in members:
        members[record] = record_of(members, record)
    some = next(iter(infos.values()))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, some.date_time)
            info.external_attr = infos.get(name, some).external_attr
            entry(info)
            archive.writestr(info, data)


def edit_member(dist: Path, suffix: str, change: Callable[[bytes], bytes], **more: object) -> None:
    def change_one(members: dict[str, bytes]) -> None:
        (name,) = [name for name in members if name.endswith(suffix)]
        changed = change(members[name])
        assert changed != members[name], "this counter-example changes nothing"
        members[name] = changed

    edit_wheel(dist, change_one, **more)


def edit_native(
    change: Callable[[bytearray], None], name: str = NATIVE, **more: str
) -> Callable[[Path], None]:
    def apply(dist: Path) -> None:
        def on_bytes(data: bytes) -> bytes:
            buffer = bytearray(data)
            change(buffer)
            return bytes(buffer)

        edit_member(dist, name, on_bytes, **more)

    return apply


def replace(old: str, new: str) -> Callable[[bytes], bytes]:
    return lambda data: data.replace(old.encode(), new.encode(), 1)


# ELF --------------------------------------------------------------------------------------------


def _program_headers(data: bytearray) -> list[tuple[int, str]]:
    file = ELFFile(io.BytesIO(bytes(data)))
    start, size = file["e_phoff"], file["e_phentsize"]
    return [
        (start + number * size, str(segment["p_type"]))
        for number, segment in enumerate(file.iter_segments())
    ]


def segment(
    kind: str, new_type: int | None = None, set_flags: int = 0
) -> Callable[[bytearray], None]:
    """Changes the first program header of a kind; 64-bit: type and flags are the first words."""

    def change(data: bytearray) -> None:
        at = next(at for at, name in _program_headers(data) if name == kind)
        if new_type is not None:
            struct.pack_into("<I", data, at, new_type)
        (flags,) = struct.unpack_from("<I", data, at + 4)
        struct.pack_into("<I", data, at + 4, flags | set_flags)

    return change


def dynamic(tag: str, new_tag: int | None = None, new_value: int | None = None):
    """Changes an entry of the dynamic section; 64-bit: a tag and a value of eight bytes."""

    def change(data: bytearray) -> None:
        file = ELFFile(io.BytesIO(bytes(data)))
        section = file.get_section_by_name(".dynamic")
        for number, entry in enumerate(section.iter_tags()):
            if entry.entry.d_tag == tag:
                at = section["sh_offset"] + 16 * number
                old = struct.unpack_from("<qQ", data, at)
                new = (old[0] if new_tag is None else new_tag,)
                new += (old[1] if new_value is None else new_value,)
                struct.pack_into("<qQ", data, at, *new)
                return
        raise AssertionError(f"there is no {tag}")

    return change


def both(*changes: Callable[[bytearray], None]) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        for each in changes:
            each(data)

    return change


def in_section(section: str, old: bytes, new: bytes) -> Callable[[bytearray], None]:
    """Overwrites bytes of one section with as many others."""
    assert len(old) == len(new)

    def change(data: bytearray) -> None:
        found = ELFFile(io.BytesIO(bytes(data))).get_section_by_name(section)
        start = found["sh_offset"]
        at = data.index(old, start, start + found["sh_size"])
        data[at : at + len(old)] = new

    return change


def first_python_symbol(data: bytearray) -> None:
    """Renames an imported function of CPython to one that is private to it."""
    section = ELFFile(io.BytesIO(bytes(data))).get_section_by_name(".dynstr")
    start = section["sh_offset"]
    names = re.compile(rb"\0(Py[A-Z][A-Za-z]{4,}_[A-Za-z_]+)(?=\0)")
    found = names.search(data, start, start + section["sh_size"])
    size = len(found.group(1))
    data[found.start(1) : found.end(1)] = b"_PyPrivate_NotInTheStableAbi"[:size].ljust(size, b"x")


def append(text: bytes) -> Callable[[bytearray], None]:
    return lambda data: data.extend(b"\0" + text + b"\0")


# Archives of sources ----------------------------------------------------------------------------


def edit_tar(
    pattern: str,
    change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None],
) -> Callable[[Path], None]:
    def apply(dist: Path) -> None:
        (path,) = dist.glob(pattern)
        with tarfile.open(path) as archive:
            members = [
                (info, file.read() if (file := archive.extractfile(info)) else b"")
                for info in archive.getmembers()
            ]
        change(members)
        with tarfile.open(path, "w:gz") as archive:
            for info, data in members:
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))

    return apply


def tar_text(name: str, old: str, new: str) -> Callable[..., None]:
    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        for number, (info, data) in enumerate(members):
            if info.name.partition("/")[2] == name:
                changed = re.sub(old.encode(), new.encode(), data, count=1)
                assert changed != data, "this counter-example changes nothing"
                members[number] = (info, changed)
                return
        raise AssertionError(f"there is no {name}")

    return change


def tar_info(name: str, **changes: object) -> Callable[..., None]:
    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        for info, _ in members:
            if info.name.partition("/")[2] == name:
                for key, value in changes.items():
                    setattr(info, key, value)
                return
        raise AssertionError(f"there is no {name}")

    return change


def tar_extra(name: str, data: bytes, **changes: object) -> Callable[..., None]:
    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        info = tarfile.TarInfo(members[0][0].name.partition("/")[0] + "/" + name)
        info.mtime, info.mode = members[0][0].mtime, 0o644
        for key, value in changes.items():
            setattr(info, key, value)
        members.append((info, data))

    return change
