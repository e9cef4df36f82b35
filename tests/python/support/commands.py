"""`python -m trustbridge` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import modes

COMMANDS = ("check", "store", "export", "run")


def start(*arguments, cwd=None, environment=None, python=("-W", "error")):
    """A process that finds what this one finds, from wherever it runs."""
    paths = [os.path.abspath(path) for path in sys.path if path]
    return dict(
        args=modes.python(*python, "-m", "trustbridge", *arguments),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(environment or {})},
        cwd=cwd,
    )


def call(*arguments, **options):
    return subprocess.run(
        **start(*arguments, **options), capture_output=True, text=True, timeout=120, check=False
    )


def one_line(done):
    """What went wrong is said in one line, without a traceback."""
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr
