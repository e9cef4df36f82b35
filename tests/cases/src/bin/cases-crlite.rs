//! Prints a CRLite filter in Base64, for the tests written in Python. Its argument is the SHA-256 of the
//! issuer's SubjectPublicKeyInfo in hexadecimal. Serial number 7 is revoked; the filter covers the log of
//! 32 bytes 0xbb until the year 2999.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use trustbridge_cases::crlite::filter;

fn main() {
    let issuer = std::env::args().nth(1).expect("an argument");
    let issuer = bytes(&issuer);
    println!("{}", STANDARD.encode(filter(issuer, &[7], &[([0xbb; 32], 0, 32_500_000_000_000)])));
}

fn bytes(hex: &str) -> [u8; 32] {
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hexadecimal");
    std::array::from_fn(byte)
}
