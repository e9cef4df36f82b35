"""`python -m trustbridge check --fetch-missing`: gets the intermediate that a server forgets.

Only on request, only over plain HTTP, only from the address in the server's certificate, and only
once: no redirect is followed, and what the fetched certificate names is not fetched. What comes
back is untrusted: it is an intermediate like one that the server sends, and never a trust anchor.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import ssl
from binascii import a2b_base64

from .output import words

VARIABLE = "TRUSTBRIDGE_INTERMEDIATES_DIR"
MAX_BYTES = 1 << 18
_PEM = rb"-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----"


class NotFetched(Exception):
    """There is nothing to fetch, or it could not be fetched. The text says why."""


class NotWritten(Exception):
    """A file could not be written. The text names it and says why."""


class Fetched:
    """The issuer's certificate as a CA publishes it."""

    def __init__(self, url: str, subject: str, der: bytes) -> None:
        self.url, self.subject, self.der = url, subject, der
        self.sha256 = hashlib.sha256(der).hexdigest()
        self.pem = ssl.DER_cert_to_PEM_cert(der)

    def save(self, directory: str) -> str:
        """Writes it into a directory, which is made if it is not there. The file's path. Raises
        NotWritten; then there is no part of the file either."""
        from .._export import one_line, replace_file

        path = os.path.join(directory, f"{self.sha256[:16]}.pem")
        comments = f"# {one_line(self.subject)}\n# from {one_line(self.url)}\n"
        try:
            os.makedirs(directory, exist_ok=True)
            replace_file(path, comments + self.pem)
        except OSError as error:
            raise NotWritten(f"{path} cannot be written: {words(error)}") from None
        return path


def fetch(error: ssl.SSLCertVerificationError, timeout: float) -> Fetched:
    """The issuer that an error says is missing. Raises NotFetched."""
    missing: tuple[str, str | None] | None = getattr(error, "missing_issuer", None)
    if missing is None:
        raise NotFetched("no issuer is missing")
    subject, url = missing
    if url is None:
        raise NotFetched(f"no address is advertised for '{subject}'")
    data = _get(url, timeout)
    block = re.search(_PEM, data)
    try:
        der = a2b_base64(block[1]) if block else data
    except ValueError:
        der = b""
    if der[:1] != b"\x30" or not _is_one_certificate(der):
        raise NotFetched(f"{url}: what is there is not a certificate in DER or PEM")
    return Fetched(url, subject, der)


def _is_one_certificate(der: bytes) -> bool:
    from .._std import StdContext

    scratch = StdContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        scratch.load_verify_locations(cadata=der)
    except (ssl.SSLError, ValueError):
        return False
    return bool(scratch.cert_store_stats()["x509"] == 1)


def plain_http(url: str) -> tuple[str, int, str] | None:
    """Host, port and target of an address that can be fetched."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    clean = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme != "http" or not host or parts.username is not None or not clean:
        return None
    return host, port or 80, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _get(url: str, timeout: float) -> bytes:
    """One request, within the time in all and MAX_BYTES, without a proxy and without redirects."""
    import http.client
    import threading

    place = plain_http(url)
    if place is None:
        raise NotFetched(f"{url!r} is not fetched: it is not an address for plain HTTP")
    host, port, target = place
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    late = threading.Event()

    def hang_up() -> None:
        late.set()
        try:
            raw.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended

    # A timeout of the socket would begin anew with each byte.
    timer = threading.Timer(timeout, hang_up)
    timer.daemon = True
    try:
        connection.connect()
        raw = connection.sock  # the connection forgets it before the answer has come
        timer.start()
        connection.request("GET", target, headers={"Accept": "*/*", "Connection": "close"})
        response = connection.getresponse()
        if response.status != 200:
            raise NotFetched(f"{url}: the server says {response.status} {response.reason}")
        data = b""
        while chunk := response.read1(16384):
            data += chunk
            if len(data) > MAX_BYTES:
                raise NotFetched(f"{url}: more than {MAX_BYTES >> 10} KiB")
        if late.is_set():
            raise NotFetched(f"{url}: took longer than {timeout:g} seconds")
        return data
    except (OSError, http.client.HTTPException) as error:
        if late.is_set():
            raise NotFetched(f"{url}: took longer than {timeout:g} seconds") from None
        raise NotFetched(
            f"{url}: {getattr(error, 'strerror', None) or error or 'no answer'}"
        ) from None
    finally:
        timer.cancel()
        connection.close()
