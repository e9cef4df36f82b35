"""A reader for DER (X.690): definite, minimal lengths and one-byte tags, as in the core.

What cannot be read raises ValueError with the name of the field.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID = 0x01, 0x02, 0x03, 0x04, 0x06
UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x17, 0x18, 0x30, 0x31

_MOST_LENGTH_OCTETS = 4


def context(number: int) -> int:
    """`[number]`, constructed."""
    return 0xA0 | number


def context_primitive(number: int) -> int:
    """`[number]`, primitive (implicitly tagged)."""
    return 0x80 | number


class Reader:
    """Reads elements one after the other."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return self._at < len(self._data)

    def peek(self) -> int | None:
        """The tag of the next element, if there is one."""
        return self._data[self._at] if self else None

    def next(self, what: str) -> tuple[int, bytes, bytes]:
        """The next element, whatever it is: its tag, its contents, and all of its bytes."""
        data, start = self._data, self._at
        header = data[start : start + 2 + _MOST_LENGTH_OCTETS]
        if len(header) < 2 or header[0] & 0x1F == 0x1F:  # a tag of several bytes
            raise ValueError(what)
        first, begin = header[1], start + 2
        length = first
        if first >= 0x80:
            count = first & 0x7F
            digits = header[2 : 2 + count]
            # Indefinite, longer than any certificate, or cut off.
            if not 1 <= count <= _MOST_LENGTH_OCTETS or len(digits) < count:
                raise ValueError(what)
            length, begin = int.from_bytes(digits, "big"), begin + count
            if length < 0x80 or digits[0] == 0:  # not minimal
                raise ValueError(what)
        end = begin + length
        if end > len(data):
            raise ValueError(what)
        self._at = end
        return header[0], data[begin:end], data[start:end]

    def expect(self, tag: int, what: str) -> bytes:
        """The contents of the next element, which must have this tag."""
        found, contents, _ = self.next(what)
        if found != tag:
            raise ValueError(what)
        return contents

    def optional(self, tag: int, what: str) -> bytes | None:
        """The contents of the next element if it has this tag; nothing is read otherwise."""
        return self.expect(tag, what) if self.peek() == tag else None

    def end(self, what: str) -> None:
        """An error if anything is left."""
        if self:
            raise ValueError(what)


def elements(contents: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of some contents, up to the first that is not DER."""
    reader = Reader(contents)
    try:
        while reader:
            tag, value, _ = reader.next("")
            yield tag, value
    except ValueError:
        pass


def boolean(value: bytes, what: str) -> bool:
    """TRUE is any octet but 0, as in OpenSSL."""
    if len(value) != 1:
        raise ValueError(what)
    return value != b"\0"


def integer(value: bytes, what: str) -> bytes:
    """The contents of an INTEGER, if they are as short as they can be (X.690 section 8.3.2)."""
    if not value:
        raise ValueError(what)
    if len(value) > 1 and (
        (value[0] == 0 and value[1] < 0x80) or (value[0] == 0xFF and value[1] >= 0x80)
    ):
        raise ValueError(what)
    return value


def small_integer(value: bytes, what: str) -> int:
    """A small unsigned INTEGER; a larger one is 2**32 - 1."""
    if integer(value, what)[0] & 0x80:
        raise ValueError(what)
    return 0xFFFFFFFF if len(value) > 4 else int.from_bytes(value, "big")


def octets(value: bytes, what: str) -> bytes:
    """A BIT STRING that is a whole number of octets."""
    if value[:1] != b"\0":
        raise ValueError(what)
    return value[1:]


#: Most characters of a text in a certificate that are shown, as in the core.
MAX_SHOWN = 1024


def shorten(text: str) -> str:
    """A text from a certificate, fit to be shown but for its length."""
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "\u2026"


def dotted(oid: bytes) -> str:
    """An object identifier's contents as dotted decimals; one that nobody could read is cut."""
    arcs: list[int] = []
    arc = 0
    for octet in oid:
        arc = (arc << 7 | octet & 0x7F) & 0xFFFFFFFFFFFFFFFF
        if octet & 0x80:
            continue
        if not arcs:
            first = min(arc // 40, 2)
            arcs.append(first)
            arc -= first * 40
        arcs.append(arc)
        arc = 0
    return shorten(".".join(map(str, arcs)))


def oids(contents: bytes, what: str) -> list[str]:
    """The object identifiers in the contents of a SEQUENCE, dotted, if they are well-formed."""
    reader, found = Reader(contents), []
    while reader:
        oid = reader.expect(OID, what)
        if not oid or oid[-1] & 0x80:  # X.690 section 8.19.2
            raise ValueError(what)
        found.append(dotted(oid))
    return found
