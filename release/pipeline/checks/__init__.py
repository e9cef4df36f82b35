"""What must be true of every artifact, each rule with a name that the tests know.

Needs the packages of scripts/requirements/release/check.txt. Each rule yields what is wrong; one
that yields nothing has examined something, or fails by itself.
"""

import json
import os
import tempfile
from pathlib import Path

from ..base import head, parse_sums, version_of
from . import bills, binaries, sources, wheels
from .dist import RULES, Dist

# Rules register themselves.
ROOMS = (sources, wheels, binaries, bills)


def open_dist(folder: Path, clone: Path, preview: bool = False) -> Dist:
    commit, epoch = head(clone)
    return Dist(folder, clone, commit, epoch, version_of(clone), preview)


def check(dist: Dist) -> dict[str, list[str]]:
    """Every rule by name with what is wrong; one that stumbles over its input has found a fault."""
    found = {}
    for name, function in RULES.items():
        try:
            found[name] = list(function(dist))
        except Exception as error:
            found[name] = [f"{type(error).__name__}: {error}"]
    return found


def main(arguments: list[str]) -> int:
    preview = "--preview" in arguments
    arguments = [argument for argument in arguments if argument != "--preview"]
    folder, clone = Path(arguments[0]).resolve(), Path(arguments[1]).resolve()
    # A tool's cache must not end up in somebody's home.
    os.environ.setdefault("XDG_CACHE_HOME", tempfile.gettempdir())
    dist = open_dist(folder, clone, preview)
    found = check(dist)
    wrong = 0
    for name, problems in found.items():
        for problem in problems:
            print(f"  {name}: {problem}")
        wrong += len(problems)
    looked = f"{len(dist.wheels)} wheels, the bundle and the sources"
    print(f"  {len(found)} rules for {looked}: {wrong} problems{', a preview' if preview else ''}")
    if len(arguments) > 2:
        report = {
            "commit": dist.commit,
            "artifacts": parse_sums((folder / "SHA256SUMS").read_text()),
            "rules": {name: problems or "holds" for name, problems in found.items()},
        }
        Path(arguments[2]).write_text(json.dumps(report, indent=2, sort_keys=True) + "\n")
    return 1 if wrong else 0
