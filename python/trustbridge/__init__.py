"""One verdict from the operating system's trust store, inside the handshakes of `ssl`.

    import trustbridge
    trustbridge.inject_into_ssl()

or, in a library, a context that is used like any `ssl.SSLContext`:

    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

When the verdict is given depends on the interpreter: see `HANDSHAKE_MODE`. Importing raises
ImportError, with the reason, where it cannot be given at all.
"""

from __future__ import annotations

import sys

from . import _select
from ._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import _native
    from ._store import export_pem
    from ._verify import VerificationError, verify

_found, _reason = _select.find()
if _found is not None:
    from . import _mode

    if not _mode.HANDSHAKE_MODE:
        _found, _reason = None, _mode.explain(_mode.reasons)
if not TYPE_CHECKING:
    _native = _found  # None if it is not used
if _found is not None:
    from ._context import SSLContext, SSLObject, SSLSocket
    from ._native import Verified

    #: When the verdict is given. "in-handshake": by OpenSSL's own callback, before the client
    #: sends a certificate or a byte of data. "deferred": right after the handshake, before a byte
    #: of data is sent or received; a client certificate has been sent by then. "openssl": by
    #: OpenSSL itself, inside the handshake, because the native module is not there or finds no
    #: way into the `ssl` module.
    HANDSHAKE_MODE = _mode.HANDSHAKE_MODE
elif sys.platform in _select.NATIVE_ONLY:
    raise ImportError(f"trustbridge needs its native module on this system: {_reason}")
else:
    from . import _pure
    from ._pure import (  # type: ignore[assignment]
        SSLContext,
        SSLObject,
        SSLSocket,
        VerificationError,
        Verified,
        export_pem,
        verify,
    )

    _pure.reason = _reason
    HANDSHAKE_MODE = "openssl"

from ._inject import extract_from_ssl, inject_into_ssl  # noqa: E402  (needs the class chosen)

if not TYPE_CHECKING:  # or every name would be known

    def __getattr__(name: str) -> Any:
        """What no connection needs is imported when it is asked for."""
        module: Any
        if name in ("VerificationError", "verify"):
            from . import _verify as module
        elif name == "export_pem":
            from . import _store as module
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(module, name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "HANDSHAKE_MODE",
    "SSLContext",
    "SSLObject",
    "SSLSocket",
    "VerificationError",
    "Verified",
    "__version__",
    "export_pem",
    "extract_from_ssl",
    "inject_into_ssl",
    "verify",
]
