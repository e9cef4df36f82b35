"""What the contexts of every mode do alike, and what a mode is to a context."""

from __future__ import annotations

import _ssl
import os
import ssl
import warnings

from ._select import SYSTEM_DECIDES
from ._sockets import SSLObject, SSLSocket
from ._std import StdContext, StdSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket
    from typing import Any, TypeVar

    from ._verification import Verification

    _Self = TypeVar("_Self", bound="ContextBase")

#: Set by `inject_into_ssl`: the class that is now `ssl.SSLContext`.
injected: type | None = None
# Set by `inject_into_ssl`, for the contexts made from then on.
respect_cafile = False
distribution_distrust = True
distribution_revocation = True

PARTIAL_CHAIN = 0x80000
#: For devices without a clock. The verifiers of Windows and Apple always check the time.
NO_CHECK_TIME = 0 if SYSTEM_DECIDES else 0x200000
#: The bits of verify_flags that have an effect here. TRUSTED_FIRST and PARTIAL_CHAIN are how
#: paths are always built. OpenSSL knows more, such as proxy certificates, but what a program can
#: request must not depend on the mode.
HONOURED = (
    int(ssl.VERIFY_CRL_CHECK_CHAIN)  # CRL_CHECK_LEAF among them
    | int(ssl.VERIFY_X509_STRICT)
    | int(ssl.VERIFY_X509_TRUSTED_FIRST)
    | PARTIAL_CHAIN
    | NO_CHECK_TIME
)

#: The class of contexts in C. The setters of `ssl` find it by the global name of their own class,
#: which may be injected; and its warnings name the line of whoever calls the caller.
c_context: Any = _ssl._SSLContext


def _heeds_distrust() -> bool:
    return injected is None or distribution_distrust


def _asks_revocation() -> bool:
    return injected is None or distribution_revocation


class _ContextType(type):
    """While injected, `isinstance(context, ssl.SSLContext)` is true for contexts made before."""

    def __instancecheck__(cls, instance: object) -> bool:
        if cls is injected:
            return isinstance(instance, StdContext)
        return super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        if cls is injected:
            return issubclass(subclass, StdContext)
        return super().__subclasscheck__(subclass)


class _Itself:
    """An attribute that is the object itself, unless something else is put there."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else instance


class _VerifiesServers:
    """Whether a context is not for servers only, found once: `protocol` makes an enum each time."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        verifies = instance.protocol != ssl.PROTOCOL_TLS_SERVER
        instance.__dict__["_verifies_servers"] = verifies
        return verifies


class ContextBase(StdContext, metaclass=_ContextType):
    """An `ssl.SSLContext` whose client connections are verified by this package, in some mode."""

    sslsocket_class = SSLSocket
    sslobject_class = SSLObject

    #: For other copies of this package.
    _builds_on = StdContext
    #: Whether loading a CA file ends the trust in the system; the default certificates, once
    #: requested, bring it back.
    _respects_cafile = False
    _default_requested = False

    # Code written for truststore finds the context that does the work by this name.
    _ctx = _Itself()

    def __new__(
        cls: type[_Self],
        protocol: int | None = None,
        *args: Any,
        system_trust: bool = True,
        distribution_distrust: bool = True,
        distribution_revocation: bool = True,
        intermediates: str | os.PathLike[str] | None = None,
        danger_allow_weak_keys: bool = False,
        **kwargs: Any,
    ) -> _Self:
        # Everything is set up here: some subclasses do not call __init__.
        if StdContext.__module__ == "ssl":
            # As its __new__ does, but then warnings would name this line.
            if protocol is None:
                text = "ssl.SSLContext() without protocol argument is deprecated."
                warnings.warn(text, DeprecationWarning, stacklevel=2)
                protocol = ssl.PROTOCOL_TLS
            self: _Self = c_context.__new__(cls, protocol)
        else:
            self = StdContext.__new__(cls, protocol, *args, **kwargs)
        if self._verifies_servers:
            self._respects_cafile = injected is not None and respect_cafile and system_trust
            self._set_up(
                bool(system_trust),
                distribution_distrust and _heeds_distrust(),
                distribution_revocation and _asks_revocation(),
            )
            if intermediates is not None:
                self._add_intermediates(os.fsdecode(intermediates))
            if ssl.HAS_NEVER_CHECK_COMMON_NAME:
                self.hostname_checks_common_name = False
        elif intermediates is not None:
            raise ValueError("intermediates: a context for servers verifies no servers")
        if danger_allow_weak_keys:
            self.danger_allow_weak_keys = True
        return self

    #: Whether the client connections of this context are verified here.
    _verifies_servers = _VerifiesServers()

    def _set_up(self, system_trust: bool, heeds_distrust: bool, asks_revocation: bool) -> None:
        """Once, in contexts that verify servers, before anything else."""
        raise NotImplementedError

    def _add_intermediates(self, path: str) -> None:
        """Finds intermediates that a server does not send in this directory."""
        raise NotImplementedError

    @property
    def system_trust(self) -> bool:
        """Whether the system's trust anchors are trusted. Always False in contexts for servers."""
        raise NotImplementedError

    @system_trust.setter
    def system_trust(self, value: bool) -> None:
        if self._verifies_servers:
            self._trust_system(bool(value))
            self._respects_cafile = False
        elif value:
            raise ValueError("a context for servers does not trust the system's certificates")

    def _trust_system(self, value: bool) -> None:
        """Whether the system's trust anchors are trusted from now on."""
        raise NotImplementedError

    @property
    def distribution_distrust(self) -> bool:
        """Whether what the distribution distrusts in addition to its bundle is rejected, on Unix.
        Always False in contexts for servers."""
        raise NotImplementedError

    @distribution_distrust.setter
    def distribution_distrust(self, value: bool) -> None:
        if self._verifies_servers:
            self._heed_distrust(bool(value))
        elif value:
            raise ValueError("a context for servers does not heed what the distribution distrusts")

    def _heed_distrust(self, value: bool) -> None:
        """Whether what the distribution distrusts is rejected from now on."""
        raise NotImplementedError

    @property
    def distribution_revocation(self) -> bool:
        """Whether the CRLite filters that the distribution keeps on the disk are asked, on Unix.
        Always False in contexts for servers."""
        raise NotImplementedError

    @distribution_revocation.setter
    def distribution_revocation(self, value: bool) -> None:
        if self._verifies_servers:
            self._ask_revocation(bool(value))
        elif value:
            raise ValueError("a context for servers does not ask what the distribution has revoked")

    def _ask_revocation(self, value: bool) -> None:
        """Whether the distribution's CRLite filters are asked from now on."""
        raise NotImplementedError

    @property
    def danger_allow_weak_keys(self) -> bool:
        """Whether weak keys are accepted. Setting it raises ValueError in contexts for servers,
        where the system's own verifier decides, and in OpenSSL mode."""
        return False

    @danger_allow_weak_keys.setter
    def danger_allow_weak_keys(self, value: bool) -> None:
        if value:
            raise ValueError(f"danger_allow_weak_keys: {self._why_no_weak_keys()}")

    def _why_no_weak_keys(self) -> str:
        if not self._verifies_servers:
            return "a context for servers is the standard library's"
        if SYSTEM_DECIDES:
            return "the system's verifier cannot accept weak keys"
        return "OpenSSL mode has no such setting; the security level in set_ciphers decides"

    def load_verify_locations(
        self, cafile: Any = None, capath: Any = None, cadata: Any = None
    ) -> None:
        """Trusts certificates, and uses CRLs, beside the system's.

        Takes what `ssl.SSLContext.load_verify_locations` takes and raises what it raises. A file
        that has not changed since it was loaded is not read again. The hashed directory `capath`
        is read now. The bundle of the certifi package stands for the system's store and adds
        nothing, unless `system_trust` is False.
        """
        if not self._verifies_servers:
            super().load_verify_locations(cafile, capath, cadata)
        elif cafile is None and capath is None and cadata is None:
            self._standard_errors(cafile, capath, cadata)
        else:
            self._load(cafile, capath, cadata)

    def _load(self, cafile: Any, capath: Any, cadata: Any) -> None:
        bundle = False
        try:
            if cadata is not None:
                self._load_data(cadata)
            if cafile is not None:
                bundle = self._load_file(cafile)
            if capath is not None:
                self._load_directory(capath)
        finally:
            # Also if nothing could be loaded: then nothing is trusted.
            if not bundle or capath is not None or cadata is not None:
                self._own_loaded()

    def _load_data(self, cadata: Any) -> None:
        raise NotImplementedError

    def _load_file(self, cafile: Any) -> bool:
        """Whether it is a bundle of certifi, which requests the default certificates."""
        raise NotImplementedError

    def _load_directory(self, capath: Any) -> None:
        raise NotImplementedError

    def _default_loaded(self) -> None:
        self._default_requested = True
        if self._respects_cafile:
            self._trust_system(True)

    def _own_loaded(self) -> None:
        # What decides is that something was loaded, not what was in it: certificates for another
        # purpose, rejected ones or CRLs alone are no reason to trust the system.
        if self._respects_cafile and not self._default_requested:
            self._trust_system(False)

    @property
    def verify_flags(self) -> ssl.VerifyFlags:
        """As in `ssl`. Setting a bit that has no effect on the verdict raises ValueError."""
        return ssl.VerifyFlags(c_context.verify_flags.__get__(self))

    @verify_flags.setter
    def verify_flags(self, value: int) -> None:
        if self._verifies_servers and isinstance(value, int):
            refused = int(value) & ~HONOURED & 0xFFFFFFFF
            if refused:
                raise ValueError(f"verify_flags: trustbridge does not support {refused:#x}")
        c_context.verify_flags.__set__(self, value)

    if TYPE_CHECKING:  # they are those of `ssl`

        def wrap_socket(
            self,
            sock: socket,
            server_side: bool = False,
            do_handshake_on_connect: bool = True,
            suppress_ragged_eofs: bool = True,
            server_hostname: str | bytes | None = None,
            session: ssl.SSLSession | None = None,
        ) -> SSLSocket: ...

        def wrap_bio(
            self,
            incoming: ssl.MemoryBIO,
            outgoing: ssl.MemoryBIO,
            server_side: bool = False,
            server_hostname: str | bytes | None = None,
            session: ssl.SSLSession | None = None,
        ) -> SSLObject: ...

    # What `ssl` calls for every connection, however it is made.

    def _wrap_socket(
        self, sock: Any, server_side: Any, server_hostname: Any = None, **rest: Any
    ) -> Any:
        wrap = super()._wrap_socket  # type: ignore[misc]
        self._need_name(server_side, server_hostname)
        return self._connect(wrap, (sock,), server_side, server_hostname, rest)

    def _wrap_bio(
        self,
        incoming: Any,
        outgoing: Any,
        server_side: Any,
        server_hostname: Any = None,
        **rest: Any,
    ) -> Any:
        wrap = super()._wrap_bio  # type: ignore[misc]
        # `ssl` does not notice here that the name is missing.
        self._need_name(server_side, server_hostname)
        return self._connect(wrap, (incoming, outgoing), server_side, server_hostname, rest)

    def _need_name(self, server_side: Any, name: Any) -> None:
        if not name and not server_side and self._verifies_servers and self.check_hostname:
            raise ValueError("check_hostname requires server_hostname")

    def _connect(
        self, wrap: Any, ends: tuple[Any, ...], server_side: Any, name: Any, rest: dict[str, Any]
    ) -> Any:
        """The connection that the class beneath makes of a socket or of two memory BIOs."""
        return wrap(*ends, server_side, name, **rest)

    @staticmethod
    def _standard_errors(cafile: Any, capath: Any, cadata: Any) -> None:
        """Raises what `ssl` raises for these arguments, if it does."""
        scratch = StdContext(ssl.PROTOCOL_TLS_CLIENT)
        scratch.load_verify_locations(cafile, capath, cadata)


class Mode:
    """How the connections of one context are verified, and where its settings are.

    This one leaves both to `ssl`, as contexts for servers do. The context is an argument where it
    is needed: with a reference to it only the garbage collector would free the two.
    """

    def verify_mode(self, context: ContextBase) -> Any:
        return StdContext.verify_mode.__get__(context)  # type: ignore[attr-defined]

    def set_verify_mode(self, context: ContextBase, value: Any) -> None:
        c_context.verify_mode.__set__(context, value)

    def check_hostname(self, context: ContextBase) -> bool:
        checks: bool = c_context.check_hostname.__get__(context)
        return checks

    def set_check_hostname(self, context: ContextBase, value: Any) -> None:
        c_context.check_hostname.__set__(context, value)

    def shown_options(self, options: Any) -> Any:
        """What a program sees of OpenSSL's options."""
        return options

    def kept_options(self, value: Any) -> Any:
        """What OpenSSL gets of the options that a program sets."""
        return value

    def options_set(self, value: Any) -> None:
        """OpenSSL has taken these options of a program."""

    def key_is_shared(self, shared: bool) -> None:
        """Whether there is a callback for pre-shared keys from now on."""

    def connect(
        self,
        context: ContextBase,
        wrap: Any,
        ends: tuple[Any, ...],
        server_side: Any,
        name: Any,
        rest: dict[str, Any],
    ) -> Any:
        """The connection that `wrap` makes of a socket or of two memory BIOs."""
        return wrap(*ends, server_side, name, **rest)


def attach(verification: Verification, ends: tuple[Any, ...], rest: dict[str, Any]) -> None:
    """Leaves the verification with the socket or object of a connection just made."""
    owner = rest.get("owner")
    if owner is None and isinstance(ends[0], StdSocket):
        owner = ends[0]
    # gevent's owner is the socket beneath, which knows the one that programs have.
    outer = getattr(owner, "_sslsock", None)
    if outer is not None:
        owner = outer()
    try:
        owner._verification = verification  # type: ignore[union-attr]
    except AttributeError:
        pass  # nobody's, or of a class with slots
