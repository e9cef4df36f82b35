"""What contexts share: a file is read once in a process, and the same trust is one."""

from __future__ import annotations

import ssl

import certifi
from trust import make
from trustbridge import _native


def connection(context):
    return context._trust.connection()


def test_contexts_with_the_same_trust_share_it(monkeypatch, other_file):
    first, second = make(), make()
    assert connection(first).same_trust(connection(second))
    for context in first, second:
        context.system_trust = False
        context.load_verify_locations(certifi.where())
    assert connection(first).same_trust(connection(second))
    assert not connection(first).same_trust(connection(make()))
    second.load_verify_locations(other_file)
    assert not connection(first).same_trust(connection(second))
    third = make()
    monkeypatch.setenv("SSL_CERT_FILE", str(other_file))
    assert not connection(third).same_trust(connection(make()))


def test_what_replaces_the_system_is_shared(system_ca, other_ca):
    """As the variables do on systems whose own verifier knows none."""

    def connected(ca=system_ca, searched="FILE a (1)", source="FILE a"):
        trust = _native.Trust()
        trust.replace_system([_native.read_der(ca.der)], [searched], [source])
        return trust.connection()

    first = connected()
    assert first.same_trust(connected())
    assert not first.same_trust(_native.Trust().connection())
    for other in ({"ca": other_ca}, {"searched": "FILE a (2)"}, {"source": "FILE b"}):
        assert not first.same_trust(connected(**other)), other


def test_nothing_grows_with_the_number_of_loads():
    context = make()
    for _ in range(3):
        context.load_verify_locations(certifi.where())
    assert context._bundles == (certifi.where(),)


def test_a_file_that_changes_is_read_again(tmp_path, system_ca, other_ca):
    path = tmp_path / "ca.pem"
    path.write_bytes(system_ca.pem)
    assert len(_native.read_file(str(path))) == 1
    path.write_bytes(system_ca.pem + other_ca.pem)
    assert len(_native.read_file(str(path))) == 2
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path)
    assert len(context.get_ca_certs()) == 2


def test_relative_paths_in_the_environment_are_those_of_their_time(
    monkeypatch, tmp_path, system_ca, other_ca
):
    monkeypatch.setenv("SSL_CERT_FILE", "ca.pem")
    found = []
    for name, pem in (("one", system_ca.pem), ("other", other_ca.pem)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ca.pem").write_bytes(pem)
        monkeypatch.chdir(tmp_path / name)
        found.append(make())
    one, other = found
    assert not connection(one).same_trust(connection(other))
    assert one.get_ca_certs(True) != other.get_ca_certs(True)
