"""One verdict: the native module, OpenSSL mode and OpenSSL itself end alike.

Each situation is a handshake in memory. `DIFFERS` names those that the native module ends otherwise
than OpenSSL does, `SAYS_OTHERWISE` those that have another word in OpenSSL mode, each with its
reason. One that is listed and ends alike is a failure too.
"""

from __future__ import annotations

import ssl

import pytest
import trustbridge
from servers import StdContext
from situations import Situation, situations
from trustbridge import _openssl

PARTIAL_CHAIN = 0x80000

DIFFERS: dict[str, str] = {}
_UNUSABLE = "nothing in the store can issue: the native module says so, OpenSSL only finds nothing"
_ONE_CODE = "for both faults OpenSSL has one code: invalid CA certificate"
SAYS_OTHERWISE = {
    "another one of its issuer in the store": _UNUSABLE,
    "intermediate: no keyCertSign": _ONE_CODE,
    "intermediate: no keyCertSign, strict": _ONE_CODE,
    "root: no keyCertSign": _ONE_CODE,
    "root: no keyCertSign, strict": _ONE_CODE,
    "root: no basic constraints, strict": "the native module names the rule of the strict profile",
}


def outcome(kind, situation: Situation, folder) -> tuple[bool, int, str]:
    """Whether the client accepts, and why not: OpenSSL's code, our word."""
    client = kind(ssl.PROTOCOL_TLS_CLIENT)
    client.verify_flags = situation.flags
    if kind is StdContext:
        client.verify_flags |= PARTIAL_CHAIN
    else:
        client.system_trust = False
    client.hostname_checks_common_name = situation.common_name
    for trusted in situation.trusted:
        path = folder / "trusted.pem"
        path.write_text(trusted if isinstance(trusted, str) else trusted.pem)
        client.load_verify_locations(path)
    serving = StdContext(ssl.PROTOCOL_TLS_SERVER)
    serving.set_ciphers("DEFAULT:@SECLEVEL=0")
    path = folder / "server.pem"
    path.write_text(situation.chain[0].key_pem + "".join(made.pem for made in situation.chain))
    serving.load_cert_chain(path)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=situation.name)
    far = serving.wrap_bio(to_server, to_client, server_side=True)
    try:
        for side in (near, far) * 4:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
    except ssl.SSLCertVerificationError as error:
        return False, error.verify_code, getattr(error, "kind", "")
    assert near.version() and far.version()
    return True, 0, ""


@pytest.mark.parametrize("name", situations())
def test_one_verdict(name, tmp_path):
    kinds = (StdContext, _openssl.SSLContext, trustbridge.SSLContext)
    openssl, mode, native = (outcome(kind, situations()[name], tmp_path) for kind in kinds)
    assert mode[:2] == openssl[:2]
    assert (native[0] != openssl[0]) is (name in DIFFERS), (native, openssl)
    if name not in DIFFERS:
        assert (native[2] != mode[2]) is (name in SAYS_OTHERWISE), (native, mode)


def test_the_lists_name_situations():
    assert {*DIFFERS, *SAYS_OTHERWISE} <= situations().keys()
    assert len(situations()) > 150
