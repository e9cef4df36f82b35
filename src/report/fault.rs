//! The facts behind a fault in words.
//!
//! Tests: in this file.

use crate::error::Parts;
use crate::fault::{AppleCas, AppleRule, Cause, StrictRule, Violation};

/// What the facts are; `None` where the kind says it all. A table, with a row for each cause.
pub(super) fn words(parts: &Parts) -> Option<String> {
    // The certificate at fault, in the middle of a sentence.
    let it = parts.subject.as_ref().map_or_else(|| "it".to_owned(), |name| format!("'{name}'"));
    Some(match &parts.fault.cause {
        Cause::Kind => return None,
        Cause::TooManyCertificates { sent, limit } => {
            format!("{sent} certificates were sent, the limit is {limit}")
        }
        Cause::TooManyBytes { sent, limit } => {
            format!("{sent} bytes of certificates were sent, the limit is {limit}")
        }
        Cause::TooManyLinks { limit } => {
            format!("more than {limit} pairs of certificates may have issued one another")
        }
        Cause::TooMuchWork => "it takes longer to verify than is allowed for one chain".to_owned(),
        Cause::NoAlgorithms => {
            "no signature algorithms: enable the feature 'aws-lc-rs' or 'ring', or call \
             signature_algorithms"
                .to_owned()
        }

        Cause::Malformed(field) => format!("malformed {field}"),
        Cause::Library(text) => text.clone(),
        Cause::UnreadableNames(text) => format!("its names cannot be read: {text}"),
        Cause::OldVersion => "not an X.509 version 3 certificate".to_owned(),
        Cause::NotYetValid { not_before } => format!("{it} is not valid before {not_before}"),
        Cause::Expired { not_after } => format!("{it} expired on {not_after}"),
        Cause::CriticalExtension { oid } => format!("{it} has {oid}"),
        Cause::RsaKey { bits } => format!("{it} has an RSA key of {bits} bits"),
        Cause::KeyAlgorithm { key } => format!("{it} has {key}"),
        Cause::SignatureAlgorithm { name } => format!("signature algorithm {name}"),
        Cause::Purpose => format!("{it} is not valid for {}", parts.purpose.name()),
        Cause::Strict(rule) => format!("{it} has {}", strict_rule(*rule)),
        Cause::Names { presented, common_name } => names(presented, common_name.as_deref()),
        Cause::AppleRules(rules) => rules.iter().map(apple_rule).collect::<Vec<_>>().join("; "),

        Cause::MissingIssuer { issuer, .. } => format!("'{issuer}'"),
        Cause::Rejected { subject, source } => format!("'{subject}' is rejected by {source}"),
        Cause::AnchorRefused { subject, source, refusal } => {
            format!("'{subject}' in {source}: {refusal}")
        }
        Cause::NameConstraints { violation, by } => name_constraints(*violation, *by),
        Cause::NoCrl => "no CRL covers this certificate".to_owned(),
        Cause::Ocsp(why) => super::ocsp::words(why),
        Cause::Crlite { place, why } => super::crlite::words(place, why),
        Cause::Crl { issuer, issued, why } => super::crl::words(issuer.as_deref(), *issued, why),

        Cause::UnknownTrustBits(bits) => format!("Windows reports the unknown error {bits:#x}"),
        Cause::ForeignChain => "Windows returned a chain that was not requested".to_owned(),
        Cause::TrustedWithError => {
            "the system reports both that the chain is trusted and an error".to_owned()
        }
        Cause::RejectedWithoutError => {
            "the system reports that the chain is not trusted, without an error".to_owned()
        }
        Cause::TrustedWithoutAnchor => {
            "the chain that the system trusts is not the peer's, or has no trust anchor".to_owned()
        }
        Cause::Call(function) => format!("{function} failed"),
    })
}

/// How a name breaks the constraints of the CA at this depth.
fn name_constraints(violation: Violation, by: usize) -> String {
    let ca = format!("the name constraints of the CA at depth {by}");
    match violation {
        Violation::NotPermitted(form) => format!("{ca} do not permit its {form}"),
        Violation::Excluded(form) => format!("{ca} exclude its {form}"),
        Violation::Bounds(form) => {
            format!(
                "{ca} set a minimum or maximum for names of the form {form}, which is not supported"
            )
        }
        Violation::UnsupportedForm(form) => {
            format!(
                "{ca} constrain names of the form {form}, which is not supported; the certificate \
                 has such a name"
            )
        }
        Violation::Malformed(form) => {
            format!("{ca} cannot be compared with its {form}: one of the two is malformed")
        }
        Violation::TooMany => format!("{ca} and its names are too many to compare"),
    }
}

/// What the end entity is valid for instead.
fn names(presented: &[String], common_name: Option<&str>) -> String {
    const SHOWN: usize = 6;
    let Some((shown, more)) = presented.split_at_checked(SHOWN.min(presented.len())) else {
        return String::new();
    };
    match (shown, more.len(), common_name) {
        ([], _, Some(name)) => {
            format!("it has no subject alternative name, only the common name '{name}'")
        }
        ([], _, None) => "it has no subject alternative name".to_owned(),
        (shown, 0, _) => format!("it is valid for {}", shown.join(", ")),
        (shown, more, _) => format!("it is valid for {} and {more} more", shown.join(", ")),
    }
}

/// What a certificate has that breaks the rule.
fn strict_rule(rule: StrictRule) -> &'static str {
    match rule {
        StrictRule::PathLengthWithoutCa => "a path length, but is not a CA",
        StrictRule::PathLengthWithoutCertSign => "a path length, but not keyCertSign",
        StrictRule::CertSignWithoutCa => "keyCertSign, but is not a CA",
        StrictRule::EmptyIssuer => "an empty issuer",
        StrictRule::EmptySubject => "an empty subject",
        StrictRule::NoAuthorityKeyId => "no authorityKeyIdentifier",
        StrictRule::NoSubjectKeyId => "no subjectKeyIdentifier",
        StrictRule::EmptyAltName => "an empty subjectAltName",
        StrictRule::AltNameNotCritical => {
            "an empty subject and a subjectAltName that is not critical"
        }
        StrictRule::BasicConstraintsNotCritical => "basicConstraints that are not critical",
        StrictRule::AuthorityKeyIdCritical => "a critical authorityKeyIdentifier",
        StrictRule::SubjectKeyIdCritical => "a critical subjectKeyIdentifier",
        StrictRule::CaWithoutKeyUsage => "no keyUsage, but is a CA",
        StrictRule::CaWithoutBasicConstraints => "signs of a CA, but no basicConstraints",
        StrictRule::AlgorithmsDiffer => "two different signature algorithms, inside and outside",
        StrictRule::ExtensionsInOldVersion => "extensions, but is not of version 3",
    }
}

fn apple_rule(rule: &AppleRule) -> String {
    const PAGE: &str = "support.apple.com/103769";
    match rule {
        AppleRule::Lifetime { days, limit, whose, since } => {
            let since = since.to_string();
            let (date, _) = since.split_once(' ').unwrap_or((&since, ""));
            let (whose, source) = match whose {
                AppleCas::Any => ("any root", PAGE),
                AppleCas::Preinstalled => {
                    ("the roots that come with the system", "support.apple.com/102028")
                }
                AppleCas::Public => ("public CAs", "CA/Browser Forum Baseline Requirements 6.3.2"),
            };
            format!(
                "it is valid for {days} days, at most {limit} are allowed under {whose} since \
                 {date} ({source})"
            )
        }
        AppleRule::RsaKey { bits } => {
            format!("its RSA key has {bits} bits, at least 2048 are required ({PAGE})")
        }
        AppleRule::Hash(hash) => format!("it is signed with {hash}, SHA-2 is required ({PAGE})"),
        AppleRule::NoAltName => format!("it has no subject alternative name ({PAGE})"),
        AppleRule::PurposeNotListed => {
            format!("its extended key usage does not list serverAuth ({PAGE})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cert::time::Timestamp;
    use crate::fault::Fault;
    use crate::kind::ErrorKind;

    fn told(cause: Cause, subject: Option<&str>) -> Option<String> {
        let parts = Parts {
            subject: subject.map(str::to_owned),
            ..Parts::from(Fault::new(ErrorKind::CannotCheck).because(cause))
        };
        words(&parts)
    }

    #[test]
    fn a_fault_names_the_certificate_where_it_is_known() {
        let expired = || Cause::Expired { not_after: Timestamp(0) };
        let date = "expired on 1970-01-01 00:00:00 UTC";
        assert_eq!(told(expired(), Some("CN=a")), Some(format!("'CN=a' {date}")));
        assert_eq!(told(expired(), None), Some(format!("it {date}")));
        assert_eq!(
            told(Cause::Purpose, Some("CN=a")).unwrap(),
            "'CN=a' is not valid for serverAuth"
        );
        assert_eq!(told(Cause::Kind, Some("CN=a")), None);
    }

    #[test]
    fn names_are_listed_up_to_a_number() {
        let names = |count, common_name: Option<&str>| {
            let presented = (0..count).map(|n| format!("{n}.example")).collect();
            told(Cause::Names { presented, common_name: common_name.map(str::to_owned) }, None)
        };
        assert_eq!(names(0, None).unwrap(), "it has no subject alternative name");
        assert_eq!(
            names(0, Some("a.example")).unwrap(),
            "it has no subject alternative name, only the common name 'a.example'"
        );
        assert_eq!(names(1, None).unwrap(), "it is valid for 0.example");
        assert!(names(6, None).unwrap().ends_with(", 5.example"));
        assert!(names(8, None).unwrap().ends_with(", 5.example and 2 more"));
    }

    #[test]
    fn what_a_system_reports_has_words_everywhere() {
        for cause in [
            Cause::UnknownTrustBits(0x8000_0000),
            Cause::ForeignChain,
            Cause::TrustedWithError,
            Cause::RejectedWithoutError,
            Cause::TrustedWithoutAnchor,
            Cause::Call("SecTrustSetVerifyDate".to_owned()),
            Cause::NoAlgorithms,
            Cause::OldVersion,
        ] {
            let text = told(cause, None).unwrap();
            assert!(text.len() > 10 && !text.contains('\n'), "{text}");
        }
    }
}
