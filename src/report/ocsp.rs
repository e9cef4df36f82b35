//! Stapled OCSP responses in words.
//!
//! Tests: `tests/ocsp.rs`.

use crate::cert::named;
use crate::fault::OcspFault;

/// What a response says, or why it says nothing.
pub(super) fn words(why: &OcspFault) -> String {
    const IT: &str = "the stapled OCSP response";
    match why {
        OcspFault::Revoked { since } => format!("{IT} reports it as revoked since {since}"),
        OcspFault::NotStapled => {
            "the certificate requires a stapled OCSP response, and the peer sent none".to_owned()
        }
        OcspFault::Malformed(field) => format!("{IT} cannot be used: malformed {field}"),
        OcspFault::Unsuccessful(status) => {
            let name = match status {
                1 => "malformedRequest",
                2 => "internalError",
                3 => "tryLater",
                5 => "sigRequired",
                6 => "unauthorized",
                _ => "unknown status",
            };
            format!("{IT} cannot be used: the responder reports {name}")
        }
        OcspFault::OtherCertificate => format!("{IT} does not cover this certificate"),
        OcspFault::UnknownToResponder => {
            format!("{IT} reports that the responder does not know this certificate")
        }
        OcspFault::NotYetValid => format!("{IT} is not yet valid"),
        OcspFault::Outdated { due } => format!("{IT} was due to be replaced by {due}"),
        OcspFault::UnauthorisedSigner => format!(
            "{IT} cannot be used: neither the issuer nor a responder that it authorized signed it"
        ),
        OcspFault::WrongSignature => format!("{IT} cannot be used: its signature is wrong"),
        OcspFault::SignatureAlgorithm(oid) => {
            let algorithm = named(oid);
            format!("{IT} cannot be used: its signature algorithm {algorithm} is not supported")
        }
        OcspFault::CriticalExtension(oid) => {
            format!("{IT} cannot be used: unknown critical extension {oid}")
        }
        OcspFault::TooManySignatures => {
            format!("{IT} has more signatures than are verified for one chain")
        }
    }
}
