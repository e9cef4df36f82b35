//! Where CRLite is not asked: without the feature, and on systems whose own verifier decides.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cert::Cert;
use crate::cert::time::Timestamp;
use crate::fault::CrliteFault;

pub(crate) struct Answer {
    pub(crate) place: PathBuf,
    pub(crate) says: Says,
}

#[allow(dead_code)]
pub(crate) enum Says {
    Revoked { made: Timestamp },
    NotRevoked { until: Timestamp },
    Unknown(CrliteFault),
}

/// There is none.
#[derive(Debug)]
pub(crate) struct Crlite(Infallible);

impl Crlite {
    pub(crate) fn of_environment(_: &impl Fn(&str) -> Option<OsString>) -> Option<Arc<Self>> {
        None
    }

    pub(crate) fn check(
        &self,
        _: &Cert<'_>,
        _: &Cert<'_>,
        _: Timestamp,
        _: bool,
    ) -> Option<Answer> {
        match self.0 {}
    }
}
