//! Says whether a server's certificate, or a chain in a file, is trusted, and why or why not.
//!
//! ```text
//! cargo run --example check -- example.com
//! cargo run --example check -- --cafile ca.pem --only localhost:8443
//! cargo run --example check -- --chain chain.pem --name example.com --time 1767225600
//! ```
//!
//! Exit codes: 0 trusted, 1 not trusted, 2 wrong usage or an unusable file, 3 no verdict because there was no
//! connection.
//!
//! In a project of your own:
//!
//! ```toml
//! [dependencies]
//! rustls = "0.23"
//! trustbridge = "0.1"
//! ```
//!
//! On Unix `cargo run` sets `SSL_CERT_FILE` and `SSL_CERT_DIR` for the program, so it may find another
//! store than it does on its own. Run the program in `target/debug/` to see that.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, fmt, io};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection};
use trustbridge::rustls_0_23::{Settings, WithVerifier};
use trustbridge::{Peer, Verified, Verifier, VerifyError};

const USAGE: &str = "\
usage: check [OPTIONS] HOST[:PORT]
       check [OPTIONS] --chain FILE.pem --name NAME

  --cafile FILE   also trust the certificates in this PEM file
  --only          do not trust the operating system's roots
  --time UNIX     verify at this time, in seconds since 1970
  --chain FILE    verify the certificates in this PEM file, end entity first
  --name NAME     the DNS name or IP address that the chain must be valid for";

const TIMEOUT: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    match run() {
        Ok((peer, Ok(verified))) => {
            println!("trusted: {peer}\n{verified}");
            ExitCode::SUCCESS
        }
        Ok((_, Err(refused))) => {
            eprintln!("{}", refused.report());
            ExitCode::from(1)
        }
        Err(Failure::Usage(what)) => {
            eprintln!("{USAGE}\n\ncheck: {what}");
            ExitCode::from(2)
        }
        Err(Failure::Input(what)) => {
            eprintln!("check: {what}");
            ExitCode::from(2)
        }
        Err(Failure::Connection(what)) => {
            eprintln!("check: {what}");
            ExitCode::from(3)
        }
    }
}

enum Failure {
    Usage(String),
    Input(String),
    Connection(String),
}

fn usage(what: impl fmt::Display) -> Failure {
    Failure::Usage(what.to_string())
}

type Verdict = Result<Verified, VerifyError>;

/// The peer, as the user named it, and the verdict on it.
fn run() -> Result<(String, Verdict), Failure> {
    let args = Args::parse(env::args().skip(1))?;
    let mut builder = Verifier::builder();
    if args.only {
        builder = builder.system_roots(false);
    }
    if let Some(file) = &args.cafile {
        builder = builder.extra_roots(certificates(file)?);
    }
    let verifier = builder.build().map_err(usage)?;

    match args.target {
        Target::Chain { file, name } => {
            let chain = certificates(&file)?;
            let peer = Peer::new(&chain, Some(server_name(&name)?)).time(args.time);
            let verdict = verifier.verify(&peer);
            Ok((name, verdict))
        }
        Target::Server { host, port } => {
            let verdict = connect(verifier, &host, port, args.time)?;
            let brackets = host.contains(':');
            let peer = if brackets { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
            Ok((peer, verdict))
        }
    }
}

/// The verdict of a real handshake.
fn connect(verifier: Verifier, host: &str, port: u16, time: UnixTime) -> Result<Verdict, Failure> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verdict = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&verdict);
    let settings = Settings::new(verifier).on_verdict(move |_, verdict| {
        if let Ok(mut kept) = keep.lock() {
            *kept = Some(verdict.cloned().map_err(Clone::clone));
        }
    });
    let config = ClientConfig::builder_with_details(provider, Arc::new(Clock(time)))
        .with_safe_default_protocol_versions()
        .map_err(usage)?
        .with_verifier(settings)
        .map_err(usage)?
        .with_no_client_auth();
    let name = server_name(host)?.to_owned();
    let mut tls = ClientConnection::new(Arc::new(config), name).map_err(usage)?;

    let failed = |error: io::Error| Failure::Connection(format!("{host}:{port}: {error}"));
    let handshake = open(host, port).and_then(|mut tcp| tls.complete_io(&mut tcp)).map_err(failed);
    let verdict = verdict.lock().ok().and_then(|mut kept| kept.take());
    match (verdict, handshake) {
        (Some(Err(refused)), _) => Ok(Err(refused)),
        // Without a finished handshake nobody has shown the key to the certificate.
        (_, Err(failure)) => Err(failure),
        (Some(verdict), Ok(_)) => Ok(verdict),
        (None, Ok(_)) => Err(Failure::Connection(format!("{host}:{port}: no certificate"))),
    }
}

fn open(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(tcp) => {
                tcp.set_read_timeout(Some(TIMEOUT))?;
                tcp.set_write_timeout(Some(TIMEOUT))?;
                return Ok(tcp);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A clock that stands still.
#[derive(Debug)]
struct Clock(UnixTime);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}

struct Args {
    cafile: Option<String>,
    only: bool,
    time: UnixTime,
    target: Target,
}

enum Target {
    Server { host: String, port: u16 },
    Chain { file: String, name: String },
}

impl Args {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let (mut cafile, mut chain, mut name, mut server) = (None, None, None, None);
        let (mut only, mut time) = (false, UnixTime::now());
        while let Some(arg) = args.next() {
            let mut value =
                || args.next().ok_or_else(|| usage(format_args!("{arg} needs a value")));
            match arg.as_str() {
                "--cafile" => cafile = Some(value()?),
                "--chain" => chain = Some(value()?),
                "--name" => name = Some(value()?),
                "--only" => only = true,
                "--time" => {
                    let secs = value()?.parse().map_err(|_| usage("--time needs a number"))?;
                    time = UnixTime::since_unix_epoch(Duration::from_secs(secs));
                }
                _ if arg.starts_with('-') => return Err(usage(format_args!("unknown {arg}"))),
                _ if server.is_some() => return Err(usage("more than one HOST")),
                _ => server = Some(arg),
            }
        }
        let target = match (server, chain, name) {
            (Some(server), None, None) => {
                let (host, port) = host_and_port(&server)?;
                Target::Server { host, port }
            }
            (None, Some(file), Some(name)) => Target::Chain { file, name },
            (None, None, None) => return Err(usage("HOST is missing")),
            (None, ..) => return Err(usage("--chain and --name go together")),
            (Some(_), ..) => return Err(usage("either HOST, or --chain and --name")),
        };
        Ok(Self { cafile, only, time, target })
    }
}

/// `host`, `host:port`, `[::1]:port`, `[::1]` or `::1`.
fn host_and_port(server: &str) -> Result<(String, u16), Failure> {
    let (host, port) = match server.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').unwrap_or(port))),
        None => match server.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (server, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().map_err(|_| usage(format_args!("\"{port}\" is not a port")))?,
        None => 443,
    };
    Ok((host.to_owned(), port))
}

fn server_name(name: &str) -> Result<ServerName<'_>, Failure> {
    ServerName::try_from(name)
        .map_err(|_| usage(format_args!("\"{name}\" is neither a DNS name nor an IP address")))
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let certs = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| Failure::Input(format!("{file}: {error}")))?;
    if certs.is_empty() {
        Err(Failure::Input(format!("{file}: no certificate in PEM")))
    } else {
        Ok(certs)
    }
}
