"""Times of certificates: seconds since 1970 UTC, which `datetime` has for most years only."""

from __future__ import annotations


def seconds(text: bytes, what: str) -> int:
    """UTCTime `YYMMDDHHMMSSZ` or GeneralizedTime `YYYYMMDDHHMMSSZ` (RFC 5280 section 4.1.2.5).
    Years of two digits are from 1950 to 2049 (section 4.1.2.5.1)."""
    digits = text[:-1]
    if len(digits) not in (12, 14) or text[-1:] != b"Z" or not digits.isdigit():
        raise ValueError(what)
    year, rest = int(digits[:-10]), digits[-10:]
    if len(digits) == 12:
        year += 1900 if year >= 50 else 2000
    month, day, hour, minute, second = (int(rest[at : at + 2]) for at in range(0, 10, 2))
    return _since_1970(year, month, day, hour, minute, second, what)


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


def _since_1970(
    year: int, month: int, day: int, hour: int, minute: int, second: int, what: str
) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not 1 <= month <= 12 or not 1 <= day <= days[month - 1]:
        raise ValueError(what)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(what)
    # Days since 1970-01-01, with years counted from March so that a leap day comes last.
    y, m = (year, month - 3) if month > 2 else (year - 1, month + 9)
    since = 365 * y + y // 4 - y // 100 + y // 400 + (153 * m + 2) // 5 + day - 1 - 719_468
    return ((since * 24 + hour) * 60 + minute) * 60 + second
