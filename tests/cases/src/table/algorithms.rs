//! Signature algorithms and key strength.

use super::{Table, row};
use crate::make::{DAY, ca, server};
use crate::ml_dsa::Set;
use crate::{Case, Engine, Expect};

/// A chain of two made by `fixtures/make.sh`.
macro_rules! fixture {
    ($name:literal) => {{
        let mut case = row([], []);
        case.chain = vec![include_bytes!(concat!("../../fixtures/", $name, "-leaf.der")).to_vec()];
        case.roots = vec![include_bytes!(concat!("../../fixtures/", $name, "-root.der")).to_vec()];
        case
    }};
}

pub(super) fn rows(table: &mut Table) {
    let chain = |algorithm| {
        let root = ca("root").algorithm(algorithm).self_signed();
        let issuing = ca("issuing").algorithm(algorithm).issued_by(&root);
        let leaf = server().algorithm(algorithm).issued_by(&issuing);
        row([&leaf, &issuing], [&root])
    };
    table.trusted("p256", 3, chain(&rcgen::PKCS_ECDSA_P256_SHA256));
    table.trusted("p384", 3, chain(&rcgen::PKCS_ECDSA_P384_SHA384));
    table.trusted(
        "p521",
        3,
        chain(&rcgen::PKCS_ECDSA_P521_SHA512).differs(
            Engine::Ring,
            Expect::Refused("UnsupportedAlgorithm"),
            "ring has no P-521",
        ),
    );
    table.trusted("ed25519", 3, chain(&rcgen::PKCS_ED25519));
    table.trusted("rsa-2048-sha256", 3, chain(&rcgen::PKCS_RSA_SHA256));
    table.trusted("rsa-2048-sha512", 3, chain(&rcgen::PKCS_RSA_SHA512));

    table.trusted("rsa-pss", 2, fixture!("rsa-pss"));
    table.trusted("rsa-8192", 2, fixture!("rsa-8192"));
    table.refused("rsa-1024-end-entity", "WeakKey", fixture!("rsa-1024-leaf"));
    table.refused("rsa-1024-root", "WeakKey", fixture!("rsa-1024-root"));
    table.refused("sha1-signature", "UnsupportedAlgorithm", fixture!("sha1"));
    table.refused(
        "secp256k1-end-entity",
        "UnsupportedAlgorithm",
        fixture!("secp256k1-leaf").differs(
            Engine::OpenSsl,
            Expect::Trusted(2),
            "the curve is refused in the handshake, not in the chain",
        ),
    );
    table.refused(
        "brainpool-root",
        "UnsupportedAlgorithm",
        fixture!("brainpool-root").differs(
            Engine::OpenSsl,
            Expect::Trusted(2),
            "OpenSSL has Brainpool curves",
        ),
    );
    table.trusted("version-1-root", 2, fixture!("v1"));
    ml_dsa(table);
    weak_keys(table);
}

/// What `danger_allow_weak_keys` accepts, and what not.
fn weak_keys(table: &mut Table) {
    table.trusted("weak-rsa-1024-end-entity", 2, fixture!("rsa-1024-leaf").weak_keys());
    table.trusted("weak-rsa-1024-root", 2, fixture!("rsa-1024-root").weak_keys());
    table.trusted("weak-sha1-signature", 2, fixture!("sha1").weak_keys());
    let mut alone = fixture!("rsa-1024-leaf").weak_keys();
    alone.roots = alone.chain.clone();
    table.trusted(
        "weak-rsa-1024-in-the-store",
        1,
        alone.differs(
            Engine::OpenSsl,
            Expect::Refused("UnknownIssuer"),
            "only with X509_V_FLAG_PARTIAL_CHAIN, which `openssl verify` is not given",
        ),
    );
    let mut pinned = fixture!("rsa-1024-leaf").weak_keys();
    (pinned.pinned, pinned.roots) = (pinned.chain.clone(), Vec::new());
    table.trusted("weak-rsa-1024-pinned", 1, pinned);
    let root = ca("root").self_signed();
    let strong = row([&server().issued_by(&root)], [&root]).weak_keys();
    table.trusted("weak-not-needed", 2, strong);

    let openssl = "OpenSSL has no bound at security level 0";
    let short = fixture!("rsa-768-leaf").weak_keys();
    table.refused(
        "weak-rsa-768-end-entity",
        "WeakKey",
        short.differs(Engine::OpenSsl, Expect::Trusted(2), openssl),
    );
    let short = fixture!("rsa-768-root").weak_keys();
    table.refused(
        "weak-rsa-768-root",
        "WeakKey",
        short.differs(Engine::OpenSsl, Expect::Trusted(2), openssl),
    );
    let md5 = fixture!("md5").weak_keys();
    table.refused(
        "weak-md5-signature",
        "UnsupportedAlgorithm",
        md5.differs(Engine::OpenSsl, Expect::Trusted(2), openssl),
    );
    let ecdsa = fixture!("ecdsa-sha1").weak_keys();
    table.refused(
        "weak-ecdsa-sha1",
        "UnsupportedAlgorithm",
        ecdsa.differs(Engine::OpenSsl, Expect::Trusted(2), "neither library has ECDSA with SHA-1"),
    );
    // A weak root is checked like any other beside its key.
    let late = fixture!("rsa-1024-root").weak_keys().at(15 * 365 * DAY);
    table.refused("weak-rsa-1024-root-expired", "Expired", late);
    let client = fixture!("rsa-1024-root").weak_keys().client();
    table.refused("weak-rsa-1024-wrong-purpose", "WrongPurpose", client);
    let other = fixture!("rsa-1024-root").weak_keys().peer("other.example");
    table.refused("weak-rsa-1024-wrong-name", "NameMismatch", other);
    let mut damaged = fixture!("rsa-1024-root").weak_keys();
    *damaged.chain[0].last_mut().unwrap() ^= 1; // of the signature
    table.refused("weak-rsa-1024-wrong-signature", "BadSignature", damaged);
}

/// ML-DSA (FIPS 204, RFC 9881).
fn ml_dsa(table: &mut Table) {
    let no_ring = |case: Case| {
        let refused = Expect::Refused("UnsupportedAlgorithm");
        case.differs(Engine::Ring, refused, "ring has no ML-DSA")
    };
    let absent = |case: Case| {
        let refused = Expect::Refused("UnsupportedAlgorithm");
        no_ring(case).differs(Engine::OpenSsl, refused, "OpenSSL 3.0 does not have ML-DSA")
    };
    let chain = |set| {
        let root = ca("root").ml_dsa(set).self_signed();
        let issuing = ca("issuing").ml_dsa(set).issued_by(&root);
        let leaf = server().ml_dsa(set).issued_by(&issuing);
        row([&leaf, &issuing], [&root])
    };
    table.trusted("ml-dsa-44", 3, absent(chain(Set::MlDsa44)));
    table.trusted("ml-dsa-65", 3, absent(chain(Set::MlDsa65)));
    table.trusted("ml-dsa-87", 3, absent(chain(Set::MlDsa87)));

    let root = ca("root").ml_dsa(Set::MlDsa87).self_signed();
    let issuing = ca("issuing").ml_dsa(Set::MlDsa65).issued_by(&root);
    let leaf = server().issued_by(&issuing);
    table.trusted("ml-dsa-above-p256", 3, absent(row([&leaf, &issuing], [&root])));

    // The signature is of P-256, but OpenSSL 3.0 cannot measure the end entity's key.
    let root = ca("root").self_signed();
    let leaf = server().ml_dsa(Set::MlDsa44).issued_by(&root);
    let refused = Expect::Refused("UnsupportedAlgorithm");
    let below = row([&leaf], [&root]);
    table.trusted(
        "ml-dsa-below-p256",
        2,
        below.differs(Engine::OpenSsl, refused, "OpenSSL 3.0 does not have ML-DSA"),
    );

    let root = ca("root").ml_dsa(Set::MlDsa65).self_signed();
    let mut leaf = server().issued_by(&root);
    *leaf.der.last_mut().unwrap() ^= 1; // of the signature
    table.refused("ml-dsa-wrong-signature", "BadSignature", no_ring(row([&leaf], [&root])));
}
