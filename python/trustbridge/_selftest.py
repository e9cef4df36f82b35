"""Makes sure that reaching OpenSSL through a context works here, before anything relies on it."""

from __future__ import annotations

import _ssl
import ssl
import sys

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: CPython versions that the tests of this package have run on. In each of them `SSL_CTX *` is the
#: first field of an `_ssl._SSLContext`. A version is added here only once the tests pass on it:
#: the pointer is read before anything can be compared, so another layout could crash.
TESTED = frozenset({(3, 10), (3, 11), (3, 12), (3, 13), (3, 14), (3, 15)})
#: The same for builds without a global lock: docs/interpreters.md.
TESTED_FREE_THREADED = frozenset({(3, 13)})


def failure() -> str | None:
    """Why the self-test fails, if it does. Only for interpreters that `unsupported` lets pass."""
    try:
        return compare()
    except ImportError as error:
        return str(error)
    except Exception as error:  # an OpenSSL that cannot make a context, for one
        return f"the self-test ended with {type(error).__name__}: {error}"


def unsupported() -> str | None:
    """Why this interpreter is not one that is known, if it is not."""
    if sys.implementation.name != "cpython":
        return f"{sys.implementation.name} is not CPython"
    free_threaded = "free-threading build" in sys.version
    if sys.version_info[:2] not in (TESTED_FREE_THREADED if free_threaded else TESTED):
        version = ".".join(map(str, sys.version_info[:2]))
        build = ", free-threaded," if free_threaded else ""
        return f"CPython {version}{build} is not one of the versions it is tested on"
    # The native module refuses other versions too, but only once it has found every function.
    if ssl.OPENSSL_VERSION_INFO[0] not in (3, 4) or "OpenSSL" not in ssl.OPENSSL_VERSION:
        return f"it needs OpenSSL 3 or 4, and this interpreter has {ssl.OPENSSL_VERSION}"
    return None


def compare() -> str | None:
    """What differs between a context's settings as Python has them and as OpenSSL has them."""
    tls12, tls13 = 0x303, 0x304
    cases = (
        # OpenSSL's SSL_VERIFY_PEER is 1, SSL_VERIFY_FAIL_IF_NO_PEER_CERT is 2.
        (ssl.CERT_NONE, 0, tls12, tls12, ssl.OP_NO_TICKET, ssl.VERIFY_X509_STRICT),
        (ssl.CERT_OPTIONAL, 1, tls12, tls13, ssl.OP_SINGLE_ECDH_USE, ssl.VERIFY_CRL_CHECK_LEAF),
        (ssl.CERT_REQUIRED, 3, tls13, tls13, ssl.OP_NO_RENEGOTIATION, ssl.VERIFY_CRL_CHECK_LEAF),
    )
    # One context for all: making it is most of the cost of this test. Of the type beneath the
    # classes of `ssl`, so whatever has been put in their place does not matter.
    context: Any = _ssl._SSLContext(int(ssl.PROTOCOL_TLS_CLIENT))
    context.check_hostname = False
    for mode, openssl_mode, minimum, maximum, option, flags in cases:
        context.verify_mode = int(mode)
        context.minimum_version = minimum
        context.maximum_version = maximum
        context.options |= int(option)
        context.verify_flags = int(flags)
        expected = (
            context.options & 0xFFFFFFFF,
            openssl_mode,
            minimum,
            maximum,
            context.verify_flags,
        )
        options, *rest = _native.read_settings(context)
        found = (options & 0xFFFFFFFF, *rest)
        if found != expected:
            return f"a context with the settings {expected} reads as {found}"
    # A context must give up what was attached to it when it is freed, or the functions found
    # belong to another copy of OpenSSL.
    trust = _native.Trust(context)
    if not trust.attached:
        return "nothing could be attached to a context"
    del context
    if trust.attached:
        return "OpenSSL did not free what was attached to a context"
    return None
