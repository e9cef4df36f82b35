"""Builds pip: unmodified, and with trustbridge in place of truststore."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import sys
import zipfile
from pathlib import Path

from common import HERE, PIP, ROOT, TOOLS, VARIANTS, WORK, run
from index import make_wheel


def build(wheels: list[Path], sdist: Path) -> dict[str, Path]:
    """pip's wheel for each variant."""
    found = {}
    bundle = make_bundle(wheels)
    for variant in VARIANTS:
        folder = WORK / variant
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        run("tar", "-xzf", sdist, "-C", folder)
        source = folder / f"pip-{PIP}"
        if variant != "unmodified":
            vendor(source, bundle, pure=variant == "pure")
            sdist_of(source, folder / "sdist")
            source = source_of(variant)
        run(TOOLS / "bin/python", "-m", "flit_core.wheel", "--outdir", folder, cwd=source)
        (found[variant],) = folder.glob("pip-*.whl")
    return found


def make_bundle(wheels: list[Path]) -> Path:
    """The bundle, made twice to see that it is always the same."""
    made = []
    for name, order in (("bundle", 1), ("bundle-again", -1)):
        folder = WORK / name
        shutil.rmtree(folder, ignore_errors=True)
        run(ROOT / "release/bundle", "-o", folder, *wheels[::order])
        (wheel,) = folder.iterdir()
        made.append(wheel)
    if made[0].read_bytes() != made[1].read_bytes():
        sys.exit("two bundles of the same wheels differ")
    with zipfile.ZipFile(made[0]) as archive:
        names = [name.rpartition("/")[2] for name in archive.namelist()]
    for ending in ("LICENSE-MIT", "LICENSE-APACHE", ".cdx.json", "_openssl.py"):
        if not any(name.endswith(ending) for name in names):
            sys.exit(f"the bundle lacks {ending}")
    return made[0]


def vendor(source: Path, bundle: Path, *, pure: bool) -> None:
    """The documented steps: the patch, and the `vendoring` tool with pip's own configuration."""
    below = source / "src/pip/_vendor"
    before = source.parent / "before"
    shutil.copytree(below, before)
    patches = ["use-trustbridge.patch", *(["drop-native.patch"] if pure else [])]
    for patch in patches:
        run("patch", "-p1", "-i", HERE / patch, cwd=source)
    libraries = source.parent / "libraries"
    repack(below, libraries)
    settings = {
        "PATH": f"{TOOLS / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": f"{libraries} {bundle.parent}",
        "TMPDIR": str(source.parent),
    }
    run(TOOLS / "bin/vendoring", "sync", cwd=source, env=settings)
    ours = below / "trustbridge"
    names = {path.name for path in ours.iterdir()}
    assert {"LICENSE-MIT", "LICENSE-APACHE", "_openssl.py"} <= names, names
    assert ("native" in names) is not pure, names
    check_files(ours, bundle, pure=pure)
    changed = differences(before, below)
    expected = {"__init__.py", "bom.cdx.json", "trustbridge", "truststore", "vendor.txt"}
    if changed != expected:
        sys.exit(f"vendoring changed {sorted(changed)}, not {sorted(expected)}")


def repack(below: Path, folder: Path) -> None:
    """Wheels of the libraries that pip has already.

    The tool patches some of them, with patches that pip's sdist lacks. So each is given to it as it
    came out last time.
    """
    folder.mkdir()
    for name, version in re.findall(
        r"^ *([\w-]+)==(\S+)$", (below / "vendor.txt").read_text(), re.M
    ):
        package = {"setuptools": "pkg_resources"}.get(name, name.lower().replace("-", "_"))
        files = {
            path.relative_to(below).as_posix(): path.read_bytes()
            for path in sorted((below / package).rglob("*"))
            if path.is_file()
        }
        if name != "trustbridge":
            make_wheel(folder, name.replace("-", "_"), version, files)


def check_files(ours: Path, bundle: Path, *, pure: bool) -> None:
    """Nothing of ours is changed by the tool, but for one line in a docstring."""
    with zipfile.ZipFile(bundle) as archive:
        for name in archive.namelist():
            parts = name.split("/")
            if parts[0] != "trustbridge" or (pure and parts[1] == "native"):
                continue
            data = archive.read(name)
            if parts[1] == "__init__.py":  # in the docstring
                data = data.replace(
                    b"    import trustbridge", b"    from pip._vendor import trustbridge"
                )
            if (ours / Path(*parts[1:])).read_bytes() != data:
                sys.exit(f"vendoring changed {name}")


def differences(before: Path, after: Path) -> set[str]:
    """The entries of a folder that differ. Type stubs do not count: the sdist is made without."""
    compared = filecmp.dircmp(before, after)
    found = {
        name
        for name in (*compared.left_only, *compared.right_only)
        if not name.endswith(".pyi") and name != "__pycache__"
    }
    found.update(
        name
        for name in compared.common_files
        if (before / name).read_bytes() != (after / name).read_bytes()
    )
    found.update(name for name in compared.common_dirs if differences(before / name, after / name))
    return found


def source_of(variant: str) -> Path:
    """The sources that a variant's wheel is made of: of the modified ones, the unpacked sdist."""
    below = WORK / variant if variant == "unmodified" else WORK / variant / "sdist"
    return below / f"pip-{PIP}"


def sdist_of(source: Path, folder: Path) -> None:
    """Makes a source's distribution and unpacks it."""
    folder.mkdir()
    script = f"from flit_core import buildapi; print(buildapi.build_sdist({str(folder)!r}))"
    name = run(TOOLS / "bin/python", "-c", script, cwd=source).split()[-1]
    run("tar", "-xzf", folder / name, "-C", folder)


def zipapp(wheel: Path) -> Path:
    """pip.pyz, as pip's own script makes it: the package and a few lines to start it."""
    target = wheel.parent / "pip.pyz"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        with zipfile.ZipFile(wheel) as contents:
            for name in contents.namelist():
                if name.startswith("pip/"):
                    archive.writestr(name, contents.read(name))
        archive.writestr(
            "__main__.py",
            "import sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n",
        )
    return target
