"""The standard library's other protocols, and gevent: with a context, and injected."""

from __future__ import annotations

import sysconfig
import textwrap

import protocols
import pytest
from protocols import TalkServer
from servers import server_context
from test_inject import run

# Each client has talk(port, context).
CLIENTS = {
    "ftplib": (
        protocols.ftp,
        """
        import ftplib
        class Ftp(ftplib.FTP_TLS):
            # What servers that insist on it make their users write.
            def ntransfercmd(self, command, rest=None):
                data, size = ftplib.FTP.ntransfercmd(self, command, rest)
                return self.context.wrap_socket(
                    data, server_hostname=self.host, session=self.sock.session), size
        def talk(port, context):
            for kind, resumed in (ftplib.FTP_TLS, False), (Ftp, True):
                # Without a context ftplib verifies nobody.
                with kind(context=context or ssl.create_default_context(), timeout=60) as ftp:
                    ftp.connect("localhost", port)
                    ftp.login("user", "password")
                    ftp.prot_p()
                    got = []
                    ftp.retrbinary("RETR it", got.append)
                    assert b"".join(got) == b"hello"
                    data = ftp.transfercmd("RETR it")
                    assert data.session_reused is resumed
                    assert data.getpeercert()["subjectAltName"]
                    assert data.recv(5) == b"hello"
                    data.close()
                    ftp.voidresp()
        """,
    ),
    "smtplib": (
        protocols.smtp,
        """
        import smtplib
        def talk(port, context):
            with smtplib.SMTP("localhost", port, timeout=60) as smtp:
                smtp.starttls(context=context or ssl.create_default_context())
                assert smtp.ehlo()[0] == 250
        """,
    ),
    "imaplib": (
        protocols.imaps,
        """
        import imaplib
        def talk(port, context):
            context = context or ssl.create_default_context()
            with imaplib.IMAP4_SSL("localhost", port, ssl_context=context) as imap:
                assert imap.noop()[0] == "OK"
        """,
    ),
    "imaplib STARTTLS": (
        protocols.imap,
        """
        import imaplib
        def talk(port, context):
            imap = imaplib.IMAP4("localhost", port)
            try:
                imap.starttls(context or ssl.create_default_context())
                assert imap.noop()[0] == "OK"
            finally:
                imap.file.close()
                imap.sock.close()
        """,
    ),
    "poplib": (
        protocols.pop3,
        """
        import poplib
        def talk(port, context):
            pop = poplib.POP3("localhost", port, timeout=60)
            try:
                pop.stls(context or ssl.create_default_context())
                assert pop.noop() == b"+OK"
            finally:
                pop.file.close()
                pop.sock.close()
        """,
    ),
    "asyncio start_tls": (
        protocols.echo,
        """
        import asyncio
        def talk(port, context):
            async def run():
                loop = asyncio.get_running_loop()
                reader, writer = await asyncio.open_connection("localhost", port)
                try:
                    writer.write(b"tls\\r\\n")
                    assert await reader.readline() == b"tls\\r\\n"
                    protocol = writer.transport.get_protocol()
                    secured = await loop.start_tls(
                        writer.transport, protocol, context or ssl.create_default_context(),
                        server_hostname="localhost")
                    secured.write(b"hello\\r\\n")
                    assert await reader.readline() == b"hello\\r\\n"
                    assert secured.get_extra_info("peercert")["subjectAltName"]
                    secured.close()
                finally:
                    writer.close()
            asyncio.run(run())
        """,
    ),
}

HOW = {
    "context": """
        import ssl, trustbridge
        {client}
        context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    """,
    "injected before": """
        import trustbridge
        trustbridge.inject_into_ssl()
        import ssl
        {client}
        context = None
    """,
    "injected after": """
        import ssl, trustbridge
        {client}
        trustbridge.inject_into_ssl()
        context = None
    """,
}

CHECK = """
    talk(GOOD, context)
    try:
        talk(BAD, context)
    except ssl.SSLCertVerificationError as error:
        # gevent's own sockets, if it came last, are not ours to put words into.
        foreign = "gevent" in ssl.SSLContext.__module__
        assert foreign or "issuer is not known" in error.report
        assert error.verify_code == 20
    else:
        raise AssertionError("the untrusted server was accepted")
    trustbridge.extract_from_ssl()
"""


def try_client(talk, client, how, localhost, untrusted):
    with TalkServer(talk, server_context(localhost)) as good:
        with TalkServer(talk, server_context(untrusted)) as bad:
            script = textwrap.dedent(how).replace("{client}", textwrap.dedent(client))
            run(script + textwrap.dedent(CHECK), good, bad, warnings="default")
    return good


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("library", CLIENTS)
def test_protocol(library, how, localhost, untrusted):
    talk, client = CLIENTS[library]
    server = try_client(talk, client, HOW[how], localhost, untrusted)
    if library == "ftplib":
        assert server.notes == [False, False, True, True]


GEVENT = """
    import gevent
    def one(port, context):
        import socket
        with socket.create_connection(("localhost", port), 60) as connection:
            with context.wrap_socket(connection, server_hostname="localhost") as secured:
                secured.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
                answer = b""
                while not answer.endswith(b"hello"):
                    answer += secured.recv(100)
    def talk(port, context):
        context = context or ssl.create_default_context()
        assert isinstance(context, trustbridge.SSLContext), context
        jobs = [gevent.spawn(one, port, context) for _ in range(8)]
        gevent.joinall(jobs)
        for job in jobs:
            job.get()
        import urllib.request
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(f"https://localhost:{port}/") as answer:
                assert answer.read() == b"hello"
        except urllib.error.URLError as error:
            raise error.reason
"""

GEVENT_HOW = {
    "patched first, with a context": """
        from gevent import monkey
        monkey.patch_all()
        import ssl, trustbridge
        {client}
        context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    """,
    "patched first, then injected": """
        from gevent import monkey
        monkey.patch_all()
        import ssl, trustbridge
        {client}
        trustbridge.inject_into_ssl()
        context = None
    """,
    "injected first, then patched": """
        import trustbridge
        trustbridge.inject_into_ssl()
        from gevent import monkey
        monkey.patch_all()
        import ssl
        {client}
        context = None
    """,
}


@pytest.mark.skipif(
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")), reason="gevent has no wheel without a GIL"
)
@pytest.mark.parametrize("how", GEVENT_HOW)
def test_gevent(how, localhost, untrusted):
    try_client(protocols.http, GEVENT, GEVENT_HOW[how], localhost, untrusted)
