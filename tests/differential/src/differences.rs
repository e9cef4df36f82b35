//! Where the core's verdict may differ from OpenSSL's, and be more lenient than webpki's. Each
//! difference has a reason; one that no chain shows any more is a fault too.

use trustbridge::{ErrorKind, Verified, VerifyError};

use crate::scenario::Scenario;
use crate::verdicts::{self, Files};

/// What is known about a chain on which two verifiers disagree.
pub struct Dispute<'d> {
    /// The chain.
    pub scenario: &'d Scenario,
    /// The core's verdict.
    pub ours: &'d Result<Verified, VerifyError>,
    /// OpenSSL's.
    pub theirs: &'d Result<(), String>,
    /// For asking again.
    pub files: &'d mut Files,
}

impl Dispute<'_> {
    fn refused(&self, kind: ErrorKind) -> bool {
        self.ours.as_ref().is_err_and(|error| error.kind() == kind)
    }

    fn has(&self, label: &str) -> bool {
        self.scenario.labels.contains(&label)
    }

    /// Whether OpenSSL accepts the path that the core found, if it is given nothing else.
    fn agrees_on_the_path(&mut self) -> bool {
        let Ok(verified) = self.ours else { return false };
        let (anchor, rest) = verified.chain.split_last().unwrap();
        let path: Vec<_> = verified.chain.iter().map(|cert| cert.to_vec()).collect();
        let chain = match rest {
            [] => path.clone(),
            rest => rest.iter().map(|cert| cert.to_vec()).collect(),
        };
        let store = self.scenario.store.iter();
        let only = Scenario {
            chain,
            known: Vec::new(),
            store: store.filter(|entry| entry.der == anchor.as_ref()).cloned().collect(),
            ..self.scenario.clone()
        };
        verdicts::theirs(&only, self.files).is_ok()
    }
}

/// A difference from OpenSSL: its name, the reason, and whether it explains a dispute.
pub type Difference = (&'static str, &'static str, fn(&mut Dispute<'_>) -> bool);

/// The differences from OpenSSL 3.
pub const OPENSSL: &[Difference] = &[
    (
        "every path",
        "every path is tried; OpenSSL tries one issuer of several, and takes what the peer sent \
         along even where the end entity itself is trusted",
        |dispute| dispute.ours.is_ok() && dispute.agrees_on_the_path(),
    ),
    ("notAfter", "the end of validity is part of it (RFC 5280 section 4.1.2.5)", |dispute| {
        let earlier = Scenario { time: dispute.scenario.time - 1, ..dispute.scenario.clone() };
        dispute.ours.is_ok()
            && (dispute.has("validity") || dispute.has("time"))
            && verdicts::theirs(&earlier, dispute.files).is_ok()
    }),
    ("algorithms", "an algorithm that aws-lc-rs does not have", |dispute| {
        dispute.refused(ErrorKind::UnsupportedAlgorithm)
            && (dispute.has("key") || dispute.has("signature"))
    }),
];

/// Where the core is more lenient than webpki: name, reason, and whether webpki's error is of that
/// kind.
pub type Leniency = (&'static str, &'static str, fn(&webpki::Error, &Scenario) -> bool);

/// The leniencies.
pub const WEBPKI: &[Leniency] = &[];
