"""Whom a context trusts: the system, and what was loaded."""

from __future__ import annotations

import ssl

import pytest
import trustbridge
from servers import Server, exchange_socket
from trust import accepted, make


def test_default(both):
    assert make().system_trust is True
    assert both(make()) == (True, False)
    assert both(make(system_trust=True)) == (True, False)


def test_only_what_was_loaded(both, other_file):
    context = make(system_trust=False)
    assert context.system_trust is False
    assert both(context) == (False, False)
    context.load_default_certs()
    context.set_default_verify_paths()
    assert context.system_trust is False, "said so explicitly"
    context.load_verify_locations(other_file)
    assert both(context) == (False, True)
    assert len(context.get_ca_certs()) == 1


def test_the_error_does_not_speak_of_the_system(trusted_server, other_file, system_file):
    context = make(system_trust=False)
    context.load_verify_locations(other_file)
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        exchange_socket(context, trusted_server.address)
    assert system_file not in caught.value.report
    assert "the extra roots" in caught.value.report


def test_set_at_any_time(both, other_file):
    context = make()
    context.load_verify_locations(other_file)
    for value in (False, True, False, True):
        context.system_trust = value
        assert context.system_trust is value
        assert both(context) == (value, True)


def test_a_connection_keeps_the_trust_it_began_with(trusted_server):
    context = make()
    with Server(trusted_server.context) as server:
        assert accepted(context, server)
        context.system_trust = False
        assert not accepted(context, server)


def test_subclass(both):
    class Child(trustbridge.SSLContext):
        def __init__(self, *_, **__):
            pass

    assert both(Child(ssl.PROTOCOL_TLS_CLIENT, system_trust=False)) == (False, False)


def test_servers_never_trust_the_system():
    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert context.system_trust is False
    context.system_trust = False
    with pytest.raises(ValueError, match="servers"):
        context.system_trust = True


def test_introspection_without_the_system():
    assert len(make().get_ca_certs()) == 1
    empty = make(system_trust=False)
    assert empty.get_ca_certs() == []
    assert empty.cert_store_stats() == {"x509": 0, "crl": 0, "x509_ca": 0}
