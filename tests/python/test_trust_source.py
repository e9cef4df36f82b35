"""Whom a context trusts: the system, what was loaded, and bundles that stand for the system."""

from __future__ import annotations

import datetime
import os
import shutil
import ssl
import subprocess
import sys
import textwrap

import pytest
import trustbridge
from pki import PAST, Authority
from servers import Server, StdContext, exchange_socket, server_context
from test_inject import run
from trustbridge import _native


def make(**keywords):
    return trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT, **keywords)


def accepted(context, server) -> bool:
    try:
        return exchange_socket(context, server.address) == b"ping"
    except ssl.SSLCertVerificationError:
        return False


@pytest.fixture
def both(trusted_server, untrusted_server):
    """Whether a context accepts the system's server, and whether the other CA's."""

    def both(context):
        return accepted(context, trusted_server), accepted(context, untrusted_server)

    return both


def package(folder, pem, name="certifi") -> str:
    """A package of certifi's form; its bundle."""
    here = folder / name
    here.mkdir(parents=True)
    (here / "__init__.py").write_text("")
    (here / "cacert.pem").write_bytes(pem)
    return str(here / "cacert.pem")


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


# Bundles of certifi: here with the other CA in them, to see whether they are trusted.


def test_bundle_adds_nothing(both, other_ca, tmp_path):
    context = make()
    context.load_verify_locations(package(tmp_path, other_ca.pem))
    assert both(context) == (True, False)


def test_vendored_bundle_adds_nothing(both, other_ca, tmp_path):
    context = make()
    context.load_verify_locations(package(tmp_path / "pip" / "_vendor", other_ca.pem))
    assert both(context) == (True, False)


def test_link_to_a_bundle_adds_nothing(both, other_ca, tmp_path):
    link = tmp_path / "link.pem"
    link.symlink_to(package(tmp_path, other_ca.pem))
    context = make()
    context.load_verify_locations(link)
    assert both(context) == (True, False)


@pytest.mark.parametrize("how", ["hard link", "copy", "copy with another name"])
def test_identity_and_contents_of_an_installed_bundle(both, other_ca, tmp_path, monkeypatch, how):
    """Installed means on sys.path, whether or not it was imported."""
    bundle = package(tmp_path / "site", other_ca.pem)
    path = tmp_path / ("ca.pem" if "name" in how else "cacert.pem")
    (os.link if how == "hard link" else shutil.copy)(bundle, path)
    before = make()
    before.load_verify_locations(path)
    assert both(before) == (True, True), "nothing tells yet that it is a bundle"
    monkeypatch.syspath_prepend(tmp_path / "site")
    after = make()
    after.load_verify_locations(path)
    assert both(after) == (True, False)


def test_imported_bundle_of_a_distribution(both, other_file, monkeypatch):
    """Distributions patch certifi: where() names a file elsewhere."""
    import types

    module = types.ModuleType("some._vendor.certifi")
    module.where = lambda: other_file
    monkeypatch.setitem(sys.modules, module.__name__, module)
    context = make()
    context.load_verify_locations(other_file)
    assert both(context) == (True, False)


@pytest.mark.parametrize("where", [None, 42, "raises"])
def test_odd_certifi_modules_are_harmless(both, other_file, monkeypatch, where):
    import types

    module = types.ModuleType("certifi")
    module.where = {"raises": lambda: 1 / 0}.get(where, lambda: where)
    monkeypatch.setitem(sys.modules, "certifi", module)
    context = make()
    context.load_verify_locations(other_file)
    assert both(context) == (True, True)


def test_lazy_certifi_modules_are_harmless(both, other_file, monkeypatch):
    """One that is not there after all says so when it is looked at."""
    import types

    class Lazy(types.ModuleType):
        def __getattribute__(self, name):
            raise ImportError(name)

    monkeypatch.setitem(sys.modules, "some.certifi", Lazy("some.certifi"))
    context = make()
    context.load_verify_locations(other_file)
    assert both(context) == (True, True)


def test_a_file_that_differs_from_the_bundle_is_loaded(both, other_ca, tmp_path, monkeypatch):
    package(tmp_path / "site", other_ca.pem)
    monkeypatch.syspath_prepend(tmp_path / "site")
    path = tmp_path / "cacert.pem"
    path.write_bytes(other_ca.pem + b"\n")
    context = make()
    context.load_verify_locations(path)
    assert both(context) == (True, True)


def test_size_is_not_contents(both, other_ca, tmp_path, monkeypatch):
    """As long as the bundle, and another CA in it."""
    package(tmp_path / "site", other_ca.pem + b"\n" * 1000)
    monkeypatch.syspath_prepend(tmp_path / "site")
    path = tmp_path / "cacert.pem"
    path.write_bytes(other_ca.pem + b" " * 1000)
    context = make()
    context.load_verify_locations(path)
    assert both(context) == (True, True)


def test_the_same_file_is_not_compared(other_ca, tmp_path, monkeypatch):
    from trustbridge import _certifi

    bundle = package(tmp_path / "site", other_ca.pem)
    monkeypatch.syspath_prepend(tmp_path / "site")
    path = tmp_path / "ca.pem"
    os.link(bundle, path)
    monkeypatch.setattr(_certifi, "_equal", None)
    assert _certifi.is_bundle(str(path))


def test_a_file_that_changes_is_looked_at_again(both, other_ca, tmp_path, monkeypatch):
    bundle = package(tmp_path / "site", other_ca.pem)
    monkeypatch.syspath_prepend(tmp_path / "site")
    path = tmp_path / "copy.pem"
    shutil.copy(bundle, path)
    context = make()
    context.load_verify_locations(path)
    assert both(context) == (True, False)
    path.write_bytes(other_ca.pem + Authority("another").pem)
    context.load_verify_locations(path)
    assert both(context) == (True, True)


def test_real_certifi_is_recognised_unread(both, monkeypatch):
    import certifi
    from trustbridge import _native

    def refuse(path):
        raise AssertionError(path)

    monkeypatch.setattr(_native, "read_file", refuse)
    context = make()
    context.load_verify_locations(certifi.where())
    assert len(context.get_ca_certs()) == 1


def test_bundle_is_trusted_where_the_system_is_not(both, other_ca, tmp_path):
    """The caller has said otherwise: only what was loaded."""
    bundle = package(tmp_path, other_ca.pem)
    context = make(system_trust=False)
    context.load_verify_locations(bundle)
    assert both(context) == (False, True)
    # With the system it stands for the system again, and widens nothing.
    context.system_trust = True
    assert both(context) == (True, False)
    # Loaded first, given up later.
    context = make()
    context.load_verify_locations(bundle)
    assert both(context) == (True, False)
    context.system_trust = False
    assert both(context) == (False, True)
    context.system_trust = True
    assert both(context) == (True, False)


@pytest.mark.parametrize("contents", [b"", b"nothing here", None])
def test_broken_bundle_raises_what_ssl_raises(tmp_path, contents):
    path = package(tmp_path, contents or b"")
    if contents is None:
        os.unlink(path)
    with pytest.raises(OSError) as expected:
        StdContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    with pytest.raises(OSError) as caught:
        make().load_verify_locations(path)
    assert type(caught.value) is type(expected.value)


# inject_into_ssl(respect_cafile=True)

RESPECT = """
    import os, socket, ssl
    import trustbridge

    def accepted(context, port):
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                with context.wrap_socket(connection, server_hostname="localhost"):
                    return True
        except ssl.SSLCertVerificationError:
            return False

    def both(context):
        return accepted(context, GOOD), accepted(context, BAD)

    FILE, BUNDLE, EMPTY = {files!r}
"""


@pytest.fixture
def respect(trusted_server, untrusted_server, other_file, other_ca, tmp_path):
    bundle = package(tmp_path, other_ca.pem)
    (tmp_path / "empty").mkdir()
    files = other_file, bundle, str(tmp_path / "empty")
    prelude = textwrap.dedent(RESPECT.format(files=files))

    def respect(script):
        return run(prelude + textwrap.dedent(script), trusted_server, untrusted_server)

    return respect


def test_cafile_adds_by_default(respect):
    respect("""
        trustbridge.inject_into_ssl()
        assert both(ssl.create_default_context(cafile=FILE)) == (True, True)
        assert both(ssl.create_default_context()) == (True, False)
    """)


def test_respect_cafile(respect):
    respect("""
        trustbridge.inject_into_ssl(respect_cafile=True)
        pem = open(FILE).read()
        der = ssl.PEM_cert_to_DER_cert(pem)
        for keywords in {"cafile": FILE}, {"cadata": pem}, {"cadata": der}:
            context = ssl.create_default_context(**keywords)
            assert context.system_trust is False
            assert both(context) == (False, True), keywords
        # A directory without a certificate is a choice as well.
        assert both(ssl.create_default_context(capath=EMPTY)) == (False, False)
        assert both(ssl.create_default_context(capath=EMPTY + "/missing")) == (False, False)
        # Nothing of its own.
        assert both(ssl.create_default_context()) == (True, False)
        assert both(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) == (True, False)
        # Asked for the default certificates, before or after.
        for name in "load_default_certs", "set_default_verify_paths":
            context = ssl.create_default_context(cafile=FILE)
            getattr(context, name)()
            assert both(context) == (True, True), name
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            getattr(context, name)()
            context.load_verify_locations(FILE)
            assert both(context) == (True, True), name
        # certifi's bundle counts as asking.
        assert both(ssl.create_default_context(cafile=BUNDLE)) == (True, False)
        context = ssl.create_default_context(cafile=FILE)
        context.load_verify_locations(BUNDLE)
        assert both(context) == (True, True)
        # What is said explicitly, wins.
        context = ssl.create_default_context(cafile=FILE)
        context.system_trust = True
        context.load_verify_locations(FILE)
        assert both(context) == (True, True)
        # Contexts keep what they were made with.
        context = ssl.create_default_context(cafile=FILE)
        trustbridge.extract_from_ssl()
        assert both(context) == (False, True)
        context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(FILE)
        assert both(context) == (True, True)
    """)


def test_respect_cafile_can_be_changed(respect):
    respect("""
        trustbridge.inject_into_ssl()
        trustbridge.inject_into_ssl(respect_cafile=True)
        assert both(ssl.create_default_context(cafile=FILE)) == (False, True)
        trustbridge.inject_into_ssl()
        assert both(ssl.create_default_context(cafile=FILE)) == (True, True)
        trustbridge.extract_from_ssl()
        trustbridge.inject_into_ssl()
        assert both(ssl.create_default_context(cafile=FILE)) == (True, True)
    """)


def test_what_is_loaded_need_not_be_usable(respect, system_ca, other_ca, tmp_path):
    """That something was loaded decides, not what was in it."""
    trusted_block = "TRUSTED CERTIFICATE"

    def with_settings(pem: bytes, *settings: str) -> bytes:
        """The certificate in the form of `openssl x509 -trustout`."""
        command = ["openssl", "x509", "-trustout", *settings]
        made = subprocess.run(command, input=pem, capture_output=True, check=True).stdout
        assert trusted_block in made.decode()
        return made

    files = {
        "for another purpose": with_settings(system_ca.pem, "-addtrust", "emailProtection"),
        "rejected": with_settings(system_ca.pem, "-addreject", "serverAuth"),
        "no CA": system_ca.leaf("elsewhere.test").pem,
        "CRLs alone": system_ca.crl(),
        "expired": Authority("old", not_after=PAST + datetime.timedelta(days=1)).pem,
    }
    paths = {}
    for name, contents in files.items():
        paths[name] = str(tmp_path / f"{name}.pem")
        (tmp_path / f"{name}.pem").write_bytes(contents)
    respect(f"""
        trustbridge.inject_into_ssl(respect_cafile=True)
        for name, path in {paths!r}.items():
            context = ssl.create_default_context(cafile=path)
            assert context.system_trust is False, name
            assert both(context) == (False, False), name
            context = ssl.create_default_context(cafile=path)
            context.load_default_certs()
            assert context.system_trust is True, name
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_default_certs()
            context.load_verify_locations(path)
            assert context.system_trust is True, name
        # A file that could not be loaded, and a program that went on.
        for wrong in {{"cafile": EMPTY + "/missing"}}, {{"cadata": "nothing"}}:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            try:
                context.load_verify_locations(**wrong)
            except OSError:
                pass
            else:
                raise AssertionError
            assert both(context) == (False, False), wrong
    """)


def test_servers_while_respecting(respect):
    respect("""
        trustbridge.inject_into_ssl(respect_cafile=True)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=FILE)
        assert len(context.get_ca_certs()) == 1
    """)


# The table of docs/python.md.

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
    "NO_CHECK_TIME": 0x200000,
}


@pytest.mark.parametrize("name", REFUSED_FLAGS)
@pytest.mark.parametrize("protocol", [ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS])
@pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS is deprecated")
def test_flags_that_cannot_be_honoured_raise(protocol, name):
    context = trustbridge.SSLContext(protocol)
    before = context.verify_flags
    with pytest.raises(ValueError, match="cannot honour"):
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


# export_pem


def test_export(system_ca, system_file, tmp_path):
    text = trustbridge.export_pem()
    assert text.isascii()
    assert "# CN=trustbridge tests: system root\n" in text
    assert f"# from {system_file}\n" in text
    path = tmp_path / "anchors.pem"
    path.write_text("something before")
    assert trustbridge.export_pem(path) == path.read_text() == text
    assert os.listdir(tmp_path) == ["anchors.pem"], "no temporary file is left"
    standard = StdContext(ssl.PROTOCOL_TLS_CLIENT)
    standard.load_verify_locations(path)
    assert standard.get_ca_certs(True) == [system_ca.der]


def test_export_leaves_out_what_is_refused(trusted_server, tmp_path, system_ca):
    import datetime

    from pki import UTC

    past = datetime.datetime(2001, 1, 1, tzinfo=UTC)
    store = tmp_path / "store.pem"
    odd = Authority("odd\n-----BEGIN CERTIFICATE-----\n\u00fc")
    store.write_bytes(
        Authority("expired", not_after=past).pem + Authority("no CA", ca=False).pem + odd.pem
    )
    run(
        f"""
        import os
        os.environ["SSL_CERT_FILE"] = {str(store)!r}
        import ssl, trustbridge
        text = trustbridge.export_pem()
        assert text.isascii(), text
        assert text.count("-----BEGIN CERTIFICATE-----") == 1, text
        assert "expired" not in text and "no CA" not in text
        der = ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN"):])
        assert der == {odd.der!r}
        """,
        trusted_server,
        trusted_server,
    )


def test_export_of_nothing_raises_and_keeps_the_file(trusted_server, tmp_path):
    path = tmp_path / "anchors.pem"
    path.write_text("something before")
    run(
        f"""
        import os
        os.environ["SSL_CERT_FILE"] = os.devnull
        import trustbridge
        try:
            trustbridge.export_pem({str(path)!r})
        except ValueError as error:
            assert "no usable trust anchor" in str(error)
        else:
            raise AssertionError
        """,
        trusted_server,
        trusted_server,
    )
    assert path.read_text() == "something before"


# The variables, as the native module reads them on Unix and as the package reads them elsewhere.


needs_native = pytest.mark.skipif(_native is None, reason="the native module is asked")


@pytest.fixture(params=["as on Unix", "as elsewhere"])
def elsewhere(request, monkeypatch):
    if _native is None:
        pytest.skip("without the native module they are looked at once in a process")
    from trustbridge import _environment as environment

    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.delenv("SSL_CERT_DIR")
    monkeypatch.setattr(environment, "replaces_system", request.param == "as elsewhere")
    return environment.replaces_system


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "NIX_SSL_CERT_FILE"])
def test_variable_names_a_file(both, other_file, system_file, monkeypatch, variable, elsewhere):
    monkeypatch.setenv(variable, other_file)
    context = make()
    assert both(context) == (False, True), "it takes the place of the system's"
    assert len(context.get_ca_certs()) == 1
    monkeypatch.setenv("SSL_CERT_FILE", system_file)
    assert both(context) == (False, True), "the variables are looked at when it is made"
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

    monkeypatch.setattr(environment, "replaces_system", True)
    monkeypatch.setenv("SSL_CERT_FILE", "")
    monkeypatch.setenv("SSL_CERT_DIR", "")
    trust = _native.Trust()
    assert environment.apply(trust) == []
    assert trust.system


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
