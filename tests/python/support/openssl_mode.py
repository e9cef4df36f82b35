"""A pytest plugin for a run of the suite without the native module: what its engine cannot do.

Each exception has its reason and is a strict xfail: one that begins to pass is a failure too.
"""

from __future__ import annotations

import pytest

FORGETS = (
    "the certificates are in OpenSSL's own store, which cannot forget one: system_trust can be set "
    "before the first connection only"
)
EXPORTS = "only the native module tells which certificates can be trust anchors"
EXCEPTIONS = {
    "test_context.py::test_same_file_again_is_not_read_again": "looks into the native module; "
    "test_openssl_mode.py has its own",
    "test_context.py::test_default_certs_cost_nothing": "looks into the native module, and the "
    "system's certificates are in OpenSSL's own store",
    "test_context.py::test_contexts_are_freed": "looks into the native module",
    "test_handshake.py::test_protocol_tls_serves_by_the_standard_rules": "a context has one store; "
    "the system's must not verify clients, so one for PROTOCOL_TLS verifies servers or clients",
    "test_inject.py::test_public_names": "HANDSHAKE_MODE is another one",
    "test_trust_source.py::test_the_error_does_not_speak_of_the_system": "it does not, but "
    "what was loaded has the name of its file, not of the extra roots",
    "test_trust_source.py::test_set_at_any_time": FORGETS,
    "test_trust_source.py::test_a_connection_keeps_the_trust_it_began_with": FORGETS,
    "test_certifi.py::test_bundle_is_trusted_where_the_system_is_not": FORGETS,
    "test_certifi.py::test_real_certifi_is_recognised_unread": "looks into the native module",
    "test_export.py::test_export": EXPORTS,
    "test_export.py::test_export_leaves_out_what_is_refused": EXPORTS,
    "test_export.py::test_export_of_nothing_raises_and_keeps_the_file": EXPORTS,
    "test_context.py::test_common_names_where_the_system_decides": "OpenSSL decides, everywhere",
    "test_verified.py::test_a_session_under_other_trust": FORGETS,
    "test_threads.py::test_settings_of_the_connection": "OpenSSL looks into the context's store "
    "during the handshake, so what is loaded after the connection was made counts too",
}


def pytest_collection_modifyitems(items):
    for item in items:
        name = item.nodeid.rpartition("/")[2].partition("[")[0]
        if name in EXCEPTIONS:
            item.add_marker(pytest.mark.xfail(strict=True, reason=EXCEPTIONS[name]))
