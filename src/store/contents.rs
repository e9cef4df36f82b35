//! What one file of certificates contains.
//!
//! Tests: `load/tests.rs`, `files.rs`, `pem.rs`.

use std::fmt;
use std::path::Path;

use pki_types::{CertificateDer, CertificateRevocationListDer};

use super::format;
use super::pem::{self, Blocks, Item};
use super::refusal::TrustSettings;
use crate::cert::{Cert, der};

/// The certificates and CRLs of one file, and what could not be read of it. What is damaged does
/// not hide the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contents {
    /// The certificates in their order, each with the settings of its `TRUSTED CERTIFICATE`
    /// block, if it has any.
    pub certificates: Vec<(CertificateDer<'static>, Option<TrustSettings>)>,
    /// The CRLs in their order, unread.
    pub crls: Vec<CertificateRevocationListDer<'static>>,
    /// What could not be read.
    pub faults: Vec<Fault>,
    /// It ends in the middle of something.
    pub(super) truncated: bool,
}

/// What could not be read of a file. `Display` writes both fields.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The line, from 1, where there is one to blame.
    pub line: Option<usize>,
    /// A text that says what is wrong. Control characters are escaped.
    pub reason: String,
}

impl Fault {
    pub(super) fn new(line: Option<usize>, reason: impl Into<String>) -> Self {
        Self { line, reason: reason.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.reason)
    }
}

impl Contents {
    /// Reads the blocks of PEM text. The path is for advice only.
    pub(super) fn of_pem(text: &[u8], path: Option<&Path>) -> Self {
        let mut out = Self::default();
        out.extend(&mut pem::blocks(text));
        if out.is_empty() {
            out.truncated = text.is_empty();
            out.faults.push(Fault::new(None, format::describe(text, path)));
        }
        out
    }

    /// Takes what the blocks hold.
    pub(super) fn extend(&mut self, blocks: &mut Blocks<'_>) {
        for block in blocks {
            match block.map(|block| block.item) {
                Ok(Item::Certificate { certificate, trust }) => {
                    self.certificates.push((certificate, trust));
                }
                Ok(Item::Crl(crl)) => self.crls.push(crl),
                Err(error) => {
                    self.truncated |= error.fault == pem::Fault::CutShort;
                    self.faults.push(Fault::new(Some(error.line), error.fault.to_string()));
                }
            }
        }
    }

    /// Whether there was nothing, not even something damaged.
    pub(super) fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.crls.is_empty() && self.faults.is_empty()
    }

    /// Splits certificates in DER that follow one another.
    pub(super) fn of_der(der: &[u8]) -> Self {
        let mut out = Self::default();
        let mut reader = der::Reader::new(der);
        while !reader.is_empty() {
            let Some(element) = reader.next().filter(|element| element.tag == der::SEQUENCE) else {
                out.faults.push(Fault::new(None, "data that is not a certificate in DER"));
                break;
            };
            out.certificates.push((CertificateDer::from(element.whole).into_owned(), None));
        }
        out
    }

    /// Moves the certificates that cannot be read, and so never verify anything, to the faults.
    pub(super) fn readable(mut self) -> Self {
        let faults = &mut self.faults;
        self.certificates.retain(|(certificate, _)| match Cert::parse(certificate) {
            Ok(_) => true,
            Err(der::Malformed(what)) => {
                faults.push(Fault::new(None, format!("malformed {what}")));
                false
            }
        });
        self
    }

    /// Takes what another file contains, too.
    pub(super) fn append(&mut self, mut other: Self) {
        self.certificates.append(&mut other.certificates);
        self.crls.append(&mut other.crls);
        self.faults.append(&mut other.faults);
        self.truncated |= other.truncated;
    }
}
