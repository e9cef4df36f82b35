//! Reads certificates and CRLs out of PEM text as OpenSSL's `PEM_read_bio` does.
//!
//! Text between blocks, a UTF-8 byte order mark, CRLF, white space at the end of a line and lines
//! of any length are fine. Blocks with other labels, such as keys, are skipped. A block at
//! fault is reported with its line, and reading goes on with the next one.
//!
//! Not checked: anything about a certificate beyond that it is one, and any signature.
//!
//! Tests: `pem/tests.rs`, some against the `openssl` command; `tests/fuzz/fuzz_targets/pem.rs`.

use std::fmt;
use std::io::BufRead;

use base64::Engine;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use pki_types::{CertificateDer, CertificateRevocationListDer};

use super::base64_lines;
use super::refusal::TrustSettings;
use crate::cert;
use crate::cert::der::{self, Malformed, Reader};

/// The certificates and CRLs in some PEM text, in order, with what is wrong between them.
pub(super) fn blocks(text: &[u8]) -> Blocks<'_> {
    Blocks { rest: text, line: 0, begin: None, mark: true, der: Vec::new(), base64: Vec::new() }
}

/// The contents of a block that has this label; the text begins with it.
pub(super) fn decode(text: &[u8], label: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut blocks = blocks(text);
    blocks.next_line();
    blocks.body(label).map_err(|error| error.fault)
}

/// One block of PEM text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The line of its BEGIN, from 1.
    pub(super) line: usize,
    /// What it holds.
    pub(super) item: Item,
}

/// What a block holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
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
pub(super) struct Error {
    /// The line of its BEGIN, or of the END that is wrong, from 1.
    pub(super) line: usize,
    /// What is wrong.
    pub(super) fault: Fault,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.fault)
    }
}

impl std::error::Error for Error {}

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The text ends, or another block begins, before the block's END.
    CutShort,
    /// The BEGIN line does not end after its five hyphens.
    BadBegin,
    /// A line looks like the BEGIN line of a certificate or CRL, but OpenSSL ignores it, and with
    /// it the block: it does not begin with five hyphens, or has a byte order mark before them.
    IgnoredBegin,
    /// The next block's BEGIN is in the line of the END, so that both blocks are lost.
    JoinedLines,
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
            Self::IgnoredBegin => f.write_str(
                "the block is ignored, as in OpenSSL: its BEGIN line does not begin with five \
                 hyphens, or is misspelled",
            ),
            Self::JoinedLines => {
                f.write_str("an END line and a BEGIN line are joined; put a line break between")
            }
            Self::BadEnd => f.write_str("the END line does not match the BEGIN line"),
            Self::BadBase64 => f.write_str("the block is not base64"),
            Self::BadDer(what) => write!(f, "malformed {what}"),
        }
    }
}

/// Iterator over the blocks of some PEM text. See [`blocks`].
#[derive(Clone, Debug)]
pub(super) struct Blocks<'a> {
    rest: &'a [u8],
    /// Lines read so far.
    line: usize,
    /// A BEGIN line met in the middle of the block before.
    begin: Option<&'a [u8]>,
    /// Whether a byte order mark may come next.
    mark: bool,
    /// What whole lines of a block stand for, and the text of its other lines. Reused for every
    /// block.
    der: Vec<u8>,
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
/// The byte order mark in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

impl Iterator for Blocks<'_> {
    type Item = Result<Block, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let text = match self.begin.take() {
                Some(line) => line,
                None => self.next_line_outside()?,
            };
            let rest = text.strip_prefix(BEGIN).unwrap_or_default();
            let known = LABELS.iter().find_map(|(name, label)| {
                let hyphens = rest.strip_prefix(*name)?;
                // Another hyphen or nothing: not the beginning of a longer label.
                matches!(hyphens, [] | [b'-', ..]).then_some((*name, *label, hyphens == HYPHENS))
            });
            let line = self.line;
            let block = match known {
                None if is_like_begin(text) => Err(Error { line, fault: Fault::IgnoredBegin }),
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

/// How much of a text ends with its last END line. After one, no block is open.
#[cfg_attr(any(windows, target_vendor = "apple"), allow(dead_code))]
pub(super) fn end_of_blocks(text: &[u8]) -> usize {
    let line_feed = |text: &[u8]| text.iter().rposition(|octet| *octet == b'\n');
    let mut rest = text;
    while let Some((lines, _)) = line_feed(rest).and_then(|end| rest.split_at_checked(end)) {
        let start = line_feed(lines).map_or(0, |before| before + 1);
        if lines.get(start..).is_some_and(|line| line.starts_with(END)) {
            return lines.len() + 1;
        }
        rest = lines;
    }
    0
}

impl<'a> Blocks<'a> {
    /// Goes on with another text, once the one before, up to [`end_of_blocks`], was read.
    #[cfg_attr(any(windows, target_vendor = "apple"), allow(dead_code))]
    pub(super) fn resume(self, text: &[u8]) -> Blocks<'_> {
        let Self { line, mark, der, base64, .. } = self;
        Blocks { rest: text, line, begin: None, mark, der, base64 }
    }

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

    /// The next line outside of a block. A byte order mark in front of it is removed where
    /// OpenSSL does so: in the first line, and in the one after the end of a block, where somebody
    /// has put files together.
    fn next_line_outside(&mut self) -> Option<&'a [u8]> {
        let line = self.next_line()?;
        let line = if self.mark { line.strip_prefix(MARK).unwrap_or(line) } else { line };
        self.mark = line.starts_with(END);
        Some(line)
    }

    /// Decodes up to the END line.
    fn body(&mut self, label: &[u8]) -> Result<Vec<u8>, Error> {
        let begin = self.line;
        self.base64.clear();
        self.der.clear();
        // Each of these stands for whole octets, so that the rest can be decoded by itself.
        let (lines, rest) = base64_lines::decode(self.rest, &mut self.der);
        (self.line, self.rest) = (self.line + lines, rest);
        loop {
            let Some(line) = self.next_line() else {
                return Err(Error { line: begin, fault: Fault::CutShort });
            };
            if !line.starts_with(HYPHENS) {
                self.base64.extend_from_slice(line);
            } else if line.starts_with(BEGIN) {
                self.begin = Some(line);
                return Err(Error { line: begin, fault: Fault::CutShort });
            } else if line.strip_prefix(END).and_then(|text| text.strip_suffix(HYPHENS))
                == Some(label)
            {
                self.mark = true;
                return self.decode().ok_or(Error { line: begin, fault: Fault::BadBase64 });
            } else if line.windows(BEGIN.len()).skip(1).any(|window| window == BEGIN) {
                return Err(Error { line: self.line, fault: Fault::JoinedLines });
            } else {
                return Err(Error { line: self.line, fault: Fault::BadEnd });
            }
        }
    }

    fn decode(&mut self) -> Option<Vec<u8>> {
        /// As OpenSSL: padding is needed, the bits it leaves over are not checked.
        const BASE64: GeneralPurpose = GeneralPurpose::new(
            &alphabet::STANDARD,
            GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
        );
        let whole = self.der.len();
        if BASE64.decode_vec(&self.base64, &mut self.der).is_err() {
            // Rare: white space inside a line.
            self.base64.retain(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
            self.der.truncate(whole);
            BASE64.decode_vec(&self.base64, &mut self.der).ok()?;
        }
        Some(self.der.clone())
    }
}

/// Whether a line outside of a block was meant to begin one with a certificate or CRL. One that is
/// commented out or quoted was not.
fn is_like_begin(line: &[u8]) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric();
    let Some((start, text)) =
        line.iter().position(is_word).and_then(|word| line.split_at_checked(word))
    else {
        return false;
    };
    let (word, rest) = text.split_at_checked(5).unwrap_or_default();
    let rest = rest.trim_ascii_start();
    let Some((name, _)) = LABELS.iter().find(|(name, _)| {
        rest.get(..name.len()).is_some_and(|text| text.eq_ignore_ascii_case(name))
    }) else {
        return false;
    };
    let end = rest.get(name.len()..).unwrap_or_default();
    let is_dash = |byte: &u8| *byte == b'-' || !byte.is_ascii();
    word.eq_ignore_ascii_case(b"BEGIN")
        && !start.iter().any(|byte| b"#;/>%*".contains(byte))
        && !end.iter().any(is_word)
        && start.iter().chain(end).any(is_dash)
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
mod tests;
