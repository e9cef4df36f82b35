//! A small public key infrastructure, and sets of CRLs drawn at random.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, SerialNumber,
};
use trustbridge_cases::NOW;
use trustbridge_cases::crl::{CrlSpec, Signer, common_name, der, extension, sequence, uri};
use trustbridge_cases::make::DAY;

/// xorshift64*: the same numbers on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

/// A root, an intermediate that issues, and the certificates that it issued.
pub(crate) struct Pki {
    pub(crate) root: Vec<u8>,
    pub(crate) intermediate: Vec<u8>,
    /// The name of the issuer, DER.
    pub(crate) name: Vec<u8>,
    pub(crate) root_name: Vec<u8>,
    pub(crate) issuer_serial: Vec<u8>,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) root_key: KeyPair,
    pub(crate) issuer_key: KeyPair,
    pub(crate) stranger_key: KeyPair,
}

pub(crate) struct Leaf {
    pub(crate) der: Vec<u8>,
    pub(crate) serial: Vec<u8>,
}

pub(crate) const ISSUER_KEY_ID: &[u8] = b"key of the issuer";
pub(crate) const ROOT_KEY_ID: &[u8] = b"key of the root";

/// What differs between the infrastructures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Whether the issuer's key usage has cRLSign, if there is one.
    pub(crate) crl_sign: Option<bool>,
    /// The intermediate is the root's own renewed key: both have one name.
    pub(crate) renewed_key: bool,
}

impl Pki {
    pub(crate) fn sign(&self, crl: &CrlSpec) -> Vec<u8> {
        crl.sign(match crl.signer {
            Signer::Issuer | Signer::Damaged => &self.issuer_key,
            Signer::OldKey => &self.root_key,
            Signer::Stranger => &self.stranger_key,
        })
    }

    pub(crate) fn new(shape: Shape, leaves: usize) -> Self {
        let keys: Vec<_> = (0..3).map(|_| KeyPair::generate().unwrap()).collect();
        let [root_key, issuer_key, stranger_key] = <[KeyPair; 3]>::try_from(keys).unwrap();
        let root_common_name = if shape.renewed_key { "Issuer" } else { "Root" };

        let root_params = ca(root_common_name, &[1], ROOT_KEY_ID, Some(true));
        let root = root_params.self_signed(&root_key).unwrap().der().to_vec();
        let root_issuer = Issuer::from_params(&root_params, &root_key);
        let issuer_serial = vec![0x0a, 0x0b];
        let params = ca("Issuer", &issuer_serial, ISSUER_KEY_ID, shape.crl_sign);
        let intermediate = params.signed_by(&issuer_key, &root_issuer).unwrap().der().to_vec();
        let issuer = Issuer::from_params(&params, &issuer_key);

        let leaf_key = KeyPair::generate().unwrap();
        let leaves = (0..leaves).map(|index| {
            let serial = leaf_serial(index);
            let mut params = CertificateParams::new(vec!["example.com".to_owned()]).unwrap();
            valid(&mut params, &format!("leaf {index}"), &serial);
            let points = leaf_points(index);
            if !points.is_empty() {
                let points = sequence(&[points]);
                let points = CustomExtension::from_oid_content(&[2, 5, 29, 31], points);
                params.custom_extensions.push(points);
            }
            let der = params.signed_by(&leaf_key, &issuer).unwrap().der().to_vec();
            Leaf { der, serial }
        });
        Self {
            leaves: leaves.collect(),
            root,
            intermediate,
            name: common_name(0x0c, "Issuer"),
            root_name: common_name(0x0c, root_common_name),
            issuer_serial,
            root_key,
            issuer_key,
            stranger_key,
        }
    }
}

/// Short, long and with a leading zero.
fn leaf_serial(index: usize) -> Vec<u8> {
    let index = index as u8;
    match index % 3 {
        0 => vec![0x40 + index],
        1 => vec![0, 0x80 | index, 7],
        _ => [&[0x11; 19], &[index][..]].concat(),
    }
}

/// One DistributionPoint, or nothing.
fn leaf_points(index: usize) -> Vec<u8> {
    match index {
        1 | 6 => sequence(&[uri("http://a/")]),
        2 => sequence(&[uri("http://b/")]),
        // Only for a compromised key.
        3 => sequence(&[uri("http://a/"), der(0x81, &[6, 0x40])]),
        // A CRL issuer of another name.
        4 => sequence(&[uri("http://a/"), der(0xa2, &der(0xa4, &common_name(0x0c, "Other")))]),
        _ => Vec::new(),
    }
}

fn valid(params: &mut CertificateParams, name: &str, serial: &[u8]) {
    let now = rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(NOW);
    params.not_before = now - std::time::Duration::from_secs(90 * 86_400);
    params.not_after = now + std::time::Duration::from_secs(90 * 86_400);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from_slice(serial));
    // OpenSSL tries one issuer of several: let it be the right one.
    params.use_authority_key_identifier_extension = true;
}

fn ca(name: &str, serial: &[u8], key_id: &[u8], crl_sign: Option<bool>) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    valid(&mut params, name, serial);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_identifier_method = KeyIdMethod::PreSpecified(key_id.to_vec());
    params.key_usages = match crl_sign {
        None => Vec::new(),
        Some(false) => vec![KeyUsagePurpose::KeyCertSign],
        Some(true) => vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
    };
    params
}

/// One set of CRLs.
pub(crate) struct Scenario {
    pub(crate) check_chain: bool,
    pub(crate) crls: Vec<CrlSpec>,
}

impl Scenario {
    pub(crate) fn generate(random: &mut Random, pki: &Pki, shape: Shape) -> Self {
        let count = *random.of(&[1, 1, 2, 2, 2, 3, 4]);
        let mut crls: Vec<_> = (0..count).map(|_| crl(random, pki, shape)).collect();
        let check_chain = random.once_in(3);
        if check_chain && !shape.renewed_key && !random.once_in(6) {
            let of_root = CrlSpec::new(pki.root_name.clone()).signer(Signer::OldKey);
            crls.push(if random.once_in(6) {
                of_root.revokes(&pki.issuer_serial, None)
            } else {
                of_root
            });
        }
        Self { check_chain, crls }
    }
}

/// The issuer's name, as RFC 5280 section 7.1 compares it.
fn spelled_otherwise() -> Vec<u8> {
    common_name(0x13, " iSSUER ")
}

fn crl(random: &mut Random, pki: &Pki, shape: Shape) -> CrlSpec {
    let mut crl = CrlSpec::new(pki.name.clone());
    if random.once_in(12) {
        crl.issuer = common_name(0x0c, "Other");
    } else if random.once_in(8) {
        crl.issuer = spelled_otherwise();
    }
    crl.signer = match random.below(12) {
        0 => Signer::Stranger,
        1 => Signer::Damaged,
        2 | 3 if shape.renewed_key => Signer::OldKey,
        _ => Signer::Issuer,
    };
    crl = match random.below(12) {
        0 => crl.dates(-9 * DAY, Some(-2 * DAY)),
        1 => crl.dates(2 * DAY, Some(9 * DAY)),
        2 => crl.dates(-3 * DAY, None),
        3 => crl.dates(-3 * DAY, Some(0)),
        4 => crl.dates(0, Some(DAY)),
        age => crl.dates(-(age as i64) * 3_600, Some(DAY)),
    };
    for leaf in &pki.leaves {
        if random.once_in(5) {
            let reason = *random.of(&[None, None, Some(1), Some(4), Some(6), Some(8), Some(9)]);
            let more = if random.once_in(40) {
                extension(&[0x2a, 3, 4], random.once_in(2), &[5, 0])
            } else {
                Vec::new()
            };
            crl.entries.push((leaf.serial.clone(), reason, more));
        }
    }
    for other in 0..random.below(4) {
        crl.entries.push((vec![0x70, other as u8], None, Vec::new()));
    }
    if random.once_in(4) {
        crl.version = None; // and no extensions
        return crl;
    }
    crl = match random.below(5) {
        0 => crl,
        1 => crl.extension(&[0x55, 0x1d, 20], false, &der(2, &[0x22; 24])),
        number => crl.extension(&[0x55, 0x1d, 20], random.once_in(12), &der(2, &[number as u8])),
    };
    let key_id = match crl.signer {
        Signer::OldKey => ROOT_KEY_ID,
        Signer::Stranger => b"key of a stranger",
        _ => ISSUER_KEY_ID,
    };
    let root_name = der(0xa1, &der(0xa4, &pki.root_name));
    let authority = match random.below(8) {
        0..4 => Some(der(0x80, key_id)),
        4 => Some(der(0x80, b"another key")),
        5 => Some([root_name, der(0x82, &pki.issuer_serial)].concat()),
        6 => Some([root_name, der(0x82, &[0x55])].concat()),
        _ => None,
    };
    if let Some(authority) = authority {
        crl = crl.extension(&[0x55, 0x1d, 35], false, &der(0x30, &authority));
    }
    let flag = |number: u8| der(0x80 | number, &[0xff]);
    crl = match random.below(24) {
        0 | 1 => crl.scope(&flag(1)),
        2 => crl.scope(&flag(2)),
        3 => crl.scope(&flag(5)),
        4 => crl.scope(&[flag(1), flag(2)].concat()),
        5 => crl.scope(&der(0x83, &[1, 0x60])),
        6 => crl.scope(&flag(4)),
        7 | 8 => crl.scope(&uri("http://a/")),
        9 => crl.scope(&[uri("http://b/"), flag(1)].concat()),
        10 => crl.scope(&[]),
        _ => crl,
    };
    match random.below(30) {
        0 => crl.extension(&[0x55, 0x1d, 27], true, &der(2, &[1])),
        1 => crl.extension(&[0x2a, 3, 4], true, &[5, 0]),
        2 => crl.extension(&[0x2a, 3, 4], false, &[5, 0]),
        _ => crl,
    }
}

pub(crate) const SHAPES: &[Shape] = &[
    Shape { crl_sign: Some(true), renewed_key: false },
    Shape { crl_sign: Some(true), renewed_key: true },
    Shape { crl_sign: None, renewed_key: false },
    Shape { crl_sign: Some(false), renewed_key: false },
];

/// Whether nobody can doubt that it revokes the certificate.
pub(crate) fn certainly_revokes(crl: &CrlSpec, pki: &Pki, shape: Shape, leaf: &Leaf) -> bool {
    const CRITICAL: [&[u8]; 2] = [&[6, 3, 0x2a, 3, 4, 1, 1], &[6, 3, 0x55, 0x1d, 20, 1, 1]];
    const INDIRECT: &[u8] = &[0x30, 3, 0x84, 1];
    let has = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|found| found == part);
    let unusable =
        |bytes: &[u8]| CRITICAL.iter().any(|part| has(bytes, part)) || has(bytes, INDIRECT);
    (crl.issuer == pki.name || crl.issuer == spelled_otherwise())
        && crl.signer == Signer::Issuer
        && shape.crl_sign != Some(false)
        && crl.updated <= 0
        && crl.due.is_none_or(|due| due > 0)
        && !crl.extensions.iter().any(|extension| unusable(extension))
        && !crl.entries.iter().any(|(_, _, more)| unusable(more))
        && crl
            .entries
            .iter()
            .any(|(serial, reason, _)| *serial == leaf.serial && *reason != Some(8))
}
