"""The stages: what each reads, what it writes, and what its report says."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import build, isolation
from .base import (
    RELEASE,
    Failure,
    clean_env,
    fail,
    git,
    head,
    make_venv,
    note,
    parse_sums,
    pins,
    run,
    sha256,
    sums_text,
    toolchain,
    tree_sums,
    unpack,
    version_of,
    workspace,
    write_json,
)
from .fetch import fetch, fetch_preview

DEFAULT_TARGET = "x86_64-unknown-linux-gnu"


@dataclass(frozen=True)
class Stage:
    # A last one that ends in "…" stands for one or more.
    inputs: tuple[str, ...]
    work: Callable[..., dict[str, Any]]
    network: bool = False

    def takes(self, count: int) -> bool:
        more = self.inputs[-1].endswith("…")
        return count == len(self.inputs) or (more and count > len(self.inputs))


def main(program: Path, arguments: list[str]) -> int:
    """`stage NAME IN… OUT [--hide DIR]…`"""
    hidden = []
    rest = list(arguments)
    while "--hide" in rest:
        at = rest.index("--hide")
        hidden.append(Path(rest[at + 1]).resolve())
        del rest[at : at + 2]
    if rest[:1] == ["assemble"] and len(rest) > 3:
        assemble([Path(path) for path in rest[2:]], Path(rest[1]))
        return 0
    stage = STAGES.get(rest[0]) if rest else None
    if stage is None or not stage.takes(len(rest) - 2):
        for name, known in STAGES.items():
            print(f"stage {name} {' '.join((*known.inputs, 'OUT'))} [--hide DIR]", file=sys.stderr)
        print("stage assemble DIST SOURCES WHEEL… BUNDLE", file=sys.stderr)
        return 2
    name, *paths = rest
    inputs = [Path(path).resolve() for path in paths[:-1]]
    out = Path(paths[-1]).resolve()
    try:
        for path in inputs:
            if not path.exists():
                fail(f"there is no {path}")
            if out == path or path in out.parents or out in path.parents:
                fail(f"the output {out} and the input {path} must lie apart")
        # Namespaces are of Linux; a build for another system on that system says that it has none.
        inside = isolation.enter()
        if inside is None and not stage.network:
            return isolation.run_isolated(program, arguments, inputs, hidden)
        _run(name, stage, inputs, out, inside)
    except Failure as failure:
        print(f"stage {name}: {failure}", file=sys.stderr)
        return 1
    return 0


def _run(
    name: str, stage: Stage, inputs: list[Path], out: Path, inside: dict[str, Any] | None
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        fail(f"{out} is not empty")
    began = time.monotonic()
    before = {str(path): tree_sums(path) for path in inputs}
    with workspace() as work:
        result = stage.work(*inputs, work, out)
    for path in inputs:
        after = tree_sums(path)
        if after != before[str(path)]:
            changed = sorted(set(after.items()) ^ set(before[str(path)].items()))
            fail(f"the stage changed its input {path}: {changed[0][0]}")
    report = {
        "stage": name,
        "isolation": inside or {"enforced": False, "reason": "this stage uses the network"},
        **result,
    }
    write_json(out / "report.json", report)
    print(f"{name}: done in {time.monotonic() - began:.0f} s", flush=True)


# The stages -------------------------------------------------------------------------------------


def _fetch(clone: Path, work: Path, out: Path) -> dict[str, Any]:
    return fetch(clone, work, out)


def _preview_store(store: Path, work: Path, out: Path) -> dict[str, Any]:
    return fetch_preview(store, work, out)


def _tools(store: Path, work: Path, out: Path) -> dict[str, Any]:
    build.build_auditable(store, work, out)
    return {"cargo-auditable": sha256(out / "cargo-auditable")}


def _source(clone: Path, store: Path, work: Path, out: Path) -> dict[str, Any]:
    return build.build_sources(clone, store, work, out)


def _wheel_for(target: str, preview: bool = False) -> Callable[..., dict[str, Any]]:
    def work_on(sources: Path, store: Path, tools: Path, work: Path, out: Path) -> dict[str, Any]:
        # Nothing of the sources but the sdist is read: not git, not the checkout.
        (sdist,) = sources.glob("*.tar.gz")
        tree, epoch = build.unpack_sdist(sdist, work)
        result = build.build_wheel(tree, epoch, store, tools, work, out, target, preview=preview)
        return {**result, "release": not preview}

    return work_on


def _bundle(*rest: Path) -> dict[str, Any]:
    """The none-any wheel, of nothing but the wheels that are released."""
    *folders, _, out = rest
    wheels = [wheel for folder in folders for wheel in sorted(folder.glob("*-cp310-abi3-*.whl"))]
    bundle = build.make_bundle(wheels, out)
    return {"wheel": bundle.name, "of": {wheel.name: sha256(wheel) for wheel in wheels}}


def assemble(folders: list[Path], dist: Path, preview: dict[str, Any] | None = None) -> None:
    """What is published, in one folder, with the sums of all of it; or only a preview."""
    dist.mkdir(parents=True)
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if path.name.endswith((".tar.gz", ".crate", ".whl", ".cdx.json")):
                shutil.copyfile(path, dist / path.name)
    if preview:
        write_json(dist / "NOT-FOR-RELEASE", preview)
    (dist / "SHA256SUMS").write_text(sums_text(tree_sums(dist)))


def _check_preview(dist: Path, clone: Path, store: Path, work: Path, out: Path) -> dict[str, Any]:
    return _check(dist, clone, store, work, out, "--preview")


def _check(
    dist: Path, clone: Path, store: Path, work: Path, out: Path, *more: str
) -> dict[str, Any]:
    python = make_venv(store, work / "venv", "check")
    home = build.cargo_home(store, work / "cargo")
    env = build.rust_env(work, home)
    env["PATH"] = f"{python.parent}:{env['PATH']}"
    run(
        *(python, RELEASE / "check", dist, clone, out / "check.json", *more),
        env=env,
        log=out / "check.log",
    )
    print((out / "check.log").read_text(), end="")
    return {"sums": parse_sums((dist / "SHA256SUMS").read_text())}


def _test(dist: Path, clone: Path, store: Path, work: Path, out: Path) -> dict[str, Any]:
    """Installs the wheel as a user does, and runs the package's own tests against it."""
    (wheel,) = dist.glob("*-manylinux*_x86_64.whl")
    python = make_venv(store, work / "venv", "package-tests")
    env = clean_env(work / "home")
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, env=env)
    # A copy without the package's own sources: what is imported is what was installed.
    checkout = work / "checkout"
    shutil.copytree(clone, checkout, ignore=shutil.ignore_patterns(".git"))
    shutil.rmtree(checkout / "python" / "trustbridge")
    # The table of cases comes from a program of Rust.
    home = build.cargo_home(store, work / "cargo")
    cargo_env = build.rust_env(work, home, CARGO_TARGET_DIR=str(work / "target"))
    env |= {**cargo_env, "PATH": f"{python.parent}:{cargo_env['PATH']}"}
    where = run(python, "-I", "-c", "import trustbridge; print(trustbridge.__file__)", env=env)
    if not Path(where.strip()).is_relative_to(work / "venv"):
        fail(f"the tests would import {where.strip()}")
    text = run(
        *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/python"),
        env=env,
        cwd=checkout,
        log=out / "pytest.log",
    )
    counted = text.strip().splitlines()[-1]
    note(f"package tests: {counted}")

    # The bundle, which installers take only where no wheel fits: here it must find its module.
    (bundle,) = dist.glob("*-py3-none-any.whl")
    unpacked = work / "bundle"
    run(
        *(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"),
        *("--target", unpacked, bundle),
        env=env,
    )
    code = f"import sys; sys.path.insert(0, {str(unpacked)!r})\n"
    code += "import trustbridge; from trustbridge import _native; print(_native.__file__)"
    found = run(python, "-I", "-c", code, env=env).strip()
    if not Path(found).is_relative_to(unpacked / "trustbridge" / "native"):
        fail(f"the bundle loads {found}")
    note(f"the bundle loads {Path(found).relative_to(unpacked)}")

    # The crate as a dependency sees it: unpacked, with the lock that it ships.
    (crate,) = dist.glob("*.crate")
    unpack(crate, work)
    # Without the algorithms, whose C takes a minute and was compiled for the wheel.
    run(
        *(toolchain() / "cargo", "check", "--quiet", "--offline", "--no-default-features"),
        *("--locked", "--features", "rustls-0_23"),
        env=cargo_env,
        cwd=work / crate.name.removesuffix(".crate"),
    )
    return {"package-tests": counted}


def _docs(clone: Path, store: Path, work: Path, out: Path) -> dict[str, Any]:
    commit, _ = head(clone)
    copy = work / "checkout"
    git(clone, "clone", "--quiet", "--no-hardlinks", clone.resolve(), copy)
    git(copy, "checkout", "--quiet", "--detach", commit)
    home = build.cargo_home(store, work / "cargo")
    env = build.rust_env(
        work, home, CARGO_TARGET_DIR=str(work / "target"), RUSTDOCFLAGS="-D warnings"
    )
    env["RUSTDOC"] = str(toolchain() / "rustdoc")
    run(
        *(toolchain() / "cargo", "doc", "--quiet", "--locked", "--offline", "--no-deps"),
        *("--package", "trustbridge", "--no-default-features", "--features", "rustls-0_23"),
        env=env,
        cwd=copy,
    )
    pages = list((work / "target" / "doc").rglob("*.html"))
    shutil.copytree(work / "target" / "doc", out / "doc")
    return {"pages": len(pages)}


def _policy(clone: Path, store: Path, work: Path, out: Path) -> dict[str, Any]:
    from . import policy

    home = build.cargo_home(store, work / "cargo")
    env = build.rust_env(work, home)
    result = policy.check_dependencies(clone, toolchain() / "cargo", env)
    python = make_venv(store, work / "venv", "lint")
    lint_env = clean_env(work / "home")
    lint_env["PATH"] = f"{python.parent}:{lint_env['PATH']}"
    run(python, RELEASE / "lint-workflows", clone, env=lint_env, log=out / "lint.log")
    return result


def _rehearse(
    dist: Path, clone: Path, store: Path, tools: Path, work: Path, out: Path
) -> dict[str, Any]:
    """What publishing would do, without publishing, and what a consumer then does."""
    from . import index

    python = make_venv(store, work / "venv", "test")
    env = clean_env(work / "home")
    files = sorted([*dist.glob("*.whl"), *dist.glob("*.tar.gz")])
    run(python, "-m", "twine", "check", "--strict", *files, env=env)
    version = version_of(clone)
    with index.serve(dist) as url:
        checked = run(
            *(sys.executable, RELEASE / "verify", version, "--index", url, "--store", store),
            *("--tools", tools, "--sums", dist / "SHA256SUMS", "--work", work / "verify"),
            env={**env, "PATH": f"{toolchain()}:{env['PATH']}"},
            log=out / "verify.log",
        )
    verdict = checked.strip().splitlines()[-1]
    note(f"verify: {verdict}")
    return {"verify": verdict}


def _rebuild(
    clone: Path, store: Path, tools: Path, dist: Path, work: Path, out: Path
) -> dict[str, Any]:
    """Everything once more where nothing is the same but the commit: the bytes must be."""
    os.umask(0o077)
    os.environ["TZ"] = "Pacific/Chatham"
    sources = work / "sources"
    sources.mkdir()
    (work / "source-work" / "home").mkdir(parents=True)
    about = build.build_sources(clone, store, work / "source-work", sources)
    # The wheel from the checkout this time, and not from the sdist.
    tree = work / "elsewhere" / "tree"
    tree.parent.mkdir()
    git(clone, "clone", "--quiet", "--no-hardlinks", clone.resolve(), tree)
    git(tree, "checkout", "--quiet", "--detach", about["commit"])
    wheel = work / "wheel"
    wheel.mkdir()
    build.build_wheel(
        tree,
        about["epoch"],
        store,
        tools,
        work,
        wheel,
        DEFAULT_TARGET,
        home=work / "elsewhere" / "cargo-home",
    )
    # And the bundle, of the wheel made here and those that only the release made.
    (own,) = wheel.glob("*.whl")
    others = [path for path in dist.glob("*-cp310-abi3-*.whl") if path.name != own.name]
    build.make_bundle([own, *others], wheel)
    rebuilt = {path.name: sha256(path) for path in [*sources.iterdir(), *wheel.glob("*.whl")]}
    wanted = parse_sums((dist / "SHA256SUMS").read_text())
    different = sorted(name for name, digest in rebuilt.items() if wanted.get(name) != digest)
    for name in different:
        source = sources if (sources / name).exists() else wheel
        shutil.copyfile(source / name, out / name)
    if different:
        fail(f"not the same bytes: {', '.join(different)} (kept in {out})")
    note(f"same bytes: {', '.join(sorted(rebuilt))}")
    return {"same": rebuilt}


STAGES = {
    "fetch": Stage(("CLONE",), _fetch, network=True),
    "tools": Stage(("STORE",), _tools),
    "source": Stage(("CLONE", "STORE"), _source),
    "wheel": Stage(("SOURCES", "STORE", "TOOLS"), _wheel_for(DEFAULT_TARGET)),
    "wheel-aarch64": Stage(("SOURCES", "STORE", "TOOLS"), _wheel_for("aarch64-unknown-linux-gnu")),
    "wheel-musl": Stage(("SOURCES", "STORE", "TOOLS"), _wheel_for("x86_64-unknown-linux-musl")),
    "wheel-aarch64-musl": Stage(
        ("SOURCES", "STORE", "TOOLS"), _wheel_for("aarch64-unknown-linux-musl")
    ),
    "bundle": Stage(("WHEEL…",), _bundle),
    "check": Stage(("DIST", "CLONE", "STORE"), _check),
    "test": Stage(("DIST", "CLONE", "STORE"), _test),
    "docs": Stage(("CLONE", "STORE"), _docs),
    "policy": Stage(("CLONE", "STORE"), _policy),
    "rehearse": Stage(("DIST", "CLONE", "STORE", "TOOLS"), _rehearse),
    "rebuild": Stage(("CLONE", "STORE", "TOOLS", "DIST"), _rebuild),
    # For wheels that are only previews: tests/occasional/preview-wheels.
    "preview-store": Stage(("STORE",), _preview_store, network=True),
    "check-preview": Stage(("DIST", "CLONE", "STORE"), _check_preview),
    **{
        f"preview-{target}": Stage(("SOURCES", "STORE", "TOOLS"), _wheel_for(target, preview=True))
        for target in pins()["preview"]
    },
}
