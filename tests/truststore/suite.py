"""Prepares for the public tests of truststore, in which its name has been replaced by ours.

Loaded as a plugin by tests/truststore/run. The tests ask `mkcert` for a CA in the system's store
and for a certificate: the CA is in SSL_CERT_FILE, and a script of that name gives the certificate.
"""

from __future__ import annotations

import os
import pathlib
import sys
import tempfile
import types

import pytest
import trustme
from OpenSSL.crypto import X509

_folder = tempfile.TemporaryDirectory(prefix="trustbridge-tests-")
FOLDER = pathlib.Path(_folder.name)

authority = trustme.CA()
leaf = authority.issue_cert("localhost")
authority.cert_pem.write_to_path(str(FOLDER / "ca.pem"))
leaf.private_key_pem.write_to_path(str(FOLDER / "key.pem"))
for blob in leaf.cert_chain_pems:
    blob.write_to_path(str(FOLDER / "chain.pem"), append=True)
(FOLDER / "certs").mkdir()
os.environ.update(
    SSL_CERT_FILE=str(FOLDER / "ca.pem"),
    SSL_CERT_DIR=str(FOLDER / "certs"),
    MKCERT_FOLDER=str(FOLDER),
    PATH=f"{pathlib.Path(__file__).parent}{os.pathsep}{os.environ['PATH']}",
)

_CA = trustme.CA


def _new_authority() -> trustme.CA:
    """One whose name has a hash of eight digits.

    One test names a file in a directory of CAs by that hash, and forgets the zeros that it may
    begin with. OpenSSL would not look for such a file either.
    """
    while True:
        made = _CA()
        if X509.from_cryptography(made._certificate).subject_name_hash() >= 1 << 28:
            return made


trustme.CA = _new_authority

# One file imports a private module by name; all of its tests but one do not use it.
sys.modules["trustbridge._api"] = types.ModuleType("trustbridge._api")

#: Tests that look at the insides of truststore, or differ from `ssl`. One that passes is a failure.
DIFFERS = {
    "test_macos_10_7_import_error": "reloads a private module for macOS, and wants its words",
    "test_wrap_bio_configures_context_under_lock": "watches a private lock, where there is none",
    "test_wrap_socket_server_hostname_validation": "wraps a mock without a name; as in `ssl` "
    "that it is no stream socket comes first",
}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "flaky: of a plugin that is not needed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        reason = DIFFERS.get(item.name.partition("[")[0])
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Nothing may be skipped: each of these needs no internet."""
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
