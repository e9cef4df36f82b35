//! Which store entries can be trust anchors (design: vetted at the time of verification).
//!
//! `webpki` treats a trust anchor as a name and a key and checks nothing else, so everything
//! OpenSSL would check of a trusted certificate is checked here.
//!
//! Tests: the table in `tests/cases`, `tests/store.rs`, `load/tests.rs`.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use pki_types::{CertificateDer, UnixTime};

use super::refusal::{Refusal, TrustSettings};
use super::source::Source;
use crate::cert::der;
use crate::cert::time::Timestamp;
use crate::cert::{self, Cert, EKU_ANY, KEY_CERT_SIGN};
use crate::policy::Purpose;

/// A certificate of a store, with where it came from.
#[derive(Debug)]
pub struct StoreEntry {
    certificate: CertificateDer<'static>,
    source: Source,
    trust: Option<TrustSettings>,
    vetted: OnceLock<Result<Vetted, Refusal>>,
}

/// What does not depend on the time or the purpose, computed once, when first needed.
#[derive(Debug)]
pub(crate) struct Vetted {
    not_before: Timestamp,
    not_after: Timestamp,
    server_auth: bool,
    client_auth: bool,
    unfit: Option<Refusal>,
}

impl StoreEntry {
    pub(crate) fn new(
        certificate: CertificateDer<'static>,
        source: Source,
        trust: Option<TrustSettings>,
    ) -> Self {
        Self { certificate, source, trust, vetted: OnceLock::new() }
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
        self.vet(purpose, time).err()
    }

    /// The trust anchor, or why there is none.
    pub(crate) fn vet(&self, purpose: Purpose, time: UnixTime) -> Result<&Vetted, Refusal> {
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
        let allowed = match purpose {
            Purpose::ServerAuth => vetted.server_auth,
            Purpose::ClientAuth => vetted.client_auth,
        };
        // RFC 5280 section 6.1 leaves the validity of a trust anchor to local policy; OpenSSL
        // checks it like that of any other certificate, and so do we.
        let now = Timestamp::from(time);
        // Settings that name the purpose overrule the certificate's own, as in OpenSSL.
        if !allowed && !self.grants(purpose) {
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

    /// What the trust settings alone say against the purpose.
    pub(crate) fn distrust(&self, purpose: Purpose) -> Option<Refusal> {
        self.trust.as_ref()?.refusal(purpose)
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
    } else if cert.key().weakness().is_some() {
        Some(Refusal::WeakKey)
    } else {
        None
    };
    Ok(Vetted {
        not_before: cert.not_before,
        not_after: cert.not_after,
        server_auth: cert.extended_key_usage_allows(Purpose::ServerAuth),
        client_auth: cert.extended_key_usage_allows(Purpose::ClientAuth),
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
}

/// An [`AnchorSet`] that is being filled.
#[derive(Debug, Default)]
pub(crate) struct AnchorSetBuilder {
    index: Index,
    /// Hash of a certificate's end, or of the whole entry where another one ends alike, and its
    /// place in `entries`.
    seen: HashMap<u64, usize>,
}

impl AnchorSetBuilder {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.index.entries.len()
    }

    /// Adds an entry, or gives the place of the one that it repeats. Where the same certificate
    /// comes with and without trust settings, or with different ones, all of them stay and a
    /// rejection wins.
    pub(crate) fn insert(&mut self, entry: StoreEntry) -> Result<(), usize> {
        let index = &mut self.index;
        let repeats = |known: usize| {
            index.entries.get(known).is_some_and(|other| {
                other.certificate == entry.certificate && other.trust == entry.trust
            })
        };
        // By the last bytes of the signature: certificates that differ, differ there, unless
        // somebody makes them so that they do not.
        let tail = entry.certificate.len().saturating_sub(64);
        let mut key = hash(&entry.certificate.get(tail..));
        let mut ends_alike = false;
        while let Some(&known) = self.seen.get(&key) {
            if repeats(known) {
                return Err(known);
            }
            key = if ends_alike {
                key.wrapping_add(1)
            } else {
                hash(&(&*entry.certificate, &entry.trust))
            };
            ends_alike = true;
        }
        self.seen.insert(key, index.entries.len());
        index.any_rejected |= entry.trust.as_ref().is_some_and(|trust| !trust.rejected.is_empty());
        index.by_subject.push((cert::name_hash(entry.raw_subject()), index.entries.len()));
        index.any_settings |= entry.trust.is_some();
        index.entries.push(entry);
        Ok(())
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
            let cert = Cert::parse(&entry.certificate).ok()?;
            Some((cert::canonical(cert.subject)?, cert.spki.to_vec()))
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
        let wanted = cert::name_hash(subject);
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

/// The entry whose trust settings say that this subject and key must not be trusted for the purpose,
/// under whatever certificate: one that rejects it, or else one that lists other purposes only,
/// where no entry says otherwise.
pub(crate) fn distrusting<'s>(
    sets: &[&'s AnchorSet],
    cert: &Cert<'_>,
    purpose: Purpose,
) -> Option<&'s StoreEntry> {
    if sets.iter().all(|set| !set.index.any_settings) {
        return None;
    }
    let (mut other_purposes, mut otherwise) = (None, false);
    for entry in sets.iter().flat_map(|set| set.with_subject(cert.subject)) {
        if !Cert::parse(&entry.certificate).is_ok_and(|other| other.spki == cert.spki) {
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

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
