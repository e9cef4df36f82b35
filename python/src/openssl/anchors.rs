//! OpenSSL's objects for trust anchors.

use std::ptr::NonNull;
use std::sync::Mutex;

use pki_types::CertificateDer;

use super::Library;
use super::symbols::X509;

/// One reference to a certificate of OpenSSL.
pub(super) struct OwnedX509 {
    pub(super) cert: NonNull<X509>,
    pub(super) free: unsafe extern "C" fn(*mut X509),
}

impl Drop for OwnedX509 {
    fn drop(&mut self) {
        // SAFETY: Signatures; this object owns one reference.
        unsafe { (self.free)(self.cert.as_ptr()) }
    }
}

// SAFETY: OpenSSL counts references atomically and locks what it computes lazily in a
// certificate; nothing here changes one.
unsafe impl Send for OwnedX509 {}

/// The trust anchors last used, as OpenSSL's objects: parsing one takes longer than verifying a
/// signature.
#[derive(Default)]
pub(super) struct AnchorCache {
    recent: Mutex<Recent>,
}

#[derive(Default)]
struct Recent {
    entries: Vec<Entry>,
    /// Where the next entry that has to go is searched for.
    hand: usize,
}

struct Entry {
    der: CertificateDer<'static>,
    cert: OwnedX509,
    /// Since the hand last passed.
    used: bool,
}

impl AnchorCache {
    /// More than the stores of distributions have.
    const SIZE: usize = 256;

    pub(super) fn get(
        &self,
        library: &Library,
        der: &CertificateDer<'static>,
    ) -> Option<OwnedX509> {
        // Never waits: after a fork the lock may be held for ever by a thread that is gone.
        let Ok(mut recent) = self.recent.try_lock() else { return library.parse(der) };
        if let Some(entry) = recent.entries.iter_mut().find(|entry| entry.is(der)) {
            entry.used = true;
            return library.share(entry.cert.cert);
        }
        let cert = library.parse(der)?;
        let shared = library.share(cert.cert);
        recent.insert(Entry { der: der.clone(), cert, used: true });
        shared
    }
}

impl Entry {
    /// The end of the signature first: there certificates differ.
    fn is(&self, der: &CertificateDer<'static>) -> bool {
        self.der.len() == der.len()
            && self.der.last_chunk::<8>() == der.last_chunk::<8>()
            && self.der == *der
    }
}

impl Recent {
    /// Once it is full, in the place of one that was not used since the hand last passed.
    fn insert(&mut self, entry: Entry) {
        if self.entries.len() < AnchorCache::SIZE {
            return self.entries.push(entry);
        }
        while let Some(next) = self.entries.get_mut(self.hand) {
            self.hand = (self.hand + 1) % AnchorCache::SIZE;
            if !std::mem::take(&mut next.used) {
                *next = entry;
                return;
            }
        }
    }
}
