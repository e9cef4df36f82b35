"""The classes of `ssl` that this package builds on, as they are when it is imported."""

import ssl
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _standard_context() -> "Any":
    """The standard library's class of contexts, or gevent's, which is made to be built on.

    Another copy of this package may have been injected: `python -m trustbridge run` with a
    program that has one of its own, such as pip. Copies of every version leave the mark
    `_builds_on`.
    """
    found: Any = ssl.SSLContext
    while isinstance(found, type):
        marked = [vars(base)["_builds_on"] for base in found.__mro__ if "_builds_on" in vars(base)]
        if not marked:
            break
        found = marked[0]
    # truststore's instances only stand for contexts, and its injection breaks the setters of the
    # class beneath. A metaclass would conflict with ours.
    home = sys.modules.get(getattr(found, "__module__", ""))
    if type(found) is not type or hasattr(home, "_original_SSLContext"):
        raise ImportError(f"trustbridge cannot build on {found!r}, which is ssl.SSLContext now")
    return found


# The classes of the standard library as they are now, whatever is injected later.
if TYPE_CHECKING:
    StdContext = ssl.SSLContext
else:
    StdContext = _standard_context()
StdObject = ssl.SSLObject
StdSocket = ssl.SSLSocket
CertificateError = ssl.SSLCertVerificationError
