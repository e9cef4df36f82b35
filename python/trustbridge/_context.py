"""The context whose verdicts are the native module's."""

from __future__ import annotations

import os
import ssl

from . import _certifi, _context_base, _environment, _native
from ._context_base import StdContext
from ._mode import DEFERRED, HANDSHAKE_MODE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

if HANDSHAKE_MODE == DEFERRED:
    from ._deferred import DeferredContext as _Base
else:
    from ._in_handshake import InHandshakeContext as _Base  # type: ignore[assignment]


class SSLContext(_Base):
    """An `ssl.SSLContext` whose client connections are judged by the system's trust store.

    The verdict is given during the handshake, from the settings of the connection: `verify_mode`,
    `check_hostname`, `verify_flags` (CRL checks with the CRLs loaded, VERIFY_X509_STRICT) and
    `hostname_checks_common_name`, which is False here unless it is set. CERT_OPTIONAL means
    CERT_REQUIRED, as always for clients. Certificates loaded add to the system's, unless
    `system_trust` is False: then nothing else is trusted.

    Contexts for PROTOCOL_TLS_SERVER, and server sides of PROTOCOL_TLS, are the standard library's.
    """

    #: None in contexts for servers.
    _trust: _native.Trust | None = None
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
        self = StdContext.__new__(cls, protocol, *args, **kwargs)
        if self._judges:
            self._trust = self._attach()
            _environment.apply(self._trust)
            self._respects_cafile = (
                _context_base.injected is not None and _context_base.respect_cafile
            )
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

    def _change_trust(self, system: bool) -> None:
        assert self._trust is not None
        self._trust.system = system

    @property
    def verify_flags(self) -> ssl.VerifyFlags:
        """As in `ssl`. Setting a bit that has no effect on the verdict raises ValueError."""
        return ssl.VerifyFlags(StdContext.verify_flags.fget(self))  # type: ignore[attr-defined]

    @verify_flags.setter
    def verify_flags(self, value: int) -> None:
        if self._judges and isinstance(value, int):
            _context_base.check_flags(value)
        StdContext.verify_flags.fset(self, value)  # type: ignore[attr-defined]

    @staticmethod
    def _explain(error: ssl.SSLCertVerificationError, _connection: Any) -> None:
        failure = _native.take_failure()
        if failure is None or failure.verify_code != error.verify_code:
            return
        _context_base.add_words(error, failure.line)
        _context_base.add_report(error, failure.kind, failure.depth, failure.report)

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
        if own:
            self._own_loaded()

    @staticmethod
    def _standard_errors(cafile: Any, capath: Any, cadata: Any) -> None:
        """Raises what `ssl` raises for these arguments, if it does."""
        scratch = StdContext(ssl.PROTOCOL_TLS_CLIENT)
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
                self._default_loaded()
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
            self._default_loaded()
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
            self._default_loaded()

    def set_default_verify_paths(self) -> None:
        """Costs nothing on clients, which trust the system from the beginning."""
        if self._trust is None or self._standard_too:
            super().set_default_verify_paths()
        if self._trust is not None:
            self._trust.renew()
            _environment.apply(self._trust)
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
