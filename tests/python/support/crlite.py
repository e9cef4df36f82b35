"""A CA and a cache of CRLite filters about it, as upki leaves it on the disk."""

from __future__ import annotations

import base64
import os
import struct
import time

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from pki import Authority

LOG = bytes([0xBB]) * 32
GOOD, REVOKED = 9, 7
#: When the log has seen the certificates: 2020-01-01.
SEEN = 1_577_836_800_000

# Filters hold hashes of keys: `cases-crlite` of tests/cases prints this one, given the SHA-256 of
# the SubjectPublicKeyInfo of the key below.
KEY = 0xC4117E
FILTER = """\
BAAAAbu7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7u7AAAAAAAAAAAAAB2O/vSIAAAAAAFeeWMfq/aOO5tHppdqDzse
1dOiaukoPkhDnvFQORANcwAAAAEHAAAAAAAAAAEAAAAAAAAABwAAAAEY/dtlwCj5CQAAAAFwKJrrix0YIAAAAAJ8x3ebn0ZL
vQAAAAAAAAABAAAAAcsfWu1VuytcAAAAAWF1Us/TW7U5AAAAAj9LwEOkjgw+AAAAAAAAAAEAAAACV8sABR4Y73kAAAAAAAAA
AQAAAAA=
"""


def authority() -> Authority:
    """Whom the filter is about: REVOKED is revoked, all other serial numbers up to 255 are not."""
    return Authority("a public root", key=ec.derive_private_key(KEY, ec.SECP256R1()))


def timestamps(log: bytes = LOG) -> x509.UnrecognizedExtension:
    """One signed certificate timestamp (RFC 6962 section 3.3), whose signature is none."""
    sct = b"\0" + log + struct.pack(">Q", SEEN) + b"\0\0\4\3\0\1\0"
    entries = struct.pack(">H", len(sct)) + sct
    value = struct.pack(">H", len(entries)) + entries
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
    return x509.UnrecognizedExtension(oid, bytes([4, len(value)]) + value)


class Cache:
    """The cache of the user whose HOME is this directory."""

    def __init__(self, home: str | os.PathLike[str], *, age: float = 3600) -> None:
        self.directory = os.path.join(home, ".cache/upki/revocation")
        #: When the data was made, in seconds since 1970.
        self.made = int(time.time() - age)
        os.makedirs(self.directory)
        self.write("one.filter", base64.b64decode(FILTER))
        entry = struct.pack(">HQQ", 0, 0, self.made * 1000)
        tables = b"upkiidx1" + struct.pack(">HI32s", 1, 1, b"one.filter") + LOG
        self.write("index.bin", tables + struct.pack(">QH", len(tables) + 10, 1) + entry)

    def write(self, name: str, contents: bytes) -> None:
        with open(os.path.join(self.directory, name), "wb") as file:
            file.write(contents)
