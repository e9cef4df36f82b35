"""A pytest plugin for a run of the suite without the native module: what its engine cannot do.

Each exception has its reason and is a strict xfail: one that begins to pass is a failure too.
"""

from __future__ import annotations

import pytest

EXCEPTIONS = {
    "test_context.py::test_same_file_again_is_not_read_again": "looks into the native module; "
    "test_pure.py has its own",
    "test_context.py::test_default_certs_cost_nothing": "looks into the native module, and the "
    "system's certificates are in OpenSSL's own store",
    "test_context.py::test_is_an_ssl_context": "VERIFY_X509_PARTIAL_CHAIN is on, so that every "
    "certificate of the store is trusted, self-signed or not",
    "test_context.py::test_contexts_are_freed": "looks into the native module",
    "test_handshake.py::test_protocol_tls_serves_by_the_standard_rules": "a context has one store; "
    "the system's must not verify clients, so one for PROTOCOL_TLS verifies servers or clients",
    "test_handshake.py::test_end_entity_in_the_store_is_no_ca": "refused too, but OpenSSL does not "
    "say that it found an issuer that is no CA",
    "test_inject.py::test_public_names": "HANDSHAKE_MODE is another one",
    "test_threads.py::test_settings_of_the_connection": "OpenSSL looks into the context's store "
    "during the handshake, so what is loaded after the connection was made counts too",
}


def pytest_collection_modifyitems(items):
    for item in items:
        name = item.nodeid.rpartition("/")[2].partition("[")[0]
        if name in EXCEPTIONS:
            item.add_marker(pytest.mark.xfail(strict=True, reason=EXCEPTIONS[name]))
