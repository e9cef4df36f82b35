"""A pytest plugin: the tests run on the package without its native module, or not at all."""

from __future__ import annotations

import differences
import pytest


def pytest_configure(config):
    import trustbridge
    from trustbridge import _mode, _native, _system

    assert _native is _system and _mode.HANDSHAKE_MODE == "deferred", trustbridge.__file__


def pytest_collection_modifyitems(items):
    for item in items:
        reason = differences.reason_without_native(item.path.name, item.name)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
