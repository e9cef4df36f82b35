"""A package index on loopback, with real packages and made ones, and proxies in front of it."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import re
import select
import shutil
import socket
import ssl
import tempfile
import threading
import zipfile
from pathlib import Path

from pki import Leaf

MADE = [f"demo_{number:02}" for number in range(30)]


def fill(folder: Path, fetched: dict[str, Path]) -> None:
    """The files of the index: what was fetched, and 30 small wheels to measure with."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, path in fetched.items():
        shutil.copy(path, folder / name)
    for name in MADE:
        make_wheel(folder, name, "1.0", {f"{name}.py": f"print({name!r})\n".encode()})


def make_wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> None:
    info = f"{name}-{version}.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
        record += f"{path},sha256={digest.rstrip(b'=').decode()},{len(data)}\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, data in {
            **files,
            f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode(),
        }.items():
            archive.writestr(path, data)


def server_context(leaf: Leaf, client_ca: bytes | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(suffix=".pem") as chain:
        chain.write(leaf.chain_pem)
        chain.flush()
        context.load_cert_chain(chain.name)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=client_ca.decode())
    return context


class _Server(http.server.ThreadingHTTPServer):
    """Shakes hands, if it has a context, in the connection's own thread."""

    tls: ssl.SSLContext | None = None

    def __init__(self, handler: object) -> None:
        self.served = 0
        super().__init__(("127.0.0.1", 0), handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def finish_request(self, request: socket.socket, client_address: object) -> None:
        request.settimeout(60)
        try:
            if self.tls is None:
                super().finish_request(request, client_address)
            else:
                with self.tls.wrap_socket(request, server_side=True) as secured:
                    super().finish_request(secured, client_address)
        except (OSError, ValueError):
            pass  # a client that refuses

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Files(http.server.BaseHTTPRequestHandler):
    """A simple index of one folder. Closes every connection: HTTP/1.0."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self.folder = folder
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self.server.served += 1
        part = self.path.strip("/").split("/")
        if part[0] == "simple" and len(part) == 2:
            names = sorted(path.name for path in self.folder.iterdir() if _is(path.name, part[1]))
            body = "".join(f'<a href="/files/{name}">{name}</a>\n' for name in names).encode()
            kind = "text/html"
        elif part[0] == "files" and (self.folder / part[-1]).is_file():
            body, kind = (self.folder / part[-1]).read_bytes(), "application/octet-stream"
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _is(file: str, project: str) -> bool:
    found = re.match(r"(.+?)-\d", file)
    return found is not None and re.sub(r"[-_.]+", "-", found[1]).lower() == project


class Index(_Server):
    def __init__(self, folder: Path, leaf: Leaf, client_ca: bytes | None = None) -> None:
        self.tls = server_context(leaf, client_ca)
        super().__init__(functools.partial(_Files, folder))

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/simple/"


class _Connect(http.server.BaseHTTPRequestHandler):
    """CONNECT to loopback."""

    def do_CONNECT(self) -> None:
        port = int(self.path.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 60) as upstream:
            self.server.served += 1
            self.send_response(200)
            self.end_headers()
            relay(self.connection, upstream)

    def log_message(self, *_: object) -> None:
        pass


def relay(client: socket.socket, upstream: socket.socket) -> None:
    """In one thread: an `SSLSocket` is not for two."""
    while True:
        if isinstance(client, ssl.SSLSocket) and client.pending():
            ready = [client]
        else:
            ready, _, _ = select.select([client, upstream], [], [], 60)
        if not ready:
            return
        for source in ready:
            data = source.recv(65536)
            if not data:
                return
            (upstream if source is client else client).sendall(data)


class Proxy(_Server):
    """A proxy; with a leaf it is reached by TLS itself."""

    def __init__(self, leaf: Leaf | None = None) -> None:
        self.tls = None if leaf is None else server_context(leaf)
        super().__init__(_Connect)

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://localhost:{self.port}"
