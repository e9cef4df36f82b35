//! Text from outside, made fit to be shown.
//!
//! Tests: `tests/verifier.rs` (names from outside cannot write to a terminal).

/// Makes text from outside fit for one line of a terminal: control characters, line breaks and
/// characters that reorder text are written as `\u{…}`.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let unsafe_char = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '"');
        if unsafe_char {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}
