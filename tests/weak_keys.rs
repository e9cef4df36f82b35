//! `danger_allow_weak_keys`: RSA from 1024 bits and signatures with SHA-1, and that they are reported.

// Elsewhere the operating system decides, and the setting is a `BuildError`.
#![cfg(not(any(windows, target_vendor = "apple")))]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::time::Duration;

use pki_types::{CertificateDer, ServerName, UnixTime};
use trustbridge::{ErrorKind, Peer, Verified, Verifier, VerifyError, Weakness};
use trustbridge_cases::NOW;

/// Whether the features have algorithms at all.
const HAS_ALGORITHMS: bool = cfg!(any(feature = "ring", feature = "aws-lc-rs"));

macro_rules! pair {
    ($name:literal) => {
        (
            CertificateDer::from(
                include_bytes!(concat!("cases/fixtures/", $name, "-leaf.der")).as_slice(),
            ),
            CertificateDer::from(
                include_bytes!(concat!("cases/fixtures/", $name, "-root.der")).as_slice(),
            ),
        )
    };
}

fn verify(
    chain: &[CertificateDer<'static>],
    roots: &[CertificateDer<'static>],
    weak: bool,
) -> Result<Verified, VerifyError> {
    let builder = Verifier::builder().system_roots(false).extra_roots(roots);
    let verifier = builder.danger_allow_weak_keys(weak).build().unwrap();
    let name = ServerName::try_from("example.com").unwrap();
    let time = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
    verifier.verify(&Peer::new(chain, Some(name)).time(time))
}

fn shown(weaknesses: &[Weakness]) -> Vec<String> {
    weaknesses.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_accepted_is_reported() {
    if !HAS_ALGORITHMS {
        return;
    }
    for ((leaf, root), kind, expected) in [
        (pair!("rsa-1024-leaf"), ErrorKind::WeakKey, "RSA key of 1024 bits at depth 0"),
        (pair!("rsa-1024-root"), ErrorKind::WeakKey, "RSA key of 1024 bits at depth 1"),
        (pair!("sha1"), ErrorKind::UnsupportedAlgorithm, "signature with SHA-1 at depth 0"),
    ] {
        let (chain, roots) = ([leaf], [root]);
        let refused = verify(&chain, &roots, false).unwrap_err();
        assert_eq!(refused.kind(), kind);
        let verified = verify(&chain, &roots, true).unwrap();
        let expected = format!("{expected} (accepted by danger_allow_weak_keys)");
        assert_eq!(shown(&verified.weaknesses), [expected.as_str()]);
        assert!(verified.to_string().ends_with(&format!("\nweak: {expected}")), "{verified}");
    }
}

#[test]
fn a_path_without_weakness_comes_first() {
    if !HAS_ALGORITHMS {
        return;
    }
    let (leaf, root) = pair!("v1");
    let (chain, roots) = ([leaf], [root]);
    assert_eq!(verify(&chain, &roots, true).unwrap().weaknesses, []);
    // A store with a weak root beside it.
    let (_, weak) = pair!("rsa-1024-root");
    let [root] = roots;
    let verified = verify(&chain, &[weak, root.clone()], true).unwrap();
    assert_eq!((verified.weaknesses, verified.anchor.certificate), (Vec::new(), root));
}

/// Of a chain whose every fault is weakness, the error is that of the setting.
#[test]
fn too_weak_is_too_weak() {
    if !HAS_ALGORITHMS {
        return;
    }
    let (leaf, root) = pair!("rsa-768-leaf");
    let error = verify(&[leaf], &[root], true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WeakKey);
    assert!(error.to_string().contains("768 bits"), "{error}");
}

/// A server that signs its handshakes with RSA of 1024 bits: OpenSSL's, as rustls takes no such key.
#[cfg(feature = "rustls-0_23")]
mod handshake {
    use std::io::{BufRead, BufReader, Read};
    use std::net::TcpStream;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::sync::Arc;

    use pki_types::pem::PemObject;
    use pki_types::{CertificateDer, ServerName};
    use rustls::client::danger::ServerCertVerifier;
    use rustls::crypto::{CryptoProvider, aws_lc_rs, ring};
    use rustls::{ClientConfig, ClientConnection, SignatureScheme};
    use trustbridge::Verifier;
    use trustbridge::rustls_0_23::{ServerChainVerifier, WithVerifier};

    struct Server(Child, String);

    impl Drop for Server {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn openssl(directory: &Path) -> Command {
        let mut command = Command::new("openssl");
        command.current_dir(directory).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    fn start(directory: &Path) -> Server {
        let subject = ["-subj", "/CN=device", "-addext", "subjectAltName=DNS:device.test"];
        let made = openssl(directory)
            .args(["req", "-x509", "-newkey", "rsa:1024", "-nodes", "-days", "30"])
            .args(subject)
            .args(["-keyout", "key.pem", "-out", "cert.pem"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut server = openssl(directory)
            .args(["s_server", "-accept", "127.0.0.1:0", "-tls1_2", "-www"])
            .args(["-cert", "cert.pem", "-key", "key.pem", "-cipher", "DEFAULT@SECLEVEL=0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(server.stdout.take().unwrap());
        // "ACCEPT 127.0.0.1:12345"
        let address = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT ").map(|address| address.trim().to_owned()));
        Server(server, address.unwrap())
    }

    fn connect(
        server: &Server,
        provider: &Arc<CryptoProvider>,
        verifier: Verifier,
    ) -> std::io::Result<()> {
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_verifier(verifier)
            .unwrap()
            .with_no_client_auth();
        let name = ServerName::try_from("device.test").unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut tcp = TcpStream::connect(&server.1).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        Ok(())
    }

    #[test]
    fn a_weak_key_signs_the_handshake() {
        let directory = tempfile::tempdir().unwrap();
        let server = start(directory.path());
        let mut pem = Vec::new();
        std::fs::File::open(directory.path().join("cert.pem"))
            .unwrap()
            .read_to_end(&mut pem)
            .unwrap();
        let cert = CertificateDer::from_pem_slice(&pem).unwrap();
        for provider in [aws_lc_rs::default_provider(), ring::default_provider()] {
            let provider = Arc::new(provider);
            let builder = Verifier::builder().system_roots(false).extra_roots([&cert]);
            let strict = builder.clone().build().unwrap();
            let weak = builder.danger_allow_weak_keys(true).build().unwrap();
            let verdict = connect(&server, &provider, weak.clone());
            // The algorithms are those of this crate's features.
            assert_eq!(verdict.is_ok(), super::HAS_ALGORITHMS, "{verdict:?}");
            connect(&server, &provider, strict.clone()).unwrap_err();

            let schemes = |verifier| {
                let it = ServerChainVerifier::with_provider(verifier, &provider).unwrap();
                it.supported_verify_schemes()
            };
            let (mut of_weak, mut of_strict) = (schemes(weak), schemes(strict));
            if super::HAS_ALGORITHMS {
                let first = of_weak.first().copied().unwrap();
                assert_ne!(first, of_strict.first().copied().unwrap());
                assert!(
                    [SignatureScheme::RSA_PKCS1_SHA256, SignatureScheme::RSA_PKCS1_SHA512]
                        .contains(&first)
                );
            }
            let number = |scheme: &SignatureScheme| u16::from(*scheme);
            of_weak.sort_by_key(number);
            of_strict.sort_by_key(number);
            assert_eq!(of_weak, of_strict);
        }
    }
}
