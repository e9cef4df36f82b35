"""Real libraries: with a context, and injected before and after they are imported; directly, and
through proxies where the library has them."""

from __future__ import annotations

import textwrap

import protocols
import pytest
from protocols import TalkServer
from servers import server_context
from test_inject import run

# Each client has get(port, context, proxy): what the server says. With None for a context the
# library makes its own.
REQUESTS = """
    import {requests} as requests
    from {requests} import adapters
    class Adapter(adapters.HTTPAdapter):
        context = None
        def init_poolmanager(self, *args, **keywords):
            super().init_poolmanager(*args, ssl_context=self.context, **keywords)
        def proxy_manager_for(self, proxy, **keywords):
            contexts = dict(ssl_context=self.context, proxy_ssl_context=self.context)
            return super().proxy_manager_for(proxy, **contexts, **keywords)
        def build_connection_pool_key_attributes(self, *args):
            host, pool = super().build_connection_pool_key_attributes(*args)
            return host, dict(pool, ssl_context=self.context)
    def get(port, context, proxy):
        with requests.Session() as session:
            session.trust_env = False
            if context:
                Adapter.context = context
                session.mount("https://", Adapter())
            if proxy:
                session.proxies = dict(https=proxy)
            return session.get(f"https://localhost:{port}/", timeout=60).content
"""

CLIENTS = {
    "urllib3": """
        import urllib3
        def get(port, context, proxy):
            options = dict(ssl_context=context) if context else {}
            if proxy:
                if context:
                    options["proxy_ssl_context"] = context
                pool = urllib3.ProxyManager(proxy, retries=False, **options)
            else:
                pool = urllib3.PoolManager(retries=False, **options)
            with pool:
                return pool.request("GET", f"https://localhost:{port}/").data
    """,
    "requests": REQUESTS.replace("{requests}", "requests"),
    "pip's requests": REQUESTS.replace("{requests}", "pip._vendor.requests"),
    "httpx": """
        import httpx
        def get(port, context, proxy):
            options = dict(verify=context) if context else {}
            if proxy:
                secure = proxy.startswith("https:") and context
                options["proxy"] = httpx.Proxy(proxy, ssl_context=context if secure else None)
            with httpx.Client(trust_env=False, timeout=60, **options) as client:
                return client.get(f"https://localhost:{port}/").content
    """,
    "httpx asynchronous": """
        import asyncio, httpx
        def get(port, context, proxy):
            async def run():
                options = dict(verify=context) if context else {}
                if proxy:
                    secure = proxy.startswith("https:") and context
                    options["proxy"] = httpx.Proxy(proxy, ssl_context=context if secure else None)
                async with httpx.AsyncClient(trust_env=False, timeout=60, **options) as client:
                    return (await client.get(f"https://localhost:{port}/")).content
            return asyncio.run(run())
    """,
    "aiohttp": """
        import asyncio, aiohttp
        def get(port, context, proxy):
            async def run():
                async with aiohttp.ClientSession() as session:
                    options = dict(ssl=context) if context else {}
                    url = f"https://localhost:{port}/"
                    async with session.get(url, proxy=proxy, **options) as answer:
                        return await answer.read()
            return asyncio.run(run())
    """,
    "websockets": """
        import asyncio
        from websockets.asyncio.client import connect
        def get(port, context, proxy):
            async def run():
                options = dict(ssl=context) if context else {}
                if context and proxy and proxy.startswith("https:"):
                    options["proxy_ssl"] = context
                url = f"wss://localhost:{port}/"
                async with connect(url, proxy=proxy, open_timeout=60, **options) as talk:
                    return (await talk.recv()).encode()
            return asyncio.run(run())
    """,
    "websockets synchronous": """
        import ssl
        from websockets.sync.client import connect
        def get(port, context, proxy):
            options = dict(ssl=context) if context else {}
            if proxy and proxy.startswith("https:"):
                # Must be given, or the connection through the proxy is no TLS in TLS.
                options["proxy_ssl"] = context or ssl.create_default_context()
            url = f"wss://localhost:{port}/"
            with connect(url, proxy=proxy, open_timeout=60, **options) as talk:
                return talk.recv().encode()
    """,
    "tornado": """
        import asyncio, tornado.httpclient, tornado.simple_httpclient
        def get(port, context, proxy):
            async def run():
                client = tornado.httpclient.AsyncHTTPClient(force_instance=True)
                answer = await client.fetch(f"https://localhost:{port}/", ssl_options=context)
                return answer.body
            return asyncio.run(run())
    """,
    "botocore": """
        import os, boto3, botocore.config
        os.environ.update(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b",
                          AWS_EC2_METADATA_DISABLED="true")
        def get(port, context, proxy):
            config = botocore.config.Config(
                region_name="us-east-1", retries=dict(total_max_attempts=1),
                s3=dict(addressing_style="path"), proxies=dict(https=proxy) if proxy else None)
            store = boto3.client("s3", endpoint_url=f"https://localhost:{port}", config=config)
            return store.get_object(Bucket="bucket", Key="key")["Body"].read()
    """,
    "urllib.request": """
        import urllib.request
        def get(port, context, proxy):
            opener = urllib.request.build_opener(
                urllib.request.ProxyHandler(dict(https=proxy) if proxy else {}),
                urllib.request.HTTPSHandler(context=context),
            )
            with opener.open(f"https://localhost:{port}/") as answer:
                return answer.read()
    """,
    "http.client": """
        import http.client
        def get(port, context, proxy):
            if proxy:
                proxy_port = int(proxy.rpartition(":")[2])
                connection = http.client.HTTPSConnection("localhost", proxy_port, context=context)
                connection.set_tunnel("localhost", port)
            else:
                connection = http.client.HTTPSConnection("localhost", port, context=context)
            try:
                connection.request("GET", "/")
                return connection.getresponse().read()
            finally:
                connection.close()
    """,
    "asyncio.open_connection": """
        import asyncio
        def get(port, context, proxy):
            async def run():
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", port, ssl=context or True, server_hostname="localhost")
                writer.write(b"GET / HTTP/1.1\\r\\n\\r\\n")
                answer = await reader.readuntil(b"hello")
                writer.close()
                return answer[-5:]
            return asyncio.run(run())
    """,
}

# What a library can do through a proxy, and what its users can reach.
HTTP_PROXY = set(CLIENTS) - {"tornado", "asyncio.open_connection"}
HTTPS_PROXY = HTTP_PROXY - {"urllib.request", "http.client"}
NO_CONTEXT = {"botocore"}
# Only with something more than the standard library does asyncio do TLS in TLS before 3.11.
NEEDS_311 = {"aiohttp", "websockets"}
# Reads in one thread while it writes in another. OpenSSL does not allow that for one connection
# (openssl-threads(7)), and when a session ticket comes just then the request can be lost: so it was
# for 31 of 16000 connections, with a context of `ssl` as often as with ours, and for none of 16000
# to a server that sends no tickets.
TWO_THREADS = {"websockets synchronous"}

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

    def refused(*arguments):
        try:
            get(*arguments)
        except Exception as error:
            # Somewhere below the library's own exception is ours, with its report.
            reports, queue, seen = [], [error], set()
            while queue:
                one = queue.pop()
                if id(one) in seen:
                    continue
                seen.add(id(one))
                if isinstance(one, ssl.SSLCertVerificationError):
                    reports.append(getattr(one, "report", ""))
                causes = [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
                causes += getattr(one, "kwargs", {}).values()
                queue += [cause for cause in causes if isinstance(cause, BaseException)]
            assert any("issuer is not known" in report for report in reports), repr(error)
        else:
            raise AssertionError("the untrusted server was accepted")

    PROXY, BAD_PROXY = {proxies!r}
    assert get(GOOD, context, PROXY) == b"hello"
    refused(BAD, context, PROXY)
    if BAD_PROXY:
        refused(GOOD, context, BAD_PROXY)
    trustbridge.extract_from_ssl()
"""


def try_library(library, how, good, bad, proxies=(None, None)):
    script = textwrap.dedent(HOW[how]).replace("{client}", textwrap.dedent(CLIENTS[library]))
    script += textwrap.dedent(CHECK).replace("{proxies!r}", repr(proxies))
    # Warnings of the libraries are theirs.
    run(script, good, bad, warnings="default")


def cases(libraries):
    return [
        pytest.param(library, how, id=f"{library}-{how}")
        for library in CLIENTS
        if library in libraries
        for how in HOW
        if how != "context" or library not in NO_CONTEXT
    ]


@pytest.fixture
def contexts(localhost, untrusted, library):
    """Contexts of a trusted and of an untrusted server for the test's library."""
    both = server_context(localhost), server_context(untrusted)
    if library in TWO_THREADS:
        for context in both:
            context.num_tickets = 0
    return both


@pytest.fixture
def web(contexts):
    """A trusted and an untrusted HTTPS server, which speak WebSocket as well."""
    with TalkServer(protocols.http, contexts[0]) as good:
        with TalkServer(protocols.http, contexts[1]) as bad:
            yield good, bad


@pytest.mark.parametrize("library, how", cases(CLIENTS))
def test_direct(web, library, how):
    try_library(library, how, *web)


@pytest.mark.parametrize("library, how", cases(HTTP_PROXY))
def test_http_proxy(web, library, how):
    with TalkServer(protocols.proxy) as proxy:
        try_library(library, how, *web, (f"http://localhost:{proxy.port}", None))
    assert {f"localhost:{server.port}" for server in web} <= set(proxy.notes)


@pytest.mark.parametrize("library, how", cases(HTTPS_PROXY))
def test_https_proxy(web, contexts, library, how):
    """The proxy itself must be trusted too."""
    import sys

    if library in NEEDS_311 and sys.version_info < (3, 11):
        pytest.skip("asyncio cannot do TLS in TLS before 3.11")
    with TalkServer(protocols.proxy, contexts[0]) as proxy:
        with TalkServer(protocols.proxy, contexts[1]) as bad_proxy:
            urls = tuple(f"https://localhost:{one.port}" for one in (proxy, bad_proxy))
            try_library(library, how, *web, urls)
    assert {f"localhost:{server.port}" for server in web} <= set(proxy.notes)
    assert bad_proxy.notes == [], "nothing was asked of a proxy that is not trusted"


PYCURL = """
    import io, os, sys, tempfile
    import pycurl, trustbridge

    def get(port, file):
        body = io.BytesIO()
        handle = pycurl.Curl()
        try:
            handle.setopt(pycurl.URL, f"https://localhost:{port}/")
            handle.setopt(pycurl.PROXY, "")
            handle.setopt(pycurl.CAPATH, os.path.dirname(file))
            handle.setopt(pycurl.CAINFO, file)
            handle.setopt(pycurl.WRITEDATA, body)
            handle.setopt(pycurl.TIMEOUT, 60)
            handle.perform()
        finally:
            handle.close()
        return body.getvalue()

    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "anchors.pem")
        trustbridge.export_pem(file)
        assert get(GOOD, file) == b"hello"
        try:
            get(BAD, file)
        except pycurl.error as error:
            assert error.args[0] == pycurl.E_PEER_FAILED_VERIFICATION, error
        else:
            raise AssertionError("the untrusted server was accepted")
"""


@pytest.mark.parametrize("library", ["pycurl"])
def test_exported_anchors(web, library):
    """A library with a TLS stack of its own."""
    pytest.importorskip("pycurl", reason="pycurl has no wheel for this Python")
    run(PYCURL, *web)
