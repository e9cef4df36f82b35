"""Untrusted intermediates in OpenSSL mode.

OpenSSL's store knows no such thing. What is in it is a trust anchor if it has signed itself or if
VERIFY_X509_PARTIAL_CHAIN is on. So the certificates of a directory are put there only with that bit
off, and never one that names itself as its issuer.
"""

from __future__ import annotations

import os
import re
import ssl
import stat
from binascii import a2b_base64

from ._files import absolute
from ._openssl_store import INTERMEDIATES_VARIABLE
from ._privileges import has_raised_privileges
from ._std import StdContext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ._openssl_distrust import Distrust

# The bounds of the core, src/store/intermediates.rs.
_MAX_FILES, _MAX_FILE_BYTES, _MAX_BYTES = 1_000, 1 << 20, 16 << 20
_BLOCK = rb"(?m)^-----BEGIN CERTIFICATE-----[ \t\r]*\n([^-]*)^-----END CERTIFICATE-----"


def from_environment() -> list[str]:
    """The directory that the variable names, if any."""
    value = os.environ.get(INTERMEDIATES_VARIABLE)
    return [absolute(value)] if value and not has_raised_privileges() else []


def read_into(
    context: ssl.SSLContext, directory: str, problems: list[str], distrust: Distrust | None
) -> set[bytes]:
    """Reads a directory into a context, whose VERIFY_X509_PARTIAL_CHAIN must be off, without what
    is distrusted. Returns what was read."""
    found = set()
    for path, der in _certificates(directory, problems):
        names = _names(der)
        if names is None:
            problems.append(f"{path}: no CA certificate that can be read")
        elif distrust is not None and distrust.file_against(der) is not None:
            problems.append(f"{path}: distrusted by {distrust.file_against(der)}")
        elif names[0] != names[1]:  # a root would be trusted
            StdContext.load_verify_locations(context, cadata=der)
            found.add(der)
    return found


def _certificates(directory: str, problems: list[str]) -> Iterator[tuple[str, bytes]]:
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        problems.append(f"{directory}: {error.strerror}")
        return
    if len(names) > _MAX_FILES:
        problems.append(f"{directory} has more than {_MAX_FILES} files; the others are ignored")
    budget = _MAX_BYTES
    for name in names[:_MAX_FILES]:
        path = os.path.join(directory, name)
        if name.startswith(".") or os.path.isdir(path):
            continue
        try:
            status = os.stat(path)
            if not stat.S_ISREG(status.st_mode):
                problems.append(f"{path} is not a regular file")
                continue
            limit = min(budget, _MAX_FILE_BYTES)
            with open(path, "rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
            continue
        if len(data) > limit:
            problems.append(f"{path} is too large")
            continue
        budget -= len(data)
        blocks = re.findall(_BLOCK, data)
        if not blocks and data[:1] == b"\x30":
            yield path, data
            continue
        if not blocks:
            problems.append(f"{path}: no certificate")
        for block in blocks:
            try:
                yield path, a2b_base64(block)
            except ValueError:
                problems.append(f"{path}: a certificate is damaged")


def _names(der: bytes) -> tuple[Any, Any] | None:
    """Subject and issuer as OpenSSL compares them, or with fewer differences; None if this is not
    exactly one CA certificate, or has a name that `ssl` cannot show."""
    scratch = StdContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        scratch.load_verify_locations(cadata=der)
        known = scratch.get_ca_certs()
    except (ssl.SSLError, ValueError):
        return None
    if len(known) != 1 or scratch.cert_store_stats()["x509"] != 1:
        return None
    return _folded(known[0]["subject"]), _folded(known[0]["issuer"])


def _folded(name: Any) -> Any:
    """Without the order within a relative distinguished name, a SET, which OpenSSL sorts. A BIT
    STRING is bytes."""
    return [
        sorted((key, " ".join(str(value).split()).lower()) for key, value in part) for part in name
    ]
