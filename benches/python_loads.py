"""Loading files of certificates into Python contexts, again and again."""

import os
import pathlib
import ssl
import tempfile
import time
from collections.abc import Callable

from python_cases import anonymous_kib, in_child, maker, report


def loads() -> None:
    """Loading a bundle that another context has loaded."""
    import certifi
    import trustbridge

    with tempfile.TemporaryDirectory() as folder:
        own = pathlib.Path(folder, "own.pem")
        own.write_bytes(pathlib.Path(certifi.where()).read_bytes() + b"\n")
        os.utime(own, (1e9, 1e9))
        time.sleep(3)  # until its stamp is reliable
        for what, path in (("certifi", certifi.where()), ("140 own roots", str(own))):
            makers: dict[str, Callable[[], ssl.SSLContext]] = {
                "trustbridge": lambda: trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                "ssl": lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            }
            for case, make in makers.items():
                times = []
                for round_ in range(60):
                    context = make()
                    start = time.perf_counter()
                    context.load_verify_locations(path)
                    if round_ >= 10:
                        times.append((time.perf_counter() - start) * 1e3)
                report(f"loading {what} into one more context", case, "ms", times)


def repeated_loads(case: str, path: str, count: int) -> None:
    """Milliseconds of each load of a file into one context, and what it leaves in KiB."""
    context = maker(case)()
    context.load_verify_locations(path)
    before, start = anonymous_kib(), time.perf_counter()
    for _ in range(count):
        context.load_verify_locations(path)
    took = (time.perf_counter() - start) * 1e3
    print(took / count, (anonymous_kib() - before) / count)


def all_repeated_loads() -> None:
    import certifi

    for case, count in (("trustbridge", 1_000), ("ssl, unverified", 50)):
        runs = [in_child("loads", case, certifi.where(), str(count)) for _ in range(3)]
        case = case.removesuffix(", unverified")
        report(
            "one context loads a file 1,000 times, each time", case, "ms", [run[0] for run in runs]
        )
        report("memory of each load of 1,000", case, "KiB", [run[1] for run in runs])
    for count in (10, 100, 1_000, 10_000):
        took = in_child("loads", "trustbridge", certifi.where(), str(count))[0] * count
        report("growth: loads of a file into one Python context", str(count), "ms", [took])
    for count in (10, 100, 1_000):
        took = in_child("files", "trustbridge", str(count))[0]
        report("growth: files loaded into one Python context", str(count), "ms", [took])


def loads_of_files(case: str, count: int) -> None:
    """Milliseconds of loading files of one certificate each, all different."""
    import certifi

    blocks = pathlib.Path(certifi.where()).read_text().split("-----END CERTIFICATE-----\n")[:-1]
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder, f"{number}.pem") for number in range(count)]
        for number, file in enumerate(files):
            # Each file is another one; its certificate may be that of another file.
            block = blocks[number % len(blocks)]
            file.write_text(f"# {number}\n{block}-----END CERTIFICATE-----\n")
        context = maker(case)()
        start = time.perf_counter()
        for file in files:
            context.load_verify_locations(file)
        print((time.perf_counter() - start) * 1e3)
