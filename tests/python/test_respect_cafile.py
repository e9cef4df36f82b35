"""`inject_into_ssl(respect_cafile=True)`."""

from __future__ import annotations

import datetime
import subprocess
import textwrap

import pytest
from pki import PAST, Authority
from test_inject import run
from trust import package

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
