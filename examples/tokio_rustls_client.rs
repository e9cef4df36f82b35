//! Connects with tokio-rustls, sends one HTTP request and prints the answer.
//!
//! ```text
//! cargo run --example tokio_rustls_client -- example.com:443
//! cargo run --example tokio_rustls_client -- localhost:8443 ca.pem
//! cargo run --example tokio_rustls_client -- localhost:8443 ca.pem client.pem client.key
//! ```
//!
//! With `ca.pem`, its certificates are trusted as well as the operating system's roots. With
//! `client.pem` and `client.key`, the client shows this certificate to a server that asks.
//!
//! In a project of your own:
//!
//! ```toml
//! [dependencies]
//! rustls = "0.23"
//! tokio = { version = "1", features = ["io-util", "macros", "net", "rt-multi-thread"] }
//! tokio-rustls = { version = "0.26", default-features = false }
//! trustbridge = "0.1"
//! ```
//!
//! On Unix `cargo run` sets `SSL_CERT_FILE` and `SSL_CERT_DIR` for the program, so it may find another
//! store than it does on its own. Run the program in `target/debug/` to see that.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use trustbridge::Verifier;
use trustbridge::rustls_0_23::{ErrorForm, Settings, WithVerifier, verify_error};

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let (server, cafile, identity) = match &*args {
        [server] => (server, None, None),
        [server, cafile] => (server, Some(cafile), None),
        [server, cafile, cert, key] => (server, Some(cafile), Some((cert, key))),
        _ => {
            eprintln!("usage: tokio_rustls_client HOST:PORT [CAFILE [CERT KEY]]");
            return ExitCode::from(2);
        }
    };
    let answer = match config(cafile, identity) {
        Ok(config) => talk(config, server).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) => {
            print!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            match verify_error(&*error) {
                Some(refused) => eprintln!("{}", refused.report()),
                None => eprintln!("{error}"),
            }
            ExitCode::FAILURE
        }
    }
}

fn config(
    cafile: Option<&String>,
    identity: Option<(&String, &String)>,
) -> Result<ClientConfig, Box<dyn Error>> {
    let verifier = match cafile {
        None => Verifier::system(),
        Some(file) => Verifier::builder().extra_roots(certificates(file)?).build()?,
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_verifier(Settings::new(verifier).errors(ErrorForm::Text))?;
    Ok(match identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => builder
            .with_client_auth_cert(certificates(cert)?, PrivateKeyDer::from_pem_file(key)?)?,
    })
}

async fn talk(config: ClientConfig, server: &str) -> Result<String, Box<dyn Error>> {
    let (host, _) = server.rsplit_once(':').ok_or("HOST:PORT has no port")?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let tcp = TcpStream::connect(server).await?;
    let name = ServerName::try_from(host.clone())?;
    // The verdict is given here, before a byte of the request or a client certificate is sent.
    let mut tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    tls.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    tls.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, Box<dyn Error>> {
    Ok(CertificateDer::pem_file_iter(file)?.collect::<Result<_, _>>()?)
}
