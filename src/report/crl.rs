//! CRLs in words.
//!
//! Tests: `tests/revocation.rs`.

use std::fmt;

use crate::cert::named;
use crate::cert::time::Timestamp;
use crate::fault::{CrlFault, CrlProblem};

/// What a CRL says, or why it says nothing.
pub(super) fn words(issuer: Option<&str>, issued: Option<Timestamp>, why: &CrlFault) -> String {
    let crl = match (issuer, issued) {
        (Some(issuer), Some(issued)) => format!("the CRL of '{issuer}' issued {issued}"),
        (Some(issuer), None) => format!("a CRL of '{issuer}'"),
        (None, _) => "a CRL".to_owned(),
    };
    match why {
        CrlFault::Lists => format!("{crl} lists it"),
        CrlFault::Unusable(problem) => format!("{crl} cannot be used: {problem}"),
        CrlFault::NotACrlSigner => {
            format!("{crl} cannot be used: its issuer's key usage does not allow it to sign CRLs")
        }
        CrlFault::WrongSignature => format!("{crl} cannot be used: its signature is wrong"),
        CrlFault::SignatureAlgorithm(oid) => {
            let algorithm = named(oid);
            format!("{crl} cannot be used: its signature algorithm {algorithm} is not supported")
        }
        CrlFault::OtherKey => format!("{crl} was signed with another key"),
        CrlFault::NamesOtherKey => {
            format!("the authority key identifier of {crl} names another key")
        }
        CrlFault::NotYetValid => format!("{crl} is not yet valid"),
        CrlFault::Scope => format!("the scope of {crl} does not include this certificate"),
        CrlFault::Outdated { due } => format!("{crl} was due to be replaced by {due}"),
        CrlFault::SomeReasons => "the CRLs cover only some revocation reasons".to_owned(),
    }
}

impl fmt::Display for CrlProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(field) => write!(f, "malformed {field}"),
            Self::Delta => f.write_str("delta CRLs are not supported"),
            Self::Indirect => f.write_str("indirect CRLs are not supported"),
            Self::UnknownCriticalExtension(oid) => write!(f, "unknown critical extension {oid}"),
            Self::ContradictoryScope => {
                f.write_str("its issuing distribution point contradicts itself")
            }
        }
    }
}
