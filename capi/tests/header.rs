//! The committed header is what cbindgen makes of the sources.
//!
//! To make it anew: `TRUSTBRIDGE_WRITE_HEADER=1 cargo test -p trustbridge-capi --test header`.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::{env, fs};

#[test]
fn header_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut made = Vec::new();
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    // The sources and not the crate: that would need cargo, and the network for it.
    let builder = cbindgen::Builder::new().with_config(config);
    let sources = ["ffi", "options", "status", "verdict", "verifier"];
    sources
        .iter()
        .fold(builder, |builder, name| builder.with_src(root.join(format!("src/{name}.rs"))))
        .generate()
        .unwrap()
        .write(&mut made);
    let made = String::from_utf8(made).unwrap();
    let header = root.join("include/trustbridge.h");
    if env::var_os("TRUSTBRIDGE_WRITE_HEADER").is_some() {
        fs::write(&header, &made).unwrap();
    }
    assert!(fs::read_to_string(&header).unwrap() == made, "include/trustbridge.h is out of date");
}
