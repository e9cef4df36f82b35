"""The selector of the native module: it ends in a module or in a reason, whatever it finds."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import SimpleNamespace

import modes
import pytest
import trustbridge
from servers import Server, server_context
from trustbridge import _select

PACKAGE = Path(trustbridge.__file__).parent
NATIVE = Path(trustbridge._native.__file__)
#: For the stable ABI, or of this interpreter alone.
NAME = NATIVE.name
#: The mode without it.
WITHOUT = "deferred" if _select.SYSTEM_DECIDES else "openssl"


def copy(folder: Path) -> Path:
    """The package without its native module, below a folder."""
    target = folder / "trustbridge"
    shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
    for parent in target.relative_to(folder).parents:
        (folder / parent).mkdir(exist_ok=True)
    return target


def python(script: str, path: Path, *, name: str = "trustbridge") -> str:
    """What a script prints that finds the package as `t`, with nothing else of it in reach."""
    prelude = f"""
import sys
sys.path[:] = [entry for entry in sys.path if "site-packages" not in entry]
sys.path.insert(0, {str(path)!r})
"""
    finished = subprocess.run(
        [sys.executable, "-I", "-c", prelude + textwrap.dedent(script).replace("PACKAGE", name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, (finished.returncode, finished.stdout, finished.stderr)
    assert finished.stderr == ""
    return finished.stdout.strip()


OUTCOME = """
import PACKAGE as t
assert t.SSLContext.__module__.startswith("PACKAGE.")
from PACKAGE import _mode
print(t.HANDSHAKE_MODE, _mode.without_native)
"""


def test_beside_the_package(tmp_path):
    shutil.copy(NATIVE, copy(tmp_path) / NAME)
    assert python(OUTCOME, tmp_path) == modes.best()


@pytest.mark.parametrize(
    "name",
    ["trustbridge", "pip._vendor.trustbridge", "pipenv.patched.pip._vendor.trustbridge"],
)
@pytest.mark.parametrize("native", [True, False])
def test_any_name(tmp_path, name, native, localhost, untrusted, system_file):
    parents = name.split(".")[:-1]
    folder = tmp_path
    for parent in parents:
        folder = folder / parent
        folder.mkdir()
        (folder / "__init__.py").touch()
    package = copy(folder)
    if native:
        bundled = package / _select.FOLDER / _select.platform_name()
        bundled.mkdir(parents=True)
        shutil.copy(NATIVE, bundled / NAME)
    expected = modes.best() if native else WITHOUT
    with Server(server_context(localhost)) as good, Server(server_context(untrusted)) as bad:
        script = f"""
        import os, socket, ssl, PACKAGE as t
        os.environ["SSL_CERT_FILE"] = {system_file!r}
        os.environ["SSL_CERT_DIR"] = ""
        def connect(port):
            context = ssl.create_default_context()
            with socket.create_connection(("127.0.0.1", port)) as connection:
                with context.wrap_socket(connection, server_hostname="localhost") as secured:
                    return secured.version()
        t.inject_into_ssl()
        assert ssl.SSLContext is t.SSLContext
        assert connect({good.port})
        try:
            connect({bad.port})
        except ssl.SSLCertVerificationError as error:
            assert "issuer is not known" in str(error), error
            assert "other root" in str(error), error
        else:
            raise AssertionError
        t.extract_from_ssl()
        import runpy  # as `python -m PACKAGE --version`
        sys.argv = ["", "--version"]
        try:
            runpy.run_module("PACKAGE", run_name="__main__")
        except SystemExit as end:
            assert not end.code
        other = [name for name in sys.modules if "trustbridge" in name]
        assert all(name.startswith("PACKAGE") for name in other), other
        print(t.HANDSHAKE_MODE)
        """
        version = f"trustbridge {trustbridge.__version__}"
        assert python(script, tmp_path, name=name) == f"{version}\n{expected}"


@pytest.mark.parametrize("native", [True, False])
def test_beside_an_injected_copy(tmp_path, native, localhost, untrusted, system_file):
    """As `python -m trustbridge run` makes it for a program that has its own copy, such as pip."""
    other = tmp_path / "vendor"
    other.mkdir()
    for folder in (tmp_path, other):
        package = copy(folder)
        if native:
            shutil.copy(NATIVE, package / NAME)
    (other / "__init__.py").touch()
    with Server(server_context(localhost)) as good, Server(server_context(untrusted)) as bad:
        script = f"""
        import os, socket, ssl
        os.environ["SSL_CERT_FILE"] = {system_file!r}
        os.environ["SSL_CERT_DIR"] = ""
        standard = ssl.SSLContext
        import trustbridge
        def connect(t, port):
            context = t.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.verify_mode, context.options = ssl.CERT_REQUIRED, context.options
            with socket.create_connection(("127.0.0.1", port)) as connection:
                with context.wrap_socket(connection, server_hostname="localhost") as secured:
                    return secured.version()
        def check(*copies):
            for t in copies:
                assert isinstance(t.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext)
                assert connect(t, {good.port})
                try:
                    connect(t, {bad.port})
                except ssl.SSLCertVerificationError as error:
                    assert str(error).count("issuer is not known") == 1, error
                else:
                    raise AssertionError
        trustbridge.inject_into_ssl()
        import vendor.trustbridge as t
        assert t.SSLContext is not trustbridge.SSLContext
        assert not issubclass(trustbridge.SSLContext, t.SSLContext)
        check(trustbridge, t)
        t.inject_into_ssl()
        check(trustbridge, t)
        t.extract_from_ssl()
        check(trustbridge, t)
        trustbridge.extract_from_ssl()
        assert ssl.SSLContext is standard
        check(trustbridge, t)
        print(trustbridge.HANDSHAKE_MODE, t.HANDSHAKE_MODE)
        """
        mode = modes.best() if native else WITHOUT
        assert python(script, tmp_path) == f"{mode} {mode}"


REPLACED = {
    "one that stands for another": """
        import ssl, types
        fake = types.ModuleType("someone")
        fake._original_SSLContext = ssl.SSLContext
        class SSLContext(ssl.SSLContext): pass
        SSLContext.__module__ = "someone"
        sys.modules["someone"], ssl.SSLContext = fake, SSLContext
        """,
    "one with a metaclass": """
        import ssl
        class Meta(type): pass
        class SSLContext(ssl.SSLContext, metaclass=Meta): pass
        ssl.SSLContext = SSLContext
        """,
    "a function": "import ssl; ssl.SSLContext = lambda *arguments: None",
}


@pytest.mark.parametrize("case", REPLACED)
@pytest.mark.parametrize("native", [True, False])
def test_contexts_of_others(tmp_path, case, native):
    """What has been put into `ssl` and cannot be built on is an ImportError."""
    package = copy(tmp_path)
    if native:
        shutil.copy(NATIVE, package / NAME)
    script = textwrap.dedent(REPLACED[case]) + textwrap.dedent(
        """
        try:
            import PACKAGE
        except ImportError as error:
            print(error)
        """
    )
    message = python(script, tmp_path)
    assert message.startswith("trustbridge cannot build on ")


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="has one interpreter only")
@pytest.mark.parametrize("order", ["main, second, third, main", "second, third, main, second"])
def test_more_interpreters(tmp_path, order, localhost, untrusted, system_file):
    """One interpreter of a process has the native module; the others verify without it.

    As a server for several applications makes them, which lets modules in that have not said
    that they are made for it.
    """
    shutil.copy(NATIVE, copy(tmp_path) / NAME)
    with Server(server_context(localhost)) as good, Server(server_context(untrusted)) as bad:
        talk = f"""
        import os, socket, ssl, sys
        os.environ["SSL_CERT_FILE"] = {system_file!r}
        os.environ["SSL_CERT_DIR"] = ""
        sys.path.insert(0, {str(tmp_path)!r})
        import trustbridge
        def connect(port):
            context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            with socket.create_connection(("127.0.0.1", port)) as connection:
                with context.wrap_socket(connection, server_hostname="localhost") as secured:
                    return secured.version()
        for _ in range(5):
            assert connect({good.port})
            try:
                connect({bad.port})
            except ssl.SSLCertVerificationError as error:
                assert error.kind == "UnknownIssuer", error
            else:
                raise AssertionError
        print(trustbridge.HANDSHAKE_MODE, flush=True)
        """
        script = f"""
        talk = {textwrap.dedent(talk)!r}
        try:
            import _interpreters as interpreters
            kind = ["legacy"]
        except ImportError:
            import _xxsubinterpreters as interpreters
            kind = []
        settings = dict(isolated=False) if sys.version_info[:2] == (3, 12) else {{}}
        ids = {{}}
        for who in {order!r}.split(", "):
            if who == "main":
                exec(talk, {{}})
                continue
            if who not in ids:
                ids[who] = interpreters.create(*kind, **settings)
            failure = interpreters.run_string(ids[who], talk)
            assert failure is None, failure
        for number in ids.values():
            interpreters.destroy(number)
        """
        modes_found = python(script, tmp_path).split()
    first = order.split(", ")[0]
    assert modes_found == [modes.best() if who == first else WITHOUT for who in order.split(", ")]


def test_in_a_zip(tmp_path):
    package = copy(tmp_path)
    bundled = package / _select.FOLDER / _select.platform_name()
    bundled.mkdir(parents=True)
    shutil.copy(NATIVE, bundled / NAME)
    archive = tmp_path / "package.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for path in package.rglob("*"):
            target.write(path, path.relative_to(tmp_path))
    mode, _, reason = python(OUTCOME, archive).partition(" ")
    assert mode == WITHOUT
    assert "there is no native module" in reason


def truncated(share):
    def break_it(path):
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return break_it


def foreign_machine(path):
    data = bytearray(path.read_bytes())
    data[18:20] = (0xF7, 0x00) if sys.byteorder == "little" else (0x00, 0xF7)  # BPF
    path.write_bytes(data)


def other_byte_order(path):
    data = bytearray(path.read_bytes())
    data[5] = 3 - data[5]
    path.write_bytes(data)


def other_word_size(path):
    data = bytearray(path.read_bytes())
    data[4] = 3 - data[4]
    path.write_bytes(data)


def other_library(path):
    import _ctypes

    shutil.copy(_ctypes.__file__, path)


def directory(path):
    path.unlink()
    path.mkdir()


def dangling(path):
    path.unlink()
    path.symlink_to("nowhere")


def program_headers_beyond(path):
    data = bytearray(path.read_bytes())
    data[32:40] = (len(data) - 8).to_bytes(8, sys.byteorder)
    path.write_bytes(data)


def huge_program_headers(path):
    data = bytearray(path.read_bytes())
    data[54:58] = b"\xff\xff\xff\xff"
    path.write_bytes(data)


def program_headers_nowhere(path):
    data = bytearray(path.read_bytes())
    data[32:40] = b"\xff" * 8
    path.write_bytes(data)


def zeros_from(share):
    def zero(path):
        data = path.read_bytes()
        start = int(len(data) * share)
        path.write_bytes(data[:start] + bytes(len(data) - start))

    return zero


def fifo(path):
    path.unlink()
    os.mkfifo(path)


BROKEN = {
    "empty": (truncated(0), "cut off" if _select.SYSTEM_DECIDES else "not an ELF file"),
    "ELF header only": (lambda path: path.write_bytes(path.read_bytes()[:64]), "cut off"),
    "half an ELF header": (lambda path: path.write_bytes(path.read_bytes()[:30]), "ELF file"),
    "an eighth": (truncated(0.125), "cut off"),
    "half": (truncated(0.5), "cut off"),
    "nearly all": (truncated(0.999), "cut off"),
    "headers beyond the end": (program_headers_beyond, "cut off"),
    "headers nowhere": (program_headers_nowhere, "cut off"),
    "headers of 4 GB": (huge_program_headers, "not a complete ELF file"),
    "zeros from an eighth": (zeros_from(0.125), "not a complete ELF file"),
    "zeros from half": (zeros_from(0.5), "not a complete ELF file"),
    "zeros at the very end": (zeros_from(0.999), "not a complete ELF file"),
    "FIFO": (fifo, "is not a regular file"),
    "text": (lambda path: path.write_text("not a library"), "not an ELF file"),
    "foreign machine": (foreign_machine, "cannot be loaded"),
    "other byte order": (other_byte_order, "ELF file"),
    "other word size": (other_word_size, ""),
    "other library": (other_library, "cannot be loaded"),
    "directory": (directory, "is not a regular file"),
    "dangling link": (dangling, "cannot be read"),
    "missing": (lambda path: path.unlink(), "there is no native module"),
    "renamed": (lambda path: path.rename(path.with_name("_other.abi3.so")), "there is no native"),
}


if _select.SYSTEM_DECIDES:
    # The format is another, and the loaders of these systems look for themselves.
    whole = {case: BROKEN[case] for case in ("directory", "empty", "missing", "renamed")}
    cut = {case: (BROKEN[case][0], "cannot be loaded") for case in ("half", "text")}
    BROKEN = {**whole, **cut}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("bundled", [True, False])
def test_broken_files(tmp_path, case, bundled):
    break_it, words = BROKEN[case]
    package = copy(tmp_path)
    folder = package / _select.FOLDER / _select.platform_name() if bundled else package
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    shutil.copy(NATIVE, path)
    break_it(path)
    mode, _, reason = python(OUTCOME, tmp_path).partition(" ")
    assert mode == WITHOUT
    assert words in reason and reason


@pytest.mark.parametrize("name", ["_native.so", "_native.py", "_native/__init__.py"])
def test_another_file_that_importing_prefers(tmp_path, name):
    """Nobody has looked whether it is whole."""
    if name == "_native.so" and ".so" not in EXTENSION_SUFFIXES:
        pytest.skip("importing does not look for it")
    package = copy(tmp_path)
    bundled = package / _select.FOLDER / _select.platform_name()
    bundled.mkdir(parents=True)
    shutil.copy(NATIVE, bundled / NAME)
    other = package / name
    other.parent.mkdir(exist_ok=True)
    other.write_bytes(NATIVE.read_bytes()[: NATIVE.stat().st_size // 2])
    mode, _, reason = python(OUTCOME, tmp_path).partition(" ")
    assert mode == WITHOUT
    assert f"{other} would be imported instead of {bundled / NAME}" in reason


def test_other_version(tmp_path):
    package = copy(tmp_path)
    shutil.copy(NATIVE, package / NAME)
    (package / "_version.py").write_text('__version__ = "99.0"\n')
    mode, _, reason = python(OUTCOME, tmp_path).partition(" ")
    assert mode == WITHOUT
    assert f"is of version {trustbridge.__version__}, not 99.0" in reason


CONDITIONS = {
    "PyPy": ("sys.implementation.name = 'pypy'", "pypy is not CPython"),
    "free-threaded": (
        "import _imp\n"
        "_imp.extension_suffixes = lambda: ['.cpython-313t-x86_64-linux-gnu.so', '.so']",
        "does not load modules named",
    ),
    "free-threaded with abi3": ("sys.abiflags = 't'", "free-threaded"),
    "another machine": (
        "import os\nuname = os.uname()\n"
        "os.uname = lambda: os.uname_result((*uname[:4], 'riscv64'))",
        "there is no native module for linux-gnu-riscv64",
    ),
    "musl": ("import os\nos.confstr = lambda name: None", "no native module for linux-musl"),
    "Android": (
        "sys.getandroidapilevel = lambda: 24",
        "no native module for linux-bionic",
    ),
    "another module of that name": (
        "import types\nname = 'trustbridge._native'\nsys.modules[name] = types.ModuleType(name)",
        "cannot be loaded: module 'trustbridge._native' has no attribute",
    ),
    "a system without uname": (
        "import os\ndel os.uname",
        "looking for the native module: AttributeError",
    ),
    "panic": (
        "import builtins\nplain = builtins.__import__\nclass Panic(BaseException): pass\n"
        "def fake(name, globals=None, locals=None, fromlist=(), level=0):\n"
        "    if name.endswith('._native'): raise Panic('at the disco')\n"
        "    return plain(name, globals, locals, fromlist, level)\n"
        "builtins.__import__ = fake",
        "cannot be loaded: at the disco",
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="names Linux")
@pytest.mark.skipif(".abi3." not in NAME, reason="is made for this interpreter alone")
@pytest.mark.parametrize("case", CONDITIONS)
def test_odd_interpreters(tmp_path, case):
    change, words = CONDITIONS[case]
    bundled = copy(tmp_path) / _select.FOLDER / _select.platform_name()
    bundled.mkdir(parents=True)
    shutil.copy(NATIVE, bundled / NAME)
    mode, _, reason = python(f"{change}\n{textwrap.dedent(OUTCOME)}", tmp_path).partition(" ")
    assert mode == WITHOUT
    assert words in reason


@pytest.mark.skipif(sys.platform != "linux", reason="ELF")
def test_no_exception_whatever_the_headers_say(tmp_path):
    """Every number of the ELF header, and the first bytes of each segment's, set to odd values."""
    original = NATIVE.read_bytes()
    path = tmp_path / NAME
    with open(path, "wb") as file:
        file.write(original)
    for at in [*range(64), *range(64, 64 + 3 * 56)]:
        for value in (0, 1, 0x7F, 0x80, 0xFF):
            with open(path, "r+b") as file:
                file.seek(at)
                file.write(bytes([value]))
            try:
                _select.check_file(str(path))
            except _select.Unavailable:
                pass
            with open(path, "r+b") as file:
                file.seek(at)
                file.write(original[at : at + 1])
    _select.check_file(str(path))


def noexec_folder() -> str | None:
    """A folder that can be written to, and from which nothing is executed."""
    try:
        with open("/proc/self/mounts") as mounts:
            lines = [line.split() for line in mounts]
    except OSError:
        return None
    for _, folder, kind, options, *_ in lines:
        if "noexec" in options.split(",") and kind == "tmpfs" and os.access(folder, os.W_OK):
            return folder
    return None


def test_noexec(tmp_path):
    """Such as a home directory can be. Without one at hand the loader's answer is made up."""
    folder = noexec_folder()
    words = "failed to map segment from shared object"
    if folder is None:
        shutil.copy(NATIVE, copy(tmp_path) / NAME)
        fake = (
            "import importlib.machinery as m\n"
            "plain = m.ExtensionFileLoader.create_module\n"
            "def create(self, spec):\n"
            " if '_native' not in spec.name: return plain(self, spec)\n"
            f" raise ImportError(f'{{spec.origin}}: {words}: Operation not permitted')\n"
            "m.ExtensionFileLoader.create_module = create\n"
        )
        mode, _, reason = python(fake + textwrap.dedent(OUTCOME), tmp_path).partition(" ")
    else:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            shutil.copy(NATIVE, copy(Path(name)) / NAME)
            mode, _, reason = python(OUTCOME, Path(name)).partition(" ")
    assert mode == WITHOUT
    assert "cannot be loaded" in reason and words in reason


@pytest.mark.parametrize("system", trustbridge._SYSTEMS_THAT_DECIDE)
def test_systems_whose_own_verifier_decides(tmp_path, system):
    """Without the native module Python asks it, where Python can; else importing says why not."""
    copy(tmp_path)
    script = f"""
    import os, ssl
    from importlib import machinery
    sys.platform = {system!r}
    try:
        import PACKAGE
    except ImportError as error:
        print(error)
    else:
        PACKAGE.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        print(PACKAGE.HANDSHAKE_MODE, "ctypes" in sys.modules)
    """
    message = python(script, tmp_path)
    if system in _select.ASKED_FROM_PYTHON:
        assert message == "deferred False"
    else:
        assert message.startswith("trustbridge cannot ask this system's verifier: there is no nat")
        assert message.endswith(f"; nothing else can ask the verifier of {system}")


def test_a_system_that_decides_and_an_interpreter_without_ctypes(tmp_path):
    copy(tmp_path)
    script = """
    import os, ssl
    from importlib import machinery, util
    find_spec = util.find_spec
    util.find_spec = lambda name: None if name == "_ctypes" else find_spec(name)
    sys.platform = "win32"
    try:
        import PACKAGE
    except ImportError as error:
        print(error)
    """
    assert python(script, tmp_path).endswith(
        "; this interpreter has no ctypes, which could ask the system's verifier"
    )


GLIBC, MUSL = "glibc 2.36", OSError(22, "Invalid argument")


@pytest.mark.parametrize(
    ("system", "machine", "libc", "folder"),
    [
        ("linux", "x86_64", GLIBC, "linux-gnu-x86_64"),
        ("linux", "aarch64", GLIBC, "linux-gnu-aarch64"),
        ("linux", "x86_64", MUSL, "linux-musl-x86_64"),
        ("linux", "aarch64", MUSL, "linux-musl-aarch64"),
        ("linux", "aarch64", None, "linux-musl-aarch64"),
        ("darwin", "arm64", None, "macos-aarch64"),
        ("win32", "", None, "windows-x86_64"),
    ],
)
def test_the_folder_of_a_machine(monkeypatch, system, machine, libc, folder):
    """As `release/bundle` names it for the wheel of that machine: see test_bundle.py."""

    def confstr(name):
        assert name == "CS_GNU_LIBC_VERSION"
        if isinstance(libc, OSError):
            raise libc
        return libc

    monkeypatch.setattr(os, "confstr", confstr, raising=False)
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=machine), raising=False)
    monkeypatch.setattr(sys, "platform", system)
    assert _select.platform_name() == folder


def test_version_is_the_crates():
    root = Path(__file__).parents[2]
    cargo = (root / "Cargo.toml").read_text()
    assert f'\nversion = "{trustbridge.__version__}"\n' in cargo


def test_no_absolute_imports():
    """`vendoring` rewrites some of them and cannot rewrite others; relative ones just work."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names.append(node.module or "")
            assert not any(name.partition(".")[0] == "trustbridge" for name in names), path


def test_no_write_below_the_package(tmp_path):
    package = copy(tmp_path)
    shutil.copy(NATIVE, package / NAME)
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    python("sys.dont_write_bytecode = True\nimport PACKAGE, os\nassert os", tmp_path)
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before
    assert os.path.exists(package)
