//! The names of algorithms and curves, for errors: mostly of those that are not supported.
//!
//! Tests: `tests/algorithms.rs`.

use super::der::{self, Malformed, Reader};
use super::key::{Key, split_spki};

/// `id-alg-mtcProof`, as experiments have it until it is assigned
/// (draft-ietf-plants-merkle-tree-certs).
pub(crate) const MERKLE_TREE: &str = "1.3.6.1.4.1.44363.47.0";

const RSASSA_PSS: &str = "1.2.840.113549.1.1.10";

/// Dotted object identifier, name.
const NAMES: &[(&str, &str)] = &[
    // PKCS #1
    ("1.2.840.113549.1.1.1", "RSA"),
    ("1.2.840.113549.1.1.2", "RSA with MD2"),
    ("1.2.840.113549.1.1.4", "RSA with MD5"),
    ("1.2.840.113549.1.1.5", "RSA with SHA-1"),
    ("1.3.14.3.2.29", "RSA with SHA-1"),
    (RSASSA_PSS, "RSASSA-PSS"),
    ("1.2.840.113549.1.1.11", "RSA with SHA-256"),
    ("1.2.840.113549.1.1.12", "RSA with SHA-384"),
    ("1.2.840.113549.1.1.13", "RSA with SHA-512"),
    ("1.2.840.113549.1.1.14", "RSA with SHA-224"),
    ("1.2.840.113549.1.1.15", "RSA with SHA-512/224"),
    ("1.2.840.113549.1.1.16", "RSA with SHA-512/256"),
    // ANSI X9.62 and X9.57
    ("1.2.840.10045.2.1", "elliptic curve"),
    ("1.2.840.10045.4.1", "ECDSA with SHA-1"),
    ("1.2.840.10045.4.3.1", "ECDSA with SHA-224"),
    ("1.2.840.10045.4.3.2", "ECDSA with SHA-256"),
    ("1.2.840.10045.4.3.3", "ECDSA with SHA-384"),
    ("1.2.840.10045.4.3.4", "ECDSA with SHA-512"),
    ("1.2.840.10040.4.1", "DSA"),
    ("1.2.840.10040.4.3", "DSA with SHA-1"),
    // RFC 8410
    ("1.3.101.110", "X25519"),
    ("1.3.101.111", "X448"),
    ("1.3.101.112", "Ed25519"),
    ("1.3.101.113", "Ed448"),
    // NIST: FIPS 186-5 with SHA-2 and SHA-3, FIPS 204 (RFC 9881), FIPS 205 (RFC 9909)
    ("2.16.840.1.101.3.4.3.1", "DSA with SHA-224"),
    ("2.16.840.1.101.3.4.3.2", "DSA with SHA-256"),
    ("2.16.840.1.101.3.4.3.9", "ECDSA with SHA3-224"),
    ("2.16.840.1.101.3.4.3.10", "ECDSA with SHA3-256"),
    ("2.16.840.1.101.3.4.3.11", "ECDSA with SHA3-384"),
    ("2.16.840.1.101.3.4.3.12", "ECDSA with SHA3-512"),
    ("2.16.840.1.101.3.4.3.13", "RSA with SHA3-224"),
    ("2.16.840.1.101.3.4.3.14", "RSA with SHA3-256"),
    ("2.16.840.1.101.3.4.3.15", "RSA with SHA3-384"),
    ("2.16.840.1.101.3.4.3.16", "RSA with SHA3-512"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
    ("2.16.840.1.101.3.4.3.20", "SLH-DSA-SHA2-128s"),
    ("2.16.840.1.101.3.4.3.21", "SLH-DSA-SHA2-128f"),
    ("2.16.840.1.101.3.4.3.22", "SLH-DSA-SHA2-192s"),
    ("2.16.840.1.101.3.4.3.23", "SLH-DSA-SHA2-192f"),
    ("2.16.840.1.101.3.4.3.24", "SLH-DSA-SHA2-256s"),
    ("2.16.840.1.101.3.4.3.25", "SLH-DSA-SHA2-256f"),
    ("2.16.840.1.101.3.4.3.26", "SLH-DSA-SHAKE-128s"),
    ("2.16.840.1.101.3.4.3.27", "SLH-DSA-SHAKE-128f"),
    ("2.16.840.1.101.3.4.3.28", "SLH-DSA-SHAKE-192s"),
    ("2.16.840.1.101.3.4.3.29", "SLH-DSA-SHAKE-192f"),
    ("2.16.840.1.101.3.4.3.30", "SLH-DSA-SHAKE-256s"),
    ("2.16.840.1.101.3.4.3.31", "SLH-DSA-SHAKE-256f"),
    ("2.16.840.1.101.3.4.3.32", "HashML-DSA-44"),
    ("2.16.840.1.101.3.4.3.33", "HashML-DSA-65"),
    ("2.16.840.1.101.3.4.3.34", "HashML-DSA-87"),
    // RFC 9708, RFC 9802
    ("1.2.840.113549.1.9.16.3.17", "HSS/LMS"),
    ("1.3.6.1.5.5.7.6.34", "XMSS"),
    ("1.3.6.1.5.5.7.6.35", "XMSS^MT"),
    (MERKLE_TREE, "Merkle tree certificate"),
    // GB/T 32918, RFC 9215
    ("1.2.156.10197.1.501", "SM2 with SM3"),
    ("1.2.643.7.1.1.1.1", "GOST R 34.10-2012, 256 bits"),
    ("1.2.643.7.1.1.1.2", "GOST R 34.10-2012, 512 bits"),
    ("1.2.643.7.1.1.3.2", "GOST R 34.10-2012, 256 bits"),
    ("1.2.643.7.1.1.3.3", "GOST R 34.10-2012, 512 bits"),
    // Curves: SEC 2, RFC 5639, GB/T 32918
    ("1.2.840.10045.3.1.1", "P-192"),
    ("1.3.132.0.33", "P-224"),
    ("1.3.132.0.10", "secp256k1"),
    ("1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1"),
    ("1.3.36.3.3.2.8.1.1.8", "brainpoolP256t1"),
    ("1.3.36.3.3.2.8.1.1.11", "brainpoolP384r1"),
    ("1.3.36.3.3.2.8.1.1.12", "brainpoolP384t1"),
    ("1.3.36.3.3.2.8.1.1.13", "brainpoolP512r1"),
    ("1.3.36.3.3.2.8.1.1.14", "brainpoolP512t1"),
    ("1.2.156.10197.1.301", "SM2"),
];

/// The name of an algorithm or a curve with its dotted object identifier; that alone where the name
/// is not known.
pub(crate) fn named(oid: &str) -> String {
    match NAMES.iter().find(|(known, _)| *known == oid) {
        Some((_, name)) => format!("{name} ({oid})"),
        None => oid.to_owned(),
    }
}

/// A signature algorithm, contents of an AlgorithmIdentifier: its name with its object identifier, and
/// what else decides whether it is supported. That is the key as well, where the issuer's
/// SubjectPublicKeyInfo (its contents) is known.
pub(crate) fn describe_signature(algorithm: &[u8], issuer: Option<&[u8]>) -> String {
    let mut fields = Reader::new(algorithm);
    let oid = fields.expect(der::OID, "").map(der::dotted).unwrap_or_default();
    if oid != RSASSA_PSS {
        return named(&oid);
    }
    let parameters = match pss_parameters(fields) {
        Ok(text) => format!("{} with {text}", named(&oid)),
        Err(Malformed(_)) => format!("{} with malformed parameters", named(&oid)),
    };
    let key = issuer.and_then(|spki| split_spki(spki).ok());
    let key = key.and_then(|(algorithm, _)| Reader::new(algorithm).expect(der::OID, "").ok());
    match key.map(der::dotted) {
        Some(key) if key == RSASSA_PSS => {
            format!("{parameters}, by a key that is for RSASSA-PSS alone")
        }
        _ => parameters,
    }
}

/// RSASSA-PSS-params (RFC 4055 section 3.1): the hash, the mask's, the length of the salt.
fn pss_parameters(mut fields: Reader<'_>) -> Result<String, Malformed> {
    const WHAT: &str = "RSASSA-PSS-params";
    // What is meant where it is not said.
    const HASH: &str = "SHA-1";
    const SALT: u32 = 20;
    let hash = |algorithm: &[u8]| -> Result<String, Malformed> {
        let oid = der::dotted(Reader::new(algorithm).expect(der::OID, WHAT)?);
        let known = HASHES.iter().find(|(hash, _)| *hash == oid);
        Ok(known.map_or(oid, |(_, name)| (*name).to_owned()))
    };
    let inner = |contents| Reader::new(contents).expect(der::SEQUENCE, WHAT);
    let mut list = Reader::new(fields.expect(der::SEQUENCE, WHAT)?);
    let over = match list.optional(der::context(0), WHAT)? {
        Some(algorithm) => hash(inner(algorithm)?)?,
        None => HASH.to_owned(),
    };
    let mask = match list.optional(der::context(1), WHAT)? {
        Some(algorithm) => {
            let mut mask = Reader::new(inner(algorithm)?);
            mask.expect(der::OID, WHAT)?;
            hash(mask.expect(der::SEQUENCE, WHAT)?)?
        }
        None => HASH.to_owned(),
    };
    let salt = match list.optional(der::context(2), WHAT)? {
        Some(length) => der::small_integer(Reader::new(length).expect(der::INTEGER, WHAT)?, WHAT)?,
        None => SALT,
    };
    let mask = if mask == over { String::new() } else { format!(", MGF1 with {mask}") };
    Ok(format!("{over}{mask} and a salt of {salt} octets"))
}

const HASHES: &[(&str, &str)] = &[
    ("1.2.840.113549.2.5", "MD5"),
    ("1.3.14.3.2.26", "SHA-1"),
    ("2.16.840.1.101.3.4.2.1", "SHA-256"),
    ("2.16.840.1.101.3.4.2.2", "SHA-384"),
    ("2.16.840.1.101.3.4.2.3", "SHA-512"),
    ("2.16.840.1.101.3.4.2.4", "SHA-224"),
    ("2.16.840.1.101.3.4.2.8", "SHA3-256"),
    ("2.16.840.1.101.3.4.2.9", "SHA3-384"),
    ("2.16.840.1.101.3.4.2.10", "SHA3-512"),
];

/// What kind of key is not accepted, after "it has": contents of a SubjectPublicKeyInfo.
pub(crate) fn describe_key(spki: &[u8]) -> String {
    let mut algorithm = Reader::new(split_spki(spki).map(|(it, _)| it).unwrap_or_default());
    let Ok(oid) = algorithm.expect(der::OID, "algorithm") else {
        return "a malformed public key".to_owned();
    };
    let kind = named(&der::dotted(oid));
    match Key::parse(spki) {
        Key::OtherCurve => match algorithm.expect(der::OID, "curve") {
            Ok(curve) => format!("a key on the curve {}", named(&der::dotted(curve))),
            Err(_) => "a key on a curve that is not named".to_owned(),
        },
        Key::Unknown if Key::is_supported(oid) => format!("a malformed key of the kind {kind}"),
        _ => format!("a key of the kind {kind}"),
    }
}
