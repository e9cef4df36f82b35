"""SSL_CERT_FILE and SSL_CERT_DIR where the system's certificates are not files.

On Unix the native module reads both variables. The verifiers of Windows and Apple know neither, so
there the certificates that they name take the place of the system's, as they do on Unix.
"""

from __future__ import annotations

import os

from . import _native
from ._files import absolute
from ._select import SYSTEM_DECIDES

#: Whether the variables are read here.
replaces_system = SYSTEM_DECIDES


def apply(trust: _native.Trust) -> list[str]:
    """Reads the variables, now. Returns each place that one names, and what was found there."""
    if not replaces_system:
        return []
    batches, searched = [], []
    for variable in ("SSL_CERT_FILE", "NIX_SSL_CERT_FILE"):
        value = os.environ.get(variable)
        if value:
            path = absolute(value)
            try:
                batches.append(_native.read_file(path))
            except OSError as error:
                searched.append(f"{variable} {path} ({error})")
            else:
                searched.append(f"{variable} {path} ({_certificates(batches[-1])})")
            break
    for value in os.environ.get("SSL_CERT_DIR", "").split(os.pathsep):
        if value:
            path = absolute(value)
            batches.append(_native.read_directory(path))
            searched.append(f"SSL_CERT_DIR {path} ({_certificates(batches[-1])})")
    trust.replace_system(batches, searched)
    return searched


def _certificates(batch: _native.Batch) -> str:
    count = len(batch)
    return f"{count} certificate{'' if count == 1 else 's'}"
