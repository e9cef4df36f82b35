//! Where the core's verdict may differ from OpenSSL's, and be more lenient than webpki's. Each
//! difference has a reason; one that no chain shows any more is a fault too.

use openssl::asn1::Asn1Time;
use openssl::nid::Nid;
use openssl::pkey::Id;
use openssl::x509::X509;
use trustbridge::{ErrorKind, Verified, VerifyError};

use crate::scenario::{Entry, Scenario};
use crate::verdicts::{self, Files};
use webpki::Error as E;

/// What is known about a chain on which two verifiers disagree.
pub struct Dispute<'d> {
    /// The chain.
    pub scenario: &'d Scenario,
    /// The core's verdict.
    pub ours: &'d Result<Verified, VerifyError>,
    /// OpenSSL's.
    pub theirs: &'d Result<Vec<X509>, String>,
    /// For asking again.
    pub files: &'d mut Files,
}

impl Dispute<'_> {
    fn refused(&self, kind: ErrorKind) -> bool {
        self.ours.as_ref().is_err_and(|error| error.kind() == kind)
    }

    fn has(&self, label: &str) -> bool {
        self.scenario.labels.contains(&label)
    }

    /// Whether OpenSSL accepts the path that the core found, if it is given nothing else.
    fn agrees_on_the_path(&mut self) -> bool {
        let Ok(verified) = self.ours else { return false };
        let (_, rest) = verified.chain.split_last().unwrap();
        let path: Vec<_> = verified.chain.iter().map(|cert| cert.to_vec()).collect();
        let chain = match rest {
            [] => path.clone(),
            rest => rest.iter().map(|cert| cert.to_vec()).collect(),
        };
        // With what the store says of the path's other certificates: that is no other path.
        let store = self.scenario.store.iter();
        let only = Scenario {
            chain,
            known: Vec::new(),
            store: store.filter(|entry| path.contains(&entry.der)).cloned().collect(),
            ..self.scenario.clone()
        };
        match verdicts::theirs(&only, self.files) {
            Ok(_) => true,
            // Other differences may come on top.
            Err(error) => {
                self.last_second(&error)
                    || self.one_name_twice(&error)
                    || self.domain_of_mailboxes(&error)
            }
        }
    }

    /// Whether the end entity has an internationalized e-mail address, and a certificate an address
    /// that begins like this among its names or constraints.
    fn has_mailboxes(&self, beginning: &[u8]) -> bool {
        const SMTP_UTF8_MAILBOX: &[u8] = &[6, 8, 0x2b, 6, 1, 5, 5, 7, 8, 9];
        let Scenario { chain, known, store, .. } = self.scenario;
        let stored = store.iter().map(|entry| &entry.der);
        let begins = |part: &[u8]| part[0] == 0x81 && part[2..].starts_with(beginning);
        chain[0].windows(SMTP_UTF8_MAILBOX.len()).any(|part| part == SMTP_UTF8_MAILBOX)
            && chain
                .iter()
                .chain(known)
                .chain(stored)
                .any(|der| der.windows(beginning.len() + 2).any(begins))
    }

    /// Whether a constraint with a leading dot permits an internationalized e-mail address.
    fn domain_of_mailboxes(&self, error: &str) -> bool {
        error.contains("permitted subtree violation") && self.has_mailboxes(b".")
    }

    fn path(&self) -> Vec<X509> {
        let chain = self.ours.as_ref().map_or(&[][..], |verified| &verified.chain);
        chain.iter().map(|cert| X509::from_der(cert).unwrap()).collect()
    }

    /// Whether it is the last second of a certificate that the core accepts.
    fn last_second(&self, error: &str) -> bool {
        let now = Asn1Time::from_unix(self.scenario.time).unwrap();
        let ends = |cert: &X509| cert.not_after().compare(&now).is_ok_and(|order| order.is_eq());
        error.contains("has expired") && self.path().iter().any(ends)
    }

    /// Whether the path has two CAs of one name, and every signature is good: OpenSSL takes the
    /// trusted one for the issuer of what the other issued.
    fn one_name_twice(&self, error: &str) -> bool {
        let path = self.path();
        let same = |one: &X509, other: &X509| {
            one.subject_name().try_cmp(other.subject_name()).is_ok_and(|order| order.is_eq())
        };
        let mut pairs = path.iter().enumerate().skip(1);
        error.contains("signature failure")
            && pairs.any(|(place, cert)| path[place + 1..].iter().any(|other| same(cert, other)))
            && path
                .windows(2)
                .all(|pair| pair[0].verify(&pair[1].public_key().unwrap()).is_ok_and(|good| good))
    }
}

/// A difference from OpenSSL: its name, the reason, and whether it explains a dispute.
pub type Difference = (&'static str, &'static str, fn(&mut Dispute<'_>) -> bool);

/// The differences from OpenSSL 3.
pub const OPENSSL: &[Difference] = &[
    ("notAfter", "the end of validity is part of it (RFC 5280 section 4.1.2.5)", |dispute| {
        dispute.theirs.as_ref().is_err_and(|error| dispute.last_second(error))
    }),
    (
        "every path",
        "every path is tried; OpenSSL tries one issuer of several, and takes what the peer sent \
         along even where the end entity itself is trusted",
        |dispute| dispute.ours.is_ok() && dispute.agrees_on_the_path(),
    ),
    ("algorithms", "an algorithm that aws-lc-rs does not have", |dispute| {
        let unsupported = |cert: &X509| {
            let key = cert.public_key().unwrap();
            let curve = key.ec_key().ok().and_then(|key| key.group().curve_name());
            let signature = cert.signature_algorithm().object().nid();
            key.id() == Id::ED448
                || curve == Some(Nid::SECP256K1)
                || [Nid::ECDSA_WITH_SHA224, Nid::SHA224WITHRSAENCRYPTION].contains(&signature)
        };
        let chain = dispute.theirs.as_deref().unwrap_or_default();
        dispute.ours.is_err() && chain.iter().any(unsupported)
    }),
    ("length", "at most 100 certificates are read of a chain", |dispute| {
        dispute.refused(ErrorKind::ChainTooComplex) && dispute.scenario.chain.len() > 100
    }),
    (
        "settings",
        "what the store's settings say against a key holds wherever the key stands, and over what \
         other entries say; OpenSSL reads those of the entry that it comes across",
        |dispute| {
            let store = &dispute.scenario.store;
            let twice = |entry: &Entry| {
                store.iter().any(|other| other.der == entry.der && other.trust != entry.trust)
            };
            match dispute.ours {
                Ok(_) => store.iter().any(twice),
                Err(_) => {
                    dispute.refused(ErrorKind::Distrusted)
                        && store.iter().any(|entry| entry.trust.is_some())
                }
            }
        },
    ),
    (
        "domains of internationalized mailboxes",
        "a constraint with a leading dot holds the mailboxes of a domain (RFC 9598); OpenSSL never \
         finds them in it",
        |dispute| match (dispute.ours, dispute.theirs) {
            (Ok(_), Err(error)) => dispute.domain_of_mailboxes(error),
            // What is reported may be wrong with another path.
            _ => dispute.refused(ErrorKind::NameConstraints) && dispute.has_mailboxes(b"."),
        },
    ),
    (
        "A-labels beside internationalized mailboxes",
        "a constraint with an A-label is not converted; whoever has such a mailbox is refused",
        |dispute| dispute.refused(ErrorKind::NameConstraints) && dispute.has_mailboxes(b"xn--"),
    ),
    (
        "malformed and trusted",
        "an end entity with a malformed extension is refused even where the store has it",
        |dispute| {
            let leaf = &dispute.scenario.chain[0];
            dispute.refused(ErrorKind::BadEncoding)
                && dispute.scenario.store.iter().any(|entry| entry.der == *leaf)
        },
    ),
    (
        "extension twice",
        "no extension is there twice (RFC 5280 section 4.2); OpenSSL looks at those it uses",
        |dispute| dispute.ours.is_err() && dispute.has("extension twice"),
    ),
    (
        "point of no curve",
        "an end entity's key is not tried before the handshake, which fails with one that is none",
        |dispute| {
            dispute.has("malformed key")
                && dispute.theirs.as_ref().is_err_and(|error| error.contains("EE certificate key"))
        },
    ),
];

/// A path that the core accepts and webpki does not.
pub struct Leniency<'l> {
    /// The chain.
    pub scenario: &'l Scenario,
    /// Why not.
    pub error: &'l webpki::Error,
    /// The path, the trust anchor last.
    pub path: Vec<X509>,
}

impl Leniency<'_> {
    fn any(&self, is: impl Fn(&X509) -> bool) -> bool {
        self.path.iter().any(is)
    }

    fn names_differ_in_bytes(&self) -> bool {
        self.path.windows(2).any(|pair| {
            let issuer = pair[0].issuer_name().to_der().unwrap();
            issuer != pair[1].subject_name().to_der().unwrap()
        })
    }

    /// Whether an intermediate is issued under its own name.
    fn self_issued(&self) -> bool {
        self.path[..self.path.len() - 1].iter().skip(1).any(|cert| {
            let same = cert.subject_name().try_cmp(cert.issuer_name()).unwrap();
            same == std::cmp::Ordering::Equal
        })
    }

    fn has(&self, label: &str) -> bool {
        self.scenario.labels.contains(&label)
    }
}

/// Where the core is more lenient than webpki: name, reason, and whether it explains the case.
pub type Lenient = (&'static str, &'static str, fn(&Leniency<'_>) -> bool);

/// Where the core follows OpenSSL.
pub const WEBPKI: &[Lenient] = &[
    (
        "spelling of names",
        "names compare as RFC 5280 section 7.1 says; webpki compares bytes",
        |case| case.names_differ_in_bytes(),
    ),
    ("common names", "a common name counts where the caller asks for it", |case| {
        matches!(case.error, E::CertNotValidForName(_)) && case.scenario.common_names()
    }),
    ("depth", "the work is bounded, not the number of intermediates", |case| {
        // Where an issuer of the same name comes first, its wrong signature is webpki's reason.
        let deep =
            matches!(case.error, E::MaximumPathDepthExceeded | E::InvalidSignatureForPublicKey);
        deep && case.path.len() > 8
    }),
    (
        "self-issued certificates",
        "they do not count for path lengths and name constraints (RFC 5280 sections 6.1.3, 6.1.4)",
        |case| case.self_issued(),
    ),
    (
        "versions",
        "end entities of version 1 and 2, and versions that do not exist, as in OpenSSL",
        |case| {
            matches!(case.error, E::UnsupportedCertVersion) && case.any(|cert| cert.version() != 2)
        },
    ),
    (
        "a CA as the server's own",
        "an issued CA certificate is the server's own, as in OpenSSL",
        |case| matches!(case.error, E::CaUsedAsEndEntity),
    ),
    (
        "critical extensions",
        "those about policies, Netscape's type and OCSP no-check are understood, as in OpenSSL",
        |case| matches!(case.error, E::UnsupportedCriticalExtension),
    ),
    (
        "server gated cryptography",
        "purposes of Microsoft and Netscape that stand for serverAuth in OpenSSL",
        |case| {
            matches!(case.error, E::RequiredEkuNotFoundContext(_)) && case.has("extended key usage")
        },
    ),
    (
        "encodings",
        "what OpenSSL reads although RFC 5280 forbids it: TRUE as 01, defaults written out, unique \
         identifiers, dates before 1970, and the like",
        |case| {
            matches!(
                case.error,
                E::BadDer
                    | E::BadDerTime
                    | E::TrailingData(_)
                    | E::SignatureAlgorithmMismatch
                    | E::MalformedDnsIdentifier
                    | E::InvalidSerialNumber
                    | E::MalformedExtensions
            )
        },
    ),
    (
        "forms of names",
        "name constraints of forms that webpki does not compare, and comparisons as OpenSSL's",
        |case| {
            let constraints = [
                "name constraints",
                "names and constraints",
                "other names and constraints",
                "cross-sign",
                "self-issued and constrained",
            ];
            matches!(
                case.error,
                E::NameConstraintViolation
                    | E::MalformedNameConstraint
                    | E::InvalidNetworkMaskConstraint
            ) && constraints.iter().any(|label| case.has(label))
        },
    ),
];
