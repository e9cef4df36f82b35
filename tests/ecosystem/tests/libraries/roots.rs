//! Libraries that take only roots: they get those of the system store, and verify by themselves.

use std::future::Future;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;
use std::{env, fs, process};

use base64::prelude::{BASE64_STANDARD, Engine};
use rustls::crypto::aws_lc_rs;
use trustbridge::ErrorKind;
use trustbridge::rustls_0_23::verify_error;
use trustbridge_cases::make::Node;

use crate::server::{Protocol, Server};
use crate::{Outcome, Servers, messages};

/// Runs a library against the four servers, with the trust anchors in PEM.
async fn check<F: Future<Output = Outcome>>(
    library: &str,
    protocol: Protocol,
    connect: impl Fn(String, SocketAddr) -> F,
) {
    // These libraries take the process's provider, or panic without one.
    aws_lc_rs::default_provider().install_default().ok();
    let servers = Servers::new();
    let roots = system_roots(library, &servers.ca);
    for (identity, kind) in &servers.identities {
        let told = format!("{library}, {kind:?}");
        let server = Server::start(protocol, identity).await;
        let outcome = connect(roots.clone(), server.address).await;
        let Some(kind) = kind else {
            outcome.unwrap_or_else(|error| panic!("{told}: {error:?}"));
            continue;
        };
        let error = outcome.expect_err(&told);
        assert_eq!(verify_error(&*error), None, "{told}");
        // rustls's own line, and nothing else.
        let line = match kind {
            ErrorKind::UnknownIssuer => "UnknownIssuer",
            ErrorKind::Expired => "certificate expired",
            _ => "certificate not valid for name",
        };
        assert!(messages(&*error).contains(line), "{told}: {error:?}");
    }
}

/// What `SystemStore::to_pem` gives a program whose store is this CA.
fn system_roots(library: &str, ca: &Node) -> String {
    let path = env::temp_dir().join(format!("trustbridge-{library}-{}.pem", process::id()));
    let base64 = BASE64_STANDARD.encode(&ca.der);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
    fs::write(&path, pem).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_to_pem"))
        .env("SSL_CERT_FILE", &path)
        .env("SSL_CERT_DIR", "")
        .output()
        .unwrap();
    fs::remove_file(path).unwrap();
    assert!(output.status.success(), "{output:?}");
    let roots = String::from_utf8(output.stdout).unwrap();
    assert_eq!(roots.matches("BEGIN CERTIFICATE").count(), 1, "{roots}");
    roots
}

#[tokio::test]
async fn lettre() {
    use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
    check("lettre", Protocol::Smtp, |roots, address| async move {
        let tls = TlsParameters::builder("localhost".to_owned())
            .certificate_store(CertificateStore::None)
            .add_root_certificate(Certificate::from_pem(roots.as_bytes())?)
            .build()?;
        let host = address.ip().to_string();
        let mailer = lettre::AsyncSmtpTransport::<lettre::Tokio1Executor>::builder_dangerous(host)
            .port(address.port())
            .tls(Tls::Wrapper(tls))
            .build::<lettre::Tokio1Executor>();
        assert!(mailer.test_connection().await?);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn mongodb() {
    use mongodb::bson::doc;
    use mongodb::options::{ClientOptions, ServerAddress, Tls, TlsOptions};
    check("mongodb", Protocol::MongoDb, |roots, address| async move {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("roots.pem");
        fs::write(&path, roots)?;
        let server =
            ServerAddress::Tcp { host: address.ip().to_string(), port: Some(address.port()) };
        let options = ClientOptions::builder()
            .hosts(vec![server])
            .direct_connection(true)
            .tls(Tls::Enabled(TlsOptions::builder().ca_file_path(path).build()))
            // It tries again until then, also after a certificate that it refuses.
            .server_selection_timeout(Duration::from_secs(3))
            .build();
        let client = mongodb::Client::with_options(options)?;
        client.database("admin").run_command(doc! { "ping": 1 }).await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn redis() {
    check("redis", Protocol::Redis, |roots, address| async move {
        let certificates =
            redis::TlsCertificates { client_tls: None, root_cert: Some(roots.into_bytes()) };
        let client = redis::Client::build_with_tls(format!("rediss://{address}"), certificates)?;
        client.get_multiplexed_async_connection().await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn sqlx() {
    use sqlx::ConnectOptions;
    use sqlx::postgres::{PgConnectOptions, PgSslMode};
    check("sqlx", Protocol::Postgres, |roots, address| async move {
        PgConnectOptions::new_without_pgpass()
            .host(&address.ip().to_string())
            .port(address.port())
            .username("user")
            .ssl_mode(PgSslMode::VerifyFull)
            .ssl_root_cert_from_pem(roots.into_bytes())
            .connect()
            .await?;
        Ok(())
    })
    .await;
}
