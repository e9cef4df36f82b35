//! The verdicts of three verifiers.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use openssl::stack::Stack;
use openssl::x509::store::{File, X509Lookup, X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509PurposeId, X509StoreContext};
use pki_types::{CertificateDer, ServerName, UnixTime};
use trustbridge::{BuildError, Peer, Verified, Verifier, VerifierBuilder, VerifyError};

use crate::scenario::{Entry, Purpose, Scenario};

/// A directory in memory for stores that have to be files, and what OpenSSL has read.
pub struct Files {
    directory: tempfile::TempDir,
    count: usize,
    certificates: HashMap<Vec<u8>, Option<X509>>,
}

impl Files {
    /// An empty one.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let directory = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        Self { directory: directory.unwrap(), count: 0, certificates: HashMap::new() }
    }

    /// A certificate as OpenSSL reads it, if it does. Reading is most of what OpenSSL 3 does for a
    /// chain, and most certificates of most chains are those of other chains.
    fn certificate(&mut self, der: &[u8]) -> Option<X509> {
        const MOST_KEPT: usize = 2_000;
        if let Some(cert) = self.certificates.get(der) {
            return cert.clone();
        }
        if self.certificates.len() >= MOST_KEPT {
            self.certificates.clear();
        }
        let cert = X509::from_der(der).ok();
        self.certificates.insert(der.to_vec(), cert.clone());
        cert
    }

    /// A file with these certificates and their trust settings. The one before is gone.
    fn store(&mut self, store: &[Entry]) -> std::path::PathBuf {
        let old = self.directory.path().join(format!("{}.pem", self.count));
        let _ = std::fs::remove_file(old);
        self.count += 1;
        let path = self.directory.path().join(format!("{}.pem", self.count));
        let blocks: Vec<_> = store
            .iter()
            .map(|entry| {
                let (label, der) = match &entry.trust {
                    None => ("CERTIFICATE", entry.der.clone()),
                    Some(trust) => {
                        ("TRUSTED CERTIFICATE", [entry.der.clone(), trust.der()].concat())
                    }
                };
                let text = openssl::base64::encode_block(&der);
                let lines: Vec<_> = text
                    .as_bytes()
                    .chunks(64)
                    .map(|line| String::from_utf8_lossy(line).into_owned() + "\n")
                    .collect();
                format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", lines.concat())
            })
            .collect();
        std::fs::write(&path, blocks.concat()).unwrap();
        path
    }
}

impl Default for Files {
    fn default() -> Self {
        Self::new()
    }
}

/// The same certificates for the core.
pub fn certificates(ders: &[Vec<u8>]) -> Vec<CertificateDer<'static>> {
    ders.iter().cloned().map(CertificateDer::from).collect()
}

/// The core's verdict.
pub fn ours(scenario: &Scenario, files: &mut Files) -> Result<Verified, VerifyError> {
    let verifier = verifier(scenario, files, |builder| builder);
    let chain = certificates(&scenario.chain);
    verifier.verify(&peer(scenario, &chain))
}

/// The core's verifier, with further settings.
pub fn verifier(
    scenario: &Scenario,
    files: &mut Files,
    further: impl Fn(VerifierBuilder) -> VerifierBuilder,
) -> Verifier {
    let settings = |builder: VerifierBuilder| {
        further(builder)
            .intermediates(certificates(&readable(&scenario.known)))
            .purpose(match scenario.purpose {
                Purpose::Server => trustbridge::Purpose::ServerAuth,
                Purpose::Client => trustbridge::Purpose::ClientAuth,
            })
            // As a server of OpenSSL verifies clients.
            .danger_match_common_name(scenario.common_name || scenario.purpose == Purpose::Client)
            .strict(scenario.strict)
    };
    if scenario.store.iter().any(|entry| entry.trust.is_some()) {
        let file = files.store(&scenario.store);
        let variable = |name: &str| match name {
            "SSL_CERT_FILE" => Some(file.clone().into_os_string()),
            "SSL_CERT_DIR" => Some("/nonexistent".into()),
            _ => None,
        };
        return settings(Verifier::builder_with_env(variable)).build().unwrap();
    }
    let mut roots: Vec<_> = scenario.store.iter().map(|entry| entry.der.clone()).collect();
    loop {
        let builder = settings(Verifier::builder().system_roots(false));
        match builder.extra_roots(certificates(&roots)).build() {
            Ok(verifier) => return verifier,
            Err(BuildError::BadCertificate { given_to: "extra_roots", index, .. }) => {
                drop(roots.remove(index));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// What the peer sends, and what is asked of it.
pub fn peer<'a>(scenario: &Scenario, chain: &'a [CertificateDer<'a>]) -> Peer<'a> {
    let name = scenario.peer.map(|name| ServerName::try_from(name).unwrap());
    let time = UnixTime::since_unix_epoch(Duration::from_secs(scenario.time as u64));
    Peer::new(chain, name).time(time)
}

/// Those that the core can read.
fn readable(ders: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let can = |der: &&Vec<u8>| {
        let builder = Verifier::builder().system_roots(false);
        builder.extra_roots(certificates(std::slice::from_ref(der))).build().is_ok()
    };
    ders.iter().filter(can).cloned().collect()
}

/// OpenSSL's verdict: the chain that it accepts, or why not.
pub fn theirs(scenario: &Scenario, files: &mut Files) -> Result<Vec<X509>, String> {
    let Some(leaf) = files.certificate(&scenario.chain[0]) else {
        return Err("cannot be read".to_owned());
    };
    let openssl = OpenSsl::new(scenario, files);
    let sent = scenario.chain.iter().skip(1).chain(&scenario.known);
    openssl.verify(&leaf, sent.filter_map(|der| files.certificate(der)))
}

/// A store of OpenSSL, with how it verifies.
pub struct OpenSsl(X509Store);

impl OpenSsl {
    /// The store and the settings of a scenario.
    pub fn new(scenario: &Scenario, files: &mut Files) -> Self {
        let mut store = X509StoreBuilder::new().unwrap();
        let with_settings = scenario.store.iter().any(|entry| entry.trust.is_some());
        if with_settings {
            for entry in &scenario.store {
                // One by one: a file is read only up to what cannot be read.
                let file = files.store(std::slice::from_ref(entry));
                let lookup = store.add_lookup(X509Lookup::<File>::file()).unwrap();
                let _ = lookup.load_cert_file(&file, openssl::ssl::SslFiletype::PEM);
            }
        } else {
            for entry in &scenario.store {
                if let Some(cert) = files.certificate(&entry.der) {
                    store.add_cert(cert).unwrap();
                }
            }
        }
        store.set_param(&parameters(scenario)).unwrap();
        Self(store.build())
    }

    /// The chain that it accepts, or why not.
    fn verify(&self, leaf: &X509, sent: impl Iterator<Item = X509>) -> Result<Vec<X509>, String> {
        let mut untrusted = Stack::new().unwrap();
        for cert in sent {
            untrusted.push(cert).unwrap();
        }
        let mut context = X509StoreContext::new().unwrap();
        let verdict = context.init(&self.0, leaf, &untrusted, |context| {
            let accepted = context.verify_cert().unwrap_or(false);
            Ok(match accepted {
                true => Ok(context.chain().unwrap().iter().map(|cert| cert.to_owned()).collect()),
                false => Err(format!("{} at {}", context.error(), context.error_depth())),
            })
        });
        verdict.unwrap_or_else(|error| Err(error.to_string()))
    }

    /// Whether it accepts what is sent, and has been read.
    pub fn accepts(&self, chain: Vec<X509>) -> bool {
        let mut chain = chain.into_iter();
        chain.next().is_some_and(|leaf| self.verify(&leaf, chain).is_ok())
    }
}

/// What is sent, as OpenSSL reads it in a handshake.
pub fn read(chain: &[Vec<u8>]) -> Vec<X509> {
    chain.iter().filter_map(|der| X509::from_der(der).ok()).collect()
}

fn parameters(scenario: &Scenario) -> X509VerifyParam {
    let mut param = X509VerifyParam::new().unwrap();
    let mut flags = X509VerifyFlags::PARTIAL_CHAIN | X509VerifyFlags::TRUSTED_FIRST;
    if scenario.strict {
        flags |= X509VerifyFlags::X509_STRICT;
    }
    param.set_flags(flags).unwrap();
    param
        .set_purpose(match scenario.purpose {
            Purpose::Server => X509PurposeId::SSL_SERVER,
            Purpose::Client => X509PurposeId::SSL_CLIENT,
        })
        .unwrap();
    param.set_auth_level(2);
    param.set_time(scenario.time);
    let mut hosts = X509CheckFlags::NO_PARTIAL_WILDCARDS;
    if !scenario.common_names() {
        hosts |= X509CheckFlags::NEVER_CHECK_SUBJECT;
    }
    param.set_hostflags(hosts);
    if let Some(peer) = scenario.peer {
        match peer.parse() {
            Ok(address) => param.set_ip(address).unwrap(),
            Err(_) => param.set_host(peer).unwrap(),
        }
    }
    param
}

/// `webpki`'s verdict on a path that the core accepted.
pub fn second(scenario: &Scenario, path: &[CertificateDer<'_>]) -> Result<(), webpki::Error> {
    let (anchor, rest) = path.split_last().unwrap();
    let (leaf, intermediates) = rest.split_first().unwrap();
    let anchor = webpki::anchor_from_trusted_cert(anchor)?;
    let leaf = webpki::EndEntityCert::try_from(leaf)?;
    let usage = match scenario.purpose {
        Purpose::Server => webpki::KeyUsage::server_auth(),
        Purpose::Client => webpki::KeyUsage::client_auth(),
    };
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &[anchor],
        intermediates,
        UnixTime::since_unix_epoch(Duration::from_secs(scenario.time as u64)),
        usage,
        None,
        None,
    )?;
    match scenario.peer {
        Some(peer) => leaf.verify_is_valid_for_subject_name(&ServerName::try_from(peer).unwrap()),
        None => Ok(()),
    }
}

/// Whether the store rejects a certificate of the path, under that certificate or another one of
/// the same subject and key. OpenSSL heeds what it comes across; the core heeds all of it.
pub fn is_rejected(scenario: &Scenario, path: &[CertificateDer<'_>], files: &mut Files) -> bool {
    let rejects =
        |entry: &&Entry| entry.trust.as_ref().is_some_and(|trust| trust.rejects(scenario.purpose));
    let rejected = scenario.store.iter().filter(rejects);
    let rejected: Vec<_> = rejected.filter_map(|entry| files.certificate(&entry.der)).collect();
    let mut path = path.iter().filter_map(|der| files.certificate(der));
    !rejected.is_empty()
        && path.any(|cert| {
            rejected.iter().any(|other| {
                let same = cert.subject_name().try_cmp(other.subject_name());
                let keys = (cert.public_key(), other.public_key());
                same.is_ok_and(|order| order.is_eq())
                    && matches!(keys, (Ok(key), Ok(other)) if key.public_eq(&other))
            })
        })
}
