"""Runs a stage where it has no network and can change nothing but its output.

As root, or where a user may make namespaces, the stage runs again in mount and network namespaces
of its own: every input is a read-only bind, hidden folders are empty, and the only interface is
loopback. It then proves that from inside before it starts. Elsewhere it says so and goes on, and
its report says the same; TRUSTBRIDGE_RELEASE_ISOLATION=required makes that a failure.
"""

import errno
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

from .base import Failure, fail

INSIDE = "TRUSTBRIDGE_RELEASE_INSIDE"
SIOCSIFFLAGS = 0x8914
IFF_UP = 1


def run_isolated(
    program: Path, arguments: list[str], inputs: list[Path], hidden: list[Path]
) -> int:
    """Runs the program again inside; its exit status."""
    plan = {"inputs": [str(path) for path in inputs], "hidden": [str(path) for path in hidden]}
    prefix, reason = _unshare()
    if prefix is None:
        if os.environ.get("TRUSTBRIDGE_RELEASE_ISOLATION") == "required":
            fail(f"isolation is required, and cannot be had: {reason}")
        print(f"isolation was not enforced: {reason}", file=sys.stderr, flush=True)
        plan["reason"] = reason
    env = {**os.environ, INSIDE: json.dumps(plan)}
    return subprocess.call([*(prefix or []), sys.executable, str(program), *arguments], env=env)


def enter() -> dict[str, Any] | None:
    """Inside: makes the inputs read-only and proves the isolation. None when still outside."""
    plan = json.loads(os.environ.pop(INSIDE, "null"))
    if plan is None:
        return None
    if "reason" in plan:
        return {"enforced": False, "reason": plan["reason"]}
    for name in plan["inputs"]:
        _mount("--bind", name, name)
        _mount("-o", "remount,bind,ro", name)
    for name in plan["hidden"]:
        _mount("-t", "tmpfs", "-o", "ro,mode=0555", "none", name)
    _loopback_up()
    _prove(plan)
    return {"enforced": True, "network": "loopback only", **plan}


def _unshare() -> tuple[list[str] | None, str]:
    unshare = shutil.which("unshare")
    if unshare is None:
        return None, "there is no unshare program"
    prefix = [unshare, "--mount", "--net", "--propagation", "private"]
    if os.geteuid() != 0:
        prefix += ["--user", "--map-root-user"]
    tried = subprocess.run([*prefix, "--", "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        return None, f"unshare: {tried.stderr.strip()}"
    return [*prefix, "--"], ""


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"mount {' '.join(arguments)}: {done.stderr.strip()}")


def _loopback_up() -> None:
    import fcntl  # not on Windows, where this is not reached

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def _prove(plan: dict[str, Any]) -> None:
    interfaces = [name for _, name in socket.if_nameindex()]
    # Tunnel stubs that a kernel adds to every namespace are down and have no address.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError as error:
            if error.errno != errno.ENETUNREACH:
                raise
        else:
            raise Failure(f"the network is still reachable, by {interfaces}")
    for name in plan["inputs"]:
        if not _refuses_writing(Path(name)):
            raise Failure(f"{name} can still be written to")
    for name in plan["hidden"]:
        if os.listdir(name):
            raise Failure(f"{name} can still be seen")


def _refuses_writing(path: Path) -> bool:
    try:
        if path.is_dir():
            (path / ".write-probe").touch()
            (path / ".write-probe").unlink()
        else:
            with open(path, "ab"):
                pass
    except OSError as error:
        return error.errno == errno.EROFS
    return False
