//! Making certificates and CRLs.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension,
    DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256,
    RevokedCertParams, SanType, SerialNumber, SignatureAlgorithm, SigningKey,
};

use crate::NOW;
use crate::crl::{CrlSpec, der, ecdsa_sha256};
use crate::ml_dsa;

/// Seconds.
pub const DAY: i64 = 86_400;

/// A certificate with its key.
pub struct Node {
    params: CertificateParams,
    key: KeyPair,
    /// In the place of `key` in certificates.
    ml_dsa: Option<ml_dsa::Key>,
    /// The certificate.
    pub der: Vec<u8>,
}

/// A certificate in the making.
pub struct Spec {
    params: CertificateParams,
    algorithm: &'static SignatureAlgorithm,
    ml_dsa: Option<ml_dsa::Set>,
}

/// A CA with the extensions a CA has, valid a year either side.
pub fn ca(common_name: &str) -> Spec {
    let mut spec = blank(common_name);
    spec.params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    spec.params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    spec
}

/// A server's certificate for `example.com`.
pub fn server() -> Spec {
    leaf("server", ExtendedKeyUsagePurpose::ServerAuth).names(&["example.com"])
}

/// A client's certificate.
pub fn client() -> Spec {
    leaf("client", ExtendedKeyUsagePurpose::ClientAuth)
}

fn leaf(common_name: &str, usage: ExtendedKeyUsagePurpose) -> Spec {
    let mut spec = blank(common_name);
    spec.params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    spec.params.extended_key_usages = vec![usage];
    spec
}

fn blank(common_name: &str) -> Spec {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "trustbridge tests");
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    params.use_authority_key_identifier_extension = true;
    Spec { params, algorithm: &PKCS_ECDSA_P256_SHA256, ml_dsa: None }.valid(-365 * DAY, 365 * DAY)
}

impl Spec {
    /// Valid from and to, in seconds from the table's time.
    pub fn valid(mut self, from: i64, to: i64) -> Self {
        let at = |offset: i64| {
            let seconds = i64::try_from(NOW).unwrap() + offset;
            rcgen::date_time_ymd(1970, 1, 1)
                + std::time::Duration::from_secs(seconds.try_into().unwrap())
        };
        (self.params.not_before, self.params.not_after) = (at(from), at(to));
        self
    }

    /// The subject alternative names, DNS names and IP addresses.
    pub fn names(mut self, names: &[&str]) -> Self {
        self.params.subject_alt_names = names
            .iter()
            .map(|name| match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName((*name).try_into().unwrap()),
            })
            .collect();
        self
    }

    /// Another name: an internationalized e-mail address (SmtpUTF8Mailbox, RFC 9598).
    pub fn mailbox(mut self, address: &str) -> Self {
        let kind = vec![1, 3, 6, 1, 5, 5, 7, 8, 9];
        self.params.subject_alt_names.push(SanType::OtherName((kind, address.into())));
        self
    }

    /// The only attribute of the subject.
    pub fn common_name(mut self, name: &str) -> Self {
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, name);
        self.params.distinguished_name = subject;
        self
    }

    /// The only attribute of the subject, in any string type.
    pub fn attribute(mut self, kind: DnType, value: DnValue) -> Self {
        let mut subject = DistinguishedName::new();
        subject.push(kind, value);
        self.params.distinguished_name = subject;
        self
    }

    /// Valid since the first day of this year.
    pub fn valid_since(mut self, year: i32) -> Self {
        self.params.not_before = rcgen::date_time_ymd(year, 1, 1);
        self
    }

    /// No subject at all; the alternative names become critical.
    pub fn empty_subject(mut self) -> Self {
        self.params.distinguished_name = DistinguishedName::new();
        self
    }

    /// The kind of key, and how it signs.
    pub fn algorithm(mut self, algorithm: &'static SignatureAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// A key of this parameter set of ML-DSA.
    pub fn ml_dsa(mut self, set: ml_dsa::Set) -> Self {
        self.ml_dsa = Some(set);
        self
    }

    /// Whether it is a CA.
    pub fn basic_constraints(mut self, is_ca: IsCa) -> Self {
        self.params.is_ca = is_ca;
        self
    }

    /// A CA with a path length constraint.
    pub fn path_length(self, length: u8) -> Self {
        self.basic_constraints(IsCa::Ca(BasicConstraints::Constrained(length)))
    }

    /// Key usage; none if empty.
    pub fn key_usage(mut self, usages: &[KeyUsagePurpose]) -> Self {
        self.params.key_usages = usages.to_vec();
        self
    }

    /// Extended key usage; none if empty.
    pub fn extended_key_usage(mut self, usages: &[ExtendedKeyUsagePurpose]) -> Self {
        self.params.extended_key_usages = usages.to_vec();
        self
    }

    /// DNS subtrees that name constraints permit.
    pub fn permitted(mut self, names: &[&str]) -> Self {
        self.constraints().permitted_subtrees = subtrees(names);
        self
    }

    /// DNS subtrees that name constraints exclude.
    pub fn excluded(mut self, names: &[&str]) -> Self {
        self.constraints().excluded_subtrees = subtrees(names);
        self
    }

    /// The e-mail addresses that name constraints permit.
    pub fn permitted_mailboxes(mut self, base: &str) -> Self {
        self.constraints().permitted_subtrees = vec![GeneralSubtree::Rfc822Name(base.to_owned())];
        self
    }

    /// The e-mail addresses that name constraints exclude.
    pub fn excluded_mailboxes(mut self, base: &str) -> Self {
        self.constraints().excluded_subtrees = vec![GeneralSubtree::Rfc822Name(base.to_owned())];
        self
    }

    fn constraints(&mut self) -> &mut NameConstraints {
        self.params.name_constraints.get_or_insert(NameConstraints {
            permitted_subtrees: Vec::new(),
            excluded_subtrees: Vec::new(),
        })
    }

    /// An extension nobody knows.
    pub fn unknown_extension(self, critical: bool) -> Self {
        self.extension(&[2, 999, 1], critical, vec![5, 0])
    }

    /// The serial number.
    pub fn serial(mut self, serial: u64) -> Self {
        self.params.serial_number = Some(SerialNumber::from(serial));
        self
    }

    /// An extension by its object identifier and contents.
    pub fn extension(mut self, oid: &[u64], critical: bool, contents: Vec<u8>) -> Self {
        let mut extension = CustomExtension::from_oid_content(oid, contents);
        extension.set_criticality(critical);
        self.params.custom_extensions.push(extension);
        self
    }

    /// Leaves the key identifiers out.
    pub fn no_authority_key_id(mut self) -> Self {
        self.params.use_authority_key_identifier_extension = false;
        self
    }

    /// Signs it with its own new key.
    pub fn self_signed(self) -> Node {
        let key = KeyPair::generate_for(self.algorithm).unwrap();
        self.self_signed_with(key)
    }

    /// Self-signed with the key of another certificate.
    pub fn self_signed_as(self, other: &Node) -> Node {
        self.self_signed_with(other.copy_key())
    }

    fn self_signed_with(self, key: KeyPair) -> Node {
        let ml_dsa = self.ml_dsa.map(ml_dsa::Key::generate);
        let der = signed(|| {
            let der = self.params.self_signed(&key).unwrap().der().to_vec();
            match &ml_dsa {
                None => der,
                own => ml_dsa::replace_keys(&der, own.as_ref(), own.as_ref(), &key),
            }
        });
        Node { params: self.params, key, ml_dsa, der }
    }

    /// Has it signed by a CA, with a new key.
    pub fn issued_by(self, issuer: &Node) -> Node {
        let key = KeyPair::generate_for(self.algorithm).unwrap();
        self.issued_with(key, issuer)
    }

    /// Issued for the key of another certificate: a cross-sign, or a renewal.
    pub fn issued_for(self, other: &Node, issuer: &Node) -> Node {
        self.issued_with(other.copy_key(), issuer)
    }

    fn issued_with(self, key: KeyPair, issuer: &Node) -> Node {
        let by = Issuer::from_params(&issuer.params, &issuer.key);
        let ml_dsa = self.ml_dsa.map(ml_dsa::Key::generate);
        let der = signed(|| {
            let der = self.params.signed_by(&key, &by).unwrap().der().to_vec();
            match (&ml_dsa, &issuer.ml_dsa) {
                (None, None) => der,
                (own, signer) => {
                    ml_dsa::replace_keys(&der, own.as_ref(), signer.as_ref(), &issuer.key)
                }
            }
        });
        Node { params: self.params, key, ml_dsa, der }
    }
}

impl Node {
    /// A CRL of this CA to be refined: current, of version 2, and empty. It names the CA's key as
    /// CAs do.
    pub fn crl_spec(&self) -> CrlSpec {
        let key_id = der(0x30, &der(0x80, &self.params.key_identifier(&self.key)));
        CrlSpec::new(self.subject()).extension(&[0x55, 0x1d, 35], false, &key_id)
    }

    /// The subject's Name.
    pub fn subject(&self) -> Vec<u8> {
        let tbs = elements(elements(elements(&self.der)[0].1)[0].1);
        der(0x30, tbs[5].1)
    }

    /// Signs it with this certificate's key.
    pub fn sign(&self, crl: &CrlSpec) -> Vec<u8> {
        signed(|| crl.sign(&self.key))
    }

    /// Signs anything with its key of P-256; the AlgorithmIdentifier, and the signature.
    pub fn sign_bytes(&self, message: &[u8]) -> (Vec<u8>, Vec<u8>) {
        (ecdsa_sha256(), self.key.sign(message).unwrap())
    }

    fn copy_key(&self) -> KeyPair {
        KeyPair::try_from(self.key.serialized_der()).unwrap()
    }

    /// The private key, PKCS #8.
    pub fn key_der(&self) -> Vec<u8> {
        self.ml_dsa.as_ref().map_or_else(|| self.key.serialize_der(), ml_dsa::Key::pkcs8)
    }

    /// A CRL of this CA that revokes these serial numbers, updated and due in seconds from the
    /// table's time.
    pub fn crl(&self, revoked: &[u64], updated: i64, due: i64) -> Vec<u8> {
        let at = |offset: i64| {
            let seconds = i64::try_from(NOW).unwrap() + offset;
            rcgen::date_time_ymd(1970, 1, 1)
                + std::time::Duration::from_secs(seconds.try_into().unwrap())
        };
        let params = CertificateRevocationListParams {
            this_update: at(updated),
            next_update: at(due),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .iter()
                .map(|serial| RevokedCertParams {
                    serial_number: SerialNumber::from(*serial),
                    revocation_time: at(updated),
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let by = Issuer::from_params(&self.params, &self.key);
        signed(|| params.signed_by(&by).unwrap().der().to_vec())
    }
}

/// Signs anew until both numbers of an ECDSA signature are as long as the curve: Wine 8 cannot
/// read the shorter ones, of which there is one in 128.
fn signed(sign: impl Fn() -> Vec<u8>) -> Vec<u8> {
    loop {
        let der = sign();
        // SEQUENCE { content, algorithm, BIT STRING { SEQUENCE { INTEGER, INTEGER } } }
        let whole = elements(elements(&der)[0].1);
        // 1.2.840.10045.4.3.*; an RSA signature may look like this structure, and never changes.
        if !whole[1].1.starts_with(&[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3]) {
            return der;
        }
        let numbers = match elements(&whole[2].1[1..])[..] {
            [(0x30, numbers)] => elements(numbers),
            _ => return der,
        };
        let lengths: Vec<_> = numbers
            .iter()
            .map(|(_, number)| number.iter().skip_while(|byte| **byte == 0).count())
            .collect();
        if lengths.iter().all(|length| matches!(length, 32 | 48 | 66)) {
            return der;
        }
    }
}

/// The DER elements of some bytes, with their tags; what is not DER ends the list.
pub(crate) fn elements(mut der: &[u8]) -> Vec<(u8, &[u8])> {
    let mut out = Vec::new();
    while let [tag, length, rest @ ..] = der {
        let digits = if *length < 0x80 { 0 } else { usize::from(length & 0x7f) };
        if digits > rest.len() {
            break;
        }
        let (number, rest) = rest.split_at(digits);
        let length = match digits {
            0 => usize::from(*length),
            _ => number.iter().fold(0, |n, digit| n << 8 | usize::from(*digit)),
        };
        if length > rest.len() {
            break;
        }
        let (contents, rest) = rest.split_at(length);
        out.push((*tag, contents));
        der = rest;
    }
    out
}

fn subtrees(names: &[&str]) -> Vec<GeneralSubtree> {
    names.iter().map(|name| GeneralSubtree::DnsName((*name).to_owned())).collect()
}
