//! The peer to verify, and a chain that is trusted.
//!
//! Tests: `tests/cases.rs` (that chains and trust anchors are coherent).

use pki_types::{CertificateDer, ServerName, UnixTime};

use crate::policy::RevocationOutcome;
use crate::store::{Source, StoreEntry};

/// The peer to verify.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Peer<'a> {
    /// The certificates the peer sent, in DER: the end entity first, the others in any order.
    pub chain: &'a [CertificateDer<'a>],
    /// The DNS name or IP address that the end entity must be valid for. With `None` the name
    /// is **not checked**: right for client certificates, dangerous for servers.
    pub name: Option<ServerName<'a>>,
    /// The time to verify at.
    pub time: UnixTime,
    /// The OCSP response the peer stapled; empty if there is none.
    /// [`Revocation`](crate::Revocation) says how it is read.
    pub ocsp_response: &'a [u8],
}

impl<'a> Peer<'a> {
    /// A peer that is verified now, with this name and no stapled OCSP response.
    pub fn new(chain: &'a [CertificateDer<'a>], name: Option<ServerName<'a>>) -> Self {
        Self { chain, name, time: UnixTime::now(), ocsp_response: &[] }
    }

    /// The same peer, verified at this time.
    #[must_use]
    pub fn time(self, time: UnixTime) -> Self {
        Self { time, ..self }
    }

    /// The same peer, with the OCSP response that it stapled.
    #[must_use]
    pub fn ocsp_response(self, ocsp_response: &'a [u8]) -> Self {
        Self { ocsp_response, ..self }
    }
}

/// A chain that is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The path as the verifier built it: end entity first, trust anchor last. A single
    /// certificate where the store has the end entity itself.
    pub chain: Vec<CertificateDer<'static>>,
    /// The trust anchor.
    pub anchor: Anchor,
    /// What was really found about revocation.
    pub revocation: RevocationOutcome,
    /// What was accepted only because of
    /// [`danger_allow_weak_keys`](crate::VerifierBuilder::danger_allow_weak_keys). Empty for every
    /// chain that is trusted without it.
    pub weaknesses: Vec<Weakness>,
}

/// What is weak in a chain that is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weakness {
    /// An RSA key of less than 2048 bits.
    #[non_exhaustive]
    RsaKey {
        /// Whose key it is, counted from the end entity (0).
        depth: usize,
        /// Its length.
        bits: usize,
    },
    /// A signature with SHA-1.
    #[non_exhaustive]
    Sha1Signature {
        /// The certificate that has it, counted from the end entity (0).
        depth: usize,
    },
}

/// The trust anchor of a verified chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Anchor {
    /// Its certificate.
    pub certificate: CertificateDer<'static>,
    /// Where it came from.
    pub source: Source,
}

impl From<&StoreEntry> for Anchor {
    fn from(entry: &StoreEntry) -> Self {
        Self { certificate: entry.certificate().clone(), source: entry.source().clone() }
    }
}
