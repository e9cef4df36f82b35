//! A reader for DER (X.690): definite, minimal lengths and one-byte tags, which is all that
//! RFC 5280 certificates use. Anything else would have two meanings for two readers.
//!
//! Tests: in this file.

use crate::text::shorten;

/// What could not be read; the text names the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// `[number]`, constructed.
pub(crate) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// `[number]`, primitive (implicitly tagged).
pub(crate) const fn context_primitive(number: u8) -> u8 {
    0x80 | number
}

/// One element: its tag, its contents, and all of its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) value: &'a [u8],
    pub(crate) whole: &'a [u8],
}

/// Reads elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next element, if there is one.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, whatever it is. `None` if the bytes are not DER.
    pub(crate) fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.rest.split_first()?;
        if tag & 0x1f == 0x1f {
            return None; // a tag of several bytes
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let count = usize::from(first & 0x7f);
            if !(1..=4).contains(&count) {
                return None; // indefinite, or longer than any certificate
            }
            let (digits, rest) = rest.split_at_checked(count)?;
            let length = digits.iter().fold(0_usize, |n, &digit| (n << 8) | usize::from(digit));
            let minimal = if count == 1 { length >= 0x80 } else { length >> (8 * (count - 1)) > 0 };
            if !minimal {
                return None;
            }
            (length, rest)
        };
        let (value, after) = rest.split_at_checked(length)?;
        let (whole, _) = self.rest.split_at_checked(self.rest.len() - after.len())?;
        self.rest = after;
        Some(Element { tag, value, whole })
    }

    /// The contents of the next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8, what: &'static str) -> Result<&'a [u8], Malformed> {
        match self.next() {
            Some(element) if element.tag == tag => Ok(element.value),
            _ => Err(Malformed(what)),
        }
    }

    /// The contents of the next element if it has this tag; nothing is read otherwise.
    pub(crate) fn optional(
        &mut self,
        tag: u8,
        what: &'static str,
    ) -> Result<Option<&'a [u8]>, Malformed> {
        if self.peek() == Some(tag) { self.expect(tag, what).map(Some) } else { Ok(None) }
    }

    /// An error if anything is left.
    pub(crate) fn end(&self, what: &'static str) -> Result<(), Malformed> {
        if self.is_empty() { Ok(()) } else { Err(Malformed(what)) }
    }
}

/// A `BOOLEAN`. DER writes TRUE as 0xff (X.690 section 11.1); certificates with 0x01 exist, and
/// OpenSSL reads them.
pub(crate) fn boolean(value: &[u8], what: &'static str) -> Result<bool, Malformed> {
    match value {
        [octet] => Ok(*octet != 0),
        _ => Err(Malformed(what)),
    }
}

#[cfg(all(feature = "crlite", not(any(windows, target_vendor = "apple"))))]
/// The tag and the length that DER puts before so many octets of contents.
pub(crate) fn header(tag: u8, length: usize) -> Vec<u8> {
    let octets = length.to_be_bytes();
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let digits = octets.get(zeros..).unwrap_or_default();
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => vec![tag, short],
        // There are at most eight.
        _ => [&[tag, 0x80 | u8::try_from(digits.len()).unwrap_or(0)], digits].concat(),
    }
}

/// The contents of an `INTEGER`, if they are as short as they can be (X.690 section 8.3.2).
pub(crate) fn integer<'a>(value: &'a [u8], what: &'static str) -> Result<&'a [u8], Malformed> {
    match value {
        [] => Err(Malformed(what)),
        [0, second, ..] if second & 0x80 == 0 => Err(Malformed(what)),
        [0xff, second, ..] if second & 0x80 != 0 => Err(Malformed(what)),
        _ => Ok(value),
    }
}

/// A small unsigned `INTEGER`; a larger one is `u32::MAX`.
pub(crate) fn small_integer(value: &[u8], what: &'static str) -> Result<u32, Malformed> {
    match integer(value, what)? {
        [first, ..] if first & 0x80 != 0 => Err(Malformed(what)),
        digits if digits.len() > 4 => Ok(u32::MAX),
        digits => Ok(digits.iter().fold(0, |n, &digit| (n << 8) | u32::from(digit))),
    }
}

/// An object identifier's contents as dotted decimals; one that nobody could read is cut.
pub(crate) fn dotted(oid: &[u8]) -> String {
    let mut arcs = Vec::new();
    let mut arc = 0_u64;
    for &byte in oid {
        arc = (arc << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if arcs.is_empty() {
            let first = (arc / 40).min(2);
            arcs.push(first.to_string());
            arc -= first * 40;
        }
        arcs.push(arc.to_string());
        arc = 0;
    }
    shorten(arcs.join("."))
}

/// The elements of some contents, up to the first that is not DER.
pub(crate) fn elements(contents: &[u8]) -> impl Iterator<Item = Element<'_>> {
    let mut reader = Reader::new(contents);
    std::iter::from_fn(move || reader.next())
}

/// The contents of a SEQUENCE that fills `bytes`.
pub(crate) fn sequence<'a>(bytes: &'a [u8], what: &'static str) -> Result<&'a [u8], Malformed> {
    let mut reader = Reader::new(bytes);
    let contents = reader.expect(SEQUENCE, what)?;
    reader.end(what)?;
    Ok(contents)
}

/// A BIT STRING that is a whole number of octets.
pub(crate) fn octets<'a>(value: &'a [u8], what: &'static str) -> Result<&'a [u8], Malformed> {
    match value {
        [0, octets @ ..] => Ok(octets),
        _ => Err(Malformed(what)),
    }
}

/// An error unless the contents of a SEQUENCE are object identifiers.
pub(super) fn check_oids(list: &[u8], what: &'static str) -> Result<(), Malformed> {
    let mut reader = Reader::new(list);
    while !reader.is_empty() {
        // X.690 section 8.19.2: the last octet of a subidentifier has bit 8 clear.
        match reader.expect(OID, what)? {
            [.., last] if last & 0x80 == 0 => {}
            _ => return Err(Malformed(what)),
        }
    }
    Ok(())
}

/// The object identifiers in the contents of a SEQUENCE OF OBJECT IDENTIFIER.
pub(crate) fn oids(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    elements(list).filter(|element| element.tag == OID).map(|element| element.value)
}

/// An element, encoded: for tests.
#[cfg(test)]
pub(crate) fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u16::try_from(contents.len()).unwrap().to_be_bytes();
    let header = match length {
        [0, short @ ..0x80] => vec![tag, short],
        [0, long] => vec![tag, 0x81, long],
        [high, low] => vec![tag, 0x82, high, low],
    };
    [&header, contents].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_definite_and_minimal() {
        for bad in [
            &[0x30][..],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x81, 0x01, 0],
            &[0x30, 0x82, 0x00, 0x80],
            &[0x30, 0x85, 0, 0, 0, 0, 1, 0],
            &[0x30, 0x02, 0],
            &[0x1f, 0x81, 0x01, 0],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert!(Reader::new(bad).next().is_none(), "{bad:?}");
        }
        let mut reader = Reader::new(&[0x04, 0x02, 1, 2, 0x05, 0x00]);
        let element = reader.next().unwrap();
        assert_eq!((element.tag, element.value), (OCTET_STRING, &[1, 2][..]));
        assert_eq!(element.whole, [4, 2, 1, 2]);
        assert!(reader.end("").is_err());
        assert!(reader.next().is_some());
        assert!(reader.end("").is_ok());
    }

    #[test]
    fn integers() {
        assert_eq!(small_integer(&[0], ""), Ok(0));
        assert_eq!(small_integer(&[0, 0x80], ""), Ok(128));
        assert_eq!(small_integer(&[1, 0, 0, 0, 0], ""), Ok(u32::MAX));
        for bad in [&[][..], &[0x80], &[0, 1]] {
            assert!(small_integer(bad, "").is_err());
        }
    }

    #[test]
    fn object_identifiers() {
        assert_eq!(dotted(&[0x55, 0x1d, 0x0f]), "2.5.29.15");
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]), "1.2.840.113549");
        assert_eq!(dotted(&[0x88, 0x37, 1]), "2.999.1");
        assert_eq!(dotted(&[]), "");
    }
}
