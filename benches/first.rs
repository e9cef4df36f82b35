//! The first verification in a process, the reading of the distribution's store included. The root of
//! the bench is an extra one.

use std::sync::Arc;

use pki_types::{ServerName, UnixTime};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_native_certs::load_native_certs;
use rustls_platform_verifier::Verifier as Platform;
use trustbridge::{Peer, Verifier};
use trustbridge_bench::{KEYS, NAME, chain, child, in_children, once, root};

const CASES: [&str; 3] = ["trustbridge", "rustls-platform-verifier", "rustls + native-certs"];

fn main() {
    let Some((bench, case)) = child() else {
        for key in ["P-256", "RSA-2048"] {
            let without = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
            in_children(&format!("first verification, {key}"), &CASES, &without);
        }
        return;
    };
    let key = KEYS.into_iter().find(|key| bench.ends_with(key)).expect("a kind of key");
    let (chain, root) = (chain(key), root(key));
    let name = ServerName::try_from(NAME).expect("a name");
    if case == "trustbridge" {
        once(|| {
            let verifier = Verifier::builder().extra_roots([root]).build().expect("a verifier");
            verifier.verify(&Peer::new(&chain, Some(name))).expect("trusted")
        });
        return;
    }
    let [leaf, intermediates @ ..] = &*chain else { unreachable!() };
    once(|| {
        let provider = Arc::new(default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = if case == "rustls-platform-verifier" {
            let verifier = Platform::new_with_extra_roots([root], provider);
            Arc::new(verifier.expect("a store"))
        } else {
            let mut roots = RootCertStore::empty();
            roots.add(root).expect("a root");
            roots.add_parsable_certificates(load_native_certs().certs);
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .expect("a store")
        };
        verifier
            .verify_server_cert(leaf, intermediates, &name, &[], UnixTime::now())
            .expect("trusted");
        verifier
    });
}
