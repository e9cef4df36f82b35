"""The context, and the sockets and objects made with it."""

from __future__ import annotations

import os
import ssl
import sys

from . import _certifi, _environment, _native
from ._mode import DEFERRED, HANDSHAKE_MODE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket
    from typing import Any

# The classes of the standard library, whatever has been injected since.
_StdContext = ssl.SSLContext
_CertificateError = ssl.SSLCertVerificationError


def _explain(error: ssl.SSLCertVerificationError, server_side: bool) -> None:
    """Adds the core's words to an exception that its verdict has raised just now."""
    if server_side:
        return  # the standard library's verdict on a client
    failure = _native.take_failure()
    if failure is None or failure.verify_code != error.verify_code:
        return
    text = error.strerror or ""
    # "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: <OpenSSL's words> (_ssl.c:1007)"
    words, found, place = text.rpartition(" (_ssl.c:")
    if not found:
        words = text
    text = f"{words}: {failure.line}{found}{place if found else ''}"
    error.args = (error.args[0], text)
    error.strerror = text
    add_report(error, failure)


def add_report(error: ssl.SSLCertVerificationError, failure: _native.Failure) -> None:
    """Puts what is known beside the message of an exception."""
    error.kind = failure.kind  # type: ignore[attr-defined]
    error.depth = failure.depth  # type: ignore[attr-defined]
    error.report = failure.report  # type: ignore[attr-defined]
    if sys.version_info >= (3, 11):
        error.add_note(failure.report)


class SSLSocket(ssl.SSLSocket):
    """An `ssl.SSLSocket` whose certificate errors say more.

    A certificate error has the attributes `report` (several lines), `kind` (one word) and `depth`
    (which certificate, 0 being the server's own).
    """

    # Every method that can run a handshake; the others call one of these.

    def do_handshake(self, block: bool = False) -> None:
        try:
            # gevent's takes no argument.
            super().do_handshake(*([block] if block else []))
        except _CertificateError as error:
            _explain(error, self.server_side)
            raise

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        try:
            return super().read(len, buffer)
        except _CertificateError as error:
            _explain(error, self.server_side)
            raise

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except _CertificateError as error:
            _explain(error, self.server_side)
            raise

    def send(self, data: Any, flags: int = 0, **keywords: Any) -> int:
        try:
            return super().send(data, flags, **keywords)  # gevent's takes a timeout
        except _CertificateError as error:
            _explain(error, self.server_side)
            raise


class SSLObject(ssl.SSLObject):
    """An `ssl.SSLObject` whose certificate errors say more, as with `SSLSocket`."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except _CertificateError as error:
            _explain(error, self.server_side)
            raise

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        try:
            return super().read(len, buffer)
        except _CertificateError as error:
            _explain(error, self.server_side)
            raise

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except _CertificateError as error:
            _explain(error, self.server_side)
            raise


#: Set by `inject_into_ssl`: old contexts count as instances of the class that took the place of
#: theirs.
injected = False
#: Set by `inject_into_ssl`, for the contexts made from then on.
respect_cafile = False

#: The bits of verify_flags that have their meaning here. TRUSTED_FIRST and PARTIAL_CHAIN are how
#: paths are always built.
_HONOURED = (
    int(ssl.VERIFY_CRL_CHECK_CHAIN)  # CRL_CHECK_LEAF among them
    | int(ssl.VERIFY_X509_STRICT)
    | int(ssl.VERIFY_X509_TRUSTED_FIRST)
    | int(getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", 0x80000))
)


class _Itself:
    """An attribute that is the object itself, unless something else is put there."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else instance


class _ContextType(type):
    """While injected, `isinstance(context, ssl.SSLContext)` is true for contexts made before."""

    def __instancecheck__(cls, instance: object) -> bool:
        if injected and cls is SSLContext:
            return isinstance(instance, _StdContext)
        return super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        if injected and cls is SSLContext:
            return issubclass(subclass, _StdContext)
        return super().__subclasscheck__(subclass)


if HANDSHAKE_MODE == DEFERRED:
    from ._deferred import DeferredContext as _Base
else:
    from ._inhandshake import InHandshakeContext as _Base  # type: ignore[assignment]


class SSLContext(_Base, metaclass=_ContextType):
    """An `ssl.SSLContext` whose client connections are judged by the system's trust store.

    The verdict is given during the handshake, from the settings of the connection: `verify_mode`,
    `check_hostname`, `verify_flags` (CRL checks with the CRLs loaded, VERIFY_X509_STRICT) and
    `hostname_checks_common_name`, which is False here unless it is set. CERT_OPTIONAL means
    CERT_REQUIRED, as always for clients. Certificates loaded add to the system's, unless
    `system_trust` is False: then nothing else is trusted.

    Contexts for PROTOCOL_TLS_SERVER, and server sides of PROTOCOL_TLS, are the standard library's.
    """

    sslsocket_class = SSLSocket
    sslobject_class = SSLObject

    #: None in contexts for servers.
    _trust: _native.Trust | None = None
    #: Whether a CA file of its own ends the trust in the system; the default certificates, once
    #: asked for, bring it back.
    _respects_cafile = False
    _asked_for_default = False
    #: Bundles of certifi that were loaded, and not read.
    _bundles: tuple[str, ...] = ()

    def __new__(
        cls,
        protocol: int | None = None,
        *args: Any,
        system_trust: bool = True,
        **kwargs: Any,
    ) -> SSLContext:
        # Everything is set up here: some subclasses do not call __init__.
        self = _StdContext.__new__(cls, protocol, *args, **kwargs)
        if self.protocol != ssl.PROTOCOL_TLS_SERVER:
            self._trust = self._attach()
            _environment.apply(self._trust)
            self._respects_cafile = injected and respect_cafile
            if ssl.HAS_NEVER_CHECK_COMMON_NAME:
                self.hostname_checks_common_name = False
            if not system_trust:
                self.system_trust = False
        return self

    @property
    def system_trust(self) -> bool:
        """Whether the system's trust anchors count. Always False in contexts for servers.

        Can be set at any time and holds for connections made from then on. While it is False
        only what was loaded is trusted, a bundle of certifi like any other file.
        """
        return self._trust is not None and self._trust.system

    @system_trust.setter
    def system_trust(self, value: bool) -> None:
        if self._trust is None:
            if value:
                raise ValueError("a context for servers does not trust the system's certificates")
            return
        if not value:
            for bundle in self._bundles:
                if not self._trust.has_file(bundle):
                    self._trust.add_bundle(_native.read_file(bundle))
        self._respects_cafile = False
        self._trust.system = bool(value)

    def _default_asked(self, trust: _native.Trust) -> None:
        self._asked_for_default = True
        if self._respects_cafile:
            trust.system = True

    @property
    def verify_flags(self) -> ssl.VerifyFlags:
        """As in `ssl`. Setting a bit that has no effect on the verdict raises ValueError."""
        return ssl.VerifyFlags(_StdContext.verify_flags.fget(self))  # type: ignore[attr-defined]

    @verify_flags.setter
    def verify_flags(self, value: int) -> None:
        if self._trust is not None and isinstance(value, int):
            refused = int(value) & ~_HONOURED & 0xFFFFFFFF
            if refused:
                raise ValueError(f"verify_flags: trustbridge cannot honour {refused:#x}")
        _StdContext.verify_flags.fset(self, value)  # type: ignore[attr-defined]

    # Code written for truststore finds the context that does the work by this name.
    _ctx = _Itself()

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
        if not name and not server_side and self._trust is not None and self.check_hostname:
            raise ValueError("check_hostname requires server_hostname")

    @property
    def _standard_too(self) -> bool:
        """Whether OpenSSL's own store is used too: on server sides."""
        return self.protocol != ssl.PROTOCOL_TLS_CLIENT

    def load_verify_locations(
        self,
        cafile: Any = None,
        capath: Any = None,
        cadata: Any = None,
    ) -> None:
        """Trusts certificates, and uses CRLs, beside the system's.

        Takes what `ssl.SSLContext.load_verify_locations` takes and raises what it raises. A file
        that has not changed since it was loaded is not read again. The hashed directory `capath`
        is read now. The bundle of the certifi package counts as the system's store and adds
        nothing, unless `system_trust` is False.
        """
        trust = self._trust
        if trust is None:
            super().load_verify_locations(cafile, capath, cadata)
            return
        if self._standard_too:
            super().load_verify_locations(cafile, capath, cadata)
        elif cafile is None and capath is None and cadata is None:
            self._standard_errors(cafile, capath, cadata)
        if cadata is not None:
            self._load_data(trust, cadata)
        if cafile is not None:
            self._load_file(trust, cafile)
        if capath is not None:
            self._load_directory(trust, capath)
        own = trust.roots > 0 or capath is not None  # not for CRLs alone
        if own and self._respects_cafile and not self._asked_for_default:
            trust.system = False

    @staticmethod
    def _standard_errors(cafile: Any, capath: Any, cadata: Any) -> None:
        """Raises what `ssl` raises for these arguments, if it does."""
        scratch = _StdContext(ssl.PROTOCOL_TLS_CLIENT)
        scratch.load_verify_locations(cafile, capath, cadata)

    def _load_data(self, trust: _native.Trust, cadata: Any) -> None:
        batch = None
        if isinstance(cadata, str):
            if cadata.isascii():
                batch = _native.read_pem(cadata)
        else:
            try:
                batch = _native.read_der(bytes(memoryview(cadata)))
            except (TypeError, BufferError):
                pass
        if batch is None or not batch.clean:
            self._standard_errors(None, None, cadata)
        if batch is None or len(batch) == 0:
            raise ssl.SSLError("cadata: no certificate could be read")
        trust.add(batch)

    def _load_file(self, trust: _native.Trust, cafile: Any) -> None:
        try:
            path = os.fsdecode(cafile)
            if trust.has_file(path):
                return
            bundle = _certifi.is_bundle(path)
            if bundle and trust.system:
                # Stands for the system's certificates, and is read only once those are given up.
                self._bundles = (*self._bundles, path)
                self._default_asked(trust)
                return
            batch = _native.read_file(path)
        except (OSError, TypeError, ValueError) as error:
            self._standard_errors(cafile, None, None)
            raise ssl.SSLError(f"{cafile!r}: {error}") from error
        # What can be read only once, such as a pipe, cannot be shown to ssl.
        if not batch.clean and batch.repeatable:
            self._standard_errors(cafile, None, None)
        if len(batch) == 0:
            raise ssl.SSLError(f"{cafile!r}: no certificate or CRL could be read")
        if bundle:
            trust.add_bundle(batch)
            self._default_asked(trust)
        else:
            trust.add(batch)

    def _load_directory(self, trust: _native.Trust, capath: Any) -> None:
        try:
            path = os.fsdecode(capath)
        except TypeError:
            path = ""
        if not path or "\0" in path:
            self._standard_errors(None, capath, None)
        trust.add(_native.read_directory(path))

    def load_default_certs(self, purpose: Any = ssl.Purpose.SERVER_AUTH) -> None:
        """Costs nothing on clients, which trust the system from the beginning."""
        if self._trust is None or self._standard_too:
            super().load_default_certs(purpose)
        elif not isinstance(purpose, ssl._ASN1Object):
            raise TypeError(purpose)
        if self._trust is not None:
            self._trust.renew()
            _environment.apply(self._trust)
            self._default_asked(self._trust)

    def set_default_verify_paths(self) -> None:
        """Costs nothing on clients, which trust the system from the beginning."""
        if self._trust is None or self._standard_too:
            super().set_default_verify_paths()
        if self._trust is not None:
            self._trust.renew()
            _environment.apply(self._trust)
            self._default_asked(self._trust)

    def _as_standard(self, trust: _native.Trust) -> _StdContext:
        """A context of the standard library with the certificates that this one trusts."""
        scratch = _StdContext(ssl.PROTOCOL_TLS_CLIENT)
        anchors = trust.anchors()
        try:
            if anchors:
                scratch.load_verify_locations(
                    cadata="".join(map(ssl.DER_cert_to_PEM_cert, anchors))
                )
        except ssl.SSLError:
            for anchor in anchors:
                try:
                    scratch.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(anchor))
                except ssl.SSLError:
                    pass  # OpenSSL cannot read it
        return scratch

    def get_ca_certs(self, binary_form: bool = False) -> Any:
        """The CA certificates loaded and those of the system that can be trust anchors now."""
        if self._trust is None:
            return super().get_ca_certs(binary_form)
        return self._as_standard(self._trust).get_ca_certs(binary_form)

    def cert_store_stats(self) -> dict[str, int]:
        """Counts of the certificates that `get_ca_certs` looks at, and of the CRLs loaded."""
        if self._trust is None:
            return super().cert_store_stats()
        stats = self._as_standard(self._trust).cert_store_stats()
        stats["crl"] = self._trust.crls
        return stats
