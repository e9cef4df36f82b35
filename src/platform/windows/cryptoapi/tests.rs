use windows_sys::Win32::Foundation as found;

use super::*;
use crate::kind::ErrorKind;

/// The numbers in the tables are those of the headers.
#[test]
fn numbers_are_those_of_windows() {
    let bits = [
        (crypt::CERT_TRUST_CTL_IS_NOT_SIGNATURE_VALID, "CTL_IS_NOT_SIGNATURE_VALID"),
        (crypt::CERT_TRUST_CTL_IS_NOT_TIME_VALID, "CTL_IS_NOT_TIME_VALID"),
        (crypt::CERT_TRUST_CTL_IS_NOT_VALID_FOR_USAGE, "CTL_IS_NOT_VALID_FOR_USAGE"),
        (crypt::CERT_TRUST_HAS_EXCLUDED_NAME_CONSTRAINT, "HAS_EXCLUDED_NAME_CONSTRAINT"),
        (crypt::CERT_TRUST_HAS_NOT_DEFINED_NAME_CONSTRAINT, "HAS_NOT_DEFINED_NAME_CONSTRAINT"),
        (crypt::CERT_TRUST_HAS_NOT_PERMITTED_NAME_CONSTRAINT, "HAS_NOT_PERMITTED_NAME_CONSTRAINT"),
        (crypt::CERT_TRUST_HAS_NOT_SUPPORTED_CRITICAL_EXT, "HAS_NOT_SUPPORTED_CRITICAL_EXT"),
        (crypt::CERT_TRUST_HAS_NOT_SUPPORTED_NAME_CONSTRAINT, "HAS_NOT_SUPPORTED_NAME_CONSTRAINT"),
        (crypt::CERT_TRUST_HAS_WEAK_HYGIENE, "HAS_WEAK_HYGIENE"),
        (crypt::CERT_TRUST_HAS_WEAK_SIGNATURE, "HAS_WEAK_SIGNATURE"),
        (crypt::CERT_TRUST_INVALID_BASIC_CONSTRAINTS, "INVALID_BASIC_CONSTRAINTS"),
        (crypt::CERT_TRUST_INVALID_EXTENSION, "INVALID_EXTENSION"),
        (crypt::CERT_TRUST_INVALID_NAME_CONSTRAINTS, "INVALID_NAME_CONSTRAINTS"),
        (crypt::CERT_TRUST_INVALID_POLICY_CONSTRAINTS, "INVALID_POLICY_CONSTRAINTS"),
        (crypt::CERT_TRUST_IS_CYCLIC, "IS_CYCLIC"),
        (crypt::CERT_TRUST_IS_EXPLICIT_DISTRUST, "IS_EXPLICIT_DISTRUST"),
        (crypt::CERT_TRUST_IS_NOT_SIGNATURE_VALID, "IS_NOT_SIGNATURE_VALID"),
        (crypt::CERT_TRUST_IS_NOT_TIME_NESTED, "IS_NOT_TIME_NESTED"),
        (crypt::CERT_TRUST_IS_NOT_TIME_VALID, "IS_NOT_TIME_VALID"),
        (crypt::CERT_TRUST_IS_NOT_VALID_FOR_USAGE, "IS_NOT_VALID_FOR_USAGE"),
        (crypt::CERT_TRUST_IS_OFFLINE_REVOCATION, "IS_OFFLINE_REVOCATION"),
        (crypt::CERT_TRUST_IS_PARTIAL_CHAIN, "IS_PARTIAL_CHAIN"),
        (crypt::CERT_TRUST_IS_REVOKED, "IS_REVOKED"),
        (crypt::CERT_TRUST_IS_UNTRUSTED_ROOT, "IS_UNTRUSTED_ROOT"),
        (crypt::CERT_TRUST_NO_ISSUANCE_CHAIN_POLICY, "NO_ISSUANCE_CHAIN_POLICY"),
        (crypt::CERT_TRUST_REVOCATION_STATUS_UNKNOWN, "REVOCATION_STATUS_UNKNOWN"),
    ];
    let sorted = |mut list: Vec<(u32, &'static str)>| {
        list.sort_unstable();
        list
    };
    let table = codes::TRUST_BITS.iter().map(|(bit, name, _)| (*bit, *name));
    assert_eq!(sorted(table.collect()), sorted(bits.to_vec()));

    let numbers = [
        (found::CERT_E_CHAINING, "CERT_E_CHAINING"),
        (found::CERT_E_CN_NO_MATCH, "CERT_E_CN_NO_MATCH"),
        (found::CERT_E_CRITICAL, "CERT_E_CRITICAL"),
        (found::CERT_E_EXPIRED, "CERT_E_EXPIRED"),
        (found::CERT_E_INVALID_NAME, "CERT_E_INVALID_NAME"),
        (found::CERT_E_INVALID_POLICY, "CERT_E_INVALID_POLICY"),
        (found::CERT_E_ISSUERCHAINING, "CERT_E_ISSUERCHAINING"),
        (found::CERT_E_MALFORMED, "CERT_E_MALFORMED"),
        (found::CERT_E_PATHLENCONST, "CERT_E_PATHLENCONST"),
        (found::CERT_E_PURPOSE, "CERT_E_PURPOSE"),
        (found::CERT_E_REVOCATION_FAILURE, "CERT_E_REVOCATION_FAILURE"),
        (found::CERT_E_REVOKED, "CERT_E_REVOKED"),
        (found::CERT_E_ROLE, "CERT_E_ROLE"),
        (found::CERT_E_UNTRUSTEDCA, "CERT_E_UNTRUSTEDCA"),
        (found::CERT_E_UNTRUSTEDROOT, "CERT_E_UNTRUSTEDROOT"),
        (found::CERT_E_UNTRUSTEDTESTROOT, "CERT_E_UNTRUSTEDTESTROOT"),
        (found::CERT_E_VALIDITYPERIODNESTING, "CERT_E_VALIDITYPERIODNESTING"),
        (found::CERT_E_WRONG_USAGE, "CERT_E_WRONG_USAGE"),
        (found::CRYPT_E_ASN1_BADTAG, "CRYPT_E_ASN1_BADTAG"),
        (found::CRYPT_E_ASN1_EOD, "CRYPT_E_ASN1_EOD"),
        (found::CRYPT_E_NOT_IN_REVOCATION_DATABASE, "CRYPT_E_NOT_IN_REVOCATION_DATABASE"),
        (found::CRYPT_E_NO_REVOCATION_CHECK, "CRYPT_E_NO_REVOCATION_CHECK"),
        (found::CRYPT_E_NO_REVOCATION_DLL, "CRYPT_E_NO_REVOCATION_DLL"),
        (found::CRYPT_E_REVOCATION_OFFLINE, "CRYPT_E_REVOCATION_OFFLINE"),
        (found::CRYPT_E_REVOKED, "CRYPT_E_REVOKED"),
        (found::NTE_BAD_ALGID, "NTE_BAD_ALGID"),
        (found::TRUST_E_BASIC_CONSTRAINTS, "TRUST_E_BASIC_CONSTRAINTS"),
        (found::TRUST_E_CERT_SIGNATURE, "TRUST_E_CERT_SIGNATURE"),
        (found::TRUST_E_EXPLICIT_DISTRUST, "TRUST_E_EXPLICIT_DISTRUST"),
        (found::TRUST_E_FAIL, "TRUST_E_FAIL"),
        (found::TRUST_E_NOSIGNATURE, "TRUST_E_NOSIGNATURE"),
        (found::TRUST_E_SYSTEM_ERROR, "TRUST_E_SYSTEM_ERROR"),
    ];
    let numbers = numbers.map(|(code, name)| (u32::from_ne_bytes(code.to_ne_bytes()), name));
    let table = codes::CODES.iter().map(|(code, name, _)| (*code, *name));
    assert_eq!(sorted(table.collect()), sorted(numbers.to_vec()));
}

#[test]
fn flags_are_those_of_windows() {
    use crate::policy::{Revocation, RevocationCheck, UnknownRevocation};

    let mut revocation = Revocation::default();
    let server = |revocation: &Revocation| codes::chain_flags(Purpose::ServerAuth, revocation);
    let cached = crypt::CERT_CHAIN_CACHE_END_CERT | crypt::CERT_CHAIN_REVOCATION_CHECK_CACHE_ONLY;
    assert_eq!(server(&revocation), cached);
    assert_eq!(
        codes::chain_flags(Purpose::ClientAuth, &revocation),
        cached | crypt::CERT_CHAIN_DISABLE_AIA
    );
    revocation.check = RevocationCheck::Leaf;
    assert_eq!(server(&revocation), cached | crypt::CERT_CHAIN_REVOCATION_CHECK_END_CERT);
    assert_eq!(
        codes::policy_flags(&revocation),
        crypt::CERT_CHAIN_POLICY_IGNORE_ALL_REV_UNKNOWN_FLAGS
    );
    revocation.check = RevocationCheck::Chain;
    revocation.unknown = UnknownRevocation::Reject;
    revocation.network = true;
    assert_eq!(
        server(&revocation),
        crypt::CERT_CHAIN_CACHE_END_CERT
            | crypt::CERT_CHAIN_REVOCATION_CHECK_CHAIN_EXCLUDE_ROOT
            | crypt::CERT_CHAIN_REVOCATION_ACCUMULATIVE_TIMEOUT
    );
    assert_eq!(codes::policy_flags(&revocation), 0);
}

#[test]
fn failed_calls_are_failures() {
    assert_eq!(check(1), Ok(()));
    assert!(check(0).is_err());
    assert!(ChainEngine::create(&crypt::CERT_CHAIN_ENGINE_CONFIG::default()).is_err());
    let garbage = OsError::from(CertContext::new(b"garbage").unwrap_err());
    assert_ne!(garbage.code().code, 0);
    assert_eq!(OsError::INVALID_ARGUMENT.cannot_check().kind(), ErrorKind::CannotCheck);
}
