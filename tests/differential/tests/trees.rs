//! The core against OpenSSL on every small tree of two kinds. `TRUSTBRIDGE_TREES` says that only
//! every so many of those with name constraints is judged (1 is all, by default 37).

#![cfg(target_os = "linux")]
#![allow(missing_docs)]

use std::collections::HashMap;

use trustbridge::ErrorKind;
use trustbridge_differential::keys::Pool;
use trustbridge_differential::scenario::Scenario;
use trustbridge_differential::trees;
use trustbridge_differential::verdicts::{Files, ours, theirs};

#[test]
fn name_constraints_end_as_with_openssl() {
    let step = std::env::var("TRUSTBRIDGE_TREES").map_or(37, |text| text.parse().unwrap());
    let (pool, mut files) = (Pool::new(), Files::new());
    let (mut accepted, mut refused, mut wrong) = (0, 0, Vec::new());
    for (number, scenario) in trees::name_constraints(&pool, step) {
        let (ours, theirs) = (ours(&scenario, &mut files), theirs(&scenario, &mut files));
        match (&ours, &theirs) {
            (Ok(_), Ok(_)) => accepted += 1,
            (Err(error), Err(_)) if error.kind() == ErrorKind::NameConstraints => refused += 1,
            (ours, theirs) => {
                let (ours, theirs) = (ours.as_ref().err(), theirs.as_ref().err());
                wrong.push(format!("{number}: {ours:?}; OpenSSL: {theirs:?}"));
            }
        }
    }
    println!("name constraints: {accepted} accepted, {refused} refused by both");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(accepted > 100 && refused > 100);
}

/// The core accepts a tree exactly where OpenSSL accepts one of its paths alone. Where none is
/// accepted, the error is what is wrong with the links.
#[test]
fn every_path_is_found() {
    let (pool, mut files) = (Pool::new(), Files::new());
    let mut known = HashMap::new();
    let mut alone = |scenario: &Scenario, files: &mut Files| -> bool {
        let question = (scenario.chain.clone(), scenario.store[0].der.clone());
        *known.entry(question).or_insert_with(|| theirs(scenario, files).is_ok())
    };
    let (mut accepted, mut refused, mut wrong) = (0, 0, Vec::new());
    for tree in trees::paths(&pool) {
        let expected = tree.alone.iter().any(|path| alone(path, &mut files));
        match ours(&tree.whole, &mut files) {
            Ok(_) if expected => accepted += 1,
            Err(error) if !expected && error.kind() == tree.way.kind() => refused += 1,
            verdict => wrong.push(format!("{}: {:?}", tree.text, verdict.err())),
        }
    }
    println!("paths: {accepted} accepted, {refused} refused");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(accepted > 1000 && refused > 1000);
}
