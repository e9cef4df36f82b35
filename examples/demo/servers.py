"""The demo's certificate authorities, the store that stands for the system's, and the servers."""

import datetime
import pathlib
import socket
import ssl
import subprocess
import threading
from typing import NamedTuple

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "localhost"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


class Store(NamedTuple):
    file: pathlib.Path
    directory: pathlib.Path


class Server(NamedTuple):
    what: str
    chain: pathlib.Path
    # What a client must say when it refuses; None where it must accept.
    refusal: str | None


def make(where: pathlib.Path) -> tuple[Store, list[Server]]:
    store = Store(where / "store.pem", where / "certs")
    store.directory.mkdir()
    company = trustme.CA(organization_name="Demo Company", organization_unit_name="Root CA")
    company.cert_pem.write_to_path(str(store.file))
    stranger = trustme.CA(organization_name="Stranger", organization_unit_name="Root CA")

    def issue(
        ca: trustme.CA, name: str = HOST, not_after: datetime.datetime | None = None
    ) -> bytes:
        return ca.issue_cert(name, not_after=not_after).private_key_and_cert_chain_pem.bytes()

    yesterday = datetime.datetime.now() - datetime.timedelta(days=1)
    made = [
        ("from a known CA", issue(company.create_child_ca()), None),
        ("from an unknown CA", issue(stranger), "issuer is not known"),
        (
            "expired yesterday",
            issue(company, not_after=yesterday),
            "certificate has expired",
        ),
        (
            "another name",
            issue(company, "other.example"),
            "certificate is not valid for",
        ),
        ("issued by a non-CA", snakeoil(store.directory), "not a CA certificate"),
    ]
    servers = []
    for number, (what, chain, refusal) in enumerate(made):
        path = where / f"server-{number}.pem"
        path.write_bytes(chain)
        servers.append(Server(what, path, refusal))
    return store, servers


def snakeoil(directory: pathlib.Path) -> bytes:
    """Puts a self-signed certificate that is not a CA into the directory of the store, as Debian's
    package ssl-cert does, and returns the chain of a server that its key was abused to sign."""
    now = datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mailserver.example")])
    key = ec.generate_private_key(ec.SECP256R1())

    def sign(subject: x509.Name, host: str, public: ec.EllipticCurvePublicKey) -> bytes:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )

    issuer = sign(name, "mailserver.example", key.public_key())
    (directory / "ssl-cert-snakeoil.pem").write_bytes(issuer)
    subprocess.run(["openssl", "rehash", str(directory)], check=True)
    other = ec.generate_private_key(ec.SECP256R1())
    leaf = sign(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)]),
        HOST,
        other.public_key(),
    )
    return (
        leaf
        + issuer
        + other.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


class Running:
    """A TLS server of the standard library, on a port of its own. Counts what clients send it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.received = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(server.chain)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"{HOST}:{self.listener.getsockname()[1]}"
        self.idle = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            sock, _ = self.listener.accept()
            try:
                sock.settimeout(10)
                with sock, self.context.wrap_socket(sock, server_side=True) as tls:
                    data = tls.recv(4096)
                    self.received += len(data)
                    if data:
                        tls.sendall(REPLY)
            except OSError:
                pass  # the client said no
            self.idle.set()
