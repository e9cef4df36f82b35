"""The deferred mode: the verdict is given when the handshake has completed.

For interpreters whose OpenSSL cannot be reached. Two things replace the callback:

* OpenSSL verifies nothing for these contexts: that is set once, when the context is made. What
  the user sets is kept here, and a connection takes a copy of it when it is made.
* Between the Python classes and OpenSSL's connection stands a `_Guard`. It is what the context's
  `_wrap_socket` and `_wrap_bio` return, so every socket and object class gets it, users' own
  included, and nothing else holds the connection itself. It completes the handshake, asks for
  the verdict, and only then lets data pass. What it does not know has to wait for the verdict.

What differs from the other mode:

* A client certificate is sent before the verdict. (Not by an `SSLObject` with TLS 1.3: there the
  last flight is still in the memory BIO, and is thrown away.)
* The server gets no alert; its connection just ends.
* Renegotiation is refused: it could bring another certificate after the verdict.
* The chain of a resumed session is judged again, its name too.
* Contexts for both sides (PROTOCOL_TLS) cannot ask clients for certificates.
* With a security level above 2 every certificate is refused: its keys cannot be measured.
"""

from __future__ import annotations

import _socket
import _ssl
import operator
import ssl
from _weakref import ref

from . import _native
from ._context_base import Context, StdContext, add_report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

# OP_NO_RENEGOTIATION came with OpenSSL 1.1.0h.
_NO_RENEGOTIATION = getattr(ssl, "OP_NO_RENEGOTIATION", 0)
_ENCODING_PEM, _ENCODING_DER = 1, 2
_NEVER_CHECK_SUBJECT = 0x20
_HIGHEST_SECURITY_LEVEL = 2

#: How many chains a context remembers for the resumption of sessions.
_MOST_CHAINS = 256


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
            return f"the ssl module does not give the server's certificates (no {name})"
    if not _NO_RENEGOTIATION:
        return "the ssl module cannot refuse renegotiation"
    return None


class _Policy:
    """What one connection is judged by: the settings of its context when it was made."""

    __slots__ = ("common_name", "flags", "judge", "level", "mode", "shares_key")

    def __init__(self, context: DeferredContext) -> None:
        self.mode = context._verify_mode
        self.flags = int(context.verify_flags)
        self.common_name = (
            ssl.HAS_NEVER_CHECK_COMMON_NAME and not context._host_flags & _NEVER_CHECK_SUBJECT  # type: ignore[attr-defined]
        )
        self.level = getattr(context, "security_level", 0)
        self.shares_key = context._shares_key
        assert context._trust is not None
        self.judge = context._trust.judge()


class DeferredContext(Context):
    """Keeps the user's settings and gives its connections a guard."""

    #: None in contexts for servers, which are the standard library's.
    # PyPy's class beneath is Python too, with private names of its own: none of these is one.
    _verify_mode: int | None = None
    _checks_name = False
    _refuses_renegotiation = False
    #: Whether there is a callback for pre-shared keys.
    _shares_key = False
    _chains: dict[bytes | None, list[Any]]

    _trust: _native.Trust | None

    def _attach(self) -> _native.Trust:
        """Once, when the context is made."""
        verify_mode = int(super().verify_mode)
        self._checks_name = super().check_hostname
        self._refuses_renegotiation = bool(super().options & _NO_RENEGOTIATION)
        self._chains = {}
        # The properties of the standard library's class find it by its global name, which may
        # be injected: these are the descriptors beneath.
        base: Any = _ssl._SSLContext
        base.check_hostname.__set__(self, False)
        base.verify_mode.__set__(self, int(ssl.CERT_NONE))
        base.options.__set__(self, super().options | _NO_RENEGOTIATION)
        self._verify_mode = verify_mode
        return _native.Trust()

    @property
    def verify_mode(self) -> Any:
        if self._verify_mode is None:
            return super().verify_mode
        return ssl.VerifyMode(self._verify_mode)

    @verify_mode.setter
    def verify_mode(self, value: Any) -> None:
        if self._verify_mode is None:
            _ssl._SSLContext.verify_mode.__set__(self, value)  # type: ignore[attr-defined]
            return
        mode = _c_int(value)
        if mode not in (ssl.CERT_NONE, ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED):
            raise ValueError("invalid value for verify_mode")
        if mode == ssl.CERT_NONE and self._checks_name:
            raise ValueError("Cannot set verify_mode to CERT_NONE when check_hostname is enabled.")
        self._verify_mode = mode

    @property
    def check_hostname(self) -> bool:
        if self._verify_mode is None:
            return super().check_hostname
        return self._checks_name

    @check_hostname.setter
    def check_hostname(self, value: Any) -> None:
        if self._verify_mode is None:
            _ssl._SSLContext.check_hostname.__set__(self, value)  # type: ignore[attr-defined]
            return
        check = bool(value)
        # In this order: another thread must never see a name that is checked in a certificate
        # that is not.
        if check and self._verify_mode == ssl.CERT_NONE:
            self._verify_mode = int(ssl.CERT_REQUIRED)
        self._checks_name = check

    @property
    def options(self) -> Any:
        options = super().options
        if self._verify_mode is None or self._refuses_renegotiation:
            return options
        return options & ~_NO_RENEGOTIATION

    @options.setter
    def options(self, value: Any) -> None:
        if self._verify_mode is not None:
            self._refuses_renegotiation = bool(operator.index(value) & _NO_RENEGOTIATION)
            value = value | _NO_RENEGOTIATION
        _ssl._SSLContext.options.__set__(self, value)  # type: ignore[attr-defined]

    # From Python 3.13 on.
    if hasattr(StdContext, "set_psk_client_callback"):

        def set_psk_client_callback(self, callback: Any) -> None:
            super().set_psk_client_callback(callback)  # type: ignore[misc,unused-ignore]
            self._shares_key = callback is not None

    def _wrap_socket(self, sock: Any, server_side: Any, *args: Any, **kwargs: Any) -> Any:
        wrap = super()._wrap_socket  # type: ignore[misc]
        if not self._guards(server_side):
            return wrap(sock, server_side, *args, **kwargs)
        settings = self._settings(*args, **kwargs)
        kwargs = self._without_unknown_session(kwargs)
        return _Guard(wrap(sock, False, *args, **kwargs), *settings, ref(sock), None)

    def _wrap_bio(
        self, incoming: Any, outgoing: Any, server_side: Any, *args: Any, **kwargs: Any
    ) -> Any:
        wrap = super()._wrap_bio  # type: ignore[misc]
        if not self._guards(server_side):
            return wrap(incoming, outgoing, server_side, *args, **kwargs)
        settings = self._settings(*args, **kwargs)
        kwargs = self._without_unknown_session(kwargs)
        raw = wrap(incoming, outgoing, False, *args, **kwargs)
        return _Guard(raw, *settings, None, outgoing)

    def _guards(self, server_side: Any) -> bool:
        if self._verify_mode is None:
            return False
        if not server_side:
            return True
        if self._verify_mode != ssl.CERT_NONE:
            # OpenSSL would not ask the client: verification is off.
            raise ssl.SSLError(
                "a server that verifies its clients needs a context for PROTOCOL_TLS_SERVER"
            )
        return False

    def _settings(
        self, server_hostname: Any = None, *, session: Any = None, **_: Any
    ) -> tuple[_Policy, str | None, dict[bytes | None, list[Any]], list[Any] | None]:
        policy = _Policy(self)
        name = server_hostname if self._checks_name else None
        if isinstance(name, (bytes, bytearray)):
            name = bytes(name).decode("ascii")
        return policy, name, self._chains, self._chains.get(_id(session))

    def _without_unknown_session(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """A session whose chain is not known any more could not be judged: without it there is
        a new handshake."""
        session = kwargs.get("session")
        if session is None or _id(session) in self._chains:
            return kwargs
        # The standard library's own complaints come first.
        scratch = ssl.MemoryBIO()
        super()._wrap_bio(scratch, scratch, False, None, session=session)  # type: ignore[misc]
        return {**kwargs, "session": None}


def _id(session: Any) -> bytes | None:
    identity = getattr(session, "id", None)
    return None if identity is None else bytes(identity)  # PyPy's is a list of numbers


def _c_int(value: Any) -> int:
    """What `_ssl` takes for a C int, and its exceptions."""
    number = operator.index(value)
    if not -(2**31) <= number < 2**31:
        raise OverflowError("signed integer is out of range")
    return number


class _Guard:
    """Stands in the place of `_ssl._SSLSocket` on clients: no data before the verdict.

    Once there is one, the busiest methods are replaced on the instance by those of the connection
    itself, so they cost what they always cost.
    """

    # Names that tell nothing and move nothing: they need no verdict.
    _HARMLESS = frozenset(
        {
            "cipher",
            "compression",
            "get_channel_binding",
            "get_unverified_chain",
            "pending",
            "selected_alpn_protocol",
            "selected_npn_protocol",
            "server_hostname",
            "server_side",
            "session_reused",
            "shared_ciphers",
            "uses_ktls_for_recv",
            "uses_ktls_for_send",
            "version",
        }
    )

    def __init__(
        self,
        raw: Any,
        policy: _Policy,
        name: str | None,
        chains: dict[bytes | None, list[Any]],
        offered: list[Any] | None,
        sock: Any,
        outgoing: ssl.MemoryBIO | None,
    ) -> None:
        self._raw = raw
        self._policy = policy
        self._name = name
        self._chains = chains
        self._offered = offered
        self._sock = sock
        self._outgoing = outgoing
        self._accepted = False
        self._refusal: _native.Failure | None = None
        self._verified: _native.Verified | None = None
        self._certificates: list[Any] = []

    # Everything that moves data completes the handshake first. Data that OpenSSL has received
    # already stays where it is until then; what is to be written has not been given to it.

    def do_handshake(self) -> None:
        if self._refusal is not None:
            raise _refused(self._refusal)
        self._raw.do_handshake()
        if not self._accepted:
            self._settle()

    def read(self, *args: Any) -> Any:
        if not self._accepted:
            self.do_handshake()
        return self._raw.read(*args)

    def write(self, data: Any) -> Any:
        if not self._accepted:
            self.do_handshake()
        return self._raw.write(data)

    def _write_with_length(self, *args: Any) -> Any:  # PyPy's
        if not self._accepted:
            self.do_handshake()
        return self._raw._write_with_length(*args)

    def sendfile(self, *args: Any) -> Any:
        if not self._accepted:
            self.do_handshake()
        return self._raw.sendfile(*args)

    def shutdown(self) -> Any:
        # Without a handshake this raises what it raises in `ssl`.
        self._need_verdict()
        return self._raw.shutdown()

    def verify_client_post_handshake(self) -> None:
        self._need_verdict()
        self._raw.verify_client_post_handshake()

    def getpeercert(self, binary_form: bool = False, /) -> Any:
        if self._refusal is not None:
            raise ValueError("handshake not done yet")
        self._need_verdict()
        binary = self._raw.getpeercert(True)  # raises before the handshake
        if binary_form or binary is None:
            return binary
        if self._policy.mode == ssl.CERT_NONE:
            return {}
        return self._certificates[0].get_info()

    def get_verified_chain(self) -> Any:
        if self._verified is None:
            return None
        known = {_der(certificate): certificate for certificate in self._certificates}
        return [known.get(der) or _Certificate(der) for der in self._verified.chain]

    @property
    def session(self) -> Any:
        session = self._raw.session
        if session is not None and self._certificates:
            # OpenSSL forgets the chain of a session that Python takes out of a connection.
            chains = self._chains
            chains[_id(session)] = self._certificates
            while len(chains) > _MOST_CHAINS:
                try:
                    del chains[next(iter(chains))]
                except (KeyError, RuntimeError):
                    pass  # another thread
        return session

    @session.setter
    def session(self, session: Any) -> None:
        self._raw.session = session
        self._offered = self._chains.get(_id(session))

    @property
    def context(self) -> Any:
        return self._raw.context

    @context.setter
    def context(self, context: Any) -> None:
        # The connection goes on being judged by the context that it was made with.
        self._raw.context = context

    @property
    def owner(self) -> Any:
        return self._raw.owner

    @owner.setter
    def owner(self, owner: Any) -> None:
        self._raw.owner = owner

    def __getattr__(self, name: str) -> Any:
        raw = self.__dict__["_raw"]
        value = getattr(raw, name)
        if name not in self._HARMLESS:
            self._need_verdict()
            if not self._accepted:
                raise ValueError("handshake not done yet")
        return value

    def _need_verdict(self) -> None:
        """Gives the verdict now if the handshake is complete: an interrupt may have come
        between the two."""
        if self._refusal is not None:
            raise _refused(self._refusal)
        if not self._accepted and self._raw.version() is not None:
            self._settle()

    def _settle(self) -> None:
        """The verdict on a completed handshake. Whatever goes wrong here, nothing is accepted."""
        chain = self._sent()
        if self._policy.mode != ssl.CERT_NONE and not self._has_shared_key(chain):
            verdict = self._judge([_der(certificate) for certificate in chain])
            if isinstance(verdict, _native.Failure):
                self._refuse(verdict)
            self._verified = verdict
        self._certificates = chain
        self._accepted = True
        self.read, self.write = self._raw.read, self._raw.write  # type: ignore[method-assign]

    def _sent(self) -> list[Any]:
        """The certificates that the server sent, now or when the session was made."""
        chain = self._raw.get_unverified_chain()
        if chain:
            return list(chain)
        offered = self._offered
        if offered and self._raw.session_reused and _der(offered[0]) == self._raw.getpeercert(True):
            return offered
        return []

    def _has_shared_key(self, chain: list[Any]) -> bool:
        """Whether a pre-shared key has vouched for the server: then there is no certificate, and
        nothing to verify in `ssl` either."""
        if not self._policy.shares_key or chain or self._raw.getpeercert(True) is not None:
            return False
        name, version, _ = self._raw.cipher()
        # Every server without a certificate has proved a key in TLS 1.3 (RFC 8446, 4.4.2), also
        # when that was in the handshake of an earlier session.
        return version == "TLSv1.3" or "PSK" in name.split("-")

    def _judge(self, chain: list[bytes]) -> _native.Verified | _native.Failure:
        policy = self._policy
        if policy.level > _HIGHEST_SECURITY_LEVEL:
            return _native.Failure(
                f"security level {policy.level}: the keys of certificates cannot be measured"
            )
        if not chain:
            return _native.Failure("the server's certificates are not available")
        return policy.judge(chain, self._name, policy.flags, policy.common_name)

    def _refuse(self, failure: _native.Failure) -> NoReturn:
        self._refusal = failure
        if self._outgoing is not None:
            self._outgoing.read()  # a client certificate, perhaps
        sock = None if self._sock is None else self._sock()
        if sock is not None:
            try:
                # Not SSLSocket.shutdown: from then on that would send in the clear. Nor that of
                # `socket`, where gevent puts another class: OpenSSL's is always one of these.
                _socket.socket.shutdown(sock, _socket.SHUT_RDWR)
            except (OSError, TypeError):
                pass  # gone already, or not a socket
        raise _refused(failure)


class _Certificate:
    """A trust anchor, in the form of the standard library's certificates."""

    def __init__(self, der: bytes) -> None:
        self._der = der

    def public_bytes(self, format: int = _ENCODING_PEM) -> str | bytes:
        if format == _ENCODING_PEM:
            return ssl.DER_cert_to_PEM_cert(self._der)
        if format == _ENCODING_DER:
            return self._der
        raise ValueError("Unsupported format")

    def get_info(self) -> dict[str, Any]:
        scratch = _ssl._SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        scratch.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(self._der))
        (info,) = scratch.get_ca_certs()
        return info


def _der(certificate: Any) -> bytes:
    der: bytes = certificate.public_bytes(_ENCODING_DER)
    return der


def _refused(failure: _native.Failure) -> ssl.SSLCertVerificationError:
    """The exception of a refused handshake, new each time."""
    error = ssl.SSLCertVerificationError(
        int(ssl.SSLErrorNumber.SSL_ERROR_SSL),
        f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {failure.verify_message}: "
        f"{failure.line}",
    )
    error.verify_code = failure.verify_code
    error.verify_message = failure.verify_message
    error.reason = "CERTIFICATE_VERIFY_FAILED"
    error.library = "SSL"
    add_report(error, failure.kind, failure.depth, failure.report)
    return error
