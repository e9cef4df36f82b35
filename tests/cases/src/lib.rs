//! One table of cases: a chain, a store, a name and a time, and the verdict expected of every
//! operating system and every binding. Certificates are made when the table is, at fixed times.
//!
//! Only a test should panic as freely as this.

pub mod crl;
pub mod crlite;
pub mod make;
pub mod ml_dsa;
mod openssl;
mod table;
mod wine;

pub use table::all;

/// The time the table is made for: 2027-01-15 08:00:00 UTC, in seconds.
pub const NOW: u64 = 1_800_000_000;

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Case {
    /// Unique; lower case with hyphens.
    pub name: &'static str,
    /// What the peer sends, end entity first.
    pub chain: Vec<Vec<u8>>,
    /// The only trust anchors.
    pub roots: Vec<Vec<u8>>,
    /// Untrusted certificates the caller knows.
    pub intermediates: Vec<Vec<u8>>,
    /// End entities accepted whole; if there are any, nothing else is.
    pub pinned: Vec<Vec<u8>>,
    /// CRLs the caller knows.
    pub crls: Vec<Vec<u8>>,
    /// A DNS name or IP address; not checked if absent.
    pub peer: Option<&'static str>,
    /// Seconds since 1970.
    pub time: u64,
    /// What the chain is for.
    pub purpose: Purpose,
    /// Which certificates are checked for revocation.
    pub check: Check,
    /// Whether an unknown revocation status is refused.
    pub reject_unknown: bool,
    /// Whether a common name may stand in for a missing DNS name.
    pub common_name: bool,
    /// Whether the strict profile is required.
    pub strict: bool,
    /// Whether a client may have a certificate of a server.
    pub or_server: bool,
    /// Whether weak keys are accepted.
    pub weak_keys: bool,
    /// Whether the row is about what only the core decides, and no system's own verifier.
    pub core_only: bool,
    /// The verdict.
    pub expect: Expect,
    /// The verdict where it differs on one engine, with the reason.
    pub differs: Vec<Difference>,
}

/// A verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Trusted, with a chain of this many certificates, the anchor included.
    Trusted(usize),
    /// Refused with this `ErrorKind`, by its name.
    Refused(&'static str),
}

/// An engine whose verdict may differ from the table's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The Windows backend under Wine 8.
    Wine,
    /// OpenSSL 3 as Python's `ssl` uses it, asked as a second implementation.
    OpenSsl,
    /// The core with the signature algorithms of *ring*.
    Ring,
}

/// Who judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// The core, on Linux and other Unix.
    Core,
    /// Windows.
    Windows,
    /// macOS, iOS and the like.
    Apple,
}

/// A known difference.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// Where.
    pub engine: Engine,
    /// The verdict there.
    pub expect: Expect,
    /// Why.
    pub reason: &'static str,
}

/// What a chain is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A TLS server.
    Server,
    /// A TLS client.
    Client,
}

/// Which certificates are checked for revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// None.
    Off,
    /// The end entity.
    Leaf,
    /// All but the trust anchor.
    Chain,
}

impl Engine {
    /// The engine of the operating system this runs on, where it is not the core's own.
    pub fn of_system() -> Option<Self> {
        // tests/windows/run sets it. Nothing is known to differ on Windows itself.
        (cfg!(windows) && std::env::var_os("WINEPREFIX").is_some()).then_some(Self::Wine)
    }
}

impl Case {
    /// The setting of this row that a system's own verifier does not have, if there is one.
    /// There the verifier must not be built.
    pub fn missing_setting(&self, system: System) -> Option<&'static str> {
        let all_answers = self.check == Check::Chain && self.reject_unknown;
        match system {
            System::Core => None,
            _ if self.common_name => Some("danger_match_common_name"),
            _ if self.strict => Some("strict"),
            _ if self.weak_keys => Some("danger_allow_weak_keys"),
            System::Apple if !self.crls.is_empty() => Some("Revocation::crls"),
            System::Apple if all_answers => Some("RevocationCheck::Chain with Reject"),
            System::Windows | System::Apple => None,
        }
    }

    /// Whether the operating system this runs on has the settings of this row.
    pub fn has_settings_here(&self) -> bool {
        let system = if cfg!(windows) {
            System::Windows
        } else if cfg!(target_vendor = "apple") {
            System::Apple
        } else {
            System::Core
        };
        self.missing_setting(system).is_none()
    }

    /// The verdict expected of an engine.
    pub fn expected(&self, engine: Engine) -> Expect {
        self.differs
            .iter()
            .find(|difference| difference.engine == engine)
            .map_or(self.expect, |difference| difference.expect)
    }

    /// The table's row for other languages: one JSON object with hexadecimal DER.
    pub fn to_json(&self) -> String {
        let list = |items: &[Vec<u8>]| {
            let items: Vec<_> = items.iter().map(|item| format!("\"{}\"", hex(item))).collect();
            format!("[{}]", items.join(","))
        };
        let expect = |expect: Expect| match expect {
            Expect::Trusted(length) => format!("{{\"trusted\":{length}}}"),
            Expect::Refused(kind) => format!("{{\"refused\":\"{kind}\"}}"),
        };
        let differs: Vec<_> = self
            .differs
            .iter()
            .map(|difference| {
                format!(
                    "\"{:?}\":{{\"expect\":{},\"reason\":\"{}\"}}",
                    difference.engine,
                    expect(difference.expect),
                    difference.reason
                )
            })
            .collect();
        format!(
            "{{\"name\":\"{}\",\"chain\":{},\"roots\":{},\"intermediates\":{},\"pinned\":{},\
             \"crls\":{},\"peer\":{},\"time\":{},\"purpose\":\"{}\",\"check\":\"{:?}\",\
             \"reject_unknown\":{},\"common_name\":{},\"strict\":{},\"weak_keys\":{},\"expect\":{},\"differs\":{{{}}}}}",
            self.name,
            list(&self.chain),
            list(&self.roots),
            list(&self.intermediates),
            list(&self.pinned),
            list(&self.crls),
            self.peer.map_or("null".to_owned(), |peer| format!("\"{peer}\"")),
            self.time,
            match (self.purpose, self.or_server) {
                (_, true) => "client_or_server",
                (Purpose::Server, _) => "server",
                (Purpose::Client, _) => "client",
            },
            self.check,
            self.reject_unknown,
            self.common_name,
            self.strict,
            self.weak_keys,
            expect(self.expect),
            differs.join(",")
        )
    }
}

/// The table for people, in Markdown: `docs/cases.md`.
pub fn to_markdown() -> String {
    let verdict = |expect: Expect| match expect {
        Expect::Trusted(length) => format!("trusted, {length} in the path"),
        Expect::Refused(kind) => format!("`{kind}`"),
    };
    let mut out = INTRODUCTION.to_owned();
    for case in all() {
        let on = |engine, system| {
            let difference = case.differs.iter().find(|difference| difference.engine == engine);
            match (case.missing_setting(system), difference) {
                (Some(setting), _) => format!("`BuildError`: {setting}"),
                (None, Some(found)) => format!("{}: {}", verdict(found.expect), found.reason),
                (None, None) => "the same".to_owned(),
            }
        };
        let apple = case.missing_setting(System::Apple).map_or_else(
            || "expected the same".to_owned(),
            |setting| format!("`BuildError`: {setting}"),
        );
        let row = [
            case.name.to_owned(),
            verdict(case.expect),
            on(Engine::Ring, System::Core),
            on(Engine::Wine, System::Windows),
            apple,
            on(Engine::OpenSsl, System::Core),
        ];
        out.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    out
}

const INTRODUCTION: &str = "\
# Every case of the table, on every system

The table is `tests/cases`: chains made at fixed times, each with one verdict. Written by
`cargo run -p trustbridge-cases --bin cases-markdown > docs/cases.md`; a test fails if it is out of date.

* **verdict**: the core with aws-lc-rs, on Linux, FreeBSD and other Unix. Run on Linux, through the core,
  through rustls and through Python.
* **ring**: the core with the algorithms of *ring*. Run on Linux.
* **Windows**: run under Wine 8, never on Windows; differences are Wine's unless they name Windows.
* **Apple**: compiled only. Which settings are refused is run on Linux; verdicts are expected, not seen.
  Differences that follow from Apple's rules are in [platforms.md](platforms.md).
* **OpenSSL 3**: asked as a second implementation, with `openssl verify`. Run on Linux.

| case | verdict | ring | Windows | Apple | OpenSSL 3 |
|---|---|---|---|---|---|
";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
