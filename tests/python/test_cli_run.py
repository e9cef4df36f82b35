"""`python -m trustbridge run`."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest
from commands import call, start

# run: each program once as `python` runs it and once as we do


def same(tmp_path, *arguments, python=(), **options):
    """Runs a program both ways; what it does must be the same. The outcome."""
    options = {"capture_output": True, "text": True, "timeout": 120, "check": False, **options}
    ours = start("run", *arguments, cwd=tmp_path, python=python)
    plain = {**ours, "args": [sys.executable, *python, *arguments]}
    expected, found = subprocess.run(**plain, **options), subprocess.run(**ours, **options)
    assert found.stdout == expected.stdout
    assert found.stderr == expected.stderr
    assert found.returncode == expected.returncode
    return found


PROGRAM = """
import sys
print(__name__, __file__, __package__, __doc__, __spec__ and __spec__.name, sorted(vars()))
print(sys.argv, sys.path[0], sys.modules["__main__"].__dict__ is globals())
print(type(__loader__), __builtins__)
import neighbour
"""


@pytest.fixture
def program(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "neighbour.py").write_text("print('neighbour')\n")
    (folder / "program.py").write_text(PROGRAM)
    (folder / "__main__.py").write_text("import sys, neighbour\nprint(sys.argv, sys.path[0])\n")
    (folder / "__init__.py").write_text("")
    return folder


def test_run_injects(tmp_path):
    path = tmp_path / "program.py"
    path.write_text("import ssl; print(ssl.SSLContext.__module__)")
    done = call("run", str(path))
    assert (done.returncode, done.stdout) == (0, "trustbridge._context\n")


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-m", "x", "--", "-h")])
def test_run_a_script(tmp_path, program, arguments):
    same(tmp_path, "folder/program.py", *arguments)
    same(tmp_path, str(program / "program.py"), *arguments)
    link = tmp_path / "link.py"
    link.symlink_to(program / "program.py")
    same(tmp_path, "link.py", *arguments)


def test_run_a_folder_and_an_archive(tmp_path, program):
    import zipfile

    same(tmp_path, "folder", "argument")
    with zipfile.ZipFile(tmp_path / "archive.pyz", "w") as archive:
        archive.writestr("__main__.py", "import sys; print(sys.argv, sys.path[0], __name__)")
    same(tmp_path, "archive.pyz", "argument")


def test_run_a_module(program):
    same(program, "-m", "program", "--help", "-m")
    same(program.parent, "-m", "folder.neighbour")
    (program / "relative.py").write_text("from . import neighbour; print(__package__)")
    same(program.parent, "-m", "folder.relative", "x")


def test_no_such_module(program):
    done = same(program, "-m", "nonexistent")
    assert done.returncode == 1
    assert same(program, "-m", "program.nonexistent").returncode == 1


def test_no_such_script(tmp_path):
    assert same(tmp_path, "nonexistent.py").returncode == 2
    assert same(tmp_path, "nonexistent/").returncode == 2


ENDS = {
    "nothing": "",
    "exit 0": "raise SystemExit",
    "exit 7": "import sys; sys.exit(7)",
    "exit with text": "import sys; sys.exit('goodbye')",
    "exit hard": "import os; os._exit(9)",
    "exception": "def f():\n    1 / 0\nf()",
    "exception with a cause": "try:\n    1 / 0\nexcept Exception as e:\n    raise KeyError from e",
    "exception with a context": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    {}[1]",
    "syntax error": "def f(:\n",
    "syntax error below": "exec('def f(:')",
    "own hook": "import sys\nsys.excepthook = lambda *a: print(a[0], a[2].tb_lineno)\n1 / 0",
    "interrupt": "import atexit\natexit.register(print, 'atexit')\nraise KeyboardInterrupt",
    "at exit": "import atexit\natexit.register(lambda: print(__name__))",
    "thread outlives": "import threading, time\ndef f():\n    time.sleep(0.2)\n    print(1)\n"
    "threading.Thread(target=f).start()",
    "pickle": "import pickle\nclass C: pass\nprint(type(pickle.loads(pickle.dumps(C()))))",
    "future": "print(type(1).__name__)\ndef f(x: nonsense): pass\n",
    "doc": "'documentation'\nprint(__doc__)",
    "output": "import sys\nsys.stdout.write('x' * 100)\nsys.stderr.write('y')",
}


@pytest.mark.parametrize("end", ENDS)
def test_run_ends_as_python_ends(tmp_path, end):
    (tmp_path / "program.py").write_text(ENDS[end])
    same(tmp_path, "program.py")


@pytest.mark.parametrize("source", [b"print(1)\0", b"# coding: nonsense\n"])
def test_run_what_is_no_source(tmp_path, source):
    """The interpreter has words of its own for these."""
    (tmp_path / "program.py").write_bytes(source)
    done = call("run", "program.py", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    # ValueError for NUL bytes before 3.12.
    assert re.search("SyntaxError|ValueError", done.stderr)
    assert "run.py" not in done.stderr


#: STATUS_CONTROL_C_EXIT, or death by the signal.
INTERRUPTED = 0xC000013A if sys.platform == "win32" else -signal.SIGINT


def test_run_dies_of_interrupts(tmp_path):
    (tmp_path / "program.py").write_text("raise KeyboardInterrupt")
    done = same(tmp_path, "program.py")
    assert done.returncode == INTERRUPTED


@pytest.mark.skipif(sys.version_info < (3, 11), reason="-P is new in 3.11")
def test_run_with_a_safe_path(tmp_path, program):
    (program / "program.py").write_text("import neighbour")
    done = same(tmp_path, "folder/program.py", python=("-P",))
    assert "ModuleNotFoundError" in done.stderr
    same(tmp_path, "folder", python=("-P",))


def test_run_reads_standard_input(tmp_path):
    (tmp_path / "program.py").write_text("print(input())")
    assert same(tmp_path, "program.py", input="something\n").stdout == "something\n"


def test_run_as_on_windows(tmp_path, monkeypatch):
    """What the interpreter makes of a script's name and of an interrupt there."""
    from trustbridge._cli import run

    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    here = str(tmp_path).replace("/", "\\")
    for path in ("folder/program.py", "./folder/program.py", "folder\\program.py"):
        assert run._filename(path, windows=True) == f"{here}\\folder\\program.py"
    for path in ("folder/", "folder\\"):
        assert run._filename(path, windows=True) == f"{here}\\folder\\"
    assert run._filename("C:/", windows=True) == "C:\\"
    assert run._status(KeyboardInterrupt(), windows=True) % 2**32 == 0xC000013A
    assert run._status(ValueError(), windows=True) == 1
    assert run._status(KeyboardInterrupt(), windows=False) == 1
