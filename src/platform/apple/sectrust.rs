//! The verifier of Apple systems: `SecTrust` decides. This file only asks; what is asked and what
//! the answers mean is in [`rules`](super::rules), which is tested everywhere.
//!
//! The oldest systems are macOS 10.14 (`SecTrustEvaluateWithError`), and iOS and tvOS 15,
//! watchOS 8 and visionOS 1 (`SecTrustCopyCertificateChain`).
//!
//! The frameworks are not safe to use in a process that was forked and has not called `exec`.
//! Nothing is called when the library is loaded, and building a verifier calls only what reads
//! the certificates that the caller gave.
//!
//! Tests: `tests/cases.rs`, on Apple systems.

#![allow(unsafe_code)]
#![warn(dead_code)]

use core_foundation::base::{CFType, TCFType, TCFTypeRef};
use core_foundation::data::CFData;
use core_foundation::date::CFDate;
use core_foundation::dictionary::CFDictionary;
use core_foundation::error::{
    CFError, CFErrorCopyUserInfo, CFErrorRef, kCFErrorUnderlyingErrorKey,
};
use core_foundation::string::CFString;
use pki_types::CertificateDer;
use security_framework::base::Error;
use security_framework::certificate::SecCertificate;
use security_framework::policy::SecPolicy;
use security_framework::trust::SecTrust;
use security_framework_sys::certificate::SecCertificateCopyData;
use security_framework_sys::policy::{SecPolicyCreateRevocation, SecPolicyCreateSSL};
use security_framework_sys::trust::SecTrustEvaluateWithError;

use super::super::Platform;
use super::rules::{self, Answer, OsError, Question};
use crate::cert::Cert;
use crate::fault::Failure;
use crate::kind::ErrorKind;
use crate::peer::{Peer, Verified};
use crate::refused::{BadSetting, Unreadable};
use crate::settings::Config;

/// The certificates given by the caller, as the system reads them.
#[derive(Default)]
pub(crate) struct Engine {
    /// In the order of [`rules::roots`].
    roots: Vec<SecCertificate>,
    intermediates: Vec<SecCertificate>,
}

impl Platform for Engine {
    fn new(config: &Config) -> Result<Self, BadSetting> {
        rules::check_settings(config)?;
        let read = |given_to, index, der: &[u8]| {
            SecCertificate::from_der(der).map_err(|_| BadSetting::Certificate {
                given_to,
                index,
                why: Unreadable::OsSilent,
            })
        };
        let extra = config.extra.entries().len();
        let roots = rules::roots(config).enumerate().map(|(place, root)| {
            let (given_to, index) = match place.checked_sub(extra) {
                None => ("extra_roots", place),
                Some(index) => ("fallback_roots", index),
            };
            read(given_to, index, root.certificate())
        });
        let intermediates = config.intermediates.iter().enumerate();
        Ok(Self {
            roots: roots.collect::<Result<_, _>>()?,
            intermediates: intermediates
                .map(|(index, der)| read("intermediates", index, der))
                .collect::<Result<_, _>>()?,
        })
    }

    fn verify(
        &self,
        config: &Config,
        leaf: &Cert<'_>,
        peer: &Peer<'_>,
    ) -> Result<Verified, Box<Failure>> {
        let entity = SecCertificate::from_der(leaf.der).map_err(|error| {
            let mut unreadable = rules::cannot_check(
                "SecCertificateCreateWithData",
                error.code().into(),
                error.message(),
            );
            unreadable.fault.kind = ErrorKind::BadEncoding;
            unreadable.fault.depth = Some(0);
            unreadable
        })?;
        // An intermediate that cannot be read is of no use and does no harm.
        let sent = peer.chain.iter().skip(1).filter_map(|der| SecCertificate::from_der(der).ok());
        let certs: Vec<_> =
            std::iter::once(entity).chain(sent).chain(self.intermediates.iter().cloned()).collect();
        rules::verify(config, leaf, peer, |question| self.ask(&certs, question))
    }
}

impl Engine {
    /// One evaluation. An error is a call that failed before it.
    fn ask(
        &self,
        certs: &[SecCertificate],
        question: &Question<'_>,
    ) -> Result<Answer, Box<Failure>> {
        let failed = |call: &'static str| {
            move |error: Error| rules::cannot_check(call, error.code().into(), error.message())
        };
        let policies = policies(question)?;
        let mut trust = SecTrust::create_with_certificates(certs, &policies)
            .map_err(failed("SecTrustCreateWithCertificates"))?;
        trust
            .set_trust_verify_date(&CFDate::new(question.date))
            .map_err(failed("SecTrustSetVerifyDate"))?;
        trust
            .set_network_fetch_allowed(question.network)
            .map_err(failed("SecTrustSetNetworkFetchAllowed"))?;
        if !question.ocsp_response.is_empty() {
            trust
                .set_trust_ocsp_response(std::iter::once(question.ocsp_response))
                .map_err(failed("SecTrustSetOCSPResponse"))?;
        }
        if let Some(only) = &question.only {
            let anchors: Vec<_> =
                only.iter().filter_map(|place| self.roots.get(*place).cloned()).collect();
            trust
                .set_anchor_certificates(&anchors)
                .map_err(failed("SecTrustSetAnchorCertificates"))?;
            trust
                .set_trust_anchor_certificates_only(true)
                .map_err(failed("SecTrustSetAnchorCertificatesOnly"))?;
        }

        let (trusted, error) = evaluate(&trust);
        Ok(Answer { trusted, error, chain: chain(&trust) })
    }
}

fn policies(question: &Question<'_>) -> Result<Vec<SecPolicy>, Box<Failure>> {
    let missing = |call| rules::cannot_check(call, 0, None);
    let hostname = question.hostname.as_deref().map(CFString::new);
    let hostname = hostname.as_ref().map_or(std::ptr::null(), CFString::as_concrete_TypeRef);
    // SAFETY: `hostname` is NULL, which is allowed, or a string that lives until the end of this
    // function.
    let policy = unsafe { SecPolicyCreateSSL(question.server.into(), hostname) };
    // SAFETY: the function's name has "Create" in it: the reference is ours.
    let ssl = unsafe { created(policy) }.ok_or_else(|| missing("SecPolicyCreateSSL"))?;
    let mut policies: Vec<SecPolicy> = vec![ssl];
    if let Some(flags) = question.revocation {
        // SAFETY: takes a number, refuses unknown flags.
        let policy = unsafe { SecPolicyCreateRevocation(flags) };
        // SAFETY: the function's name has "Create" in it: the reference is ours.
        let revocation = unsafe { created(policy) };
        policies.push(revocation.ok_or_else(|| missing("SecPolicyCreateRevocation"))?);
    }
    Ok(policies)
}

/// The verdict and the error, as they come. `SecTrust::evaluate_with_error` would panic where
/// the system leaves the error out.
fn evaluate(trust: &SecTrust) -> (bool, Option<OsError>) {
    let mut error: CFErrorRef = std::ptr::null_mut();
    // SAFETY: `trust` is a live object that no other thread knows, and `error` is a place for a
    // reference.
    let trusted = unsafe { SecTrustEvaluateWithError(trust.as_concrete_TypeRef(), &mut error) };
    // SAFETY: the caller owns the error
    // (https://developer.apple.com/documentation/security/sectrustevaluatewitherror(_:_:)).
    let error: Option<CFError> = unsafe { created(error) };
    let error = error.map(|error| OsError {
        is_status: error.domain() == "NSOSStatusErrorDomain",
        code: i64::try_from(error.code()).unwrap_or(0),
        text: error.description().to_string(),
        details: underlying(&error),
    });
    (trusted, error)
}

/// What the system says of each certificate.
fn underlying(error: &CFError) -> Option<String> {
    // SAFETY: `error` is a live error.
    let info = unsafe { CFErrorCopyUserInfo(error.as_concrete_TypeRef()) };
    // SAFETY: the function's name has "Copy" in it: the reference is ours. The dictionary of an
    // error has strings for keys and objects for values.
    let info: CFDictionary<CFString, CFType> = unsafe { created(info) }?;
    // SAFETY: a constant of Core Foundation that is never written to.
    let key = unsafe { kCFErrorUnderlyingErrorKey };
    // SAFETY: a constant string, which lives as long as the process.
    let key = unsafe { CFString::wrap_under_get_rule(key) };
    let underlying = info.find(&key)?.downcast::<CFError>()?;
    Some(underlying.description().to_string())
}

/// The chain of the last evaluation, end entity first; empty if a certificate has no data.
fn chain(trust: &SecTrust) -> Vec<CertificateDer<'static>> {
    let der = |cert: SecCertificate| {
        // SAFETY: `cert` is a live certificate.
        let data = unsafe { SecCertificateCopyData(cert.as_concrete_TypeRef()) };
        // SAFETY: the function's name has "Copy" in it: the reference is ours.
        let data: CFData = unsafe { created(data) }?;
        Some(CertificateDer::from(data.to_vec()))
    };
    certificates(trust).into_iter().map(der).collect::<Option<_>>().unwrap_or_default()
}

/// `SecTrustCopyCertificateChain` would need macOS 12 to be loaded at all.
#[cfg(target_os = "macos")]
#[allow(deprecated)]
fn certificates(trust: &SecTrust) -> Vec<SecCertificate> {
    (0..trust.certificate_count()).map_while(|place| trust.certificate_at_index(place)).collect()
}

#[cfg(not(target_os = "macos"))]
fn certificates(trust: &SecTrust) -> Vec<SecCertificate> {
    trust.chain()
}

/// Takes over what a function with "Create" or "Copy" in its name returned; `None` for NULL.
///
/// # Safety
///
/// `reference` is NULL or a live object of this type, and one of its references is the caller's
/// to release.
unsafe fn created<T: TCFType>(reference: T::Ref) -> Option<T> {
    if reference.as_void_ptr().is_null() {
        return None;
    }
    // SAFETY: not NULL, and the reference is the caller's, who has just given it away.
    Some(unsafe { T::wrap_under_create_rule(reference) })
}
