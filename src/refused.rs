//! A setting that no verifier can be built with, as data. In words, it is a `BuildError`.
//!
//! Tests: `report/setting.rs`, `tests/verifier.rs`.

// Some settings are refused by one operating system only.
#![cfg_attr(not(any(windows, target_vendor = "apple")), allow(dead_code))]

use crate::fault::OsCode;

/// A setting that no verifier can be built with. In words, it is a [`BuildError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BadSetting {
    Certificate { given_to: &'static str, index: usize, why: Unreadable },
    Crl { index: usize, why: Unreadable },
    NetworkRevocation,
    Unsupported { setting: &'static str, why: Unsupported },
}

/// Why a certificate or a CRL that the caller gave cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// The field.
    Malformed(&'static str),
    /// What a library says.
    Library(String),
    /// What the operating system says.
    Os(OsCode),
    /// The operating system does not say why.
    OsSilent,
}

/// Why an operating system's verifier does not have a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unsupported {
    NotOnWindows,
    /// No certificate store can be opened in memory.
    NoMemoryStore(OsCode),
    AppleTakesNoCrls,
    AppleRequiresNoChain,
    AppleHasOneProfile,
    AppleComparesNoCommonName,
}
