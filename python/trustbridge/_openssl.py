"""Without the native module: OpenSSL's own verification, fed with the system's store.

Only where the store is plain data: Linux and other Unix. Places and rules are those of the native
module. They are looked for once in a process, and read once into each context, before its first
connection: never while another thread may be using it. Reading a bundle takes OpenSSL some 20 ms
or more, which is why a context that is never used for a client does not read it.

OpenSSL refuses trust anchors that are expired, are not CAs, may not sign certificates, are for
another purpose or have unknown critical extensions, and honours `TRUSTED CERTIFICATE` blocks.
"""

from __future__ import annotations

import os
import re
import ssl
from _thread import RLock

from . import _openssl_store as store
from ._context_base import PARTIAL_CHAIN, ContextBase, attach
from ._files import file_identity
from ._mode import without_native
from ._std import StdContext
from ._verification import Sessions, Verification

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from ._files import _Identity
    from ._openssl_distrust import Distrust
    from ._openssl_report import Verified

#: Why this mode is in use.
reason = without_native


class SSLContext(ContextBase):
    """An `ssl.SSLContext` that has the system's trust store before its first client connection.

    Certificates loaded add to the system's, unless `system_trust` is False: then nothing else is
    trusted. A certificate that the distribution distrusts is not loaded, unless
    `distribution_distrust` is False. CRLite filters are not asked: `distribution_revocation` has no
    effect. Every certificate of the store is trusted, whether it has signed itself or not:
    VERIFY_X509_PARTIAL_CHAIN is on, whatever `verify_flags` says, as in the other modes.
    `hostname_checks_common_name` is False unless it is set.

    `intermediates` is a directory of untrusted certificates, PEM or DER, that complete the chains
    of servers that do not send their intermediates. TRUSTBRIDGE_INTERMEDIATES_DIR in the
    environment names another. OpenSSL would trust them with VERIFY_X509_PARTIAL_CHAIN: with either,
    that bit is off, and only certificates that have signed themselves are trust anchors.

    Contexts for PROTOCOL_TLS_SERVER are the standard library's. One for PROTOCOL_TLS either
    verifies servers or verifies clients: it has one store, and the system's is not for clients.
    """

    #: A lock for each process: the child of a fork would wait for ever for one that another thread
    #: of its parent had. None in contexts for servers.
    _locks: dict[int, Any] | None = None
    _complete = False
    _verifies_clients = False
    _system_trust = False
    _heeds_distrust = False
    #: Whether the program has set VERIFY_X509_PARTIAL_CHAIN, which is on in any case.
    _shows_partial_chain = False
    #: What has been read, and the identities of the files.
    _sources: list[store.Source]
    _files: dict[_Identity, store.Source | None]
    _in_directories: set[_Identity]
    _given: set[tuple[type, str | bytes]]
    #: Bundles of certifi that were loaded, and not read.
    _bundles: list[str]
    #: Directories of untrusted certificates, and what was read of them.
    _intermediates: tuple[str, ...] = ()
    _untrusted: frozenset[bytes] = frozenset()
    _sessions: Sessions

    def _set_up(self, system_trust: bool, heeds_distrust: bool, asks_revocation: bool) -> None:
        self._locks = {}
        self._sources, self._bundles = [], []
        self._files, self._in_directories, self._given = {}, set(), set()
        self._system_trust, self._heeds_distrust = system_trust, heeds_distrust
        self._sessions = Sessions()
        if os.environ.get(store.INTERMEDIATES_VARIABLE):
            from ._openssl_intermediates import from_environment

            self._intermediates = tuple(from_environment())
        self.verify_flags = super().verify_flags

    def _add_intermediates(self, path: str) -> None:
        self._intermediates = (*self._intermediates, os.path.abspath(path))
        self.verify_flags = self.verify_flags

    def _lock(self) -> Any:
        assert self._locks is not None
        return self._locks.setdefault(os.getpid(), RLock())

    @property
    def system_trust(self) -> bool:
        """Whether the system's trust anchors are trusted. Always False in contexts for servers.

        Can be set before the first connection, and before `get_ca_certs()` or `cert_store_stats()`,
        which read the store too: OpenSSL cannot forget a certificate. While it is False only what
        was loaded is trusted, a bundle of certifi like any other file.
        """
        return self._system_trust

    @system_trust.setter
    def system_trust(self, value: bool) -> None:
        if self._locks is None:
            if value:
                raise ValueError("a context for servers does not trust the system's certificates")
            return
        with self._lock():
            self._trust_system(bool(value))
            self._respects_cafile = False

    def _trust_system(self, value: bool) -> None:
        if self._complete and value != self._system_trust:
            raise ValueError("system_trust cannot change once the context has been used")
        self._system_trust = value

    @property
    def distribution_distrust(self) -> bool:
        """Whether what the distribution distrusts in addition to its bundle is not loaded from the
        system's store. Always False in contexts for servers.

        Can be set whenever `system_trust` can. Dates are not enforced, nor is anything said about
        intermediates: OpenSSL has no such settings.
        """
        return self._heeds_distrust

    @distribution_distrust.setter
    def distribution_distrust(self, value: bool) -> None:
        ContextBase.distribution_distrust.__set__(self, value)  # type: ignore[attr-defined]

    def _heed_distrust(self, value: bool) -> None:
        with self._lock():
            if self._complete and value != self._heeds_distrust:
                raise ValueError(
                    "distribution_distrust cannot change once the context has been used"
                )
            self._heeds_distrust = value

    @property
    def distribution_revocation(self) -> bool:
        """Always False: nobody asks the CRLite filters of the distribution in this mode."""
        return False

    @distribution_revocation.setter
    def distribution_revocation(self, value: bool) -> None:
        ContextBase.distribution_revocation.__set__(self, value)  # type: ignore[attr-defined]

    def _ask_revocation(self, value: bool) -> None:
        if value:
            raise ValueError("distribution_revocation: OpenSSL cannot ask CRLite filters")

    @property
    def verify_flags(self) -> ssl.VerifyFlags:
        """As in `ssl`. Setting a bit that not every mode of this package honours raises
        ValueError."""
        flags = super().verify_flags
        if self._locks is None:
            return flags
        return flags | PARTIAL_CHAIN if self._shows_partial_chain else flags & ~PARTIAL_CHAIN

    @verify_flags.setter
    def verify_flags(self, value: int) -> None:
        shows = False
        if self._locks is not None and isinstance(value, int):
            shows = bool(value & PARTIAL_CHAIN)
            if not self._verifies_clients:
                value = (value & ~PARTIAL_CHAIN) if self._intermediates else value | PARTIAL_CHAIN
        ContextBase.verify_flags.__set__(self, value)  # type: ignore[attr-defined]
        self._shows_partial_chain = shows

    def _read_system(self) -> None:
        """Reads the store, unless that has been done."""
        if self._locks is None or self._complete:
            return
        with self._lock():
            if self._complete:
                return
            # Here is time for them, and nothing is to be imported where a program cannot.
            from . import _openssl_distrust
            from . import _openssl_report as _openssl_report

            if not self._system_trust:
                for bundle in self._bundles:
                    self._add(bundle, cafile=bundle)
            places = store.system_places() if self._system_trust else []
            # A store that a variable names is the user's own.
            default = self._heeds_distrust and not any(place.variable for place in places)
            distrust = _openssl_distrust.read() if default and places else None
            for place in places:
                default_directory = place.directory and place.variable is None
                source = self._read_place(place, distrust)
                if default_directory and source.certificates:
                    break
            self._read_intermediates(distrust)
            self._complete = True

    def _read_intermediates(self, distrust: Distrust | None) -> None:
        for directory in self._intermediates:
            from . import _openssl_intermediates

            source = store.Source(f"untrusted intermediates in {directory}")
            found = _openssl_intermediates.read_into(self, directory, source.problems, distrust)
            self._untrusted |= found
            if source.problems:
                self._sources.append(source)

    def _read_place(self, place: store.Place, distrust: Distrust | None) -> store.Source:
        identity = None if place.directory else file_identity(place.path)
        known = None if identity is None else self._files.get(identity)
        if known is None:
            source = store.read_into(self, place, self._sources, distrust)
            # Loading it later must do what it does in `ssl`, or what respect_cafile asks for.
            clean = not source.problems and not source.distrusted
            if identity is not None and clean and not self._respects_cafile:
                self._files.setdefault(identity, source)
        elif known.name == str(place):
            return known
        else:  # loaded by the program, as with PIP_CERT
            source = store.Source(str(place))
            source.certificates = known.certificates
        self._sources.append(source)
        return source

    def _connect(
        self, wrap: Any, ends: tuple[Any, ...], server_side: Any, name: Any, rest: dict[str, Any]
    ) -> Any:
        self._prepare(bool(server_side))
        if self._locks is None or server_side:
            return wrap(*ends, server_side, name, **rest)
        terms = (
            int(self.verify_mode),
            name if self.check_hostname else None,
            int(super().verify_flags),
            self._host_flags,  # type: ignore[attr-defined]
            len(self._sources),
            sum(source.certificates for source in self._sources),
        )
        verification = _Verification(self, terms)
        rest = verification.offer(self, rest)
        raw = wrap(*ends, server_side, name, **rest)
        attach(verification, ends, rest)
        return raw

    def _prepare(self, server_side: bool) -> None:
        """Fills the store for a connection of that kind."""
        if self._locks is None or (not server_side and self._complete):
            return
        if server_side and self.verify_mode == ssl.CERT_NONE:
            return
        with self._lock():  # or another thread makes it the other kind meanwhile
            if not server_side:
                if self._verifies_clients:
                    raise ValueError("this context verifies clients; make another one for servers")
                # Also with CERT_NONE: the mode may change while the context is in use.
                self._read_system()
            elif self._complete:
                raise ValueError("this context verifies servers; make another one for clients")
            elif not self._verifies_clients:
                self._verifies_clients = True
                self.verify_flags = self.verify_flags  # as `ssl` has them from now on

    def _load(self, cafile: Any, capath: Any, cadata: Any) -> None:
        with self._lock():
            super()._load(cafile, capath, cadata)

    def _load_data(self, cadata: Any) -> None:
        # With its type: to compare bytes with a str can be an error.
        given = (type(cadata), cadata) if type(cadata) in (str, bytes) else None
        if given not in self._given:
            self._add("certificates given to the context", cadata=cadata)
            if given:
                self._given.add(given)

    def _add(self, name: str, **location: Any) -> store.Source:
        before = store.certificates_in(self)
        StdContext.load_verify_locations(self, **location)
        source = self._source(name)
        source.certificates += store.certificates_in(self) - before
        return source

    def _source(self, name: str) -> store.Source:
        """The one of that name, a new one if there is none."""
        for source in self._sources:
            if source.name == name:
                return source
        self._sources.append(store.Source(name, self._sources))
        return self._sources[-1]

    def _load_file(self, cafile: Any) -> bool:
        identity = file_identity(cafile)
        if identity is not None and identity in self._files:
            return os.fsdecode(cafile) in self._bundles
        source = None
        from ._certifi import is_bundle

        bundle = identity is not None and is_bundle(os.fsdecode(cafile))
        if bundle and (self._system_trust or not self._complete):
            # Stands for the system's certificates, and is read only if those are not trusted.
            self._bundles.append(os.fsdecode(cafile))
        else:
            shown = os.fsdecode(cafile) if isinstance(cafile, (str, bytes, os.PathLike)) else ""
            source = self._add(shown, cafile=cafile)
        if bundle:
            self._default_loaded()
        if identity is not None:
            self._files[identity] = source
        return bundle

    def _load_directory(self, capath: Any) -> None:
        problems = []
        try:
            names = sorted(os.listdir(os.fsdecode(capath)))
        except (OSError, TypeError, ValueError) as error:
            # What is not a directory is accepted by ssl, what is not a path is not.
            StdContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(capath=capath)
            names = []
            problems.append(str(getattr(error, "strerror", error)))
        found = store.Source(os.fsdecode(capath))
        found.problems += problems
        before = store.certificates_in(self)
        for name in names:
            if re.fullmatch(store.HASHED, name) or re.fullmatch(store.HASHED_CRL, name):
                path = os.path.join(found.name, name)
                identity = file_identity(path)
                # Some load a directory for each connection, such as urllib3.
                if identity is None or identity not in self._in_directories:
                    store.read_file(self, path, found)
                if identity is not None:
                    self._in_directories.add(identity)
        source = self._source(found.name)
        source.certificates += store.certificates_in(self) - before
        source.problems += [text for text in found.problems if text not in source.problems]

    def load_default_certs(self, purpose: Any = ssl.Purpose.SERVER_AUTH) -> None:
        """Clients trust the system anyway."""
        if self._locks is None or self._verifies_clients:
            super().load_default_certs(purpose)
        elif not isinstance(purpose, ssl._ASN1Object):
            raise TypeError(purpose)
        if self._locks is not None:
            self._default_loaded()

    def set_default_verify_paths(self) -> None:
        """Clients trust the system anyway."""
        if self._locks is None or self._verifies_clients:
            super().set_default_verify_paths()
        if self._locks is not None:
            self._default_loaded()

    def get_ca_certs(self, binary_form: bool = False) -> Any:
        """The CA certificates loaded and those of the system."""
        self._read_for_introspection()
        known = super().get_ca_certs(binary_form)
        if not self._untrusted:
            return known
        ders = super().get_ca_certs(True)
        return [one for one, der in zip(known, ders, strict=True) if der not in self._untrusted]

    def cert_store_stats(self) -> dict[str, int]:
        """Counts of the certificates and CRLs, the system's among them."""
        self._read_for_introspection()
        return super().cert_store_stats()

    def _read_for_introspection(self) -> None:
        if self._locks is not None:
            with self._lock():
                if not self._verifies_clients:
                    self._read_system()


class _Verification(Verification):
    def __init__(self, context: SSLContext, terms: tuple[Any, ...]) -> None:
        super().__init__(terms, context._sessions)
        self.sources = context._sources
        self.accepted: Verified | None = None

    def verified(self, connection: Any) -> Verified | None:
        if self.accepted is None and connection.version() is not None:
            mode, _, flags, *_ = self.terms
            if mode == ssl.CERT_NONE:
                return None
            if self.offered is not None and connection.session_reused:
                self.accepted = self.offered.accepted  # type: ignore[attr-defined]
            elif chain := connection._sslobj.get_verified_chain():
                from ._openssl_report import Verified

                self.accepted = Verified(chain, self.sources, flags)
        return self.accepted

    def take(self, session: Any, connection: Any) -> None:
        self.verified(connection)
        super().take(session, connection)

    def explain(self, error: ssl.SSLCertVerificationError, connection: Any) -> None:
        from . import _openssl_report

        anchors = sum(source.certificates for source in self.sources)
        _openssl_report.explain(error, connection, self.sources, anchors=anchors, reason=reason)


class VerificationError(ssl.SSLCertVerificationError):
    """Never raised here: see `verify`."""


def verify(*_arguments: Any, **_settings: Any) -> NoReturn:
    """Raises NotImplementedError: `ssl` verifies only inside a handshake."""
    raise NotImplementedError(f"verify() needs the native module of trustbridge: {reason}")


def export_pem(path: str | os.PathLike[str] | None = None) -> str:
    """Raises NotImplementedError: which certificates can be trust anchors only the native module
    tells."""
    raise NotImplementedError(f"export_pem() needs the native module of trustbridge: {reason}")
