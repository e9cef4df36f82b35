//! A small HTTPS server with tokio-rustls. It greets, and says whether the client has shown a
//! certificate.
//!
//! ```text
//! cargo run --example tokio_rustls_server -- 127.0.0.1:8443 server.pem server.key
//! cargo run --example tokio_rustls_server -- 127.0.0.1:8443 server.pem server.key client-ca.pem
//! ```
//!
//! With `client-ca.pem`, clients may show a certificate, and one that is shown must come from
//! these CAs. The example `mtls_server` insists on one.
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

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use trustbridge::rustls_0_23::ClientChainVerifier;
use trustbridge::{Purpose, Verifier};

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let (address, cert, key, client_ca) = match &*args {
        [address, cert, key] => (address, cert, key, None),
        [address, cert, key, client_ca] => (address, cert, key, Some(client_ca)),
        _ => {
            eprintln!("usage: tokio_rustls_server ADDRESS:PORT CERT KEY [CLIENT_CA]");
            return ExitCode::from(2);
        }
    };
    let served = match config(cert, key, client_ca) {
        Ok(config) => serve(config, address).await,
        Err(error) => Err(error),
    };
    if let Err(error) = served {
        eprintln!("{error}");
    }
    ExitCode::FAILURE
}

fn config(
    cert: &str,
    key: &str,
    client_ca: Option<&String>,
) -> Result<ServerConfig, Box<dyn Error>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let verifier = Verifier::builder()
                .purpose(Purpose::ClientAuth)
                .system_roots(false)
                .extra_roots(certificates(file)?)
                .build()?;
            let verifier = ClientChainVerifier::with_provider(verifier, &provider)?;
            builder.with_client_cert_verifier(Arc::new(verifier.allow_unauthenticated()))
        }
    };
    Ok(builder.with_single_cert(certificates(cert)?, PrivateKeyDer::from_pem_file(key)?)?)
}

async fn serve(config: ServerConfig, address: &str) -> Result<(), Box<dyn Error>> {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (tcp, peer) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Err(error) = greet(acceptor, tcp).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

async fn greet(acceptor: TlsAcceptor, tcp: TcpStream) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut tls = acceptor.accept(tcp).await?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") && request.len() < 8_192 {
        request.push(tls.read_u8().await?);
    }
    let (_, connection) = tls.get_ref();
    let body = match connection.peer_certificates() {
        Some(_) => "hello, client with a certificate\n",
        None => "hello, whoever you are\n",
    };
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    tls.write_all(answer.as_bytes()).await?;
    tls.shutdown().await?;
    Ok(())
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, Box<dyn Error>> {
    Ok(CertificateDer::pem_file_iter(file)?.collect::<Result<_, _>>()?)
}
