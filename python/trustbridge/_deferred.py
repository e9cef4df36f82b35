"""The deferred mode: the verdict is given when the handshake has completed.

For interpreters whose OpenSSL cannot be reached. Two things replace the callback:

* OpenSSL verifies nothing for these contexts: that is set once, when the context is made. What
  the user sets is kept here, and a connection takes a copy of it when it is made.
* Between the Python classes and OpenSSL's connection stands a `Guard`. It is what the context's
  `_wrap_socket` and `_wrap_bio` return, so every socket and object class gets it, users' own
  included, and nothing else holds the connection itself. It completes the handshake, asks for
  the verdict, and only then lets data pass. What it does not know has to wait for the verdict.

What differs from the other mode:

* A client certificate is sent before the verdict. (Not by an `SSLObject` with TLS 1.3: there the
  last flight is still in the memory BIO, and is thrown away.)
* The server gets no alert; its connection just ends.
* No stapled OCSP response is requested: `ssl` has no function that returns one.
* Renegotiation is refused: it could bring another certificate after the verdict.
* The chain of a resumed session is verified again, its name too.
* Contexts for both sides (PROTOCOL_TLS) cannot ask clients for certificates.
* With a security level above 2 every certificate is refused: its keys cannot be measured.
"""

from __future__ import annotations

import _ssl
import operator
import ssl
from _weakref import ref

from . import _native
from ._context_base import ContextBase, Mode, attach, c_context
from ._guard import Guard, GuardedVerification
from ._verification import Sessions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# OP_NO_RENEGOTIATION came with OpenSSL 1.1.0h. A plain number: a negative one of options must not
# become the flags that it stands for.
_NO_RENEGOTIATION = int(getattr(ssl, "OP_NO_RENEGOTIATION", 0))
_NEVER_CHECK_SUBJECT = 0x20


def unsupported() -> str | None:
    """Why this mode cannot be used here, if it cannot."""
    home = getattr(_ssl, "_stdssl", _ssl)  # PyPy's
    connection = getattr(home, "_SSLSocket", None)
    certificate = getattr(getattr(home, "certificate", home), "Certificate", None)
    for owner, name in (
        (connection, "get_unverified_chain"),
        (connection, "version"),
        (certificate, "public_bytes"),
        (certificate, "get_info"),
    ):
        if not hasattr(owner, name):
            return f"the ssl module does not return the server's certificates (no {name})"
    if not _NO_RENEGOTIATION:
        return "the ssl module cannot disable renegotiation"
    return None


class Deferred(Mode):
    """Keeps a context's settings and gives its connections a guard."""

    def __init__(self, context: ContextBase) -> None:
        self.trust = _native.Trust()
        #: The settings as the program sees them.
        self.mode = int(super().verify_mode(context))
        self.checks_name = super().check_hostname(context)
        self.refuses_renegotiation = bool(context.options & _NO_RENEGOTIATION)
        self.shares_key = False
        self.sessions = Sessions()
        super().set_check_hostname(context, False)
        super().set_verify_mode(context, int(ssl.CERT_NONE))
        context.options |= _NO_RENEGOTIATION

    def verify_mode(self, context: ContextBase) -> Any:
        return ssl.VerifyMode(self.mode)

    def set_verify_mode(self, context: ContextBase, value: Any) -> None:
        mode = _c_int(value)
        if mode not in (ssl.CERT_NONE, ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED):
            raise ValueError("invalid value for verify_mode")
        if mode == ssl.CERT_NONE and self.checks_name:
            raise ValueError("Cannot set verify_mode to CERT_NONE when check_hostname is enabled.")
        self.mode = mode

    def check_hostname(self, context: ContextBase) -> bool:
        return self.checks_name

    def set_check_hostname(self, context: ContextBase, value: Any) -> None:
        check = bool(value)
        # In this order: another thread must never see a name that is checked in a certificate
        # that is not.
        if check and self.mode == ssl.CERT_NONE:
            self.mode = int(ssl.CERT_REQUIRED)
        self.checks_name = check

    def shown_options(self, options: Any) -> Any:
        return options if self.refuses_renegotiation else options & ~_NO_RENEGOTIATION

    def kept_options(self, value: Any) -> Any:
        return operator.index(value) | _NO_RENEGOTIATION

    def options_set(self, value: Any) -> None:
        self.refuses_renegotiation = bool(operator.index(value) & _NO_RENEGOTIATION)

    def key_is_shared(self, shared: bool) -> None:
        self.shares_key = shared

    def connect(
        self,
        context: ContextBase,
        wrap: Any,
        ends: tuple[Any, ...],
        server_side: Any,
        name: Any,
        rest: dict[str, Any],
    ) -> Any:
        if server_side:
            if self.mode != ssl.CERT_NONE:
                # OpenSSL would not ask the client: verification is off.
                raise ssl.SSLError(
                    "a server that verifies its clients needs a context for PROTOCOL_TLS_SERVER"
                )
            return wrap(*ends, server_side, name, **rest)
        verification = self._verification(context, name)
        rest = verification.offer(context, rest)
        raw = wrap(*ends, False, name, **rest)
        attach(verification, ends, rest)
        sock, outgoing = (ref(ends[0]), None) if len(ends) == 1 else (None, ends[1])
        return Guard(raw, verification, sock, outgoing)

    def _verification(self, context: ContextBase, name: Any) -> GuardedVerification:
        if isinstance(name, (bytes, bytearray)):
            name = bytes(name).decode("ascii")
        never_check_subject = context._host_flags & _NEVER_CHECK_SUBJECT  # type: ignore[attr-defined]
        return GuardedVerification(
            self.trust.connection(),
            self.sessions,
            mode=self.mode,
            name=name if self.checks_name else None,
            flags=c_context.verify_flags.__get__(context),
            common_name=ssl.HAS_NEVER_CHECK_COMMON_NAME and not never_check_subject,
            security_level=getattr(context, "security_level", 0),
            shares_key=self.shares_key,
        )


def _c_int(value: Any) -> int:
    """What `_ssl` takes for a C int, and its exceptions."""
    number = operator.index(value)
    if not -(2**31) <= number < 2**31:
        raise OverflowError("signed integer is out of range")
    return number
