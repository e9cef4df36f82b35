"""Mozilla's form of a root store, certdata.txt, as Mozilla's own tools write it."""

from __future__ import annotations

from pki import DER


def certdata(*objects: list[str]) -> str:
    lines = ["BEGINDATA"]
    for attributes in objects:
        lines += attributes
    return "\n".join(lines) + "\n"


def certificate(authority, *, after: str | None = None) -> list[str]:
    """A root certificate, perhaps one that is not trusted for certificates issued after a date."""
    read = authority.certificate
    date = (
        octal("CKA_NSS_SERVER_DISTRUST_AFTER", after.encode())
        if after
        else ["CKA_NSS_SERVER_DISTRUST_AFTER CK_BBOOL CK_FALSE"]
    )
    return [
        "CKA_CLASS CK_OBJECT_CLASS CKO_CERTIFICATE",
        "CKA_TOKEN CK_BBOOL CK_TRUE",
        f'CKA_LABEL UTF8 "{label(authority)}"',
        "CKA_CERTIFICATE_TYPE CK_CERTIFICATE_TYPE CKC_X_509",
        *octal("CKA_SUBJECT", read.subject.public_bytes(DER)),
        'CKA_ID UTF8 "0"',
        *_identity(authority),
        *octal("CKA_VALUE", authority.der),
        "CKA_NSS_MOZILLA_CA_POLICY CK_BBOOL CK_TRUE",
        *date,
        "CKA_NSS_EMAIL_DISTRUST_AFTER CK_BBOOL CK_FALSE",
    ]


def trust(authority, servers: str) -> list[str]:
    """What the certificate is trusted for: `servers` is TRUSTED_DELEGATOR, NOT_TRUSTED or
    MUST_VERIFY_TRUST."""
    return [
        "CKA_CLASS CK_OBJECT_CLASS CKO_NSS_TRUST",
        "CKA_TOKEN CK_BBOOL CK_TRUE",
        f'CKA_LABEL UTF8 "{label(authority)}"',
        *_identity(authority),
        f"CKA_TRUST_SERVER_AUTH CK_TRUST CKT_NSS_{servers}",
        "CKA_TRUST_EMAIL_PROTECTION CK_TRUST CKT_NSS_TRUSTED_DELEGATOR"
        if servers == "MUST_VERIFY_TRUST"
        else f"CKA_TRUST_EMAIL_PROTECTION CK_TRUST CKT_NSS_{servers}",
        "CKA_TRUST_CODE_SIGNING CK_TRUST CKT_NSS_MUST_VERIFY_TRUST",
        "CKA_TRUST_STEP_UP_APPROVED CK_BBOOL CK_FALSE",
    ]


def label(authority) -> str:
    return authority.subject.rfc4514_string().removeprefix("CN=")


def _identity(authority) -> list[str]:
    serial = authority.certificate.serial_number
    contents = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
    return [
        *octal("CKA_ISSUER", authority.certificate.issuer.public_bytes(DER)),
        *octal("CKA_SERIAL_NUMBER", bytes([2, len(contents)]) + contents),
    ]


def octal(name: str, data: bytes) -> list[str]:
    digits = [f"\\{byte:03o}" for byte in data]
    lines = ["".join(digits[at : at + 16]) for at in range(0, len(digits), 16)]
    return [f"{name} MULTILINE_OCTAL", *lines, "END"]
