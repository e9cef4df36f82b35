"""The names of algorithms and curves, for errors: the core's table."""

from __future__ import annotations

#: `id-alg-mtcProof`, as experiments have it until it is assigned.
MERKLE_TREE = "1.3.6.1.4.1.44363.47.0"

#: By dotted object identifier.
NAMES = {
    "1.2.840.113549.1.1.1": "RSA",
    "1.2.840.113549.1.1.2": "RSA with MD2",
    "1.2.840.113549.1.1.4": "RSA with MD5",
    "1.2.840.113549.1.1.5": "RSA with SHA-1",
    "1.3.14.3.2.29": "RSA with SHA-1",
    "1.2.840.113549.1.1.10": "RSASSA-PSS",
    "1.2.840.113549.1.1.11": "RSA with SHA-256",
    "1.2.840.113549.1.1.12": "RSA with SHA-384",
    "1.2.840.113549.1.1.13": "RSA with SHA-512",
    "1.2.840.113549.1.1.14": "RSA with SHA-224",
    "1.2.840.113549.1.1.15": "RSA with SHA-512/224",
    "1.2.840.113549.1.1.16": "RSA with SHA-512/256",
    "1.2.840.10045.2.1": "elliptic curve",
    "1.2.840.10045.4.1": "ECDSA with SHA-1",
    "1.2.840.10045.4.3.1": "ECDSA with SHA-224",
    "1.2.840.10045.4.3.2": "ECDSA with SHA-256",
    "1.2.840.10045.4.3.3": "ECDSA with SHA-384",
    "1.2.840.10045.4.3.4": "ECDSA with SHA-512",
    "1.2.840.10040.4.1": "DSA",
    "1.2.840.10040.4.3": "DSA with SHA-1",
    "1.3.101.110": "X25519",
    "1.3.101.111": "X448",
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
    "2.16.840.1.101.3.4.3.1": "DSA with SHA-224",
    "2.16.840.1.101.3.4.3.2": "DSA with SHA-256",
    "2.16.840.1.101.3.4.3.9": "ECDSA with SHA3-224",
    "2.16.840.1.101.3.4.3.10": "ECDSA with SHA3-256",
    "2.16.840.1.101.3.4.3.11": "ECDSA with SHA3-384",
    "2.16.840.1.101.3.4.3.12": "ECDSA with SHA3-512",
    "2.16.840.1.101.3.4.3.13": "RSA with SHA3-224",
    "2.16.840.1.101.3.4.3.14": "RSA with SHA3-256",
    "2.16.840.1.101.3.4.3.15": "RSA with SHA3-384",
    "2.16.840.1.101.3.4.3.16": "RSA with SHA3-512",
    "2.16.840.1.101.3.4.3.17": "ML-DSA-44",
    "2.16.840.1.101.3.4.3.18": "ML-DSA-65",
    "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
    "2.16.840.1.101.3.4.3.20": "SLH-DSA-SHA2-128s",
    "2.16.840.1.101.3.4.3.21": "SLH-DSA-SHA2-128f",
    "2.16.840.1.101.3.4.3.22": "SLH-DSA-SHA2-192s",
    "2.16.840.1.101.3.4.3.23": "SLH-DSA-SHA2-192f",
    "2.16.840.1.101.3.4.3.24": "SLH-DSA-SHA2-256s",
    "2.16.840.1.101.3.4.3.25": "SLH-DSA-SHA2-256f",
    "2.16.840.1.101.3.4.3.26": "SLH-DSA-SHAKE-128s",
    "2.16.840.1.101.3.4.3.27": "SLH-DSA-SHAKE-128f",
    "2.16.840.1.101.3.4.3.28": "SLH-DSA-SHAKE-192s",
    "2.16.840.1.101.3.4.3.29": "SLH-DSA-SHAKE-192f",
    "2.16.840.1.101.3.4.3.30": "SLH-DSA-SHAKE-256s",
    "2.16.840.1.101.3.4.3.31": "SLH-DSA-SHAKE-256f",
    "2.16.840.1.101.3.4.3.32": "HashML-DSA-44",
    "2.16.840.1.101.3.4.3.33": "HashML-DSA-65",
    "2.16.840.1.101.3.4.3.34": "HashML-DSA-87",
    "1.2.840.113549.1.9.16.3.17": "HSS/LMS",
    "1.3.6.1.5.5.7.6.34": "XMSS",
    "1.3.6.1.5.5.7.6.35": "XMSS^MT",
    MERKLE_TREE: "Merkle tree certificate",
    "1.2.156.10197.1.501": "SM2 with SM3",
    "1.2.643.7.1.1.1.1": "GOST R 34.10-2012, 256 bits",
    "1.2.643.7.1.1.1.2": "GOST R 34.10-2012, 512 bits",
    "1.2.643.7.1.1.3.2": "GOST R 34.10-2012, 256 bits",
    "1.2.643.7.1.1.3.3": "GOST R 34.10-2012, 512 bits",
    "1.2.840.10045.3.1.1": "P-192",
    "1.3.132.0.33": "P-224",
    "1.3.132.0.10": "secp256k1",
    "1.3.36.3.3.2.8.1.1.7": "brainpoolP256r1",
    "1.3.36.3.3.2.8.1.1.8": "brainpoolP256t1",
    "1.3.36.3.3.2.8.1.1.11": "brainpoolP384r1",
    "1.3.36.3.3.2.8.1.1.12": "brainpoolP384t1",
    "1.3.36.3.3.2.8.1.1.13": "brainpoolP512r1",
    "1.3.36.3.3.2.8.1.1.14": "brainpoolP512t1",
    "1.2.156.10197.1.301": "SM2",
}


def named(oid: str) -> str:
    """The name of an algorithm or a curve with its dotted object identifier; that alone where the
    name is not known."""
    name = NAMES.get(oid)
    return oid if name is None else f"{name} ({oid})"
