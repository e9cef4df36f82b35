"""Text from outside is shown without what hides or reorders it, in the core and here alike."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
import trustbridge
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pki import DER, FUTURE, PAST
from trustbridge import _name as name
from trustbridge._der import MAX_SHOWN
from trustbridge._name import HIDDEN, escape

ROOT = Path(__file__).resolve().parents[2]
SURROGATES = (0xD800, 0xDFFF)
#: Formatting characters that can be seen: signs before or around digits, and Egyptian joiners.
SEEN = ((0x600, 0x605), (0x6DD, 0x6DD), (0x70F, 0x70F), (0x890, 0x891), (0x8E2, 0x8E2))
SEEN += ((0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x1343F))


def among(character: str, ranges) -> bool:
    return any(first <= ord(character) <= last for first, last in ranges)


def test_the_core_has_the_same_table():
    table = (ROOT / "src/text.rs").read_text().partition("const HIDDEN")[2]
    codes = [
        ord(literal) if literal == '"' else int(literal[3:-1], 16)
        for literal in re.findall(r"'([^']+)'", table)
    ]
    core = list(zip(codes[::2], codes[1::2], strict=True))
    assert len(core) > 15
    assert [part for part in HIDDEN if part != SURROGATES] == core


@pytest.mark.parametrize(
    "character",
    [
        *("\0", "\x1b", "\x9b", "\xad", "\u034f", "\u061c", "\u115f", "\u1160", "\u17b4", "\u180e"),
        *("\u200b", "\u200f", "\u2028", "\u202e", "\u2066", "\u3164", "\ufe0f", "\ufeff", "\uffa0"),
        *("\ufff9", "\ufffb", "\U0001d173", "\U000e0001", "\U000e0041", "\U000e007f", "\U000e01ef"),
    ],
)
def test_what_hides_text(character):
    assert escape(f"a{character}b") == f"a\\u{{{ord(character):x}}}b"


def test_formatting_characters():
    """Python's own tables, whatever their version, know no formatting character that is not seen
    and not escaped."""
    for character in map(chr, range(0x110000)):
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            assert among(character, HIDDEN) != among(character, SEEN), hex(ord(character))


def test_names_of_certificates():
    """What the native module shows is what is shown here."""
    text = "".join(
        chr(code)
        for first, last in HIDDEN
        if (first, last) != SURROGATES
        for code in range(max(first, 1) - 1, last + 2)
        if code not in (0xD7FF, 0xE000) and chr(code) not in ",\0"
    )
    # Longer names are cut.
    for part in (text[at : at + 80] for at in range(0, len(text), 80)):
        shown = issued_to(part).partition("=")[2]
        assert shown == escape(part)
        assert not any(among(character, HIDDEN) for character in shown)


def test_long_names_are_cut():
    """Where the native module cuts them."""
    text = "\u00e9\u202e" * 600
    subject, shown = issued_to(text), name.text(x509.Name(organization(text)).public_bytes()[4:])
    assert subject == shown and len(shown) == MAX_SHOWN + 1 and shown.endswith("\u2026")


def organization(text: str) -> list[x509.NameAttribute[str]]:
    return [x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)]


def issued_to(text: str) -> str:
    """The subject of a certificate, as the report shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(organization(text))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(PAST)
        .not_valid_after(FUTURE)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(DER)
    )
    verified = trustbridge.verify([certificate], "localhost", pinned=[certificate])
    return verified.certificates[0].subject
