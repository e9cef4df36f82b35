//! The calls of CryptoAPI, with an owner for each handle.
//!
//! Tests: `cryptoapi/tests.rs` and `tests/windows.rs`, under Wine and on Windows.

#![allow(unsafe_code)]

use std::mem::offset_of;
use std::ptr;

use pki_types::CertificateDer;
use schannel::RawPointer;
use schannel::cert_chain::CertChainContext;
use schannel::cert_context::CertContext;
use schannel::cert_store::{CertStore, Memory};
use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::Security::Cryptography as crypt;

use super::codes::{self, Status};
use super::os_error::{OsError, check};
use crate::cert::{Cert, KEY_CERT_SIGN};
use crate::peer::Peer;
use crate::policy::Purpose;
use crate::settings::Config;
use crate::store::StoreEntry;

/// Most milliseconds for fetching: of all revocation data of a chain together, and of each
/// issuer's certificate. Windows' own default is 15 s each.
const FETCH_TIMEOUT_MS: u32 = 5_000;

/// What both engines are asked, in the terms of Windows.
pub(super) struct Question {
    leaf: CertContext,
    /// Untrusted certificates and CRLs that help to build a path.
    help: CertStore,
    time: FILETIME,
    /// UTF-16 with its final 0.
    name: Option<Vec<u16>>,
}

/// A chain as Windows built it, and what it says about it.
pub(super) struct Answer {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) status: Status,
}

impl Answer {
    /// The certificates as far as they can be read: Windows is more lenient in places.
    pub(super) fn certs(&self) -> Vec<Option<Cert<'_>>> {
        self.chain.iter().map(|cert| Cert::parse(cert).ok()).collect()
    }
}

/// Whether the core can read a certificate and its key usage, if there is one, allows anything,
/// as RFC 5280 section 4.2.1.3 requires: Wine 8 crashes over an empty one.
pub(super) fn may_be_shown(der: &[u8]) -> bool {
    Cert::parse(der).is_ok_and(|cert| cert.extensions.key_usage != Some(0))
}

/// Whether a certificate of the caller's may be a root at all. One that is not a CA can only be
/// trusted as the end entity itself.
fn may_issue(entry: &StoreEntry) -> bool {
    Cert::parse(entry.certificate())
        .is_ok_and(|cert| cert.is_ca() && cert.key_usage_allows(KEY_CERT_SIGN))
}

impl Question {
    pub(super) fn new(
        known: Option<&CertStore>,
        leaf: &Cert<'_>,
        peer: &Peer<'_>,
    ) -> Result<Self, OsError> {
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
        let known = known.ok_or(OsError::INVALID_ARGUMENT)?;
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

    pub(super) fn ask(
        &self,
        engine: Option<&ChainEngine>,
        config: &Config,
    ) -> Result<Answer, OsError> {
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
            Purpose::ClientAuth | Purpose::ClientOrServerAuth => {
                crypt::szOID_PKIX_KP_CLIENT_AUTH.cast_mut()
            }
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
                codes::chain_flags(config.requested, &config.revocation),
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
                Purpose::ClientAuth | Purpose::ClientOrServerAuth => crypt::AUTHTYPE_CLIENT,
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
pub(super) struct ChainEngine(crypt::HCERTCHAINENGINE);

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
    pub(super) fn exclusive<'e>(
        roots: impl Iterator<Item = &'e StoreEntry>,
    ) -> Result<Self, OsError> {
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
pub(super) fn add_all<'c>(
    store: &mut Memory,
    certs: impl Iterator<Item = &'c CertificateDer<'static>>,
) -> Result<(), (usize, OsError)> {
    for (index, cert) in certs.enumerate().filter(|(_, cert)| may_be_shown(cert)) {
        store.add_encoded_certificate(cert).map_err(|error| (index, error.into()))?;
    }
    Ok(())
}

pub(super) fn add_crl(store: &CertStore, crl: &[u8]) -> Result<(), OsError> {
    // SAFETY: the store is live, the pointer and the length are those of `crl`, and no context
    // is requested.
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

#[cfg(test)]
mod tests;
