//! CRLite data in words.
//!
//! Tests: `tests/crlite.rs`.

use std::path::Path;

use crate::fault::CrliteFault;
use crate::text::escape;

/// What the data says, or why it says nothing.
pub(super) fn words(place: &Path, why: &CrliteFault) -> String {
    let place = escape(&place.to_string_lossy());
    let data = format!("the CRLite data in '{place}'");
    match why {
        CrliteFault::Revoked { made } => format!("{data}, of {made}, lists it"),
        CrliteFault::NoData => format!("there is no CRLite data in '{place}'"),
        CrliteFault::Configuration(reason) => format!("'{place}' cannot be used: {reason}"),
        CrliteFault::UnreadableIndex(reason) => {
            format!("{data} cannot be read: index.bin: {reason}")
        }
        CrliteFault::DamagedIndex(reason) => format!("{data} is damaged: index.bin: {reason}"),
        CrliteFault::Filter { name, reason, .. } => {
            format!("{data} cannot be read: {}: {reason}", escape(name))
        }
        CrliteFault::Malformed(field) => format!("malformed {field}"),
        CrliteFault::NoTimestamps => {
            format!("{data} cannot be asked: the certificate has no signed certificate timestamps")
        }
        CrliteFault::NoDigest => {
            format!("{data} cannot be asked without the feature 'aws-lc-rs' or 'ring'")
        }
        CrliteFault::NotCovered => format!("{data} does not cover this certificate"),
        CrliteFault::Stale { made, days } => {
            format!("{data} is out of date: it is {days} days old, of {made}")
        }
        CrliteFault::Future { made } => {
            format!("{data} cannot be used: it is of {made}, which is in the future")
        }
    }
}
