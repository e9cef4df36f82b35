//! Intermediates that the peer does not send: from a directory, by setting and by variable.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use pki_types::{CertificateDer, UnixTime};
use tempfile::TempDir;
use trustbridge::{ErrorKind, Peer, Verified, Verifier, VerifierBuilder, VerifyError};
use trustbridge_cases::NOW;
use trustbridge_cases::crl::{der, sequence};
use trustbridge_cases::make::{DAY, Node, ca, server};

const URL: &str = "http://ca.example/issuing.der";

/// Root, two CAs below it, and a server that sends nothing but its certificate.
struct Pki {
    root: Node,
    upper: Node,
    issuing: Node,
    leaf: Node,
}

impl Pki {
    fn new() -> Self {
        let root = ca("root").self_signed();
        let upper = ca("upper").issued_by(&root);
        let issuing = ca("issuing").issued_by(&upper);
        let access = sequence(&[sequence(&[
            der(6, &[0x2b, 6, 1, 5, 5, 7, 0x30, 2]),
            der(0x86, URL.as_bytes()),
        ])]);
        let leaf = server().extension(&[1, 3, 6, 1, 5, 5, 7, 1, 1], false, access);
        let leaf = leaf.issued_by(&issuing);
        Self { root, upper, issuing, leaf }
    }

    fn builder(&self) -> VerifierBuilder {
        let root = CertificateDer::from(self.root.der.clone());
        Verifier::builder_with_env(|_| None).system_roots(false).extra_roots([root])
    }

    fn ask(&self, builder: VerifierBuilder) -> Result<Verified, VerifyError> {
        ask(&builder.build().unwrap(), &[&self.leaf])
    }
}

fn ask(verifier: &Verifier, chain: &[&Node]) -> Result<Verified, VerifyError> {
    let chain: Vec<_> = chain.iter().map(|node| CertificateDer::from(&*node.der)).collect();
    let time = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
    verifier.verify(&Peer::new(&chain, None).time(time))
}

fn pem(node: &Node) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(&node.der);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

/// Long enough ago that nothing is changing any more.
fn settle(path: &Path) {
    let mut options = fs::OpenOptions::new();
    // Windows sets times only through a handle that may write, and opens a directory only on request;
    // Unix sets a directory's times through one that reads.
    #[cfg(windows)]
    {
        const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
        use std::os::windows::fs::OpenOptionsExt as _;
        options.write(true).custom_flags(FILE_FLAG_BACKUP_SEMANTICS);
    }
    #[cfg(unix)]
    options.read(true);
    let file = options.open(path).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(3600)).unwrap();
}

#[test]
fn a_missing_issuer_is_named_with_its_url() {
    let pki = Pki::new();
    let error = pki.ask(pki.builder()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownIssuer);
    let missing = error.missing_issuer().unwrap();
    assert_eq!(missing.subject, "CN=issuing, O=trustbridge tests");
    assert_eq!(missing.url, Some(URL));
    assert!(error.hints()[0].contains(URL), "{:?}", error.hints());
    assert!(error.hints()[0].contains("TRUSTBRIDGE_INTERMEDIATES_DIR"), "{:?}", error.hints());
    assert!(error.searched_intermediates().is_empty());

    // Further up it is named too, but nobody has forgotten anything for sure.
    let error = ask(&pki.builder().build().unwrap(), &[&pki.leaf, &pki.issuing]).unwrap_err();
    let missing = error.missing_issuer().unwrap();
    assert_eq!((missing.subject, missing.url), ("CN=upper, O=trustbridge tests", None));
    assert_eq!(error.depth(), Some(1));

    // Whoever signs itself has no issuer that could be missing.
    let stranger = server().self_signed();
    let error = ask(&pki.builder().build().unwrap(), &[&stranger]).unwrap_err();
    assert_eq!(error.missing_issuer(), None);
}

#[test]
fn a_directory_completes_the_path() {
    let (pki, directory) = (Pki::new(), TempDir::new().unwrap());
    fs::write(directory.path().join("issuing.pem"), pem(&pki.issuing)).unwrap();
    fs::write(directory.path().join("upper.cer"), &pki.upper.der).unwrap();
    let verified = pki.ask(pki.builder().intermediates_dir(directory.path())).unwrap();
    let expected = [&pki.leaf, &pki.issuing, &pki.upper, &pki.root];
    assert_eq!(verified.chain, expected.map(|node| CertificateDer::from(node.der.clone())));
}

#[test]
fn two_directories_complete_a_path_together() {
    let (pki, one, two) = (Pki::new(), TempDir::new().unwrap(), TempDir::new().unwrap());
    fs::write(one.path().join("issuing.pem"), pem(&pki.issuing)).unwrap();
    fs::write(two.path().join("upper.pem"), pem(&pki.upper)).unwrap();
    let builder = pki.builder().intermediates_dir(one.path());
    let error = pki.ask(builder.clone()).unwrap_err();
    assert_eq!(error.missing_issuer().unwrap().subject, "CN=upper, O=trustbridge tests");
    assert_eq!(error.depth(), Some(1), "the path goes on from what the directory has");
    let verified = pki.ask(builder.intermediates_dir(two.path())).unwrap();
    assert_eq!(verified.chain.len(), 4);
}

/// Neither a root in the directory nor an end entity is trusted for being there.
#[test]
fn nothing_in_a_directory_is_trusted() {
    let (pki, directory) = (Pki::new(), TempDir::new().unwrap());
    for (name, node) in [("root", &pki.root), ("upper", &pki.upper), ("issuing", &pki.issuing)] {
        fs::write(directory.path().join(name), pem(node)).unwrap();
    }
    fs::write(directory.path().join("leaf"), pem(&pki.leaf)).unwrap();
    let other = CertificateDer::from(ca("other").self_signed().der);
    let builder = Verifier::builder_with_env(|_| None).system_roots(false).extra_roots([other]);
    let error = pki.ask(builder.intermediates_dir(directory.path())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UntrustedRoot);
}

/// What the directory has is verified like what the peer sends.
#[test]
fn an_intermediate_of_a_directory_is_verified() {
    let (pki, directory) = (Pki::new(), TempDir::new().unwrap());
    let expired = ca("issuing").valid(-20 * DAY, -10 * DAY).issued_for(&pki.issuing, &pki.upper);
    fs::write(directory.path().join("issuing.pem"), pem(&expired)).unwrap();
    fs::write(directory.path().join("upper.pem"), pem(&pki.upper)).unwrap();
    let error = pki.ask(pki.builder().intermediates_dir(directory.path())).unwrap_err();
    assert_eq!((error.kind(), error.depth()), (ErrorKind::Expired, Some(1)));
}

/// A path that is there needs no directory: it is not even opened.
#[test]
fn a_directory_is_not_read_without_need() {
    let (pki, directory) = (Pki::new(), TempDir::new().unwrap());
    let missing = directory.path().join("missing");
    let verifier = pki.builder().intermediates_dir(&missing).build().unwrap();
    assert!(ask(&verifier, &[&pki.leaf, &pki.issuing, &pki.upper]).is_ok());
    let error = ask(&verifier, &[&pki.leaf]).unwrap_err();
    let [searched] = error.searched_intermediates() else { panic!("{error:?}") };
    assert_eq!((searched.certificates, searched.problems.len()), (0, 1));
    assert_eq!(searched.path, missing);
    let report = error.report();
    assert!(report.contains("Searched for intermediates:\n  - "), "{report}");
    assert!(report.contains("missing: 0 certificates; "), "{report}");

    // Other faults are not the directory's.
    let expired = server().valid(-20 * DAY, -10 * DAY).issued_by(&pki.issuing);
    let error = ask(&verifier, &[&expired, &pki.issuing, &pki.upper]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);
    assert!(error.searched_intermediates().is_empty());
}

#[test]
fn damaged_files_are_named_and_hide_nothing() {
    let (pki, directory) = (Pki::new(), TempDir::new().unwrap());
    let path = |name: &str| directory.path().join(name);
    fs::write(path("a-empty.pem"), "").unwrap();
    fs::write(path("b-text.txt"), "read me").unwrap();
    fs::write(path("c-cut.pem"), &pem(&pki.issuing)[..200]).unwrap();
    fs::write(path("d-cut.der"), &pki.issuing.der[..200]).unwrap();
    fs::write(path("e-large.der"), vec![0x30; (1 << 20) + 1]).unwrap();
    fs::write(path(".hidden"), "not even named").unwrap();
    fs::create_dir(path("subdirectory")).unwrap();
    fs::write(path("z-issuing.pem"), pem(&pki.issuing)).unwrap();
    let error = pki.ask(pki.builder().intermediates_dir(directory.path())).unwrap_err();
    assert_eq!(error.missing_issuer().unwrap().subject, "CN=upper, O=trustbridge tests");
    let [searched] = error.searched_intermediates() else { panic!("{error:?}") };
    assert_eq!(searched.certificates, 1);
    let named = |name: &str| searched.problems.iter().any(|problem| problem.path == path(name));
    for name in ["a-empty.pem", "b-text.txt", "c-cut.pem", "d-cut.der", "e-large.der"] {
        assert!(named(name), "{name}: {:?}", searched.problems);
    }
    assert_eq!(searched.problems.len(), 5, "{:?}", searched.problems);
    let large = searched.problems.iter().find(|problem| problem.path == path("e-large.der"));
    assert_eq!(large.unwrap().reason, "is not read: it is larger than 1 MiB");
}

#[test]
fn a_directory_is_bounded() {
    let (pki, directory) = (Pki::new(), TempDir::new().unwrap());
    for number in 0..=1_000 {
        fs::write(directory.path().join(format!("{number:04}")), "").unwrap();
    }
    let error = pki.ask(pki.builder().intermediates_dir(directory.path())).unwrap_err();
    let [searched] = error.searched_intermediates() else { panic!("{error:?}") };
    assert_eq!(searched.problems[0].reason, "has more than 1000 files; the others are ignored");
    assert_eq!(searched.problems.len(), 20);
}

/// A thousand CAs of one name do not make one verification long.
#[test]
fn few_certificates_are_added_to_a_chain() {
    let (pki, directory) = (Pki::new(), TempDir::new().unwrap());
    let crowd = |_| pem(&ca("issuing").no_authority_key_id().self_signed());
    let text: String = (0..100).map(crowd).collect();
    fs::write(directory.path().join("crowd.pem"), text).unwrap();
    fs::write(directory.path().join("right.pem"), pem(&pki.issuing) + &pem(&pki.upper)).unwrap();
    let error = pki.ask(pki.builder().intermediates_dir(directory.path())).unwrap_err();
    assert_eq!(error.searched_intermediates()[0].certificates, 102);
    assert_eq!(error.kind(), ErrorKind::UnknownIssuer);
}

#[test]
fn changes_are_seen() {
    let (pki, directory) = (Pki::new(), TempDir::new().unwrap());
    let file = directory.path().join("all.pem");
    fs::write(&file, pem(&pki.issuing)).unwrap();
    settle(&file);
    settle(directory.path());
    let verifier = pki.builder().intermediates_dir(directory.path()).build().unwrap();
    assert!(ask(&verifier, &[&pki.leaf]).is_err());
    fs::write(&file, pem(&pki.issuing) + &pem(&pki.upper)).unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    while ask(&verifier, &[&pki.leaf]).is_err() {
        assert!(Instant::now() < end, "the change was not seen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_variable_names_a_directory() {
    let (pki, directory) = (Pki::new(), TempDir::new().unwrap());
    fs::write(directory.path().join("both.pem"), pem(&pki.issuing) + &pem(&pki.upper)).unwrap();
    let with = |value: &str| {
        let value = value.to_owned();
        Verifier::builder_with_env(move |name| {
            (name == "TRUSTBRIDGE_INTERMEDIATES_DIR").then(|| value.clone().into())
        })
        .system_roots(false)
        .extra_roots([CertificateDer::from(pki.root.der.clone())])
    };
    assert!(pki.ask(with(directory.path().to_str().unwrap())).is_ok());
    let error = pki.ask(with("")).unwrap_err();
    assert!(error.searched_intermediates().is_empty(), "an empty value is ignored");
}
