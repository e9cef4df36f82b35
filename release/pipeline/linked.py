"""Which crates end up in a binary.

`cargo metadata` cannot say it: it resolves all members of the workspace at once, with their
development dependencies, and takes weak features (`ring?/std`) for real. `cargo tree` resolves as
`cargo build` does, so the edges come from there and only the details from the metadata.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomllib

from .base import fail, run

LINE = re.compile(r"(\d+)\|(\S+) v(\S+)((?: \([^)]*\))*)\|(.*)")


@dataclass
class Crate:
    name: str
    version: str
    features: list[str]
    proc_macro: bool
    normal: set[tuple[str, str]] = field(default_factory=set)
    build: set[tuple[str, str]] = field(default_factory=set)
    licence: str = ""
    id: str = ""
    local: bool = False
    build_script: bool = False
    folder: Path = Path()
    checksum: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        return (self.name, self.version)


@dataclass
class Graph:
    root: tuple[str, str]
    crates: dict[tuple[str, str], Crate]

    def linked(self) -> list[Crate]:
        """The root and what is linked into it: no build dependencies, no procedural macros."""
        seen = {self.root}
        todo = [self.root]
        while todo:
            for key in self.crates[todo.pop()].normal:
                if key not in seen and not self.crates[key].proc_macro:
                    seen.add(key)
                    todo.append(key)
        return [self.crates[key] for key in sorted(seen)]


def graph(
    source: Path,
    package: str,
    target: str,
    cargo: Path,
    env: dict[str, str],
    features: tuple[str, ...] = (),
) -> Graph:
    """The resolved graph of one package, for one target triple or "all"."""
    build = _tree(source, package, target, cargo, env, "normal,build", features)
    normal = _tree(source, package, target, cargo, env, "normal", features)
    for key, crate in build.crates.items():
        # An edge that is there without build dependencies is a normal one.
        edges = normal.crates[key].normal if key in normal.crates else set()
        crate.build = crate.normal - edges
        crate.normal = crate.normal & edges if key in normal.crates else crate.normal
    _details(build, source, cargo, env)
    return build


def _tree(
    source: Path,
    package: str,
    target: str,
    cargo: Path,
    env: dict[str, str],
    kinds: str,
    features: tuple[str, ...],
) -> Graph:
    text = run(
        *(cargo, "tree", "--offline", "--locked", "--package", package, "--edges", kinds),
        *("--target", target, "--prefix", "depth", "--no-dedupe", "--format", "|{p}|{f}"),
        *features,
        env=env,
        cwd=source,
    )
    crates: dict[tuple[str, str], Crate] = {}
    path: list[tuple[str, str]] = []
    for line in text.splitlines():
        match = LINE.fullmatch(line)
        if match is None:
            fail(f"cannot read a line of cargo tree: {line!r}")
        depth, name, version, marks, names = match.groups()
        key = (name, version)
        crate = crates.setdefault(
            key, Crate(name, version, names.split(",") if names else [], "(proc-macro)" in marks)
        )
        del path[int(depth) :]
        if path:
            crates[path[-1]].normal.add(key)
        path.append(crate.key)
    if not crates:
        fail(f"cargo tree lists nothing for {package}")
    return Graph(next(iter(crates)), crates)


def _details(graph: Graph, source: Path, cargo: Path, env: dict[str, str]) -> None:
    text = run(
        *(cargo, "metadata", "--offline", "--locked", "--format-version", "1"),
        env=env,
        cwd=source,
    )
    packages: dict[tuple[str, str], Any] = {
        (package["name"], package["version"]): package for package in json.loads(text)["packages"]
    }
    checksums = lock_checksums(source / "Cargo.lock")
    for key, crate in graph.crates.items():
        package = packages[key]
        crate.id = package["id"]
        crate.licence = (package["license"] or "").replace("/", " OR ")
        crate.local = package["source"] is None
        crate.build_script = any("custom-build" in target["kind"] for target in package["targets"])
        crate.folder = Path(package["manifest_path"]).parent
        if not crate.local:
            crate.checksum = checksums.get(key)
            if crate.checksum is None:
                fail(f"Cargo.lock has no checksum for {crate.name} {crate.version}")


def lock_checksums(lock: Path | str) -> dict[tuple[str, str], str]:
    text = lock.read_text() if isinstance(lock, Path) else lock
    return {
        (package["name"], package["version"]): package["checksum"]
        for package in tomllib.loads(text)["package"]
        if "checksum" in package
    }


def precursor(graph: Graph) -> dict[str, Any]:
    """The graph in the form of cargo's own (unstable) list, which cargo-auditable embeds."""
    keys = sorted(graph.crates)
    index = {key: number for number, key in enumerate(keys)}
    crates = []
    for key in keys:
        crate = graph.crates[key]
        edges = []
        for dependency in sorted(crate.normal | crate.build):
            linked = dependency in crate.normal and not graph.crates[dependency].proc_macro
            kind = "normal" if linked else "build"
            edges.append({"index": index[dependency], "kind": kind})
        crates.append(
            {"id": crate.id, "kind": [], "features": crate.features, "dependencies": edges}
        )
    nothing = {"version": "", "wrapper": None, "workspace_wrapper": None}
    nothing |= {"commit_hash": "", "host": "", "verbose_version": ""}
    return {"version": 1, "root": index[graph.root], "crates": crates, "rustc": nothing}
