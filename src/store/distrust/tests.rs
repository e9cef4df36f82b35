use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use pki_types::{CertificateDer, ServerName, UnixTime};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SerialNumber, date_time_ymd,
};
use tempfile::TempDir;

use super::*;
use crate::cert::der::element;
use crate::store::locations::{Defaults, DistrustPlaces, Environment};
use crate::store::snapshot::Handle;
use crate::store::testing::pem;
use crate::{ErrorKind, Peer, SystemStore, Verifier, VerifierBuilder, VerifyError};

const HOST: &str = "server.test";
const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";

/// A root, an intermediate and an end entity whose validity begins on 2024-12-01.
struct Pki {
    root: Vec<u8>,
    intermediate: Vec<u8>,
    leaf: Vec<u8>,
    root_key: Vec<u8>,
}

fn pki(name: &str) -> Pki {
    let ca = |name: &str, serial: u64| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.serial_number = Some(SerialNumber::from(serial));
        params
    };
    let (key, intermediate_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let params = ca(name, 0x1001);
    let root = params.self_signed(&key).unwrap().der().to_vec();
    let root_key = rcgen::PublicKeyData::subject_public_key_info(&key);
    let issuer = Issuer::new(params, key);
    let params = ca(&format!("{name} intermediate"), 0x1002);
    let intermediate = params.signed_by(&intermediate_key, &issuer).unwrap().der().to_vec();
    let issuer = Issuer::new(params, intermediate_key);
    let mut params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2024, 12, 1);
    params.not_after = date_time_ymd(2025, 12, 1);
    params.serial_number = Some(SerialNumber::from(0x1003));
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let leaf = params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().to_vec();
    Pki { root, intermediate, leaf, root_key }
}

/// A file system in a directory.
struct Root {
    directory: TempDir,
}

impl Root {
    /// With the bundle that a distribution would have extracted.
    fn new(roots: &[&[u8]]) -> Self {
        let root = Self { directory: TempDir::new().unwrap() };
        let blocks: String = roots.iter().map(|der| pem("CERTIFICATE", der)).collect();
        root.write(BUNDLE, blocks);
        root
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path.trim_start_matches('/'))
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The places of all distributions, below the directory.
    fn defaults(&self) -> Defaults {
        let below = |paths: Vec<PathBuf>| -> Vec<PathBuf> {
            paths.iter().map(|path| self.path(path.to_str().unwrap())).collect()
        };
        let Defaults { bundles, directories, distrust, .. } = Defaults::of_distributions();
        Defaults {
            bundles: below(bundles),
            directories: below(directories),
            others: false,
            distrust: DistrustPlaces {
                trust_sources: below(distrust.trust_sources),
                untrusted: below(distrust.untrusted),
            },
        }
    }

    fn handle(&self, environment: Environment) -> Arc<Handle> {
        Arc::new(Handle::new(environment, self.defaults(), Duration::ZERO))
    }

    fn builder(&self) -> VerifierBuilder {
        Verifier::builder_on(self.handle(Environment::default()))
    }

    fn store(&self) -> Arc<SystemStore> {
        self.handle(Environment::default()).store()
    }

    fn verify(&self, pki: &Pki) -> Result<(), VerifyError> {
        verify(self.builder(), pki)
    }
}

fn time() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(1_735_689_600)) // 2025-01-01
}

fn verify(builder: VerifierBuilder, pki: &Pki) -> Result<(), VerifyError> {
    let chain = [(&*pki.leaf).into(), (&*pki.intermediate).into()];
    let mut peer = Peer::new(&chain, Some(ServerName::try_from(HOST).unwrap()));
    peer.time = time();
    builder.build().unwrap().verify(&peer).map(|_| ())
}

fn object(attributes: &[&str], certificate: &[u8]) -> String {
    let attributes: String = attributes.iter().map(|line| format!("{line}\n")).collect();
    format!("[p11-kit-object-v1]\n{attributes}{}\n", pem("CERTIFICATE", certificate))
}

fn percent(bytes: &[u8]) -> String {
    let text: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
    format!("\"{text}\"")
}

const LAYOUTS: &[(&str, &str)] = &[
    ("Fedora", "/usr/share/pki/ca-trust-source/ca-bundle.trust.p11-kit"),
    ("Fedora, administrator", "/etc/pki/ca-trust/source/mine.p11-kit"),
    ("Arch", "/usr/share/ca-certificates/trust-source/mozilla.trust.p11-kit"),
    ("Arch, administrator", "/etc/ca-certificates/trust-source/anchors/mine.p11-kit"),
    ("openSUSE", "/usr/share/pki/trust/ca-bundle.trust.p11-kit"),
    ("openSUSE, administrator", "/etc/pki/trust/anchors/mine.p11-kit"),
    ("NixOS", "/etc/ssl/trust-source/ca-bundle.trust.p11-kit"),
];

#[test]
fn every_layout_is_found() {
    let pki = pki("Layout Root");
    for (layout, path) in LAYOUTS {
        let root = Root::new(&[&pki.root]);
        root.verify(&pki).unwrap();
        let date = "nss-server-distrust-after: \"241130235959Z\"";
        root.write(path, object(&["trusted: true", date], &pki.root));
        let error = root.verify(&pki).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Distrusted, "{layout}");
        let text = format!(
            "the end entity was issued after 2024-11-30 23:59:59 UTC, when this root stopped being \
             trusted for new certificates; from {}",
            root.path(path).display()
        );
        assert!(error.report().contains(&text), "{layout}: {}", error.report());
        assert_eq!(error.to_string().matches(&text).count(), 1, "{layout}: said once");
        let hint = "Have the peer's certificate issued by another CA";
        assert!(error.report().contains(hint), "{layout}: {}", error.report());

        let store = root.store();
        assert_eq!(store.problems(), [], "{layout}");
        let [source] = store.distrust_sources() else { panic!("{layout}: {store:?}") };
        assert_eq!(source.source.path(), Some(&*root.path(path)), "{layout}");
        assert_eq!(source.statements, 1, "{layout}");
        let entry = &store.entries()[0];
        let (date, source) = entry.distrust_after(Purpose::ServerAuth).unwrap();
        assert_eq!((date.as_secs(), source.path()), (1_733_011_199, Some(&*root.path(path))));
        assert_eq!(entry.refusal(Purpose::ServerAuth, time()), None, "still an anchor");
        assert_eq!(entry.distrust_after(Purpose::ClientAuth), None, "the date is for servers");
    }
}

#[test]
fn the_date_is_compared_with_the_end_entity_s_not_before() {
    let pki = pki("Dated Root");
    for (value, trusted) in [
        ("\"241130235959Z\"", false), // issued one second later
        ("\"241201000000Z\"", true),  // in that second
        ("\"241201000001Z\"", true),  // one second before
        ("\"20241130235959Z\"", false),
        ("\"%00\"", true),
        // Long past, by the clock.
        ("\"241215000000Z\"", true),
    ] {
        let root = Root::new(&[&pki.root]);
        let date = format!("nss-server-distrust-after: {value}");
        root.write(LAYOUTS[0].1, object(&["trusted: true", &date], &pki.root));
        assert_eq!(root.verify(&pki).is_ok(), trusted, "{value}");
        // The date is for TLS servers.
        verify(root.builder().purpose(Purpose::ClientAuth), &pki).unwrap();
    }
    // Of two dates, the earlier one.
    let root = Root::new(&[&pki.root]);
    for (file, value) in [("a", "\"250101000000Z\""), ("b", "\"241130235959Z\""), ("c", "\"%00\"")]
    {
        let date = format!("nss-server-distrust-after: {value}");
        root.write(&format!("/etc/ssl/trust-source/{file}"), object(&[&date], &pki.root));
    }
    assert!(root.verify(&pki).is_err());
}

/// In handshakes of rustls, with Fedora's files: issued one second before the date, at it, and one
/// second after.
#[cfg(all(feature = "rustls-0_23", feature = "aws-lc-rs"))]
#[test]
fn rustls_heeds_the_date() {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Dated Root");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let root = params.self_signed(&key).unwrap().der().to_vec();
    let issuer = Issuer::new(params, key);
    let layout = Root::new(&[&root]);
    let date = "nss-server-distrust-after: \"241130235959Z\"";
    layout.write(LAYOUTS[0].1, object(&["trusted: true", date], &root));
    for (seconds_before_december, trusted) in [(2, true), (1, true), (0, false)] {
        let mut params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
        params.not_before =
            date_time_ymd(2024, 12, 1) - Duration::from_secs(seconds_before_december);
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &issuer).unwrap().der().clone();
        let outcome = handshake(layout.builder(), leaf, key.serialize_der());
        assert_eq!(outcome.is_ok(), trusted, "{seconds_before_december}: {outcome:?}");
        if let Err(error) = outcome {
            let error = crate::rustls_0_23::verify_error(&error).unwrap();
            assert_eq!(error.kind(), ErrorKind::Distrusted);
            assert!(error.report().contains("issued after 2024-11-30 23:59:59 UTC"));
        }
    }
}

/// What a client of rustls says of a server.
#[cfg(all(feature = "rustls-0_23", feature = "aws-lc-rs"))]
fn handshake(
    verifier: VerifierBuilder,
    leaf: CertificateDer<'static>,
    key: Vec<u8>,
) -> Result<(), rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = pki_types::PrivatePkcs8KeyDer::from(key).into();
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf], key)?;
    let client =
        crate::rustls_0_23::client_config_with_provider(verifier.build().unwrap(), provider)
            .unwrap();
    let mut server = rustls::ServerConnection::new(Arc::new(server))?;
    let name = ServerName::try_from(HOST).unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(client), name)?;
    while client.is_handshaking() {
        let mut records = Vec::new();
        client.write_tls(&mut records).unwrap();
        server.read_tls(&mut &*records).unwrap();
        server.process_new_packets()?;
        records.clear();
        server.write_tls(&mut records).unwrap();
        client.read_tls(&mut &*records).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

#[test]
fn a_distrusted_root_anchors_nothing() {
    let pki = pki("Distrusted Root");
    let root = Root::new(&[&pki.root]);
    root.write(LAYOUTS[0].1, object(&["x-distrusted: true"], &pki.root));
    let error = root.verify(&pki).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Distrusted);
    let file = root.path(LAYOUTS[0].1);
    let text = format!("distrusted for this purpose by {}", file.display());
    assert!(error.report().contains(&text), "{}", error.report());
    let refusal = root.store().entries()[0].refusal(Purpose::ServerAuth, time());
    assert_eq!(refusal.unwrap().to_string(), text);
    // A root that the program itself trusts is distrusted all the same.
    let own = root.builder().extra_roots([CertificateDer::from(&*pki.root)]);
    assert_eq!(verify(own, &pki).unwrap_err().kind(), ErrorKind::Distrusted);
    // And switched off.
    verify(root.builder().distribution_distrust(false), &pki).unwrap();
    let error =
        verify(root.builder().distribution_distrust(false).distribution_distrust(true), &pki);
    assert!(error.is_err());
}

#[test]
fn blocklists_hold_for_every_certificate_of_a_path() {
    let pki = pki("Blocked Root");
    for blocklist in [
        "/etc/pki/ca-trust/source/blocklist",
        "/etc/pki/ca-trust/source/blacklist",
        "/usr/share/pki/ca-trust-source/blocklist",
        "/etc/ca-certificates/trust-source/blocklist",
        "/etc/pki/trust/blocklist",
        "/etc/ssl/trust-source/blocklist",
        "/usr/share/certs/untrusted",
        "/etc/ssl/untrusted",
        "/etc/ssl/blacklisted",
    ] {
        for (what, blocked) in
            [("root", &pki.root), ("intermediate", &pki.intermediate), ("leaf", &pki.leaf)]
        {
            let block = pem("CERTIFICATE", blocked);
            for (form, text) in [
                ("PEM", block.clone().into_bytes()),
                ("DER", blocked.clone()),
                ("p11-kit", object(&["trusted: true"], blocked).into_bytes()),
            ] {
                let root = Root::new(&[&pki.root]);
                root.write(&format!("{blocklist}/blocked"), text);
                let error = root.verify(&pki).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Distrusted, "{blocklist}, {what}, {form}");
                let file = root.path(blocklist).join("blocked");
                let report = error.report();
                assert!(report.contains(&*file.to_string_lossy()), "{what}, {form}: {report}");
                assert_eq!(root.store().problems(), []);
            }
        }
    }
}

#[test]
fn issuer_and_serial_number_are_enough() {
    let pki = pki("Serial Root");
    for (what, certificate) in
        [("root", &pki.root), ("intermediate", &pki.intermediate), ("leaf", &pki.leaf)]
    {
        let cert = Cert::parse(certificate).unwrap();
        let serial = format!("serial-number: {}", percent(&element(2, cert.serial)));
        let issuer = format!("issuer: {}", percent(&element(0x30, cert.issuer)));
        let text =
            ["[p11-kit-object-v1]", "class: certificate", &issuer, &serial, "x-distrusted: true"];
        let root = Root::new(&[&pki.root]);
        root.write(LAYOUTS[0].1, text.join("\n"));
        assert_eq!(root.verify(&pki).unwrap_err().kind(), ErrorKind::Distrusted, "{what}");
        // Another serial number is another certificate.
        let other = format!("serial-number: {}", percent(&element(2, &[0x7f])));
        root.write(LAYOUTS[0].1, text.join("\n").replace(&serial, &other));
        root.verify(&pki).unwrap();
        // The issuer's name in another string type is the same name.
        let printable =
            format!("issuer: {}", percent(&element(0x30, cert.issuer)).replace("%0c", "%13"));
        assert_ne!(printable, issuer, "{what}");
        root.write(LAYOUTS[0].1, text.join("\n").replace(&issuer, &printable));
        assert_eq!(root.verify(&pki).unwrap_err().kind(), ErrorKind::Distrusted, "{what}");
    }
}

#[test]
fn extensions_are_attached_by_public_key() {
    let pki = pki("Attached Root");
    let purposes = |oid: &[u8]| element(0x30, &element(6, oid));
    let dns =
        |name: &str| element(0x30, &element(0xa0, &element(0x30, &element(0x82, name.as_bytes()))));
    const EKU: &[u8] = &[0x55, 0x1d, 37];
    const NAMES: &[u8] = &[0x55, 0x1d, 30];
    const REJECTED: &[u8] = &[0x2b, 6, 1, 4, 1, 0x99, 0x77, 6, 10, 1];
    let email: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 4];
    for (oid, value, kind) in [
        (EKU, purposes(Purpose::ServerAuth.oid()), None),
        (EKU, purposes(EKU_ANY), None),
        (EKU, purposes(email), Some(ErrorKind::Distrusted)),
        (REJECTED, purposes(Purpose::ServerAuth.oid()), Some(ErrorKind::Distrusted)),
        (REJECTED, purposes(email), None),
        (NAMES, dns("test"), None),
        (NAMES, dns("example.com"), Some(ErrorKind::NameConstraints)),
        // Others take no trust away.
        (&[0x55, 0x1d, 15], vec![3, 2, 7, 0x80], None),
    ] {
        let extension = [element(6, oid), element(4, &value)].concat();
        let extension = format!("value: {}", percent(&element(0x30, &extension)));
        let text = format!(
            "[p11-kit-object-v1]\nclass: x-certificate-extension\n{extension}\n{}",
            pem("PUBLIC KEY", &pki.root_key)
        );
        let root = Root::new(&[&pki.root]);
        root.write(LAYOUTS[0].1, text);
        assert_eq!(root.store().problems(), []);
        let found = root.verify(&pki).err().map(|error| error.kind());
        assert_eq!(found, kind, "{oid:?} {value:?}");
    }
}

#[test]
fn a_store_that_a_variable_names_is_the_caller_s_own() {
    let pki = pki("Own Root");
    let root = Root::new(&[&pki.root]);
    root.write(LAYOUTS[0].1, object(&["x-distrusted: true"], &pki.root));
    let named = root.path(BUNDLE);
    let directories = vec![root.path("certs")];
    for environment in [
        Environment { file: Some((named, "SSL_CERT_FILE")), ..Environment::default() },
        Environment { directories: Some((directories, "SSL_CERT_DIR")), ..Environment::default() },
    ] {
        let handle = root.handle(environment);
        assert_eq!(handle.store().distrust_sources(), []);
        verify(Verifier::builder_on(handle), &pki).unwrap();
    }
    // Without the system's store, what the system distrusts does not matter.
    let own = root.builder().system_roots(false).extra_roots([CertificateDer::from(&*pki.root)]);
    verify(own, &pki).unwrap();
}

#[test]
fn damaged_files_are_problems_and_hide_nothing() {
    let pki = pki("Damaged Root");
    let root = Root::new(&[&pki.root]);
    let whole = object(&["x-distrusted: true"], &pki.root);
    let cut = &whole[..whole.len() / 2];
    root.write(LAYOUTS[0].1, format!("{whole}{cut}"));
    root.write("/etc/ssl/untrusted/text", "hello\n");
    root.write("/etc/ssl/untrusted/nested/x.pem", "not read: a directory in a directory\n");
    // What p11-kit takes for anchors is no business of ours, damaged or not.
    root.write("/etc/pki/ca-trust/source/anchors/mine.pem", "-----BEGIN CERTIFICATE-----\n");
    symlink("nowhere", root.path("/etc/ssl/untrusted/link")).unwrap();
    let store = root.store();
    let problems: Vec<_> = store.problems().iter().map(ToString::to_string).collect();
    let at = |path: &str, text: &str| format!("{}{text}", root.path(path).display());
    let lines = format!("{whole}{cut}").lines().count();
    let truncated = format!(", line {lines}: the PEM block has no END line (truncated?)");
    assert!(problems.contains(&at(LAYOUTS[0].1, &truncated)), "{problems:?}");
    let text = ": contains no PEM block with a certificate";
    assert!(problems.contains(&at("/etc/ssl/untrusted/text", text)), "{problems:?}");
    let text = ": is a link to something that does not exist";
    assert!(problems.contains(&at("/etc/ssl/untrusted/link", text)), "{problems:?}");
    assert_eq!(root.verify(&pki).unwrap_err().kind(), ErrorKind::Distrusted);
}

#[test]
fn changes_are_seen() {
    let pki = pki("Changing Root");
    let root = Root::new(&[&pki.root]);
    let handle = root.handle(Environment::default());
    let distrusted = || {
        let store = handle.store();
        store.entries()[0].refusal(Purpose::ServerAuth, time()).is_some()
    };
    assert!(!distrusted());
    root.write("/etc/ssl/trust-source/blocklist/root.pem", pem("CERTIFICATE", &pki.root));
    assert!(distrusted(), "a directory that appears");
    fs::remove_file(root.path("/etc/ssl/trust-source/blocklist/root.pem")).unwrap();
    assert!(!distrusted());
    root.write(LAYOUTS[0].1, object(&["trusted: true"], &pki.root));
    assert!(!distrusted());
    root.write(LAYOUTS[0].1, object(&["x-distrusted: true"], &pki.root));
    assert!(distrusted(), "a file that changes");
    // In the middle of being replaced.
    let whole = object(&["x-distrusted: true"], &pki.root);
    for part in [&whole[..whole.len() / 2], &whole[..40]] {
        root.write(LAYOUTS[0].1, part);
        assert!(distrusted(), "{part}");
        let problems = handle.store().problems().to_vec();
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        assert!(problem.reason.ends_with("; keeping what was read earlier"), "{problem}");
    }
    handle.wait(4);
    assert!(!distrusted(), "for some seconds");
    root.write(LAYOUTS[0].1, whole);
    handle.wait(-4);
    assert!(distrusted());
    // Another file changes; this one is remembered.
    root.write("/etc/ssl/untrusted/x.pem", pem("CERTIFICATE", &pki.leaf));
    assert!(distrusted());
}
