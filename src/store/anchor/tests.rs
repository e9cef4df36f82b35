use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pki_types::{ServerName, UnixTime};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use tempfile::TempDir;

use super::StoreEntry;
use crate::store::files;
use crate::store::testing::{malformed, pem};
use crate::{ErrorKind, Peer, Purpose, Source, Verifier, VerifierBuilder, VerifyError};

const HOST: &str = "server.test";

/// A root, an intermediate and an end entity in files.
struct Pki {
    directory: TempDir,
    leaf: Vec<u8>,
    intermediate: Vec<u8>,
}

/// The extended key usages are those of the root.
fn pki(usages: &[ExtendedKeyUsagePurpose]) -> Pki {
    let directory = TempDir::new().unwrap();
    let ca = |name: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    };
    let (key, intermediate_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut params = ca("Root");
    params.extended_key_usages = usages.to_vec();
    let root = params.self_signed(&key).unwrap().der().to_vec();
    let issuer = Issuer::new(params, key);
    let params = ca("Intermediate");
    let intermediate = params.signed_by(&intermediate_key, &issuer).unwrap().der().to_vec();
    let issuer = Issuer::new(params, intermediate_key);
    let leaf = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().to_vec();
    for (name, der) in [("root", &root), ("intermediate", &intermediate), ("leaf", &leaf)] {
        fs::write(directory.path().join(name), pem("CERTIFICATE", der)).unwrap();
    }
    Pki { directory, leaf, intermediate }
}

impl Pki {
    /// A certificate of the store: its name, and options of `openssl x509` for its settings.
    fn block(&self, certificate: &str) -> String {
        let mut words = certificate.split(' ');
        let path = self.directory.path().join(words.next().unwrap());
        let settings: Vec<_> = words.collect();
        if settings.is_empty() {
            return fs::read_to_string(path).unwrap();
        }
        let mut made = Command::new("openssl");
        made.args(["x509", "-trustout", "-in"]).arg(path).args(settings);
        String::from_utf8(made.output().unwrap().stdout).unwrap()
    }

    fn verify(&self, store: &Path) -> Result<(), VerifyError> {
        let (contents, _) = files::read(store).unwrap();
        assert_eq!(contents.faults, []);
        let builder = Verifier::builder().system_roots(false);
        self.verify_by(builder.extra_roots_with_trust(contents.certificates))
    }

    fn verify_by(&self, builder: VerifierBuilder) -> Result<(), VerifyError> {
        let verifier = builder.build().unwrap();
        let chain = [(&*self.leaf).into(), (&*self.intermediate).into()];
        verifier.verify(&Peer::new(&chain, Some(ServerName::try_from(HOST).unwrap()))).map(|_| ())
    }

    fn openssl_verifies(&self, store: &Path) -> bool {
        let mut verify = Command::new("openssl");
        verify.args(["verify", "-partial_chain", "-no-CApath", "-no-CAstore"]);
        verify.args(["-purpose", "sslserver", "-CAfile"]).arg(store).arg("-untrusted");
        verify.arg(self.directory.path().join("intermediate"));
        verify.arg(self.directory.path().join("leaf")).output().unwrap().status.success()
    }
}

#[test]
fn trust_settings_of_a_path_as_in_openssl() {
    use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
    const SERVER: &str = "-addtrust serverAuth";
    const CLIENT: &str = "-addtrust clientAuth";
    const NO_SERVER: &str = "-addreject serverAuth";
    const NO_CLIENT: &str = "-addreject clientAuth";
    let root = |settings: &str| format!("root {settings}");
    let intermediate = |settings: &str| format!("intermediate {settings}");
    let plain = || "root".to_owned();
    for (usages, store) in [
        (&[][..], vec![plain()]),
        (&[], vec![root(CLIENT)]),
        // The peer sends this intermediate; what the store says about it holds all the same.
        (&[], vec![plain(), intermediate(CLIENT)]),
        (&[], vec![plain(), intermediate(NO_SERVER)]),
        (&[], vec![plain(), intermediate(NO_CLIENT)]),
        (&[], vec![plain(), intermediate(SERVER)]),
        (&[], vec![intermediate(SERVER)]),
        (&[], vec![intermediate(CLIENT)]),
        (&[], vec![intermediate(SERVER), root(NO_SERVER)]),
        // Settings that name the purpose overrule the extended key usage.
        (&[ClientAuth], vec![plain()]),
        (&[ClientAuth], vec![root(SERVER)]),
        (&[ClientAuth], vec![root("-addtrust anyExtendedKeyUsage")]),
        (&[ClientAuth], vec![root(NO_CLIENT)]),
        (&[ServerAuth], vec![root(CLIENT)]),
        (&[ServerAuth], vec![root("-addtrust emailProtection")]),
        // Of one certificate with several settings, the first are taken.
        (&[], vec![plain(), root(CLIENT)]),
        (&[], vec![root(CLIENT), plain()]),
        (&[], vec![root(CLIENT), root(SERVER)]),
        (&[], vec![root(SERVER), root(CLIENT)]),
        (&[ClientAuth], vec![root(SERVER), plain()]),
        (&[ClientAuth], vec![plain(), root(SERVER)]),
    ] {
        let pki = pki(usages);
        let path = pki.directory.path().join("store");
        let blocks: String = store.iter().map(|certificate| pki.block(certificate)).collect();
        fs::write(&path, blocks).unwrap();
        let ours = pki.verify(&path);
        assert_eq!(ours.is_ok(), pki.openssl_verifies(&path), "{usages:?} {store:?}: {ours:?}");
    }
}

/// Unlike in OpenSSL, which knows only the certificate that it finds first.
#[test]
fn a_rejection_holds_for_the_key_whatever_is_read_first() {
    let pki = pki(&[]);
    let path = pki.directory.path().join("store");
    let (plain, rejected) = (pki.block("root"), pki.block("root -addreject serverAuth"));
    for blocks in [format!("{plain}{rejected}"), format!("{rejected}{plain}")] {
        fs::write(&path, blocks).unwrap();
        assert_eq!(pki.verify(&path).unwrap_err().kind(), ErrorKind::Distrusted);
    }
    // The same name and key in another certificate, with the name in another string type. The
    // signature is wrong then, which matters to nobody: it is a trust anchor.
    let (contents, _) = files::read(&pki.directory.path().join("root")).unwrap();
    let mut der = contents.certificates[0].0.to_vec();
    let name = b"\x0c\x04Root";
    let places: Vec<_> = (0..der.len()).filter(|&at| der[at..].starts_with(name)).collect();
    assert_eq!(places.len(), 2);
    for at in places {
        der[at] = 0x13; // PrintableString
    }
    fs::write(pki.directory.path().join("respelled"), pem("CERTIFICATE", &der)).unwrap();
    fs::write(&path, pki.block("respelled")).unwrap();
    pki.verify(&path).unwrap();
    fs::write(&path, plain.clone() + &pki.block("respelled -addreject serverAuth")).unwrap();
    assert_eq!(pki.verify(&path).unwrap_err().kind(), ErrorKind::Distrusted);
}

/// A certificate that cannot be read trusts nothing, but what is said against it is read: of a root,
/// and of an intermediate that the peer sends in a form that can be read.
#[test]
fn a_rejection_holds_for_the_key_of_a_malformed_certificate() {
    let pki = pki(&[]);
    for name in ["root", "intermediate"] {
        let (contents, _) = files::read(&pki.directory.path().join(name)).unwrap();
        let der = malformed(&contents.certificates[0].0);
        fs::write(pki.directory.path().join("malformed"), pem("CERTIFICATE", &der)).unwrap();
        // A list of other purposes counts where nothing says otherwise.
        let listed = (name == "intermediate").then_some(ErrorKind::Distrusted);
        for (settings, expected) in [
            ("-addreject serverAuth", Some(ErrorKind::Distrusted)),
            ("-addreject clientAuth", None),
            ("-addtrust clientAuth", listed),
        ] {
            let (root, malformed) =
                (pki.block("root"), pki.block(&format!("malformed {settings}")));
            for blocks in [root.clone() + &malformed, malformed + &root] {
                // What was read at a path once is not read again so soon.
                let directory = TempDir::new().unwrap();
                let path = directory.path().join("store");
                fs::write(&path, blocks).unwrap();
                let variable = |name: &str| (name == "SSL_CERT_FILE").then(|| path.clone().into());
                let verdict = pki.verify_by(Verifier::builder_with_env(variable));
                let verdict = verdict.map_err(|error| error.kind());
                assert_eq!(verdict.err(), expected, "{name} {settings}");
            }
        }
    }
}

#[test]
fn both_ends_of_its_validity_belong_to_it() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // 1,767,225,600 and 1,798,761,600 seconds since 1970
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    let root = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone();
    let entry = StoreEntry::new(root, Source::ExtraRoots, None);
    let refusal = |seconds| {
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        entry.refusal(Purpose::ServerAuth, time).and_then(|refusal| refusal.kind())
    };
    assert_eq!(refusal(1_767_225_599), Some(ErrorKind::NotYetValid));
    assert_eq!(refusal(1_767_225_600), None);
    assert_eq!(refusal(1_798_761_600), None);
    assert_eq!(refusal(1_798_761_601), Some(ErrorKind::Expired));
}
