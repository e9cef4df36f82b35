//! Names of files in a directory of certificates.
//!
//! Tests: `a_directory_counts_hashed_names_only` in `load/tests.rs`, and below.

use std::path::Path;

/// Whether OpenSSL looks up certificates under this name: eight lowercase hexadecimal digits of
/// the subject's hash, a dot and a number, as in `5ed36f99.0`.
pub(super) fn is_hashed_name(name: &str) -> bool {
    number_after_hash(name).is_some_and(is_number)
}

/// Whether OpenSSL looks up CRLs under this name: like that of a certificate, with an `r` before
/// the number, as in `5ed36f99.r0`.
pub(super) fn is_hashed_crl_name(name: &str) -> bool {
    number_after_hash(name).and_then(|number| number.strip_prefix('r')).is_some_and(is_number)
}

fn number_after_hash(name: &str) -> Option<&str> {
    let (hash, number) = name.split_once('.')?;
    let is_hash =
        hash.len() == 8 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_hash.then_some(number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `openssl rehash` would give the file a hashed name.
pub(super) fn looks_like_certificate(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| {
        ["pem", "crt", "cer"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_and_crls_have_different_names() {
        for (name, certificate, crl) in [
            ("5ed36f99.0", true, false),
            ("5ed36f99.12", true, false),
            ("5ed36f99.r0", false, true),
            ("5ed36f99.r", false, false),
            ("5ed36f99.", false, false),
            ("5ed36f99.rr0", false, false),
            ("5ed36f99.0.0", false, false),
            ("5ED36F99.0", false, false),
            ("5ed36f9.0", false, false),
            ("5ed36f999.0", false, false),
            ("5ed36f9g.0", false, false),
            ("5ed36f99.0~", false, false),
            ("5ed36f99", false, false),
            (".0", false, false),
            ("\u{e9}d36f99.0", false, false),
        ] {
            assert_eq!(is_hashed_name(name), certificate, "{name}");
            assert_eq!(is_hashed_crl_name(name), crl, "{name}");
        }
    }
}
