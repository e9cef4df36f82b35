//! Hostile chains of at most 64 KiB, beside OpenSSL's time for the same: those of
//! `tests/differential/worst.txt`. With minutes in `TRUSTBRIDGE_BENCH_SEARCH`, searches for worse
//! ones first, and keeps them there.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs};

use trustbridge_bench::{print, print_values};
use trustbridge_differential::hostile::{self, Recipe, pool};
use trustbridge_differential::keys::Pool;
use trustbridge_differential::random::Random;
use trustbridge_differential::verdicts::{self, Files, OpenSsl, certificates, peer, verifier};

/// Recipes by what is kept of each.
type Kept = BTreeMap<String, Recipe>;

fn main() {
    let pool = pool();
    let mut kept = hostile::worst();
    if let Ok(minutes) = env::var("TRUSTBRIDGE_BENCH_SEARCH") {
        let minutes: f64 = minutes.parse().expect("minutes");
        search(&mut kept, Duration::from_secs_f64(minutes * 60.0), &pool);
        write(&kept);
    }
    let (mut lost, mut known) = (Vec::new(), Vec::new());
    for (title, recipe) in &kept {
        // One may be the worst in both ways.
        if known.contains(&recipe) {
            continue;
        }
        known.push(recipe);
        let Times { ours, theirs, read, accepted } = time(recipe, &pool, 21);
        let bench = format!("hostile chain, {title}");
        print(&bench, "trustbridge", ours);
        print(&bench, "OpenSSL", theirs);
        print(&bench, "OpenSSL, certificates read before", read);
        lost.extend((recipe.is_good() && !accepted).then_some(title));
    }
    for title in &lost {
        eprintln!("the good path is not found: {title}");
    }
    let lost = vec![lost.len() as f64];
    print_values("hostile chains, good paths not found", "trustbridge", "chains", lost);
}

fn write(kept: &Kept) {
    let old = fs::read_to_string(hostile::WORST).expect("worst.txt");
    let comments = old.lines().filter(|line| line.starts_with('#')).map(str::to_owned);
    let recipes = kept.iter().map(|(title, recipe)| format!("{title}: {recipe}"));
    let lines: Vec<_> = comments.chain(recipes).collect();
    fs::write(hostile::WORST, lines.join("\n") + "\n").expect("worst.txt");
}

struct Times {
    ours: Vec<Duration>,
    theirs: Vec<Duration>,
    /// Theirs without the reading.
    read: Vec<Duration>,
    /// Whether we accept the chain.
    accepted: bool,
}

impl Times {
    /// Ours and theirs, in milliseconds; a busy machine only adds to them.
    fn least(&self) -> (f64, f64) {
        let least = |times: &[Duration]| times.iter().min().expect("a round").as_secs_f64() * 1e3;
        (least(&self.ours), least(&self.theirs))
    }
}

/// As if each handshake were the first of its process: signatures are not remembered.
fn time(recipe: &Recipe, pool: &Pool, rounds: usize) -> Times {
    let (scenario, mut files) = (recipe.scenario(pool), Files::new());
    let verifier = verifier(&scenario, &mut files, |builder| builder.remember_signatures(false));
    let openssl = OpenSsl::new(&scenario, &mut files);
    let chain = certificates(&scenario.chain);
    let [ours, theirs, read] = [(); 3].map(|()| Vec::new());
    let mut times = Times { ours, theirs, read, accepted: false };
    for _ in 0..rounds {
        let start = Instant::now();
        let verdict = black_box(verifier.verify(&peer(&scenario, &chain)));
        times.ours.push(start.elapsed());
        times.accepted = verdict.is_ok();
        let start = Instant::now();
        let read = verdicts::read(&scenario.chain);
        let verifies = Instant::now();
        black_box(openssl.accepts(read));
        times.read.push(verifies.elapsed());
        times.theirs.push(start.elapsed());
    }
    times
}

/// By kind of the roots' keys, and whether there is a good path: the one that takes us longest, and
/// the one that takes us longest beside OpenSSL.
fn search(kept: &mut Kept, how_long: Duration, pool: &Pool) {
    /// Below this many milliseconds, a quarter of what the worst may take, nobody is hurt.
    const HARMLESS: f64 = 5.0;
    let (begun, mut tried) = (Instant::now(), 0);
    let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time");
    let mut random = Random::new(seed.as_secs(), 0);
    let mut scores: BTreeMap<String, f64> = BTreeMap::new();
    for (title, recipe) in kept.iter() {
        let (ours, theirs) = time(recipe, pool, 5).least();
        let score = if title.ends_with("beside OpenSSL") { ours / theirs } else { ours };
        scores.insert(title.clone(), score);
    }
    while begun.elapsed() < how_long {
        let known: Vec<_> = kept.values().copied().collect();
        let recipe = match known.is_empty() || random.percent(40) {
            true => Recipe::random(&mut random),
            false => random.choose(&known).changed(&mut random),
        };
        tried += 1;
        let times = time(&recipe, pool, 3);
        let good = if recipe.is_good() { ", good path" } else { "" };
        if recipe.is_good() && !times.accepted {
            eprintln!("the good path is not found: {recipe}");
            kept.insert(format!("roots of {:?}, good path not found", recipe.root_kind()), recipe);
        }
        let (ours, theirs) = times.least();
        for (what, score) in [("most time", ours), ("most beside OpenSSL", ours / theirs)] {
            let title = format!("roots of {:?}{good}, {what}", recipe.root_kind());
            let best = scores.get(&title).copied().unwrap_or_default();
            if ours < HARMLESS || score < 1.05 * best {
                continue;
            }
            // Once more: the machine may have been busy.
            let (ours, theirs) = time(&recipe, pool, 9).least();
            let score = if what == "most time" { ours } else { ours / theirs };
            if ours >= HARMLESS && score > 1.05 * best {
                eprintln!("{title}: {ours:.2} ms, OpenSSL {theirs:.2} ms: {recipe}");
                scores.insert(title.clone(), score);
                kept.insert(title, recipe);
            }
        }
    }
    eprintln!("{tried} chains tried");
}
