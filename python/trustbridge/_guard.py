"""The guard of a connection in the deferred mode: no data before the verdict."""

from __future__ import annotations

import _socket
import _ssl
import ssl

from . import _native
from ._errors import refused
from ._verification import Sessions, Verification, complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_ENCODING_PEM, _ENCODING_DER = 1, 2
_HIGHEST_SECURITY_LEVEL = 2


class GuardedVerification(Verification):
    """What a connection is verified by, and its verdict."""

    def __init__(
        self,
        connection: _native.Connection,
        sessions: Sessions,
        *,
        mode: int,
        name: str | None,
        flags: int,
        common_name: bool,
        security_level: int,
        shares_key: bool,
    ) -> None:
        super().__init__((mode, name, flags, common_name, security_level), sessions)
        #: The native module's part: the trust of the context when the connection was made.
        self.connection = connection
        self.mode = mode
        #: The name to verify; None if none is.
        self.name = name
        self.flags = flags
        self.common_name = common_name
        self.security_level = security_level
        self.shares_key = shares_key
        #: What the server sent, once the handshake is complete.
        self.certificates: list[Any] = []
        self.verdict: _native.Verified | None = None
        self.failure: _native.Failure | None = None

    def verified(self, connection: Any) -> _native.Verified | None:
        return self.verdict

    def rejected(self) -> bool:
        return self.failure is not None

    def same_trust(self, other: Any) -> bool:
        return self.connection.same_trust(other.connection)

    def take(self, session: Any, connection: Any) -> None:
        # OpenSSL forgets the chain of a session that Python takes out of a connection.
        if self.certificates:
            super().take(session, connection)


class Guard:
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
        verification: GuardedVerification,
        sock: Any,
        outgoing: ssl.MemoryBIO | None,
    ) -> None:
        self._raw = raw
        self._verification = verification
        self._sock = sock
        self._outgoing = outgoing
        self._accepted = False

    # Everything that moves data completes the handshake first. Data that OpenSSL has received
    # already stays where it is until then; what is to be written has not been given to it.

    def do_handshake(self) -> None:
        if self._verification.failure is not None:
            raise self._refused(self._verification.failure)
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
        if self._verification.failure is not None:
            raise ValueError("handshake not done yet")
        self._need_verdict()
        binary = self._raw.getpeercert(True)  # raises before the handshake
        if binary_form or binary is None:
            return binary
        if self._verification.mode == ssl.CERT_NONE:
            return {}
        return self._verification.certificates[0].get_info()

    def get_verified_chain(self) -> Any:
        verified = self._verification.verdict
        if verified is None:
            return None
        known = {_der(certificate): certificate for certificate in self._verification.certificates}
        return [known.get(der) or _Certificate(der) for der in verified.chain]

    @property
    def session(self) -> Any:
        session = self._raw.session
        self._verification.take(session, self._raw)
        return session

    @session.setter
    def session(self, session: Any) -> None:
        if self._raw.version() is not None or self._verification.admits(session):
            self._raw.session = session
        else:
            complain(self._raw.context, session)

    @property
    def context(self) -> Any:
        return self._raw.context

    @context.setter
    def context(self, context: Any) -> None:
        # The connection goes on being verified by the context that it was made with.
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
        if self._verification.failure is not None:
            raise self._refused(self._verification.failure)
        if not self._accepted and self._raw.version() is not None:
            self._settle()

    def _settle(self) -> None:
        """The verdict on a completed handshake. Whatever goes wrong here, nothing is accepted."""
        chain = self._sent()
        if self._verification.mode != ssl.CERT_NONE and not self._has_shared_key(chain):
            verdict = self._verify([_der(certificate) for certificate in chain])
            if isinstance(verdict, _native.Failure):
                self._refuse(verdict)
            self._verification.verdict = verdict
        self._verification.certificates = chain
        self._accepted = True
        self.read, self.write = self._raw.read, self._raw.write  # type: ignore[method-assign]

    def _sent(self) -> list[Any]:
        """The certificates that the server sent, now or when the session was made."""
        chain = self._raw.get_unverified_chain()
        if chain:
            return list(chain)
        offered = self._verification.offered
        sent = offered.certificates if isinstance(offered, GuardedVerification) else []
        if sent and self._raw.session_reused and _der(sent[0]) == self._raw.getpeercert(True):
            return sent
        return []

    def _has_shared_key(self, chain: list[Any]) -> bool:
        """Whether a pre-shared key has vouched for the server: then there is no certificate, and
        nothing to verify in `ssl` either."""
        if not self._verification.shares_key or chain or self._raw.getpeercert(True) is not None:
            return False
        name, version, _ = self._raw.cipher()
        # Every server without a certificate has proved a key in TLS 1.3 (RFC 8446, 4.4.2), also
        # when that was in the handshake of an earlier session.
        return version == "TLSv1.3" or "PSK" in name.split("-")

    def _verify(self, chain: list[bytes]) -> _native.Verified | _native.Failure:
        policy = self._verification
        if policy.security_level > _HIGHEST_SECURITY_LEVEL:
            return _native.Failure(
                f"security level {policy.security_level}: "
                "the keys of certificates cannot be measured"
            )
        if not chain:
            return _native.Failure("the server's certificates are not available")
        return policy.connection.verify(chain, policy.name, policy.flags, policy.common_name)

    def _refuse(self, failure: _native.Failure) -> NoReturn:
        self._verification.failure = failure
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
        raise self._refused(failure)

    def _refused(self, failure: _native.Failure) -> ssl.SSLCertVerificationError:
        return refused(failure, self._raw.server_hostname)


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

    def __eq__(self, other: object) -> bool:
        return self._der == other._der if isinstance(other, _Certificate) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._der)

    def __repr__(self) -> str:
        """As the standard library's: the last part of the subject comes first, with short names."""
        parts = [
            "+".join(f"{_ssl.txt2obj(name, True)[1]}={value}" for name, value in part)
            for part in reversed(self.get_info()["subject"])
        ]
        return f"<{type(self).__name__.lstrip('_')} {','.join(parts)!r}>"


def _der(certificate: Any) -> bytes:
    der: bytes = certificate.public_bytes(_ENCODING_DER)
    return der
