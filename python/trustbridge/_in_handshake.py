"""The in-handshake mode: OpenSSL asks the native module for the verdict, with a callback."""

from __future__ import annotations

from . import _native
from ._context_base import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class InHandshakeContext(Context):
    """Gives each connection the trust that the context has when the connection is made.

    OpenSSL copies the settings of a context when it makes a connection, but knows nothing of the
    certificates loaded here. So they wait, in this thread, for OpenSSL's callback on a new
    connection, which runs inside the call and attaches them to it.
    """

    _trust: _native.Trust | None

    def _attach(self) -> _native.Trust:
        return _native.Trust(self)

    def _wrap_socket(self, *args: Any, **kwargs: Any) -> Any:
        return self._offering(super()._wrap_socket, *args, **kwargs)  # type: ignore[misc]

    def _wrap_bio(self, *args: Any, **kwargs: Any) -> Any:
        return self._offering(super()._wrap_bio, *args, **kwargs)  # type: ignore[misc]

    def _offering(self, wrap: Any, /, *args: Any, **kwargs: Any) -> Any:
        if self._trust is None:
            return wrap(*args, **kwargs)
        self._trust.offer()
        try:
            return wrap(*args, **kwargs)
        finally:
            _native.withdraw()
