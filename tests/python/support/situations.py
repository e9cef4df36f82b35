"""Situations: what a server sends, what a client trusts, and what it requires.

None needs a network or a system store. Each has a name.
"""

from __future__ import annotations

import datetime
import functools
import ipaddress
import subprocess
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku
from cryptography.x509.oid import NameOID, ObjectIdentifier
from pki import FUTURE, PAST, UTC, usage

HOST = "server.test"
STRICT, CRL_LEAF, CRL_CHAIN = 0x20, 0x4, 0xC
SOON = datetime.datetime(2001, 1, 1, tzinfo=UTC)
LATE = datetime.datetime(2900, 1, 1, tzinfo=UTC)
PEM = serialization.Encoding.PEM
UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")


@functools.cache
def key(name: str):
    if name.startswith("rsa"):
        return rsa.generate_private_key(65537, int(name.removeprefix("rsa")))
    return ec.generate_private_key(ec.SECP256R1())


def common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Made(NamedTuple):
    certificate: x509.Certificate
    key_name: str

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(PEM).decode()

    @property
    def key_pem(self) -> str:
        pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return key(self.key_name).private_bytes(PEM, pkcs8, plain).decode()


def make(
    subject,
    issuer=None,
    *,
    ca=None,
    path_length=None,
    key_usage=None,
    purposes=None,
    names=(),
    start=PAST,
    end=FUTURE,
    more=(),
    key_name=None,
    signer=None,
    issuer_name=None,
    identifiers=True,
):
    """A certificate; by itself if there is no issuer."""
    key_name = key_name or (subject if isinstance(subject, str) else "some key")
    signing = signer or (issuer.key_name if issuer else key_name)
    name = common_name(subject) if isinstance(subject, str) else subject
    above = issuer_name or (issuer.certificate.subject if issuer else name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(above)
        .public_key(key(key_name).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length), True)
    if key_usage is not None:
        builder = builder.add_extension(key_usage, True)
    if purposes is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), False)
    if identifiers:
        own = x509.SubjectKeyIdentifier.from_public_key(key(key_name).public_key())
        other = x509.AuthorityKeyIdentifier.from_issuer_public_key(key(signing).public_key())
        builder = builder.add_extension(own, False).add_extension(other, False)
    for extension, critical in more:
        builder = builder.add_extension(extension, critical)
    return Made(builder.sign(key(signing), hashes.SHA256()), key_name)


SIGNS = usage(key_cert_sign=True, crl_sign=True)


def authority(subject, issuer=None, **settings):
    return make(subject, issuer, **{"ca": True, "key_usage": SIGNS, **settings})


def server(issuer, names=(HOST,), **settings):
    def general(name):
        try:
            return x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            return x509.DNSName(name)

    defaults = {
        "ca": False,
        "key_usage": usage(digital_signature=True),
        "purposes": [Eku.SERVER_AUTH],
        "names": [general(name) for name in names],
    }
    return make("server", issuer, **{**defaults, **settings})


def crl(issuer, *revoked, end=FUTURE, start=PAST, signer=None):
    builder = x509.CertificateRevocationListBuilder()
    builder = builder.issuer_name(issuer.certificate.subject)
    builder = builder.last_update(start).next_update(end)
    builder = builder.add_extension(x509.CRLNumber(1), False)
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(PAST).build())
    made = builder.sign(key(signer or issuer.key_name), hashes.SHA256())
    return made.public_bytes(PEM).decode()


def with_settings(made, *settings):
    """The certificate in the form of `openssl x509 -trustout`."""
    command = ["openssl", "x509", "-trustout", *settings]
    done = subprocess.run(command, input=made.pem, capture_output=True, text=True, check=True)
    return done.stdout


class Situation(NamedTuple):
    chain: list[Made]
    trusted: list[Made | str]
    name: str = HOST
    flags: int = 0
    common_name: bool = False


def constrained(subject, issuer=None, permitted=None, excluded=None, **settings):
    more = [(x509.NameConstraints(permitted, excluded), True)]
    return authority(subject, issuer, more=more, **settings)


@functools.cache
def situations() -> dict[str, Situation]:
    root = authority("root")
    between = authority("between", root)
    stranger = authority("stranger")
    good = server(root)
    dns, directory = x509.DNSName, x509.DirectoryName
    found = {
        "root and server": Situation([good], [root]),
        "one intermediate": Situation([server(between), between], [root]),
        "missing intermediate": Situation([server(between)], [root]),
        "unknown issuer": Situation([server(stranger)], [root]),
        "sent root": Situation([good, root], [root]),
        "sent root of a stranger": Situation([server(stranger), stranger], [root]),
        "in the wrong order": Situation(
            [server(authority("low", between)), between, authority("low", between)], [root]
        ),
        "unrelated certificates": Situation([good, stranger, between], [root]),
        "intermediate trusted": Situation([server(between), between], [between]),
        "intermediate trusted, not sent": Situation([server(between)], [between]),
        "nothing trusted": Situation([good], []),
        "self-signed": Situation([server(None)], [root]),
    }
    own = server(None)
    found["self-signed and trusted"] = Situation([own], [own])
    own = server(None, ca=True, key_usage=None, purposes=None)
    found["self-signed CA and trusted"] = Situation([own], [own])
    found["self-signed CA and trusted, strict"] = Situation([own], [own], flags=STRICT)
    own = server(None, ca=None, key_usage=None, purposes=None, identifiers=False)
    found["self-signed, bare and trusted, strict"] = Situation([own], [own], flags=STRICT)
    own = server(stranger)
    found["end entity in the store"] = Situation([own], [own])
    found["end entity in the store, strict"] = Situation([own], [own], flags=STRICT)
    found["another one of its issuer in the store"] = Situation([server(stranger)], [own])
    # Names.
    for label, names, name in (
        ("another name", ("other.test",), HOST),
        ("wildcard", ("*.server.test",), "a.server.test"),
        ("wildcard over two labels", ("*.server.test",), "a.b.server.test"),
        ("wildcard for the domain itself", ("*.server.test",), "server.test"),
        ("part of a label", ("w*.server.test",), "www.server.test"),
        ("wildcard of a top level", ("*.test",), HOST),
        ("letters of another case", ("SERVER.test",), "server.TEST"),
        ("underscore", ("a_b.server.test",), "a_b.server.test"),
        ("digits alone", ("1234.test",), "1234.test"),
        ("final dot in the certificate", ("server.test.",), HOST),
        ("address", ("192.0.2.1",), "192.0.2.1"),
        ("another address", ("192.0.2.2",), "192.0.2.1"),
        ("address of version 6", ("2001:db8::1",), "2001:db8::1"),
        ("name for an address", (HOST,), "192.0.2.1"),
        ("address for a name", ("192.0.2.1",), HOST),
        ("second of several", ("a.test", "b.test", HOST), HOST),
    ):
        found[f"name: {label}"] = Situation([server(root, names)], [root], name)
    address = x509.IPAddress(ipaddress.ip_address("192.0.2.1"))
    for label, names in (
        ("alone", []),
        ("beside another name", [dns("other.test")]),
        ("beside an address", [address]),
    ):
        for wanted in (False, True):
            made = make(HOST, root, ca=False, purposes=[Eku.SERVER_AUTH], names=names)
            found[f"common name {label}, {'wanted' if wanted else 'unwanted'}"] = Situation(
                [made], [root], common_name=wanted
            )
    # Validity.
    found["expired"] = Situation([server(root, end=SOON)], [root])
    found["not yet valid"] = Situation([server(root, start=LATE)], [root])
    old = authority("old", root, end=SOON)
    found["expired intermediate"] = Situation([server(old), old], [root])
    old = authority("old root", end=SOON)
    found["expired root"] = Situation([server(old)], [old])
    new = authority("old root", start=PAST, key_name="old root")
    found["expired root and its renewal"] = Situation([server(old)], [old, new])
    # CAs.
    for label, settings in {
        "no basic constraints": {"ca": None},
        "CA false": {"ca": False},
        "no keyCertSign": {"key_usage": usage(digital_signature=True)},
        "no key usage": {"key_usage": None},
        "unknown critical extension": {"more": [(UNKNOWN, True)]},
        "unknown extension": {"more": [(UNKNOWN, False)]},
        "for clients": {"purposes": [Eku.CLIENT_AUTH]},
        "for servers": {"purposes": [Eku.SERVER_AUTH]},
        "for anything": {"purposes": [Eku.ANY_EXTENDED_KEY_USAGE]},
        "critical policies": {
            "more": [
                (
                    x509.CertificatePolicies(
                        [x509.PolicyInformation(ObjectIdentifier("1.2.3"), None)]
                    ),
                    True,
                )
            ]
        },
        "critical policy constraints": {"more": [(x509.PolicyConstraints(0, None), True)]},
        "critical inhibit any policy": {"more": [(x509.InhibitAnyPolicy(0), True)]},
        "no identifiers": {"identifiers": False},
    }.items():
        for strict in (0, STRICT):
            suffix = ", strict" if strict else ""
            odd = authority("odd", root, **settings)
            found[f"intermediate: {label}{suffix}"] = Situation(
                [server(odd), odd], [root], flags=strict
            )
            odd = authority("odd root", **settings)
            found[f"root: {label}{suffix}"] = Situation([server(odd)], [odd], flags=strict)
            leaf = server(root, **{**settings, "ca": False} if "ca" not in settings else settings)
            found[f"server: {label}{suffix}"] = Situation([leaf], [root], flags=strict)
    for length, below in ((0, 0), (0, 1), (1, 1), (1, 2)):
        top = issuer = authority("limited", root, path_length=length)
        chain = []
        for number in range(below):
            issuer = authority(f"below {number}", issuer)
            chain.insert(0, issuer)
        found[f"path length {length}, {below} below"] = Situation(
            [server(issuer), *chain, top], [root]
        )
    top = authority("limited", root, path_length=0)
    again = authority("limited", top, key_name="limited again")
    found["path length 0, self-issued below"] = Situation([server(again), again, top], [root])
    issuer, chain = root, []
    for number in range(12):
        issuer = authority(f"long {number}", issuer)
        chain.insert(0, issuer)
    found["twelve intermediates"] = Situation([server(issuer), *chain], [root])
    # Signatures and keys.
    forged = server(root, signer="a forger")
    found["another key's signature"] = Situation([forged], [root])
    forged = authority("between", root, key_name="between", signer="a forger")
    found["another key's signature above"] = Situation([server(forged), forged], [root])
    found["rollover: both roots"] = Situation(
        [good], [authority("root", key_name="another key"), root]
    )
    crossed = authority("root", stranger, key_name="root")
    found["cross-signed"] = Situation([good, crossed], [stranger])
    found["cross-signed, both trusted"] = Situation([good, crossed], [stranger, root])
    old = authority("root", stranger, key_name="root", end=SOON)
    found["expired cross-sign, root trusted"] = Situation([good, old], [stranger, root])
    small = server(root, key_name="rsa1024")
    found["RSA of 1024 bits"] = Situation([small], [root])
    small = authority("small root", key_name="rsa1024")
    found["root with RSA of 1024 bits"] = Situation([server(small)], [small])
    # Name constraints.
    for label, permitted, excluded in (
        ("permitted", [dns("test")], None),
        ("not permitted", [dns("elsewhere")], None),
        ("excluded", None, [dns("server.test")]),
        ("not excluded", None, [dns("elsewhere")]),
        ("another form permitted", [x509.IPAddress(ipaddress.ip_network("192.0.2.0/24"))], None),
        ("directory permitted", [directory(common_name("server"))], None),
        ("directory not permitted", [directory(common_name("else"))], None),
        ("directory excluded", None, [directory(common_name("server"))]),
        ("mail permitted", [x509.RFC822Name("test")], None),
        ("URI excluded", None, [x509.UniformResourceIdentifier("server.test")]),
        ("registered identifier", [x509.RegisteredID(ObjectIdentifier("1.2.3"))], None),
        ("subdomains", [dns(".test")], None),
    ):
        tied = constrained("tied", root, permitted, excluded)
        found[f"constraints: {label}"] = Situation([server(tied), tied], [root])
        tied = constrained("tied root", None, permitted, excluded)
        found[f"constraints of the root: {label}"] = Situation([server(tied)], [tied])
    tied = constrained("tied", root, [x509.IPAddress(ipaddress.ip_network("192.0.2.0/24"))])
    for address in ("192.0.2.7", "198.51.100.7"):
        found[f"constraints: address {address}"] = Situation(
            [server(tied, (address,)), tied], [root], address
        )
    # Trust settings.
    for label, *settings in (
        ("for servers", "-addtrust", "serverAuth"),
        ("for mail", "-addtrust", "emailProtection"),
        ("rejected for servers", "-addreject", "serverAuth"),
        ("rejected for mail", "-addreject", "emailProtection"),
    ):
        found[f"settings: {label}"] = Situation([good], [with_settings(root, *settings)])
        found[f"settings, and once without: {label}"] = Situation(
            [good], [with_settings(root, *settings), root]
        )
    # Revocation.
    leaf = server(between)
    for label, lists, flags in (
        ("good", [crl(between)], CRL_LEAF),
        ("revoked", [crl(between, leaf)], CRL_LEAF),
        ("no list", [], CRL_LEAF),
        ("list of another", [crl(stranger)], CRL_LEAF),
        ("outdated", [crl(between, end=SOON)], CRL_LEAF),
        ("not yet valid", [crl(between, start=LATE)], CRL_LEAF),
        ("by another key", [crl(between, signer="a forger")], CRL_LEAF),
        ("chain: good", [crl(between), crl(root)], CRL_CHAIN),
        ("chain: one missing", [crl(between)], CRL_CHAIN),
        ("chain: intermediate revoked", [crl(between), crl(root, between)], CRL_CHAIN),
        ("leaf: intermediate revoked", [crl(between), crl(root, between)], CRL_LEAF),
        ("not requested", [crl(between, leaf)], 0),
        (
            "older good, newer revoked",
            [crl(between, start=PAST), crl(between, leaf, start=SOON)],
            CRL_LEAF,
        ),
        (
            "outdated good beside a revoking one",
            [crl(between, end=SOON), crl(between, leaf)],
            CRL_LEAF,
        ),
    ):
        found[f"CRL: {label}"] = Situation([leaf, between], [root, *lists], flags=flags)
    return found
