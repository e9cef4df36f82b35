"""`export_pem`."""

from __future__ import annotations

import datetime
import os
import ssl

import trustbridge
from pki import Authority
from servers import StdContext
from test_inject import run


def test_export(system_ca, system_source, tmp_path):
    text = trustbridge.export_pem()
    assert text.isascii()
    assert "# CN=trustbridge tests: system root\n" in text
    assert f"# from {system_source}\n" in text
    path = tmp_path / "anchors.pem"
    path.write_text("something before")
    assert trustbridge.export_pem(path) == path.read_text() == text
    assert os.listdir(tmp_path) == ["anchors.pem"], "no temporary file is left"
    standard = StdContext(ssl.PROTOCOL_TLS_CLIENT)
    standard.load_verify_locations(path)
    assert standard.get_ca_certs(True) == [system_ca.der]


def test_export_leaves_out_what_is_refused(trusted_server, tmp_path, system_ca):

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
