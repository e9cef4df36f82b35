//! Names what a file without certificates in PEM is, and how to convert it.
//!
//! Tests: below, with files that `openssl` and, where there is one, `keytool` make; `load/tests.rs`.

use std::path::Path;

use crate::cert::Cert;
use crate::cert::der::{self, Reader};
use crate::text::escape;

/// Contents of the object identifier `signedData` (RFC 2315 section 14).
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];

/// What a file is instead of PEM with certificates. The path is for the advice.
pub(super) fn describe(text: &[u8], path: Option<&Path>) -> String {
    let file = path.map_or_else(|| "FILE".to_owned(), |path| escape(&path.to_string_lossy()));
    let convert = |what: &str, command: String| {
        format!("is {what}, which is ignored, as in OpenSSL; convert it with `{command}`")
    };
    match text {
        [] => "is empty".to_owned(),
        [0xfe, 0xed, 0xfe, 0xed, ..] | [0xce, 0xce, 0xce, 0xce, ..] => {
            convert("a Java keystore", format!("keytool -list -rfc -keystore {file} > FILE.pem"))
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'-', 0, b'-', ..] | [0, b'-', 0, b'-', ..] => {
            convert("text in UTF-16", format!("iconv -f UTF-16 -t UTF-8 {file} > FILE.pem"))
        }
        [der::SEQUENCE, ..] if Cert::parse(text).is_ok() => convert(
            "a certificate in DER",
            format!("openssl x509 -inform DER -in {file} -out FILE.pem"),
        ),
        [der::SEQUENCE, ..] if has_content_type(text, SIGNED_DATA) => convert(
            "a PKCS #7 file in DER",
            format!("openssl pkcs7 -inform DER -print_certs -in {file} -out FILE.pem"),
        ),
        [der::SEQUENCE, ..] if is_pkcs12(text) => {
            convert("a PKCS #12 file", format!("openssl pkcs12 -nokeys -in {file} -out FILE.pem"))
        }
        [der::SEQUENCE, ..] if Reader::new(text).next().is_some() => {
            "is DER, but not a certificate; only PEM is read, as in OpenSSL".to_owned()
        }
        _ if has_block(text, b"PKCS7") || has_block(text, b"CMS") => convert(
            "a PKCS #7 file",
            format!("openssl pkcs7 -print_certs -in {file} -out FILE.pem"),
        ),
        _ if has_block(text, b"CERTIFICATE REQUEST")
            || has_block(text, b"NEW CERTIFICATE REQUEST") =>
        {
            "contains a certificate request, but no certificate".to_owned()
        }
        _ if contains(text, b"PRIVATE KEY-----") => {
            "contains a private key, but no certificate".to_owned()
        }
        _ if is_html(text) => "is an HTML page, not PEM; did the download fail?".to_owned(),
        _ => "contains no PEM block with a certificate".to_owned(),
    }
}

/// Whether it is a ContentInfo of this type, which may have indefinite lengths (BER).
fn has_content_type(text: &[u8], oid: &[u8]) -> bool {
    let header = text.get(..text.len().min(16)).unwrap_or_default();
    let length = u8::try_from(oid.len()).unwrap_or(0);
    contains(header, &[&[der::OID, length], oid].concat()) || {
        // Longer than the header: the type comes right after the outer length.
        let mut outer = Reader::new(text);
        let contents = outer.expect(der::SEQUENCE, "").unwrap_or_default();
        Reader::new(contents).expect(der::OID, "").is_ok_and(|found| found == oid)
    }
}

/// A PFX begins with version 3 and a ContentInfo (RFC 7292 section 4).
fn is_pkcs12(text: &[u8]) -> bool {
    let header = text.get(..text.len().min(12)).unwrap_or_default();
    contains(header, &[der::INTEGER, 1, 3, der::SEQUENCE])
}

fn has_block(text: &[u8], label: &[u8]) -> bool {
    contains(text, &[b"-----BEGIN ", label, b"-----"].concat())
}

fn is_html(text: &[u8]) -> bool {
    let start = text.trim_ascii_start();
    let start = start.get(..start.len().min(9)).unwrap_or_default().to_ascii_lowercase();
    start.starts_with(b"<html") || start.starts_with(b"<!doctype")
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len().max(1)).any(|window| window == wanted)
}

#[cfg(all(test, not(any(windows, target_vendor = "apple"))))]
mod tests {
    use std::fs;
    use std::process::Command;

    use tempfile::TempDir;

    use super::*;
    use crate::store::testing::{certificate, pem};

    #[test]
    fn what_openssl_makes_is_named() {
        let directory = TempDir::new().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("ca.pem"), pem("CERTIFICATE", &certificate("named"))).unwrap();
        let openssl = |arguments: &str| {
            let words = arguments.split(' ').map(|word| match word.strip_prefix('@') {
                Some(name) => path(name).into_os_string(),
                None => word.into(),
            });
            let made = Command::new("openssl").args(words).output().unwrap();
            assert!(made.status.success(), "{arguments}: {made:?}");
        };
        openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out @key.pem");
        for (make, name, expected) in [
            ("x509 -in @ca.pem -outform DER -out @der", "der", "is a certificate in DER, "),
            (
                "crl2pkcs7 -nocrl -certfile @ca.pem -outform DER -out @p7",
                "p7",
                "is a PKCS #7 file in DER, ",
            ),
            ("crl2pkcs7 -nocrl -certfile @ca.pem -out @p7.pem", "p7.pem", "is a PKCS #7 file, "),
            (
                "pkcs12 -export -nokeys -in @ca.pem -passout pass: -out @p12",
                "p12",
                "is a PKCS #12 file, ",
            ),
            ("req -new -subj /CN=x -key @key.pem -out @csr", "csr", "contains a certificate req"),
            ("pkey -in @key.pem -outform DER -out @key.der", "key.der", "is DER, but not a cert"),
            ("pkey -in @key.pem -out @key", "key", "contains a private key, but no certificate"),
        ] {
            openssl(make);
            let file = path(name);
            let reason = describe(&fs::read(&file).unwrap(), Some(&file));
            assert!(reason.starts_with(expected), "{name}: {reason}");
            // The advice works.
            let Some((_, rest)) = reason.split_once("convert it with `openssl ") else { continue };
            let command = rest.trim_end_matches('`').replace("FILE.pem", "@converted");
            openssl(&command.replace("pkcs12 ", "pkcs12 -passin pass: "));
            let converted = fs::read_to_string(path("converted")).unwrap();
            assert!(converted.contains("-----BEGIN CERTIFICATE-----"), "{name}: {converted}");
        }
    }

    #[test]
    fn other_files_are_named() {
        let text = pem("CERTIFICATE", b"x");
        let wide =
            |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        let utf16 = "is text in UTF-16, which is ignored, as in OpenSSL; convert it with \
                     `iconv -f UTF-16 -t UTF-8 FILE > FILE.pem`";
        for (text, expected) in [
            (vec![], "is empty"),
            (wide(u16::to_le_bytes), utf16),
            (wide(u16::to_be_bytes), utf16),
            ([&[0xff, 0xfe], &wide(u16::to_le_bytes)[..]].concat(), utf16),
            (
                b"\xfe\xed\xfe\xed\0\0\0\x02".to_vec(),
                "is a Java keystore, which is ignored, as in OpenSSL; convert it with `keytool -list -rfc -keystore FILE > FILE.pem`",
            ),
            (b"\n<!DOCTYPE html>".to_vec(), "is an HTML page, not PEM; did the download fail?"),
            (b"# none\n".to_vec(), "contains no PEM block with a certificate"),
            (vec![0x30], "contains no PEM block with a certificate"),
        ] {
            assert_eq!(describe(&text, None), expected);
        }
    }
}
