//! The first verification in a process, the reading of the store included.

use std::sync::Arc;

use pki_types::{ServerName, UnixTime};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_native_certs::load_native_certs;
use trustbridge::{Peer, Verifier};
use trustbridge_bench::{KEYS, NAME, chain, child, in_children, once};

const CASES: [&str; 3] = ["trustbridge", "rustls-platform-verifier", "rustls + native-certs"];

fn main() {
    let Some(case) = child() else {
        for key in KEYS {
            let cases = CASES.map(|case| format!("{key}/{case}"));
            in_children(&format!("first verification, {key}"), &cases.each_ref().map(|s| &**s));
        }
        return;
    };
    let (key, case) = case.split_once('/').expect("key/case");
    let chain = chain(key);
    let name = ServerName::try_from(NAME).expect("a name");
    if case == "trustbridge" {
        once(|| Verifier::system().verify(&Peer::new(&chain, Some(name))).expect("trusted"));
        return;
    }
    let [leaf, intermediates @ ..] = &*chain else { unreachable!() };
    once(|| {
        let provider = Arc::new(default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = if case == "rustls-platform-verifier" {
            Arc::new(rustls_platform_verifier::Verifier::new(provider).expect("a store"))
        } else {
            let mut roots = RootCertStore::empty();
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
