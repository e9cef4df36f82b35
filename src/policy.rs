//! Plain-data policies: what a chain is verified for, and how revocation is treated.
//!
//! Tests: `tests/cases.rs` (the rows about purposes and revocation).

use pki_types::{CertificateRevocationListDer, UnixTime};

/// What the peer's certificate is used for.
///
/// The purpose decides which extended key usage (RFC 5280 section 4.2.1.12) the end entity, the
/// intermediates and the trust anchor may carry, and which trust settings of a store entry count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// The peer is a TLS server (`id-kp-serverAuth`).
    #[default]
    ServerAuth,
    /// The peer is a TLS client (`id-kp-clientAuth`).
    ClientAuth,
    /// The peer is a TLS client whose certificate is valid for `id-kp-clientAuth` or for
    /// `id-kp-serverAuth`: for connections from server to server (SMTP, XMPP, SIP, federation), where
    /// the client has a server's certificate. Public CAs issue those without clientAuth since 2026.
    ///
    /// The whole path must be valid for one of the two. Trust anchors, trust settings and distrust
    /// are those of that usage. Key usage must still be a client's (digitalSignature or
    /// keyAgreement).
    ///
    /// # Risk
    ///
    /// Whoever has a server's certificate from one of the trust anchors can log in as that server:
    /// the operator of every host, and whoever took a key from one. With the system's roots that is
    /// everybody on the web. So take the client's identity from a subject alternative name, compare it
    /// with the names that may connect, and use [`ClientAuth`](Self::ClientAuth) wherever your own CA
    /// issues the clients' certificates.
    ClientOrServerAuth,
}

impl Purpose {
    /// The extended key usages, one of which is enough.
    pub(crate) fn usages(self) -> &'static [Self] {
        match self {
            Self::ServerAuth => &[Self::ServerAuth],
            Self::ClientAuth => &[Self::ClientAuth],
            Self::ClientOrServerAuth => &[Self::ClientAuth, Self::ServerAuth],
        }
    }

    /// Whether the peer is a TLS client.
    pub(crate) fn is_of_clients(self) -> bool {
        self != Self::ServerAuth
    }

    /// The name RFC 5280 gives to this purpose's extended key usage.
    pub fn name(self) -> &'static str {
        match self {
            Self::ServerAuth => "serverAuth",
            Self::ClientAuth => "clientAuth",
            Self::ClientOrServerAuth => "clientAuth or serverAuth",
        }
    }
}

/// How revocation is checked. The default requires nothing, and heeds a revocation that the peer
/// staples.
///
/// On Unix the answers come from the CRLs given in [`crls`](Self::crls) and, for the end entity, from
/// the OCSP response that the peer stapled ([`Peer::ocsp_response`](crate::Peer::ocsp_response)).
/// Nothing is fetched. On Windows and Apple systems the operating system checks.
///
/// # CRLs on Unix
///
/// A CRL is usable if it is current, its scope includes the certificate, and the certificate's
/// issuer, or the same CA with an older key further up in the path, signed it and may sign CRLs
/// (RFC 5280 section 6.3.3).
/// * A certificate that a CRL of its issuer lists is revoked, whatever other CRLs and the stapled
///   response say. An outdated CRL that lists it is overruled by a newer usable one only.
/// * CRLs of other issuers, and outdated ones, do no harm beside a usable one.
/// * A CRL of the issuer that cannot be used ([`CrlProblem`](crate::CrlProblem), a wrong signature)
///   could have listed the certificate. Next to it, no other CRL proves that the certificate is
///   good.
/// * Delta CRLs and indirect CRLs are not supported. What a delta CRL lists is revoked.
///
/// # Stapled OCSP responses on Unix
///
/// A response is usable if it is current and signed by the end entity's issuer or by a responder
/// that the issuer authorized (RFC 6960 section 4.2.2.2). One without nextUpdate is current for a
/// day. One that says that the end entity is revoked is heeded however old it is, and whether a check
/// is required or not. A response that cannot be used is as good as none. Responses are read with the
/// features `aws-lc-rs` or `ring`, and not without both.
///
/// # CRLite on Unix
///
/// With the feature `crlite`, the filters that upki keeps on the disk are asked as well, last, about end
/// entities below trust anchors of the system's store, whatever is required here. One that they list
/// as revoked is refused, however old the data is. Everything else about them is accepted unless
/// [`unknown`](Self::unknown) rejects it and [`check`](Self::check) requires an answer: no data, data
/// more than ten days old, a certificate that they do not cover. Where neither a cache nor a
/// configuration of upki exists, nothing changes. `VerifierBuilder::distribution_revocation` turns it
/// off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revocation {
    /// Which certificates of the chain are checked.
    pub check: RevocationCheck,
    /// What happens to a certificate whose status is not known.
    pub unknown: UnknownRevocation,
    /// Whether the operating system may fetch CRLs or ask OCSP responders. Not available on Unix,
    /// where `true` is a [`BuildError`](crate::BuildError).
    pub network: bool,
    /// CRLs known to the caller (RFC 5280 section 5, DER).
    /// [`VerifierBuilder::crls`](crate::VerifierBuilder::crls) takes some that verifiers share.
    pub crls: Vec<CertificateRevocationListDer<'static>>,
}

impl Revocation {
    /// Which certificates of the chain are checked.
    #[must_use]
    pub fn check(self, check: RevocationCheck) -> Self {
        Self { check, ..self }
    }

    /// What happens to a certificate whose status is unknown.
    #[must_use]
    pub fn unknown(self, unknown: UnknownRevocation) -> Self {
        Self { unknown, ..self }
    }

    /// Whether the operating system may use the network. See [the field](#structfield.network).
    #[must_use]
    pub fn network(self, yes: bool) -> Self {
        Self { network: yes, ..self }
    }

    /// Adds CRLs. Can be called again to add more.
    #[must_use]
    pub fn crls(
        mut self,
        crls: impl IntoIterator<Item = CertificateRevocationListDer<'static>>,
    ) -> Self {
        self.crls.extend(crls);
        self
    }
}

/// Which certificates of a chain are checked for revocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RevocationCheck {
    /// None.
    #[default]
    Off,
    /// The end entity.
    Leaf,
    /// The end entity and every intermediate. A trust anchor is not checked; on Unix, a self-signed
    /// one must not be revoked by CRLs of its own, as in OpenSSL.
    Chain,
}

/// What happens to a certificate whose revocation status is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnknownRevocation {
    /// It is accepted. An outdated CRL is still read: what it revokes is revoked.
    #[default]
    Allow,
    /// It is refused, and so is one that only an outdated CRL covers. On Unix, so is the
    /// certificate of a server that must staple an OCSP response (RFC 7633) and does not.
    Reject,
}

/// What the verifier really found about revocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RevocationOutcome {
    /// What the policy requires.
    pub requested: RevocationCheck,
    /// For which certificates a valid answer was found: all that are required if this equals
    /// [`requested`](Self::requested), fewer if the policy allows an unknown status.
    pub checked: RevocationCheck,
    /// Who says that the end entity is not revoked, on Unix: the first of several. `None` if nobody
    /// does, and on other systems, which do not tell.
    pub answered_by: Option<RevocationSource>,
    /// Until when that answer holds, if it says so.
    pub until: Option<UnixTime>,
    /// What CRLite filters on the disk say about the end entity, with the feature `crlite`. `None` if
    /// they were not asked: see [`Revocation`].
    pub crlite: Option<CrliteAnswer>,
}

impl RevocationOutcome {
    pub(crate) fn new(requested: RevocationCheck, checked: RevocationCheck) -> Self {
        Self { requested, checked, ..Self::default() }
    }
}

/// Who says that a certificate is not revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationSource {
    /// A CRL that the caller gave.
    Crl,
    /// The OCSP response that the peer stapled.
    OcspResponse,
    /// A CRLite filter on the disk.
    Crlite,
}

/// What CRLite filters on the disk say about a certificate that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CrliteAnswer {
    /// It is not revoked.
    #[non_exhaustive]
    NotRevoked {
        /// Until when this holds: ten days after the data was made.
        until: UnixTime,
    },
    /// No filter covers it or its issuer.
    NotCovered,
    /// It has no signed certificate timestamps (RFC 6962), by which filters are chosen.
    NoTimestamps,
    /// It is in none of the lists, but they are more than ten days old.
    #[non_exhaustive]
    Stale {
        /// The age of the data in days.
        days: u32,
    },
    /// There is no data, or it cannot be read, or it claims to be of a time in the future.
    Unusable,
}
