//! A peer's name against a certificate's, as OpenSSL's `X509_check_host` and `X509_check_ip` do with
//! partial wildcards off (RFC 9525 section 6, RFC 5280 section 4.2.1.6).
//!
//! Tests: below, the table in `tests/cases`, and `tests/differential` against OpenSSL.

use pki_types::{IpAddr, ServerName};

use super::{COMMON_NAME, Cert, GeneralName, general_names};

impl Cert<'_> {
    /// Whether the certificate is for this name. With `common_names`, any common name of the subject
    /// counts where there is no DNS name among the subject alternative names.
    pub(crate) fn is_for(&self, peer: &ServerName<'_>, common_names: bool) -> bool {
        let (names, _) = self.extensions.subject_alt_name.unwrap_or_default();
        let mut names = general_names(names);
        match peer {
            ServerName::DnsName(peer) => {
                // A final dot means the root of DNS and nothing else: certificates are without.
                let peer = peer.as_ref().as_bytes();
                let peer = peer.strip_suffix(b".").unwrap_or(peer);
                if self.has_dns_name() || !common_names {
                    return names.any(
                        |name| matches!(name, GeneralName::Dns(pattern) if matches(pattern, peer)),
                    );
                }
                let mut common = self.subject_texts(COMMON_NAME).into_iter();
                common.any(|pattern| matches(&pattern, peer))
            }
            ServerName::IpAddress(IpAddr::V4(peer)) => {
                names.any(|name| name == GeneralName::Ip(peer.as_ref()))
            }
            ServerName::IpAddress(IpAddr::V6(peer)) => {
                names.any(|name| name == GeneralName::Ip(peer.as_ref()))
            }
            _ => false,
        }
    }
}

/// A name in a certificate against the peer's, both as octets.
fn matches(pattern: &[u8], peer: &[u8]) -> bool {
    if pattern.is_empty() || pattern.contains(&0) {
        return false;
    }
    match pattern.strip_prefix(b"*") {
        Some(parent) if is_wildcard(parent) => {
            let Some((label, rest)) = peer.split_at_checked(peer.len().wrapping_sub(parent.len()))
            else {
                return false;
            };
            // RFC 9525 section 6.3: it stands for exactly one whole label.
            let stands_for = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
            !label.is_empty()
                && rest.eq_ignore_ascii_case(parent)
                && (label == b"*" || label.iter().all(stands_for))
        }
        _ => pattern.eq_ignore_ascii_case(peer),
    }
}

/// Whether what follows a leading asterisk makes it a wildcard: a dot and at least two labels of
/// letters, digits and hyphens, none of which begins or ends with a hyphen.
fn is_wildcard(parent: &[u8]) -> bool {
    let Some(labels) = parent.strip_prefix(b".") else { return false };
    let good = |label: &[u8]| {
        label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            && label.first().is_some_and(|byte| *byte != b'-')
            && label.last().is_some_and(|byte| *byte != b'-')
    };
    labels.contains(&b'.') && labels.split(|byte| *byte == b'.').all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, peer, expected) in [
            ("example.com", "EXAMPLE.com", true),
            ("example.com", "www.example.com", false),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "xn--bcher-kva.example.com", true),
            ("*.example.com", ".example.com", false),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", "a_b.example.com", false),
            ("*.exa_mple.com", "www.exa_mple.com", false),
            ("*.com", "example.com", false),
            ("*", "example", false),
            ("*.*.com", "a.b.com", false),
            ("w*.example.com", "www.example.com", false),
            ("*w.example.com", "www.example.com", false),
            ("www.*.com", "www.example.com", false),
            ("*.-a.com", "www.-a.com", false),
            ("*.example.com.", "www.example.com", false),
            ("-odd-.example", "-odd-.example", true),
            ("under_score.example", "under_score.example", true),
            ("", "", false),
            ("a\0b", "a\0b", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), peer.as_bytes()), expected, "{pattern} {peer}");
        }
    }
}
