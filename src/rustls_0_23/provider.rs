//! Which `CryptoProvider` a configuration takes where the caller names none. Tests:
//! `tests/providers`, a crate that is built with each of rustls's providers, with both and with
//! neither.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use super::ConfigError;

/// The process's default provider, or else one that rustls was compiled with. Nothing is installed:
/// a program that installs its own provider later must not find one in its place.
///
/// `ClientConfig::builder()` panics where rustls was compiled with both providers, or with neither.
/// Which of them there are can depend on a crate that the caller does not know of, so both are no
/// error here: aws-lc-rs, rustls's own default feature, comes first.
pub(super) fn default_provider() -> Result<Arc<CryptoProvider>, ConfigError> {
    CryptoProvider::get_default()
        .cloned()
        .or_else(|| compiled_in().map(Arc::new))
        .ok_or(ConfigError::NoProvider)
}

/// rustls has these modules only with the features of their names, which this crate cannot see. In
/// a block, what a glob import brings in hides what the enclosing module declares: so the path is
/// rustls's module where there is one, and otherwise the one below.
#[allow(clippy::useless_conversion)] // Where rustls does not have the module.
fn compiled_in() -> Option<CryptoProvider> {
    #[allow(unused_imports)] // Where rustls has neither module.
    use rustls::crypto::*;

    Option::from(aws_lc_rs::default_provider()).or_else(|| Option::from(ring::default_provider()))
}

#[allow(dead_code)] // Where rustls has the module.
mod aws_lc_rs {
    use rustls::crypto::CryptoProvider;

    pub(super) fn default_provider() -> Option<CryptoProvider> {
        None
    }
}

#[allow(dead_code)] // Where rustls has the module.
mod ring {
    use rustls::crypto::CryptoProvider;

    pub(super) fn default_provider() -> Option<CryptoProvider> {
        None
    }
}
