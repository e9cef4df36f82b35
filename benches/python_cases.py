"""What the Python benches compare: contexts of trustbridge and of its peers."""

import gc
import os
import pathlib
import socket
import ssl
import statistics
import subprocess
import sys
from collections.abc import Callable

# What is run with the name of a job.
JOBS = pathlib.Path(__file__).with_name("python_bench.py")
NAME = "localhost"
DEFERRED = "trustbridge, deferred"
CASES = ("ssl, unverified", "trustbridge", "truststore", "ssl.create_default_context()")
# In this process all of trustbridge is in one mode.
ONE_CA = "ssl, one CA loaded"
CHILDREN = (CASES[0], "trustbridge", DEFERRED, ONE_CA, *CASES[2:])


def maker(case: str) -> Callable[[], ssl.SSLContext]:
    """What makes a context of this case. Imports only what the case needs."""
    if case == ONE_CA:
        return with_one_ca
    if case == "trustbridge, one CA loaded":
        import trustbridge

        def make() -> ssl.SSLContext:
            context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(os.environ["TRUSTBRIDGE_BENCH_CA"])
            return context

        return make
    if case in ("trustbridge", DEFERRED):
        import trustbridge

        return lambda: trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if case == "truststore":
        import truststore

        return lambda: truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if case == "ssl.create_default_context()":
        return ssl.create_default_context
    return unverified


def unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def with_one_ca() -> ssl.SSLContext:
    """The cheapest way that the standard library has to verify."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(os.environ["TRUSTBRIDGE_BENCH_CA"])
    return context


def connect(context: ssl.SSLContext, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(sock, server_hostname=NAME):
            pass


def report(bench: str, case: str, unit: str, values: list[float]) -> None:
    print(
        bench,
        case,
        unit,
        f"{statistics.median(values):.6f}",
        len(values),
        sep="\t",
        flush=True,
    )


def command(job: str, case: str, *arguments: str) -> list[str]:
    mode = ["-X", "trustbridge-mode=deferred"] if case == DEFERRED else []
    return [sys.executable, *mode, str(JOBS), job, case, *arguments]


def in_child(job: str, case: str, *arguments: str) -> list[float]:
    out = subprocess.run(
        command(job, case, *arguments),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return [float(word) for word in out.stdout.split()]


def anonymous_kib() -> float:
    gc.collect()
    for line in pathlib.Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return float(line.split()[1])
    raise RuntimeError("no Anonymous: in smaps_rollup")
