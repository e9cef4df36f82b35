//! Cold load of the system store: find, read, decode and index it, in a process of its own each
//! time. Run with `cargo bench --bench cold_load`.
//!
//! The measured process has no `SSL_CERT_*` variables, so that all read the distribution's store.
//! The peer reads the same bundle; it also looks into directories, as it sees fit.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::env;
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

const RUNS: usize = 41;
const CHILD: &str = "TRUSTBRIDGE_BENCH_CHILD";

fn main() {
    if let Ok(what) = env::var(CHILD) {
        let start = Instant::now();
        let count = match &*what {
            "trustbridge" => black_box(trustbridge::SystemStore::snapshot()).entries().len(),
            "trustbridge, vetted" => black_box(trustbridge::SystemStore::snapshot())
                .usable(trustbridge::Purpose::ServerAuth, pki_types::UnixTime::now())
                .count(),
            "rustls-native-certs" => {
                black_box(rustls_native_certs::load_native_certs()).certs.len()
            }
            other => panic!("{other}"),
        };
        println!("{} {count}", start.elapsed().as_nanos());
        return;
    }
    let names = ["trustbridge", "trustbridge, vetted", "rustls-native-certs"];
    let mut times = vec![Vec::new(); names.len()];
    let mut counts = vec![String::new(); names.len()];
    for _ in 0..RUNS {
        // Taken in turns, so that a busy machine is busy for all.
        for (index, name) in names.iter().enumerate() {
            let output = Command::new(env::current_exe().unwrap())
                .env_remove("SSL_CERT_FILE")
                .env_remove("SSL_CERT_DIR")
                .env_remove("NIX_SSL_CERT_FILE")
                .env(CHILD, name)
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let (nanos, count) = text.trim().split_once(' ').unwrap();
            times[index].push(nanos.parse::<u32>().unwrap());
            counts[index] = count.to_owned();
        }
    }
    let medians: Vec<_> = times
        .iter_mut()
        .map(|times| {
            times.sort_unstable();
            (f64::from(times[RUNS / 2]) / 1e6, f64::from(times[0]) / 1e6)
        })
        .collect();
    println!("{:<22} {:>8} {:>8} {:>7} {:>12}", "", "median", "least", "ratio", "certificates");
    for (index, name) in names.iter().enumerate() {
        let (median, least) = medians[index];
        let ratio = median / medians[0].0;
        println!("{name:<22} {median:>5.3} ms {least:>5.3} ms {ratio:>6.1}x {:>12}", counts[index]);
    }
}
