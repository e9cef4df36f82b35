"""Each rule of release/check with what it must catch."""

import json
import re
import shutil
import subprocess
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pe
import pytest
import tomllib
from conftest import ROOT, commit_all, write_sums
from pipeline import checks
from pipeline.base import version_of
from spoil import (
    BUNDLE,
    NATIVE,
    append,
    both,
    dynamic,
    edit_member,
    edit_native,
    edit_tar,
    edit_wheel,
    first_python_symbol,
    in_section,
    replace,
    segment,
    tar_extra,
    tar_info,
    tar_text,
    wheel_of,
)

Spoil = Callable[[Path], None]
STEM = f"trustbridge-{version_of(ROOT)}"
PT_NULL, DT_RPATH, DT_RUNPATH, DT_TEXTREL = 0, 15, 29, 22


def test_the_artifacts_pass(small_dist: Path, clone: Path) -> None:
    found = checks.check(checks.open_dist(small_dist, clone))
    assert {name: problems for name, problems in found.items() if problems} == {}
    assert len(found) == len(checks.RULES) >= 30


def test_the_preview_passes(small_preview: Path, clone: Path) -> None:
    found = checks.check(checks.open_dist(small_preview, clone, preview=True))
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_a_preview_is_not_released(small_preview: Path, clone: Path) -> None:
    """Neither its folder nor any wheel of it passes for a release, by three rules at least."""
    found = checks.check(checks.open_dist(small_preview, clone))
    refusing = {name for name, problems in found.items() if problems}
    assert refusing >= {"files", "metadata", "not-for-release"}


def edit_bill(change: Callable[[dict], None]) -> Spoil:
    def apply(dist: Path) -> None:
        edit_member(dist, "/sboms/trustbridge.cdx.json", lambda data: _json(data, change))

    return apply


def edit_bill_of(pattern: str, change: Callable[[dict], None]) -> Spoil:
    def apply(dist: Path) -> None:
        (path,) = dist.glob(pattern)
        path.write_bytes(_json(path.read_bytes(), change))

    return apply


def _json(data: bytes, change: Callable[[dict], None]) -> bytes:
    bill = json.loads(data)
    change(bill)
    return json.dumps(bill, indent=2, sort_keys=True).encode() + b"\n"


def without_component(name: str) -> Callable[[dict], None]:
    """Removed as a careful forger would: the graph stays whole."""

    def change(bill: dict) -> None:
        (gone,) = [entry for entry in bill["components"] if entry["name"] == name]
        ref = gone["bom-ref"]
        below = next(edge["dependsOn"] for edge in bill["dependencies"] if edge["ref"] == ref)
        bill["components"].remove(gone)
        bill["dependencies"] = [edge for edge in bill["dependencies"] if edge["ref"] != ref]
        for edge in bill["dependencies"]:
            if ref in edge["dependsOn"]:
                edge["dependsOn"] = sorted({*edge["dependsOn"], *below} - {ref})

    return change


def with_component(bill: dict) -> None:
    ref = "pkg:cargo/never-linked@1.0.0"
    entry = {"type": "library", "bom-ref": ref, "purl": ref}
    bill["components"].append({**entry, "name": "never-linked", "version": "1.0.0"})
    bill["dependencies"].append({"ref": ref, "dependsOn": []})
    bill["dependencies"][0]["dependsOn"].append(ref)


def component(bill: dict, name: str) -> dict:
    return next(entry for entry in bill["components"] if entry["name"] == name)


def with_other_hash(bill: dict) -> None:
    component(bill, "untrusted")["hashes"][0]["content"] = "0" * 64


def flip_a_byte(dist: Path) -> None:
    path = wheel_of(dist)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def rename_wheel(old: str, new: str) -> Spoil:
    def apply(dist: Path) -> None:
        path = wheel_of(dist)
        path.rename(path.with_name(path.name.replace(old, new)))

    return apply


def remove(pattern: str) -> Spoil:
    def apply(dist: Path) -> None:
        for path in dist.glob(pattern):
            path.unlink()

    return apply


def remove_member(suffix: str, **more: object) -> Spoil:
    def change(members: dict[str, bytes]) -> None:
        del members[next(name for name in members if name.endswith(suffix))]

    return lambda dist: edit_wheel(dist, change, **more)


def add_member(name: str, data: bytes = b"", **more: object) -> Spoil:
    return lambda dist: edit_wheel(dist, lambda members: members.update({name: data}), **more)


def member(suffix: str, old: str, new: str, **more: object) -> Spoil:
    return lambda dist: edit_member(dist, suffix, replace(old, new), **more)


def entry(pattern: str = "*manylinux*x86_64.whl", **values: object) -> Spoil:
    def change(info: object) -> None:
        if info.filename == "trustbridge/__init__.py":
            for key, value in values.items():
                setattr(info, key, value)

    return lambda dist: edit_wheel(dist, entry=change, pattern=pattern)


def move_member(old: str, new: str, **more: object) -> Spoil:
    def change(members: dict[str, bytes]) -> None:
        for name in [name for name in members if old in name]:
            members[name.replace(old, new)] = members.pop(name)

    return lambda dist: edit_wheel(dist, change, **more)


def edit_member_native(change: Callable[[bytes], bytes]) -> Spoil:
    return lambda dist: edit_member(dist, NATIVE, change)


def for_plain_linux(dist: Path) -> None:
    """As maturin makes it without zig: consistent, and of this machine's C library."""
    tag = "cp310-abi3-linux_x86_64"
    edit_member(dist, "/WHEEL", lambda data: re.sub(rb"(?s)Tag:.*", f"Tag: {tag}\n".encode(), data))
    wheel_of(dist).rename(dist / f"{STEM}-{tag}.whl")


def twice(dist: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(wheel_of(dist), "a") as archive:
            archive.writestr("trustbridge/__init__.py", archive.read("trustbridge/__init__.py"))


def native(change: Callable[[bytearray], None]) -> Spoil:
    return edit_native(change)


SDIST, CRATE = "*.tar.gz", "*.crate"

# Name, the rule that must catch it, and the change. SHA256SUMS is made right afterwards, so that
# no other rule stands in for the one that is meant.
EXAMPLES: list[tuple[str, str, Spoil]] = [
    ("no sdist", "files", remove(SDIST)),
    ("no bill of the crate", "files", remove("*.crate.cdx.json")),
    ("no wheel", "files", remove("*cp310*.whl")),
    ("no bundle", "files", remove(BUNDLE)),
    ("a file too many", "files", lambda dist: (dist / "install.sh").touch()),
    ("licence lost in the wheel", "licences", remove_member("LICENSE-MIT")),
    (
        "licence changed in the sdist",
        "licences",
        edit_tar(SDIST, tar_text("LICENSE-MIT", "MIT", "X")),
    ),
    # Sources
    (
        "sdist: changed source",
        "sdist-is-the-commit",
        edit_tar(SDIST, tar_text("src/lib.rs", "//!", "//")),
    ),
    (
        "sdist: added build script",
        "sdist-is-the-commit",
        edit_tar(SDIST, tar_extra("build.rs", b"fn main() {}")),
    ),
    (
        "sdist: added dependency",
        "sdist-is-the-commit",
        edit_tar(SDIST, tar_text("Cargo.toml", r"\[dependencies\]", '[dependencies]\nevil = "1"')),
    ),
    (
        "sdist: other lock",
        "sdist-is-the-commit",
        edit_tar(SDIST, tar_text("Cargo.lock", 'checksum = "..', 'checksum = "00')),
    ),
    (
        "sdist: link",
        "sdist-is-the-commit",
        edit_tar(SDIST, tar_extra("README", b"", type=b"2", linkname="/etc/passwd")),
    ),
    ("sdist: file outside", "sdist-is-the-commit", edit_tar(SDIST, tar_extra("../evil", b""))),
    ("sdist: other time", "sdist-is-the-commit", edit_tar(SDIST, tar_info("src/lib.rs", mtime=1))),
    (
        "sdist: owner",
        "sdist-is-the-commit",
        edit_tar(SDIST, tar_info("src/lib.rs", uid=1000, uname="me")),
    ),
    ("sdist: mode", "sdist-is-the-commit", edit_tar(SDIST, tar_info("src/lib.rs", mode=0o666))),
    (
        "sdist: hardly anything",
        "sdist-is-the-commit",
        edit_tar(SDIST, lambda members: members.__delitem__(slice(10, None))),
    ),
    (
        "sdist: a file twice",
        "sdist-is-the-commit",
        edit_tar(SDIST, lambda members: members.append(members[5])),
    ),
    (
        "crate: changed source",
        "crate-is-the-commit",
        edit_tar(CRATE, tar_text("src/lib.rs", "//!", "//")),
    ),
    (
        "crate: added build script",
        "crate-is-the-commit",
        edit_tar(CRATE, tar_extra("build.rs", b"fn main() {}")),
    ),
    (
        "crate: other commit",
        "crate-is-the-commit",
        edit_tar(CRATE, tar_text(".cargo_vcs_info.json", '"[0-9a-f]{40}"', '"' + "0" * 40 + '"')),
    ),
    (
        "crate: added dependency",
        "crate-is-the-commit",
        edit_tar(
            CRATE,
            tar_text(
                "Cargo.toml",
                r"\[dependencies\.base64\]",
                '[dependencies.evil]\nversion = "1"\n[dependencies.base64]',
            ),
        ),
    ),
    (
        "crate: added feature",
        "crate-is-the-commit",
        edit_tar(CRATE, tar_text("Cargo.toml", r"\[features\]", "[features]\nevil = []")),
    ),
    (
        "crate: build script in the manifest",
        "crate-is-the-commit",
        edit_tar(CRATE, tar_text("Cargo.toml", "build = false", 'build = "src/lib.rs"')),
    ),
    (
        "crate: other checksum",
        "crate-is-the-commit",
        edit_tar(
            CRATE,
            tar_text("Cargo.lock", 'checksum = "[0-9a-f]{64}"', 'checksum = "' + "0" * 64 + '"'),
        ),
    ),
    # Wheels
    ("edited RECORD", "record", member("RECORD", "sha256=", "sha256=x", keep_record=True)),
    ("file not in RECORD", "record", add_member("trustbridge/evil.py", keep_record=True)),
    ("a member twice", "record", twice),
    (
        "content not of RECORD",
        "record",
        member("trustbridge/__init__.py", "trust", "trusT", keep_record=True),
    ),
    ("changed module", "wheel-members", member("trustbridge/__init__.py", "trust", "trusT")),
    ("added module", "wheel-members", add_member("trustbridge/evil.py")),
    ("top-level module", "wheel-members", add_member("sitecustomize.py")),
    (".pth file", "wheel-members", add_member("trustbridge.pth", b"import os\n")),
    ("lost module", "wheel-members", remove_member("/py.typed")),
    ("second library", "wheel-members", add_member("trustbridge/libz.so.1", b"\x7fELF")),
    ("data folder", "wheel-members", add_member(f"{STEM}.data/scripts/pip", b"#!python")),
    ("time of today", "wheel-members", entry(date_time=(2026, 1, 1, 0, 0, 0))),
    ("writable by a group", "wheel-members", entry(external_attr=0o100664 << 16)),
    ("writable by all", "wheel-members", entry(external_attr=0o100666 << 16)),
    ("setuid", "wheel-members", entry(external_attr=0o104755 << 16)),
    # The bundle
    ("bundle: licence lost", "licences", remove_member("LICENSE-MIT", pattern=BUNDLE)),
    (
        "bundle: edited RECORD",
        "record",
        member("RECORD", "sha256=", "sha256=x", keep_record=True, pattern=BUNDLE),
    ),
    (
        "bundle: builder's home",
        "builder-paths",
        edit_native(append(b"/home/builder/x"), "_native.abi3.so", pattern=BUNDLE),
    ),
    (
        "bundle: another module",
        "bundle",
        edit_native(append(b"\0"), "_native.abi3.so", pattern=BUNDLE),
    ),
    ("bundle: module lost", "bundle", remove_member("_native.abi3.so", pattern=BUNDLE)),
    (
        "bundle: module of no wheel",
        "bundle",
        add_member("trustbridge/native/linux-gnu-armv7l/_native.abi3.so", pattern=BUNDLE),
    ),
    (
        "bundle: module of another system",
        "bundle",
        move_member("native/linux-gnu-", "native/linux-musl-", pattern=BUNDLE),
    ),
    (
        "bundle: another bill",
        "bundle",
        member(".cdx.json", "CycloneDX", "CycloneXD", pattern=BUNDLE),
    ),
    ("bundle: bill lost", "bundle", remove_member(".cdx.json", pattern=BUNDLE)),
    ("bundle: changed file", "bundle", member("/_openssl.py", "import", "IMPORT", pattern=BUNDLE)),
    ("bundle: added file", "bundle", add_member("trustbridge/evil.py", pattern=BUNDLE)),
    ("bundle: file lost", "bundle", remove_member("/_openssl.py", pattern=BUNDLE)),
    (
        "bundle: a dependency",
        "bundle",
        member("METADATA", "Version:", "Requires-Dist: evil\nVersion:", pattern=BUNDLE),
    ),
    (
        "bundle: for one platform",
        "bundle",
        member("WHEEL", "py3-none-any", "py3-none-linux_x86_64", pattern=BUNDLE),
    ),
    (
        "bundle: not pure",
        "bundle",
        member("WHEEL", "Purelib: true", "Purelib: false", pattern=BUNDLE),
    ),
    ("bundle: time of today", "bundle", entry(BUNDLE, date_time=(2026, 1, 1, 0, 0, 0))),
    ("bundle: writable by all", "bundle", entry(BUNDLE, external_attr=0o100666 << 16)),
    ("other version", "version", member("/_version.py", "0.", "9.")),
    ("bundle: other version", "version", member("/_version.py", "0.", "9.", pattern=BUNDLE)),
    (
        "a dependency",
        "metadata",
        member("METADATA", "\nVersion:", "\nRequires-Dist: evil\nVersion:"),
    ),
    ("pure", "metadata", member("/WHEEL", "Purelib: false", "Purelib: true")),
    ("not a released platform", "metadata", for_plain_linux),
    ("another version", "metadata", member("METADATA", "\nVersion: ", "\nVersion: 9")),
    ("another Python", "metadata", member("METADATA", ">=3.10", ">=3.8")),
    (
        "tag of WHEEL",
        "metadata",
        member("WHEEL", "cp310-abi3-manylinux2014", "cp310-abi3-manylinux1"),
    ),
    ("tag of the name", "metadata", rename_wheel("manylinux2014_x86_64.manylinux_2_17", "linux")),
    ("private function of CPython", "stable-abi", native(first_python_symbol)),
    # Binaries
    ("another machine", "machine", native(lambda data: data.__setitem__(slice(18, 20), b"\xb7\0"))),
    ("no machine", "machine", edit_member_native(lambda data: b"text")),
    ("no RELRO", "relro", native(segment("PT_GNU_RELRO", PT_NULL))),
    (
        "lazy binding",
        "relro",
        native(both(dynamic("DT_FLAGS", new_value=0), dynamic("DT_FLAGS_1", new_value=0))),
    ),
    ("executable stack", "executable-memory", native(segment("PT_GNU_STACK", set_flags=1))),
    ("no stack header", "executable-memory", native(segment("PT_GNU_STACK", PT_NULL))),
    ("writable and executable", "executable-memory", native(segment("PT_LOAD", set_flags=3))),
    ("RPATH", "search-paths", native(dynamic("DT_VERNEEDNUM", DT_RPATH, 1))),
    ("RUNPATH", "search-paths", native(dynamic("DT_VERNEEDNUM", DT_RUNPATH, 1))),
    ("text relocations", "text-relocations", native(dynamic("DT_VERNEEDNUM", DT_TEXTREL, 0))),
    ("another library", "needed", native(in_section(".dynstr", b"libc.so.6", b"libz.so.1"))),
    (
        "glibc's library for musl",
        "needed",
        rename_wheel("manylinux2014_x86_64.manylinux_2_17", "musllinux_1_2"),
    ),
    (
        "glibc's symbols for musl",
        "glibc",
        rename_wheel("manylinux2014_x86_64.manylinux_2_17", "musllinux_1_2"),
    ),
    ("newer glibc", "glibc", native(in_section(".dynstr", b"\0GLIBC_2.2.5\0", b"\0GLIBC_2.999\0"))),
    (
        "another export",
        "exports",
        native(in_section(".dynstr", b"PyInit__native", b"PyInit__nativE")),
    ),
    (
        "no stack protector",
        "stack-protector",
        native(in_section(".dynstr", b"__stack_chk_fail", b"__stack_chk_xxxx")),
    ),
    ("debug section", "stripped", native(in_section(".shstrtab", b".comment\0", b".debug_x\0"))),
    ("builder's home", "builder-paths", native(append(b"/home/builder/trustbridge/src/lib.rs"))),
    ("builder's cargo", "builder-paths", native(append(b"x/.cargo/registry/src/a"))),
    ("scratch folder", "builder-paths", native(append(b"/tmp/tmpabc/x.c"))),
    ("registry's folder", "builder-paths", native(append(b"index.example.io-1949cf8c6b5b557f/x"))),
    (
        "builder in the metadata",
        "builder-paths",
        member("METADATA", "\n\n", "\n\nMade in /root/trustbridge\n"),
    ),
    (
        "builder in a bill",
        "builder-paths",
        edit_bill_of(
            "*.gz.cdx.json", lambda bill: component(bill, "libc").update(description="/home/me/x")
        ),
    ),
    # Bills of materials
    ("bill is not valid", "sbom-schema", edit_bill(lambda bill: bill.update(extra=1))),
    ("bill without a version", "sbom-schema", edit_bill(lambda bill: bill.pop("specVersion"))),
    (
        "bill about another",
        "sbom-schema",
        edit_bill(lambda bill: bill["metadata"]["component"].update(purl="pkg:pypi/other@1")),
    ),
    (
        "edge to nothing",
        "sbom-schema",
        edit_bill(lambda bill: bill["dependencies"][0]["dependsOn"].append("pkg:cargo/x@1")),
    ),
    (
        "no edge to a component",
        "sbom-schema",
        edit_bill(lambda bill: [edge["dependsOn"].clear() for edge in bill["dependencies"]]),
    ),
    ("bill minus one component", "sbom-is-the-binary", edit_bill(without_component("untrusted"))),
    ("bill plus one component", "sbom-is-the-binary", edit_bill(with_component)),
    ("bill without the toolchain", "sbom-is-the-binary", edit_bill(without_component("rust-std"))),
    (
        "no .dep-v0",
        "sbom-is-the-binary",
        native(in_section(".shstrtab", b".dep-v0\0", b".dep-v9\0")),
    ),
    ("no binary for the bill", "sbom-is-the-binary", edit_member_native(lambda data: b"text")),
    (
        "second bill",
        "sbom-schema",
        add_member(f"{STEM}.dist-info/sboms/other.cdx.json", b"{}"),
    ),
    ("other checksum in a bill", "sbom-is-the-lock", edit_bill(with_other_hash)),
    (
        "no checksum in a bill",
        "sbom-is-the-lock",
        edit_bill(lambda bill: component(bill, "untrusted").pop("hashes")),
    ),
    (
        "other checksum in the crate's bill",
        "sbom-is-the-lock",
        edit_bill_of("*.crate.cdx.json", with_other_hash),
    ),
    (
        "sdist's bill minus one",
        "sbom-is-the-source",
        edit_bill_of("*.gz.cdx.json", without_component("cc")),
    ),
    (
        "sdist that cannot be resolved",
        "sbom-is-the-source",
        edit_tar(SDIST, tar_text("Cargo.lock", "version = 4", "version = 99")),
    ),
    (
        "crate's bill minus one",
        "sbom-is-the-source",
        edit_bill_of("*.crate.cdx.json", without_component("subtle")),
    ),
    (
        "crate's bill plus one",
        "sbom-is-the-source",
        edit_bill_of("*.crate.cdx.json", with_component),
    ),
    (
        "C not named",
        "sbom-names-the-c",
        edit_bill(lambda bill: component(bill, "aws-lc-sys").pop("components")),
    ),
    (
        "C of another version",
        "sbom-names-the-c",
        edit_bill(lambda bill: component(bill, "aws-lc-sys")["components"][0].update(version="1")),
    ),
]


@pytest.mark.parametrize(
    ("rule", "spoil"), [pytest.param(*row[1:], id=row[0].replace(" ", "-")) for row in EXAMPLES]
)
def test_caught(dist: Path, clone: Path, rule: str, spoil: Spoil) -> None:
    spoil(dist)
    write_sums(dist)
    found = problems(dist, clone, rule)
    assert found, f"the rule {rule} does not see it"


# The same for the module of the wheel for Windows.
WINDOWS: list[tuple[str, str, Callable[[bytearray], None]]] = [
    ("PE of another machine", "machine", pe.field("FILE_HEADER", "Machine", lambda _: 0xAA64)),
    ("no DLL", "machine", pe.field("FILE_HEADER", "Characteristics", lambda old: old & ~0x2000)),
    ("executable data", "executable-memory", pe.without_flag(0x100)),
    ("writable code", "executable-memory", pe.section_flags(b".text", pe.WRITE)),
    ("fixed address", "address-space", pe.without_flag(0x40)),
    ("32 bits of address", "address-space", pe.without_flag(0x20)),
    ("relocations gone", "address-space", pe.directory(5)),
    (
        "relocations stripped",
        "address-space",
        pe.field("FILE_HEADER", "Characteristics", lambda old: old | 1),
    ),
    ("no control-flow guard", "control-flow-guard", pe.without_flag(0x4000)),
    ("control-flow guard without a table", "control-flow-guard", pe.directory(10)),
    ("another DLL", "needed", pe.text(b"KERNEL32.dll", b"KERNEL99.dll")),
    ("DLL for previews alone", "needed", pe.text(b"KERNEL32.dll\0", b"msvcrt.dll\0\0\0")),
    ("another PE export", "exports", pe.text(b"PyInit__native", b"PyInit__nativE")),
    (
        "export of AWS-LC in PE",
        "exports",
        pe.text(b"PyInit__native\0", b"aws_lc_0_1_0_x\0"),
    ),
    ("PE debug section", "stripped", pe.rename_section(b".reloc", b".debug_x")),
    ("PE symbols", "stripped", pe.field("FILE_HEADER", "NumberOfSymbols", lambda _: 1)),
    ("builder's disk", "builder-paths", append(rb"C:\Users\runneradmin\.cargo\lib.rs")),
    ("no .dep-v0 in PE", "sbom-is-the-binary", pe.rename_section(b".dep-v0", b".dep-v9")),
    ("private function for PE", "stable-abi", pe.text(b"PyModuleDef_Init", b"_PyPrivate_NotIn")),
    ("cut PE", "machine", lambda data: data.__delitem__(slice(0x180, None))),
]


@pytest.mark.parametrize(
    ("rule", "change"), [pytest.param(*row[1:], id=row[0].replace(" ", "-")) for row in WINDOWS]
)
def test_caught_in_pe(
    preview: Path, clone: Path, rule: str, change: Callable[[bytearray], None]
) -> None:
    assert problems(preview, clone, rule) == [], "it is refused as it is"
    edit_native(change, "_native.pyd", pattern="*win_amd64.whl")(preview)
    write_sums(preview)
    assert problems(preview, clone, rule), f"the rule {rule} does not see it"


def test_an_elf_file_for_windows(preview: Path, small_dist: Path, clone: Path) -> None:
    with zipfile.ZipFile(wheel_of(small_dist)) as archive:
        elf = archive.read(NATIVE)
    edit_member(preview, "_native.pyd", lambda data: elf, pattern="*win_amd64.whl")
    assert "is an ELF file" in problems(preview, clone, "machine")[0]


def test_a_binary_that_says_something_else(preview: Path, clone: Path) -> None:
    """The bill is as it was; the binary tells of another root and one crate more."""
    version = version_of(ROOT)
    packages = [
        {"name": "evil", "version": version, "root": True},
        {"name": "never-listed", "version": "1.0.0", "source": "local"},
    ]
    dep = zlib.compress(json.dumps({"packages": packages}).encode())
    edit_member(preview, "_native.pyd", lambda data: pe.library(dep), pattern="*win_amd64.whl")
    found = problems(preview, clone, "sbom-is-the-binary")
    assert any("the root of .dep-v0 is ['evil']" in problem for problem in found)
    assert any("never-listed 1.0.0 is only in" in problem for problem in found)


def test_a_preview_must_say_so(preview: Path, clone: Path) -> None:
    def change(bill: dict) -> None:
        del bill["metadata"]["properties"]

    edit_member(
        preview,
        "/sboms/trustbridge.cdx.json",
        lambda data: _json(data, change),
        pattern="*win_amd64.whl",
    )
    (preview / "NOT-FOR-RELEASE").unlink()
    assert problems(preview, clone, "files", preview=True)
    (preview / "NOT-FOR-RELEASE").write_text('{"rust": "1.0.0"}')
    assert "does not say" in problems(preview, clone, "not-for-release", preview=True)[0]
    assert "rust-std" in problems(preview, clone, "sbom-is-the-binary", preview=True)[0]


def problems(dist: Path, clone: Path, rule: str, preview: bool = False) -> list[str]:
    """What one rule says, as `checks.check` would report it."""
    function = checks.RULES[rule]
    try:
        return list(function(checks.open_dist(dist, clone, preview)))
    except Exception as error:
        return [repr(error)]


def test_every_rule_has_a_counter_example() -> None:
    caught = {rule for _, rule, _ in EXAMPLES} | {rule for _, rule, _ in WINDOWS}
    assert caught | {"sums", "not-for-release"} == checks.RULES.keys()


def test_another_version_than_the_commits(dist: Path, clone: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(clone, other)
    manifest = (other / "Cargo.toml").read_text()
    version = tomllib.loads(manifest)["workspace"]["package"]["version"]
    (other / "Cargo.toml").write_text(manifest.replace(f'"{version}"', '"99.0.0"', 1))
    commit_all(other)
    found = problems(dist, other, "version")
    assert any("_native.abi3.so is of the version" in problem for problem in found)
    assert any("_version.py says" in problem for problem in found)


@pytest.mark.parametrize(
    "spoil",
    [
        flip_a_byte,
        lambda dist: (dist / "SHA256SUMS").write_text(""),
        lambda dist: (dist / "x").touch(),
        remove(SDIST),
        lambda dist: (dist / "SHA256SUMS").write_text(
            (dist / "SHA256SUMS").read_text() + "0" * 64 + "  ../evil\n"
        ),
    ],
    ids=["flipped byte", "no sums", "file without a sum", "sum without a file", "path"],
)
def test_sums(dist: Path, clone: Path, spoil: Spoil) -> None:
    spoil(dist)
    assert problems(dist, clone, "sums")


def test_a_changed_hash_in_the_lock(dist: Path, clone: Path, tmp_path: Path) -> None:
    """The lock of the commit is another than that of the artifacts: three rules see it."""
    other = tmp_path / "other"
    shutil.copytree(clone, other)
    lock = (other / "Cargo.lock").read_text()
    at = lock.index('checksum = "', lock.index('name = "untrusted"\nversion = "0.9')) + 12
    (other / "Cargo.lock").write_text(lock[:at] + "0" * 64 + lock[at + 64 :])
    commit_all(other)
    for rule in ("sbom-is-the-lock", "crate-is-the-commit", "sdist-is-the-commit"):
        assert problems(dist, other, rule), rule


def test_an_unclean_checkout_is_refused(dist: Path, clone: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(clone, other)
    (other / "src" / "lib.rs").write_text("// changed\n")
    assert "not a clean checkout" in problems(dist, other, "sums")[0]


def test_the_program_fails_and_reports(dist: Path, clone: Path, tmp_path: Path) -> None:
    program = [sys.executable, ROOT / "release" / "check", dist, clone]
    report = tmp_path / "report.json"
    done = subprocess.run([*program, report], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert set(json.loads(report.read_text())["rules"].values()) == {"holds"}

    edit_native(segment("PT_GNU_STACK", set_flags=1))(dist)
    write_sums(dist)
    done = subprocess.run([*program, report], capture_output=True, text=True)
    assert done.returncode == 1
    assert "executable-memory: " in done.stdout
    assert NATIVE in json.loads(report.read_text())["rules"]["executable-memory"][0]
