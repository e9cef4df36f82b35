"""Certificates for the tests."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

UTC = datetime.timezone.utc
PAST = datetime.datetime(2000, 1, 1, tzinfo=UTC)
FUTURE = datetime.datetime(2999, 1, 1, tzinfo=UTC)

#: The group ffdhe2048 of RFC 7919.
DH_PARAMETERS = b"""\
-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""

DER = serialization.Encoding.DER
PEM = serialization.Encoding.PEM


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def alt_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


@dataclass
class Leaf:
    """An end entity with its key and the intermediates below its root."""

    certificate: x509.Certificate
    key: Key
    intermediates: list[x509.Certificate]
    authority: Authority | None = None

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(PEM)

    @property
    def chain_der(self) -> list[bytes]:
        return [self.der, *(cert.public_bytes(DER) for cert in self.intermediates)]

    @property
    def chain_pem(self) -> bytes:
        """Key and chain, as `load_cert_chain` reads them."""
        key = self.key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return key + self.pem + b"".join(cert.public_bytes(PEM) for cert in self.intermediates)


class Authority:
    """A CA."""

    def __init__(
        self,
        common_name: str,
        issuer: Authority | None = None,
        *,
        ca: bool = True,
        not_before: datetime.datetime = PAST,
        not_after: datetime.datetime = FUTURE,
        key_usage: bool = True,
        critical: bool = True,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> None:
        self.subject = name(common_name)
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.above: list[x509.Certificate] = []
        signer = issuer or self
        if issuer is not None and issuer.above_root:
            self.above = [issuer.certificate, *issuer.above]
        self.above_root = issuer is not None
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(signer.subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before)
            .not_valid_after(not_after)
            .add_extension(x509.BasicConstraints(ca, None), critical=critical)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False
            )
        )
        if issuer is not None:
            builder = builder.add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
                critical=False,
            )
        if key_usage:
            builder = builder.add_extension(
                usage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca), critical=True
            )
        self.certificate = builder.sign(signer.key, hashes.SHA256())

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(PEM)

    def intermediate(self, common_name: str) -> Authority:
        return Authority(common_name, self)

    def leaf(
        self,
        *names: str,
        common_name: str = "a server of the tests",
        not_before: datetime.datetime = PAST,
        not_after: datetime.datetime = FUTURE,
        client: bool = False,
        key_id: bool = True,
        rsa_bits: int | None = None,
        must_staple: bool = False,
        issuer_url: str | None = None,
        alone: bool = False,
        serial: int | None = None,
        extension: x509.ExtensionType | None = None,
    ) -> Leaf:
        key: Key = (
            rsa.generate_private_key(65537, rsa_bits)
            if rsa_bits
            else ec.generate_private_key(ec.SECP256R1())
        )
        purpose = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(common_name))
            .issuer_name(self.subject)
            .public_key(key.public_key())
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(not_before)
            .not_valid_after(not_after)
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        )
        if key_id:
            builder = builder.add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([alt_name(text) for text in names]), critical=False
            )
        if extension is not None:
            builder = builder.add_extension(extension, critical=False)
        if must_staple:
            feature = x509.TLSFeature([x509.TLSFeatureType.status_request])
            builder = builder.add_extension(feature, critical=False)
        if issuer_url:
            access = x509.AccessDescription(
                AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(issuer_url)
            )
            builder = builder.add_extension(
                x509.AuthorityInformationAccess([access]), critical=False
            )
        certificate = builder.sign(self.key, hashes.SHA256())
        sends = self.above_root and not alone
        intermediates = [self.certificate, *self.above] if sends else []
        return Leaf(certificate, key, intermediates, self)

    def crl(self, *revoked: x509.Certificate, next_update: datetime.datetime = FUTURE) -> bytes:
        """A revocation list in PEM."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.subject)
            .last_update(PAST)
            .next_update(next_update)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        for certificate in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(certificate.serial_number)
                .revocation_date(PAST)
                .build()
            )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(PEM)


def self_signed(*names: str, ca: bool) -> Leaf:
    """A server's certificate that signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = name("a self-signed server of the tests")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(PAST)
        .not_valid_after(FUTURE)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([alt_name(text) for text in names]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return Leaf(certificate, key, [])


def usage(
    *,
    digital_signature: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
