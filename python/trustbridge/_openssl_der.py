"""As much DER as OpenSSL mode needs to recognise a certificate that is distrusted."""

from __future__ import annotations

from ._der import INTEGER, OID, SEQUENCE, Reader
from ._der import elements as readable
from ._name import key as canonical

__all__ = ["Damaged", "canonical", "certificates", "elements", "identity", "oids", "whole"]


class Damaged(Exception):
    """Something cannot be read, for the reason given."""


def elements(der: bytes, what: str) -> list[tuple[int, bytes]]:
    """Tags and contents of elements that follow one another."""
    reader, found = Reader(der), []
    try:
        while reader:
            tag, contents, _ = reader.next(what)
            found.append((tag, contents))
    except ValueError:
        raise Damaged(f"malformed {what}") from None
    return found


def oids(der: bytes) -> set[bytes]:
    """The object identifiers in the contents of a SEQUENCE, up to what cannot be read."""
    return {contents for tag, contents in readable(der) if tag == OID}


def whole(der: bytes, tag: int, what: str, *, may_go_on: bool = False) -> bytes:
    """The contents of the one element that something is."""
    reader = Reader(der)
    try:
        contents = reader.expect(tag, what)
        if not may_go_on:
            reader.end(what)
    except ValueError:
        raise Damaged(f"malformed {what}") from None
    return contents


def certificates(der: bytes) -> tuple[list[bytes], bool]:
    """Certificates that follow one another, and whether there is nothing else."""
    reader = Reader(der)
    found: list[bytes] = []
    try:
        while reader:
            tag, _, certificate = reader.next("certificate")
            if tag != SEQUENCE:
                return found, False
            found.append(certificate)
    except ValueError:
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
