"""The examples of the README run, and users' code passes the strictest type check."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import textwrap

import protocols
import trustbridge
from protocols import TalkServer
from servers import server_context

ROOT = pathlib.Path(__file__).parents[2]
README = ROOT / "python" / "README.md"

REDIRECT = """
import socket
PORTS = {ports!r}
def redirect(host, port, *args, original=socket.getaddrinfo, **keywords):
    host = host.decode() if isinstance(host, bytes) else host
    return original("127.0.0.1", PORTS[host], *args, **keywords)
socket.getaddrinfo = redirect
"""


def examples() -> list[str]:
    found = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.M | re.S)
    assert len(found) >= 8
    return found


def test_readme_examples_run(system_ca, other_ca, tmp_path):
    (tmp_path / "intranet-ca.pem").write_bytes(other_ca.pem)
    known = server_context(system_ca.leaf("www.example.com"))
    unknown = server_context(other_ca.leaf("intranet.example.com"))
    with TalkServer(protocols.http, known) as www, TalkServer(protocols.http, unknown) as intranet:
        ports = {"www.example.com": www.port, "intranet.example.com": intranet.port}
        done = subprocess.run(
            [
                sys.executable,
                "-W",
                "error",
                "-c",
                REDIRECT.format(ports=ports) + "".join(examples()),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:3] == ["200", "TLSv1.3", "UnknownIssuer"]
    assert lines[3].startswith("intranet.example.com: issuer is not known")
    assert lines[-2] == "anchor: CN=trustbridge tests: system root"
    assert (tmp_path / "anchors.pem").read_text() == trustbridge.export_pem()


def test_every_public_name_is_in_the_readme():
    text = README.read_text("utf-8")
    internal = {"SSLObject", "SSLSocket", "Verified", "__version__"}
    for name in set(trustbridge.__all__) - internal:
        assert name in text, name


def test_every_flag_is_in_the_table():
    import ssl

    table = (ROOT / "docs" / "python.md").read_text("utf-8")
    for name, flag in ssl.VerifyFlags.__members__.items():
        if flag:
            assert f"`{name}` ({hex(flag).replace('c', 'C')})" in table, name


USERS_CODE = """
import asyncio
import ssl

import trustbridge


def session() -> ssl.SSLContext:
    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT, system_trust=False)
    context.load_verify_locations("ca.pem")
    context.system_trust = True
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    trust: bool = context.system_trust
    print(trust, context.get_ca_certs(True), context.cert_store_stats()["x509"])
    return context


async def connect() -> None:
    reader, writer = await asyncio.open_connection("example.com", 443, ssl=session())
    writer.close()
    await writer.wait_closed()


def look(chain: list[bytes]) -> str:
    try:
        verified: trustbridge.Verified = trustbridge.verify(chain, "example.com", purpose="server")
    except trustbridge.VerificationError as error:
        return f"{error.kind} {error.depth} {error.report} {error.verify_code}"
    ders: list[bytes] = verified.chain
    return verified.source + verified.revocation + str(len(ders)) + trustbridge.HANDSHAKE_MODE


trustbridge.inject_into_ssl(respect_cafile=True)
trustbridge.extract_from_ssl()
text: str = trustbridge.export_pem()
trustbridge.export_pem("anchors.pem")
"""

MISTAKES = {
    "trustbridge.inject_into_ssl(True)": "call-arg|misc",
    "trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT, system_trust='no')": "arg-type",
    "trustbridge.verify([b''], 'a', purpose='both')": "arg-type",
    "trustbridge.export_pem(1)": "arg-type",
    "trustbridge.nonsense": "attr-defined",
}


def mypy(folder, code: str) -> subprocess.CompletedProcess[str]:
    (folder / "users_code.py").write_text(code)
    package = pathlib.Path(trustbridge.__file__).parents[1]
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull, "users_code.py"],
        cwd=folder,
        env={**os.environ, "MYPYPATH": ""}
        if "site-packages" in str(package)
        else {**os.environ, "MYPYPATH": str(package)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def test_users_code_is_typed(tmp_path):
    done = mypy(tmp_path, USERS_CODE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_examples_are_typed(tmp_path):
    body = textwrap.indent("\n".join(examples()), "    ")
    done = mypy(tmp_path, f"def main() -> None:\n{body}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_mistakes_are_found(tmp_path):
    """Or the check of users' code proves nothing."""
    lines = [f"    {mistake}" for mistake in MISTAKES]
    done = mypy(tmp_path, "import ssl, trustbridge\ndef f() -> None:\n" + "\n".join(lines))
    assert done.returncode == 1, done.stderr
    for number, (mistake, code) in enumerate(MISTAKES.items(), 3):
        found = re.search(rf"^users_code.py:{number}: error: .*\[({code})\]$", done.stdout, re.M)
        assert found, mistake + done.stdout


def test_stubs_equal_the_binary():
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "trustbridge._native"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_says_that_it_is_typed():
    assert (pathlib.Path(trustbridge.__file__).parent / "py.typed").exists()
