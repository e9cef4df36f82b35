//! The core against OpenSSL on generated sets of CRLs: several of one issuer, of other ages, keys,
//! scopes, versions and extensions, some damaged. `TRUSTBRIDGE_CRL_SETS` says how many sets,
//! `TRUSTBRIDGE_SEED` which ones.

#![cfg(target_os = "linux")]
#![allow(missing_docs)]

#[path = "../../crl_sets/mod.rs"]
#[allow(dead_code)]
mod crl_sets;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use openssl::ssl::SslFiletype;
use openssl::stack::Stack;
use openssl::x509::store::{File, X509Lookup, X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509PurposeId, X509StoreContext};
use pki_types::{CertificateDer, UnixTime};
use trustbridge::{
    Crl, ErrorKind, Peer, Revocation, RevocationCheck, UnknownRevocation, Verified, Verifier,
    VerifyError,
};
use trustbridge_cases::NOW;
use trustbridge_cases::crl::Signer;

use crl_sets::{Pki, Random, Scenario};

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// The verdicts of the core under one set.
struct Core<'a> {
    pki: &'a Pki,
    check: RevocationCheck,
}

impl Core<'_> {
    fn verifier(&self, crls: &[Crl], unknown: UnknownRevocation) -> Verifier {
        Verifier::builder()
            .system_roots(false)
            .extra_roots([CertificateDer::from(self.pki.root.as_slice())])
            .revocation(Revocation::default().check(self.check).unknown(unknown))
            .crls(crls.iter().cloned())
            .build()
            .unwrap()
    }

    fn verify(&self, verifier: &Verifier, leaf: &[u8]) -> Result<Verified, VerifyError> {
        let chain = [CertificateDer::from(leaf), self.pki.intermediate.as_slice().into()];
        let time = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
        verifier.verify(&Peer::new(&chain, None).time(time))
    }
}

/// OpenSSL's store for one set.
fn store(pki: &Pki, check_chain: bool, crls: &[Vec<u8>], dir: &Path) -> X509Store {
    let mut store = X509StoreBuilder::new().unwrap();
    store.add_cert(X509::from_der(&pki.root).unwrap()).unwrap();
    let lookup = store.add_lookup(X509Lookup::<File>::file()).unwrap();
    for crl in crls {
        let file = dir.join("crl.der");
        std::fs::write(&file, crl).unwrap();
        lookup.load_crl_file(&file, SslFiletype::ASN1).unwrap();
    }
    let mut flags = X509VerifyFlags::PARTIAL_CHAIN
        | X509VerifyFlags::TRUSTED_FIRST
        | X509VerifyFlags::CRL_CHECK;
    if check_chain {
        flags |= X509VerifyFlags::CRL_CHECK_ALL;
    }
    let mut param = X509VerifyParam::new().unwrap();
    param.set_flags(flags).unwrap();
    param.set_purpose(X509PurposeId::SSL_SERVER).unwrap();
    param.set_auth_level(2);
    param.set_time(i64::try_from(NOW).unwrap());
    store.set_param(&param).unwrap();
    store.build()
}

/// OpenSSL's verdict: 0, or its error.
fn openssl(store: &X509Store, pki: &Pki, leaf: &[u8]) -> i32 {
    let leaf = X509::from_der(leaf).unwrap();
    let mut untrusted = Stack::new().unwrap();
    untrusted.push(X509::from_der(&pki.intermediate).unwrap()).unwrap();
    let mut context = X509StoreContext::new().unwrap();
    let verdict = context.init(store, &leaf, &untrusted, |context| {
        let accepted = context.verify_cert()?;
        Ok(if accepted { 0 } else { context.error().as_raw() })
    });
    verdict.unwrap()
}

const OTHER_KEY: &str = "accepted: OpenSSL takes the newest CRL of a name, and it is another key's";
/// What an error says where only the core refuses, and why it does.
const STRICTER: &[(&str, &str)] = &[
    ("lists it", "refused: another CRL than the newest lists it"),
    ("unknown critical extension", "refused: a CRL of the issuer cannot be understood"),
    ("indirect CRLs are not supported", "refused: a CRL of the issuer is indirect"),
    ("delta CRLs are not supported", "refused: OpenSSL takes a delta CRL for a full one"),
    ("does not allow it to sign CRLs", "refused: OpenSSL takes a delta CRL without asking"),
    ("its signature is wrong", "refused: a CRL of the issuer is damaged"),
    ("contradicts itself", "refused: a CRL of the issuer contradicts itself"),
];

/// Why a verdict may differ from OpenSSL's, if it may.
fn known_difference(
    ours: &Result<Verified, VerifyError>,
    theirs: i32,
    scenario: &Scenario,
) -> Option<&'static str> {
    let detail = match ours {
        // X509_V_ERR_CRL_SIGNATURE_FAILURE
        Ok(_) => {
            let foreign = scenario.crls.iter().any(|crl| crl.signer != Signer::Issuer);
            return (theirs == 8 && foreign).then_some(OTHER_KEY);
        }
        Err(error) => error.to_string(),
    };
    let known = STRICTER.iter().find(|(text, _)| detail.contains(text))?;
    (theirs == 0).then_some(known.1)
}

#[test]
fn sets_end_as_with_openssl() {
    let (sets, seed) = (number("TRUSTBRIDGE_CRL_SETS", 400), number("TRUSTBRIDGE_SEED", 12));
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let mut random = Random::new(seed);
    let shapes = crl_sets::SHAPES;
    let pkis: Vec<_> = shapes.iter().map(|shape| Pki::new(*shape, 8)).collect();
    let (mut asked, mut accepted) = (0, 0);
    let mut differences: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unlisted = Vec::new();
    for number in 0..sets {
        let which = random.below(pkis.len());
        let (pki, shape) = (&pkis[which], shapes[which]);
        let scenario = Scenario::generate(&mut random, pki, shape);
        let ders: Vec<_> = scenario.crls.iter().map(|crl| pki.sign(crl)).collect();
        let crls: Vec<_> = ders.iter().cloned().map(Crl::new).collect();
        let backwards: Vec<_> = crls.iter().rev().cloned().collect();
        let check = match scenario.check_chain {
            true => RevocationCheck::Chain,
            false => RevocationCheck::Leaf,
        };
        let core = Core { pki, check };
        let [reject, allow, again] = [
            core.verifier(&crls, UnknownRevocation::Reject),
            core.verifier(&crls, UnknownRevocation::Allow),
            core.verifier(&backwards, UnknownRevocation::Reject),
        ];
        let store = store(pki, scenario.check_chain, &ders, dir.path());
        for leaf in &pki.leaves {
            let theirs = openssl(&store, pki, &leaf.der);
            let ours = core.verify(&reject, &leaf.der);
            let kind = |verifier| core.verify(verifier, &leaf.der).err().map(|error| error.kind());
            let said =
                || format!("set {number}, {shape:?}, {:02x?}: {:#?}", leaf.serial, scenario.crls);

            // Whatever a CRL that can be used lists is refused, in any order.
            let refused = ours.as_ref().err().map(VerifyError::kind);
            assert_eq!(refused, kind(&again), "{}", said());
            let allowed = kind(&allow);
            if scenario.crls.iter().any(|crl| crl_sets::certainly_revokes(crl, pki, shape, leaf)) {
                assert_eq!((refused, allowed), (Some(ErrorKind::Revoked), refused), "{}", said());
            }
            assert!(matches!(allowed, None | Some(ErrorKind::Revoked)), "{}", said());

            asked += 1;
            accepted += u64::from(ours.is_ok());
            if ours.is_ok() == (theirs == 0) {
                continue;
            }
            match known_difference(&ours, theirs, &scenario) {
                Some(reason) => *differences.entry(reason).or_default() += 1,
                None => {
                    let ours = ours.map(|_| ()).map_err(|error| error.to_string());
                    unlisted.push(format!("{ours:?}, OpenSSL {theirs}: {}", said()));
                }
            }
        }
    }
    println!("{asked} verdicts, {accepted} accepted");
    for (reason, count) in &differences {
        println!("listed difference: {reason}: {count}");
    }
    for text in unlisted.iter().take(5) {
        println!("{text}");
    }
    assert!(unlisted.is_empty(), "{} unlisted differences in {asked} verdicts", unlisted.len());
    assert!(accepted * 8 > asked, "too few are accepted: what can go wrong hides the rest");
    // Where the core is stricter by design, OpenSSL's verdict alone would not miss it.
    if sets >= 400 {
        // Since some release after 3.0.19 OpenSSL takes no delta CRL for a complete one, so that those
        // need not differ.
        let stricter = STRICTER.iter().map(|(_, reason)| *reason);
        let stricter = stricter.filter(|reason| !reason.contains("delta CRL"));
        for reason in stricter.chain([OTHER_KEY]) {
            assert!(differences.contains_key(reason), "no verdict differs any more: {reason}");
        }
    }
}
