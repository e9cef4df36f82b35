//! The adapter in real handshakes over loopback, with both providers and both protocol
//! versions, and the table of cases through rustls's traits.

#![cfg(feature = "rustls-0_23")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::client::ResolvesClientCert;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, Error, ExtendedKeyPurpose,
    ServerConfig, ServerConnection, SignatureScheme, StreamOwned, SupportedProtocolVersion,
};
use trustbridge::rustls_0_23::{
    ClientChainVerifier, ConfigError, ErrorForm, ServerChainVerifier, Settings, WithVerifier,
    certificate_error, client_config, client_config_with_provider, verify_error,
};
use trustbridge::{
    ErrorKind, Purpose, Revocation, RevocationCheck, Source, Verifier, VerifierBuilder, VerifyError,
};
use trustbridge_cases::make::{self, DAY, Node};
use trustbridge_cases::{Case, Engine, Expect, NOW};

type Version = &'static SupportedProtocolVersion;

/// Both providers with both versions.
fn setups() -> Vec<(Arc<CryptoProvider>, Version)> {
    let providers = [aws_lc_rs::default_provider(), ring::default_provider()];
    let with = |provider: Arc<CryptoProvider>| [&TLS12, &TLS13].map(|v| (provider.clone(), v));
    providers.into_iter().map(Arc::new).flat_map(with).collect()
}

/// The clock of the table of cases.
#[derive(Debug)]
struct Clock;

fn now() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(NOW))
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(now())
    }
}

fn der(node: &Node) -> CertificateDer<'static> {
    CertificateDer::from(node.der.clone())
}

fn key(node: &Node) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(node.key_der()).into()
}

fn only(roots: &[&Node]) -> VerifierBuilder {
    builder().system_roots(false).extra_roots(roots.iter().map(|node| der(node)))
}

/// Algorithms are needed where this crate has none of its own; the provider's count.
fn builder() -> VerifierBuilder {
    let aws_lc_rs = aws_lc_rs::default_provider();
    Verifier::builder().signature_algorithms(aws_lc_rs.signature_verification_algorithms.all)
}

fn for_servers(roots: &[&Node]) -> Verifier {
    only(roots).build().unwrap()
}

fn for_clients(roots: &[&Node]) -> Verifier {
    only(roots).purpose(Purpose::ClientAuth).build().unwrap()
}

fn client(
    (provider, version): &(Arc<CryptoProvider>, Version),
    verifier: ServerChainVerifier,
    identity: Option<&Node>,
) -> ClientConfig {
    let builder = ClientConfig::builder_with_details(provider.clone(), Arc::new(Clock))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    match identity {
        None => builder.with_no_client_auth(),
        Some(node) => builder.with_client_auth_cert(vec![der(node)], key(node)).unwrap(),
    }
}

fn server(
    (provider, version): &(Arc<CryptoProvider>, Version),
    identity: &Node,
    clients: Option<ClientChainVerifier>,
) -> ServerConfig {
    let builder = ServerConfig::builder_with_details(provider.clone(), Arc::new(Clock))
        .with_protocol_versions(&[version])
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(Arc::new(clients)),
    };
    builder.with_single_cert(vec![der(identity)], key(identity)).unwrap()
}

/// What the server has seen of a connection.
#[derive(Debug, Default)]
struct Seen {
    error: Option<Error>,
    certificates: usize,
    data: Vec<u8>,
}

/// One connection over loopback: the client sends `ping`, the server answers `pong`.
fn talk(client: ClientConfig, server: ServerConfig, name: &str) -> (Result<(), io::Error>, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::scope(|scope| {
        let served = scope.spawn(|| serve(&listener, server));
        let outcome = call(address, Arc::new(client), name);
        (outcome, served.join().unwrap())
    })
}

fn call(address: std::net::SocketAddr, client: Arc<ClientConfig>, name: &str) -> io::Result<()> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let tls = ClientConnection::new(client, name).unwrap();
    let mut stream = StreamOwned::new(tls, TcpStream::connect(address).unwrap());
    let mut answer = [0; 4];
    let outcome = stream.write_all(b"ping").and_then(|()| stream.read_exact(&mut answer));
    hang_up(&mut stream.sock);
    outcome.map(|()| assert_eq!(&answer, b"pong"))
}

fn serve(listener: &TcpListener, server: ServerConfig) -> Seen {
    let (tcp, _) = listener.accept().unwrap();
    let tls = ServerConnection::new(Arc::new(server)).unwrap();
    let mut stream = StreamOwned::new(tls, tcp);
    let mut data = vec![0; 4];
    let read = stream.read_exact(&mut data);
    let outcome = read.as_ref().map_err(rustls_error).map(|()| stream.write_all(b"pong"));
    hang_up(&mut stream.sock);
    Seen {
        error: outcome.err(),
        certificates: stream.conn.peer_certificates().map_or(0, <[_]>::len),
        data: if read.is_ok() { data } else { Vec::new() },
    }
}

/// Reads to the end, so that the last alert is not lost to a reset.
fn hang_up(tcp: &mut TcpStream) {
    let _ = tcp.shutdown(Shutdown::Write);
    let _ = io::copy(tcp, &mut io::sink());
}

fn rustls_error(error: &io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => error.clone(),
        None => panic!("not an error of TLS: {error:?}"),
    }
}

fn alert(seen: &Seen) -> AlertDescription {
    assert!(seen.data.is_empty(), "data was sent to a refused peer");
    match &seen.error {
        Some(Error::AlertReceived(alert)) => *alert,
        other => panic!("no alert, but {other:?}"),
    }
}

#[test]
fn trusted_server() {
    let ca = make::ca("Root").self_signed();
    let leaf = make::server().names(&["example.com", "127.0.0.1"]).issued_by(&ca);
    for setup in setups() {
        for name in ["example.com", "127.0.0.1"] {
            if name == "127.0.0.1" && Engine::of_system() == Some(Engine::Wine) {
                // As the row `name-ipv4` of the table says.
                let verifier = ServerChainVerifier::with_provider(for_servers(&[&ca]), &setup.0);
                let client = client(&setup, verifier.unwrap(), None);
                let (outcome, _) = talk(client, server(&setup, &leaf, None), name);
                assert!(matches!(
                    rustls_error(&outcome.unwrap_err()),
                    Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. })
                ));
                continue;
            }
            let chain = Arc::new(Mutex::new(Vec::new()));
            let kept = chain.clone();
            let settings = Settings::new(for_servers(&[&ca])).on_verdict(move |peer, verdict| {
                let verified = verdict.unwrap();
                assert_eq!(verified.anchor.source, Source::ExtraRoots);
                assert_eq!(peer.time, now());
                kept.lock().unwrap().extend(verified.chain.clone());
            });
            let verifier = ServerChainVerifier::with_provider(settings, &setup.0).unwrap();
            let (outcome, seen) =
                talk(client(&setup, verifier, None), server(&setup, &leaf, None), name);
            outcome.unwrap();
            assert_eq!(seen.data, b"ping");
            assert_eq!(*chain.lock().unwrap(), [der(&leaf), der(&ca)]);
        }
    }
}

struct Refusal {
    leaf: Node,
    verifier: Verifier,
    name: &'static str,
    kind: ErrorKind,
    error: fn(&CertificateError) -> bool,
    alert: AlertDescription,
    variant: fn(&CertificateError) -> bool,
    variant_alert: AlertDescription,
    text: &'static str,
}

fn refusals() -> Vec<Refusal> {
    use AlertDescription as A;
    use CertificateError as E;
    let ca = make::ca("Root").self_signed();
    let other = make::ca("Other Root").self_signed();
    let trusting_ca = || for_servers(&[&ca]);
    vec![
        Refusal {
            leaf: make::server().issued_by(&ca),
            verifier: for_servers(&[&other]),
            name: "example.com",
            kind: ErrorKind::UnknownIssuer,
            error: |error| matches!(error, E::Other(_)),
            alert: A::CertificateUnknown,
            variant: |error| matches!(error, E::UnknownIssuer),
            variant_alert: A::UnknownCA,
            text: "UnknownIssuer: example.com: issuer is not known: 'CN=Root, O=trustbridge tests'; \
                   searched the extra roots (1 usable)",
        },
        Refusal {
            leaf: make::server().self_signed(),
            verifier: trusting_ca(),
            name: "example.com",
            kind: ErrorKind::SelfSignedLeaf,
            error: |error| matches!(error, E::Other(_)),
            alert: A::CertificateUnknown,
            variant: |error| matches!(error, E::UnknownIssuer),
            variant_alert: A::UnknownCA,
            text: "self-signed certificate is not trusted",
        },
        Refusal {
            leaf: make::server().issued_by(&ca),
            verifier: only(&[]).build().unwrap(),
            name: "example.com",
            kind: ErrorKind::NoTrustAnchors,
            error: |error| matches!(error, E::Other(_)),
            alert: A::CertificateUnknown,
            variant: |error| matches!(error, E::UnknownIssuer),
            variant_alert: A::UnknownCA,
            text: "NoTrustAnchors: example.com: no usable trust anchor was found",
        },
        Refusal {
            leaf: make::server().valid(-2 * DAY, -DAY).issued_by(&ca),
            verifier: trusting_ca(),
            name: "example.com",
            kind: ErrorKind::Expired,
            error: |error| {
                matches!(error, E::ExpiredContext { time, not_after }
                    if time.as_secs() - not_after.as_secs() == DAY.unsigned_abs())
            },
            alert: A::CertificateExpired,
            variant: |error| matches!(error, E::ExpiredContext { .. }),
            variant_alert: A::CertificateExpired,
            text: "(86400 seconds ago)",
        },
        Refusal {
            leaf: make::server().valid(DAY, 2 * DAY).issued_by(&ca),
            verifier: trusting_ca(),
            name: "example.com",
            kind: ErrorKind::NotYetValid,
            error: |error| matches!(error, E::NotValidYetContext { .. }),
            alert: A::CertificateExpired,
            variant: |error| matches!(error, E::NotValidYetContext { .. }),
            variant_alert: A::CertificateExpired,
            text: "(86400 seconds in future)",
        },
        Refusal {
            leaf: make::server().issued_by(&ca),
            verifier: trusting_ca(),
            name: "example.org",
            kind: ErrorKind::NameMismatch,
            error: |error| {
                matches!(error, E::NotValidForNameContext { expected, presented }
                    if expected.to_str() == "example.org" && presented == &["example.com"])
            },
            alert: A::BadCertificate,
            variant: |error| matches!(error, E::NotValidForNameContext { .. }),
            variant_alert: A::BadCertificate,
            text: "not valid for name \"example.org\"; certificate is only valid for example.com",
        },
        Refusal {
            leaf: make::client().names(&["example.com"]).issued_by(&ca),
            verifier: trusting_ca(),
            name: "example.com",
            kind: ErrorKind::WrongPurpose,
            error: |error| {
                matches!(error, E::InvalidPurposeContext { required, presented }
                    if *required == ExtendedKeyPurpose::ServerAuth
                        && presented == &[ExtendedKeyPurpose::ClientAuth])
            },
            alert: A::UnsupportedCertificate,
            variant: |error| matches!(error, E::InvalidPurposeContext { .. }),
            variant_alert: A::UnsupportedCertificate,
            text: "for server authentication, allows client authentication",
        },
        Refusal {
            leaf: make::server().serial(77).issued_by(&ca),
            verifier: only(&[&ca])
                .revocation(
                    Revocation::default()
                        .check(RevocationCheck::Leaf)
                        .crls([ca.crl(&[77], -DAY, DAY).into()]),
                )
                .build()
                .unwrap(),
            name: "example.com",
            kind: ErrorKind::Revoked,
            error: |error| matches!(error, E::Revoked),
            alert: A::CertificateRevoked,
            variant: |error| matches!(error, E::Revoked),
            variant_alert: A::CertificateRevoked,
            text: "Revoked",
        },
        Refusal {
            leaf: make::server().issued_by(&ca),
            verifier: only(&[]).pinned_leaf(der(&ca)).build().unwrap(),
            name: "example.com",
            kind: ErrorKind::PinMismatch,
            error: |error| matches!(error, E::Other(_)),
            alert: A::CertificateUnknown,
            variant: |error| matches!(error, E::ApplicationVerificationFailure),
            variant_alert: A::AccessDenied,
            text: "certificate is not the pinned one",
        },
    ]
}

#[test]
fn refused_server() {
    for refusal in refusals() {
        for setup in setups() {
            let told = format!("{:?} {:?}", refusal.kind, setup.1.version);
            let refused = |form| {
                let observed = Arc::new(Mutex::new(None));
                let keep = observed.clone();
                let settings = Settings::new(refusal.verifier.clone()).errors(form).on_verdict(
                    move |_, verdict| {
                        *keep.lock().unwrap() = Some(verdict.unwrap_err().clone());
                    },
                );
                let verifier = ServerChainVerifier::with_provider(settings, &setup.0).unwrap();
                let client = client(&setup, verifier, None);
                let (outcome, seen) =
                    talk(client, server(&setup, &refusal.leaf, None), refusal.name);
                let error = outcome.expect_err(&told);
                let observed = observed.lock().unwrap().take().unwrap();
                assert_eq!(observed.kind(), refusal.kind, "{told}");
                let Error::InvalidCertificate(variant) = rustls_error(&error) else {
                    panic!("{told}: {error:?}");
                };
                let has_room = matches!(variant, CertificateError::Other(_));
                assert_eq!(verify_error(&error), has_room.then_some(&observed), "{told}");
                (error, variant, alert(&seen), observed)
            };

            let (error, variant, alert, _) = refused(ErrorForm::VariantOrText);
            assert!((refusal.error)(&variant), "{told}: {variant:?}");
            assert!(error.to_string().contains(refusal.text), "{told}: {error}");
            assert_eq!(alert, refusal.alert, "{told}");

            let (_, variant, alert, observed) = refused(ErrorForm::Variant);
            assert!((refusal.variant)(&variant), "{told}: {variant:?}");
            assert_eq!(alert, refusal.variant_alert, "{told}");
            assert!(observed.report().contains("What to do:"), "{told}: {}", observed.report());

            let (error, variant, alert, observed) = refused(ErrorForm::Text);
            assert!(matches!(variant, CertificateError::Other(_)), "{told}: {variant:?}");
            assert!(error.to_string().contains(&observed.to_string()), "{told}: {error}");
            assert_eq!(alert, AlertDescription::CertificateUnknown, "{told}");
        }
    }
}

#[test]
fn rejected_server_gets_no_client_certificate() {
    let ca = make::ca("Root").self_signed();
    let trusted = make::server().issued_by(&ca);
    let untrusted = make::server().issued_by(&make::ca("Other").self_signed());
    let identity = make::client().issued_by(&ca);
    for setup in setups() {
        for (server_identity, sent) in [(&trusted, 1), (&untrusted, 0)] {
            let asked = Arc::new(AtomicUsize::new(0));
            let count = asked.clone();
            let settings = Settings::new(for_clients(&[&ca])).on_verdict(move |_, _| {
                count.fetch_add(1, Ordering::SeqCst);
            });
            let clients = ClientChainVerifier::with_provider(settings, &setup.0).unwrap();
            let verifier =
                ServerChainVerifier::with_provider(for_servers(&[&ca]), &setup.0).unwrap();
            let (outcome, seen) = talk(
                client(&setup, verifier, Some(&identity)),
                server(&setup, server_identity, Some(clients)),
                "example.com",
            );
            assert_eq!(outcome.is_ok(), sent == 1);
            assert_eq!(seen.certificates, sent);
            assert_eq!(asked.load(Ordering::SeqCst), sent);
        }
    }
}

#[test]
fn client_certificates() {
    let ca = make::ca("Server Root").self_signed();
    let clients_ca = make::ca("Client Root").self_signed();
    let leaf = make::server().issued_by(&ca);
    let good = make::client().issued_by(&clients_ca);
    let stranger = make::client().issued_by(&ca);
    let for_servers_only = make::server().issued_by(&clients_ca);
    let expired = make::client().valid(-2 * DAY, -DAY).issued_by(&clients_ca);
    // Identity, optional, what the server says (nothing if it is trusted), and the alert. Where a
    // certificate is optional, errors carry the report; otherwise they have their default form.
    type Row<'a> = (Option<&'a Node>, bool, Option<fn(&Error) -> bool>, Option<AlertDescription>);
    let rows: &[Row<'_>] = &[
        (Some(&good), false, None, None),
        (Some(&good), true, None, None),
        (None, true, None, None),
        (
            None,
            false,
            Some(|error| *error == Error::NoCertificatesPresented),
            Some(AlertDescription::CertificateRequired),
        ),
        (
            Some(&stranger),
            false,
            Some(|error| *error == Error::InvalidCertificate(CertificateError::UnknownIssuer)),
            Some(AlertDescription::UnknownCA),
        ),
        (
            Some(&stranger),
            true,
            Some(|error| {
                verify_error(error).is_some_and(|error| error.kind() == ErrorKind::UnknownIssuer)
                    && error.to_string().contains("client certificate: issuer is not known")
            }),
            Some(AlertDescription::CertificateUnknown),
        ),
        (
            Some(&for_servers_only),
            false,
            Some(|error| {
                matches!(error, Error::InvalidCertificate(
                    CertificateError::InvalidPurposeContext { required, presented })
                    if *required == ExtendedKeyPurpose::ClientAuth
                        && presented == &[ExtendedKeyPurpose::ServerAuth])
            }),
            Some(AlertDescription::UnsupportedCertificate),
        ),
        (
            Some(&expired),
            false,
            Some(|error| {
                matches!(error, Error::InvalidCertificate(CertificateError::ExpiredContext { .. }))
            }),
            Some(AlertDescription::CertificateExpired),
        ),
    ];
    for setup in setups() {
        for (row, (identity, optional, refused, expected_alert)) in rows.iter().enumerate() {
            let told = format!("row {row} {:?}", setup.1.version);
            let settings = Settings::new(for_clients(&[&clients_ca]));
            let settings = if *optional { settings.errors(ErrorForm::Text) } else { settings };
            let verifier = ClientChainVerifier::with_provider(settings, &setup.0).unwrap();
            let verifier = if *optional { verifier.allow_unauthenticated() } else { verifier };
            let mut config = client(
                &setup,
                ServerChainVerifier::with_provider(for_servers(&[&ca]), &setup.0).unwrap(),
                None,
            );
            // A client that does not look at the hints of the server.
            if let Some(node) = identity {
                let signer = setup.0.key_provider.load_private_key(key(node)).unwrap();
                let certified = CertifiedKey::new(vec![der(node)], signer);
                config.client_auth_cert_resolver =
                    Arc::new(Resolver { certified: Arc::new(certified), hints: Mutex::default() });
            }
            let (outcome, seen) =
                talk(config, server(&setup, &leaf, Some(verifier)), "example.com");
            match refused {
                None => {
                    outcome.expect(&told);
                    assert_eq!(seen.data, b"ping", "{told}");
                    assert_eq!(seen.certificates, usize::from(identity.is_some()), "{told}");
                }
                Some(expected) => {
                    let error = seen.error.as_ref().expect(&told);
                    assert!(expected(error), "{told}: {error:?}");
                    assert!(seen.data.is_empty(), "{told}");
                    let alert = expected_alert.unwrap();
                    let told_client = rustls_error(&outcome.expect_err(&told));
                    assert_eq!(told_client, Error::AlertReceived(alert), "{told}");
                }
            }
        }
    }
}

#[derive(Debug)]
struct Resolver {
    certified: Arc<CertifiedKey>,
    hints: Mutex<Vec<Vec<u8>>>,
}

impl ResolvesClientCert for Resolver {
    fn resolve(&self, hints: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.hints.lock().unwrap().extend(hints.iter().map(|hint| hint.to_vec()));
        Some(self.certified.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[test]
fn hints_name_the_extra_roots() {
    let first = make::ca("First").common_name("First").self_signed();
    let second = make::ca("Second").common_name("Second").self_signed();
    let renewed = make::ca("First").common_name("First").self_signed_as(&first);
    let identity = make::client().issued_by(&first);
    let leaf = make::server().issued_by(&first);
    let name = |cn: &str| {
        // SEQUENCE { SET { SEQUENCE { OID 2.5.4.3, UTF8String } } }
        let cn = cn.as_bytes();
        let len = u8::try_from(cn.len()).unwrap();
        let head = [0x30, len + 11, 0x31, len + 9, 0x30, len + 7, 6, 3, 0x55, 4, 3, 0x0c, len];
        [&head, cn].concat()
    };
    for setup in setups() {
        let signer = setup.0.key_provider.load_private_key(key(&identity)).unwrap();
        let certified = Arc::new(CertifiedKey::new(vec![der(&identity)], signer));
        let resolver = Arc::new(Resolver { certified, hints: Mutex::default() });
        let verifier =
            ServerChainVerifier::with_provider(for_servers(&[&first]), &setup.0).unwrap();
        let mut config = client(&setup, verifier, None);
        config.client_auth_cert_resolver = resolver.clone();
        let clients =
            ClientChainVerifier::with_provider(for_clients(&[&first, &second, &renewed]), &setup.0);
        let server = server(&setup, &leaf, Some(clients.unwrap()));
        talk(config, server, "example.com").0.unwrap();
        assert_eq!(*resolver.hints.lock().unwrap(), [name("First"), name("Second")]);
    }

    // Something else than the extra roots can make a certificate trusted: no hints.
    let hints = |builder: VerifierBuilder| {
        let verifier = builder.purpose(Purpose::ClientAuth).build().unwrap();
        let verifier =
            ClientChainVerifier::with_provider(verifier, &ring::default_provider()).unwrap();
        verifier.root_hint_subjects().len()
    };
    assert_eq!(hints(only(&[&first])), 1);
    assert_eq!(hints(only(&[&first]).system_roots(true)), 0);
    assert_eq!(hints(only(&[&first]).fallback_roots([der(&second)])), 0);
    assert_eq!(hints(only(&[&first]).pinned_leaf(der(&identity))), 0);
    // An end entity that is trusted whole is looked for by its issuer.
    let verifier = for_clients(&[&identity]);
    let verifier = ClientChainVerifier::with_provider(verifier, &ring::default_provider()).unwrap();
    assert_eq!(verifier.root_hint_subjects()[0].as_ref(), name("First"));
}

#[test]
fn wrong_settings_are_errors() {
    let ca = make::ca("Root").self_signed();
    let provider = ring::default_provider();
    let wrong = |error: ConfigError, expected: [Purpose; 2]| match error {
        ConfigError::WrongPurpose { required, given, .. } => {
            assert_eq!([required, given], expected);
        }
        error => panic!("{error:?}"),
    };
    wrong(
        ServerChainVerifier::with_provider(for_clients(&[&ca]), &provider).unwrap_err(),
        [Purpose::ServerAuth, Purpose::ClientAuth],
    );
    wrong(
        ClientChainVerifier::with_provider(for_servers(&[&ca]), &provider).unwrap_err(),
        [Purpose::ClientAuth, Purpose::ServerAuth],
    );
    let config = ClientConfig::builder_with_provider(Arc::new(provider.clone()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_verifier(for_clients(&[&ca]));
    assert!(matches!(config.err(), Some(ConfigError::WrongPurpose { .. })));

    // Nobody lets in the clients of every public CA by forgetting something.
    let silent = || builder().purpose(Purpose::ClientAuth).extra_roots([der(&ca)]);
    let made = |builder: VerifierBuilder| {
        ClientChainVerifier::with_provider(builder.build().unwrap(), &provider).map(|_| ())
    };
    assert_eq!(made(silent()), Err(ConfigError::SystemRootsNotChosen));
    assert_eq!(made(silent().system_roots(true)), Ok(()));
    assert_eq!(made(silent().system_roots(false)), Ok(()));

    let mut empty = provider.clone();
    empty.signature_verification_algorithms.all = &[];
    assert_eq!(
        ServerChainVerifier::with_provider(for_servers(&[&ca]), &empty).unwrap_err(),
        ConfigError::NoSignatureAlgorithms
    );
    let mut empty = provider.clone();
    empty.signature_verification_algorithms.mapping = &[];
    assert_eq!(
        ClientChainVerifier::with_provider(for_clients(&[&ca]), &empty).unwrap_err(),
        ConfigError::NoSignatureAlgorithms
    );
}

#[test]
fn one_line_configuration() {
    // The clock is the machine's here.
    let long = |spec: make::Spec| spec.valid(-9_000 * DAY, 9_000 * DAY);
    let ca = long(make::ca("Root")).self_signed();
    let leaf = long(make::server()).issued_by(&ca);
    for setup in setups() {
        let verifier = for_servers(&[&ca]);
        let config = client_config_with_provider(verifier, setup.0.clone()).unwrap();
        talk(config, server(&setup, &leaf, None), "example.com").0.unwrap();
        let verifier = for_servers(&[&make::ca("Other").self_signed()]);
        let (outcome, seen) =
            talk(client_config(verifier).unwrap(), server(&setup, &leaf, None), "example.com");
        assert_eq!(verify_error(&outcome.unwrap_err()).unwrap().kind(), ErrorKind::UnknownIssuer);
        assert_eq!(alert(&seen), AlertDescription::CertificateUnknown);
    }
}

/// Windows verifies signatures itself.
#[cfg(not(windows))]
#[test]
fn algorithms_are_the_providers() {
    let judge = |provider: &CryptoProvider, ca: &Node, leaf: &Node| {
        let verifier = ServerChainVerifier::with_provider(for_servers(&[ca]), provider).unwrap();
        let name = ServerName::try_from("example.com").unwrap();
        verifier
            .verify_server_cert(&der(leaf), &[], &name, &[], now())
            .map(|_| ())
            .map_err(|error| verify_error(&error).unwrap().kind())
    };
    let p256 = make::ca("P-256").self_signed();
    let p521 = make::ca("P-521").algorithm(&rcgen::PKCS_ECDSA_P521_SHA512).self_signed();
    for (ca, ring_can) in [(&p256, true), (&p521, false)] {
        let leaf = make::server().issued_by(ca);
        assert_eq!(judge(&aws_lc_rs::default_provider(), ca, &leaf), Ok(()));
        let expected = if ring_can { Ok(()) } else { Err(ErrorKind::UnsupportedAlgorithm) };
        assert_eq!(judge(&ring::default_provider(), ca, &leaf), expected);
    }
}

#[test]
fn clients_with_the_certificates_of_servers() {
    let ca = make::ca("Root").self_signed();
    let (leaf, from_server) = (make::server().issued_by(&ca), make::server().issued_by(&ca));
    let from_client = make::client().issued_by(&ca);
    let either = || only(&[&ca]).purpose(Purpose::ClientOrServerAuth).build().unwrap();
    for setup in setups() {
        let connect = |identity: &Node, verifier| {
            let servers =
                ServerChainVerifier::with_provider(for_servers(&[&ca]), &setup.0).unwrap();
            let clients = ClientChainVerifier::with_provider(verifier, &setup.0).unwrap();
            let client = client(&setup, servers, Some(identity));
            talk(client, server(&setup, &leaf, Some(clients)), "example.com").1
        };
        for identity in [&from_server, &from_client] {
            let seen = connect(identity, either());
            assert_eq!((seen.certificates, seen.data.as_slice()), (1, &b"ping"[..]));
        }
        let seen = connect(&from_server, for_clients(&[&ca]));
        assert!(
            matches!(
                &seen.error,
                Some(Error::InvalidCertificate(CertificateError::InvalidPurposeContext { .. }))
            ),
            "{seen:?}"
        );
        let error = ServerChainVerifier::with_provider(either(), &setup.0).unwrap_err();
        assert!(matches!(error, ConfigError::WrongPurpose { .. }), "{error}");
    }
}

/// aws-lc-rs has ML-DSA, *ring* does not; TLS 1.2 has no signature schemes for it.
#[test]
fn ml_dsa_servers_and_clients() {
    use trustbridge_cases::ml_dsa::Set;

    let provider = Arc::new(aws_lc_rs::default_provider());
    let setup: (_, Version) = (provider.clone(), &TLS13);
    for (set, scheme) in [
        (Set::MlDsa44, SignatureScheme::ML_DSA_44),
        (Set::MlDsa65, SignatureScheme::ML_DSA_65),
        (Set::MlDsa87, SignatureScheme::ML_DSA_87),
    ] {
        let ca = make::ca("Root").ml_dsa(set).self_signed();
        let (leaf, identity) =
            (make::server().ml_dsa(set), make::client().ml_dsa(set).issued_by(&ca));
        let leaf = leaf.issued_by(&ca);
        let servers = ServerChainVerifier::with_provider(for_servers(&[&ca]), &provider).unwrap();
        let clients = ClientChainVerifier::with_provider(for_clients(&[&ca]), &provider).unwrap();
        assert!(servers.supported_verify_schemes().contains(&scheme));
        assert!(ClientCertVerifier::supported_verify_schemes(&clients).contains(&scheme));
        // The certificates of Windows' own verifier have no such keys.
        if cfg!(not(any(windows, target_vendor = "apple"))) {
            let client = client(&setup, servers, Some(&identity));
            let (outcome, seen) = talk(client, server(&setup, &leaf, Some(clients)), "example.com");
            outcome.unwrap();
            assert_eq!((seen.data.as_slice(), seen.certificates), (&b"ping"[..], 1));
        }
    }
    let verifier = for_servers(&[&make::ca("Root").self_signed()]);
    let ring = ServerChainVerifier::with_provider(verifier, &ring::default_provider()).unwrap();
    assert!(!ring.supported_verify_schemes().contains(&SignatureScheme::ML_DSA_44));
}

/// What `Verifier::system` is in a build without any algorithm.
// Elsewhere the operating system verifies the signatures.
#[cfg(not(any(windows, target_vendor = "apple")))]
#[test]
fn without_algorithms_nothing_is_trusted() {
    let ca = make::ca("Root").self_signed();
    let chain = [der(&make::server().issued_by(&ca))];
    let verify = |verifier: &Verifier| {
        let name = ServerName::try_from("example.com").unwrap();
        let peer = trustbridge::Peer::new(&chain, Some(name)).time(now());
        verifier.verify(&peer).map(|_| ()).map_err(|error| error.kind())
    };
    let all = ring::default_provider().signature_verification_algorithms.all;
    let verifier = for_servers(&[&ca]);
    assert_eq!(verify(&verifier.with_signature_algorithms(all)), Ok(()));
    // Owned and shared lists will do.
    assert_eq!(verify(&verifier.with_signature_algorithms(all.to_vec())), Ok(()));
    assert_eq!(verify(&verifier.with_signature_algorithms([])), Err(ErrorKind::CannotCheck));
}

#[test]
fn verifiers_compose() {
    fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
    unwind_safe::<Verifier>();
    unwind_safe::<Settings>();
    unwind_safe::<ServerChainVerifier>();
    unwind_safe::<ClientChainVerifier>();

    // Equal to its clones only, and so is the hash.
    let first = Verifier::system();
    let others = [Verifier::system(), first.with_signature_algorithms([]), for_servers(&[])];
    assert_eq!(HashSet::from([first.clone(), first.clone()]), HashSet::from([first.clone()]));
    assert!(others.iter().all(|other| *other != first));
    assert_eq!(others.iter().collect::<HashSet<_>>().len(), 3);

    // Certificates as they come: owned, borrowed, in an array or a slice.
    let certs = vec![der(&make::ca("Root").self_signed())];
    let roots = |builder: VerifierBuilder| builder.build().unwrap().extra_roots().count();
    assert_eq!(roots(builder().extra_roots(&certs)), 1);
    assert_eq!(roots(builder().extra_roots([&certs[0]])), 1);
    assert_eq!(roots(builder().extra_roots(certs.clone()).fallback_roots(&certs)), 1);
    assert_eq!(
        roots(builder().extra_roots(certs).extra_roots(Vec::<CertificateDer<'_>>::new())),
        1
    );
}

/// For libraries that take nothing else: what can be used goes in, in both forms.
#[cfg(all(unix, not(target_vendor = "apple")))]
#[test]
fn roots_alone() {
    use base64::Engine as _;
    use rustls::pki_types::pem::PemObject;
    use trustbridge::rustls_0_23::root_store;

    let good = make::ca("Root").self_signed();
    let expired = make::ca("Expired").valid(-2 * DAY, -DAY).self_signed();
    let no_ca = make::server().self_signed();
    let file = tempfile::NamedTempFile::new().unwrap();
    let pem = |node: &Node| {
        let base64 = base64::prelude::BASE64_STANDARD.encode(&node.der);
        format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
    };
    std::fs::write(file.path(), [&good, &expired, &no_ca].map(pem).concat()).unwrap();
    let path = file.path().as_os_str().to_owned();
    let store = Verifier::builder_with_env(|name| (name == "SSL_CERT_FILE").then(|| path.clone()));
    let store = store.system_store();
    assert_eq!(store.entries().len(), 3);

    let text = store.to_pem(Purpose::ServerAuth, now());
    let read = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
    assert_eq!(read.unwrap(), [der(&good)]);
    assert!(text.lines().all(|line| line.len() <= 64), "{text}");

    let roots = root_store(&store, Purpose::ServerAuth, now());
    assert_eq!(roots.len(), 1);
    let leaf = make::server().issued_by(&good);
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_details(provider.clone(), Arc::new(Clock))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    talk(config, server(&(provider, &TLS13), &leaf, None), "example.com").0.unwrap();
}

#[test]
fn stapled_response_is_handed_over() {
    let ca = make::ca("Root").self_signed();
    let leaf = make::server().issued_by(&ca);
    for setup in setups() {
        let seen = Arc::new(Mutex::new(Vec::<u8>::new()));
        let keep = seen.clone();
        let settings = Settings::new(for_servers(&[&ca]))
            .on_verdict(move |peer, _| keep.lock().unwrap().extend(peer.ocsp_response));
        let verifier = ServerChainVerifier::with_provider(settings, &setup.0).unwrap();
        let server = ServerConfig::builder_with_details(setup.0.clone(), Arc::new(Clock))
            .with_protocol_versions(&[setup.1])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert_with_ocsp(vec![der(&leaf)], key(&leaf), b"stapled".to_vec())
            .unwrap();
        talk(client(&setup, verifier, None), server, "example.com").0.unwrap();
        assert_eq!(*seen.lock().unwrap(), b"stapled");
    }
}

#[test]
fn threads_share_one_configuration() {
    let ca = make::ca("Root").self_signed();
    let leaf = make::server().issued_by(&ca);
    for setup in setups() {
        let verifier = ServerChainVerifier::with_provider(for_servers(&[&ca]), &setup.0).unwrap();
        let mut config = client(&setup, verifier, None);
        config.resumption = rustls::client::Resumption::disabled();
        let (config, setup, leaf) = (&Arc::new(config), &setup, &leaf);
        thread::scope(|scope| {
            for worker in 0..8 {
                scope.spawn(move || {
                    for round in 0..8 {
                        let right = (worker + round) % 2 == 0;
                        let name = if right { "example.com" } else { "example.org" };
                        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                        let address = listener.local_addr().unwrap();
                        let server = server(setup, leaf, None);
                        let served = thread::spawn(move || serve(&listener, server));
                        let outcome = call(address, config.clone(), name);
                        assert_eq!(outcome.is_ok(), right, "{outcome:?}");
                        assert_eq!(served.join().unwrap().data.is_empty(), !right);
                    }
                });
            }
        });
    }
}

/// The table of cases through rustls's traits. rustls always has a name for a server, and never
/// one for a client.
#[test]
fn every_case() {
    for (provider, engine) in
        [(aws_lc_rs::default_provider(), None), (ring::default_provider(), Some(Engine::Ring))]
    {
        let engine = if cfg!(windows) { Engine::of_system() } else { engine };
        let mut judged = 0;
        for case in trustbridge_cases::all() {
            let server = case.purpose == trustbridge_cases::Purpose::Server;
            if case.chain.is_empty() || server != case.peer.is_some() || !case.has_settings_here() {
                continue;
            }
            judged += 1;
            let expected = engine.map_or(case.expect, |engine| case.expected(engine));
            let observed = Arc::new(Mutex::new(None));
            let keep = observed.clone();
            let keep = move |error: Option<VerifyError>| *keep.lock().unwrap() = error;
            let verdict = if server {
                judge_server(&case, &provider, keep)
            } else {
                judge_client(&case, &provider, keep)
            };
            let observed = observed.lock().unwrap().take();
            match (expected, verdict, observed) {
                (Expect::Trusted(_), Ok(()), None) => {}
                (Expect::Refused(name), Err(error), Some(observed)) => {
                    assert_eq!(format!("{:?}", observed.kind()), name, "{}", case.name);
                    let variant = |error: &Error| {
                        let Error::InvalidCertificate(error) = error else { panic!("{error:?}") };
                        format!("{error:?}").split(['(', ' ']).next().unwrap().to_owned()
                    };
                    let table =
                        Error::InvalidCertificate(certificate_error(observed, ErrorForm::Variant));
                    assert_eq!(variant(&error), variant(&table), "{}", case.name);
                }
                (expected, verdict, observed) => {
                    panic!("{}: expected {expected:?}, got {verdict:?} {observed:?}", case.name)
                }
            }
        }
        assert!(judged > 80, "only {judged} cases fit");
    }
}

fn judge_server(
    case: &Case,
    provider: &CryptoProvider,
    keep: impl Fn(Option<VerifyError>) + Send + Sync + 'static,
) -> Result<(), Error> {
    let settings = Settings::new(verifier(case))
        .errors(ErrorForm::Variant)
        .on_verdict(move |_, verdict| keep(verdict.err().cloned()));
    let verifier = ServerChainVerifier::with_provider(settings, provider).unwrap();
    let chain = support::certificates(&case.chain);
    let name = ServerName::try_from(case.peer.unwrap()).unwrap();
    verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], support::time(case)).map(|_| ())
}

fn judge_client(
    case: &Case,
    provider: &CryptoProvider,
    keep: impl Fn(Option<VerifyError>) + Send + Sync + 'static,
) -> Result<(), Error> {
    let settings = Settings::new(verifier(case))
        .errors(ErrorForm::Variant)
        .on_verdict(move |_, verdict| keep(verdict.err().cloned()));
    let verifier = ClientChainVerifier::with_provider(settings, provider).unwrap();
    let chain = support::certificates(&case.chain);
    verifier.verify_client_cert(&chain[0], &chain[1..], support::time(case)).map(|_| ())
}

fn verifier(case: &Case) -> Verifier {
    support::builder(case)
        .signature_algorithms(aws_lc_rs::default_provider().signature_verification_algorithms.all)
        .build()
        .unwrap()
}
