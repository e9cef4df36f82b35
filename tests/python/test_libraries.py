"""Real libraries: with a context, and injected before and after they are imported."""

from __future__ import annotations

import importlib.metadata

import pytest
from test_inject import run

CLIENTS = {
    "urllib3": """
        import urllib3
        def get(port, context):
            options = {"ssl_context": context} if context else {}
            with urllib3.PoolManager(retries=False, **options) as pool:
                return pool.request("GET", f"https://localhost:{port}/").data
    """,
    "requests": """
        import requests, requests.adapters
        class Adapter(requests.adapters.HTTPAdapter):
            def init_poolmanager(self, *args, **keywords):
                super().init_poolmanager(*args, ssl_context=self.context, **keywords)
            def build_connection_pool_key_attributes(self, *args):
                host, pool = super().build_connection_pool_key_attributes(*args)
                return host, {**pool, "ssl_context": self.context}
        def get(port, context):
            with requests.Session() as session:
                session.trust_env = False
                if context:
                    Adapter.context = context
                    session.mount("https://", Adapter())
                return session.get(f"https://localhost:{port}/").content
    """,
    "httpx": """
        import httpx
        def get(port, context):
            options = {"verify": context} if context else {}
            with httpx.Client(trust_env=False, **options) as client:
                return client.get(f"https://localhost:{port}/").content
    """,
    "aiohttp": """
        import asyncio, aiohttp
        def get(port, context):
            async def run():
                async with aiohttp.ClientSession() as session:
                    options = {"ssl": context} if context else {}
                    async with session.get(f"https://localhost:{port}/", **options) as answer:
                        return await answer.read()
            return asyncio.run(run())
    """,
    "urllib": """
        import urllib.request
        def get(port, context):
            opener = urllib.request.build_opener(
                urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
            )
            with opener.open(f"https://localhost:{port}/") as answer:
                return answer.read()
    """,
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
        {client}
        context = None
    """,
    "injected after": """
        import trustbridge
        {client}
        trustbridge.inject_into_ssl()
        context = None
    """,
}

CHECK = """
        import ssl
        assert get(GOOD, context) == b"hello"
        try:
            get(BAD, context)
        except Exception as error:
            # Somewhere below the library's own exception is ours, with its report.
            reports, queue = [], [error]
            while queue:
                one = queue.pop()
                if isinstance(one, ssl.SSLCertVerificationError):
                    reports.append(getattr(one, "report", ""))
                causes = [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
                queue += [cause for cause in causes if isinstance(cause, BaseException)]
            assert any("issuer is not known" in report for report in reports), repr(error)
        else:
            raise AssertionError("the untrusted server was accepted")
        trustbridge.extract_from_ssl()
"""


@pytest.fixture(scope="module")
def web(localhost, untrusted):
    """A trusted and an untrusted HTTPS server."""
    import http.server
    import threading

    from servers import server_context

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_):
            pass

    class HttpsServer(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def finish_request(self, request, client_address):
            try:
                with self.context.wrap_socket(request, server_side=True) as secured:
                    super().finish_request(secured, client_address)
            except OSError:
                pass  # refused by the client

        def shutdown_request(self, request):
            request.close()

        @property
        def port(self):
            return self.server_address[1]

    servers = []
    for leaf in (localhost, untrusted):
        server = HttpsServer(("127.0.0.1", 0), Handler)
        server.context = server_context(leaf)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("library", CLIENTS)
def test_library(web, library, how):
    import textwrap

    if library != "urllib":
        importlib.metadata.version(library)  # pinned in requirements.txt, never skipped
    script = textwrap.dedent(HOW[how]).replace("{client}", textwrap.dedent(CLIENTS[library]))
    # Warnings of the libraries are theirs.
    run(script + textwrap.dedent(CHECK), *web, warnings="default")
