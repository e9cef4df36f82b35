"""The engine of Apple systems: what `SecTrust` is asked, how often, and what its answers mean. It
is src/platform/apple/rules.rs in Python; the calls are in `security_calls`.

The system is asked first with its own trust anchors. Only if it finds no path to one of them is it
asked again, with the caller's trust anchors and no others. An end entity that the caller gave as a
root is trusted whole, unless the system knows better. What the caller's trust settings reject is
rejected in any path.
"""

from __future__ import annotations

from . import checks
from .certificate import Certificate, packed, read, without_dot
from .purpose import SERVER
from .question import Accepted, BadSetting, Fault, Place, Refused
from .security_calls import Answer, CallFailed, Chain, Error, References, frameworks
from .security_codes import kind_of, os_text
from .security_profile import broken_rules
from .security_roots import STORE, list_roots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .question import Question, Root

__all__ = ["STORE", "check_settings", "evaluate", "list_roots"]

#: The roots that come with the system and those that its user or administrator added.
TRUST_STORE = "Apple's trust store"

_EPOCH = 978_307_200  # 2001-01-01, of CFAbsoluteTime
# Flags of SecPolicyCreateRevocation.
_OCSP_METHOD, _CRL_METHOD = 1 << 0, 1 << 1
_REQUIRE_POSITIVE_RESPONSE, _NETWORK_ACCESS_DISABLED = 1 << 3, 1 << 4

#: What the system says about a path or its own profile. It does not matter for an end entity that
#: is trusted whole; what it says about revocation, distrust and time is final.
_YIELDS = checks.MISSING_PATH | {
    "CaAsEndEntity",
    "NotStandardsCompliant",
    "UnsupportedAlgorithm",
    "WrongPurpose",
}
#: Kinds of which the certificates can tell more than the system does.
_EXPLAINED = frozenset(
    {
        "NotACa",
        "NotStandardsCompliant",
        "PathLengthExceeded",
        "UnknownCriticalExtension",
        "UnsupportedAlgorithm",
        "WeakKey",
        "WrongPurpose",
    }
)


def check_settings(
    *, crls: bool, revocation: str, unknown_revocation: str, strict: bool, common_name: bool
) -> None:
    """Raises BadSetting for what `SecTrust` has no counterpart for."""
    if crls:
        raise BadSetting(
            "crls: Apple's verifier does not take CRLs from its caller; it fetches and keeps its "
            "own"
        )
    if (revocation, unknown_revocation) == ("chain", "reject"):
        raise BadSetting(
            "unknown_revocation: Apple's verifier can require an answer for the end entity only, "
            "and asks about every certificate even so: use revocation 'leaf'"
        )
    if strict:
        raise BadSetting("strict: Apple's verifier has its own profile and no other")
    if common_name:
        raise BadSetting("common_name: Apple's verifier never compares it")


def evaluate(question: Question) -> Accepted | Refused:
    """The system's verdict. Whatever cannot be asked, or is not answered clearly, is refused."""
    try:
        api = frameworks()
        with References(api) as references:
            helpers = [*question.chain[1:], *question.intermediates]
            try:
                chain = Chain(references, question.leaf.der, helpers, api)
            except CallFailed as failed:
                return _unreadable(failed)
            return _verify(question, chain)
    except CallFailed as failed:
        return _cannot_check(failed)


def _verify(question: Question, chain: Chain) -> Accepted | Refused:
    rejected = checks.rejected_leaf(question)
    if rejected is not None:
        return rejected
    roots = _roots(question)
    refused = None
    for only in _tries(question, roots):
        verdict = _ask(question, chain, only)
        if isinstance(verdict, Accepted):
            return verdict
        missing_path = verdict.kind in checks.MISSING_PATH
        # Of two missing paths the first is reported: it is about the system's own anchors.
        if refused is None or not missing_path:
            refused = verdict
        if not missing_path:
            break

    if refused is None or refused.kind in _YIELDS:
        root = checks.own_end_entity(question, roots)
        if root is not None:
            whole = checks.trusted_end_entity(question, root)
            return whole if isinstance(whole, Accepted) else Refused(whole)
    if refused is None:
        refused = Refused(Fault("NoTrustAnchors", 0), path=[question.leaf])
    _add_evidence(question, roots, refused)
    return refused


def _tries(question: Question, roots: Sequence[Root]) -> Iterator[Sequence[Root] | None]:
    """The trust anchors of each question: None for the system's, then the caller's."""
    if question.system_trust:
        yield None
    usable = _usable(question, roots)
    if usable:
        yield usable


def _roots(question: Question) -> list[Root]:
    """The caller's trust anchors. The system's store always has some, so that the fallback is
    trusted only where the system's are not wanted at all."""
    fallback = () if question.system_trust else question.fallback
    return [*question.roots, *fallback]


def _usable(question: Question, roots: Sequence[Root]) -> list[Root]:
    """Those that can issue for the purpose at the time. `SecTrust` takes an anchor as it is given,
    so they are vetted as on every system. A certificate does not vouch for itself: the end entity
    is no anchor of its own path."""
    # Read once: a context can have a hundred of them.
    periods = question.prepared.setdefault(f"periods for {question.purpose}", {})
    usable, now = [], int(question.time)
    for root in roots:
        if root not in periods:
            periods[root] = _period(root, question)
        begin, end = periods[root]
        if begin <= now <= end and root.der != question.leaf.der:
            usable.append(root)
    return usable


def _period(root: Root, question: Question) -> tuple[int, int]:
    """From when to when a root can issue for the purpose. If it never can, the end is before the
    beginning."""
    refused = checks.refusal(root, question.purpose, question.time)
    # The validity period is checked last: then there is nothing else against it.
    if refused is not None and refused.reason not in ("Expired", "NotYetValid"):
        return 1, 0
    read = Certificate(root.der)
    return read.not_before, read.not_after


def _ask(question: Question, chain: Chain, only: Sequence[Root] | None) -> Accepted | Refused:
    try:
        answer = chain.ask(
            server=question.purpose == SERVER,
            hostname=_hostname(question.name),
            date=float(int(question.time) - _EPOCH),
            revocation=_revocation_flags(question),
            ocsp_response=question.ocsp_response,
            only=None if only is None else [root.der for root in only],
        )
    except CallFailed as failed:
        return _cannot_check(failed)
    return _answered(question, only, answer)


def _hostname(name: str | None) -> str | None:
    if name is None:
        return None
    address = packed(name)
    if address is None:
        return without_dot(name)
    import ipaddress

    return str(ipaddress.ip_address(address))


def _revocation_flags(question: Question) -> int | None:
    """The certificates to check cannot be chosen: it is always all of them. Nothing is fetched."""
    if question.revocation == "off":
        return None
    flags = _OCSP_METHOD | _CRL_METHOD | _NETWORK_ACCESS_DISABLED
    if question.unknown_revocation == "reject":
        flags |= _REQUIRE_POSITIVE_RESPONSE
    return flags


def _revocation_checked(question: Question) -> str:
    """What a trusted chain proves: `SecTrust` insists on an answer for the end entity, but passes
    over a CA that names no OCSP responder."""
    if question.revocation == "off" or question.unknown_revocation == "allow":
        return "off"
    return "leaf"


def _answered(
    question: Question, only: Sequence[Root] | None, answer: Answer
) -> Accepted | Refused:
    """The system's answer as a verdict. Whatever is missing or does not fit together is a
    failure."""
    chain = answer.chain if answer.chain[:1] == [question.leaf.der] else []
    if answer.trusted and answer.error is None:
        return _accepted(question, only, chain)
    if answer.trusted:
        return _unclear("TrustedWithError")
    if answer.error is None:
        return _unclear("RejectedWithoutError")
    return _refused(question, chain, answer.error)


def _accepted(
    question: Question, only: Sequence[Root] | None, chain: list[bytes]
) -> Accepted | Refused:
    if only is None:
        if not chain:
            return _unclear("TrustedWithoutAnchor")
        path, source = chain, TRUST_STORE
    else:
        for depth, der in enumerate(chain):
            root = next((root for root in only if root.der == der), None)
            if root is not None:
                path, source = chain[: depth + 1], root.source
                break
        else:
            return _unclear("TrustedWithoutAnchor")
    rejected = checks.rejected_in(question, path, only is None)
    if rejected is not None:
        return rejected
    # Older systems compare the common name too, and a user can let a wrong name pass.
    misnamed = checks.name(question)
    if misnamed is not None:
        return Refused(misnamed)
    return Accepted(path, source, _revocation_checked(question))


def _unclear(cause: str) -> Refused:
    return Refused(Fault("CannotCheck", cause=cause))


def _cannot_check(failed: CallFailed) -> Refused:
    """A call that prepares the evaluation failed: nothing was decided."""
    fault = Fault("CannotCheck", cause="Call", function=failed.call)
    return Refused(fault, code=failed.code, words=os_text(failed.text))


def _unreadable(failed: CallFailed) -> Refused:
    """The system cannot read the end entity, or nothing could be prepared to read it."""
    if failed.call != "SecCertificateCreateWithData":
        return _cannot_check(failed)
    fault = Fault("BadEncoding", 0, "Call", function=failed.call)
    return Refused(fault, code=failed.code, words=os_text(failed.text))


def _refused(question: Question, chain: Sequence[bytes], error: Error) -> Refused:
    """The failure of a chain that the system refused, explained as far as the certificates explain
    it."""
    kind = kind_of(error.code) if error.is_status else "CannotCheck"
    path = [question.leaf]
    for der in chain[1:]:
        issuer = read(der)
        if issuer is None:
            break
        path.append(issuer)
    return Refused(
        _explained(kind, question, path) or Fault(kind),
        code=error.code,
        words=os_text(error.text, error.details),
        path=path,
    )


def _explained(kind: str, question: Question, path: Sequence[Certificate]) -> Fault | None:
    if kind == "UnknownIssuer":
        # The system builds as much of a path as it can.
        return checks.missing_path(path[-1], len(path) - 1)
    if kind == "NameMismatch":
        return checks.misnamed(question.leaf)
    if kind in ("Expired", "NotYetValid"):
        return _first_fault(question, path, lambda found: found in ("Expired", "NotYetValid"))
    if kind == "CaAsEndEntity":
        return Fault(kind, 0)
    if kind not in _EXPLAINED:
        return None
    fault = _first_fault(question, path, lambda found: found == kind)
    if fault is not None:
        return fault
    broken = broken_rules(question.leaf, question.purpose)
    return Fault(kind, 0, "AppleRules", rules=broken) if broken else None


def _first_fault(
    question: Question, path: Sequence[Certificate], such: Callable[[str], bool]
) -> Fault | None:
    """The first certificate, from the end entity up, in which the core's rules find such a fault
    too."""
    for depth, cert in enumerate(path):
        if depth == 0:
            fault = checks.end_entity(cert, question)
        else:
            below = sum(not between.is_self_issued() for between in path[1:depth])
            fault = checks.issuer(cert, depth, below, question)
        if fault is not None and such(fault.kind):
            return fault
    return None


def _add_evidence(question: Question, roots: Sequence[Root], refused: Refused) -> None:
    """What was searched, and the caller's trust anchors that have the name of an issuer and were
    not used."""
    purpose, time = question.purpose, question.time
    places = [Place(TRUST_STORE, None)] if question.system_trust else []
    refused.places = checks.searched(places, roots, purpose, time)
    if checks.near_misses_matter(refused.fault):
        sent = map(read, (*question.chain[1:], *question.intermediates))
        certs = [question.leaf, *(cert for cert in sent if cert is not None)]
        others = [root for root in roots if root.der != question.leaf.der]
        refused.near_misses = checks.near_misses(others, certs, purpose, time)
