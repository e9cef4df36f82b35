"""What the distribution distrusts, in processes that find Fedora's files where Fedora has them."""

from __future__ import annotations

import datetime
import json
import sys

import pytest
from layouts import BLOCKLIST, BUNDLE, DATE, DATED, FEDORA, Layout, p11kit, run
from pki import Authority
from servers import Server, server_context

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs namespaces of Linux")

SECOND = datetime.timedelta(seconds=1)

CONNECT = """
import sys
sys.path[:0] = {path!r}
import socket, ssl
from trustbridge import SSLContext
import trustbridge
{before}
for port in {ports}:
    {context}
    try:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            with context.wrap_socket(connection, server_hostname="localhost"):
                print("trusted")
    except ssl.SSLCertVerificationError as error:
        print(error.kind)
        print(error.report, file=sys.stderr)
"""
MAKE = "context = SSLContext(ssl.PROTOCOL_TLS_CLIENT)"


@pytest.fixture(scope="module")
def root():
    return Authority("a root with a date")


@pytest.fixture(scope="module")
def servers(root):
    """Whose certificates were issued one second before the date, at it, and one second after."""
    leaves = [
        root.leaf("localhost", not_before=DATE + offset) for offset in (-SECOND, 0 * SECOND, SECOND)
    ]
    running = [Server(server_context(leaf)) for leaf in leaves]
    for server in running:
        server.__enter__()
    yield running
    for server in running:
        server.__exit__()


@pytest.fixture
def layout(tmp_path, root):
    return Layout(tmp_path, root)


def outcomes(layout, servers, context=MAKE, before=""):
    """What becomes of a connection to each server, and the reports."""
    ports = [server.port for server in servers]
    script = CONNECT.format(path=sys.path, ports=ports, context=context, before=before)
    done = run(layout, "-c", script)
    return done.stdout.split(), done.stderr


SENTENCE = (
    "the end entity was issued after 2024-11-30 23:59:59 UTC, when this root stopped being trusted "
    f"for new certificates; from /{FEDORA}"
)


def test_the_date_is_that_of_the_certificate(layout, servers, root):
    assert outcomes(layout, servers) == (["trusted"] * 3, "")
    layout.write(FEDORA, p11kit(["trusted: true", DATED], root.der))
    found, report = outcomes(layout, servers)
    assert found == ["trusted", "trusted", "Distrusted"]
    assert SENTENCE in report
    assert "distribution_distrust" in report
    # Nothing of it is for those who name their own store.
    own = f"import os; os.environ['SSL_CERT_FILE'] = '/{BUNDLE}'"
    assert outcomes(layout, servers, before=own) == (["trusted"] * 3, "")


def test_it_can_be_turned_off(layout, servers, root):
    layout.write(FEDORA, p11kit(["x-distrusted: true"], root.der))
    distrusted, trusted = ["Distrusted"] * 3, ["trusted"] * 3
    off = "context = SSLContext(ssl.PROTOCOL_TLS_CLIENT, distribution_distrust=False)"
    for context, expected in (
        (MAKE, distrusted),
        (off, trusted),
        (f"{MAKE}; context.distribution_distrust = False", trusted),
        (f"{off}; assert not context.distribution_distrust; context.load_default_certs()", trusted),
        (f"{off}; context.distribution_distrust = True", distrusted),
        ("context = ssl.create_default_context()", trusted),
    ):
        before = "trustbridge.inject_into_ssl(distribution_distrust=False)"
        found, report = outcomes(layout, servers, context, before if "create" in context else "")
        assert found == expected, context
        if expected == distrusted:
            assert f"distrusted for this purpose by /{FEDORA}" in report
    switched = "trustbridge.inject_into_ssl(distribution_distrust=False); "
    for again in ("trustbridge.inject_into_ssl()", "trustbridge.extract_from_ssl()"):
        assert outcomes(layout, servers, before=switched + again)[0] == distrusted


@pytest.mark.parametrize("form", ["PEM", "DER", "p11-kit"])
def test_a_blocked_intermediate(layout, root, form):
    issuing = root.intermediate("a blocked CA")
    contents = {"PEM": issuing.pem, "DER": issuing.der, "p11-kit": p11kit([], issuing.der)}[form]
    layout.write(f"{BLOCKLIST}/blocked", contents)
    with Server(server_context(issuing.leaf("localhost"))) as server:
        found, report = outcomes(layout, [server])
    assert found == ["Distrusted"]
    assert f"/{BLOCKLIST}/blocked" in report


def test_verify(layout, root):
    layout.write(FEDORA, p11kit([DATED], root.der))
    for offset, expected in ((0 * SECOND, "trusted"), (SECOND, "Distrusted")):
        leaf = root.leaf("localhost", not_before=DATE + offset)
        for setting, kind in (("", expected), ("distribution_distrust=False", "trusted")):
            script = f"""
import trustbridge
try:
    trustbridge.verify([{leaf.der!r}], "localhost", {setting})
    print("trusted")
except trustbridge.VerificationError as error:
    print(error.kind, {SENTENCE!r} in error.report)
"""
            done = run(layout, "-c", script)
            assert done.stdout.split()[0] == kind, done
            assert "False" not in done.stdout


def test_it_is_shown(layout, root):
    bad, damaged = Authority("a distrusted root"), Authority("another one")
    layout.write(BUNDLE, root.pem + bad.pem)
    dated, distrusted = p11kit([DATED], root.der), p11kit(["x-distrusted: true"], bad.der)
    layout.write(FEDORA, dated + distrusted + p11kit(["x-distrusted: yes"], damaged.der))
    done = run(layout, "-m", "trustbridge", "store")
    assert (
        done.stdout
        == f"""\
usable trust anchors: 1 of 2 certificates
Searched:
  /{BUNDLE} (default): 2 certificates
Read for what the distribution distrusts:
  /{FEDORA}: 3 statements
Problems:
  /{FEDORA}, line {dated.count(chr(10)) + distrusted.count(chr(10)) + 1}: x-distrusted is neither \
'true' nor 'false'
Candidates rejected:
  CN=a distrusted root
     distrusted for this purpose by /{FEDORA}
     from /{BUNDLE}
Trusted only for servers' certificates issued up to a date:
  CN=a root with a date
     2024-11-30 23:59:59 UTC
     from /{FEDORA}
"""
    )
    found = json.loads(run(layout, "-m", "trustbridge", "store", "--json").stdout)
    assert found["distrust"] == [{"source": f"/{FEDORA}", "statements": 3}]
    (limited,) = found["issued_up_to"]
    assert limited["subject"] == "CN=a root with a date"
    assert (limited["date"], limited["source"]) == ("2024-11-30 23:59:59 UTC", f"/{FEDORA}")
    (refused,) = found["refused"]
    assert refused["reason"] == f"distrusted for this purpose by /{FEDORA}"


def test_an_export_says_what_it_loses(layout, root):
    bad = Authority("a distrusted root")
    layout.write(BUNDLE, root.pem + bad.pem)
    layout.write(FEDORA, p11kit([DATED], root.der) + p11kit(["x-distrusted: true"], bad.der))
    text = run(layout, "-m", "trustbridge", "export").stdout
    assert text.count("BEGIN CERTIFICATE") == 1
    assert (
        f"""\
# CN=a root with a date
# from /{BUNDLE}
# The distribution trusts it only for servers' certificates issued up to 2024-11-30 23:59:59 UTC.
# This file cannot carry that. From /{FEDORA}
-----BEGIN CERTIFICATE-----
"""
        in text
    )
