//! The signed certificate timestamps in a certificate (RFC 6962 sections 3.2 and 3.3).
//!
//! Their signatures are not verified: they only select the filters to ask, and the CA has signed
//! them with the certificate.
//!
//! Tests: below, and `tests/crlite.rs`.

use super::index::Seen;
use crate::cert::Cert;
use crate::cert::der::{self, Malformed};
use crate::revocation::extension::extension;

/// 1.3.6.1.4.1.11129.2.4.2
const OID: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 2];
/// Most that are read; certificates have two or three.
const MOST: usize = 32;

/// Which logs have seen the certificate, and when; empty if it does not say so.
pub(super) fn scts(cert: &Cert<'_>) -> Result<Vec<Seen>, Malformed> {
    const WHAT: &str = "signed certificate timestamps";
    let Some(value) = extension(cert, OID)? else { return Ok(Vec::new()) };
    let mut outer = der::Reader::new(value);
    let list = outer.expect(der::OCTET_STRING, WHAT)?;
    outer.end(WHAT)?;
    read(list).ok_or(Malformed(WHAT))
}

/// A SignedCertificateTimestampList in TLS's encoding.
fn read(list: &[u8]) -> Option<Vec<Seen>> {
    let (mut list, []) = vector(list)? else { return None };
    let mut out = Vec::new();
    while !list.is_empty() && out.len() < MOST {
        let (sct, rest) = vector(list)?;
        list = rest;
        let (version, sct) = sct.split_first()?;
        // Other versions are of another form (section 3.3: their length says where they end).
        if *version != 0 {
            continue;
        }
        let (log, sct) = sct.split_first_chunk::<32>()?;
        let (time, _) = sct.split_first_chunk::<8>()?;
        out.push(Seen { log: *log, time: u64::from_be_bytes(*time) });
    }
    Some(out)
}

/// What comes after two bytes of length, and the rest.
fn vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixed(bytes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        [&length[..], bytes].concat()
    }

    fn sct(version: u8, log: u8, time: u64) -> Vec<u8> {
        let rest = [0, 0, 4, 3, 0, 2, 1, 2];
        prefixed(&[&[version][..], &[log; 32], &time.to_be_bytes(), &rest].concat())
    }

    #[test]
    fn timestamps_are_read() {
        let list = prefixed(&[sct(0, 1, 7), sct(1, 2, 8), sct(0, 3, u64::MAX)].concat());
        let expected = [(1, 7), (3, u64::MAX)].map(|(log, time)| Seen { log: [log; 32], time });
        assert_eq!(read(&list).unwrap(), expected);
        assert_eq!(read(&prefixed(&[])).unwrap(), []);
        for length in 0..list.len() {
            assert_eq!(read(&list[..length]), None, "{length}");
        }
        assert_eq!(read(&[list, vec![0]].concat()), None);
        assert_eq!(read(&prefixed(&prefixed(&[0; 40]))), None);
        let many: Vec<u8> = (0..50).flat_map(|_| sct(0, 1, 7)).collect();
        assert_eq!(read(&prefixed(&many)).unwrap().len(), MOST);
    }
}
