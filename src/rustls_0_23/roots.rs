//! The system store for libraries that take only roots. Tests: `roots_alone` in `tests/rustls.rs`.

use pki_types::UnixTime;
use rustls::RootCertStore;

use crate::{Purpose, SystemStore};

/// The trust anchors of the store that can be used for the purpose at the time, for libraries that
/// take only a [`RootCertStore`]. Empty if there are none: rustls then trusts nothing.
///
/// Prefer [`client_config`](super::client_config) wherever a library takes a `ClientConfig`. With
/// roots alone rustls verifies by its own rules, and everything that [`SystemStore::to_pem`] lists is
/// lost.
///
/// ```
/// use trustbridge::pki_types::UnixTime;
/// use trustbridge::{Purpose, SystemStore, rustls_0_23};
///
/// let store = SystemStore::snapshot();
/// let roots = rustls_0_23::root_store(&store, Purpose::ServerAuth, UnixTime::now());
/// # let _ = roots;
/// ```
pub fn root_store(store: &SystemStore, purpose: Purpose, time: UnixTime) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // A usable trust anchor that rustls cannot parse is one that it could not use either.
    roots.add_parsable_certificates(
        store.usable(purpose, time).map(|entry| entry.certificate().clone()),
    );
    roots
}
