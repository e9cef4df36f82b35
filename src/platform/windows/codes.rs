//! What a verdict of Windows means, in this crate's terms. Pure functions over the error bits and
//! codes that the engine hands over, compiled and tested on every system.
//!
//! Tests: `codes/tests.rs`.
//!
//! Sources: [`CERT_TRUST_STATUS`](https://learn.microsoft.com/windows/win32/api/wincrypt/ns-wincrypt-cert_trust_status)
//! and [`CertVerifyCertificateChainPolicy`](https://learn.microsoft.com/windows/win32/api/wincrypt/nf-wincrypt-certverifycertificatechainpolicy).

// Elsewhere only the tests use it.
#![cfg_attr(not(windows), allow(dead_code))]

use pki_types::UnixTime;

use crate::cert::der;
use crate::cert::{Cert, KEY_CERT_SIGN};
use crate::checks;
use crate::fault::{Cause, Fault};
use crate::kind::ErrorKind;
use crate::policy::{Purpose, Revocation, RevocationCheck, RevocationOutcome, UnknownRevocation};

/// Bits of `CERT_TRUST_STATUS::dwErrorStatus` that decide about more than the kind of error.
pub(crate) const IS_NOT_TIME_VALID: u32 = 0x1;
pub(crate) const IS_NOT_SIGNATURE_VALID: u32 = 0x8;
pub(crate) const IS_NOT_VALID_FOR_USAGE: u32 = 0x10;
pub(crate) const IS_REVOKED: u32 = 0x4;
pub(crate) const IS_UNTRUSTED_ROOT: u32 = 0x20;
pub(crate) const REVOCATION_STATUS_UNKNOWN: u32 = 0x40;
pub(crate) const INVALID_EXTENSION: u32 = 0x100;
pub(crate) const INVALID_BASIC_CONSTRAINTS: u32 = 0x400;
pub(crate) const IS_PARTIAL_CHAIN: u32 = 0x1_0000;
pub(crate) const HAS_WEAK_SIGNATURE: u32 = 0x10_0000;
pub(crate) const IS_OFFLINE_REVOCATION: u32 = 0x100_0000;
pub(crate) const IS_EXPLICIT_DISTRUST: u32 = 0x400_0000;

const NO_PATH: u32 = IS_PARTIAL_CHAIN | IS_UNTRUSTED_ROOT;
const UNKNOWN_REVOCATION: u32 = REVOCATION_STATUS_UNKNOWN | IS_OFFLINE_REVOCATION;

/// Every error bit of wincrypt.h, with its name without `CERT_TRUST_`. Of several bits the first
/// of this list gives the kind of error: what is final, then the missing path, then what is wrong
/// with a certificate, and last what is merely not known.
pub(crate) const TRUST_BITS: &[(u32, &str, ErrorKind)] = &[
    (IS_EXPLICIT_DISTRUST, "IS_EXPLICIT_DISTRUST", ErrorKind::Distrusted),
    (IS_REVOKED, "IS_REVOKED", ErrorKind::Revoked),
    (IS_PARTIAL_CHAIN, "IS_PARTIAL_CHAIN", ErrorKind::UnknownIssuer),
    (IS_UNTRUSTED_ROOT, "IS_UNTRUSTED_ROOT", ErrorKind::UntrustedRoot),
    (IS_NOT_SIGNATURE_VALID, "IS_NOT_SIGNATURE_VALID", ErrorKind::BadSignature),
    (0x8000, "HAS_EXCLUDED_NAME_CONSTRAINT", ErrorKind::NameConstraints),
    (0x4000, "HAS_NOT_PERMITTED_NAME_CONSTRAINT", ErrorKind::NameConstraints),
    (0x800, "INVALID_NAME_CONSTRAINTS", ErrorKind::NameConstraints),
    (0x1000, "HAS_NOT_SUPPORTED_NAME_CONSTRAINT", ErrorKind::NameConstraints),
    (0x2000, "HAS_NOT_DEFINED_NAME_CONSTRAINT", ErrorKind::NameConstraints),
    (IS_NOT_TIME_VALID, "IS_NOT_TIME_VALID", ErrorKind::Expired),
    (IS_NOT_VALID_FOR_USAGE, "IS_NOT_VALID_FOR_USAGE", ErrorKind::WrongPurpose),
    (INVALID_BASIC_CONSTRAINTS, "INVALID_BASIC_CONSTRAINTS", ErrorKind::NotACa),
    (0x800_0000, "HAS_NOT_SUPPORTED_CRITICAL_EXT", ErrorKind::UnknownCriticalExtension),
    (HAS_WEAK_SIGNATURE, "HAS_WEAK_SIGNATURE", ErrorKind::UnsupportedAlgorithm),
    (INVALID_EXTENSION, "INVALID_EXTENSION", ErrorKind::BadEncoding),
    (0x20_0000, "HAS_WEAK_HYGIENE", ErrorKind::NotStandardsCompliant),
    (0x2, "IS_NOT_TIME_NESTED", ErrorKind::NotStandardsCompliant),
    (0x200, "INVALID_POLICY_CONSTRAINTS", ErrorKind::NotStandardsCompliant),
    (0x200_0000, "NO_ISSUANCE_CHAIN_POLICY", ErrorKind::NotStandardsCompliant),
    (0x80, "IS_CYCLIC", ErrorKind::ChainTooComplex),
    (0x2_0000, "CTL_IS_NOT_TIME_VALID", ErrorKind::CannotCheck),
    (0x4_0000, "CTL_IS_NOT_SIGNATURE_VALID", ErrorKind::CannotCheck),
    (0x8_0000, "CTL_IS_NOT_VALID_FOR_USAGE", ErrorKind::CannotCheck),
    (REVOCATION_STATUS_UNKNOWN, "REVOCATION_STATUS_UNKNOWN", ErrorKind::RevocationUnknown),
    (IS_OFFLINE_REVOCATION, "IS_OFFLINE_REVOCATION", ErrorKind::RevocationUnknown),
];

/// The codes that the SSL policy, chain building and decoding give, with their names in
/// winerror.h. Anything else is [`ErrorKind::CannotCheck`].
pub(crate) const CODES: &[(u32, &str, ErrorKind)] = &[
    (0x800b_0100, "TRUST_E_NOSIGNATURE", ErrorKind::BadSignature),
    (0x800b_0101, "CERT_E_EXPIRED", ErrorKind::Expired),
    (0x800b_0102, "CERT_E_VALIDITYPERIODNESTING", ErrorKind::NotStandardsCompliant),
    (0x800b_0103, "CERT_E_ROLE", ErrorKind::NotACa),
    (0x800b_0104, "CERT_E_PATHLENCONST", ErrorKind::PathLengthExceeded),
    (0x800b_0105, "CERT_E_CRITICAL", ErrorKind::UnknownCriticalExtension),
    (0x800b_0106, "CERT_E_PURPOSE", ErrorKind::WrongPurpose),
    (0x800b_0107, "CERT_E_ISSUERCHAINING", ErrorKind::NotStandardsCompliant),
    (0x800b_0108, "CERT_E_MALFORMED", ErrorKind::BadEncoding),
    (0x800b_0109, "CERT_E_UNTRUSTEDROOT", ErrorKind::UntrustedRoot),
    (0x800b_010a, "CERT_E_CHAINING", ErrorKind::UnknownIssuer),
    (0x800b_010b, "TRUST_E_FAIL", ErrorKind::CannotCheck),
    (0x800b_010c, "CERT_E_REVOKED", ErrorKind::Revoked),
    (0x800b_010d, "CERT_E_UNTRUSTEDTESTROOT", ErrorKind::UntrustedRoot),
    (0x800b_010e, "CERT_E_REVOCATION_FAILURE", ErrorKind::RevocationUnknown),
    (0x800b_010f, "CERT_E_CN_NO_MATCH", ErrorKind::NameMismatch),
    (0x800b_0110, "CERT_E_WRONG_USAGE", ErrorKind::WrongPurpose),
    (0x800b_0111, "TRUST_E_EXPLICIT_DISTRUST", ErrorKind::Distrusted),
    (0x800b_0112, "CERT_E_UNTRUSTEDCA", ErrorKind::Distrusted),
    (0x800b_0113, "CERT_E_INVALID_POLICY", ErrorKind::NotStandardsCompliant),
    (0x800b_0114, "CERT_E_INVALID_NAME", ErrorKind::NameConstraints),
    (0x8009_2010, "CRYPT_E_REVOKED", ErrorKind::Revoked),
    (0x8009_2011, "CRYPT_E_NO_REVOCATION_DLL", ErrorKind::RevocationUnknown),
    (0x8009_2012, "CRYPT_E_NO_REVOCATION_CHECK", ErrorKind::RevocationUnknown),
    (0x8009_2013, "CRYPT_E_REVOCATION_OFFLINE", ErrorKind::RevocationUnknown),
    (0x8009_2014, "CRYPT_E_NOT_IN_REVOCATION_DATABASE", ErrorKind::RevocationUnknown),
    (0x8009_6001, "TRUST_E_SYSTEM_ERROR", ErrorKind::CannotCheck),
    (0x8009_6004, "TRUST_E_CERT_SIGNATURE", ErrorKind::BadSignature),
    (0x8009_6019, "TRUST_E_BASIC_CONSTRAINTS", ErrorKind::NotACa),
    (0x8009_0008, "NTE_BAD_ALGID", ErrorKind::UnsupportedAlgorithm),
    (0x8009_3102, "CRYPT_E_ASN1_EOD", ErrorKind::BadEncoding),
    (0x8009_310b, "CRYPT_E_ASN1_BADTAG", ErrorKind::BadEncoding),
];

/// What Windows found about one chain.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    /// `dwErrorStatus` of the chain.
    pub(crate) chain: u32,
    /// `dwErrorStatus` of every certificate of the chain, end entity first.
    pub(crate) elements: Vec<u32>,
    /// `dwError` of the SSL policy; 0 if it is content.
    pub(crate) policy: u32,
    /// The certificate the SSL policy blames, where it blames one.
    pub(crate) policy_element: Option<usize>,
}

impl Status {
    fn bits(&self) -> u32 {
        self.elements.iter().fold(self.chain, |all, bits| all | bits)
    }

    fn depth_of(&self, bit: u32) -> Option<usize> {
        self.elements.iter().position(|bits| bits & bit != 0)
    }

    pub(crate) fn has_bad_signature(&self) -> bool {
        self.bits() & IS_NOT_SIGNATURE_VALID != 0
    }

    /// Whether the verdict is that no path to a trusted root exists, and nothing that is final:
    /// only then may the caller's own roots be asked.
    pub(crate) fn only_lacks_a_root(&self) -> bool {
        let bits = self.bits();
        let policy = code_kind(self.policy);
        bits & NO_PATH != 0
            && bits & (IS_REVOKED | IS_EXPLICIT_DISTRUST) == 0
            && !matches!(policy, Some(ErrorKind::Revoked | ErrorKind::Distrusted))
    }

    /// The names of the error bits, for humans; empty if there are none.
    pub(crate) fn bit_names(&self) -> String {
        let bits = self.bits();
        let known = TRUST_BITS.iter().filter(|(bit, _, _)| bits & bit != 0);
        let mut names: Vec<_> = known.map(|(_, name, _)| format!("CERT_TRUST_{name}")).collect();
        let unknown = TRUST_BITS.iter().fold(bits, |rest, (bit, _, _)| rest & !bit);
        if unknown != 0 {
            names.push(format!("{unknown:#x}"));
        }
        names.join(" | ")
    }

    /// The number to report, and the name that goes with it: the policy's code, or else the bits.
    pub(crate) fn code(&self) -> (u32, String) {
        match (self.policy, self.bit_names()) {
            (0, names) => (self.bits(), names),
            (code, names) if names.is_empty() => (code, code_name(code).to_owned()),
            (code, names) => (code, format!("{} ({names})", code_name(code))),
        }
    }

    /// Trusted only if the SSL policy is content **and** the chain has no error bit besides the
    /// ignored ones: the policy alone overlooks some, depending on the version of Windows.
    ///
    /// `certs` are those of the chain as far as they can be read, end entity first.
    pub(crate) fn verdict(
        &self,
        certs: &[Option<Cert<'_>>],
        ignored: u32,
        time: UnixTime,
    ) -> Result<(), Fault> {
        let bits = self.bits() & !ignored;
        let unknown = TRUST_BITS.iter().fold(bits, |rest, (bit, _, _)| rest & !bit);
        let found = TRUST_BITS.iter().find(|(bit, _, _)| bits & bit != 0);
        match found {
            Some(&(bit, _, kind)) => Err(self.explain(bit, kind, certs, time)),
            None if unknown != 0 => {
                let cause = Cause::UnknownTrustBits(unknown);
                Err(Fault::new(ErrorKind::CannotCheck).because(cause))
            }
            None => match code_kind(self.policy) {
                None => Ok(()),
                Some(kind) => {
                    let kind = match (kind, certs.len()) {
                        (ErrorKind::UntrustedRoot, 1) => ErrorKind::SelfSignedLeaf,
                        (kind, _) => kind,
                    };
                    let fault = Fault::new(kind);
                    Err(match self.policy_element {
                        Some(depth) => fault.at(depth),
                        None if kind == ErrorKind::NameMismatch => fault.at(0),
                        None => fault,
                    })
                }
            },
        }
    }

    fn explain(
        &self,
        bit: u32,
        kind: ErrorKind,
        certs: &[Option<Cert<'_>>],
        time: UnixTime,
    ) -> Fault {
        let last = self.elements.len().saturating_sub(1);
        let depth = match bit {
            IS_PARTIAL_CHAIN | IS_UNTRUSTED_ROOT => Some(last),
            _ => self.depth_of(bit),
        };
        let cert = depth.and_then(|depth| certs.get(depth)).and_then(Option::as_ref);
        let fault = match (bit, cert) {
            (IS_NOT_TIME_VALID, Some(cert)) => checks::validity(cert, time).err(),
            (IS_UNTRUSTED_ROOT, _) if last == 0 => Some(Fault::new(ErrorKind::SelfSignedLeaf)),
            (IS_PARTIAL_CHAIN, Some(cert)) => Some(checks::missing_path(cert, last)),
            // One bit for two faults: not a CA, or too many intermediates below it.
            (INVALID_BASIC_CONSTRAINTS, Some(cert)) if cert.is_ca() => {
                Some(Fault::new(ErrorKind::PathLengthExceeded))
            }
            // One bit for the usages of all certificates and for keyCertSign of CAs.
            (IS_NOT_VALID_FOR_USAGE, Some(cert))
                if depth != Some(0) && !cert.key_usage_allows(KEY_CERT_SIGN) =>
            {
                Some(Fault::new(ErrorKind::KeyUsage))
            }
            (INVALID_EXTENSION, Some(cert)) if cert.extensions.unknown_critical.is_some() => {
                Some(Fault::new(ErrorKind::UnknownCriticalExtension))
            }
            // One bit for weak hashes and for weak keys.
            (HAS_WEAK_SIGNATURE, Some(cert)) => strength(cert, false).err(),
            _ => None,
        };
        let fault = fault.unwrap_or_else(|| Fault::new(kind));
        match depth {
            Some(depth) => fault.at(depth),
            None => fault,
        }
    }

    /// For which certificates a revocation status was found, when `requested` ones were asked
    /// for. The last certificate is the trust anchor, which is not asked about.
    pub(crate) fn revocation(&self, requested: RevocationCheck) -> RevocationOutcome {
        let known = |bits: &u32| bits & UNKNOWN_REVOCATION == 0;
        let intermediates = self.elements.iter().take(self.elements.len().saturating_sub(1));
        let checked = match requested {
            RevocationCheck::Off => RevocationCheck::Off,
            // Bits of the chain that no certificate has: it is not clear what is unknown.
            _ if !self.elements.first().is_some_and(known)
                || (known(&self.elements.iter().fold(0, |all, bits| all | bits))
                    && !known(&self.chain)) =>
            {
                RevocationCheck::Off
            }
            RevocationCheck::Chain if intermediates.clone().all(known) => RevocationCheck::Chain,
            _ => RevocationCheck::Leaf,
        };
        RevocationOutcome::new(requested, checked)
    }
}

/// Keys of less than 112 bits of strength and signatures over MD5 or SHA-1. Windows is asked to
/// refuse them too; what it takes for weak depends on its version and settings. Nobody relies on
/// the signature of a trust anchor.
pub(crate) fn strength(cert: &Cert<'_>, is_anchor: bool) -> Result<(), Fault> {
    checks::key(cert, false)?;
    let algorithm = der::Reader::new(cert.signature_algorithm).expect(der::OID, "algorithm");
    let algorithm = der::dotted(algorithm.map_err(checks::malformed)?);
    if !is_anchor && checks::is_outdated_signature(&algorithm) {
        return Err(checks::unsupported_signature(cert, None));
    }
    Ok(())
}

/// The name of a code in winerror.h; empty if it is none of those known here.
pub(crate) fn code_name(code: u32) -> &'static str {
    CODES.iter().find(|(known, _, _)| *known == code).map_or("", |(_, name, _)| name)
}

/// The fault a code stands for; `None` for success.
pub(crate) fn code_kind(code: u32) -> Option<ErrorKind> {
    match CODES.iter().find(|(known, _, _)| *known == code) {
        _ if code == 0 => None,
        Some((_, _, kind)) => Some(*kind),
        None => Some(ErrorKind::CannotCheck),
    }
}

/// The bits that the caller's policy allows a chain to have.
pub(crate) fn ignored_bits(revocation: &Revocation) -> u32 {
    match (revocation.check, revocation.unknown) {
        (RevocationCheck::Off, _) | (_, UnknownRevocation::Reject) => 0,
        (_, UnknownRevocation::Allow) => UNKNOWN_REVOCATION,
    }
}

/// `dwFlags` of `CertGetCertificateChain`.
pub(crate) fn chain_flags(purpose: Purpose, revocation: &Revocation) -> u32 {
    const CACHE_END_CERT: u32 = 0x1;
    const DISABLE_AIA: u32 = 0x2000;
    const REVOCATION_ACCUMULATIVE_TIMEOUT: u32 = 0x800_0000;
    const REVOCATION_CHECK_END_CERT: u32 = 0x1000_0000;
    const REVOCATION_CHECK_CHAIN_EXCLUDE_ROOT: u32 = 0x4000_0000;
    const REVOCATION_CHECK_CACHE_ONLY: u32 = 0x8000_0000;

    let aia = match purpose {
        // Windows fetches a missing intermediate from where the certificate says it is.
        Purpose::ServerAuth => 0,
        // A server must not open connections because a client's certificate says so.
        Purpose::ClientAuth | Purpose::ClientOrServerAuth => DISABLE_AIA,
    };
    let check = match revocation.check {
        RevocationCheck::Off => 0,
        RevocationCheck::Leaf => REVOCATION_CHECK_END_CERT,
        RevocationCheck::Chain => REVOCATION_CHECK_CHAIN_EXCLUDE_ROOT,
    };
    let source = if revocation.network {
        REVOCATION_ACCUMULATIVE_TIMEOUT
    } else {
        REVOCATION_CHECK_CACHE_ONLY
    };
    CACHE_END_CERT | aia | check | source
}

/// `dwFlags` of the policy: what it must not count as an error.
pub(crate) fn policy_flags(revocation: &Revocation) -> u32 {
    const IGNORE_ALL_REV_UNKNOWN_FLAGS: u32 = 0xf00;
    if ignored_bits(revocation) == 0 { 0 } else { IGNORE_ALL_REV_UNKNOWN_FLAGS }
}

/// `fdwChecks` of the SSL policy. Without a name there is nothing to compare; everything else
/// is still checked.
pub(crate) fn ssl_checks(has_name: bool) -> u32 {
    const SECURITY_FLAG_IGNORE_CERT_CN_INVALID: u32 = 0x1000;
    if has_name { 0 } else { SECURITY_FLAG_IGNORE_CERT_CN_INVALID }
}

/// The low and the high half of a `FILETIME`, 100 ns since 1601; `None` for times it cannot hold.
pub(crate) fn file_time(time: UnixTime) -> Option<(u32, u32)> {
    const SECONDS_FROM_1601_TO_1970: u64 = 11_644_473_600;
    const TICKS: u64 = 10_000_000;
    let ticks = time.as_secs().checked_add(SECONDS_FROM_1601_TO_1970)?.checked_mul(TICKS)?;
    // Windows takes the number as a signed one in places.
    i64::try_from(ticks).ok()?;
    let half = |ticks: u64| u32::try_from(ticks & u64::from(u32::MAX)).ok();
    Some((half(ticks)?, half(ticks >> 32)?))
}

/// Which of the caller's own roots are asked once the system has no path, or is not wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnRoots {
    /// None of them.
    None,
    /// `extra_roots`.
    Extra,
    /// `extra_roots` and `fallback_roots`.
    ExtraAndFallback,
}

/// Fallback roots are trusted while the system store has not a single certificate. Windows
/// fetches roots on demand, so a store with any certificate in it works as expected.
pub(crate) fn own_roots(
    extra: bool,
    fallback: bool,
    system_wanted: bool,
    system_is_empty: impl FnOnce() -> bool,
) -> OwnRoots {
    if fallback && (!system_wanted || system_is_empty()) {
        OwnRoots::ExtraAndFallback
    } else if extra {
        OwnRoots::Extra
    } else {
        OwnRoots::None
    }
}

#[cfg(test)]
mod tests;
