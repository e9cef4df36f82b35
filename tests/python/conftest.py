"""Every test sees a system store of the tests' own making, and no other."""

from __future__ import annotations

import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "support"))

for variable in (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NIX_SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
):
    os.environ.pop(variable, None)

from pki import Authority  # noqa: E402

SYSTEM_CA = Authority("trustbridge tests: system root")
_folder = tempfile.TemporaryDirectory(prefix="trustbridge-tests-")
SYSTEM_FILE = os.path.join(_folder.name, "system.pem")
_empty = os.path.join(_folder.name, "certs")
os.mkdir(_empty)
with open(SYSTEM_FILE, "wb") as file:
    file.write(SYSTEM_CA.pem)
# Before trustbridge is imported, and inherited by every process a test starts.
os.environ["SSL_CERT_FILE"] = SYSTEM_FILE
os.environ["SSL_CERT_DIR"] = _empty

import modes  # noqa: E402
import pytest  # noqa: E402

pytest.register_assert_rewrite("parity")

from parity import leaves, make_world  # noqa: E402, F401
from servers import Server, server_context  # noqa: E402
from trust import accepted  # noqa: E402


def pytest_addoption(parser):
    every = (*modes.MODES, modes.OPENSSL)
    parser.addoption("--mode", choices=every, default=modes.IN_HANDSHAKE)
    # What `import trustbridge` must come to here: tests/occasional/interpreters.
    parser.addoption("--best", choices=every, default=modes.IN_HANDSHAKE)


def pytest_configure(config):
    mode = config.getoption("--mode")
    if not config.pluginmanager.has_plugin("openssl_mode"):  # which cannot be forced
        modes.force(mode)
    modes.set_best(config.getoption("--best"))
    if mode == modes.OPENSSL:
        config.pluginmanager.import_plugin("openssl_mode")


def pytest_ignore_collect(collection_path, config):
    if config.getoption("--mode") == modes.OPENSSL and collection_path.name in modes.NATIVE_ONLY:
        return True
    return None


def pytest_report_header(config):
    return f"mode: {config.getoption('--mode')}"


def pytest_collection_modifyitems(items):
    for item in items:
        reason = modes.FAILS[modes.current()].get(item.name)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


@pytest.fixture(scope="session")
def system_ca() -> Authority:
    """A CA that the tests' system store has."""
    return SYSTEM_CA


@pytest.fixture(scope="session")
def system_file() -> str:
    """The file of the tests' system store."""
    return SYSTEM_FILE


@pytest.fixture(scope="session")
def system_source(system_file) -> str:
    """What verdicts and lists call it: by the variable too, where the system has a store that is
    no file."""
    from trustbridge import _select  # once the mode is decided

    return f"SSL_CERT_FILE {system_file}" if _select.SYSTEM_DECIDES else system_file


@pytest.fixture(scope="session")
def other_ca() -> Authority:
    """A CA that nobody trusts unless told to."""
    return Authority("trustbridge tests: other root")


@pytest.fixture
def other_file(other_ca, tmp_path) -> str:
    path = tmp_path / "other.pem"
    path.write_bytes(other_ca.pem)
    return str(path)


@pytest.fixture(scope="session")
def localhost(system_ca):
    """A certificate for localhost and 127.0.0.1, by the system's CA through an intermediate."""
    return system_ca.intermediate("trustbridge tests: issuing CA").leaf("localhost", "127.0.0.1")


@pytest.fixture(scope="session")
def untrusted(other_ca):
    """A certificate for localhost and 127.0.0.1, by the other CA."""
    return other_ca.leaf("localhost", "127.0.0.1")


@pytest.fixture
def trusted_server(localhost):
    with Server(server_context(localhost)) as server:
        yield server


@pytest.fixture
def untrusted_server(untrusted):
    with Server(server_context(untrusted)) as server:
        yield server


@pytest.fixture
def both(trusted_server, untrusted_server):
    """Whether a context accepts the system's server, and whether the other CA's."""

    def both(context):
        return accepted(context, trusted_server), accepted(context, untrusted_server)

    return both
