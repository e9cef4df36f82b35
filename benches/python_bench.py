"""The Python benches. Prints one line each: bench, case, unit, value, number of measurements.

Run by run.py, with SSL_CERT_FILE set to a store of the usual size that has the bench roots.
Memory and import times are taken in fresh processes: this file, run with a job's name.
"""

import collections
import compileall
import gc
import pathlib
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

NAME = "localhost"
CASES = ("ssl, unverified", "trustbridge", "truststore", "ssl.create_default_context()")


def maker(case: str) -> Callable[[], ssl.SSLContext]:
    """What makes a context of this case. Imports only what the case needs."""
    if case == "trustbridge":
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


class Server:
    """A TLS server in a process of its own."""

    def __init__(self, certificates: pathlib.Path, key: str) -> None:
        command = [
            sys.executable,
            __file__,
            "serve",
            str(certificates / key / "server.pem"),
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def __enter__(self) -> int:
        return self.port

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def serve(chain: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            sock, _ = listener.accept()
            with sock:
                try:
                    with context.wrap_socket(sock, server_side=True) as tls:
                        tls.recv(1)
                except OSError:
                    pass


def context_creation() -> None:
    makers = {case: maker(case) for case in CASES if case != "ssl, unverified"}
    makers["ssl.SSLContext()"] = lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for make in makers.values():
        make()
    times = collections.defaultdict(list)
    # One after the other: freeing a context full of certificates slows whoever comes next.
    for _ in range(5):
        for case, make in makers.items():
            for round_ in range(22):
                start = time.perf_counter()
                context = make()
                end = time.perf_counter()
                if round_ >= 2:
                    times[case].append((end - start) * 1e3)
                del context
    for case, values in times.items():
        report("context creation", case, "ms", values)


def connections(certificates: pathlib.Path, key: str) -> None:
    """What a case adds to a connection: in each round every case connects once, and its time is
    compared with that of the unverified connection of the same round."""
    contexts = {case: maker(case)() for case in CASES}
    wall: dict[str, list[float]] = {case: [] for case in CASES}
    cpu: dict[str, list[float]] = {case: [] for case in CASES}
    order = list(CASES)
    with Server(certificates, key) as port:
        for round_ in range(320):
            order.append(order.pop(0))
            for case in order:
                start, start_cpu = time.perf_counter(), time.process_time()
                connect(contexts[case], port)
                end_cpu, end = time.process_time(), time.perf_counter()
                if round_ >= 20:
                    wall[case].append((end - start) * 1e3)
                    cpu[case].append((end_cpu - start_cpu) * 1e3)
    base = CASES[0]
    report(f"connection, {key}", base, "ms", wall[base])
    for case in CASES[1:]:
        for what, times in (("time", wall), ("CPU time", cpu)):
            added = [a - b for a, b in zip(times[case], times[base], strict=True)]
            report(f"{what} added to a connection, {key}", case, "ms", added)


def anonymous_kib() -> float:
    gc.collect()
    for line in pathlib.Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return float(line.split()[1])
    raise RuntimeError("no Anonymous: in smaps_rollup")


def memory_of_contexts(case: str, port: int) -> None:
    """Per context, in KiB: as made, and once it has been connected with."""
    make = maker(case)
    connect(make(), port)
    count = 200
    before = anonymous_kib()
    contexts = [make() for _ in range(count)]
    made = anonymous_kib()
    for context in contexts:
        connect(context, port)
    print((made - before) / count, (anonymous_kib() - before) / count)


def memory_growth(case: str, port: int) -> None:
    """Per connection, in KiB, with one context."""
    context = maker(case)()
    count = 500 if case == "truststore" else 3000
    for _ in range(count // 2):
        connect(context, port)
    before = anonymous_kib()
    for _ in range(count):
        connect(context, port)
    print((anonymous_kib() - before) / count)


def import_time(case: str, path: str, *, warm: bool) -> None:
    """What an import takes once `ssl` is there; warm: and OpenSSL has made its first context,
    which every program that connects pays for once, and the self-test at import here."""
    sys.path.insert(0, path)
    if warm:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    start = time.perf_counter()
    __import__(case)
    print((time.perf_counter() - start) * 1e3)


def import_times() -> None:
    import trustbridge

    package = pathlib.Path(trustbridge.__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        native, pure = pathlib.Path(folder, "native"), pathlib.Path(folder, "pure")
        shutil.copytree(package, native / package.name)
        shutil.copytree(package, pure / package.name, ignore=shutil.ignore_patterns("_native.*.so"))
        cases = {
            "trustbridge": ("trustbridge", str(native)),
            "trustbridge, no native module": ("trustbridge", str(pure)),
            "truststore": ("truststore", folder),
        }
        for _, path in cases.values():
            compileall.compile_dir(path, quiet=2)
        for job, bench in (
            ("import", "import time over ssl"),
            ("import-warm", "import time over ssl and a context"),
        ):
            times: dict[str, list[float]] = {case: [] for case in cases}
            for _ in range(41):
                for case, (name, path) in cases.items():
                    times[case] += in_child(job, name, path)
            for case, values in times.items():
                report(bench, case, "ms", values)


def in_child(*arguments: str) -> list[float]:
    out = subprocess.run(
        [sys.executable, __file__, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return [float(word) for word in out.stdout.split()]


def main(certificates: pathlib.Path) -> None:
    context_creation()
    for key in ("P-256", "RSA-2048"):
        connections(certificates, key)
    with Server(certificates, "P-256") as port:
        for case in CASES:
            runs = [in_child("contexts", case, str(port)) for _ in range(3)]
            report("memory of a new context", case, "KiB", [run[0] for run in runs])
            report("memory of a used context", case, "KiB", [run[1] for run in runs])
        for case in CASES:
            runs = [in_child("growth", case, str(port)) for _ in range(3)]
            report("memory growth per connection", case, "KiB", [run[0] for run in runs])
    import_times()


if __name__ == "__main__":
    match sys.argv[1:]:
        case "serve", chain:
            serve(chain)
        case "contexts", case, port:
            memory_of_contexts(case, int(port))
        case "growth", case, port:
            memory_growth(case, int(port))
        case ("import" | "import-warm") as job, case, path:
            import_time(case, path, warm=job == "import-warm")
        case (directory,):
            main(pathlib.Path(directory))
