"""The in-handshake mode: OpenSSL asks the native module for the verdict, with a callback."""

from __future__ import annotations

import ssl

from . import _native
from ._context_base import ContextBase, Mode, attach, c_context
from ._errors import add_report, add_words, refused
from ._verification import Sessions, Verification, complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


#: A number, as the operators of `ssl.VerifyFlags` are slow.
_CRL_CHECK_LEAF = int(ssl.VERIFY_CRL_CHECK_LEAF)
# Found once, and not for each connection.
_verify_flags = c_context.verify_flags.__get__
_verify_mode = c_context.verify_mode.__get__
_check_hostname = c_context.check_hostname.__get__


class InHandshake(Mode):
    """Gives each connection the trust that the context has when the connection is made.

    OpenSSL copies the settings of a context when it makes a connection, but knows nothing of the
    certificates loaded here. So they wait, in this thread, for OpenSSL's callback on a new
    connection, which runs inside the call and attaches them to it.
    """

    def __init__(self, context: ContextBase) -> None:
        self.trust = _native.Trust(context)
        self.sessions = Sessions()
        #: Whether OpenSSL has been told to request OCSP responses.
        self._requests_staples = False

    def connect(
        self,
        context: ContextBase,
        wrap: Any,
        ends: tuple[Any, ...],
        server_side: Any,
        name: Any,
        rest: dict[str, Any],
    ) -> Any:
        flags = _verify_flags(context)
        self._request_staples(context, flags)
        connection = self.trust.begin_connection()
        try:
            if server_side:
                return wrap(*ends, server_side, name, **rest)
            verification = _Verification(connection, _terms(context, flags, name), self.sessions)
            session = rest.get("session")
            if session is not None and not verification.admits(session):
                # What `ssl` says of it comes first, and takes a connection that is thrown away.
                _native.end_connection()
                complain(context, session)
                rest = {**rest, "session": None}
                verification.connection = self.trust.begin_connection()
            raw = wrap(*ends, server_side, name, **rest)
        finally:
            _native.end_connection()
        attach(verification, ends, rest)
        return raw

    def _request_staples(self, context: ContextBase, flags: int) -> None:
        """Has connections request the OCSP response of the server's certificate, where they check
        revocation."""
        wanted = bool(flags & _CRL_CHECK_LEAF)
        # Each time: another thread may just be turning it off.
        if wanted or self._requests_staples:
            _native.request_staples(context, wanted)
            self._requests_staples = wanted


def _terms(context: ContextBase, flags: int, name: Any) -> tuple[Any, ...]:
    """The settings that OpenSSL is about to copy."""
    return (
        _verify_mode(context),
        name if _check_hostname(context) else None,
        flags,
        context._host_flags,  # type: ignore[attr-defined]
    )


class _Verification(Verification):
    def __init__(
        self, connection: _native.Connection, terms: tuple[Any, ...], sessions: Sessions
    ) -> None:
        super().__init__(terms, sessions)
        self.connection = connection

    def verified(self, connection: Any) -> _native.Verified | None:
        verified = self.connection.verified
        if verified is None and self.offered is not None and connection.session_reused:
            self.connection.resume(self.offered.connection)  # type: ignore[attr-defined]
            verified = self.connection.verified
        return verified

    def explain(self, error: ssl.SSLCertVerificationError, connection: Any) -> None:
        failure = self.connection.failure
        if failure is None or failure.verify_code != error.verify_code:
            return
        add_words(error, failure.line)
        add_report(error, failure.kind, failure.depth, failure.report, failure.missing_issuer)

    def in_place_of(self, error: ssl.SSLError) -> ssl.SSLCertVerificationError | None:
        failure = self.connection.failure
        # What OpenSSL says of a stapled OCSP response that was not accepted.
        if failure is None or error.reason != "INVALID_STATUS_RESPONSE":
            return None
        return refused(failure)

    def rejected(self) -> bool:
        return self.connection.failure is not None

    def same_trust(self, other: Any) -> bool:
        return self.connection.same_trust(other.connection)
