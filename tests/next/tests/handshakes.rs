//! The adapter for rustls 0.24 in handshakes in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::client::{ClientHandshake, danger::ServerVerifier as _};
use rustls::crypto::{CryptoProvider, Identity};
use rustls::error::{AlertDescription, CertificateError};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::ServerHandshake;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, Error, ServerConfig, VecInput};
use trustbridge::rustls_0_24::{
    ClientChainVerifier, ConfigError, ErrorForm, ServerChainVerifier, Settings, WithVerifier,
    client_config, verify_error,
};
use trustbridge::{ErrorKind, Purpose, Verifier, VerifyError};
use trustbridge_cases::NOW;
use trustbridge_cases::make::{self, DAY, Node};

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls_aws_lc_rs::DEFAULT_PROVIDER)
}

fn der(node: &Node) -> CertificateDer<'static> {
    node.der.clone().into()
}

fn only(root: &Node) -> Verifier {
    Verifier::builder().system_roots(false).extra_roots([der(root)]).build().unwrap()
}

/// The clock of the table of cases.
#[derive(Debug)]
struct Clock;

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(NOW)))
    }
}

fn client(settings: impl Into<Settings>, identity: Option<&Node>) -> ClientConfig {
    let builder = ClientConfig::builder_with_details(provider(), Arc::new(Clock))
        .with_verifier(settings)
        .unwrap();
    match identity {
        None => builder.with_no_client_auth().unwrap(),
        Some(node) => builder.with_client_auth_cert(presented(node), key(node).into()).unwrap(),
    }
}

fn server(identity: &Node, clients: Option<ClientChainVerifier>) -> ServerConfig {
    let builder = ServerConfig::builder_with_details(provider(), Arc::new(Clock));
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(Arc::new(clients)),
    };
    builder.with_single_cert(presented(identity), key(identity).into()).unwrap()
}

fn presented(node: &Node) -> Arc<Identity<'static>> {
    Arc::new(Identity::from_cert_chain(vec![der(node)]).unwrap())
}

fn key(node: &Node) -> PrivatePkcs8KeyDer<'static> {
    node.key_der().into()
}

/// Both sides' outcomes. With a verifier, the client calls that in another thread instead of rustls.
fn handshake(
    client: ClientConfig,
    server: ServerConfig,
    name: &'static str,
    elsewhere: Option<Arc<ServerChainVerifier>>,
) -> (Result<(), Error>, Result<(), Error>) {
    let (client, server) = (Arc::new(client), Arc::new(server));
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    let (mut at_server, mut at_client) = (VecInput::default(), VecInput::default());
    let start = client.connect(ServerName::try_from(name).unwrap());
    let start = start.start_handshake(&mut to_server).unwrap();
    let mut client = Ok(Some(ClientHandshake::NeedsInput(start)));
    let mut hello = Ok(Some(ServerHandshake::NeedsInput(ServerHandshake::start())));
    // More rounds than any handshake takes.
    for _ in 0..20 {
        client = client.and_then(|state| match state {
            Some(ClientHandshake::NeedsInput(next)) => {
                at_client.read(&mut &*std::mem::take(&mut to_client)).unwrap();
                next.process(&mut at_client, &mut to_server).map(Some)
            }
            Some(ClientHandshake::VerifyServerIdentity(next)) => match &elsewhere {
                None => next.with_config(&mut to_server).map(Some),
                Some(verifier) => {
                    let verdict = next.presented_identity().and_then(|identity| {
                        let work = || verifier.verify_identity(&identity).map(|it| it.into_owned());
                        thread::scope(|scope| scope.spawn(work).join().unwrap())
                    });
                    next.continue_with(verdict, &mut to_server).map(Some)
                }
            },
            other => Ok(other),
        });
        hello = hello.and_then(|state| match state {
            Some(ServerHandshake::NeedsInput(next)) => {
                at_server.read(&mut &*std::mem::take(&mut to_server)).unwrap();
                next.process(&mut at_server, &mut to_client).map(Some)
            }
            Some(ServerHandshake::Accepted(next)) => {
                next.choose_config(Arc::clone(&server), &mut to_client).map(Some)
            }
            Some(ServerHandshake::VerifyClientIdentity(next)) => {
                next.with_config(&mut to_client).map(Some)
            }
            other => Ok(other),
        });
    }
    let client = client.map(|state| {
        assert!(matches!(state, Some(ClientHandshake::Complete(_))), "{name}: client not done");
    });
    let server = hello.map(|state| {
        assert!(client.is_err() || matches!(state, Some(ServerHandshake::Complete(_))));
    });
    (client, server)
}

#[test]
fn servers() {
    let ca = make::ca("Root").self_signed();
    let other = make::ca("Other Root").self_signed();
    let leaf = make::server().issued_by(&ca);
    let expired = make::server().valid(-2 * DAY, -DAY).issued_by(&ca);
    use AlertDescription as A;
    let rows = [
        (&leaf, &ca, "example.com", None),
        (&leaf, &ca, "example.org", Some((ErrorKind::NameMismatch, A::BadCertificate))),
        (&expired, &ca, "example.com", Some((ErrorKind::Expired, A::CertificateExpired))),
        (&leaf, &other, "example.com", Some((ErrorKind::UnknownIssuer, A::UnknownCa))),
    ];
    for (identity, root, name, refused) in rows {
        for form in [ErrorForm::Variant, ErrorForm::VariantOrText, ErrorForm::Text] {
            for elsewhere in [false, true] {
                let told = format!("{name} {refused:?} {form:?} {elsewhere}");
                let observed = Arc::new(Mutex::new(Vec::<Option<VerifyError>>::new()));
                let keep = Arc::clone(&observed);
                let settings =
                    Settings::new(only(root)).errors(form).on_verdict(move |_, verdict| {
                        keep.lock().unwrap().push(verdict.err().cloned())
                    });
                let verifier = elsewhere
                    .then(|| ServerChainVerifier::new(settings.clone(), &provider()).unwrap());
                let (outcome, seen) = handshake(
                    client(settings, None),
                    server(identity, None),
                    name,
                    verifier.map(Arc::new),
                );
                let observed = observed.lock().unwrap();
                assert_eq!(observed.len(), 1, "{told}");
                assert_eq!(
                    observed[0].as_ref().map(VerifyError::kind),
                    refused.map(|(kind, _)| kind),
                    "{told}"
                );
                let Some((kind, alert)) = refused else {
                    outcome.expect(&told);
                    seen.expect(&told);
                    continue;
                };
                let error = outcome.expect_err(&told);
                let text = form == ErrorForm::Text
                    || (form == ErrorForm::VariantOrText && kind == ErrorKind::UnknownIssuer);
                assert_eq!(verify_error(&error).is_some(), text, "{told}: {error:?}");
                let alert = if text { A::CertificateUnknown } else { alert };
                assert_eq!(seen, Err(Error::AlertReceived(alert)), "{told}");
            }
        }
    }
}

#[test]
fn clients() {
    let ca = make::ca("Root").self_signed();
    let leaf = make::server().issued_by(&ca);
    let good = make::client().issued_by(&ca);
    let stranger = make::client().issued_by(&make::ca("Stranger").self_signed());
    let verifier = || {
        Verifier::builder()
            .purpose(Purpose::ClientAuth)
            .system_roots(false)
            .extra_roots([der(&ca)])
            .build()
            .unwrap()
    };
    let run = |identity: Option<&Node>, optional: bool| {
        let clients = ClientChainVerifier::new(verifier(), &provider()).unwrap();
        let clients = if optional { clients.allow_unauthenticated() } else { clients };
        handshake(client(only(&ca), identity), server(&leaf, Some(clients)), "example.com", None).1
    };
    assert_eq!(run(Some(&good), false), Ok(()));
    assert_eq!(run(None, true), Ok(()));
    assert!(run(None, false).is_err());
    assert_eq!(
        run(Some(&stranger), true),
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
    );
}

#[test]
fn settings_that_are_wrong() {
    let ca = make::ca("Root").self_signed();
    let for_clients = |system: Option<bool>| {
        let builder = Verifier::builder().purpose(Purpose::ClientAuth).extra_roots([der(&ca)]);
        system.into_iter().fold(builder, |builder, yes| builder.system_roots(yes)).build().unwrap()
    };
    let wrong = client_config(for_clients(None), provider()).err();
    assert!(matches!(wrong, Some(ConfigError::WrongPurpose { .. })));
    let wrong = ClientChainVerifier::new(only(&ca), &provider()).err();
    assert!(matches!(wrong, Some(ConfigError::WrongPurpose { .. })));
    let wrong = ClientChainVerifier::new(for_clients(None), &provider()).err();
    assert!(matches!(wrong, Some(ConfigError::SystemRootsNotChosen)));
    assert!(ClientChainVerifier::new(for_clients(Some(false)), &provider()).is_ok());
    assert!(client_config(Verifier::system(), provider()).is_ok());
}

/// A session of one verifier is not resumed with another.
#[test]
fn verifiers_are_told_apart() {
    use std::hash::{DefaultHasher, Hasher};
    let hash = |verifier: &Verifier| {
        let mut hasher = DefaultHasher::new();
        let made = ServerChainVerifier::new(verifier.clone(), &provider()).unwrap();
        made.hash_config(&mut hasher);
        hasher.finish()
    };
    let (first, second) = (Verifier::system(), Verifier::system());
    assert_eq!(hash(&first), hash(&first.clone()));
    assert_ne!(hash(&first), hash(&second));
}
