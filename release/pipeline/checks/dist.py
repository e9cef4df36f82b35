"""The folder that is checked, and the list of rules."""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import artifacts
from ..base import pins

Problems = Iterator[str]

# Wheels that another toolchain than the release's has made, previews, have this file beside
# them, say so in their bills of materials, and are refused without `--preview`.
PREVIEW = "NOT-FOR-RELEASE"


@dataclass
class Dist:
    """The folder to check, the clone it is said to come from, and what both say."""

    folder: Path
    clone: Path
    commit: str
    epoch: int
    version: str
    preview: bool = False

    def __post_init__(self) -> None:
        every = [artifacts.read_wheel(path) for path in sorted(self.folder.glob("*.whl"))]
        self.bundles = [wheel for wheel in every if wheel.file_name.endswith("-py3-none-any.whl")]
        # Each with one module, for one platform.
        self.wheels = [wheel for wheel in every if wheel not in self.bundles]
        self.rust = pins()["rust"]["version"]
        if self.preview:
            self.rust = json.loads((self.folder / PREVIEW).read_text())["rust"]

    def dlls(self) -> Iterator[tuple[artifacts.Wheel, str, artifacts.Pe, bytes]]:
        for wheel in self.wheels:
            for name, data in wheel.native().items():
                if data[:2] == b"MZ":
                    yield wheel, f"{wheel.file_name}: {name}", artifacts.read_pe(data), data

    def elves(self) -> Iterator[tuple[artifacts.Wheel, str, artifacts.Elf, bytes]]:
        for wheel in self.wheels:
            for name, data in wheel.native().items():
                if data[:4] == b"\x7fELF":
                    yield wheel, f"{wheel.file_name}: {name}", artifacts.read_elf(data), data

    def embedded(self) -> Iterator[tuple[artifacts.Wheel, str, list[dict[str, Any]] | None]]:
        """What each binary itself says is linked in, if it does."""
        sections = [(wheel, where, elf.dep_v0) for wheel, where, elf, _ in self.elves()]
        sections += [(wheel, where, pe.dep_v0) for wheel, where, pe, _ in self.dlls()]
        for wheel, where, section in sections:
            yield wheel, where, artifacts.decode_dep(section) if section is not None else None

    def one(self, pattern: str) -> Path:
        found = list(self.folder.glob(pattern))
        if len(found) != 1:
            raise LookupError(f"{len(found)} files match {pattern}, not one")
        return found[0]


RULES: dict[str, Callable[[Dist], Problems]] = {}


def rule(function: Callable[[Dist], Problems]) -> Callable[[Dist], Problems]:
    RULES[function.__name__.replace("_", "-")] = function
    return function


def blob(dist: Dist, name: str) -> bytes:
    done = subprocess.run(
        [
            "git",
            "-c",
            f"safe.directory={dist.clone.resolve()}",
            "-C",
            str(dist.clone),
            "cat-file",
            "blob",
            f"{dist.commit}:{name}",
        ],
        capture_output=True,
        check=True,
    )
    return done.stdout


def platforms(wheel: artifacts.Wheel) -> str:
    return wheel.file_name.removesuffix(".whl").split("-")[-1]


def machine_of(wheel: artifacts.Wheel) -> str:
    return "aarch64" if platforms(wheel).endswith(("aarch64", "arm64")) else "x86_64"
