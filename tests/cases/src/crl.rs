//! CRLs of every shape, made byte by byte.

use rcgen::{KeyPair, SigningKey};

use crate::NOW;
use crate::make::DAY;

/// An element of DER.
pub fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut out = vec![tag];
    if length < 0x80 {
        out.push(u8::try_from(length).unwrap());
    } else {
        let bytes = u32::try_from(length).unwrap().to_be_bytes();
        let digits = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap()..];
        out.push(0x80 | u8::try_from(digits.len()).unwrap());
        out.extend(digits);
    }
    out.extend(contents);
    out
}

/// A SEQUENCE of these.
pub fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    der(0x30, &parts.concat())
}

/// A UTCTime, so many seconds from the table's time.
pub fn time(offset: i64) -> Vec<u8> {
    let at = rcgen::date_time_ymd(1970, 1, 1)
        + std::time::Duration::from_secs(NOW.checked_add_signed(offset).unwrap());
    let text = format!(
        "{:02}{:02}{:02}{:02}{:02}{:02}Z",
        at.year() % 100,
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    );
    der(0x17, text.as_bytes())
}

pub(crate) fn ecdsa_sha256() -> Vec<u8> {
    sequence(&[der(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2])])
}

/// A Name of one common name of this string type.
pub fn common_name(string_type: u8, text: &str) -> Vec<u8> {
    let attribute = sequence(&[der(6, &[0x55, 4, 3]), der(string_type, text.as_bytes())]);
    sequence(&[der(0x31, &attribute)])
}

/// An Extension (RFC 5280 section 4.2); the object identifier is given by its contents.
pub fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { der(1, &[0xff]) } else { Vec::new() };
    sequence(&[der(6, oid), critical, der(4, value)])
}

/// A DistributionPointName of one URI.
pub fn uri(text: &str) -> Vec<u8> {
    // distributionPoint [0], fullName [0], uniformResourceIdentifier [6]
    der(0xa0, &der(0xa0, &der(0x86, text.as_bytes())))
}

/// Whose key signs a CRL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The certificate's issuer.
    Issuer,
    /// The issuer's key before it was renewed, which the anchor has.
    OldKey,
    /// A CA of the same name that has nothing to do with it.
    Stranger,
    /// The issuer; then a bit of the signed part is turned.
    Damaged,
}

/// A CRL to be made.
#[derive(Clone)]
pub struct CrlSpec {
    /// 1 is version 2; version 1 has none.
    pub version: Option<u8>,
    /// A Name.
    pub issuer: Vec<u8>,
    /// Whose key is to sign it.
    pub signer: Signer,
    /// Seconds from the table's time.
    pub updated: i64,
    /// nextUpdate, if there is one.
    pub due: Option<i64>,
    /// Serial number, reason, further extensions of the entry.
    pub entries: Vec<(Vec<u8>, Option<u8>, Vec<u8>)>,
    /// Extensions of the list.
    pub extensions: Vec<Vec<u8>>,
}

impl std::fmt::Debug for CrlSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "v{:?} {:?} {}..{:?}", self.version, self.signer, self.updated, self.due)?;
        write!(f, " issuer {}", String::from_utf8_lossy(&self.issuer[13..]))?;
        for (serial, reason, more) in &self.entries {
            write!(f, "\n    revokes {serial:02x?} {reason:?} {more:02x?}")?;
        }
        for extension in &self.extensions {
            write!(f, "\n    extension {extension:02x?}")?;
        }
        Ok(())
    }
}

impl CrlSpec {
    /// Current, of version 2, and empty.
    pub fn new(issuer: Vec<u8>) -> Self {
        Self {
            version: Some(1),
            issuer,
            signer: Signer::Issuer,
            updated: -DAY,
            due: Some(DAY),
            entries: Vec::new(),
            extensions: Vec::new(),
        }
    }

    /// Adds an entry.
    pub fn revokes(mut self, serial: &[u8], reason: Option<u8>) -> Self {
        self.entries.push((serial.to_vec(), reason, Vec::new()));
        self
    }

    /// thisUpdate and nextUpdate.
    pub fn dates(mut self, updated: i64, due: Option<i64>) -> Self {
        (self.updated, self.due) = (updated, due);
        self
    }

    /// Whose key is to sign it.
    pub fn signer(mut self, signer: Signer) -> Self {
        self.signer = signer;
        self
    }

    /// Adds an extension of the list.
    pub fn extension(mut self, oid: &[u8], critical: bool, value: &[u8]) -> Self {
        self.extensions.push(extension(oid, critical, value));
        self
    }

    /// Adds an issuing distribution point with these contents.
    pub fn scope(self, fields: &[u8]) -> Self {
        self.extension(&[0x55, 0x1d, 28], true, &der(0x30, fields))
    }

    /// The CRL, signed with this key of P-256; damaged afterwards if [`Signer::Damaged`] says so.
    pub fn sign(&self, key: &KeyPair) -> Vec<u8> {
        let algorithm = ecdsa_sha256();
        let entries = self.entries.iter().map(|(serial, reason, more)| {
            let reason =
                reason.map(|reason| extension(&[0x55, 0x1d, 21], false, &der(10, &[reason])));
            let extensions = [reason.unwrap_or_default(), more.clone()].concat();
            let extensions =
                if extensions.is_empty() { Vec::new() } else { der(0x30, &extensions) };
            sequence(&[der(2, serial), time(self.updated.min(0)), extensions])
        });
        let entries = entries.collect::<Vec<_>>().concat();
        let mut tbs = sequence(&[
            self.version.map(|version| der(2, &[version])).unwrap_or_default(),
            algorithm.clone(),
            self.issuer.clone(),
            time(self.updated),
            self.due.map(time).unwrap_or_default(),
            if entries.is_empty() { Vec::new() } else { der(0x30, &entries) },
            match &self.extensions[..] {
                [] => Vec::new(),
                list => der(0xa0, &der(0x30, &list.concat())),
            },
        ]);
        let signature = key.sign(&tbs).unwrap();
        if self.signer == Signer::Damaged {
            // The last digit of thisUpdate's minutes.
            let date = time(self.updated);
            let at = tbs.windows(date.len()).position(|part| part == date).unwrap();
            tbs[at + date.len() - 4] ^= 1;
        }
        sequence(&[tbs, algorithm, der(3, &[&[0], &signature[..]].concat())])
    }
}
