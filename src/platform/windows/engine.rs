//! Windows decides: `CertGetCertificateChain` builds the chain and
//! `CertVerifyCertificateChainPolicy` applies the SSL policy to it. Both must be content.
//!
//! The system's engine is asked first. Only if it knows no path to a trusted root, a second
//! engine is asked that trusts nothing but the caller's own roots. ROOT is never listed to verify:
//! Windows puts roots there on demand.

#![allow(unsafe_code)]

use std::cell::OnceCell;
use std::fmt;
use std::io;
use std::mem::offset_of;
use std::ptr;
use std::sync::OnceLock;

use pki_types::CertificateDer;
use schannel::RawPointer;
use schannel::cert_chain::CertChainContext;
use schannel::cert_context::CertContext;
use schannel::cert_store::{CertStore, CertStoreBuilder, Memory};
use windows_sys::Win32::Foundation::{FILETIME, GetLastError};
use windows_sys::Win32::Security::Cryptography as crypt;
use windows_sys::Win32::System::Diagnostics::Debug as debug;
use windows_sys::core::BOOL;

use super::super::Platform;
use super::codes::{self, OwnRoots, Status};
use crate::checks;
use crate::error::{BuildError, ErrorKind, NearMiss, OsCode, Searched, Summary, VerifyError};
use crate::policy::Purpose;
use crate::store::{AnchorSet, Refusal, STORE, Source, StoreEntry};
use crate::verifier::{Anchor, Config, Peer, Verified};
use crate::x509::{self, Cert, KEY_CERT_SIGN};

/// Most milliseconds for fetching: of all revocation data of a chain together, and of each
/// issuer's certificate. Windows' own default is 15 s each.
const FETCH_TIMEOUT_MS: u32 = 5_000;

/// What can be prepared once, and the engines for the caller's own roots, built when needed.
#[derive(Default)]
pub(crate) struct Engine {
    /// The caller's intermediates, roots and CRLs. Untrusted: it only helps to build paths.
    /// `None` only in a verifier whose settings were refused.
    known: Option<CertStore>,
    extra: OnceLock<Result<ChainEngine, OsError>>,
    extra_and_fallback: OnceLock<Result<ChainEngine, OsError>>,
}

impl Platform for Engine {
    fn new(config: &Config) -> Result<Self, BuildError> {
        for (set, setting) in
            [(config.common_name, "danger_match_common_name"), (config.strict, "strict")]
        {
            if set {
                let reason = "Windows has no such switch".to_owned();
                return Err(BuildError::Unsupported { setting, reason });
            }
        }
        let refused = |given_to| {
            move |(index, error): (usize, OsError)| BuildError::BadCertificate {
                given_to,
                index,
                reason: error.to_string(),
            }
        };
        let unusable = |error: OsError| BuildError::Unsupported {
            setting: "build",
            reason: format!("no certificate store in memory: {error}"),
        };
        let mut known = Memory::new().map_err(|error| unusable(error.into()))?;
        let intermediates = config.intermediates.iter();
        add_all(&mut known, intermediates).map_err(refused("intermediates"))?;
        for (given_to, set) in
            [("extra_roots", &config.extra), ("fallback_roots", &config.fallback)]
        {
            let certs = set.entries().iter().map(StoreEntry::certificate);
            add_all(&mut known, certs).map_err(refused(given_to))?;
        }
        let known = known.into_store();
        for (index, crl) in config.revocation.crls.iter().enumerate() {
            add_crl(&known, crl)
                .map_err(|error| BuildError::BadCrl { index, reason: error.to_string() })?;
        }
        Ok(Self { known: Some(known), ..Self::default() })
    }

    fn verify(
        &self,
        config: &Config,
        leaf: &Cert<'_>,
        peer: &Peer<'_>,
    ) -> Result<Verified, VerifyError> {
        let mut search = Search::new(self, config, leaf, peer);
        search.run().map_err(|mut error| {
            let inner = error.inner_mut();
            inner.searched = search.searched();
            let anchor_at_fault = inner.depth.is_some_and(|depth| depth > 0);
            if inner.kind.is_missing_path() || anchor_at_fault {
                inner.near_misses = search.near_misses();
            }
            error
        })
    }
}

/// One verification.
struct Search<'a> {
    engine: &'a Engine,
    config: &'a Config,
    leaf: &'a Cert<'a>,
    peer: &'a Peer<'a>,
    system_is_empty: OnceCell<bool>,
    /// The caller's roots that were asked.
    own: OwnRoots,
    /// The last certificate of the last chain that Windows built.
    top: Option<CertificateDer<'static>>,
}

impl<'a> Search<'a> {
    fn new(engine: &'a Engine, config: &'a Config, leaf: &'a Cert<'a>, peer: &'a Peer<'a>) -> Self {
        let own = OwnRoots::None;
        Self { engine, config, leaf, peer, system_is_empty: OnceCell::new(), own, top: None }
    }

    fn run(&mut self) -> Result<Verified, VerifyError> {
        if !may_be_shown(self.leaf.der) {
            return Err(VerifyError::new(ErrorKind::WrongPurpose).at(0));
        }
        let question =
            Question::new(self.engine, self.leaf, self.peer).map_err(OsError::cannot_check)?;
        let mut refusal = VerifyError::new(ErrorKind::NoTrustAnchors).at(0);
        if self.config.system.is_some() {
            let answer = self.ask(&question, None)?;
            match self.judge(&answer) {
                Ok(()) => {
                    return self.verified(answer, Source::System(STORE.into()));
                }
                Err(error) if !answer.status.only_lacks_a_root() => return Err(error),
                Err(error) => refusal = error,
            }
        }

        self.own = codes::own_roots(
            !self.config.extra.entries().is_empty(),
            !self.config.fallback.entries().is_empty(),
            self.config.system.is_some(),
            || self.system_is_empty(),
        );
        match self.ask_own_roots(&question) {
            Some(Ok(verified)) => return Ok(verified),
            Some(Err(error)) => refusal = error,
            None => {}
        }
        // A certificate of the caller's that is the end entity itself is trusted whole, whoever
        // issued it, unless its revocation has been decided on.
        if refusal.kind().rank() < ErrorKind::RevocationUnknown.rank() {
            if let Some(entry) = self.own_entry(self.leaf.der) {
                return self.whole_leaf(entry);
            }
        }
        if refusal.kind().is_missing_path() && self.no_anchor_at_all() {
            refusal.inner_mut().kind = ErrorKind::NoTrustAnchors;
        }
        Err(refusal)
    }

    /// Asks the engine that trusts only the caller's roots; `None` if none were given.
    fn ask_own_roots(&mut self, question: &Question) -> Option<Result<Verified, VerifyError>> {
        let once = match self.own {
            OwnRoots::None => return None,
            OwnRoots::Extra => &self.engine.extra,
            OwnRoots::ExtraAndFallback => &self.engine.extra_and_fallback,
        };
        let roots = self.own_sets().flat_map(AnchorSet::entries);
        let engine = match once.get_or_init(|| ChainEngine::exclusive(roots)) {
            Ok(engine) => engine,
            Err(error) => return Some(Err(error.cannot_check())),
        };
        Some(self.ask(question, Some(engine)).and_then(|answer| {
            let verdict = self.judge(&answer);
            if verdict.as_ref().is_err_and(|e| e.kind().rank() >= ErrorKind::Revoked.rank()) {
                return verdict.and_then(|()| Err(unexpected()));
            }
            let anchor = answer.chain.last().and_then(|anchor| self.own_entry(anchor));
            let refusal = anchor.and_then(|entry| self.refused_root(entry, &answer));
            match (verdict, anchor, refusal) {
                (_, _, Some(refusal)) => Err(refusal),
                (Ok(()), Some(entry), None) => self.verified(answer, entry.source().clone()),
                (Ok(()), None, None) => Err(unexpected()),
                (Err(error), _, None) => Err(error),
            }
        }))
    }

    fn ask(
        &mut self,
        question: &Question,
        engine: Option<&ChainEngine>,
    ) -> Result<Answer, VerifyError> {
        let answer = question.ask(engine, self.config).map_err(OsError::cannot_check)?;
        // The verdict must be about the certificate of the peer, whatever Windows was caching.
        if answer.chain.first().is_none_or(|first| first.as_ref() != self.leaf.der) {
            return Err(unexpected());
        }
        self.top = answer.chain.last().cloned();
        Ok(answer)
    }

    /// The verdict of Windows and, where that is no worse, of the peer's name: Windows compares
    /// it with the common name too, this crate does not (RFC 9525 section 2).
    fn judge(&self, answer: &Answer) -> Result<(), VerifyError> {
        let certs = answer.certs();
        let ignored = codes::ignored_bits(&self.config.revocation);
        let verdict = answer.status.verdict(&certs, ignored, self.peer.time);
        let verdict = match verdict.and_then(|()| strengths(&certs)) {
            Ok(()) => self.name(),
            Err(error) if error.kind().is_missing_path() => Err(error),
            // A wrong name says more than what else is wrong, as on Unix.
            Err(error) if error.kind().rank() < ErrorKind::Revoked.rank() => match self.name() {
                Err(misnamed) if misnamed.kind() == ErrorKind::NameMismatch => Err(misnamed),
                _ => Err(error),
            },
            Err(error) => Err(error),
        };
        verdict.map_err(|error| {
            let mut error = match answer.status.code() {
                (0, _) => error,
                (code, name) => error.os(os_code(code, &name)),
            };
            let inner = error.inner_mut();
            if inner.kind == ErrorKind::NameMismatch {
                inner.presented = self.leaf.presented_names();
            }
            inner.chain = summaries(&certs);
            error
        })
    }

    fn name(&self) -> Result<(), VerifyError> {
        checks::name(self.leaf, self.config, self.peer, true)
    }

    fn verified(&self, answer: Answer, source: Source) -> Result<Verified, VerifyError> {
        let Some(certificate) = answer.chain.last().cloned() else { return Err(unexpected()) };
        Ok(Verified {
            revocation: answer.status.revocation(self.config.revocation.check),
            chain: answer.chain,
            anchor: Anchor { certificate, source },
        })
    }

    fn whole_leaf(&self, entry: &StoreEntry) -> Result<Verified, VerifyError> {
        checks::end_entity(self.leaf, self.config, self.peer.time)?;
        self.name()?;
        Ok(Verified {
            revocation: checks::unknown_revocation(self.config)?,
            chain: vec![self.leaf.to_der()],
            anchor: Anchor {
                certificate: entry.certificate().clone(),
                source: entry.source().clone(),
            },
        })
    }

    /// The error of a chain that ends in one of the caller's roots, if that is not fit to be a
    /// trust anchor. Roots are vetted as on Unix, whatever Windows thinks of them.
    fn refused_root(&self, entry: &StoreEntry, answer: &Answer) -> Option<VerifyError> {
        let refusal = entry.refusal(self.config.purpose, self.peer.time)?;
        // Windows may not know the algorithm of a weak key at all.
        if answer.status.has_bad_signature() && refusal != Refusal::WeakKey {
            return None;
        }
        let depth = answer.chain.len().saturating_sub(1);
        let mut error = VerifyError::new(refusal.kind()?).at(depth).detail(format!(
            "\"{}\" in {}: {refusal}",
            entry.subject(),
            entry.source()
        ));
        let inner = error.inner_mut();
        inner.limit = refusal.validity_limit();
        inner.chain = summaries(&answer.certs());
        Some(error)
    }

    /// The caller's roots that count, as far as they have been asked.
    fn own_sets(&self) -> impl Iterator<Item = &'a AnchorSet> + use<'a> {
        let (extra, fallback) = match self.own {
            OwnRoots::None => (None, None),
            OwnRoots::Extra => (Some(&self.config.extra), None),
            OwnRoots::ExtraAndFallback => (Some(&self.config.extra), Some(&self.config.fallback)),
        };
        extra.into_iter().chain(fallback)
    }

    fn own_entry(&self, der: &[u8]) -> Option<&'a StoreEntry> {
        let subject = x509::subject_of(der)?;
        self.own_sets().find_map(|set| {
            set.with_subject(subject).find(|entry| entry.certificate().as_ref() == der)
        })
    }

    fn system_is_empty(&self) -> bool {
        *self.system_is_empty.get_or_init(|| {
            let root = CertStoreBuilder::new().read_only().open_current_user("ROOT");
            root.map_or(true, |root| root.certs().next().is_none())
        })
    }

    fn no_anchor_at_all(&self) -> bool {
        let (purpose, time) = (self.config.purpose, self.peer.time);
        !self.own_sets().any(|set| set.has_usable(purpose, time))
            && (self.config.system.is_none() || self.system_is_empty())
    }

    fn searched(&self) -> Vec<Searched> {
        let place = |source| Searched { source, usable: None, refused: 0, problems: Vec::new() };
        let mut out = Vec::new();
        if self.config.system.is_some() {
            let mut system = place(Source::System(STORE.into()));
            if self.system_is_empty.get() == Some(&true) {
                system.problems.push("it cannot be opened or is empty".to_owned());
            }
            out.push(system);
        }
        for set in self.own_sets() {
            let (purpose, time) = (self.config.purpose, self.peer.time);
            let Some(first) = set.entries().first() else { continue };
            let total = set.entries().len();
            let refused =
                set.entries().iter().filter(|e| e.refusal(purpose, time).is_some()).count();
            out.push(Searched {
                usable: Some(total - refused),
                refused,
                ..place(first.source().clone())
            });
        }
        out
    }

    /// The caller's roots that have the name of the missing one, and why they do not count.
    fn near_misses(&self) -> Vec<NearMiss> {
        let top = self.top.as_ref().and_then(|cert| Cert::parse(cert).ok());
        let top = top.as_ref().unwrap_or(self.leaf);
        let entries = self.own_sets().flat_map(|set| set.with_subject(top.issuer));
        entries
            .filter_map(|entry| {
                let other_key = || {
                    let root = Cert::parse(entry.certificate()).ok()?;
                    top.names_another_key_than(&root).then_some(Refusal::DifferentKey)
                };
                let refusal = entry.refusal(self.config.purpose, self.peer.time);
                Some(NearMiss {
                    subject: entry.subject(),
                    source: entry.source().clone(),
                    reason: refusal.or_else(other_key)?,
                })
            })
            .collect()
    }
}

/// Whether the core can read a certificate and its key usage, if there is one, allows anything,
/// as RFC 5280 section 4.2.1.3 requires: Wine 8 crashes over an empty one.
fn may_be_shown(der: &[u8]) -> bool {
    Cert::parse(der).is_ok_and(|cert| cert.extensions.key_usage != Some(0))
}

/// Whether a certificate of the caller's may be a root at all. One that is not a CA can only be
/// trusted as the end entity itself.
fn may_issue(entry: &StoreEntry) -> bool {
    Cert::parse(entry.certificate())
        .is_ok_and(|cert| cert.is_ca() && cert.key_usage_allows(KEY_CERT_SIGN))
}

fn unexpected() -> VerifyError {
    VerifyError::new(ErrorKind::CannotCheck)
        .detail("Windows answered with a chain that was not asked for")
}

/// What both engines are asked, in the terms of Windows.
struct Question {
    leaf: CertContext,
    /// Untrusted certificates and CRLs that help to build a path.
    help: CertStore,
    time: FILETIME,
    /// UTF-16 with its final 0.
    name: Option<Vec<u16>>,
}

/// A chain as Windows built it, and what it says about it.
struct Answer {
    chain: Vec<CertificateDer<'static>>,
    status: Status,
}

impl Answer {
    /// The certificates as far as they can be read: Windows is more lenient in places.
    fn certs(&self) -> Vec<Option<Cert<'_>>> {
        self.chain.iter().map(|cert| Cert::parse(cert).ok()).collect()
    }
}

fn summaries(certs: &[Option<Cert<'_>>]) -> Vec<Summary> {
    certs.iter().map_while(|cert| cert.as_ref().map(Cert::summary)).collect()
}

fn strengths(certs: &[Option<Cert<'_>>]) -> Result<(), VerifyError> {
    let anchor = certs.len().saturating_sub(1);
    for (depth, cert) in certs.iter().enumerate() {
        match cert {
            Some(cert) => codes::strength(cert, depth == anchor).map_err(|e| e.at(depth))?,
            // Windows answers for its own roots.
            None if depth == anchor => {}
            None => return Err(VerifyError::new(ErrorKind::BadEncoding).at(depth)),
        }
    }
    Ok(())
}

impl Question {
    fn new(engine: &Engine, leaf: &Cert<'_>, peer: &Peer<'_>) -> Result<Self, OsError> {
        let (low, high) = codes::file_time(peer.time).ok_or(OsError::INVALID_ARGUMENT)?;
        let leaf = CertContext::new(leaf.der)?;
        if !peer.ocsp_response.is_empty() {
            staple(&leaf, peer.ocsp_response)?;
        }
        let mut sent = Memory::new()?;
        for cert in peer.chain.iter().skip(1).filter(|cert| may_be_shown(cert)) {
            // What Windows cannot read is of no use in a path and does no harm.
            let _ = sent.add_encoded_certificate(cert);
        }
        let known = engine.known.as_ref().ok_or(OsError::INVALID_ARGUMENT)?;
        Ok(Self {
            leaf,
            help: collection([&sent.into_store(), known])?,
            time: FILETIME { dwLowDateTime: low, dwHighDateTime: high },
            name: peer.name.as_ref().map(|name| {
                let text = name.to_str();
                // An absolute name is the same name; Windows would compare the dot.
                let text = text.strip_suffix('.').unwrap_or(&text);
                text.encode_utf16().chain([0]).collect()
            }),
        })
    }

    fn ask(&self, engine: Option<&ChainEngine>, config: &Config) -> Result<Answer, OsError> {
        let chain = self.build_chain(engine, config)?;
        let (policy, policy_element) = self.apply_policy(&chain, config)?;
        let (certs, bits, elements) = read_chain(&chain)?;
        let status = Status { chain: bits, elements, policy, policy_element };
        Ok(Answer { chain: certs, status })
    }

    fn build_chain(
        &self,
        engine: Option<&ChainEngine>,
        config: &Config,
    ) -> Result<CertChainContext, OsError> {
        let mut usage = match config.purpose {
            Purpose::ServerAuth => crypt::szOID_PKIX_KP_SERVER_AUTH.cast_mut(),
            Purpose::ClientAuth => crypt::szOID_PKIX_KP_CLIENT_AUTH.cast_mut(),
        };
        // No MD5 or SHA-1 below the root, RSA from 2048 bits, curves from 256.
        let mut strong = crypt::CERT_STRONG_SIGN_PARA {
            cbSize: size::<crypt::CERT_STRONG_SIGN_PARA>(),
            dwInfoChoice: crypt::CERT_STRONG_SIGN_OID_INFO_CHOICE,
            Anonymous: crypt::CERT_STRONG_SIGN_PARA_0 {
                pszOID: crypt::szOID_CERT_STRONG_SIGN_OS_1.cast_mut(),
            },
        };
        let para = crypt::CERT_CHAIN_PARA {
            cbSize: size::<crypt::CERT_CHAIN_PARA>(),
            RequestedUsage: crypt::CERT_USAGE_MATCH {
                dwType: crypt::USAGE_MATCH_TYPE_AND,
                Usage: crypt::CTL_USAGE { cUsageIdentifier: 1, rgpszUsageIdentifier: &mut usage },
            },
            dwUrlRetrievalTimeout: FETCH_TIMEOUT_MS,
            pStrongSignPara: &mut strong,
            ..Default::default()
        };
        let mut out = ptr::null_mut();
        // SAFETY: every pointer is to a live value: `self` holds the certificate, the store and
        // the time, the parameters and what they point to live in this function, and Windows
        // writes none of them but `out`. A null engine is the current user's.
        let ok = unsafe {
            crypt::CertGetCertificateChain(
                engine.map_or(ptr::null_mut(), |engine| engine.0),
                raw_cert(&self.leaf),
                &self.time,
                raw_store(&self.help),
                &para,
                codes::chain_flags(config.purpose, &config.revocation),
                ptr::null(),
                &mut out,
            )
        };
        check(ok)?;
        if out.is_null() {
            return Err(OsError::INVALID_ARGUMENT);
        }
        // SAFETY: Windows has just handed over this chain context, which is freed on drop.
        Ok(unsafe { CertChainContext::from_ptr(out.cast()) })
    }

    /// The SSL policy's error code, 0 for none, and the certificate it blames.
    fn apply_policy(
        &self,
        chain: &CertChainContext,
        config: &Config,
    ) -> Result<(u32, Option<usize>), OsError> {
        let name = self.name.as_ref().map_or(ptr::null_mut(), |name| name.as_ptr().cast_mut());
        let mut https = crypt::HTTPSPolicyCallbackData {
            Anonymous: crypt::HTTPSPolicyCallbackData_0 {
                cbSize: size::<crypt::HTTPSPolicyCallbackData>(),
            },
            dwAuthType: match config.purpose {
                Purpose::ServerAuth => crypt::AUTHTYPE_SERVER,
                Purpose::ClientAuth => crypt::AUTHTYPE_CLIENT,
            },
            fdwChecks: codes::ssl_checks(self.name.is_some()),
            pwszServerName: name,
        };
        let para = crypt::CERT_CHAIN_POLICY_PARA {
            cbSize: size::<crypt::CERT_CHAIN_POLICY_PARA>(),
            dwFlags: codes::policy_flags(&config.revocation),
            pvExtraPolicyPara: (&raw mut https).cast(),
        };
        let mut status = crypt::CERT_CHAIN_POLICY_STATUS {
            cbSize: size::<crypt::CERT_CHAIN_POLICY_STATUS>(),
            lElementIndex: -1,
            ..Default::default()
        };
        // SAFETY: the chain is live, and so are the parameters with the name they point to, which
        // Windows does not write; the extra parameter is the one that the SSL policy wants.
        let ok = unsafe {
            crypt::CertVerifyCertificateChainPolicy(
                crypt::CERT_CHAIN_POLICY_SSL,
                raw_chain(chain),
                &para,
                &mut status,
            )
        };
        // FALSE: the policy could not be checked, whatever the status says.
        check(ok)?;
        Ok((status.dwError, usize::try_from(status.lElementIndex).ok()))
    }
}

/// The certificates of a chain, its error bits and theirs.
fn read_chain(
    chain: &CertChainContext,
) -> Result<(Vec<CertificateDer<'static>>, u32, Vec<u32>), OsError> {
    const NONE: OsError = OsError::INVALID_ARGUMENT;
    // SAFETY: the context is live as long as `chain`, and everything in it is read only.
    let context = unsafe { raw_chain(chain).as_ref() }.ok_or(NONE)?;
    // SAFETY: the pointer and the count belong together.
    let chains = unsafe { slice(context.rgpChain, context.cChain) };
    // More than one only where a signed list of roots is given by the caller, which it is not.
    let [simple] = chains else { return Err(NONE) };
    // SAFETY: a pointer in a live context.
    let simple = unsafe { simple.as_ref() }.ok_or(NONE)?;
    // SAFETY: the pointer and the count belong together.
    let elements = unsafe { slice(simple.rgpElement, simple.cElement) };
    let (mut certs, mut bits) = (Vec::new(), Vec::new());
    for element in elements {
        // SAFETY: a pointer in a live context.
        let element = unsafe { element.as_ref() }.ok_or(NONE)?;
        // SAFETY: the same.
        let cert = unsafe { element.pCertContext.as_ref() }.ok_or(NONE)?;
        // SAFETY: the pointer and the count belong together.
        let der = unsafe { slice(cert.pbCertEncoded, cert.cbCertEncoded) };
        certs.push(CertificateDer::from(der.to_vec()));
        bits.push(element.TrustStatus.dwErrorStatus);
    }
    let whole = context.TrustStatus.dwErrorStatus | simple.TrustStatus.dwErrorStatus;
    Ok((certs, whole, bits))
}

/// # Safety
///
/// `first` is null or points to `count` values that live and do not change for `'a`.
unsafe fn slice<'a, T>(first: *const T, count: u32) -> &'a [T] {
    match usize::try_from(count) {
        // SAFETY: the caller's promise.
        Ok(count) if !first.is_null() && count > 0 => unsafe {
            std::slice::from_raw_parts(first, count)
        },
        _ => &[],
    }
}

/// An engine that trusts the caller's own roots and nothing else.
#[derive(Debug)]
struct ChainEngine(crypt::HCERTCHAINENGINE);

// SAFETY: Windows lets any thread use an engine and free it; the handle is no pointer to data
// of a thread.
unsafe impl Send for ChainEngine {}
// SAFETY: chain building takes the engine's own lock.
unsafe impl Sync for ChainEngine {}

impl Drop for ChainEngine {
    fn drop(&mut self) {
        // SAFETY: the handle came from `CertCreateCertificateChainEngine` and is freed once.
        unsafe { crypt::CertFreeCertificateChainEngine(self.0) }
    }
}

impl ChainEngine {
    fn exclusive<'e>(roots: impl Iterator<Item = &'e StoreEntry>) -> Result<Self, OsError> {
        let mut store = Memory::new()?;
        let mut any_cross_signed = false;
        for root in roots.filter(|root| may_issue(root)) {
            store.add_encoded_certificate(root.certificate())?;
            any_cross_signed |=
                Cert::parse(root.certificate()).is_ok_and(|cert| !cert.is_self_issued());
        }
        let store = store.into_store();
        let config = crypt::CERT_CHAIN_ENGINE_CONFIG {
            cbSize: BEFORE_EXCLUSIVE_FLAGS,
            dwUrlRetrievalTimeout: FETCH_TIMEOUT_MS,
            hExclusiveRoot: raw_store(&store),
            ..Default::default()
        };
        if any_cross_signed {
            // Without the flag only self-signed certificates anchor, with it any CA given. Where
            // the flag is not known such a root stays without effect: refused, not trusted.
            let with_flag = crypt::CERT_CHAIN_ENGINE_CONFIG {
                cbSize: size::<crypt::CERT_CHAIN_ENGINE_CONFIG>(),
                dwExclusiveFlags: crypt::CERT_CHAIN_EXCLUSIVE_ENABLE_CA_FLAG,
                ..config
            };
            match Self::create(&with_flag) {
                Err(OsError::INVALID_ARGUMENT) => {}
                result => return result,
            }
        }
        Self::create(&config)
    }

    fn create(config: &crypt::CERT_CHAIN_ENGINE_CONFIG) -> Result<Self, OsError> {
        let mut out = ptr::null_mut();
        // SAFETY: the configuration is as long as it says and its store is live; the engine takes
        // its own reference to the store.
        check(unsafe { crypt::CertCreateCertificateChainEngine(config, &mut out) })?;
        Ok(Self(out))
    }
}

/// Adds certificates to a store; the error says which one Windows refused.
fn add_all<'c>(
    store: &mut Memory,
    certs: impl Iterator<Item = &'c CertificateDer<'static>>,
) -> Result<(), (usize, OsError)> {
    for (index, cert) in certs.enumerate().filter(|(_, cert)| may_be_shown(cert)) {
        store.add_encoded_certificate(cert).map_err(|error| (index, error.into()))?;
    }
    Ok(())
}

fn add_crl(store: &CertStore, crl: &[u8]) -> Result<(), OsError> {
    // SAFETY: the store is live, the pointer and the length are those of `crl`, and no context
    // is asked for.
    check(unsafe {
        crypt::CertAddEncodedCRLToStore(
            raw_store(store),
            crypt::X509_ASN_ENCODING,
            crl.as_ptr(),
            length(crl)?,
            crypt::CERT_STORE_ADD_ALWAYS,
            ptr::null_mut(),
        )
    })
}

/// Both stores seen as one, without copying.
fn collection(stores: [&CertStore; 2]) -> Result<CertStore, OsError> {
    // SAFETY: a collection takes no parameters.
    let handle =
        unsafe { crypt::CertOpenStore(crypt::CERT_STORE_PROV_COLLECTION, 0, 0, 0, ptr::null()) };
    if handle.is_null() {
        return Err(OsError::last());
    }
    // SAFETY: Windows has just handed over this store, which is closed on drop.
    let out = unsafe { CertStore::from_ptr(handle.cast()) };
    for store in stores {
        // SAFETY: both stores are live; the collection takes its own reference.
        check(unsafe { crypt::CertAddStoreToCollection(raw_store(&out), raw_store(store), 0, 0) })?;
    }
    Ok(out)
}

/// Puts the stapled OCSP response where Windows looks for it.
fn staple(leaf: &CertContext, response: &[u8]) -> Result<(), OsError> {
    let blob = crypt::CRYPT_INTEGER_BLOB {
        cbData: length(response)?,
        pbData: response.as_ptr().cast_mut(),
    };
    // SAFETY: the context is live; Windows copies the bytes of the blob and does not write them.
    check(unsafe {
        crypt::CertSetCertificateContextProperty(
            raw_cert(leaf),
            crypt::CERT_OCSP_RESPONSE_PROP_ID,
            0,
            (&raw const blob).cast(),
        )
    })
}

fn raw_cert(cert: &CertContext) -> *const crypt::CERT_CONTEXT {
    // SAFETY: the pointer is used only while `cert` lives, and frees nothing.
    unsafe { cert.as_ptr() }.cast()
}

fn raw_store(store: &CertStore) -> crypt::HCERTSTORE {
    // SAFETY: the handle is used only while `store` lives, and closes nothing.
    unsafe { store.as_ptr() }.cast()
}

fn raw_chain(chain: &CertChainContext) -> *const crypt::CERT_CHAIN_CONTEXT {
    // SAFETY: the pointer is used only while `chain` lives, and frees nothing.
    unsafe { chain.as_ptr() }.cast()
}

/// The size of a structure, as its `cbSize` says it.
#[expect(clippy::cast_possible_truncation, reason = "no structure of Windows is that large")]
const fn size<T>() -> u32 {
    size_of::<T>() as u32
}

/// The size of `CERT_CHAIN_ENGINE_CONFIG` without `dwExclusiveFlags`, which came with Windows 8
/// and which Wine refuses.
#[expect(clippy::cast_possible_truncation, reason = "no structure of Windows is that large")]
const BEFORE_EXCLUSIVE_FLAGS: u32 =
    offset_of!(crypt::CERT_CHAIN_ENGINE_CONFIG, dwExclusiveFlags) as u32;

fn length(bytes: &[u8]) -> Result<u32, OsError> {
    u32::try_from(bytes.len()).map_err(|_| OsError::INVALID_ARGUMENT)
}

/// An error code of Windows, where a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OsError(u32);

impl OsError {
    /// `E_INVALIDARG`.
    const INVALID_ARGUMENT: Self = Self(0x8007_0057);

    fn last() -> Self {
        // SAFETY: reads a number of this thread.
        Self(unsafe { GetLastError() })
    }

    fn cannot_check(self) -> VerifyError {
        let kind = match codes::code_kind(self.0) {
            Some(ErrorKind::BadEncoding) => ErrorKind::BadEncoding,
            _ => ErrorKind::CannotCheck,
        };
        VerifyError::new(kind).os(os_code(self.0, ""))
    }
}

impl From<io::Error> for OsError {
    fn from(error: io::Error) -> Self {
        let code = error.raw_os_error().unwrap_or_default();
        Self(u32::from_ne_bytes(code.to_ne_bytes()))
    }
}

impl fmt::Display for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OsCode { code, text } = os_code(self.0, "");
        write!(f, "{text} ({code:#x})")
    }
}

/// The one place where the BOOL of a call becomes a `Result`.
fn check(ok: BOOL) -> Result<(), OsError> {
    if ok == 0 { Err(OsError::last()) } else { Ok(()) }
}

/// The code with a name of ours, if there is one, and the text of Windows.
fn os_code(code: u32, name: &str) -> OsCode {
    let name = if name.is_empty() { codes::code_name(code) } else { name };
    let text = match (name, system_text(code)) {
        (name, None) => name.to_owned(),
        ("", Some(text)) => text,
        (name, Some(text)) => format!("{name}: {text}"),
    };
    OsCode::new(i64::from(code), text)
}

/// What Windows says about a code, in the user's language, on one line.
fn system_text(code: u32) -> Option<String> {
    const UNITS: u32 = 1024;
    let mut buffer = [0_u16; UNITS as usize];
    let flags = debug::FORMAT_MESSAGE_FROM_SYSTEM | debug::FORMAT_MESSAGE_IGNORE_INSERTS;
    // SAFETY: the size is the number of UTF-16 units that the buffer can take, not of bytes; the
    // message has no inserts.
    let written = unsafe {
        debug::FormatMessageW(flags, ptr::null(), code, 0, buffer.as_mut_ptr(), UNITS, ptr::null())
    };
    let text = buffer.get(..usize::try_from(written).ok()?)?;
    let text = String::from_utf16_lossy(text);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then(|| text.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use windows_sys::Win32::Foundation as found;

    use super::*;

    /// The numbers in the tables are those of the headers.
    #[test]
    fn numbers_are_those_of_windows() {
        let bits = [
            (crypt::CERT_TRUST_CTL_IS_NOT_SIGNATURE_VALID, "CTL_IS_NOT_SIGNATURE_VALID"),
            (crypt::CERT_TRUST_CTL_IS_NOT_TIME_VALID, "CTL_IS_NOT_TIME_VALID"),
            (crypt::CERT_TRUST_CTL_IS_NOT_VALID_FOR_USAGE, "CTL_IS_NOT_VALID_FOR_USAGE"),
            (crypt::CERT_TRUST_HAS_EXCLUDED_NAME_CONSTRAINT, "HAS_EXCLUDED_NAME_CONSTRAINT"),
            (crypt::CERT_TRUST_HAS_NOT_DEFINED_NAME_CONSTRAINT, "HAS_NOT_DEFINED_NAME_CONSTRAINT"),
            (
                crypt::CERT_TRUST_HAS_NOT_PERMITTED_NAME_CONSTRAINT,
                "HAS_NOT_PERMITTED_NAME_CONSTRAINT",
            ),
            (crypt::CERT_TRUST_HAS_NOT_SUPPORTED_CRITICAL_EXT, "HAS_NOT_SUPPORTED_CRITICAL_EXT"),
            (
                crypt::CERT_TRUST_HAS_NOT_SUPPORTED_NAME_CONSTRAINT,
                "HAS_NOT_SUPPORTED_NAME_CONSTRAINT",
            ),
            (crypt::CERT_TRUST_HAS_WEAK_HYGIENE, "HAS_WEAK_HYGIENE"),
            (crypt::CERT_TRUST_HAS_WEAK_SIGNATURE, "HAS_WEAK_SIGNATURE"),
            (crypt::CERT_TRUST_INVALID_BASIC_CONSTRAINTS, "INVALID_BASIC_CONSTRAINTS"),
            (crypt::CERT_TRUST_INVALID_EXTENSION, "INVALID_EXTENSION"),
            (crypt::CERT_TRUST_INVALID_NAME_CONSTRAINTS, "INVALID_NAME_CONSTRAINTS"),
            (crypt::CERT_TRUST_INVALID_POLICY_CONSTRAINTS, "INVALID_POLICY_CONSTRAINTS"),
            (crypt::CERT_TRUST_IS_CYCLIC, "IS_CYCLIC"),
            (crypt::CERT_TRUST_IS_EXPLICIT_DISTRUST, "IS_EXPLICIT_DISTRUST"),
            (crypt::CERT_TRUST_IS_NOT_SIGNATURE_VALID, "IS_NOT_SIGNATURE_VALID"),
            (crypt::CERT_TRUST_IS_NOT_TIME_NESTED, "IS_NOT_TIME_NESTED"),
            (crypt::CERT_TRUST_IS_NOT_TIME_VALID, "IS_NOT_TIME_VALID"),
            (crypt::CERT_TRUST_IS_NOT_VALID_FOR_USAGE, "IS_NOT_VALID_FOR_USAGE"),
            (crypt::CERT_TRUST_IS_OFFLINE_REVOCATION, "IS_OFFLINE_REVOCATION"),
            (crypt::CERT_TRUST_IS_PARTIAL_CHAIN, "IS_PARTIAL_CHAIN"),
            (crypt::CERT_TRUST_IS_REVOKED, "IS_REVOKED"),
            (crypt::CERT_TRUST_IS_UNTRUSTED_ROOT, "IS_UNTRUSTED_ROOT"),
            (crypt::CERT_TRUST_NO_ISSUANCE_CHAIN_POLICY, "NO_ISSUANCE_CHAIN_POLICY"),
            (crypt::CERT_TRUST_REVOCATION_STATUS_UNKNOWN, "REVOCATION_STATUS_UNKNOWN"),
        ];
        let sorted = |mut list: Vec<(u32, &'static str)>| {
            list.sort_unstable();
            list
        };
        let table = codes::TRUST_BITS.iter().map(|(bit, name, _)| (*bit, *name));
        assert_eq!(sorted(table.collect()), sorted(bits.to_vec()));

        let numbers = [
            (found::CERT_E_CHAINING, "CERT_E_CHAINING"),
            (found::CERT_E_CN_NO_MATCH, "CERT_E_CN_NO_MATCH"),
            (found::CERT_E_CRITICAL, "CERT_E_CRITICAL"),
            (found::CERT_E_EXPIRED, "CERT_E_EXPIRED"),
            (found::CERT_E_INVALID_NAME, "CERT_E_INVALID_NAME"),
            (found::CERT_E_INVALID_POLICY, "CERT_E_INVALID_POLICY"),
            (found::CERT_E_ISSUERCHAINING, "CERT_E_ISSUERCHAINING"),
            (found::CERT_E_MALFORMED, "CERT_E_MALFORMED"),
            (found::CERT_E_PATHLENCONST, "CERT_E_PATHLENCONST"),
            (found::CERT_E_PURPOSE, "CERT_E_PURPOSE"),
            (found::CERT_E_REVOCATION_FAILURE, "CERT_E_REVOCATION_FAILURE"),
            (found::CERT_E_REVOKED, "CERT_E_REVOKED"),
            (found::CERT_E_ROLE, "CERT_E_ROLE"),
            (found::CERT_E_UNTRUSTEDCA, "CERT_E_UNTRUSTEDCA"),
            (found::CERT_E_UNTRUSTEDROOT, "CERT_E_UNTRUSTEDROOT"),
            (found::CERT_E_UNTRUSTEDTESTROOT, "CERT_E_UNTRUSTEDTESTROOT"),
            (found::CERT_E_VALIDITYPERIODNESTING, "CERT_E_VALIDITYPERIODNESTING"),
            (found::CERT_E_WRONG_USAGE, "CERT_E_WRONG_USAGE"),
            (found::CRYPT_E_ASN1_BADTAG, "CRYPT_E_ASN1_BADTAG"),
            (found::CRYPT_E_ASN1_EOD, "CRYPT_E_ASN1_EOD"),
            (found::CRYPT_E_NOT_IN_REVOCATION_DATABASE, "CRYPT_E_NOT_IN_REVOCATION_DATABASE"),
            (found::CRYPT_E_NO_REVOCATION_CHECK, "CRYPT_E_NO_REVOCATION_CHECK"),
            (found::CRYPT_E_NO_REVOCATION_DLL, "CRYPT_E_NO_REVOCATION_DLL"),
            (found::CRYPT_E_REVOCATION_OFFLINE, "CRYPT_E_REVOCATION_OFFLINE"),
            (found::CRYPT_E_REVOKED, "CRYPT_E_REVOKED"),
            (found::NTE_BAD_ALGID, "NTE_BAD_ALGID"),
            (found::TRUST_E_BASIC_CONSTRAINTS, "TRUST_E_BASIC_CONSTRAINTS"),
            (found::TRUST_E_CERT_SIGNATURE, "TRUST_E_CERT_SIGNATURE"),
            (found::TRUST_E_EXPLICIT_DISTRUST, "TRUST_E_EXPLICIT_DISTRUST"),
            (found::TRUST_E_FAIL, "TRUST_E_FAIL"),
            (found::TRUST_E_NOSIGNATURE, "TRUST_E_NOSIGNATURE"),
            (found::TRUST_E_SYSTEM_ERROR, "TRUST_E_SYSTEM_ERROR"),
        ];
        let numbers = numbers.map(|(code, name)| (u32::from_ne_bytes(code.to_ne_bytes()), name));
        let table = codes::CODES.iter().map(|(code, name, _)| (*code, *name));
        assert_eq!(sorted(table.collect()), sorted(numbers.to_vec()));
    }

    #[test]
    fn flags_are_those_of_windows() {
        use crate::policy::{Revocation, RevocationCheck, UnknownRevocation};

        let mut revocation = Revocation::default();
        let server = |revocation: &Revocation| codes::chain_flags(Purpose::ServerAuth, revocation);
        let cached =
            crypt::CERT_CHAIN_CACHE_END_CERT | crypt::CERT_CHAIN_REVOCATION_CHECK_CACHE_ONLY;
        assert_eq!(server(&revocation), cached);
        assert_eq!(
            codes::chain_flags(Purpose::ClientAuth, &revocation),
            cached | crypt::CERT_CHAIN_DISABLE_AIA
        );
        revocation.check = RevocationCheck::Leaf;
        assert_eq!(server(&revocation), cached | crypt::CERT_CHAIN_REVOCATION_CHECK_END_CERT);
        assert_eq!(
            codes::policy_flags(&revocation),
            crypt::CERT_CHAIN_POLICY_IGNORE_ALL_REV_UNKNOWN_FLAGS
        );
        revocation.check = RevocationCheck::Chain;
        revocation.unknown = UnknownRevocation::Reject;
        revocation.network = true;
        assert_eq!(
            server(&revocation),
            crypt::CERT_CHAIN_CACHE_END_CERT
                | crypt::CERT_CHAIN_REVOCATION_CHECK_CHAIN_EXCLUDE_ROOT
                | crypt::CERT_CHAIN_REVOCATION_ACCUMULATIVE_TIMEOUT
        );
        assert_eq!(codes::policy_flags(&revocation), 0);
    }

    #[test]
    fn codes_have_text() {
        let error = os_code(0x800b_0109, "CERT_E_UNTRUSTEDROOT");
        assert_eq!(error.code, 0x800b_0109);
        assert!(error.text.starts_with("CERT_E_UNTRUSTEDROOT"), "{error:?}");
        // ERROR_FILE_NOT_FOUND has a text everywhere, on one line.
        let text = system_text(2).unwrap();
        assert!(!text.is_empty() && !text.contains(['\r', '\n']), "{text:?}");
        // Nothing has this code.
        assert_eq!(system_text(0x2fff_ffff), None);
        assert!(!os_code(0x2fff_ffff, "").text.is_empty());
    }

    #[test]
    fn failed_calls_are_failures() {
        assert_eq!(check(1), Ok(()));
        assert!(check(0).is_err());
        assert!(ChainEngine::create(&crypt::CERT_CHAIN_ENGINE_CONFIG::default()).is_err());
        let garbage = OsError::from(CertContext::new(b"garbage").unwrap_err());
        assert_ne!(garbage.0, 0);
        assert_eq!(OsError::INVALID_ARGUMENT.cannot_check().kind(), ErrorKind::CannotCheck);
    }
}
