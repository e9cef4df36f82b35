//! The table of cases against OpenSSL, as a second implementation: what we say of a chain is what
//! OpenSSL says, but for the differences that the table lists with a reason each.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use trustbridge_cases::{Case, Check, Engine, Expect, Purpose};

/// Releases of OpenSSL 3.0 part here: 3.0.19 takes a delta CRL for a complete one, 3.0.22 finds no
/// CRL in it.
const NO_CRL_SINCE: [&str; 1] = ["crl-delta"];

#[test]
fn openssl_agrees() {
    let dir = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let mut asked = 0;
    for case in trustbridge_cases::all() {
        if !case.pinned.is_empty()
            || case.chain.is_empty()
            || case.name == "a-thousand-certificates"
        {
            continue; // nothing that `openssl verify` could be asked
        }
        asked += 1;
        let (mut trusted, mut output) = openssl_verify(&case, dir.path());
        // OpenSSL has no purpose for both.
        if case.or_server && !trusted {
            let case = Case { purpose: Purpose::Server, ..case.clone() };
            (trusted, output) = openssl_verify(&case, dir.path());
        }
        if NO_CRL_SINCE.contains(&case.name) && output.contains("unable to get certificate CRL") {
            continue;
        }
        let expected = matches!(case.expected(Engine::OpenSsl), Expect::Trusted(_));
        if trusted != expected {
            wrong.push(format!(
                "{}: expected {:?}\n{output}",
                case.name,
                case.expected(Engine::OpenSsl)
            ));
        }
    }
    assert!(asked > 100, "only {asked} cases were asked");
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The verdict of `openssl verify`, which every Debian machine has, and what it printed.
fn openssl_verify(case: &Case, dir: &Path) -> (bool, String) {
    let write = |name: &str, label: &str, ders: &[Vec<u8>]| -> PathBuf {
        let path = dir.join(name);
        let blocks: Vec<_> = ders.iter().map(|der| pem(label, der)).collect();
        std::fs::write(&path, blocks.concat()).unwrap();
        path
    };
    let mut untrusted = case.chain.clone();
    untrusted.extend(case.intermediates.iter().cloned());
    let leaf = write("leaf.pem", "CERTIFICATE", untrusted.get(..1).unwrap());
    let sent = write("sent.pem", "CERTIFICATE", untrusted.get(1..).unwrap());
    let roots = write("roots.pem", "CERTIFICATE", &case.roots);
    let crls = write("crls.pem", "X509 CRL", &case.crls);

    let mut command = Command::new("openssl");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    // Debian's default security level, said here so that the machine's settings do not matter.
    command.args(["verify", "-no-CAfile", "-no-CApath", "-no-CAstore", "-auth_level"]);
    command.arg(if case.weak_keys { "0" } else { "2" });
    command.arg("-attime").arg(case.time.to_string());
    command.arg("-purpose").arg(match case.purpose {
        Purpose::Server => "sslserver",
        Purpose::Client => "sslclient",
    });
    if !case.roots.is_empty() {
        command.arg("-CAfile").arg(roots);
    }
    if untrusted.len() > 1 {
        command.arg("-untrusted").arg(sent);
    }
    if let Some(peer) = case.peer {
        let option = if peer.parse::<std::net::IpAddr>().is_ok() {
            "-verify_ip"
        } else {
            "-verify_hostname"
        };
        command.arg(option).arg(peer);
    }
    if case.strict {
        command.arg("-x509_strict");
    }
    if case.check != Check::Off && (case.reject_unknown || !case.crls.is_empty()) {
        command.arg(if case.check == Check::Leaf { "-crl_check" } else { "-crl_check_all" });
        if !case.crls.is_empty() {
            command.arg("-CRLfile").arg(crls);
        }
    }
    let output =
        command.arg(leaf).output().unwrap_or_else(|error| panic!("cannot run openssl: {error}"));
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line)).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
