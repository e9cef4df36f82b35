use super::*;
use crate::store::testing::{certificate, pem};

type Lengths = Vec<(usize, usize)>;
type Faults = Vec<(usize, Fault)>;

/// Line and length of what was read, line and fault of what was not.
fn read(text: impl AsRef<[u8]>) -> (Lengths, Faults) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for block in blocks(text.as_ref()) {
        match block {
            Ok(block) => match block.item {
                Item::Certificate { certificate, .. } => {
                    good.push((block.line, certificate.len()));
                }
                Item::Crl(crl) => good.push((block.line, crl.len())),
            },
            Err(error) => bad.push((error.line, error.fault)),
        }
    }
    (good, bad)
}

#[test]
fn text_that_openssl_reads() {
    let cert = certificate("text");
    let len = cert.len();
    let plain = pem("CERTIFICATE", &cert);
    let one_line = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        base64::engine::general_purpose::STANDARD.encode(&cert)
    );
    for (what, text, line) in [
        ("plain", plain.clone(), 1),
        ("CRLF", plain.replace('\n', "\r\n"), 1),
        ("byte order mark", format!("\u{feff}{plain}"), 1),
        ("white space at line ends", plain.replace('\n', " \t\n"), 1),
        ("text around", format!("# CA\nsubject=/CN=x\n{plain}more\n"), 3),
        ("no line break at the end", plain.trim_end().to_owned(), 1),
        ("one long line", one_line, 1),
        ("old label", plain.replace("CERTIFICATE-", "X509 CERTIFICATE-"), 1),
        ("trusted label without settings", pem("TRUSTED CERTIFICATE", &cert), 1),
        ("lone CR in the middle of a line", plain.replacen("MII", "M\rI\rI", 1), 1),
        ("space in the middle of a line", plain.replacen("MII", "M I\tI", 1), 1),
    ] {
        assert_eq!(read(text), (vec![(line, len)], vec![]), "{what}");
    }
    assert_eq!(read(""), (vec![], vec![]));
    assert_eq!(read("no PEM\n"), (vec![], vec![]));
}

#[test]
fn other_labels_are_passed_over() {
    let cert = certificate("key beside it");
    let text = format!(
        "{}{}{}{}",
        pem("PRIVATE KEY", b"secret"),
        pem("CERTIFICATE REQUEST", &cert),
        pem("NEW CERTIFICATE", &cert),
        pem("CERTIFICATE", &cert)
    );
    let (good, bad) = read(text);
    assert_eq!((good.len(), bad), (1, vec![]));
}

#[test]
fn a_bad_block_does_not_hide_the_others() {
    let cert = certificate("others");
    let good = pem("CERTIFICATE", &cert);
    let lines = good.lines().count();
    let half: String = good.lines().take(3).map(|line| format!("{line}\n")).collect();
    let begin = "-----BEGIN CERTIFICATE-----";
    for (what, bad, line, fault) in [
        ("cut in half", half.clone(), 1, Fault::CutShort),
        ("only a BEGIN", format!("{begin}\n"), 1, Fault::CutShort),
        ("other END", good.replace("-----END C", "-----END X509 C"), lines, Fault::BadEnd),
        ("END cut", good.trim_end().trim_end_matches('-').to_owned() + "\n", lines, Fault::BadEnd),
        ("not base64", good.replacen("MII", "M!I", 1), 1, Fault::BadBase64),
        ("a character too few", good.replacen("MII", "MI", 1), 1, Fault::BadBase64),
        ("BEGIN cut", good.replacen(begin, "-----BEGIN CERTIFICATE---", 1), 1, Fault::BadBegin),
        ("not DER", pem("CERTIFICATE", b"text"), 1, Fault::BadDer("certificate")),
        ("empty", pem("CERTIFICATE", b""), 1, Fault::BadDer("certificate")),
        (
            "data after it",
            pem("CERTIFICATE", &[&cert[..], &[0]].concat()),
            1,
            Fault::BadDer("certificate (data after its end)"),
        ),
        (
            "half a certificate in whole PEM",
            pem("CERTIFICATE", &cert[..cert.len() / 2]),
            1,
            Fault::BadDer("certificate"),
        ),
        (
            "bad trust settings",
            pem("TRUSTED CERTIFICATE", &[&cert[..], &[0x30, 1]].concat()),
            1,
            Fault::BadDer("trust settings"),
        ),
        ("bad CRL", pem("X509 CRL", b"\x04\x00"), 1, Fault::BadDer("CRL")),
    ] {
        let lines = bad.lines().count();
        let (found, faults) = read(format!("{bad}{good}"));
        assert_eq!(found, [(lines + 1, cert.len())], "{what}: the next");
        assert_eq!(faults, [(line, fault)], "{what}");
        let (found, faults) = read(format!("{good}{bad}"));
        assert_eq!((found.len(), faults.len()), (1, 1), "{what}: the one before");
    }
}

#[test]
fn a_byte_order_mark_between_blocks() {
    let cert = certificate("mark");
    let (plain, len) = (pem("CERTIFICATE", &cert), cert.len());
    let lines = plain.lines().count();
    let key = pem("PRIVATE KEY", b"secret");
    let two = |between: &str| read(format!("{plain}{between}{plain}"));
    assert_eq!(two("\u{feff}"), (vec![(1, len), (lines + 1, len)], vec![]), "files joined");
    let after_key = read(format!("{key}\u{feff}{plain}"));
    assert_eq!(after_key, (vec![(key.lines().count() + 1, len)], vec![]));
    let ignored = (vec![(1, len)], vec![(lines + 2, Fault::IgnoredBegin)]);
    assert_eq!(two("\n\u{feff}"), ignored, "OpenSSL reads on behind the first line");
    assert_eq!(two("# two\n\u{feff}"), ignored);
}

#[test]
fn begin_lines_that_are_ignored_are_named() {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    let cert = certificate("ignored");
    let plain = pem("CERTIFICATE", &cert);
    let read_with = |begin: &str| read(plain.replacen(BEGIN, begin, 1));
    for begin in [
        "----BEGIN CERTIFICATE-----",
        " -----BEGIN CERTIFICATE-----",
        "-----BEGIN  CERTIFICATE-----",
        "-----Begin Certificate-----",
        "\u{2014}BEGIN CERTIFICATE\u{2014}",
        "\u{200b}-----BEGIN CERTIFICATE-----",
        "\"-----BEGIN CERTIFICATE-----",
        "------BEGIN CERTIFICATE-----",
        "-----BEGIN X509  CERTIFICATE-----",
        "BEGIN CERTIFICATE-----",
    ] {
        let (good, faults) = read_with(begin);
        let named = begin != "-----BEGIN X509  CERTIFICATE-----"; // too far off
        assert_eq!(good, [], "{begin}");
        assert_eq!(faults.len(), usize::from(named), "{begin}: {faults:?}");
    }
    for begin in [
        "# -----BEGIN CERTIFICATE-----",
        "> -----BEGIN CERTIFICATE-----",
        "The -----BEGIN CERTIFICATE----- line",
        "BEGIN CERTIFICATE",
        "-----BEGIN CERTIFICATE REQUEST-----",
        "-----",
        "",
    ] {
        assert_eq!(read_with(begin), (vec![], vec![]), "{begin}");
    }
}

#[test]
fn end_and_begin_in_one_line() {
    let plain = pem("CERTIFICATE", &certificate("joined"));
    let lines = plain.lines().count();
    let text = format!("{}{plain}", plain.trim_end());
    assert_eq!(read(text), (vec![], vec![(lines, Fault::JoinedLines)]));
}

#[cfg(target_os = "linux")]
#[test]
fn openssl_reads_the_same_blocks() {
    use std::process::{Command, Stdio};
    let plain = pem("CERTIFICATE", &certificate("compared"));
    let mark = "\u{feff}";
    for between in ["", mark, "\n", "\n\u{feff}", "text\n", " ", "-"] {
        let text = format!("{mark}{plain}{between}{plain}");
        let ours = read(&text).0.len();
        let mut child = Command::new("openssl")
            .args(["crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        let bundle = child.wait_with_output().unwrap().stdout;
        let mut list = Command::new("openssl")
            .args(["pkcs7", "-print_certs", "-noout"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut list.stdin.take().unwrap(), &bundle).unwrap();
        let listed = list.wait_with_output().unwrap().stdout;
        let theirs = String::from_utf8(listed).unwrap().matches("subject=").count();
        assert_eq!(ours, theirs, "{between:?}");
    }
}

#[test]
fn mac_line_ends_are_named() {
    let text = pem("CERTIFICATE", &certificate("mac")).replace('\n', "\r");
    assert_eq!(read(text), (vec![], vec![(1, Fault::BadBegin)]));
}

#[test]
fn crls_are_kept_apart() {
    let crl = [0x30, 0];
    let text = pem("X509 CRL", &crl);
    let block = blocks(text.as_bytes()).next().unwrap().unwrap();
    assert_eq!(block.item, Item::Crl(crl.to_vec().into()));
}

#[test]
fn errors_say_where() {
    let error = blocks(b"\n-----BEGIN CERTIFICATE-----\n").next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "line 2: the block has no END line (truncated?)");
}
