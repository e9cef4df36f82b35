//! The table of cases against the core.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use pki_types::ServerName;
use support::certificates;
use trustbridge::{BuildError, ErrorKind, Peer, Source, Verified, VerifyError};
use trustbridge_cases::{Case, Engine, Expect};

/// The engine that judges here, as the table knows it; `None` for the table's own verdicts.
fn engine() -> Option<Engine> {
    let ring = cfg!(all(not(windows), not(feature = "aws-lc-rs"))).then_some(Engine::Ring);
    Engine::of_system().or(ring)
}

/// `None` where the system has no such setting, and says so.
fn verify(case: &Case) -> Option<Result<Verified, VerifyError>> {
    let verifier = support::builder(case).build();
    if !case.has_settings_here() {
        assert!(matches!(verifier, Err(BuildError::Unsupported { .. })), "{}", case.name);
        return None;
    }
    Some(
        verifier.unwrap().verify(
            &Peer::new(
                &certificates(&case.chain),
                case.peer.map(|name| ServerName::try_from(name).unwrap()),
            )
            .time(support::time(case)),
        ),
    )
}

#[test]
fn every_case() {
    let engine = engine();
    let mut wrong = Vec::new();
    let cases = trustbridge_cases::all();
    assert!(cases.len() > 100, "the table has shrunk to {}", cases.len());
    for case in &cases {
        let expected = engine.map_or(case.expect, |engine| case.expected(engine));
        let Some(verdict) = verify(case) else { continue };
        let got = match &verdict {
            Ok(verified) => format!("{:?}", Expect::Trusted(verified.chain.len())),
            Err(error) => format!("Refused(\"{:?}\")", error.kind()),
        };
        if got != format!("{expected:?}") {
            let told = verdict.err().map(|error| error.report()).unwrap_or_default();
            wrong.push(format!("{}: expected {expected:?}, got {got}\n{told}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
}

#[test]
fn verdicts_are_coherent() {
    for case in &trustbridge_cases::all() {
        let Some(verdict) = verify(case) else { continue };
        match verdict {
            Ok(verified) => {
                assert_eq!(
                    verified.chain.first(),
                    certificates(&case.chain).first(),
                    "{}",
                    case.name
                );
                assert_eq!(
                    verified.chain.last(),
                    Some(&verified.anchor.certificate),
                    "{}",
                    case.name
                );
                let expected =
                    if case.pinned.is_empty() { Source::ExtraRoots } else { Source::PinnedLeaf };
                assert_eq!(verified.anchor.source, expected, "{}", case.name);
            }
            Err(error) => {
                let (line, report) = (error.to_string(), error.report());
                assert!(!line.is_empty() && !line.contains('\n'), "{}: {line:?}", case.name);
                assert!(report.starts_with(&line), "{}: {report}", case.name);
                let somewhere = matches!(
                    error.kind(),
                    ErrorKind::Expired
                        | ErrorKind::NotYetValid
                        | ErrorKind::NotACa
                        | ErrorKind::KeyUsage
                        | ErrorKind::WrongPurpose
                        | ErrorKind::PathLengthExceeded
                        | ErrorKind::UnknownCriticalExtension
                        | ErrorKind::BadSignature
                        | ErrorKind::UnknownIssuer
                        | ErrorKind::Revoked
                );
                assert!(error.depth().is_some() || !somewhere, "{}: no depth", case.name);
                assert_ne!(error.openssl_code(), 0, "{}", case.name);
                assert!(
                    !report.contains("  \n") && !report.ends_with('\n'),
                    "{}: {report}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn the_page_is_up_to_date() {
    // Where the system decides, the table is without the rows that are only about the core.
    if cfg!(any(windows, target_vendor = "apple")) {
        return;
    }
    let page = include_str!("../docs/cases.md").replace("\r\n", "\n");
    assert!(
        page == trustbridge_cases::to_markdown(),
        "run: cargo run -p trustbridge-cases --bin cases-markdown > docs/cases.md"
    );
}
