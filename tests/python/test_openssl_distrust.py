"""OpenSSL mode: certificates that the distribution distrusts are not loaded, and the reader of
p11-kit's files reads what the core reads."""

from __future__ import annotations

import datetime
import json
import re
import ssl
import subprocess
import sys
import time

import pytest
from certdata import certdata, certificate, trust
from crafted import COMMON_NAME, ORGANIZATION, attribute, element
from cryptography.hazmat.primitives import serialization
from layouts import BLOCKLIST, BUNDLE, DATE, DATED, FEDORA, Layout, p11kit, percent, run
from openssl_contexts import ROOT
from pki import DER, PEM, Authority
from servers import Server, server_context
from test_distrust import CONNECT
from trustbridge import _openssl_der, _openssl_distrust, _openssl_p11kit, _openssl_store
from trustbridge._name import same as same_name

ALONE = "import trustbridge._mode as mode; mode.HANDSHAKE_MODE = 'openssl'\n"
STORE = ALONE + "import sys; from trustbridge._cli import main; sys.exit(main(sys.argv[1:]))"


def outcomes(layout, leaves, setting=""):
    servers = [Server(server_context(leaf)) for leaf in leaves]
    for server in servers:
        server.__enter__()
    context = f"context = SSLContext(ssl.PROTOCOL_TLS_CLIENT{setting})"
    ports = [server.port for server in servers]
    script = CONNECT.format(path=sys.path, ports=ports, context=context, before="")
    script = script.replace("from trustbridge import S", "from trustbridge._openssl import S")
    done = run(layout, "-c", ALONE + script)
    for server in servers:
        server.__exit__()
    return done.stdout.split(), done.stderr


def test_tables_are_the_cores():
    source = (ROOT / "src/store/locations.rs").read_text()
    for name in ("TRUST_SOURCES", "UNTRUSTED"):
        body = re.search(rf"const {name}: &\[&str\] = &\[(.*?)\n\];", source, re.DOTALL)
        table = getattr(_openssl_distrust, name)
        assert tuple(re.findall(r'^ *"([^"]+)"', body[1], re.MULTILINE)) == table


def test_what_is_distrusted_is_not_loaded(tmp_path):
    good, bad = Authority("a good root"), Authority("a bad root")
    layout = Layout(tmp_path, good, bad)
    leaves = [authority.leaf("localhost") for authority in (good, bad)]
    assert outcomes(layout, leaves)[0] == ["trusted", "trusted"]

    issuer = percent(bad.certificate.issuer.public_bytes(DER))
    serial = percent(der_integer(bad.certificate.serial_number))
    key = bad.key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    purposes = "value: " + percent(bytes.fromhex("301306 03551d25 040c300a 06082b06010505070304"))
    for path, contents in (
        (FEDORA, p11kit(["x-distrusted: true"], bad.der)),
        (
            FEDORA,
            p11kit(["class: certificate", "x-distrusted: true", f"value: {percent(bad.der)}"]),
        ),
        (
            FEDORA,
            p11kit(
                [
                    "class: certificate",
                    "x-distrusted: true",
                    f"issuer: {issuer}",
                    f"serial-number: {serial}",
                ]
            ),
        ),
        # The issuer's name in another string type and case is the same name.
        (
            FEDORA,
            p11kit(
                [
                    "class: certificate",
                    "x-distrusted: true",
                    f"issuer: {issuer.replace('%0c', '%13').replace('%61', '%41')}",
                    f"serial-number: {serial}",
                ]
            ),
        ),
        (FEDORA, p11kit(["class: x-certificate-extension", purposes]) + key.decode()),
        (f"{BLOCKLIST}/bad", bad.pem),
        (f"{BLOCKLIST}/bad", bad.der),
        (f"{BLOCKLIST}/bad", p11kit(["trusted: true"], bad.der)),
    ):
        layout.write(path, contents)
        found, report = outcomes(layout, leaves)
        assert found == ["trusted", "Distrusted"], contents
        assert f"'CN=a bad root', distrusted for this purpose by /{path}" in report
        assert f"    CN=a bad root is distrusted by /{path}" in report
        assert outcomes(layout, leaves, ", distribution_distrust=False")[0] == ["trusted"] * 2
        (layout.root / path).unlink()


def read_file(path, distrust):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    source = _openssl_store.Source("a store")
    _openssl_store.read_file(context, str(path), source, distrust)
    assert context.cert_store_stats()["x509"] == len(context.get_ca_certs())
    return context.get_ca_certs(True), source


def about(certificate) -> _openssl_distrust.Distrust:
    distrust = _openssl_distrust.Distrust()
    statement = _openssl_p11kit.AboutCertificate(certificate, True, None, [])
    distrust.add("/a-file", [statement], [])
    return distrust


def test_openssl_reads_no_more_than_was_compared(tmp_path):
    """Its reader of PEM takes more for a certificate than RFC 7468 does."""
    good, bad = Authority("a good root"), Authority("a bad root")
    marker = b"CERTIFICATE-----\n"
    file = tmp_path / "bundle.pem"
    for contents in (
        b"\xef\xbb\xbf" + bad.pem + good.pem,
        *(
            bad.pem.replace(marker, marker.replace(b"\n", end), 1) + good.pem
            for end in (b"\x0b\n", b"\0\n", b"\x1f\r\n", b" \t\x0c \n")
        ),
    ):
        file.write_bytes(contents)
        read, source = read_file(file, about(bad.der))
        assert read == [good.der], contents
        assert source.distrusted == {bad.der: "/a-file"} and not source.problems
    # What only OpenSSL takes for this certificate is not loaded.
    leaf = bad.leaf("localhost")
    for one in (bad, leaf):  # OpenSSL does not tell of one that is no CA
        file.write_bytes(good.pem + indefinite(one.der))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(file)
        assert context.cert_store_stats()["x509"] == 2
        read, source = read_file(file, about(one.der))
        assert read == [good.der] and source.problems == [f"{file}: a certificate cannot be read"]


def indefinite(der: bytes) -> bytes:
    """A certificate in BER, as OpenSSL reads it too."""
    pem = ssl.DER_cert_to_PEM_cert(b"\x30\x80" + der[4:] + b"\0\0")
    return pem.encode()


def test_purposes_before_something_damaged_count():
    """As in the core, which reads as far as it can."""
    servers, mail = bytes.fromhex("06082b06010505070301"), bytes.fromhex("06082b06010505070304")
    rejected, only = _openssl_p11kit.REJECTED_PURPOSES, _openssl_p11kit.EXTENDED_KEY_USAGE
    for damage in (b"", b"\x06\x7f", b"\0"):
        assert _openssl_distrust._limits(rejected, servers + damage)
        assert not _openssl_distrust._limits(rejected, mail + damage)
        assert not _openssl_distrust._limits(only, servers + damage)
        assert _openssl_distrust._limits(only, damage + servers) == bool(damage)


def test_names_are_the_same_as_for_the_core():
    """The rules of the readers for other systems, which the table in tests/cases holds too."""
    one, two = attribute(COMMON_NAME, b"A b"), attribute(ORGANIZATION, b"c")
    tags = (0x03, 0x04, 0x0C, 0x12, 0x13, 0x14, 0x16, 0x1A, 0x1C, 0x1E, 0x30)
    values = [b"", b"A b", b"a  B ", b"\0a\0 \0b", b"\0\0\0a", b"\xe9", b"\xc3\xa9"]
    values += [b"\xd8\x3d\xde\x00", b"\0\xe9", b"\x08a", b"\0\0\0\xe9"]
    names = [element(0x31, attribute(COMMON_NAME, value, tag)) for value in values for tag in tags]
    empty = element(0x31)
    names += [
        b"",
        empty,
        element(0x31, one),
        element(0x31, one) + empty,
        empty + element(0x31, one),
    ]
    names += [element(0x31, one, two), element(0x31, two, one), element(0x31, one, one)]
    names += [element(0x31, one) + element(0x31, two), element(0x31, two) + element(0x31, one)]
    names += [element(0x30, one), element(0x31, element(0x31, one[2:])), element(0x31, b"\x30")]
    names += [element(0x31, element(0x30, COMMON_NAME)), element(0x31, element(0x30, one, one))]
    assert len(names) > 130
    for left in names:
        for right in names:
            same = _openssl_der.canonical(left) == _openssl_der.canonical(right)
            assert same == same_name(left, right), (left, right)


def der_integer(number: int) -> bytes:
    contents = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return bytes([2, len(contents)]) + contents


def test_dates_are_shown_and_not_enforced(tmp_path):
    root, bad = Authority("a root with a date"), Authority("a bad root")
    layout = Layout(tmp_path, root, bad)
    layout.write(FEDORA, p11kit([DATED], root.der) + p11kit(["x-distrusted: true"], bad.der))
    late = root.leaf("localhost", not_before=DATE + datetime.timedelta(seconds=1))
    assert outcomes(layout, [late]) == (["trusted"], "")
    assert (
        run(layout, "-c", STORE, "store").stdout
        == f"""\
usable trust anchors: 1 of 2 certificates
Searched:
  /{BUNDLE} (default): 2 certificates
Read for what the distribution distrusts:
  /{FEDORA}: 2 statements
Candidates rejected:
  CN=a bad root
     distrusted for this purpose by /{FEDORA}
     from /{BUNDLE}
Trusted only for servers' certificates issued up to a date (not enforced: OpenSSL has no such \
setting):
  CN=a root with a date
     2024-11-30 23:59:59 UTC
     from /{FEDORA}
"""
    )


def samples():
    """Files of p11-kit, whole and damaged, and the certificates of their bundle."""
    roots = [Authority(f"root {number}") for number in range(4)]
    one, two, three, four = (root.der for root in roots)
    bad_block = p11kit(["x-distrusted: true"], two).replace("MI", "M!", 1)
    half = p11kit(["x-distrusted: true"], three)
    dates = [
        '"241130235959Z"',
        '"20241130235959Z"',
        '"%32%341130235959Z"',
        '"%00"',
        "false",
        '""',
        '"241330235959Z"',
        '"24113023595"',
        '"241130235960Z"',
        '"2411302359590"',
        '"%32%3"',
        '"%%"',
        '"%+3"',
        '"%0g"',
        "241130235959Z",
        '"',
    ]
    flags = ["true", "false", '"%01"', '"%00"', "yes", "", '"%02"']
    return [root.pem for root in roots], {
        "dates": "".join(
            p11kit([f"nss-server-distrust-after: {date}", "# comment"], one) for date in dates
        ),
        **{
            f"flag-{number}": p11kit([f"x-distrusted: {flag}"], one)
            for number, flag in enumerate(flags)
        },
        "octal": p11kit(['x-distrusted: "\\001"', "class: certificate", 'value: "\\060"'], None),
        "blocks": bad_block + p11kit(["x-distrusted: true"], one),
        "cut": p11kit(["x-distrusted: true"], one) + half[: len(half) // 2],
        "cut-before-another": half[: len(half) // 2] + "\n" + p11kit(["x-distrusted: true"], one),
        "nothing": p11kit(["class: certificate", "x-distrusted: true"]),
        "no-colon": p11kit(["no colon", "x-distrusted: true"], four),
        "sections": "[p11-kit-object-v2]\nx: y\n" + p11kit(["x-distrusted: true"], four),
        "extension": p11kit(["class: x-certificate-extension"])
        + p11kit(["class: x-certificate-extension", 'value: "0"'])
        + p11kit(
            [
                "class: x-certificate-extension",
                'value: "0%0f%06%03U%1d%25%04%080%06%06%04U%1d%25%00"',
            ]
        )
        + p11kit(["class: x-certificate-extension", 'value: "0%03%06%01U"']),
        "serial": p11kit(
            [
                "class: certificate",
                "x-distrusted: true",
                'issuer: "0%00"',
                'serial-number: "%02%01%01"',
            ]
        )
        + p11kit(
            [
                "class: certificate",
                "x-distrusted: true",
                'issuer: "0%01"',
                'serial-number: "%02%01%01"',
            ]
        )
        + p11kit(
            [
                "class: certificate",
                "x-distrusted: true",
                'issuer: "0%00"',
                'serial-number: "%02%01"',
            ]
        )
        + p11kit(
            [
                "class: certificate",
                'nss-server-distrust-after: "241130235959Z"',
                'issuer: "0%00"',
                'serial-number: "%02%01%01"',
            ]
        ),
        "space": p11kit(["  x-distrusted :  true  "], one).replace("\n", " \r\n"),
        "other-block": p11kit(["class: certificate", "x-distrusted: true"], one, "PUBLIC KEY"),
        "more": p11kit(["x-distrusted: true"], one + b"0"),
    }


def test_the_reader_reads_what_the_core_reads(tmp_path):
    """Each file alone would be a process each: in one directory every file is a problem or a
    statement of its own."""
    pems, files = samples()
    layout = Layout(tmp_path)
    layout.write(BUNDLE, b"".join(pems))
    for name, text in files.items():
        layout.write(f"usr/share/pki/ca-trust-source/{name}", text)
        layout.write(f"etc/pki/ca-trust/source/blocklist/{name}", text.replace("true", "false"))
    core, ours = (
        json.loads(run(layout, *command, "store", "--json").stdout)
        for command in (("-m", "trustbridge"), ("-c", STORE))
    )
    assert core["problems"] == ours["problems"]
    assert len(core["problems"]) > 40
    assert core["distrust"] == ours["distrust"]
    assert len(core["distrust"]) > 15
    assert {one["sha256"] for one in core["refused"]} == {one["sha256"] for one in ours["refused"]}
    # A date of a root that is refused as well is not shown without native module.
    assert core["issued_up_to"]


@pytest.mark.parametrize(
    "line", [b"[p11-kit-object-v1]\n", b"-----BEGIN CERTIFICATE-----\n", b"x", b"%"]
)
def test_the_time_grows_with_the_length(line):
    text = b'[p11-kit-object-v1]\nx-distrusted: true\nclass: certificate\nvalue: "' + line * 200_000
    started = time.monotonic()
    _openssl_p11kit.parse(text.split(b"\n"), True)
    assert time.monotonic() - started < 20


@pytest.mark.skipif(sys.version_info < (3, 11), reason="buildcatrust needs Python 3.11")
def test_a_file_of_buildcatrust(tmp_path):
    """What NixOS makes of Mozilla's certdata.txt is read by the core and here alike."""
    dated, good, bad, gone, email = (
        Authority(f"a {kind} root") for kind in ("dated", "good", "bad", "gone", "mail")
    )
    text = certdata(
        certificate(dated, after="241130235959Z"),
        trust(dated, "TRUSTED_DELEGATOR"),
        certificate(good),
        trust(good, "TRUSTED_DELEGATOR"),
        certificate(bad),
        trust(bad, "NOT_TRUSTED"),
        trust(gone, "NOT_TRUSTED"),  # by issuer and serial number alone
        certificate(email),
        trust(email, "MUST_VERIFY_TRUST"),
    )
    (tmp_path / "certdata.txt").write_text(text)
    layout = Layout(tmp_path / "root", dated, good, bad, gone, email)
    file = "etc/ssl/trust-source/ca-bundle.trust.p11-kit"
    layout.write(file, "")
    command = [sys.executable, "-m", "buildcatrust.cli"]
    command += ["--certdata_input", tmp_path / "certdata.txt"]
    command += ["--p11kit_output", layout.root / file]
    subprocess.run(command, check=True)
    for command in (("-m", "trustbridge"), ("-c", STORE)):
        found = json.loads(run(layout, *command, "store", "--json").stdout)
        assert found["problems"] == []
        refused = {one["subject"]: one["reason"] for one in found["refused"]}
        reason = f"distrusted for this purpose by /{file}"
        assert refused == dict.fromkeys(
            ("CN=a bad root", "CN=a gone root", "CN=a mail root"), reason
        )
        (limited,) = found["issued_up_to"]
        assert (limited["subject"], limited["date"]) == (
            "CN=a dated root",
            "2024-11-30 23:59:59 UTC",
        )
    leaves = [
        dated.leaf("localhost", not_before=DATE + datetime.timedelta(seconds=offset))
        for offset in (0, 1)
    ]
    for leaf, expected in zip(leaves, ("trusted", "Distrusted"), strict=True):
        with Server(server_context(leaf)) as server:
            context = "context = SSLContext(ssl.PROTOCOL_TLS_CLIENT)"
            script = CONNECT.format(path=sys.path, ports=[server.port], context=context, before="")
            assert run(layout, "-c", script).stdout.split() == [expected]
