"""Chains of three for the benches: root, intermediate and end entity, with one kind of key each."""

import datetime
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAME = "localhost"
KEYS = ("P-256", "P-384", "RSA-2048", "RSA-4096")

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def make_key(kind: str) -> PrivateKey:
    if kind == "P-256":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "P-384":
        return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=int(kind[4:]))


def issue(
    kind: str, name: str, issuer: tuple[x509.Certificate, PrivateKey] | None, ca: bool
) -> tuple[x509.Certificate, PrivateKey]:
    key = make_key(kind)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} {kind}")])
    parent, signer = issuer or (None, key)
    now = datetime.datetime.now(datetime.timezone.utc)
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(parent.subject if parent else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **usage),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
    )
    if not ca:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(signer, hashes.SHA256()), key


def make(directory: pathlib.Path, system_bundle: pathlib.Path) -> None:
    """Writes per kind of key: leaf.der, intermediate.der, root.der, root.pem and server.pem (chain
    and key); and store.pem, the system's bundle with the roots in front."""
    store = []
    for kind in KEYS:
        root = issue(kind, "Bench Root", None, ca=True)
        intermediate = issue(kind, "Bench Intermediate", root, ca=True)
        leaf, key = issue(kind, NAME, intermediate, ca=False)
        folder = directory / kind
        folder.mkdir(parents=True, exist_ok=True)
        chain = (("leaf", leaf), ("intermediate", intermediate[0]), ("root", root[0]))
        for name, certificate in chain:
            encoded = certificate.public_bytes(serialization.Encoding.DER)
            (folder / f"{name}.der").write_bytes(encoded)
        (folder / "root.pem").write_bytes(root[0].public_bytes(serialization.Encoding.PEM))
        pem = [certificate.public_bytes(serialization.Encoding.PEM) for _, certificate in chain[:2]]
        pem.append(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        (folder / "server.pem").write_bytes(b"".join(pem))
        store.append(root[0].public_bytes(serialization.Encoding.PEM))
    store.append(system_bundle.read_bytes())
    (directory / "store.pem").write_bytes(b"".join(store))
