"""Speed on CPython for Windows under Wine, for information: benches/wine.py [ROUNDS]

After `make test-windows-python`, which makes the interpreter. The server runs on Linux, the client
under Wine; its CA is in the Wine prefix's store ROOT, where truststore and trustbridge find it.
truststore is the one that `make test-pip` has unpacked, with pip.
"""

import importlib
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[1]
WINDOWS = ROOT / "tests" / "windows" / "python"
TRUSTSTORE = ROOT / "build/pip/unmodified/pip-26.3/src/pip/_vendor/truststore"
VERSION = "3.12"

CLIENT = """
import pathlib, socket, ssl, statistics, sys, time
from root import in_root
port, certificate, rounds, case = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]

def make():
    if case.startswith("trustbridge"):
        return trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if case == "truststore":
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if case == "ssl, unverified":
        return ssl._create_unverified_context()
    return ssl.create_default_context()

if case.startswith("trustbridge"):
    import trustbridge
if case == "truststore":
    import truststore

def took(action):
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)

def connect():
    with socket.create_connection(("localhost", port)) as plain:
        with context.wrap_socket(plain, server_hostname="localhost"):
            pass

with in_root(pathlib.Path(certificate).read_bytes()):
    making = took(make)
    context = make()
    connect()
    print(f"{making:.2f} {took(connect):.2f}")
"""
#: What comes before the interpreter's own packages: the package without native code, truststore.
CASES = ("ssl, unverified", "ssl.create_default_context()", "trustbridge", "trustbridge, pure")


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    sys.path[:0] = [str(WINDOWS), str(ROOT / "tests/python/support")]
    programs = importlib.import_module("programs")
    pki, servers = importlib.import_module("pki"), importlib.import_module("servers")
    importlib.import_module("signatures").sign_again()
    python = programs.WORK / VERSION / "python.exe"
    cases = [*CASES, *(["truststore"] if TRUSTSTORE.is_dir() else [])]
    authority = pki.Authority("trustbridge benches: root")
    leaf = authority.intermediate("trustbridge benches: issuing").leaf("localhost")
    print(f"{'CPython ' + VERSION + ' for Windows under Wine':34} a context   a handshake")
    with (
        tempfile.TemporaryDirectory() as name,
        servers.Server(servers.server_context(leaf)) as server,
    ):
        folder = pathlib.Path(name)
        (folder / "root.der").write_bytes(authority.der)
        (folder / "client.py").write_text(CLIENT)
        first = {"trustbridge, pure": programs.PURE, "truststore": TRUSTSTORE.parent}
        for case in cases:
            log = folder / "log"
            program = (programs.windows_path(folder / "client.py"), server.port)
            arguments = (programs.windows_path(folder / "root.der"), rounds, case)
            status = programs.wine(python, *program, *arguments, log=log, first=first.get(case))
            text = log.read_text(errors="replace")
            if status != 0 or len(text.split()) != 2:
                print(f"{case}: status {status}\n{text}", file=sys.stderr)
                return 1
            making, handshake = map(float, text.split())
            print(f"{case:34} {making:6.2f} ms   {handshake:8.2f} ms", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
