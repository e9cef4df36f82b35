//! The worst chains that `benches/` has found: whatever else is sent, a good path is found.

#![cfg(target_os = "linux")]
#![allow(missing_docs)]

use trustbridge_differential::hostile;
use trustbridge_differential::verdicts::{self, Files, OpenSsl, certificates, peer, verifier};

#[test]
fn the_good_path_is_found_among_the_worst() {
    let (pool, worst) = (hostile::pool(), hostile::worst());
    assert!(worst.values().any(|recipe| recipe.is_good()));
    let (mut files, mut lost) = (Files::new(), Vec::new());
    for (title, recipe) in &worst {
        let scenario = recipe.scenario(&pool);
        let verifier = verifier(&scenario, &mut files, |builder| builder);
        let verdict = verifier.verify(&peer(&scenario, &certificates(&scenario.chain)));
        let openssl = OpenSsl::new(&scenario, &mut files);
        // Without the path that is added on purpose there may still be one.
        let is_good = recipe.is_good() || openssl.accepts(verdicts::read(&scenario.chain));
        if let (true, Err(error)) = (is_good, verdict) {
            lost.push((title, error.to_string()));
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
}
