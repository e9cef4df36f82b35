//! The examples as programs, against each other and against a private CA, over loopback.

#![cfg(all(feature = "rustls-0_23", unix))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tempfile::TempDir;
use trustbridge_cases::NOW;
use trustbridge_cases::make::{self, DAY, Node, Spec};

/// The program, as `cargo test` builds it before it runs the tests.
fn example(name: &str) -> Command {
    let deps = env::current_exe().unwrap();
    let program = deps.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(program.exists(), "{} is missing: cargo build --examples", program.display());
    let mut command = Command::new(program);
    // No proxy, no store of the machine.
    command.env_clear();
    command
}

/// Not a matter of the clock: examples run at the machine's time.
fn long(spec: Spec) -> Spec {
    spec.valid(-9_000 * DAY, 9_000 * DAY)
}

struct Files {
    directory: TempDir,
}

impl Files {
    /// A CA with a server and a client, and a stranger.
    fn new() -> Self {
        let files = Self { directory: tempfile::tempdir().unwrap() };
        let ca = long(make::ca("Private Root")).self_signed();
        let stranger = long(make::ca("Stranger")).self_signed();
        let server = || long(make::server()).names(&["localhost", "127.0.0.1"]);
        files.write("ca", &ca);
        files.write("stranger", &stranger);
        files.write("server", &server().issued_by(&ca));
        files.write("client", &long(make::client()).issued_by(&ca));
        files.write("strange-client", &long(make::client()).issued_by(&stranger));
        files
    }

    fn write(&self, name: &str, node: &Node) {
        let pem = |label: &str, der: &[u8]| {
            let base64 = BASE64_STANDARD.encode(der);
            format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
        };
        fs::write(self.pem(name), pem("CERTIFICATE", &node.der)).unwrap();
        fs::write(self.key(name), pem("PRIVATE KEY", &node.key_der())).unwrap();
    }

    fn pem(&self, name: &str) -> PathBuf {
        self.directory.path().join(name).with_extension("pem")
    }

    fn key(&self, name: &str) -> PathBuf {
        self.directory.path().join(name).with_extension("key")
    }
}

/// A running server, stopped at the end.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(name: &str, files: &Files, client_ca: Option<&str>) -> Self {
        let mut command = example(name);
        command.arg("127.0.0.1:0").args([files.pem("server"), files.key("server")]);
        command.args(client_ca.map(|ca| files.pem(ca)));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let port = line.strip_prefix("listening on 127.0.0.1:").unwrap().parse().unwrap();
        // Whatever it prints later must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn assert_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}\n{}", stdout(output), stderr(output));
}

/// A refusal tells the issuer, the places and what to do.
fn assert_refused(output: &Output, store: &Path) {
    assert_code(output, 1);
    let report = stderr(output);
    let store = format!("  - {}: 1 usable trust anchor", store.display());
    for part in ["issuer is not known", "CN=Private Root", &store, "What to do:"] {
        assert!(report.contains(part), "no \"{part}\" in\n{report}");
    }
    assert_eq!(stdout(output), "");
}

#[test]
fn check_a_server() {
    let files = Files::new();
    let server = Server::start("tokio_rustls_server", &files, None);
    let expected = |host: &str, source: &str| {
        let end = make_date(9_000);
        let start = make_date(-9_000);
        format!(
            "trusted: {host}:{}\n\
             \x20 0: CN=server, O=trustbridge tests\n\
             \x20    issued by CN=Private Root, O=trustbridge tests\n\
             \x20    valid {start} to {end}\n\
             \x20 1: CN=Private Root, O=trustbridge tests\n\
             \x20    issued by CN=Private Root, O=trustbridge tests\n\
             \x20    valid {start} to {end}\n\
             anchor: CN=Private Root, O=trustbridge tests\n\
             source: {source}\n",
            server.port
        )
    };
    for host in ["127.0.0.1", "localhost"] {
        let target = format!("{host}:{}", server.port);
        let output =
            example("check").arg(&target).env("SSL_CERT_FILE", files.pem("ca")).output().unwrap();
        assert_code(&output, 0);
        assert_eq!(stdout(&output), expected(host, files.pem("ca").to_str().unwrap()));

        let output = example("check")
            .arg("--only")
            .arg("--cafile")
            .args([files.pem("ca"), target.clone().into()])
            .output()
            .unwrap();
        assert_code(&output, 0);
        assert_eq!(stdout(&output), expected(host, "the extra roots"));
    }

    let output = example("check")
        .arg(server.address())
        .env("SSL_CERT_FILE", files.pem("stranger"))
        .output()
        .unwrap();
    assert_refused(&output, &files.pem("stranger"));

    // The whole report, also where rustls's error has no room for it.
    let later = (NOW + 9_001 * DAY.unsigned_abs()).to_string();
    let output = example("check")
        .args(["--time", &later, &server.address()])
        .env("SSL_CERT_FILE", files.pem("ca"))
        .output()
        .unwrap();
    assert_code(&output, 1);
    assert!(stderr(&output).contains("certificate has expired"), "{}", stderr(&output));
    assert!(stderr(&output).contains("> 1: CN=Private Root"), "{}", stderr(&output));
}

/// As certificates made for so many days after the table's time are printed.
fn make_date(days: i64) -> &'static str {
    if days < 0 { "2002-05-26 08:00:00 UTC" } else { "2051-09-06 08:00:00 UTC" }
}

#[test]
fn check_a_file() {
    let files = Files::new();
    let check = |name: &str, more: &[&str]| {
        example("check")
            .arg("--chain")
            .arg(files.pem("server"))
            .args(["--name", name, "--only", "--cafile"])
            .arg(files.pem("ca"))
            .args(more)
            .output()
            .unwrap()
    };
    let output = check("localhost", &[]);
    assert_code(&output, 0);
    assert!(stdout(&output).starts_with("trusted: localhost\n  0: CN=server"));
    assert!(stdout(&output).ends_with("\nsource: the extra roots\n"));

    let output = check("example.com", &[]);
    assert_code(&output, 1);
    assert!(stderr(&output).contains("certificate is not valid for"), "{}", stderr(&output));
    assert!(stderr(&output).contains("127.0.0.1"), "{}", stderr(&output));

    let output = check("localhost", &["--time", "0"]);
    assert_code(&output, 1);
    assert!(stderr(&output).contains("certificate is not yet valid"), "{}", stderr(&output));
}

#[test]
fn check_says_what_it_cannot_do() {
    let files = Files::new();
    let ca = files.pem("ca");
    let key = files.key("ca");
    let (ca, key) = (ca.to_str().unwrap(), key.to_str().unwrap());
    for (args, what) in [
        (&[][..], "HOST is missing"),
        (&["--cafile"], "--cafile needs a value"),
        (&["--cafile", "/nonexistent", "localhost"], "/nonexistent: "),
        (&["--cafile", key, "localhost"], "no certificate in PEM"),
        (&["--time", "noon", "localhost"], "--time needs a number"),
        (&["--shout", "localhost"], "unknown --shout"),
        (&["localhost", "localhost"], "more than one HOST"),
        (&["localhost:https"], "\"https\" is not a port"),
        (&["not a name"], "neither a DNS name nor an IP address"),
        (&["--chain", ca], "--chain and --name go together"),
        (&["--chain", ca, "--name", "x", "localhost"], "either HOST"),
    ] {
        let output = example("check").args(args).output().unwrap();
        assert_code(&output, 2);
        assert!(stderr(&output).contains(what), "{args:?}: {}", stderr(&output));
        // A file at fault is no matter of usage.
        let about_file = args.first() == Some(&"--cafile") && args.len() > 1;
        assert_eq!(stderr(&output).contains("usage: check"), !about_file, "{args:?}");
    }

    // A client's own port: in use, so that no other test gets it, and nobody listens.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let closed = client.local_addr().unwrap().to_string();
    let output = example("check").arg(&closed).output().unwrap();
    assert_code(&output, 3);
    assert!(stderr(&output).contains(&closed), "{}", stderr(&output));
}

#[test]
fn http_clients() {
    let files = Files::new();
    let server = Server::start("tokio_rustls_server", &files, None);
    for (client, target) in [
        ("reqwest", format!("https://{}/", server.address())),
        ("reqwest", format!("https://localhost:{}/", server.port)),
        ("ureq", format!("https://{}/", server.address())),
        ("ureq", format!("https://localhost:{}/", server.port)),
        ("tokio_rustls_client", server.address()),
        ("tokio_rustls_client", format!("localhost:{}", server.port)),
    ] {
        let run = |store: &str, more: &[PathBuf]| {
            example(client)
                .arg(&target)
                .args(more)
                .env("SSL_CERT_FILE", files.pem(store))
                .output()
                .unwrap()
        };
        for output in [run("ca", &[]), run("stranger", &[files.pem("ca")])] {
            assert_code(&output, 0);
            assert!(stdout(&output).ends_with("hello, whoever you are\n"), "{client}");
        }
        assert_refused(&run("stranger", &[]), &files.pem("stranger"));
    }
    for client in ["reqwest", "ureq", "tokio_rustls_client", "tokio_rustls_server", "mtls_server"] {
        let output = example(client).output().unwrap();
        assert_code(&output, 2);
        assert!(stderr(&output).starts_with(&format!("usage: {client}")));
    }
}

#[test]
fn client_certificates() {
    let files = Files::new();
    for (name, anonymous) in [("mtls_server", false), ("tokio_rustls_server", true)] {
        let server = Server::start(name, &files, Some("ca"));
        let run = |identity: Option<&str>| {
            let mut client = example("tokio_rustls_client");
            client.arg(server.address()).arg(files.pem("ca"));
            if let Some(identity) = identity {
                client.args([files.pem(identity), files.key(identity)]);
            }
            client.output().unwrap()
        };
        let output = run(Some("client"));
        assert_code(&output, 0);
        assert!(stdout(&output).contains("\r\n\r\nhello, "), "{}", stdout(&output));

        let output = run(None);
        assert_code(&output, if anonymous { 0 } else { 1 });
        assert_eq!(stdout(&output).contains("hello, whoever you are"), anonymous);

        // Optional or not: a certificate that is shown must be trusted.
        let output = run(Some("strange-client"));
        assert_code(&output, 1);
        assert!(stderr(&output).contains("UnknownCA"), "{}", stderr(&output));
    }
}
