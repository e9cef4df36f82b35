//! Every sentence that a user reads: errors, reports, and what to do.
//!
//! Other modules say what is wrong as data; here it is put into words. Values from outside are in
//! single quotes, as in OpenSSL's own messages.
//!
//! Tests: `report/tests.rs`, `tests/verifier.rs`, `tests/store.rs`.

mod advice;
mod crl;
mod crlite;
mod fault;
mod hints;
mod kind;
mod ocsp;
mod setting;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::cert::Cert;
use crate::cert::der::Malformed;
use crate::cert::time::Timestamp;
use crate::error::VerifyError;
use crate::fault::{NearMiss, OsCode, PlaceProblem, Searched};
use crate::kind::ErrorKind;
use crate::peer::{Verified, Weakness};
use crate::policy::CrliteAnswer;
use crate::store::SearchedIntermediates;
use crate::text::escape;

pub(crate) use hints::hints;

impl VerifyError {
    /// The full report on several lines: what was checked, what is wrong and at which depth,
    /// which stores were searched with how many usable trust anchors each, near misses with
    /// their reasons, and what to do. No trailing line break.
    pub fn report(&self) -> String {
        let parts = self.parts();
        let mut lines = vec![self.to_string(), String::new()];

        let peer = parts.name.as_ref().map_or_else(
            || "no name".to_owned(),
            |name| format!("the name '{}'", escape(&name.to_str())),
        );
        let when =
            parts.time.map_or_else(String::new, |time| format!(" at {}", Timestamp::from(time)));
        lines.push(format!("Checked for {peer} and {}{when}:", parts.purpose.name()));
        for (depth, cert) in parts.path.iter().enumerate() {
            let mark = if parts.fault.depth == Some(depth) { ">" } else { " " };
            lines.push(format!("{mark} {depth}: {}", cert.subject));
            lines.push(format!("     issued by {}", cert.issuer));
            lines.push(format!("     valid {} to {}", cert.not_before, cert.not_after));
        }
        if parts.path.is_empty() {
            lines.push("  (no readable certificate)".to_owned());
        }

        list(&mut lines, "Searched for trust anchors:", &parts.searched);
        list(&mut lines, "Candidates rejected:", &parts.near_misses);
        list(&mut lines, "Searched for intermediates:", &parts.intermediates);
        if let Some(os) = &parts.os {
            lines.push(String::new());
            lines.push(format!("Operating system error: {} ({:#x})", os.text, os.code));
        }
        list(&mut lines, "What to do:", &parts.hints);
        lines.join("\n")
    }
}

/// A title and its items, unless there are none.
fn list(lines: &mut Vec<String>, title: &str, items: &[impl fmt::Display]) {
    if !items.is_empty() {
        lines.extend([String::new(), title.to_owned()]);
        lines.extend(items.iter().map(|item| format!("  - {item}")));
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.parts();
        let name = parts.name.as_ref().map(|name| escape(&name.to_str()));
        match &name {
            Some(name) => write!(f, "{name}: ")?,
            None if parts.purpose.is_of_clients() => f.write_str("client certificate: ")?,
            None => {}
        }
        match (parts.fault.kind, &name) {
            // What people search for.
            (ErrorKind::NameMismatch, Some(name)) => {
                write!(f, "certificate is not valid for '{name}'")?;
            }
            (kind, _) => f.write_str(kind.summary())?,
        }
        let fault = fault::words(parts);
        if let Some(fault) = &fault {
            write!(f, ": {fault}")?;
            // Of which certificate, where that has not been said.
            let kind = parts.fault.kind;
            if let (Some(subject), Some(depth)) = (&parts.subject, parts.fault.depth) {
                let named = kind == ErrorKind::NameMismatch || kind.is_missing_path();
                if !named && !fault.contains(subject.as_str()) {
                    write!(f, " (depth {depth}: '{subject}')")?;
                }
            }
        } else if let Some(subject) = &parts.subject {
            write!(f, ": '{subject}'")?;
        }
        // The fault itself may be the refusal of a candidate.
        let is_said = |miss: &String| fault.as_ref().is_some_and(|fault| fault.contains(miss));
        if let Some(miss) = parts.near_misses.iter().map(NearMiss::to_string).find(|m| !is_said(m))
        {
            write!(f, "; found {miss}")?;
        }
        if parts.fault.kind.is_missing_path() && !parts.searched.is_empty() {
            f.write_str("; searched ")?;
            for (i, searched) in parts.searched.iter().enumerate() {
                if i > 0 {
                    f.write_str(", ")?;
                }
                write!(f, "{}", searched.source)?;
                if let Some(usable) = searched.usable {
                    write!(f, " ({usable} usable)")?;
                }
                if let Some(problem) = searched.problems.first() {
                    write!(f, " [{problem}]")?;
                }
            }
        }
        if let Some(os) = &parts.os {
            write!(f, " ({}, {:#x})", os.text, os.code)?;
        }
        Ok(())
    }
}

/// Like `Display`, with the kind in front: error chains are often printed with `{:?}`.
impl fmt::Debug for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyError({:?}: {self})", self.kind())
    }
}

impl fmt::Display for Searched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        match self.usable {
            Some(1) => f.write_str(": 1 usable trust anchor")?,
            Some(n) => write!(f, ": {n} usable trust anchors")?,
            None => {}
        }
        if self.refused > 0 {
            write!(f, ", {} rejected", self.refused)?;
        }
        for problem in &self.problems {
            write!(f, "; {problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SearchedIntermediates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", escape(&self.path.to_string_lossy()))?;
        match self.certificates {
            1 => f.write_str(": 1 certificate")?,
            n => write!(f, ": {n} certificates")?,
        }
        for problem in &self.problems {
            write!(f, "; {problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for PlaceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(problem) => problem.fmt(f),
            Self::Empty => f.write_str("it cannot be opened or is empty"),
        }
    }
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' in {}: {}", self.subject, self.source, self.reason)
    }
}

impl fmt::Display for Verified {
    /// The path for humans, on several lines, in the layout of [`VerifyError::report`]: each
    /// certificate below its depth, then the trust anchor and where it came from. Text from
    /// certificates is escaped. No trailing line break.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, der) in self.chain.iter().enumerate() {
            // A verified certificate can be read; if not, the line says so.
            match Cert::parse(der).map(|cert| cert.summary()) {
                Ok(cert) => {
                    writeln!(f, "  {depth}: {}", cert.subject)?;
                    writeln!(f, "     issued by {}", cert.issuer)?;
                    writeln!(f, "     valid {} to {}", cert.not_before, cert.not_after)?;
                }
                Err(Malformed(what)) => writeln!(f, "  {depth}: (malformed {what})")?,
            }
        }
        let anchor = Cert::parse(&self.anchor.certificate).map(|cert| cert.summary().subject);
        writeln!(f, "anchor: {}", anchor.as_deref().unwrap_or("(malformed)"))?;
        write!(f, "source: {}", self.anchor.source)?;
        if let Some(answer) = self.revocation.crlite {
            write!(f, "\nCRLite: {answer}")?;
        }
        for weakness in &self.weaknesses {
            write!(f, "\nweak: {weakness}")?;
        }
        Ok(())
    }
}

impl fmt::Display for CrliteAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRevoked { until } => {
                write!(f, "not revoked; this holds until {}", Timestamp::from(*until))
            }
            Self::NotCovered => f.write_str("unknown, the data does not cover the certificate"),
            Self::NoTimestamps => {
                f.write_str("unknown, the certificate has no signed certificate timestamps")
            }
            Self::Stale { days } => write!(f, "unknown, the data is {days} days old"),
            Self::Unusable => f.write_str("unknown, the data cannot be used"),
        }
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RsaKey { depth, bits } => {
                write!(f, "RSA key of {bits} bits at depth {depth}")?;
            }
            Self::Sha1Signature { depth } => write!(f, "signature with SHA-1 at depth {depth}")?,
        }
        f.write_str(" (accepted by danger_allow_weak_keys)")
    }
}

/// The operating system's code, with a text where it gave none.
pub(crate) fn os_code(os: OsCode) -> OsCode {
    match os.text.trim() {
        "" => OsCode { text: format!("unknown code {:#x}", os.code), ..os },
        _ => os,
    }
}
