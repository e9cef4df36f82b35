use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use tempfile::TempDir;

use super::*;
use crate::store::testing::{certificate, pem};

/// An object with these attributes.
fn object(attributes: &[&str], block: &str) -> String {
    let attributes: String = attributes.iter().map(|line| format!("{line}\n")).collect();
    format!("[p11-kit-object-v1]\n{attributes}{block}")
}

fn percent(bytes: &[u8]) -> String {
    let text: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
    format!("\"{text}\"")
}

fn statements(text: &str) -> Vec<Statement> {
    let policy = parse(text.as_bytes(), false);
    assert_eq!(policy.faults, [], "{text}");
    policy.statements
}

fn about(certificate: &[u8], distrusted: bool, after: Option<i64>) -> Statement {
    Statement::Certificate {
        certificate: certificate.to_vec().into(),
        distrusted,
        server_distrust_after: after.map(Timestamp),
        trust: None,
    }
}

#[test]
fn what_a_file_says_about_certificates() {
    let cert = certificate("one");
    let block = pem("CERTIFICATE", &cert);
    const DATE: Option<i64> = Some(1_733_011_199);
    for (attributes, expected) in [
        (&["trusted: true"][..], None),
        (&["trusted: true", "nss-server-distrust-after: \"%00\""], None),
        (&["nss-server-distrust-after: false"], None),
        (&["nss-email-distrust-after: \"241130235959Z\""], None),
        (&["x-distrusted: false"], None),
        (&["x-distrusted: true"], Some(about(&cert, true, None))),
        (&["x-distrusted: \"%01\""], Some(about(&cert, true, None))),
        (&["  x-distrusted :  true  "], Some(about(&cert, true, None))),
        (&["nss-server-distrust-after: \"241130235959Z\""], Some(about(&cert, false, DATE))),
        (&["nss-server-distrust-after: \"20241130235959Z\""], Some(about(&cert, false, DATE))),
        (&["nss-server-distrust-after: \"%32%341130235959Z\""], Some(about(&cert, false, DATE))),
    ] {
        let found = statements(&object(attributes, &block));
        assert_eq!(found, Vec::from_iter(expected.clone()), "{attributes:?}");
        // The attributes may follow the block, with comments between.
        let text = object(&[], &format!("# a comment\n\n{block}{}\n", attributes.join("\n")));
        assert_eq!(statements(&text), Vec::from_iter(expected), "{attributes:?}");
    }
    let text = object(
        &["class: certificate", "x-distrusted: true"],
        &format!("value: {}\n", percent(&cert)),
    );
    assert_eq!(statements(&text), [about(&cert, true, None)]);
    let blocked = parse(object(&["trusted: true"], &block).as_bytes(), true);
    assert_eq!(blocked.statements, [about(&cert, true, None)]);
}

#[test]
fn issuer_and_serial_number() {
    let issuer = ["class: certificate", "issuer: \"0%0d1%0b0%09%06%03U%04%03%0c%02CA\""];
    let serial = "serial-number: \"%02%02%01%02\"";
    let text = object(&[issuer[0], issuer[1], serial, "x-distrusted: true"], "");
    let name = b"\x31\x0b0\x09\x06\x03U\x04\x03\x0c\x02CA".to_vec();
    let expected = Statement::IssuerSerial { issuer: name, serial: vec![1, 2] };
    assert_eq!(statements(&text), [expected]);
}

#[test]
fn extensions_by_public_key() {
    let extension = "0\x12\x06\x03U\x1d%\x01\x01\u{0}\x04\x08".as_bytes();
    let extension = [extension, b"0\x06\x06\x04\x55\x1d\x25\x00"].concat();
    let key = [0x30, 5, 0x30, 0, 3, 1, 0];
    let value = format!("value: {}", percent(&extension));
    let class = ["class: x-certificate-extension", "object-id: 2.5.29.37"];
    let expected = Statement::Extension {
        spki: key[2..].to_vec(),
        kind: Attached::ExtendedKeyUsage,
        contents: b"\x06\x04\x55\x1d\x25\x00".to_vec(),
    };
    let text = object(&[class[0], class[1], &value], &pem("PUBLIC KEY", &key));
    assert_eq!(statements(&text), std::slice::from_ref(&expected));
    let info = format!("public-key-info: {}", percent(&key));
    assert_eq!(statements(&object(&[class[0], &value, &info], "")), [expected]);
}

#[test]
fn damage_is_named_and_hides_nothing_else() {
    let cert = certificate("whole");
    let block = pem("CERTIFICATE", &cert);
    let whole = object(&["x-distrusted: true"], &block);
    let bad_block = block.replacen("MII", "M!I", 1);
    for (damaged, line, reason) in [
        (object(&["x-distrusted: true"], &bad_block), 1, "the block is not base64"),
        (object(&["class: certificate", "x-distrusted: true"], ""), 1, "neither a certificate nor"),
        (object(&["no colon", "x-distrusted: true"], ""), 2, "not 'name: value'"),
        (object(&["class: x-certificate-extension"], ""), 1, "an extension without a value"),
        ("[p11-kit-object-v2]\n".to_owned(), 1, "a section of an unknown kind"),
        (
            object(&["nss-server-distrust-after: \"241330235959Z\""], &block),
            1,
            "nss-server-distrust-after is not a date",
        ),
        (
            object(&["class: certificate", "x-distrusted: true", "value: \"%3\""], ""),
            1,
            "truncated percent encoding",
        ),
        (
            object(&["class: certificate", "x-distrusted: true", "value: \"%+3\""], ""),
            1,
            "invalid percent encoding",
        ),
        (
            object(&["x-distrusted: true"], "-----BEGIN CERTIFICATE-----\nMII\n"),
            4,
            "the PEM block before has no END line",
        ),
    ] {
        let lines = damaged.lines().count();
        let policy = parse(format!("{damaged}{whole}").as_bytes(), false);
        assert_eq!(policy.statements, [about(&cert, true, None)], "{damaged}");
        let [Fault { line: found, reason: text }] = &policy.faults[..] else {
            panic!("{damaged}: {:?}", policy.faults)
        };
        assert!(text.starts_with(reason), "{text}");
        assert_eq!(*found, Some(if line == 4 { lines + 1 } else { line }), "{damaged}");
    }
    // What is not clearly trusted is not.
    let policy = parse(object(&["x-distrusted: yes"], &block).as_bytes(), false);
    assert_eq!(policy.statements, [about(&cert, true, None)]);
    assert_eq!(policy.faults.len(), 1);
}

#[test]
fn no_bytes_make_it_panic() {
    let text = object(&["x-distrusted: true"], &pem("CERTIFICATE", &certificate("mutated")));
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..3_000 {
        let mut bytes = text.clone().into_bytes();
        for _ in 0..3 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let at = usize::try_from(random >> 20).unwrap() % bytes.len();
            match random % 3 {
                0 => bytes[at] = random.to_le_bytes()[1],
                1 => bytes.truncate(at),
                _ => bytes.insert(at, b"\n:\"%[-"[usize::from(random.to_le_bytes()[2]) % 6]),
            }
            if bytes.is_empty() {
                break;
            }
        }
        parse(&bytes, random % 2 == 0);
    }
}

/// Lines of 64 characters are skipped without a look at each.
#[test]
fn lines_of_any_length() {
    let cert = certificate("lines");
    let base64: String =
        pem("CERTIFICATE", &cert).lines().filter(|line| !line.starts_with('-')).collect();
    for width in (1..200).chain([base64.len()]) {
        let lines: Vec<_> = base64
            .as_bytes()
            .chunks(width)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        for end in ["\n", "\r\n", " \n"] {
            let block = format!(
                "-----BEGIN CERTIFICATE-----{end}{}{end}-----END CERTIFICATE-----{end}",
                lines.join(end)
            );
            let trusted = object(&["trusted: true"], &block);
            let distrusted = object(&["x-distrusted: true"], &block);
            let policy =
                parse(format!("{trusted}{distrusted}what: ever{end}bad\n").as_bytes(), false);
            assert_eq!(policy.statements, [about(&cert, true, None)], "{width} {end:?}");
            let bad = 2 * (lines.len() + 4) + 2;
            assert_eq!(
                policy.faults,
                [Fault::new(Some(bad), "not 'name: value'")],
                "{width} {end:?}"
            );
        }
    }
}

#[test]
fn only_its_own_files() {
    for (text, expected) in [
        ("[p11-kit-object-v1]\n", true),
        ("\n# comment\n  [p11-kit-object-v1]\r\n", true),
        ("[p11-kit-object-v2]\n", false),
        ("-----BEGIN CERTIFICATE-----\n[p11-kit-object-v1]\n", false),
        ("", false),
    ] {
        assert_eq!(is_p11kit(text.as_bytes()), expected, "{text}");
    }
}

/// The program `trust` of p11-kit reads the same directory and dumps what it has read.
#[test]
fn trust_reads_the_same() {
    let directory = TempDir::new().unwrap();
    let (dated, bad, good, blocked) =
        (certificate("dated"), certificate("bad"), certificate("good"), certificate("blocked"));
    let source = directory.path().join("source");
    fs::create_dir_all(source.join("blocklist")).unwrap();
    let text = [
        object(
            &["trusted: true", "nss-server-distrust-after: \"241130235959Z\""],
            &pem("CERTIFICATE", &dated),
        ),
        object(&["x-distrusted: true"], &pem("CERTIFICATE", &bad)),
        object(
            &["trusted: true", "nss-server-distrust-after: \"%00\""],
            &pem("CERTIFICATE", &good),
        ),
        object(
            &[
                "class: certificate",
                "certificate-type: x-509",
                "issuer: \"0%0d1%0b0%09%06%03U%04%03%0c%02CA\"",
                "serial-number: \"%02%02%01%02\"",
                "x-distrusted: true",
            ],
            "",
        ),
    ];
    let text = text.concat();
    fs::write(source.join("bundle.p11-kit"), &text).unwrap();
    let block = pem("CERTIFICATE", &blocked);
    fs::write(source.join("blocklist/blocked.pem"), &block).unwrap();

    let modules = directory.path().join("pkcs11/modules");
    fs::create_dir_all(&modules).unwrap();
    fs::write(directory.path().join("pkcs11/pkcs11.conf"), "user-config: only\n").unwrap();
    let module = format!(
        "module: p11-kit-trust.so\ntrust-policy: yes\nx-init-reserved: paths='{}'\n",
        source.display()
    );
    fs::write(modules.join("p11-kit-trust.module"), module).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let mut trust = Command::new("trust");
    trust.arg("dump").env("XDG_CONFIG_HOME", directory.path()).env("HOME", directory.path());
    // The configuration of root is not read.
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        trust.uid(65534).gid(65534);
    }
    let dumped = trust.output().unwrap();
    assert!(dumped.status.success(), "{dumped:?}");
    let dumped = String::from_utf8(dumped.stdout).unwrap();

    let ours = |policy: Policy| {
        assert_eq!(policy.faults, [], "{dumped}");
        policy.statements.into_iter().map(|statement| format!("{statement:?}"))
    };
    let blocklist = object(&[], &block);
    let mut expected: BTreeSet<_> = ours(parse(text.as_bytes(), false)).collect();
    expected.extend(ours(parse(blocklist.as_bytes(), true)));
    assert_eq!(expected.len(), 4);
    // Objects that `trust` has in itself, about issuers that were distrusted long ago.
    let theirs: BTreeSet<_> = ours(parse(dumped.as_bytes(), false)).collect();
    assert_eq!(theirs, expected);
}
