"""What every stage needs: a clean environment, pinned tools, digests, and a way to stop."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

import tomllib

RELEASE = Path(__file__).resolve().parent.parent
REQUIREMENTS = RELEASE.parent / "scripts" / "requirements"


class Failure(Exception):
    """A stage that must not go on; the text is for the person who runs it."""


def fail(text: str) -> NoReturn:
    raise Failure(text)


def note(text: str) -> None:
    print(f"  {text}", flush=True)


def pins() -> dict[str, Any]:
    return tomllib.loads((RELEASE / "pins.toml").read_text())


# Digests ----------------------------------------------------------------------------------------


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree_sums(root: Path) -> dict[str, str]:
    """Name to digest of every file below, links by their target; git's own folder left out."""
    if root.is_file():
        return {root.name: sha256(root)}
    sums = {}
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(files):
            path = Path(folder, name)
            if path.is_symlink():
                sums[str(path.relative_to(root))] = f"link to {os.readlink(path)}"
            elif path.is_file():
                sums[str(path.relative_to(root))] = sha256(path)
    return sums


def sums_text(sums: dict[str, str]) -> str:
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))


def parse_sums(text: str) -> dict[str, str]:
    """Reads the format of sha256sum. A name is a file of this folder, never a path."""
    sums: dict[str, str] = {}
    for line in text.splitlines():
        digest, space, name = line.partition("  ")
        hexadecimal = len(digest) == 64 and set(digest) <= set("0123456789abcdef")
        if not (space and name and hexadecimal) or "/" in name or "\\" in name:
            fail(f"SHA256SUMS: cannot read the line {line!r}")
        if name in sums:
            fail(f"SHA256SUMS: {name} is listed twice")
        sums[name] = digest
    return sums


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def unpack(archive: Path, where: Path) -> None:
    """Unpacks plain files below a folder, and refuses an archive that has anything else.

    `extractall(filter="data")` does that too, but not in the Python 3.11 of Debian 12.
    """
    with tarfile.open(archive) as tar:
        for member in tar:
            name = PurePosixPath(member.name)
            if name.is_absolute() or ".." in name.parts or "\\" in member.name:
                fail(f"{archive.name}: {member.name} lies outside")
            path = where / name
            if member.isdir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            file = tar.extractfile(member) if member.isfile() else None
            if file is None:
                fail(f"{archive.name}: {member.name} is not a plain file")
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "xb") as target:
                shutil.copyfileobj(file, target)
            path.chmod(0o755 if member.mode & 0o100 else 0o644)
            os.utime(path, (member.mtime, member.mtime))


# Running ----------------------------------------------------------------------------------------


def run(
    *command: str | Path,
    env: dict[str, str],
    cwd: Path | None = None,
    quiet: bool = True,
    log: Path | None = None,
) -> str:
    """Runs a command with exactly this environment; its output, or a failure that shows it."""
    done = subprocess.run(
        [str(part) for part in command],
        env=env,
        cwd=cwd,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if quiet else subprocess.STDOUT,
    )
    if log is not None:
        log.write_text(done.stdout + (done.stderr or ""))
    if done.returncode != 0:
        shown = ((done.stdout or "") + (done.stderr or "")).splitlines()[-60:]
        fail(f"{' '.join(map(str, command))}\nexit status {done.returncode}\n" + "\n".join(shown))
    return done.stdout


def clean_env(home: Path, **more: str) -> dict[str, str]:
    """An environment that owes nothing to the machine's, but for the time zone."""
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "CARGO_NET_OFFLINE": "true",
        "CARGO_TERM_COLOR": "never",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INDEX": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
    }
    if "TZ" in os.environ:
        env["TZ"] = os.environ["TZ"]
    env.update(more)
    return env


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """A scratch folder. TRUSTBRIDGE_RELEASE_WORK says where, to show that it does not matter."""
    parent = os.environ.get("TRUSTBRIDGE_RELEASE_WORK")
    if parent:
        Path(parent).mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="trustbridge-release-", dir=parent))
    (work / "home").mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


# Tools ------------------------------------------------------------------------------------------


def toolchain() -> Path:
    """The folder of the pinned rustc and cargo: rustup names it, or PATH has that very one."""
    pin = pins()["rust"]
    rustup = shutil.which("rustup")
    candidates = []
    if rustup:
        asked = subprocess.run(
            [rustup, "which", "--toolchain", pin["version"], "rustc"],
            capture_output=True,
            text=True,
            # Never download a toolchain by surprise.
            env={**os.environ, "RUSTUP_AUTO_INSTALL": "0"},
        )
        if asked.returncode == 0:
            candidates.append(Path(asked.stdout.strip()))
    if found := shutil.which("rustc"):
        candidates.append(Path(found))
    seen = []
    for rustc in candidates:
        version = run(rustc, "-vV", env=dict(os.environ))
        if f"commit-hash: {pin['commit']}" in version:
            sysroot = Path(run(rustc, "--print", "sysroot", env=dict(os.environ)).strip())
            return sysroot / "bin"
        seen.append(version.splitlines()[0])
    fail(f"no rustc {pin['version']} of commit {pin['commit']}: {', '.join(seen) or 'none found'}")


def make_venv(store: Path, where: Path, *requirements: str) -> Path:
    """A virtual environment with exactly the pinned packages, from the store; its python."""
    env = clean_env(where.parent)
    run(sys.executable, "-m", "venv", where, env=env)
    python = where / "bin" / "python"
    for name in requirements:
        run(
            *(python, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps"),
            *("--no-index", "--find-links", store / "python" / name),
            *("--requirement", requirement_file(name)),
            env=env,
        )
    return python


def requirement_file(name: str) -> Path:
    """Of the release tools, or of the package's own tests."""
    if name == "package-tests":
        return REQUIREMENTS / "test-gil.txt"
    return REQUIREMENTS / "release" / f"{name}.txt"


# Git --------------------------------------------------------------------------------------------


def git(clone: Path, *arguments: str) -> str:
    env = clean_env(clone, GIT_OPTIONAL_LOCKS="0")
    return run("git", "-c", f"safe.directory={clone.resolve()}", "-C", clone, *arguments, env=env)


def head(clone: Path) -> tuple[str, int]:
    """The commit of a clean clone, and its time."""
    status = git(clone, "status", "--porcelain", "--untracked-files=all")
    if status:
        fail(f"{clone} is not a clean checkout:\n{status}")
    commit = git(clone, "rev-parse", "--verify", "HEAD^{commit}").strip()
    return commit, int(git(clone, "show", "--no-patch", "--format=%ct", commit))


def version_of(clone: Path) -> str:
    manifest = tomllib.loads((clone / "Cargo.toml").read_text())
    return str(manifest["workspace"]["package"]["version"])
