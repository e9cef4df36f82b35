"""`trustbridge.verify`: chains, names and times without a connection."""

from __future__ import annotations

import datetime
import ssl

import pytest
import trustbridge
from pki import DER, UTC, Authority, self_signed

NOON = datetime.datetime(2024, 6, 1, 12, tzinfo=UTC)


def test_trusted(localhost, system_ca, system_source):
    verified = trustbridge.verify(localhost.chain_der, "localhost")
    assert isinstance(verified, trustbridge.Verified)
    assert verified.chain == [*localhost.chain_der, system_ca.der]
    assert verified.anchor == system_ca.der
    assert verified.source == system_source
    assert verified.revocation == "off"
    lines = str(verified).splitlines()
    assert lines[0] == "  0: CN=a server of the tests"
    assert lines[1] == "     issued by CN=trustbridge tests: issuing CA"
    assert lines[2] == "     valid 2000-01-01 00:00:00 UTC to 2999-01-01 00:00:00 UTC"
    assert lines[-2:] == ["anchor: CN=trustbridge tests: system root", f"source: {system_source}"]
    with pytest.raises(AttributeError):
        verified.source = "elsewhere"


def test_a_rejection_names_the_store(untrusted, other_ca, system_source):
    with pytest.raises(trustbridge.VerificationError) as caught:
        trustbridge.verify(untrusted.chain_der, "localhost")
    assert f"  - {system_source}: 1 usable trust anchor" in caught.value.report
    assert "the extra roots" not in caught.value.report
    both = trustbridge.verify(untrusted.chain_der, "localhost", extra_roots=[other_ca.der])
    assert both.source == "the extra roots"


def test_refused(untrusted):
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        trustbridge.verify(untrusted.chain_der, "localhost")
    error = caught.value
    assert isinstance(error, trustbridge.VerificationError)
    assert error.verify_code == 20
    assert error.verify_message == "unable to get local issuer certificate"
    assert error.kind == "UnknownIssuer"
    assert error.depth == 0
    assert error.args[0] == ssl.SSLErrorNumber.SSL_ERROR_SSL
    assert str(error).startswith("certificate verify failed: localhost: issuer is not known")
    assert "Searched for trust anchors:" in error.report


@pytest.mark.parametrize(
    "change, kind",
    [
        ({"name": "elsewhere.test"}, "NameMismatch"),
        ({"name": "127.0.0.2"}, "NameMismatch"),
        ({"purpose": "client"}, "WrongPurpose"),
        ({"system_trust": False}, "UnknownIssuer|NoTrustAnchors"),
        ({"chain_der": "leaf only"}, "UnknownIssuer"),
        ({"revocation": "leaf", "unknown_revocation": "reject"}, "RevocationUnknown"),
        ({"pinned": "other"}, "PinMismatch"),
    ],
)
def test_arguments_that_refuse(localhost, untrusted, change, kind):
    arguments = {"chain_der": localhost.chain_der, "name": "localhost", "time": NOON, **change}
    if arguments["chain_der"] == "leaf only":
        arguments["chain_der"] = [localhost.der]
    if "pinned" in arguments:
        arguments["pinned"] = [untrusted.der]
    with pytest.raises(trustbridge.VerificationError) as caught:
        trustbridge.verify(**arguments)
    assert caught.value.kind in kind.split("|")


def test_clients_that_are_servers(localhost, system_ca):
    settings = {"name": None, "time": NOON}
    client = system_ca.leaf(client=True)
    for leaf, purposes in (
        (localhost, ("server", "client_or_server")),
        (client, ("client", "client_or_server")),
    ):
        for purpose in ("server", "client", "client_or_server"):
            if purpose in purposes:
                trustbridge.verify(leaf.chain_der, purpose=purpose, **settings)
                continue
            with pytest.raises(trustbridge.VerificationError) as caught:
                trustbridge.verify(leaf.chain_der, purpose=purpose, **settings)
            assert caught.value.kind == "WrongPurpose"


def test_times(system_ca):
    begin, end = (datetime.datetime(year, 1, 1, tzinfo=UTC) for year in (2010, 2020))
    leaf = system_ca.leaf("a.test", not_before=begin, not_after=end)
    second = datetime.timedelta(seconds=1)
    for time in (begin, end, NOON.replace(year=2015), begin.timestamp(), int(end.timestamp())):
        assert trustbridge.verify(leaf.chain_der, "a.test", time=time)
    for time, kind, code in ((begin - second, "NotYetValid", 9), (end + second, "Expired", 10)):
        with pytest.raises(trustbridge.VerificationError) as caught:
            trustbridge.verify(leaf.chain_der, "a.test", time=time)
        assert (caught.value.kind, caught.value.verify_code) == (kind, code)


def test_arguments_that_allow(localhost, untrusted, other_ca, system_ca):
    leaf, *intermediates = localhost.chain_der
    assert trustbridge.verify([leaf], "localhost", intermediates=intermediates)
    assert trustbridge.verify(localhost.chain_der, None).chain[0] == leaf
    extra = trustbridge.verify(untrusted.chain_der, "127.0.0.1", extra_roots=[other_ca.der])
    assert extra.source == "the extra roots"
    only = trustbridge.verify(
        untrusted.chain_der, "localhost", extra_roots=[other_ca.der], system_trust=False
    )
    assert only.anchor == other_ca.der
    fallback = trustbridge.verify(
        untrusted.chain_der, "localhost", fallback_roots=[other_ca.der], system_trust=False
    )
    assert fallback.source == "the fallback roots"
    with pytest.raises(trustbridge.VerificationError):  # the system has a usable anchor
        trustbridge.verify(untrusted.chain_der, "localhost", fallback_roots=[other_ca.der])
    pinned = trustbridge.verify(untrusted.chain_der, "localhost", pinned=[untrusted.der])
    assert pinned.chain == [untrusted.der]
    client = system_ca.leaf("a client", client=True)
    assert trustbridge.verify(client.chain_der, None, purpose="client")
    assert trustbridge.verify(system_ca.leaf("xn--mnchen-3ya.test").chain_der, "münchen.test")


def test_revocation(system_ca):
    from cryptography import x509

    good, revoked = system_ca.leaf("a.test"), system_ca.leaf("a.test")
    crl = x509.load_pem_x509_crl(system_ca.crl(revoked.certificate)).public_bytes(DER)
    assert trustbridge.verify(good.chain_der, "a.test", crls=[crl]).revocation == "off"
    checked = trustbridge.verify(good.chain_der, "a.test", crls=[crl], revocation="leaf")
    assert checked.revocation == "leaf"
    with pytest.raises(trustbridge.VerificationError) as caught:
        trustbridge.verify(revoked.chain_der, "a.test", crls=[crl], revocation="chain")
    assert (caught.value.kind, caught.value.verify_code) == ("Revoked", 23)


@pytest.mark.parametrize(
    "change, named",
    [
        ({"chain_der": []}, "chain_der"),
        ({"name": "not a name"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "ä" * 70 + ".test"}, "name"),
        ({"purpose": "mail"}, "purpose"),
        ({"revocation": "always"}, "revocation"),
        ({"unknown_revocation": "maybe"}, "unknown_revocation"),
        ({"time": -1.0}, "time"),
        ({"time": float("nan")}, "time"),
        ({"time": datetime.datetime(2024, 1, 1)}, "time"),
        ({"extra_roots": [b"nonsense"]}, "extra_roots"),
        ({"fallback_roots": [b"nonsense"]}, "fallback_roots"),
        ({"intermediates": [b"nonsense"]}, "intermediates"),
        ({"pinned": [b"nonsense"]}, "pinned"),
        ({"crls": [b"nonsense"]}, "CRL 0"),
    ],
)
def test_bad_arguments_are_named(localhost, change, named):
    with pytest.raises(ValueError, match=named) as caught:
        trustbridge.verify(
            **{"chain_der": localhost.chain_der, "name": "localhost", "time": NOON, **change}
        )
    assert not isinstance(caught.value, OSError)


@pytest.mark.parametrize("chain", [[b""], [b"nonsense"], [b"\x30\x00"], [b"\x30\x82\xff\xff"]])
def test_malformed_chain(chain):
    with pytest.raises(trustbridge.VerificationError) as caught:
        trustbridge.verify(chain, "localhost")
    assert caught.value.kind == "BadEncoding"


def test_hostile_chains_end(localhost):
    with pytest.raises(trustbridge.VerificationError) as caught:
        trustbridge.verify(localhost.chain_der * 500, "localhost")
    assert caught.value.kind == "ChainTooComplex"


def test_report_is_safe_to_print():
    leaf = Authority("evil\x1b[31m\nca").leaf("a.test", common_name="evil\x1b]0;\nname")
    with pytest.raises(trustbridge.VerificationError) as caught:
        trustbridge.verify(leaf.chain_der, "a.test")
    assert "\x1b" not in caught.value.report
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ca", [True, False])
def test_whole_certificate(ca):
    leaf = self_signed("a.test", ca=ca)
    with pytest.raises(trustbridge.VerificationError) as caught:
        trustbridge.verify(leaf.chain_der, "a.test")
    assert caught.value.verify_code == 18
    assert trustbridge.verify(leaf.chain_der, "a.test", extra_roots=[leaf.der]).chain == [leaf.der]
