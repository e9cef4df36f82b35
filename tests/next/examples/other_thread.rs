//! Connects with the pre-release of rustls 0.24 and verifies the server in another thread, so that the
//! one of the handshake never waits for the store or for signatures.
//!
//! ```text
//! cargo run --manifest-path tests/next/Cargo.toml --example other_thread -- example.com
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::env;
use std::error::Error;
use std::io::Write;
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use rustls::VecInput;
use rustls::client::ClientHandshake;
use rustls::client::danger::ServerVerifier;
use trustbridge::Verifier;
use trustbridge::rustls_0_24::{
    ErrorForm, ServerChainVerifier, Settings, client_config, verify_error,
};

fn main() -> ExitCode {
    let Some(host) = env::args().nth(1) else {
        eprintln!("usage: other_thread HOST");
        return ExitCode::from(2);
    };
    match connect(host) {
        Ok(()) => {
            println!("trusted");
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

fn connect(host: String) -> Result<(), Box<dyn Error>> {
    let provider = Arc::new(rustls_aws_lc_rs::DEFAULT_PROVIDER);
    let settings = Settings::new(Verifier::system()).errors(ErrorForm::Text);
    let verifier = ServerChainVerifier::new(settings.clone(), &provider)?;
    let config = Arc::new(client_config(settings, provider)?);

    let mut tcp = TcpStream::connect((&*host, 443))?;
    let (mut input, mut output) = (VecInput::default(), Vec::new());
    let start = config.connect(host.try_into()?).start_handshake(&mut output)?;
    let mut state = ClientHandshake::NeedsInput(start);
    loop {
        tcp.write_all(&output)?;
        output.clear();
        let next = match state {
            ClientHandshake::NeedsInput(next) => {
                input.read(&mut tcp)?;
                next.process(&mut input, &mut output)
            }
            ClientHandshake::VerifyServerIdentity(next) => {
                // A program with an executor would hand this to its pool of threads, and await it.
                let verdict = next.presented_identity().and_then(|identity| {
                    let work = || verifier.verify_identity(&identity).map(|it| it.into_owned());
                    thread::scope(|scope| scope.spawn(work).join())
                        .unwrap_or(Err(rustls::Error::General("no verdict".into())))
                });
                next.continue_with(verdict, &mut output)
            }
            ClientHandshake::Complete(_) => return Ok(()),
            _ => return Err("an unknown state".into()),
        };
        // On an error, what is left to send is the alert.
        state = match next {
            Ok(state) => state,
            Err(error) => {
                tcp.write_all(&output)?;
                return Err(error.into());
            }
        };
    }
}
