//! One path from the end entity to a trust anchor, by RFC 5280 section 6.1.
//!
//! Section 6.1.3 and 6.1.4 walk from the trust anchor down and carry state along. All of that state
//! only ever shrinks what is allowed, so that the same verdict is a conjunction over certificates
//! and pairs of them, and each part can be decided where it costs least:
//!
//! | RFC 5280 | where |
//! |---|---|
//! | 6.1.1 (c), (d): initial policies, trust anchor | policies are not processed; the anchor is a certificate and is checked like one |
//! | 6.1.3 (a) (1): signature | [`Validation::signed`], from the anchor down |
//! | 6.1.3 (a) (2): validity period | [`checks`], once for each certificate |
//! | 6.1.3 (a) (3): revocation | `revocation`, once the path stands |
//! | 6.1.3 (a) (4): names chain | `graph` |
//! | 6.1.3 (b), (c), 6.1.4 (g): name constraints | [`Validation::name_constraints`] |
//! | 6.1.3 (d) to (f), 6.1.4 (a), (b), (h) to (j): policies | not processed, as in OpenSSL |
//! | 6.1.4 (c) to (f): the working key | the key of the next certificate up; keys inherit no parameters |
//! | 6.1.4 (k), (n): CA, keyCertSign | [`checks::issuer`], once for each certificate |
//! | 6.1.4 (l), (m): path length | [`path_lengths`] |
//! | 6.1.4 (o), 6.1.5 (f): critical extensions | [`checks`], once for each certificate |
//! | 6.1.5 (a), (b), (g): policies | not processed |
//!
//! Tests: the table in `tests/cases`, `tests/openssl.rs`, and `tests/differential` against OpenSSL.

use super::graph::{Anchored, Given, Graph, Node};
use super::name_constraints::Constraints;
use super::signatures::{Exhausted, Link, Signatures};
use crate::cert::Cert;
use crate::cert::der::Malformed;
use crate::checks;
use crate::fault::{Cause, Fault, Violation};
use crate::hashing::QuickMap;
use crate::kind::ErrorKind;
use crate::policy::RevocationOutcome;
use crate::revocation::{self, Known};
use crate::store::{Source, StoreEntry};

/// A path, with the numbers that the graph has for its certificates.
#[derive(Clone)]
pub(super) struct Path<'g, 'a> {
    /// End entity first.
    pub(super) nodes: Vec<(usize, &'g Node<'a>)>,
    pub(super) anchor: (usize, &'g Anchored<'a>),
}

impl<'g, 'a> Path<'g, 'a> {
    /// End entity first, trust anchor last.
    pub(super) fn certs(&self) -> impl DoubleEndedIterator<Item = &'g Cert<'a>> {
        let nodes = self.nodes.iter().map(|(_, node)| &node.cert);
        nodes.chain([&self.anchor.1.cert])
    }
}

/// Why a path is not accepted.
pub(super) enum Rejected {
    /// The link from the node at the fault's depth is none; other paths are to be found without it.
    Link(Fault),
    /// Something else is wrong with it.
    Path(Fault),
    /// The work has met its bound.
    Bound(Fault),
}

impl From<Fault> for Rejected {
    fn from(fault: Fault) -> Self {
        Self::Path(fault)
    }
}

impl From<Exhausted> for Rejected {
    fn from(_: Exhausted) -> Self {
        Self::Bound(Fault::too_much_work())
    }
}

/// The validation of the paths of one search, with all that is remembered from one path to the next.
pub(super) struct Validation<'g, 'a> {
    given: &'g Given<'g, 'a>,
    graph: &'g Graph<'a>,
    /// The OCSP response that the peer stapled.
    staple: &'a [u8],
    pub(super) signatures: Signatures<'a>,
    /// Whether a node's names are within the constraints of a CA, by the numbers of both.
    constrained: QuickMap<(usize, usize), Result<(), Violation>>,
}

impl<'g, 'a> Validation<'g, 'a> {
    pub(super) fn new(given: &'g Given<'g, 'a>, graph: &'g Graph<'a>, staple: &'a [u8]) -> Self {
        Self {
            given,
            graph,
            staple,
            signatures: Signatures::new(given.config, graph.nodes.len()),
            constrained: QuickMap::default(),
        }
    }

    /// Everything that a path must satisfy beyond what each of its certificates must.
    pub(super) fn path(&mut self, path: &Path<'_, 'a>) -> Result<RevocationOutcome, Rejected> {
        self.signed(path)?;
        path_lengths(path)?;
        self.name_constraints(path)?;
        if self.given.config.strict {
            strict(path)?;
        }
        self.revocation(path)
    }

    /// RFC 5280 section 6.3, once all else is in order: only now is it known whose key may sign.
    fn revocation(&mut self, path: &Path<'_, 'a>) -> Result<RevocationOutcome, Rejected> {
        let Given { config, time, .. } = *self.given;
        let certs: Vec<_> = path.certs().collect();
        let known = Known {
            crls: &config.crls,
            staple: self.staple,
            may_staple: !config.requested.is_of_clients(),
            ignore_validity: config.ignore_validity,
            crlite: config.crlite.as_deref().filter(|_| self.is_of_system(path.anchor.1.entry)),
        };
        let signatures = &mut self.signatures;
        revocation::check(&certs, &known, &config.revocation, time, signatures).map_err(|fault| {
            match fault.kind {
                ErrorKind::ChainTooComplex => Rejected::Bound(fault),
                _ => Rejected::Path(fault),
            }
        })
    }

    /// Whether the system's store has this trust anchor, whoever else has it too.
    fn is_of_system(&self, anchor: &StoreEntry) -> bool {
        let mut same = self.given.sets.iter().flat_map(|set| {
            let named = set.with_subject(anchor.raw_subject());
            named.filter(|entry| entry.certificate() == anchor.certificate())
        });
        same.any(|entry| matches!(entry.source(), Source::File(_) | Source::Directory(_)))
    }

    /// RFC 5280 section 6.1.3 (a) (1), from the trust anchor down: who has no trusted key makes
    /// nobody verify more than one signature for each certificate.
    pub(super) fn signed(&mut self, path: &Path<'_, 'a>) -> Result<(), Rejected> {
        let anchor = path.anchor.1;
        let mut issuer = (anchor.key, anchor.cert.spki);
        for (depth, &(number, node)) in path.nodes.iter().enumerate().rev() {
            let link = self.signatures.link((number, &node.cert), issuer)?;
            let fault = match link {
                Link::Good => {
                    issuer = (node.key, node.cert.spki);
                    continue;
                }
                Link::Wrong if node.cert.algorithms_differ => {
                    checks::malformed(Malformed("signature algorithm (inner and outer differ)"))
                }
                Link::Wrong => Fault::new(ErrorKind::BadSignature),
                Link::Unsupported => checks::unsupported_signature(&node.cert, Some(issuer.1)),
            };
            return Err(Rejected::Link(fault.at(depth)));
        }
        Ok(())
    }

    /// RFC 5280 section 6.1.3 (b) and (c) with 6.1.4 (g): every certificate below a CA with name
    /// constraints, but for self-issued ones that are not the end entity. The anchor's constraints
    /// are heeded like those of any other CA.
    fn name_constraints(&mut self, path: &Path<'_, 'a>) -> Result<(), Rejected> {
        /// About a microsecond's worth.
        const WORK_OF_ONE_UNIT: usize = 200;
        // OpenSSL takes the common name for a DNS name where it would match it with the peer's,
        // and always in client certificates, whose names are not matched.
        let config = self.given.config;
        let common_names = config.common_name || config.requested.is_of_clients();
        let (anchor, anchored) = path.anchor;
        let issuers = path.nodes.iter().map(|&(number, node)| (number, &node.cert));
        let issuers = issuers.chain([(self.graph.nodes.len() + anchor, &anchored.cert)]);
        let issuers = issuers.enumerate().skip(1);
        let own = issuers
            .map(|(depth, (number, cert))| (depth, number, cert.extensions.name_constraints));
        // What the distribution attaches to the anchor's key holds beside its own.
        let number = self.graph.nodes.len() + self.graph.anchors.len() + anchor;
        let attached = anchored.entry.attached_name_constraints();
        for (depth, number, contents) in own.chain([(path.nodes.len(), number, attached)]) {
            let Some(contents) = contents else { continue };
            let mut constraints = None;
            for (below, &(subject, node)) in path.nodes.iter().enumerate().take(depth) {
                if below != 0 && node.self_issued {
                    continue;
                }
                let verdict = match self.constrained.get(&(subject, number)) {
                    Some(known) => *known,
                    None => {
                        let constraints =
                            constraints.get_or_insert_with(|| Constraints::new(contents));
                        let work = constraints.work(&node.cert);
                        self.signatures.spend(work.unwrap_or_default() / WORK_OF_ONE_UNIT)?;
                        let verdict = work.and_then(|_| {
                            constraints.check(&node.cert, common_names && below == 0)
                        });
                        self.constrained.insert((subject, number), verdict);
                        verdict
                    }
                };
                if let Err(violation) = verdict {
                    let kind = match violation {
                        Violation::TooMany => ErrorKind::ChainTooComplex,
                        _ => ErrorKind::NameConstraints,
                    };
                    let cause = Cause::NameConstraints { violation, by: depth };
                    let fault = Fault::new(kind).at(below).because(cause);
                    return Err(fault.code(violation.openssl_code()).into());
                }
            }
        }
        Ok(())
    }
}

/// RFC 5280 section 6.1.4 (l) and (m), counted from below: a certificate's constraint is on the
/// intermediates between it and the end entity that are not self-issued. The anchor's own is heeded
/// too, as in OpenSSL (section 6.1.1 (d) leaves that open).
fn path_lengths(path: &Path<'_, '_>) -> Result<(), Fault> {
    let mut below = 0;
    for (depth, cert) in path.certs().enumerate().skip(1) {
        if checks::exceeds(cert.path_length(), below) {
            return Err(Fault::new(ErrorKind::PathLengthExceeded).at(depth));
        }
        below += usize::from(!cert.is_self_issued());
    }
    Ok(())
}

/// The strict profile holds for the whole path, the trust anchor included.
fn strict(path: &Path<'_, '_>) -> Result<(), Fault> {
    let last = path.nodes.len();
    path.certs()
        .enumerate()
        .try_for_each(|(depth, cert)| checks::strict(cert, depth, depth == last))
}
