"""The PEM blocks of files that say what is distrusted, for OpenSSL mode.

Rules and words are those of the core, src/store/pem.rs.
"""

from __future__ import annotations

import re
from binascii import a2b_base64

from ._der import OID, SEQUENCE, Reader
from ._openssl_der import Damaged, elements, identity, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

CERTIFICATES = (b"CERTIFICATE", b"TRUSTED CERTIFICATE", b"X509 CERTIFICATE")
_BEGIN, _END, _HYPHENS = b"-----BEGIN ", b"-----END ", b"-----"
_CONTROL = bytes(range(33))
_BASE64 = rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"


def blocks(lines: list[bytes]) -> Iterator[tuple[int, tuple[bytes, list[bytes]] | Damaged]]:
    """The certificates, each with the line of its BEGIN, from 1, and the purposes that its settings
    reject; or what is wrong with it."""
    index = 0
    while index < len(lines):
        label = _label(lines[index])
        index += 1
        if label is None:
            continue
        begin, end = index - 1, index
        while end < len(lines) and not lines[end].startswith(_HYPHENS):
            end += 1
        try:
            yield begin + 1, certificate(label, decode(lines[begin : end + 1], label))
        except Damaged as damaged:
            yield begin + 1, damaged
        index = end if end < len(lines) and lines[end].startswith(_BEGIN) else end + 1


def first_block(lines: list[bytes]) -> tuple[bytes, list[bytes]] | None:
    """The first of them; None if there is none."""
    for _, found in blocks(lines):
        if isinstance(found, Damaged):
            raise found
        return found
    return None


def decode(lines: list[bytes], label: bytes) -> bytes:
    """What is between the first line and the END line of that label."""
    body = []
    for line in lines[1:]:
        line = line.rstrip(_CONTROL)
        if line == _END + label + _HYPHENS:
            break
        if line.startswith(_BEGIN):
            raise Damaged("the block has no END line (truncated?)")
        if line.startswith(_HYPHENS):
            raise Damaged("the END line does not match the BEGIN line")
        body.append(line)
    else:
        raise Damaged("the block has no END line (truncated?)")
    text = b"".join(body)
    if not re.fullmatch(_BASE64, text):
        text = text.translate(None, b" \t\r")
        if not re.fullmatch(_BASE64, text):
            raise Damaged("the block is not base64")
    return a2b_base64(text)


def certificate(label: bytes, der: bytes) -> tuple[bytes, list[bytes]]:
    """The certificate that a block holds, and the purposes that its settings reject."""
    try:
        tag, _, found = Reader(der).next("certificate")
    except ValueError:
        raise Damaged("malformed certificate") from None
    if tag != SEQUENCE:
        raise Damaged("malformed certificate")
    settings = der[len(found) :]
    if settings and label != b"TRUSTED CERTIFICATE":
        raise Damaged("malformed certificate (data after its end)")
    rejected = _rejected(settings) if settings else []
    if identity(found) is None:
        raise Damaged("malformed certificate")
    return found, rejected


def _label(line: bytes) -> bytes | None:
    line = line.rstrip(_CONTROL).removeprefix(b"\xef\xbb\xbf")
    for label in CERTIFICATES:
        if line == _BEGIN + label + _HYPHENS:
            return label
    return None


def _rejected(settings: bytes) -> list[bytes]:
    """OpenSSL's `CertAux`: purposes that are trusted, and with tag 0 those that are rejected."""
    what = "trust settings"
    fields = elements(whole(settings, SEQUENCE, what), what)
    if fields and fields[0][0] == SEQUENCE:
        del fields[0]
    if not fields or fields[0][0] != 0xA0:
        return []
    return [oid for tag, oid in elements(fields[0][1], what) if tag == OID]
