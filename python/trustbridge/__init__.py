"""One verdict from the operating system's trust store, inside the handshakes of `ssl`.

    import trustbridge
    trustbridge.inject_into_ssl()

or, in a library, a context that is used like any `ssl.SSLContext`:

    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

When the verdict is given depends on the interpreter: see `HANDSHAKE_MODE`. Importing raises
ImportError, with the reason, where it cannot be given at all.
"""

import sys

from . import _std as _std  # the classes of `ssl` as they are now, whatever is injected later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import _native as _native
    from ._context import SSLContext
    from ._export import export_pem
    from ._inject import extract_from_ssl, inject_into_ssl
    from ._native import Certificate, Verified
    from ._sockets import SSLObject, SSLSocket
    from ._verify import VerificationError, verify
    from ._version import __version__ as __version__

    #: When the verdict is given. "in-handshake": by OpenSSL's own callback, before the client
    #: sends a certificate or a byte of data. "deferred": right after the handshake, before a byte
    #: of data is sent or received; a client certificate has been sent by then. "openssl": by
    #: OpenSSL itself, inside the handshake, because the native module is not there or finds no
    #: way into the `ssl` module.
    HANDSHAKE_MODE: str

#: Systems whose own verifier gives the verdicts: it has no settings but its own.
_SYSTEMS_THAT_DECIDE = ("win32", "cygwin", "darwin", "ios", "tvos", "watchos")
_SYSTEM_DECIDES = sys.platform in _SYSTEMS_THAT_DECIDE
#: `python -X trustbridge-mode=…`, for the tests.
_MODE_OPTION = "trustbridge-mode"

# The rest is imported when it is asked for, the native module too. To decide on the mode takes a
# context, and the first one of a process is most of what an import would cost: programs that never
# connect do not pay.

if not TYPE_CHECKING:  # or every name would be known

    def __getattr__(name):
        if name not in __all__ and name != "_native":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name == "_native":
            from ._mode import native as value
        else:
            value = getattr(_home_of(name), name)
        globals()[name] = value
        return value

    def _home_of(name):
        """The module that has a public name, in this mode."""
        if name == "__version__":
            from . import _version

            return _version
        from . import _mode as mode

        if name == "HANDSHAKE_MODE":
            return mode
        if name in ("SSLObject", "SSLSocket"):
            from . import _sockets as module
        elif name in ("extract_from_ssl", "inject_into_ssl"):
            from . import _inject as module
        elif mode.HANDSHAKE_MODE == mode.OPENSSL:
            if name in ("Certificate", "Verified"):
                from . import _openssl_report as module
            else:
                from . import _openssl as module
        elif name in ("VerificationError", "verify"):
            from . import _verify as module
        elif name == "export_pem":
            from . import _export as module
        elif name in ("Certificate", "Verified"):
            module = mode.native
        else:
            from . import _context as module
        return module


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

if _SYSTEM_DECIDES or _MODE_OPTION in getattr(sys, "_xoptions", {}):
    # Decided now, because the answer may be ImportError, which comes at import or never.
    from . import _mode as _mode
