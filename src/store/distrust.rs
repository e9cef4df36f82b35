//! What the distribution says against certificates, beside its bundle of trust anchors.
//!
//! It only takes trust away: trust anchors come from the bundle, as in OpenSSL, which reads none of
//! this. GnuTLS and NSS act on it.
//!
//! Tests: `distrust/tests.rs`.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::p11kit::{Attached, Statement};
use super::refusal::{Refusal, TrustSettings};
use super::source::Source;
use crate::cert::time::Timestamp;
use crate::cert::{self, Cert, EKU_ANY};
use crate::policy::Purpose;

/// All that the distribution's files say.
#[derive(Debug, Default)]
pub(crate) struct DistrustList {
    /// By the certificate in DER.
    by_certificate: HashMap<Vec<u8>, Limits>,
    /// By the issuer, in the form in which names are compared, and the serial number.
    by_serial: HashMap<(Vec<u8>, Vec<u8>), Source>,
    /// Contents of the SubjectPublicKeyInfo.
    by_key: HashMap<Vec<u8>, Limits>,
}

/// What is said about one certificate.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    /// Not trusted for anything.
    blocked: Option<Source>,
    settings: Vec<(TrustSettings, Source)>,
    server_after: Option<(Timestamp, Source)>,
    /// Extended key usages: contents of the SEQUENCE.
    purposes: Vec<(Vec<u8>, Source)>,
    /// The same for purposes that are rejected.
    rejected_purposes: Vec<(Vec<u8>, Source)>,
    name_constraints: Option<Vec<u8>>,
}

impl DistrustList {
    pub(super) fn is_empty(&self) -> bool {
        self.by_certificate.is_empty() && self.by_serial.is_empty() && self.by_key.is_empty()
    }

    /// Takes what a file says.
    pub(super) fn add(&mut self, statement: &Statement, file: &Arc<Path>) {
        let source = || Source::File(file.clone());
        match statement {
            Statement::Certificate { certificate, distrusted, server_distrust_after, trust } => {
                let limits = self.by_certificate.entry(certificate.to_vec()).or_default();
                if *distrusted {
                    limits.blocked.get_or_insert_with(source);
                }
                // Of several dates the earliest.
                let known = limits.server_after.as_ref().map(|(date, _)| *date);
                if let Some(date) =
                    server_distrust_after.filter(|date| known.is_none_or(|k| *date < k))
                {
                    limits.server_after = Some((date, source()));
                }
                limits.settings.extend(trust.iter().map(|trust| (trust.clone(), source())));
            }
            Statement::IssuerSerial { issuer, serial } => {
                let issuer = cert::canonical(issuer).unwrap_or_else(|| issuer.clone());
                self.by_serial.entry((issuer, serial.clone())).or_insert_with(source);
            }
            Statement::Extension { spki, kind, contents } => {
                let limits = self.by_key.entry(spki.clone()).or_default();
                let contents = contents.clone();
                match kind {
                    Attached::ExtendedKeyUsage => limits.purposes.push((contents, source())),
                    Attached::RejectedPurposes => {
                        limits.rejected_purposes.push((contents, source()));
                    }
                    Attached::NameConstraints => limits.name_constraints = Some(contents),
                }
            }
        }
    }

    /// The file that distrusts a certificate for the purpose, wherever it stands in a path.
    pub(crate) fn blocks(&self, cert: &Cert<'_>, purpose: Purpose) -> Option<&Source> {
        if self.is_empty() {
            return None;
        }
        let exact = self.by_certificate.get(cert.der).and_then(|limits| limits.blocks(purpose));
        exact.or_else(|| self.by_serial(cert))
    }

    fn by_serial(&self, cert: &Cert<'_>) -> Option<&Source> {
        if self.by_serial.is_empty() {
            return None;
        }
        let issuer = cert::canonical(cert.issuer).unwrap_or_else(|| cert.issuer.to_vec());
        self.by_serial.get(&(issuer, cert.serial.to_vec()))
    }

    /// What is said about a trust anchor.
    pub(super) fn limits(&self, der: &[u8]) -> Option<Box<Limits>> {
        if self.is_empty() {
            return None;
        }
        let cert = Cert::parse(der).ok()?;
        let blocked = self.by_serial(&cert).cloned();
        let exact = self.by_certificate.get(der);
        let attached = self.by_key.get(cert.spki);
        if blocked.is_none() && exact.is_none() && attached.is_none() {
            return None;
        }
        let mut limits = exact.cloned().unwrap_or_default();
        limits.blocked = limits.blocked.or(blocked);
        if let Some(attached) = attached.cloned() {
            limits.purposes = attached.purposes;
            limits.rejected_purposes = attached.rejected_purposes;
            limits.name_constraints = attached.name_constraints;
        }
        Some(Box::new(limits))
    }
}

impl Limits {
    /// The file that distrusts the certificate for the purpose.
    fn blocks(&self, purpose: Purpose) -> Option<&Source> {
        let rejects = |(settings, _): &&(TrustSettings, Source)| {
            settings.refusal(purpose) == Some(Refusal::Rejected)
        };
        self.blocked.as_ref().or_else(|| self.settings.iter().find(rejects).map(|(_, file)| file))
    }

    /// Why it cannot be a trust anchor for the purpose.
    pub(super) fn refusal(&self, purpose: Purpose) -> Option<Refusal> {
        let lists =
            |list: &[u8]| cert::oids(list).any(|oid| oid == purpose.oid() || oid == EKU_ANY);
        let excluding = self.purposes.iter().find(|(list, _)| !lists(list));
        let rejecting = self.rejected_purposes.iter().find(|(list, _)| lists(list));
        let limiting = excluding.or(rejecting).map(|(_, source)| source);
        let source = self.blocks(purpose).or(limiting)?;
        Some(Refusal::DistrustedBy { source: source.clone() })
    }

    /// Since when it is no trust anchor for new end entities, and which file says so. The date is
    /// Mozilla's for TLS servers.
    pub(super) fn distrust_after(&self, purpose: Purpose) -> Option<(Timestamp, &Source)> {
        let (date, source) = self.server_after.as_ref()?;
        (purpose == Purpose::ServerAuth).then_some((*date, source))
    }

    pub(super) fn name_constraints(&self) -> Option<&[u8]> {
        self.name_constraints.as_deref()
    }
}

#[cfg(all(test, not(any(windows, target_vendor = "apple"))))]
mod tests;
