"""A question's way to its verdict: bounds, then a pinned certificate or the system's engine."""

from __future__ import annotations

import sys

from . import checks, intermediates
from .certificate import Certificate
from .question import Accepted, Fault, Question, Refused, Root
from .verdict import Failure, Verified, rejected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

#: Most certificates a chain may have, the end entity included, and most bytes of all of them.
_MOST_CERTIFICATES, _MOST_CHAIN_BYTES = 100, 1 << 20
_LABEL, _NAME = 63, 253
_LABEL_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def engine() -> Any:
    """The engine of this system. Imports `ctypes`."""
    if sys.platform == "win32":
        from . import cryptoapi

        return cryptoapi
    if sys.platform in ("darwin", "ios", "tvos", "watchos"):
        from . import security

        return security
    raise ImportError(f"there is no engine for {sys.platform}")


def ask(
    chain: Sequence[bytes],
    name: str | None,
    *,
    time: float,
    purpose: str = "server",
    pinned: Sequence[bytes] = (),
    revocation: str = "off",
    unknown_revocation: str = "allow",
    crls: Sequence[bytes] = (),
    strict: bool = False,
    common_name: bool = False,
    directories: Sequence[str] = (),
    **rest: Any,
) -> Verified | Failure:
    """The verdict. What the caller gave and the system cannot take raises BadSetting.

    directories -- of untrusted intermediates, read when a path is missing
    """
    system = engine()
    system.check_settings(
        crls=bool(crls),
        revocation=revocation,
        unknown_revocation=unknown_revocation,
        strict=strict,
        common_name=common_name,
    )
    leaf = _leaf(chain)
    answer: Accepted | Refused
    if isinstance(leaf, Fault):
        answer = Refused(leaf)
    else:
        question = Question(
            chain,
            leaf,
            name,
            time=time,
            purpose=purpose,
            pinned=pinned,
            crls=crls,
            revocation=revocation,
            unknown_revocation=unknown_revocation,
            strict=strict,
            common_name=common_name,
            **rest,
        )
        answer = _pinned(question) if pinned else _evaluate(system, question, directories)
    if isinstance(answer, Accepted):
        return Verified(answer, revocation)
    return rejected(answer, chain, name, purpose, time)


def _leaf(chain: Sequence[bytes]) -> Certificate | Fault:
    """The end entity. A peer chooses what it sends: nothing is read before its size is known."""
    if not chain:
        return Fault("NoCertificate")
    sent = len(chain)
    if sent > _MOST_CERTIFICATES:
        return Fault(
            "ChainTooComplex", cause="TooManyCertificates", sent=sent, limit=_MOST_CERTIFICATES
        )
    sent = sum(map(len, chain))
    if sent > _MOST_CHAIN_BYTES:
        return Fault("ChainTooComplex", cause="TooManyBytes", sent=sent, limit=_MOST_CHAIN_BYTES)
    try:
        return Certificate(chain[0])
    except ValueError as error:
        return checks.malformed(str(error)).at(0)


def _evaluate(system: Any, question: Question, directories: Sequence[str]) -> Accepted | Refused:
    """The engine's answer, and once more with what directories add to the chain."""
    answer: Accepted | Refused = system.evaluate(question)
    if isinstance(answer, Accepted) or not directories or answer.kind not in checks.MISSING_PATH:
        return answer
    added, searched = intermediates.find(directories, question.chain)
    if added:
        question.chain = [*question.chain, *added]
        answer = system.evaluate(question)
    if isinstance(answer, Refused):
        answer.intermediates = searched
    return answer


def _pinned(question: Question) -> Accepted | Refused:
    """A pinned certificate is trusted as such, compared byte by byte."""
    if question.leaf.der not in question.pinned:
        return Refused(Fault("PinMismatch", 0))
    verdict = checks.trusted_end_entity(
        question, Root(question.leaf.der, "the pinned certificates")
    )
    return Refused(verdict) if isinstance(verdict, Fault) else verdict


def is_name(name: str) -> bool:
    """Whether this is a DNS name or an IP address, as the core takes them."""
    from .certificate import packed

    if packed(name) is not None:
        return "%" not in name
    if not 0 < len(name) <= _NAME:
        return False
    labels = name[:-1].split(".") if name.endswith(".") else name.split(".")
    if not all(
        0 < len(label) <= _LABEL
        and _LABEL_CHARACTERS.issuperset(label)
        and not label.startswith("-")
        and not label.endswith("-")
        for label in labels
    ):
        return False
    # Not to be taken for an IPv4 address (RFC 9849 section 6.1.7).
    last = labels[-1].lower()
    digits = last[2:] if last.startswith("0x") else ""
    is_hex = last.startswith("0x") and all(digit in "0123456789abcdef" for digit in digits)
    return not last.isdigit() and not is_hex
