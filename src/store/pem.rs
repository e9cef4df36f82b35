//! Reads certificates and CRLs out of PEM text as OpenSSL's `PEM_read_bio` does.
//!
//! Text between blocks, a UTF-8 byte order mark, CRLF, white space at the end of a line and lines
//! of any length are fine. Blocks with other labels, such as keys, are skipped. A block at
//! fault is reported with its line, and reading goes on with the next one.
//!
//! Not checked: anything about a certificate beyond that it is one, and any signature.
//!
//! Tests: below; `fuzz/fuzz_targets/pem.rs`.
//!
//! ```
//! # let text = b"";
//! use trustbridge::pem::{self, Item};
//!
//! for block in pem::blocks(text) {
//!     match block.map(|block| block.item) {
//!         Ok(Item::Certificate { certificate, .. }) => println!("{} bytes", certificate.len()),
//!         Ok(_) => println!("something else"),
//!         Err(error) => eprintln!("{error}"),
//!     }
//! }
//! ```

use std::fmt;
use std::io::BufRead;

use base64::Engine;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use pki_types::{CertificateDer, CertificateRevocationListDer};

use super::refusal::TrustSettings;
use crate::cert;
use crate::cert::der::{self, Malformed, Reader};

/// The certificates and CRLs in some PEM text, in order, with what is wrong between them.
pub fn blocks(text: &[u8]) -> Blocks<'_> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    Blocks { rest: text, line: 0, begin: None, base64: Vec::new() }
}

/// One block of PEM text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Block {
    /// The line of its BEGIN, from 1.
    pub line: usize,
    /// What it holds.
    pub item: Item,
}

/// What a block holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item {
    /// `CERTIFICATE`, `X509 CERTIFICATE` or `TRUSTED CERTIFICATE`.
    Certificate {
        /// The certificate.
        certificate: CertificateDer<'static>,
        /// The settings that follow the certificate in a `TRUSTED CERTIFICATE` block.
        trust: Option<TrustSettings>,
    },
    /// `X509 CRL`.
    Crl(CertificateRevocationListDer<'static>),
}

/// A block that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Error {
    /// The line of its BEGIN, or of the END that is wrong, from 1.
    pub line: usize,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.fault)
    }
}

impl std::error::Error for Error {}

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The text ends, or another block begins, before the block's END.
    CutShort,
    /// The BEGIN line does not end after its five hyphens.
    BadBegin,
    /// The END line does not match the BEGIN line.
    BadEnd,
    /// The block is not base64.
    BadBase64,
    /// The block does not hold what its label says. The text names the part.
    BadDer(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutShort => f.write_str("the block has no END line (truncated?)"),
            Self::BadBegin => f.write_str("the BEGIN line does not end after its five hyphens"),
            Self::BadEnd => f.write_str("the END line does not match the BEGIN line"),
            Self::BadBase64 => f.write_str("the block is not base64"),
            Self::BadDer(what) => write!(f, "malformed {what}"),
        }
    }
}

/// Iterator over the blocks of some PEM text. See [`blocks`].
#[derive(Clone, Debug)]
pub struct Blocks<'a> {
    rest: &'a [u8],
    /// Lines read so far.
    line: usize,
    /// A BEGIN line met in the middle of the block before.
    begin: Option<&'a [u8]>,
    /// Reused for every block.
    base64: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Label {
    Certificate,
    Trusted,
    Crl,
}

/// The labels that OpenSSL takes for certificates and CRLs.
const LABELS: &[(&[u8], Label)] = &[
    (b"CERTIFICATE", Label::Certificate),
    (b"X509 CERTIFICATE", Label::Certificate),
    (b"TRUSTED CERTIFICATE", Label::Trusted),
    (b"X509 CRL", Label::Crl),
];
const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const HYPHENS: &[u8] = b"-----";

impl Iterator for Blocks<'_> {
    type Item = Result<Block, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let text = match self.begin.take() {
                Some(text) => text,
                None => self.next_line()?.strip_prefix(BEGIN).unwrap_or_default(),
            };
            let known = LABELS.iter().find_map(|(name, label)| {
                let hyphens = text.strip_prefix(*name)?;
                // Another hyphen or nothing: not the beginning of a longer label.
                matches!(hyphens, [] | [b'-', ..]).then_some((*name, *label, hyphens == HYPHENS))
            });
            let line = self.line;
            let block = match known {
                None => continue,
                Some((_, _, false)) => Err(Error { line, fault: Fault::BadBegin }),
                Some((name, label, true)) => self.body(name).and_then(|der| {
                    item(label, der)
                        .map(|item| Block { line, item })
                        .map_err(|Malformed(what)| Error { line, fault: Fault::BadDer(what) })
                }),
            };
            return Some(block);
        }
    }
}

impl<'a> Blocks<'a> {
    /// The next line without the white space at its end.
    fn next_line(&mut self) -> Option<&'a [u8]> {
        let mut rest = self.rest;
        // On a slice this cannot fail, and finds the line's end faster than an iterator.
        let length = rest.skip_until(b'\n').ok().filter(|length| *length > 0)?;
        let line = self.rest.get(..length)?;
        self.rest = rest;
        self.line += 1;
        let mut line = line;
        while let [start @ .., 0..=b' '] = line {
            line = start;
        }
        Some(line)
    }

    /// Decodes up to the END line.
    fn body(&mut self, label: &[u8]) -> Result<Vec<u8>, Error> {
        let begin = self.line;
        self.base64.clear();
        loop {
            let Some(line) = self.next_line() else {
                return Err(Error { line: begin, fault: Fault::CutShort });
            };
            if !line.starts_with(HYPHENS) {
                self.base64.extend_from_slice(line);
            } else if let Some(text) = line.strip_prefix(BEGIN) {
                self.begin = Some(text);
                return Err(Error { line: begin, fault: Fault::CutShort });
            } else if line.strip_prefix(END).and_then(|text| text.strip_suffix(HYPHENS))
                == Some(label)
            {
                return self.decode().ok_or(Error { line: begin, fault: Fault::BadBase64 });
            } else {
                return Err(Error { line: self.line, fault: Fault::BadEnd });
            }
        }
    }

    fn decode(&mut self) -> Option<Vec<u8>> {
        /// As OpenSSL: padding is needed, the bits it leaves over are not looked at.
        const BASE64: GeneralPurpose = GeneralPurpose::new(
            &alphabet::STANDARD,
            GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
        );
        let mut der = Vec::with_capacity(self.base64.len() / 4 * 3 + 3);
        if BASE64.decode_vec(&self.base64, &mut der).is_ok() {
            return Some(der);
        }
        // Rare: white space inside a line.
        self.base64.retain(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
        der.clear();
        BASE64.decode_vec(&self.base64, &mut der).ok().map(|()| der)
    }
}

fn item(label: Label, mut der: Vec<u8>) -> Result<Item, Malformed> {
    let length = match Reader::new(&der).next() {
        Some(element) if element.tag == der::SEQUENCE => element.whole.len(),
        _ if matches!(label, Label::Crl) => return Err(Malformed("CRL")),
        _ => return Err(Malformed("certificate")),
    };
    let trust = match label {
        Label::Trusted => {
            let aux = der.get(length..).filter(|aux| !aux.is_empty());
            let trust = aux.map(TrustSettings::parse).transpose()?;
            der.truncate(length);
            trust
        }
        Label::Certificate if der.len() > length => {
            return Err(Malformed("certificate (data after its end)"));
        }
        Label::Crl if der.len() > length => return Err(Malformed("CRL (data after its end)")),
        _ => None,
    };
    if let Label::Crl = label {
        return Ok(Item::Crl(der.into()));
    }
    // Enough to find it by subject. The rest is read when the certificate is first vetted.
    cert::subject_of(&der).ok_or(Malformed("certificate"))?;
    Ok(Item::Certificate { certificate: der.into(), trust })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{certificate, pem};

    type Lengths = Vec<(usize, usize)>;
    type Faults = Vec<(usize, Fault)>;

    /// Line and length of what was read, line and fault of what was not.
    fn read(text: impl AsRef<[u8]>) -> (Lengths, Faults) {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for block in blocks(text.as_ref()) {
            match block {
                Ok(block) => match block.item {
                    Item::Certificate { certificate, .. } => {
                        good.push((block.line, certificate.len()));
                    }
                    Item::Crl(crl) => good.push((block.line, crl.len())),
                },
                Err(error) => bad.push((error.line, error.fault)),
            }
        }
        (good, bad)
    }

    #[test]
    fn text_that_openssl_reads() {
        let cert = certificate("text");
        let len = cert.len();
        let plain = pem("CERTIFICATE", &cert);
        let one_line = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            base64::engine::general_purpose::STANDARD.encode(&cert)
        );
        for (what, text, line) in [
            ("plain", plain.clone(), 1),
            ("CRLF", plain.replace('\n', "\r\n"), 1),
            ("byte order mark", format!("\u{feff}{plain}"), 1),
            ("white space at line ends", plain.replace('\n', " \t\n"), 1),
            ("text around", format!("# CA\nsubject=/CN=x\n{plain}more\n"), 3),
            ("no line break at the end", plain.trim_end().to_owned(), 1),
            ("one long line", one_line, 1),
            ("old label", plain.replace("CERTIFICATE-", "X509 CERTIFICATE-"), 1),
            ("trusted label without settings", pem("TRUSTED CERTIFICATE", &cert), 1),
            ("lone CR in the middle of a line", plain.replacen("MII", "M\rI\rI", 1), 1),
            ("space in the middle of a line", plain.replacen("MII", "M I\tI", 1), 1),
        ] {
            assert_eq!(read(text), (vec![(line, len)], vec![]), "{what}");
        }
        assert_eq!(read(""), (vec![], vec![]));
        assert_eq!(read("no PEM\n"), (vec![], vec![]));
    }

    #[test]
    fn other_labels_are_passed_over() {
        let cert = certificate("key beside it");
        let text = format!(
            "{}{}{}{}",
            pem("PRIVATE KEY", b"secret"),
            pem("CERTIFICATE REQUEST", &cert),
            pem("NEW CERTIFICATE", &cert),
            pem("CERTIFICATE", &cert)
        );
        let (good, bad) = read(text);
        assert_eq!((good.len(), bad), (1, vec![]));
    }

    #[test]
    fn a_bad_block_does_not_hide_the_others() {
        let cert = certificate("others");
        let good = pem("CERTIFICATE", &cert);
        let lines = good.lines().count();
        let half: String = good.lines().take(3).map(|line| format!("{line}\n")).collect();
        let begin = "-----BEGIN CERTIFICATE-----";
        for (what, bad, line, fault) in [
            ("cut in half", half.clone(), 1, Fault::CutShort),
            ("only a BEGIN", format!("{begin}\n"), 1, Fault::CutShort),
            ("other END", good.replace("-----END C", "-----END X509 C"), lines, Fault::BadEnd),
            (
                "END cut",
                good.trim_end().trim_end_matches('-').to_owned() + "\n",
                lines,
                Fault::BadEnd,
            ),
            ("not base64", good.replacen("MII", "M!I", 1), 1, Fault::BadBase64),
            ("a character too few", good.replacen("MII", "MI", 1), 1, Fault::BadBase64),
            ("BEGIN cut", good.replacen(begin, "-----BEGIN CERTIFICATE---", 1), 1, Fault::BadBegin),
            ("not DER", pem("CERTIFICATE", b"text"), 1, Fault::BadDer("certificate")),
            ("empty", pem("CERTIFICATE", b""), 1, Fault::BadDer("certificate")),
            (
                "data after it",
                pem("CERTIFICATE", &[&cert[..], &[0]].concat()),
                1,
                Fault::BadDer("certificate (data after its end)"),
            ),
            (
                "half a certificate in whole PEM",
                pem("CERTIFICATE", &cert[..cert.len() / 2]),
                1,
                Fault::BadDer("certificate"),
            ),
            (
                "bad trust settings",
                pem("TRUSTED CERTIFICATE", &[&cert[..], &[0x30, 1]].concat()),
                1,
                Fault::BadDer("trust settings"),
            ),
            ("bad CRL", pem("X509 CRL", b"\x04\x00"), 1, Fault::BadDer("CRL")),
        ] {
            let lines = bad.lines().count();
            let (found, faults) = read(format!("{bad}{good}"));
            assert_eq!(found, [(lines + 1, cert.len())], "{what}: the next");
            assert_eq!(faults, [(line, fault)], "{what}");
            let (found, faults) = read(format!("{good}{bad}"));
            assert_eq!((found.len(), faults.len()), (1, 1), "{what}: the one before");
        }
    }

    #[test]
    fn mac_line_ends_are_named() {
        let text = pem("CERTIFICATE", &certificate("mac")).replace('\n', "\r");
        assert_eq!(read(text), (vec![], vec![(1, Fault::BadBegin)]));
    }

    #[test]
    fn crls_are_kept_apart() {
        let crl = [0x30, 0];
        let text = pem("X509 CRL", &crl);
        let block = blocks(text.as_bytes()).next().unwrap().unwrap();
        assert_eq!(block.item, Item::Crl(crl.to_vec().into()));
    }

    #[test]
    fn errors_say_where() {
        let error = blocks(b"\n-----BEGIN CERTIFICATE-----\n").next().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "line 2: the block has no END line (truncated?)");
    }
}
