//! Public keys: what kind they are, and the one rule for their strength.
//!
//! Tests: `tests/cases.rs` (the rows about keys).

use super::Cert;
use super::der::{self, Malformed, Reader, octets, sequence};

/// What kind of public key a certificate has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Length of the modulus in bits.
    Rsa(usize),
    /// P-256, P-384 or P-521: octets of a coordinate.
    Ec(usize),
    /// Another curve, or one written out.
    OtherCurve,
    /// Removed from TLS 1.3 and from OpenSSL's default groups of signatures.
    Dsa,
    /// Known and strong enough; the TLS library decides whether it can use it.
    Other,
    /// Of no kind that is known, or malformed: OpenSSL does not accept such a certificate either.
    Unknown,
}

/// The shortest RSA keys that are accepted for what cannot be replaced.
pub(crate) const WEAK_RSA_BITS: usize = 1024;

/// Why a public key is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weakness {
    /// An RSA key of this many bits.
    Short { bits: usize },
    /// A kind of key, or a curve, that TLS no longer uses.
    Kind,
}

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];

impl Key {
    /// What is too weak, for end entities, CAs and trust anchors alike: less than 112 bits of
    /// strength (NIST SP 800-57 part 1, table 2; OpenSSL's security level 2), DSA, curves that TLS
    /// does not use, and what is unknown.
    pub(crate) fn weakness(self) -> Option<Weakness> {
        const MIN_RSA_BITS: usize = 2048;
        match self {
            Self::Rsa(bits) if bits < MIN_RSA_BITS => Some(Weakness::Short { bits }),
            Self::Dsa | Self::OtherCurve | Self::Unknown => Some(Weakness::Kind),
            Self::Rsa(_) | Self::Ec(_) | Self::Other => None,
        }
    }

    /// Whether keys of this kind are read: one that is not accepted is malformed.
    pub(super) fn is_supported(algorithm: &[u8]) -> bool {
        matches!(
            algorithm,
            RSA | RSA_PSS
                | DSA
                | EC
                | [0x2b, 101, 110..=113]
                | [0x60, 0x86, 0x48, 1, 101, 3, 4, 3, 17..=19]
        )
    }

    pub(crate) fn parse(spki: &[u8]) -> Self {
        Self::read(spki).unwrap_or(Self::Unknown)
    }

    fn read(spki: &[u8]) -> Result<Self, Malformed> {
        const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
        const P384: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];
        const P521: &[u8] = &[0x2b, 0x81, 4, 0, 0x23];

        let (algorithm, key) = split_spki(spki)?;
        let mut algorithm = Reader::new(algorithm);
        Ok(match algorithm.expect(der::OID, "algorithm")? {
            RSA | RSA_PSS => {
                let mut key = Reader::new(sequence(key, "RSA key")?);
                let modulus = der::integer(key.expect(der::INTEGER, "modulus")?, "modulus")?;
                der::integer(key.expect(der::INTEGER, "exponent")?, "exponent")?;
                key.end("RSA key")?;
                let digits = match modulus {
                    [0, rest @ ..] => rest,
                    all => all,
                };
                let top = digits.first().map_or(0, |first| 8 - first.leading_zeros() as usize);
                Self::Rsa(top + 8 * digits.len().saturating_sub(1))
            }
            DSA => Self::Dsa,
            EC => {
                let size = match algorithm.expect(der::OID, "curve") {
                    Ok(P256) => 32,
                    Ok(P384) => 48,
                    Ok(P521) => 66,
                    _ => return Ok(Self::OtherCurve),
                };
                match key {
                    [4 | 6 | 7, point @ ..] if point.len() == 2 * size => Self::Ec(size),
                    [2 | 3, point @ ..] if point.len() == size => Self::Ec(size),
                    _ => Self::Unknown,
                }
            }
            [0x2b, 101, 110 | 112] if key.len() == 32 => Self::Other, // X25519, Ed25519
            [0x2b, 101, 111] if key.len() == 56 => Self::Other,       // X448
            [0x2b, 101, 113] if key.len() == 57 => Self::Other,       // Ed448
            // ML-DSA-44, -65 and -87 (FIPS 204 table 2, RFC 9881 section 4)
            [0x60, 0x86, 0x48, 1, 101, 3, 4, 3, 17] if key.len() == 1312 => Self::Other,
            [0x60, 0x86, 0x48, 1, 101, 3, 4, 3, 18] if key.len() == 1952 => Self::Other,
            [0x60, 0x86, 0x48, 1, 101, 3, 4, 3, 19] if key.len() == 2592 => Self::Other,
            _ => Self::Unknown,
        })
    }
}

/// Whether a key is of the kind that makes signatures like this certificate's.
pub(super) fn can_sign(spki: &[u8], cert: &Cert<'_>) -> bool {
    let oid = |algorithm| Reader::new(algorithm).expect(der::OID, "algorithm");
    let Ok(key) = split_spki(spki).and_then(|(algorithm, _)| oid(algorithm)) else { return false };
    let Ok(signature) = oid(cert.signature_algorithm) else { return false };
    match signature {
        RSA_PSS => key == RSA || key == RSA_PSS,
        // Hash functions with RSA (PKCS #1), below RSA's own arc and, with SHA-3, NIST's.
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 2..=5 | 11..=16] => key == RSA,
        [0x60, 0x86, 0x48, 1, 101, 3, 4, 3, 13..=16] => key == RSA,
        // ecdsa-with-SHA1, with SHA-2, with SHA-3
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1 | 3, ..] => key == EC,
        [0x60, 0x86, 0x48, 1, 101, 3, 4, 3, 9..=12] => key == EC,
        // dsa-with-SHA1, with SHA-2 and SHA-3
        [0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3] => key == DSA,
        [0x60, 0x86, 0x48, 1, 101, 3, 4, 3, 1..=8] => key == DSA,
        // One object identifier for both, as for Ed25519 and ML-DSA.
        other => other == key,
    }
}

/// The algorithm and the key bits of a SubjectPublicKeyInfo.
pub(crate) fn split_spki(spki: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut fields = Reader::new(spki);
    let algorithm = fields.expect(der::SEQUENCE, "algorithm")?;
    let key = octets(fields.expect(der::BIT_STRING, "public key")?, "public key")?;
    Ok((algorithm, key))
}
