//! The first reading of the system store in a process.

use rustls::RootCertStore;
use rustls_native_certs::load_native_certs;
use trustbridge::SystemStore;
use trustbridge_bench::{child, in_children, once};

fn main() {
    match child().as_deref() {
        None => in_children(
            "cold load",
            &["trustbridge", "rustls-native-certs", "rustls-native-certs, as anchors"],
        ),
        Some("trustbridge") => once(|| {
            let store = SystemStore::snapshot();
            assert!(store.entries().len() > 100);
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
