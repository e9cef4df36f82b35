"""Bundles of certifi stand for the system's store.

Here they have the other CA in them, to see whether they are trusted.
"""

from __future__ import annotations

import os
import shutil
import ssl
import sys

import pytest
from pki import Authority
from servers import StdContext
from trust import make, package
from trustbridge import _native


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
    """One that is not there after all says so when it is read."""
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

    def refuse(path):
        raise AssertionError(path)

    context = make()
    monkeypatch.setattr(_native, "read_file", refuse)
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
