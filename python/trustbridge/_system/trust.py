"""What one context trusts, and its connections: the classes of the native module, in Python."""

from __future__ import annotations

import os
from _thread import allocate_lock
from time import time

from . import checks, intermediates
from .ask import ask, is_name
from .purpose import SERVER
from .question import BadSetting, Root
from .reading import Batch, stamp_of
from .verdict import Failure, Verified, with_searched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike
    from ssl import SSLContext
    from typing import Any

    from .reading import Stamp, TrustSettings

    _Root = tuple[bytes, TrustSettings | None]

_EXTRA_ROOTS = "the extra roots"
_X509_V_ERR_HOSTNAME_MISMATCH = 62
# Values of OpenSSL 3's public headers.
_CRL_CHECK, _CRL_CHECK_ALL, _X509_STRICT = 0x4, 0x8, 0x20
_NEVER_CHECK_SUBJECT = 0x20
_ESCAPES = {
    **{"\0": "\\0", "\t": "\\t", "\n": "\\n", "\r": "\\r"},
    **{"\\": "\\\\", "'": "\\'", '"': '\\"'},
}


class _Replacement:
    """What takes the place of the system's trust anchors: roots from environment variables."""

    def __init__(
        self, roots: dict[_Root, None], sources: dict[bytes, str], searched: list[str]
    ) -> None:
        self.roots, self.sources, self.searched = roots, sources, searched


class _Set:
    """One state of a context's trust, never changed: a connection keeps the one it began with."""

    def __init__(
        self,
        system: bool,
        replacement: _Replacement | None,
        roots: tuple[_Root, ...],
        certifi: tuple[_Root, ...],
        crls: tuple[bytes, ...],
        directories: tuple[str, ...],
    ) -> None:
        self.directories = directories
        self.replacement = replacement if system else None
        self.asks_system = system and replacement is None
        others: Any = () if system else certifi
        # Of what was loaded as well, the first is named.
        sources = dict.fromkeys((der for der, _ in roots), _EXTRA_ROOTS)
        if self.replacement is not None:
            others = self.replacement.roots
            sources = {**self.replacement.sources, **sources}
        found = dict.fromkeys((*roots, *others))
        self.roots = spread(
            Root(der, sources.get(der, _EXTRA_ROOTS), trust) for der, trust in found
        )
        self.crls = crls
        #: What the engine keeps for the next connection: with CRLs and without.
        self.prepared: tuple[dict[str, Any], dict[str, Any]] = ({}, {})

    def searched(self) -> list[str]:
        return [] if self.replacement is None else self.replacement.searched


def spread(roots: Any) -> list[Root]:
    """The roots. A rejection holds for every one with the same subject and key."""
    from .._name import key
    from .certificate import read

    listed = [*roots]
    rejected: dict[Any, set[str]] = {}

    def identity(root: Root) -> Any:
        cert = read(root.der)
        return None if cert is None else (key(cert.subject), cert.spki)

    for root in listed:
        if root.trust is not None and root.trust[1]:
            rejected.setdefault(identity(root), set()).update(root.trust[1])
    for root in listed if rejected else ():
        found = rejected.get(identity(root))
        if found is not None:
            trusted = None if root.trust is None else root.trust[0]
            root.trust = (trusted, tuple(sorted(found)))
    return listed


class Trust:
    """What one context trusts beside the system. It gives no verdict inside a handshake."""

    def __init__(self, context: SSLContext | None = None) -> None:
        if context is not None:
            raise ImportError("only the native module gives verdicts inside a handshake")
        #: A lock for each process: the child of a fork would wait for ever for one that another
        #: thread held.
        self._locks: dict[int, Any] = {}
        #: How often what is trusted has changed.
        self._changes = 0
        #: What a distribution distrusts: nothing, where the system's own verifier decides.
        self.distribution_distrust = True
        #: Nothing, too.
        self.distribution_revocation = True
        #: Whether weak keys are accepted: they are not, where the system's own verifier decides.
        self.weak_keys = False
        self._system = True
        self._replacement: _Replacement | None = None
        self._roots: dict[_Root, None] = {}
        self._certifi: dict[_Root, None] = {}
        self._crls: dict[bytes, None] = {}
        self._files: dict[str, Stamp] = {}
        #: Directories of intermediates: those of the environment, and those added.
        self._environment = intermediates.from_environment()
        self._directories: tuple[str, ...] = ()
        self._current: _Set | None = None

    def connection(self) -> Connection:
        """A connection that trusts what is trusted now."""
        return Connection(self._now())

    def _lock(self) -> Any:
        return self._locks.setdefault(os.getpid(), allocate_lock())

    def _changed(self) -> None:
        self._current = None
        self._changes += 1

    def _now(self) -> _Set:
        with self._lock():
            if self._current is not None:
                return self._current
            changes = self._changes
            parts: Any = (
                self._system,
                self._replacement,
                (*self._roots,),
                (*self._certifi,),
                (*self._crls,),
                (*self._environment, *self._directories),
            )
        made = _Set(*parts)  # it reads certificates: not while others wait
        with self._lock():
            if self._changes != changes:
                return made
            if self._current is None:
                self._current = made
            return self._current

    def has_file(self, path: str | PathLike[str]) -> bool:
        """Whether this file has been added and is unchanged since."""
        known = self._files.get(os.fspath(path))
        return known is not None and stamp_of(os.fspath(path)) == known

    def add(self, batch: Batch) -> None:
        """Trusts what was read."""
        self._take(batch, self._roots)

    def add_certifi(self, batch: Batch) -> None:
        """Trusts what was read, a bundle of certifi, while the system is not trusted."""
        self._take(batch, self._certifi)

    def _take(self, batch: Batch, roots: dict[_Root, None]) -> None:
        with self._lock():
            before = len(roots), len(self._crls)
            roots.update(dict.fromkeys(batch.roots))
            self._crls.update(dict.fromkeys(batch.crls))
            if (len(roots), len(self._crls)) != before:
                self._changed()
            if batch.file is not None:
                path, stamp = batch.file
                self._files[path] = stamp

    @property
    def system(self) -> bool:
        """Whether the system's trust anchors are trusted, by connections made from now on."""
        return self._system

    @system.setter
    def system(self, value: bool) -> None:
        with self._lock():
            if self._system != value:
                self._system = value
                self._changed()

    def reload_environment(self) -> None:
        """Reads the variable for intermediates again. The others mean nothing to the system's
        verifier."""
        environment = intermediates.from_environment()
        with self._lock():
            self._environment = environment
            self._changed()

    def add_intermediates(self, path: str | PathLike[str]) -> None:
        """Finds missing intermediates in this directory, too."""
        directory = os.path.abspath(os.fspath(path))
        with self._lock():
            self._directories = (*self._directories, directory)
            self._changed()

    def replace_system(
        self, batches: list[Batch], searched: list[str], sources: list[str] | None = None
    ) -> None:
        """Puts what was read in the place of the system's trust anchors, or nothing, if no place
        was searched."""
        replacement = None
        if searched:
            roots: dict[_Root, None] = {}
            origin: dict[bytes, str] = {}
            for batch in batches:
                roots.update(dict.fromkeys(batch.roots))
            for batch, source in zip(batches, sources or (), strict=False):
                for der, _ in batch.roots:
                    origin.setdefault(der, source)  # of several places the first
            replacement = _Replacement(roots, origin, searched)
        with self._lock():
            if self._replacement is not None or replacement is not None:
                self._replacement = replacement
                self._changed()

    def anchors(self) -> list[bytes]:
        """The certificates that were added, then those of the system that can be trust anchors of a
        server now, in DER."""
        current = self._now()
        found = {root.der: None for root in current.roots if checks.distrust(root, SERVER) is None}
        if current.asks_system:
            from .store import read_store

            entries = read_store().entries()
            found.update((der, None) for der, _, _, refusal, _ in entries if refusal is None)
        return [*found]

    def loaded(self, first: int) -> list[bytes]:
        """The certificates that were added, those of bundles left out, from this index on."""
        with self._lock():
            return [der for der, _ in (*self._roots,)[first:]]

    @property
    def roots(self) -> int:
        """How many certificates were added, those of bundles left out."""
        return len(self._roots)

    @property
    def crls(self) -> int:
        """How many CRLs were added."""
        return len(self._crls)

    @property
    def attached(self) -> bool:
        return False


class Connection:
    """One connection: the trust it was made with, and its verdict."""

    def __init__(self, trust: _Set) -> None:
        self._set = trust
        self.verified: Verified | None = None
        self.failure: Failure | None = None

    def verify(
        self, chain: list[bytes], name: str | None, flags: int, common_name: bool
    ) -> Verified | Failure:
        """The verdict on a handshake: `chain` is what the server sent in DER, the end entity first,
        `name` what it must be valid for (None: not checked), `flags` are Python's `verify_flags`.
        Whatever goes wrong is a Failure."""
        try:
            verdict = self._verify(chain, name, flags, common_name)
        except BadSetting as error:
            verdict = Failure(str(error))
        except Exception as error:  # the system's functions are missing, or memory is
            verdict = Failure(f"certificate could not be checked: {type(error).__name__}: {error}")
        if isinstance(verdict, Verified):
            self.verified, self.failure = verdict, None
        else:
            with_searched(verdict, self._set.searched())
            self.verified, self.failure = None, verdict
        return verdict

    def _verify(
        self, chain: list[bytes], name: str | None, flags: int, common_name: bool
    ) -> Verified | Failure:
        host_flags = 0 if common_name else _NEVER_CHECK_SUBJECT
        revocation, strict, common = requested_checks(flags, host_flags, True)
        checked = revocation != "off"
        asked = name if name is None or is_name(name) else None
        verdict = ask(
            chain,
            asked,
            time=time(),
            roots=self._set.roots,
            system_trust=self._set.asks_system,
            crls=self._set.crls if checked else (),
            revocation=revocation,
            unknown_revocation="reject" if checked else "allow",
            strict=strict,
            common_name=common,
            directories=self._set.directories,
            prepared=self._set.prepared[checked],
        )
        if name == asked or isinstance(verdict, Failure):
            return verdict
        # No certificate can be valid for what is not a name; other faults come first.
        return Failure(
            f"{escaped(name or '')} is not a DNS name, so no certificate is valid for it",
            kind="NameMismatch",
            depth=0,
            code=_X509_V_ERR_HOSTNAME_MISMATCH,
        )

    def resume(self, other: Connection) -> None:
        """Takes over the verdict of the connection whose session this one resumes."""
        self.verified, self.failure = other.verified, other.failure

    def same_trust(self, other: Connection) -> bool:
        """Whether both were made under the same state of trust of the same context."""
        return self._set is other._set


def requested_checks(flags: int, host_flags: int, system_decides: bool) -> tuple[str, bool, bool]:
    """What flags of OpenSSL request: a revocation check ("off", "leaf" or "chain"), the strict
    profile, the common name."""
    both = flags & (_CRL_CHECK | _CRL_CHECK_ALL)
    check = {_CRL_CHECK: "leaf", _CRL_CHECK | _CRL_CHECK_ALL: "chain"}.get(both, "off")
    # The verifiers of Windows and Apple have one profile each.
    strict = bool(flags & _X509_STRICT) and not system_decides
    return check, strict, not host_flags & _NEVER_CHECK_SUBJECT


def escaped(text: str) -> str:
    """In single quotes, without control characters."""
    inner = "".join(
        _ESCAPES.get(character)
        or (character if character.isprintable() else f"\\u{{{ord(character):x}}}")
        for character in text
    )
    return f"'{inner}'"
