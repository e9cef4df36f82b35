//! The first reading of the system store in a process.

use pki_types::UnixTime;
use rustls::RootCertStore;
use rustls_native_certs::load_native_certs;
use trustbridge::{Purpose, SystemStore};
use trustbridge_bench::{child, in_children, once};

const CASES: [&str; 4] = [
    "trustbridge",
    "trustbridge, anchors vetted",
    "rustls-native-certs",
    "rustls-native-certs, as anchors",
];

fn main() {
    match child().as_ref().map(|(_, case)| &**case) {
        None => {
            in_children("cold load", &CASES, &["SSL_CERT_FILE", "SSL_CERT_DIR"]);
            in_children("cold load of SSL_CERT_FILE", &CASES, &[]);
        }
        Some("trustbridge") => once(|| {
            let store = SystemStore::snapshot();
            assert!(store.entries().len() > 100);
            store
        }),
        Some("trustbridge, anchors vetted") => once(|| {
            let store = SystemStore::snapshot();
            assert!(store.usable(Purpose::ServerAuth, UnixTime::now()).count() > 100);
            store
        }),
        Some("rustls-native-certs") => once(|| {
            let store = load_native_certs();
            assert!(store.certs.len() > 100);
            store
        }),
        Some(_) => once(|| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(load_native_certs().certs);
            assert!(roots.len() > 100);
            roots
        }),
    }
}
