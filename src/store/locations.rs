//! Where the store is: the environment's answer, and what each distribution does by default.
//!
//! Tests: below; `tests/store.rs` through the variables of a process.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::intermediates::VARIABLE as INTERMEDIATES;
use crate::privileges;

/// Bundles, by the distribution that has them; the first that exists is the store. All are
/// tried on every Unix, because containers and package managers mix them.
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Gentoo, NixOS, OpenWrt, Void, SmartOS
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL 7 and later, Amazon Linux
    "/etc/pki/tls/certs/ca-bundle.crt",   // Fedora before 43, RHEL 6, Mageia
    "/var/lib/ca-certificates/ca-bundle.pem", // SUSE: what /etc/ssl/ca-bundle.pem links to
    "/etc/ssl/ca-bundle.pem",             // SUSE
    "/etc/ca-certificates/extracted/tls-ca-bundle.pem", // Arch
    "/etc/ssl/cert.pem",                  // Alpine, OpenBSD, FreeBSD
    "/etc/ssl/certs/ca-bundle.crt",       // NixOS, Slackware
    "/etc/pki/tls/cacert.pem",            // OpenELEC, LibreELEC
    "/opt/etc/ssl/certs/ca-certificates.crt", // Entware
    "/etc/ssl/certs/cacert.pem",          // OpenHarmony
    "/data/data/com.termux/files/usr/etc/tls/cert.pem", // Termux
    "/usr/local/etc/ssl/cert.pem",        // FreeBSD, package ca_root_nss
    "/usr/local/share/certs/ca-root-nss.crt", // FreeBSD and DragonFly, package ca_root_nss
    "/etc/openssl/certs/ca-certificates.crt", // NetBSD 10
    "/etc/ssl/cacert.pem",                // OmniOS
    "/etc/certs/ca-certificates.crt",     // OpenIndiana, Solaris 11.2 and later
    "/boot/system/data/ssl/CARootCertificates.pem", // Haiku
    "/var/ssl/cert.pem",                  // AIX
];

/// Directories with hashed names, for where there is no bundle.
const DIRECTORIES: &[&str] = &[
    "/etc/ssl/certs", // Debian, SUSE, FreeBSD 12.2 and later
    "/etc/pki/ca-trust/extracted/pem/directory-hash", // Fedora 41 and later
    "/etc/pki/tls/certs", // Fedora, RHEL
    "/etc/openssl/certs", // NetBSD
    "/etc/certs/CA",  // Solaris, illumos
    "/var/ssl/certs", // AIX
];

/// Where distributions say what is distrusted, in files of p11-kit and lists of certificates.
/// Debian, Ubuntu and Alpine have nothing of the kind: what they distrust is not in the bundle.
const TRUST_SOURCES: &[&str] = &[
    "/usr/share/pki/ca-trust-source", // Fedora, RHEL, Amazon Linux, Azure Linux
    "/etc/pki/ca-trust/source",       // the same, by the administrator
    "/usr/share/ca-certificates/trust-source", // Arch
    "/etc/ca-certificates/trust-source", // the same, by the administrator
    "/usr/share/pki/trust",           // SUSE
    "/etc/pki/trust",                 // the same, by the administrator
    "/etc/ssl/trust-source",          // NixOS
];

/// Directories whose certificates are all distrusted.
const UNTRUSTED: &[&str] = &[
    "/usr/share/certs/untrusted", // FreeBSD
    "/etc/ssl/untrusted",         // the same, by `certctl`
    "/etc/ssl/blacklisted",       // FreeBSD 12
];

/// Where the distribution says what is distrusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct DistrustPlaces {
    /// Directories of p11-kit, with the subdirectories `anchors` and `blocklist`.
    pub(super) trust_sources: Vec<PathBuf>,
    /// Directories of distrusted certificates.
    pub(super) untrusted: Vec<PathBuf>,
}

/// Where the store is if the environment does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Defaults {
    /// Files; the first that exists counts.
    pub(super) bundles: Vec<PathBuf>,
    /// Directories, where there is no bundle; the first that gives a certificate counts.
    pub(super) directories: Vec<PathBuf>,
    /// Whether those that OpenSSL is known to use elsewhere come after them.
    pub(super) others: bool,
    /// What is distrusted of it.
    pub(super) distrust: DistrustPlaces,
}

impl Defaults {
    pub(super) fn of_distributions() -> Self {
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect();
        let distrust =
            DistrustPlaces { trust_sources: paths(TRUST_SOURCES), untrusted: paths(UNTRUSTED) };
        Self { bundles: paths(BUNDLES), directories: paths(DIRECTORIES), others: true, distrust }
    }

    /// The directories. Not for where there is a bundle: which of them exist costs a `stat` for each.
    pub(super) fn directories(&self) -> Vec<PathBuf> {
        let mut directories = self.directories.clone();
        if self.others {
            // `openssl_probe::probe()` would read the environment, and its files are all above; the
            // directories it knows can be asked for alone.
            for directory in openssl_probe::candidate_cert_dirs() {
                if !directories.iter().any(|known| known == directory) {
                    directories.push(directory.to_owned());
                }
            }
        }
        directories
    }
}

/// Reason of a place that no environment variable names.
pub(super) const DEFAULT: &str = "default";

/// What the environment says about the store, captured once: a program may change its
/// environment at any time, and from any thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Environment {
    /// The file half, with the variable that names it.
    pub(super) file: Option<(PathBuf, &'static str)>,
    /// The directory half, with the variable that names it.
    pub(super) directories: Option<(Vec<PathBuf>, &'static str)>,
    /// Variables that are set and must not be believed.
    pub(super) ignored: Vec<&'static str>,
    /// Whether the caller does not want to know what the distribution distrusts.
    pub(super) without_distrust: bool,
}

const FILE: &str = "SSL_CERT_FILE";
const NIX_FILE: &str = "NIX_SSL_CERT_FILE";
const DIRECTORIES_LIST: &str = "SSL_CERT_DIR";

impl Environment {
    pub(super) fn capture() -> Self {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// An empty value is ignored, for each variable on its own. A program with privileges
    /// that its caller does not have ignores all of them.
    pub(super) fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        Self::from_variables_of(variable, privileges::are_raised())
    }

    fn from_variables_of(variable: impl Fn(&str) -> Option<OsString>, is_raised: bool) -> Self {
        let set = |name| {
            let value = variable(name).filter(|value| !value.is_empty())?;
            Some((value, name))
        };
        if is_raised {
            let names = [FILE, NIX_FILE, DIRECTORIES_LIST, INTERMEDIATES].into_iter();
            let ignored = names.filter(|name| set(name).is_some()).collect();
            return Self { ignored, ..Self::default() };
        }
        let file = set(FILE).or_else(|| set(NIX_FILE));
        let directories = set(DIRECTORIES_LIST).map(|(value, name)| {
            // A list, as in OpenSSL; empty elements are ignored.
            let paths = value.as_bytes().split(|byte| *byte == b':');
            let paths = paths.map(|path| absolute(OsString::from_vec(path.to_vec())));
            let mut seen = HashSet::new();
            let directories = paths
                .filter(|path| !path.as_os_str().is_empty() && seen.insert(path.clone()))
                .collect();
            (directories, name)
        });
        let file = file.map(|(value, name)| (absolute(value), name));
        Self { file, directories, ..Self::default() }
    }

    /// Whether what the distribution distrusts matters: not in a store that a variable names.
    pub(super) fn heeds_distrust(&self) -> bool {
        self.file.is_none() && self.directories.is_none() && !self.without_distrust
    }
}

/// A later change of the working directory must not change the store.
fn absolute(path: OsString) -> PathBuf {
    std::path::absolute(&path).unwrap_or_else(|_| path.into())
}

/// Whether a path is the bundle of some distribution. A few lie in directories of hashed names.
pub(super) fn is_bundle(path: &Path) -> bool {
    BUNDLES.iter().any(|bundle| OsStr::new(bundle) == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::from_variables(|name| {
            let set = variables.iter().find(|(known, _)| *known == name);
            set.map(|(_, value)| value.into())
        })
    }

    #[test]
    fn empty_counts_as_unset() {
        let none = Environment::default();
        assert_eq!(environment(&[]), none);
        let empty = [("SSL_CERT_FILE", ""), ("SSL_CERT_DIR", ""), ("NIX_SSL_CERT_FILE", "")];
        assert_eq!(environment(&empty), none);
    }

    #[test]
    fn nix_comes_after_the_standard_variable() {
        let nix = ("NIX_SSL_CERT_FILE", "/nix");
        let expected = |path: &str, name| Some((PathBuf::from(path), name));
        assert_eq!(environment(&[nix]).file, expected("/nix", "NIX_SSL_CERT_FILE"));
        let both = environment(&[nix, ("SSL_CERT_FILE", "/file")]);
        assert_eq!(both.file, expected("/file", "SSL_CERT_FILE"));
        let empty = environment(&[nix, ("SSL_CERT_FILE", "")]);
        assert_eq!(empty.file, expected("/nix", "NIX_SSL_CERT_FILE"));
    }

    #[test]
    fn raised_privileges_ignore_the_variables() {
        let value = |name: &str| (name != "NIX_SSL_CERT_FILE").then(|| "/tmp/mine".into());
        let environment = Environment::from_variables_of(value, true);
        let ignored = vec!["SSL_CERT_FILE", "SSL_CERT_DIR", "TRUSTBRIDGE_INTERMEDIATES_DIR"];
        assert_eq!(environment, Environment { ignored, ..Environment::default() });
        let environment = Environment::from_variables_of(|_| None, true);
        assert_eq!(environment, Environment::default());
        assert!(!privileges::are_raised(), "the tests run as they were started");
    }

    #[test]
    fn directories_are_a_list() {
        let directories = |value| environment(&[("SSL_CERT_DIR", value)]).directories.unwrap().0;
        assert_eq!(directories("/a:/b"), [Path::new("/a"), Path::new("/b")]);
        assert_eq!(directories(":/a::/a:"), [Path::new("/a")]);
        assert_eq!(directories(":"), [] as [PathBuf; 0]);
    }

    #[test]
    fn relative_paths_do_not_move() {
        let here = std::env::current_dir().unwrap();
        let set = environment(&[("SSL_CERT_FILE", "ca.pem"), ("SSL_CERT_DIR", "certs")]);
        assert_eq!(set.file.unwrap().0, here.join("ca.pem"));
        assert_eq!(set.directories.unwrap().0, [here.join("certs")]);
    }

    #[test]
    fn defaults_are_absolute_and_unique() {
        let defaults = Defaults::of_distributions();
        let mut all = defaults.bundles.clone();
        all.extend(defaults.directories());
        assert!(all.iter().all(|path| path.is_absolute()));
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
        for known in openssl_probe::candidate_cert_dirs() {
            assert!(defaults.directories().iter().any(|path| path == known), "{known:?}");
        }
    }
}
