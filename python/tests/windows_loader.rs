//! The binding's way to the DLLs that a module imported, on this program in place of `_ssl.pyd`.

#![cfg(windows)]
#![allow(clippy::unwrap_used, missing_docs)]

use std::env;
use std::path::Path;

#[path = "../src/openssl/windows.rs"]
mod loader;

use loader::Object;

#[test]
fn functions_of_the_libraries_imported() {
    let whole = Object::open(None).unwrap();
    let file = Object::open(Some(&env::current_exe().unwrap())).unwrap();
    for object in [&whole, &file] {
        // From crypt32.dll, which the core imports.
        let found = object.symbol("CertGetCertificateChain\0").unwrap();
        assert_eq!(Some(found), whole.symbol("CertGetCertificateChain\0"));
        assert!(object.symbol("SSL_CTX_new\0").is_none());
        assert!(object.symbol("without a NUL").is_none());
    }
}

/// Another module of the process, and a library that this program does not import itself.
#[test]
fn functions_of_another_module() {
    let system = Path::new(&env::var_os("SystemRoot").unwrap()).join("system32");
    let crypt32 = Object::open(Some(&system.join("crypt32.dll"))).unwrap();
    assert!(crypt32.symbol("RegOpenKeyExW\0").is_some(), "from advapi32.dll");
    assert!(crypt32.symbol("CertGetCertificateChain\0").is_none(), "its own is no import");
}

#[test]
fn a_module_that_is_not_loaded_is_not_loaded_now() {
    assert!(Object::open(Some(Path::new("C:\\no\\such\\_ssl.pyd"))).is_err());
    let system = Path::new(&env::var_os("SystemRoot").unwrap()).join("system32");
    assert!(Object::open(Some(&system.join("winhttp.dll"))).is_err());
}

/// Keeps the core, and with it crypt32.dll, in this program's import table.
#[test]
fn the_core_is_linked() {
    assert!(trustbridge::Verifier::builder().build().is_ok());
}
