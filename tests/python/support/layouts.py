"""Files where a distribution has them, for a process that sees them there."""

from __future__ import annotations

import datetime
import functools
import os
import ssl
import subprocess

import modes
import pytest
from pki import UTC

#: Fedora's, below the root of a file system.
BUNDLE = "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"
FEDORA = "usr/share/pki/ca-trust-source/ca-bundle.trust.p11-kit"
BLOCKLIST = "etc/pki/ca-trust/source/blocklist"

#: A date as `nss-server-distrust-after` has it.
DATE = datetime.datetime(2024, 11, 30, 23, 59, 59, tzinfo=UTC)
DATED = 'nss-server-distrust-after: "241130235959Z"'

# With the variables of the tests it would not be the distribution's store.
_ENTER = """
unset SSL_CERT_FILE SSL_CERT_DIR NIX_SSL_CERT_FILE
set -e
mount -t overlay overlay -o "lowerdir=$ROOT/etc:/etc" /etc
mount -t overlay overlay -o "lowerdir=$ROOT/usr/share:/usr/share" /usr/share
mount --bind "$ROOT/etc/ssl" /etc/ssl
exec "$@"
"""


class Layout:
    """A file system that has this bundle."""

    def __init__(self, root, *authorities) -> None:
        self.root = root
        (root / "etc/ssl").mkdir(parents=True)
        (root / "usr/share").mkdir(parents=True)
        self.write(BUNDLE, b"".join(authority.pem for authority in authorities))

    def write(self, path: str, contents: bytes | str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(contents.encode() if isinstance(contents, str) else contents)

    def within(self, command: list[str]) -> dict:
        """The arguments with which `subprocess` runs a command that sees these files."""
        return {
            "args": [*_namespace(), "sh", "-c", _ENTER, "sh", *command],
            "env": {**os.environ, "ROOT": str(self.root)},
        }


@functools.cache
def _namespace() -> tuple[str, ...]:
    """What gives a process its own mounts. Some containers allow none: docs/distribution-trust.md
    is then tested by the core's tests alone, which name the root of the file system."""
    trial = ["sh", "-c", "mount -t overlay overlay -o lowerdir=/etc:/usr/share /etc"]
    for prefix in (("unshare", "-Umr"), ("unshare", "-m")):
        try:
            if subprocess.run([*prefix, *trial], capture_output=True).returncode == 0:
                return prefix
        except FileNotFoundError:
            break
    pytest.skip("no process may have its own mounts here")


def run(layout: Layout, *command: str) -> subprocess.CompletedProcess:
    """Runs Python in the mode of the tests where it sees these files."""
    done = subprocess.run(
        **layout.within(modes.python("-W", "error", *command)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def p11kit(attributes: list[str], der: bytes | None = None, label: str = "CERTIFICATE") -> str:
    """An object of a file of p11-kit."""
    block = ssl.DER_cert_to_PEM_cert(der).replace("CERTIFICATE", label) if der else ""
    return "\n".join(["[p11-kit-object-v1]", *attributes, block]) + "\n"


def percent(der: bytes) -> str:
    return '"' + "".join(f"%{byte:02x}" for byte in der) + '"'
