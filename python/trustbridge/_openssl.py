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
import stat
from _thread import RLock
from binascii import a2b_base64

from . import _certifi, _context_base
from ._context_base import StdContext
from ._mode import without_native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, NoReturn

    _Name = tuple[tuple[tuple[str, str], ...], ...]

#: Why this backend is in use.
reason = without_native

# The tables of the core, src/store/locations.rs. The first bundle that exists is the store.
BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/var/lib/ca-certificates/ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs/ca-bundle.crt",
    "/etc/pki/tls/cacert.pem",
    "/opt/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/certs/cacert.pem",
    "/data/data/com.termux/files/usr/etc/tls/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
    "/etc/openssl/certs/ca-certificates.crt",
    "/etc/ssl/cacert.pem",
    "/etc/certs/ca-certificates.crt",
    "/boot/system/data/ssl/CARootCertificates.pem",
    "/var/ssl/cert.pem",
)
# Where there is no bundle; the first directory that gives a certificate counts.
DIRECTORIES = (
    "/etc/ssl/certs",
    "/etc/pki/ca-trust/extracted/pem/directory-hash",
    "/etc/pki/tls/certs",
    "/etc/openssl/certs",
    "/etc/certs/CA",
    "/var/ssl/certs",
)

_MAX_FILE_BYTES = 256 << 20
# Compiled when they are used: that takes longer than the rest of the import.
_HASHED = r"(?a:[0-9a-f]{8}\.[0-9]+)"
_HASHED_CRL = r"(?a:[0-9a-f]{8}\.r[0-9]+)"
_BEGIN = rb"-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----"
# No dash within: a search goes no further than the next marker, and no marker is taken for content.
_BLOCK = rb"(?m)^" + _BEGIN + rb"[ \t\r]*\n([^-]*)^-----END \1?CERTIFICATE-----"


class Place:
    """One place of the store."""

    def __init__(self, path: str, variable: str | None, *, directory: bool) -> None:
        self.path = path
        #: The environment variable that names it; None for a default.
        self.variable = variable
        self.directory = directory

    def __str__(self) -> str:
        return f"{self.variable} {self.path}" if self.variable else self.path


def places(
    environment: Any = os.environ,
    bundles: Iterable[str] = BUNDLES,
    directories: Iterable[str] = DIRECTORIES,
) -> list[Place]:
    """Where to read, in order. An empty value counts as unset; one that is set is never replaced.

    Without a bundle, all of the default directories: the first that gives a certificate counts.
    """
    found = []
    for variable in ("SSL_CERT_FILE", "NIX_SSL_CERT_FILE"):
        value = environment.get(variable)
        if value:
            found.append(Place(_context_base.absolute(value), variable, directory=False))
            break
    else:
        for path in bundles:
            if os.path.exists(path):
                found.append(Place(path, None, directory=False))
                break
    bundle = bool(found)
    value = environment.get("SSL_CERT_DIR")
    if value:
        for path in dict.fromkeys(
            _context_base.absolute(part) for part in value.split(":") if part
        ):
            found.append(Place(path, "SSL_CERT_DIR", directory=True))
    elif not bundle:
        found.extend(Place(path, None, directory=True) for path in directories)
    return found


_places: list[Place] | None = None


def _system_places() -> list[Place]:
    global _places
    # No lock: two threads find the same, and the child of a fork would wait for the other one.
    if _places is None:
        _places = places()
    return _places


class _Source:
    """What one place gave to one context."""

    def __init__(self, name: str, before: Iterable[_Source] = ()) -> None:
        self.name = name
        #: How many it has that no place before it has.
        self.certificates = 0
        self.later = any(source.certificates for source in before)
        self.problems: list[str] = []

    def __str__(self) -> str:
        count = self.certificates
        more = "more " if self.later else ""
        text = f"{self.name} ({count} {more}certificate{'' if count == 1 else 's'})"
        return _escape(f"{text} [{self.problems[0]}]" if self.problems else text)


def _read_into(context: SSLContext, place: Place) -> _Source:
    source = _Source(str(place), context._sources)
    before = _count(context)
    if place.directory:
        _read_directory(context, place.path, source)
    else:
        _read_file(context, place.path, source)
    source.certificates = _count(context) - before
    return source


def _count(context: ssl.SSLContext) -> int:
    return StdContext.cert_store_stats(context)["x509"]


def _read_directory(context: SSLContext, path: str, source: _Source) -> None:
    """Reads every file that OpenSSL would look up in a directory of hashed names."""
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        source.problems.append(str(error.strerror))
        return
    for name in names:
        if re.fullmatch(_HASHED, name):
            _read_file(context, os.path.join(path, name), source)


def _read_file(context: SSLContext, path: str, source: _Source) -> None:
    """Reads what can be read of a file; the rest is a problem."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            source.problems.append(f"{path} is not a regular file")
            return
        if status.st_size > _MAX_FILE_BYTES:
            source.problems.append(f"{path} is too large")
            return
        try:
            StdContext.load_verify_locations(context, path)
        except ssl.SSLError:
            with open(path, "rb") as file:
                _salvage(context, path, file.read(_MAX_FILE_BYTES), source)
    except OSError as error:
        source.problems.append(f"{path}: {error.strerror or error}")


def _salvage(context: SSLContext, path: str, pem: bytes, source: _Source) -> None:
    """Reads the certificates of a damaged file one by one.

    Trust settings cannot be given to OpenSSL in this way, so a certificate that has some, anywhere
    in the file, does not count.
    """
    if pem.startswith(b"\xef\xbb\xbf"):
        pem = pem[3:]
    plain: list[bytes] = []
    with_settings: list[bytes] = []
    blocks = list(re.finditer(_BLOCK, pem))
    for block in blocks:
        try:
            der = a2b_base64(block[2])
        except ValueError:
            source.problems.append(f"{path}: a certificate is damaged")
            continue
        (with_settings if block[1] == b"TRUSTED " else plain).append(der)
    if len(re.findall(_BEGIN, pem)) != len(blocks):
        source.problems.append(f"{path}: a certificate is cut off")
    settled = set(map(_certificate, with_settings))
    for der in plain:
        if _certificate(der) in settled:
            continue
        try:
            StdContext.load_verify_locations(context, cadata=ssl.DER_cert_to_PEM_cert(der))
        except ssl.SSLError:
            source.problems.append(f"{path}: a certificate cannot be read")
    if with_settings:
        source.problems.append(f"{path}: the file is damaged, so trust settings do not count")
    if not plain and not with_settings:
        source.problems.append(f"{path}: no certificate")


def _certificate(der: bytes) -> bytes:
    """The first of some DER structures: a certificate without its settings."""
    length, start = (der[1], 2) if len(der) > 1 else (0, 0)
    if length >= 0x80:
        start += length - 0x80
        length = int.from_bytes(der[2:start], "big")
    return der[: start + length]


#: OpenSSL's X509_V_ERR_* codes for what has a name: our word, and words for people.
_KINDS = {
    2: ("UnknownIssuer", "issuer is not known"),
    3: ("RevocationUnknown", "revocation status is unknown"),
    7: ("BadSignature", "certificate signature is wrong"),
    9: ("NotYetValid", "certificate is not yet valid"),
    10: ("Expired", "certificate has expired"),
    12: ("RevocationOutdated", "revocation list is out of date"),
    18: ("SelfSignedLeaf", "self-signed certificate is not trusted"),
    19: ("UntrustedRoot", "root certificate is not trusted"),
    20: ("UnknownIssuer", "issuer is not known"),
    21: ("UnknownIssuer", "issuer is not known"),
    23: ("Revoked", "certificate has been revoked"),
    24: ("NotACa", "issuer is not a CA"),
    25: ("PathLengthExceeded", "too many intermediates for a CA's path length"),
    26: ("WrongPurpose", "certificate may not be used for this purpose"),
    28: ("Distrusted", "certificate is explicitly distrusted"),
    32: ("KeyUsage", "issuer may not sign certificates"),
    34: ("UnknownCriticalExtension", "unknown critical extension"),
    47: ("NameConstraints", "name outside a CA's name constraints"),
    62: ("NameMismatch", "certificate is for another name"),
    64: ("NameMismatch", "certificate is for another name"),
    66: ("WeakKey", "public key is too short"),
    79: ("NotACa", "issuer is not a CA"),
}
_MISSING_PATH = (2, 18, 19, 20, 21)


def _escape(text: str) -> str:
    """Fit for one line of a terminal, whatever a certificate holds."""
    return "".join(c if c.isprintable() and c != '"' else f"\\u{{{ord(c):x}}}" for c in text)


_SHORT = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "localityName": "L",
    "stateOrProvinceName": "ST",
}


def _name_text(name: _Name) -> str:
    parts = [f"{_SHORT.get(key, key)}={value}" for part in reversed(name) for key, value in part]
    return _escape(", ".join(parts))


def _sent(connection: Any) -> list[dict[str, Any]]:
    """What the peer sent, as far as this version of Python and OpenSSL can tell."""
    try:
        return [certificate.get_info() for certificate in connection._sslobj.get_unverified_chain()]
    except (AttributeError, TypeError, ValueError, ssl.SSLError):
        return []


def _missing_issuer(sent: list[dict[str, Any]]) -> tuple[int | None, str]:
    """Follows the names as far as they go: whose issuer is missing, and its name."""
    if not sent:
        return None, ""
    path = [sent[0]]
    while True:
        known = [
            other for other in sent if other["subject"] == path[-1]["issuer"] and other not in path
        ]
        if not known:
            return len(path) - 1, _name_text(path[-1]["issuer"])
        path.append(known[0])


def _report(line: str, sent: list[dict[str, Any]], depth: int | None, context: SSLContext) -> str:
    lines = [line, "", "Sent by the peer:"]
    for index, certificate in enumerate(sent):
        lines.append(f"  {index}: {_name_text(certificate['subject'])}")
        lines.append(f"     issued by {_name_text(certificate['issuer'])}")
        lines.append(f"     valid {certificate['notBefore']} to {certificate['notAfter']}")
    if not sent:
        lines.append("  (no readable certificate)")
    lines += ["", "Searched for trust anchors:"]
    for source in context._sources:
        lines.append(f"  - {source}")
        lines.extend(f"    {_escape(problem)}" for problem in source.problems[1:])
    if not context._sources:
        lines.append("  (nothing)")
    lines += ["", f"The verdict is OpenSSL's, because the native module is not in use: {reason}"]
    return "\n".join(lines)


class SSLContext(_context_base.Context):
    """An `ssl.SSLContext` that has the system's trust store before its first client connection.

    Certificates loaded add to the system's, unless `system_trust` is False: then nothing else is
    trusted. Every certificate of the store is, whether it has signed itself or not:
    VERIFY_X509_PARTIAL_CHAIN is on, whatever `verify_flags` says, as in the other modes.
    `hostname_checks_common_name` is False unless it is set.

    Contexts for PROTOCOL_TLS_SERVER are the standard library's. One for PROTOCOL_TLS either
    verifies servers or verifies clients: it has one store, and the system's is not for clients.
    """

    #: A lock for each process: the child of a fork would wait for ever for one that another thread
    #: of its parent had. None in contexts for servers.
    _locks: dict[int, Any] | None = None
    _complete = False
    _verifies_clients = False
    _system_trust = False
    #: Whether somebody has set VERIFY_X509_PARTIAL_CHAIN, which is on in any case.
    _shows_partial_chain = False
    #: What has been read, and the identities of the files.
    _sources: list[_Source]
    _files: dict[tuple[int, ...], _Source | None]
    _in_directories: set[tuple[int, ...]]
    _given: set[tuple[type, str | bytes]]
    #: Bundles of certifi that were loaded, and not read.
    _bundles: list[str]

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
            self._locks = {}
            self._sources, self._bundles = [], []
            self._files, self._in_directories, self._given = {}, set(), set()
            self._system_trust = bool(system_trust)
            injected = _context_base.injected is not None
            self._respects_cafile = injected and _context_base.respect_cafile and self._system_trust
            if ssl.HAS_NEVER_CHECK_COMMON_NAME:
                self.hostname_checks_common_name = False
            self.verify_flags = self._flags()
        return self

    def _lock(self) -> Any:
        assert self._locks is not None
        return self._locks.setdefault(os.getpid(), RLock())

    @property
    def system_trust(self) -> bool:
        """Whether the system's trust anchors count. Always False in contexts for servers.

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
            self._change_trust(bool(value))
            self._respects_cafile = False

    @property
    def verify_flags(self) -> ssl.VerifyFlags:
        """As in `ssl`. Setting a bit that not every mode of this package honours raises
        ValueError."""
        flags = self._flags()
        if self._locks is not None and not self._shows_partial_chain:
            flags &= ~_context_base.PARTIAL_CHAIN
        return ssl.VerifyFlags(flags)

    @verify_flags.setter
    def verify_flags(self, value: int) -> None:
        shows = False
        if self._locks is not None and isinstance(value, int):
            _context_base.check_flags(value)
            shows = bool(value & _context_base.PARTIAL_CHAIN)
            if not self._verifies_clients:
                value |= _context_base.PARTIAL_CHAIN
        StdContext.verify_flags.fset(self, value)  # type: ignore[attr-defined]
        self._shows_partial_chain = shows

    def _flags(self) -> int:
        return int(StdContext.verify_flags.fget(self))  # type: ignore[attr-defined]

    def _change_trust(self, system: bool) -> None:
        if self._complete and system != self._system_trust:
            raise ValueError("system_trust cannot change once the context has been used")
        self._system_trust = system

    def _read_system(self) -> None:
        """Reads the store, unless that has been done."""
        if self._locks is None or self._complete:
            return
        with self._lock():
            if self._complete:
                return
            if not self._system_trust:
                for bundle in self._bundles:
                    self._add(bundle, cafile=bundle)
            for place in _system_places() if self._system_trust else ():
                default_directory = place.directory and place.variable is None
                source = self._read_place(place)
                if default_directory and source.certificates:
                    break
            self._complete = True

    def _read_place(self, place: Place) -> _Source:
        identity = None if place.directory else _identity(place.path)
        known = None if identity is None else self._files.get(identity)
        if known is None:
            source = _read_into(self, place)
            # Loading it later must do what it does in `ssl`, or what respect_cafile asks for.
            if identity is not None and not source.problems and not self._respects_cafile:
                self._files.setdefault(identity, source)
        elif known.name == str(place):
            return known
        else:  # loaded by the program, as with PIP_CERT
            source = _Source(str(place))
            source.certificates = known.certificates
        self._sources.append(source)
        return source

    def _explain(self, error: ssl.SSLCertVerificationError, connection: Any) -> None:
        """Adds names and places."""
        code = error.verify_code
        kind, words = _KINDS.get(code, ("CannotCheck", error.verify_message))
        host = connection.server_hostname
        line = f"{_escape(host)}: {words}" if host else words
        sent = _sent(connection)
        depth = None
        if code in _MISSING_PATH:
            if not _count(self):
                kind, words = "NoTrustAnchors", "no usable trust anchor was found"
                line = f"{_escape(host)}: {words}" if host else words
            depth, missing = _missing_issuer(sent)
            if missing:
                line += f': "{missing}"'
            line += f"; searched {', '.join(map(str, self._sources)) or 'nothing'}"
        _context_base.add_words(error, line)
        _context_base.add_report(error, kind, depth, _report(line, sent, depth, self))

    # What `ssl` calls for every connection, however it is made.

    def _wrap_socket(self, sock: Any, server_side: bool, *args: Any, **kwargs: Any) -> Any:
        self._prepare(server_side)
        return super()._wrap_socket(sock, server_side, *args, **kwargs)  # type: ignore[misc]

    def _wrap_bio(
        self, incoming: Any, outgoing: Any, server_side: bool, *args: Any, **kwargs: Any
    ) -> Any:
        self._prepare(server_side)
        return super()._wrap_bio(  # type: ignore[misc]
            incoming, outgoing, server_side, *args, **kwargs
        )

    def _prepare(self, server_side: bool) -> None:
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

    def load_verify_locations(
        self, cafile: Any = None, capath: Any = None, cadata: Any = None
    ) -> None:
        """Trusts certificates, and uses CRLs, beside the system's.

        As in `ssl`, but data and files that have not changed are not read again, the
        hashed directory `capath` is read now, and the bundle of the certifi package counts as the
        system's store and adds nothing.
        """
        if self._locks is None:
            super().load_verify_locations(cafile, capath, cadata)
            return
        with self._lock():
            if cadata is not None or (cafile is None and capath is None):
                # With its type: to compare bytes with a str can be an error.
                given = (type(cadata), cadata) if type(cadata) in (str, bytes) else None
                if given not in self._given:
                    self._add("certificates given to the context", cadata=cadata)
                    if given:
                        self._given.add(given)
                self._own_loaded()
            if cafile is not None:
                self._load_file(cafile)
            if capath is not None:
                self._load_directory(capath)

    def _add(self, name: str, **location: Any) -> _Source:
        before = _count(self)
        super().load_verify_locations(**location)
        source = self._source(name)
        source.certificates += _count(self) - before
        return source

    def _source(self, name: str) -> _Source:
        """The one of that name, a new one if there is none."""
        for source in self._sources:
            if source.name == name:
                return source
        self._sources.append(_Source(name, self._sources))
        return self._sources[-1]

    def _load_file(self, cafile: Any) -> None:
        identity = _identity(cafile)
        if identity is not None and identity in self._files:
            return
        source = None
        if identity is not None and _certifi.is_bundle(os.fsdecode(cafile)):
            if self._complete and not self._system_trust:
                self._add(os.fsdecode(cafile), cafile=cafile)
            else:
                # Stands for the system's certificates, and is read only if those do not count.
                self._bundles.append(os.fsdecode(cafile))
            self._default_loaded()
        else:
            shown = os.fsdecode(cafile) if isinstance(cafile, (str, bytes, os.PathLike)) else ""
            before = _count(self)
            source = self._add(shown, cafile=cafile)
            # Not for CRLs alone.
            if _count(self) > before or (identity is not None and self._repeats(cafile)):
                self._own_loaded()
        if identity is not None:
            self._files[identity] = source

    def _repeats(self, cafile: Any) -> bool:
        """Whether a file that has added nothing has certificates, which were known before."""
        if not self._respects_cafile:
            return False  # it does not matter
        scratch = StdContext(ssl.PROTOCOL_TLS_CLIENT)
        scratch.load_verify_locations(cafile)
        return _count(scratch) > 0

    def _load_directory(self, capath: Any) -> None:
        problems = []
        try:
            names = sorted(os.listdir(os.fsdecode(capath)))
        except (OSError, TypeError, ValueError) as error:
            # What is not a directory is accepted by ssl, what is not a path is not.
            StdContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(capath=capath)
            names = []
            problems.append(str(getattr(error, "strerror", error)))
        found = _Source(os.fsdecode(capath))
        found.problems += problems
        before = _count(self)
        for name in names:
            if re.fullmatch(_HASHED, name) or re.fullmatch(_HASHED_CRL, name):
                path = os.path.join(found.name, name)
                identity = _identity(path)
                # Some load a directory for each connection, such as urllib3.
                if identity is None or identity not in self._in_directories:
                    _read_file(self, path, found)
                if identity is not None:
                    self._in_directories.add(identity)
        source = self._source(found.name)
        source.certificates += _count(self) - before
        source.problems += [text for text in found.problems if text not in source.problems]
        self._own_loaded()

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
        return super().get_ca_certs(binary_form)

    def cert_store_stats(self) -> dict[str, int]:
        """Counts of the certificates and CRLs, the system's among them."""
        self._read_for_introspection()
        return super().cert_store_stats()

    def _read_for_introspection(self) -> None:
        if self._locks is not None:
            with self._lock():
                if not self._verifies_clients:
                    self._read_system()


def _identity(cafile: Any) -> tuple[int, ...] | None:
    """What tells one state of a regular file from another."""
    try:
        status = os.stat(cafile)
    except (OSError, TypeError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode) or isinstance(cafile, int):
        return None
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


class VerificationError(ssl.SSLCertVerificationError):
    """Never raised here: see `verify`."""


class Verified:
    """Never made here: see `verify`."""


def verify(*_arguments: Any, **_settings: Any) -> NoReturn:
    """Raises NotImplementedError: `ssl` verifies only inside a handshake."""
    raise NotImplementedError(f"verify() needs the native module of trustbridge: {reason}")


def export_pem(path: str | os.PathLike[str] | None = None) -> str:
    """Raises NotImplementedError: which certificates can be trust anchors only the native module
    tells."""
    raise NotImplementedError(f"export_pem() needs the native module of trustbridge: {reason}")
