"""What a connection keeps of its verification, and which sessions it can resume.

A resumed session brings no certificates: OpenSSL takes over the verdict of the connection that it
comes from. So it is resumed only where that verdict was given for the same trust, the same name and
the same settings. Otherwise there is a full handshake.
"""

from __future__ import annotations

import ssl

from ._std import StdContext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: How many sessions a context remembers.
_MOST_SESSIONS = 256


class Verification:
    """What a connection is verified by, and its verdict: an attribute of its socket or object.

    terms -- the settings of the connection when it was made; equal ones compare equal
    sessions -- those of the connection's context
    """

    def __init__(self, terms: tuple[Any, ...], sessions: Sessions) -> None:
        self.terms = terms
        self.sessions: Sessions | None = sessions
        #: The verification of the connection whose session is offered to the server.
        self.offered: Verification | None = None

    def verified(self, connection: Any) -> Any:
        """What was accepted, if there is an accepting verdict."""
        return None

    def explain(self, error: ssl.SSLCertVerificationError, connection: Any) -> None:
        """Completes a certificate error that the connection has just raised."""

    def in_place_of(self, error: ssl.SSLError) -> ssl.SSLCertVerificationError | None:
        """The certificate error that another error of the connection stands for, if it does."""
        return None

    def rejected(self) -> bool:
        return False

    def same_trust(self, other: Any) -> bool:
        """Whether both trust the same, given that their terms are equal."""
        return True

    def take(self, session: Any, connection: Any) -> None:
        """A program takes the session out of the connection."""
        if session is None or self.rejected() or connection.version() is None:
            return
        if not connection.session_reused:
            self.offered = None
        assert self.sessions is not None
        known = object.__new__(type(self))
        vars(known).update(vars(self), sessions=None)  # or the two would hold each other
        self.sessions.remember(session, known)

    def admits(self, session: Any) -> bool:
        """Whether the connection can resume the session. If it can, it will be offered."""
        known = None if self.sessions is None else self.sessions.find(session)
        if known is None or known.terms != self.terms or not self.same_trust(known):
            return False
        self.offered = known.offered or known  # the one with the certificates
        return True

    def offer(self, context: Any, rest: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a new connection, without a session that it cannot resume."""
        session = rest.get("session")
        if session is None or self.admits(session):
            return rest
        complain(context, session)
        return {**rest, "session": None}


class Sessions:
    """The sessions that programs have taken out of the connections of one context."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, int], Verification] = {}

    def remember(self, session: Any, verification: Verification) -> None:
        known = self._known
        key = session_key(session)
        if key is not None:
            known.pop(key, None)  # the newest come last
            known[key] = verification
        while len(known) > _MOST_SESSIONS:
            try:
                del known[next(iter(known))]
            except (KeyError, RuntimeError):
                pass  # another thread

    def find(self, session: Any) -> Verification | None:
        key = session_key(session)
        return None if key is None else self._known.get(key)


def session_key(session: Any) -> tuple[bytes, int] | None:
    """With its time: in TLS 1.2 it is the server that chooses the identity."""
    identity = bytes(getattr(session, "id", None) or b"")  # PyPy's is a list of numbers
    return (identity, int(session.time)) if identity else None


def complain(context: Any, session: Any) -> None:
    """Raises what `ssl` raises for a session that a new connection of the context cannot have."""
    scratch = ssl.MemoryBIO()
    StdContext._wrap_bio(context, scratch, scratch, False, None, session=session)  # type: ignore[attr-defined]
