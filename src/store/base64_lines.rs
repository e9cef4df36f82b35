//! Decodes the lines of base64 that nearly every PEM file consists of, straight from the text.
//!
//! Tests: below, against the crate `base64`, which decodes everything else.

/// Characters in a whole line (RFC 7468 section 2), and the octets they stand for.
const CHARACTERS: usize = 64;
const OCTETS: usize = 48;

/// Set where a character is not in the alphabet.
const INVALID: u32 = 1 << 31;

/// The value of each character in each of the four places of a group of 24 bits. Looking up
/// is quicker than calculating 16 characters at once, as the baseline of x86-64 can.
static VALUES: [[u32; 256]; 4] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [[INVALID; 256]; 4];
    let mut place = 0;
    while place < 4 {
        let mut value = 0;
        while value < 64 {
            #[allow(clippy::cast_possible_truncation, clippy::indexing_slicing)]
            {
                values[place][alphabet[value] as usize] = (value as u32) << (18 - 6 * place);
            }
            value += 1;
        }
        place += 1;
    }
    values
};

/// Appends what the whole lines at the beginning of the text stand for: those of 64 characters
/// without padding that end in a line feed. Returns how many there are and what follows them.
pub(super) fn decode<'a>(text: &'a [u8], out: &mut Vec<u8>) -> (usize, &'a [u8]) {
    let mut rest = text;
    let mut lines = 0;
    while let Some((line, after)) = rest.split_first_chunk::<CHARACTERS>() {
        let Some((b'\n', after)) = after.split_first() else { break };
        let Some(octets) = line_of(line) else { break };
        out.extend_from_slice(&octets);
        rest = after;
        lines += 1;
    }
    (lines, rest)
}

fn line_of(line: &[u8; CHARACTERS]) -> Option<[u8; OCTETS]> {
    let mut out = [0; OCTETS];
    let mut bad = 0;
    // Two groups at a time, as eight octets are stored as fast as one.
    for (groups, place) in line.chunks_exact(8).zip(out.chunks_exact_mut(6)) {
        let &[a, b, c, d, e, f, g, h] = groups else { return None };
        let (left, right) = (group([a, b, c, d]), group([e, f, g, h]));
        bad |= left | right;
        let [_, _, octets @ ..] = (u64::from(left) << 24 | u64::from(right)).to_be_bytes();
        place.copy_from_slice(&octets);
    }
    (bad & INVALID == 0).then_some(out)
}

fn group(characters: [u8; 4]) -> u32 {
    let [first, second, third, fourth] = &VALUES;
    let [a, b, c, d] = characters.map(usize::from);
    // An array of 256 has an element for every byte.
    #[allow(clippy::indexing_slicing)]
    let bits = first[a] | second[b] | third[c] | fourth[d];
    bits
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// Decodes a text of whole lines.
    fn lines(text: &str) -> (usize, Vec<u8>, &str) {
        let mut out = Vec::new();
        let (count, rest) = decode(text.as_bytes(), &mut out);
        (count, out, std::str::from_utf8(rest).unwrap())
    }

    #[test]
    fn every_octet_in_every_place() {
        let octets: Vec<u8> = (0..=255_u8).cycle().take(3 * 256 * 16).collect();
        let text = STANDARD.encode(&octets);
        let text: String = text
            .as_bytes()
            .chunks(64)
            .map(|line| format!("{}\n", std::str::from_utf8(line).unwrap()))
            .collect();
        assert_eq!(lines(&text), (256, octets, ""));
    }

    #[test]
    fn what_is_no_whole_line_is_left() {
        let whole = "MIIB".repeat(16);
        let octets = STANDARD.decode(&whole).unwrap();
        for rest in [
            "",
            "MIIB",
            "MIIB\n",
            "-----END CERTIFICATE-----\n",
            &*whole,
            &format!("{whole}\r\n"),
            &format!("{whole}A\n"),
            &format!("{}==\n", &whole[2..]),
            &format!("{} \n", &whole[1..]),
            &format!("-{}\n", &whole[1..]),
            &format!("{}\u{fc}\n", &whole[2..]),
        ] {
            let text = format!("{whole}\n{rest}");
            assert_eq!(lines(&text), (1, octets.clone(), rest));
        }
    }

    #[test]
    fn a_character_outside_the_alphabet_in_every_place() {
        let whole = "MIIB".repeat(16);
        for place in 0..64 {
            for bad in ['=', '-', '\n', '\0', '_', '~'] {
                let mut line: Vec<char> = whole.chars().collect();
                line[place] = bad;
                let line: String = line.into_iter().collect();
                assert_eq!(lines(&format!("{line}\n")).0, 0, "{bad:?} at {place}");
            }
        }
    }
}
