//! Which store entries can be trust anchors (design: vetted at the time of verification).
//!
//! For RFC 5280 a trust anchor is a name and a key (section 6.1.1 (d)). Here it is a certificate,
//! and everything that OpenSSL checks of a trusted certificate is checked.
//!
//! Tests: the table in `tests/cases`, `tests/store.rs`, `load/tests.rs`.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use pki_types::{CertificateDer, UnixTime};

use super::distrust::{DistrustList, Limits};
use super::refusal::{Refusal, TrustSettings};
use super::source::Source;
use crate::cert::der;
use crate::cert::time::Timestamp;
use crate::cert::{self, Cert, EKU_ANY, KEY_CERT_SIGN, WEAK_RSA_BITS, Weakness};
use crate::hashing::{QuickMap, hash};
use crate::policy::Purpose;

/// A certificate of a store, with where it came from.
#[derive(Debug)]
pub struct StoreEntry {
    certificate: CertificateDer<'static>,
    source: Source,
    trust: Option<TrustSettings>,
    /// What the distribution says against certificates; nothing about those that a caller gave.
    distrust: Option<Arc<DistrustList>>,
    limits: OnceLock<Option<Box<Limits>>>,
    vetted: OnceLock<Result<Vetted, Refusal>>,
}

/// What does not depend on the time or the purpose, computed once, when first needed.
#[derive(Debug)]
pub(crate) struct Vetted {
    not_before: Timestamp,
    not_after: Timestamp,
    /// A CA for TLS, if it is one.
    tls_ca: bool,
    server_auth: bool,
    client_auth: bool,
    unfit: Option<Refusal>,
    /// Whether its key is weak, and long enough for those who allow that.
    weak: bool,
}

impl StoreEntry {
    pub(crate) fn new(
        certificate: CertificateDer<'static>,
        source: Source,
        trust: Option<TrustSettings>,
    ) -> Self {
        let (limits, vetted) = (OnceLock::new(), OnceLock::new());
        Self { certificate, source, trust, distrust: None, limits, vetted }
    }

    /// The certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Where it came from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Its trust settings, if the store has any for it. What is rejected of another entry with the
    /// same subject and key is rejected of this one.
    pub fn trust(&self) -> Option<&TrustSettings> {
        self.trust.as_ref()
    }

    /// The subject in the style of RFC 4514.
    pub fn subject(&self) -> String {
        cert::name_text(self.raw_subject())
    }

    /// Why this entry cannot be a trust anchor for the purpose at the time; `None` if it can.
    ///
    /// Checked: validity period, CA bit, keyCertSign, extended key usage, unknown critical
    /// extensions, key strength, trust settings. Not checked: the certificate's own signature
    /// and revocation.
    pub fn refusal(&self, purpose: Purpose, time: UnixTime) -> Option<Refusal> {
        let usages = purpose.usages().iter();
        let refusals: Option<Vec<_>> = usages.map(|usage| self.vet(*usage, time).err()).collect();
        refusals?.into_iter().next()
    }

    /// The trust anchor, or why there is none.
    pub(crate) fn vet(&self, purpose: Purpose, time: UnixTime) -> Result<&Vetted, Refusal> {
        self.vet_with(purpose, time, false)
    }

    /// The same, with RSA keys that are accepted for what cannot be replaced.
    pub(crate) fn vet_with(
        &self,
        purpose: Purpose,
        time: UnixTime,
        weak_keys: bool,
    ) -> Result<&Vetted, Refusal> {
        if let Some(refusal) = self.distrust(purpose) {
            return Err(refusal);
        }
        // Nothing is computed inside `get_or_init`: while it was, the child of a fork would wait
        // for a thread that it does not have.
        let vetted = match self.vetted.get() {
            Some(vetted) => vetted,
            None => {
                let vetted = vet(&self.certificate);
                self.vetted.get_or_init(|| vetted)
            }
        };
        let vetted = vetted.as_ref().map_err(Clone::clone)?;
        if let Some(refusal) = &vetted.unfit {
            return Err(refusal.clone());
        }
        if vetted.weak && !weak_keys {
            return Err(Refusal::WeakKey);
        }
        let allowed = match purpose {
            Purpose::ServerAuth => vetted.server_auth,
            Purpose::ClientAuth | Purpose::ClientOrServerAuth => vetted.client_auth,
        };
        // RFC 5280 section 6.1 leaves the validity of a trust anchor to local policy; OpenSSL
        // checks it like that of any other certificate, and so do we.
        let now = Timestamp::from(time);
        // Settings that name the purpose overrule the certificate's own, as in OpenSSL.
        let granted = self.grants(purpose);
        if !vetted.tls_ca && !granted {
            Err(Refusal::NotACa)
        } else if !allowed && !granted {
            Err(Refusal::WrongPurpose)
        } else if now < vetted.not_before {
            Err(Refusal::NotYetValid { not_before: vetted.not_before.to_unix() })
        } else if now > vetted.not_after {
            Err(Refusal::Expired { not_after: vetted.not_after.to_unix() })
        } else {
            Ok(vetted)
        }
    }

    /// Whether the trust settings name the purpose.
    pub(crate) fn grants(&self, purpose: Purpose) -> bool {
        self.trust.as_ref().is_some_and(|trust| trust.names(purpose))
    }

    /// Takes the purposes that are trusted from the settings of another entry.
    fn list_purposes_of(&mut self, first: &Self) {
        let trusted = first.trust.as_ref().and_then(|trust| trust.trusted.clone());
        let rejected = self.trust.take().map(|trust| trust.rejected).unwrap_or_default();
        self.trust = match (trusted, rejected) {
            (None, rejected) if rejected.is_empty() => None,
            (trusted, rejected) => Some(TrustSettings { trusted, rejected }),
        };
    }

    /// What the trust settings and the distribution say against the purpose.
    pub(crate) fn distrust(&self, purpose: Purpose) -> Option<Refusal> {
        let settings = self.trust.as_ref().and_then(|trust| trust.refusal(purpose));
        settings.or_else(|| self.limits()?.refusal(purpose))
    }

    /// Whether it is this certificate, and trusted as an end entity: its settings must not reject it.
    pub(crate) fn is_trusted_end_entity(&self, leaf: &[u8], purpose: Purpose) -> bool {
        self.certificate.as_ref() == leaf && self.distrust(purpose).is_none()
    }

    /// The time since when the distribution does not trust it any more for new certificates, and
    /// the file that says so. A chain that ends here is rejected if its end entity's validity
    /// period begins later.
    pub fn distrust_after(&self, purpose: Purpose) -> Option<(UnixTime, &Source)> {
        let (date, source) = self.limits()?.distrust_after(purpose)?;
        Some((date.to_unix(), source))
    }

    /// Why it is no trust anchor for an end entity that was issued at a time.
    pub(crate) fn refusal_of_issued(
        &self,
        purpose: Purpose,
        not_before: Timestamp,
    ) -> Option<Refusal> {
        let (date, source) = self.limits()?.distrust_after(purpose)?;
        (not_before > date)
            .then(|| Refusal::DistrustedAfter { date: date.to_unix(), source: source.clone() })
    }

    /// Name constraints (contents of the SEQUENCE) that the distribution attaches to its key.
    pub(crate) fn attached_name_constraints(&self) -> Option<&[u8]> {
        self.limits()?.name_constraints()
    }

    /// What the distribution says about it, found when first needed.
    fn limits(&self) -> Option<&Limits> {
        let distrust = self.distrust.as_ref()?;
        let limits = match self.limits.get() {
            Some(limits) => limits,
            None => {
                let limits = distrust.limits(&self.certificate);
                self.limits.get_or_init(|| limits)
            }
        };
        limits.as_deref()
    }

    pub(crate) fn raw_subject(&self) -> &[u8] {
        cert::subject_of(&self.certificate).unwrap_or_default()
    }
}

fn vet(der: &[u8]) -> Result<Vetted, Refusal> {
    let cert = Cert::parse(der).map_err(|malformed| Refusal::Malformed(malformed.0.to_owned()))?;
    // RFC 5280 section 4.2 (critical extensions), sections 4.2.1.9 and 4.2.1.3: the same that
    // section 6.1.4 (k) to (o) demands of an intermediate. The key comes last: what a certificate
    // says of itself explains more than its length.
    let unfit = if let Some(oid) = cert.extensions.unknown_critical {
        Some(Refusal::UnknownCriticalExtension(der::dotted(oid)))
    } else if !cert.is_anchor_ca() {
        Some(Refusal::NotACa)
    } else if !cert.key_usage_allows(KEY_CERT_SIGN) {
        Some(Refusal::NoCertSign)
    } else {
        match cert.key().weakness() {
            Some(Weakness::Short { bits }) if bits < WEAK_RSA_BITS => Some(Refusal::WeakKey),
            Some(Weakness::Kind) => Some(Refusal::UnsupportedKey(cert::describe_key(cert.spki))),
            Some(Weakness::Short { .. }) | None => None,
        }
    };
    Ok(Vetted {
        not_before: cert.not_before,
        not_after: cert.not_after,
        tls_ca: cert.is_tls_ca(),
        server_auth: cert.extended_key_usage_allows(Purpose::ServerAuth),
        client_auth: cert.extended_key_usage_allows(Purpose::ClientAuth),
        weak: unfit.is_none() && cert.key().weakness().is_some(),
        unfit,
    })
}

/// Store entries, found by subject. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct AnchorSet {
    index: Arc<Index>,
}

#[derive(Debug, Default)]
struct Index {
    entries: Vec<StoreEntry>,
    /// Hash of the subject and place in `entries`, sorted.
    by_subject: Vec<(u64, usize)>,
    any_rejected: bool,
    any_settings: bool,
    distrust: Option<Arc<DistrustList>>,
}

/// An [`AnchorSet`] that is being filled.
#[derive(Debug, Default)]
pub(crate) struct AnchorSetBuilder {
    index: Index,
    /// The end of a certificate, or a hash of the whole entry where another one ends alike, and
    /// its place in `entries`.
    seen: QuickMap<u64, usize>,
}

impl AnchorSetBuilder {
    /// Makes room for so many more.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.index.entries.reserve(more);
        self.index.by_subject.reserve(more);
        self.seen.reserve(more);
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.index.entries.len()
    }

    /// Adds an entry, or gives the place of the one that it repeats.
    ///
    /// Where the same certificate comes with different trust settings, the purposes that the first
    /// one lists are those that count, as in OpenSSL, which keeps the first; but what any of them
    /// rejects is rejected.
    pub(crate) fn insert(&mut self, mut entry: StoreEntry) -> Result<(), usize> {
        let index = &mut self.index;
        // By the last bytes of the signature: certificates that differ, differ there, unless
        // somebody makes them so that they do not.
        let end = entry.certificate.last_chunk().map_or(0, |end| u64::from_le_bytes(*end));
        let mut key = end;
        let mut attempt = 0_u32;
        let mut is_first = true;
        while let Some(&known) = self.seen.get(&key) {
            if let Some(other) =
                index.entries.get(known).filter(|other| other.certificate == entry.certificate)
            {
                if std::mem::take(&mut is_first) {
                    entry.list_purposes_of(other);
                }
                if entry.trust == other.trust {
                    return Err(known);
                }
            }
            attempt += 1;
            key = match attempt {
                1 => hash(&*entry.certificate),
                2 => hash((&*entry.certificate, &entry.trust)),
                _ => key.wrapping_add(1),
            };
        }
        self.seen.insert(key, index.entries.len());
        index.any_rejected |= entry.trust.as_ref().is_some_and(|trust| !trust.rejected.is_empty());
        index.by_subject.push((cert::name_hash(entry.raw_subject()), index.entries.len()));
        index.any_settings |= entry.trust.is_some();
        index.entries.push(entry);
        Ok(())
    }

    /// Has every entry heed what the distribution says.
    #[cfg_attr(any(windows, target_vendor = "apple"), allow(dead_code))]
    pub(super) fn heed(&mut self, distrust: DistrustList) {
        if distrust.is_empty() {
            return;
        }
        let distrust = Arc::new(distrust);
        for entry in &mut self.index.entries {
            entry.distrust = Some(distrust.clone());
        }
        self.index.distrust = Some(distrust);
    }

    pub(crate) fn build(mut self) -> AnchorSet {
        self.index.by_subject.sort_unstable();
        if self.index.any_rejected {
            self.index.spread_rejections();
        }
        AnchorSet { index: Arc::new(self.index) }
    }
}

impl Index {
    /// A rejection holds for every entry with the same subject and key.
    fn spread_rejections(&mut self) {
        let identity = |entry: &StoreEntry| {
            let (subject, key) = cert::subject_and_key_of(&entry.certificate)?;
            Some((cert::canonical(subject)?, key.to_vec()))
        };
        // Only the purposes that somebody can ask for: the work does not grow with those that the
        // settings list.
        let matter: Vec<String> = [Purpose::ServerAuth.oid(), Purpose::ClientAuth.oid(), EKU_ANY]
            .into_iter()
            .map(der::dotted)
            .collect();
        let mut rejections: HashMap<_, BTreeSet<&String>> = HashMap::new();
        for entry in &self.entries {
            let Some(trust) = entry.trust.as_ref().filter(|trust| !trust.rejected.is_empty())
            else {
                continue;
            };
            let rejected = matter.iter().filter(|purpose| trust.rejected.contains(purpose));
            rejections.entry(identity(entry)).or_default().extend(rejected);
        }
        rejections.remove(&None);
        for entry in &mut self.entries {
            for purpose in rejections.get(&identity(entry)).into_iter().flatten().copied() {
                let known = &mut entry.trust.get_or_insert_default().rejected;
                if !known.contains(purpose) {
                    known.push(purpose.clone());
                }
            }
        }
    }
}

impl AnchorSet {
    /// Leaves out repetitions, see [`AnchorSetBuilder::insert`].
    pub(crate) fn new(entries: impl IntoIterator<Item = StoreEntry>) -> Self {
        let mut builder = AnchorSetBuilder::default();
        for entry in entries {
            let _ = builder.insert(entry);
        }
        builder.build()
    }

    pub(crate) fn entries(&self) -> &[StoreEntry] {
        &self.index.entries
    }

    /// The entries with this subject (contents of the Name), in the order of reading.
    pub(crate) fn with_subject(&self, subject: &[u8]) -> impl Iterator<Item = &StoreEntry> {
        self.with_name(cert::name_hash(subject), subject)
    }

    /// The same for a Name whose hash is known.
    pub(crate) fn with_name(
        &self,
        wanted: u64,
        subject: &[u8],
    ) -> impl Iterator<Item = &StoreEntry> {
        let start = self.index.by_subject.partition_point(|(hash, _)| *hash < wanted);
        self.index
            .by_subject
            .iter()
            .skip(start)
            .take_while(move |(hash, _)| *hash == wanted)
            .filter_map(|(_, index)| self.index.entries.get(*index))
            .filter(move |entry| cert::same_name(entry.raw_subject(), subject))
    }

    /// Whether any entry can be a trust anchor for the purpose at the time.
    pub(crate) fn has_usable(&self, purpose: Purpose, time: UnixTime) -> bool {
        self.entries().iter().any(|entry| entry.refusal(purpose, time).is_none())
    }
}

/// The file in which the distribution distrusts exactly this certificate, or its issuer and serial
/// number, wherever it stands in a path.
pub(crate) fn blocked_by<'s>(
    sets: &[&'s AnchorSet],
    cert: &Cert<'_>,
    purpose: Purpose,
) -> Option<&'s Source> {
    sets.iter().find_map(|set| set.index.distrust.as_ref()?.blocks(cert, purpose))
}

/// The entry whose trust settings say that this subject and key must not be trusted for the purpose,
/// under whatever certificate: one that rejects it, or else one that lists other purposes only,
/// where no entry says otherwise.
pub(crate) fn distrusting<'s>(
    sets: &[&'s AnchorSet],
    der: &[u8],
    purpose: Purpose,
) -> Option<&'s StoreEntry> {
    let any_settings = sets.iter().any(|set| set.index.any_settings);
    let (subject, key) = any_settings.then(|| cert::subject_and_key_of(der))??;
    let (mut other_purposes, mut otherwise) = (None, false);
    for entry in sets.iter().flat_map(|set| set.with_subject(subject)) {
        if cert::subject_and_key_of(&entry.certificate).is_none_or(|(_, other)| other != key) {
            continue;
        }
        match entry.distrust(purpose) {
            Some(Refusal::Rejected) => return Some(entry),
            Some(_) => other_purposes = other_purposes.or(Some(entry)),
            None => otherwise = true,
        }
    }
    other_purposes.filter(|_| !otherwise)
}

#[cfg(all(test, not(any(windows, target_vendor = "apple"))))]
mod tests;
