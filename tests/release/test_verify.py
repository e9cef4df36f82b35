"""release/verify against an index on loopback: the right files, and every kind of wrong ones."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, write_sums
from pipeline import consumer, index
from pipeline.base import version_of
from pipeline.build import make_bundle
from spoil import BUNDLE, append, edit_member, edit_native, replace, wheel_of

VERSION = version_of(ROOT)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def same(dist: Path):
    """Stands in for the build, which the rehearsal does for real."""

    def rebuild(sources: Path, work: Path, options: object) -> Path:
        assert [path.name for path in sources.iterdir()] == [f"trustbridge-{VERSION}.tar.gz"]
        copy = work / "rebuilt" / wheel_of(dist).name
        copy.parent.mkdir()
        shutil.copyfile(wheel_of(dist), copy)
        return copy

    return rebuild


def verify(url: str, rebuild: object, *more: object) -> int:
    return consumer.main([VERSION, "--index", url, *map(str, more)], rebuild)


def test_the_same_bytes(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with index.serve(dist) as url:
        assert verify(url, same(dist), "--sums", dist / "SHA256SUMS") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith(f"same bytes: trustbridge-{VERSION}-cp310-abi3-")
    assert any("SHA256SUMS: 3 files are the release's" in line for line in lines)
    assert any("not checked: attestations" in line for line in lines)


def test_without_sums_it_says_so(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with index.serve(dist) as url:
        assert verify(url, same(dist)) == 0
    assert "not checked: SHA256SUMS" in capsys.readouterr().out


def test_another_file_than_the_releases(
    dist: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The index is consistent with itself, but serves another wheel than was released."""
    sums = tmp_path / "SHA256SUMS"
    shutil.copyfile(dist / "SHA256SUMS", sums)
    edit_member(dist, "trustbridge/__init__.py", replace("trust", "trusT"))
    with index.serve(dist) as url:
        assert verify(url, same(dist), "--sums", sums) == 1
    assert "is not the file of SHA256SUMS" in capsys.readouterr().out


def test_a_file_that_was_not_released(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (dist / f"trustbridge-{VERSION}-cp313-cp313-manylinux1_x86_64.whl").write_bytes(b"evil")
    with index.serve(dist) as url:
        assert verify(url, same(dist), "--sums", dist / "SHA256SUMS") == 1
    assert "is only in SHA256SUMS or only on the index" in capsys.readouterr().out


def test_a_file_that_the_index_has_another_digest_of(
    dist: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "sha256", lambda path: "0" * 64)
    with index.serve(dist) as url:
        assert verify(url, same(dist)) == 1
    assert "is not what the index says" in capsys.readouterr().out


def test_a_rebuild_with_other_bytes_names_them(
    dist: Path, small_dist: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The published wheel was made from other sources than the published sdist."""
    edit_member(dist, "trustbridge/__init__.py", replace("trust", "trusT"))
    make_bundle([wheel_of(dist)], dist)
    write_sums(dist)
    with index.serve(dist) as url:
        assert verify(url, same(small_dist), "--sums", dist / "SHA256SUMS") == 1
    out = capsys.readouterr().out
    assert "NOT VERIFIED: other bytes" in out
    assert "trustbridge/__init__.py has other content" in out
    assert "same bytes" not in out


def test_a_bundle_of_other_wheels(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit_native(append(b"\0"), "_native.abi3.so", pattern=BUNDLE)(dist)
    write_sums(dist)
    with index.serve(dist) as url:
        assert verify(url, same(dist), "--sums", dist / "SHA256SUMS") == 1
    out = capsys.readouterr().out
    assert f"{wheel_of(dist, BUNDLE).name} is not made of the other wheels: " in out
    assert "_native.abi3.so has other content" in out


def test_a_bundle_packed_by_another_zlib(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Is told, and is no failure: the contents are the same."""
    bundle = wheel_of(dist, BUNDLE)
    with zipfile.ZipFile(bundle) as old:
        members = [(info, old.read(info)) for info in old.infolist()]
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as new:
        for info, data in members:
            new.writestr(info, data, compresslevel=1)
    with index.serve(dist) as url:
        assert verify(url, same(dist)) == 0
    assert "packs them differently" in capsys.readouterr().out


def test_no_bundle(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wheel_of(dist, BUNDLE).unlink()
    with index.serve(dist) as url:
        assert verify(url, same(dist)) == 1
    assert "the index has 0 bundles" in capsys.readouterr().out


def test_no_such_version(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with index.serve(dist) as url:
        assert consumer.main(["9.9.9", "--index", url], same(dist)) == 1
    assert "has no file of trustbridge 9.9.9" in capsys.readouterr().out


def test_no_source_archive(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    next(dist.glob("*.tar.gz")).unlink()
    with index.serve(dist) as url:
        assert verify(url, same(dist)) == 1
    assert "the index has 0 source archives" in capsys.readouterr().out


@pytest.mark.parametrize("url", ["http://localhost:1/simple", "file:///tmp", "ftp://127.0.0.2/"])
def test_only_tls(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert consumer.main([VERSION, "--index", url], None) == 1
    assert "will not fetch from" in capsys.readouterr().out


def test_attestations_can_be_required(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with index.serve(dist) as url:
        assert verify(url, same(dist), "--require-attestations") == 1
    assert "no attestation for trustbridge-" in capsys.readouterr().out


PUBLISHER = {
    "kind": "GitHub",
    "repository": "trustbridge/trustbridge",
    "workflow": "release.yml",
    "environment": "pypi",
}


def provenance(*bundles: dict) -> bytes:
    return json.dumps({"version": 1, "attestation_bundles": list(bundles)}).encode()


# Made by hand: the form is right, the signature and the certificate are not.
FORGED = {
    "version": 1,
    "verification_material": {
        "certificate": "AAAA",
        "transparency_entries": [{"logIndex": "1"}],
    },
    "envelope": {"statement": "AAAA", "signature": "AAAA"},
}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"not json", "does not hold"),
        (provenance(), "it is empty"),
        (provenance({"publisher": PUBLISHER, "attestations": [FORGED]}), "Error"),
        (
            provenance(
                {"publisher": {**PUBLISHER, "repository": "evil/x"}, "attestations": [FORGED]}
            ),
            "it is by",
        ),
        (
            provenance({"publisher": {**PUBLISHER, "environment": None}, "attestations": [FORGED]}),
            "it is by",
        ),
    ],
    ids=["not JSON", "empty", "forged", "another repository", "another environment"],
)
def test_an_attestation_that_does_not_hold(
    dist: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    body: bytes,
    said: str,
) -> None:
    monkeypatch.setenv("TRUSTBRIDGE_RELEASE_OFFLINE", "1")
    with index.serve(dist, {wheel_of(dist).name: body}) as url:
        assert verify(url, same(dist)) == 1
    out = capsys.readouterr().out
    assert f"the attestation of {wheel_of(dist).name} does not hold" in out
    assert said in out


def test_differences_of_archives(dist: Path, tmp_path: Path) -> None:
    """What has the same content in other bytes is named as well."""
    published = wheel_of(dist)
    rebuilt = tmp_path / published.name
    with zipfile.ZipFile(published) as old, zipfile.ZipFile(rebuilt, "w") as new:
        for info in old.infolist():
            new.writestr(info, old.read(info), zipfile.ZIP_BZIP2)
    assert consumer.compare_wheels(published, published) == []
    assert consumer.compare_wheels(published, rebuilt) == ["the archives are laid out differently"]


def test_the_program_has_help() -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, ROOT / "release" / "verify", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "--require-attestations" in done.stdout
