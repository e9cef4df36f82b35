"""The bundle wheel: one none-any wheel of the wheels for several platforms."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from trustbridge import _select

SCRIPT = Path(__file__).parents[2] / "release/bundle"
INFO = "trustbridge-1.2.dist-info"
PLATFORMS = {
    "manylinux_2_17_x86_64.manylinux2014_x86_64": ["linux-gnu-x86_64"],
    "manylinux_2_28_aarch64": ["linux-gnu-aarch64"],
    "linux_x86_64": ["linux-gnu-x86_64"],
    "musllinux_1_2_x86_64": ["linux-musl-x86_64"],
    "macosx_10_12_x86_64": ["macos-x86_64"],
    "macosx_11_0_arm64": ["macos-aarch64"],
    "macosx_10_12_universal2": ["macos-aarch64", "macos-x86_64"],
    "win_amd64": ["windows-x86_64"],
    "win_arm64": ["windows-aarch64"],
    "win32": ["windows-i686"],
}


def record_line(path, data) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(data)}"


def make(folder, platform, *, year=2020, tags="cp310-abi3", native="", **changed) -> Path:
    folder.mkdir(exist_ok=True)
    native = native or ("_native.pyd" if platform.startswith("win") else "_native.abi3.so")
    files = {
        "trustbridge/__init__.py": b"",
        "trustbridge/_openssl.py": b"pass\n",
        f"trustbridge/{native}": native.encode() + platform.encode(),
        f"{INFO}/METADATA": b"Name: trustbridge\nLicense-File: LICENSE-MIT\n",
        f"{INFO}/WHEEL": f"Tag: {tags}-{platform}\n".encode(),
        f"{INFO}/licenses/LICENSE-MIT": b"free",
        f"{INFO}/sboms/trustbridge.cyclonedx.json": f"{tags}-{platform}".encode(),
        **changed,
    }
    lines = [record_line(path, data) for path, data in files.items() if data is not None]
    files.setdefault(f"{INFO}/RECORD", "\n".join([*lines, f"{INFO}/RECORD,,", ""]).encode())
    wheel = folder / f"trustbridge-1.2-{tags}-{platform}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in files.items():
            if data is not None:
                archive.writestr(zipfile.ZipInfo(path, (year, 1, 1, 0, 0, 0)), data)
    return wheel


def bundle(output, *wheels):
    command = [sys.executable, str(SCRIPT), "-o", str(output), *map(str, wheels)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_contents(tmp_path):
    wheels = [make(tmp_path, platform) for platform in PLATFORMS if platform != "linux_x86_64"]
    wheels = [wheel for wheel in wheels if "universal2" not in wheel.name]
    finished = bundle(tmp_path / "out", *wheels)
    assert finished.returncode == 0, finished.stderr
    made = tmp_path / "out/trustbridge-1.2-py3-none-any.whl"
    assert finished.stdout == f"{made}\n"
    with zipfile.ZipFile(made) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for platform, folders in PLATFORMS.items():
        if platform == "linux_x86_64" or "universal2" in platform:
            continue
        name = "_native.pyd" if platform.startswith("win") else "_native.abi3.so"
        (folder,) = folders
        assert (
            files[f"trustbridge/{_select.FOLDER}/{folder}/{name}"] == f"{name}{platform}".encode()
        )
        bill = files[f"{INFO}/sboms/{folder}.trustbridge.cyclonedx.json"]
        assert bill == f"cp310-abi3-{platform}".encode()
    assert not any(name.startswith("trustbridge/_native.") for name in files)
    assert b"Tag: py3-none-any\n" in files[f"{INFO}/WHEEL"]
    assert files[f"{INFO}/licenses/LICENSE-MIT"] == b"free"
    record = files[f"{INFO}/RECORD"].decode().splitlines()
    expected = []
    for name, data in files.items():
        if name != f"{INFO}/RECORD":
            expected.append(record_line(name, data))
    assert sorted(record) == sorted([*expected, f"{INFO}/RECORD,,"])


@pytest.mark.parametrize("platform", PLATFORMS)
def test_platforms(tmp_path, platform):
    assert bundle(tmp_path / "out", make(tmp_path, platform)).returncode == 0
    with zipfile.ZipFile(tmp_path / "out/trustbridge-1.2-py3-none-any.whl") as archive:
        folders = {name.split("/")[2] for name in archive.namelist() if "/native/" in name}
    assert sorted(folders) == PLATFORMS[platform]


def test_modules_for_single_interpreters(tmp_path):
    """Beside the one for the stable ABI; the selector knows them by their names."""
    own = "_native.cpython-313t-x86_64-linux-gnu.so"
    platform, folder = "musllinux_1_2_x86_64", "linux-musl-x86_64"
    wheels = [
        make(tmp_path, platform),
        make(tmp_path, platform, tags="cp313-cp313t", native=own),
    ]
    assert bundle(tmp_path / "out", *wheels).returncode == 0
    with zipfile.ZipFile(tmp_path / "out/trustbridge-1.2-py3-none-any.whl") as archive:
        names = set(archive.namelist())
    assert {f"trustbridge/native/{folder}/{name}" for name in (own, "_native.abi3.so")} <= names
    bills = {name.rpartition("/")[2] for name in names if "/sboms/" in name}
    assert bills == {
        f"{folder}.trustbridge.cyclonedx.json",
        f"{folder}.cp313t.trustbridge.cyclonedx.json",
    }


def bill(wheel: Path) -> dict:
    with zipfile.ZipFile(wheel) as archive:
        return json.loads(archive.read(f"{INFO}/sboms/bundle.cdx.json"))


def test_bill_of_materials(tmp_path):
    with_bill = make(tmp_path, "macosx_10_12_universal2")
    bills = f"{INFO}/sboms/trustbridge.cyclonedx.json"
    without = make(tmp_path, "win_amd64", **{bills: None})
    assert bundle(tmp_path / "out", with_bill, without).returncode == 0
    found = bill(tmp_path / "out/trustbridge-1.2-py3-none-any.whl")
    component = found["metadata"]["component"]
    assert (component["name"], component["version"]) == ("trustbridge", "1.2")
    macos = b"_native.abi3.so" + b"macosx_10_12_universal2"
    modules = {
        "trustbridge/native/macos-aarch64/_native.abi3.so": macos,
        "trustbridge/native/macos-x86_64/_native.abi3.so": macos,
        "trustbridge/native/windows-x86_64/_native.pyd": b"_native.pydwin_amd64",
    }
    assert found["dependencies"] == [{"ref": component["bom-ref"], "dependsOn": sorted(modules)}]
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in modules.items()}
    assert {one["name"]: one["hashes"][0]["content"] for one in found["components"]} == hashes
    led = {one["name"]: one.get("externalReferences", []) for one in found["components"]}
    for name in sorted(modules)[:2]:
        (reference,) = led[name]
        assert reference["url"] == "macos-aarch64-macos-x86_64.trustbridge.cyclonedx.json"
    # What is linked into it nobody has said, and the bill says that.
    assert led["trustbridge/native/windows-x86_64/_native.pyd"] == []
    unknown = {"aggregate": "unknown", "assemblies": [sorted(modules)[2]]}
    assert unknown in found["compositions"]
    # With a bill in each wheel there is nothing to add.
    assert bundle(tmp_path / "known", with_bill).returncode == 0
    with zipfile.ZipFile(tmp_path / "known/trustbridge-1.2-py3-none-any.whl") as archive:
        found = [name for name in archive.namelist() if "/sboms/" in name]
    assert found == [f"{INFO}/sboms/macos-aarch64-macos-x86_64.trustbridge.cyclonedx.json"]


def test_this_machine_is_among_the_names():
    assert [_select.platform_name()] in PLATFORMS.values()


def test_same_wheels_give_the_same_bytes(tmp_path):
    made = []
    for number, (year, order) in enumerate([(2020, 1), (2021, -1)]):
        folder = tmp_path / str(number)
        wheels = [make(folder, name, year=year) for name in ("win_amd64", "musllinux_1_2_x86_64")]
        assert bundle(folder, *wheels[::order]).returncode == 0
        made.append((folder / "trustbridge-1.2-py3-none-any.whl").read_bytes())
    assert made[0] == made[1]


def test_refusals(tmp_path):
    good = make(tmp_path / "good", "win_amd64")
    other = make(tmp_path / "other", "win32", **{"trustbridge/_openssl.py": b"differs"})
    finished = bundle(tmp_path / "out", good, other)
    assert finished.returncode == 1
    assert "trustbridge/_openssl.py in" in finished.stderr
    without = make(tmp_path / "without", "win32", **{"trustbridge/_native.pyd": None})
    finished = bundle(tmp_path / "out", without)
    assert "has 0 native modules" in finished.stderr
    later = tmp_path / "trustbridge-1.3-cp310-abi3-win32.whl"
    later.write_bytes(make(tmp_path / "later", "win32").read_bytes())
    finished = bundle(tmp_path / "out", good, later)
    assert "several releases" in finished.stderr
    assert not (tmp_path / "out").exists()


BELONGS = "does not belong there"
FAULTS = {
    "above": ({"../../evil.py": b""}, BELONGS),
    "above the package": ({"trustbridge/../evil.py": b""}, BELONGS),
    "absolute": ({"/etc/evil": b""}, BELONGS),
    "of another package": ({"requests/__init__.py": b""}, BELONGS),
    "at the top": ({"evil.pth": b"import os"}, BELONGS),
    "of another distribution": ({"other-1.0.dist-info/METADATA": b""}, BELONGS),
    "script": ({"trustbridge-1.2.data/scripts/evil": b""}, BELONGS),
    "backslash": ({"trustbridge\\..\\evil.py": b""}, BELONGS),
    "comma": ({"trustbridge/a,b.py": b""}, BELONGS),
    "one name on some systems": ({"trustbridge/_OPENSSL.py": b""}, "two files of one name"),
    "no licence": ({f"{INFO}/licenses/LICENSE-MIT": None}, "lacks its licences"),
    "no metadata": ({f"{INFO}/METADATA": None}, "lacks its licences"),
    "no record": ({f"{INFO}/RECORD": b""}, "not what its RECORD says"),
    "other contents": (
        {f"{INFO}/RECORD": f"trustbridge/__init__.py,sha256=AAAA,0\n{INFO}/RECORD,,\n".encode()},
        "not what its RECORD says",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_odd_wheels(tmp_path, fault):
    changed, words = FAULTS[fault]
    finished = bundle(tmp_path / "out", make(tmp_path, "win_amd64", **changed))
    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr.startswith("bundle: ") and words in finished.stderr
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_not_in_the_record(tmp_path):
    """Such as a signature of the record, which is not one of the bundle's."""
    wheel = make(tmp_path, "win_amd64")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr(f"{INFO}/RECORD.jws", b"")
    assert "not what its RECORD says" in bundle(tmp_path / "out", wheel).stderr


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_there_twice(tmp_path):
    wheel = make(tmp_path, "win_amd64")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("trustbridge/_openssl.py", b"pass\n")
    assert "two files of one name" in bundle(tmp_path / "out", wheel).stderr


def test_what_is_no_wheel(tmp_path):
    text = tmp_path / "trustbridge-1.2-cp310-abi3-win32.whl"
    text.write_text("not a wheel")
    with_build = tmp_path / "trustbridge-1.2-1-cp310-abi3-win32.whl"
    for path, words in (
        (text, "cannot be read"),
        (tmp_path / "trustbridge-1.2-cp310-abi3-win_amd64.whl", "cannot be read"),
        (tmp_path / "something", "no name of a wheel"),
        (with_build, "no name of a wheel"),
    ):
        finished = bundle(tmp_path / "out", path)
        assert finished.returncode == 1
        assert finished.stderr.startswith("bundle: ") and words in finished.stderr
