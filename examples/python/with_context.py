"""A TLS client with a context of its own."""

import socket
import ssl
import sys

import trustbridge

host, port = sys.argv[1].split(":")
context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
with (
    socket.create_connection((host, int(port)), timeout=10) as sock,
    context.wrap_socket(sock, server_hostname=host) as tls,
):
    tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
    print(tls.recv(1000).decode())
