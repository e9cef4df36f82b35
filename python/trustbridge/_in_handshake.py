"""The in-handshake mode: OpenSSL asks the native module for the verdict, with a callback."""

from __future__ import annotations

import ssl

from . import _native
from ._context_base import ContextBase, Mode
from ._errors import add_report, add_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class InHandshake(Mode):
    """Gives each connection the trust that the context has when the connection is made.

    OpenSSL copies the settings of a context when it makes a connection, but knows nothing of the
    certificates loaded here. So they wait, in this thread, for OpenSSL's callback on a new
    connection, which runs inside the call and attaches them to it.
    """

    def __init__(self, context: ContextBase) -> None:
        self.trust = _native.Trust(context)

    def connect(
        self,
        context: ContextBase,
        wrap: Any,
        ends: tuple[Any, ...],
        server_side: Any,
        name: Any,
        rest: dict[str, Any],
    ) -> Any:
        self.trust.offer()
        try:
            return wrap(*ends, server_side, name, **rest)
        finally:
            _native.withdraw()

    def explain(self, error: ssl.SSLCertVerificationError) -> None:
        failure = _native.take_failure()
        if failure is None or failure.verify_code != error.verify_code:
            return
        add_words(error, failure.line)
        add_report(error, failure.kind, failure.depth, failure.report)
