"""Public keys: what kind they are, and the one rule for their strength. As in the core's `key`."""

from __future__ import annotations

from .. import _der as der
from .algorithms import named

_LEAST_RSA_BITS = 2048
_RSA, _RSA_PSS = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"
_DSA, _EC = "1.2.840.10040.4.1", "1.2.840.10045.2.1"
#: Octets of a coordinate.
_CURVES = {"1.2.840.10045.3.1.7": 32, "1.3.132.0.34": 48, "1.3.132.0.35": 66}
#: Octets of a key: X25519, X448, Ed25519, Ed448, ML-DSA-44, -65 and -87.
_LENGTHS = {
    **{"1.3.101.110": 32, "1.3.101.111": 56, "1.3.101.112": 32, "1.3.101.113": 57},
    **{"2.16.840.1.101.3.4.3.17": 1312, "2.16.840.1.101.3.4.3.18": 1952},
    "2.16.840.1.101.3.4.3.19": 2592,
}
_SUPPORTED = frozenset({_RSA, _RSA_PSS, _DSA, _EC, *_LENGTHS})

SHORT, KIND = "Short", "Kind"


def weakness(spki: bytes) -> tuple[str, int] | None:
    """What is too weak, for end entities, CAs and trust anchors alike: less than 112 bits of
    strength (NIST SP 800-57 part 1, table 2), DSA, curves that TLS does not use, and what is
    unknown. SHORT and the bits of an RSA key, or KIND."""
    try:
        bits = _rsa_bits(spki)
        if bits is not None:
            return (SHORT, bits) if bits < _LEAST_RSA_BITS else None
        return None if _is_known(spki) else (KIND, 0)
    except ValueError:
        return KIND, 0


def describe(spki: bytes) -> str:
    """What kind of key is not accepted, after "it has"."""
    try:
        algorithm, _ = _split(spki)
        kind = der.dotted(algorithm.expect(der.OID, "algorithm"))
    except ValueError:
        return "a malformed public key"
    if kind == _EC:
        try:
            curve = der.dotted(algorithm.expect(der.OID, "curve"))
        except ValueError:
            return "a key on a curve that is not named"
        if curve not in _CURVES:
            return f"a key on the curve {named(curve)}"
    if kind in _SUPPORTED and kind != _DSA:
        return f"a malformed key of the kind {named(kind)}"
    return f"a key of the kind {named(kind)}"


def can_sign(spki: bytes, signature: str) -> bool:
    """Whether a key is of the kind that makes signatures of this algorithm."""
    try:
        algorithm, _ = _split(spki)
        kind = der.dotted(algorithm.expect(der.OID, "algorithm"))
    except ValueError:
        return False
    arc, _, last = signature.rpartition(".")
    number = int(last) if last else 0
    if signature == _RSA_PSS:
        return kind in (_RSA, _RSA_PSS)
    if arc == "1.2.840.113549.1.1" and (2 <= number <= 5 or 11 <= number <= 16):
        return kind == _RSA
    if arc == "2.16.840.1.101.3.4.3" and number <= 16:
        return kind == (_DSA if number <= 8 else _EC if number <= 12 else _RSA)
    if signature.startswith(("1.2.840.10045.4.1", "1.2.840.10045.4.3")):
        return kind == _EC
    if signature == "1.2.840.10040.4.3":
        return kind == _DSA
    # One object identifier for both, as for Ed25519 and ML-DSA.
    return signature == kind


def _split(spki: bytes) -> tuple[der.Reader, bytes]:
    """The algorithm and the key bits of a SubjectPublicKeyInfo."""
    fields = der.Reader(spki)
    algorithm = der.Reader(fields.expect(der.SEQUENCE, "algorithm"))
    return algorithm, der.octets(fields.expect(der.BIT_STRING, "public key"), "public key")


def _rsa_bits(spki: bytes) -> int | None:
    """The length of an RSA key's modulus; None if it is another key."""
    algorithm, bits = _split(spki)
    if der.dotted(algorithm.expect(der.OID, "algorithm")) not in (_RSA, _RSA_PSS):
        return None
    outer = der.Reader(bits)
    fields = der.Reader(outer.expect(der.SEQUENCE, "RSA key"))
    outer.end("RSA key")
    modulus = der.integer(fields.expect(der.INTEGER, "modulus"), "modulus")
    der.integer(fields.expect(der.INTEGER, "exponent"), "exponent")
    fields.end("RSA key")
    return int.from_bytes(modulus, "big").bit_length()


def _is_known(spki: bytes) -> bool:
    algorithm, bits = _split(spki)
    kind = der.dotted(algorithm.expect(der.OID, "algorithm"))
    if kind == _EC:
        size = _CURVES.get(der.dotted(algorithm.expect(der.OID, "curve")))
        if size is None:
            return False
        return (bits[:1] in (b"\4", b"\6", b"\7") and len(bits) == 1 + 2 * size) or (
            bits[:1] in (b"\2", b"\3") and len(bits) == 1 + size
        )
    return kind in _LENGTHS and len(bits) == _LENGTHS[kind]
