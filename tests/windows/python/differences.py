"""Tests of tests/python that end otherwise under Wine, and why. An unexpected success fails.

A key is a file and the name of a test in it, which stands for all its parameters; or its name with
the beginning of some parameters, which stands for those. `WINE` is what Wine 8 does otherwise than
Windows; `WINDOWS` what is otherwise on Windows than on Unix.
"""

from __future__ import annotations

_ADDRESS = "Wine 8 does not compare IP addresses with subject alternative names"
_CRL = "Wine 8 finds what a CRL revokes, but takes none it has not fetched for a clean answer"

_FETCHED = "Windows fetches a missing intermediate itself: docs/platforms.md"
_COMMON_NAME = "Windows' verifier has no switch for common names"
_PROFILE = "Windows' verifier has one profile, strict or not"
_OPENSSL = "OpenSSL's own program"
_MYPY = "mypy: what it finds is the same on every system"
_OWN_TRUST = "each context has its own; only what engines keep would be saved"
_WEAK_KEYS = "Windows' verifier has no switch for weak keys"
_PLACE = "what a variable names is read in Python: it is called by the variable and its path"

WINE: dict[str, str] = {
    "test_cases.py::test_every_case": "the table has Wine's differences: see test_table.py",
    "test_certifi.py::test_link_to_a_bundle_adds_nothing": "Wine 8 makes no symbolic links",
    "test_cli.py::test_address": _ADDRESS,
    "test_cli_missing.py::test_a_slow_answer_ends": (
        "Wine 8 fetches a missing intermediate itself, and waits as long as octets arrive"
    ),
    "test_context.py::test_crl_flags": _CRL,
    "test_handshake.py::test_name_is_checked_as_the_connection_asks": _ADDRESS,
    "test_loading.py::test_newer_crl_takes_effect": _CRL,
    "test_native.py::test_crls_from_memory": _CRL,
    "test_parity_attributes.py::test_attribute[revocation-trusted]": _CRL,
    "test_parity_handshake.py::test_handshake[names-trusted]": _ADDRESS,
    "test_settings.py::test_partial_chains_are_always_allowed": (
        "Wine 8 lacks the flag with which a CA that did not sign itself is an anchor"
    ),
    "test_staple.py::test_a_server_has_nothing_to_staple": _CRL,
    "test_verified.py::test_requested_revocation": _CRL,
    "test_verify.py::test_arguments_that_allow": _ADDRESS,
    "test_verify.py::test_revocation": _CRL,
}

WINDOWS: dict[str, str] = {
    "test_cli.py::test_store": _PLACE,
    "test_cli.py::test_store_as_json": _PLACE,
    "test_cli_missing.py::test_any_name_can_be_saved": _FETCHED,
    "test_cli_missing.py::test_explained_and_mended": _FETCHED,
    "test_cli_missing.py::test_full_disk": _FETCHED,
    "test_cli_missing.py::test_json": _FETCHED,
    "test_cli_missing.py::test_one_hop": _FETCHED,
    "test_cli_missing.py::test_what_is_fetched_is_no_trust_anchor": _FETCHED,
    "test_context.py::test_memory_does_not_grow": "its program reads /proc",
    "test_context.py::test_strict": _PROFILE,
    "test_environment.py::test_raised_privileges_ignore_the_variables": (
        "Windows has no set-user-ID programs"
    ),
    "test_environment.py::test_what_is_loaded_adds_to_a_variable": (
        "there is no relative path from one drive to another"
    ),
    "test_handshake.py::test_common_name_only_if_asked_for": _COMMON_NAME,
    "test_parity_attributes.py::test_attribute[assignments": _COMMON_NAME,
    "test_select.py::test_systems_whose_own_verifier_decides[cygwin]": (
        "only Unix has os.uname, by which the native module is looked for on Cygwin"
    ),
    "test_selftest.py::test_a_mode_that_was_asked_for_needs_the_native_module": (
        "Windows' verifier is asked without the native module too"
    ),
    "test_selftest.py::test_neither_mode_still_verifies": "OpenSSL mode is for Unix",
    "test_selftest.py::test_words_without_openssl": (
        "its program takes OpenSSL's functions from the interpreter itself"
    ),
    "test_settings.py::test_common_name_acts": _COMMON_NAME,
    "test_settings.py::test_strict_acts": _PROFILE,
    "test_verified.py::test_a_session_is_resumed_under_its_own_settings[common names": _COMMON_NAME,
    "test_weak_keys.py::test_a_session_is_not_resumed_once_it_is_off": _WEAK_KEYS,
    "test_weak_keys.py::test_a_weak_key_is_accepted_where_that_is_set": _WEAK_KEYS,
    "test_weak_keys.py::test_an_expired_certificate_stays_expired": _WEAK_KEYS,
    "test_weak_keys.py::test_the_argument": _WEAK_KEYS,
    "test_weak_keys.py::test_verify": _WEAK_KEYS,
}

#: What the tests run and the interpreters here do not bring.
MISSING: dict[str, str] = {
    "test_docs.py::test_examples_are_typed": _MYPY,
    "test_docs.py::test_mistakes_are_found": _MYPY,
    "test_docs.py::test_stubs_equal_the_binary": _MYPY,
    "test_docs.py::test_users_code_is_typed": _MYPY,
    "test_respect_cafile.py::test_what_is_loaded_need_not_be_usable": _OPENSSL,
    "test_staple.py::test_a_certificate_that_needs_a_response": _OPENSSL,
    "test_staple.py::test_a_context_changes_its_mind": _OPENSSL,
    "test_staple.py::test_nobody_asks_without_a_reason": _OPENSSL,
    "test_staple.py::test_objects_are_refused_alike": _OPENSSL,
    "test_staple.py::test_other_faults_come_first": _OPENSSL,
    "test_staple.py::test_responses": _OPENSSL,
    "test_staple.py::test_verify_takes_a_response": _OPENSSL,
}

#: What is otherwise where there is no native module.
WITHOUT_NATIVE: dict[str, str] = {
    "test_sharing.py::test_contexts_with_the_same_trust_share_it": _OWN_TRUST,
    "test_sharing.py::test_what_replaces_the_system_is_shared": _OWN_TRUST,
    "test_verify.py::test_clients_that_are_servers": "for the native module alone",
}


def reason(file: str, name: str) -> str | None:
    return _find(WINE | WINDOWS | MISSING, file, name)


def reason_without_native(file: str, name: str) -> str | None:
    return _find(WITHOUT_NATIVE, file, name)


def _find(reasons: dict[str, str], file: str, name: str) -> str | None:
    test = f"{file}::{name}"
    for key, text in reasons.items():
        if key == test.partition("[")[0] or ("[" in key and test.startswith(key)):
            return text
    return None
