//! Writing DER, and what is nearly DER.

/// One element.
pub fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match contents.len() {
        length @ 0..=0x7f => out.push(length as u8),
        length => {
            let octets = length.to_be_bytes();
            let start = octets.iter().position(|&octet| octet != 0).unwrap();
            out.push(0x80 | (octets.len() - start) as u8);
            out.extend(&octets[start..]);
        }
    }
    out.extend(contents);
    out
}

/// A SEQUENCE of elements.
pub fn sequence(elements: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &elements.concat())
}

/// A SET of elements, in the order given.
pub fn set(elements: &[Vec<u8>]) -> Vec<u8> {
    element(0x31, &elements.concat())
}

/// `[number]`, constructed.
pub fn context(number: u8, contents: &[u8]) -> Vec<u8> {
    element(0xa0 | number, contents)
}

/// `[number]`, primitive.
pub fn context_primitive(number: u8, contents: &[u8]) -> Vec<u8> {
    element(0x80 | number, contents)
}

/// An OBJECT IDENTIFIER from its arcs.
pub fn oid(arcs: &[u64]) -> Vec<u8> {
    let mut contents = Vec::new();
    let first = arcs[0] * 40 + arcs[1];
    for &arc in std::iter::once(&first).chain(&arcs[2..]) {
        let groups = (1..10).find(|groups| arc >> (7 * groups) == 0).unwrap();
        for group in (0..groups).rev() {
            let more = if group > 0 { 0x80 } else { 0 };
            contents.push(more | (arc >> (7 * group) & 0x7f) as u8);
        }
    }
    element(6, &contents)
}

/// A small INTEGER.
pub fn integer(number: i64) -> Vec<u8> {
    let octets = number.to_be_bytes();
    let sign = if number < 0 { 0xff } else { 0 };
    let mut start = 0;
    while start < 7 && octets[start] == sign && (octets[start + 1] ^ sign) & 0x80 == 0 {
        start += 1;
    }
    element(2, &octets[start..])
}

/// A BOOLEAN with this octet.
pub fn boolean(octet: u8) -> Vec<u8> {
    element(1, &[octet])
}

/// An OCTET STRING.
pub fn octets(contents: &[u8]) -> Vec<u8> {
    element(4, contents)
}

/// A BIT STRING of whole octets.
pub fn bits(contents: &[u8]) -> Vec<u8> {
    element(3, &[&[0], contents].concat())
}

/// UTCTime for a time in seconds where it can be, GeneralizedTime otherwise.
pub fn time(seconds: i64) -> Vec<u8> {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Civil date from days, with years that begin in March.
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let clock = format!("{:02}{:02}{:02}Z", rest / 3_600, rest / 60 % 60, rest % 60);
    if (1950..2050).contains(&year) {
        element(0x17, format!("{:02}{month:02}{day:02}{clock}", year % 100).as_bytes())
    } else {
        element(0x18, format!("{year:04}{month:02}{day:02}{clock}").as_bytes())
    }
}
