"""Words that the report and its hints share."""

from __future__ import annotations

from .._times import moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .question import Refusal

_REFUSALS = {
    "NotACa": "not a CA certificate",
    "NoCertSign": "its key usage does not allow signing certificates",
    "WrongPurpose": "its extended key usage does not include this purpose",
    "WeakKey": "its public key is too short",
    "Rejected": "the store rejects it for this purpose",
    "NotTrustedForPurpose": "the store trusts it for other purposes only",
    "DifferentKey": "has the right name but a different key",
}


def refusal(refused: Refusal) -> str:
    """Why a certificate is no trust anchor."""
    value = refused.value
    if refused.reason == "Expired":
        return f"expired on {moment(int(value or 0))}"
    if refused.reason == "NotYetValid":
        return f"not valid before {moment(int(value or 0))}"
    if refused.reason == "UnknownCriticalExtension":
        return f"has an unknown critical extension ({value})"
    if refused.reason == "UnsupportedKey":
        return f"it has {value}, which is not supported"
    if refused.reason == "Malformed":
        return f"malformed {value}"
    return _REFUSALS[refused.reason]
