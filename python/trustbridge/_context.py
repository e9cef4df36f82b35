"""The context whose verdicts are the native module's."""

from __future__ import annotations

import os
import ssl

from . import _native, _select
from ._certifi import is_bundle
from ._context_base import ContextBase, Mode, c_context
from ._mode import DEFERRED, HANDSHAKE_MODE
from ._std import StdContext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._deferred import Deferred
    from ._in_handshake import InHandshake

    _OwnMode: type[Deferred | InHandshake]

# The mode of this interpreter, for contexts that verify servers.
if HANDSHAKE_MODE == DEFERRED:
    from ._deferred import Deferred as _OwnMode
else:
    from ._in_handshake import InHandshake as _OwnMode


def _apply_variables(trust: _native.Trust) -> None:
    # On Unix there is nothing to import it for.
    if _select.reads_variables:
        from . import _environment

        _environment.apply(trust)


def _has_issuers(certfile: Any) -> bool:
    """Whether a file for `load_cert_chain` has more than the certificate itself."""
    try:
        with open(certfile, "rb") as file:
            return file.read().count(b"CERTIFICATE-----") > 2  # BEGIN and END
    except OSError:
        return False


class _Settings(ContextBase):
    """The settings, where the mode has them. In a class of their own: libraries that derive from
    `ssl.SSLContext` and replace it, as gevent does, set them with `super(SSLContext, SSLContext)`.
    """

    # PyPy's class beneath is Python too, with private names of its own: none of these is one.
    _mode = Mode()

    @property
    def verify_mode(self) -> Any:
        return self._mode.verify_mode(self)

    @verify_mode.setter
    def verify_mode(self, value: Any) -> None:
        self._mode.set_verify_mode(self, value)

    @property
    def check_hostname(self) -> bool:
        return self._mode.check_hostname(self)

    @check_hostname.setter
    def check_hostname(self, value: Any) -> None:
        self._mode.set_check_hostname(self, value)

    @property
    def options(self) -> Any:
        return self._mode.shown_options(super().options)

    @options.setter
    def options(self, value: Any) -> None:
        # Not by way of the mode, or the warnings of `ssl` would name that line.
        c_context.options.__set__(self, self._mode.kept_options(value))
        self._mode.options_set(value)

    @property
    def hostname_checks_common_name(self) -> bool:
        """False here unless it is set, which raises ValueError where the system's own verifier
        decides: it does not match the common name."""
        return super().hostname_checks_common_name

    @hostname_checks_common_name.setter
    def hostname_checks_common_name(self, value: bool) -> None:
        if value and _select.SYSTEM_DECIDES and self._verifies_servers:
            raise ValueError(
                "hostname_checks_common_name: the system's verifier cannot match the common name"
            )
        StdContext.hostname_checks_common_name.__set__(self, value)  # type: ignore[attr-defined]

    # From Python 3.13 on.
    if hasattr(StdContext, "set_psk_client_callback"):

        def set_psk_client_callback(self, callback: Any) -> None:
            super().set_psk_client_callback(callback)  # type: ignore[misc,unused-ignore]
            self._mode.key_is_shared(callback is not None)


class SSLContext(_Settings):
    """An `ssl.SSLContext` whose client connections are verified with the system's trust store.

    The verdict is given during the handshake, from the settings of the connection: `verify_mode`,
    `check_hostname`, `verify_flags` (revocation checks with the CRLs loaded and, in-handshake, the
    OCSP response that the server staples; VERIFY_X509_STRICT) and
    `hostname_checks_common_name`, which is False here unless it is set. CERT_OPTIONAL means
    CERT_REQUIRED, as always for clients. Certificates loaded add to the system's, unless
    `system_trust` is False: then nothing else is trusted. On Unix, what the distribution distrusts
    in addition to its bundle is rejected, unless `distribution_distrust` is False, and so is what
    the CRLite filters on the disk list as revoked, unless `distribution_revocation` is False.

    `intermediates` is a directory of untrusted certificates, PEM or DER, that complete the chains
    of servers that do not send their intermediates. TRUSTBRIDGE_INTERMEDIATES_DIR in the
    environment names another.

    Contexts for PROTOCOL_TLS_SERVER, and server sides of PROTOCOL_TLS, are the standard library's.
    """

    #: None in contexts for servers.
    _trust: _native.Trust | None = None
    #: Bundles of certifi that were loaded, and not read.
    _bundles: tuple[str, ...] = ()
    #: How many of the certificates loaded OpenSSL has, to complete the chains that are sent; None
    #: while there is none to complete.
    _completed: int | None = None
    #: Whether OpenSSL's own store is used too: on server sides.
    _standard_too = True

    def _set_up(self, system_trust: bool, heeds_distrust: bool, asks_revocation: bool) -> None:
        mode = _OwnMode(self)
        self._mode, self._trust = mode, mode.trust
        self._standard_too = self.protocol != ssl.PROTOCOL_TLS_CLIENT
        _apply_variables(mode.trust)
        mode.trust.system = system_trust
        mode.trust.distribution_distrust = heeds_distrust
        mode.trust.distribution_revocation = asks_revocation

    def _add_intermediates(self, path: str) -> None:
        assert self._trust is not None
        self._trust.add_intermediates(path)

    @property
    def system_trust(self) -> bool:
        """Whether the system's trust anchors are trusted. Always False in contexts for servers.

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
                    self._trust.add_certifi(_native.read_file(bundle))
        self._respects_cafile = False
        self._trust.system = bool(value)

    @property
    def danger_allow_weak_keys(self) -> bool:
        """Whether RSA keys from 1024 bits, and RSA signatures with SHA-1 below the trust anchor,
        are accepted: for devices that cannot be replaced. Both can be forged by those who have the
        means.

        Can be set at any time and holds for connections made from then on; no cipher string
        implies it. A chain is first verified without it, and `verified.weaknesses` says what it
        was needed for. Setting it raises ValueError in contexts for servers and where the system's
        own verifier decides.
        """
        return self._trust is not None and self._trust.weak_keys

    @danger_allow_weak_keys.setter
    def danger_allow_weak_keys(self, value: bool) -> None:
        if value and (self._trust is None or _select.SYSTEM_DECIDES):
            raise ValueError(f"danger_allow_weak_keys: {self._why_no_weak_keys()}")
        if self._trust is not None:
            self._trust.weak_keys = bool(value)

    def _trust_system(self, value: bool) -> None:
        assert self._trust is not None
        self._trust.system = value

    @property
    def distribution_distrust(self) -> bool:
        """Whether what the distribution distrusts in addition to its bundle is rejected, on Unix.
        Always False in contexts for servers.

        Can be set at any time and holds for connections made from then on. It has no effect where
        an environment variable names the store, or the system's own verifier decides.
        """
        return self._trust is not None and self._trust.distribution_distrust

    @distribution_distrust.setter
    def distribution_distrust(self, value: bool) -> None:
        ContextBase.distribution_distrust.__set__(self, value)  # type: ignore[attr-defined]

    def _heed_distrust(self, value: bool) -> None:
        assert self._trust is not None
        self._trust.distribution_distrust = value

    @property
    def distribution_revocation(self) -> bool:
        """Whether the CRLite filters that the distribution keeps on the disk are asked, on Unix.
        Always False in contexts for servers.

        Can be set at any time and holds for connections made from then on. It has no effect where
        the system's own verifier decides.
        """
        return self._trust is not None and self._trust.distribution_revocation

    @distribution_revocation.setter
    def distribution_revocation(self, value: bool) -> None:
        ContextBase.distribution_revocation.__set__(self, value)  # type: ignore[attr-defined]

    def _ask_revocation(self, value: bool) -> None:
        assert self._trust is not None
        self._trust.distribution_revocation = value

    def _connect(
        self, wrap: Any, ends: tuple[Any, ...], server_side: Any, name: Any, rest: dict[str, Any]
    ) -> Any:
        return self._mode.connect(self, wrap, ends, server_side, name, rest)

    def _load(self, cafile: Any, capath: Any, cadata: Any) -> None:
        if self._standard_too:
            StdContext.load_verify_locations(self, cafile, capath, cadata)
        super()._load(cafile, capath, cadata)
        self._complete_chains()

    def load_cert_chain(self, certfile: Any, *args: Any, **kwargs: Any) -> None:
        """As in `ssl`, which sends a certificate without its issuers with those it has loaded."""
        super().load_cert_chain(certfile, *args, **kwargs)
        if not self._standard_too and not _has_issuers(certfile):
            self._completed = self._completed or 0
            self._complete_chains()
            if self._default_requested:
                super().set_default_verify_paths()

    def _complete_chains(self) -> None:
        """OpenSSL completes the chain that a context sends from its own store, which is not used
        for anything else here."""
        if self._completed is None or self._trust is None:
            return
        for certificate in self._trust.loaded(self._completed):
            self._completed += 1
            try:
                StdContext.load_verify_locations(self, cadata=certificate)
            except ssl.SSLError:
                pass  # OpenSSL cannot read it

    def _load_data(self, cadata: Any) -> None:
        assert self._trust is not None
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
        self._trust.add(batch)

    def _load_file(self, cafile: Any) -> bool:
        trust = self._trust
        assert trust is not None
        try:
            path = os.fsdecode(cafile)
            if trust.has_file(path):
                return False
            bundle = is_bundle(path)
            if bundle and trust.system:
                # Stands for the system's certificates, and is read only once those are given up.
                if path not in self._bundles:
                    self._bundles = (*self._bundles, path)
                self._default_loaded()
                return True
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
            trust.add_certifi(batch)
            self._default_loaded()
        else:
            trust.add(batch)
        return bundle

    def _load_directory(self, capath: Any) -> None:
        try:
            path = os.fsdecode(capath)
        except TypeError:
            path = ""
        if not path or "\0" in path:
            self._standard_errors(None, capath, None)
        assert self._trust is not None
        self._trust.add(_native.read_directory(path))

    def load_default_certs(self, purpose: Any = ssl.Purpose.SERVER_AUTH) -> None:
        """Costs nothing on clients, which trust the system from the beginning."""
        if self._trust is None or self._standard_too:
            super().load_default_certs(purpose)
        elif not isinstance(purpose, ssl._ASN1Object):
            raise TypeError(purpose)
        elif self._completed is not None:
            super().set_default_verify_paths()
        self._look_again()

    def set_default_verify_paths(self) -> None:
        """Costs nothing on clients, which trust the system from the beginning."""
        if self._trust is None or self._standard_too or self._completed is not None:
            super().set_default_verify_paths()
        self._look_again()

    def _look_again(self) -> None:
        """Reads the variables again, for a context that asks for the default certificates."""
        if self._trust is not None:
            self._trust.reload_environment()
            _apply_variables(self._trust)
            self._default_loaded()

    def _as_standard(self, trust: _native.Trust) -> StdContext:
        """A context of the standard library with the certificates that this one trusts."""
        scratch = StdContext(ssl.PROTOCOL_TLS_CLIENT)
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
