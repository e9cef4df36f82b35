//! Adding trustbridge changes nothing for a program's other users of rustls, and its own
//! configurations take what is there. `scripts/check-providers` builds this four times.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::panic;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use trustbridge::Verifier;
use trustbridge::rustls_0_23::{ConfigError, ServerChainVerifier, client_config};

const AWS_LC_RS: bool = cfg!(feature = "aws-lc-rs");
const RING: bool = cfg!(feature = "ring");

/// Only aws-lc-rs can verify with P-521.
fn is_aws_lc_rs(provider: &CryptoProvider) -> bool {
    let schemes = provider.signature_verification_algorithms.supported_schemes();
    schemes.contains(&SignatureScheme::ECDSA_NISTP521_SHA512)
}

/// One test, so that the order is certain: rustls installs its choice for the process.
#[test]
fn providers() {
    let made = client_config(Verifier::system());
    match made {
        Ok(config) => {
            assert!(AWS_LC_RS || RING, "a provider that this program did not turn on");
            assert_eq!(is_aws_lc_rs(config.crypto_provider()), AWS_LC_RS);
            assert!(ServerChainVerifier::new(Verifier::system()).is_ok());
        }
        Err(error) => {
            assert!(!AWS_LC_RS && !RING, "{error}");
            assert_eq!(error, ConfigError::NoProvider);
            let error = ServerChainVerifier::new(Verifier::system()).unwrap_err();
            assert_eq!(error, ConfigError::NoProvider);
        }
    }
    assert!(CryptoProvider::get_default().is_none(), "a provider was installed");

    // rustls's own choice for everyone else: certain with one provider, and only then.
    let other = panic::catch_unwind(|| {
        let builder = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
        Arc::clone(builder.with_no_client_auth().crypto_provider())
    });
    assert_eq!(other.is_ok(), AWS_LC_RS != RING, "trustbridge changed rustls's choice");
    if let Ok(provider) = other {
        let config = client_config(Verifier::system()).unwrap();
        assert!(Arc::ptr_eq(config.crypto_provider(), &provider), "not the process's provider");
    }

    // With both, whoever installs one is followed.
    #[cfg(all(feature = "aws-lc-rs", feature = "ring"))]
    {
        rustls::crypto::ring::default_provider().install_default().unwrap();
        let config = client_config(Verifier::system()).unwrap();
        assert!(!is_aws_lc_rs(config.crypto_provider()), "not the process's provider");
    }
}
