//! Public keys.

use super::der::{self, Malformed, Reader, octets, sequence};

/// What kind of public key a certificate has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Length of the modulus in bits.
    Rsa(usize),
    /// P-256, P-384 or P-521.
    Ec,
    /// Another curve, or one written out.
    OtherCurve,
    /// Removed from TLS 1.3 and from OpenSSL's default groups of signatures.
    Dsa,
    /// Anything else; the TLS library decides.
    Other,
}

/// Why a public key is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weakness {
    /// An RSA key of this many bits.
    Short { bits: usize },
    /// A kind of key, or a curve, that TLS no longer uses.
    Kind,
}

impl Key {
    /// What is too weak, for end entities, CAs and trust anchors alike: less than 112 bits of
    /// strength (NIST SP 800-57 part 1, table 2; OpenSSL's security level 2), DSA, and curves
    /// that TLS does not use.
    pub(crate) fn weakness(self) -> Option<Weakness> {
        const MIN_RSA_BITS: usize = 2048;
        match self {
            Self::Rsa(bits) if bits < MIN_RSA_BITS => Some(Weakness::Short { bits }),
            Self::Dsa | Self::OtherCurve => Some(Weakness::Kind),
            Self::Rsa(_) | Self::Ec | Self::Other => None,
        }
    }

    pub(super) fn parse(spki: &[u8]) -> Result<Self, Malformed> {
        const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
        const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
        const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1];
        const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
        const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
        const P384: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];
        const P521: &[u8] = &[0x2b, 0x81, 4, 0, 0x23];

        let mut fields = Reader::new(spki);
        let mut algorithm = Reader::new(fields.expect(der::SEQUENCE, "algorithm")?);
        let key = octets(fields.expect(der::BIT_STRING, "public key")?, "public key")?;
        match algorithm.expect(der::OID, "algorithm")? {
            RSA | RSA_PSS => {
                let mut key = Reader::new(sequence(key, "RSA key")?);
                let modulus = key.expect(der::INTEGER, "modulus")?;
                let digits = match modulus {
                    [0, rest @ ..] => rest,
                    all => all,
                };
                let top = digits.first().map_or(0, |first| 8 - first.leading_zeros() as usize);
                Ok(Self::Rsa(top + 8 * digits.len().saturating_sub(1)))
            }
            DSA => Ok(Self::Dsa),
            EC => match algorithm.expect(der::OID, "curve") {
                Ok(P256 | P384 | P521) => Ok(Self::Ec),
                _ => Ok(Self::OtherCurve),
            },
            _ => Ok(Self::Other),
        }
    }
}

/// The algorithm and the key bits of a SubjectPublicKeyInfo.
pub(crate) fn split_spki(spki: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut fields = Reader::new(spki);
    let algorithm = fields.expect(der::SEQUENCE, "algorithm")?;
    let key = octets(fields.expect(der::BIT_STRING, "public key")?, "public key")?;
    Ok((algorithm, key))
}
