"""A package index on loopback with the files of one folder, as PEP 691 and PEP 740 have it."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

from .base import sha256

JSON = "application/vnd.pypi.simple.v1+json"


@contextlib.contextmanager
def serve(folder: Path, provenance: dict[str, bytes] | None = None) -> Iterator[str]:
    """Serves until the end of the block; the address of the index."""
    provenance = provenance or {}
    names = [path.name for path in sorted(folder.iterdir())]
    names = [name for name in names if name.endswith((".whl", ".tar.gz"))]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            base = f"http://127.0.0.1:{self.server.server_address[1]}"
            kind, _, name = self.path.strip("/").partition("/")
            if kind == "simple" and name == "trustbridge":
                files = [
                    {
                        "filename": each,
                        "url": f"{base}/files/{each}",
                        "hashes": {"sha256": sha256(folder / each)},
                        "provenance": f"{base}/provenance/{each}" if each in provenance else None,
                    }
                    for each in names
                ]
                page = {"meta": {"api-version": "1.3"}, "name": "trustbridge", "files": files}
                self._answer(json.dumps(page).encode(), JSON)
            elif kind == "files" and name in names:
                self._answer((folder / name).read_bytes(), "application/octet-stream")
            elif kind == "provenance" and name in provenance:
                self._answer(provenance[name], "application/json")
            else:
                self.send_error(404)

        def _answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/simple"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
