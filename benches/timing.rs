//! What the benches share: timing, the certificates of the run, and the lines that `run.py` reads.
//!
//! Run by `make bench`, which makes the certificates and names their directory in
//! `TRUSTBRIDGE_BENCH_CERTS`, and the system store in `SSL_CERT_FILE`.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use pki_types::CertificateDer;

/// The kinds of keys that the chains are made with.
pub const KEYS: [&str; 4] = ["P-256", "P-384", "RSA-2048", "RSA-4096"];

/// The name that the end entities are valid for.
pub const NAME: &str = "localhost";

const CHILD: &str = "TRUSTBRIDGE_BENCH_CHILD";

/// What a server with this kind of key sends: end entity, intermediate.
pub fn chain(key: &str) -> Vec<CertificateDer<'static>> {
    ["leaf", "intermediate"].map(|file| certificate(key, file)).to_vec()
}

/// The trust anchor of that chain.
pub fn root(key: &str) -> CertificateDer<'static> {
    certificate(key, "root")
}

fn certificate(key: &str, file: &str) -> CertificateDer<'static> {
    let dir = PathBuf::from(env::var_os("TRUSTBRIDGE_BENCH_CERTS").expect("run `make bench`"));
    let path = dir.join(key).join(file).with_extension("der");
    CertificateDer::from(fs::read(path).expect("a certificate made by run.py"))
}

/// Times `run` once and tells the parent.
pub fn once<T>(run: impl FnOnce() -> T) {
    let start = Instant::now();
    let out = run();
    let took = start.elapsed();
    drop(out);
    println!("{}", took.as_nanos());
}

/// The bench and the case that this process has to time, if it is a child.
pub fn child() -> Option<(String, String)> {
    let child = env::var(CHILD).ok()?;
    let (bench, case) = child.split_once('/')?;
    Some((bench.to_owned(), case.to_owned()))
}

/// Times each case in fresh processes of this program, in turns, and prints the medians. `without` are
/// environment variables to take away.
pub fn in_children(bench: &str, cases: &[&str], without: &[&str]) {
    const ROUNDS: usize = 101;
    let mut times = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for (case, times) in cases.iter().zip(&mut times) {
            let mut command = Command::new(env::current_exe().expect("this program"));
            without.iter().for_each(|name| {
                command.env_remove(name);
            });
            let out = command.env(CHILD, format!("{bench}/{case}")).output().expect("a child");
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            let nanos = String::from_utf8_lossy(&out.stdout).trim().parse().expect("nanoseconds");
            times.push(Duration::from_nanos(nanos));
        }
    }
    for (case, times) in cases.iter().zip(times) {
        print(bench, case, times);
    }
}

/// A case: its name, and what to time.
pub type Case<'a> = (&'a str, Box<dyn FnMut() + 'a>);

/// Times each case in this process, in turns, and prints the medians.
pub fn in_turns(bench: &str, cases: &mut [Case<'_>]) {
    const ROUNDS: usize = 51;
    const BATCH: u32 = 100; // the first of a turn finds the caches full of the other cases
    let mut times = vec![Vec::new(); cases.len()];
    for round in 0..ROUNDS {
        for ((_, run), times) in cases.iter_mut().zip(&mut times) {
            let start = Instant::now();
            (0..BATCH).for_each(|_| run());
            let took = start.elapsed() / BATCH;
            if round > 0 {
                times.push(took); // the first round warms up
            }
        }
    }
    for ((case, _), times) in cases.iter().zip(times) {
        print(bench, case, times);
    }
}

/// One line for `run.py`: bench, case, unit, median, number of measurements.
pub fn print(bench: &str, case: &str, times: Vec<Duration>) {
    let times = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    print_values(bench, case, "ms", times);
}

/// The same in any unit.
pub fn print_values(bench: &str, case: &str, unit: &str, mut values: Vec<f64>) {
    values.sort_unstable_by(f64::total_cmp);
    let median = values[values.len() / 2];
    println!("{bench}\t{case}\t{unit}\t{median:.6}\t{}", values.len());
}

/// The memory of this process that is no file's, in KiB.
pub fn anonymous_kib() -> f64 {
    let text = fs::read_to_string("/proc/self/smaps_rollup").expect("Linux");
    let line = text.lines().find(|line| line.starts_with("Anonymous:")).expect("Anonymous");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}
