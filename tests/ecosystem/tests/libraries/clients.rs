//! Libraries that take a `ClientConfig` of rustls.

use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use trustbridge::rustls_0_23::{ErrorForm, Settings, client_config_with_provider, verify_error};
use trustbridge::{Verifier, VerifyError};

use crate::server::{Protocol, Server};
use crate::{Outcome, Report, Servers, der, messages};

/// Runs a library against the four servers.
async fn check<F: Future<Output = Outcome>>(
    library: &str,
    protocol: Protocol,
    expected: Report,
    connect: impl Fn(ClientConfig, SocketAddr) -> F,
) {
    let servers = Servers::new();
    for (identity, kind) in &servers.identities {
        let told = format!("{library}, {kind:?}");
        let server = Server::start(protocol, identity).await;
        let observed = Arc::new(Mutex::new(Vec::<Option<VerifyError>>::new()));
        let keep = Arc::clone(&observed);
        let verifier = Verifier::builder()
            .system_roots(false)
            .extra_roots([der(&servers.ca)])
            .build()
            .unwrap();
        let settings = Settings::new(verifier)
            .errors(ErrorForm::Text)
            .on_verdict(move |_, verdict| keep.lock().unwrap().push(verdict.err().cloned()));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = client_config_with_provider(settings, provider).unwrap();
        let outcome = connect(config, server.address).await;

        let observed = observed.lock().unwrap();
        let last = observed.last().unwrap_or_else(|| panic!("{told}: never verified: {outcome:?}"));
        assert_eq!(last.as_ref().map(VerifyError::kind), *kind, "{told}");
        match (outcome, last) {
            (Ok(()), None) => {}
            (Err(error), Some(refused)) => check_report(&told, &*error, refused, expected),
            (outcome, verdict) => panic!("{told}: {verdict:?}, but {outcome:?}"),
        }
    }
}

fn check_report(
    told: &str,
    error: &(dyn Error + 'static),
    refused: &VerifyError,
    expected: Report,
) {
    let direct = verify_error(error);
    match expected {
        Report::InError => assert_eq!(direct, Some(refused), "{told}: {error:?}"),
        Report::Inside(take) => {
            assert_eq!(direct, None, "{told}: found without help");
            let inner = take(error).unwrap_or_else(|| panic!("{told}: {error:?}"));
            assert_eq!(verify_error(inner), Some(refused), "{told}: {error:?}");
        }
        Report::LineOnly | Report::Lost => {
            assert_eq!(direct, None, "{told}: found");
            let has_line = messages(error).contains(&refused.to_string());
            assert_eq!(has_line, matches!(expected, Report::LineOnly), "{told}: {error:?}");
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
async fn quinn() {
    check("quinn", Protocol::Quic, Report::LineOnly, |config, address| async move {
        let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(config)?;
        let mut endpoint = quinn::Endpoint::client(([127, 0, 0, 1], 0).into())?;
        endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(crypto)));
        endpoint.connect(address, "localhost")?.await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn async_nats() {
    check("async-nats", Protocol::Nats, Report::InError, |config, address| async move {
        let options = async_nats::ConnectOptions::new().tls_client_config(config);
        options.connect(format!("tls://{address}")).await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn rumqttc() {
    use rumqttc::{Event, Packet, TlsConfiguration, Transport};
    check("rumqttc", Protocol::Mqtt, Report::InError, |config, address| async move {
        let mut options =
            rumqttc::MqttOptions::new("client", address.ip().to_string(), address.port());
        let config = TlsConfiguration::Rustls(Arc::new(config));
        options.set_transport(Transport::tls_with_config(config));
        let (_client, mut connection) = rumqttc::AsyncClient::new(options, 1);
        let event = connection.poll().await?;
        assert!(matches!(event, Event::Incoming(Packet::ConnAck(_))), "{event:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn hickory_resolver() {
    use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
    use hickory_resolver::net::runtime::TokioRuntimeProvider;

    check("hickory-resolver", Protocol::Dns, Report::Lost, |tls, address| async move {
        let mut connection = ConnectionConfig::tls("localhost".into());
        connection.port = address.port();
        let server = NameServerConfig::new(address.ip(), true, vec![connection]);
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let provider = TokioRuntimeProvider::default();
        let resolver = hickory_resolver::Resolver::builder_with_config(config, provider)
            .with_tls_config(tls)
            .build()?;
        let found = resolver.lookup_ip("example.com.").await?;
        assert_eq!(found.iter().next(), Some(address.ip()));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn tokio_postgres_rustls() {
    check(
        "tokio-postgres-rustls",
        Protocol::Postgres,
        Report::InError,
        |config, address| async move {
            let _connected = tokio_postgres::Config::new()
                .host(address.ip().to_string())
                .port(address.port())
                .user("user")
                .ssl_mode(tokio_postgres::config::SslMode::Require)
                .connect(tokio_postgres_rustls::MakeRustlsConnect::new(config))
                .await?;
            Ok(())
        },
    )
    .await;
}

#[tokio::test]
async fn ureq() {
    use ureq::unversioned::resolver::DefaultResolver;
    use ureq::unversioned::transport::{Connector as _, TcpConnector};

    let inside = Report::Inside(|error| match error.downcast_ref()? {
        ureq::Error::Io(error) => Some(error),
        _ => None,
    });
    check("ureq", Protocol::Http, inside, |config, address| async move {
        let agent = ureq::Agent::with_parts(
            ureq::config::Config::default(),
            TcpConnector::default().chain(crate::ureq_example::Tls(Arc::new(config))),
            DefaultResolver::default(),
        );
        let request = agent.get(format!("https://{address}/"));
        tokio::task::spawn_blocking(|| request.call()).await??;
        Ok(())
    })
    .await;
}
