//! Points in time as certificates write them.
//!
//! Tests: in this file; `tests/cases.rs` for validity periods.

use std::fmt;

use pki_types::UnixTime;

use super::der::{self, Malformed, Reader};

/// Seconds since 1970-01-01 00:00 UTC; negative before. RFC 5280 section 4.1.2.5 allows years
/// 1950 to 9999 in certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(pub(crate) i64);

impl Timestamp {
    /// From a proleptic Gregorian date and a time of day; `None` if there is no such day or time.
    pub(crate) fn from_utc(
        (year, month, day): (i64, i64, i64),
        (hour, minute, second): (i64, i64, i64),
    ) -> Option<Self> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days_in_month = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        if !(1..=days_in_month).contains(&day)
            || !(0..24).contains(&hour)
            || !(0..60).contains(&minute)
            || !(0..60).contains(&second)
        {
            return None;
        }
        // Days since 1970-01-01, with years counted from March so that a leap day comes last.
        let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let days = 365 * y + y.div_euclid(4) - y.div_euclid(100)
            + y.div_euclid(400)
            + (153 * m + 2) / 5
            + (day - 1)
            - 719_468;
        Some(Self(((days * 24 + hour) * 60 + minute) * 60 + second))
    }

    /// For errors that carry a `UnixTime`, which cannot be before 1970.
    pub(crate) fn to_unix(self) -> UnixTime {
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(
            u64::try_from(self.0).unwrap_or(0),
        ))
    }
}

impl From<UnixTime> for Timestamp {
    fn from(time: UnixTime) -> Self {
        Self(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Timestamp {
    /// ISO 8601, UTC, to the second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        let shifted = days.saturating_add(719_468);
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let m = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * m + 2) / 5 + 1;
        let month = if m < 10 { m + 3 } else { m - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
    }
}

/// UTCTime `YYMMDDHHMMSSZ` or GeneralizedTime `YYYYMMDDHHMMSSZ` (RFC 5280 section 4.1.2.5): with
/// seconds and in Greenwich Mean Time, which is all that the profile allows. Years of two digits
/// are from 1950 to 2049 (section 4.1.2.5.1).
pub(crate) fn read(reader: &mut Reader<'_>, what: &'static str) -> Result<Timestamp, Malformed> {
    let error = Malformed(what);
    let element = reader.next().ok_or(error)?;
    let pair = |tens: u8, ones: u8| match (tens, ones) {
        (b'0'..=b'9', b'0'..=b'9') => Ok(i64::from(tens - b'0') * 10 + i64::from(ones - b'0')),
        _ => Err(error),
    };
    let (year, rest) = match (element.tag, element.value) {
        (der::UTC_TIME, [y, z, rest @ .., b'Z']) => {
            let year = pair(*y, *z)?;
            (if year >= 50 { 1900 + year } else { 2000 + year }, rest)
        }
        (der::GENERALIZED_TIME, [w, x, y, z, rest @ .., b'Z']) => {
            (pair(*w, *x)? * 100 + pair(*y, *z)?, rest)
        }
        _ => return Err(error),
    };
    let &[a, b, c, d, e, f, g, h, i, j] = rest else { return Err(error) };
    let (month, day) = (pair(a, b)?, pair(c, d)?);
    let clock = (pair(e, f)?, pair(g, h)?, pair(i, j)?);
    Timestamp::from_utc((year, month, day), clock).ok_or(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_round_trip() {
        for (date, secs, text) in [
            ((1970, 1, 1), 0, "1970-01-01 00:00:00 UTC"),
            ((2000, 2, 29), 951_782_400, "2000-02-29 00:00:00 UTC"),
            ((1950, 1, 1), -631_152_000, "1950-01-01 00:00:00 UTC"),
            ((2038, 1, 19), 2_147_472_000, "2038-01-19 00:00:00 UTC"),
            ((9999, 12, 31), 253_402_214_400, "9999-12-31 00:00:00 UTC"),
        ] {
            let time = Timestamp::from_utc(date, (0, 0, 0)).unwrap();
            assert_eq!(time.0, secs);
            assert_eq!(time.to_string(), text);
        }
    }

    #[test]
    fn both_forms_to_the_letter() {
        let time = |tag: u8, text: &str| {
            let length = u8::try_from(text.len()).unwrap();
            let der = [&[tag, length], text.as_bytes()].concat();
            read(&mut Reader::new(&der), "").ok().map(|time| time.to_string())
        };
        let (utc, general) = (der::UTC_TIME, der::GENERALIZED_TIME);
        for (tag, text, expected) in [
            (utc, "491231235959Z", "2049-12-31 23:59:59 UTC"),
            (utc, "500102030405Z", "1950-01-02 03:04:05 UTC"),
            (general, "20501231235959Z", "2050-12-31 23:59:59 UTC"),
        ] {
            assert_eq!(time(tag, text).as_deref(), Some(expected));
            for place in 0..text.len() {
                for bad in ["/", ":", "z", "+"] {
                    let mut text = text.to_owned();
                    text.replace_range(place..=place, bad);
                    assert_eq!(time(tag, &text), None, "{text}");
                }
            }
            assert_eq!(time(tag, &text[1..]), None, "too short");
            assert_eq!(time(tag, &format!("0{text}")), None, "too long");
            let other = if tag == utc { general } else { utc };
            assert_eq!(time(other, text), None, "the other form's tag");
        }
    }

    #[test]
    fn days_that_do_not_exist() {
        for date in [(2023, 2, 29), (2100, 2, 29), (2024, 13, 1), (2024, 0, 1), (2024, 4, 31)] {
            assert_eq!(Timestamp::from_utc(date, (0, 0, 0)), None);
        }
        assert_eq!(Timestamp::from_utc((2024, 1, 1), (24, 0, 0)), None);
        assert_eq!(Timestamp::from_utc((2024, 1, 1), (0, 0, 60)), None);
    }
}
