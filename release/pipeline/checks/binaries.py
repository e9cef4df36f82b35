"""Rules for the extension modules, which are read as what they are, ELF or PE.

A rule about one of the two formats says so.
"""

import re

from .dist import Dist, Problems, machine_of, platforms, rule

# Libraries of the C runtime that PEP 600 and PEP 656 allow, by what the wheel's tag begins with.
NEEDED = {
    "manylinux": {
        "libc.so.6",
        "libm.so.6",
        "libdl.so.2",
        "libpthread.so.0",
        "librt.so.1",
        "libgcc_s.so.1",
        "ld-linux-x86-64.so.2",
        "ld-linux-aarch64.so.1",
    },
    "musllinux": {"libc.so", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"},
}
# What every supported Windows has, and the two that CPython brings.
NEEDED_PE = {
    "advapi32.dll",
    "api-ms-win-core-synch-l1-2-0.dll",
    "bcrypt.dll",
    "bcryptprimitives.dll",
    "crypt32.dll",
    "kernel32.dll",
    "ncrypt.dll",
    "ntdll.dll",
    "python3.dll",
    "secur32.dll",
    "userenv.dll",
    "vcruntime140.dll",
    "ws2_32.dll",
}
# The C runtime of the ordinary toolchain for Windows, and that of the one for previews.
UCRT = re.compile(r"api-ms-win-crt-[a-z]+-l1-1-0\.dll")
PREVIEW_PE = {"msvcrt.dll"}
# AWS-LC's copy of jitterentropy marks its functions for export on Windows, whatever the linker is
# told. Their names have the version of aws-lc-sys, and a PE import also names the file it is from.
ENTROPY = re.compile(r"aws_lc_\d+_\d+_\d+_jent_[a-z_]+")
MACHINES = {"x86_64": "EM_X86_64", "aarch64": "EM_AARCH64"}
MACHINES_PE = {"x86_64": "IMAGE_FILE_MACHINE_AMD64", "aarch64": "IMAGE_FILE_MACHINE_ARM64"}
# Of manylinux2014 (PEP 599), which is glibc 2.17.
NEWEST_GLIBC = (2, 17)

# A path of the machine that built: a home, a temporary folder, a runner's workspace, a tool's. The
# toolchain's own sources are /rustc/HASH/…, and ours are mapped to names that match none of these.
BUILDER = re.compile(
    rb"(?:/(?:root|home|tmp|var/tmp|var/folders|Users|mnt|github|runner|__w|opt/hostedtoolcache)/"
    rb"|[A-Za-z]:[\\/]Users[\\/]|\.cargo/registry|\.rustup/|site-packages/|trustbridge-release-)"
    rb"[A-Za-z0-9_.@+\-/\\]{2,}"
)
HOST = re.compile(rb"index\.[a-z.]+-[0-9a-f]{16}")


@rule
def machine(dist: Dist) -> Problems:
    """The module is for the machine and the kind of system that the tag names."""
    looked = 0
    for wheel, where, elf, _ in dist.elves():
        looked += 1
        if elf.machine != MACHINES[machine_of(wheel)]:
            yield f"{where} is for {elf.machine}"
        if platforms(wheel).startswith("win"):
            yield f"{where} is an ELF file"
    for wheel, where, pe, _ in dist.dlls():
        looked += 1
        if pe.machine != MACHINES_PE[machine_of(wheel)]:
            yield f"{where} is for {pe.machine}"
        if not platforms(wheel).startswith("win") or "DLL" not in pe.characteristics:
            yield f"{where} is a PE file"
    if looked != len(dist.wheels):
        yield f"{len(dist.wheels)} wheels have {looked} files of ELF or PE"


@rule
def relro(dist: Dist) -> Problems:
    """Full RELRO: the segment is there, and everything is bound before it is made read-only."""
    for _, where, elf, _ in dist.elves():
        if "PT_GNU_RELRO" not in elf.segments:
            yield f"{where} has no RELRO segment"
        flags = (elf.dynamic.get("DT_FLAGS") or [0])[0]
        flags_1 = (elf.dynamic.get("DT_FLAGS_1") or [0])[0]
        if not (flags & 0x8 or flags_1 & 0x1 or "DT_BIND_NOW" in elf.dynamic):
            yield f"{where} is not bound at load time (BIND_NOW)"


@rule
def executable_memory(dist: Dist) -> Problems:
    """The stack is not executable, and no segment is both writable and executable."""
    for _, where, elf, _ in dist.elves():
        stack = elf.segments.get("PT_GNU_STACK")
        if stack is None or any(flags & 1 for flags in stack):
            yield f"{where} asks for an executable stack"
        if any(flags & 3 == 3 for flags in elf.segments.get("PT_LOAD", [])):
            yield f"{where} has a segment that is writable and executable"
    for _, where, pe, _ in dist.dlls():
        if "NX_COMPAT" not in pe.flags:
            yield f"{where} asks for executable data (no NX_COMPAT)"
        for name in pe.writable_code:
            yield f"{where}: the section {name} is writable and executable"


@rule
def address_space(dist: Dist) -> Problems:
    """PE: loaded where the system likes, with all of its 64 bits. (A shared ELF file always is.)"""
    for _, where, pe, _ in dist.dlls():
        for flag in ("DYNAMIC_BASE", "HIGH_ENTROPY_VA"):
            if flag not in pe.flags:
                yield f"{where} has no {flag}"
        # Without them the flags promise what the loader cannot do.
        if "RELOCS_STRIPPED" in pe.characteristics or not pe.relocations:
            yield f"{where} has no relocations"


@rule
def control_flow_guard(dist: Dist) -> Problems:
    """PE: calls go where functions begin. GNU's linker cannot, so a preview does without."""
    for _, where, pe, _ in dist.dlls():
        if dist.preview:
            continue
        if "GUARD_CF" not in pe.flags or not pe.guard_table:
            yield f"{where} has no control-flow guard"


@rule
def search_paths(dist: Dist) -> Problems:
    """No RPATH and no RUNPATH: they name folders of whoever built it."""
    for _, where, elf, _ in dist.elves():
        for tag in ("DT_RPATH", "DT_RUNPATH"):
            if tag in elf.dynamic:
                yield f"{where} has {tag}"


@rule
def text_relocations(dist: Dist) -> Problems:
    for _, where, elf, _ in dist.elves():
        if "DT_TEXTREL" in elf.dynamic or (elf.dynamic.get("DT_FLAGS") or [0])[0] & 0x4:
            yield f"{where} has text relocations"


@rule
def needed(dist: Dist) -> Problems:
    """Nothing is loaded but the C runtime."""
    for wheel, where, elf, _ in dist.elves():
        family = "musllinux" if "musllinux" in wheel.file_name else "manylinux"
        for name in elf.dynamic.get("DT_NEEDED", []):
            if name not in NEEDED[family]:
                yield f"{where} needs {name}"
    for _, where, pe, _ in dist.dlls():
        allowed = NEEDED_PE | (PREVIEW_PE if dist.preview else set())
        for name in sorted(pe.imports.keys() - allowed):
            if not UCRT.fullmatch(name):
                yield f"{where} needs {name}"


@rule
def glibc(dist: Dist) -> Problems:
    """No symbol is newer than the tag promises."""
    for wheel, where, elf, _ in dist.elves():
        for version in sorted(elf.versions):
            family, _, number = version.partition("_")
            if "musllinux" in wheel.file_name:
                yield f"{where} wants {version} of a musl system"
            elif family == "GLIBC" and tuple(map(int, number.split("."))) > NEWEST_GLIBC:
                yield f"{where} wants {version}"


@rule
def exports(dist: Dist) -> Problems:
    """One symbol is visible, so that no other library can be bound to our AWS-LC."""
    for _, where, elf, _ in dist.elves():
        if elf.exports != {"PyInit__native"}:
            yield f"{where} exports {sorted(elf.exports)[:5]}"
    for _, where, pe, _ in dist.dlls():
        names = {name for name in pe.exports if not ENTROPY.fullmatch(name)}
        if names != {"PyInit__native"}:
            yield f"{where} exports {sorted(names)[:5]}"


@rule
def stack_protector(dist: Dist) -> Problems:
    """ELF: the C parts check their stack's canary. (Stable Rust has none for Rust code.)"""
    for _, where, elf, _ in dist.elves():
        if "__stack_chk_fail" not in elf.imports:
            yield f"{where} has no stack protector"


@rule
def stripped(dist: Dist) -> Problems:
    for _, where, elf, _ in dist.elves():
        for name in elf.debug:
            yield f"{where} has the section {name}"
    for _, where, pe, _ in dist.dlls():
        for name in pe.debug:
            yield f"{where} has the {name}"


@rule
def builder_paths(dist: Dist) -> Problems:
    """No artifact names a folder, a user or a registry of the machine that built it."""
    for wheel in [*dist.wheels, *dist.bundles]:
        for name, member in wheel.members.items():
            # The package's own sources are the commit's, and speak of such paths in their text.
            if not name.startswith(wheel.info) and name not in wheel.native():
                continue
            for pattern in (BUILDER, HOST):
                for match in sorted(set(pattern.findall(member.data)))[:3]:
                    yield f"{wheel.file_name}: {name} has {match.decode(errors='replace')!r}"
    for path in dist.folder.glob("*.cdx.json"):
        for match in sorted(set(BUILDER.findall(path.read_bytes())))[:3]:
            yield f"{path.name} has {match.decode(errors='replace')!r}"
