//! A server with plain rustls that lets in only clients with a certificate from your own CA.
//!
//! ```text
//! cargo run --example mtls_server -- 127.0.0.1:8443 server.pem server.key client-ca.pem
//! cargo run --example tokio_rustls_client -- localhost:8443 ca.pem client.pem client.key
//! ```
//!
//! Every verdict is printed with the chain it rests on, every refusal with its report.
//!
//! In a project of your own:
//!
//! ```toml
//! [dependencies]
//! rustls = "0.23"
//! trustbridge = "0.1"
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::{env, thread};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{ServerConfig, ServerConnection, Stream};
use trustbridge::rustls_0_23::{ClientChainVerifier, Settings};
use trustbridge::{Purpose, Verifier};

fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let [address, cert, key, client_ca] = &*args else {
        eprintln!("usage: mtls_server ADDRESS:PORT CERT KEY CLIENT_CA");
        return ExitCode::from(2);
    };
    if let Err(error) = config(cert, key, client_ca).and_then(|config| serve(config, address)) {
        eprintln!("{error}");
    }
    ExitCode::FAILURE
}

fn config(cert: &str, key: &str, client_ca: &str) -> Result<ServerConfig, Box<dyn Error>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::builder()
        .purpose(Purpose::ClientAuth)
        // The system's roots would let in whoever has a certificate from any public CA.
        .system_roots(false)
        .extra_roots(certificates(client_ca)?)
        .build()?;
    let settings = Settings::new(verifier).on_verdict(|_, verdict| match verdict {
        Ok(verified) => println!("trusted client:\n{verified}"),
        Err(refused) => println!("{}", refused.report()),
    });
    let verifier = ClientChainVerifier::with_provider(settings, &provider)?;
    Ok(ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(certificates(cert)?, PrivateKeyDer::from_pem_file(key)?)?)
}

fn serve(config: ServerConfig, address: &str) -> Result<(), Box<dyn Error>> {
    let config = Arc::new(config);
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    for tcp in listener.incoming() {
        let (tcp, config) = (tcp?, Arc::clone(&config));
        thread::spawn(move || {
            if let Err(error) = greet(config, tcp) {
                println!("connection failed: {error}");
            }
        });
    }
    Ok(())
}

fn greet(config: Arc<ServerConfig>, mut tcp: TcpStream) -> Result<(), Box<dyn Error>> {
    tcp.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut connection = ServerConnection::new(config)?;
    let mut tls = Stream::new(&mut connection, &mut tcp);
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") && request.len() < 8_192 {
        tls.read_exact(&mut byte)?;
        request.extend(byte);
    }
    // From here on the client has a trusted certificate. Who it is and what it may do is for
    // the program to read from `tls.conn.peer_certificates()`.
    let body = "hello, trusted client\n";
    write!(
        tls,
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    tls.conn.send_close_notify();
    tls.flush()?;
    Ok(())
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, Box<dyn Error>> {
    Ok(CertificateDer::pem_file_iter(file)?.collect::<Result<_, _>>()?)
}
