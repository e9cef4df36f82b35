"""Shows the main job on real TLS. Ends with an error if anything is not as expected."""

import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap

import servers

ROOT = pathlib.Path(__file__).parents[2]
PYTHON = ROOT / "examples" / "python"
CHECK = ROOT / "target" / "debug" / "examples" / "check"
CLIENTS = (
    ("Rust: cargo run --example check HOST", [str(CHECK)], False),
    (
        "Python: python -m trustbridge check HOST",
        [sys.executable, "-m", "trustbridge", "check"],
        False,
    ),
    (
        "Python: trustbridge.SSLContext",
        [sys.executable, str(PYTHON / "with_context.py")],
        True,
    ),
    (
        "Python: inject_into_ssl(), then urllib",
        [sys.executable, str(PYTHON / "with_urllib.py")],
        True,
    ),
    (
        "Python: inject_into_ssl(), then requests",
        [sys.executable, str(PYTHON / "with_requests.py")],
        True,
    ),
)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="trustbridge-demo-") as name:
        store, made = servers.make(pathlib.Path(name))
        running = [servers.Running(server) for server in made]
        environment = dict(
            os.environ, SSL_CERT_FILE=str(store.file), SSL_CERT_DIR=str(store.directory)
        )
        print("trustbridge demo: real TLS connections on loopback")
        print()
        print("What stands for the system's store:")
        print(f"  SSL_CERT_FILE={store.file}")
        print("    the root certificate of a company's private CA")
        print(f"  SSL_CERT_DIR={store.directory}")
        print("    a mail server's self-signed certificate, which is not a CA")

        wrong = 0
        for title, command, talks in CLIENTS:
            print()
            print(title)
            for server in running:
                complaint = judge(server, [*command, server.address], environment, talks)
                wrong += complaint is not None
                if complaint:
                    print(textwrap.indent(complaint, "    ! "))

        for what, server in (("an accepted", running[0]), ("a rejected", running[1])):
            print()
            print(f"Full output for {what} server:")
            print()
            out = run([str(CHECK), server.address], environment)
            for line in (out.stdout + out.stderr).strip().splitlines():
                print(fill(line))
        print()
        total = len(CLIENTS) * len(running)
        print(f"{total - wrong} of {total} connections behaved as expected.")
        return int(wrong > 0)


def judge(
    server: servers.Running,
    command: list[str],
    environment: dict[str, str],
    talks: bool,
) -> str | None:
    """Connects once, prints the verdict on one line, and returns what is wrong with it."""
    before = server.received
    server.idle.clear()
    out = run(command, environment)
    server.idle.wait(10)
    sent = server.received - before
    refusal = server.server.refusal
    accepted = out.returncode == 0
    verdict = "accepted" if accepted else "refused"
    said = out.stdout + out.stderr
    reason = refusal if not accepted and refusal and refusal in said else ""
    print(f"  {verdict:8}  {server.server.what:21}  {reason}".rstrip())

    if accepted != (refusal is None):
        return f"this should have been {'accepted' if refusal is None else 'refused'}:\n{said}"
    if refusal is not None and refusal not in said:
        return f"this should have been refused with '{refusal}':\n{said}"
    if refusal is not None and sent:
        return f"{sent} bytes were sent to a server that was refused"
    if refusal is None and talks and not (sent and "hello" in said):
        return f"no conversation took place:\n{said}"
    return None


def fill(line: str) -> str:
    """The line, indented, within 80 columns."""
    own = " " * (len(line) - len(line.lstrip(" >-")))
    return textwrap.fill(
        line,
        80,
        initial_indent="  ",
        subsequent_indent="  " + own,
        break_long_words=False,
        break_on_hyphens=False,
    )


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=environment,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


if __name__ == "__main__":
    sys.exit(main())
