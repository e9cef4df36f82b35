"""The table of docs/python.md: each setting acts, or is refused."""

from __future__ import annotations

import ssl

import pytest
import trustbridge
from servers import Server, StdContext, server_context
from trust import accepted, make
from trustbridge import _native
from trustbridge._select import SYSTEM_DECIDES

REFUSED_FLAGS = {
    "USE_CHECK_TIME": 0x2,
    "IGNORE_CRITICAL": 0x10,
    "ALLOW_PROXY_CERTS": 0x40,
    "POLICY_CHECK": 0x80,
    "EXPLICIT_POLICY": 0x100,
    "INHIBIT_ANY": 0x200,
    "INHIBIT_MAP": 0x400,
    "NOTIFY_POLICY": 0x800,
    "EXTENDED_CRL_SUPPORT": 0x1000,
    "USE_DELTAS": 0x2000,
    "CHECK_SS_SIGNATURE": 0x4000,
    "SUITEB_128_LOS_ONLY": 0x10000,
    "SUITEB_192_LOS": 0x20000,
    "NO_ALT_CHAINS": 0x100000,
}
if SYSTEM_DECIDES:
    REFUSED_FLAGS["NO_CHECK_TIME"] = 0x200000


@pytest.mark.parametrize("name", REFUSED_FLAGS)
@pytest.mark.parametrize("protocol", [ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS])
@pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS is deprecated")
def test_flags_that_cannot_be_honoured_raise(protocol, name):
    context = trustbridge.SSLContext(protocol)
    before = context.verify_flags
    with pytest.raises(ValueError, match="does not support"):
        context.verify_flags |= REFUSED_FLAGS[name]
    assert context.verify_flags == before
    # Servers are the standard library's.
    serving = trustbridge.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    standard = StdContext(ssl.PROTOCOL_TLS_SERVER)
    for one in (serving, standard):
        one.verify_flags |= REFUSED_FLAGS[name]
    assert serving.verify_flags == standard.verify_flags


def test_every_flag_of_ssl_is_in_the_table():
    honoured = {
        "VERIFY_DEFAULT",
        "VERIFY_CRL_CHECK_LEAF",
        "VERIFY_CRL_CHECK_CHAIN",
        "VERIFY_X509_STRICT",
        "VERIFY_X509_TRUSTED_FIRST",
        "VERIFY_X509_PARTIAL_CHAIN",
    }
    context = make()
    for name, flag in ssl.VerifyFlags.__members__.items():
        if name in honoured:
            context.verify_flags = flag
            assert context.verify_flags == flag
            assert type(context.verify_flags) is ssl.VerifyFlags
        else:
            assert name.removeprefix("VERIFY_") in REFUSED_FLAGS
    with pytest.raises(TypeError):
        context.verify_flags = "nonsense"


@pytest.mark.parametrize("flags", [0, 0x80000])
def test_partial_chains_are_always_allowed(system_ca, flags, tmp_path):
    """A CA that did not sign itself, in the store, is a trust anchor, with the flag or without."""
    issuing = system_ca.intermediate("an issuing CA that is loaded")
    context = make(system_trust=False)
    context.verify_flags = flags
    context.load_verify_locations(cadata=issuing.der)
    with Server(server_context(issuing.leaf("localhost"))) as server:
        assert accepted(context, server)
    assert flags in (context.verify_flags, 0)


@pytest.mark.parametrize("flags", [0, 0x8000])
def test_trusted_certificates_are_always_tried_first(both, flags):
    context = make()
    context.verify_flags = flags
    assert both(context) == (True, False)


@pytest.mark.parametrize(
    "flags, ok", [(0, True), (8, True), (4, False), (12, False)], ids=["0", "8", "4", "12"]
)
def test_crl_bits_by_their_masks(trusted_server, flags, ok):
    """8 alone does nothing in OpenSSL; 4 is a part of 12. There is no CRL here."""
    context = make()
    context.verify_flags = flags
    assert accepted(context, trusted_server) is ok


def test_strict_acts(system_ca):
    """An authority key identifier is required by VERIFY_X509_STRICT only."""
    leaf = system_ca.leaf("localhost", key_id=False)
    with Server(server_context(leaf)) as server:
        for flags, ok in ((0, True), (ssl.VERIFY_X509_STRICT, False)):
            context = make()
            context.verify_flags = flags
            assert accepted(context, server) is ok


def test_verify_mode_and_check_hostname_act(untrusted_server, system_ca):
    with Server(server_context(system_ca.leaf("elsewhere.test"))) as server:
        context = make()
        assert not accepted(context, server)
        context.check_hostname = False
        assert accepted(context, server)
        context.verify_mode = ssl.CERT_OPTIONAL
        assert not accepted(context, untrusted_server)
        context.verify_mode = ssl.CERT_NONE
        assert accepted(context, untrusted_server)


@pytest.mark.parametrize("name", [None, ""])
def test_a_missing_name_is_refused(name, trusted_server):
    import socket

    context = make()
    with pytest.raises(ValueError, match="check_hostname requires server_hostname"):
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=name)
    with socket.create_connection(trusted_server.address) as connection:
        with pytest.raises(ValueError, match="check_hostname requires server_hostname"):
            context.wrap_socket(connection, server_hostname=name)
    context.check_hostname = False
    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())
    serving = trustbridge.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)


def test_common_name_acts(system_ca):
    with Server(server_context(system_ca.leaf(common_name="localhost"))) as server:
        context = make()
        assert context.hostname_checks_common_name is False
        assert not accepted(context, server)
        context.hostname_checks_common_name = True
        assert accepted(context, server)


needs_native = pytest.mark.skipif(_native is None, reason="the native module is asked")


#: What each flag asks the core for: where the core decides, and where the system's verifier does.
ASKED_FOR = {
    0: (("off", False), ("off", False)),
    4: (("leaf", False), ("leaf", False)),
    8: (("off", False), ("off", False)),
    12: (("chain", False), ("chain", False)),
    0x20: (("off", True), ("off", False)),
    0x80000 | 0x8000: (("off", False), ("off", False)),
}


@needs_native
@pytest.mark.parametrize("flags", ASKED_FOR, ids=hex)
@pytest.mark.parametrize("system_decides", [False, True])
def test_what_the_core_is_asked_for(flags, system_decides):
    """On Windows and Apple the core refuses to be asked for more than their verifiers have."""
    expected = ASKED_FOR[flags][system_decides]
    assert _native.requested_checks(flags, 0x20, system_decides) == (*expected, False)
    assert _native.requested_checks(flags, 0, system_decides) == (*expected, True)


@needs_native
def test_default_contexts_ask_for_nothing_refused_anywhere():
    """`create_default_context` of Python 3.13 sets two flags more."""
    context = ssl.create_default_context()
    asked = _native.requested_checks(context.verify_flags, 0x20, True)
    assert asked == ("off", False, False)
    ours = make()
    ours.verify_flags = context.verify_flags
    assert ours.verify_flags == context.verify_flags
