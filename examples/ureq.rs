//! Fetches a page with ureq, trusting what the operating system trusts.
//!
//! ```text
//! cargo run --example ureq -- https://example.com/
//! cargo run --example ureq -- https://localhost:8443/ ca.pem
//! ```
//!
//! With a PEM file, its certificates are trusted as well. ureq takes no `ClientConfig`, but it
//! takes a connector; the one below is all it needs, and ureq's own TLS features can stay off.
//!
//! In a project of your own:
//!
//! ```toml
//! [dependencies]
//! rustls = "0.23"
//! trustbridge = "0.1"
//! ureq = { version = "3", default-features = false }
//! ```
//!
//! On Unix `cargo run` sets `SSL_CERT_FILE` and `SSL_CERT_DIR` for the program, so it may find another
//! store than it does on its own. Run the program in `target/debug/` to see that.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::{env, fmt};

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use trustbridge::Verifier;
use trustbridge::rustls_0_23::{ErrorForm, Settings, client_config, verify_error};
use ureq::Agent;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, TcpConnector,
    Transport, TransportAdapter,
};

fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let (url, cafile) = match &*args {
        [url] => (url, None),
        [url, cafile] => (url, Some(cafile)),
        _ => {
            eprintln!("usage: ureq URL [CAFILE]");
            return ExitCode::from(2);
        }
    };
    match fetch(url, cafile) {
        Ok(body) => {
            print!("{body}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            // ureq's error does not name the one it holds as its source.
            let inner: &(dyn Error + 'static) = match error.downcast_ref() {
                Some(ureq::Error::Io(error)) => error,
                _ => &*error,
            };
            match verify_error(inner) {
                Some(refused) => eprintln!("{}", refused.report()),
                None => eprintln!("{error}"),
            }
            ExitCode::FAILURE
        }
    }
}

fn fetch(url: &str, cafile: Option<&String>) -> Result<String, Box<dyn Error>> {
    let verifier = match cafile {
        None => Verifier::system(),
        Some(file) => {
            let roots = CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>()?;
            Verifier::builder().extra_roots(roots).build()?
        }
    };
    let tls = Tls(Arc::new(client_config(Settings::new(verifier).errors(ErrorForm::Text))?));
    // One agent for the whole program: it keeps connections and TLS sessions.
    let agent = Agent::with_parts(
        ureq::config::Config::default(),
        TcpConnector::default().chain(tls),
        DefaultResolver::default(),
    );
    Ok(agent.get(url).call()?.body_mut().read_to_string()?)
}

/// Adds TLS to the connections that need it.
#[derive(Debug)]
pub(crate) struct Tls(pub(crate) Arc<ClientConfig>);

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else { return Ok(None) };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let host = details.uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        let mut tls = ClientConnection::new(Arc::clone(&self.0), name).map_err(io::Error::other)?;
        let mut tcp = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        tcp.set_timeout(details.timeout);
        tls.complete_io(&mut tcp)?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(Either::B(TlsTransport { buffers, stream: StreamOwned::new(tls, tcp) })))
    }
}

pub(crate) struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        Ok(self.stream.write_all(output)?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsTransport")
    }
}
