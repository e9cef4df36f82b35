"""Whether the variables of the caller decide what the program trusts."""

from __future__ import annotations

import os
import sys

_AUXILIARY_VECTOR, _AT_SECURE = "/proc/self/auxv", 23


def has_raised_privileges() -> bool:
    """Whether the program has privileges that its caller does not have: set-user-ID, set-group-ID,
    or capabilities of its file. Then the caller's variables do not decide what is trusted."""
    # Windows knows no such programs.
    if sys.platform == "win32" or not hasattr(os, "getuid"):
        return False
    if (os.getuid(), os.getgid()) != (os.geteuid(), os.getegid()):
        return True
    try:
        with open(_AUXILIARY_VECTOR, "rb") as file:
            vector = memoryview(file.read()).cast("L")
    except PermissionError:
        return True  # exactly such programs cannot read their own
    except (OSError, TypeError):
        return False  # not Linux
    return any(
        kind == _AT_SECURE and value for kind, value in zip(vector[::2], vector[1::2], strict=False)
    )
