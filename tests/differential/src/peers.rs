//! The tests of OpenSSL and of GnuTLS, as their sources write them. Nothing of them is copied: they
//! are read where `tests/occasional/peers` has put them.

use std::collections::HashMap;
use std::path::Path;

/// A chain that another project's tests verify.
#[derive(Debug)]
pub struct Case {
    /// Its description, which others may share.
    pub name: String,
    /// PEM of what is sent, end entity first.
    pub chain: Vec<String>,
    /// PEM of the store.
    pub store: Vec<String>,
    /// For a client's certificate, not a server's.
    pub client: bool,
    /// Seconds since 1970; `None` is now.
    pub time: Option<u64>,
    /// Whether validity is ignored.
    pub ignore_validity: bool,
    /// X509_V_FLAG_X509_STRICT.
    pub strict: bool,
    /// Whether it is accepted there.
    pub accepted: bool,
}

/// The cases of a suite, and how many ask for what the core does not have.
pub struct Suite {
    /// In order.
    pub cases: Vec<Case>,
    /// Policies, depths, other purposes and the like.
    pub inapplicable: usize,
}

/// A piece of Perl or C.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Text(String),
    Word(String),
    Sign(char),
}

use Token::{Sign, Text, Word};

/// Words, strings and signs. Comments are what starts with `comment`, and C's.
fn tokens(source: &str, comment: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with(comment) || rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(inside) = rest.strip_prefix("/*") {
            rest = inside.split_once("*/").map_or("", |(_, rest)| rest);
        } else if first == '"' || first == '\'' {
            let (text, after) = string(&rest[1..], first);
            tokens.push(Text(text));
            rest = after;
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            tokens.push(Word(word.to_owned()));
            rest = after;
            if word == "qw" {
                // qw(one two): what is between the brackets is text.
                let (list, after) = rest[1..].split_once([')', '/']).unwrap();
                tokens.extend(list.split_whitespace().map(|text| Text(text.to_owned())));
                rest = after;
            }
        } else {
            if !first.is_whitespace() {
                tokens.push(Sign(first));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    tokens
}

/// A string up to its closing quote, and what follows.
fn string(source: &str, quote: char) -> (String, &str) {
    let mut text = String::new();
    let mut chars = source.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, '\n')) | None => {}
                Some((_, other)) => text.push(other),
            },
            c if c == quote => return (text, &source[at + 1..]),
            c => text.push(c),
        }
    }
    (text, "")
}

/// OpenSSL's `test/recipes/25-test_verify.t`: calls of `verify(cert, purpose, [trusted],
/// [untrusted], options)`.
pub fn openssl(source: &Path) -> Suite {
    let recipe = std::fs::read_to_string(source.join("test/recipes/25-test_verify.t")).unwrap();
    let file = |name: &String| source.join(format!("test/certs/{name}.pem"));
    let pem = |name: &String| std::fs::read_to_string(file(name)).unwrap();
    let mut suite = Suite { cases: Vec::new(), inapplicable: 0 };
    let tokens = tokens(&recipe, "#");
    for (at, window) in tokens.windows(2).enumerate() {
        if window != [Word("verify".to_owned()), Sign('(')] {
            continue;
        }
        let accepted = tokens[at - 1] != Sign('!');
        // The arguments, a list of lists, to the closing bracket; then the description.
        let (mut groups, mut depth, mut end) = (vec![Vec::new()], 0, at + 2);
        while tokens[end] != Sign(')') {
            match &tokens[end] {
                Sign('[') => {
                    depth += 1;
                    groups.push(Vec::new());
                }
                Sign(']') => {
                    depth -= 1;
                    groups.push(Vec::new());
                }
                Text(text) => groups.last_mut().unwrap().push(text.clone()),
                // `@prov`: another provider.
                Sign('@') => groups.last_mut().unwrap().push("@".to_owned()),
                _ => {}
            }
            end += 1;
        }
        let [first, trusted, _, untrusted, options] = groups.as_slice() else { continue };
        // A call with variables, for another provider, is made without them above it.
        if depth != 0 || first.len() != 2 {
            suite.inapplicable += 1;
            continue;
        }
        let Some(Text(name)) = tokens[end..].iter().find(|token| matches!(token, Text(_))) else {
            continue;
        };
        let (mut time, mut strict) = (None, false);
        let mut applies = matches!(first[1].as_str(), "" | "sslserver" | "sslclient");
        let mut options = options.iter();
        while let Some(option) = options.next() {
            match option.as_str() {
                "-partial_chain" | "-trusted_first" | "-check_ss_sig" => {}
                "-x509_strict" => strict = true,
                "-attime" => time = options.next().map(|time| time.parse().unwrap()),
                "-auth_level" => {
                    applies &= options.next().is_some_and(|level| level == "1" || level == "2");
                }
                _ => applies = false,
            }
        }
        // One certificate of a test that must fail is not there.
        let mut files = first[..1].iter().chain(trusted).chain(untrusted);
        if !applies || files.any(|name| !file(name).exists()) {
            suite.inapplicable += 1;
            continue;
        }
        suite.cases.push(Case {
            name: name.clone(),
            chain: std::iter::once(&first[0]).chain(untrusted).map(pem).collect(),
            store: trusted.iter().map(pem).collect(),
            client: first[1] == "sslclient",
            time,
            ignore_validity: false,
            strict,
            accepted,
        });
    }
    suite
}

/// GnuTLS's `tests/test-chains.h`: arrays of PEM, and a table of chains.
pub fn gnutls(source: &Path) -> Suite {
    /// What `tests/chainverify.c` takes where a row has no time.
    const DEFAULT_TIME: u64 = 1_256_803_113;
    let header = std::fs::read_to_string(source.join("tests/test-chains.h")).unwrap();
    let tokens = tokens(&header, "#");
    // A NULL ends a chain; its trust anchor may follow.
    let mut arrays: HashMap<String, Vec<Option<String>>> = HashMap::new();
    let mut suite = Suite { cases: Vec::new(), inapplicable: 0 };
    let mut at = 0;
    while at + 1 < tokens.len() {
        // `name[...] = {` begins an array, `chains[] = {` the table.
        let (Word(name), Sign('[')) = (&tokens[at], &tokens[at + 1]) else {
            at += 1;
            continue;
        };
        let Some(open) = tokens[at..].iter().take(6).position(|token| *token == Sign('{')) else {
            at += 1;
            continue;
        };
        let begin = at + open + 1;
        let end = begin + closing(&tokens[begin..]);
        if name == "chains" {
            let rows = elements(&tokens[begin..end]);
            for row in &rows {
                let inner = elements(&row[1..row.len() - 1]);
                let [Text(name)] = inner[0].as_slice() else { continue };
                let part = |tokens: &[Token]| -> Vec<String> {
                    let word = tokens.iter().find_map(|token| match token {
                        Word(word) => Some(word),
                        _ => None,
                    });
                    let from = match tokens {
                        [.., Word(number), Sign(']')] => number.parse().unwrap(),
                        _ => 0,
                    };
                    arrays[word.unwrap()][from..]
                        .iter()
                        .map_while(|pem| pem.as_deref().map(lines))
                        .collect()
                };
                let has = |tokens: &[Token], word: &str| tokens.contains(&Word(word.to_owned()));
                let number = |place: usize| match inner.get(place).map(Vec::as_slice) {
                    Some([Word(number)]) => number.parse().unwrap_or(0),
                    _ => 0,
                };
                let purpose = inner.get(5).map_or(&[][..], Vec::as_slice);
                if has(purpose, "GNUTLS_KP_OCSP_SIGNING") {
                    suite.inapplicable += 1;
                    continue;
                }
                suite.cases.push(Case {
                    name: name.clone(),
                    chain: part(&inner[1]),
                    store: part(&inner[2])[..1].to_vec(),
                    client: false,
                    time: Some(match number(6) {
                        0 => DEFAULT_TIME,
                        time => time,
                    }),
                    ignore_validity: has(&inner[3], "GNUTLS_VERIFY_DISABLE_TIME_CHECKS"),
                    strict: false,
                    accepted: inner[4] == [Word("0".to_owned())],
                });
            }
        } else {
            let texts = elements(&tokens[begin..end]).into_iter().map(|tokens| {
                let strings = tokens.into_iter().map(|token| match token {
                    Text(text) => Some(text),
                    _ => None,
                });
                strings.collect::<Option<String>>()
            });
            arrays.insert(name.clone(), texts.collect());
        }
        at = end;
    }
    suite
}

/// PEM with lines, which some of GnuTLS's lack.
fn lines(pem: &str) -> String {
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    let body = pem.split_once(begin).and_then(|(_, rest)| rest.split_once(end));
    let text: String = body.map_or("", |(body, _)| body).split_whitespace().collect();
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("{begin}\n{}\n{end}\n", lines.join("\n"))
}

/// Where the bracket that is open is closed.
fn closing(tokens: &[Token]) -> usize {
    let mut depth = 1;
    tokens
        .iter()
        .position(|token| {
            match token {
                Sign('{' | '(') => depth += 1,
                Sign('}' | ')') => depth -= 1,
                _ => {}
            }
            depth == 0
        })
        .unwrap()
}

/// What commas separate, outside of brackets.
fn elements(tokens: &[Token]) -> Vec<Vec<Token>> {
    let (mut elements, mut depth) = (vec![Vec::new()], 0);
    for token in tokens {
        match token {
            Sign('{' | '(') => depth += 1,
            Sign('}' | ')') => depth -= 1,
            Sign(',') if depth == 0 => {
                elements.push(Vec::new());
                continue;
            }
            _ => {}
        }
        elements.last_mut().unwrap().push(token.clone());
    }
    elements.retain(|element| !element.is_empty());
    elements
}
