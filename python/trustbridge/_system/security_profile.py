"""Apple's published requirements for TLS certificates, to explain a verdict of the system's:
src/platform/apple/profile.rs in Python."""

from __future__ import annotations

from .key import SHORT
from .purpose import SERVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .certificate import Certificate

_PAGE = "support.apple.com/103769"
_FORUM = "CA/Browser Forum Baseline Requirements 6.3.2"
_DAY = 86_400  # seconds, as support.apple.com/102028 counts
_MORE_RULES_FROM = 1_561_939_200  # 2019-07-01

#: Limits on the lifetime of end entities: the first second for whose certificates it holds, that
#: day, the limit in days, whose end entities it holds for, and who says so. From the limit that
#: holds for most to the one that holds for fewest.
LIFETIMES = (
    (_MORE_RULES_FROM, "2019-07-01", 825, "any root", _PAGE),
    (
        *(1_598_918_400, "2020-09-01", 398),
        *("the roots that come with the system", "support.apple.com/102028"),
    ),
    # What the CA/Browser Forum's ballot SC-081v3 asks of CAs, from the last step to the first.
    # Apple has not published that its systems enforce it.
    (1_868_227_200, "2029-03-15", 47, "public CAs", _FORUM),
    (1_805_068_800, "2027-03-15", 100, "public CAs", _FORUM),
    (1_773_532_800, "2026-03-15", 200, "public CAs", _FORUM),
)
_WEAK_HASHES = {
    "1.2.840.113549.1.1.4": "MD5",
    "1.2.840.113549.1.1.5": "SHA-1",
    "1.2.840.10040.4.3": "SHA-1",
    "1.2.840.10045.4.1": "SHA-1",
}


def broken_rules(leaf: Certificate, purpose: str) -> list[str]:
    """Which of Apple's published requirements the end entity does not meet, a clause for each. Only
    asked after the system refused it: it explains a verdict and never gives one."""
    broken = []
    if purpose == SERVER:
        broken += _lifetime(leaf)
    weakness = leaf.weakness()
    if weakness is not None and weakness[0] == SHORT:
        broken.append(f"its RSA key has {weakness[1]} bits, at least 2048 are required ({_PAGE})")
    weak_hash = _WEAK_HASHES.get(leaf.signature_oid())
    if weak_hash is not None:
        broken.append(f"it is signed with {weak_hash}, SHA-2 is required ({_PAGE})")
    if purpose == SERVER:
        if not leaf.presented_names():
            broken.append(f"it has no subject alternative name ({_PAGE})")
        usages = leaf.extensions.extended_key_usage
        listed = usages is not None and leaf.extended_key_usage_allows(purpose)
        if leaf.not_before >= _MORE_RULES_FROM and not listed:
            broken.append(f"its extended key usage does not list serverAuth ({_PAGE})")
    return broken


def _lifetime(leaf: Certificate) -> list[str]:
    seconds = leaf.not_after - leaf.not_before
    for issued, since, limit, whose, source in LIFETIMES:
        if leaf.not_before >= issued and seconds > limit * _DAY:
            days = -(-seconds // _DAY)
            return [
                f"it is valid for {days} days, at most {limit} are allowed under {whose} since "
                f"{since} ({source})"
            ]
    return []
