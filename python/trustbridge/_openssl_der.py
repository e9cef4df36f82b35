"""As much DER as OpenSSL mode needs to recognise a certificate that is distrusted."""

from __future__ import annotations

INTEGER, OCTET_STRING, OID, UTF8_STRING = 0x02, 0x04, 0x06, 0x0C
SEQUENCE, SET = 0x30, 0x31

_BIT_STRING, _NUMERIC_STRING, _BMP_STRING = 0x03, 0x12, 0x1E
# The string types for text, as names are compared in OpenSSL: see src/cert/name.rs.
_TEXT = {
    0x0C: "utf-8",
    0x13: "latin-1",
    0x14: "latin-1",
    0x16: "latin-1",
    0x1C: "utf-32-be",
    _BMP_STRING: "utf-16-be",
}


class Damaged(Exception):
    """Something cannot be read, for the reason given."""


def element(der: bytes, start: int) -> tuple[int, int, int]:
    """Tag, beginning of the contents and end of the element that begins there."""
    try:
        tag, length = der[start], der[start + 1]
    except IndexError:
        raise Damaged from None
    begin = start + 2
    if length >= 0x80:
        octets = length - 0x80
        length = int.from_bytes(der[begin : begin + octets], "big")
        begin += octets
        # The shortest form, of up to four octets.
        if not 0 < octets <= 4 or length < 0x80 or length < 1 << (8 * (octets - 1)):
            raise Damaged
    if tag & 0x1F == 0x1F or begin + length > len(der):
        raise Damaged
    return tag, begin, begin + length


def elements(der: bytes, what: str) -> list[tuple[int, bytes]]:
    """Tags and contents of elements that follow one another."""
    found: list[tuple[int, bytes]] = []
    at = 0
    try:
        while at < len(der):
            tag, begin, at = element(der, at)
            found.append((tag, der[begin:at]))
    except Damaged:
        raise Damaged(f"malformed {what}") from None
    return found


def oids(der: bytes) -> set[bytes]:
    """The object identifiers in the contents of a SEQUENCE, up to what cannot be read."""
    found = set()
    at = 0
    try:
        while at < len(der):
            tag, begin, at = element(der, at)
            if tag == OID:
                found.add(der[begin:at])
    except Damaged:
        pass
    return found


def whole(der: bytes, tag: int, what: str, *, may_go_on: bool = False) -> bytes:
    """The contents of the one element that something is."""
    try:
        found, begin, end = element(der, 0)
    except Damaged:
        raise Damaged(f"malformed {what}") from None
    if found != tag or (end != len(der) and not may_go_on):
        raise Damaged(f"malformed {what}")
    return der[begin:end]


def certificates(der: bytes) -> tuple[list[bytes], bool]:
    """Certificates that follow one another, and whether there is nothing else."""
    found: list[bytes] = []
    at = 0
    try:
        while at < len(der):
            tag, _, end = element(der, at)
            if tag != SEQUENCE:
                return found, False
            found.append(der[at:end])
            at = end
    except Damaged:
        return found, False
    return found, True


def identity(certificate: bytes) -> tuple[bytes, bytes, bytes, bytes] | None:
    """Contents of issuer, serial number, subject and SubjectPublicKeyInfo; None if it cannot be
    read (RFC 5280 section 4.1)."""
    try:
        signed = whole(certificate, SEQUENCE, "certificate")
        body = elements(whole(signed, SEQUENCE, "certificate", may_go_on=True), "certificate")
    except Damaged:
        return None
    if body and body[0][0] == 0xA0:
        del body[0]
    if [tag for tag, _ in body[:6]] != [INTEGER, *[SEQUENCE] * 5]:
        return None
    return body[2][1], body[0][1], body[4][1], body[5][1]


def canonical(name: bytes) -> object:
    """What two names have in common if they are the same: see src/cert/name.rs. A name that is
    malformed is like itself only."""
    try:
        found = []
        for tag, contents in elements(name, "name"):
            if tag != SET:
                return name
            if contents:
                found.append(tuple(sorted(map(_attribute, elements(contents, "name")))))
        return tuple(found)
    except (Damaged, ValueError):  # UnicodeError is one
        return name


def _attribute(attribute: tuple[int, bytes]) -> tuple[bytes, int, bytes]:
    """Case is ignored and white space collapsed in ASCII only."""
    kind, contents = attribute
    (oid_tag, oid), (tag, value) = elements(contents, "name")
    if (kind, oid_tag) != (SEQUENCE, OID):
        raise ValueError
    if tag in (_NUMERIC_STRING, SEQUENCE) or (tag == _BIT_STRING and value and value[0] <= 7):
        return oid, tag, value
    if tag not in _TEXT:
        raise ValueError
    if tag == _BMP_STRING:  # a surrogate is no character, alone or in a pair
        pairs = zip(value[::2], value[1::2], strict=True)
        text = "".join(chr(high << 8 | low) for high, low in pairs)
    else:
        text = value.decode(_TEXT[tag])
    return oid, UTF8_STRING, b" ".join(text.encode().lower().split())


def time(text: bytes) -> int | None:
    """A UTCTime or GeneralizedTime in seconds since 1970 (RFC 5280 section 4.1.2.5)."""
    from datetime import datetime, timezone

    if not text.endswith(b"Z") or not text[:-1].isdigit():
        return None
    digits = text[:-1].decode()
    if len(digits) == 12:
        digits = ("19" if digits >= "50" else "20") + digits
    parts = [int(digits[at : at + 2]) for at in range(4, 14, 2)]
    try:
        found = datetime(int(digits[:4]), *parts, tzinfo=timezone.utc)  # type: ignore[arg-type,misc]
    except ValueError:
        return None
    return int((found - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds())
