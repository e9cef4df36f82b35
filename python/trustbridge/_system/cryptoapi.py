"""Windows decides: `CertGetCertificateChain` builds the chain, `CertVerifyCertificateChainPolicy`
applies the SSL policy to it. Both must accept it. As the core's engine for Windows.

The system's engine is asked first. Only if it knows no path to a trusted root, a second engine is
asked that trusts nothing but the caller's own roots. ROOT is never listed to verify: Windows puts
roots there on demand. What the caller's trust settings reject is rejected in any path.
"""

from __future__ import annotations

from . import checks, windows_codes
from .certificate import Certificate, read, without_dot
from .crypt32 import E_INVALIDARG, Asked, ChainEngine, Store, SystemFailure, text
from .extensions import KEY_CERT_SIGN, PURPOSES
from .question import Accepted, BadSetting, Fault, Place, Question, Refused, Root
from .windows_codes import Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    _Answer = tuple[list[bytes], Status]


#: What the store that holds the roots is called.
STORE = "the Windows store ROOT"


def check_settings(
    *, crls: bool, revocation: str, unknown_revocation: str, strict: bool, common_name: bool
) -> None:
    """Raises BadSetting for what Windows has no counterpart for."""
    for value, setting in ((common_name, "danger_match_common_name"), (strict, "strict")):
        if value:
            raise BadSetting(f"{setting}: Windows has no such setting")


def list_roots() -> tuple[list[bytes], list[str]]:
    """Every certificate of ROOT, expired ones too, and the problems."""
    try:
        return [*Store.root().certificates()], []
    except SystemFailure as failure:
        return [], [_in_words(failure)]


def evaluate(question: Question) -> Accepted | Refused:
    """The verdict of Windows. Raises BadSetting if a certificate or CRL of the caller's is one that
    Windows cannot read."""
    search = _Search(question)
    try:
        answer = search.run(_known(question))
    except SystemFailure as failure:
        answer = _cannot_check(failure)
    return search.completed(answer) if isinstance(answer, Refused) else answer


def _known(question: Question) -> Store:
    """The caller's intermediates, roots and CRLs. Untrusted: it only helps to build paths."""
    known: Store | None = question.prepared.get("known")
    if known is not None:
        return known
    try:
        known = Store()
    except SystemFailure as failure:
        why = f"build: no certificate store in memory: {_in_words(failure)}"
        raise BadSetting(why) from None
    for setting, certificates in (
        ("intermediates", question.intermediates),
        ("extra_roots", [root.der for root in question.roots]),
        ("fallback_roots", [root.der for root in question.fallback]),
    ):
        for index, der in enumerate(certificates):
            try:
                if read(der) is not None:
                    known.add(der)
            except SystemFailure as failure:
                what = f"certificate {index} given to {setting}"
                raise BadSetting(f"{what}: {_in_words(failure)}") from None
    for index, crl in enumerate(question.crls):
        try:
            known.add_crl(crl)
        except SystemFailure as failure:
            raise BadSetting(f"CRL {index}: {_in_words(failure)}") from None
    question.prepared["known"] = known
    return known


class _Search:
    """One verification."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._leaf = question.leaf
        #: The caller's roots that were asked.
        self._own: Sequence[Root] = ()
        self._empty: bool | None = None
        #: The last certificate of the last chain that Windows built.
        self._top: bytes | None = None

    def run(self, known: Store) -> Accepted | Refused:
        question = self._question
        rejected = checks.rejected_leaf(question)
        if rejected is not None:
            return rejected
        asked = self._question_to_windows(known)
        refused = Refused(Fault("NoTrustAnchors", 0))
        if question.system_trust:
            answer = self._ask(asked, None)
            if isinstance(answer, Refused):
                return answer
            chain, status = answer
            rejection = self._rejection(chain, status)
            if rejection is None:
                return self._accepted(chain, status, STORE, system_anchor=True)
            if not status.only_lacks_a_root():
                return rejection
            refused = rejection
        own = self._ask_own_roots(asked)
        if isinstance(own, Accepted):
            return own
        refused = own or refused
        # A certificate of the caller's that is the end entity itself is trusted whole, whoever
        # issued it, unless its revocation has been decided on.
        root = checks.own_end_entity(question, self._own)
        if root is not None and checks.rank(refused.kind) < checks.RANK["RevocationUnknown"]:
            verdict = checks.trusted_end_entity(question, root)
            return Refused(verdict) if isinstance(verdict, Fault) else verdict
        if refused.kind in checks.MISSING_PATH and self._no_anchor_at_all():
            refused.fault.kind = "NoTrustAnchors"
        return refused

    def _question_to_windows(self, known: Store) -> Asked:
        question = self._question
        time = windows_codes.file_time(question.time)
        if time is None:
            raise SystemFailure(E_INVALIDARG)
        # An absolute name is the same name; Windows would compare the dot.
        name = None if question.name is None else without_dot(question.name)
        others = [der for der in question.chain[1:] if read(der) is not None]
        purpose = question.purpose
        usage = PURPOSES[purpose][0]
        staple = question.ocsp_response
        return Asked(self._leaf.der, others, known, time, name, purpose, usage, staple)

    def _ask_own_roots(self, asked: Asked) -> Accepted | Refused | None:
        """Asks the engine that trusts only the caller's roots; None if none were given."""
        question = self._question
        # Fallback roots are trusted while the system's store has not a single certificate. Windows
        # fetches roots on demand, so a store with any certificate in it works as expected.
        fallback: Sequence[Root] = ()
        if question.fallback and (not question.system_trust or self._system_is_empty()):
            fallback = question.fallback
        self._own = (*question.roots, *fallback)
        if not self._own:
            return None
        key = "fallback" if fallback else "extra"
        try:
            engine: ChainEngine | None = question.prepared.get(key)
            if engine is None:
                engine = question.prepared[key] = _engine(self._own)
            answer = self._ask(asked, engine)
        except SystemFailure as failure:
            return _cannot_check(failure)
        return answer if isinstance(answer, Refused) else self._verdict_of_own_roots(*answer)

    def _verdict_of_own_roots(self, chain: list[bytes], status: Status) -> Accepted | Refused:
        rejection = self._rejection(chain, status)
        if rejection is not None and checks.rank(rejection.kind) >= checks.RANK["Revoked"]:
            return rejection
        root = self._own_root(chain[-1])
        refused = None if root is None else self._refused_root(root, chain, status)
        if refused is not None or rejection is not None:
            return refused or rejection or _unexpected()
        return _unexpected() if root is None else self._accepted(chain, status, root.source)

    def _ask(self, asked: Asked, engine: ChainEngine | None) -> _Answer | Refused:
        question = self._question
        revocation, unknown = question.revocation, question.unknown_revocation
        built = asked.chain(engine, windows_codes.chain_flags(question.purpose, revocation))
        policy, element = asked.policy(built, windows_codes.policy_flags(revocation, unknown))
        chain, bits, elements = built.read()
        # The verdict must be about the certificate of the peer, whatever Windows was caching.
        if not chain or chain[0] != self._leaf.der:
            return _unexpected()
        self._top = chain[-1]
        return chain, Status(bits, elements, policy, element)

    def _rejection(self, chain: list[bytes], status: Status) -> Refused | None:
        """The verdict of Windows and, where that is no worse, of the peer's name: Windows compares
        it with the common name too, this package does not (RFC 9525 section 2)."""
        question = self._question
        certs = [*map(read, chain)]
        ignored = windows_codes.ignored_bits(question.revocation, question.unknown_revocation)
        fault = status.verdict(certs, ignored, question.time) or _strengths(certs)
        if fault is None:
            fault = checks.name(question)
            if fault is None:
                return None
        else:
            fault = checks.or_misnamed(fault, question)
        # Windows does not say which names would be right.
        if fault.kind == "NameMismatch" and fault.cause == "Kind":
            fault = checks.misnamed(self._leaf)
        code, name = status.code()
        if code == 0:
            return Refused(fault, path=checks.readable(certs))
        return Refused(fault, code=code, words=_words(code, name), path=checks.readable(certs))

    def _accepted(
        self, chain: list[bytes], status: Status, source: str, *, system_anchor: bool = False
    ) -> Accepted | Refused:
        question = self._question
        rejected = checks.rejected_in(question, chain, system_anchor)
        return rejected or Accepted(chain, source, status.revocation(question.revocation))

    def _refused_root(self, root: Root, chain: list[bytes], status: Status) -> Refused | None:
        """The rejection of a chain that ends in one of the caller's roots, if that is not fit to be
        a trust anchor. Roots are vetted as on Unix, whatever Windows thinks of them."""
        refusal = checks.refusal(root, self._question.purpose, self._question.time)
        if refusal is None:
            return None
        # Windows may not know the algorithm of a weak key at all.
        bad_signature = bool(status.bits() & windows_codes.IS_NOT_SIGNATURE_VALID)
        if bad_signature and refusal.reason not in ("WeakKey", "UnsupportedKey"):
            return None
        fault = checks.refused_anchor(root, refusal)
        if fault is None:
            return None
        return Refused(fault.at(len(chain) - 1), path=checks.readable(map(read, chain)))

    def _own_root(self, der: bytes) -> Root | None:
        return next((root for root in self._own if root.der == der), None)

    def _system_is_empty(self) -> bool:
        if self._empty is None:
            try:
                self._empty = next(Store.root().certificates(), None) is None
            except SystemFailure:
                self._empty = True
        return self._empty

    def _no_anchor_at_all(self) -> bool:
        purpose, time = self._question.purpose, self._question.time
        return all(checks.refusal(root, purpose, time) is not None for root in self._own) and (
            not self._question.system_trust or self._system_is_empty()
        )

    def completed(self, refused: Refused) -> Refused:
        """With where trust anchors were searched, and which came close."""
        purpose, time = self._question.purpose, self._question.time
        if checks.near_misses_matter(refused.fault):
            # The caller's roots that have the name of the missing one.
            top = self._leaf if self._top is None else read(self._top) or self._leaf
            refused.near_misses = checks.near_misses(self._own, [top], purpose, time)
        places = []
        if self._question.system_trust:
            places.append(Place(STORE, None, empty=self._empty is True))
        refused.places = checks.searched(places, self._own, purpose, time)
        return refused


def _engine(roots: Sequence[Root]) -> ChainEngine:
    """An engine for the caller's roots, as far as each may be a root at all: one that is not a CA
    can only be trusted as the end entity itself."""
    store, cross_signed = Store(), False
    for root in roots:
        cert = read(root.der)
        if cert is not None and cert.is_ca() and cert.key_usage_allows(KEY_CERT_SIGN):
            store.add(root.der)
            cross_signed = cross_signed or not cert.is_self_issued()
    return ChainEngine(store, cross_signed=cross_signed)


def _strengths(certs: Sequence[Certificate | None]) -> Fault | None:
    anchor = len(certs) - 1
    for depth, cert in enumerate(certs):
        if cert is None:
            # Windows answers for its own roots.
            fault = None if depth == anchor else Fault("BadEncoding")
        else:
            fault = checks.strength(cert, depth == anchor)
        if fault is not None:
            return fault.at(depth)
    return None


def _unexpected() -> Refused:
    return Refused(Fault("CannotCheck", cause="ForeignChain"))


def _cannot_check(failure: SystemFailure) -> Refused:
    """Nothing was decided: a call failed."""
    kind = windows_codes.code_kind(failure.code)
    return Refused(
        Fault("BadEncoding" if kind == "BadEncoding" else "CannotCheck"),
        code=failure.code,
        words=_words(failure.code, ""),
    )


def _words(code: int, name: str) -> str:
    """The code with its name in winerror.h, if there is one, and the text of Windows."""
    return ": ".join(filter(None, (name or windows_codes.code_name(code), text(code))))


def _in_words(failure: SystemFailure) -> str:
    """For errors in settings."""
    words = _words(failure.code, "") or f"unknown code {failure.code:#x}"
    return f"{words} ({failure.code:#x})"
