"""One verdict from the operating system's trust store, inside the handshakes of `ssl`.

    import trustbridge
    trustbridge.inject_into_ssl()

or, in a library, a context that is used like any `ssl.SSLContext`:

    context = trustbridge.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

Importing raises ImportError, with the reason, where the verdict cannot be given during the
handshake: see `HANDSHAKE_MODE`.
"""

from ._native import Verified, __version__
from ._selftest import run as _run_selftest

_run_selftest()
del _run_selftest

from ._context import SSLContext, SSLObject, SSLSocket  # noqa: E402  (needs a passed self-test)
from ._inject import extract_from_ssl, inject_into_ssl  # noqa: E402
from ._store import export_pem  # noqa: E402
from ._verify import VerificationError, verify  # noqa: E402

#: When the verdict is given. "in-handshake": by OpenSSL's own callback, before the client sends
#: a certificate or a byte of data.
HANDSHAKE_MODE = "in-handshake"

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
