"""Reading the certificates and CRLs that a context is given, by the core's rules for files: PEM as
OpenSSL's `PEM_read_bio` reads it, and DER.
"""

from __future__ import annotations

import os
import stat
from binascii import a2b_base64

from .. import _der as der
from .certificate import read, subject_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike
    from typing import IO

    #: Purposes trusted (None: all that are not rejected) and rejected, dotted.
    TrustSettings = tuple[tuple[str, ...] | None, tuple[str, ...]]
    #: Size and times of a file: one with the same stamp has the same contents.
    Stamp = tuple[int, int, int]

_MOST_BYTES = 256 << 20
_PIECE = 64 << 10
_BEGIN, _END, _HYPHENS = b"-----BEGIN ", b"-----END ", b"-----"
_MARK = b"\xef\xbb\xbf"
_CERTIFICATE, _TRUSTED, _CRL = b"CERTIFICATE", b"TRUSTED CERTIFICATE", b"X509 CRL"
_LABELS = (_CERTIFICATE, b"X509 CERTIFICATE", _TRUSTED, _CRL)
_BLANKS = bytes(range(33))
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_HASH_DIGITS = 8


class Batch:
    """Certificates and CRLs that were read, not yet trusted by anybody.

    clean -- whether something was found, and everything found could be read
    repeatable -- whether reading again gives the same
    """

    def __init__(self) -> None:
        self.roots: list[tuple[bytes, TrustSettings | None]] = []
        self.crls: list[bytes] = []
        self.clean = True
        self.repeatable = True
        self.file: tuple[str, Stamp] | None = None

    def __len__(self) -> int:
        return len(self.roots) + len(self.crls)

    def _add(self, encoded: bytes, trust: TrustSettings | None = None) -> None:
        # What cannot be read never verifies anything.
        if read(encoded) is None:
            self.clean = False
        else:
            self.roots.append((encoded, trust))

    def _add_crl(self, encoded: bytes) -> None:
        self.clean &= is_crl(encoded)
        self.crls.append(encoded)

    def _not_empty(self) -> Batch:
        self.clean &= len(self) > 0
        return self


def read_file(path: str | PathLike[str]) -> Batch:
    """Reads a file of PEM blocks: certificates and CRLs; everything else in it is skipped.

    Raises OSError if the file cannot be read or is too large.
    """
    name = os.fspath(path)
    try:
        stamp = stamp_of(name)
        with open(name, "rb") as file:
            text = _content(file)
    except OSError as error:
        raise OSError(f"{error.strerror} (os error {error.errno})") from None
    if len(text) > _MOST_BYTES:
        raise OSError(f"larger than {_MOST_BYTES >> 20} MiB")
    batch = _blocks(text)._not_empty()
    batch.repeatable = stamp is not None
    batch.file = None if stamp is None else (name, stamp)
    return batch


def _content(file: IO[bytes]) -> bytes:
    """All of a file, or more than is allowed of it. In pieces: one read of the most that is allowed
    would begin by taking that much memory."""
    pieces, size = [], 0
    while size <= _MOST_BYTES and (piece := file.read(_PIECE)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def read_directory(path: str | PathLike[str]) -> Batch:
    """Reads the PEM files of a directory whose names are eight hexadecimal digits, a dot and a
    number (certificates) or `r` and a number (CRLs), as `openssl rehash` makes them. What cannot be
    read is left out, a directory that is not there is empty."""
    out = Batch()
    folder = os.fspath(path)
    try:
        names = sorted(filter(_is_hashed, os.listdir(folder)))
    except OSError:
        return out
    for name in names:
        file = os.path.join(folder, name)
        # Opening a FIFO would wait for its writer. Nobody named this file, so it is not read.
        if stamp_of(file) is None:
            continue
        try:
            batch = read_file(file)
        except OSError:
            out.clean = False
            continue
        out.roots += batch.roots
        out.crls += batch.crls
        out.clean &= batch.clean
    return out


def read_pem(pem: str) -> Batch:
    """Reads PEM blocks: certificates and CRLs; everything else in it is skipped."""
    return _blocks(pem.encode("utf-8", "surrogatepass"))._not_empty()


def read_der(encoded: bytes) -> Batch:
    """Reads certificates in DER that follow one another, or one CRL in DER."""
    out = Batch()
    reader = der.Reader(encoded)
    try:
        while reader:
            tag, _, whole = reader.next("")
            if tag != der.SEQUENCE:
                raise ValueError
            out._add(whole)
    except ValueError:
        out.clean = False
    if not out.roots and is_crl(encoded):
        out = Batch()
        out._add_crl(encoded)
    return out._not_empty()


def stamp_of(path: str) -> Stamp | None:
    """What tells one state of a regular file from another; None for everything else."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def is_crl(encoded: bytes) -> bool:
    """Whether these bytes have the fields of a CRL (RFC 5280 section 5.1). Its entries and
    extensions are for the system to read."""
    try:
        outer = der.Reader(encoded)
        whole = der.Reader(outer.expect(der.SEQUENCE, ""))
        outer.end("")
        fields = der.Reader(whole.expect(der.SEQUENCE, ""))
        algorithm = whole.expect(der.SEQUENCE, "")
        der.octets(whole.expect(der.BIT_STRING, ""), "")
        whole.end("")
        version = fields.optional(der.INTEGER, "")
        if version is not None and der.small_integer(version, "") > 1:
            return False
        same = fields.expect(der.SEQUENCE, "") == algorithm  # RFC 5280 section 5.1.1.2
        fields.expect(der.SEQUENCE, "")
        updated = fields.next("")[0] in (der.UTC_TIME, der.GENERALIZED_TIME)
        if fields.peek() in (der.UTC_TIME, der.GENERALIZED_TIME):
            fields.next("")
        fields.optional(der.SEQUENCE, "")
        fields.optional(der.context(0), "")
        fields.end("")
    except ValueError:
        return False
    return same and updated


def _is_hashed(name: str) -> bool:
    digits, dot, number = name.partition(".")
    number = number[1:] if number.startswith("r") else number
    return (
        dot == "."
        and len(digits) == _HASH_DIGITS
        and all(digit in "0123456789abcdef" for digit in digits)
        and number.isascii()
        and number.isdigit()
    )


def _blocks(text: bytes) -> Batch:
    """The certificates and CRLs in some PEM text. A block at fault does not hide the others."""
    out = Batch()
    found = False
    label: bytes | None = None
    body: list[bytes] = []
    mark = True
    for whole in text.split(b"\n"):
        line = whole.rstrip(_BLANKS)
        if label is not None:
            if not line.startswith(_HYPHENS):
                body.append(line)
                continue
            ended = line == _END + label + _HYPHENS
            if ended:
                _add_block(out, label, b"".join(body))
            else:
                out.clean = False
            mark, label = ended, None
            if not line.startswith(_BEGIN):
                continue
        elif mark and line.startswith(_MARK):
            # OpenSSL takes it away in the first line, and after the end of a block.
            line = line[len(_MARK) :]
        mark = line.startswith(_END)
        name = _label(line)
        if name is not None:
            found = True
            label, body = name or None, []
            out.clean &= label is not None
        elif _is_like_begin(line):
            found, out.clean = True, False
    if label is not None:  # no END line
        out.clean = False
    out.clean &= found
    return out


def _label(line: bytes) -> bytes | None:
    """The label of a BEGIN line of a certificate or CRL; empty if the line does not end after its
    hyphens."""
    rest = line[len(_BEGIN) :]
    for name in _LABELS if line.startswith(_BEGIN) else ():
        hyphens = rest[len(name) :]
        # Another hyphen or nothing: not the beginning of a longer label.
        if rest.startswith(name) and (not hyphens or hyphens.startswith(b"-")):
            return name if hyphens == _HYPHENS else b""
    return None


def _is_like_begin(line: bytes) -> bool:
    """Whether a line outside of a block was meant to begin one with a certificate or CRL. One that
    is commented out or quoted was not."""
    upper = line.upper()
    at = next((at for at in range(len(line)) if line[at : at + 1].isalnum()), len(line))
    start, word, rest = upper[:at], upper[at : at + 5], upper[at + 5 :].lstrip(b" \t\n\f\r")
    name = next((name for name in _LABELS if rest.startswith(name)), None)
    if word != b"BEGIN" or name is None:
        return False
    end = rest[len(name) :]
    return (
        not any(octet in b"#;/>%*" for octet in start)
        and not any(end[at : at + 1].isalnum() for at in range(len(end)))
        and any(octet == 0x2D or octet >= 0x80 for octet in start + end)
    )


def _add_block(out: Batch, label: bytes, body: bytes) -> None:
    body = body.translate(None, b" \t\r")
    padding = len(body) - len(body.rstrip(b"="))
    if len(body) % 4 or padding > 2 or len(body.translate(None, _ALPHABET)) != padding:
        out.clean = False
        return
    encoded = a2b_base64(body)
    try:
        reader = der.Reader(encoded)
        tag, _, whole = reader.next("")
        rest = encoded[len(whole) :]
        if tag != der.SEQUENCE or (rest and label != _TRUSTED):
            raise ValueError
        if label == _CRL:
            out._add_crl(whole)
            return
        subject_of(whole)
        out._add(whole, _trust_settings(rest) if rest else None)
    except ValueError:
        out.clean = False


def _trust_settings(aux: bytes) -> TrustSettings:
    """The `CertAux` that follows the certificate in a `TRUSTED CERTIFICATE` block."""
    outer = der.Reader(aux)
    fields = der.Reader(outer.expect(der.SEQUENCE, ""))
    outer.end("")
    trusted = fields.optional(der.SEQUENCE, "")
    rejected = fields.optional(der.context(0), "")
    # An alias, a key identifier and other algorithms may follow; they say nothing of trust.
    return None if trusted is None else _listed(trusted), _listed(rejected or b"")


def _listed(contents: bytes) -> tuple[str, ...]:
    return tuple(der.dotted(value) for tag, value in der.elements(contents) if tag == der.OID)
