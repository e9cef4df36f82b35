"""weaken.py MODULE: makes the versions of OpenSSL that an ELF file needs weak.

With another version of OpenSSL in their place the loader would refuse the file, even if no symbol
is bound to them.
"""

import pathlib
import struct
import sys

SHT_GNU_VERNEED = 0x6FFFFFFE
VER_FLG_WEAK = 2

path = pathlib.Path(sys.argv[1])
data = bytearray(path.read_bytes())
(table,) = struct.unpack_from("<Q", data, 40)
size, count = struct.unpack_from("<HH", data, 58)
sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + index * size) for index in range(count)]


def text(start: int) -> bytes:
    return bytes(data[start : data.index(0, start)])


for _, kind, _, _, offset, _, link, _, _, _ in sections:
    if kind != SHT_GNU_VERNEED:
        continue
    entry, following = offset, -1
    while following:
        _, needed, file, first, following = struct.unpack_from("<HHIII", data, entry)
        version = entry + first
        for _ in range(needed):
            _, flags, _, _, step = struct.unpack_from("<IHHII", data, version)
            if text(sections[link][4] + file).startswith((b"libssl", b"libcrypto")):
                struct.pack_into("<H", data, version + 4, flags | VER_FLG_WEAK)
            version += step
        entry += following
path.write_bytes(data)
