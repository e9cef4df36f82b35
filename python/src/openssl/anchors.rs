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
    recent: Mutex<Vec<(CertificateDer<'static>, OwnedX509)>>,
}

impl AnchorCache {
    const SIZE: usize = 16;

    pub(super) fn get(
        &self,
        library: &Library,
        der: &CertificateDer<'static>,
    ) -> Option<OwnedX509> {
        // Never waits: after a fork the lock may be held for ever by a thread that is gone.
        let Ok(mut recent) = self.recent.try_lock() else { return library.parse(der) };
        if let Some((_, cert)) = recent.iter().find(|(known, _)| known == der) {
            return library.share(cert.cert);
        }
        let cert = library.parse(der)?;
        let shared = library.share(cert.cert);
        if recent.len() == Self::SIZE {
            recent.remove(0);
        }
        recent.push((der.clone(), cert));
        shared
    }
}
