//! Reads the PEM text of a file through a window, so that a bundle of any size needs little memory:
//! most of the cost of reading one for the first time is memory that the process did not have before.
//!
//! The text is cut after END lines only. There the parser is outside of a block whatever came before,
//! so that it finds the same blocks as in the whole text.
//!
//! Tests: below, and `load/tests.rs`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::contents::Contents;
use super::file::{Unreadable, changed, open, read_file};
use super::pem;
use super::stamp::Stamp;

/// Bytes read at once: few pages, and many certificates.
const WINDOW: usize = 32 << 10;

/// What was read of a file: the contents or what is wrong, the stamp if there is a file, and how many
/// bytes were read.
pub(super) type Outcome = (Result<Contents, Unreadable>, Option<Stamp>, u64);

/// Reads a regular file that stays the same while it is read, as [`read_file`] does.
pub(super) fn read_pem(path: &Path, budget: u64, buffer: &mut Vec<u8>) -> Outcome {
    let (file, stamp) = match open(path, budget) {
        Ok(opened) => opened,
        Err((error, stamp)) => return (Err(error), stamp, 0),
    };
    let contents = match read(&file, stamp, buffer) {
        Ok(Some(contents)) => contents,
        Ok(None) => return (Err(changed()), Some(stamp), stamp.size),
        Err(error) => return (Err(Unreadable::of(path, &error)), Some(stamp), 0),
    };
    if !contents.is_empty() {
        return (Ok(contents), Some(stamp), stamp.size);
    }
    // What it is instead shows only in all of it. Rare, so it is read once more.
    let mut whole = Vec::new();
    match read_file(path, budget, &mut whole) {
        Ok(stamp) => (Ok(Contents::of_pem(&whole, Some(path))), Some(stamp), stamp.size),
        Err((error, stamp)) => (Err(error), stamp, 0),
    }
}

/// Reads all of a file. `None` if it is not, or does not stay, what the stamp says.
pub(super) fn read(
    file: &File,
    stamp: Stamp,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Contents>> {
    // One byte more than it should have, to see that it ends there.
    let text = file.take(stamp.size.saturating_add(1));
    buffer.resize(buffer.len().max(WINDOW), 0);
    let (contents, length) = through(text, buffer)?;
    let same = length == stamp.size && Stamp::of(&file.metadata()?) == stamp;
    Ok(same.then_some(contents))
}

/// The contents of the text, and its length. The buffer is the window; it grows where a block is
/// larger.
fn through(mut text: impl Read, buffer: &mut Vec<u8>) -> io::Result<(Contents, u64)> {
    let (mut out, mut length, mut filled) = (Contents::default(), 0_u64, 0);
    let mut state = pem::blocks(&[]);
    loop {
        let free = buffer.get_mut(filled..).unwrap_or_default();
        if free.is_empty() {
            let read = buffer.get(..filled).unwrap_or_default();
            let cut = pem::end_of_blocks(read);
            let mut blocks = state.resume(read.get(..cut).unwrap_or_default());
            out.extend(&mut blocks);
            state = blocks.resume(&[]);
            buffer.copy_within(cut..filled, 0);
            filled -= cut;
            if cut == 0 {
                buffer.resize(buffer.len().saturating_mul(2), 0);
            }
            continue;
        }
        let count = match text.read(free) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            count => count?,
        };
        filled += count;
        length = length.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        if count == 0 {
            out.extend(&mut state.resume(buffer.get(..filled).unwrap_or_default()));
            return Ok((out, length));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> String {
        let der = webpki_root_certs::TLS_SERVER_ROOT_CERTS[0].to_vec();
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
        let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    /// A reader that gives a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let limit = buffer.len().min(self.1);
            self.0.read(&mut buffer[..limit])
        }
    }

    #[test]
    fn through_a_window_of_any_size_as_in_the_whole() {
        let one = certificate();
        let crlf = one.replace('\n', "\r\n");
        let texts = [
            one.repeat(3),
            crlf.repeat(2),
            format!("\u{feff}{one}\u{feff}{one}text\n\u{feff}{one}"),
            format!("{one}{}", one.trim_end()),
            format!("{one}{}", &one[..one.len() / 2]),
            format!("{}{one}", &one[..one.len() / 2]),
            one.trim_end().repeat(2) + "\n" + &one,
            format!("-----END CERTIFICATE-----\n\u{feff}{one}-----END CERTIFICATE-----"),
            format!("{}-----END X509 CRL-----\n{one}", &one[..one.len() - 26]),
            format!("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n{one}"),
            format!("{}=\n-----END CERTIFICATE-----\n{one}# -----END \n", &one[..100]),
            format!(
                "----BEGIN CERTIFICATE-----\n-----END \n{one} -----END CERTIFICATE-----\n{one}"
            ),
            "no PEM at all\n".repeat(9),
            String::new(),
        ];
        for text in &texts {
            let mut whole = Contents::default();
            whole.extend(&mut pem::blocks(text.as_bytes()));
            for size in (1..200).chain([one.len() - 1, one.len(), one.len() + 1, 1 << 16]) {
                let mut window = vec![0; size];
                let slow = Slow(text.as_bytes(), size.div_ceil(3));
                let (contents, length) = through(slow, &mut window).unwrap();
                assert_eq!(contents, whole, "{text:?} through {size} bytes");
                assert_eq!(length, text.len() as u64);
            }
        }
    }
}
