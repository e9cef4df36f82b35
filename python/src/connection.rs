//! From what a handshake asks for to a verdict. Safe code, no Python object.

use std::cell::RefCell;
use std::ffi::c_ulong;
use std::net::IpAddr;

use pki_types::{CertificateDer, ServerName};
use trustbridge::{Peer, RevocationCheck, Verified, VerifyError};

use crate::trust::{Set, Variant};

// Values of OpenSSL 3's public headers.
const X509_V_FLAG_CRL_CHECK: c_ulong = 0x4;
/// The end entity and every CA; without the bit above it does nothing in OpenSSL.
const X509_V_FLAG_CRL_CHECK_ALL: c_ulong = 0x8;
const X509_V_FLAG_X509_STRICT: c_ulong = 0x20;
pub(crate) const X509_CHECK_FLAG_NEVER_CHECK_SUBJECT: u32 = 0x20;
pub(crate) const X509_V_ERR_UNSPECIFIED: i32 = 1;
const X509_V_ERR_HOSTNAME_MISMATCH: i32 = 62;

/// What one connection asks for: read from the connection, never from the shared context.
pub(crate) struct Connection {
    /// What the server sent, the end entity first.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// The DNS name to match, if any.
    pub(crate) host: Option<Vec<u8>>,
    /// The IP address to match, if any.
    pub(crate) address: Option<IpAddr>,
    /// `X509_V_FLAG_*`.
    pub(crate) flags: c_ulong,
    /// `X509_CHECK_FLAG_*`.
    pub(crate) host_flags: u32,
}

/// Why a connection was refused, for OpenSSL and for the exception.
#[derive(Clone, Debug)]
pub(crate) struct Rejected {
    /// `X509_V_ERR_*`.
    pub(crate) code: i32,
    pub(crate) depth: Option<usize>,
    pub(crate) kind: String,
    /// One line.
    pub(crate) line: String,
    /// Several lines.
    pub(crate) report: String,
}

impl Rejected {
    fn new(code: i32, depth: Option<usize>, kind: &str, line: String) -> Self {
        Self { code, depth, kind: kind.to_owned(), report: line.clone(), line }
    }

    /// With what took the place of the system's trust anchors, if anything did.
    pub(crate) fn searched(mut self, places: &[String]) -> Self {
        if !places.is_empty() {
            self.report.push_str("\n\nIn place of the system's trust anchors:");
        }
        for place in places {
            self.report.push_str("\n  - ");
            self.report.push_str(place);
        }
        self
    }

    /// Something beside the certificates stands in the way of a verdict.
    pub(crate) fn cannot_check(line: String) -> Self {
        Self::new(X509_V_ERR_UNSPECIFIED, None, "CannotCheck", line)
    }

    /// OpenSSL's structures do not have what they must.
    pub(crate) fn unreadable() -> Self {
        let line = "the connection's certificates or settings cannot be read".to_owned();
        Self::new(X509_V_ERR_UNSPECIFIED, None, "CannotCheck", line)
    }

    /// The verdict could not be reached or handed over.
    pub(crate) fn internal(code: i32) -> Self {
        Self::new(code, None, "CannotCheck", "certificate could not be checked".to_owned())
    }

    /// A certificate is too weak for the security level of the connection.
    pub(crate) fn security_level(code: i32, depth: usize, level: i32, what: &str) -> Self {
        let line = format!(
            "the {what} of the certificate at depth {depth} is below security level {level}"
        );
        Self::new(code, Some(depth), "WeakKey", line)
    }
}

impl From<VerifyError> for Rejected {
    fn from(error: VerifyError) -> Self {
        Self {
            code: error.openssl_code(),
            depth: error.depth(),
            kind: format!("{:?}", error.kind()),
            line: error.to_string(),
            report: error.report(),
        }
    }
}

/// OpenSSL's words for an `X509_V_ERR_*` number that the core gives, where OpenSSL itself cannot
/// be asked. The words of OpenSSL 3.
pub(crate) fn error_text(code: i32) -> &'static str {
    match code {
        3 => "unable to get certificate CRL",
        7 => "certificate signature failure",
        8 => "CRL signature failure",
        9 => "certificate is not yet valid",
        10 => "certificate has expired",
        11 => "CRL is not yet valid",
        12 => "CRL has expired",
        18 => "self-signed certificate",
        19 => "self-signed certificate in certificate chain",
        20 => "unable to get local issuer certificate",
        21 => "unable to verify the first certificate",
        22 => "certificate chain too long",
        23 => "certificate revoked",
        25 => "path length constraint exceeded",
        26 => "unsuitable certificate purpose",
        27 => "certificate not trusted",
        28 => "certificate rejected",
        32 => "key usage does not include certificate signing",
        34 => "unhandled critical extension",
        35 => "key usage does not include CRL signing",
        36 => "unhandled critical CRL extension",
        41 => "invalid or inconsistent certificate extension",
        47 => "permitted subtree violation",
        48 => "excluded subtree violation",
        49 => "name constraints minimum and maximum not supported",
        50 => "application verification failure",
        51 => "unsupported name constraint type",
        52 => "unsupported or invalid name constraint syntax",
        53 => "unsupported or invalid name syntax",
        54 => "CRL path validation error",
        62 => "hostname mismatch",
        64 => "IP address mismatch",
        66 => "EE certificate key too weak",
        67 => "CA certificate key too weak",
        68 => "CA signature digest algorithm too weak",
        76 => "Cannot find certificate signature algorithm",
        77 => "subject signature algorithm and issuer public key algorithm mismatch",
        78 => "cert info signature and signature algorithm mismatch",
        79 => "invalid CA certificate",
        80 => "Path length invalid for non-CA cert",
        81 => "Path length given without key usage keyCertSign",
        82 => "Key usage keyCertSign invalid for non-CA cert",
        83 => "Issuer name empty",
        84 => "Subject name empty",
        85 => "Missing Authority Key Identifier",
        86 => "Missing Subject Key Identifier",
        87 => "Empty Subject Alternative Name extension",
        88 => "Subject empty and Subject Alt Name extension not critical",
        89 => "Basic Constraints of CA cert not marked critical",
        90 => "Authority Key Identifier marked critical",
        91 => "Subject Key Identifier marked critical",
        92 => "CA cert does not include key usage extension",
        93 => "Using cert extension requires at least X509v3",
        94 => "Certificate public key has explicit ECC parameters",
        _ => "unspecified certificate verification error",
    }
}

/// Whether the system's own verifier gives the verdicts.
const SYSTEM_DECIDES: bool = cfg!(any(windows, target_vendor = "apple"));

/// What OpenSSL's flags ask the core for.
pub(crate) fn variant(flags: c_ulong, host_flags: u32, system_decides: bool) -> Variant {
    Variant {
        // VERIFY_CRL_CHECK_CHAIN of Python is both bits.
        check: match flags & (X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) {
            X509_V_FLAG_CRL_CHECK => RevocationCheck::Leaf,
            0 | X509_V_FLAG_CRL_CHECK_ALL => RevocationCheck::Off,
            _ => RevocationCheck::Chain,
        },
        // The verifiers of Windows and Apple have one profile each, and the core refuses to ask
        // them for another. `ssl.create_default_context()` sets this bit from Python 3.13 on.
        strict: flags & X509_V_FLAG_X509_STRICT != 0 && !system_decides,
        common_name: host_flags & X509_CHECK_FLAG_NEVER_CHECK_SUBJECT == 0,
    }
}

/// The verdict on a connection.
pub(crate) fn judge(trust: &Set, connection: &Connection) -> Result<Verified, Rejected> {
    verdict(trust, connection).map_err(|rejected| rejected.searched(trust.searched()))
}

fn verdict(trust: &Set, connection: &Connection) -> Result<Verified, Rejected> {
    let variant = variant(connection.flags, connection.host_flags, SYSTEM_DECIDES);
    let verifier = trust.verifier(variant).map_err(|error| {
        Rejected::new(X509_V_ERR_UNSPECIFIED, None, "CannotCheck", error.to_string())
    })?;
    // OpenSSL requires both to match if both are set; Python never sets both.
    let address = connection.address.map(|address| ServerName::IpAddress(address.into()));
    let host = connection.host.as_deref().map(ServerName::try_from);
    let verify =
        |name| verifier.verify(&Peer::new(&connection.chain, name)).map_err(Rejected::from);
    match (address, host) {
        (None, None) => verify(None),
        (Some(address), None) => verify(Some(address)),
        (address, Some(Ok(host))) => {
            if address.is_some() {
                verify(address)?;
            }
            verify(Some(host))
        }
        (_, Some(Err(_))) => {
            // No certificate can be valid for what is not a name; other faults come first.
            verify(None)?;
            let host = String::from_utf8_lossy(connection.host.as_deref().unwrap_or_default());
            let line =
                format!("{:?} is not a valid DNS name, no certificate is valid for it", host);
            Err(Rejected::new(X509_V_ERR_HOSTNAME_MISMATCH, Some(0), "NameMismatch", line))
        }
    }
}

thread_local! {
    /// The last rejection of this thread. A handshake runs in one C call, and the Python
    /// wrapper takes it right after, in the same thread.
    static REJECTION: RefCell<Option<Rejected>> = const { RefCell::new(None) };
}

pub(crate) fn remember_rejection(rejected: Rejected) {
    REJECTION.set(Some(rejected));
}

pub(crate) fn forget_rejection() {
    REJECTION.set(None);
}

pub(crate) fn take_rejection() -> Option<Rejected> {
    REJECTION.take()
}
