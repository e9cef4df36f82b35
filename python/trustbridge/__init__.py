"""One verdict from the operating system's trust store, inside the handshakes of `ssl`.

    import trustbridge
    trustbridge.inject_into_ssl()

or, in a library, a context that is used like any `ssl.SSLContext`:

    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

When the verdict is given depends on the interpreter: see `HANDSHAKE_MODE`. Importing raises
ImportError, with the reason, where it cannot be given at all.
"""

from . import _mode
from ._context import SSLContext, SSLObject, SSLSocket
from ._inject import extract_from_ssl, inject_into_ssl
from ._native import Verified, __version__
from ._store import export_pem
from ._verify import VerificationError, verify

#: When the verdict is given. "in-handshake": by OpenSSL's own callback, before the client sends
#: a certificate or a byte of data. "deferred": right after the handshake, before a byte of data is
#: sent or received; a client certificate has been sent by then.
HANDSHAKE_MODE = _mode.HANDSHAKE_MODE

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
