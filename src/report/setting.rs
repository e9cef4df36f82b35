//! Settings that no verifier can be built from, in words.
//!
//! Tests: in this file; `tests/verifier.rs` and `tests/windows.rs` for what each system refuses.

use std::fmt;

use super::os_code;
use crate::error::BuildError;
use crate::fault::OsCode;
use crate::refused::{BadSetting, Unreadable, Unsupported};

impl From<BadSetting> for BuildError {
    fn from(setting: BadSetting) -> Self {
        match setting {
            BadSetting::Certificate { given_to, index, why } => {
                Self::BadCertificate { given_to, index, reason: unreadable(why) }
            }
            BadSetting::Crl { index, why } => Self::BadCrl { index, reason: unreadable(why) },
            BadSetting::NetworkRevocation => Self::NetworkRevocationUnsupported,
            BadSetting::Unsupported { setting, why } => {
                Self::Unsupported { setting, reason: unsupported(why) }
            }
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadCertificate { given_to, index, reason } => {
                write!(f, "certificate {index} given to {given_to}: {reason}")
            }
            Self::BadCrl { index, reason } => write!(f, "CRL {index}: {reason}"),
            Self::NetworkRevocationUnsupported => f.write_str(
                "revocation over the network is not available on this operating system; \
                 give the CRLs to Revocation::crls",
            ),
            Self::Unsupported { setting, reason } => write!(f, "{setting}: {reason}"),
        }
    }
}

fn unreadable(why: Unreadable) -> String {
    match why {
        Unreadable::Malformed(field) => format!("malformed {field}"),
        Unreadable::Library(text) => text,
        Unreadable::Os(code) => os_text(code),
        Unreadable::OsSilent => "the operating system cannot read it".to_owned(),
    }
}

fn unsupported(why: Unsupported) -> String {
    match why {
        Unsupported::NotOnWindows => "Windows has no such setting".to_owned(),
        Unsupported::NoMemoryStore(code) => {
            format!("no certificate store in memory: {}", os_text(code))
        }
        Unsupported::AppleTakesNoCrls => {
            "Apple's verifier does not take CRLs from its caller; it fetches and keeps its own"
                .to_owned()
        }
        Unsupported::AppleRequiresNoChain => {
            "Apple's verifier can require an answer for the end entity only, and asks about every \
             certificate even so: use RevocationCheck::Leaf"
                .to_owned()
        }
        Unsupported::AppleHasOneProfile => {
            "Apple's verifier has its own profile and no other".to_owned()
        }
        Unsupported::AppleComparesNoCommonName => "Apple's verifier never compares it".to_owned(),
    }
}

fn os_text(code: OsCode) -> String {
    let OsCode { code, text } = os_code(code);
    format!("{text} ({code:#x})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_kept_with_its_code() {
        let certificate = |why| BadSetting::Certificate { given_to: "extra_roots", index: 2, why };
        let of = |setting: BadSetting| BuildError::from(setting).to_string();
        assert_eq!(
            of(certificate(Unreadable::Os(OsCode::new(0x8009_310b, "ASN1 bad tag value met")))),
            "certificate 2 given to extra_roots: ASN1 bad tag value met (0x8009310b)"
        );
        assert_eq!(
            of(certificate(Unreadable::Os(OsCode::new(5, " ")))),
            "certificate 2 given to extra_roots: unknown code 0x5 (0x5)"
        );
        for why in [
            Unsupported::NotOnWindows,
            Unsupported::NoMemoryStore(OsCode::new(8, "not enough memory")),
            Unsupported::AppleTakesNoCrls,
            Unsupported::AppleRequiresNoChain,
            Unsupported::AppleHasOneProfile,
            Unsupported::AppleComparesNoCommonName,
        ] {
            let text = of(BadSetting::Unsupported { setting: "strict", why });
            assert!(text.starts_with("strict: ") && text.len() > 20, "{text}");
        }
    }
}
