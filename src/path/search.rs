//! The search for a path: candidates are found by name ([`graph`](super::graph)), the shortest way
//! to a trust anchor is taken first, and what fails of it is left out of the next (RFC 5280 section
//! 6.1 takes the path as given; RFC 4158 describes how to find one).
//!
//! The work is bounded by links and by one budget for signatures, steps and names, whatever the peer
//! sends; the number of intermediates is only bounded by [`MAX_INTERMEDIATES`]. Where a bound is met,
//! that is the fault.
//!
//! Tests: the table in `tests/cases`, `tests/verifier.rs`, `tests/openssl.rs`.

mod order;

use self::order::Order;
use super::graph::{Given, Graph, MAX_LINKS, Node};
use super::signatures::{Exhausted, Link};
use super::validate::{Path, Rejected, Validation};
use crate::cert::Cert;
use crate::checks;
use crate::fault::{Cause, Failure, Fault, NearMiss};
use crate::kind::ErrorKind;
use crate::peer::{Anchor, Peer, Verified};
use crate::policy::RevocationOutcome;
use crate::settings::Config;
use crate::store::{AnchorSet, Refusal, StoreEntry, SystemStore, blocked_by, distrusting};

/// Most intermediates in a path, as in OpenSSL.
const MAX_INTERMEDIATES: usize = 100;
/// Most flawed paths that are read for the best explanation.
const MAX_EXPLAINED: usize = 8;
/// Most store entries that are listed as having come close.
const MAX_NEAR_MISSES: usize = 20;

/// One search for a path to a trust anchor.
pub(crate) struct Search<'a> {
    config: &'a Config,
    peer: &'a Peer<'a>,
    leaf: &'a Cert<'a>,
    sets: Vec<&'a AnchorSet>,
    near_misses: Vec<NearMiss>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        config: &'a Config,
        leaf: &'a Cert<'a>,
        peer: &'a Peer<'a>,
        system: Option<&'a SystemStore>,
    ) -> Self {
        let mut sets = vec![&config.extra];
        sets.extend(system.map(|store| &store.anchors));
        // Fallback roots must never widen a trust that works: they are for a machine whose store
        // is empty or unreadable.
        if !config.fallback.entries().is_empty()
            && !system.is_some_and(|store| store.anchors.has_usable(config.purpose, peer.time))
        {
            sets.push(&config.fallback);
        }
        Self { config, peer, leaf, sets, near_misses: Vec::new() }
    }

    /// The trust anchors that are searched.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &'a StoreEntry> + use<'a> {
        self.sets.clone().into_iter().flat_map(AnchorSet::entries)
    }

    /// The store entries that have the right name and were not used.
    pub(crate) fn near_misses(self) -> Vec<NearMiss> {
        self.near_misses
    }

    pub(crate) fn run(&mut self) -> Result<Verified, Box<Failure>> {
        let Self { config, leaf, peer, .. } = *self;
        // A rejection in the store has the last word, before anything is searched.
        if let Some(entry) = distrusting(&self.sets, leaf.der, config.purpose) {
            return Err(Fault::distrusted(entry).at(0).into());
        }
        if let Some(source) = blocked_by(&self.sets, leaf, config.purpose) {
            return Err(Fault::blocked(leaf, source).at(0).into());
        }
        let sent = peer.chain.get(1..).unwrap_or_default();
        let sets = std::mem::take(&mut self.sets);
        let given = Given { config, time: peer.time, leaf, sent, sets: &sets };
        let verdict = self.search(&given);
        self.sets = sets;
        verdict.and_then(|verified| {
            checks::name(leaf, config, peer).map(|()| verified).map_err(Into::into)
        })
    }

    fn search(&mut self, given: &Given<'_, 'a>) -> Result<Verified, Box<Failure>> {
        let graph = Graph::new(given);
        let mut walk = Walk::new(given, &graph, self.peer.ocsp_response);
        if let Some(verified) = walk.accept() {
            return Ok(verified);
        }
        // The end entity itself is in a store: trusted whole, whoever issued it, unless a path to
        // it has been decided on: what a CRL or the store says is final.
        if walk.worst().is_none_or(|kind| kind.rank() < ErrorKind::RevocationUnknown.rank()) {
            if let Some(verdict) = self.trusted_end_entity(given) {
                return verdict;
            }
        }
        let mut failure = walk.explain().unwrap_or_else(|| no_path(given, &graph));
        self.near_misses = near_misses(&walk);
        failure.fault = checks::or_misnamed(failure.fault, given.leaf, given.config, self.peer);
        Err(failure)
    }

    fn trusted_end_entity(&self, given: &Given<'_, 'a>) -> Option<Result<Verified, Box<Failure>>> {
        let Given { config, leaf, sets, .. } = *given;
        let entry = sets.iter().find_map(|set| {
            set.with_subject(leaf.subject)
                .find(|entry| entry.is_trusted_end_entity(leaf.der, config.purpose))
        })?;
        let (anchor, granted) = (Anchor::from(entry), entry.grants(config.purpose));
        let verdict = checks::trusted_end_entity(leaf, config, self.peer, anchor, granted);
        Some(verdict.map_err(Into::into))
    }
}

/// The walk through a graph, with all that is remembered on it.
struct Walk<'g, 'a> {
    graph: &'g Graph<'a>,
    /// What every path to a trust anchor has to pass.
    validation: Validation<'g, 'a>,
    /// Whether certificates that are flawed are walked over as well, to say what is wrong.
    explaining: bool,
    explained: usize,
    /// Whether a bound was met.
    bounded: bool,
    failure: Option<Attempt<'g, 'a>>,
}

/// A path that failed, and why.
struct Attempt<'g, 'a> {
    fault: Fault,
    path: Option<Path<'g, 'a>>,
}

/// How a part of the walk ended.
enum End<'g, 'a> {
    Accepted(Path<'g, 'a>, RevocationOutcome),
    /// A link from this node was found to be none.
    Link(usize),
    /// All has been tried.
    Exhausted,
    /// A bound was met, or enough is known.
    Enough,
}

impl<'g, 'a> Walk<'g, 'a> {
    fn new(given: &'g Given<'g, 'a>, graph: &'g Graph<'a>, staple: &'a [u8]) -> Self {
        Self {
            graph,
            validation: Validation::new(given, graph, staple),
            explaining: false,
            explained: 0,
            bounded: false,
            failure: None,
        }
    }

    fn accept(&mut self) -> Option<Verified> {
        if self.graph.cut {
            let cause = Cause::TooManyLinks { limit: MAX_LINKS };
            self.bound(Fault::new(ErrorKind::ChainTooComplex).because(cause));
        }
        let End::Accepted(path, revocation) = self.walk() else { return None };
        let chain = path.certs().map(Cert::to_der).collect();
        let anchor = Anchor::from(path.anchor.1.entry);
        Some(Verified { chain, anchor, revocation, weaknesses: Vec::new() })
    }

    /// The most telling fault of the paths that failed; `None` if there was none at all.
    fn explain(&mut self) -> Option<Box<Failure>> {
        if !self.bounded {
            self.explaining = true;
            self.validation.signatures.explain();
            self.walk();
        }
        let attempt = self.failure.take()?;
        let mut failure: Box<Failure> = attempt.fault.into();
        failure.path = attempt.path.iter().flat_map(Path::certs).map(Cert::summary).collect();
        Some(failure)
    }

    /// The kind of the most telling fault so far.
    fn worst(&self) -> Option<ErrorKind> {
        self.failure.as_ref().map(|attempt| attempt.fault.kind)
    }

    /// Remembers the most telling of several faults; the first of equals.
    fn fail(&mut self, fault: Fault, path: &Path<'g, 'a>) {
        if self.worst().is_none_or(|known| fault.kind.rank() > known.rank()) {
            self.failure = Some(Attempt { fault, path: Some(path.clone()) });
        }
    }

    /// Remembers that a bound was met. What was found before may not be the reason, unless it is
    /// final, or every path without a flaw has been tried.
    fn bound(&mut self, fault: Fault) {
        self.bounded = true;
        let stands =
            |kind: ErrorKind| self.explaining || kind.rank() >= ErrorKind::RevocationUnknown.rank();
        if !self.worst().is_some_and(stands) {
            self.failure = Some(Attempt { fault, path: None });
        }
    }

    fn walk(&mut self) -> End<'g, 'a> {
        let Some(leaf) = self.node(0) else { return End::Exhausted };
        let mut order = self.order();
        loop {
            match self.extend(&mut vec![(0, leaf)], &order) {
                End::Link(number) => {
                    let Ok(changed) = self.order_without(number, order) else { return End::Enough };
                    order = changed;
                }
                end => return end,
            }
        }
    }

    /// Takes the price of a step out of the budget.
    fn spend(&mut self, price: usize) -> Result<(), Exhausted> {
        self.validation.signatures.spend(price).inspect_err(|_| self.bound(Fault::too_much_work()))
    }

    fn node(&self, number: usize) -> Option<&'g Node<'a>> {
        self.graph.nodes.get(number).filter(|node| self.explaining || node.flaw.is_none())
    }

    fn may_be_issued(&self, node: &Node<'a>) -> bool {
        self.explaining || !node.self_signed
    }

    /// Whether it is not known that a node was not signed with a key.
    fn may_link(&self, number: usize, key: usize) -> bool {
        matches!(self.validation.signatures.known(number, key), None | Some(Link::Good))
    }

    /// The trust anchors that may have issued a node.
    fn anchors(&self, number: usize, node: &'g Node<'a>) -> impl Iterator<Item = usize> {
        let may = self.may_be_issued(node);
        node.anchors.iter().copied().filter(move |&anchor| {
            may && self.graph.anchors.get(anchor).is_some_and(|anchor| {
                (self.explaining || anchor.refusal.is_none()) && self.may_link(number, anchor.key)
            })
        })
    }

    /// Tries every path that begins with this one, the shortest first.
    fn extend(&mut self, path: &mut Vec<(usize, &'g Node<'a>)>, order: &Order) -> End<'g, 'a> {
        let Some(&(number, head)) = path.last() else { return End::Exhausted };
        // Where constraints forbid one path after the other, there are more than can be tried. Issuers
        // are sorted, and each is searched for in the path.
        let price = 1 + head.issuers.len() * (8 + path.len()) / 256;
        if self.spend(price).is_err() {
            return End::Enough;
        }
        // Trust anchors first: a root that the store has ends the path, even where the peer sends
        // a cross-certificate of it that leads elsewhere (OpenSSL's X509_V_FLAG_TRUSTED_FIRST).
        for anchor in self.anchors_in(order, number, head) {
            let Some(anchored) = self.graph.anchors.get(anchor) else { continue };
            let complete = Path { nodes: path.clone(), anchor: (anchor, anchored) };
            match self.complete(complete) {
                End::Exhausted => {}
                end => return end,
            }
        }
        if path.len() > MAX_INTERMEDIATES || !self.may_be_issued(head) {
            return End::Exhausted;
        }
        for issuer in order.issuers(head) {
            let Some(node) = self.node(issuer) else { continue };
            // Cross-signs make loops, and the same CA twice proves nothing more (RFC 5280 section
            // 6.1: a certificate appears at most once).
            if !self.may_link(number, node.key) || path.iter().any(|(_, seen)| seen.ca == node.ca) {
                continue;
            }
            path.push((issuer, node));
            let end = self.extend(path, order);
            path.pop();
            match end {
                End::Exhausted => {}
                end => return end,
            }
        }
        End::Exhausted
    }

    /// A path that has reached a trust anchor.
    fn complete(&mut self, path: Path<'g, 'a>) -> End<'g, 'a> {
        // Each of its certificates against all above it.
        if self.spend(path.nodes.len().pow(2) / 64).is_err() {
            return End::Enough;
        }
        let verdict = match self.explaining {
            false => self.validation.path(&path),
            true => self.flawed(&path),
        };
        match verdict {
            Ok(revocation) => End::Accepted(path, revocation),
            Err(Rejected::Link(fault)) => {
                let below = path.nodes.get(fault.depth.unwrap_or_default());
                let number = below.map_or(0, |(number, _)| *number);
                self.fail(fault, &path);
                End::Link(number)
            }
            Err(Rejected::Path(fault)) => {
                self.fail(fault, &path);
                self.explained += usize::from(self.explaining);
                if self.explained < MAX_EXPLAINED { End::Exhausted } else { End::Enough }
            }
            Err(Rejected::Bound(fault)) => {
                self.bound(fault);
                End::Enough
            }
        }
    }

    /// What is wrong with a path that has a flawed certificate: the anchor, where it cannot be one,
    /// or else the lowest. Its links must be real ones, or it would not matter.
    fn flawed(&mut self, path: &Path<'g, 'a>) -> Result<RevocationOutcome, Rejected> {
        let unusable = |kind| matches!(kind, ErrorKind::WeakKey | ErrorKind::UnsupportedAlgorithm);
        let (_, anchored) = path.anchor;
        let refused = anchored.refusal.as_ref().and_then(|(refusal, entry)| {
            Some(Fault::refused_anchor(entry, refusal.clone())?.at(path.nodes.len()))
        });
        let flaws = path
            .nodes
            .iter()
            .enumerate()
            .filter_map(|(depth, (_, node))| node.flaw.clone().map(|flaw| flaw.at(depth)));
        let faults: Vec<_> = refused.into_iter().chain(flaws).collect();
        // Signatures of keys that are not accepted are not verified at all.
        if !faults.iter().any(|fault| unusable(fault.kind)) {
            self.validation.signed(path)?;
        }
        match faults.into_iter().next() {
            Some(first) => Err(first.into()),
            None => self.validation.path(path),
        }
    }
}

/// The failure where no path reaches a trust anchor, whatever its certificates are like: names are
/// followed as far as the chain goes, to say whose issuer is missing.
fn no_path(given: &Given<'_, '_>, graph: &Graph<'_>) -> Box<Failure> {
    let mut path: Vec<&Node<'_>> = graph.nodes.first().into_iter().collect();
    while let Some(next) = path.last().and_then(|head| {
        let mut issuers = head.issuers.iter().filter_map(|&issuer| graph.nodes.get(issuer));
        let goes_on = !head.self_signed;
        issuers.find(|issuer| goes_on && !path.iter().any(|seen| seen.ca == issuer.ca))
    }) {
        path.push(next);
    }
    let certs: Vec<_> = path.iter().map(|node| &node.cert).collect();
    let mut fault = match certs.split_last() {
        Some((last, below)) => checks::missing_path(last, below.len()),
        None => Fault::new(ErrorKind::UnknownIssuer),
    };
    if !given.sets.iter().any(|set| set.has_usable(given.config.purpose, given.time)) {
        fault.kind = ErrorKind::NoTrustAnchors;
    }
    let mut failure: Box<Failure> = fault.into();
    failure.path = certs.into_iter().map(Cert::summary).collect();
    failure
}

/// The store entries that have the name of an issuer and were not used, with the reason.
fn near_misses(walk: &Walk<'_, '_>) -> Vec<NearMiss> {
    let graph = walk.graph;
    let refused = graph.anchors.iter().filter_map(|anchor| {
        anchor.refusal.as_ref().map(|(refusal, entry)| (*entry, refusal.clone()))
    });
    let wrong = walk.validation.signatures.wrong_keys();
    let wrong = graph
        .anchors
        .iter()
        .filter(|anchor| anchor.refusal.is_none() && wrong.contains(&anchor.key));
    let strangers = graph.strangers.iter().copied().chain(wrong.map(|anchor| anchor.entry));
    let strangers = strangers.map(|entry| (entry, Refusal::DifferentKey));
    let mut out: Vec<NearMiss> = Vec::new();
    for (entry, refusal) in refused.chain(strangers).take(5 * MAX_NEAR_MISSES) {
        if out.len() == MAX_NEAR_MISSES {
            break;
        }
        let miss = NearMiss::new(entry, refusal);
        if !out.contains(&miss) {
            out.push(miss);
        }
    }
    out
}
