"""Tests of tests/python that end otherwise under Wine, and why. An unexpected success fails.

A key is the name of a test with its parameters, or without them for every one. `WINE` is what
Wine 8 does otherwise than Windows; `WINDOWS` what is otherwise on Windows than on Unix.
"""

from __future__ import annotations

WINE: dict[str, str] = {
    **dict.fromkeys(
        ("test_name_is_checked_as_the_connection_asks", "test_arguments_that_allow"),
        "Wine 8 does not compare IP addresses with subject alternative names",
    ),
    **dict.fromkeys(
        ("test_crl_flags", "test_revocation"),
        "Wine 8 finds what a CRL revokes, but takes none it has not fetched for a clean answer",
    ),
    "test_every_case": "the table has Wine's differences: test_table.py beside this file",
}

WINDOWS: dict[str, str] = {
    "test_common_name_only_if_asked_for": "Windows' verifier has no switch for common names",
    "test_strict": "Windows' verifier has one profile, strict or not",
    "test_memory_does_not_grow": "its program reads /proc",
    "test_end_entity_in_the_store_is_no_ca": (
        "nothing is loaded of a file whose only certificate is no CA, and that is an error"
    ),
    "test_trusted": "the certificates of SSL_CERT_FILE are called the extra roots",
}


def reason(name: str, file: str) -> str | None:
    if file == "test_table.py":
        return None
    for known in (WINE, WINDOWS):
        for key in (name, name.partition("[")[0]):
            if key in known:
                return known[key]
    return None
