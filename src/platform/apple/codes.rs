//! What the codes and the texts of Apple's verifier mean.
//!
//! Tests: `rules/tests.rs`.

use crate::kind::ErrorKind;
use crate::text::escape;

/// Most characters kept of the system's text: it repeats names from the peer's certificates.
pub(super) const MAX_TEXT: usize = 400;

/// The kind of each `OSStatus` that an evaluation can end in. The first part is what the checks
/// of Apple's policies give (`SecPolicyChecks.list` in the published sources of Security), the
/// second what else its
/// [result codes](https://developer.apple.com/documentation/security/security-framework-result-codes)
/// say about certificates and revocation. All others say that nothing was decided.
pub(super) const KINDS: &[(i64, ErrorKind)] = &[
    (ERR_SEC_CREATE_CHAIN_FAILED, ErrorKind::UnknownIssuer),
    (ERR_SEC_NOT_TRUSTED, ErrorKind::UnknownIssuer),
    (-67602, ErrorKind::NameMismatch), // errSecHostNameMismatch
    // The check of validity periods gives this one before they begin, too.
    (-67818, ErrorKind::Expired),           // errSecCertificateExpired
    (-67819, ErrorKind::NotYetValid),       // errSecCertificateNotValidYet
    (-67820, ErrorKind::Revoked),           // errSecCertificateRevoked
    (-67635, ErrorKind::RevocationUnknown), // errSecIncompleteCertRevocationCheck
    (-67654, ErrorKind::Distrusted),        // errSecTrustSettingDeny
    (-67899, ErrorKind::Distrusted),        // errSecCertificatePolicyNotAllowed
    (-67612, ErrorKind::Distrusted),        // errSecInvalidRoot: Apple pins its own hosts
    (-67811, ErrorKind::Distrusted),        // errSecPublicKeyInconsistent: likewise
    (-9880, ErrorKind::Distrusted),         // errSSLATSCertificateTrustViolation: likewise
    (-67735, ErrorKind::WeakKey),           // errSecUnsupportedKeySize
    (-67815, ErrorKind::UnsupportedAlgorithm), // errSecInvalidDigestAlgorithm
    (-67608, ErrorKind::WrongPurpose),      // errSecInvalidKeyUsageForPolicy
    (-67609, ErrorKind::WrongPurpose),      // errSecInvalidExtendedKeyUsage
    (-67902, ErrorKind::CaAsEndEntity),     // errSecCertificateIsCA
    (-67604, ErrorKind::NotACa),            // errSecNoBasicConstraints
    (-67605, ErrorKind::NotACa),            // errSecNoBasicConstraintsCA
    (-67611, ErrorKind::PathLengthExceeded), // errSecPathLengthConstraintExceeded
    (-67689, ErrorKind::NameConstraints),   // errSecInvalidName
    (-67900, ErrorKind::NameConstraints),   // errSecCertificateNameNotAllowed
    (-67603, ErrorKind::UnknownCriticalExtension), // errSecUnknownCriticalExtensionFlag
    (-67618, ErrorKind::BadEncoding),       // errSecUnknownCertExtension: unparseable
    (-67903, ErrorKind::BadEncoding),       // errSecCertificateDuplicateExtension
    (-67901, ErrorKind::NotStandardsCompliant), // errSecCertificateValidityPeriodTooLong
    (-67825, ErrorKind::NotStandardsCompliant), // errSecVerifyActionFailed: transparency
    (-67655, ErrorKind::NotStandardsCompliant), // errSecInvalidSubjectName
    (-67610, ErrorKind::NotStandardsCompliant), // errSecInvalidIDLinkage
    (-67690, ErrorKind::NotStandardsCompliant), // errSecInvalidCertificateRef
    (-67835, ErrorKind::NotStandardsCompliant), // errSecInvalidPolicyIdentifiers
    (-67880, ErrorKind::NotStandardsCompliant), // errSecMissingRequiredExtension
    // Not from a policy's check.
    (-25257, ErrorKind::BadEncoding), // errSecUnknownFormat
    (-26275, ErrorKind::BadEncoding), // errSecDecode
    (-67853, ErrorKind::BadEncoding), // errSecInvalidEncoding
    (-67836, ErrorKind::BadEncoding), // errSecInvalidTimeString
    (-67854, ErrorKind::BadEncoding), // errSecInvalidValidityPeriod
    (-67606, ErrorKind::NotStandardsCompliant), // errSecInvalidAuthorityKeyID
    (-67607, ErrorKind::NotStandardsCompliant), // errSecInvalidSubjectKeyID
    (-67881, ErrorKind::NotStandardsCompliant), // errSecExtendedKeyUsageNotCritical
    (-67629, ErrorKind::WrongPurpose), // errSecSSLBadExtendedKeyUsage
    (-67688, ErrorKind::BadSignature), // errSecInvalidSignature
    (-67686, ErrorKind::BadSignature), // errSecVerificationFailure
    (-67808, ErrorKind::BadSignature), // errSecVerifyFailed
    (-67747, ErrorKind::UnsupportedAlgorithm), // errSecInvalidAlgorithm
    (-67730, ErrorKind::UnsupportedAlgorithm), // errSecAlgorithmMismatch
    (-67734, ErrorKind::UnsupportedAlgorithm), // errSecUnsupportedKeyFormat
    (-67826, ErrorKind::NotACa),      // errSecInvalidCertAuthority
    (-67821, ErrorKind::Revoked),     // errSecCertificateSuspended
    (-67613, ErrorKind::RevocationOutdated), // errSecCRLExpired
    (-67614, ErrorKind::RevocationUnknown), // errSecCRLNotValidYet
    (-67615, ErrorKind::RevocationUnknown), // errSecCRLNotFound
    (-67616, ErrorKind::RevocationUnknown), // errSecCRLServerDown
    (-67617, ErrorKind::RevocationUnknown), // errSecCRLBadURI
    (-67619, ErrorKind::BadRevocationData), // errSecUnknownCRLExtension
    (-67620, ErrorKind::BadRevocationData), // errSecCRLNotTrusted
    (-67621, ErrorKind::BadRevocationData), // errSecCRLPolicyFailed
    (-67622, ErrorKind::BadRevocationData), // errSecIDPFailure
    (-67827, ErrorKind::BadRevocationData), // errSecInvalidCRLAuthority
    (-67828, ErrorKind::BadRevocationData), // errSecInvalidCRLEncoding
    (-67830, ErrorKind::BadRevocationData), // errSecInvalidCRL
    (-67630, ErrorKind::BadRevocationData), // errSecOCSPBadResponse
    (-67631, ErrorKind::RevocationUnknown), // errSecOCSPBadRequest
    (-67632, ErrorKind::RevocationUnknown), // errSecOCSPUnavailable
    (-67633, ErrorKind::RevocationUnknown), // errSecOCSPStatusUnrecognized
    (-67636, ErrorKind::RevocationUnknown), // errSecNetworkFailure
    (-67637, ErrorKind::BadRevocationData), // errSecOCSPNotTrustedToAnchor
    (-67639, ErrorKind::BadRevocationData), // errSecOCSPSignatureError
    (-67640, ErrorKind::BadRevocationData), // errSecOCSPNoSigner
    (-67641, ErrorKind::RevocationUnknown), // errSecOCSPResponderMalformedReq
    (-67642, ErrorKind::RevocationUnknown), // errSecOCSPResponderInternalError
    (-67643, ErrorKind::RevocationUnknown), // errSecOCSPResponderTryLater
    (-67644, ErrorKind::RevocationUnknown), // errSecOCSPResponderSignatureRequired
    (-67645, ErrorKind::RevocationUnknown), // errSecOCSPResponderUnauthorized
    (-67646, ErrorKind::BadRevocationData), // errSecOCSPResponseNonceMismatch
];

/// An issuer is neither in the chain nor known to the system.
pub(super) const ERR_SEC_CREATE_CHAIN_FAILED: i64 = -25318;
/// The chain ends in a certificate that is no trust anchor. Apple gives the same code for a
/// certificate it has put on a list of its own; asked a second time it does so again.
pub(super) const ERR_SEC_NOT_TRUSTED: i64 = -67843;

pub(super) fn kind_of(code: i64) -> ErrorKind {
    KINDS.iter().find(|(known, _)| *known == code).map_or(ErrorKind::CannotCheck, |(_, kind)| *kind)
}

/// Apple's text on one line, with what it says of each certificate, and nothing in it that could
/// disturb a terminal.
pub(super) fn os_text(text: &str, details: Option<&str>) -> String {
    let details = details.filter(|details| !details.trim().is_empty() && *details != text);
    let whole = match details {
        Some(details) => format!("{text} ({})", details.trim_end_matches(';')),
        None => text.to_owned(),
    };
    let whole: String = whole.replace('"', "'").chars().take(MAX_TEXT).collect();
    escape(whole.trim())
}
