//! Each library connects to a server with a good certificate, one from an unknown CA, one that has
//! expired and one for another name. What it makes of the verdict is compared with the table below,
//! which docs/ecosystem.md shows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use trustbridge::rustls_0_23::{ErrorForm, Settings, client_config_with_provider, verify_error};
use trustbridge::{ErrorKind, Verifier, VerifyError};
use trustbridge_cases::make::{self, DAY, Node, Spec};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// Where the report of a refusal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Report {
    /// `verify_error` finds it in the library's error.
    InError,
    /// The observer has it, and nothing else.
    Observer,
}

/// What the server does after the handshake.
#[derive(Clone, Copy)]
enum Protocol {
    Http,
    WebSocket,
    /// Reads until the client goes.
    Silent,
}

struct Server {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn long(spec: Spec) -> Spec {
    spec.valid(-9_000 * DAY, 9_000 * DAY)
}

fn der(node: &Node) -> CertificateDer<'static> {
    node.der.clone().into()
}

impl Server {
    async fn start(protocol: Protocol, identity: &Node) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![der(identity)],
                PrivatePkcs8KeyDer::from(identity.key_der()).into(),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((tcp, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(tls) = acceptor.accept(tcp).await {
                        serve(protocol, tls).await;
                    }
                });
            }
        });
        Self { address, task }
    }
}

async fn serve(protocol: Protocol, mut tls: tokio_rustls::server::TlsStream<TcpStream>) {
    let mut buffer = [0; 4096];
    match protocol {
        Protocol::WebSocket => {
            tokio_tungstenite::accept_async(tls).await.ok();
        }
        Protocol::Http => {
            tls.read(&mut buffer).await.ok();
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            tls.write_all(answer).await.ok();
            tls.shutdown().await.ok();
        }
        Protocol::Silent => while let Ok(1..) = tls.read(&mut buffer).await {},
    }
}

/// Runs a library against the four servers.
async fn check<F: Future<Output = Outcome>>(
    library: &str,
    protocol: Protocol,
    expected: Report,
    connect: impl Fn(ClientConfig, SocketAddr) -> F,
) {
    let ca = long(make::ca("Known Root")).self_signed();
    let other = long(make::ca("Unknown Root")).self_signed();
    let server = || long(make::server()).names(&["localhost", "127.0.0.1"]);
    let misnamed = long(make::server()).names(&["elsewhere.example"]).issued_by(&ca);
    for (identity, kind) in [
        (server().issued_by(&ca), None),
        (server().issued_by(&other), Some(ErrorKind::UnknownIssuer)),
        (server().valid(-9_000 * DAY, -8_000 * DAY).issued_by(&ca), Some(ErrorKind::Expired)),
        (misnamed, Some(ErrorKind::NameMismatch)),
    ] {
        let told = format!("{library}, {kind:?}");
        let server = Server::start(protocol, &identity).await;
        let observed = Arc::new(Mutex::new(Vec::<Option<VerifyError>>::new()));
        let keep = Arc::clone(&observed);
        let verifier =
            Verifier::builder().system_roots(false).extra_roots([der(&ca)]).build().unwrap();
        let settings = Settings::new(verifier)
            .errors(ErrorForm::Text)
            .on_verdict(move |_, verdict| keep.lock().unwrap().push(verdict.err().cloned()));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = client_config_with_provider(settings, provider).unwrap();
        let outcome = connect(config, server.address).await;

        let observed = observed.lock().unwrap();
        let last = observed.last().unwrap_or_else(|| panic!("{told}: never verified: {outcome:?}"));
        assert_eq!(last.as_ref().map(VerifyError::kind), kind, "{told}");
        match (outcome, last) {
            (Ok(()), None) => {}
            (Err(error), Some(refused)) => {
                let found = if verify_error(&*error).is_some_and(|found| found == refused) {
                    Report::InError
                } else {
                    Report::Observer
                };
                assert_eq!(found, expected, "{told}: {error:?}");
            }
            (outcome, verdict) => panic!("{told}: {verdict:?}, but {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn tokio_rustls() {
    check("tokio-rustls", Protocol::Silent, Report::InError, |config, address| async move {
        let tcp = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost")?;
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn hyper_rustls() {
    check("hyper-rustls", Protocol::Http, Report::InError, |config, address| async move {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_http1()
            .build();
        let executor = hyper_util::rt::TokioExecutor::new();
        let client: hyper_util::client::legacy::Client<_, http_body_util::Empty<&[u8]>> =
            hyper_util::client::legacy::Client::builder(executor).build(connector);
        client.get(format!("https://{address}/").parse()?).await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn reqwest() {
    check("reqwest", Protocol::Http, Report::InError, |config, address| async move {
        let client = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(config);
        client.build()?.get(format!("https://{address}/")).send().await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn tokio_tungstenite() {
    check(
        "tokio-tungstenite",
        Protocol::WebSocket,
        Report::InError,
        |config, address| async move {
            let connector = tokio_tungstenite::Connector::Rustls(Arc::new(config));
            let url = format!("wss://{address}/");
            tokio_tungstenite::connect_async_tls_with_config(url, None, false, Some(connector))
                .await?;
            Ok(())
        },
    )
    .await;
}

#[tokio::test]
async fn futures_rustls() {
    use tokio_util::compat::TokioAsyncReadCompatExt;
    check("futures-rustls", Protocol::Silent, Report::InError, |config, address| async move {
        let tcp = TcpStream::connect(address).await?.compat();
        let name = ServerName::try_from("localhost")?;
        futures_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn tonic() {
    check("tonic", Protocol::Silent, Report::InError, |config, address| async move {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_http2()
            .build();
        let endpoint = tonic::transport::Endpoint::from_shared(format!("https://{address}"))?;
        endpoint.connect_with_connector(connector).await?;
        Ok(())
    })
    .await;
}
