"""The Python benches. Prints one line each: bench, case, unit, value, number of measurements.

Run by run.py, with SSL_CERT_FILE set to a store of the usual size that has the bench roots.
Memory and import times are taken in fresh processes: this file, run with a job's name. So is all
of the deferred mode, which is chosen when trustbridge is imported.
"""

import collections
import compileall
import contextlib
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from python_cases import (
    CASES,
    CHILDREN,
    DEFERRED,
    NAME,
    ONE_CA,
    anonymous_kib,
    command,
    connect,
    in_child,
    maker,
    report,
)
from python_loads import all_repeated_loads, loads, loads_of_files, repeated_loads
from python_server import Server


class Client:
    """A client in a process of its own, which connects when it is told to."""

    def __init__(self, case: str, port: int) -> None:
        self.process = subprocess.Popen(
            command("connect", case, str(port)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()

    def connect(self, threads: int, times: int) -> tuple[float, float]:
        """Seconds and CPU seconds for a connection, when each thread makes some."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(threads, times, file=self.process.stdin, flush=True)
        wall, cpu = self.process.stdout.readline().split()
        return float(wall), float(cpu)


def connect_when_told(case: str, port: int) -> None:
    context = maker(case)()
    connect(context, port)
    for line in sys.stdin:
        threads, times = map(int, line.split())
        wall, cpu = (
            connect_alone(context, port, times)
            if threads == 1
            else connect_from_threads(context, port, threads, times)
        )
        print(wall / (threads * times), cpu / (threads * times), flush=True)


def connect_alone(context: ssl.SSLContext, port: int, times: int) -> tuple[float, float]:
    start, start_cpu = time.perf_counter(), time.process_time()
    for _ in range(times):
        connect(context, port)
    return time.perf_counter() - start, time.process_time() - start_cpu


def connect_from_threads(
    context: ssl.SSLContext, port: int, count: int, times: int
) -> tuple[float, float]:
    ready = threading.Barrier(count + 1)

    def work() -> None:
        ready.wait()
        for _ in range(times):
            connect(context, port)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    ready.wait()
    start, start_cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start, time.process_time() - start_cpu


def throughput(certificates: pathlib.Path, key: str, threads: int, rounds: int) -> None:
    """Many threads with one context: in each round every case has its turn, and is compared with
    `ssl` in the same round."""
    os.environ["TRUSTBRIDGE_BENCH_CA"] = str(certificates / key / "root.pem")
    cases = (ONE_CA, "trustbridge", DEFERRED, "truststore")
    wall: dict[str, list[float]] = {case: [] for case in cases}
    cpu: dict[str, list[float]] = {case: [] for case in cases}
    order = list(cases)
    with Server(certificates, key, os.cpu_count() or 1) as port, contextlib.ExitStack() as stack:
        clients = {case: stack.enter_context(Client(case, port)) for case in cases}
        for round_ in range(rounds + 2):
            order.append(order.pop(0))
            for case in order:
                # It takes so long that a few will do.
                if case == "truststore" and round_ > 2 + 64 // threads:
                    continue
                times = max(32 // threads, 1) if case == "truststore" else 320 // threads
                one, one_cpu = clients[case].connect(threads, times)
                if round_ >= 2:
                    wall[case].append(one)
                    cpu[case].append(one_cpu)
    for case in cases:
        report(f"{threads} threads, {key}", case, "connections/s", [1 / one for one in wall[case]])
    for case in cases[1:]:
        for what, taken in (("time", wall), ("CPU time", cpu)):
            pairs = zip(taken[case], taken[ONE_CA], strict=False)
            ratios = [one / base for one, base in pairs]
            report(
                f"{what} of a connection beside ssl, {threads} threads, {key}", case, "x", ratios
            )


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
    times[DEFERRED] = in_child("creation", DEFERRED)
    for case, values in times.items():
        report("context creation", case, "ms", values)


def creation(case: str) -> None:
    """Times of making a context, in ms."""
    make = maker(case)
    for round_ in range(110):
        start = time.perf_counter()
        context = make()
        end = time.perf_counter()
        if round_ >= 10:
            print((end - start) * 1e3)
        del context


def connections(certificates: pathlib.Path, key: str) -> None:
    """What a case adds to a connection: in each round every case makes some, one after the other as
    in a program that is busy, and their time is compared with that of the unverified connections of
    the same round."""
    os.environ["TRUSTBRIDGE_BENCH_CA"] = str(certificates / key / "root.pem")
    wall: dict[str, list[float]] = {case: [] for case in CHILDREN}
    cpu: dict[str, list[float]] = {case: [] for case in CHILDREN}
    order = list(CHILDREN)
    with Server(certificates, key) as port, contextlib.ExitStack() as stack:
        clients = {case: stack.enter_context(Client(case, port)) for case in CHILDREN}
        for round_ in range(110):
            order.append(order.pop(0))
            for case in order:
                # It takes so long that one will do.
                count = 1 if case == "truststore" else 20
                one, one_cpu = clients[case].connect(1, count)
                if round_ >= 10:
                    wall[case].append(one * 1e3)
                    cpu[case].append(one_cpu * 1e3)
    base = CASES[0]
    report(f"connection, {key}", base, "ms", wall[base])
    for case in CHILDREN[1:]:
        for what, times in (("time", wall), ("CPU time", cpu)):
            added = [a - b for a, b in zip(times[case], times[base], strict=True)]
            report(f"{what} added to a connection, {key}", case, "ms", added)


def requests(certificates: pathlib.Path) -> None:
    """A context for each connection, as a program makes that has no session: the time of one."""
    os.environ["TRUSTBRIDGE_BENCH_CA"] = str(certificates / "P-256" / "root.pem")
    with Server(certificates, "P-256") as port:
        makers = {
            case: maker(case) for case in ("trustbridge", "trustbridge, one CA loaded", ONE_CA)
        }
        times: dict[str, list[float]] = {case: [] for case in makers}
        for round_ in range(11):
            for case, make in makers.items():
                start = time.perf_counter()
                for _ in range(100):
                    connect(make(), port)
                if round_ > 0:
                    times[case].append((time.perf_counter() - start) * 10)
        for case, values in times.items():
            report("a context for each of 1,000 connections", case, "ms", values)


def asynchronous(certificates: pathlib.Path) -> None:
    """1,000 connections at once with asyncio, in a process for each case."""
    os.environ["TRUSTBRIDGE_BENCH_CA"] = str(certificates / "P-256" / "root.pem")
    with Server(certificates, "P-256", os.cpu_count() or 1) as port:
        for case in (CASES[0], "trustbridge", DEFERRED, ONE_CA):
            rates = [in_child("asyncio", case, str(port))[0] for _ in range(3)]
            report("asyncio, 1,000 connections at once", case, "connections/s", rates)


def connect_at_once(case: str, port: int, count: int) -> None:
    import asyncio

    context = maker(case)()

    async def one() -> None:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname=NAME
        )
        writer.close()

    async def all_of_them() -> None:
        await one()
        start = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(count)))
        print(count / (time.perf_counter() - start))

    asyncio.run(all_of_them())


def silent(certificates: pathlib.Path) -> None:
    """Connections while another one of the same context waits for a server that never answers."""
    os.environ["TRUSTBRIDGE_BENCH_CA"] = str(certificates / "P-256" / "root.pem")
    with Server(certificates, "P-256") as port, socket.create_server(("127.0.0.1", 0)) as mute:
        for case in ("trustbridge", "truststore", ONE_CA):
            context = maker(case)()
            connect(context, port)
            stuck = socket.create_connection(mute.getsockname())
            peer, _ = mute.accept()

            def wait(sock: socket.socket = stuck, context: ssl.SSLContext = context) -> None:
                with contextlib.suppress(OSError):
                    context.wrap_socket(sock, server_hostname=NAME)

            thread = threading.Thread(target=wait)
            thread.start()
            time.sleep(0.1)
            good = threading.Thread(target=connect, args=(context, port))
            start = time.perf_counter()
            good.start()
            good.join(2)
            report(
                "beside a server that never answers",
                case,
                "ms",
                [(time.perf_counter() - start) * 1e3],
            )
            peer.close()
            thread.join()
            good.join()


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


def import_time(case: str, path: str, *, context: bool) -> None:
    """What an import takes once `ssl` is there; context: and the first context of the process."""
    sys.path.insert(0, path)
    start = time.perf_counter()
    module = __import__(case)
    if context:
        module.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
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
            "ssl": ("ssl", folder),
        }
        for _, path in cases.values():
            compileall.compile_dir(path, quiet=2)
        for job, bench in (
            ("import", "import time over ssl"),
            ("import-context", "import and first context"),
        ):
            times: dict[str, list[float]] = {case: [] for case in cases}
            for _ in range(41):
                for case, (name, path) in cases.items():
                    times[case] += in_child(job, name, path)
            for case, values in times.items():
                report(bench, case, "ms", values)


def main(certificates: pathlib.Path) -> None:
    context_creation()
    for key in ("P-256", "RSA-2048"):
        connections(certificates, key)
    for key in ("P-256", "RSA-2048"):
        throughput(certificates, key, 16, 40)
    throughput(certificates, "P-256", 64, 10)
    with Server(certificates, "P-256") as port:
        for case in CHILDREN:
            runs = [in_child("contexts", case, str(port)) for _ in range(3)]
            report("memory of a new context", case, "KiB", [run[0] for run in runs])
            report("memory of a used context", case, "KiB", [run[1] for run in runs])
        for case in CHILDREN:
            runs = [in_child("growth", case, str(port)) for _ in range(3)]
            report("memory growth per connection", case, "KiB", [run[0] for run in runs])
    requests(certificates)
    loads()
    all_repeated_loads()
    asynchronous(certificates)
    silent(certificates)
    import_times()


if __name__ == "__main__":
    match sys.argv[1:]:
        case "connect", case, port:
            connect_when_told(case, int(port))
        case "asyncio", case, port:
            connect_at_once(case, int(port), 1_000)
        case "loads", case, path, count:
            repeated_loads(case, path, int(count))
        case "files", case, count:
            loads_of_files(case, int(count))
        case "creation", case:
            creation(case)
        case "contexts", case, port:
            memory_of_contexts(case, int(port))
        case "growth", case, port:
            memory_growth(case, int(port))
        case ("import" | "import-context") as job, case, path:
            import_time(case, path, context=job == "import-context")
        case (directory,):
            main(pathlib.Path(directory))
