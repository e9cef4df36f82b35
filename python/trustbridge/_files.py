"""Paths that are kept, and files that are recognised again."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    #: Size, device, inode, times of modification and of change.
    _Identity = tuple[int, int, int, int, int]


def absolute(path: str) -> str:
    """A path that stays what it is when the current directory changes. What ".." after a symbolic
    link means is for the system to decide."""
    if os.name == "nt":
        return os.path.abspath(path)
    try:
        return os.path.join(os.getcwd(), path)
    except OSError:  # the current directory has been removed
        return path


def file_identity(path: Any) -> _Identity | None:
    """What tells one state of a regular file from another; its size comes first. None for what is
    not the path of a regular file."""
    try:
        status = os.stat(path)
    except (OSError, TypeError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode) or isinstance(path, int):
        return None
    return (
        status.st_size,
        status.st_dev,
        status.st_ino,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
