//! The core against OpenSSL and webpki on generated chains. `TRUSTBRIDGE_CHAINS` says how many,
//! `TRUSTBRIDGE_SEED` and `TRUSTBRIDGE_FIRST` which ones.

#![cfg(target_os = "linux")]
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::sync::Mutex;

use openssl::x509::X509;
use trustbridge_differential::differences::{Dispute, Leniency, OPENSSL, WEBPKI};
use trustbridge_differential::keys::Pool;
use trustbridge_differential::scenario::{Scenario, generate};
use trustbridge_differential::verdicts::{self, Files};

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

#[derive(Default)]
struct Tally {
    accepted: u64,
    refused: u64,
    /// For each mutation, how many chains with it both accept, and both refuse.
    labels: BTreeMap<&'static str, (u64, u64)>,
    listed: BTreeMap<&'static str, u64>,
    unlisted: Vec<String>,
    kinds: BTreeMap<String, u64>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        for (label, (good, bad)) in other.labels {
            let known = self.labels.entry(label).or_default();
            *known = (known.0 + good, known.1 + bad);
        }
        for (name, count) in other.listed {
            *self.listed.entry(name).or_default() += count;
        }
        for (name, count) in other.kinds {
            *self.kinds.entry(name).or_default() += count;
        }
        self.unlisted.extend(other.unlisted);
    }

    fn unlisted(&mut self, number: u64, scenario: &Scenario, kind: &str, said: &str) {
        *self.kinds.entry(kind.chars().take(80).collect()).or_default() += 1;
        let labels = scenario.labels.join(", ");
        self.unlisted.push(format!("{number}: {said}; {labels}"));
    }

    fn judge(&mut self, number: u64, scenario: &Scenario, files: &mut Files) {
        let ours = verdicts::ours(scenario, files);
        let theirs = verdicts::theirs(scenario, files);
        if ours.is_ok() == theirs.is_ok() {
            let good = u64::from(ours.is_ok());
            self.accepted += good;
            self.refused += 1 - good;
            for label in &scenario.labels {
                let known = self.labels.entry(label).or_default();
                *known = (known.0 + good, known.1 + 1 - good);
            }
        } else {
            let mut dispute = Dispute { scenario, ours: &ours, theirs: &theirs, files };
            match OPENSSL.iter().find(|(_, _, explains)| explains(&mut dispute)) {
                Some((name, _, _)) => *self.listed.entry(name).or_default() += 1,
                None => match &ours {
                    Ok(verified) => {
                        let length = verified.chain.len();
                        let why = theirs.as_ref().err();
                        let said = format!("accepted, {length} in the path; OpenSSL: {why:?}");
                        self.unlisted(number, scenario, &format!("accepted; {why:?}"), &said);
                    }
                    Err(error) => {
                        let kind = format!("{:?}; OpenSSL accepts", error.kind());
                        self.unlisted(number, scenario, &kind, &format!("{kind}; {error}"));
                    }
                },
            }
        }
        let Ok(verified) = &ours else { return };
        if verdicts::is_rejected(scenario, &verified.chain, files) {
            let said = "accepted; the store rejects a key of the path";
            self.unlisted(number, scenario, said, said);
        }
        if verified.chain.len() < 2 {
            return;
        }
        if let Err(error) = verdicts::second(scenario, &verified.chain) {
            let path = verified.chain.iter().map(|cert| X509::from_der(cert).unwrap()).collect();
            let case = Leniency { scenario, error: &error, path };
            match WEBPKI.iter().find(|(_, _, explains)| explains(&case)) {
                Some((name, _, _)) => *self.listed.entry(name).or_default() += 1,
                None => {
                    let kind = format!("webpki: {error:?}");
                    self.unlisted(number, scenario, &kind, &format!("accepted; {kind}"));
                }
            }
        }
    }
}

#[test]
fn same_verdict_as_openssl() {
    let (count, seed) = (number("TRUSTBRIDGE_CHAINS", 20_000), number("TRUSTBRIDGE_SEED", 5280));
    let first = number("TRUSTBRIDGE_FIRST", 0);
    let pool = Pool::new();
    let total = Mutex::new(Tally::default());
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (pool, total) = (&pool, &total);
            scope.spawn(move || {
                let (mut tally, mut files) = (Tally::default(), Files::new());
                for number in (first + thread..first + count).step_by(threads as usize) {
                    tally.judge(number, &generate(seed, number, pool), &mut files);
                }
                total.lock().unwrap().add(tally);
            });
        }
    });
    let tally = total.into_inner().unwrap();
    println!("{} accepted, {} refused by both", tally.accepted, tally.refused);
    for (name, count) in &tally.listed {
        println!("listed difference: {name}: {count}");
    }
    for (label, (good, bad)) in &tally.labels {
        println!("{label}: {good} accepted, {bad} refused");
    }
    for (kind, count) in &tally.kinds {
        println!("unlisted: {count}: {kind}");
    }
    let shown = tally.unlisted.len().min(200);
    assert!(
        tally.unlisted.is_empty(),
        "{} unlisted differences with seed {seed}:\n{}",
        tally.unlisted.len(),
        tally.unlisted[..shown].join("\n")
    );
    // What is rare may be missing in a part of a longer run.
    if count < 20_000 || first > 0 {
        return;
    }
    let openssl = OPENSSL.iter().map(|(name, reason, _)| (name, reason));
    let webpki = WEBPKI.iter().map(|(name, reason, _)| (name, reason));
    for (name, reason) in openssl.chain(webpki) {
        assert!(tally.listed.contains_key(name), "no chain differs any more: {name}, {reason}");
    }
    for (label, (good, bad)) in &tally.labels {
        assert!(*good > 0 && *bad > 0, "{label}: {good} accepted, {bad} refused");
    }
}

/// Writes one chain as PEM, for looking at it: `TRUSTBRIDGE_SHOW` is its number.
#[test]
fn show() {
    let Ok(wanted) = std::env::var("TRUSTBRIDGE_SHOW") else { return };
    let (seed, pool) = (number("TRUSTBRIDGE_SEED", 5280), Pool::new());
    let scenario = generate(seed, wanted.parse().unwrap(), &pool);
    let text = |ders: &[Vec<u8>]| -> String {
        let show = |der: &Vec<u8>| match X509::from_der(der) {
            Ok(cert) => String::from_utf8(cert.to_text().unwrap()).unwrap(),
            Err(error) => format!("{error}\n"),
        };
        ders.iter().map(show).collect::<Vec<_>>().join("\n")
    };
    let mut files = Files::new();
    println!(
        "{:?} {:?} {:?} strict {} cn {}",
        scenario.labels, scenario.peer, scenario.purpose, scenario.strict, scenario.common_name
    );
    println!(
        "ours: {:?}\ntheirs: {:?}",
        verdicts::ours(&scenario, &mut files),
        verdicts::theirs(&scenario, &mut files).map(|chain| chain.len())
    );
    println!("SENT\n{}", text(&scenario.chain));
    println!("KNOWN\n{}", text(&scenario.known));
    let store: Vec<_> = scenario.store.iter().map(|entry| entry.der.clone()).collect();
    println!("STORE\n{}", text(&store));
}
