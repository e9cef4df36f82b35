"""What a single certificate must satisfy, and which of the caller's trust anchors can be one. Each
rule is the core's, under its name, and is compared with it by tests.

Functions return the Fault, or None.
"""

from __future__ import annotations

from .._name import same
from .algorithms import MERKLE_TREE
from .certificate import Certificate, read, subject_and_key_of
from .extensions import ANY_USAGE, CLIENT_AUTH, KEY_CERT_SIGN, SERVER_AUTH
from .key import SHORT
from .purpose import SERVER
from .question import Accepted, Fault, NearMiss, Place, Refusal, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .question import Question, Root

#: Of several failed attempts, the error of the highest rank is shown.
RANK = {
    **dict.fromkeys(("Revoked", "Distrusted"), 9),
    **dict.fromkeys(("RevocationUnknown", "RevocationOutdated", "BadRevocationData"), 8),
    **dict.fromkeys(("NameConstraints", "PathLengthExceeded"), 7),
    **dict.fromkeys(("Expired", "NotYetValid"), 6),
    **dict.fromkeys(("WrongPurpose", "CaAsEndEntity", "WeakKey"), 5),
    **dict.fromkeys(("NotACa", "KeyUsage", "UnknownCriticalExtension"), 4),
    **dict.fromkeys(("NotStandardsCompliant", "UnsupportedAlgorithm"), 4),
    "BadSignature": 3,
    "BadEncoding": 2,
    "ChainTooComplex": 1,
}
#: The kinds that say that no path to a trust anchor exists.
MISSING_PATH = frozenset({"UnknownIssuer", "SelfSignedLeaf", "UntrustedRoot", "NoTrustAnchors"})

#: Over MD5 or SHA-1, with RSA, ECDSA or DSA.
_OUTDATED_SIGNATURES = frozenset(
    {
        *("1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5"),
        *("1.2.840.10045.4.1", "1.2.840.10040.4.3"),
    }
)
_CA_MD_TOO_WEAK = 68  # X509_V_ERR_CA_MD_TOO_WEAK
_PURPOSE_OIDS = {SERVER: SERVER_AUTH, "client": CLIENT_AUTH}
_REFUSAL_KINDS = {
    "Expired": "Expired",
    "NotYetValid": "NotYetValid",
    "NotACa": "NotACa",
    "NoCertSign": "KeyUsage",
    "WrongPurpose": "WrongPurpose",
    "UnknownCriticalExtension": "UnknownCriticalExtension",
    "WeakKey": "WeakKey",
    "UnsupportedKey": "UnsupportedAlgorithm",
    "Rejected": "Distrusted",
    "NotTrustedForPurpose": "Distrusted",
    "Malformed": "BadEncoding",
}


def rank(kind: str) -> int:
    return RANK.get(kind, 0)


def end_entity(cert: Certificate, question: Question) -> Fault | None:
    """The end entity: validity, critical extensions, key strength, purpose."""
    fault = _any(cert, question.time)
    if fault is not None:
        return fault.at(0)
    # RFC 5280 sections 4.2.1.3 and 4.2.1.12: a key is used only for what both extensions allow.
    if not cert.leaf_purpose_allows(question.purpose):
        return Fault("WrongPurpose", 0, "Purpose")
    return None


def own_end_entity(question: Question, roots: Iterable[Root]) -> Root | None:
    """The trust anchor of the caller's that is the end entity itself, if its settings do not reject
    it."""
    der, purpose = question.leaf.der, question.purpose
    return next((root for root in roots if root.der == der and not distrust(root, purpose)), None)


def trusted_end_entity(question: Question, root: Root) -> Accepted | Fault:
    """The end entity is itself a trust anchor of the caller's, or pinned: it is trusted whole,
    whoever issued it. What it says about itself still holds."""
    fault = (
        end_entity(question.leaf, question)
        or name(question)
        or unknown_revocation(question.revocation, question.unknown_revocation)
    )
    return fault or Accepted([question.leaf.der], root.source, "off")


def issuer(cert: Certificate, depth: int, below: int, question: Question) -> Fault | None:
    """A certificate that issued another one (RFC 5280 section 6.1.4). `below` counts the
    intermediates between it and the end entity that are not self-issued (paragraph (l))."""
    fault = _any(cert, question.time)
    if fault is not None:
        return fault.at(depth)
    length = cert.path_length()
    if not cert.is_ca():  # paragraph (k)
        return Fault("NotACa", depth)
    if not cert.key_usage_allows(KEY_CERT_SIGN):  # paragraph (n)
        return Fault("KeyUsage", depth)
    if not cert.extended_key_usage_allows(question.purpose):
        return Fault("WrongPurpose", depth)
    if length is not None and below > length:  # paragraphs (l) and (m)
        return Fault("PathLengthExceeded", depth)
    return None


def validity(cert: Certificate, time: float) -> Fault | None:
    """The validity period, both ends included (RFC 5280 section 4.1.2.5)."""
    if int(time) < cert.not_before:
        return Fault("NotYetValid", cause="NotYetValid", not_before=cert.not_before)
    if int(time) > cert.not_after:
        return Fault("Expired", cause="Expired", not_after=cert.not_after)
    return None


def _any(cert: Certificate, time: float) -> Fault | None:
    """What holds for every certificate of a path."""
    fault = validity(cert, time)
    if fault is not None:
        return fault
    unknown = cert.extensions.unknown_critical
    if unknown is not None:
        return Fault("UnknownCriticalExtension", cause="CriticalExtension", oid=unknown)
    return key(cert)


def key(cert: Certificate) -> Fault | None:
    """The strength and the kind of the public key."""
    weakness = cert.weakness()
    if weakness is None:
        return None
    kind, bits = weakness
    if kind == SHORT:
        return Fault("WeakKey", cause="RsaKey", bits=bits)
    return Fault("UnsupportedAlgorithm", cause="KeyAlgorithm", key=cert.key_text())


def strength(cert: Certificate, is_anchor: bool) -> Fault | None:
    """Keys of less than 112 bits of strength and signatures over MD5 or SHA-1. Nobody relies on the
    signature of a trust anchor."""
    fault = key(cert)
    if fault is not None:
        return fault
    algorithm = cert.signature_oid()
    if not algorithm:
        return malformed("algorithm")
    if is_anchor or algorithm not in _OUTDATED_SIGNATURES:
        return None
    return unsupported_signature(algorithm)


def unsupported_signature(oid: str) -> Fault:
    """A signature algorithm that is not accepted. The ones over MD5 and SHA-1 have an error of
    their own in OpenSSL."""
    code = _CA_MD_TOO_WEAK if oid in _OUTDATED_SIGNATURES else None
    return Fault("UnsupportedAlgorithm", None, "SignatureAlgorithm", openssl=code, oid=oid)


def malformed(field: str) -> Fault:
    """A certificate that cannot be read."""
    return Fault("BadEncoding", cause="Malformed", field=field)


def missing_path(last: Certificate, depth: int) -> Fault:
    """The fault of a path that reaches no trust anchor, by its last certificate: that is a root
    that is not trusted, or says whose certificate is missing."""
    self_issued = last.is_self_issued()
    if self_issued and depth == 0:
        return Fault("SelfSignedLeaf", 0)
    # Its issuer is a log: there is no certificate of it to find.
    if last.signature_oid() == MERKLE_TREE:
        return unsupported_signature(MERKLE_TREE).at(depth)
    if self_issued:
        return Fault("UntrustedRoot", depth)
    return Fault(
        *("UnknownIssuer", depth, "MissingIssuer"),
        issuer=last.issuer_text(),
        advertised_at=last.ca_issuers_url(),
        alone=depth == 0,
    )


def name(question: Question) -> Fault | None:
    """The peer's name against the end entity's subject alternative names (RFC 9525, RFC 5280
    section 4.2.1.6)."""
    if question.name is None or question.leaf.is_for(question.name):
        return None
    return misnamed(question.leaf)


def misnamed(cert: Certificate) -> Fault:
    """The fault where the end entity is not valid for the peer's name, with the names it has."""
    from .._name import shown

    presented = cert.presented_names()
    common = None if presented else cert.common_name()
    return Fault(
        *("NameMismatch", 0, "Names"),
        presented=presented,
        common_name=None if common is None else shown(common),
    )


def or_misnamed(fault: Fault, question: Question) -> Fault:
    """A wrong name says more than what else is wrong, as in OpenSSL: of the two faults that a chain
    has, the name's, unless the other is about the path or has the last word."""
    if fault.kind in MISSING_PATH or rank(fault.kind) >= RANK["Revoked"]:
        return fault
    return name(question) or fault


def unknown_revocation(revocation: str, unknown: str) -> Fault | None:
    """Where no issuer is known, so that no CRL can be verified."""
    if revocation != "off" and unknown == "reject":
        return Fault("RevocationUnknown", 0, "NoCrl")
    return None


# Trust anchors of the caller's ------------------------------------------------------------------


def refusal(root: Root, purpose: str, time: float) -> Refusal | None:
    """Why a certificate cannot be a trust anchor for the purpose at the time; None if it can.

    Checked: validity period, CA bit, keyCertSign, extended key usage, unknown critical extensions,
    key strength, trust settings. Not checked: the certificate's own signature and revocation.
    """
    refused = distrust(root, purpose)
    if refused is not None:
        return refused
    try:
        cert = Certificate(root.der)
    except ValueError as error:
        return Refusal("Malformed", str(error))
    if cert.extensions.unknown_critical is not None:
        return Refusal("UnknownCriticalExtension", cert.extensions.unknown_critical)
    if not cert.is_anchor_ca():
        return Refusal("NotACa")
    if not cert.key_usage_allows(KEY_CERT_SIGN):
        return Refusal("NoCertSign")
    weakness = cert.weakness()
    if weakness is not None:
        if weakness[0] == SHORT:
            return Refusal("WeakKey")
        return Refusal("UnsupportedKey", cert.key_text())
    # Settings that name the purpose overrule the certificate's own, as in OpenSSL.
    if not cert.extended_key_usage_allows(purpose) and not (root.trust and root.trust[0]):
        return Refusal("WrongPurpose")
    if int(time) < cert.not_before:
        return Refusal("NotYetValid", max(cert.not_before, 0))
    if int(time) > cert.not_after:
        return Refusal("Expired", max(cert.not_after, 0))
    return None


def distrust(root: Root, purpose: str) -> Refusal | None:
    """What the trust settings say against the purpose, as OpenSSL's `X509_check_trust`: rejection
    wins, a list of trusted purposes excludes all others, `anyExtendedKeyUsage` stands for all."""
    if root.trust is None:
        return None
    trusted, rejected = root.trust
    stands_for = (_PURPOSE_OIDS[purpose], ANY_USAGE)
    if any(oid in rejected for oid in stands_for):
        return Refusal("Rejected")
    if trusted is not None and not any(oid in trusted for oid in stands_for):
        return Refusal("NotTrustedForPurpose")
    return None


def distrusting(roots: Sequence[Root], encoded: bytes, purpose: str) -> Root | None:
    """The root whose trust settings say that this subject and key must not be trusted for the
    purpose, under whatever certificate: one that rejects it, or else one that lists other purposes
    only, where no root says otherwise."""
    if all(root.trust is None for root in roots):
        return None
    wanted = subject_and_key_of(encoded)
    if wanted is None:
        return None
    other_purposes, otherwise = None, False
    for root in roots:
        known = subject_and_key_of(root.der)
        if known is None or known[1] != wanted[1] or not same(known[0], wanted[0]):
            continue
        refused = distrust(root, purpose)
        if refused is None:
            otherwise = True
        elif refused.reason == "Rejected":
            return root
        else:
            other_purposes = other_purposes or root
    return None if otherwise else other_purposes


def rejected_leaf(question: Question) -> Refused | None:
    """The end entity, before anything is asked: a rejection by the caller's trust settings has the
    last word."""
    root = distrusting(question.roots, question.leaf.der, question.purpose)
    return None if root is None else Refused(_rejected(root, 0))


def rejected_in(question: Question, chain: Sequence[bytes], system_anchor: bool) -> Refused | None:
    """A chain that the system trusts, against the caller's trust settings: what they reject is
    rejected wherever it is in a path.

    system_anchor -- whether it ends in one of the system's own trust anchors. Settings that only
        leave the purpose out do not overrule the system, as they overrule no other entry of a store
    """
    for depth, der in enumerate(chain):
        root = distrusting(question.roots, der, question.purpose)
        refused = None if root is None else distrust(root, question.purpose)
        if root is None or refused is None:
            continue
        if refused.reason == "Rejected" or not system_anchor or depth < len(chain) - 1:
            return Refused(_rejected(root, depth), path=readable(map(read, chain)))
    return None


def _rejected(root: Root, depth: int) -> Fault:
    return Fault("Distrusted", depth, "Rejected", subject=subject(root), source=root.source)


def readable(certs: Iterable[Certificate | None]) -> list[Certificate]:
    """From the end entity up to the first that cannot be read."""
    found: list[Certificate] = []
    for cert in certs:
        if cert is None:
            break
        found.append(cert)
    return found


def refused_anchor(root: Root, refused: Refusal) -> Fault | None:
    """A root of the caller's issued the chain, but cannot be a trust anchor. None if the refusal
    says that it did not issue it."""
    kind = _REFUSAL_KINDS.get(refused.reason)
    if kind is None:
        return None
    return Fault(
        kind, cause="AnchorRefused", subject=subject(root), source=root.source, refusal=refused
    )


def subject(root: Root) -> str:
    """The subject of a root, in the style of RFC 4514."""
    from .._name import text
    from .certificate import subject_of

    try:
        return text(subject_of(root.der))
    except ValueError:
        return text(b"")


# What a rejection can show ----------------------------------------------------------------------


def searched(places: list[Place], roots: Iterable[Root], purpose: str, time: float) -> list[Place]:
    """Every place that was searched: those that are known, and those that the roots come from."""
    found = {place.source: place for place in places}
    for root in roots:
        place = found.setdefault(root.source, Place(root.source, 0))
        if refusal(root, purpose, time) is not None:
            place.refused += 1
        elif place.usable is not None:
            place.usable += 1
    return [*found.values()]


def near_misses_matter(fault: Fault) -> bool:
    """Whether near misses explain a fault. What the caller gave under the right name matters only
    where a path is missing, or where the fault is not the end entity's own."""
    return fault.kind in MISSING_PATH or fault.kind == "BadSignature" or bool(fault.depth)


def near_misses(
    roots: Iterable[Root], certs: Sequence[Certificate], purpose: str, time: float
) -> list[NearMiss]:
    """The roots that have the name of an issuer of these certificates, and why none was used."""
    found = []
    for root in roots:
        anchor = read(root.der)
        if anchor is None:
            continue
        issued = [cert for cert in certs if cert.issuer == anchor.subject]
        if not issued:
            continue
        reason = refusal(root, purpose, time)
        if reason is None and all(cert.names_another_key_than(anchor) for cert in issued):
            reason = Refusal("DifferentKey")
        if reason is not None:
            found.append(NearMiss(anchor.subject_text(), root.source, reason))
    return found
