//! Each kind of fault and each cause in a row: what the sentence names, and what the advice is.

use pki_types::{ServerName, UnixTime};

use super::*;
use crate::cert::Summary;
use crate::error::Parts;
use crate::fault::{
    AppleCas, AppleRule, Cause, CrlFault, CrlProblem, CrliteFault, Fault, OcspFault, StrictRule,
    Violation,
};
use crate::policy::Purpose;
use crate::store::{Refusal, Source};

/// The name of each variant, and all of these names: a variant that is missing here does not
/// compile, and one without a row fails.
macro_rules! variants {
    ($all:ident, $of:ident, $type:ty: $($pattern:pat),+ $(,)?) => {
        const $all: &[&str] = &[$(stringify!($pattern)),+];
        fn $of(value: &$type) -> &'static str {
            match value { $($pattern => stringify!($pattern)),+ }
        }
    };
}

variants!(KINDS, kind_name, ErrorKind:
    ErrorKind::NoCertificate, ErrorKind::BadEncoding, ErrorKind::ChainTooComplex,
    ErrorKind::Expired, ErrorKind::NotYetValid, ErrorKind::NameMismatch, ErrorKind::UnknownIssuer,
    ErrorKind::SelfSignedLeaf, ErrorKind::UntrustedRoot, ErrorKind::NoTrustAnchors,
    ErrorKind::PinMismatch, ErrorKind::BadSignature, ErrorKind::UnsupportedAlgorithm,
    ErrorKind::WeakKey, ErrorKind::NotACa, ErrorKind::CaAsEndEntity, ErrorKind::KeyUsage,
    ErrorKind::PathLengthExceeded, ErrorKind::WrongPurpose, ErrorKind::NameConstraints,
    ErrorKind::UnknownCriticalExtension, ErrorKind::Distrusted, ErrorKind::Revoked,
    ErrorKind::RevocationUnknown, ErrorKind::RevocationOutdated, ErrorKind::BadRevocationData,
    ErrorKind::NotStandardsCompliant, ErrorKind::CannotCheck,
);
variants!(CAUSES, cause_name, Cause:
    Cause::Kind, Cause::TooManyCertificates { .. }, Cause::TooManyBytes { .. },
    Cause::TooManyLinks { .. }, Cause::TooMuchWork, Cause::NoAlgorithms, Cause::Malformed(_),
    Cause::Library(_), Cause::UnreadableNames(_), Cause::OldVersion, Cause::NotYetValid { .. },
    Cause::Expired { .. }, Cause::CriticalExtension { .. }, Cause::RsaKey { .. },
    Cause::KeyAlgorithm { .. }, Cause::SignatureAlgorithm { .. }, Cause::Purpose, Cause::Strict(_),
    Cause::Names { .. }, Cause::AppleRules(_), Cause::MissingIssuer { .. }, Cause::Rejected { .. },
    Cause::AnchorRefused { .. }, Cause::NameConstraints { .. }, Cause::NoCrl, Cause::Crl { .. },
    Cause::Ocsp(_), Cause::Crlite { .. }, Cause::UnknownTrustBits(_), Cause::ForeignChain, Cause::TrustedWithError,
    Cause::RejectedWithoutError, Cause::TrustedWithoutAnchor, Cause::Call(_),
);
variants!(REFUSALS, refusal_name, Refusal:
    Refusal::Expired { .. }, Refusal::NotYetValid { .. }, Refusal::NotACa, Refusal::NoCertSign,
    Refusal::WrongPurpose, Refusal::UnknownCriticalExtension(_), Refusal::WeakKey,
    Refusal::UnsupportedKey(_), Refusal::Rejected, Refusal::NotTrustedForPurpose,
    Refusal::DistrustedBy { .. }, Refusal::DistrustedAfter { .. }, Refusal::Malformed(_),
    Refusal::DifferentKey,
);
variants!(CRLS, crl_name, CrlFault:
    CrlFault::Lists, CrlFault::Unusable(CrlProblem::Malformed(_)),
    CrlFault::Unusable(CrlProblem::Delta), CrlFault::Unusable(CrlProblem::Indirect),
    CrlFault::Unusable(CrlProblem::UnknownCriticalExtension(_)),
    CrlFault::Unusable(CrlProblem::ContradictoryScope), CrlFault::NotACrlSigner,
    CrlFault::WrongSignature, CrlFault::SignatureAlgorithm(_), CrlFault::OtherKey,
    CrlFault::NamesOtherKey, CrlFault::NotYetValid, CrlFault::Scope, CrlFault::Outdated { .. },
    CrlFault::SomeReasons,
);
variants!(OCSP, ocsp_name, OcspFault:
    OcspFault::Revoked { .. }, OcspFault::NotStapled, OcspFault::Malformed(_),
    OcspFault::Unsuccessful(_), OcspFault::OtherCertificate, OcspFault::UnknownToResponder,
    OcspFault::NotYetValid, OcspFault::Outdated { .. }, OcspFault::UnauthorisedSigner,
    OcspFault::WrongSignature, OcspFault::SignatureAlgorithm(_), OcspFault::CriticalExtension(_),
    OcspFault::TooManySignatures,
);
variants!(CRLITE, crlite_name, CrliteFault:
    CrliteFault::Revoked { .. }, CrliteFault::NoData, CrliteFault::Configuration(_),
    CrliteFault::UnreadableIndex(_), CrliteFault::DamagedIndex(_), CrliteFault::Filter { .. },
    CrliteFault::Malformed(_), CrliteFault::NoTimestamps, CrliteFault::NoDigest,
    CrliteFault::NotCovered, CrliteFault::Stale { .. }, CrliteFault::Future { .. },
);
variants!(VIOLATIONS, violation_name, Violation:
    Violation::NotPermitted(_), Violation::Excluded(_), Violation::Bounds(_),
    Violation::UnsupportedForm(_), Violation::Malformed(_), Violation::TooMany,
);
variants!(RULES, rule_name, StrictRule:
    StrictRule::AlgorithmsDiffer, StrictRule::CaWithoutBasicConstraints,
    StrictRule::PathLengthWithoutCa, StrictRule::PathLengthWithoutCertSign,
    StrictRule::CertSignWithoutCa, StrictRule::EmptyIssuer, StrictRule::EmptySubject,
    StrictRule::NoAuthorityKeyId, StrictRule::NoSubjectKeyId, StrictRule::EmptyAltName,
    StrictRule::AltNameNotCritical, StrictRule::BasicConstraintsNotCritical,
    StrictRule::AuthorityKeyIdCritical, StrictRule::SubjectKeyIdCritical,
    StrictRule::CaWithoutKeyUsage, StrictRule::ExtensionsInOldVersion,
);
variants!(APPLE, apple_name, AppleRule:
    AppleRule::Lifetime { .. }, AppleRule::RsaKey { .. }, AppleRule::Hash(_), AppleRule::NoAltName,
    AppleRule::PurposeNotListed,
);

/// A fault, what its sentence must say, and what its hints must.
struct Row {
    parts: Parts,
    says: Vec<&'static str>,
    hints: Vec<&'static str>,
    /// What the hints must not say.
    never: Vec<&'static str>,
}

impl Row {
    fn at(mut self, depth: usize) -> Self {
        self.parts.fault.depth = Some(depth);
        let subject = self.parts.path.get(depth).map(|cert| cert.subject.clone());
        self.parts.subject = subject;
        self
    }

    fn client(self) -> Self {
        self.whose(Purpose::ClientAuth)
    }

    fn whose(mut self, purpose: Purpose) -> Self {
        self.parts.purpose = purpose;
        self.parts.name = None;
        self
    }

    fn never(mut self, text: &'static str) -> Self {
        self.never.push(text);
        self
    }

    fn missed(mut self, reason: Refusal) -> Self {
        self.parts.near_misses.push(NearMiss {
            subject: "CN=root".to_owned(),
            source: bundle(),
            reason,
        });
        self
    }

    fn searched(mut self, source: Source) -> Self {
        self.parts.searched.push(Searched {
            source,
            usable: Some(0),
            refused: 0,
            problems: Vec::new(),
        });
        self
    }
}

fn bundle() -> Source {
    Source::File(std::path::Path::new("/certs.pem").into())
}

fn row(kind: ErrorKind, cause: Cause, says: &[&'static str], hint: &'static str) -> Row {
    let cert = |subject: &str, issuer: &str| Summary {
        subject: subject.to_owned(),
        issuer: issuer.to_owned(),
        not_before: Timestamp(0),
        not_after: Timestamp(0),
    };
    let parts = Parts {
        name: ServerName::try_from("host.example").ok(),
        path: vec![cert("CN=server", "CN=issuing"), cert("CN=issuing", "CN=root")],
        ..Parts::from(Fault::new(kind).because(cause))
    };
    Row { parts, says: says.to_vec(), hints: vec![hint], never: Vec::new() }
}

fn anchor(kind: ErrorKind, refusal: Refusal, says: &'static str, hint: &'static str) -> Row {
    let (subject, source) = ("CN=root".to_owned(), bundle());
    let cause = Cause::AnchorRefused { subject, source, refusal };
    row(kind, cause, &["'CN=root' in /certs.pem", says], hint).at(2)
}

fn crl(kind: ErrorKind, why: CrlFault, says: &'static str, hint: &'static str) -> Row {
    let (issuer, issued) = (Some("CN=issuing".to_owned()), Some(Timestamp(0)));
    let crl = match why {
        CrlFault::SomeReasons => "CRLs",
        _ => "the CRL of 'CN=issuing' issued 1970-01-01 00:00:00 UTC",
    };
    row(kind, Cause::Crl { issuer, issued, why }, &[crl, says, "CN=server"], hint).at(0)
}

fn ocsp(kind: ErrorKind, why: OcspFault, says: &'static str, hint: &'static str) -> Row {
    row(kind, Cause::Ocsp(why), &["stapled OCSP response", says, "depth 0: 'CN=server'"], hint)
        .at(0)
}

fn crlite(kind: ErrorKind, why: CrliteFault, says: &'static str, hint: &'static str) -> Row {
    let place = "/crlite".into();
    row(kind, Cause::Crlite { place, why }, &[says, "depth 0: 'CN=server'"], hint).at(0)
}

fn names(violation: Violation, says: &'static str, hint: &'static str) -> Row {
    let cause = Cause::NameConstraints { violation, by: 1 };
    let says = ["name constraints of the CA at depth 1", says, "depth 0: 'CN=server'"];
    row(ErrorKind::NameConstraints, cause, &says, hint).at(0)
}

const SMALLER_CHAIN: &str = "the intermediates that lead to its root, and no others";
const REISSUE: &str = "Have the certificate reissued";
const CLOCK: &str = "Check this machine's clock";
const STAPLE: &str = "must staple a current OCSP response";
const FRESH_CRL: &str = "a current CRL of the certificate's issuer";
const GOOD_CRL: &str = "a CRL of the certificate's issuer that can be used";
const REPORT_IT: &str = "report it with this text";

fn rows() -> Vec<Row> {
    let mut rows = peers();
    rows.extend(missing_paths());
    rows.extend(keys_and_profiles());
    rows.extend(cas());
    rows.extend(anchors());
    rows.extend(crls());
    rows.extend(responses());
    rows.extend(filters());
    rows.extend(systems());
    rows
}

/// What the peer sent.
fn peers() -> Vec<Row> {
    use ErrorKind as K;
    let names = |presented: &[&str], common_name: Option<&str>| Cause::Names {
        presented: presented.iter().map(|&name| name.to_owned()).collect(),
        common_name: common_name.map(str::to_owned),
    };
    let misnamed = "certificate is not valid for 'host.example'";
    let expired = || Cause::Expired { not_after: Timestamp(0) };
    vec![
        row(
            K::NoCertificate,
            Cause::Kind,
            &["no certificate was sent"],
            "send its certificate chain",
        ),
        row(K::NoCertificate, Cause::Kind, &["client certificate: "], "send its certificate chain")
            .client(),
        row(
            K::ChainTooComplex,
            Cause::TooManyCertificates { sent: 101, limit: 100 },
            &["101 certificates", "100"],
            SMALLER_CHAIN,
        ),
        row(
            K::ChainTooComplex,
            Cause::TooManyBytes { sent: 101, limit: 100 },
            &["101 bytes", "100"],
            SMALLER_CHAIN,
        ),
        row(K::ChainTooComplex, Cause::TooManyLinks { limit: 7 }, &["7 pairs"], SMALLER_CHAIN),
        row(K::ChainTooComplex, Cause::TooMuchWork, &["longer"], SMALLER_CHAIN),
        row(
            K::BadEncoding,
            Cause::Malformed("subjectAltName"),
            &["malformed subjectAltName", "depth 1: 'CN=issuing'"],
            REISSUE,
        )
        .at(1),
        row(K::BadEncoding, Cause::Library("BadDer".to_owned()), &["BadDer", "CN=server"], REISSUE)
            .at(0),
        row(
            K::BadEncoding,
            Cause::UnreadableNames("why".to_owned()),
            &["names cannot be read: why", "CN=server"],
            REISSUE,
        )
        .at(0),
        row(K::Expired, expired(), &["'CN=server' expired on 1970"], "must renew").at(0),
        row(K::Expired, expired(), &["'CN=issuing' expired"], "in the chain it sends").at(1),
        row(
            K::NotYetValid,
            Cause::NotYetValid { not_before: Timestamp(0) },
            &["'CN=server' is not valid before 1970"],
            CLOCK,
        )
        .at(0),
        row(
            K::NameMismatch,
            names(&["other.example"], None),
            &[misnamed, "other.example"],
            "Connect with a name",
        )
        .at(0),
        row(
            K::NameMismatch,
            names(&[], Some("host")),
            &[misnamed, "only the common name 'host'"],
            "as a subject alternative name",
        )
        .at(0),
        row(K::PinMismatch, Cause::Kind, &["not the pinned one", "CN=server"], "pin the new one")
            .at(0),
        row(
            K::BadSignature,
            Cause::Kind,
            &["signature is wrong", "CN=server"],
            "do not form a chain",
        )
        .at(0),
    ]
}

fn missing_paths() -> Vec<Row> {
    use ErrorKind as K;
    let issuer = |alone, url: Option<&str>| Cause::MissingIssuer {
        issuer: "CN=root".to_owned(),
        advertised_at: url.map(str::to_owned),
        alone,
    };
    let (install, url) = ("If you trust 'CN=root', install its root", Some("http://ca.example/"));
    vec![
        row(
            K::UnknownIssuer,
            issuer(true, url),
            &["'CN=root'"],
            "advertised at http://ca.example/",
        )
        .at(0),
        row(K::UnknownIssuer, issuer(true, None), &["'CN=root'"], "did not send the intermediate")
            .at(0),
        row(K::UnknownIssuer, issuer(false, None), &["'CN=root'"], install).at(1),
        row(K::UnknownIssuer, issuer(false, url), &["'CN=root'"], install)
            .at(1)
            .never("advertised"),
        row(
            K::UnknownIssuer,
            issuer(false, None),
            &["a different key"],
            "install the one that issued",
        )
        .at(1)
        .missed(Refusal::DifferentKey)
        .never("If you trust"),
        row(K::UnknownIssuer, Cause::Kind, &["issuer is not known"], install),
        row(K::SelfSignedLeaf, Cause::Kind, &["self-signed", "CN=server"], "`pinned_leaf`").at(0),
        row(K::UntrustedRoot, Cause::Kind, &["not trusted"], "give it to `extra_roots`").at(1),
        row(K::NoTrustAnchors, Cause::Kind, &["searched /certs.pem"], "`ca-certificates`")
            .searched(bundle()),
        row(K::NoTrustAnchors, Cause::Kind, &["the extra roots"], "`system_roots`")
            .searched(Source::ExtraRoots)
            .never("ca-certificates"),
    ]
}

fn keys_and_profiles() -> Vec<Row> {
    use ErrorKind as K;
    let mut rows = vec![
        row(
            K::UnsupportedAlgorithm,
            Cause::KeyAlgorithm { key: "a key on secp256k1".to_owned() },
            &["'CN=server' has a key on secp256k1"],
            REISSUE,
        )
        .at(0),
        row(
            K::UnsupportedAlgorithm,
            Cause::SignatureAlgorithm { name: "1.2.3".to_owned() },
            &["signature algorithm 1.2.3", "depth 0: 'CN=server'"],
            "signed with SHA-256",
        )
        .at(0),
        row(K::WeakKey, Cause::RsaKey { bits: 1024 }, &["'CN=server'", "1024 bits"], REISSUE).at(0),
        row(K::WeakKey, Cause::RsaKey { bits: 1024 }, &["'CN=issuing'"], "issued by a CA whose")
            .at(1)
            .never(REISSUE),
        row(
            K::UnknownCriticalExtension,
            Cause::CriticalExtension { oid: "1.2.3".to_owned() },
            &["'CN=issuing' has 1.2.3"],
            "without the critical extension 1.2.3",
        )
        .at(1),
        row(K::UnknownCriticalExtension, Cause::Kind, &["critical"], "the critical extension.")
            .at(0),
        row(K::NotStandardsCompliant, Cause::Kind, &["CN=server"], "the operating system").at(0),
    ];
    let rules = [
        StrictRule::AlgorithmsDiffer,
        StrictRule::CaWithoutBasicConstraints,
        StrictRule::PathLengthWithoutCa,
        StrictRule::PathLengthWithoutCertSign,
        StrictRule::CertSignWithoutCa,
        StrictRule::EmptyIssuer,
        StrictRule::EmptySubject,
        StrictRule::NoAuthorityKeyId,
        StrictRule::NoSubjectKeyId,
        StrictRule::EmptyAltName,
        StrictRule::AltNameNotCritical,
        StrictRule::BasicConstraintsNotCritical,
        StrictRule::AuthorityKeyIdCritical,
        StrictRule::SubjectKeyIdCritical,
        StrictRule::CaWithoutKeyUsage,
        StrictRule::ExtensionsInOldVersion,
    ];
    rows.extend(rules.map(|rule| {
        let says = ["certificate breaks a required rule: 'CN=issuing' has "];
        row(K::NotStandardsCompliant, Cause::Strict(rule), &says, "VERIFY_X509_STRICT").at(1)
    }));
    let (whose, since) = (AppleCas::Public, Timestamp(0));
    let broken = [
        (AppleRule::Lifetime { days: 900, limit: 398, whose, since }, "900 days, at most 398"),
        (AppleRule::RsaKey { bits: 1024 }, "1024 bits, at least 2048"),
        (AppleRule::Hash("SHA-1"), "signed with SHA-1"),
        (AppleRule::NoAltName, "no subject alternative name"),
        (AppleRule::PurposeNotListed, "does not list serverAuth"),
    ];
    rows.extend(broken.map(|(rule, says)| {
        let cause = Cause::AppleRules(vec![rule]);
        row(K::NotStandardsCompliant, cause, &[says, "CN=server"], "rules of Apple's systems").at(0)
    }));
    rows
}

/// What a CA may not issue.
fn cas() -> Vec<Row> {
    use ErrorKind as K;
    let with_names = "reissued with names that the CA may certify";
    let without = "by a CA without these name constraints";
    let rejected = || Cause::Rejected {
        subject: "CN=server".to_owned(),
        source: Source::System("ROOT".into()),
    };
    vec![
        row(K::NotACa, Cause::Kind, &["issuer is not a CA", "CN=issuing"], "issued by a CA").at(1),
        row(K::NotACa, Cause::OldVersion, &["version 3", "CN=issuing"], "issued by a CA").at(1),
        row(K::CaAsEndEntity, Cause::Kind, &["CN=server"], "issued for the peer itself").at(0),
        row(K::KeyUsage, Cause::Kind, &["CN=issuing"], "keyCertSign").at(1),
        row(K::PathLengthExceeded, Cause::Kind, &["CN=issuing"], "longer path length").at(1),
        row(K::WrongPurpose, Cause::Purpose, &["'CN=server'", "serverAuth"], "TLS servers").at(0),
        row(K::WrongPurpose, Cause::Purpose, &["'CN=server'", "clientAuth"], "TLS clients")
            .at(0)
            .client(),
        row(K::WrongPurpose, Cause::Purpose, &["client certificate: "], "clientAuth or serverAuth")
            .at(0)
            .whose(Purpose::ClientOrServerAuth),
        row(K::WrongPurpose, Cause::Purpose, &["'CN=issuing'"], "by a CA with the extended key")
            .at(1)
            .whose(Purpose::ClientOrServerAuth),
        row(K::WrongPurpose, Cause::Purpose, &["'CN=issuing'"], "a CA for TLS servers").at(1),
        row(K::WrongPurpose, Cause::Purpose, &["'CN=issuing'"], "a CA for TLS clients")
            .at(1)
            .client(),
        names(Violation::NotPermitted("DNS"), "do not permit its DNS", with_names),
        names(Violation::Excluded("DNS"), "exclude its DNS", with_names),
        names(Violation::Bounds("DNS"), "a minimum or maximum", without).never(with_names),
        names(Violation::UnsupportedForm("x400"), "form x400", without).never(with_names),
        names(Violation::Malformed("URI"), "malformed", without).never(with_names),
        names(Violation::TooMany, "too many to compare", without).never(with_names),
        row(K::NameConstraints, Cause::Kind, &["CN=server"], with_names).at(0),
        row(K::Distrusted, rejected(), &["'CN=server' is rejected by ROOT"], "the administrator")
            .at(0),
    ]
}

fn anchors() -> Vec<Row> {
    use ErrorKind as K;
    let time = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
    let (not_after, not_before) = (time, time);
    let peer = "The peer's operator";
    vec![
        anchor(K::Expired, Refusal::Expired { not_after }, "expired on 1970", "Replace 'CN=root'")
            .never(peer),
        anchor(K::NotYetValid, Refusal::NotYetValid { not_before }, "not valid before", CLOCK),
        anchor(K::NotACa, Refusal::NotACa, "not a CA", "install the CA certificate instead"),
        anchor(K::KeyUsage, Refusal::NoCertSign, "key usage", "install the CA certificate instead"),
        anchor(
            K::WrongPurpose,
            Refusal::WrongPurpose,
            "extended key usage",
            "issue for serverAuth",
        ),
        anchor(
            K::UnknownCriticalExtension,
            Refusal::UnknownCriticalExtension("1.2.3".to_owned()),
            "1.2.3",
            "without the critical extension 1.2.3",
        ),
        anchor(K::WeakKey, Refusal::WeakKey, "too short", "issued by a CA whose certificates"),
        anchor(
            K::UnsupportedAlgorithm,
            Refusal::UnsupportedKey("a key on secp256k1".to_owned()),
            "it has a key on secp256k1",
            "issued by a CA whose certificates",
        ),
        anchor(K::Distrusted, Refusal::Rejected, "rejects it", "Ask the administrator"),
        anchor(
            K::Distrusted,
            Refusal::NotTrustedForPurpose,
            "for other purposes only",
            "for serverAuth, add that purpose",
        )
        .never("distrusts"),
        anchor(
            K::Distrusted,
            Refusal::DistrustedBy { source: bundle() },
            "distrusted for this purpose",
            "Ask the administrator",
        ),
        anchor(
            K::Distrusted,
            Refusal::DistrustedAfter { date: time, source: bundle() },
            "issued after 1970",
            "issued by another CA",
        ),
        anchor(K::BadEncoding, Refusal::Malformed("name".to_owned()), "malformed name", "Replace"),
        // It did not issue the chain: never a fault of its own.
        row(K::UntrustedRoot, Cause::Kind, &["a different key"], "install the one that issued")
            .at(1)
            .missed(Refusal::DifferentKey),
    ]
}

fn crls() -> Vec<Row> {
    use CrlFault as C;
    use ErrorKind as K;
    let (bad, unknown) = (K::BadRevocationData, K::RevocationUnknown);
    let unusable = |problem, says| crl(bad, C::Unusable(problem), says, GOOD_CRL);
    vec![
        crl(K::Revoked, C::Lists, "lists it", "Do not use this peer"),
        unusable(CrlProblem::Malformed("version"), "malformed version"),
        unusable(CrlProblem::Delta, "delta CRLs are not supported"),
        unusable(CrlProblem::Indirect, "indirect CRLs are not supported"),
        unusable(CrlProblem::UnknownCriticalExtension("1.2.3".to_owned()), "extension 1.2.3"),
        unusable(CrlProblem::ContradictoryScope, "contradicts itself"),
        crl(bad, C::NotACrlSigner, "does not allow it to sign CRLs", GOOD_CRL),
        crl(bad, C::WrongSignature, "its signature is wrong", GOOD_CRL),
        crl(bad, C::SignatureAlgorithm("1.2.3".to_owned()), "1.2.3", GOOD_CRL),
        crl(bad, C::OtherKey, "another key", GOOD_CRL),
        crl(unknown, C::NamesOtherKey, "another key", FRESH_CRL),
        crl(bad, C::NotYetValid, "not yet valid", CLOCK).never("CRL"),
        crl(unknown, C::Scope, "does not include this certificate", FRESH_CRL),
        crl(K::RevocationOutdated, C::Outdated { due: Timestamp(0) }, "by 1970", FRESH_CRL),
        crl(unknown, C::SomeReasons, "some revocation reasons", FRESH_CRL),
        row(unknown, Cause::NoCrl, &["no CRL", "depth 1: 'CN=issuing'"], FRESH_CRL).at(1),
    ]
}

fn responses() -> Vec<Row> {
    use ErrorKind as K;
    use OcspFault as O;
    let unknown = K::RevocationUnknown;
    let text = |text: &str| text.to_owned();
    vec![
        ocsp(K::Revoked, O::Revoked { since: Timestamp(0) }, "since 1970", "Do not use this peer"),
        ocsp(unknown, O::NotStapled, "the peer sent none", "turn on OCSP stapling"),
        ocsp(unknown, O::Malformed("version"), "malformed version", STAPLE),
        ocsp(unknown, O::Unsuccessful(3), "tryLater", STAPLE),
        ocsp(unknown, O::OtherCertificate, "does not cover", STAPLE),
        ocsp(unknown, O::UnknownToResponder, "does not know this certificate", STAPLE),
        ocsp(unknown, O::NotYetValid, "not yet valid", CLOCK).never("staple"),
        ocsp(unknown, O::Outdated { due: Timestamp(0) }, "by 1970", STAPLE),
        ocsp(unknown, O::UnauthorisedSigner, "neither the issuer nor", STAPLE),
        ocsp(unknown, O::WrongSignature, "signature is wrong", STAPLE),
        ocsp(unknown, O::SignatureAlgorithm(text("1.2.3")), "1.2.3", STAPLE),
        ocsp(unknown, O::CriticalExtension(text("1.2.3")), "1.2.3", STAPLE),
        ocsp(K::ChainTooComplex, O::TooManySignatures, "more signatures", "needless certificates"),
    ]
}

fn filters() -> Vec<Row> {
    use CrliteFault as C;
    let (unknown, update) = (ErrorKind::RevocationUnknown, "`upki fetch`");
    let (text, made) = (|| "why".to_owned(), Timestamp(0));
    let filter = C::Filter { name: "a.filter".to_owned(), reason: text(), missing: false };
    vec![
        crlite(ErrorKind::Revoked, C::Revoked { made }, "of 1970", "Do not use this peer"),
        crlite(unknown, C::NoData, "no CRLite data in '/crlite'", update),
        crlite(unknown, C::Configuration(text()), "'/crlite' cannot be used: why", "configuration")
            .never(update),
        crlite(unknown, C::UnreadableIndex(text()), "cannot be read: index.bin: why", update),
        crlite(unknown, C::DamagedIndex("why"), "is damaged: index.bin: why", update),
        crlite(unknown, filter, "cannot be read: a.filter: why", update),
        crlite(unknown, C::Malformed("SCT"), "malformed SCT", REISSUE).never(update),
        crlite(unknown, C::NoTimestamps, "no signed certificate timestamps", FRESH_CRL)
            .never(update),
        crlite(unknown, C::NoDigest, "without the feature", "Enable the feature").never(update),
        crlite(unknown, C::NotCovered, "does not cover this certificate", update),
        crlite(unknown, C::Stale { made, days: 11 }, "11 days old", update),
        crlite(unknown, C::Future { made }, "of 1970", CLOCK),
    ]
}

fn systems() -> Vec<Row> {
    let cannot = |cause, says| row(ErrorKind::CannotCheck, cause, &[says], REPORT_IT);
    vec![
        row(
            ErrorKind::CannotCheck,
            Cause::NoAlgorithms,
            &["no signature algorithms"],
            "Enable the feature `aws-lc-rs`",
        )
        .never(REPORT_IT),
        cannot(Cause::UnknownTrustBits(0x8000_0000), "0x80000000"),
        cannot(Cause::ForeignChain, "not requested"),
        cannot(Cause::TrustedWithError, "an error"),
        cannot(Cause::RejectedWithoutError, "without an error"),
        cannot(Cause::TrustedWithoutAnchor, "no trust anchor"),
        cannot(Cause::Call("SecTrustSetVerifyDate".to_owned()), "SecTrustSetVerifyDate failed"),
    ]
}

#[test]
fn each_sentence_names_what_is_wrong_and_each_advice_fits() {
    for Row { mut parts, says, hints, never } in rows() {
        parts.hints = super::hints(&parts);
        let error = VerifyError::from(parts);
        let (text, advice) = (error.to_string(), error.hints().join("\n"));
        let context = format!("{:?}\n{text}\n{advice}", error.parts().fault);
        for part in says {
            assert!(text.contains(part), "the sentence does not say {part:?}:\n{context}");
        }
        for part in hints {
            assert!(advice.contains(part), "the hints do not say {part:?}:\n{context}");
        }
        for part in never {
            assert!(!advice.contains(part), "the hints say {part:?}:\n{context}");
        }
        assert!(!text.contains('\n') && !text.ends_with('.'), "{context}");
        assert!(error.hints().iter().all(|hint| hint.ends_with('.')), "{context}");
        if let (Some(depth), Some(subject)) = (error.depth(), error.subject()) {
            let mark = format!("> {depth}: {subject}");
            assert!(error.report().contains(&mark), "the report lacks {mark:?}:\n{context}");
        }
    }
}

#[test]
fn each_kind_and_each_cause_has_a_row() {
    let rows = rows();
    let mut seen = Vec::new();
    for row in &rows {
        let fault = &row.parts.fault;
        seen.extend([kind_name(&fault.kind), cause_name(&fault.cause)]);
        seen.extend(row.parts.near_misses.iter().map(|miss| refusal_name(&miss.reason)));
        match &fault.cause {
            Cause::AnchorRefused { refusal, .. } => seen.push(refusal_name(refusal)),
            Cause::Crl { why, .. } => seen.push(crl_name(why)),
            Cause::Ocsp(why) => seen.push(ocsp_name(why)),
            Cause::Crlite { why, .. } => seen.push(crlite_name(why)),
            Cause::NameConstraints { violation, .. } => seen.push(violation_name(violation)),
            Cause::Strict(rule) => seen.push(rule_name(rule)),
            Cause::AppleRules(rules) => seen.extend(rules.iter().map(apple_name)),
            _ => {}
        }
    }
    let all = [KINDS, CAUSES, REFUSALS, CRLS, OCSP, CRLITE, VIOLATIONS, RULES, APPLE].concat();
    let missing: Vec<_> = all.iter().filter(|name| !seen.contains(name)).collect();
    assert!(missing.is_empty(), "no row: {missing:?}");
}
