//! The seam between the verifier and the operating system. One file or folder per system, each
//! with an `Engine` that implements [`Platform`]. `unsafe` is here and in `privileges` only.
//!
//! Tests: `tests/cases.rs` runs the table of cases against the engine of the system it is on.

#[cfg(any(target_vendor = "apple", test))]
mod apple;
#[cfg(any(windows, target_vendor = "apple", test))]
mod distrust;
mod evidence;
#[cfg(not(any(windows, target_vendor = "apple")))]
mod unix;
#[cfg(any(windows, test))]
mod windows;

#[cfg(target_vendor = "apple")]
pub(crate) use apple::Engine;
#[cfg(not(any(windows, target_vendor = "apple")))]
pub(crate) use unix::Engine;
#[cfg(windows)]
pub(crate) use windows::Engine;

use crate::cert::Cert;
use crate::fault::Failure;
use crate::peer::{Peer, Verified};
use crate::refused::BadSetting;
use crate::settings::Config;

/// What each system's file provides, so that a difference fails to compile.
pub(crate) trait Platform: Default + Send + Sync {
    /// Prepares what can be prepared once. Must not touch the system's store.
    fn new(config: &Config) -> Result<Self, BadSetting>;

    /// Verifies a chain whose first certificate is `leaf`: trust, validity, purpose, name and
    /// revocation. Sizes are already within bounds, and no certificate is pinned.
    fn verify(
        &self,
        config: &Config,
        leaf: &Cert<'_>,
        peer: &Peer<'_>,
    ) -> Result<Verified, Box<Failure>>;
}
