//! CRLite filters, made with Mozilla's builder, and an index of them as upki writes it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clubcard::builder::{ApproximateRibbon, ClubcardBuilder, ExactRibbon};
use clubcard_crlite::builder::CRLiteBuilderItem;
use clubcard_crlite::{CRLiteClubcard, CRLiteCoverage, CRLiteQuery, Encoding, IssuerSpkiHash};

use crate::crl::der;

/// A log, and the first and last time that is covered, in milliseconds since 1970.
pub type Covers = ([u8; 32], u64, u64);

/// The extension of a certificate for its signed certificate timestamps.
pub const SCTS: &[u64] = &[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];

/// The extension's contents: a SignedCertificateTimestampList in an OCTET STRING.
pub fn scts(list: &[([u8; 32], u64)]) -> Vec<u8> {
    let prefixed =
        |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    let one = |(log, time): &([u8; 32], u64)| {
        prefixed(&[&[0][..], log, &time.to_be_bytes(), &[0, 0, 4, 3, 0, 1, 0]].concat())
    };
    der(4, &prefixed(&list.iter().flat_map(one).collect::<Vec<_>>()))
}

/// A filter of the issuer with this key, exact for the serial numbers of the tests.
pub fn filter(issuer: [u8; 32], revoked: &[u8], covers: &[Covers]) -> Vec<u8> {
    let issuer = IssuerSpkiHash(issuer);
    let mut builder = ClubcardBuilder::new();
    let mut approximate = builder.new_approx_builder(&issuer.0);
    for serial in revoked {
        approximate.insert(CRLiteBuilderItem::revoked(issuer, vec![*serial]));
    }
    approximate.set_universe_size(256);
    builder.collect_approx_ribbons(vec![ApproximateRibbon::from(approximate)]);
    let mut exact = builder.new_exact_builder(&issuer.0);
    for serial in 0..=255 {
        exact.insert(match revoked.contains(&serial) {
            true => CRLiteBuilderItem::revoked(issuer, vec![serial]),
            false => CRLiteBuilderItem::not_revoked(issuer, vec![serial]),
        });
    }
    builder.collect_exact_ribbons(vec![ExactRibbon::from(exact)]);
    let logs = covers.iter().map(|(log, first, last)| {
        let log = STANDARD.encode(log);
        format!(
            "{{\"LogID\":\"{log}\",\"MinTimestamp\":{first},\"MaxTimestamp\":{last},\
             \"MMD\":0,\"MinEntry\":0}}"
        )
    });
    let logs = format!("[{}]", logs.collect::<Vec<_>>().join(","));
    let covers = CRLiteCoverage::from_mozilla_ct_logs_json(logs.as_bytes());
    let card = CRLiteClubcard::from(builder.build::<CRLiteQuery<'_>>(covers, ()));
    card.to_bytes(Encoding::V4).unwrap()
}

/// An index of these files and what they cover.
pub fn index(filters: &[(&str, &[Covers])]) -> Vec<u8> {
    let mut logs = BTreeMap::<[u8; 32], Vec<u8>>::new();
    for (number, (_, covers)) in filters.iter().enumerate() {
        for (log, first, last) in *covers {
            let section = logs.entry(*log).or_default();
            section.extend(u16::try_from(number).unwrap().to_be_bytes());
            section.extend(first.to_be_bytes());
            section.extend(last.to_be_bytes());
        }
    }
    let mut out = b"upkiidx1".to_vec();
    out.extend(u16::try_from(filters.len()).unwrap().to_be_bytes());
    out.extend(u32::try_from(logs.len()).unwrap().to_be_bytes());
    for (name, _) in filters {
        let mut slot = [0; 32];
        slot[..name.len()].copy_from_slice(name.as_bytes());
        out.extend(slot);
    }
    let mut offset = out.len() + logs.len() * 42;
    for (log, section) in &logs {
        out.extend(log);
        out.extend(u64::try_from(offset).unwrap().to_be_bytes());
        out.extend(u16::try_from(section.len() / 18).unwrap().to_be_bytes());
        offset += section.len();
    }
    out.extend(logs.values().flatten());
    out
}
