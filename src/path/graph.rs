//! Which certificates may be in a path: everything that leads from the end entity upwards by name,
//! with what is wrong with each. No signature is verified for it.
//!
//! Tests: the table in `tests/cases`, `tests/verifier.rs`.

use std::hash::{Hash, Hasher};

use pki_types::{CertificateDer, UnixTime};

use crate::cert::{Cert, same_name};
use crate::checks;
use crate::fault::Fault;
use crate::hashing::QuickMap;
use crate::settings::Config;
use crate::store::{AnchorSet, Refusal, StoreEntry, blocked_by, distrusting};

/// Most pairs of a certificate and one that may have issued it.
pub(super) const MAX_LINKS: usize = 20_000;
/// More certificates than most chains have.
const USUAL: usize = 6;

/// The end entity, number 0, and the intermediates that may be above it.
pub(super) struct Graph<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) anchors: Vec<Anchored<'a>>,
    /// Store entries with the name of an issuer and another key.
    pub(super) strangers: Vec<&'a StoreEntry>,
    /// Whether there were more than [`MAX_LINKS`].
    pub(super) cut: bool,
    /// How many of these pairs there are.
    pub(super) links: usize,
}

/// A certificate that is not trusted by itself.
pub(super) struct Node<'a> {
    pub(super) cert: Cert<'a>,
    /// The number of its key: equal keys have equal numbers.
    pub(super) key: usize,
    /// The number of the first node with the same name and key: in a path that CA is the same.
    pub(super) ca: usize,
    pub(super) self_issued: bool,
    /// Whether it looks self-signed. Then it is trusted itself or not at all: what else has its
    /// name only explains a rejection.
    pub(super) self_signed: bool,
    /// What is wrong with it, wherever it stands in a path. The depth is not yet known.
    pub(super) flaw: Option<Fault>,
    /// The nodes that may have issued it, and that it may have issued.
    pub(super) issuers: Vec<usize>,
    pub(super) issued: Vec<usize>,
    /// The trust anchors that may have issued it.
    pub(super) anchors: Vec<usize>,
}

/// A store entry.
pub(super) struct Anchored<'a> {
    pub(super) entry: &'a StoreEntry,
    pub(super) cert: Cert<'a>,
    pub(super) key: usize,
    /// Why it cannot be a trust anchor, and the entry that says so.
    pub(super) refusal: Option<(Refusal, &'a StoreEntry)>,
}

/// What a graph is made from.
pub(super) struct Given<'g, 'a> {
    pub(super) config: &'a Config,
    pub(super) time: UnixTime,
    pub(super) leaf: &'g Cert<'a>,
    /// What the peer sent besides the end entity.
    pub(super) sent: &'a [CertificateDer<'a>],
    pub(super) sets: &'g [&'a AnchorSet],
}

impl<'a> Graph<'a> {
    pub(super) fn new(given: &Given<'_, 'a>) -> Self {
        let usual = USUAL.min(given.sent.len() + 1);
        let graph = Self {
            nodes: Vec::with_capacity(usual),
            anchors: Vec::with_capacity(1),
            strangers: Vec::new(),
            cut: false,
            links: 0,
        };
        let mut builder = Builder {
            given,
            graph,
            pool: Vec::with_capacity(usual),
            keys: QuickMap::with_capacity_and_hasher(USUAL, Default::default()),
            known_entries: QuickMap::default(),
        };
        builder.build();
        builder.graph
    }
}

/// What the peer sent.
struct Sent<'a> {
    cert: Cert<'a>,
    /// Its number, once it has one.
    node: Option<usize>,
}

/// A key, hashed by its end: of the keys that a peer can send few enough end alike.
#[derive(PartialEq, Eq)]
struct Spki<'a>(&'a [u8]);

impl Hash for Spki<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let end = self.0.last_chunk::<16>().map(|end| u128::from_le_bytes(*end));
        state.write_u128(end.unwrap_or_default());
    }
}

struct Builder<'g, 'a> {
    given: &'g Given<'g, 'a>,
    graph: Graph<'a>,
    pool: Vec<Sent<'a>>,
    keys: QuickMap<Spki<'a>, usize>,
    known_entries: QuickMap<*const StoreEntry, Option<usize>>,
}

impl<'a> Builder<'_, 'a> {
    fn build(&mut self) {
        let given = self.given;
        // The order in which a peer sends its certificates is of no importance. One that cannot be
        // read is of no use and does no harm.
        let readable = given.sent.iter().filter_map(|der| Cert::parse(der).ok());
        self.pool.extend(readable.map(|cert| Sent { cert, node: None }));
        let flaw = checks::end_entity(given.leaf, given.config, given.time).err();
        self.add(given.leaf.clone(), flaw);
        let mut next = 0;
        while next < self.graph.nodes.len() && !self.graph.cut {
            self.connect(next);
            next += 1;
        }
    }

    fn add(&mut self, cert: Cert<'a>, flaw: Option<Fault>) -> usize {
        let (number, key) = (self.graph.nodes.len(), self.keys.len());
        let key = *self.keys.entry(Spki(cert.spki)).or_insert(key);
        let same = |node: &Node<'_>| {
            node.key == key
                && node.cert.subject_hash == cert.subject_hash
                && same_name(node.cert.subject, cert.subject)
        };
        let node = Node {
            key,
            ca: self.graph.nodes.iter().position(same).unwrap_or(number),
            self_issued: cert.is_self_issued(),
            self_signed: cert.is_self_signed(),
            flaw,
            issuers: Vec::new(),
            issued: Vec::new(),
            anchors: Vec::new(),
            cert,
        };
        self.graph.nodes.push(node);
        number
    }

    /// Finds everything that may have issued a node.
    fn connect(&mut self, number: usize) {
        let Some(node) = self.graph.nodes.get(number) else { return };
        let head = node.cert.clone();
        let mut anchors = Vec::new();
        for set in self.given.sets {
            for entry in set.with_name(head.issuer_hash, head.issuer) {
                anchors.extend(self.anchor(&head, entry));
            }
        }
        let mut issuers = Vec::new();
        let mut pool = std::mem::take(&mut self.pool);
        let possible = |sent: &&mut Sent<'a>| issues(&sent.cert, &head);
        for sent in pool.iter_mut().filter(possible) {
            if self.count() {
                let issuer = *sent.node.get_or_insert_with(|| self.intermediate(&sent.cert));
                issuers.push(issuer);
            }
        }
        self.pool = pool;
        for der in self.given.config.intermediates.with_name_hash(head.issuer_hash) {
            let cert = Cert::parse(der).ok().filter(|cert| issues(cert, &head));
            if let Some(cert) = cert.filter(|_| self.count()) {
                issuers.push(self.intermediate(&cert));
            }
        }
        // No certificate is its own issuer here, nor twice.
        issuers.sort_unstable();
        issuers.dedup();
        issuers.retain(|&issuer| issuer != 0 && issuer != number);
        for &issuer in &issuers {
            if let Some(issuer) = self.graph.nodes.get_mut(issuer) {
                issuer.issued.push(number);
            }
        }
        if let Some(node) = self.graph.nodes.get_mut(number) {
            (node.issuers, node.anchors) = (issuers, anchors);
        }
    }

    /// Counts a link; `false` once there are too many.
    fn count(&mut self) -> bool {
        self.graph.links += 1;
        self.graph.cut = self.graph.links > MAX_LINKS;
        !self.graph.cut
    }

    /// The number of an intermediate; the certificate is added if it is new.
    fn intermediate(&mut self, cert: &Cert<'a>) -> usize {
        let known = self.graph.nodes.iter().position(|node| same_certificate(&node.cert, cert));
        known.unwrap_or_else(|| {
            let Given { config, time, sets, .. } = *self.given;
            let flaw = match distrusting(sets, cert.der, config.purpose) {
                Some(entry) => Some(Fault::distrusted(entry)),
                None => match blocked_by(sets, cert, config.purpose) {
                    Some(source) => Some(Fault::blocked(cert, source)),
                    None => checks::issuer(cert, 0, 0, config, time).err(),
                },
            };
            self.add(cert.clone(), flaw)
        })
    }

    /// The number of a trust anchor, if it may have issued the head of a path.
    fn anchor(&mut self, head: &Cert<'_>, entry: &'a StoreEntry) -> Option<usize> {
        // A certificate does not vouch for itself here.
        if entry.certificate().as_ref() == head.der || !self.count() {
            return None;
        }
        let known = self.known_entries.get(&std::ptr::from_ref(entry)).copied();
        let number = known.unwrap_or_else(|| self.add_anchor(entry))?;
        let anchor = self.graph.anchors.get(number)?;
        if issues(&anchor.cert, head) {
            return Some(number);
        }
        self.graph.strangers.push(entry);
        None
    }

    fn add_anchor(&mut self, entry: &'a StoreEntry) -> Option<usize> {
        let Given { config, time, sets, .. } = *self.given;
        let number = Cert::parse(entry.certificate()).ok().map(|cert| {
            // Another entry may reject what this one has without trust settings.
            let judged = distrusting(sets, cert.der, config.purpose).unwrap_or(entry);
            let issued = self.given.leaf.not_before;
            let refusal = judged
                .vet_with(config.purpose, time, config.weak_keys)
                .err()
                // The validity period comes last in `vet`: nothing else is wrong with it then.
                .filter(|refusal| !config.ignore_validity || refusal.validity_limit().is_none())
                .or_else(|| judged.refusal_of_issued(config.purpose, issued))
                .or_else(|| {
                    // A caller's own root that the distribution distrusts.
                    let source = blocked_by(sets, &cert, config.purpose)?.clone();
                    Some(Refusal::DistrustedBy { source })
                });
            let refusal = refusal.map(|refusal| (refusal, judged));
            let key = self.keys.len();
            let key = *self.keys.entry(Spki(cert.spki)).or_insert(key);
            self.graph.anchors.push(Anchored { entry, cert, key, refusal });
            self.graph.anchors.len() - 1
        });
        self.known_entries.insert(std::ptr::from_ref(entry), number);
        number
    }
}

/// Whether one certificate may have issued another: RFC 5280 section 6.1 (a), the authority key
/// identifier of section 4.2.1.1, and the kind of the key. As in OpenSSL, the signature of any other
/// is not even verified.
fn issues(issuer: &Cert<'_>, cert: &Cert<'_>) -> bool {
    cert.has_issuer_name_of(issuer) && cert.names_as_issuer(issuer) && cert.can_be_signed_by(issuer)
}

fn same_certificate(one: &Cert<'_>, other: &Cert<'_>) -> bool {
    let end = |cert: &Cert<'_>| cert.der.last_chunk::<8>().copied();
    one.der.len() == other.der.len() && end(one) == end(other) && one.der == other.der
}
