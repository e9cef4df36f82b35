//! Name constraints (RFC 5280 section 4.2.1.10): whether every name of a certificate lies where a
//! CA above it may issue.
//!
//! What RFC 5280 leaves open is decided as in OpenSSL 3: which names of a subject are constrained,
//! how hosts are found in addresses, and that a form that cannot be compared is an error only where
//! a certificate has such a name.
//!
//! Tests: the table in `tests/cases`, and `tests/differential` against OpenSSL.

use std::borrow::Cow;
use std::mem::discriminant;

use crate::cert::der::{self, Reader};
use crate::cert::{COMMON_NAME, Cert, GeneralName, canonical, general_names};
use crate::fault::Violation;

/// Most pairs of names and constraints for one certificate and one CA, as in OpenSSL.
const MAX_PAIRS: usize = 1 << 20;

/// The constraints of one CA.
pub(super) struct Constraints<'a> {
    permitted: Vec<Subtree<'a>>,
    excluded: Vec<Subtree<'a>>,
    octets: usize,
}

struct Subtree<'a> {
    base: Name<'a>,
    bounded: bool,
}

/// A name with what is computed once for all comparisons.
struct Name<'a> {
    name: GeneralName<'a>,
    /// A directoryName's canonical form.
    canonical: Cow<'a, [u8]>,
}

impl<'a> Name<'a> {
    fn new(name: GeneralName<'a>) -> Self {
        let canonical = match name {
            GeneralName::Directory(name) => canonical(name).unwrap_or_default().into(),
            _ => Cow::default(),
        };
        Self { name, canonical }
    }

    /// The form that decides which subtrees apply: an internationalized e-mail address is an
    /// otherName (RFC 8398 section 6).
    fn form(&self) -> &'static str {
        match self.name {
            GeneralName::Other(SMTP_UTF8_MAILBOX, _) => "rfc822Name",
            name => name.form(),
        }
    }
}

const SMTP_UTF8_MAILBOX: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 8, 9];

impl<'a> Constraints<'a> {
    /// From the contents of the extension's SEQUENCE, which the certificate's reader has checked.
    pub(super) fn new(contents: &'a [u8]) -> Self {
        let mut fields = Reader::new(contents);
        let mut list = |number| match fields.optional(der::context(number), "nameConstraints") {
            Ok(Some(subtrees)) => der::elements(subtrees).filter_map(subtree).collect(),
            _ => Vec::new(),
        };
        Self { permitted: list(0), excluded: list(1), octets: contents.len() }
    }

    /// How long a check of this certificate takes, in about 5 ns: one for each pair of a name and a
    /// constraint, and one more for each 32 octets of the constraint. An error for too many pairs.
    pub(super) fn work(&self, cert: &Cert<'_>) -> Result<usize, Violation> {
        let (alternative, _) = cert.extensions.subject_alt_name.unwrap_or_default();
        let constraints = self.permitted.len() + self.excluded.len();
        let names = der::elements(alternative).count() + der::elements(cert.subject).count();
        if names.saturating_mul(constraints) > MAX_PAIRS {
            return Err(Violation::TooMany);
        }
        Ok(names.saturating_mul(constraints + self.octets / 32))
    }

    /// Whether all names of a certificate are within (RFC 5280 section 6.1.3 (b) and (c)). Its
    /// common names count as DNS names where `common_names` says so and it has no DNS name.
    pub(super) fn check(&self, cert: &Cert<'_>, common_names: bool) -> Result<(), Violation> {
        let (alternative, _) = cert.extensions.subject_alt_name.unwrap_or_default();
        if !cert.subject.is_empty() {
            self.check_name(&Name::new(GeneralName::Directory(cert.subject)))?;
            for (tag, address) in cert.email_attributes() {
                if tag != IA5_STRING {
                    return Err(Violation::Malformed("rfc822Name"));
                }
                self.check_name(&Name::new(GeneralName::Email(address)))?;
            }
        }
        for name in general_names(alternative) {
            self.check_name(&Name::new(name))?;
        }
        if common_names && !cert.has_dns_name() {
            for name in cert.subject_texts(COMMON_NAME) {
                if let Some(host) = host_name(&name)? {
                    self.check_name(&Name::new(GeneralName::Dns(host)))?;
                }
            }
        }
        Ok(())
    }

    fn check_name(&self, name: &Name<'_>) -> Result<(), Violation> {
        let form = name.form();
        // RFC 5280 section 6.1.3 (b): where subtrees of the form are permitted, one holds the name.
        let (mut constrained, mut permitted) = (false, false);
        for subtree in self.permitted.iter().filter(|subtree| subtree.concerns(name)) {
            if subtree.bounded {
                return Err(Violation::Bounds(form));
            }
            constrained = true;
            permitted = permitted || subtree.holds(name)?;
        }
        if constrained && !permitted {
            return Err(Violation::NotPermitted(form));
        }
        // Section 6.1.3 (c): no excluded subtree holds it.
        for subtree in self.excluded.iter().filter(|subtree| subtree.concerns(name)) {
            if subtree.bounded {
                return Err(Violation::Bounds(form));
            }
            if subtree.holds(name)? {
                return Err(Violation::Excluded(form));
            }
        }
        Ok(())
    }
}

fn subtree(element: der::Element<'_>) -> Option<Subtree<'_>> {
    let mut fields = Reader::new(element.value);
    let base = GeneralName::read(&fields.next()?, "").ok()?;
    let minimum = fields.optional(der::context_primitive(0), "").ok()?;
    let maximum = fields.optional(der::context_primitive(1), "").ok()?;
    // The default of the minimum, written out, is no bound.
    let bounded = maximum.is_some() || minimum.is_some_and(|minimum| minimum != [0]);
    Some(Subtree { base: Name::new(base), bounded })
}

impl Subtree<'_> {
    /// Whether the subtree is of the name's form; of otherNames, of the same type.
    fn concerns(&self, name: &Name<'_>) -> bool {
        match (&name.name, &self.base.name) {
            (GeneralName::Other(SMTP_UTF8_MAILBOX, _), base) => {
                matches!(base, GeneralName::Email(_))
            }
            (GeneralName::Other(name, _), GeneralName::Other(base, _)) => name == base,
            (name, base) => discriminant(name) == discriminant(base),
        }
    }

    fn holds(&self, name: &Name<'_>) -> Result<bool, Violation> {
        use GeneralName as G;
        match (&name.name, &self.base.name) {
            // A subtree's name is the beginning of every name below it.
            (G::Directory(_), G::Directory(_)) => {
                Ok(name.canonical.starts_with(&self.base.canonical))
            }
            (G::Dns(name), G::Dns(base)) => Ok(dns(name, base)),
            (G::Email(name), G::Email(base)) => email(name, base),
            (G::Other(_, mailbox), G::Email(base)) => utf8_mailbox(mailbox, base),
            (G::Uri(name), G::Uri(base)) => uri(name, base),
            (G::Ip(name), G::Ip(base)) => ip(name, base),
            (name, _) => Err(Violation::UnsupportedForm(name.form())),
        }
    }
}

/// Any labels may be added on the left. A subtree that begins with a dot holds only longer names, as
/// many real ones do.
fn dns(name: &[u8], base: &[u8]) -> bool {
    let Some(split) = name.len().checked_sub(base.len()) else { return false };
    let Some((left, right)) = name.split_at_checked(split) else { return false };
    let at_a_dot = left.is_empty() || base.starts_with(b".") || left.ends_with(b".");
    base.is_empty() || (at_a_dot && right.eq_ignore_ascii_case(base))
}

/// A mailbox, a host with all its mailboxes, or, with a leading dot, the hosts of a domain.
fn email(name: &[u8], base: &[u8]) -> Result<bool, Violation> {
    let Some((local, host)) = split_mailbox(name) else {
        return Err(Violation::Malformed("rfc822Name"));
    };
    let Some((base_local, base_host)) = split_mailbox(base) else {
        return Ok(if base.starts_with(b".") {
            name.len() > base.len() && ends_with(name, base)
        } else {
            host.eq_ignore_ascii_case(base)
        });
    };
    // Case counts to the left of the @ (section 7.5).
    if !base_local.is_empty() {
        if base_local.len() != local.len() {
            return Ok(false);
        }
        if base_local.contains(&0) || local.contains(&0) {
            return Err(Violation::Malformed("rfc822Name"));
        }
        if base_local != local {
            return Ok(false);
        }
    }
    Ok(host.eq_ignore_ascii_case(base_host))
}

/// RFC 8398 section 6: compared by host only. Hosts with A-labels would have to be converted.
fn utf8_mailbox(mailbox: &[u8], base: &[u8]) -> Result<bool, Violation> {
    const UTF8_STRING: u8 = 0x0c;
    let malformed = Violation::Malformed("otherName (SmtpUTF8Mailbox)");
    let text = Reader::new(mailbox).expect(UTF8_STRING, "").map_err(|_| malformed)?;
    let (_, host) = split_mailbox(text).ok_or(malformed)?;
    if base.contains(&0) {
        return Err(malformed);
    }
    if base.windows(4).any(|part| part.eq_ignore_ascii_case(b"xn--")) {
        return Err(Violation::UnsupportedForm("otherName (SmtpUTF8Mailbox)"));
    }
    Ok(if base.starts_with(b".") {
        text.len() > base.len() && ends_with(text, base)
    } else {
        host.eq_ignore_ascii_case(base)
    })
}

/// The local part and the host: the last @ parts them.
fn split_mailbox(address: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = address.iter().rposition(|&byte| byte == b'@')?;
    Some((address.get(..at)?, address.get(at + 1..)?))
}

/// The host of a URI with an authority: a host, or, with a leading dot, the hosts of a domain.
fn uri(name: &[u8], base: &[u8]) -> Result<bool, Violation> {
    let malformed = Violation::Malformed("uniformResourceIdentifier");
    let colon = name.iter().position(|&byte| byte == b':').ok_or(malformed)?;
    let rest = name.get(colon + 1..).and_then(|rest| rest.strip_prefix(b"//")).ok_or(malformed)?;
    // A port ends the host, or else a slash.
    let position = |wanted| rest.iter().position(|&byte| byte == wanted);
    let end = position(b':').or_else(|| position(b'/')).unwrap_or(rest.len());
    let host = rest.get(..end).filter(|host| !host.is_empty()).ok_or(malformed)?;
    Ok(if base.starts_with(b".") {
        host.len() > base.len() && ends_with(host, base)
    } else {
        host.eq_ignore_ascii_case(base)
    })
}

fn ends_with(name: &[u8], end: &[u8]) -> bool {
    name.len()
        .checked_sub(end.len())
        .and_then(|start| name.get(start..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// An address and a mask. Masks with holes are applied as they are.
fn ip(name: &[u8], base: &[u8]) -> Result<bool, Violation> {
    if !matches!(name.len(), 4 | 16) || !matches!(base.len(), 8 | 32) {
        return Err(Violation::Malformed("iPAddress"));
    }
    // IPv4 and IPv6 addresses do not match each other.
    let Some((address, mask)) = base.split_at_checked(name.len()) else { return Ok(false) };
    Ok(mask.len() == name.len()
        && name
            .iter()
            .zip(address)
            .zip(mask)
            .all(|((name, base), mask)| name & mask == base & mask))
}

/// A common name that could be a host's: at least two labels of letters, digits, underscores and
/// inner hyphens.
fn host_name(text: &[u8]) -> Result<Option<&[u8]>, Violation> {
    let end = text.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let text = text.get(..end).unwrap_or_default();
    if text.contains(&0) {
        return Err(Violation::Malformed("common name"));
    }
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let good = |label: &[u8]| {
        label.iter().all(|byte| letter(byte) || *byte == b'-')
            && label.first().is_some_and(|byte| *byte != b'-')
            && label.last().is_some_and(|byte| *byte != b'-')
    };
    let is_host = text.contains(&b'.') && text.split(|byte| *byte == b'.').all(good);
    Ok(is_host.then_some(text))
}

const IA5_STRING: u8 = 0x16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_subtrees() {
        for (name, base, expected) in [
            ("host.example", "host.example", true),
            ("HOST.example", "host.EXAMPLE", true),
            ("a.host.example", "host.example", true),
            ("ahost.example", "host.example", false),
            ("a.host.example", ".host.example", true),
            ("host.example", ".host.example", false),
            ("example", "host.example", false),
            ("anything", "", true),
        ] {
            assert_eq!(dns(name.as_bytes(), base.as_bytes()), expected, "{name} {base}");
        }
    }

    #[test]
    fn mailboxes() {
        for (name, base, expected) in [
            ("a@host.example", "host.example", Ok(true)),
            ("a@HOST.example", "host.example", Ok(true)),
            ("a@sub.host.example", "host.example", Ok(false)),
            ("a@sub.host.example", ".host.example", Ok(true)),
            ("a@host.example", ".host.example", Ok(false)),
            ("a@host.example", "a@host.example", Ok(true)),
            ("A@host.example", "a@host.example", Ok(false)),
            ("a@host.example", "@host.example", Ok(true)),
            ("a@b@host.example", "host.example", Ok(true)),
            ("nobody", "host.example", Err(Violation::Malformed("rfc822Name"))),
        ] {
            assert_eq!(email(name.as_bytes(), base.as_bytes()), expected, "{name} {base}");
        }
        let mailbox =
            |text: &str| [&[0x0c, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        assert_eq!(utf8_mailbox(&mailbox("\u{fc}@a.example"), b"a.example"), Ok(true));
        assert_eq!(utf8_mailbox(&mailbox("\u{fc}@a.example"), b"b.example"), Ok(false));
        assert!(utf8_mailbox(&mailbox("\u{fc}@a.example"), b"xn--a.example").is_err());
    }

    #[test]
    fn uris() {
        let malformed = Err(Violation::Malformed("uniformResourceIdentifier"));
        for (name, base, expected) in [
            ("https://host.example/path", "host.example", Ok(true)),
            ("https://host.example:443/", "host.example", Ok(true)),
            ("https://a.host.example", "host.example", Ok(false)),
            ("https://a.host.example", ".host.example", Ok(true)),
            ("https://host.example", ".host.example", Ok(false)),
            ("mailto:a@host.example", "host.example", malformed),
            ("https:///path", "host.example", malformed),
            ("urn", "host.example", malformed),
        ] {
            assert_eq!(uri(name.as_bytes(), base.as_bytes()), expected, "{name} {base}");
        }
    }

    #[test]
    fn addresses() {
        let net = [10, 0, 0, 0, 255, 0, 0, 0];
        assert_eq!(ip(&[10, 1, 2, 3], &net), Ok(true));
        assert_eq!(ip(&[11, 1, 2, 3], &net), Ok(false));
        assert_eq!(ip(&[0; 16], &net), Ok(false));
        assert_eq!(ip(&[0; 16], &[0; 32]), Ok(true));
        assert!(ip(&[10, 1, 2], &net).is_err() && ip(&[10, 1, 2, 3], &net[..7]).is_err());
    }

    #[test]
    fn common_names_that_could_be_hosts() {
        for (text, expected) in [
            ("host.example", true),
            ("host.example\0\0", true),
            ("under_score.example", true),
            ("host", false),
            ("Example CA", false),
            ("-host.example", false),
            ("host-.example", false),
            ("host..example", false),
            ("host.example.", false),
            ("*.example", false),
        ] {
            let host = host_name(text.as_bytes()).unwrap();
            assert_eq!(host.is_some(), expected, "{text}");
        }
        assert!(host_name(b"a\0b.example").is_err());
    }
}
