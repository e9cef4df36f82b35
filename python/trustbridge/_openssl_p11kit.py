"""Reads the trust policy files of p11-kit for OpenSSL mode: what a distribution distrusts.

Rules and words are those of the core, src/store/p11kit.rs; tests/python/test_openssl_distrust.py
holds the two together. Only what takes trust away is read, and a file is gone through once.
"""

from __future__ import annotations

import re
from collections import namedtuple

from ._der import INTEGER, OCTET_STRING, OID, SEQUENCE
from ._openssl_der import Damaged, elements, whole
from ._openssl_pem import CERTIFICATES, decode, first_block
from ._times import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

HEADER = b"[p11-kit-object-v1]"
SPACE = b" \t\n\x0c\r"

#: The extensions that take trust away, by the contents of their object identifiers.
EXTENDED_KEY_USAGE = b"\x55\x1d\x25"
NAME_CONSTRAINTS = b"\x55\x1d\x1e"
REJECTED_PURPOSES = b"\x2b\x06\x01\x04\x01\x99\x77\x06\x0a\x01"
_ATTACHED = (EXTENDED_KEY_USAGE, NAME_CONSTRAINTS, REJECTED_PURPOSES)

_ATTRIBUTES = {
    b"class": "class",
    b"x-distrusted": "distrusted",
    b"nss-server-distrust-after": "after",
    b"issuer": "issuer",
    b"serial-number": "serial",
    b"value": "value",
    b"public-key-info": "key",
    b"x-public-key-info": "key",
}

#: About exactly this certificate: whether it is distrusted; since when, in seconds since 1970, it
#: is not trusted for servers' certificates that are issued later, or None; and the purposes that a
#: `TRUSTED CERTIFICATE` block rejects.
AboutCertificate = namedtuple("AboutCertificate", "certificate distrusted after rejected")
#: The certificate of this issuer with this serial number is distrusted.
AboutSerial = namedtuple("AboutSerial", "issuer serial")
#: An extension for certificates with this key: its kind, and the contents of its SEQUENCE.
AboutKey = namedtuple("AboutKey", "key kind contents")

if TYPE_CHECKING:
    Statement: TypeAlias = AboutCertificate | AboutSerial | AboutKey
    Fault: TypeAlias = tuple[int | None, str]


def is_p11kit(lines: list[bytes]) -> bool:
    for line in lines:
        line = line.strip(SPACE)
        if line and not line.startswith(b"#"):
            return line == HEADER
    return False


def parse(lines: list[bytes], blocklist: bool) -> tuple[list[Statement], list[Fault]]:
    """What the lines of a file say, and what could not be read of it. All certificates of a
    blocklist are distrusted, whatever else it says."""
    statements: list[Statement] = []
    faults: list[Fault] = []
    current: _Object | None = None
    begin: int | None = None
    for index, raw in enumerate(lines):
        # Nearly all lines are the insides of certificates that are trusted.
        if begin is not None and b"-" not in raw:
            continue
        line = raw.strip(SPACE)
        if begin is not None and line != HEADER:
            if line.startswith(b"-----END "):
                if current is not None:
                    current.block = lines[begin : index + 1]
                begin = None
            continue
        if not line or line.startswith(b"#"):
            continue
        if line.startswith(b"["):
            if begin is not None:
                begin = None
                faults.append((index + 1, "the PEM block before has no END line"))
            _finish(current, blocklist, statements, faults)
            current = _Object(index + 1) if line == HEADER else None
            if current is None:
                faults.append((index + 1, "a section of an unknown kind"))
        elif line.startswith(b"-----BEGIN "):
            begin = index
        elif current is not None:
            name, colon, value = line.partition(b":")
            if not colon:
                faults.append((index + 1, "not 'name: value'"))
            elif attribute := _ATTRIBUTES.get(name.strip(SPACE)):
                current.values[attribute] = value.strip(SPACE)
    if begin is not None:
        faults.append((len(lines), "the PEM block has no END line (truncated?)"))
    _finish(current, blocklist, statements, faults)
    return statements, faults


class _Object:
    """One object of a file; values as they are written."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.values: dict[str, bytes] = {}
        #: The lines of a PEM block.
        self.block: list[bytes] = []

    def has_block(self, *labels: bytes) -> bool:
        start = self.block[0].strip(SPACE) if self.block else b""
        return any(start.startswith(b"-----BEGIN " + label + b"-----") for label in labels)

    def is_certificate(self) -> bool:
        kind = self.values.get("class")
        return kind == b"certificate" or (kind is None and self.has_block(*CERTIFICATES))

    def certificate(self) -> tuple[bytes, list[bytes]] | None:
        """The certificate, and the purposes that its settings reject."""
        value = self.values.get("value")
        der = b"" if value is None else _bytes(value)
        if der:
            return der, []
        return first_block(self.block) if self.block else None

    def key(self) -> bytes:
        """Contents of the SubjectPublicKeyInfo."""
        value = self.values.get("key")
        if value is not None:
            der = _bytes(value)
        elif self.has_block(b"PUBLIC KEY"):
            der = decode(self.block, b"PUBLIC KEY")
        else:
            raise Damaged("an extension without a public key")
        return whole(der, SEQUENCE, "public key", may_go_on=True)


def _finish(
    current: _Object | None, blocklist: bool, statements: list[Statement], faults: list[Fault]
) -> None:
    if current is None:
        return
    statement: Statement | None = None
    try:
        if current.values.get("class") in (b"x-certificate-extension", b"x-stapled-extension"):
            statement = _extension(current)
        elif current.is_certificate():
            statement = _certificate(current, blocklist, faults)
    except Damaged as damaged:
        faults.append((current.line, str(damaged)))
    if statement is not None:
        statements.append(statement)


def _certificate(
    current: _Object, blocklist: bool, faults: list[Fault]
) -> AboutCertificate | AboutSerial | None:
    values = current.values
    # Whatever is not clearly "false" is taken as distrust: nobody writes it for fun.
    flag = values.get("distrusted")
    is_false = flag in (None, b"false", b'"%00"')
    if not is_false and flag not in (b"true", b'"%01"'):
        faults.append((current.line, "x-distrusted is neither 'true' nor 'false'"))
    distrusted = blocklist or not is_false
    after = None
    try:
        after = _date(values["after"]) if "after" in values else None
    except Damaged as damaged:
        faults.append((current.line, f"nss-server-distrust-after {damaged}"))
    if not distrusted and after is None and not current.has_block(b"TRUSTED CERTIFICATE"):
        return None
    found = current.certificate()
    if found is not None:
        return AboutCertificate(found[0], distrusted, after, found[1])
    if "issuer" not in values or "serial" not in values:
        raise Damaged("neither a certificate nor an issuer and serial number")
    if not distrusted:
        raise Damaged("a date for an issuer and serial number, which has no meaning")
    return AboutSerial(
        whole(_bytes(values["issuer"]), SEQUENCE, "issuer"),
        whole(_bytes(values["serial"]), INTEGER, "serial number"),
    )


def _extension(current: _Object) -> AboutKey | None:
    """The value is the whole `Extension` of RFC 5280 section 4.1."""
    if "value" not in current.values:
        raise Damaged("an extension without a value")
    what = "extension"
    fields = elements(whole(_bytes(current.values["value"]), SEQUENCE, what), what)
    tags = [tag for tag, _ in fields]
    if tags not in ([OID, OCTET_STRING], [OID, 1, OCTET_STRING]):
        raise Damaged(f"malformed {what}")
    kind = fields[0][1]
    if kind not in _ATTACHED:
        return None
    contents = whole(fields[-1][1], SEQUENCE, "extension value")
    return AboutKey(current.key(), kind, contents)


def _date(value: bytes) -> int | None:
    """`"YYMMDDhhmmssZ"` or `"YYYYMMDDhhmmssZ"`, or `"%00"` (false) for no date."""
    text = _bytes(value)
    if text in (b"", b"\0"):
        return None
    try:
        return seconds(text, "")
    except ValueError:
        raise Damaged("is not a date") from None


def _bytes(value: bytes) -> bytes:
    """A quoted value with its percent encoding undone. `false` and `true` are a byte, as in
    PKCS #11."""
    if value in (b"false", b"true"):
        return b"\1" if value == b"true" else b"\0"
    if len(value) < 2 or not (value.startswith(b'"') and value.endswith(b'"')):
        raise Damaged("a value that is not in quotes")
    text, at = value[1:-1], 0
    out = []
    while (sign := text.find(b"%", at)) >= 0:
        digits = text[sign + 1 : sign + 3]
        if len(digits) < 2:
            raise Damaged("truncated percent encoding")
        if not re.fullmatch(rb"[0-9A-Fa-f]{2}", digits):
            raise Damaged("invalid percent encoding")
        out += [text[at:sign], bytes([int(digits, 16)])]
        at = sign + 3
    return b"".join(out) + text[at:]
