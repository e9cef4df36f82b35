//! From what a handshake asks for to a verdict. Safe code, no Python object.

use std::ffi::c_ulong;
use std::net::IpAddr;

use pki_types::{CertificateDer, ServerName};
use trustbridge::{Peer, RevocationCheck, Verified};

use crate::trust::{Set, Variant};
use crate::verdict::{Rejected, X509_V_ERR_UNSPECIFIED};

// Values of OpenSSL 3's public headers.
const X509_V_FLAG_CRL_CHECK: c_ulong = 0x4;
/// The end entity and every CA; without the bit above it does nothing in OpenSSL.
const X509_V_FLAG_CRL_CHECK_ALL: c_ulong = 0x8;
const X509_V_FLAG_X509_STRICT: c_ulong = 0x20;
pub(crate) const X509_CHECK_FLAG_NEVER_CHECK_SUBJECT: u32 = 0x20;
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
