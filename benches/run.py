"""Runs every bench once, side by side with its peers, and writes results.md and the pictures."""

import datetime
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

import certificates
import results

HERE = pathlib.Path(__file__).parent


def main() -> int:
    bundle = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        certificates.make(directory, bundle)
        (directory / "none").mkdir()
        environment = dict(
            os.environ,
            SSL_CERT_FILE=str(directory / "store.pem"),
            SSL_CERT_DIR=str(directory / "none"),
            TRUSTBRIDGE_BENCH_CERTS=name,
        )
        build = [
            "cargo",
            "bench",
            "--quiet",
            "--locked",
            "--package",
            "trustbridge-bench",
        ]
        subprocess.run([*build, "--no-run"], check=True, cwd=HERE.parent)
        lines = []
        for command in (build, [sys.executable, str(HERE / "python_bench.py"), name]):
            with subprocess.Popen(
                command,
                cwd=HERE.parent,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            ) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    print(line, end="", flush=True)
                    lines.append(line.rstrip("\n"))
            if process.returncode != 0:
                return process.returncode
    measured = results.parse(lines)
    about = (
        f"{datetime.date.today()}, {cpu()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, {rustc()}, {count(bundle)} roots in the store"
    )
    table = results.table(measured, about)
    (HERE / "results.md").write_text(table)
    (HERE / "python.svg").write_text(results.chart(measured, about, "Python"))
    (HERE / "rust.svg").write_text(results.chart(measured, about, "Rust"))
    (HERE / "growth.svg").write_text(results.growth_chart(measured, about))
    print(table)
    return 0


def cpu() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def rustc() -> str:
    out = subprocess.run(["rustc", "--version"], check=True, stdout=subprocess.PIPE, text=True)
    return " ".join(out.stdout.split()[:2])


def count(bundle: pathlib.Path) -> int:
    return bundle.read_text().count("BEGIN CERTIFICATE")


if __name__ == "__main__":
    sys.exit(main())
