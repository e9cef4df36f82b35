"""What the codes and the texts of Apple's verifier mean: src/platform/apple/codes.rs in Python.

Tests compare the table with the core's, entry for entry.
"""

from __future__ import annotations

from .._name import escape

#: Most characters kept of the system's text: it repeats names from the peer's certificates.
MAX_TEXT = 400

#: The kind of each `OSStatus` that an evaluation can end in. All others say that nothing was
#: decided.
KINDS = {
    -25318: "UnknownIssuer",  # errSecCreateChainFailed
    -67843: "UnknownIssuer",  # errSecNotTrusted
    -67602: "NameMismatch",  # errSecHostNameMismatch
    # The check of validity periods gives this one before they begin, too.
    -67818: "Expired",  # errSecCertificateExpired
    -67819: "NotYetValid",  # errSecCertificateNotValidYet
    -67820: "Revoked",  # errSecCertificateRevoked
    -67635: "RevocationUnknown",  # errSecIncompleteCertRevocationCheck
    -67654: "Distrusted",  # errSecTrustSettingDeny
    -67899: "Distrusted",  # errSecCertificatePolicyNotAllowed
    -67612: "Distrusted",  # errSecInvalidRoot: Apple pins its own hosts
    -67811: "Distrusted",  # errSecPublicKeyInconsistent: likewise
    -9880: "Distrusted",  # errSSLATSCertificateTrustViolation: likewise
    -67735: "WeakKey",  # errSecUnsupportedKeySize
    -67815: "UnsupportedAlgorithm",  # errSecInvalidDigestAlgorithm
    -67608: "WrongPurpose",  # errSecInvalidKeyUsageForPolicy
    -67609: "WrongPurpose",  # errSecInvalidExtendedKeyUsage
    -67902: "CaAsEndEntity",  # errSecCertificateIsCA
    -67604: "NotACa",  # errSecNoBasicConstraints
    -67605: "NotACa",  # errSecNoBasicConstraintsCA
    -67611: "PathLengthExceeded",  # errSecPathLengthConstraintExceeded
    -67689: "NameConstraints",  # errSecInvalidName
    -67900: "NameConstraints",  # errSecCertificateNameNotAllowed
    -67603: "UnknownCriticalExtension",  # errSecUnknownCriticalExtensionFlag
    -67618: "BadEncoding",  # errSecUnknownCertExtension: unparseable
    -67903: "BadEncoding",  # errSecCertificateDuplicateExtension
    -67901: "NotStandardsCompliant",  # errSecCertificateValidityPeriodTooLong
    -67825: "NotStandardsCompliant",  # errSecVerifyActionFailed: transparency
    -67655: "NotStandardsCompliant",  # errSecInvalidSubjectName
    -67610: "NotStandardsCompliant",  # errSecInvalidIDLinkage
    -67690: "NotStandardsCompliant",  # errSecInvalidCertificateRef
    -67835: "NotStandardsCompliant",  # errSecInvalidPolicyIdentifiers
    -67880: "NotStandardsCompliant",  # errSecMissingRequiredExtension
    # Not from a policy's check.
    -25257: "BadEncoding",  # errSecUnknownFormat
    -26275: "BadEncoding",  # errSecDecode
    -67853: "BadEncoding",  # errSecInvalidEncoding
    -67836: "BadEncoding",  # errSecInvalidTimeString
    -67854: "BadEncoding",  # errSecInvalidValidityPeriod
    -67606: "NotStandardsCompliant",  # errSecInvalidAuthorityKeyID
    -67607: "NotStandardsCompliant",  # errSecInvalidSubjectKeyID
    -67881: "NotStandardsCompliant",  # errSecExtendedKeyUsageNotCritical
    -67629: "WrongPurpose",  # errSecSSLBadExtendedKeyUsage
    -67688: "BadSignature",  # errSecInvalidSignature
    -67686: "BadSignature",  # errSecVerificationFailure
    -67808: "BadSignature",  # errSecVerifyFailed
    -67747: "UnsupportedAlgorithm",  # errSecInvalidAlgorithm
    -67730: "UnsupportedAlgorithm",  # errSecAlgorithmMismatch
    -67734: "UnsupportedAlgorithm",  # errSecUnsupportedKeyFormat
    -67826: "NotACa",  # errSecInvalidCertAuthority
    -67821: "Revoked",  # errSecCertificateSuspended
    -67613: "RevocationOutdated",  # errSecCRLExpired
    -67614: "RevocationUnknown",  # errSecCRLNotValidYet
    -67615: "RevocationUnknown",  # errSecCRLNotFound
    -67616: "RevocationUnknown",  # errSecCRLServerDown
    -67617: "RevocationUnknown",  # errSecCRLBadURI
    -67619: "BadRevocationData",  # errSecUnknownCRLExtension
    -67620: "BadRevocationData",  # errSecCRLNotTrusted
    -67621: "BadRevocationData",  # errSecCRLPolicyFailed
    -67622: "BadRevocationData",  # errSecIDPFailure
    -67827: "BadRevocationData",  # errSecInvalidCRLAuthority
    -67828: "BadRevocationData",  # errSecInvalidCRLEncoding
    -67830: "BadRevocationData",  # errSecInvalidCRL
    -67630: "BadRevocationData",  # errSecOCSPBadResponse
    -67631: "RevocationUnknown",  # errSecOCSPBadRequest
    -67632: "RevocationUnknown",  # errSecOCSPUnavailable
    -67633: "RevocationUnknown",  # errSecOCSPStatusUnrecognized
    -67636: "RevocationUnknown",  # errSecNetworkFailure
    -67637: "BadRevocationData",  # errSecOCSPNotTrustedToAnchor
    -67639: "BadRevocationData",  # errSecOCSPSignatureError
    -67640: "BadRevocationData",  # errSecOCSPNoSigner
    -67641: "RevocationUnknown",  # errSecOCSPResponderMalformedReq
    -67642: "RevocationUnknown",  # errSecOCSPResponderInternalError
    -67643: "RevocationUnknown",  # errSecOCSPResponderTryLater
    -67644: "RevocationUnknown",  # errSecOCSPResponderSignatureRequired
    -67645: "RevocationUnknown",  # errSecOCSPResponderUnauthorized
    -67646: "BadRevocationData",  # errSecOCSPResponseNonceMismatch
}


def kind_of(code: int) -> str:
    return KINDS.get(code, "CannotCheck")


def os_text(text: str, details: str | None = None) -> str:
    """Apple's text on one line, with what it says of each certificate, and nothing in it that could
    disturb a terminal."""
    if details is not None and details.strip() and details != text:
        text = f"{text} ({details.rstrip(';')})"
    return escape(text.replace('"', "'")[:MAX_TEXT].strip())
