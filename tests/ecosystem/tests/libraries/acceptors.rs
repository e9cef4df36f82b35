//! A library that accepts connections and requires client certificates.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use trustbridge::rustls_0_23::{
    ClientChainVerifier, ErrorForm, Settings, WithVerifier, verify_error,
};
use trustbridge::{ErrorKind, Purpose, Verifier, VerifyError};
use trustbridge_cases::make::{self, DAY, Node};

use crate::{Outcome, der, key, long};

#[tokio::test]
async fn axum_server() {
    let ca = long(make::ca("Known Root")).self_signed();
    let other = long(make::ca("Unknown Root")).self_signed();
    let client = || long(make::client());
    let server = long(make::server()).names(&["localhost"]).issued_by(&ca);
    for (identity, kind) in [
        (client().issued_by(&ca), None),
        (client().issued_by(&other), Some(ErrorKind::UnknownIssuer)),
        (client().valid(-9_000 * DAY, -8_000 * DAY).issued_by(&ca), Some(ErrorKind::Expired)),
        (long(make::server()).issued_by(&ca), Some(ErrorKind::WrongPurpose)),
    ] {
        let observed = Arc::new(Mutex::new(None));
        let (failed, mut failures) = mpsc::unbounded_channel();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let config = accepting(&ca, &server, Arc::clone(&observed));
        let config = axum_server::tls_rustls::RustlsConfig::from_config(Arc::new(config));
        let server = axum_server::from_tcp_rustls(listener, config).unwrap().accept_error_handler(
            move |_, error| {
                failed.send(verify_error(error).cloned()).ok();
            },
        );
        let serving = tokio::spawn(server.serve(axum::Router::<()>::new().into_make_service()));

        let outcome = request(&ca, &identity, address).await;
        assert_eq!(outcome.is_ok(), kind.is_none(), "{kind:?}: {outcome:?}");
        if kind.is_some() {
            let found = failures.recv().await.unwrap();
            assert_eq!(found.as_ref().map(VerifyError::kind), kind);
            assert_eq!(found, *observed.lock().unwrap());
        }
        serving.abort();
    }
}

fn accepting(
    ca: &Node,
    identity: &Node,
    observed: Arc<Mutex<Option<VerifyError>>>,
) -> ServerConfig {
    let verifier = Verifier::builder()
        .purpose(Purpose::ClientAuth)
        .system_roots(false)
        .extra_roots([der(ca)])
        .build()
        .unwrap();
    let settings = Settings::new(verifier)
        .errors(ErrorForm::Text)
        .on_verdict(move |_, verdict| *observed.lock().unwrap() = verdict.err().cloned());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = ClientChainVerifier::with_provider(settings, &provider).unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(vec![der(identity)], key(identity))
        .unwrap()
}

/// With TLS 1.3 a client learns only from the first answer whether the server takes its certificate.
async fn request(ca: &Node, identity: &Node, address: SocketAddr) -> Outcome {
    let verifier = Verifier::builder().system_roots(false).extra_roots([der(ca)]).build()?;
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_verifier(verifier)?
        .with_client_auth_cert(vec![der(identity)], key(identity))?;
    let tcp = TcpStream::connect(address).await?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut tls = connector.connect(ServerName::try_from("localhost")?, tcp).await?;
    tls.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = [0; 12];
    tls.read_exact(&mut answer).await?;
    assert_eq!(answer, *b"HTTP/1.1 404");
    Ok(())
}
