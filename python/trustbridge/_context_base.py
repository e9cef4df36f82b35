"""What the backends share: the classes of `ssl` beneath, what injection changes, the sockets."""

from __future__ import annotations

import os
import ssl
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket
    from typing import Any


def _standard_context() -> Any:
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

#: Set by `inject_into_ssl`: the class that is now `ssl.SSLContext`.
injected: type | None = None
#: Set by `inject_into_ssl`, for the contexts made from then on.
respect_cafile = False

PARTIAL_CHAIN = 0x80000
#: The bits of verify_flags that have their meaning here. TRUSTED_FIRST and PARTIAL_CHAIN are how
#: paths are always built. OpenSSL knows more, such as proxy certificates, but what a program may
#: ask for must not depend on the mode.
HONOURED = (
    int(ssl.VERIFY_CRL_CHECK_CHAIN)  # CRL_CHECK_LEAF among them
    | int(ssl.VERIFY_X509_STRICT)
    | int(ssl.VERIFY_X509_TRUSTED_FIRST)
    | PARTIAL_CHAIN
)


def absolute(path: str) -> str:
    """A path that stays what it is when the current directory changes. What ".." after a symbolic
    link means is for the system to say."""
    if os.name == "nt":
        return os.path.abspath(path)
    try:
        return os.path.join(os.getcwd(), path)
    except OSError:  # the current directory has been removed
        return path


def check_flags(value: int) -> None:
    """Raises ValueError for a bit of verify_flags without an effect on the verdict."""
    refused = int(value) & ~HONOURED & 0xFFFFFFFF
    if refused:
        raise ValueError(f"verify_flags: trustbridge cannot honour {refused:#x}")


def add_words(error: ssl.SSLCertVerificationError, line: str) -> None:
    """Puts a line behind OpenSSL's words in the message of an exception that `ssl` has made."""
    text = error.strerror or ""
    # "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: <OpenSSL's words> (_ssl.c:1007)"
    words, found, place = text.rpartition(" (_ssl.c:")
    if not found:
        words = text
    text = f"{words}: {line}{found}{place if found else ''}"
    error.args = (error.args[0], text)
    error.strerror = text


def add_report(
    error: ssl.SSLCertVerificationError, kind: str, depth: int | None, report: str
) -> None:
    """Puts what is known beside the message of an exception."""
    error.kind = kind  # type: ignore[attr-defined]
    error.depth = depth  # type: ignore[attr-defined]
    error.report = report  # type: ignore[attr-defined]
    if sys.version_info >= (3, 11):
        error.add_note(report)


def _explain(error: ssl.SSLCertVerificationError, connection: Any) -> None:
    """Adds the backend's words to an exception that its verdict has raised just now."""
    explain = getattr(connection.context, "_explain", None)
    # On servers it is the standard library's verdict on a client.
    if explain is not None and not connection.server_side:
        explain(error, connection)


class _Explaining:
    """The methods of sockets and objects alike that can run a handshake."""

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        try:
            return super().read(len, buffer)  # type: ignore[misc]
        except CertificateError as error:
            _explain(error, self)
            raise

    def write(self, data: Any) -> Any:
        try:
            return super().write(data)  # type: ignore[misc]
        except CertificateError as error:
            _explain(error, self)
            raise


class SSLSocket(_Explaining, StdSocket):
    """An `ssl.SSLSocket` whose certificate errors say more.

    A certificate error has the attributes `report` (several lines), `kind` (one word) and `depth`
    (which certificate, 0 being the server's own; None if none is, or nobody knows).
    """

    # The others call one of these, or of the two above.

    def do_handshake(self, block: bool = False) -> None:
        try:
            # gevent's takes no argument.
            super().do_handshake(*([block] if block else []))
        except CertificateError as error:
            _explain(error, self)
            raise

    def send(self, data: Any, flags: int = 0, **keywords: Any) -> int:
        try:
            return super().send(data, flags, **keywords)  # gevent's takes a timeout
        except CertificateError as error:
            _explain(error, self)
            raise


class SSLObject(_Explaining, StdObject):
    """An `ssl.SSLObject` whose certificate errors say more, as with `SSLSocket`."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except CertificateError as error:
            _explain(error, self)
            raise


class _ContextType(type):
    """While injected, `isinstance(context, ssl.SSLContext)` is true for contexts made before."""

    def __instancecheck__(cls, instance: object) -> bool:
        if cls is injected:
            return isinstance(instance, StdContext)
        return super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        if cls is injected:
            return issubclass(subclass, StdContext)
        return super().__subclasscheck__(subclass)


class _Itself:
    """An attribute that is the object itself, unless something else is put there."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else instance


class Context(StdContext, metaclass=_ContextType):
    """What the contexts of every backend do alike."""

    sslsocket_class = SSLSocket
    sslobject_class = SSLObject

    #: For other copies of this package.
    _builds_on = StdContext
    #: Whether a CA file of its own ends the trust in the system; the default certificates, once
    #: asked for, bring it back.
    _respects_cafile = False
    _asked_for_default = False

    # Code written for truststore finds the context that does the work by this name.
    _ctx = _Itself()

    @property
    def _judges(self) -> bool:
        """Whether the client connections of this context are judged here."""
        return self.protocol != ssl.PROTOCOL_TLS_SERVER

    def _change_trust(self, system: bool) -> None:
        """Whether the system's trust anchors count from now on."""
        raise NotImplementedError

    def _default_loaded(self) -> None:
        self._asked_for_default = True
        if self._respects_cafile:
            self._change_trust(True)

    def _own_loaded(self) -> None:
        if self._respects_cafile and not self._asked_for_default:
            self._change_trust(False)

    def wrap_socket(
        self,
        sock: socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: Any = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        """As in `ssl`. What it says of a name that is to be checked and missing comes before
        what it says of the socket."""
        self._need_name(server_side, server_hostname)
        return super().wrap_socket(
            sock,
            server_side,
            do_handshake_on_connect,
            suppress_ragged_eofs,
            server_hostname,
            session,
        )

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: Any = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """As in `ssl`, and raises ValueError for a name that is to be checked and missing, as
        `wrap_socket` does."""
        self._need_name(server_side, server_hostname)
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)

    def _need_name(self, server_side: bool, name: Any) -> None:
        if not name and not server_side and self._judges and self.check_hostname:
            raise ValueError("check_hostname requires server_hostname")
