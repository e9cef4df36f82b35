"""How the commands end on Windows, and what they print where nothing says in which encoding."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys

import modes
import pytest
import trustbridge
from pki import Authority

STATUS_CONTROL_C_EXIT = 0xC000013A
PROGRAM = "import sys; print(__file__, sys.argv); sys.stdout.flush(); raise KeyboardInterrupt\n"


def ended(command, cwd, **environment):
    environment = {**os.environ, **environment}
    for name in ("PYTHONIOENCODING", "PYTHONUTF8"):
        environment.pop(name, None)
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def test_an_interrupted_program_ends_as_with_python(tmp_path):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "p.py").write_text(PROGRAM)
    status, printed, _ = ended([sys.executable, "f/p.py", "x"], tmp_path)
    ours = ended(modes.python("-m", "trustbridge", "run", "f/p.py", "x"), tmp_path)
    assert ours[:2] == (status, printed)
    assert status == STATUS_CONTROL_C_EXIT
    assert b"KeyboardInterrupt" in ours[2] and b"trustbridge" not in ours[2]


def test_a_list_with_every_letter(tmp_path):
    """Redirected, and in the code page of the system."""
    path = tmp_path / "names.pem"
    path.write_bytes(Authority("Größe Ж 証明 \U0001f512").pem)
    for command in ("store", "export"):
        status, printed, errors = ended(
            modes.python("-m", "trustbridge", command), tmp_path, SSL_CERT_FILE=str(path)
        )
        assert (status, errors) == (0, b""), command
        assert printed


@pytest.mark.skipif(
    trustbridge._native.__file__.endswith(".py"), reason="the native module has the modes"
)
def test_the_reason_for_the_mode():
    """Is the interpreter's OpenSSL, and not a function that this lacks."""
    from trustbridge import _selftest

    reason = f"it needs OpenSSL 3 or 4, and this interpreter has {ssl.OPENSSL_VERSION}"
    assert _selftest.unsupported() == (None if ssl.OPENSSL_VERSION_INFO >= (3,) else reason)
