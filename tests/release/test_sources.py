"""What goes into a build: the store of fetched archives, the resolved graph, the bills."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import EPOCH, ROOT, TARGET
from pipeline import build, isolation, linked, sbom
from pipeline.base import Failure, parse_sums, sha256, unpack, write_json
from spoil import edit_tar, tar_extra


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """With one archive of a crate."""
    cache = tmp_path / "store" / "cargo" / "registry" / "cache" / "index"
    cache.mkdir(parents=True)
    (cache / "a-1.0.0.crate").write_bytes(b"an archive")
    crates = {"index/a-1.0.0.crate": sha256(cache / "a-1.0.0.crate")}
    write_json(tmp_path / "store" / "store.json", {"crates": crates})
    return tmp_path / "store"


def test_a_store_is_copied(store: Path, tmp_path: Path) -> None:
    home = build.cargo_home(store, tmp_path / "home")
    assert (home / "registry" / "cache" / "index" / "a-1.0.0.crate").read_bytes() == b"an archive"


@pytest.mark.parametrize("spoil", ["change", "add", "remove"])
def test_a_spoilt_store_is_refused(store: Path, tmp_path: Path, spoil: str) -> None:
    cache = store / "cargo" / "registry" / "cache" / "index"
    if spoil == "change":
        (cache / "a-1.0.0.crate").write_bytes(b"another")
    elif spoil == "add":
        (cache / "b-1.0.0.crate").touch()
    else:
        (cache / "a-1.0.0.crate").unlink()
    with pytest.raises(Failure, match="the crates of the store"):
        build.cargo_home(store, tmp_path / "home")


def test_another_tool_is_refused(store: Path, tmp_path: Path) -> None:
    (archive,) = [build.pins()["cargo-auditable"]["version"]]
    (store / f"cargo-auditable-{archive}.crate").write_bytes(b"evil")
    with pytest.raises(Failure, match=r"not the one of pins\.toml"):
        build.build_auditable(store, tmp_path, tmp_path)


@pytest.fixture
def sdist_tree(clone: Path, tmp_path: Path) -> Path:
    """A source with fewer crates than its lock was made for, as the sdist is."""
    tree = tmp_path / "tree"
    shutil.copytree(clone, tree)
    manifest = (tree / "Cargo.toml").read_text()
    start = manifest.index("members = [")
    end = manifest.index("]", start) + 1
    members = 'members = [".", "python", "tests/cases"]'
    (tree / "Cargo.toml").write_text(manifest[:start] + members + manifest[end:])
    for folder in ("capi", "benches"):
        shutil.rmtree(tree / folder)
    return tree


def test_the_lock_of_an_sdist(clone: Path, cargo_env: dict[str, str], sdist_tree: Path) -> None:
    """Loses what the sdist has no use for, so that the build can be `--locked`."""
    with pytest.raises(Failure, match="--locked"):
        linked.graph(sdist_tree, "trustbridge-python", TARGET, _cargo(), cargo_env)
    build.prune_lock(sdist_tree, _cargo(), cargo_env)
    linked.graph(sdist_tree, "trustbridge-python", TARGET, _cargo(), cargo_env)
    ours, all_of_it = (build.lock_entries(tree / "Cargo.lock") for tree in (sdist_tree, clone))
    assert ours < all_of_it


def test_a_lock_that_lacks_something_is_refused(
    cargo_env: dict[str, str], sdist_tree: Path
) -> None:
    lock = (sdist_tree / "Cargo.lock").read_text()
    start = lock.index('[[package]]\nname = "untrusted"')
    end = lock.index("[[package]]", start + 1)
    (sdist_tree / "Cargo.lock").write_text(lock[:start] + lock[end:])
    with pytest.raises(Failure, match="cargo adds untrusted"):
        build.prune_lock(sdist_tree, _cargo(), cargo_env)


def test_a_crate_without_a_checksum_is_refused(
    clone: Path, cargo_env: dict[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(clone, other)
    lock = (other / "Cargo.lock").read_text()
    start = lock.index('checksum = "', lock.index('name = "untrusted"\nversion = "0.9'))
    (other / "Cargo.lock").write_text(lock[:start] + lock[lock.index("\n", start) + 1 :])
    with pytest.raises(Failure, match=r"checksum|exit status"):
        linked.graph(other, "trustbridge-python", TARGET, _cargo(), cargo_env)


def test_bills_are_deterministic(clone: Path, cargo_env: dict[str, str]) -> None:
    def one() -> str:
        graph = linked.graph(clone, "trustbridge-python", TARGET, _cargo(), cargo_env)
        return sbom.document("x", "pkg:pypi/trustbridge@0", "0", graph, True, EPOCH, "MIT")

    first = one()
    assert first == one()
    bill = json.loads(first)
    assert str(clone) not in first and "path+file" not in first
    assert bill["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    nested = next(part for part in bill["components"] if part["name"] == "aws-lc-sys")
    assert {part["name"] for part in nested["components"]} >= {"AWS-LC", "s2n-bignum"}


def test_the_list_for_the_binary_is_the_graph(clone: Path, cargo_env: dict[str, str]) -> None:
    """cargo-auditable counts what normal edges reach from the root as linked; so do we."""
    graph = linked.graph(clone, "trustbridge-python", TARGET, _cargo(), cargo_env)
    told = linked.precursor(graph)
    reached, todo = set(), [told["root"]]
    while todo:
        number = todo.pop()
        if number not in reached:
            reached.add(number)
            edges = told["crates"][number]["dependencies"]
            todo += [edge["index"] for edge in edges if edge["kind"] == "normal"]
    names = sorted(graph.crates)
    assert sorted(names[number] for number in reached) == [crate.key for crate in graph.linked()]
    kinds = {edge["kind"] for crate in told["crates"] for edge in crate["dependencies"]}
    assert kinds == {"normal", "build"}


@pytest.mark.parametrize(
    "text",
    [
        "0" * 64 + "  ../x\n",
        "0" * 64 + "  /etc/passwd\n",
        "0" * 63 + "  x\n",
        "0" * 64 + " x\n",
        ("0" * 64 + "  x\n") * 2,
        "g" * 64 + "  x\n",
    ],
)
def test_sums_that_cannot_be_read(text: str) -> None:
    with pytest.raises(Failure):
        parse_sums(text)


@pytest.mark.parametrize(
    "spoil",
    [
        tar_extra("../evil", b"x"),
        tar_extra("link", b"", type=b"2", linkname="/etc/passwd"),
        tar_extra("hard", b"", type=b"1", linkname="trustbridge/Cargo.toml"),
        tar_extra("pipe", b"", type=b"6"),
        lambda members: setattr(members[1][0], "name", "/tmp/evil"),
        lambda members: members.append(members[0]),
    ],
    ids=["outside", "link", "hard link", "pipe", "absolute", "twice"],
)
def test_only_plain_files_are_unpacked(dist: Path, tmp_path: Path, spoil: object) -> None:
    edit_tar("*.tar.gz", spoil)(dist)
    (archive,) = dist.glob("*.tar.gz")
    with pytest.raises((Failure, FileExistsError)):
        unpack(archive, tmp_path / "unpacked")
    assert not (tmp_path / "evil").exists()


def test_modes_and_times_are_the_archives(dist: Path, tmp_path: Path) -> None:
    (archive,) = dist.glob("*.tar.gz")
    unpack(archive, tmp_path / "unpacked")
    (path,) = (tmp_path / "unpacked").glob("*/src/lib.rs")
    assert (path.stat().st_mode & 0o777, path.stat().st_mtime) == (0o644, EPOCH)


def test_isolation_is_proved_and_not_believed(tmp_path: Path) -> None:
    """Outside of namespaces the proof fails, whatever the plan says."""
    plan = {"inputs": [str(tmp_path)], "hidden": []}
    assert not isolation._refuses_writing(tmp_path)
    with pytest.raises(Failure):
        isolation._prove(plan)


def test_what_is_run_is_in_the_tree() -> None:
    for name in ("stage", "check", "verify", "rehearse", "tag", "hosted", "lint-workflows"):
        path = ROOT / "release" / name
        assert path.stat().st_mode & 0o111, name


def _cargo() -> Path:
    found = shutil.which("cargo")
    assert found is not None
    return Path(found)
