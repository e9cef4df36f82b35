//! The builder of verifiers.
//!
//! Tests: `tests/verifier.rs`.

use std::borrow::Borrow;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use pki_types::{CertificateDer, SignatureVerificationAlgorithm};

use crate::algorithms;
use crate::cert::der::Malformed;
use crate::cert::{Cert, CertIndex};
use crate::error::BuildError;
use crate::platform::{self, Platform};
use crate::policy::{Purpose, Revocation};
use crate::refused::{BadSetting, Unreadable};
use crate::revocation::Crl;
use crate::revocation::crlite::Crlite;
use crate::settings::{Config, Settings};
use crate::store::{
    AnchorSet, Handle, INTERMEDIATES_VARIABLE, IntermediatesDir, Source, StoreEntry, SystemStore,
    TrustSettings,
};
use crate::verifier::Verifier;

impl Verifier {
    /// Verifies servers against the operating system's store: the right choice for most
    /// programs.
    ///
    /// Infallible and lazy: nothing is read before the first verification, and an empty or
    /// unreadable store shows as a failed verification that lists every place tried. On Unix
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` are read now, their files later.
    pub fn system() -> Self {
        let config = Self::builder().into_config();
        // The defaults ask for nothing that could be refused; without an engine every chain is.
        let engine = Arc::new(platform::Engine::new(&config).unwrap_or_default());
        Self::from_parts(config, engine)
    }

    /// A builder with the defaults: the system's trust anchors, server purpose, no revocation
    /// checks.
    ///
    /// On Unix `SSL_CERT_FILE` and `SSL_CERT_DIR` are read now; [`VerifierBuilder::build`]
    /// and a clone's `build` look at no environment variable, so they may run in any thread.
    pub fn builder() -> VerifierBuilder {
        let builder = Self::builder_on(Handle::for_process());
        builder.with_env(|name| std::env::var_os(name))
    }

    /// As [`builder`](Self::builder), with the values of environment variables from the caller:
    /// `variable` is called here, and the process's own environment is not looked at. For hosts
    /// whose threads may change that at any time, such as an interpreter without a global lock.
    pub fn builder_with_env(variable: impl Fn(&str) -> Option<OsString>) -> VerifierBuilder {
        Self::builder_on(Handle::for_variables(&variable)).with_env(variable)
    }

    pub(crate) fn builder_on(system: Arc<Handle>) -> VerifierBuilder {
        VerifierBuilder::on(system)
    }
}

/// Settings for a [`Verifier`].
#[derive(Clone, Debug)]
#[must_use]
pub struct VerifierBuilder {
    system: Arc<Handle>,
    system_roots: Option<bool>,
    extra: Vec<(CertificateDer<'static>, Option<TrustSettings>, Source)>,
    fallback: Vec<CertificateDer<'static>>,
    pinned: Vec<CertificateDer<'static>>,
    intermediates: Vec<CertificateDer<'static>>,
    intermediates_dirs: Vec<Arc<IntermediatesDir>>,
    purpose: Purpose,
    revocation: Revocation,
    crls: Vec<Crl>,
    crlite: Option<Arc<Crlite>>,
    without_crlite: bool,
    algorithms: Arc<[&'static dyn SignatureVerificationAlgorithm]>,
    common_name: bool,
    strict: bool,
    ignore_validity: bool,
    remember_signatures: bool,
    weak_keys: bool,
}

impl VerifierBuilder {
    /// The current snapshot of the system store that this builder's verifiers use, as
    /// [`SystemStore::snapshot`] is for the process. Reads no environment variable.
    pub fn system_store(&self) -> Arc<SystemStore> {
        self.system.store()
    }

    /// Whether the operating system's trust anchors are trusted. Default: `true`. With `false` and
    /// [`extra_roots`](Self::extra_roots), only those are trusted.
    pub fn system_roots(mut self, yes: bool) -> Self {
        self.system_roots = Some(yes);
        self
    }

    /// Whether what the distribution distrusts in addition to its bundle is rejected, on Unix: end
    /// entities issued after a date by root certificates that it trusts only until then, and
    /// certificates that it, or the administrator, distrusts. Default: `true`. It never applies
    /// where an environment variable names the store. [`SystemStore::distrust_sources`] lists the
    /// files.
    pub fn distribution_distrust(mut self, yes: bool) -> Self {
        self.system = self.system.with_distrust(yes);
        self
    }

    /// Adds trust anchors. They are vetted like the system's; one that is not a CA is accepted
    /// as an end entity only. Can be called again to add more.
    pub fn extra_roots<'a>(
        mut self,
        certs: impl IntoIterator<Item = impl Borrow<CertificateDer<'a>>>,
    ) -> Self {
        self.extra.extend(owned(certs).map(|cert| (cert, None, Source::ExtraRoots)));
        self
    }

    /// As [`extra_roots`](Self::extra_roots), each with the trust settings that it was read with,
    /// for example by [`files::read`](crate::files::read): a certificate whose settings leave the
    /// purpose out is distrusted for it, wherever it stands in a path.
    pub fn extra_roots_with_trust<'a>(
        self,
        certs: impl IntoIterator<Item = (impl Borrow<CertificateDer<'a>>, Option<TrustSettings>)>,
    ) -> Self {
        self.extra_roots_of(&Source::ExtraRoots, certs)
    }

    /// As [`extra_roots_with_trust`](Self::extra_roots_with_trust), with a name for where they come
    /// from, such as a file: verdicts and reports then call them [`Source::Named`]. Of several
    /// places with the same certificate the first is named.
    pub fn extra_roots_from<'a>(
        self,
        name: impl Into<Arc<str>>,
        certs: impl IntoIterator<Item = (impl Borrow<CertificateDer<'a>>, Option<TrustSettings>)>,
    ) -> Self {
        self.extra_roots_of(&Source::Named(name.into()), certs)
    }

    fn extra_roots_of<'a>(
        mut self,
        source: &Source,
        certs: impl IntoIterator<Item = (impl Borrow<CertificateDer<'a>>, Option<TrustSettings>)>,
    ) -> Self {
        let owned = |(cert, trust): (_, Option<TrustSettings>)| {
            let cert = Borrow::<CertificateDer<'a>>::borrow(&cert).clone().into_owned();
            (cert, trust, source.clone())
        };
        self.extra.extend(certs.into_iter().map(owned));
        self
    }

    /// Adds trust anchors that are trusted only while the system store has no usable one. Can be
    /// called again to add more.
    ///
    /// For Mozilla's roots take the crate `webpki-root-certs`:
    ///
    /// ```
    /// use trustbridge::Verifier;
    ///
    /// let verifier = Verifier::builder()
    ///     .fallback_roots(webpki_root_certs::TLS_SERVER_ROOT_CERTS)
    ///     .build()?;
    /// # let _ = verifier;
    /// # Ok::<(), trustbridge::BuildError>(())
    /// ```
    ///
    /// `webpki-roots` has the same roots without their certificates: without the validity and the
    /// extensions that a trust anchor is vetted by, and without the certificate that an error names. It adds
    /// the name constraints that Mozilla imposes on a root (in 2026, `.tr` on one). No certificate contains
    /// them, so here that root is trusted for every name; leave it out if that matters to you.
    pub fn fallback_roots<'a>(
        mut self,
        certs: impl IntoIterator<Item = impl Borrow<CertificateDer<'a>>>,
    ) -> Self {
        self.fallback.extend(owned(certs));
        self
    }

    /// Accepts exactly this end entity, compared byte by byte, and **nothing else**: with a
    /// pinned certificate no trust anchor is used. Validity, purpose and name are still checked.
    /// Can be called again to pin more, such as the next certificate before a change.
    pub fn pinned_leaf(mut self, cert: CertificateDer<'_>) -> Self {
        self.pinned.push(cert.into_owned());
        self
    }

    /// Adds untrusted certificates that may help to build a path, for servers that forget to
    /// send their intermediates. Can be called again to add more.
    pub fn intermediates<'a>(
        mut self,
        certs: impl IntoIterator<Item = impl Borrow<CertificateDer<'a>>>,
    ) -> Self {
        self.intermediates.extend(owned(certs));
        self
    }

    /// Adds a directory of untrusted certificates, as [`intermediates`](Self::intermediates) are.
    /// Can be called again to add more.
    ///
    /// Every file in it is read, PEM or DER, whatever its name, but for hidden ones and
    /// subdirectories. Nothing is read before a path is missing; then those certificates that may
    /// complete it are verified as if the peer had sent them, on Windows and Apple systems by the
    /// system. Changes are seen within a second. At most 1,000 files, 1 MiB of each and 16 MiB in all
    /// are read, and at most 32 certificates are added to a chain.
    ///
    /// The directory that `TRUSTBRIDGE_INTERMEDIATES_DIR` names is there from the beginning, for
    /// programs that cannot be changed. One with raised privileges ignores the variable.
    ///
    /// No error: what cannot be read is in
    /// [`VerifyError::searched_intermediates`](crate::VerifyError::searched_intermediates), and in its report.
    pub fn intermediates_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.intermediates_dirs.push(Arc::new(IntermediatesDir::new(path.as_ref())));
        self
    }

    /// What the peer's certificate is used for. Default: [`Purpose::ServerAuth`].
    pub fn purpose(mut self, purpose: Purpose) -> Self {
        self.purpose = purpose;
        self
    }

    /// How revocation is checked. Default: not at all.
    pub fn revocation(mut self, revocation: Revocation) -> Self {
        self.revocation = revocation;
        self
    }

    /// CRLs that were read before, beside those of [`Revocation::crls`]: verifiers share what was
    /// read of them. One that cannot be used is no error here. It stops others of its issuer from
    /// proving that a certificate is good.
    pub fn crls(mut self, crls: impl IntoIterator<Item = Crl>) -> Self {
        self.crls.extend(crls);
        self
    }

    /// Whether the CRLite filters that upki keeps on the disk are asked, on Unix. Default: `true`.
    /// [`Revocation`] says what follows from their answers.
    ///
    /// They are in the directory that the user's configuration of upki names, or else
    /// `/etc/upki/config.toml`, or else in the user's cache or `/var/cache/upki`, in `revocation`. A
    /// program with raised privileges ignores the user's. Needs the feature `aws-lc-rs` or `ring`.
    #[cfg(feature = "crlite")]
    pub fn distribution_revocation(mut self, yes: bool) -> Self {
        self.without_crlite = !yes;
        self
    }

    /// The algorithms accepted in signatures of certificates and CRLs, on Unix. Default: those of
    /// the feature `aws-lc-rs` or else `ring`. The rustls adapter sets those of the caller's
    /// `CryptoProvider`.
    pub fn signature_algorithms(
        mut self,
        algorithms: impl Into<Arc<[&'static dyn SignatureVerificationAlgorithm]>>,
    ) -> Self {
        self.algorithms = algorithms.into();
        self
    }

    /// Compares a DNS name with the subject's common name where the end entity has no DNS
    /// subjectAltName. RFC 9525 section 2 forbids it, for certificates of the last century;
    /// never used below a CA with name constraints. Only on Unix. Default: `false`.
    pub fn danger_match_common_name(mut self, yes: bool) -> Self {
        self.common_name = yes;
        self
    }

    /// Also requires what OpenSSL's `X509_V_FLAG_X509_STRICT` requires of the profile of
    /// RFC 5280 section 4: key identifiers, critical basicConstraints, key usage of CAs and the
    /// like. Only on Unix. Default: `false`.
    pub fn strict(mut self, yes: bool) -> Self {
        self.strict = yes;
        self
    }

    /// Ignores the validity periods of certificates and CRLs, as OpenSSL's
    /// `X509_V_FLAG_NO_CHECK_TIME` does: for devices without a clock. A certificate that expired
    /// long ago, whose key may be known to anyone by now, is accepted. Only on Unix. Default:
    /// `false`.
    pub fn danger_ignore_validity(mut self, yes: bool) -> Self {
        self.ignore_validity = yes;
        self
    }

    /// Whether a signature that was verified once in this process is accepted the next time: the
    /// same key, message and signature, byte for byte, with the same algorithm. Default: `true`.
    ///
    /// Only good signatures are remembered, in at most 1 MiB for all verifiers. Whatever depends on
    /// the time, the name, the store, CRLs or settings is checked every time. With `false` the
    /// verifier neither uses nor fills that memory: then a peer cannot tell from the time of a
    /// handshake whether this process has seen its certificates before. Only on Unix.
    pub fn remember_signatures(mut self, yes: bool) -> Self {
        self.remember_signatures = yes;
        self
    }

    /// Also accepts RSA keys of 1024 to 2047 bits, and RSA signatures with SHA-1 (PKCS #1) of
    /// certificates below the trust anchor: for devices that cannot be replaced. Both can be forged
    /// by those who have the means, so give such a device a verifier of its own that trusts nothing
    /// but its CA, or pin its certificate. Only on Unix. Default: `false`.
    ///
    /// A chain is first verified without this. [`Verified::weaknesses`](crate::Verified::weaknesses)
    /// says what it was needed for. The algorithms are those of the feature `aws-lc-rs` or else
    /// `ring`, also under rustls: RSA with SHA-1, SHA-256 or SHA-512. Not accepted: ECDSA with SHA-1,
    /// which neither has, weak signatures with PSS or SHA-384, MD5, and weak signatures of CRLs and
    /// OCSP responses.
    ///
    /// In handshakes with rustls 0.23 a peer with such a key must sign with RSA PKCS #1 and SHA-256 or
    /// SHA-512, so only in TLS 1.2; the adapter prefers these schemes then. The adapter for 0.24 does
    /// not accept weak keys in handshakes.
    pub fn danger_allow_weak_keys(mut self, yes: bool) -> Self {
        self.weak_keys = yes;
        self
    }

    /// Checks the settings and freezes them. Reads no file.
    ///
    /// # Errors
    ///
    /// [`BuildError`] names the setting, and the certificate or CRL by its place.
    pub fn build(self) -> Result<Verifier, BuildError> {
        let extra: Vec<_> = self.extra.iter().map(|(cert, ..)| cert).collect();
        for (given_to, certs) in [
            ("extra_roots", extra),
            ("fallback_roots", self.fallback.iter().collect()),
            ("pinned_leaf", self.pinned.iter().collect()),
            ("intermediates", self.intermediates.iter().collect()),
        ] {
            for (index, cert) in certs.into_iter().enumerate() {
                Cert::parse(cert).map_err(|Malformed(field)| BadSetting::Certificate {
                    given_to,
                    index,
                    why: Unreadable::Malformed(field),
                })?;
            }
        }
        let given = self.revocation.crls.len();
        let config = self.into_config();
        let engine = Arc::new(platform::Engine::new(&config)?);
        config.unreadable_crl(given).map_or(Ok(()), Err)?;
        Ok(Verifier::from_parts(config, engine))
    }
}

impl VerifierBuilder {
    pub(crate) fn on(system: Arc<Handle>) -> Self {
        Self {
            system,
            system_roots: None,
            extra: Vec::new(),
            fallback: Vec::new(),
            pinned: Vec::new(),
            intermediates: Vec::new(),
            intermediates_dirs: Vec::new(),
            purpose: Purpose::default(),
            revocation: Revocation::default(),
            crls: Vec::new(),
            crlite: None,
            without_crlite: false,
            algorithms: algorithms::default(),
            common_name: false,
            strict: false,
            ignore_validity: false,
            remember_signatures: true,
            weak_keys: false,
        }
    }

    /// Takes what environment variables say beside the store.
    fn with_env(mut self, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        self.crlite = Crlite::of_environment(&variable);
        #[cfg(not(windows))]
        let is_raised = crate::privileges::are_raised();
        #[cfg(windows)]
        let is_raised = false;
        match variable(INTERMEDIATES_VARIABLE).filter(|value| !value.is_empty() && !is_raised) {
            Some(path) => self.intermediates_dir(path.as_os_str()),
            None => self,
        }
    }

    pub(crate) fn into_config(self) -> Config {
        let extra = self.extra.into_iter();
        let extra = extra.map(|(cert, trust, source)| StoreEntry::new(cert, source, trust));
        let fallback = self.fallback.into_iter();
        let fallback = fallback.map(|cert| StoreEntry::new(cert, Source::FallbackRoots, None));
        let mut revocation = self.revocation;
        let given = std::mem::take(&mut revocation.crls).into_iter().map(Crl::new);
        let crls = given.chain(self.crls).collect();
        let settings = Settings {
            system: self.system_roots.unwrap_or(true).then_some(self.system),
            #[cfg(any(feature = "rustls-0_23", feature = "rustls-0_24"))]
            system_chosen: self.system_roots.is_some(),
            extra: AnchorSet::new(extra),
            fallback: AnchorSet::new(fallback),
            pinned: self.pinned,
            intermediates: CertIndex::new(self.intermediates),
            intermediates_dirs: self.intermediates_dirs,
            requested: self.purpose,
            revocation,
            crls,
            crlite: self.crlite.filter(|_| !self.without_crlite),
            common_name: self.common_name,
            strict: self.strict,
            ignore_validity: self.ignore_validity,
            remember_signatures: self.remember_signatures,
            allow_weak_keys: self.weak_keys,
        };
        Config::new(self.algorithms, Arc::new(settings))
    }
}

fn owned<'a>(
    certs: impl IntoIterator<Item = impl Borrow<CertificateDer<'a>>>,
) -> impl Iterator<Item = CertificateDer<'static>> {
    certs.into_iter().map(|cert| cert.borrow().clone().into_owned())
}
