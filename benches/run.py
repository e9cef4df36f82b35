"""Runs every bench once, side by side with its peers, and writes results.md and the pictures.

With a file of lines that an earlier run printed, writes them from that.
"""

import contextlib
import datetime
import os
import pathlib
import platform
import signal
import subprocess
import sys
import tempfile
import threading

import certificates
import pictures
import results

HERE = pathlib.Path(__file__).parent
BUNDLE = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
BUILD = ["cargo", "bench", "--quiet", "--locked", "--package", "trustbridge-bench"]
LINES = HERE.parent / "target" / "bench.tsv"
# Far more than they take: a run always ends.
MOST_SECONDS_RUST, MOST_SECONDS_PYTHON = 240, 1_200


def main(arguments: list[str]) -> int:
    if arguments:
        lines, whole = pathlib.Path(arguments[0]).read_text().splitlines(), True
    else:
        lines, whole = run()
        LINES.write_text("\n".join(lines) + "\n")
    measured = results.parse(lines)
    about = (
        f"{datetime.date.today()}, {cpu()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, {rustc()}, {count(BUNDLE)} roots in the store"
    )
    table = results.table(measured, about)
    (HERE / "results.md").write_text(table)
    for part, name in results.PICTURES.items():
        (HERE / name).write_text(pictures.draw(measured, about, part))
    print(table)
    return 0 if whole else 1


def run() -> tuple[list[str], bool]:
    """What all benches print, and whether each of them ended well."""
    subprocess.run([*BUILD, "--no-run"], check=True, cwd=HERE.parent)
    lines: list[str] = []
    whole = True
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        certificates.make(directory, BUNDLE)
        (directory / "none").mkdir()
        environment = dict(
            os.environ,
            SSL_CERT_FILE=str(directory / "store.pem"),
            SSL_CERT_DIR=str(directory / "none"),
            TRUSTBRIDGE_BENCH_CERTS=name,
        )
        programs = [
            ([*BUILD, "--bench", bench], MOST_SECONDS_RUST) for bench in results.RUST_PROGRAMS
        ]
        python = [sys.executable, str(HERE / "python_bench.py"), name]
        for command, seconds in (*programs, (python, MOST_SECONDS_PYTHON)):
            code = read(command, seconds, environment, lines)
            if code != 0:
                print(f"ended with {code}: {' '.join(command)}", file=sys.stderr)
                whole = False
    return lines, whole


def read(command: list[str], seconds: int, environment: dict[str, str], lines: list[str]) -> int:
    """Adds the lines that a command prints, and kills it with its children if it hangs."""
    with subprocess.Popen(
        command,
        cwd=HERE.parent,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None

        def kill() -> None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(seconds, kill)
        timer.start()
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
                lines.append(line.rstrip("\n"))
        finally:
            timer.cancel()
            if process.poll() is None and sys.exc_info()[0]:
                kill()
    return process.returncode


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
    sys.exit(main(sys.argv[1:]))
