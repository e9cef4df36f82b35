//! A program in C and one in C++, compiled with the committed header and linked with the library.
//! Without compilers for these there is nothing to test. With `TRUSTBRIDGE_VALGRIND=1` they run
//! under valgrind, which must find nothing. With `TRUSTBRIDGE_INSTALLED=1` they use the header and the
//! shared library that pkg-config finds.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use tempfile::TempDir;
use trustbridge_cases::NOW;
use trustbridge_cases::make::{self, DAY, Node};

const C: &[&str] = &["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];
const CPP: &[&str] = &["-std=c++17", "-Wall", "-Wextra", "-Werror"];

struct Program {
    directory: TempDir,
    path: PathBuf,
}

impl Program {
    /// `None` if there is no such compiler.
    fn compile(compiler: &str, flags: &[&str], source: &str) -> Option<Self> {
        if Command::new(compiler).arg("--version").output().is_err() {
            eprintln!("no {compiler}: {source} is not tested");
            return None;
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        let mut command = Command::new(compiler);
        command.args(flags).arg("-o").args([&path, &root.join("tests/programs").join(source)]);
        if env::var_os("TRUSTBRIDGE_INSTALLED").is_some() {
            command.args(installed());
        } else {
            // Next to this test.
            let library = env::current_exe().unwrap().with_file_name("libtrustbridge_capi.a");
            command.arg("-I").arg(root.join("include")).arg(library).args(libraries());
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(Self { directory, path })
    }

    fn file(&self, name: &str, der: &[u8]) -> String {
        let path = self.directory.path().join(name);
        fs::write(&path, der).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn run(&self, args: &[&str]) -> String {
        self.run_with(&[], args)
    }

    /// With these environment variables set.
    fn run_with(&self, variables: &[&str], args: &[&str]) -> String {
        // What the process keeps for good, such as the snapshot of the store, is not lost.
        let kinds = "definite,indirect,possible";
        let mut command = if env::var_os("TRUSTBRIDGE_VALGRIND").is_some() {
            let mut command = Command::new("valgrind");
            command.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
            command.arg(format!("--errors-for-leak-kinds={kinds}"));
            command.arg(format!("--show-leak-kinds={kinds}"));
            command.arg(&self.path);
            command
        } else {
            Command::new(&self.path)
        };
        command.args(args).envs(variables.iter().map(|name| (name, "1")));
        let Output { status, stdout, stderr } = command.output().unwrap();
        assert!(status.success(), "{status}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }
}

/// The compiler's flags for the installed library, and where a program looks for it.
fn installed() -> Vec<String> {
    let query = |what: &[&str]| {
        let output = Command::new("pkg-config").args(what).arg("trustbridge").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let flags = query(&["--cflags", "--libs"]);
    let place = query(&["--variable=libdir"]);
    flags.split(' ').map(str::to_owned).chain([format!("-Wl,-rpath,{place}")]).collect()
}

/// What Rust's standard library needs.
fn libraries() -> &'static [&'static str] {
    if cfg!(target_vendor = "apple") {
        &["-framework", "Security", "-framework", "CoreFoundation", "-liconv"]
    } else {
        &["-lpthread", "-ldl", "-lm"]
    }
}

fn time(offset: i64) -> String {
    NOW.checked_add_signed(offset).unwrap().to_string()
}

#[test]
fn a_program_in_c() {
    let Some(program) = Program::compile("cc", C, "check.c") else { return };
    let root = make::ca("Root").self_signed();
    let other = make::ca("Other Root").self_signed();
    let issuing = make::ca("Issuing").issued_by(&root);
    let leaf = make::server().serial(77).issued_by(&issuing);
    let file = |name: &str, node: &Node| program.file(name, &node.der);
    let (root_file, other) = (file("root", &root), file("other", &other));
    let (issuing_file, leaf) = (file("issuing", &issuing), file("leaf", &leaf));
    let crl = program.file("crl", &issuing.crl(&[77], -DAY, DAY));
    let check = |name: &str, offset: i64, root: &str, crl: &str| {
        program.run(&[name, &time(offset), root, crl, &leaf, &issuing_file])
    };

    let output = check("example.com", 0, &root_file, "-");
    assert!(output.starts_with("status 0 kind Trusted openssl 0 depth -1\n"), "{output}");
    assert_eq!(output.matches("certificate of ").count(), 3, "{output}");
    assert!(output.contains("trusted: the extra roots\n"), "{output}");
    assert!(output.contains("anchor: CN=Root, O=trustbridge tests"), "{output}");
    // NULL as the name.
    assert!(check("-", 0, &root_file, "-").starts_with("status 0 "));

    let refused = |output: String, start: &str, text: &str| {
        assert!(output.starts_with(start), "{output}");
        assert!(output.contains(text), "{output}");
        assert!(output.contains("What to do:"), "{output}");
        assert!(!output.contains("certificate of "), "{output}");
    };
    refused(
        check("example.org", 0, &root_file, "-"),
        "status 6 kind NameMismatch openssl 62 depth 0\n",
        "example.org",
    );
    refused(
        check("example.com", 9_000 * DAY, &root_file, "-"),
        "status 4 kind Expired openssl 10 depth ",
        "expired",
    );
    refused(
        check("example.com", 0, &other, "-"),
        "status 7 kind UnknownIssuer openssl 20 depth 1\n",
        "CN=Root",
    );
    refused(
        check("example.com", 0, &root_file, &crl),
        "status 23 kind Revoked openssl 23 depth 0\n",
        "revoked",
    );
}

#[test]
fn weak_keys_and_clients_that_are_servers() {
    let Some(program) = Program::compile("cc", C, "check.c") else { return };
    let weak = |end: &str| {
        format!("{}/../tests/cases/fixtures/rsa-1024-root-{end}.der", env!("CARGO_MANIFEST_DIR"))
    };
    let (root, leaf, now) = (weak("root"), weak("leaf"), time(0));
    let args = ["example.com", &now, &root, "-", &leaf];
    assert!(program.run(&args).contains("kind WeakKey "));
    let output = program.run_with(&["WEAK_KEYS"], &args);
    assert!(output.starts_with("status 0 "), "{output}");
    assert!(output.contains("\nweak: RSA key of 1024 bits at depth 1 "), "{output}");

    let root = make::ca("Root").self_signed();
    let root_file = program.file("root", &root.der);
    let server = program.file("server", &make::server().issued_by(&root).der);
    // Its key usage is a CA's.
    let neither = program.file("neither", &make::ca("Neither").issued_by(&root).der);
    let check =
        |leaf| program.run_with(&["CLIENT_OR_SERVER"], &["-", &time(0), &root_file, "-", leaf]);
    assert!(check(&server).starts_with("status 0 "));
    assert!(check(&neither).contains("kind WrongPurpose "));
}

#[test]
fn a_program_in_cpp() {
    let Some(program) = Program::compile("c++", CPP, "threads.cpp") else { return };
    let root = make::ca("Root").self_signed();
    let leaf = make::server().issued_by(&root);
    let (root, leaf) = (program.file("root", &root.der), program.file("leaf", &leaf.der));
    assert_eq!(program.run(&[&time(0), &root, &leaf]), "200 trusted, 200 misnamed\n");
}
