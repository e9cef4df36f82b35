//! Reads files of certificates by the rules of the system store, for programs that load
//! certificates themselves and must agree with it on every file.
//!
//! ```no_run
//! use trustbridge::{Purpose, files};
//!
//! let (contents, stamp) = files::read("ca.pem".as_ref())?;
//! for (certificate, trust) in &contents.certificates {
//!     let trusted = trust.as_ref().is_none_or(|trust| trust.allows(Purpose::ServerAuth));
//!     println!("{} bytes, trusted for servers: {trusted}", certificate.len());
//! }
//! for fault in &contents.faults {
//!     eprintln!("ca.pem: {fault}");
//! }
//! // As long as the stamp is the same, there is no need to read the file again.
//! assert!(stamp == files::Stamp::at("ca.pem".as_ref()));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Not checked: anything that decides whether a certificate is trusted. Certificates that cannot
//! be read at all are among the faults; CRLs are not read.
//!
//! Tests: below.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub use super::contents::{Contents, Fault};
use super::file::MAX_FILE_BYTES;
use super::names::{is_hashed_crl_name, is_hashed_name};
use super::p11kit;
pub use super::stamp::Stamp;

/// Reads a file of PEM blocks, and its stamp as it was before reading.
///
/// The file is one that the caller names, so it may be of any type, as in OpenSSL: a pipe is read
/// to its end and has no stamp. Blocks with other labels, such as keys, are skipped.
///
/// # Errors
///
/// The file cannot be opened or read, or is larger than 256 MiB.
pub fn read(path: &Path) -> io::Result<(Contents, Option<Stamp>)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let stamp = metadata.is_file().then(|| Stamp::of(&metadata));
    let text = bounded(file)?;
    Ok((Contents::of_pem(&text, Some(path)).readable(), stamp))
}

/// Reads the files of a directory that OpenSSL would look up: those with hashed names, in their
/// order, if they are regular files. What cannot be read is among the faults.
///
/// # Errors
///
/// The directory cannot be read.
pub fn read_directory(path: &Path) -> io::Result<Contents> {
    let mut out = Contents::default();
    for file in hashed_files(path)? {
        // Opening a FIFO would wait for its writer. Nobody named this file, so it is not read.
        if !fs::metadata(&file).is_ok_and(|metadata| metadata.is_file()) {
            continue;
        }
        match read(&file) {
            Ok((contents, _)) => out.append(contents),
            Err(error) => out.faults.push(Fault::new(None, format!("{}: {error}", shown(&file)))),
        }
    }
    Ok(out)
}

/// The files of a directory whose names OpenSSL would look up, sorted.
fn hashed_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let hashed = |name| is_hashed_name(name) || is_hashed_crl_name(name);
        if name.to_str().is_some_and(hashed) {
            out.push(entry.path());
        }
    }
    out.sort_unstable();
    Ok(out)
}

/// Reads PEM text.
pub fn read_pem(text: &[u8]) -> Contents {
    Contents::of_pem(text, None).readable()
}

/// Reads certificates in DER that follow one another.
pub fn read_der(der: &[u8]) -> Contents {
    Contents::of_der(der).readable()
}

/// What a trust policy file says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyFile {
    /// How many statements take trust away.
    pub statements: usize,
    /// What could not be read.
    pub faults: Vec<Fault>,
}

/// Reads a trust policy file of p11-kit, as distributions put them beside their bundles. For a file
/// that is to be installed there. With `blocklist`, as if it was in a directory of that name, where
/// every certificate is distrusted.
pub fn check_p11kit(text: &[u8], blocklist: bool) -> PolicyFile {
    let policy = p11kit::parse(text, blocklist);
    PolicyFile { statements: policy.statements.len(), faults: policy.faults }
}

fn bounded(file: File) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > MAX_FILE_BYTES) {
        return Err(io::Error::other(format!("larger than {} MiB", MAX_FILE_BYTES >> 20)));
    }
    Ok(text)
}

fn shown(path: &Path) -> String {
    crate::text::escape(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::store::testing::{certificate, pem};

    fn certificates(contents: &Contents) -> Vec<&[u8]> {
        contents.certificates.iter().map(|(certificate, _)| &**certificate).collect()
    }

    #[test]
    fn a_file_with_certificates_and_crls() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("ca.pem");
        let cert = certificate("one");
        // A subject that can be read in a certificate that cannot.
        let mut broken = cert.clone();
        let begin = broken.windows(6).position(|six| six == b"750101").unwrap();
        broken[begin] = b'x';
        let text = [
            pem("CERTIFICATE", &cert),
            pem("X509 CRL", &[0x30, 0]),
            pem("CERTIFICATE", &broken),
            pem("CERTIFICATE", b"no"),
        ];
        fs::write(&path, text.concat()).unwrap();
        let (contents, stamp) = read(&path).unwrap();
        assert_eq!(certificates(&contents), [&cert[..]]);
        assert_eq!(contents.crls, [vec![0x30, 0].into()]);
        let reasons: Vec<_> = contents.faults.iter().map(|fault| &*fault.reason).collect();
        assert_eq!(reasons, ["malformed certificate", "malformed notBefore"]);
        assert_eq!(stamp, Stamp::at(&path));
        assert!(stamp.unwrap().may_repeat(), "it was just written");
        fs::write(&path, "").unwrap();
        assert_ne!(stamp, Stamp::at(&path));
        assert_eq!(read(&path).unwrap().0.faults, [Fault::new(None, "is empty")]);
        assert_eq!(Fault::new(Some(7), "bad").to_string(), "line 7: bad");
        assert_eq!(Fault::new(None, "is empty").to_string(), "is empty");
        assert_eq!(Stamp::at(directory.path()), None);
        assert!(read(&directory.path().join("missing")).is_err());
    }

    #[test]
    fn certificates_in_der_one_after_the_other() {
        let (one, two) = (certificate("one"), certificate("two"));
        let both = [&one[..], &two].concat();
        let contents = read_der(&both);
        assert_eq!((certificates(&contents), contents.faults.len()), (vec![&one[..], &two], 0));
        for rest in [&b"x"[..], &two[..two.len() - 1], &[4, 0], &[0x30, 0]] {
            let contents = read_der(&[&one[..], rest].concat());
            assert_eq!((certificates(&contents), contents.faults.len()), (vec![&one[..]], 1));
        }
        assert_eq!(read_der(b""), Contents::default());
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_of_hashed_names() {
        let directory = TempDir::new().unwrap();
        let (one, two) = (certificate("one"), certificate("two"));
        let path = |name: &str| directory.path().join(name);
        fs::write(path("01234567.1"), pem("CERTIFICATE", &two)).unwrap();
        fs::write(path("01234567.0"), pem("CERTIFICATE", &one)).unwrap();
        fs::write(path("01234567.r0"), pem("X509 CRL", &[0x30, 0])).unwrap();
        fs::write(path("other.pem"), pem("CERTIFICATE", &certificate("other"))).unwrap();
        let made = std::process::Command::new("mkfifo").arg(path("01234567.2")).status().unwrap();
        assert!(made.success());
        let contents = read_directory(directory.path()).unwrap();
        assert_eq!(certificates(&contents), [&one[..], &two]);
        assert_eq!((contents.crls.len(), contents.faults.len()), (1, 0));
        assert!(read_directory(&path("missing")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_has_no_stamp() {
        let directory = TempDir::new().unwrap();
        let fifo = directory.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(made.success());
        let cert = certificate("from a pipe");
        std::thread::scope(|scope| {
            scope.spawn(|| fs::write(&fifo, pem("CERTIFICATE", &cert)).unwrap());
            let (contents, stamp) = read(&fifo).unwrap();
            assert_eq!((certificates(&contents), stamp), (vec![&cert[..]], None));
        });
    }
}
