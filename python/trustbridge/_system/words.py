"""Words that the report and its hints share."""

from __future__ import annotations

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


def moment(seconds: float) -> str:
    """ISO 8601, UTC, to the second; a time of a certificate can be before 1970."""
    days, rest = divmod(int(seconds // 1), 86_400)
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (
        day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    m = (5 * day_of_year + 2) // 153
    day, month = day_of_year - (153 * m + 2) // 5 + 1, m + 3 if m < 10 else m - 9
    year = year_of_era + era * 400 + (month <= 2)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{year:04}-{month:02}-{day:02} {clock} UTC"
