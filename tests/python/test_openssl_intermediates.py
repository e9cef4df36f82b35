"""OpenSSL mode: what a directory of intermediates may hold."""

from __future__ import annotations

import ssl

import pytest
from crafted import COMMON_NAME, ORGANIZATION, CraftedAuthority, attribute, element, name
from servers import exchange_socket
from trustbridge import _openssl_intermediates
from trustbridge._openssl import SSLContext

ONE, TWO = attribute(COMMON_NAME, b"A root"), attribute(ORGANIZATION, b"Somebody")


@pytest.mark.parametrize(
    "issuer",
    [
        name(ONE, TWO),
        name(TWO, ONE),
        name(attribute(ORGANIZATION, b"somebody", 0x13), attribute(COMMON_NAME, b" a  ROOT ")),
    ],
    ids=["same", "other order", "other order and form"],
)
def test_a_root_is_no_intermediate(tmp_path, issuer):
    """OpenSSL sorts the attributes of a SET, and trusts what has signed itself."""
    (tmp_path / "root.cer").write_bytes(CraftedAuthority(name(ONE, TWO), issuer).der)
    found = read(tmp_path)
    assert found == (0, [])
    (tmp_path / "root.cer").write_bytes(CraftedAuthority(name(ONE, TWO), name(TWO)).der)
    assert read(tmp_path) == (1, [])


def read(directory):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    problems = []
    found = _openssl_intermediates.read_into(context, str(directory), problems, None)
    assert context.cert_store_stats()["x509"] == len(found)
    return len(found), problems


@pytest.mark.parametrize(
    "value", [element(3, b"\0ab"), element(4, b"ab"), element(0x30)], ids=["bits", "octets", "more"]
)
def test_an_odd_name_breaks_nothing(tmp_path, trusted_server, system_ca, value):
    """`ssl` cannot show some names, and shows others as bytes."""
    subject = name(element(0x30, COMMON_NAME, value))
    (tmp_path / "odd.cer").write_bytes(CraftedAuthority(subject, name(ONE)).der)
    (tmp_path / "root.cer").write_bytes(CraftedAuthority(subject, subject).der)
    issuing = system_ca.intermediate("trustbridge tests: issuing")
    (tmp_path / "right.pem").write_bytes(issuing.pem)
    count, problems = read(tmp_path)
    if value[0] == 3:
        assert (count, problems) == (2, [])
    else:
        why = "no CA certificate that can be read"
        files = ("odd.cer", "root.cer")
        assert (count, problems) == (1, [f"{tmp_path}/{file}: {why}" for file in files])
    context = SSLContext(ssl.PROTOCOL_TLS_CLIENT, intermediates=tmp_path)
    assert exchange_socket(context, trusted_server.address) == b"ping"
