//! One verification after another, with one verifier.

use std::hint::black_box;
use std::sync::Arc;

use pki_types::{ServerName, TrustAnchor, UnixTime};
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_native_certs::load_native_certs;
use trustbridge::{Peer, Verifier};
use trustbridge_bench::{Case, KEYS, NAME, chain, in_turns};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

fn main() {
    let name = ServerName::try_from(NAME).expect("a name");
    let provider = Arc::new(default_provider());
    let store = load_native_certs().certs;
    let anchors: Vec<TrustAnchor<'_>> =
        store.iter().filter_map(|cert| anchor_from_trusted_cert(cert).ok()).collect();
    let platform = rustls_platform_verifier::Verifier::new(provider).expect("a store");
    let verifier = Verifier::system();
    let forgetful = Verifier::builder().remember_signatures(false).build().expect("a verifier");

    for key in KEYS {
        let chain = chain(key);
        let [leaf, intermediates @ ..] = &*chain else { unreachable!() };
        let mut cases: Vec<Case<'_>> = vec![
            (
                "webpki",
                Box::new(|| {
                    let leaf = EndEntityCert::try_from(black_box(leaf)).expect("a certificate");
                    leaf.verify_for_usage(
                        webpki::ALL_VERIFICATION_ALGS,
                        &anchors,
                        intermediates,
                        UnixTime::now(),
                        KeyUsage::server_auth(),
                        None,
                        None,
                    )
                    .expect("trusted");
                    leaf.verify_is_valid_for_subject_name(&name).expect("the name");
                }),
            ),
            (
                "trustbridge",
                Box::new(|| {
                    let peer = Peer::new(black_box(&chain), Some(name.clone()));
                    black_box(verifier.verify(&peer).expect("trusted"));
                }),
            ),
            (
                "trustbridge, signatures not remembered",
                Box::new(|| {
                    let peer = Peer::new(black_box(&chain), Some(name.clone()));
                    black_box(forgetful.verify(&peer).expect("trusted"));
                }),
            ),
            (
                "rustls-platform-verifier",
                Box::new(|| {
                    platform
                        .verify_server_cert(
                            black_box(leaf),
                            intermediates,
                            &name,
                            &[],
                            UnixTime::now(),
                        )
                        .expect("trusted");
                }),
            ),
        ];
        in_turns(&format!("repeated verification, {key}"), &mut cases);
    }
}
