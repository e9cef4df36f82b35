"""Tests of tests/python that end otherwise under Wine, and why. An unexpected success fails.

A key is a file and the name of a test in it, which stands for all its parameters. `WINE` is what
Wine 8 does otherwise than Windows; `WINDOWS` what is otherwise on Windows than on Unix.
"""

from __future__ import annotations

_ADDRESS = "Wine 8 does not compare IP addresses with subject alternative names"
_CRL = "Wine 8 finds what a CRL revokes, but takes none it has not fetched for a clean answer"

_FETCHED = "Windows fetches a missing intermediate itself: docs/platforms.md"
_PLACE = "what a variable names is read in Python: it is called by the variable and its path"

WINE: dict[str, str] = {
    "test_cases.py::test_every_case": "the table has Wine's differences: see test_table.py",
    "test_certifi.py::test_link_to_a_bundle_adds_nothing": "Wine 8 makes no symbolic links",
    "test_cli.py::test_address": _ADDRESS,
    "test_context.py::test_crl_flags": _CRL,
    "test_handshake.py::test_name_is_checked_as_the_connection_asks": _ADDRESS,
    "test_verify.py::test_arguments_that_allow": _ADDRESS,
    "test_verify.py::test_revocation": _CRL,
}

WINDOWS: dict[str, str] = {
    "test_certifi.py::test_real_certifi_is_recognised_unread": _PLACE,
    "test_cli.py::test_json": _PLACE,
    "test_cli.py::test_store": _PLACE,
    "test_cli.py::test_store_as_json": _PLACE,
    "test_cli.py::test_trusted": _PLACE,
    "test_cli_missing.py::test_explained_and_mended": _FETCHED,
    "test_cli_missing.py::test_json": _FETCHED,
    "test_cli_missing.py::test_one_hop": _FETCHED,
    "test_cli_missing.py::test_what_is_fetched_is_no_trust_anchor": _FETCHED,
    "test_context.py::test_memory_does_not_grow": "its program reads /proc",
    "test_context.py::test_strict": "Windows' verifier has one profile, strict or not",
    "test_environment.py::test_raised_privileges_ignore_the_variables": (
        "Windows has no set-user-ID programs"
    ),
    "test_environment.py::test_what_is_loaded_adds_to_a_variable": (
        "there is no relative path from one drive to another"
    ),
    "test_handshake.py::test_common_name_only_if_asked_for": (
        "Windows' verifier has no switch for common names"
    ),
    "test_store.py::test_another_system_root": (
        "a report calls the certificates of SSL_CERT_FILE the extra roots, and names the file below"
    ),
    "test_verify.py::test_trusted": "the certificates of SSL_CERT_FILE are called the extra roots",
}

#: What is otherwise where there is no native module.
WITHOUT_NATIVE: dict[str, str] = {
    "test_verify.py::test_clients_that_are_servers": "for the native module alone",
}


def reason(file: str, name: str) -> str | None:
    key = f"{file}::{name.partition('[')[0]}"
    return WINE.get(key) or WINDOWS.get(key)
