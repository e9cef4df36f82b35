"""Certificates and CRLs that Wine 8 can read: no ECDSA signature has a short number."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

_INTEGER_BYTES = 32
_GIVE_UP_AFTER = 1000


def sign_again() -> None:
    """From now on, what cryptography signs is signed again until no number is short."""
    for builder in (x509.CertificateBuilder, x509.CertificateRevocationListBuilder):
        _sign_again(builder)


def _sign_again(builder: type) -> None:
    sign = builder.sign

    def until_long(self, private_key, algorithm, *arguments, **keywords):
        for _ in range(_GIVE_UP_AFTER):
            made = sign(self, private_key, algorithm, *arguments, **keywords)
            if "ecdsa" not in made.signature_algorithm_oid._name:
                return made
            numbers = decode_dss_signature(made.signature)
            if all((number.bit_length() + 7) // 8 >= _INTEGER_BYTES for number in numbers):
                return made
        raise AssertionError("no signature of full length")

    builder.sign = until_long
