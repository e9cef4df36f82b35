//! Text from outside, made fit to be shown.
//!
//! Tests: `tests/verifier.rs` (names from outside cannot write to a terminal),
//! `tests/python/test_escape.py` (the table, and that of the Python package).

use std::ops::RangeInclusive;

/// Makes text from outside fit for one line of a terminal: control characters, line breaks, and
/// characters that reorder text or cannot be seen are written as `\u{…}`.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if HIDDEN.iter().any(|range| range.contains(&c)) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Most characters of a text in a certificate that are shown. Whoever sends a name of a megabyte gets
/// no report of several.
const MAX_SHOWN: usize = 1024;

/// A text from a certificate as it is shown.
pub(crate) fn shown(text: &str) -> String {
    shorten(escape(text))
}

/// A text from a certificate, fit to be shown but for its length.
pub(crate) fn shorten(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_SHOWN) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Control characters, the quotation mark, both separators, Unicode's `Default_Ignorable_Code_Point`
/// (version 17), which has the variation selectors and the tags, its `Bidi_Control`, and the marks
/// of interlinear annotation. The Python package has the same table.
const HIDDEN: &[RangeInclusive<char>] = &[
    '\u{0}'..='\u{1f}',
    '"'..='"',
    '\u{7f}'..='\u{9f}',
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];
