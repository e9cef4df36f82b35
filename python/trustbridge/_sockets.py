"""The sockets and objects of connections: those of `ssl`, with errors that say more."""

from __future__ import annotations

from functools import wraps

from ._std import CertificateError, StdObject, StdSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    _Class = TypeVar("_Class", bound=type)


def _explains(*names: str) -> Callable[[_Class], _Class]:
    """The methods of these names go on to the class beneath, with whatever arguments it takes
    (gevent's are others), and complete the certificate errors that it raises."""

    def decorate(cls: _Class) -> _Class:
        for name in names:
            setattr(cls, name, _explaining(cls, name))
        return cls

    return decorate


def _explaining(cls: type, name: str) -> Any:
    @wraps(getattr(cls.__base__, name))
    def method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(super(cls, self), name)(*args, **kwargs)
        except CertificateError as error:
            # On servers it is the standard library's verdict on a client.
            if not self.server_side:
                explain = getattr(self.context, "_explain", None)
                if explain is not None:
                    explain(error, self)
            raise

    return method


# The methods that can run a handshake. The others call one of these.


@_explains("do_handshake", "read", "send", "write")
class SSLSocket(StdSocket):
    """An `ssl.SSLSocket` whose certificate errors say more.

    A certificate error has the attributes `report` (several lines), `kind` (one word) and `depth`
    (which certificate, 0 being the server's own; None if none is, or nobody knows).
    """


@_explains("do_handshake", "read", "write")
class SSLObject(StdObject):
    """An `ssl.SSLObject` whose certificate errors say more, as with `SSLSocket`."""
