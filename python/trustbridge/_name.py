"""Distinguished names: as text for humans, and compared as RFC 5280 section 7.1 says; and the
peer's name against a certificate's. As in the core's `cert` module.
"""

from __future__ import annotations

from . import _der as der

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    #: A name that can be compared: for each SET its attributes, each a type, a tag and a value.
    Canonical = list[list[tuple[str, int, bytes]]]

COMMON_NAME = "2.5.4.3"
_LABELS = {
    COMMON_NAME: "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "street",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.42": "GN",
    "2.5.4.97": "organizationIdentifier",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
    "1.2.840.113549.1.9.1": "emailAddress",
}
_UTF8, _NUMERIC, _PRINTABLE, _TELETEX = 0x0C, 0x12, 0x13, 0x14
_IA5, _UNIVERSAL, _BMP = 0x16, 0x1C, 0x1E
#: How many bits of a BIT STRING are unused.
_UNUSED = [bytes((bits,)) for bits in range(8)]
#: What hides or reorders text, as in the core's `text` module; and what is not text: surrogates.
HIDDEN = (
    *((0x00, 0x1F), (0x22, 0x22), (0x7F, 0x9F), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C)),
    *((0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F), (0x2028, 0x202E)),
    *((0x2060, 0x206F), (0x3164, 0x3164), (0xD800, 0xDFFF), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
    *((0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A)),
    (0xE0000, 0xE0FFF),
)


def escape(text: str) -> str:
    """Text from outside, made fit for one line of a terminal."""
    if text.isascii() and text.isprintable() and '"' not in text:
        return text
    return "".join(
        f"\\u{{{ord(character):x}}}"
        if any(first <= ord(character) <= last for first, last in HIDDEN)
        else character
        for character in text
    )


def shown(text: str) -> str:
    """A text from a certificate as it is shown."""
    return der.shorten(escape(text))


def text(name: bytes) -> str:
    """A distinguished name in the style of RFC 4514, most specific part first; never empty."""
    parts = []
    for oid, value in attributes(name):
        escaped = escape(value).replace(",", "\\,")
        parts.append(f"{_LABELS.get(oid, oid)}={escaped}")
    return der.shorten(", ".join(reversed(parts))) or "(empty name)"


def attributes(name: bytes) -> Iterator[tuple[str, str]]:
    """The attributes of a distinguished name, in order; those that cannot be read are left out."""
    for tag, relative in der.elements(name):
        if tag != der.SET:
            continue
        for _, attribute in der.elements(relative):
            fields = der.Reader(attribute)
            try:
                oid = fields.expect(der.OID, "")
                tag, value, _ = fields.next("")
            except ValueError:
                continue
            yield der.dotted(oid), _shown(tag, value)


def _shown(tag: int, value: bytes) -> str:
    """A string type as text (RFC 5280 section 4.1.2.4); for people, not for comparing."""
    if tag == _TELETEX:
        return value.decode("latin-1")
    if tag == _BMP:
        return value[: len(value) & ~1].decode("utf-16-be", "replace")
    if tag == _UNIVERSAL:
        return value[: len(value) & ~3].decode("utf-32-be", "replace")
    return value.decode("utf-8", "replace")


def canonical(name: bytes, what: str) -> Canonical:
    """A form in which names are equal exactly if they match. Raises ValueError if it is malformed.

    As in OpenSSL: the string types for text are alike, case is ignored and white space is collapsed
    in ASCII, other types are compared as they are, and the order of attributes does not matter
    within a SET but does between them.
    """
    found: Canonical = []
    names = der.Reader(name)
    while names:
        relative = der.Reader(names.expect(der.SET, what))
        values = []
        while relative:
            fields = der.Reader(relative.expect(der.SEQUENCE, what))
            oid = fields.expect(der.OID, what)
            tag, value, _ = fields.next(what)
            fields.end(what)
            values.append((oid.hex(), *_comparable(tag, value, what)))
        if values:
            found.append(sorted(values))
    return found


def _comparable(tag: int, value: bytes, what: str) -> tuple[int, bytes]:
    try:
        if tag == _UTF8:
            read = value.decode("utf-8")
        elif tag in (_PRINTABLE, _TELETEX, _IA5):
            read = value.decode("latin-1")
        elif tag == _BMP:
            # A surrogate is no character, alone or in a pair.
            read = "".join(
                chr(int.from_bytes(value[at : at + 2], "big")) for at in _units(value, 2)
            )
        elif tag == _UNIVERSAL:
            read = value.decode("utf-32-be")
        elif tag in (_NUMERIC, der.SEQUENCE) or (tag == der.BIT_STRING and value[:1] in _UNUSED):
            return tag, value
        else:
            raise ValueError(what)
        encoded = read.encode("utf-8")
    except ValueError:  # UnicodeError is one
        raise ValueError(what) from None
    return _UTF8, b" ".join(encoded.lower().split())


def _units(value: bytes, width: int) -> range:
    if len(value) % width:
        raise ValueError
    return range(0, len(value), width)


def same(one: bytes, other: bytes) -> bool:
    """Whether two Names (contents of the SEQUENCE) are the same."""
    return one == other or key(one) == key(other)


def key(name: bytes) -> str | bytes:
    """What two Names have in common exactly if they are the same: one that is malformed is the same
    as its own copies."""
    try:
        return repr(canonical(name, ""))
    except ValueError:
        return name


def matches(pattern: bytes, peer: bytes) -> bool:
    """A DNS name in a certificate against the peer's, as OpenSSL's `X509_check_host` does with
    partial wildcards off (RFC 9525 section 6)."""
    if not pattern or b"\0" in pattern:
        return False
    pattern, peer = pattern.lower(), peer.lower()
    parent = pattern[1:]
    if not pattern.startswith(b"*") or not _is_wildcard(parent):
        return pattern == peer
    # RFC 9525 section 6.3: it stands for exactly one whole label.
    label = peer[: -len(parent)]
    return (
        bool(label)
        and peer.endswith(parent)
        and (label == b"*" or label.replace(b"-", b"0").isalnum())
    )


def _is_wildcard(parent: bytes) -> bool:
    """Whether what follows a leading asterisk makes it a wildcard: a dot and at least two labels of
    letters, digits and hyphens, none of which begins or ends with a hyphen."""
    labels = parent[1:].split(b".")
    return (
        parent.startswith(b".")
        and len(labels) > 1
        and all(
            label.replace(b"-", b"0").isalnum()
            and not label.startswith(b"-")
            and not label.endswith(b"-")
            for label in labels
        )
    )
