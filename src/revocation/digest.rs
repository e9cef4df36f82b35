//! The digests that OCSP names certificates by, from whichever library verifies signatures.
//!
//! Tests: `tests/ocsp.rs`.

/// An algorithm for CertID and ResponderID (RFC 6960 section 4.1.1). Neither is used to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    Sha1,
    Sha256,
}

impl Digest {
    /// By the contents of its object identifier.
    pub(super) fn by_oid(oid: &[u8]) -> Option<Self> {
        match oid {
            [0x2b, 0x0e, 3, 2, 0x1a] => Some(Self::Sha1),
            [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1] => Some(Self::Sha256),
            _ => None,
        }
    }

    /// Whether this is the digest of these parts, one after the other. `false` without a library:
    /// then no response can be used.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub(super) fn is_of(self, digest: &[u8], parts: &[&[u8]]) -> bool {
        #[cfg(feature = "aws-lc-rs")]
        use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
        #[cfg(not(feature = "aws-lc-rs"))]
        use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

        let mut context = Context::new(match self {
            Self::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &SHA256,
        });
        for part in parts {
            context.update(part);
        }
        context.finish().as_ref() == digest
    }

    #[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
    pub(super) fn is_of(self, _: &[u8], _: &[&[u8]]) -> bool {
        false
    }
}

/// SHA-256 of these parts, one after the other; `None` without a library.
#[cfg(all(feature = "crlite", not(any(windows, target_vendor = "apple"))))]
pub(super) fn sha256(parts: &[&[u8]]) -> Option<[u8; 32]> {
    #[cfg(feature = "aws-lc-rs")]
    use aws_lc_rs::digest::{SHA256, digest};
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    use ring::digest::{SHA256, digest};

    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    return digest(&SHA256, &parts.concat()).as_ref().try_into().ok();
    #[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
    {
        let _ = parts;
        None
    }
}
