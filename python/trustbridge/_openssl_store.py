"""Where OpenSSL mode finds the system's certificates, and how it reads them into a context.

Places and rules are those of the core, src/store/, for systems whose store is plain data: Linux and
other Unix.
"""

from __future__ import annotations

import os
import re
import ssl
import stat
from binascii import a2b_base64

from ._files import absolute
from ._privileges import has_raised_privileges
from ._std import StdContext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from typing import Any

    from ._openssl_distrust import Distrust

# The tables of the core, src/store/locations.rs. The first bundle that exists is the store.
BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/var/lib/ca-certificates/ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs/ca-bundle.crt",
    "/etc/pki/tls/cacert.pem",
    "/opt/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/certs/cacert.pem",
    "/data/data/com.termux/files/usr/etc/tls/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
    "/etc/openssl/certs/ca-certificates.crt",
    "/etc/ssl/cacert.pem",
    "/etc/certs/ca-certificates.crt",
    "/boot/system/data/ssl/CARootCertificates.pem",
    "/var/ssl/cert.pem",
)
# Where there is no bundle; the first directory that gives a certificate counts.
DIRECTORIES = (
    "/etc/ssl/certs",
    "/etc/pki/ca-trust/extracted/pem/directory-hash",
    "/etc/pki/tls/certs",
    "/etc/openssl/certs",
    "/etc/certs/CA",
    "/var/ssl/certs",
)

#: What names another store than the system's default.
VARIABLES = ("SSL_CERT_FILE", "NIX_SSL_CERT_FILE", "SSL_CERT_DIR")

#: Names a directory of untrusted intermediates.
INTERMEDIATES_VARIABLE = "TRUSTBRIDGE_INTERMEDIATES_DIR"

_MAX_FILE_BYTES = 256 << 20
# Compiled when they are used: that takes longer than the rest of the import.
HASHED = r"(?a:[0-9a-f]{8}\.[0-9]+)"
HASHED_CRL = r"(?a:[0-9a-f]{8}\.r[0-9]+)"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BEGIN = rb"-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----"
# No dash within: a search goes no further than the next marker, and no marker is taken for content.
# OpenSSL ignores every control character after a marker.
_BLOCK = rb"(?m)^" + _BEGIN + rb"[\x00-\x09\x0b-\x20]*\n([^-]*)^-----END \1?CERTIFICATE-----"


class Place:
    """One place of the store."""

    def __init__(self, path: str, variable: str | None, *, directory: bool) -> None:
        self.path = path
        #: The environment variable that names it; None for a default.
        self.variable = variable
        self.directory = directory

    def __str__(self) -> str:
        return f"{self.variable} {self.path}" if self.variable else self.path


def places(
    environment: Any = os.environ,
    bundles: Iterable[str] = BUNDLES,
    directories: Iterable[str] = DIRECTORIES,
) -> list[Place]:
    """Where to read, in order. An empty value is ignored; one that is set is never replaced.

    Without a bundle, all of the default directories: the first that gives a certificate counts.
    """
    found = []
    for variable in ("SSL_CERT_FILE", "NIX_SSL_CERT_FILE"):
        value = environment.get(variable)
        if value:
            found.append(Place(absolute(value), variable, directory=False))
            break
    else:
        for path in bundles:
            if os.path.exists(path):
                found.append(Place(path, None, directory=False))
                break
    bundle = bool(found)
    value = environment.get("SSL_CERT_DIR")
    if value:
        for path in dict.fromkeys(absolute(part) for part in value.split(":") if part):
            found.append(Place(path, "SSL_CERT_DIR", directory=True))
    elif not bundle:
        found.extend(Place(path, None, directory=True) for path in directories)
    return found


_places: list[Place] | None = None


def system_places() -> list[Place]:
    global _places
    # No lock: two threads find the same, and the child of a fork would wait for the other one.
    if _places is None:
        # As OpenSSL, which reads its variables with secure_getenv.
        named = any(os.environ.get(name) for name in VARIABLES)
        _places = places({} if named and has_raised_privileges() else os.environ)
    return _places


class Source:
    """What one place gave to one context."""

    def __init__(self, name: str, before: Iterable[Source] = ()) -> None:
        self.name = name
        #: How many it has that no place before it has.
        self.certificates = 0
        self.later = any(source.certificates for source in before)
        self.problems: list[str] = []
        #: Certificates that were not loaded, and the file that distrusts each.
        self.distrusted: dict[bytes, str] = {}

    def __str__(self) -> str:
        count = self.certificates
        more = "more " if self.later else ""
        text = f"{self.name} ({count} {more}certificate{'' if count == 1 else 's'})"
        from ._name import escape

        return escape(f"{text} [{self.problems[0]}]" if self.problems else text)


def read_into(
    context: ssl.SSLContext,
    place: Place,
    before: Iterable[Source],
    distrust: Distrust | None = None,
) -> Source:
    """Reads a place into a context. `before` are those read already; what is distrusted is left
    out."""
    source = Source(str(place), before)
    known = certificates_in(context)
    if place.directory:
        read_directory(context, place.path, source, distrust)
    else:
        read_file(context, place.path, source, distrust)
    source.certificates = certificates_in(context) - known
    return source


def certificates_in(context: ssl.SSLContext) -> int:
    return StdContext.cert_store_stats(context)["x509"]


def read_directory(
    context: ssl.SSLContext, path: str, source: Source, distrust: Distrust | None = None
) -> None:
    """Reads every file that OpenSSL would look up in a directory of hashed names."""
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        source.problems.append(str(error.strerror))
        return
    for name in names:
        if re.fullmatch(HASHED, name):
            read_file(context, os.path.join(path, name), source, distrust)


def read_file(
    context: ssl.SSLContext, path: str, source: Source, distrust: Distrust | None = None
) -> None:
    """Reads what can be read of a file, without what is distrusted; the rest is a problem."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            source.problems.append(f"{path} is not a regular file")
            return
        if status.st_size > _MAX_FILE_BYTES:
            source.problems.append(f"{path} is too large")
            return
        if distrust is not None and distrust.takes_away:
            with open(path, "rb") as file:
                pem = file.read(_MAX_FILE_BYTES).removeprefix(_BYTE_ORDER_MARK)
            found, complete = _distrusted(path, pem, distrust)
            if found or not complete:
                _salvage(context, path, pem, source, found)
                source.distrusted.update(found)
                return
        try:
            StdContext.load_verify_locations(context, path)
        except ssl.SSLError:
            with open(path, "rb") as file:
                _salvage(context, path, file.read(_MAX_FILE_BYTES), source)
    except OSError as error:
        source.problems.append(f"{path}: {error.strerror or error}")


def _distrusted(path: str, pem: bytes, distrust: Distrust) -> tuple[dict[bytes, str], bool]:
    """The certificates of a file that are distrusted and the file that says so, and whether these
    are all: OpenSSL's reader of PEM takes more for a certificate."""
    from ._openssl_der import identity

    found, seen = {}, set()
    for block in re.finditer(_BLOCK, pem):
        try:
            der = _certificate(a2b_base64(block[2]))
        except ValueError:
            continue
        if identity(der) is not None:
            seen.add(der)
        file = distrust.file_against(der)
        if file is not None:
            found[der] = file
    scratch = StdContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        scratch.load_verify_locations(path)
    except ssl.SSLError:
        return found, False
    # Only those of CAs are told, but all are counted.
    complete = seen.issuperset(scratch.get_ca_certs(True)) and certificates_in(scratch) <= len(seen)
    return found, complete


def _salvage(
    context: ssl.SSLContext,
    path: str,
    pem: bytes,
    source: Source,
    leave_out: Container[bytes] = (),
) -> None:
    """Reads the certificates of a file one by one: one that is damaged, or has some to leave out.

    Trust settings cannot be given to OpenSSL in this way, so a certificate that has some, anywhere
    in the file, is ignored.
    """
    from ._openssl_der import identity

    pem = pem.removeprefix(_BYTE_ORDER_MARK)
    plain: list[bytes] = []
    with_settings: list[bytes] = []
    blocks = list(re.finditer(_BLOCK, pem))
    for block in blocks:
        try:
            der = a2b_base64(block[2])
        except ValueError:
            source.problems.append(f"{path}: a certificate is damaged")
            continue
        (with_settings if block[1] == b"TRUSTED " else plain).append(der)
    if len(re.findall(_BEGIN, pem)) != len(blocks):
        source.problems.append(f"{path}: a certificate is truncated")
    settled = set(map(_certificate, with_settings))
    for der in plain:
        if _certificate(der) in settled or _certificate(der) in leave_out:
            continue
        try:
            if identity(_certificate(der)) is None:  # BER: it could not be compared
                raise ssl.SSLError
            StdContext.load_verify_locations(context, cadata=ssl.DER_cert_to_PEM_cert(der))
        except ssl.SSLError:
            source.problems.append(f"{path}: a certificate cannot be read")
    if with_settings:
        why = "contains distrusted certificates" if leave_out else "is damaged"
        source.problems.append(f"{path}: the file {why}, so trust settings were ignored")
    if not plain and not with_settings:
        source.problems.append(f"{path}: no certificate")


def _certificate(der: bytes) -> bytes:
    """The first of some DER structures: a certificate without its settings."""
    length, start = (der[1], 2) if len(der) > 1 else (0, 0)
    if length >= 0x80:
        start += length - 0x80
        length = int.from_bytes(der[2:start], "big")
    return der[: start + length]
