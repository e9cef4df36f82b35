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
from ._sockets import SSLObject, SSLSocket
from ._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import _native
    from ._context import SSLContext
    from ._export import export_pem
    from ._inject import extract_from_ssl, inject_into_ssl
    from ._native import Certificate, Verified
    from ._verify import VerificationError, verify

    #: When the verdict is given. "in-handshake": by OpenSSL's own callback, before the client
    #: sends a certificate or a byte of data. "deferred": right after the handshake, before a byte
    #: of data is sent or received; a client certificate has been sent by then. "openssl": by
    #: OpenSSL itself, inside the handshake, because the native module is not there or finds no
    #: way into the `ssl` module.
    HANDSHAKE_MODE: str

_found, _no_native = _select.find()
if not TYPE_CHECKING:
    _native = _found
    if _found is None and _select.SYSTEM_DECIDES:
        _native, _no_way = _select.in_python()
        if _native is None:
            raise ImportError(
                f"trustbridge cannot ask this system's verifier: {_no_native}; {_no_way}"
            )
if _select.SYSTEM_DECIDES or _select.OPTION in getattr(sys, "_xoptions", {}):
    # Decided now, because the answer may be ImportError, which comes at import or never.
    from . import _mode as _mode

# The rest is imported when it is asked for. To decide on the mode takes a context, and the first
# one of a process is most of what an import would cost: programs that never connect do not pay.

if not TYPE_CHECKING:  # or every name would be known

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module: Any
        from . import _mode

        if name == "HANDSHAKE_MODE":
            module = _mode
        elif name in ("extract_from_ssl", "inject_into_ssl"):
            from . import _inject as module
        elif _mode.HANDSHAKE_MODE == _mode.OPENSSL:
            from . import _openssl as module
        elif name in ("VerificationError", "verify"):
            from . import _verify as module
        elif name == "export_pem":
            from . import _export as module
        elif name in ("Certificate", "Verified"):
            module = _native
        else:
            from . import _context as module
        value = globals()[name] = getattr(module, name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "HANDSHAKE_MODE",
    "Certificate",
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
