"""The sockets and objects of connections: those of `ssl`, which also say how they were verified."""

from __future__ import annotations

from functools import wraps
from ssl import SSLError

from ._std import CertificateError, StdObject, StdSocket
from ._verification import complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from . import Verified
    from ._verification import Verification

    _Class = TypeVar("_Class", bound=type)


class _Connection:
    """What sockets and objects have in common."""

    #: Set when OpenSSL's connection is made. None on server sides.
    _verification: Verification | None = None

    @property
    def verified(self) -> Verified | None:
        """The chain that was accepted: see `verify`. None before the handshake, on server sides,
        with CERT_NONE, and after a handshake with a pre-shared key alone."""
        return None if self._verification is None else self._verification.verified(self)


def _over(beneath: type, *names: str) -> Callable[[_Class], _Class]:
    """Completes the certificate errors of the methods of these names, and guards the sessions."""

    def decorate(cls: _Class) -> _Class:
        for name in names:
            setattr(cls, name, _explaining(cls, beneath, name))
        cls.session = _session(beneath)  # type: ignore[attr-defined]
        return cls

    return decorate


def _explaining(cls: type, beneath: type, name: str) -> Any:
    # With whatever arguments the class beneath takes: gevent's are others.
    @wraps(getattr(beneath, name))
    def method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(super(cls, self), name)(*args, **kwargs)
        except CertificateError as error:
            if self._verification is not None:
                self._verification.explain(error, self)
            raise
        except SSLError as error:
            verification = self._verification
            other = None if verification is None else verification.in_place_of(error)
            if other is None:
                raise
            raise other from None

    return method


def _session(beneath: Any) -> Any:
    def get(self: Any) -> Any:
        session = beneath.session.__get__(self)
        if self._verification is not None:
            self._verification.take(session, self)
        return session

    def put(self: Any, session: Any) -> None:
        verification: Verification | None = self._verification
        if (
            verification is None
            or self._sslobj.version() is not None  # too late, says `ssl`
            or verification.admits(session)
        ):
            beneath.session.__set__(self, session)
        else:
            complain(self.context, session)

    return property(get, put, doc="As in `ssl`; resumed only under the settings it was made with.")


# The methods that can run a handshake. The others call one of these.


@_over(StdSocket, "do_handshake", "read", "send", "write")
class SSLSocket(_Connection, StdSocket):
    """An `ssl.SSLSocket` with the verdict on the server, and with certificate errors that say more.

    A certificate error has the attributes `report` (several lines), `kind` (one word) and `depth`
    (which certificate, 0 being the server's own; None if none is, or nobody knows).
    """


@_over(StdObject, "do_handshake", "read", "write")
class SSLObject(_Connection, StdObject):
    """An `ssl.SSLObject` with the verdict on the server, and with certificate errors that say more,
    as with `SSLSocket`."""
