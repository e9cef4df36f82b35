//! What a caller can set, as plain data.

use std::mem::offset_of;

use trustbridge::pki_types::CertificateRevocationListDer;
use trustbridge::{Purpose, Revocation, RevocationCheck, UnknownRevocation, Verifier};

use crate::ffi::{List, certificates, items};

/// What a verifier should do. All bytes zero but `size` are the defaults: the operating system's trust
/// anchors, for servers, no revocation.
///
/// Lists are read during trustbridge_verifier_new and not kept.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Options {
    /// `sizeof(trustbridge_options)`: a later version may add members at the end.
    pub size: usize,
    /// Trust anchors beside those of the operating system.
    pub extra_roots: List,
    /// Trust anchors that are trusted only while the operating system has no usable one.
    pub fallback_roots: List,
    /// Untrusted certificates that may help to build a path.
    pub intermediates: List,
    /// With any here, exactly these end entities are accepted, and nothing else.
    pub pinned: List,
    /// CRLs known to the caller.
    pub crls: List,
    /// Which certificates are checked for revocation: 0 none, 1 the end entity, 2 the intermediates too.
    pub revocation_check: i32,
    /// Whether a certificate is refused if its revocation status is unknown.
    pub reject_unknown_revocation: bool,
    /// Whether the operating system may fetch revocation data. An error on Unix.
    pub revocation_network: bool,
    /// Whether the operating system's trust anchors are ignored.
    pub no_system_roots: bool,
    /// Whether the peers are clients. For a CA of your own, set no_system_roots as well.
    pub clients: bool,
    /// Whether the rules of OpenSSL's X509_V_FLAG_X509_STRICT apply too. An error where it is unsupported.
    pub strict: bool,
    /// With `clients`: whether a certificate for servers will do too, as clients have that are servers
    /// themselves. Whoever has a server's certificate from a trust anchor can then log in as that server.
    pub accept_server_auth: bool,
    /// Whether RSA keys from 1024 bits, and RSA signatures with SHA-1 below the trust anchor, are accepted:
    /// for devices that cannot be replaced. Both can be forged. The text of the verdict says what it was
    /// needed for. An error where it is unsupported.
    pub danger_allow_weak_keys: bool,
    /// Zero: room for later members, so that `size` tells versions apart.
    pub reserved: [u8; 5],
}

// A member in padding would be whatever a program of an older version left there.
const _: () = assert!(offset_of!(Options, reserved) + size_of::<[u8; 5]>() == size_of::<Options>());

impl Options {
    /// # Errors
    ///
    /// What is wrong, for the caller.
    ///
    /// # Safety
    ///
    /// The lists are as [`List`] and the documentation of `trustbridge_verifier_new` say.
    pub(crate) unsafe fn build(&self) -> Result<Verifier, String> {
        if self.size != size_of::<Self>() {
            return Err(format!(
                "size is {}, but has to be sizeof(trustbridge_options), {}",
                self.size,
                size_of::<Self>()
            ));
        }
        if self.reserved != [0; 5] {
            return Err("reserved has to be zero".to_owned());
        }
        let roots = |list, name| {
            // SAFETY: as the caller promises for each list.
            unsafe { certificates(list) }.ok_or_else(|| bad_list(name))
        };
        let purpose = match (self.clients, self.accept_server_auth) {
            (true, true) => Purpose::ClientOrServerAuth,
            (true, false) => Purpose::ClientAuth,
            (false, false) => Purpose::ServerAuth,
            (false, true) => return Err("accept_server_auth needs clients".to_owned()),
        };
        let builder = Verifier::builder()
            .system_roots(!self.no_system_roots)
            .extra_roots(roots(self.extra_roots, "extra_roots")?)
            .fallback_roots(roots(self.fallback_roots, "fallback_roots")?)
            .intermediates(roots(self.intermediates, "intermediates")?)
            .purpose(purpose)
            // SAFETY: as the caller promises.
            .revocation(unsafe { self.revocation() }?)
            .strict(self.strict)
            .danger_allow_weak_keys(self.danger_allow_weak_keys);
        let pinned = roots(self.pinned, "pinned")?;
        let builder = pinned.into_iter().fold(builder, |builder, pin| builder.pinned_leaf(pin));
        builder.build().map_err(|error| error.to_string())
    }

    /// # Safety
    ///
    /// As for [`build`](Self::build).
    unsafe fn revocation(&self) -> Result<Revocation, String> {
        let check = match self.revocation_check {
            0 => RevocationCheck::Off,
            1 => RevocationCheck::Leaf,
            2 => RevocationCheck::Chain,
            other => return Err(format!("revocation_check is {other}, but has to be 0, 1 or 2")),
        };
        let unknown = if self.reject_unknown_revocation {
            UnknownRevocation::Reject
        } else {
            UnknownRevocation::Allow
        };
        // SAFETY: as the caller promises.
        let crls = unsafe { items(self.crls) }.ok_or_else(|| bad_list("crls"))?;
        Ok(Revocation::default()
            .check(check)
            .unknown(unknown)
            .network(self.revocation_network)
            .crls(crls.into_iter().map(|crl| CertificateRevocationListDer::from(crl.to_vec()))))
    }
}

fn bad_list(name: &str) -> String {
    format!("{name}: a pointer is NULL or not aligned, or a length is impossible")
}
