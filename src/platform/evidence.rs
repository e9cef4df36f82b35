//! What a rejection can show, on every system: where trust anchors were searched and how many of
//! them are usable, and which of them came close.
//!
//! Tests: `tests/verifier.rs`, `tests/store.rs`, `tests/windows.rs`, `platform/apple/rules/tests.rs`.

use pki_types::UnixTime;

use crate::cert::Cert;
use crate::fault::{Failure, NearMiss, Searched};
use crate::kind::ErrorKind;
use crate::policy::Purpose;
use crate::store::{Refusal, Source, StoreEntry};

/// A place about which nothing is known yet but that it was searched.
pub(super) fn place(source: Source, usable: Option<usize>) -> Searched {
    Searched { source, usable, refused: 0, problems: Vec::new() }
}

/// Every place that was searched, with what it has: the places that are known, and those that the
/// entries come from.
pub(super) fn searched<'e>(
    mut places: Vec<Searched>,
    entries: impl IntoIterator<Item = &'e StoreEntry>,
    purpose: Purpose,
    time: UnixTime,
) -> Vec<Searched> {
    for entry in entries {
        let found = places.iter().position(|place| match (&place.source, entry.source()) {
            (place, Source::File(path)) => place.holds(path),
            (place, source) => place == source,
        });
        let index = found.unwrap_or(places.len());
        if found.is_none() {
            places.push(place(entry.source().clone(), Some(0)));
        }
        let Some(place) = places.get_mut(index) else { continue };
        match entry.refusal(purpose, time) {
            None => place.usable = place.usable.map(|usable| usable + 1),
            Some(_) => place.refused += 1,
        }
    }
    places
}

/// Whether near misses explain a fault. What the store has under the right name matters only where
/// a path is missing, or where the fault is not the end entity's own.
pub(super) fn near_misses_matter(failure: &Failure) -> bool {
    failure.kind().is_missing_path()
        || failure.kind() == ErrorKind::BadSignature
        || failure.fault.depth.is_some_and(|depth| depth > 0)
}

/// The entries that have the name of an issuer of these certificates, and why they were not used.
/// For systems that search themselves and do not say what they found.
#[cfg_attr(not(any(windows, target_vendor = "apple")), allow(dead_code))]
pub(super) fn near_misses<'e>(
    entries: impl IntoIterator<Item = &'e StoreEntry>,
    certs: &[Cert<'_>],
    purpose: Purpose,
    time: UnixTime,
) -> Vec<NearMiss> {
    let near = |entry: &StoreEntry| {
        let mut issued = certs.iter().filter(|cert| cert.issuer == entry.raw_subject()).peekable();
        issued.peek()?;
        let reason = entry.refusal(purpose, time).or_else(|| {
            let anchor = Cert::parse(entry.certificate()).ok()?;
            issued.all(|cert| cert.names_another_key_than(&anchor)).then_some(Refusal::DifferentKey)
        })?;
        Some(NearMiss::new(entry, reason))
    };
    entries.into_iter().filter_map(near).collect()
}
