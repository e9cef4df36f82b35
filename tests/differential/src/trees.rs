//! Every small tree of a kind, each once: name constraints of two CAs against the names of one end
//! entity, and paths through cross-signed CAs some of whose links are broken in one way.

use trustbridge::ErrorKind;

use crate::certificate::{Certificate, Name};
use crate::der;
use crate::keys::{Hash, Pool};
use crate::scenario::{DAY, Entry, NOW, Purpose, Scenario, ca, end_entity, name, oid};

const HOST: &str = "host.example";
const ADDRESS: &str = "192.0.2.1";

/// Constraints of one CA: of each subtree whether it is permitted, and its name.
type Constraints = Vec<(bool, Vec<u8>)>;

/// One end entity below `middle` and `low` below a root, all of whom may have name constraints.
struct Constrained {
    /// The root's, those of `middle`, those of `low`.
    by: [Constraints; 3],
    dns: bool,
    ip: bool,
    common: Option<&'static str>,
    peer: &'static str,
    common_name: bool,
}

/// Trees with name constraints: every so many of all, with their numbers.
pub fn name_constraints(pool: &Pool, step: usize) -> impl Iterator<Item = (usize, Scenario)> {
    let constraints = one_level().chain(two_levels());
    let trees = constraints.flat_map(|by| {
        leaves().map(move |(dns, ip, common, peer, common_name)| {
            let by = by.clone();
            Constrained { by, dns, ip, common, peer, common_name }
        })
    });
    trees.enumerate().step_by(step).map(|(number, tree)| (number, tree.scenario(pool)))
}

/// Permitted and excluded subtrees of DNS names and of addresses, each absent, of the end entity or
/// of another, at each place.
fn one_level() -> impl Iterator<Item = [Constraints; 3]> {
    let pairs = |one: Vec<u8>, wider: Vec<u8>, other: Vec<u8>| {
        let choices =
            [vec![], vec![one.clone()], vec![wider], vec![other.clone()], vec![other, one]];
        let permitted: Vec<Constraints> = choices
            .iter()
            .map(|names| names.iter().map(|name| (true, name.clone())).collect())
            .collect();
        let excluded = choices.map(|names| names.into_iter().map(|name| (false, name)).collect());
        permitted
            .into_iter()
            .flat_map(|permitted| {
                excluded.clone().map(|excluded: Constraints| [permitted.clone(), excluded].concat())
            })
            .collect::<Vec<Constraints>>()
    };
    let dns = pairs(dns("host.example"), dns("example"), dns("other.example"));
    let ip = pairs(
        ip([192, 0, 2, 1, 255, 255, 255, 255]),
        ip([192, 0, 2, 0, 255, 255, 255, 0]),
        ip([192, 0, 3, 0, 255, 255, 255, 0]),
    );
    (0..3).flat_map(move |place| {
        let ip = ip.clone();
        dns.clone().into_iter().flat_map(move |dns| {
            ip.clone().into_iter().map(move |ip| {
                let mut by: [Constraints; 3] = Default::default();
                by[place] = [dns.clone(), ip].concat();
                by
            })
        })
    })
}

/// One subtree of the upper intermediate, and one of the lower.
fn two_levels() -> impl Iterator<Item = [Constraints; 3]> {
    let names = [
        dns("host.example"),
        dns(".example"),
        dns("other.example"),
        dns(""),
        ip([192, 0, 2, 1, 255, 255, 255, 255]),
        ip([10, 0, 0, 0, 255, 0, 0, 0]),
        ip([0; 8]),
        der::context_primitive(7, &[0; 32]),
        der::context(4, &name("host.example").der()),
        der::context(4, &Name(name("host.example").0[..1].to_vec()).der()),
        der::context(4, &name("other").der()),
    ];
    let subtrees: Vec<_> = names
        .iter()
        .flat_map(|name| [true, false].map(|permitted| (permitted, name.clone())))
        .collect();
    subtrees.clone().into_iter().flat_map(move |upper| {
        subtrees.clone().into_iter().map(move |lower| [vec![], vec![upper.clone()], vec![lower]])
    })
}

/// The names of the end entity, which one is asked for, and whether common names count.
fn leaves() -> impl Iterator<Item = (bool, bool, Option<&'static str>, &'static str, bool)> {
    let common = [None, Some(HOST), Some("other.example"), Some("A Server")];
    (0..64).filter_map(move |number: usize| {
        let bit = |place: usize| number >> place & 1 == 1;
        let (dns, ip, common) = (bit(0), bit(1), common[number >> 2 & 3]);
        let peer = if bit(4) { ADDRESS } else { HOST };
        // Others are valid for no name, whatever their issuers say.
        let named = if peer == ADDRESS { ip } else { dns || bit(5) && common == Some(HOST) };
        named.then_some((dns, ip, common, peer, bit(5)))
    })
}

impl Constrained {
    fn scenario(self, pool: &Pool) -> Scenario {
        let [root, middle, low] = ["root", "middle", "low"].map(name);
        let mut cas = [ca(&root, 0, &root, 0), ca(&middle, 1, &root, 0), ca(&low, 2, &middle, 1)];
        for (ca, constraints) in cas.iter_mut().zip(&self.by) {
            constrain(ca, constraints);
        }
        let mut leaf = end_entity(3, &low, 2, Purpose::Server);
        let organization = name("").0[..1].to_vec();
        leaf.subject = match self.common {
            Some(common) => name(common),
            None => Name(organization),
        };
        let dns = self.dns.then(|| der::context_primitive(2, HOST.as_bytes()));
        let names: Vec<_> = dns
            .into_iter()
            .chain(self.ip.then(|| der::context_primitive(7, &[192, 0, 2, 1])))
            .collect();
        leaf.remove(oid::SUBJECT_ALT_NAME);
        if !names.is_empty() {
            leaf.set(oid::SUBJECT_ALT_NAME, false, der::sequence(&names));
        }
        let [root, middle, low] = cas.map(|cert| cert.der(pool));
        Scenario {
            chain: vec![leaf.der(pool), low, middle],
            store: vec![Entry { der: root, trust: None }],
            peer: Some(self.peer),
            common_name: self.common_name,
            ..plain()
        }
    }
}

fn constrain(ca: &mut Certificate, constraints: &Constraints) {
    let list = |wanted: bool| -> Vec<Vec<u8>> {
        let names = constraints.iter().filter(|(permitted, _)| *permitted == wanted);
        names.map(|(_, name)| der::sequence(std::slice::from_ref(name))).collect()
    };
    let fields: Vec<_> = [(0, list(true)), (1, list(false))]
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(number, list)| der::context(number, &list.concat()))
        .collect();
    if !fields.is_empty() {
        ca.set(oid::NAME_CONSTRAINTS, true, der::sequence(&fields));
    }
}

fn dns(name: &str) -> Vec<u8> {
    der::context_primitive(2, name.as_bytes())
}

fn ip(address_and_mask: [u8; 8]) -> Vec<u8> {
    der::context_primitive(7, &address_and_mask)
}

fn plain() -> Scenario {
    Scenario {
        chain: Vec::new(),
        known: Vec::new(),
        store: Vec::new(),
        peer: Some(HOST),
        time: NOW,
        purpose: Purpose::Server,
        strict: false,
        common_name: false,
        labels: Vec::new(),
    }
}

/// How a link is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Way {
    Expired,
    NotYetValid,
    NotACa,
    NoBasicConstraints,
    KeyUsage,
    PathLength,
    NameConstraints,
    Purpose,
    CriticalExtension,
    Signature,
    OtherKey,
    WeakHash,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Expired,
        Self::NotYetValid,
        Self::NotACa,
        Self::NoBasicConstraints,
        Self::KeyUsage,
        Self::PathLength,
        Self::NameConstraints,
        Self::Purpose,
        Self::CriticalExtension,
        Self::Signature,
        Self::OtherKey,
        Self::WeakHash,
    ];

    /// What the error is where no path is left.
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::Expired => ErrorKind::Expired,
            Self::NotYetValid => ErrorKind::NotYetValid,
            Self::NotACa | Self::NoBasicConstraints => ErrorKind::NotACa,
            Self::KeyUsage => ErrorKind::KeyUsage,
            Self::PathLength => ErrorKind::PathLengthExceeded,
            Self::NameConstraints => ErrorKind::NameConstraints,
            Self::Purpose => ErrorKind::WrongPurpose,
            Self::CriticalExtension => ErrorKind::UnknownCriticalExtension,
            Self::Signature | Self::OtherKey => ErrorKind::BadSignature,
            Self::WeakHash => ErrorKind::UnsupportedAlgorithm,
        }
    }

    fn apply(self, cert: &mut Certificate) {
        match self {
            Self::Expired => cert.validity.1 = der::time(NOW - DAY),
            Self::NotYetValid => cert.validity.0 = der::time(NOW + DAY),
            Self::NotACa => cert.set(oid::BASIC_CONSTRAINTS, true, der::sequence(&[])),
            Self::NoBasicConstraints => cert.remove(oid::BASIC_CONSTRAINTS),
            Self::KeyUsage => cert.set(oid::KEY_USAGE, true, der::element(3, &[7, 0x80])),
            Self::PathLength => {
                let fields = [der::boolean(0xff), der::integer(0)];
                cert.set(oid::BASIC_CONSTRAINTS, true, der::sequence(&fields));
            }
            Self::NameConstraints => constrain(cert, &vec![(false, dns("example"))]),
            Self::Purpose => {
                let client = der::oid(&[1, 3, 6, 1, 5, 5, 7, 3, 2]);
                cert.set(oid::EXTENDED_KEY_USAGE, false, der::sequence(&[client]));
            }
            Self::CriticalExtension => cert.set(oid::UNKNOWN, true, der::sequence(&[])),
            Self::Signature => cert.damaged = true,
            Self::OtherKey => cert.signer = 20,
            Self::WeakHash => cert.hash = Hash::Sha1,
        }
    }
}

/// A tree of paths: the end entity is issued by A, which B and C have issued, both of which the
/// roots R and S have issued.
pub struct Paths {
    /// All that the verifier is given.
    pub whole: Scenario,
    /// Each path alone.
    pub alone: Vec<Scenario>,
    /// How links are broken.
    pub way: Way,
    /// Which ones, for people.
    pub text: String,
}

/// Issuer and subject of each link, as places in [`AUTHORITIES`].
const LINKS: [(usize, usize); 6] = [(1, 0), (2, 0), (3, 1), (4, 1), (3, 2), (4, 2)];
const AUTHORITIES: [&str; 5] = ["A", "B", "C", "R", "S"];
const FIRST_ROOT: usize = 3;

/// All of them: each way of breaking a link, each set of links that are broken in that way, both
/// roots trusted or one, and what is sent in both orders.
pub fn paths(pool: &Pool) -> impl Iterator<Item = Paths> {
    Way::ALL.into_iter().flat_map(move |way| {
        (0..1 << LINKS.len()).flat_map(move |broken: usize| {
            [[true, true], [true, false], [false, true]].into_iter().flat_map(move |trusted| {
                [false, true].map(|reversed| tree(way, broken, trusted, reversed, pool))
            })
        })
    })
}

fn tree(way: Way, broken: usize, trusted: [bool; 2], reversed: bool, pool: &Pool) -> Paths {
    let leaf = end_entity(10, &name(AUTHORITIES[0]), 0, Purpose::Server).der(pool);
    let link = |number: usize| {
        let (issuer, subject) = LINKS[number];
        let mut cert = ca(&name(AUTHORITIES[subject]), subject, &name(AUTHORITIES[issuer]), issuer);
        if broken >> number & 1 == 1 {
            way.apply(&mut cert);
        }
        cert.der(pool)
    };
    let links: Vec<_> = (0..LINKS.len()).map(link).collect();
    let roots = [FIRST_ROOT, FIRST_ROOT + 1]
        .map(|root| ca(&name(AUTHORITIES[root]), root, &name(AUTHORITIES[root]), root).der(pool));
    let scenario = |sent: Vec<&Vec<u8>>, roots: Vec<&Vec<u8>>| Scenario {
        chain: std::iter::once(&leaf).chain(sent).cloned().collect(),
        store: roots.into_iter().map(|der| Entry { der: der.clone(), trust: None }).collect(),
        ..plain()
    };
    let mut sent: Vec<_> = links.iter().collect();
    if reversed {
        sent.reverse();
    }
    let known = roots.iter().zip(trusted).filter(|(_, trusted)| *trusted);
    let whole = scenario(sent, known.map(|(root, _)| root).collect());
    let mut alone = Vec::new();
    for (low, &(middle, _)) in LINKS.iter().enumerate().take(2) {
        for (high, &(root, subject)) in LINKS.iter().enumerate().skip(2) {
            let root = root - FIRST_ROOT;
            if subject == middle && trusted[root] {
                alone.push(scenario(vec![&links[low], &links[high]], vec![&roots[root]]));
            }
        }
    }
    let names: Vec<_> = (0..LINKS.len())
        .filter(|number| broken >> number & 1 == 1)
        .map(|number| {
            format!("{} by {}", AUTHORITIES[LINKS[number].1], AUTHORITIES[LINKS[number].0])
        })
        .collect();
    Paths {
        whole,
        alone,
        way,
        text: format!("{way:?}: {}; {trusted:?} {reversed}", names.join(", ")),
    }
}
