"""What the tests of pip share: where things are, fetched files, and how programs are run."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REQUIREMENTS = ROOT / "scripts" / "requirements" / "pip"
WORK = ROOT / "build" / "pip"
CACHE = WORK / "cache"
TOOLS = WORK / "tools"
#: What is fetched into the cache.
PACKAGES = REQUIREMENTS / "packages.txt"
PIP = "26.3"
VARIANTS = ("unmodified", "native", "pure")

sys.path.append(str(ROOT / "tests/python/support"))


def run(*command: object, **settings: object) -> str:
    """Runs a command that must succeed; what it printed."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **settings
    )
    if done.returncode:
        sys.exit(f"{' '.join(words)}\nended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def clean(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    kept["PIP_CONFIG_FILE"] = os.devnull
    kept["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    kept["COLUMNS"] = "1000"
    return kept | more


def environment(folder: Path, listed: str) -> None:
    """Makes a virtual environment of pinned packages, if it is not there."""
    WORK.mkdir(parents=True, exist_ok=True)
    print(run(ROOT / "scripts/venv", folder, sys.executable, REQUIREMENTS / listed), end="")


def fetch(listed: Path) -> None:
    """Gets such pinned files from the package index into the cache."""
    if cached(listed) is None:
        options = ("--quiet", "--require-hashes", "--no-deps", "--no-build-isolation")
        run(TOOLS / "bin/pip", "download", *options, "-d", CACHE, "-r", listed)
    if cached(listed) is None:
        sys.exit(f"{CACHE} lacks files of {listed}")


def cached(*lists: Path) -> dict[str, Path] | None:
    """The files that such lists pin, by name; None if one is missing."""
    wanted = set(re.findall(r"--hash=sha256:(\w+)", "".join(map(Path.read_text, lists))))
    found = {}
    for path in sorted(CACHE.glob("*")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest in wanted:
            wanted.remove(digest)
            found[path.name] = path
    return None if wanted else found


def sdist_name() -> str:
    return f"pip-{PIP}.tar.gz"
