//! Where upki keeps its cache: by the user's configuration, the system's, or by default.
//!
//! Tests: below, and `tests/crlite.rs`.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::privileges;
use crate::store::read_bounded;

/// Most bytes read of a configuration; real ones have two lines.
const MAX_CONFIG_BYTES: u64 = 1 << 16;

/// Where to look, captured once: a program may change its environment at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    /// Configurations; the first that exists is read.
    configs: Vec<PathBuf>,
    /// Caches where no configuration names one; the first that exists is used.
    caches: Vec<PathBuf>,
}

impl Places {
    /// A program with privileges that its caller does not have ignores the caller's home.
    pub(super) fn of_environment(variable: &impl Fn(&str) -> Option<OsString>) -> Self {
        Self::of(variable, privileges::are_raised())
    }

    fn of(variable: &impl Fn(&str) -> Option<OsString>, is_raised: bool) -> Self {
        // Relative paths are invalid, says the XDG Base Directory Specification.
        let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|p| p.is_absolute());
        let home = |name: &str, below: &str| {
            let home = absolute(name).or_else(|| absolute("HOME").map(|home| home.join(below)));
            home.filter(|_| !is_raised).map(|home| home.join("upki"))
        };
        let own_config = home("XDG_CONFIG_HOME", ".config");
        let configs = own_config.into_iter().chain([PathBuf::from("/etc/upki")]);
        let own_cache = home("XDG_CACHE_HOME", ".cache");
        let caches = own_cache.into_iter().chain([PathBuf::from("/var/cache/upki")]);
        Self {
            configs: configs.map(|directory| directory.join("config.toml")).collect(),
            caches: caches.collect(),
        }
    }

    /// The directory of the revocation data; `None` if there is none on this system. An error names the
    /// configuration.
    pub(super) fn find(&self) -> Result<Option<PathBuf>, (PathBuf, String)> {
        for (number, config) in self.configs.iter().enumerate() {
            // A service may have dropped the privileges with which it could read its home, and HOME
            // may name no directory. The system's own comes last.
            let is_users = number + 1 < self.configs.len();
            match fs::metadata(config) {
                Err(error) if is_users || error.kind() == io::ErrorKind::NotFound => continue,
                // What upki reads, we read; where it fails, nothing is known.
                _ => {}
            }
            let unreadable = |reason: String| (config.clone(), reason);
            let (text, _) =
                read_bounded(config, MAX_CONFIG_BYTES).map_err(|error| unreadable(error.reason))?;
            let directory = cache_dir(&text)
                .ok_or_else(|| unreadable("its `cache-dir` cannot be read".to_owned()))?;
            return Ok(Some(Path::new(&directory).join("revocation")));
        }
        let cache = self.caches.iter().find(|cache| cache.exists());
        Ok(cache.map(|cache| cache.join("revocation")))
    }
}

/// The value of the key `cache-dir` in TOML, where it is an absolute path: before any table, on a line
/// of its own, in quotes. Other forms that TOML has for it are not understood.
fn cache_dir(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with('['));
    let value = lines.filter_map(|line| line.split_once('=')).find_map(|(key, value)| {
        ["cache-dir", "\"cache-dir\"", "'cache-dir'"].contains(&key.trim()).then_some(value.trim())
    })?;
    let (quote, rest) = value.split_at_checked(1)?;
    let (path, after) = rest.split_once(quote)?;
    let after = after.trim();
    let is_end = after.is_empty() || after.starts_with('#');
    // In double quotes a backslash begins an escape.
    let is_plain = quote == "'" || (quote == "\"" && !path.contains('\\'));
    (is_end && is_plain && path.starts_with('/')).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_a_key_of_the_configuration() {
        let read = |text: &str| cache_dir(text.as_bytes());
        let cache = Some("/var/cache/upki".to_owned());
        assert_eq!(
            read("cache-dir = \"/var/cache/upki\"\n[revocation]\nfetch-url = \"x\"\n"),
            cache
        );
        assert_eq!(read("# a comment\n\n  cache-dir='/var/cache/upki' # here\r\n"), cache);
        assert_eq!(read("\"cache-dir\" = '/var/cache/upki'"), cache);
        for bad in [
            "",
            "[revocation]\ncache-dir = \"/var/cache/upki\"",
            "cache-dir = /var/cache/upki",
            "cache-dir = \"relative\"",
            "cache-dir = \"/a\\u0062\"",
            "cache-dir = \"/a\" \"/b\"",
            "cache-dir = \"/a",
            "cache-dir =",
            "other-dir = \"/a\"",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_user_comes_first() {
        let places = |variables: &[(&str, &str)], is_raised| {
            let value = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            };
            Places::of(&value, is_raised)
        };
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
        let home = [("HOME", "/home/a")];
        let system = Places {
            configs: paths(&["/etc/upki/config.toml"]),
            caches: paths(&["/var/cache/upki"]),
        };
        assert_eq!(places(&[], false), system);
        assert_eq!(places(&home, true), system, "not of whoever started the program");
        assert_eq!(
            places(&home, false),
            Places {
                configs: paths(&["/home/a/.config/upki/config.toml", "/etc/upki/config.toml"]),
                caches: paths(&["/home/a/.cache/upki", "/var/cache/upki"]),
            }
        );
        let xdg = [("HOME", "/home/a"), ("XDG_CONFIG_HOME", "/c"), ("XDG_CACHE_HOME", "relative")];
        assert_eq!(
            places(&xdg, false),
            Places {
                configs: paths(&["/c/upki/config.toml", "/etc/upki/config.toml"]),
                caches: paths(&["/home/a/.cache/upki", "/var/cache/upki"]),
            }
        );
    }

    #[test]
    fn what_cannot_be_read_of_a_user_hides_nothing_of_the_system() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::write(at("file"), "").unwrap();
        fs::write(at("system.toml"), "cache-dir = \"/system\"").unwrap();
        let configs = vec![at("file/upki/config.toml"), at("system.toml")];
        let places = Places { configs, caches: Vec::new() };
        assert_eq!(places.find(), Ok(Some(PathBuf::from("/system/revocation"))));
        let systems = Places { configs: vec![at("file/upki/config.toml")], caches: Vec::new() };
        assert!(systems.find().is_err());
    }
}
