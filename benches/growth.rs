//! What a verification, or a reading, costs as its input grows. The certificates are made here.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pki_types::{CertificateDer, ServerName, UnixTime};
use trustbridge::{Crl, Peer, Revocation, RevocationCheck, Verifier, VerifierBuilder, files};
use trustbridge_bench::{anonymous_kib, print, print_values};
use trustbridge_cases::NOW;
use trustbridge_cases::make::{DAY, Node, ca, server};
use webpki::OwnedCertRevocationList;

fn main() {
    let root = ca("root").self_signed();
    let issuing = ca("issuing").issued_by(&root);
    let leaf = server().serial(7).issued_by(&issuing);
    let chain = [der(&leaf), der(&issuing)];
    anchors(&root, &chain);
    intermediates(&root, &issuing, &chain);
    dead_ends(&root);
    names(&root);
    crls(&root, &issuing, &chain);
    one_crl(&root, &issuing, &chain);
    threads(&root, &chain);
}

fn der(node: &Node) -> CertificateDer<'static> {
    CertificateDer::from(node.der.clone())
}

fn only(roots: &[&Node]) -> VerifierBuilder {
    Verifier::builder().system_roots(false).extra_roots(roots.iter().map(|root| der(root)))
}

fn verify(verifier: &Verifier, chain: &[CertificateDer<'_>]) {
    let name = ServerName::try_from("example.com").expect("a name");
    let time = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
    let verdict = verifier.verify(&Peer::new(black_box(chain), Some(name)).time(time));
    black_box(verdict.expect("trusted"));
}

/// What to time at each size.
type Sizes<'a> = Vec<(usize, Box<dyn FnMut() + 'a>)>;

/// Times every size in turns, so that a machine that changes its speed changes no exponent, and prints
/// the medians. Each is run once before it is timed: the larger ones leave caches cold.
fn time(bench: &str, mut sizes: Sizes<'_>) {
    let mut times = vec![Vec::new(); sizes.len()];
    let begun = Instant::now();
    let limit = Duration::from_millis(300) * u32::try_from(sizes.len()).expect("a few");
    for round in 0..102 {
        if round > 5 && begun.elapsed() > limit {
            break;
        }
        for ((_, run), times) in sizes.iter_mut().zip(&mut times) {
            run();
            let start = Instant::now();
            run();
            if round > 0 {
                times.push(start.elapsed()); // the first round warms up
            }
        }
    }
    for ((size, _), times) in sizes.iter().zip(times) {
        print(&format!("growth: {bench}"), &size.to_string(), times);
    }
}

/// Copies of a CA certificate whose names differ in six digits. Nobody verifies a trust anchor's own
/// signature.
fn many(count: usize) -> Vec<CertificateDer<'static>> {
    let template = ca("number 000000").self_signed().der;
    let places: Vec<_> = (0..template.len() - 6)
        .filter(|&at| &template[at..at + 6] == b"000000")
        .filter(|&at| template[..at].ends_with(b"number "))
        .collect();
    assert_eq!(places.len(), 2, "issuer and subject");
    let copy = |number: usize| {
        let mut copy = template.clone();
        for &at in &places {
            copy[at..at + 6].copy_from_slice(format!("{number:06}").as_bytes());
        }
        CertificateDer::from(copy)
    };
    (0..count).map(copy).collect()
}

fn anchors(root: &Node, chain: &[CertificateDer<'_>]) {
    let stranger = [der(&server().issued_by(&ca("nobody").self_signed()))];
    let stranger = &stranger;
    let [mut reading, mut building, mut known, mut unknown] = [(); 4].map(|()| Sizes::new());
    for size in [10, 100, 1_000, 10_000, 100_000] {
        let others = many(size);
        let pem: String = others.iter().map(|cert| pem("CERTIFICATE", cert)).collect();
        reading.push((
            size,
            Box::new(move || {
                assert_eq!(files::read_pem(pem.as_bytes()).certificates.len(), size);
            }),
        ));
        let builder = only(&[root]).extra_roots(&others);
        let verifier = builder.clone().build().expect("a verifier");
        let same = verifier.clone();
        building.push((
            size,
            Box::new(move || {
                black_box(builder.clone().build().expect("a verifier"));
            }),
        ));
        known.push((size, Box::new(move || verify(&verifier, chain))));
        unknown.push((
            size,
            Box::new(move || {
                black_box(same.verify(&Peer::new(stranger, None)).expect_err("no root"));
            }),
        ));
    }
    time("anchors, reading PEM", reading);
    time("anchors, building a verifier", building);
    time("anchors, verification", known);
    time("anchors, unknown issuer", unknown);
}

fn intermediates(root: &Node, issuing: &Node, chain: &[CertificateDer<'_>]) {
    let verifier = &only(&[root]).build().expect("a verifier");
    let [mut known, mut beside, mut in_path] = [(); 3].map(|()| Sizes::new());
    for size in [10, 100, 1_000, 10_000] {
        let verifier = only(&[root]).intermediates(many(size)).build().expect("a verifier");
        known.push((size, Box::new(move || verify(&verifier, chain))));
    }
    for size in [1, 3, 10, 30, 90] {
        let mut sent = chain.to_vec();
        sent.extend((0..size).map(|_| der(&ca("another").issued_by(issuing))));
        beside.push((size, Box::new(move || verify(verifier, &sent))));
    }
    for size in [1, 3, 10, 30, 90] {
        let mut path = vec![ca("ca 0").issued_by(root)];
        for number in 1..size {
            let next = ca(&format!("ca {number}")).issued_by(&path[number - 1]);
            path.push(next);
        }
        let leaf = server().issued_by(&path[size - 1]);
        let sent: Vec<_> = [&leaf].into_iter().chain(&path).map(der).collect();
        in_path.push((size, Box::new(move || verify(verifier, &sent))));
    }
    time("intermediates known", known);
    time("intermediates sent", beside);
    time("intermediates in the path", in_path);
}

/// Certificates of the issuer's name and key that lead nowhere.
fn dead_ends(root: &Node) {
    let verifier = &only(&[root]).build().expect("a verifier");
    let stranger = ca("root").no_authority_key_id().self_signed();
    let issuing = ca("issuing").no_authority_key_id().issued_by(root);
    let leaf = server().no_authority_key_id().issued_by(&issuing);
    let mut sizes = Sizes::new();
    for size in [1, 3, 10, 30, 90] {
        let mut sent = vec![der(&leaf)];
        let dead = |_| ca("issuing").no_authority_key_id().issued_by(&stranger);
        sent.extend((0..size).map(dead).map(|node| der(&node)));
        sent.push(der(&issuing));
        sizes.push((size, Box::new(move || verify(verifier, &sent))));
    }
    time("dead ends", sizes);
}

/// The signatures of the two largest sizes are not remembered, as the certificates are too large:
/// between smaller ones and those lies a signature.
fn names(root: &Node) {
    let verifier = &only(&[root]).build().expect("a verifier");
    let [mut names, mut constraints] = [(); 2].map(|()| Sizes::new());
    for size in [10, 100, 1_000, 10_000] {
        let several: Vec<_> = (0..size).map(|number| format!("{number}.example.com")).collect();
        let several: Vec<_> = several.iter().map(|name| &**name).chain(["example.com"]).collect();
        let sent = [der(&server().names(&several).issued_by(root))];
        names.push((size, Box::new(move || verify(verifier, &sent))));
        let excluded: Vec<_> = (0..size).map(|number| format!("{number}.example.org")).collect();
        let excluded: Vec<_> = excluded.iter().map(|name| &**name).collect();
        let constrained = ca("constrained").excluded(&excluded).issued_by(root);
        let sent = [der(&server().issued_by(&constrained)), der(&constrained)];
        constraints.push((size, Box::new(move || verify(verifier, &sent))));
    }
    time("names", names);
    time("name constraints", constraints);
}

fn crls(root: &Node, issuing: &Node, chain: &[CertificateDer<'_>]) {
    let [mut reading, mut checking] = [(); 2].map(|()| Sizes::new());
    for size in [100, 1_000, 10_000, 100_000, LARGEST_CRL] {
        let list = crl(issuing, size);
        let verifier = heeding(root, Crl::new(list.clone()));
        reading.push((
            size,
            Box::new(move || assert!(Crl::new(black_box(list.clone())).problem().is_none())),
        ));
        checking.push((size, Box::new(move || verify(&verifier, chain))));
    }
    time("CRL entries, reading", reading);
    time("CRL entries, verification", checking);
}

const LARGEST_CRL: usize = 1_000_000;

fn crl(issuing: &Node, size: usize) -> Vec<u8> {
    let revoked: Vec<u64> = (0..size as u64).map(|number| number * 3 + 1_000).collect();
    issuing.crl(&revoked, -DAY, DAY)
}

fn heeding(root: &Node, crl: Crl) -> Verifier {
    only(&[root])
        .revocation(Revocation::default().check(RevocationCheck::Leaf))
        .crls([crl])
        .build()
        .expect("a verifier")
}

/// What a large CRL costs who reads it and keeps it.
fn one_crl(root: &Node, issuing: &Node, chain: &[CertificateDer<'_>]) {
    let bench = |what: &str| format!("CRL of 1,000,000 entries, {what}");
    let [mut built, mut first, mut later, mut kept] = [(); 4].map(|()| Vec::new());
    let [mut webpki_built, mut webpki_kept] = [(); 2].map(|()| Vec::new());
    for _ in 0..3 {
        // Another list each time: what is known of one is remembered.
        let list = crl(issuing, LARGEST_CRL);
        let size = list.len() as f64 / 1024.0;
        let (before, start) = (anonymous_kib(), Instant::now());
        let peer = OwnedCertRevocationList::from_der(black_box(&list)).expect("a CRL");
        webpki_built.push(start.elapsed().as_secs_f64() * 1e3);
        webpki_kept.push(anonymous_kib() - before);
        drop(peer);
        let (before, start) = (anonymous_kib(), Instant::now());
        let verifier = heeding(root, Crl::new(list));
        built.push(start.elapsed().as_secs_f64() * 1e3);
        // The list itself was there before, and is kept.
        kept.push(anonymous_kib() - before + size);
        let start = Instant::now();
        verify(&verifier, chain);
        first.push(start.elapsed().as_secs_f64() * 1e3);
        for _ in 0..101 {
            let start = Instant::now();
            verify(&verifier, chain);
            later.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    print_values(&bench("building"), "trustbridge", "ms", built);
    print_values(&bench("building"), "webpki, owned", "ms", webpki_built);
    print_values(&bench("memory"), "trustbridge", "KiB", kept);
    print_values(&bench("memory"), "webpki, owned", "KiB", webpki_kept);
    print_values(&bench("first check"), "trustbridge", "ms", first);
    print_values(&bench("a check after the first"), "trustbridge", "ms", later);
}

/// The time of a verification while so many threads verify.
fn threads(root: &Node, chain: &[CertificateDer<'_>]) {
    const TIMES: u32 = 2_000;
    let verifier = only(&[root]).build().expect("a verifier");
    verify(&verifier, chain);
    for size in [1, 2, 4, 16, 64] {
        let mut times = Vec::new();
        for _ in 0..5 {
            let ready = Barrier::new(size + 1);
            let took = thread::scope(|scope| {
                let work = || {
                    ready.wait();
                    (0..TIMES).for_each(|_| verify(&verifier, chain));
                };
                let threads: Vec<_> = (0..size).map(|_| scope.spawn(work)).collect();
                ready.wait();
                let start = Instant::now();
                threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
                start.elapsed()
            });
            times.push(took / TIMES);
        }
        print("growth: threads, a verification in each", &size.to_string(), times);
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines = base64.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let body: Vec<_> = lines.collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", body.join("\n"))
}
