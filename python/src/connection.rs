//! From the settings of a handshake to its verdict. Safe code, no Python object.

use std::ffi::c_ulong;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use pki_types::{CertificateDer, ServerName};
use trustbridge::{Peer, RevocationCheck, Verified};

use crate::trust::{Set, Variant};
use crate::verdict::{Rejected, Verdict, X509_V_ERR_UNSPECIFIED};

// Values of OpenSSL 3's public headers.
const X509_V_FLAG_CRL_CHECK: c_ulong = 0x4;
/// The end entity and every CA; without the bit above it does nothing in OpenSSL.
const X509_V_FLAG_CRL_CHECK_ALL: c_ulong = 0x8;
const X509_V_FLAG_X509_STRICT: c_ulong = 0x20;
const X509_V_FLAG_NO_CHECK_TIME: c_ulong = 0x20_0000;
pub(crate) const X509_CHECK_FLAG_NEVER_CHECK_SUBJECT: u32 = 0x20;
const X509_V_ERR_HOSTNAME_MISMATCH: i32 = 62;
const X509_V_ERR_EE_KEY_TOO_SMALL: i32 = 66;
const X509_V_ERR_CA_KEY_TOO_SMALL: i32 = 67;
const X509_V_ERR_CA_MD_TOO_WEAK: i32 = 68;

/// The settings of one handshake: read from the connection, never from the shared context.
pub(crate) struct Handshake {
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
    /// The OCSP response that the server stapled; empty if there is none.
    pub(crate) staple: Vec<u8>,
}

impl Handshake {
    /// Whether the revocation of certificates is checked.
    pub(crate) fn checks_revocation(&self) -> bool {
        self.flags & X509_V_FLAG_CRL_CHECK != 0
    }
}

/// One connection: what it trusts, and the verdict on it.
///
/// Shared by the Python object and, in the in-handshake mode, by the `SSL`: the verify callback
/// leaves the verdict here, Python reads it.
pub(crate) struct Connection {
    /// The trust of the context when the connection was made: what is loaded later does not
    /// change it.
    set: Arc<Set>,
    /// The last one, should there be several: a peer can renegotiate in TLS 1.2.
    verdict: Mutex<Option<Verdict>>,
    /// A handshake whose verdict waits for the stapled OCSP response, and the security level.
    waiting: Mutex<Option<(Handshake, i32)>>,
}

impl Connection {
    pub(crate) fn new(set: Arc<Set>) -> Self {
        Self { set, verdict: Mutex::default(), waiting: Mutex::default() }
    }

    /// The core's answer for a handshake.
    pub(crate) fn ask(&self, handshake: &Handshake) -> Result<Verified, Rejected> {
        verify(&self.set, handshake).map_err(|rejected| rejected.searched(self.set.searched()))
    }

    /// The verdict, if there is one yet.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn keep(&self, verdict: Verdict) {
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
    }

    /// There is no verdict until the stapled OCSP response has come.
    pub(crate) fn wait(&self, handshake: Handshake, security_level: i32) {
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((handshake, security_level));
    }

    /// Takes what [`wait`](Self::wait) left.
    pub(crate) fn waited(&self) -> Option<(Handshake, i32)> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether everything but the revocation of certificates is in order.
    pub(crate) fn ask_without_revocation(
        &self,
        handshake: &mut Handshake,
    ) -> Result<Verified, Rejected> {
        let flags = handshake.flags;
        handshake.flags &= !(X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
        let verdict = self.ask(handshake);
        handshake.flags = flags;
        verdict
    }

    /// Whether both were made under the same state of trust.
    pub(crate) fn same_trust(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.set, &other.set)
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
        // The package refuses the bit where the core cannot honour it.
        ignore_validity: flags & X509_V_FLAG_NO_CHECK_TIME != 0 && !system_decides,
    }
}

fn verify(trust: &Set, handshake: &Handshake) -> Result<Verified, Rejected> {
    let variant = variant(handshake.flags, handshake.host_flags, SYSTEM_DECIDES);
    let verifier = trust.verifier(variant).map_err(|error| {
        Rejected::new(X509_V_ERR_UNSPECIFIED, None, "CannotCheck", error.to_string())
    })?;
    // OpenSSL requires both to match if both are set; Python never sets both.
    let address = handshake.address.map(|address| ServerName::IpAddress(address.into()));
    let host = handshake.host.as_deref().map(ServerName::try_from);
    let ask = |name| {
        let peer = Peer::new(&handshake.chain, name).ocsp_response(&handshake.staple);
        verifier.verify(&peer).map_err(Rejected::from)
    };
    match (address, host) {
        (None, None) => ask(None),
        (Some(address), None) => ask(Some(address)),
        (address, Some(Ok(host))) => {
            if address.is_some() {
                ask(address)?;
            }
            ask(Some(host))
        }
        (_, Some(Err(_))) => {
            // No certificate can be valid for what is not a name; other faults come first.
            ask(None)?;
            let host = String::from_utf8_lossy(handshake.host.as_deref().unwrap_or_default());
            let host = host.escape_debug();
            let line = format!("'{host}' is not a DNS name, so no certificate is valid for it");
            Err(Rejected::new(X509_V_ERR_HOSTNAME_MISMATCH, Some(0), "NameMismatch", line))
        }
    }
}

/// How strong OpenSSL says a certificate is, in bits.
pub(crate) struct Strength {
    pub(crate) key_bits: i32,
    pub(crate) signature_bits: i32,
}

/// Security levels above 2 require more than the core does by itself
/// ([SSL_CTX_set_security_level(3)](https://docs.openssl.org/3.0/man3/SSL_CTX_get_security_level/)).
pub(crate) fn check_security_level(
    level: i32,
    chain: impl ExactSizeIterator<Item = Strength>,
) -> Result<(), Rejected> {
    let wanted = match level {
        ..=2 => return Ok(()),
        3 => 128,
        4 => 192,
        _ => 256,
    };
    let anchor = chain.len().saturating_sub(1);
    for (depth, strength) in chain.enumerate() {
        if strength.key_bits < wanted {
            let code =
                if depth == 0 { X509_V_ERR_EE_KEY_TOO_SMALL } else { X509_V_ERR_CA_KEY_TOO_SMALL };
            return Err(Rejected::security_level(code, depth, level, "public key"));
        }
        // Nobody relies on the signature of the trust anchor.
        if depth < anchor && strength.signature_bits < wanted {
            let code = X509_V_ERR_CA_MD_TOO_WEAK;
            return Err(Rejected::security_level(code, depth, level, "signature"));
        }
    }
    Ok(())
}
