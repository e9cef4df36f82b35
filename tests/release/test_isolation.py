"""A stage that writes to what it may only read, or talks to somebody, is caught either way."""

import json
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from conftest import ROOT

# A stage program like release/stage, with stages that misbehave.
PROGRAM = f"""
import socket, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT / "release")!r})
from pipeline import stages

def write(dist, work, out):
    (dist / "wheel.whl").open("ab").write(b"evil")
    return {{}}

def add(dist, work, out):
    (dist / "evil").touch()
    return {{}}

def remove(dist, work, out):
    (dist / "wheel.whl").unlink()
    return {{}}

def quietly(dist, work, out):
    try:
        write(dist, work, out)
    except OSError:
        pass
    return {{}}

def connect(dist, work, out):
    socket.create_connection(("127.0.0.1", int((dist / "port").read_text())), 5).close()
    return {{}}

def loopback(dist, work, out):
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), 5).close()
    return {{}}

def look(dist, work, out):
    secret = Path((dist / "secret").read_text())
    return {{"seen": [path.name for path in secret.iterdir()]}}

stages.STAGES = {{
    name: stages.Stage(("DIST",), globals()[name])
    for name in ("write", "add", "remove", "quietly", "connect", "loopback", "look")
}}
sys.exit(stages.main(Path(__file__), sys.argv[1:]))
"""


def can_isolate() -> bool:
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    try:
        done = subprocess.run(["unshare", *user, "--mount", "--net", "true"], capture_output=True)
    except FileNotFoundError:
        return False
    return done.returncode == 0


@pytest.fixture
def setting(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "wheel.whl").write_bytes(b"good")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").touch()
    (tmp_path / "dist" / "secret").write_text(str(tmp_path / "secret"))
    # An `unshare` that may not: as for a user on a machine without user namespaces.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "unshare").write_text("#!/bin/sh\necho not permitted >&2\nexit 1\n")
    (tmp_path / "bin" / "unshare").chmod(0o755)
    return tmp_path


def run(
    setting: Path, name: str, *more: str, isolated: bool = True, **env: str
) -> subprocess.CompletedProcess[str]:
    path = os.environ["PATH"] if isolated else f"{setting / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, setting / "program.py", name, setting / "dist", setting / "out", *more],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path, **env},
    )


def report(setting: Path) -> dict:
    return json.loads((setting / "out" / "report.json").read_text())


needs_namespaces = pytest.mark.skipif(
    not can_isolate(), reason="this machine gives no namespaces to this user"
)


@needs_namespaces
@pytest.mark.parametrize("name", ["write", "add", "remove"])
def test_the_input_is_read_only(setting: Path, name: str) -> None:
    done = run(setting, name)
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr
    assert (setting / "dist" / "wheel.whl").read_bytes() == b"good"
    assert not (setting / "dist" / "evil").exists()


@needs_namespaces
def test_a_refused_write_changes_nothing(setting: Path) -> None:
    done = run(setting, "quietly")
    assert done.returncode == 0, done.stderr
    assert report(setting)["isolation"]["enforced"] is True
    assert (setting / "dist" / "wheel.whl").read_bytes() == b"good"


@pytest.mark.parametrize("name", ["write", "add", "remove"])
def test_a_changed_input_is_seen_without_isolation(setting: Path, name: str) -> None:
    done = run(setting, name, isolated=False)
    assert done.returncode == 1
    assert "isolation was not enforced: unshare: not permitted" in done.stderr
    assert "the stage changed its input" in done.stderr
    assert not (setting / "out" / "report.json").exists()


def test_missing_isolation_is_recorded(setting: Path) -> None:
    done = run(setting, "loopback", isolated=False)
    assert done.returncode == 0, done.stderr
    assert "isolation was not enforced" in done.stderr
    told = report(setting)["isolation"]
    assert told == {"enforced": False, "reason": "unshare: not permitted"}


def test_missing_isolation_can_be_refused(setting: Path) -> None:
    required = {"TRUSTBRIDGE_RELEASE_ISOLATION": "required"}
    done = run(setting, "loopback", isolated=False, **required)
    assert done.returncode == 1
    assert "isolation is required" in done.stderr
    assert not (setting / "out").exists()


@needs_namespaces
def test_there_is_no_network(setting: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        (setting / "dist" / "port").write_text(str(server.getsockname()[1]))
        done = run(setting, "connect")
        assert done.returncode == 1
        assert "Connection refused" in done.stderr
        # The counter-proof: the same stage, outside.
        (setting / "out").rmdir()
        done = run(setting, "connect", isolated=False)
        assert done.returncode == 0, done.stderr


@needs_namespaces
def test_loopback_works(setting: Path) -> None:
    done = run(setting, "loopback")
    assert done.returncode == 0, done.stderr
    told = report(setting)["isolation"]
    assert told["network"] == "loopback only"
    assert told["inputs"] == [str(setting / "dist")]


@needs_namespaces
def test_a_hidden_folder_is_empty(setting: Path) -> None:
    done = run(setting, "look", "--hide", str(setting / "secret"))
    assert done.returncode == 0, done.stderr
    assert report(setting)["seen"] == []
    assert (setting / "secret" / "file").exists()


@needs_namespaces
@pytest.mark.parametrize(
    ("plan", "said"),
    [("inputs", "can still be written to"), ("hidden", "can still be seen")],
)
def test_the_folders_are_proved_and_not_believed(setting: Path, plan: str, said: str) -> None:
    """Without a network, but with nothing mounted: the proof looks at the folders themselves."""
    plans = {"inputs": [], "hidden": [], plan: [str(setting / "dist")]}
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'release')!r})\n"
    code += f"from pipeline import isolation; isolation._prove({plans!r})"
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    done = subprocess.run(
        ["unshare", *user, "--net", sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert said in done.stderr


def test_the_output_lies_apart(setting: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            setting / "program.py",
            "loopback",
            setting / "dist",
            setting / "dist" / "out",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "must lie apart" in done.stderr
