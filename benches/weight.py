"""What a verifier adds to a program: crates, CPU seconds of compilation, bytes, and whose they are.

usage: python benches/weight.py

By hand: it compiles five programs twice, which takes minutes. Each program is built after the one
it is compared with, in the same folder, so only what a verifier adds is compiled and counted. The
versions are those of Cargo.lock.
"""

from __future__ import annotations

import collections
import os
import re
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "target" / "weight"
PROFILES = {"debug": (), "release": ("--release",)}

RUSTLS = """rustls = { version = "0.23", default-features = false, features = [
    "aws_lc_rs", "std", "tls12"
] }"""
TOKIO_RUSTLS = f"""{RUSTLS}
tokio = {{ version = "1", features = ["macros", "net", "rt"] }}
tokio-rustls = {{ version = "0.26", default-features = false }}
"""
REQWEST = f"""{RUSTLS}
reqwest = {{ version = "0.13", default-features = false, features = ["rustls-no-provider"] }}
tokio = {{ version = "1", features = ["macros", "net", "rt"] }}
"""
TRUSTBRIDGE = f'trustbridge = {{ path = "{ROOT}" }}\n'
PLATFORM_VERIFIER = 'rustls-platform-verifier = "0.7"\n'

CONFIGURED = "trustbridge::rustls_0_23::client_config(trustbridge::Verifier::system()).unwrap()"
CONNECT = """
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let host = std::env::args().nth(1).unwrap();
    let config = std::sync::Arc::new(%s);
    let tcp = tokio::net::TcpStream::connect((&*host, 443)).await.unwrap();
    let name = host.try_into().unwrap();
    tokio_rustls::TlsConnector::from(config).connect(name, tcp).await.unwrap();
}
"""
FETCH = """
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = std::env::args().nth(1).unwrap();
    rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
    let client = reqwest::Client::builder()%s.build().unwrap();
    println!("{}", client.get(url).send().await.unwrap().status());
}
"""
EMPTY = (
    "rustls::ClientConfig::builder().with_root_certificates(rustls::RootCertStore::empty())"
    ".with_no_client_auth()"
)
PLATFORM = (
    "rustls_platform_verifier::BuilderVerifierExt::with_platform_verifier("
    "rustls::ClientConfig::builder()).unwrap().with_no_client_auth()"
)
# The name, what it is compared with, its dependencies and its source. The first ones trust nothing.
PROGRAMS = [
    ("tokio-rustls alone", None, TOKIO_RUSTLS, CONNECT % EMPTY),
    (
        "tokio-rustls, rustls-platform-verifier",
        "tokio-rustls alone",
        TOKIO_RUSTLS + PLATFORM_VERIFIER,
        CONNECT % PLATFORM,
    ),
    (
        "tokio-rustls, trustbridge",
        "tokio-rustls alone",
        TOKIO_RUSTLS + TRUSTBRIDGE,
        CONNECT % CONFIGURED,
    ),
    ("reqwest, its rustls-platform-verifier", None, REQWEST, FETCH % ""),
    (
        "reqwest, trustbridge",
        "reqwest, its rustls-platform-verifier",
        REQWEST + TRUSTBRIDGE,
        FETCH % f".tls_backend_preconfigured({CONFIGURED})",
    ),
]


class Built(NamedTuple):
    """A program: its crates, the CPU seconds of what was compiled for it, its size when stripped,
    and what is in it, by crate.
    """

    crates: int
    seconds: float
    size: int
    symbols: collections.Counter[str]


def main() -> None:
    shutil.rmtree(TARGET, ignore_errors=True)
    for profile, flags in PROFILES.items():
        print(f"{profile}, stripped\n")
        print("| program | crates | CPU seconds | bytes |")
        print("|---|---:|---:|---:|")
        measure(profile, flags)
        print()


def measure(profile: str, flags: tuple[str, ...]) -> None:
    built: dict[str, Built] = {}
    most = []
    for name, base, dependencies, source in PROGRAMS:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), dependencies, source)
            built[name] = one = build(Path(folder), profile, flags)
        if base is None:
            print(f"| {name} | {one.crates} | | {one.size:,} |", flush=True)
            continue
        than = built[base]
        cells = f"{one.crates - than.crates:+} | +{one.seconds:.1f} | {one.size - than.size:+,}"
        print(f"| {name} | {cells} |", flush=True)
        added = collections.Counter(one.symbols)
        added.subtract(than.symbols)
        shown = ", ".join(f"{crate} {size:+,}" for crate, size in added.most_common(12))
        most.append(f"\n{name}, bytes of symbols by crate: {shown}")
    print(*most, sep="\n", flush=True)


def make(folder: Path, dependencies: str, source: str) -> None:
    (folder / "src").mkdir()
    (folder / "src" / "main.rs").write_text(source)
    package = '[package]\nname = "program"\nversion = "0.0.0"\nedition = "2024"\n\n[workspace]\n\n'
    (folder / "Cargo.toml").write_text(f"{package}[dependencies]\n{dependencies}")
    shutil.copy(ROOT / "Cargo.lock", folder)


def build(folder: Path, profile: str, flags: tuple[str, ...]) -> Built:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        ["cargo", "build", "--quiet", "--offline", *flags],
        cwd=folder,
        env={**os.environ, "CARGO_TARGET_DIR": str(TARGET)},
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    program = TARGET / profile / "program"
    stripped = folder / "stripped"
    subprocess.run(["strip", "-o", stripped, program], check=True)
    return Built(crates(folder), seconds, stripped.stat().st_size, by_crate(program))


def crates(folder: Path) -> int:
    command = ["cargo", "tree", "--offline", "--edges=normal", "--prefix=none", "--format={p}"]
    tree = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    return len({line.removesuffix(" (*)") for line in tree.splitlines()})


def by_crate(program: Path) -> collections.Counter[str]:
    """The sizes of symbols, by the crate that their names begin with."""
    command = ["nm", "--demangle", "--print-size", str(program)]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    out: collections.Counter[str] = collections.Counter()
    for line in listed.splitlines():
        if symbol := re.fullmatch(r"[0-9a-f]+ ([0-9a-f]+) [a-zA-Z] (.*)", line):
            path = re.match(r"[<&*(\[]*(?:mut |dyn )?([A-Za-z_][A-Za-z0-9_]*)::", symbol[2])
            out[path[1] if path else "others"] += int(symbol[1], 16)
    return out


if __name__ == "__main__":
    main()
