//! Chains that are made to be dear: meshes of CAs, forgeries, dead ends, constraints and roots that
//! cannot be used, drawn from a few numbers each. `benches/` times them, and searches for worse.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::{fmt, fs};

use crate::certificate::{Certificate, Name};
use crate::der;
use crate::keys::{Hash, Kind, Pool};
use crate::random::Random;
use crate::scenario::{DAY, Entry, NOW, Purpose, Scenario, ca, end_entity, name, oid};

/// What a peer may send here, in bytes and in certificates.
pub const MOST_BYTES: usize = 64 << 10;
const MOST_SENT: usize = 100;

const KINDS: [Kind; 5] = [Kind::P256, Kind::P384, Kind::P521, Kind::Rsa2048, Kind::Ed25519];
/// Of each kind. The last one of P-256 is that of the good root.
const KEYS: usize = 8;
const GOOD: usize = KEYS - 1;

/// Keys of every kind.
pub fn pool() -> Pool {
    Pool::of(KINDS.into_iter().flat_map(|kind| std::iter::repeat_n(kind, KEYS)))
}

/// The file of the worst recipes that are known.
pub const WORST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/worst.txt");

/// What [`WORST`] holds, by title.
pub fn worst() -> BTreeMap<String, Recipe> {
    let text = fs::read_to_string(WORST).expect("worst.txt");
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let (title, recipe) = line.split_once(": ").expect("title: recipe");
            (title.to_owned(), recipe.parse().expect("a recipe"))
        })
        .collect()
}

/// The fields of a recipe: name, least and most.
const FIELDS: [(&str, usize, usize); 16] = [
    // The kinds of keys, by number, of the CAs that are sent and of the roots.
    ("kind", 0, 4),
    ("root-kind", 0, 4),
    // How many names and keys the CAs share, and how many certificates of them are sent.
    ("names", 1, 99),
    ("keys", 1, KEYS - 1),
    ("sent", 0, 98),
    // In percent: issued by a root; signature damaged; signed with another key; expired; with key
    // identifiers.
    ("rooted", 0, 100),
    ("forged", 0, 100),
    ("stray", 0, 100),
    ("expired", 0, 100),
    ("key-ids", 0, 100),
    ("roots", 0, 30),
    // What is wrong with the roots: nothing, expired, no basicConstraints (which keyUsage replaces),
    // another purpose.
    ("root-fault", 0, 3),
    // Excluded names in each CA, and names of the end entity beside its own.
    ("constraints", 0, 300),
    ("subjects", 0, 1_000),
    // Whether a good path is sent, after all the others.
    ("good", 0, 1),
    ("seed", 0, 999_999),
];

/// A hostile chain in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe([usize; FIELDS.len()]);

impl Recipe {
    /// Any.
    pub fn random(random: &mut Random) -> Self {
        let mut recipe = Self([0; FIELDS.len()]);
        for field in 0..FIELDS.len() {
            recipe.draw(field, random);
        }
        recipe
    }

    /// One that differs in a few fields.
    pub fn changed(mut self, random: &mut Random) -> Self {
        for _ in 0..1 + random.below(3) {
            let field = random.below(FIELDS.len());
            self.draw(field, random);
        }
        self
    }

    /// Ends of a range are the most interesting.
    fn draw(&mut self, field: usize, random: &mut Random) {
        let (_, least, most) = FIELDS[field];
        self.0[field] = match random.below(4) {
            0 => least,
            1 => most.min(least + random.below(6)),
            2 => most,
            _ => least + random.below(most - least + 1),
        };
    }

    fn get(&self, name: &str) -> usize {
        self.0[FIELDS.iter().position(|field| field.0 == name).unwrap()]
    }

    /// Whether a good path is among what is sent.
    pub fn is_good(&self) -> bool {
        self.get("good") == 1
    }

    /// The kind of the roots' keys.
    pub fn root_kind(&self) -> Kind {
        KINDS[self.get("root-kind")]
    }

    /// The chain, the store and what is asked, with keys of [`pool`].
    pub fn scenario(&self, pool: &Pool) -> Scenario {
        let mut maker = Maker { recipe: *self, random: Random::new(1, self.get("seed") as u64) };
        let leaf = maker.leaf().der(pool);
        let last = self.is_good().then(|| good_ca(maker.key("kind", 0)).der(pool));
        let mut size = leaf.len() + last.as_ref().map_or(0, Vec::len);
        let mut chain = vec![leaf];
        for number in 0..self.get("sent").min(MOST_SENT - 1 - usize::from(self.is_good())) {
            let cert = maker.sent(number).der(pool);
            size += cert.len();
            if size > MOST_BYTES {
                break;
            }
            chain.push(cert);
        }
        chain.extend(last);
        let mut store: Vec<_> = (0..self.get("roots")).map(|number| maker.root(number)).collect();
        let good = name("Good Root");
        store.push(ca(&good, GOOD, &good, GOOD));
        let entry = |cert: &Certificate| Entry { der: cert.der(pool), trust: None };
        Scenario {
            chain,
            known: Vec::new(),
            store: store.iter().map(entry).collect(),
            peer: Some("host.example"),
            time: NOW,
            purpose: Purpose::Server,
            strict: false,
            common_name: false,
            labels: Vec::new(),
        }
    }
}

/// The end entity's issuer, issued by the good root.
fn good_ca(key: usize) -> Certificate {
    let mut cert = ca(&name("CA 0"), key, &name("Good Root"), GOOD);
    cert.remove(oid::AUTHORITY_KEY_ID);
    cert
}

struct Maker {
    recipe: Recipe,
    random: Random,
}

impl Maker {
    fn key(&self, kind: &str, number: usize) -> usize {
        self.recipe.get(kind) * KEYS + number % self.recipe.get("keys")
    }

    fn leaf(&mut self) -> Certificate {
        let key = self.key("kind", 0);
        let mut leaf = end_entity(GOOD - 1, &name("CA 0"), key, Purpose::Server);
        leaf.remove(oid::AUTHORITY_KEY_ID);
        let host = |number| format!("{number}.host.example");
        let names: Vec<_> = std::iter::once("host.example".to_owned())
            .chain((0..self.recipe.get("subjects")).map(host))
            .map(|name| der::context_primitive(2, name.as_bytes()))
            .collect();
        leaf.set(oid::SUBJECT_ALT_NAME, false, der::sequence(&names));
        leaf
    }

    /// One of the CAs, issued by another or by a root.
    fn sent(&mut self, number: usize) -> Certificate {
        let names = self.recipe.get("names");
        let (subject, subject_key) = (self.random.below(names), self.random.below(KEYS));
        let (issuer, issuer_key) = (self.random.below(names), self.random.below(KEYS));
        let subject_key = self.key("kind", subject_key);
        let roots = self.recipe.get("roots");
        let (issuer, signer) = if roots > 0 && self.percent("rooted") {
            let root = self.random.below(roots);
            (root_name(root), self.key("root-kind", root))
        } else {
            (ca_name(issuer), self.key("kind", issuer_key))
        };
        let mut cert = ca(&ca_name(subject), subject_key, &issuer, signer);
        // Positive, and of two octets.
        cert.serial = vec![1, number as u8];
        if self.percent("stray") {
            cert.signer = self.key("kind", issuer_key + 1);
        }
        cert.damaged = self.percent("forged");
        if self.percent("expired") {
            cert.validity.1 = der::time(NOW - DAY);
        }
        if !self.percent("key-ids") {
            cert.remove(oid::AUTHORITY_KEY_ID);
            cert.remove(oid::SUBJECT_KEY_ID);
        }
        self.constrain(&mut cert);
        cert
    }

    fn constrain(&self, cert: &mut Certificate) {
        let excluded: Vec<_> = (0..self.recipe.get("constraints"))
            .map(|number| format!("{number}.other.example"))
            .map(|name| der::sequence(&[der::context_primitive(2, name.as_bytes())]))
            .collect();
        if !excluded.is_empty() {
            let subtrees = der::context(1, &excluded.concat());
            cert.set(oid::NAME_CONSTRAINTS, true, der::sequence(&[subtrees]));
        }
    }

    fn root(&mut self, number: usize) -> Certificate {
        let (name, key) = (root_name(number), self.key("root-kind", number));
        let mut root = ca(&name, key, &name, key);
        root.serial = vec![2, number as u8];
        root.hash = Hash::Sha384;
        match self.recipe.get("root-fault") {
            1 => root.validity.1 = der::time(NOW - DAY),
            2 => root.remove(oid::BASIC_CONSTRAINTS),
            3 => {
                let client = der::oid(&[1, 3, 6, 1, 5, 5, 7, 3, 2]);
                root.set(oid::EXTENDED_KEY_USAGE, false, der::sequence(&[client]));
            }
            _ => {}
        }
        root
    }

    fn percent(&mut self, field: &str) -> bool {
        let share = self.recipe.get(field);
        self.random.percent(share)
    }
}

fn ca_name(number: usize) -> Name {
    name(&format!("CA {number}"))
}

/// Roots share a few names with each other.
fn root_name(number: usize) -> Name {
    name(&format!("Root {}", number / 4))
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (field, (name, ..)) in FIELDS.iter().enumerate() {
            let space = if field == 0 { "" } else { " " };
            write!(f, "{space}{name}={}", self.0[field])?;
        }
        Ok(())
    }
}

impl FromStr for Recipe {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut recipe = Self(FIELDS.map(|(_, least, _)| least));
        for word in text.split_whitespace() {
            let known = word.split_once('=').and_then(|(name, value)| {
                let field = FIELDS.iter().position(|field| field.0 == name)?;
                let value = value.parse().ok()?;
                (FIELDS[field].1..=FIELDS[field].2).contains(&value).then_some((field, value))
            });
            let (field, value) = known.ok_or_else(|| format!("no field of a recipe: {word}"))?;
            recipe.0[field] = value;
        }
        Ok(recipe)
    }
}
