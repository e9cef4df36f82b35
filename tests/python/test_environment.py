"""SSL_CERT_FILE and its like: the native module reads them on Unix, the package elsewhere."""

from __future__ import annotations

import datetime
import json
import os
import ssl
import sys

import pytest
import trustbridge
from pki import PAST, Authority
from servers import exchange_socket
from trust import make
from trustbridge import _native, _select

needs_native = pytest.mark.skipif(_native is None, reason="the native module is asked")


@pytest.fixture(params=["as on Unix", "as elsewhere"])
def elsewhere(request, monkeypatch):
    if _native is None:
        pytest.skip("without the native module they are read once in a process")
    if request.param == "as on Unix" and sys.platform == "win32":
        pytest.skip("Windows' verifier reads no variables")
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.delenv("SSL_CERT_DIR")
    monkeypatch.setattr(_select, "reads_variables", request.param == "as elsewhere")
    return _select.reads_variables


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "NIX_SSL_CERT_FILE"])
def test_variable_names_a_file(both, other_file, system_file, monkeypatch, variable, elsewhere):
    monkeypatch.setenv(variable, other_file)
    context = make()
    assert both(context) == (False, True), "it takes the place of the system's"
    assert len(context.get_ca_certs()) == 1
    monkeypatch.setenv("SSL_CERT_FILE", system_file)
    assert both(context) == (False, True), "the variables are read when it is made"
    context.load_default_certs()
    assert both(context) == (True, False), "and when it is told to"


def test_variable_with_a_directory(both, other_ca, system_file, tmp_path, monkeypatch, elsewhere):
    hashed, plain = tmp_path / "hashed", tmp_path / "plain"
    for folder, name in ((hashed, "0123abcd.0"), (plain, "ca.pem")):
        folder.mkdir()
        (folder / name).write_bytes(other_ca.pem)
    monkeypatch.setenv("SSL_CERT_FILE", system_file)
    monkeypatch.setenv("SSL_CERT_DIR", str(plain))
    assert both(make()) == (True, False)
    monkeypatch.setenv("SSL_CERT_DIR", f"{plain}{os.pathsep}{hashed}")
    assert both(make()) == (True, True)


@needs_native
def test_empty_variables_count_as_unset(monkeypatch):
    from trustbridge import _environment as environment

    monkeypatch.setattr(_select, "reads_variables", True)
    monkeypatch.setenv("SSL_CERT_FILE", "")
    monkeypatch.setenv("SSL_CERT_DIR", "")
    trust = _native.Trust()
    environment.apply(trust)
    assert environment.named_roots() == ([], [])
    assert trust.system


@needs_native
def test_raised_privileges_ignore_the_variables(monkeypatch, other_file, tmp_path):
    """The caller of a set-user-ID program must not decide what it trusts, nowhere."""
    from trustbridge import _environment as environment
    from trustbridge import _privileges
    from trustbridge._system import intermediates

    monkeypatch.setattr(_select, "reads_variables", True)
    monkeypatch.setenv("SSL_CERT_FILE", other_file)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.setenv("TRUSTBRIDGE_INTERMEDIATES_DIR", str(tmp_path))

    def named():
        return len(environment.named_roots()[1]), len(intermediates.from_environment())

    assert named() == (2, 1)
    for name in ("geteuid", "getegid"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, lambda: os.getuid() + os.getgid() + 1)
            assert named() == (0, 0)
    for name in ("getuid", "geteuid", "getgid", "getegid"):
        monkeypatch.delattr(os, name)
    assert not _privileges.has_raised_privileges(), "Windows has no such programs"


def test_what_is_loaded_adds_to_a_variable(
    both, other_file, system_file, monkeypatch, tmp_path, elsewhere
):
    monkeypatch.setenv("SSL_CERT_FILE", os.path.relpath(system_file))
    context = make()
    monkeypatch.chdir(tmp_path)
    context.load_verify_locations(other_file)
    assert both(context) == (True, True)
    context.system_trust = False
    assert both(context) == (False, True)


@pytest.mark.parametrize("contents", [None, b"", b"nothing here"])
def test_variable_that_gives_nothing(trusted_server, tmp_path, monkeypatch, contents, elsewhere):
    file = tmp_path / "ca.pem"
    if contents is not None:
        file.write_bytes(contents)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        exchange_socket(make(), trusted_server.address)
    assert "SSL_CERT_FILE" in caught.value.report
    assert str(file) in caught.value.report


def test_verify_looks_at_variables(untrusted, other_file, tmp_path, monkeypatch, elsewhere):
    monkeypatch.setenv("SSL_CERT_FILE", other_file)
    trustbridge.verify(untrusted.chain_der, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    with pytest.raises(trustbridge.VerificationError) as caught:
        trustbridge.verify(untrusted.chain_der, "localhost")
    assert "absent.pem" in caught.value.report
    with pytest.raises(trustbridge.VerificationError) as caught:
        trustbridge.verify(untrusted.chain_der, "localhost", system_trust=False)
    assert "absent.pem" not in caught.value.report


@needs_native
def test_check_names_the_variable(monkeypatch, capsys, other_file, untrusted_server, elsewhere):
    """A server that it trusts through a variable, wherever variables are read."""
    from trustbridge._cli import main

    monkeypatch.setenv("SSL_CERT_FILE", other_file)
    host = f"localhost:{untrusted_server.port}"
    assert main(["check", host]) == 0
    source = capsys.readouterr().out.splitlines()[-1].removeprefix("source: ")
    assert source in (f"SSL_CERT_FILE {other_file}", other_file)
    assert not elsewhere or source.startswith("SSL_CERT_FILE ")
    assert main(["check", "--json", host]) == 0
    assert json.loads(capsys.readouterr().out)["source"] == source


@needs_native
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "NIX_SSL_CERT_FILE"])
def test_store_and_export_show_what_a_variable_names(
    monkeypatch, tmp_path, capsys, other_ca, system_ca, variable
):
    """Elsewhere, too: what connections trust, under its own name."""
    from trustbridge import _environment as environment
    from trustbridge._cli import main

    expired = Authority("früher", not_after=PAST + datetime.timedelta(days=1))
    intermediate = system_ca.intermediate("issued, and named")
    path = tmp_path / "named.pem"
    path.write_bytes(other_ca.pem + expired.pem + intermediate.pem)
    (tmp_path / "certs").mkdir()
    monkeypatch.setattr(_select, "reads_variables", True)
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "certs"))
    monkeypatch.setenv(variable, str(path))
    source = f"{variable} {path}"
    assert main(["store"]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0] == "usable trust anchors: 2 of 3 certificates"
    assert f"  {source} (set in the environment): 3 certificates\n" in shown
    assert "certs (set in the environment): 0 certificates\n" in shown
    assert "Candidates rejected:\n  CN=früher\n     expired on 2000-01-02 00:00:00 UTC\n" in shown
    text = trustbridge.export_pem()
    assert text.count("BEGIN CERTIFICATE") == 2
    assert f"# CN=trustbridge tests: other root\n# from {source}\n" in text
    assert "# CN=issued, and named\n" in text
    assert "Problems" not in shown
    (tmp_path / "certs" / "README").write_text("about this directory")
    path.write_bytes(other_ca.pem + expired.pem[:100])
    assert main(["store"]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0] == "usable trust anchors: 1 of 1 certificate"
    assert shown.endswith(f"Problems:\n  {source}: a part of it cannot be read\n")
    monkeypatch.setenv(variable, str(tmp_path / "missing"))
    assert main(["store"]) == 1
    shown = capsys.readouterr().out
    assert f"Problems:\n  {variable} {tmp_path / 'missing'}: " in shown
    monkeypatch.delenv(variable)
    monkeypatch.delenv("SSL_CERT_DIR")
    assert isinstance(environment.read_store(), _native.Store)
