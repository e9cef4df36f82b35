//! The fuzz targets' entry functions on deterministic mutations of valid input: no panic, no
//! hang. `TRUSTBRIDGE_FUZZ_ROUNDS` asks for more than the usual few thousand.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
};
use trustbridge_cases::crl::{der, uri};
use trustbridge_cases::make::ca;

#[path = "fuzz/entry.rs"]
mod entry;

/// Marsaglia's xorshift64: all that is needed is that it is the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % limit.max(1)
    }

    /// One to four small changes, of the kinds that readers trip over.
    fn mutate(&mut self, input: &[u8]) -> Vec<u8> {
        let mut out = input.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(out.len());
            let Some(byte) = out.get_mut(at) else { break };
            match self.below(8) {
                0 => *byte ^= 1 << self.below(8),
                1 => *byte = [0, 1, 0x7f, 0x80, 0x81, 0x84, 0xff][self.below(7)],
                2 => *byte = b"-\n\r \t:=A"[self.below(8)],
                3 => out.truncate(at),
                4 => drop(out.remove(at)),
                5 => out.insert(at, 0),
                6 => {
                    let end = (at + self.below(64)).min(out.len());
                    let piece = out[at..end].to_vec();
                    let to = self.below(out.len());
                    out.splice(to..to, piece);
                }
                _ => {
                    let end = (at + self.below(64)).min(out.len());
                    out.drain(at..end);
                }
            }
        }
        out
    }
}

fn rounds() -> usize {
    let more = std::env::var("TRUSTBRIDGE_FUZZ_ROUNDS").ok();
    more.and_then(|rounds| rounds.parse().ok()).unwrap_or(3_000)
}

/// A valid chain, its root and a CRL, as [`entry::verify`] takes them, and as PEM.
fn inputs() -> (Vec<u8>, Vec<u8>) {
    let ca = |name: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.use_authority_key_identifier_extension = true;
        params
    };
    let key = KeyPair::generate().unwrap();
    let root = ca("root").self_signed(&key).unwrap();
    let root_issuer = Issuer::new(ca("root"), key);
    let key = KeyPair::generate().unwrap();
    let intermediate = ca("intermediate").signed_by(&key, &root_issuer).unwrap();
    let issuer = Issuer::new(ca("intermediate"), key);
    let leaf = CertificateParams::new(vec!["server.test".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    let crl = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2036, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    }
    .signed_by(&issuer)
    .unwrap();
    let mut pieces = Vec::new();
    for (kind, der) in
        [(0, leaf.der()), (0, intermediate.der()), (1, root.der()), (2, intermediate.der())]
    {
        pieces.extend(u16::try_from(der.len()).unwrap().to_be_bytes());
        pieces.push(kind);
        pieces.extend_from_slice(der);
    }
    pieces.extend(u16::try_from(crl.der().len()).unwrap().to_be_bytes());
    pieces.push(3);
    pieces.extend_from_slice(crl.der());
    let text = format!("text\n{}{}{}", root.pem(), crl.pem().unwrap(), intermediate.pem());
    (pieces, text.into_bytes())
}

#[test]
fn verify_survives_mutations() {
    let (valid, _) = inputs();
    assert!(entry::verify(&valid), "the input that is mutated is trusted");
    let mut random = Random(0x7275_7374_6272_6964);
    for _ in 0..rounds() {
        entry::verify(&random.mutate(&valid));
    }
}

#[test]
fn pem_survives_mutations() {
    let (_, valid) = inputs();
    assert_eq!(entry::pem(&valid), 3, "the input that is mutated is good");
    let mut random = Random(0x7065_6d5f_6675_7a7a);
    let der = trustbridge::files::read_pem(&valid).certificates.remove(0).0;
    // A certificate with trust settings: trusted for servers, rejected for clients.
    let settings = b"\x30\x18\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01\
                     \xa0\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02";
    let trusted = [&der[..], settings].concat();
    assert_eq!(entry::pem(&trusted), 1, "as a TRUSTED CERTIFICATE");
    for _ in 0..rounds() {
        entry::pem(&random.mutate(&valid));
        entry::pem(&random.mutate(&trusted));
    }
}

#[test]
fn p11kit_survives_mutations() {
    let pem = ca("distrusted").self_signed();
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &pem.der)
    );
    let valid = format!(
        "# a comment\n[p11-kit-object-v1]\nx-distrusted: true\n{pem}\
         [p11-kit-object-v1]\nnss-server-distrust-after: \"%32%341130235959Z\"\n{pem}\
         [p11-kit-object-v1]\nclass: certificate\nx-distrusted: true\nissuer: \"0%00\"\n\
         serial-number: \"%02%01%01\"\n[p11-kit-object-v1]\nclass: x-certificate-extension\n\
         value: \"0%13%06%03U%1d%25%04%0c0%0a%06%08+%06%01%05%05%07%03%04\"\n\
         public-key-info: \"0%050%00%03%01%00\"\n"
    );
    assert_eq!(entry::p11kit(valid.as_bytes()), 4, "the input that is mutated is good");
    let mut random = Random(0x7031_316b_6974_667a);
    for _ in 0..rounds() {
        entry::p11kit(&random.mutate(valid.as_bytes()));
    }
}

#[cfg(all(feature = "crlite", not(any(windows, target_vendor = "apple"))))]
#[test]
fn crlite_survives_mutations() {
    let first: &[_] = &[([1; 32], 10, 20), ([4; 32], 0, u64::MAX)];
    let valid = trustbridge_cases::crlite::index(&[
        ("20261128-0-default.filter", first),
        ("20261128-1-default.filter.delta", &[([1; 32], 20, 30)]),
        ("a", &[]),
    ]);
    assert_eq!(entry::crlite(&valid), Some(3), "the input that is mutated is good");
    let mut random = Random(0x6372_6c69_7465_667a);
    for _ in 0..rounds() {
        entry::crlite(&random.mutate(&valid));
    }
}

#[test]
fn crl_survives_mutations() {
    let ca = ca("issuing").self_signed();
    let spec = ca
        .crl_spec()
        .revokes(&[1, 2, 3], None)
        .revokes(&[0x7f; 20], Some(1))
        .extension(&[0x55, 0x1d, 20], false, &der(2, &[1]))
        .scope(&[uri("http://example.com/"), der(0x81, &[0xff])].concat());
    let valid = ca.sign(&spec);
    assert!(entry::crl(&valid), "the input that is mutated can be used");
    let mut random = Random(0x6372_6c5f_6675_7a7a);
    for _ in 0..rounds() {
        entry::crl(&random.mutate(&valid));
    }
}

#[test]
fn names_survive_mutations() {
    // Where the system decides, nobody can have it take signatures for good.
    if cfg!(any(windows, target_vendor = "apple")) {
        return;
    }
    let general = |tag, text: &[u8]| entry::element(tag, text);
    let names = [general(0x82, b"server.test"), general(0x81, b"a@server.test")].concat();
    let names = entry::element(0x30, &[names, general(0x86, b"https://server.test/")].concat());
    let subtree = |tag, text: &[u8]| entry::element(0x30, &general(tag, text));
    let permitted = [subtree(0x82, b"test"), subtree(0x81, b".test"), subtree(0x86, b".test")];
    let excluded = [subtree(0x82, b"other.test"), subtree(0x87, &[10, 0, 0, 0, 255, 0, 0, 0])];
    let constraints = entry::element(
        0x30,
        &[entry::element(0xa0, &permitted.concat()), entry::element(0xa1, &excluded.concat())]
            .concat(),
    );
    let mut valid = Vec::new();
    for piece in [names, constraints] {
        valid.extend(u16::try_from(piece.len()).unwrap().to_be_bytes());
        valid.extend(piece);
    }
    valid.extend(b"Issuing  CA");
    assert!(entry::names(&valid), "the input that is mutated is trusted");
    let mut random = Random(0x6e61_6d65_5f66_757a);
    for _ in 0..rounds() {
        entry::names(&random.mutate(&valid));
    }
}

/// A fuzz target and its name.
#[cfg(unix)]
type Target<'a> = (&'a str, fn(&[u8]));

/// Each target has seeds, or it would begin with nothing; CI runs every target with them.
#[cfg(unix)]
#[test]
fn seeds_survive() {
    let targets: &[Target<'_>] = &[
        ("crl", |seed| {
            entry::crl(seed);
        }),
        #[cfg(feature = "crlite")]
        ("crlite", |seed| {
            entry::crlite(seed);
        }),
        ("names", |seed| {
            entry::names(seed);
        }),
        ("p11kit", |seed| {
            entry::p11kit(seed);
        }),
        ("pem", |seed| {
            entry::pem(seed);
        }),
        ("verify", |seed| {
            entry::verify(seed);
        }),
    ];
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let files = |of: &str| {
        let entries = std::fs::read_dir(folder.join(of)).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let built = files("fuzz_targets");
    for target in built {
        let target = target.file_stem().unwrap().to_str().unwrap();
        let seeds = files(&format!("seeds/{target}"));
        assert!(!seeds.is_empty(), "{target}");
        if target == "crlite" && !cfg!(feature = "crlite") {
            continue;
        }
        let (_, run) = targets.iter().find(|(name, _)| *name == target).unwrap();
        for seed in seeds {
            run(&std::fs::read(seed).unwrap());
        }
    }
}
