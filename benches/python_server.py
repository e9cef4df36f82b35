"""The TLS server of the Python benches."""

import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import threading


class Server:
    """A TLS server in a process of its own, or in several with the same port."""

    def __init__(self, certificates: pathlib.Path, key: str, processes: int = 1) -> None:
        command = [
            sys.executable,
            __file__,
            str(certificates / key / "server.pem"),
            str(processes),
        ]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def __enter__(self) -> int:
        return self.port

    def __exit__(self, *_: object) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def serve(chain: str, processes: int) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    # All connections of the bench with asyncio may wait at once. Those beyond the backlog would be
    # dropped, and tried again after seconds.
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        print(listener.getsockname()[1], flush=True)
        for _ in range(processes - 1):
            if os.fork() == 0:
                break
        else:
            threading.Thread(target=end_with_client, daemon=True).start()
        while True:
            sock, _ = listener.accept()
            # In a thread: a client may take turns among its connections.
            threading.Thread(target=serve_one, args=(context, sock)).start()


def end_with_client() -> None:
    """Ends this process and its children when the bench does, however that ends."""
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)


def serve_one(context: ssl.SSLContext, sock: socket.socket) -> None:
    with sock:
        try:
            with context.wrap_socket(sock, server_side=True) as tls:
                tls.recv(1)
        except OSError:
            pass


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
