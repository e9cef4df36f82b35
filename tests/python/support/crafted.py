"""Certificates with names that no library would write."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import PublicFormat
from pki import DER

COMMON_NAME = bytes.fromhex("0603550403")
ORGANIZATION = bytes.fromhex("060355040a")
SEQUENCE, SET, UTF8 = 0x30, 0x31, 0x0C


def element(tag: int, *contents: bytes) -> bytes:
    value = b"".join(contents)
    length = len(value)
    if length < 0x80:
        return bytes([tag, length]) + value
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + value


def attribute(oid: bytes, value: bytes, tag: int = UTF8) -> bytes:
    return element(SEQUENCE, oid, element(tag, value))


def name(*attributes: bytes) -> bytes:
    """A Name of one relative distinguished name, its attributes in this order."""
    return element(SEQUENCE, element(SET, *attributes))


class CraftedAuthority:
    """A CA with its own key and signature, whatever its names say."""

    def __init__(self, subject: bytes, issuer: bytes) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = subject
        is_ca = element(SEQUENCE, bytes.fromhex("0603551d13 0101ff 0405 3003 0101ff"))
        self.der = self.sign(1, issuer, subject, self.key, is_ca)

    def sign(
        self,
        serial: int,
        issuer: bytes,
        subject: bytes,
        key: ec.EllipticCurvePrivateKey,
        *extensions: bytes,
    ) -> bytes:
        algorithm = element(SEQUENCE, bytes.fromhex("06082a8648ce3d040302"))
        signed = element(
            SEQUENCE,
            bytes.fromhex("a003020102"),
            bytes([2, 1, serial]),
            algorithm,
            issuer,
            element(SEQUENCE, element(0x17, b"200101000000Z"), element(0x17, b"490101000000Z")),
            subject,
            key.public_key().public_bytes(DER, PublicFormat.SubjectPublicKeyInfo),
            element(0xA3, element(SEQUENCE, *extensions)),
        )
        signature = self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return element(SEQUENCE, signed, algorithm, element(3, b"\0", signature))
