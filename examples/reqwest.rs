//! Fetches a page with reqwest, trusting what the operating system trusts.
//!
//! ```text
//! cargo run --example reqwest -- https://example.com/
//! cargo run --example reqwest -- https://localhost:8443/ ca.pem
//! ```
//!
//! With a PEM file, its certificates are trusted as well.
//!
//! In a project of your own:
//!
//! ```toml
//! [dependencies]
//! reqwest = { version = "0.13", default-features = false, features = ["rustls-no-provider"] }
//! rustls = "0.23"
//! tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
//! trustbridge = "0.1"
//! ```
//!
//! On Unix `cargo run` sets `SSL_CERT_FILE` and `SSL_CERT_DIR` for the program, so it may find another
//! store than it does on its own. Run the program in `target/debug/` to see that.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::env;
use std::error::Error;
use std::process::ExitCode;

use rustls::pki_types::{CertificateDer, pem::PemObject};
use trustbridge::Verifier;
use trustbridge::rustls_0_23::{ErrorForm, Settings, client_config, verify_error};

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let (url, cafile) = match &*args {
        [url] => (url, None),
        [url, cafile] => (url, Some(cafile)),
        _ => {
            eprintln!("usage: reqwest URL [CAFILE]");
            return ExitCode::from(2);
        }
    };
    match fetch(url, cafile).await {
        Ok(body) => {
            print!("{body}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            // reqwest wraps the verifier's error several times; this finds it.
            match verify_error(&*error) {
                Some(refused) => eprintln!("{}", refused.report()),
                None => eprintln!("{error:?}"),
            }
            ExitCode::FAILURE
        }
    }
}

async fn fetch(url: &str, cafile: Option<&String>) -> Result<String, Box<dyn Error>> {
    let verifier = match cafile {
        None => Verifier::system(),
        Some(file) => {
            let roots = CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>()?;
            Verifier::builder().extra_roots(roots).build()?
        }
    };
    let tls = client_config(Settings::new(verifier).errors(ErrorForm::Text))?;
    // One client for the whole program: it keeps connections and TLS sessions.
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).build()?;
    Ok(client.get(url).send().await?.error_for_status()?.text().await?)
}
